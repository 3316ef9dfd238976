//! `smlp primitives`.

use std::path::PathBuf;
use std::time::Duration;

use smlp::arith::{Engine, EngineKind, EngineOptions};
use smlp::error::Error;
use smlp::measure::primitives::{self, Observer, Operation, Settings};
use smlp::measure::rows::PrimitiveRow;
use smlp::measure::runner::Plan;
use smlp::measure::units::{format_ns, three_digits};
use smlp::measure::{CsvRow, write_rows};
use smlp::paillier::{MAX_KEY_BITS, MIN_KEY_BITS};

use super::globals::{Globals, parse_threads};
use super::output::{make_folder, print};
use super::progress::Task;

/// Measure what the primitives cost, after checking each result, against GMP in the same run.
///
/// Keys are made for the occasion and thrown away. Writes primitives.csv. Example:
///
///   smlp primitives --key-bits 2048 --batch 8,64 --out results/primitives
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Lengths of the keys in bits, 1024 to 4096.
    #[arg(long, value_name = "BITS", value_delimiter = ',', default_value = "1024,2048,3072", value_parser = parse_key_bits)]
    key_bits: Vec<u32>,
    /// Engines [default: the environment variable SMLP_ENGINE, else auto].
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    engine: Vec<EngineKind>,
    /// Operations submitted together.
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "1,8,64,512", value_parser = parse_batch)]
    batch: Vec<usize>,
    /// Threads that share a batch.
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "1", value_parser = parse_threads)]
    threads: Vec<usize>,
    /// What to measure, as the file names it: keygen, encrypt_rn, encrypt_public, ... [default: everything];
    /// compare_dgk has keys of 1024, 2048 and 3072 bits, other lengths give no row.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    operations: Vec<Operation>,
    /// Samples of a row if its time allows.
    #[arg(long, value_name = "N", default_value_t = Plan::default().samples)]
    samples: usize,
    /// Time of a row in seconds. At least three samples are taken, but only one of a batch that takes longer than this.
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, value_parser = parse_seconds)]
    seconds: f64,
    /// Folder for primitives.csv.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Measures, writes the file and prints a table.
pub fn run(args: &Args, globals: &Globals) -> Result<(), Error> {
    let settings = Settings {
        key_bits: args.key_bits.clone(),
        batches: args.batch.clone(),
        operations: if args.operations.is_empty() { Operation::ALL.to_vec() } else { args.operations.clone() },
        plan: Plan { samples: args.samples, budget: Duration::from_secs_f64(args.seconds), ..Plan::default() },
    };
    let engines = engines(args, globals)?;
    make_folder(&args.out)?;
    let path = args.out.join(PrimitiveRow::FILE_NAME);
    let task = globals.progress().begin("primitives", (settings.rows() * engines.len()) as u64);
    let mut shown = Shown { task };
    let mut rows = Vec::new();
    for engine in &engines {
        rows.extend(primitives::measure(engine, &settings, &mut shown)?);
        write_rows(&path, &rows)?;
    }
    drop(shown);
    print(&table(&rows))?;
    print(&format!("\n{}", path.display()))
}

/// Shows the rows as they come.
pub struct Shown {
    pub task: Task,
}

impl Observer for Shown {
    fn preparing(&mut self, key_bits: u32) {
        self.task.advance(0, &format!("a key of {key_bits} bits"));
    }

    fn measuring(&mut self, operation: Operation, key_bits: u32, batch: usize) {
        self.task.advance(0, &format!("{operation}, {key_bits} bits, batch {batch}"));
    }

    fn row(&mut self, row: &PrimitiveRow) {
        let PrimitiveRow { operation, key_bits, batch, median_ns, .. } = row;
        self.task.advance(1, &format!("{operation}, {key_bits} bits, batch {batch}: {}", format_ns(*median_ns)));
    }
}

/// Time of one operation at the largest batch, a line an operation and a column a key length, with the ratio to GMP
/// where there is one.
pub fn table(rows: &[PrimitiveRow]) -> String {
    let batch = rows.iter().map(|row| row.batch).max().unwrap_or(1);
    let mut lines = Vec::new();
    for (engine, threads) in distinct(rows.iter().map(|row| (row.engine.clone(), row.threads))) {
        let own = |row: &&PrimitiveRow| row.engine == engine && row.threads == threads && row.batch == batch;
        let own: Vec<&PrimitiveRow> = rows.iter().filter(own).collect();
        let key_lengths = distinct(own.iter().map(|row| row.key_bits));
        lines.push(format!(
            "One operation, engine {engine}, {threads} thread(s), batch {batch} (times faster than GMP)"
        ));
        let header: String = key_lengths.iter().map(|bits| format!("{:>20}", format!("{bits} bits"))).collect();
        lines.push(format!("{:<16}{header}", "operation"));
        for operation in distinct(own.iter().map(|row| row.operation.clone())) {
            let cell = |bits: &u32| {
                let row = own.iter().find(|row| row.operation == operation && row.key_bits == *bits);
                format!("{:>20}", row.map_or_else(String::new, |row| cell(row)))
            };
            lines.push(format!("{operation:<16}{}", key_lengths.iter().map(cell).collect::<String>()));
        }
    }
    lines.join("\n")
}

fn cell(row: &PrimitiveRow) -> String {
    match row.ratio_to_gmp {
        Some(ratio) => format!("{} ({})", format_ns(row.median_ns), three_digits(ratio)),
        None => format_ns(row.median_ns),
    }
}

fn engines(args: &Args, globals: &Globals) -> Result<Vec<Engine>, Error> {
    let options = globals.engine_options()?;
    let kinds = if args.engine.is_empty() { vec![options.kind] } else { args.engine.clone() };
    let engine = |(kind, threads)| Ok(Engine::new(&EngineOptions { kind, threads, ..options.clone() })?);
    kinds.into_iter().flat_map(|kind| args.threads.iter().map(move |threads| (kind, *threads))).map(engine).collect()
}

/// The values without repetitions, in their order.
fn distinct<T: PartialEq>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut all = Vec::new();
    for value in values {
        if !all.contains(&value) {
            all.push(value);
        }
    }
    all
}

/// A key length that can be made.
pub fn parse_key_bits(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(bits) if (MIN_KEY_BITS..=MAX_KEY_BITS).contains(&bits) && bits % 2 == 0 => Ok(bits),
        _ => Err(format!("key lengths are even numbers from {MIN_KEY_BITS} to {MAX_KEY_BITS}")),
    }
}

fn parse_batch(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(batch) if (1..=65536).contains(&batch) => Ok(batch),
        _ => Err("a batch has 1 to 65536 operations".into()),
    }
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.0..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("0 to 3600 seconds".into()),
    }
}
