//! A training as its user steers it: limits, Ctrl-C, figures on disk while it runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use smlp::measure::read_rows;
use smlp::measure::rows::HistoryRow;
use tempfile::TempDir;

/// Three steps an epoch, some tenths of a second each.
const TRAIN: &str = "train --data parity:4 --layers 4,3,2 --batch 4 --key-bits 1024 --allow-weak-key --seed 3 \
                     --classify-rows 2";

fn smlp(folder: &Path, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_smlp"));
    command.current_dir(folder).args(line.split_whitespace()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn end(child: Child) -> (Option<i32>, String) {
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

fn run(folder: &Path, line: &str) -> (Option<i32>, String) {
    end(smlp(folder, line).spawn().unwrap())
}

fn history(folder: &Path) -> Vec<HistoryRow> {
    read_rows(&folder.join("history.csv")).unwrap()
}

fn summary(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("summary.json")).unwrap()).unwrap()
}

/// What is kept of a training that ended early is whole: its model and the losses of the epochs in `history`.
fn require_whole_store(place: &Path, epochs: &[HistoryRow]) {
    for what in ["model", "curve"] {
        let export = format!("export --store job --what {what} --public-key job/user/USER.pub --allow-weak-key");
        let (code, stderr) = run(place, &format!("{export} --out {what}.enc"));
        assert_eq!(code, Some(0), "{what}: {stderr}");
    }
    let (code, stderr) = run(place, "decrypt --key job/user/USER.key --in curve.enc --out curve.csv");
    assert_eq!(code, Some(0), "{stderr}");
    let curve = fs::read_to_string(place.join("curve.csv")).unwrap();
    let losses = curve.lines().skip(1).map(|line| line.split_once(',').unwrap().1.parse::<f64>().unwrap());
    assert_eq!(losses.collect::<Vec<_>>(), epochs[1..].iter().map(|row| row.running_loss.unwrap()).collect::<Vec<_>>());
}

fn place() -> (TempDir, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("out");
    (place, out)
}

#[test]
fn the_packed_protocol_is_the_default_and_classifies_every_test_row() {
    let (place, out) = place();
    let line = TRAIN.replace("--classify-rows 2", "--max-steps 2 --out out");
    let (code, stderr) = run(place.path(), &line);
    assert_eq!(code, Some(0), "{stderr}");
    let summary = summary(&out);
    assert_eq!((&summary["protocol"], &summary["status"]), (&"packed".into(), &"completed".into()));
    assert_eq!(summary["comparison"], "dgk");
    assert_eq!((&summary["classify_rows"], &summary["classified_equal"]), (&4.into(), &true.into()));
    for party in ["P1", "P2"] {
        let work = summary["work_ms"][party].as_object().unwrap();
        assert!(work.len() == 8 && work.values().all(|time| time.as_f64() > Some(0.0)), "{work:?}");
    }
    assert!(history(&out)[1].running_loss.is_some_and(f64::is_finite));

    let steps: f64 = summary["step_ms_all"].as_array().unwrap().iter().map(|step| step.as_f64().unwrap() / 1e3).sum();
    let test = summary["model_test_seconds"].as_f64().unwrap();
    assert!(test > 0.0);
    assert!((history(&out)[1].seconds - steps - test).abs() < 1e-6, "the test of the model counts in the epoch");
    // Two steps of 7, the comparisons and the opening.
    assert_eq!(history(&out)[1].round_trips, 2 * 7 + 2);
}

/// Weights that grow beyond their bound in the second epoch stop both servers; the first epoch stays.
#[test]
fn a_model_that_outgrows_its_bound_stops_the_training_with_its_layer_and_what_to_do() {
    let (place, out) = place();
    let train = "train --data xor --rows 40 --layers 2,3,2 --batch 8 --key-bits 1024 --allow-weak-key --classify-rows 0 \
                 --epochs 8 --learning-rate 2 --seed 1 --bound weights=14 --out out";
    let (code, stderr) = run(place.path(), train);
    assert_eq!(code, Some(3), "{stderr}");
    assert!(stderr.contains("step 7, layer 1: 1 of 8 weights and biases are outside"), "{stderr}");
    assert!(stderr.contains("bound of 14 bits") && stderr.contains("--bound weights=BITS"), "{stderr}");
    assert_eq!(history(&out).iter().map(|row| row.epoch).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(summary(&out)["status"], "training");

    let (code, stderr) = run(place.path(), &format!("{train} --twin"));
    assert_eq!(code, Some(3), "{stderr}");
    // A bias, in the first epoch, back within the bound at its end: what the servers do not see.
    assert!(stderr.contains("step 2, layer 1: a bias reached 15 bits where 14 are declared"), "{stderr}");

    let element = train.replace("weights=14", "weights=9").replace("--epochs 8", "--max-steps 1");
    let (code, stderr) = run(place.path(), &format!("{element} --protocol element --comparison dgk"));
    assert_eq!(code, Some(3), "{stderr}");
    assert!(stderr.contains("step 0, layer 0: ") && stderr.contains("bound of 9 bits"), "{stderr}");
}

#[test]
fn a_limit_of_time_ends_between_epochs_and_a_least_number_of_epochs_is_kept() {
    let (place, out) = place();
    let (code, stderr) =
        run(place.path(), &format!("{TRAIN} --epochs 50 --max-seconds 0 --min-epochs 2 --store job --out out"));
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(
        history(&out).iter().map(|row| (row.epoch, row.steps)).collect::<Vec<_>>(),
        [(0, Some(0)), (1, Some(3)), (2, Some(6))]
    );
    assert_eq!(summary(&out)["status"], "out_of_time");
    assert_eq!(summary(&out)["classified_equal"], true, "the classification is not left out");
    require_whole_store(place.path(), &history(&out));
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_after_the_current_step_and_keeps_figures_and_model() {
    let (place, out) = place();
    let line = format!("{TRAIN} --twin --epochs 10000 --store job --out out");
    let child = smlp(place.path(), &line).spawn().unwrap();
    let started = Instant::now();
    // Figures are there as soon as an epoch is.
    while !out.join("history.csv").exists() || history(&out).len() < 3 {
        assert!(started.elapsed() < Duration::from_secs(120), "no epoch was written");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(summary(&out)["status"], "training");
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let (code, stderr) = end(child);
    assert_eq!(code, Some(130), "{stderr}");
    assert!(stderr.contains("stopped as asked after step") && stderr.contains("out"), "{stderr}");

    let (rows, summary) = (history(&out), summary(&out));
    assert_eq!((&summary["status"], &summary["twin_equal"]), (&"stopped".into(), &true.into()));
    assert_eq!(summary["steps"].as_u64(), rows.last().unwrap().steps, "the part of the last epoch is in both files");
    assert_eq!(summary["classified_equal"], Value::Null);
    for file in ["job/p1/model.enc", "job/p2/P2.key", "job/user/USER.key"] {
        assert!(place.path().join(file).exists(), "{file}");
    }
    require_whole_store(place.path(), &rows);
}

#[test]
fn figures_that_cannot_be_kept_stop_the_training() {
    let (place, out) = place();
    fs::create_dir_all(out.join("history.csv/in-the-way")).unwrap();
    let (code, stderr) = run(place.path(), &format!("{TRAIN} --epochs 10000 --store job --out out"));
    assert_eq!(code, Some(3), "{stderr}");
    assert!(stderr.contains("history.csv") && stderr.contains("the training stops"), "{stderr}");
    let export = "export --store job --what model --public-key job/user/USER.pub --allow-weak-key --out model.enc";
    let (code, stderr) = run(place.path(), export);
    assert_eq!(code, Some(0), "the model is kept all the same: {stderr}");
}

#[test]
fn what_cannot_be_measured_is_an_empty_cell() {
    let (place, out) = place();
    fs::write(place.path().join("rows.csv"), "a,b,label\n-1,-1,0\n-1,1,1\n1,-1,1\n1,1,0\n").unwrap();
    for line in [
        "keygen --key-bits 1024 --allow-weak-key --out P2",
        "encrypt --data rows.csv --target label --public-key P2.pub --allow-weak-key --out rows.enc",
        "train --data rows.enc --layers 2,3,2 --p2-key P2.key --allow-weak-key --epochs 2 --batch 4 --out out",
        "report out",
    ] {
        let (code, stderr) = run(place.path(), line);
        assert_eq!(code, Some(0), "{line}: {stderr}");
    }
    let rows = history(&out);
    assert_eq!(rows.len(), 3);
    for row in &rows {
        assert_eq!((row.train_loss, row.train_accuracy, row.baseline_test_accuracy), (None, None, None));
        assert_eq!(row.running_loss.is_some(), row.epoch > 0);
    }
    assert!(!fs::read_to_string(out.join("history.csv")).unwrap().contains("NaN"));
    assert_eq!(summary(&out)["final_train_accuracy"], Value::Null);
    assert!(out.join("charts/convergence.svg").exists(), "the loss of the steps is drawn");
}

#[test]
fn numbers_out_of_range_are_usage_errors() {
    let (place, _) = place();
    for (flags, message) in [
        ("--test-split 1.5", "between 0 and 1"),
        ("--test-split 0", "between 0 and 1"),
        ("--epochs 0", "1.."),
        ("--max-steps 0", "1.."),
        ("--max-seconds=-1", "seconds are"),
        ("--max-seconds soon", "seconds are"),
    ] {
        let (code, stderr) = run(place.path(), &format!("train --data xor {flags} --out out"));
        assert_eq!(code, Some(2), "{flags}: {stderr}");
        assert!(stderr.contains(message), "{flags}: {stderr}");
    }
}

#[test]
fn what_has_no_place_is_refused_before_the_work_and_a_scaling_is_not_replaced_by_accident() {
    let (place, _) = place();
    fs::write(place.path().join("rows.csv"), "a,label\n-1,0\n1,1\n").unwrap();
    let keygen = "keygen --key-bits 1024 --allow-weak-key --out";
    let encrypt = "encrypt --data rows.csv --target label --public-key P2.pub --allow-weak-key";
    for (line, code, message) in [
        (format!("{keygen} absent/P2"), 3, "absent: there is no such folder"),
        (format!("{keygen} P2"), 0, ""),
        (format!("{encrypt} --out absent/rows.enc"), 3, "absent: there is no such folder"),
        (format!("{encrypt} --out rows.enc"), 0, ""),
        (format!("{encrypt} --out rows.enc"), 2, "rows.scale.json exists"),
        (format!("{encrypt} --out rows.enc --force"), 0, ""),
    ] {
        let (found, stderr) = run(place.path(), &line);
        assert_eq!(found, Some(code), "{line}: {stderr}");
        assert!(stderr.contains(message), "{line}: {stderr}");
    }
}
