//! Reports from made-up figures: what stands in the charts and on the page.

mod figures;

use std::fs;
use std::path::Path;

use figures::{ENGINES, KINDS, history, peers, pool, primitives, summary, sweep, timing};

use super::*;
use crate::measure::rows::{PoolRow, SweepOutcome, SweepStatus};
use crate::measure::{CsvRow, Summary, SummaryParameters, write_rows};

fn write<R: CsvRow>(folder: &Path, rows: &[R]) {
    fs::create_dir_all(folder).unwrap();
    write_rows(&folder.join(R::FILE_NAME), rows).unwrap();
}

fn write_summary(folder: &Path, summary: &Summary) {
    fs::create_dir_all(folder).unwrap();
    summary.write(&folder.join(Summary::<SummaryParameters>::FILE_NAME)).unwrap();
}

fn report(folder: &Path) -> (ReportSummary, String) {
    let out = folder.join("out");
    let summary = write_report(&[folder.join("in")], &out).unwrap();
    let page = fs::read_to_string(&summary.page).unwrap();
    (summary, page)
}

fn chart(summary: &ReportSummary, stem: &str) -> String {
    let path = summary.charts.iter().find(|path| path.file_stem().unwrap() == stem);
    fs::read_to_string(path.unwrap_or_else(|| panic!("no chart {stem} among {:?}", summary.charts))).unwrap()
}

fn assert_texts(svg: &str, texts: &[&str]) {
    for text in texts {
        assert!(svg.lines().any(|line| line.trim() == *text), "no text {text:?} in {svg}");
    }
}

#[test]
fn everything_is_found_drawn_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in");
    write(&input.join("train"), &history(3));
    write_summary(&input.join("train"), &summary("breast_cancer", "packed", 1.0));
    write_summary(&input.join("train_dgk"), &by_dgk(summary("breast_cancer", "packed", 2.5)));
    write(&input, &primitives(&[1024, 2048, 3072], &ENGINES[..2], &[1, 64]));
    write(&input, &sweep(&[1024, 2048], &[4, 8, 16], &KINDS));
    write(&input, &pool());
    write(&input, &timing());
    write(&input, &peers());
    let (summary, page) = report(folder.path());

    assert_eq!(summary.charts_missing, Vec::<String>::new());
    let read = [
        "in/sweep.csv",
        "in/primitives.csv",
        "in/pool.csv",
        "in/timing.csv",
        "in/peers.csv",
        "in/train/summary.json",
        "in/train/history.csv",
        "in/train_dgk/summary.json",
    ];
    assert_eq!(summary.files_read, read);
    assert_texts(
        &chart(&summary, "convergence"),
        &["encrypted, training part", "plain float, test part", "Epoch", "Loss", "Accuracy (%)"],
    );
    assert_texts(
        &chart(&summary, "primitives_arithmetic"),
        &["add, gmp", "dot_term_64, ifma", "Key length (bits)", "Time of one operation (log scale)", "3072", "1 ms"],
    );
    assert_texts(&chart(&summary, "encryption_forms"), &["r^n (encrypt_rn), gmp", "(encrypt_pooled), ifma"]);
    assert_texts(
        &chart(&summary, "decryption_crt"),
        &["with CRT (decrypt), gmp", "Time of one decryption (log scale)"],
    );
    assert_texts(
        &chart(&summary, "comparison_cost"),
        &["blinded (compare_blinded),", "(compare_dgk), ifma", "Time of one comparison (log scale)"],
    );
    assert_texts(&chart(&summary, "pool_level"), &["0 producers", "1 producer", "2 producers", "Time (s)"]);
    assert_texts(&chart(&summary, "timing_leak"), &["decrypt, ifma, default, 1024 bits", "712", "|t| = 4.5"]);
    assert_texts(&chart(&summary, "step_phases"), &["backward", "relu", "40 ms", "Time of a step"]);
    let job = "breast_cancer, 30-16-2, batch 32, packed, blinded, gmp, 2048 bits: 108 ms a step";
    let bars = ["P1", "P2"].map(|party| format!("{party}, {job}"));
    assert_texts(&chart(&summary, "step_work"), &["decryption", "waiting", "50 ms", &bars[0], &bars[1]]);
    // Both engines were measured with both protocols, dgk with one engine alone.
    assert_texts(
        &chart(&summary, "protocols_1"),
        &["element, blinded", "packed, blinded", "2048-bit keys", "×300", "×100", "100 MB"],
    );
    assert!(!chart(&summary, "protocols_1").contains("dgk"));
    assert_texts(
        &chart(&summary, "protocols_2"),
        &[
            "packed, dgk",
            "×300",
            "Time of a step (log scale)",
            "Traffic of a step (log scale)",
            "Width of the hidden layers (neurons)",
        ],
    );
    assert_texts(&chart(&summary, "step_time_key_length"), &["packed, dgk, ifma", "element, blinded, gmp", "1024"]);
    assert_texts(
        &chart(&summary, "step_time_layer_width"),
        &["packed, blinded, gmp", "Width of the hidden layers (neurons)"],
    );
    assert_texts(
        &chart(&summary, "batch_size"),
        &["decrypt, gmp", "Batch (operations submitted together) (log scale)"],
    );
    for stands in [
        "Some CPU",
        "0123abcd",
        "30-16-2",
        "96.5 %",
        "yes, bit for bit",
        "another &lt;library&gt; 1.5",
        "GMP as the rug crate builds it",
    ] {
        assert!(page.contains(stands), "{stands}");
    }
}

fn by_dgk(mut job: Summary) -> Summary {
    job.parameters.insert("comparison".to_owned(), "dgk".into());
    job
}

#[test]
fn jobs_that_differ_in_the_comparison_alone_stand_in_pairs() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in");
    for (name, scale) in [("blinded", 1), ("dgk", 3)] {
        let mut rows = history(2);
        for row in &mut rows {
            (row.bytes_p1_to_p2, row.bytes_p2_to_p1) = (20_000_000 * scale, 8_000_000 * scale);
        }
        write(&input.join(name), &rows[1..]);
    }
    let mut subgroup = summary("digits", "packed", 1.0);
    subgroup.parameters.insert("key_form".to_owned(), "subgroup".into());
    let mut seeded = by_dgk(summary("digits", "packed", 2.5));
    seeded.parameters.insert("seed".to_owned(), 7.into());
    let mut elsewhere = by_dgk(subgroup.clone());
    elsewhere.machine.cpu_model = "Another CPU".to_owned();
    let strict = {
        let mut job = by_dgk(summary("xor", "packed", 1.0));
        job.parameters.insert("constant_time".to_owned(), "strict".into());
        job
    };
    for (name, job) in [
        ("blinded", summary("digits", "packed", 1.0)),
        ("dgk", seeded),
        ("element", by_dgk(summary("digits", "element", 40.0))),
        ("subgroup", subgroup),
        ("elsewhere", elsewhere),
        ("xor", summary("xor", "packed", 1.0)),
        ("xor_strict", strict),
    ] {
        write_summary(&input.join(name), &job);
    }
    let (summary, _) = report(folder.path());
    let svg = chart(&summary, "comparison_steps");
    assert_texts(
        &svg,
        &[
            "digits, 30-16-2, batch 32, packed, gmp, 2048 bits",
            "98 ms",
            "245 ms, ×2.5",
            "2 MB",
            "6 MB, ×3",
            "blinded: leaks a noisy",
            "Traffic of a step",
        ],
    );
    // No other two differ in the comparison alone.
    assert_eq!(svg.matches("batch 32").count(), 1, "{svg}");
}

#[test]
fn pairs_that_read_alike_are_told_apart_by_their_folders() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in");
    for threads in [1, 2] {
        for (name, job) in [("blinded", summary("xor", "packed", 1.0)), ("dgk", by_dgk(summary("xor", "packed", 2.0)))]
        {
            let mut job = job;
            job.parameters.insert("threads".to_owned(), threads.into());
            write_summary(&input.join(format!("{name}_{threads}")), &job);
        }
    }
    let (summary, _) = report(folder.path());
    let job = "xor, 30-16-2, batch 32, packed, gmp, 2048 bits";
    let names = [1, 2].map(|threads| format!("{job} (in/blinded_{threads}, in/dgk_{threads})"));
    assert_texts(&chart(&summary, "comparison_steps"), &[&names[0], &names[1]]);
}

#[test]
fn the_page_needs_nothing_beside_itself() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in");
    write(&input, &primitives(&[2048], &ENGINES[..1], &[64]));
    write_summary(&input, &summary("xor", "element", 1.0));
    let (_, page) = report(folder.path());
    let without_namespace = page.replace("http://www.w3.org/2000/svg", "");
    for outside in ["http:", "https:", "src=", "@import", "url(", "<script", "<link"] {
        assert!(!without_namespace.contains(outside), "{outside}");
    }
    assert!(!page.contains(folder.path().to_str().unwrap()), "no path of the machine");
}

#[test]
fn text_from_files_cannot_leave_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in");
    let hostile = "<script>alert('x')</script>";
    let mut rows = sweep(&[1024], &[4], &KINDS[..1]);
    rows[0].key.engine = hostile.to_owned();
    rows[0].outcome.reason = Some(hostile.to_owned());
    write(&input, &rows);
    let mut rows = primitives(&[2048], &ENGINES[..1], &[64]);
    rows[0].operation = format!("\"{hostile}");
    write(&input, &rows);
    let mut job = summary(hostile, "packed", 1.0);
    job.phase_ms.insert(hostile.to_owned(), 70.0);
    job.commit = hostile.to_owned();
    write_summary(&input, &job);
    let (summary, page) = report(folder.path());
    assert!(page.contains("&lt;script&gt;"));
    assert!(!page.contains("<script"));
    for path in &summary.charts {
        assert!(!fs::read_to_string(path).unwrap().contains("<script"), "{path:?}");
    }
}

#[test]
fn charts_without_data_are_left_out_with_a_note() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in");
    write(&input, &history(0));
    let mut rows = primitives(&[2048], &ENGINES[..1], &[64]);
    rows.retain(|row| row.operation == "add");
    write(&input, &rows);
    let (summary, page) = report(folder.path());
    assert_eq!(summary.charts.len(), 1, "{:?}", summary.charts);
    assert_eq!(summary.charts_missing.len(), 13);
    assert!(
        summary.charts_missing.contains(&"Step time by phase: needs summary.json with phases (smlp train)".to_owned())
    );
    assert!(page.contains("Convergence: needs history.csv"));
}

#[test]
fn a_folder_with_nothing_usable_is_refused_with_the_names_that_were_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("notes.txt"), "nothing").unwrap();
    let error = write_report(&[folder.path().to_path_buf()], &folder.path().join("out")).unwrap_err();
    assert_eq!(error.exit_code(), 3);
    for name in ["summary.json", "history.csv", "sweep.csv", "primitives.csv", "pool.csv"] {
        assert!(error.to_string().contains(name), "{error}");
    }
    assert!(!folder.path().join("out").exists());
    let absent = write_report(&[folder.path().join("absent")], folder.path()).unwrap_err();
    assert_eq!(absent.exit_code(), 3);
    assert_eq!(write_report(&[], folder.path()).unwrap_err().exit_code(), 2);
}

#[test]
fn the_same_figures_give_the_same_report() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in");
    write(&input, &history(40));
    write(&input, &sweep(&[1024, 2048], &[4, 8], &KINDS));
    assert_eq!(report(folder.path()), report(folder.path()));
}

#[test]
fn figures_that_are_no_numbers_or_zero_are_left_out_and_the_rest_is_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in");
    let mut rows = history(5);
    rows[2].train_loss = Some(f64::NAN);
    rows[3].test_loss = Some(f64::INFINITY);
    rows[4].baseline_test_loss = None;
    write(&input, &rows);
    let mut rows = primitives(&[1024, 2048, 3072], &ENGINES, &[64]);
    rows[0].median_ns = f64::NAN;
    rows[1].min_ns = 0.0;
    rows[2].max_ns = f64::INFINITY;
    rows[3].median_ns = 0.0;
    rows[4].median_ns = 1e300;
    write(&input, &rows);
    let mut rows = sweep(&[1024, 2048, 3072], &[4, 8], &KINDS);
    rows[0].outcome = SweepOutcome {
        status: SweepStatus::Failed,
        reason: Some("the key is too short".to_owned()),
        step_ms_median: None,
        step_ms_min: None,
        step_ms_max: None,
        ..rows[0].outcome.clone()
    };
    rows[1].outcome.step_ms_median = Some(f64::NAN);
    write(&input, &rows);
    let mut rows = pool();
    rows[0].seconds = f64::NAN;
    write(&input, &rows);
    let (summary, page) = report(folder.path());
    for path in &summary.charts {
        let svg = fs::read_to_string(path).unwrap();
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{path:?}");
        let without_colours = svg.split('"').filter(|part| !part.starts_with('#')).collect::<Vec<_>>().join(" ");
        let numbers = without_colours.split(|c: char| !c.is_ascii_digit() && c != '-');
        for number in numbers.filter_map(|text| text.parse::<i64>().ok()) {
            assert!(number.abs() < 10_000, "{number} in {path:?}");
        }
    }
    assert!(page.contains("failed: the key is too short"));
}

#[test]
fn one_row_is_enough_for_a_chart() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in");
    write(&input, &primitives(&[2048], &ENGINES[..1], &[8])[..1]);
    write(&input, &sweep(&[2048], &[8], &KINDS[..1]));
    write(&input, &pool()[..1]);
    let (summary, _) = report(folder.path());
    for stem in ["primitives_powers", "step_time_key_length", "step_time_layer_width", "pool_level"] {
        assert!(chart(&summary, stem).contains("<circle"), "{stem}");
    }
}

#[test]
fn runs_in_several_folders_keep_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in");
    for (name, scale) in [("first", 1.0), ("second", 40.0)] {
        write(&input.join(name), &history(3));
        write_summary(&input.join(name), &summary("xor", "element", scale));
    }
    let (summary, page) = report(folder.path());
    assert_texts(&chart(&summary, "convergence_1"), &["Convergence (in/first)"]);
    assert_texts(&chart(&summary, "convergence_2"), &["Convergence (in/second)"]);
    assert_texts(&chart(&summary, "step_phases"), &["Share of the step (%)"]);
    assert!(page.contains("<h3>in/second</h3>"));
}

#[test]
fn a_broken_file_is_named_with_row_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in");
    write(&input, &pool());
    let path = input.join(PoolRow::FILE_NAME);
    let text = fs::read_to_string(&path).unwrap().replacen("0,0.1,", "0,soon,", 1);
    fs::write(&path, text).unwrap();
    let error = write_report(&[input], &folder.path().join("out")).unwrap_err();
    assert!(error.to_string().contains("row 2, column seconds"), "{error}");
    assert_eq!(error.exit_code(), 3);
}

#[test]
fn many_phases_are_gathered_and_add_up() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in");
    let mut job = summary("digits", "packed", 1.0);
    job.phase_ms = (1..=10).map(|number| (format!("phase {number}"), f64::from(number))).collect();
    write_summary(&input, &job);
    let (summary, _) = report(folder.path());
    let svg = chart(&summary, "step_phases");
    // 1 + 2 + 3 + 4 under one name, the six largest under their own.
    assert_texts(&svg, &["other phases", "10 ms", "phase 10", "phase 5"]);
    assert!(svg.contains("55 ms a step") && !svg.contains("phase 4"), "{svg}");
}
