//! The program as its users meet it: files, columns, exit codes and messages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

/// A folder of its own for one test.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Place(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Runs `smlp` in the folder; the words of the command line stand between spaces.
    fn smlp(&self, line: &str) -> Run {
        let mut command = Command::cargo_bin("smlp").unwrap();
        let output = command.current_dir(self.0.path()).args(line.split_whitespace()).output().unwrap();
        Run {
            line: line.to_owned(),
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn keygen(&self, name: &str) {
        self.smlp(&format!("keygen --key-bits 1024 --allow-weak-key --out {name}")).succeeds();
    }
}

struct Run {
    line: String,
    code: i32,
    stdout: String,
    stderr: String,
}

impl Run {
    fn succeeds(self) -> Run {
        assert_eq!(self.code, 0, "{}: {}", self.line, self.stderr);
        self
    }

    /// Ends with `code` and an error that says all of `parts`.
    fn fails(self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, code, "{}: {}", self.line, self.stderr);
        assert!(self.stderr.contains("error: "), "{}: {}", self.line, self.stderr);
        for part in parts {
            assert!(self.stderr.contains(part), "{}: {part:?} is not in {}", self.line, self.stderr);
        }
    }
}

/// Four words of two bits, with their parity twice over.
const PARITY_CSV: &str = "a,b,label\n-1,-1,0\n-1,1,1\n1,-1,1\n1,1,0\n-1,-1,0\n-1,1,1\n1,-1,1\n1,1,0\n";
const ROWS_CSV: &str = "a,b\n-1,-1\n-1,1\n1,1\n";

fn column_names(csv: &str) -> Vec<&str> {
    csv.lines().next().unwrap().split(',').collect()
}

fn rows(csv: &str) -> Vec<Vec<f64>> {
    let number = |cell: &str| if cell.is_empty() { f64::NAN } else { cell.parse().unwrap() };
    csv.lines().skip(1).map(|line| line.split(',').map(number).collect()).collect()
}

/// Scores of a row by a model in the clear, ReLU hidden and linear output.
fn forward(model: &Value, row: &[f64]) -> Vec<f64> {
    let numbers =
        |value: &Value| -> Vec<f64> { value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect() };
    let (weights, biases) = (model["weights"].as_array().unwrap(), model["biases"].as_array().unwrap());
    let mut values = row.to_vec();
    let last_layer = weights.len() - 1;
    for (layer, (weights, biases)) in weights.iter().zip(biases).enumerate() {
        let weights = numbers(weights);
        let sums = numbers(biases).into_iter().enumerate().map(|(neuron, bias)| {
            let row = &weights[neuron * values.len()..(neuron + 1) * values.len()];
            bias + row.iter().zip(&values).map(|(w, v)| w * v).sum::<f64>()
        });
        values = if layer < last_layer { sums.map(|sum| sum.max(0.0)).collect() } else { sums.collect() };
    }
    values
}

/// From keys to opened answers; the scores are those that the stored model gives in the clear.
#[test]
fn a_user_gets_answers_from_a_stored_model_and_nobody_else_does() {
    let place = Place::new();
    for name in ["P2", "alice", "bob"] {
        place.keygen(name);
    }
    place.write("train.csv", PARITY_CSV);
    place.write("rows.csv", ROWS_CSV);
    place
        .smlp("encrypt --data train.csv --target label --public-key P2.pub --allow-weak-key --out train.enc")
        .succeeds();
    place
        .smlp(
            "train --data train.enc --protocol element --layers 2,3,2 --p2-key P2.key --allow-weak-key --reader alice.pub --batch 4 \
             --max-steps 2 --store job --out figures",
        )
        .succeeds();
    let encrypt = "encrypt --data rows.csv --scale train.scale.json --public-key P2.pub --allow-weak-key --out";
    place.smlp(&format!("{encrypt} rows.enc")).succeeds();
    let classify = "classify --store job --data rows.enc --allow-weak-key --public-key";
    let first = place.smlp(&format!("{classify} alice.pub --out answers.enc")).succeeds();
    assert!(first.stderr.contains("answers with scores"), "{}", first.stderr);
    assert!(first.stdout.contains("query         0"), "{}", first.stdout);
    let second = place.smlp(&format!("{classify} job/user/USER.pub --scores --out owner.enc")).succeeds();
    assert!(second.stdout.contains("query         1"), "no number is used twice: {}", second.stdout);
    place.smlp(&format!("{classify} bob.pub --out bob.enc")).fails(4, &["may not receive"]);
    assert!(!place.path("bob.enc").exists());

    place.smlp("decrypt --key bob.key --in answers.enc --out stolen.csv").fails(3, &["answers.enc", "refused by rule"]);
    place.smlp("decrypt --key alice.key --in answers.enc --out answers.csv").succeeds();
    place.smlp("decrypt --key P2.key --in job/p1/model.enc --out model.json").succeeds();
    let answers = place.read("answers.csv");
    assert_eq!(column_names(&answers), ["label", "score_0", "score_1"]);
    let model: Value = serde_json::from_str(&place.read("model.json")).unwrap();
    let answers = rows(&answers);
    assert_eq!(answers.len(), 3);
    for (answer, row) in answers.iter().zip([[-1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]]) {
        let scores = forward(&model, &row);
        for (encrypted, clear) in answer[1..].iter().zip(&scores) {
            assert!((encrypted - clear).abs() < 1e-2, "{answer:?} against {scores:?}");
        }
        assert_eq!(answer[0], if answer[2] > answer[1] { 1.0 } else { 0.0 });
    }

    let export = "export --store job --public-key job/user/USER.pub --allow-weak-key";
    place.smlp(&format!("{export} --what model --out model.enc")).succeeds();
    place.smlp("decrypt --key job/user/USER.key --in model.enc --out exported.json").succeeds();
    assert_eq!(place.read("exported.json"), place.read("model.json"));
    place.smlp(&format!("{export} --what curve --out curve.enc")).succeeds();
    place.smlp("decrypt --key job/user/USER.key --in curve.enc --out curve.csv").succeeds();
    has_the_losses_of_the_training(&place);

    place.smlp("decrypt --key P2.key --in train.enc --out back.csv").succeeds();
    assert_eq!(rows(&place.read("back.csv")), rows(PARITY_CSV));
    tampered_state_is_noticed(&place, classify);
}

/// The exported curve is what the owner read while the job was trained.
fn has_the_losses_of_the_training(place: &Place) {
    let (curve, history) = (place.read("curve.csv"), place.read("figures/history.csv"));
    let of_epochs = |csv: &str, column: usize| -> Vec<(f64, f64)> {
        let cells = |line: &str| line.split(',').map(|cell| cell.parse().unwrap_or(f64::NAN)).collect::<Vec<f64>>();
        csv.lines().skip(1).map(cells).map(|cells| (cells[0], cells[column])).collect()
    };
    assert_eq!(column_names(&curve), ["epoch", "loss"]);
    let running_loss = column_names(&history).iter().position(|name| *name == "running_loss").unwrap();
    // Epoch 0 has no loss of its own.
    assert_eq!(of_epochs(&curve, 1), of_epochs(&history, running_loss)[1..]);
    assert!(curve.lines().count() > 1);
}

/// The same way with the packed protocol, where labels come back, the model stays packed, and its owner takes it home.
#[test]
fn the_packed_protocol_answers_with_labels_and_hands_the_model_to_its_owner() {
    let place = Place::new();
    for name in ["P2", "owner", "alice", "eve"] {
        place.keygen(name);
    }
    place.write("train.csv", &PARITY_CSV.replace(",1\n", ",odd\n").replace(",0\n", ",even\n"));
    place.write("rows.csv", ROWS_CSV);
    place
        .smlp("encrypt --data train.csv --target label --public-key P2.pub --allow-weak-key --out train.enc")
        .succeeds();
    place
        .smlp(
            "train --protocol packed --data train.enc --layers 2,3,2 --p2-key P2.key --allow-weak-key --reader alice.pub \
             --model-reader owner.pub --batch 3 --max-steps 4 --epochs 2 --store job --out figures",
        )
        .succeeds();
    place
        .smlp("encrypt --data rows.csv --scale train.scale.json --public-key P2.pub --allow-weak-key --out rows.enc")
        .succeeds();

    let classify = "classify --store job --data rows.enc --allow-weak-key --public-key";
    let first = place.smlp(&format!("{classify} alice.pub --out labels.enc")).succeeds();
    assert!(first.stdout.contains("a label a row") && first.stdout.contains("query       0"), "{}", first.stdout);
    let second = place.smlp(&format!("{classify} alice.pub --scores --out scores.enc")).succeeds();
    assert!(second.stdout.contains("query         1"), "no number is used twice: {}", second.stdout);
    place.smlp(&format!("{classify} eve.pub --out eve.enc")).fails(4, &["may not receive answers"]);
    place.smlp("decrypt --key eve.key --in labels.enc --out stolen.csv").fails(3, &["labels.enc", "refused by rule"]);

    let decrypt = "decrypt --key alice.key --in";
    place.smlp(&format!("{decrypt} labels.enc --scale train.scale.json --out labels.csv")).succeeds();
    place.smlp(&format!("{decrypt} labels.enc --out indexes.csv")).succeeds();
    place.smlp(&format!("{decrypt} scores.enc --out scores.csv")).succeeds();
    let (labels, indexes) = (place.read("labels.csv"), rows(&place.read("indexes.csv")));
    let scores = rows(&place.read("scores.csv"));
    assert_eq!((column_names(&labels), indexes.len(), scores.len()), (vec!["label"], 3, 3));
    for (row, label) in labels.lines().skip(1).enumerate() {
        assert_eq!(label, ["even", "odd"][indexes[row][0] as usize]);
        assert_eq!(indexes[row][0], if scores[row][2] > scores[row][1] { 1.0 } else { 0.0 });
    }

    let export = "export --store job --allow-weak-key --public-key";
    place.smlp(&format!("{export} owner.pub --what model --out model.enc")).succeeds();
    for stranger in ["alice", "eve"] {
        let line = format!("{export} {stranger}.pub --what model --out stolen.enc");
        place.smlp(&line).fails(4, &["may not receive the model"]);
    }
    place.smlp(&format!("{export} job/user/USER.pub --what curve --out curve.enc")).succeeds();
    assert!(!place.path("stolen.enc").exists());
    place.smlp("decrypt --key owner.key --in model.enc --out model.json").succeeds();
    place.smlp("decrypt --key job/user/USER.key --in curve.enc --out curve.csv").succeeds();
    has_the_losses_of_the_training(&place);

    let predict = "predict --model model.json --data rows.csv --scale train.scale.json";
    place.smlp(&format!("{predict} --out clear.csv")).succeeds();
    let clear = place.read("clear.csv");
    assert_eq!(place.smlp(predict).succeeds().stdout, clear, "standard output without --out");
    for (row, line) in clear.lines().skip(1).enumerate() {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!(cells[0], labels.lines().nth(row + 1).unwrap());
        for class in [1, 2] {
            let score: f64 = cells[class].parse().unwrap();
            assert!((score - scores[row][class]).abs() < 1e-2, "{line} against {:?}", scores[row]);
        }
    }
    // As many ciphertexts as 17 parameters need at 17 slots of 59 bits in a key of 1024.
    let stored = fs::metadata(place.path("job/p1/model.enc")).unwrap().len();
    assert!(stored < 2 * 256 + 200, "the model at rest has {stored} bytes");
    damaged_stores_are_refused(&place, classify);
}

/// What was cut, or belongs to another job, names its file.
fn damaged_stores_are_refused(place: &Place, classify: &str) {
    let classify = format!("{classify} alice.pub --out x.enc");
    let spoil = |name: &str, change: &dyn Fn(&mut Vec<u8>), parts: &[&str]| {
        let good = fs::read(place.path(name)).unwrap();
        let mut bad = good.clone();
        change(&mut bad);
        fs::write(place.path(name), bad).unwrap();
        place.smlp(&classify).fails(3, parts);
        fs::write(place.path(name), good).unwrap();
    };
    for name in ["job/p1/model.enc", "job/p1/curve.enc", "job/p1/masks.key"] {
        let file = name.rsplit('/').next().unwrap();
        spoil(name, &|bytes| bytes[90] ^= 1, &[file, "damaged"]);
        spoil(name, &|bytes| bytes.truncate(60), &[file, "truncated"]);
    }
    let curve = fs::read(place.path("job/p1/curve.enc")).unwrap();
    spoil("job/p1/model.enc", &|bytes| bytes.clone_from(&curve), &["model.enc", "encrypted loss curve"]);
    spoil("job/p1/queries.json", &|bytes| bytes.clear(), &["queries.json"]);

    let train = "train --data train.enc --p2-key P2.key --allow-weak-key --batch 3 --max-steps 1 --out other";
    place.smlp(&format!("{train} --protocol packed --layers 2,4,2 --store wider")).succeeds();
    let wider = fs::read(place.path("wider/p1/model.enc")).unwrap();
    spoil("job/p1/model.enc", &|bytes| bytes.clone_from(&wider), &["model.enc", "belongs to another job"]);
    place.smlp(&format!("{train} --protocol element --layers 2,3,2 --store single")).succeeds();
    let single = fs::read(place.path("single/p1/model.enc")).unwrap();
    spoil("job/p1/model.enc", &|bytes| bytes.clone_from(&single), &["the model is stored as", "another job"]);
    place.smlp(&classify).succeeds();
}

/// The two servers must mean the same job.
fn tampered_state_is_noticed(place: &Place, classify: &str) {
    let job = place.read("job/p2/job.json");
    fs::write(place.path("job/p2/job.json"), job.replace("\"sigma\": 40", "\"sigma\": 41")).unwrap();
    place.smlp(&format!("{classify} alice.pub --out x.enc")).fails(4, &["disagrees about the job's configuration"]);
}

#[test]
fn a_training_writes_its_figures_and_keeps_p2s_key_from_p1() {
    let place = Place::new();
    let train = "train --data parity:4 --protocol element --layers 4,3,2 --key-bits 1024 --allow-weak-key --batch 2 --max-steps 2 \
                 --classify-rows 2 --twin --seed 7 --store job --out figures";
    let run = place.smlp(train).succeeds();
    assert!(run.stderr.contains("blinded comparisons show P2"), "{}", run.stderr);
    assert!(run.stderr.contains("step 2/2"), "{}", run.stderr);
    assert!(run.stdout.contains("equal bit for bit"), "{}", run.stdout);

    let history = place.read("figures/history.csv");
    let relied_upon = "epoch,seconds,train_loss,train_accuracy,test_loss,test_accuracy,baseline_test_accuracy,\
                       bytes_p1_to_p2,bytes_p2_to_p1,round_trips";
    assert!(history.starts_with(relied_upon), "{history}");
    let table = rows(&history);
    assert_eq!(table.iter().map(|row| row[0]).collect::<Vec<_>>(), [0.0, 1.0], "epoch 0 and the part of epoch 1");
    assert_eq!((table[0][1], table[0][9]), (0.0, 0.0));
    assert!(table[1][1] > 0.0 && table[1][7] > 0.0 && table[1][8] > 0.0 && table[1][9] > 0.0, "{history}");

    let summary: Value = serde_json::from_str(&place.read("figures/summary.json")).unwrap();
    for field in [
        "data",
        "layers",
        "protocol",
        "comparison",
        "engine",
        "key_bits",
        "batch",
        "learning_rate",
        "fraction_bits",
        "sigma",
        "epochs",
        "seed",
        "steps",
        "step_ms_median",
        "step_ms_all",
        "phase_ms",
        "epoch_seconds",
        "setup_seconds",
        "setup_bytes",
        "evaluation_seconds",
        "pool_level_start",
        "pool_hits",
        "pool_misses",
        "final_train_accuracy",
        "final_test_accuracy",
        "twin_equal",
        "peak_memory_bytes",
        "machine",
        "commit",
    ] {
        assert!(!summary[field].is_null(), "{field} is missing: {summary}");
    }
    assert_eq!(summary["twin_equal"], true);
    assert_eq!(summary["classified_equal"], true);
    assert_eq!((&summary["steps"], &summary["pool_level_start"]), (&Value::from(2), &Value::from(0)));
    assert_eq!(summary["step_ms_all"].as_array().unwrap().len(), 2);
    assert!(summary["pool_misses"].as_u64().unwrap() > 0);

    let names = |folder: &str| -> Vec<String> {
        let entries = fs::read_dir(place.path(folder)).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(names("job/p1"), ["P2.pub", "curve.enc", "job.json", "masks.key", "model.enc", "queries.json"]);
    assert_eq!(names("job/p2"), ["P2.key", "job.json", "queries.json"]);
    for secret in ["job/p1/masks.key", "job/p2/P2.key", "job/user/USER.key", "job/user/scale.json"] {
        is_for_its_owner_only(&place.path(secret));
    }
    place.smlp(train).fails(2, &["model.enc exists"]);

    let report = place.smlp("report figures").succeeds();
    assert!(report.stdout.contains("report.html"));
    assert!(place.read("figures/report.html").contains("<svg"));
}

/// Every test row, and the labels are those of the integer twin.
#[test]
fn a_packed_training_classifies_all_test_rows_at_its_end() {
    let place = Place::new();
    let train = "train --protocol packed --data majority:5 --layers 5,3,2 --key-bits 1024 --allow-weak-key --batch 8 \
                 --max-steps 2 --test-split 0.4 --twin --store job --out figures";
    let run = place.smlp(train).succeeds();
    assert!(run.stdout.contains("labels as computed in the clear"), "{}", run.stdout);
    let summary: Value = serde_json::from_str(&place.read("figures/summary.json")).unwrap();
    assert_eq!((&summary["classified_equal"], &summary["twin_equal"]), (&Value::from(true), &Value::from(true)));
    let rows = summary["classify_rows"].as_u64().unwrap();
    assert!(rows == 12 || rows == 13, "four tenths of 32 rows, not {rows}");
    assert!(place.read("job/p2/queries.json").contains("\"next_query\": 1"));
    place
        .smlp("export --store job --what curve --public-key job/user/USER.pub --allow-weak-key --out c.enc")
        .succeeds();
    assert!(place.read("job/p2/queries.json").contains("\"next_query\": 2"));
}

#[cfg(unix)]
fn is_for_its_owner_only(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
}

#[cfg(not(unix))]
fn is_for_its_owner_only(_path: &Path) {}

#[test]
fn a_key_is_never_overwritten_by_accident() {
    let place = Place::new();
    place.keygen("alice");
    is_for_its_owner_only(&place.path("alice.key"));
    let before = fs::read(place.path("alice.key")).unwrap();
    let again = "keygen --key-bits 1024 --allow-weak-key --out alice";
    place.smlp(again).fails(2, &["alice.pub exists", "--force"]);
    assert_eq!(fs::read(place.path("alice.key")).unwrap(), before);
    place.smlp(&format!("{again} --force")).succeeds();
    assert_ne!(fs::read(place.path("alice.key")).unwrap(), before);
}

#[test]
fn weak_keys_need_a_word() {
    let place = Place::new();
    place.smlp("keygen --key-bits 1024 --out weak").fails(2, &["1024 bits", "--allow-weak-key"]);
    place.smlp("train --data xor --key-bits 1024 --out o").fails(2, &["--allow-weak-key"]);
    place.keygen("weak");
    place.write("train.csv", PARITY_CSV);
    let encrypt = "encrypt --data train.csv --target label --public-key weak.pub --out x.enc";
    place.smlp(encrypt).fails(2, &["--allow-weak-key"]);
}

#[test]
fn usage_errors_end_with_2() {
    let place = Place::new();
    place.keygen("P2");
    place.write("rows.csv", ROWS_CSV);
    place.write("train.csv", PARITY_CSV);
    for (line, part) in [
        ("", "Usage"),
        ("tarin", "tarin"),
        ("train --data xor", "--out"),
        ("train --data xor --layers 2 --out o", "layers"),
        ("train --data xor --comparison magic --out o", "blinded"),
        ("train --data xor --protocol batched --out o", "packed"),
        ("train --data xor --bound weight=3 --out o", "weights"),
        ("train --data xor --engine abacus --out o", "abacus"),
        ("train --data xor --threads 0 --out o", "threads"),
        ("train --data xor --learning-rate 0 --out o", "learning rate"),
        ("train --data xor --layers 3,4,2 --out o", "columns"),
        ("train --data train.csv --out o", "--layers"),
        ("keygen --key-bits 1025 --allow-weak-key --out k", "1025"),
        ("encrypt --data rows.csv --public-key P2.pub --out x.enc", "--target"),
        ("keygen --key-bits 2048 --seed 1 --out k", "--seed"),
        ("export --store job --what weights --public-key P2.pub --out x.enc", "curve"),
        ("predict --data rows.csv", "--model"),
    ] {
        let run = place.smlp(line);
        assert_eq!(run.code, 2, "{line}: {}", run.stderr);
        assert!(run.stderr.contains(part), "{line}: {}", run.stderr);
    }
}

#[test]
fn bad_input_ends_with_3_and_names_its_place() {
    let place = Place::new();
    place.keygen("P2");
    place.write("text.csv", "a,b,label\n1,2,x\n3,four,y\n");
    place.write("empty.csv", "a,b,label\n1,2,x\n3,,y\n");
    place.write("one.csv", "a,b,label\n1,2,x\n3,4,x\n");
    place.write("good.csv", PARITY_CSV);
    place.write("rows.csv", ROWS_CSV);
    let weak = "--public-key P2.pub --allow-weak-key --out x.enc";
    place.smlp(&format!("encrypt --data text.csv --target label {weak}")).fails(3, &["text.csv", "row 3", "\"b\""]);
    place.smlp("train --data empty.csv --layers 2,3,2 --out o").fails(3, &["empty.csv", "row 3", "\"b\""]);
    place.smlp("train --data one.csv --layers 2,3,2 --out o").fails(3, &["one.csv", "\"label\""]);
    place.smlp("train --data good.csv --target labl --layers 2,3,2 --out o").fails(3, &["good.csv", "label"]);
    place.smlp("train --data none.csv --layers 2,3,2 --out o").fails(3, &["none.csv"]);
    place.smlp("train --data none.enc --layers 2,3,2 --out o").fails(3, &["none.enc"]);
    place.smlp("encrypt --data good.csv --target label --public-key P2.key --out x.enc").fails(3, &["private key"]);
    place
        .smlp("classify --store none --data x.enc --public-key P2.pub --allow-weak-key --out y.enc")
        .fails(3, &["none"]);
    place.smlp("decrypt --key P2.key --in good.csv --out y.csv").fails(3, &["good.csv"]);
    place.smlp("predict --model none.json --data rows.csv").fails(3, &["none.json"]);
    place.write("model.json", r#"{"layers":[3,2],"fraction_bits":13,"weights":[[0,0,0,0,0,0.1]],"biases":[[0,0]]}"#);
    place.smlp("predict --model model.json --data rows.csv").fails(3, &["model.json", "2^-13"]);
    place.smlp("export --store none --what model --public-key P2.pub --allow-weak-key --out y.enc").fails(3, &["none"]);
    place.smlp("report none").fails(3, &["none"]);
    place
        .smlp("train --data xor --key-bits 1024 --allow-weak-key --store good.csv/job --out spent")
        .fails(3, &["good.csv", "p1"]);
    assert!(!place.path("spent/history.csv").exists(), "trained before looking where the model goes");

    place.smlp(&format!("encrypt --data good.csv --target label {weak}")).succeeds();
    let mut bytes = fs::read(place.path("x.enc")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(place.path("x.enc"), bytes).unwrap();
    let train = "train --data x.enc --layers 2,3,2 --p2-key P2.key --allow-weak-key --out o";
    place.smlp(train).fails(3, &["x.enc", "damaged"]);
    place.write("scale.json", "{}");
    place.smlp(&format!("encrypt --data rows.csv --scale scale.json {weak}")).fails(3, &["scale.json"]);
    assert!(!place.path("o/history.csv").exists());
}

#[test]
fn every_command_explains_its_flags() {
    let place = Place::new();
    let commands = "reproduce train keygen encrypt classify export decrypt predict sweep primitives report doctor"
        .split(' ')
        .collect::<Vec<_>>();
    let overview = place.smlp("--help").succeeds().stdout;
    for command in commands {
        assert!(overview.contains(command), "{command}: {overview}");
        let help = place.smlp(&format!("{command} --help")).succeeds().stdout;
        for global in ["--quiet", "--threads", "--engine"] {
            assert!(help.contains(global), "{command}: {help}");
        }
        assert!(help.contains(&format!("smlp {command}")), "{command} has no example: {help}");
    }
}

#[test]
fn the_doctor_tells_engines_and_versions() {
    let place = Place::new();
    let findings: Value = serde_json::from_str(&place.smlp("doctor --json --threads 1").succeeds().stdout).unwrap();
    assert_eq!(findings["threads"], 1);
    assert!(findings["gmp_version"].as_str().unwrap().starts_with("6."));
    let engines = findings["engines"].as_array().unwrap();
    assert!(engines.iter().any(|engine| engine["kind"] == "gmp" && engine["self_test_passed"] == true), "{engines:?}");
    let table = place.smlp("doctor").succeeds().stdout;
    assert!(table.contains("known answers right"), "{table}");
}

#[test]
fn quiet_means_silence_on_standard_error() {
    let place = Place::new();
    let train = "train --data xor --layers 2,2,2 --key-bits 1024 --allow-weak-key --batch 1 --max-steps 1 \
                 --test-split 0.99 --classify-rows 1 --out o --quiet";
    let run = place.smlp(train).succeeds();
    assert_eq!(run.stderr, "");
    assert!(run.stdout.contains("steps"));
}

/// As behind `2>&1 | head -1`.
#[test]
fn a_reader_of_progress_that_goes_away_ends_nothing() {
    let place = Place::new();
    place.keygen("P2");
    place.write("train.csv", PARITY_CSV);
    let code_unheard = |line: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_smlp"));
        command.current_dir(place.path(".")).args(line.split_whitespace()).stderr(Stdio::piped()).stdout(Stdio::null());
        let mut child = command.spawn().unwrap();
        drop(child.stderr.take());
        child.wait().unwrap().code()
    };
    let encrypt = "encrypt --data train.csv --target label --public-key P2.pub --allow-weak-key --out x.enc";
    assert_eq!(code_unheard(encrypt), Some(0));
    assert!(place.path("x.enc").exists());
    assert_eq!(code_unheard("report none"), Some(3));
}
