//! Images and labels in IDX files, as a user of the program brings them.

use std::fs;
use std::io::Write;
use std::path::Path;

use assert_cmd::Command;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use tempfile::TempDir;

/// 24 images of 2 x 2 pixels in a folder: a label is 1 where the upper line is the brighter one.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let pixel = |i: u32| (i * 97 % 256) as u8;
    let images: Vec<u8> = (0..24 * 4).map(pixel).collect();
    let sum = |line: &[u8]| u32::from(line[0]) + u32::from(line[1]);
    let labels: Vec<u8> = images.chunks(4).map(|image| u8::from(sum(&image[..2]) > sum(&image[2..]))).collect();
    assert!(labels.contains(&0) && labels.contains(&1));
    write(folder.path(), "images", &[&[0, 0, 8, 3, 0, 0, 0, 24, 0, 0, 0, 2, 0, 0, 0, 2], &images[..]].concat());
    write(folder.path(), "labels", &[&[0, 0, 8, 1, 0, 0, 0, 24], &labels[..]].concat());
    folder
}

/// As it is and compressed.
fn write(folder: &Path, name: &str, bytes: &[u8]) {
    fs::write(folder.join(name), bytes).unwrap();
    let mut encoder = GzEncoder::new(fs::File::create(folder.join(format!("{name}.gz"))).unwrap(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap();
}

/// Exit code, standard output and standard error; the words of the command line stand between spaces.
fn smlp(folder: &Path, line: &str) -> (i32, String, String) {
    let mut command = Command::cargo_bin("smlp").unwrap();
    let output = command.current_dir(folder).args(line.split_whitespace()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn succeeds(folder: &Path, line: &str) -> (String, String) {
    let (code, stdout, stderr) = smlp(folder, line);
    assert_eq!(code, 0, "{line}: {stderr}");
    (stdout, stderr)
}

fn fails(folder: &Path, line: &str, code: i32, parts: &[&str]) {
    let (found, _, stderr) = smlp(folder, line);
    assert_eq!(found, code, "{line}: {stderr}");
    for part in parts {
        assert!(stderr.contains(part), "{line}: {part:?} is not in {stderr}");
    }
}

const WEAK: &str = "--key-bits 1024 --allow-weak-key";

#[test]
fn a_pair_of_files_is_trained_on_and_equals_its_twin() {
    let folder = folder();
    let train =
        format!("train --layers 4,3,2 --protocol packed --batch 4 --max-steps 2 --classify-rows 2 --twin {WEAK}");
    let (stdout, _) = succeeds(folder.path(), &format!("{train} --data images.gz,labels.gz --out whole"));
    assert!(stdout.contains("equal bit for bit"), "{stdout}");
    let (stdout, _) = succeeds(folder.path(), &format!("{train} --data images,labels.gz --rows 15 --out part"));
    assert!(stdout.contains("equal bit for bit"), "{stdout}");

    let summary = |name: &str| -> Value {
        serde_json::from_str(&fs::read_to_string(folder.path().join(name).join("summary.json")).unwrap()).unwrap()
    };
    assert_eq!((&summary("whole")["train_rows"], &summary("part")["train_rows"]), (&19.into(), &12.into()));
    assert_eq!(summary("whole")["inputs"], "pixels");
    assert!(summary("whole")["static_bytes"].as_u64().unwrap() > 0);
    assert_eq!(summary("whole")["class_names"], serde_json::json!(["0", "1"]));
}

#[test]
fn static_ciphertexts_on_disk_give_the_same_model_and_go_away() {
    let folder = folder();
    let train =
        format!("train --data images,labels --layers 4,3,2 --protocol packed --batch 5 --epochs 2 --seed 3 {WEAK}");
    let model = |flags: &str, name: &str| {
        let (_, stderr) = succeeds(folder.path(), &format!("{train} {flags} --store {name} --out {name}-figures"));
        let decrypt = format!("decrypt --key {name}/p2/P2.key --in {name}/p1/model.enc --out {name}.json");
        succeeds(folder.path(), &decrypt);
        (fs::read_to_string(folder.path().join(format!("{name}.json"))).unwrap(), stderr)
    };
    let (in_memory, stderr) = model("", "memory");
    // 19 rows, of which the last batch has 4.
    assert!(stderr.contains("static ciphertexts: 4 batches of at most") && stderr.contains("in memory"), "{stderr}");
    let (on_disk, stderr) = model("--static-dir scratch --drop-last", "dropped");
    assert!(stderr.contains("static ciphertexts: 3 batches x") && stderr.contains("in scratch until"), "{stderr}");
    assert_ne!(in_memory, on_disk, "other batches");
    let (on_disk, _) = model("--static-dir scratch", "disk");
    assert_eq!(in_memory, on_disk);
    assert_eq!(fs::read_dir(folder.path().join("scratch")).unwrap().count(), 0, "nothing is left");

    fs::create_dir(folder.path().join("scratch/static-p1")).unwrap();
    fails(folder.path(), &format!("{train} --static-dir scratch --out o"), 2, &["static-p1 exists", "remove it"]);
    assert!(folder.path().join("scratch/static-p1").exists(), "it is not this training's");
}

#[test]
fn encrypted_images_are_trained_on_and_classified() {
    let folder = folder();
    let weak_key = format!("keygen {WEAK} --out P2");
    succeeds(folder.path(), &weak_key);
    let encrypt = "encrypt --public-key P2.pub --allow-weak-key";
    let (stdout, stderr) =
        succeeds(folder.path(), &format!("{encrypt} --data images.gz,labels.gz --rows 8 --out train.enc"));
    assert!(stdout.contains("train.scale.json") && stderr.contains("48 numbers"), "{stdout} {stderr}");
    succeeds(folder.path(), "decrypt --key P2.key --in train.enc --out back.csv");
    let back = fs::read_to_string(folder.path().join("back.csv")).unwrap();
    let second: Vec<f64> = back.lines().nth(2).unwrap().split(',').map(|cell| cell.parse().unwrap()).collect();
    for (pixel, value) in [132.0, 229.0, 70.0, 167.0].into_iter().zip(&second) {
        assert!((pixel / 255.0 - value).abs() <= 1.0 / 8192.0, "{back}");
    }
    succeeds(
        folder.path(),
        "train --data train.enc --rows 6 --layers 4,3,2 --protocol packed --p2-key P2.key --allow-weak-key --batch 3 \
         --max-steps 1 --store job --out figures",
    );
    succeeds(folder.path(), &format!("{encrypt} --data images --scale train.scale.json --rows 2 --out rows.enc"));
    succeeds(
        folder.path(),
        "classify --store job --data rows.enc --public-key job/user/USER.pub --allow-weak-key --out answers.enc",
    );
    fails(folder.path(), &format!("{encrypt} --data images,labels --target label --out x.enc"), 2, &["--target"]);
    fails(folder.path(), &format!("{encrypt} --data labels --out x.enc"), 3, &["labels: this is a file of labels"]);
}

#[test]
fn unusable_files_are_named_with_what_was_expected() {
    let folder = folder();
    let bytes = fs::read(folder.path().join("images.gz")).unwrap();
    fs::write(folder.path().join("cut.gz"), &bytes[..bytes.len() - 9]).unwrap();
    write(folder.path(), "fewer", &[0, 0, 8, 1, 0, 0, 0, 2, 0, 1]);
    let mut labels = fs::read(folder.path().join("labels")).unwrap();
    labels[20] = 77;
    write(folder.path(), "strange", &labels);
    for (data, code, parts) in [
        (
            "labels.gz,images.gz",
            3,
            &["labels.gz: this is a file of labels; images begin with the bytes 0, 0, 8, 3"][..],
        ),
        ("images.gz", 3, &["images.gz", "IMAGES,LABELS"]),
        ("cut.gz,labels.gz", 3, &["cut.gz: it cannot be unpacked"]),
        ("images.gz,fewer.gz", 3, &["fewer.gz: 2 labels", "images.gz holds 24 images"]),
        ("images.gz,none.gz", 3, &["none.gz"]),
        ("images.gz,strange.gz", 2, &["end in 2 classes", "have 3: 0, 1, 77"]),
    ] {
        fails(folder.path(), &format!("train --data {data} --layers 4,3,2 --out o {WEAK}"), code, parts);
    }
    fails(folder.path(), "train --data images.gz,labels.gz --out o", 2, &["--layers", "4,16,2"]);
    assert!(!folder.path().join("o").exists());
}
