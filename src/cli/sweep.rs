//! `smlp sweep`.

use std::path::PathBuf;
use std::time::Duration;

use smlp::arith::EngineKind;
use smlp::data::DataSpec;
use smlp::error::Error;
use smlp::measure::CsvRow;
use smlp::measure::rows::{SampleRow, SweepKey, SweepRow};
use smlp::measure::sweep::{self, Observer, Settings};
use smlp::measure::units::{format_bytes, format_ms, format_seconds, format_share};
use smlp::protocol::config::{Comparison, Protocol};

use super::globals::{Globals, parse_threads};
use super::groups::{KeyFormArgs, parse_test_split};
use super::output::print;
use super::primitives::parse_key_bits;
use super::progress::Task;

/// Time training steps over every combination of the listed values; resumes where it stopped.
///
/// Keys are made for the occasion and thrown away. Writes sweep.csv with a row for each combination, and samples.csv with
/// a row for each step. Run again with the same folder, it measures what is missing and what failed. Example:
///
///   smlp sweep --data majority:10 --key-bits 1024,2048 --hidden 4,8,16 --steps 2 --out results/sweep
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Data set: a CSV file, or breast_cancer, digits, xor, majority:BITS, parity:BITS.
    #[arg(long, value_name = "SPEC", default_value = "majority:10")]
    data: DataSpec,
    /// Class column of a CSV file.
    #[arg(long, value_name = "COLUMN", default_value = "label")]
    target: String,
    /// Lengths of the servers' key in bits, 1024 to 4096.
    #[arg(long, value_name = "BITS", value_delimiter = ',', default_value = "1024,2048,3072", value_parser = parse_key_bits)]
    key_bits: Vec<u32>,
    #[command(flatten)]
    key_form: KeyFormArgs,
    /// Widths of the hidden layers.
    #[arg(long, value_name = "WIDTHS", value_delimiter = ',', default_value = "4,8,16")]
    hidden: Vec<usize>,
    /// Numbers of hidden layers.
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "1")]
    depth: Vec<usize>,
    /// Protocols: `packed`, and `element` as its baseline.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "element,packed")]
    protocol: Vec<Protocol>,
    /// Comparisons: `dgk` and `blinded` [default: dgk for `packed`, blinded for `element`].
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    comparison: Vec<Comparison>,
    /// Engines [default: the environment variable SMLP_ENGINE, else auto].
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    engine: Vec<EngineKind>,
    /// Threads that both servers share [default: all cores].
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = parse_threads)]
    threads: Vec<usize>,
    /// Steps of each combination.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    steps: u64,
    /// Rows of a batch.
    #[arg(long, value_name = "ROWS", default_value_t = 8)]
    batch: usize,
    /// Step size of the gradient descent.
    #[arg(long, value_name = "RATE", default_value_t = 0.2)]
    learning_rate: f64,
    /// Leave an incomplete last batch out.
    #[arg(long)]
    drop_last: bool,
    /// Share of the rows that are held back for testing.
    #[arg(long, value_name = "SHARE", default_value_t = 0.2, value_parser = parse_test_split)]
    test_split: f64,
    /// Draws the split and the batches, and as an experiment the weights and masks.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Fractional bits of the fixed-point numbers, 1 to 32.
    #[arg(long, value_name = "BITS", default_value_t = 13)]
    fraction_bits: u32,
    /// Statistical security of the masks in bits, 20 to 80.
    #[arg(long, value_name = "BITS", default_value_t = 40)]
    sigma: u32,
    /// Folder for sweep.csv and samples.csv.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Measures what the folder does not have yet and prints a table.
pub fn run(args: &Args, globals: &Globals) -> Result<(), Error> {
    let settings = settings(args, globals)?;
    let combinations = sweep::combinations(&settings).len() as u64;
    let mut shown = Shown::new(globals.progress().begin("sweep", combinations * settings.steps), settings.steps);
    let tally = sweep::run(&settings, &args.out, &mut shown)?;
    drop(shown);
    print(&table(&tally.rows))?;
    let (sweep, samples) = (args.out.join(SweepRow::FILE_NAME), args.out.join(SampleRow::FILE_NAME));
    print(&format!(
        "\n{} measured, {} from an earlier run, {} without figures\n{}\n{}",
        tally.measured,
        tally.resumed,
        tally.without_figures,
        sweep.display(),
        samples.display()
    ))
}

fn settings(args: &Args, globals: &Globals) -> Result<Settings, Error> {
    let options = globals.engine_options()?;
    Ok(Settings {
        data: args.data.clone(),
        target: args.target.clone(),
        test_split: args.test_split,
        seed: args.seed,
        protocols: args.protocol.clone(),
        comparisons: args.comparison.clone(),
        engines: if args.engine.is_empty() { vec![options.kind] } else { args.engine.clone() },
        constant_time: options.constant_time,
        threads: if args.threads.is_empty() { vec![options.threads] } else { args.threads.clone() },
        key_bits: args.key_bits.clone(),
        key_form: args.key_form.key_form,
        hidden: args.hidden.clone(),
        depth: args.depth.clone(),
        steps: args.steps,
        batch_rows: args.batch,
        learning_rate: args.learning_rate,
        drop_last: args.drop_last,
        fraction_bits: args.fraction_bits,
        sigma: args.sigma,
    })
}

/// Shows the steps as they come.
pub struct Shown {
    task: Task,
    steps_each: u64,
    /// Steps of the current combination that are not shown yet.
    left: u64,
}

impl Shown {
    /// For combinations of `steps_each` steps.
    pub fn new(task: Task, steps_each: u64) -> Self {
        Shown { task, steps_each, left: 0 }
    }
}

impl Observer for Shown {
    fn combination(&mut self, index: usize, total: usize, key: &SweepKey) {
        // What an earlier run had measured, or a failure cut short.
        self.task.advance(self.left, &format!("{} of {total}: {}, {} bits", index + 1, key.layers, key.key_bits));
        self.left = self.steps_each;
    }

    fn step(&mut self, elapsed: Duration) {
        self.left = self.left.saturating_sub(1);
        self.task.advance(1, &format!("a step in {}", format_seconds(elapsed.as_secs_f64())));
    }

    fn row(&mut self, row: &SweepRow) {
        if let Some(reason) = &row.outcome.reason {
            self.task.note(&format!("{}, {} bits: {reason}", row.key.layers, row.key.key_bits));
        }
    }
}

/// A line a combination.
pub fn table(rows: &[SweepRow]) -> String {
    let header = format!(
        "{:<14}{:<10}{:<12}{:<8}{:>6}{:>8}{:>8}{:>12}{:>12}{:>8}{:>10}",
        "layers",
        "protocol",
        "comparison",
        "engine",
        "bits",
        "threads",
        "steps",
        "step",
        "traffic",
        "rounds",
        "accuracy"
    );
    let line = |SweepRow { key, outcome }: &SweepRow| {
        let figures = match &outcome.reason {
            Some(reason) => format!("  {reason}"),
            None => format!(
                "{:>12}{:>12}{:>8}{:>10}",
                outcome.step_ms_median.map_or_else(String::new, format_ms),
                outcome.bytes_per_step.map_or_else(String::new, format_bytes),
                outcome.round_trips_per_step.map_or_else(String::new, |trips| trips.to_string()),
                outcome.test_accuracy.map_or_else(String::new, format_share),
            ),
        };
        let SweepKey { layers, protocol, comparison, engine, key_bits, threads, .. } = key;
        let steps = outcome.steps;
        format!("{layers:<14}{protocol:<10}{comparison:<12}{engine:<8}{key_bits:>6}{threads:>8}{steps:>8}{figures}")
    };
    std::iter::once(header).chain(rows.iter().map(line)).collect::<Vec<_>>().join("\n")
}
