//! Measuring: rows are complete and checked, a sweep goes on where it stopped.

use std::fs;
use std::path::Path;
use std::time::Duration;

use assert_cmd::Command;
use smlp::arith::{ConstantTime, Engine, EngineKind, EngineOptions};
use smlp::data::DataSpec;
use smlp::measure::pool_level::{Draws, watch};
use smlp::measure::primitives::{self, Fixture, Operation};
use smlp::measure::rows::{PrimitiveRow, SampleRow, SweepKey, SweepRow, SweepStatus};
use smlp::measure::runner::Plan;
use smlp::measure::sweep::{self, Tally};
use smlp::measure::{CsvRow, read_rows, write_rows};
use smlp::paillier::{KeyForm, SecretKey};
use smlp::protocol::config::{Comparison, Protocol};
use smlp::rng::SecureRng;

const SHORT: Plan = Plan {
    warm_up: Duration::ZERO,
    samples: 3,
    sample_time: Duration::from_micros(100),
    budget: Duration::from_millis(200),
};

struct Quiet;

impl primitives::Observer for Quiet {
    fn preparing(&mut self, _key_bits: u32) {}
    fn measuring(&mut self, _operation: Operation, _key_bits: u32, _batch: usize) {}
    fn row(&mut self, _row: &PrimitiveRow) {}
}

impl sweep::Observer for Quiet {
    fn combination(&mut self, _index: usize, _total: usize, _key: &SweepKey) {}
    fn step(&mut self, _elapsed: Duration) {}
    fn row(&mut self, _row: &SweepRow) {}
}

fn engine(threads: usize) -> Engine {
    Engine::new(&EngineOptions { threads, ..EngineOptions::from_env().unwrap() }).unwrap()
}

#[test]
fn primitives_give_a_row_for_each_operation_and_batch() {
    let operations = vec![Operation::Keygen, Operation::EncryptPublic, Operation::Add, Operation::Decrypt];
    let settings = primitives::Settings { key_bits: vec![1024], batches: vec![1, 3], operations, plan: SHORT };
    let rows = primitives::measure(&engine(1), &settings, &mut Quiet).unwrap();
    assert_eq!(rows.len(), settings.rows());
    for row in &rows {
        assert!(0.0 < row.min_ns && row.min_ns <= row.median_ns && row.median_ns <= row.max_ns, "{row:?}");
        assert_eq!(row.ratio_to_gmp.is_some(), row.operation != "keygen", "{row:?}");
        assert!(row.ratio_to_gmp.is_none_or(|ratio| ratio > 0.0), "{row:?}");
        assert!(row.samples >= 1 && row.threads == 1 && row.key_bits == 1024);
    }
    let shape = |row: &PrimitiveRow| (row.operation.clone(), row.batch);
    assert_eq!(shape(&rows[2]), ("encrypt_public".into(), 1));
    assert_eq!(shape(&rows[3]), ("encrypt_public".into(), 3));
    assert_eq!(PrimitiveRow { batch: 3, ..rows[0].clone() }, rows[1], "a key pair costs the same whatever the batch");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(PrimitiveRow::FILE_NAME);
    write_rows(&path, &rows).unwrap();
    let header = fs::read_to_string(&path).unwrap().lines().next().unwrap().to_owned();
    assert_eq!(
        header,
        "operation,engine,timing_class,key_bits,batch,threads,samples,median_ns,min_ns,max_ns,ratio_to_gmp"
    );
    assert_eq!(read_rows::<PrimitiveRow>(&path).unwrap(), rows);
}

#[test]
fn an_operation_without_keys_of_a_length_has_no_row() {
    let operations = vec![Operation::CompareDgk, Operation::CompareBlinded];
    let settings = primitives::Settings { key_bits: vec![1024, 1536], batches: vec![2], operations, plan: SHORT };
    let rows = primitives::measure(&engine(1), &settings, &mut Quiet).unwrap();
    assert_eq!(rows.len(), settings.rows());
    let measured: Vec<_> = rows.iter().map(|row| (row.operation.as_str(), row.key_bits)).collect();
    assert_eq!(measured, [("compare_dgk", 1024), ("compare_blinded", 1024), ("compare_blinded", 1536)]);
}

#[test]
fn every_operation_gives_right_results_on_one_thread_and_on_two() {
    for threads in [1, 2] {
        let fixture = Fixture::new(&engine(threads), 1024).unwrap();
        for operation in Operation::ALL {
            let mut workload = fixture.workload(*operation, 9).unwrap();
            workload.run_checked().unwrap_or_else(|error| panic!("{operation}: {error}"));
            // The state that a workload keeps, as a pool or a connection, is good for another run.
            workload.run_checked().unwrap_or_else(|error| panic!("{operation}, second run: {error}"));
        }
    }
}

#[test]
fn an_operation_longer_than_its_budget_is_timed_once() {
    let fixture = Fixture::new(&engine(1), 1024).unwrap();
    let plan = Plan { budget: Duration::ZERO, ..SHORT };
    let row = primitives::measure_one(&fixture, Operation::Decrypt, 2, &plan).unwrap();
    assert_eq!((row.samples, row.min_ns), (1, row.max_ns));
    assert!(row.ratio_to_gmp.is_some());
}

fn tiny_sweep() -> sweep::Settings {
    sweep::Settings {
        data: DataSpec::Parity(2),
        target: String::new(),
        test_split: 0.25,
        seed: 3,
        protocols: vec![Protocol::Element],
        comparisons: vec![Comparison::Blinded],
        engines: vec![EngineKind::Gmp],
        constant_time: ConstantTime::Default,
        threads: vec![1],
        key_bits: vec![1024],
        key_form: KeyForm::Full,
        hidden: vec![1, 2],
        depth: vec![1],
        steps: 2,
        batch_rows: 2,
        learning_rate: 0.1,
        drop_last: false,
        fraction_bits: 13,
        sigma: 40,
    }
}

fn run(settings: &sweep::Settings, folder: &Path) -> Tally {
    sweep::run(settings, folder, &mut Quiet).unwrap()
}

#[test]
fn a_sweep_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let counts = |tally: &Tally| (tally.resumed, tally.measured, tally.without_figures);
    let first = run(&tiny_sweep(), folder.path());
    assert_eq!(counts(&first), (0, 2, 0));
    let outcome = &first.rows[0].outcome;
    assert_eq!((outcome.status, outcome.steps), (SweepStatus::Done, 2));
    assert!(outcome.step_ms_min <= outcome.step_ms_median && outcome.step_ms_median <= outcome.step_ms_max);
    assert!(outcome.bytes_per_step > Some(0.0) && outcome.round_trips_per_step > Some(0.0));
    assert_eq!(first.rows[1].key.layers, "2-2-2");

    let rows_path = folder.path().join(SweepRow::FILE_NAME);
    let before = fs::read(&rows_path).unwrap();
    assert_eq!(counts(&run(&tiny_sweep(), folder.path())), (2, 0, 0));
    assert_eq!(fs::read(&rows_path).unwrap(), before, "nothing is measured twice");

    let rows: Vec<SweepRow> = read_rows(&rows_path).unwrap();
    write_rows(&rows_path, &rows[..1]).unwrap();
    assert_eq!(counts(&run(&tiny_sweep(), folder.path())), (1, 1, 0));
    assert_eq!(read_rows::<SweepRow>(&rows_path).unwrap().len(), 2);
    let samples: Vec<SampleRow> = read_rows(&folder.path().join(SampleRow::FILE_NAME)).unwrap();
    assert_eq!(samples.len(), 4, "samples of what was measured again replace the old ones");

    let wider = sweep::Settings { hidden: vec![1, 2, 3], ..tiny_sweep() };
    assert_eq!(counts(&run(&wider, folder.path())), (2, 1, 0));
    let other = sweep::Settings { seed: 4, ..tiny_sweep() };
    let error = sweep::run(&other, folder.path(), &mut Quiet).unwrap_err();
    assert!(error.exit_code() == 2 && error.to_string().contains("seed"), "{error}");
    let longer = sweep::Settings { steps: 3, hidden: vec![1], ..tiny_sweep() };
    assert_eq!(counts(&run(&longer, folder.path())), (0, 1, 0), "two steps do not stand for three");
}

#[test]
fn combinations_that_fail_are_recorded_and_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    // No layer has 0 neurons, and weights that move by their whole gradient leave their bound.
    let settings = sweep::Settings { hidden: vec![0, 4], learning_rate: 5.9, steps: 30, batch_rows: 3, ..tiny_sweep() };
    let tally = run(&settings, folder.path());
    assert_eq!((tally.measured, tally.without_figures), (0, 2), "{:?}", tally.rows);
    let rows: Vec<SweepRow> = read_rows(&folder.path().join(SweepRow::FILE_NAME)).unwrap();
    assert_eq!(rows[0].outcome.status, SweepStatus::Skipped);
    assert!(rows[0].outcome.reason.as_ref().unwrap().contains("width 0"), "{:?}", rows[0].outcome.reason);
    assert_eq!(rows[1].outcome.status, SweepStatus::Failed);
    assert!(rows[1].outcome.reason.as_ref().unwrap().contains("bound"), "{:?}", rows[1].outcome.reason);
    assert_eq!(rows[1].outcome.step_ms_median, None);

    let gentle = sweep::Settings { learning_rate: 0.1, steps: 1, ..settings };
    let again = run(&gentle, folder.path());
    assert_eq!((again.resumed, again.measured, again.without_figures), (0, 1, 1));
    let rows: Vec<SweepRow> = read_rows(&folder.path().join(SweepRow::FILE_NAME)).unwrap();
    assert_eq!((rows.len(), rows[1].outcome.status), (2, SweepStatus::Done));
}

#[test]
fn a_pool_without_producers_stays_empty_and_one_with_producers_fills() {
    let engine = engine(1);
    let key = SecretKey::generate(&engine, 1024, &mut SecureRng::from_os()).unwrap();
    let (interval, duration) = (Duration::from_millis(50), Duration::from_millis(300));
    let draws = Draws { capacity: 64, per_second: 20.0, interval, duration };
    let none = watch(&engine, key.public_key(), 0, &draws).unwrap();
    assert!(none.iter().all(|row| row.level == 0 && row.hits == Some(0)));
    assert!(none.last().unwrap().misses >= Some(1));
    let one = watch(&engine, key.public_key(), 1, &draws).unwrap();
    assert!(one.iter().any(|row| row.level >= 32), "{one:?}");
    assert!(one.windows(2).all(|pair| pair[0].seconds <= pair[1].seconds));
}

#[test]
fn the_commands_write_their_files() {
    let folder = tempfile::tempdir().unwrap();
    let smlp = |line: &str| {
        let mut command = Command::cargo_bin("smlp").unwrap();
        command.current_dir(folder.path()).args(line.split_whitespace()).output().unwrap()
    };
    let output = smlp(
        "primitives --quiet --key-bits 1024 --batch 2 --operations add,encrypt_owner --samples 3 --seconds 0.05 --out p",
    );
    assert!(output.status.success(), "{output:?}");
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.contains("encrypt_owner") && table.contains("1024 bits"), "{table}");
    assert!(output.stderr.is_empty());
    let rows: Vec<PrimitiveRow> = read_rows(&folder.path().join("p").join(PrimitiveRow::FILE_NAME)).unwrap();
    assert_eq!(rows.len(), 2);

    let output = smlp(
        "sweep --quiet --data parity:2 --test-split 0.25 --key-bits 1024 --hidden 2 --threads 1,2 --steps 1 --out s",
    );
    assert!(output.status.success(), "{output:?}");
    let rows: Vec<SweepRow> = read_rows(&folder.path().join("s").join(SweepRow::FILE_NAME)).unwrap();
    let keys: Vec<_> = rows.iter().map(|row| (row.key.protocol.as_str(), row.key.threads)).collect();
    assert_eq!(keys, [("element", 1), ("element", 2), ("packed", 1), ("packed", 2)], "both protocols by default");
    let traffic = |row: &SweepRow| row.outcome.bytes_per_step.unwrap();
    assert!(traffic(&rows[2]) < traffic(&rows[0]), "{rows:?}");

    for (line, message) in [
        ("primitives --operations encrypt --out p", "encrypt_owner"),
        ("primitives --key-bits 1023 --out p", "even"),
        ("primitives --batch 0 --out p", "batch"),
        ("sweep --engine fast --out s", "fast"),
        ("sweep --comparison magic --out s", "blinded"),
        ("sweep --steps 0 --out s", "steps"),
        ("sweep --test-split 1.5 --out s", "between 0 and 1"),
    ] {
        let output = smlp(line);
        assert_eq!(output.status.code(), Some(2), "{line}: {output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(message), "{line}: {output:?}");
    }
    let output = smlp("sweep --data missing.csv --out s");
    assert_eq!(output.status.code(), Some(3), "{output:?}");
}
