//! What does a comparison that leaks nothing cost?

use serde_json::Value;

use super::Chart;
use crate::measure::Summary;
use crate::measure::rows::HistoryRow;
use crate::measure::units::{format_bytes, format_ms, format_tick_ns};
use crate::report::collect::Source;
use crate::report::error::ReportError;
use crate::report::job::describe_job;
use crate::report::pair_chart::{PairChart, PairPanel};

/// What decides the work of a step, beside the comparison.
const WORK: [&str; 15] = [
    "data",
    "train_rows",
    "layers",
    "batch",
    "drop_last",
    "inputs",
    "fraction_bits",
    "bounds",
    "sigma",
    "protocol",
    "key_bits",
    "key_form",
    "engine",
    "threads",
    "constant_time",
];

/// Time and traffic of a step with either comparison, for jobs that differ in nothing else; `histories` hold the traffic.
pub fn draw(
    summaries: &[Source<Summary>],
    histories: &[Source<Vec<HistoryRow>>],
) -> Result<Option<Chart>, ReportError> {
    let pairs = pairs(summaries);
    if pairs.is_empty() {
        return Ok(None);
    }
    let values = |value: &dyn Fn(&Source<Summary>) -> Option<f64>| pairs.iter().map(|pair| pair.map(value)).collect();
    let time = PairPanel {
        x_label: "Time of a step".to_owned(),
        values: values(&|job| Some(job.content.step_ms_median)),
        format: format_ms,
        format_tick: |ms| format_tick_ns(ms * 1e6),
    };
    let traffic = PairPanel {
        x_label: "Traffic of a step".to_owned(),
        values: values(&|job| traffic(job, histories)),
        format: format_bytes,
        format_tick: format_bytes,
    };
    let title = "What the comparison that leaks nothing costs".to_owned();
    let chart = PairChart {
        title: title.clone(),
        subtitle: "Jobs that differ in the comparison alone; median time and mean traffic of a step, both ways"
            .to_owned(),
        series: [BLINDED, DGK].map(|(_, name)| name.to_owned()),
        groups: names(&pairs),
        panels: vec![time, traffic],
    };
    let caption = "The blinded comparison is the paper's and shows the key server a noisy magnitude of each compared \
                   value; with dgk it sees a random bit. Pairs are of one machine and one commit."
        .to_owned();
    Ok(Some(Chart { stem: "comparison_steps".to_owned(), title, caption, svg: chart.draw()? }))
}

/// The name in files, and what a reader calls it.
const BLINDED: (&str, &str) = ("blinded", "blinded: leaks a noisy magnitude");
const DGK: (&str, &str) = ("dgk", "dgk: leaks nothing");

/// A job by each comparison.
type Pair<'a> = [&'a Source<Summary>; 2];

/// Every timed job with the blinded comparison beside one with the other; of jobs that ran several times the first with
/// the first.
fn pairs(summaries: &[Source<Summary>]) -> Vec<Pair<'_>> {
    let timed = |comparison: &'static str| {
        let by = move |job: &&Source<Summary>| {
            job.content.parameters.get("comparison").and_then(Value::as_str) == Some(comparison)
        };
        summaries.iter().filter(by).filter(|job| job.content.step_ms_median > 0.0)
    };
    let mut others: Vec<&Source<Summary>> = timed(DGK.0).collect();
    let pairs = timed(BLINDED.0).filter_map(|job| {
        let index = others.iter().position(|other| is_same_work(&job.content, &other.content))?;
        Some([job, others.remove(index)])
    });
    pairs.collect()
}

fn is_same_work(one: &Summary, other: &Summary) -> bool {
    let equal = |name: &&str| one.parameters.get(*name) == other.parameters.get(*name);
    WORK.iter().all(equal) && (&one.machine, &one.commit) == (&other.machine, &other.commit)
}

/// The jobs without their comparison; those that read alike with their folders.
fn names(pairs: &[Pair<'_>]) -> Vec<String> {
    let name = |[job, _]: &Pair<'_>| {
        let mut parameters = job.content.parameters.clone();
        parameters.remove("comparison");
        describe_job(&parameters, &job.label)
    };
    let names: Vec<String> = pairs.iter().map(name).collect();
    let is_alone = |name: &String| names.iter().filter(|other| *other == name).count() == 1;
    let told_apart = names.iter().zip(pairs).map(|(name, [job, other])| match is_alone(name) {
        true => name.clone(),
        false => format!("{name} ({}, {})", job.label, other.label),
    });
    told_apart.collect()
}

/// Bytes of a step, both ways together; from the history beside the summary where that does not tell, as it did not
/// before there were tests of the model.
fn traffic(job: &Source<Summary>, histories: &[Source<Vec<HistoryRow>>]) -> Option<f64> {
    if job.content.step_bytes > 0 {
        return Some(job.content.step_bytes as f64 / job.content.steps.max(1) as f64);
    }
    let history = &histories.iter().find(|history| history.label == job.label)?.content;
    let bytes: u64 = history.iter().map(|row| row.bytes_p1_to_p2 + row.bytes_p2_to_p1).sum();
    let steps = history.iter().filter_map(|row| row.steps).max().filter(|steps| *steps > 0)?;
    Some(bytes as f64 / steps as f64)
}
