//! The files' headers as they are relied upon, and what happens to broken files.

use std::fmt::Debug;
use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::measure::{CsvRow, append_rows, read_rows, write_rows};

fn file<R: CsvRow>() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(R::FILE_NAME);
    (folder, path)
}

fn history_row(value: f64) -> HistoryRow {
    HistoryRow {
        epoch: 3,
        seconds: value,
        train_loss: Some(value / 3.0),
        train_accuracy: Some(value / 7.0),
        test_loss: None,
        test_accuracy: Some(value / 11.0),
        baseline_test_accuracy: Some(value / 13.0),
        bytes_p1_to_p2: u64::MAX,
        bytes_p2_to_p1: 17,
        round_trips: 18,
        steps: Some(19),
        baseline_train_loss: None,
        baseline_train_accuracy: Some(value / 17.0),
        baseline_test_loss: Some(value / 19.0),
        running_loss: Some(value / 23.0),
    }
}

fn primitive_row() -> PrimitiveRow {
    PrimitiveRow {
        operation: "decrypt".to_owned(),
        engine: "gmp".to_owned(),
        timing_class: "constant".to_owned(),
        key_bits: 2048,
        batch: 64,
        threads: 1,
        samples: 15,
        median_ns: 0.1 + 0.2,
        min_ns: 0.25,
        max_ns: 1.0 / 3.0,
        ratio_to_gmp: None,
    }
}

fn sweep_key() -> SweepKey {
    SweepKey {
        data: "a \"quoted\", path".to_owned(),
        protocol: "packed".to_owned(),
        comparison: "blinded".to_owned(),
        engine: "ifma".to_owned(),
        key_bits: 1024,
        layers: "10-4-2".to_owned(),
        hidden: 4,
        depth: 1,
        batch: 8,
        threads: 2,
        sigma: 40,
        fraction_bits: 13,
        rtt_ms: 0.5,
    }
}

fn sweep_row() -> SweepRow {
    SweepRow {
        key: sweep_key(),
        outcome: SweepOutcome {
            status: SweepStatus::Failed,
            reason: Some("line one\nline two".to_owned()),
            steps: 5,
            step_ms_median: Some(1.5),
            step_ms_min: Some(1.25),
            step_ms_max: Some(2.5),
            bytes_per_step: Some(1e6 / 3.0),
            round_trips_per_step: Some(9.0),
            test_accuracy: Some(0.75),
            baseline_test_accuracy: None,
        },
    }
}

fn sample_row() -> SampleRow {
    SampleRow { key: sweep_key(), sample: StepSample { step: 4, step_ms: 12.75 } }
}

fn pool_row() -> PoolRow {
    PoolRow { producers: 2, seconds: 0.125, level: 99, hits: Some(1), misses: Some(2), key_bits: None }
}

fn timing_row() -> TimingRow {
    TimingRow {
        operation: "decrypt".to_owned(),
        engine: "ifma".to_owned(),
        constant_time: "default".to_owned(),
        key_bits: 1024,
        samples: 5000,
        t: -1.25,
        control: false,
    }
}

fn peer_row() -> PeerRow {
    PeerRow {
        operation: "decrypt".to_owned(),
        key_bits: 2048,
        library: "another".to_owned(),
        version: "1.5".to_owned(),
        median_ns: 1e6,
        times_smlp: 10.5,
    }
}

#[test]
fn times_are_even_below_the_threshold_only() {
    for (t, flagged) in [(0.0, false), (4.4, false), (-4.4, false), (4.5, true), (-4.5, true), (f64::NAN, true)] {
        assert_eq!(TimingRow { t, ..timing_row() }.is_flagged(), flagged, "{t}");
    }
}

fn assert_header<R: CsvRow + Clone>(row: R, relied_upon: &str) {
    let (_folder, path) = file::<R>();
    write_rows(&path, &[row]).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let header: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    let relied_upon: Vec<&str> = relied_upon.split(", ").collect();
    assert_eq!(header[..relied_upon.len()], relied_upon);
    assert_eq!(header[relied_upon.len()..], *R::ADDED_COLUMNS);
}

fn assert_comes_back<R: CsvRow + Clone + PartialEq + Debug>(row: R) {
    let (_folder, path) = file::<R>();
    write_rows(&path, &[row.clone(), row.clone()]).unwrap();
    assert_eq!(read_rows::<R>(&path).unwrap(), [row.clone(), row.clone()]);
    // Reading goes by names, so the columns may stand in any order, and others may stand among them.
    let mut reader = csv::Reader::from_path(&path).unwrap();
    let header = reader.headers().unwrap().clone();
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(header.iter().rev().chain(["unknown"])).unwrap();
    for record in reader.records() {
        writer.write_record(record.unwrap().iter().rev().chain(["?"])).unwrap();
    }
    fs::write(&path, writer.into_inner().unwrap()).unwrap();
    assert_eq!(read_rows::<R>(&path).unwrap(), [row.clone(), row]);
}

#[test]
fn headers_are_those_that_scripts_rely_upon() {
    assert_header(
        history_row(1.0),
        "epoch, seconds, train_loss, train_accuracy, test_loss, test_accuracy, baseline_test_accuracy, \
         bytes_p1_to_p2, bytes_p2_to_p1, round_trips",
    );
    assert_header(
        sweep_row(),
        "data, protocol, comparison, engine, key_bits, layers, hidden, depth, batch, threads, sigma, fraction_bits, \
         rtt_ms, status, reason, steps, step_ms_median, step_ms_min, step_ms_max, bytes_per_step, \
         round_trips_per_step, test_accuracy, baseline_test_accuracy",
    );
    assert_header(
        sample_row(),
        "data, protocol, comparison, engine, key_bits, layers, hidden, depth, batch, threads, sigma, fraction_bits, \
         rtt_ms, step, step_ms",
    );
    assert_header(
        primitive_row(),
        "operation, engine, timing_class, key_bits, batch, threads, samples, median_ns, min_ns, max_ns, ratio_to_gmp",
    );
    assert_header(pool_row(), "producers, seconds, level");
    assert_header(timing_row(), "operation, engine, constant_time, key_bits, samples, t, control");
    assert_header(peer_row(), "operation, key_bits, library, version, median_ns, times_smlp");
}

#[test]
fn every_row_comes_back() {
    assert_comes_back(history_row(1.0));
    assert_comes_back(sweep_row());
    assert_comes_back(sample_row());
    assert_comes_back(primitive_row());
    assert_comes_back(pool_row());
    assert_comes_back(timing_row());
    assert_comes_back(peer_row());
}

#[test]
fn a_bad_cell_is_named_by_row_and_column() {
    let (_folder, path) = file::<SweepRow>();
    write_rows(&path, &[sweep_row(), sweep_row()]).unwrap();
    let good = fs::read_to_string(&path).unwrap();
    for (from, to, column) in [
        ("0.75", "high", "column test_accuracy"),
        ("1024", "-1", "column key_bits"),
        ("failed", "perhaps", "column status"),
        ("0.5", "", "column rtt_ms"),
        ("1024", "4294967296", "column key_bits"),
    ] {
        fs::write(&path, good.replacen(from, to, 1)).unwrap();
        let error = read_rows::<SweepRow>(&path).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("sweep.csv") && text.contains("row 1,") && text.contains(column), "{text}");
        assert_eq!(error.exit_code(), 3);
    }
}

#[test]
fn a_foreign_or_damaged_file_is_refused() {
    let (_folder, path) = file::<PoolRow>();
    for (bytes, said) in [
        (&b""[..], "column producers is missing"),
        (b"a,b\n1,2\n", "column producers is missing"),
        (b"producers,seconds,level\n1,2,3\n1,2\n", "row 2 has 2 cells, the header has 3"),
        (b"producers,seconds,level\n1,\xff,3\n", "row 1, column seconds: the text is not UTF-8"),
        (b"\xff,seconds,level\n1,2,3\n", "UTF-8"),
    ] {
        fs::write(&path, bytes).unwrap();
        let error = read_rows::<PoolRow>(&path).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
        assert_eq!(error.exit_code(), 3);
    }
    fs::remove_file(&path).unwrap();
    assert_eq!(read_rows::<PoolRow>(&path).unwrap_err().exit_code(), 3);
}

#[test]
fn a_file_without_the_added_columns_is_read() {
    let (_folder, path) = file::<PoolRow>();
    fs::write(&path, "level,seconds,producers\n7,0.5,1\n").unwrap();
    let row = PoolRow { producers: 1, seconds: 0.5, level: 7, hits: None, misses: None, key_bits: None };
    assert_eq!(read_rows::<PoolRow>(&path).unwrap(), [row]);
}

#[test]
fn rows_are_put_behind_those_that_are_there() {
    let (folder, path) = file::<SampleRow>();
    append_rows(&path, vec![sample_row()]).unwrap();
    append_rows(&path, vec![sample_row(), sample_row()]).unwrap();
    assert_eq!(read_rows::<SampleRow>(&path).unwrap(), vec![sample_row(); 3]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    fs::write(&path, "somebody,else\n1,2\n").unwrap();
    append_rows(&path, vec![sample_row()]).unwrap_err();
    assert_eq!(fs::read_to_string(&path).unwrap(), "somebody,else\n1,2\n");
}

proptest! {
    #[test]
    fn fractions_keep_every_bit(value in any::<f64>().prop_filter("a number", |value| value.is_finite())) {
        let (_folder, path) = file::<HistoryRow>();
        write_rows(&path, &[history_row(value)]).unwrap();
        prop_assert_eq!(read_rows::<HistoryRow>(&path).unwrap(), [history_row(value)]);
    }

    #[test]
    fn any_text_keeps_its_cell(text in "\\PC{1,20}") {
        let (_folder, path) = file::<PrimitiveRow>();
        let row = PrimitiveRow { operation: text, ..primitive_row() };
        write_rows(&path, std::slice::from_ref(&row)).unwrap();
        prop_assert_eq!(read_rows::<PrimitiveRow>(&path).unwrap(), [row]);
    }

    #[test]
    fn any_bytes_end_in_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let (_folder, path) = file::<PoolRow>();
        fs::write(&path, [b"producers,seconds,level\n", bytes.as_slice()].concat()).unwrap();
        if let Err(error) = read_rows::<PoolRow>(&path) {
            prop_assert_eq!(error.exit_code(), 3);
        }
    }
}
