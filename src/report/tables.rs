//! The figures of the report in tables.

use super::collect::Source;
use super::job::{describe_job, parameter_text};
use super::table::{Column, Table};
use crate::measure::Summary;
use crate::measure::machine::MachineFacts;
use crate::measure::rows::{HistoryRow, PeerRow, PrimitiveRow, SweepRow, SweepStatus};
use crate::measure::units::{
    format_bytes, format_memory, format_ms, format_ns, format_seconds, format_share, three_digits,
};

/// A row a training: what it was, how long it took, what it learned.
pub fn jobs(summaries: &[Source<Summary>]) -> Table {
    let mut table = Table::new(&[
        Column::long_text("job"),
        Column::number("steps"),
        Column::number("step, median"),
        Column::text("an epoch at that"),
        Column::number("set-up"),
        Column::number("set-up traffic"),
        Column::number("evaluation"),
        Column::number("test accuracy"),
        Column::number("plain float"),
        Column::text("equals the twin"),
        Column::number("pool hits / misses"),
        Column::number("peak memory"),
    ]);
    for Source { label, content: summary } in summaries {
        table.row([
            describe_job(&summary.parameters, label),
            summary.steps.to_string(),
            format_ms(summary.step_ms_median),
            or_dash(summary.epoch_time(), |time| time.to_string()),
            format_seconds(summary.setup_seconds),
            format_bytes(summary.setup_bytes as f64),
            format_seconds(summary.evaluation_seconds),
            or_dash(summary.final_test_accuracy, format_share),
            or_dash(summary.final_baseline_test_accuracy, format_share),
            or_dash(summary.twin_equal, |equal| if equal { "yes, bit for bit" } else { "no" }.to_owned()),
            format!("{} / {}", summary.pool_hits, summary.pool_misses),
            or_dash(summary.peak_memory_bytes, format_memory),
        ]);
    }
    table
}

/// Every parameter of a job.
pub fn parameters(summary: &Summary) -> Table {
    let mut table = Table::new(&[Column::text("parameter"), Column::long_text("value")]);
    for (name, value) in &summary.parameters {
        table.row([name.clone(), parameter_text(value)]);
    }
    table
}

/// What the figures were measured on.
pub fn machine(facts: &MachineFacts, commit: &str) -> Table {
    let mut table = Table::new(&[Column::text("fact"), Column::long_text("value")]);
    for (name, value) in [
        ("processor", facts.cpu_model.clone()),
        ("logical processors", facts.cpu_cores.to_string()),
        ("instruction sets", facts.cpu_features.join(", ")),
        ("memory", or_dash(facts.memory_bytes, format_memory)),
        ("system", format!("{} {} {}", facts.os, facts.kernel.as_deref().unwrap_or_default(), facts.arch)),
        ("smlp", format!("{} (commit {commit})", facts.smlp_version)),
    ] {
        table.row([name.to_owned(), value]);
    }
    table
}

/// A training, epoch by epoch.
pub fn history(rows: &[HistoryRow]) -> Table {
    let mut table = Table::new(&[
        Column::number("epoch"),
        Column::number("steps so far"),
        Column::number("time so far"),
        Column::number("train loss"),
        Column::number("train accuracy"),
        Column::number("test loss"),
        Column::number("test accuracy"),
        Column::number("plain float, test"),
        Column::number("loss of the steps"),
        Column::number("P1 to P2"),
        Column::number("P2 to P1"),
        Column::number("round trips"),
    ]);
    for row in rows {
        table.row([
            row.epoch.to_string(),
            or_dash(row.steps, |steps| steps.to_string()),
            format_seconds(row.seconds),
            or_dash(row.train_loss, |loss| format!("{loss:.5}")),
            or_dash(row.train_accuracy, format_share),
            or_dash(row.test_loss, |loss| format!("{loss:.5}")),
            or_dash(row.test_accuracy, format_share),
            or_dash(row.baseline_test_accuracy, format_share),
            or_dash(row.running_loss, |loss| format!("{loss:.5}")),
            format_bytes(row.bytes_p1_to_p2 as f64),
            format_bytes(row.bytes_p2_to_p1 as f64),
            row.round_trips.to_string(),
        ]);
    }
    table
}

/// A row a combination of a sweep.
pub fn sweep(rows: &[SweepRow]) -> Table {
    let mut table = Table::new(&[
        Column::text("data"),
        Column::text("protocol"),
        Column::text("comparison"),
        Column::text("engine"),
        Column::number("key bits"),
        Column::text("layers"),
        Column::number("batch"),
        Column::number("threads"),
        Column::number("round trip, ms"),
        Column::number("steps"),
        Column::number("step, median"),
        Column::number("min to max"),
        Column::number("traffic a step"),
        Column::number("round trips a step"),
        Column::number("test accuracy"),
        Column::number("plain float"),
        Column::long_text("status"),
    ]);
    for SweepRow { key, outcome } in rows {
        let range = outcome.step_ms_min.zip(outcome.step_ms_max);
        table.row([
            key.data.clone(),
            key.protocol.clone(),
            key.comparison.clone(),
            key.engine.clone(),
            key.key_bits.to_string(),
            key.layers.clone(),
            key.batch.to_string(),
            key.threads.to_string(),
            three_digits(key.rtt_ms),
            outcome.steps.to_string(),
            or_dash(outcome.step_ms_median, format_ms),
            or_dash(range, |(min, max)| format!("{} to {}", format_ms(min), format_ms(max))),
            or_dash(outcome.bytes_per_step, format_bytes),
            or_dash(outcome.round_trips_per_step, three_digits),
            or_dash(outcome.test_accuracy, format_share),
            or_dash(outcome.baseline_test_accuracy, format_share),
            status(outcome.status, outcome.reason.as_deref()),
        ]);
    }
    table
}

/// A row an operation.
pub fn primitives(rows: &[PrimitiveRow]) -> Table {
    let mut table = Table::new(&[
        Column::text("operation"),
        Column::text("engine"),
        Column::text("timing class"),
        Column::number("key bits"),
        Column::number("batch"),
        Column::number("threads"),
        Column::number("samples"),
        Column::number("median"),
        Column::number("min"),
        Column::number("max"),
        Column::number("ratio to GMP"),
    ]);
    for row in rows {
        table.row([
            row.operation.clone(),
            row.engine.clone(),
            row.timing_class.clone(),
            row.key_bits.to_string(),
            row.batch.to_string(),
            row.threads.to_string(),
            row.samples.to_string(),
            format_ns(row.median_ns),
            format_ns(row.min_ns),
            format_ns(row.max_ns),
            or_dash(row.ratio_to_gmp, three_digits),
        ]);
    }
    table
}

/// A row an operation and a library.
pub fn peers(rows: &[PeerRow]) -> Table {
    let mut table = Table::new(&[
        Column::text("operation"),
        Column::number("key bits"),
        Column::text("library"),
        Column::number("median"),
        Column::number("times smlp"),
    ]);
    for row in rows {
        table.row([
            row.operation.clone(),
            row.key_bits.to_string(),
            format!("{} {}", row.library, row.version),
            format_ns(row.median_ns),
            three_digits(row.times_smlp),
        ]);
    }
    table
}

fn status(status: SweepStatus, reason: Option<&str>) -> String {
    let word = status.word();
    reason.map_or_else(|| word.to_owned(), |reason| format!("{word}: {reason}"))
}

fn or_dash<T>(value: Option<T>, format: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), format)
}
