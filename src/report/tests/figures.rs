//! Made-up figures of plausible size and shape.

use serde_json::{Value, json};

use crate::measure::Summary;
use crate::measure::machine::MachineFacts;
use crate::measure::rows::{
    HistoryRow, PeerRow, PoolRow, PrimitiveRow, SweepKey, SweepOutcome, SweepRow, SweepStatus, TimingRow,
};

pub const ENGINES: [(&str, f64); 3] = [("gmp", 1.0), ("ifma", 9.3), ("gpu", 88.0)];
pub const KINDS: [(&str, &str, &str, f64); 5] = [
    ("element", "blinded", "gmp", 4200.0),
    ("element", "blinded", "ifma", 510.0),
    ("packed", "blinded", "gmp", 14.0),
    ("packed", "blinded", "ifma", 1.7),
    ("packed", "dgk", "ifma", 2.9),
];

pub fn history(epochs: u64) -> Vec<HistoryRow> {
    let row = |epoch: u64| {
        let progress = 1.0 - (-(epoch as f64) * 0.6).exp();
        HistoryRow {
            epoch,
            seconds: epoch as f64 * 12.5,
            train_loss: Some(0.25 - 0.21 * progress),
            train_accuracy: Some(0.5 + 0.47 * progress),
            test_loss: Some(0.26 - 0.2 * progress),
            test_accuracy: Some(0.48 + 0.48 * progress),
            baseline_test_accuracy: Some(0.48 + 0.48 * progress),
            bytes_p1_to_p2: 1_900_000,
            bytes_p2_to_p1: 900_000,
            round_trips: 140,
            steps: Some(epoch * 14),
            baseline_train_loss: Some(0.25 - 0.212 * progress),
            baseline_train_accuracy: Some(0.5 + 0.471 * progress),
            baseline_test_loss: Some(0.26 - 0.203 * progress),
            running_loss: (epoch > 0).then_some(0.26 - 0.2 * progress),
        }
    };
    (0..=epochs).map(row).collect()
}

pub fn primitives(key_lengths: &[u32], engines: &[(&str, f64)], batches: &[u64]) -> Vec<PrimitiveRow> {
    let operations = [
        ("keygen", 9.0e7, 3.6),
        ("encrypt_rn", 7.6e6, 2.9),
        ("encrypt_public", 6.0e5, 2.7),
        ("encrypt_owner", 2.9e5, 2.7),
        ("encrypt_pooled", 3.1e3, 1.6),
        ("rerandomize", 6.2e5, 2.7),
        ("decrypt", 2.1e6, 2.9),
        ("decrypt_no_crt", 7.4e6, 2.9),
        ("add", 2.9e3, 1.7),
        ("mul_plain_64", 2.6e5, 1.8),
        ("dot_term_64", 2.0e5, 1.8),
        ("dot_term_32", 1.1e5, 1.8),
        ("pack", 4.0e6, 1.8),
        ("modexp_n2_1024", 3.9e6, 1.9),
        ("modexp_p2_1024", 1.05e6, 1.9),
        ("mul_enc", 1.4e7, 2.8),
        ("div_enc", 9.0e6, 2.8),
        ("max_enc", 2.4e7, 2.8),
        ("compare_blinded", 1.1e5, 2.8),
        ("compare_dgk", 6.5e5, 2.8),
    ];
    let mut rows = Vec::new();
    for (operation, nanoseconds, growth) in operations {
        for (engine, faster) in engines {
            for key_bits in key_lengths {
                for batch in batches {
                    let lanes = if *engine == "gmp" { 1.0 } else { (8.0 / *batch as f64).max(1.0) };
                    let median_ns = nanoseconds * (f64::from(*key_bits) / 2048.0).powf(growth) / faster * lanes;
                    rows.push(PrimitiveRow {
                        operation: operation.to_owned(),
                        engine: (*engine).to_owned(),
                        timing_class: "constant".to_owned(),
                        key_bits: *key_bits,
                        batch: *batch,
                        threads: 1,
                        samples: 15,
                        median_ns,
                        min_ns: median_ns * 0.96,
                        max_ns: median_ns * 1.31,
                        ratio_to_gmp: (operation != "keygen").then_some(*faster),
                    });
                }
            }
        }
    }
    rows
}

pub fn sweep(key_lengths: &[u32], widths: &[u64], kinds: &[(&str, &str, &str, f64)]) -> Vec<SweepRow> {
    let mut rows = Vec::new();
    for (protocol, comparison, engine, factor) in kinds {
        for key_bits in key_lengths {
            for hidden in widths {
                let median = factor * (f64::from(*key_bits) / 2048.0).powf(2.5) * (*hidden as f64 + 2.0);
                rows.push(SweepRow {
                    key: SweepKey {
                        data: "majority:10".to_owned(),
                        protocol: (*protocol).to_owned(),
                        comparison: (*comparison).to_owned(),
                        engine: (*engine).to_owned(),
                        key_bits: *key_bits,
                        layers: format!("10-{hidden}-2"),
                        hidden: *hidden,
                        depth: 1,
                        batch: 4,
                        threads: 2,
                        sigma: 40,
                        fraction_bits: 13,
                        rtt_ms: 0.0,
                    },
                    outcome: SweepOutcome {
                        status: SweepStatus::Done,
                        reason: None,
                        steps: 5,
                        step_ms_median: Some(median),
                        step_ms_min: Some(median * 0.93),
                        step_ms_max: Some(median * 1.22),
                        bytes_per_step: Some(if *protocol == "element" { 2.4e8 } else { 2.4e6 }),
                        round_trips_per_step: Some(9.0),
                        test_accuracy: Some(0.95),
                        baseline_test_accuracy: Some(0.95),
                    },
                });
            }
        }
    }
    rows
}

pub fn timing() -> Vec<TimingRow> {
    let row = |operation: &str, t: f64, control| TimingRow {
        operation: operation.to_owned(),
        engine: "ifma".to_owned(),
        constant_time: "default".to_owned(),
        key_bits: 1024,
        samples: 5000,
        t,
        control,
    };
    vec![row("decrypt", -1.25, false), row("secret_power", 6.5, false), row("public_power", 712.0, true)]
}

pub fn peers() -> Vec<PeerRow> {
    let row = |library: &str, times_smlp| PeerRow {
        operation: "decrypt".to_owned(),
        key_bits: 2048,
        library: library.to_owned(),
        version: "1.5".to_owned(),
        median_ns: 1e6,
        times_smlp,
    };
    vec![row("smlp", 1.0), row("another <library>", 10.5)]
}

pub fn pool() -> Vec<PoolRow> {
    let level = |producers: u64, tick: u64| {
        let made = producers * tick * 3;
        (200 + made).saturating_sub(tick * 4).min(400)
    };
    let rows = (0..3).flat_map(|producers| (0..120).map(move |tick| (producers, tick)));
    rows.map(|(producers, tick)| PoolRow {
        producers,
        seconds: tick as f64 * 0.1,
        level: level(producers, tick),
        hits: Some(tick * 4),
        misses: Some(0),
        key_bits: Some(2048),
    })
    .collect()
}

pub fn summary(data: &str, protocol: &str, scale: f64) -> Summary {
    let Value::Object(parameters) = json!({
        "data": data, "layers": [30, 16, 2], "protocol": protocol, "comparison": "blinded", "engine": "gmp",
        "key_bits": 2048, "epochs": 10, "batch": 32, "learning_rate": 0.2, "seed": null, "drop_last": true,
    }) else {
        unreachable!("it is an object")
    };
    let phases = [("forward", 31.0), ("relu", 22.0), ("loss", 6.0), ("backward", 40.0), ("update", 9.5)];
    let work = [("encryption", 50.0), ("decryption", 28.5), ("waiting", 30.0)];
    let work = work.map(|(name, value)| (name.to_owned(), value * scale));
    Summary {
        parameters,
        steps: 140,
        step_ms_median: 98.0 * scale,
        step_ms_all: vec![98.0 * scale; 140],
        step_bytes: 0,
        phase_ms: phases.iter().map(|(name, value)| ((*name).to_owned(), value * scale)).collect(),
        work_ms: ["P1", "P2"].map(|party| (party.to_owned(), work.clone().into())).into(),
        epoch_seconds: vec![1.4 * scale; 10],
        setup_seconds: 3.2,
        setup_bytes: 5_400_000,
        model_test_seconds: 0.0,
        evaluation_seconds: 0.4,
        static_bytes: 0,
        pool_level_start: 0,
        pool_hits: 10_000,
        pool_misses: 1_200,
        final_train_accuracy: 0.97,
        final_test_accuracy: Some(0.9649),
        final_baseline_test_accuracy: Some(0.9649),
        twin_equal: Some(true),
        peak_memory_bytes: Some(900 << 20),
        machine: MachineFacts {
            cpu_model: "Some CPU".to_owned(),
            cpu_cores: 2,
            cpu_features: vec!["avx2".to_owned()],
            memory_bytes: Some(8 << 30),
            os: "linux".to_owned(),
            kernel: Some("6.1".to_owned()),
            arch: "x86_64".to_owned(),
            smlp_version: "0.1.0".to_owned(),
        },
        commit: "0123abcd".to_owned(),
    }
}
