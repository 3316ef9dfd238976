//! `smlp reproduce`.

mod scale;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Parser;
use smlp::arith::{Engine, EngineOptions};
use smlp::data::DataSpec;
use smlp::error::Error;
use smlp::measure::pool_level::{self, Draws};
use smlp::measure::primitives::{self, Operation};
use smlp::measure::rows::{PoolRow, PrimitiveRow, SampleRow, SweepRow};
use smlp::measure::units::{format_ms, format_seconds, format_share};
use smlp::measure::{CsvRow, Summary, sweep, write_rows};
use smlp::paillier::{KeyForm, SecretKey};
use smlp::protocol::config::Protocol;
use smlp::report::write_report;
use smlp::rng::SecureRng;

use self::scale::{FULL, QUICK, Scale};
use super::globals::Globals;
use super::output::{make_folder, print};
use super::progress::Progress;
use super::{primitives as primitives_command, sweep as sweep_command, train};

/// Train, measure and draw everything from nothing, with fresh keys: at most 5 minutes on two cores.
///
/// With both servers: trains breast_cancer by the packed protocol for as many epochs as fit two minutes, two at least;
/// by the element-wise one, the baseline, xor to 100 % test accuracy and breast_cancer for a step of two rows; sweeps
/// key length and layer width with both; measures the primitives and the pool of randomisers; and writes every chart and
/// report.html. Fails if xor is not learned or a run differs from its integer twin. Example:
///
///   smlp reproduce --out results-reproduce
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// At most 1 minute: shorter keys, which protect nothing, and fewer steps.
    #[arg(long)]
    quick: bool,
    /// Draws splits, batches, initial weights and masks: an experiment, not private. The default is a number with which
    /// xor is learned in the steps that are taken; with some it is not, and the command says so.
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    seed: u64,
    /// Folder for the report and the figures.
    #[arg(long, value_name = "DIR", default_value = "results-reproduce")]
    out: PathBuf,
}

/// Runs every part, writes the report, and fails if the trainings are not what they should be.
pub fn run(args: &Args, globals: &Globals) -> Result<(), Error> {
    let scale = if args.quick { &QUICK } else { &FULL };
    let started = Instant::now();
    globals.progress().note(scale.announcement);
    let reproduction = Reproduction { scale, seed: args.seed, out: &args.out, globals, engine: globals.engine()? };
    let parts = reproduction.parts();
    let mut done_percent = 0;
    for (number, (title, share_percent, part)) in parts.iter().enumerate() {
        announce_part(globals.progress(), number + 1, parts.len(), title, done_percent, started.elapsed());
        part(&reproduction)?;
        done_percent += *share_percent;
    }
    let report = write_report(std::slice::from_ref(&args.out), &args.out)?;
    reproduction.print_table()?;
    let (charts, elapsed) = (report.charts.len(), format_seconds(started.elapsed().as_secs_f64()));
    print(&format!("\n{} ({charts} charts, all in {elapsed})", report.page.display()))?;
    reproduction.require_success()
}

fn announce_part(progress: Progress, number: usize, parts: usize, title: &str, done_percent: u32, elapsed: Duration) {
    let elapsed = elapsed.as_secs_f64();
    let left = match done_percent {
        0 => String::new(),
        percent => {
            let left = elapsed * f64::from(100 - percent) / f64::from(percent);
            format!(" ({} spent, about {} left)", format_seconds(elapsed), format_seconds(left))
        }
    };
    progress.note(&format!("part {number} of {parts}: {title}{left}"));
}

/// Folders of the trainings.
const XOR: &str = "xor_element";
const CANCER: &str = "breast_cancer_packed";
const CANCER_ELEMENT: &str = "breast_cancer_element";
const TRAININGS: [&str; 3] = [XOR, CANCER, CANCER_ELEMENT];

/// What all parts share.
struct Reproduction<'a> {
    scale: &'a Scale,
    seed: u64,
    out: &'a Path,
    globals: &'a Globals,
    engine: Engine,
}

/// Title, share of the time in percent, and work.
type Part<R> = (&'static str, u32, fn(&R) -> Result<(), Error>);

/// A command line of `smlp train`.
#[derive(Parser)]
#[command(no_binary_name = true)]
struct TrainLine {
    #[command(flatten)]
    args: train::Args,
}

impl Reproduction<'_> {
    /// Title, share of the time in percent, and work of each part.
    fn parts(&self) -> [Part<Self>; 6] {
        let [xor, packed, element, sweep, primitives, pool] = self.scale.shares_percent;
        [
            ("xor, element-wise, trained", xor, Self::xor),
            ("breast_cancer, packed, trained", packed, Self::breast_cancer),
            ("breast_cancer, element-wise, a step of two rows", element, Self::breast_cancer_element),
            ("sweep over key length and layer width, both protocols", sweep, Self::sweep),
            ("primitives", primitives, Self::primitives),
            ("pool of randomisers", pool, Self::pool),
        ]
    }

    /// 20 of the 1000 rows are trained on, so that the 5 batches of an epoch make a curve of several points.
    fn xor(&self) -> Result<(), Error> {
        let Scale { xor_epochs: epochs, classified_rows: rows, .. } = self.scale;
        let size = format!("--layers 2,8,2 --batch 4 --test-split 0.98 --epochs {epochs}");
        self.train(XOR, "xor", &format!("--protocol element {size} --classify-rows {rows}"))
    }

    /// The number of epochs only ends what the time would not.
    fn breast_cancer(&self) -> Result<(), Error> {
        let Scale { cancer_seconds: seconds, .. } = self.scale;
        let size = "--layers 30,16,2 --batch 32 --drop-last --epochs 1000";
        self.train(CANCER, "breast_cancer", &format!("--protocol packed {size} --max-seconds {seconds} --min-epochs 2"))
    }

    /// The same network and data; a step takes as long as its rows, so one of two rows shows what a row costs.
    fn breast_cancer_element(&self) -> Result<(), Error> {
        let size = "--layers 30,16,2 --batch 2 --max-steps 1";
        self.train(CANCER_ELEMENT, "breast_cancer", &format!("--protocol element {size} --classify-rows 0"))
    }

    /// Trains as `smlp train` would, into the folder `name`.
    fn train(&self, name: &str, data: &str, flags: &str) -> Result<(), Error> {
        let (key_bits, seed) = (self.scale.key_bits, self.seed);
        let common = format!("--learning-rate 0.2 --twin --seed {seed} --key-bits {key_bits} --allow-weak-key");
        let mut words: Vec<String> =
            format!("--data {data} {flags} {common} --out").split(' ').map(str::to_owned).collect();
        words.push(self.folder(name).to_string_lossy().into_owned());
        let line = TrainLine::try_parse_from(words).map_err(|error| Error::Usage(error.to_string()))?;
        train::execute(&line.args, self.globals).map(|_| ())
    }

    /// Key length at one width, then width at one key length, in one file.
    fn sweep(&self) -> Result<(), Error> {
        let folder = self.folder("sweep");
        // Figures of an earlier reproduction must not stand in for those of this one.
        for name in [SweepRow::FILE_NAME, SampleRow::FILE_NAME, sweep::COMMON_FILE_NAME] {
            remove_if_there(&folder.join(name))?;
        }
        let Scale { sweep_key_bits, sweep_hidden, sweep_middle: (key_bits, hidden), .. } = self.scale;
        self.sweep_over(&folder, sweep_key_bits, &[*hidden])?;
        self.sweep_over(&folder, &[*key_bits], sweep_hidden)
    }

    fn sweep_over(&self, folder: &Path, key_bits: &[u32], hidden: &[usize]) -> Result<(), Error> {
        let settings = sweep::Settings {
            data: DataSpec::Parity(4),
            target: String::new(),
            test_split: 0.2,
            seed: self.seed,
            protocols: vec![Protocol::Element, Protocol::Packed],
            comparisons: Vec::new(),
            engines: vec![self.engine.kind()],
            constant_time: self.engine.constant_time(),
            threads: vec![self.engine.threads()],
            key_bits: key_bits.to_vec(),
            key_form: KeyForm::Full,
            hidden: hidden.to_vec(),
            depth: vec![1],
            steps: self.scale.sweep_steps,
            batch_rows: 4,
            learning_rate: 0.2,
            drop_last: false,
            fraction_bits: 13,
            sigma: 40,
        };
        let steps = sweep::combinations(&settings).len() as u64 * settings.steps;
        let task = self.globals.progress().begin("sweep", steps);
        let tally = sweep::run(&settings, folder, &mut sweep_command::Shown::new(task, settings.steps))?;
        match tally.rows.iter().find_map(|row| row.outcome.reason.as_ref()) {
            Some(reason) => Err(Error::NotReproduced(format!("a combination of the sweep failed: {reason}"))),
            None => Ok(()),
        }
    }

    fn primitives(&self) -> Result<(), Error> {
        let folder = self.folder("primitives");
        make_folder(&folder)?;
        let settings = primitives::Settings {
            key_bits: self.scale.primitives_key_bits.to_vec(),
            batches: vec![1, 8],
            operations: Operation::ALL.iter().copied().filter(|one| !self.scale.left_out.contains(one)).collect(),
            plan: self.scale.primitives_plan,
        };
        let task = self.globals.progress().begin("primitives", settings.rows() as u64);
        // One thread, as in the tables of other libraries.
        let options = EngineOptions { threads: 1, ..self.globals.engine_options()? };
        let engine = Engine::new(&options)?;
        let rows = primitives::measure(&engine, &settings, &mut primitives_command::Shown { task })?;
        write_rows(&folder.join(PrimitiveRow::FILE_NAME), &rows)
    }

    fn pool(&self) -> Result<(), Error> {
        let folder = self.folder("pool");
        make_folder(&folder)?;
        let key = SecretKey::generate(&self.engine, self.scale.key_bits, &mut SecureRng::from_os())?;
        let key = key.public_key();
        let produced = pool_level::production_per_second(&self.engine, key)?;
        let draws = Draws {
            capacity: 4096,
            // Slower than producers that have the cores to themselves, so that the pool fills in spite of it.
            per_second: produced / 2.0,
            interval: Duration::from_millis(100),
            duration: self.scale.pool_time,
        };
        let mut task = self.globals.progress().begin("pool", 3);
        let mut rows = Vec::new();
        for producers in 0..3 {
            rows.extend(pool_level::watch(&self.engine, key, producers, &draws)?);
            task.advance(1, &format!("{producers} producers"));
        }
        write_rows(&folder.join(PoolRow::FILE_NAME), &rows)
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.out.join(name)
    }

    fn summary(&self, name: &str) -> Result<Summary, Error> {
        Summary::read(&self.folder(name).join(Summary::<()>::FILE_NAME))
    }

    /// Accuracies, step time and agreement of the trainings.
    fn print_table(&self) -> Result<(), Error> {
        print(&format!(
            "{:<23}{:>6}{:>7}{:>10}{:>10}{:>12}{:>14}  {}",
            "training", "batch", "steps", "encrypted", "float", "step", "equals twin", "an epoch at that"
        ))?;
        for name in TRAININGS {
            let summary = self.summary(name)?;
            let share = |share: Option<f64>| share.map_or_else(String::new, format_share);
            print(&format!(
                "{name:<23}{:>6}{:>7}{:>10}{:>10}{:>12}{:>14}  {}",
                summary.parameters.get("batch").map_or_else(String::new, serde_json::Value::to_string),
                summary.steps,
                share(summary.final_test_accuracy),
                share(summary.final_baseline_test_accuracy),
                format_ms(summary.step_ms_median),
                if summary.twin_equal == Some(true) { "bit for bit" } else { "NO" },
                summary.epoch_time().map_or_else(String::new, |time| time.to_string()),
            ))?;
        }
        print("Accuracy is over the test rows; the integer twin has the encrypted run's wherever it is equal.")
    }

    fn require_success(&self) -> Result<(), Error> {
        for name in TRAININGS {
            let summary = self.summary(name)?;
            let classified_differs = summary.parameters.get("classified_equal").and_then(serde_json::Value::as_bool);
            if summary.twin_equal != Some(true) || classified_differs == Some(false) {
                return Err(Error::Differs);
            }
        }
        match self.summary(XOR)?.final_test_accuracy {
            Some(1.0) => Ok(()),
            other => {
                let reached = other.map_or_else(|| "nothing".into(), format_share);
                Err(Error::NotReproduced(format!("xor reached {reached} test accuracy, not 100 %; try another --seed")))
            }
        }
    }
}

fn remove_if_there(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::file(path, error)),
        _ => Ok(()),
    }
}
