//! What the primitives cost, by criterion; inputs and checks are those of `smlp primitives`.

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use smlp::arith::{Engine, EngineError, EngineKind, EngineOptions};
#[cfg(target_arch = "x86_64")]
use smlp::arith::{KernelSpeed, kernel_speed};
use smlp::measure::primitives::{Fixture, Operation};

const KEY_BITS: [u32; 3] = [1024, 2048, 3072];
/// Fills the lanes of every engine.
const BATCH: usize = 8;

const GROUPS: [(&str, &[Operation]); 11] = [
    ("powers", &[Operation::ModexpN2, Operation::ModexpP2]),
    (
        "encryption",
        &[Operation::EncryptRn, Operation::EncryptPublic, Operation::EncryptOwner, Operation::EncryptPooled],
    ),
    ("decryption", &[Operation::Decrypt, Operation::DecryptNoCrt]),
    ("addition", &[Operation::Add]),
    ("scalar product", &[Operation::MulPlain64, Operation::DotTerm32]),
    ("re-randomisation", &[Operation::Rerandomize]),
    ("packing", &[Operation::Pack]),
    ("MulEnc", &[Operation::MulEnc]),
    ("DivEnc", &[Operation::DivEnc]),
    ("MaxEnc", &[Operation::MaxEnc]),
    ("comparisons", &[Operation::CompareBlinded, Operation::CompareDgk]),
];

/// The engine that SMLP_ENGINE names, else all that run here.
fn engines() -> Vec<Engine> {
    let asked = EngineOptions { threads: 1, ..EngineOptions::from_env().expect("SMLP_ENGINE names an engine") };
    let kinds = match asked.kind {
        EngineKind::Auto => EngineKind::ALL.into_iter().filter(|kind| *kind != EngineKind::Auto).collect(),
        kind => vec![kind],
    };
    let engine = |kind| match Engine::new(&EngineOptions { kind, ..asked.clone() }) {
        Err(error @ EngineError::Unavailable { .. }) => {
            println!("not measured: {error}");
            None
        }
        engine => Some(engine.expect("the engine passes its self-test")),
    };
    kinds.into_iter().filter_map(engine).collect()
}

fn primitives(criterion: &mut Criterion) {
    print_kernel_speed();
    for engine in engines() {
        primitives_of(criterion, &engine);
    }
}

/// Limb multiply-adds a second of the kernels, against a loop of nothing else.
fn print_kernel_speed() {
    #[cfg(target_arch = "x86_64")]
    for limbs in [20, 30, 40, 60, 80] {
        if let Some(KernelSpeed { peak, product, square }) = kernel_speed(limbs) {
            println!(
                "kernels of {limbs} limbs: product {:.1}, square {:.1} of a peak of {:.1} thousand million limb \
                 multiply-adds a second ({:.0} % and {:.0} %)",
                product / 1e9,
                square / 1e9,
                peak / 1e9,
                100.0 * product / peak,
                100.0 * square / peak
            );
        }
    }
}

fn primitives_of(criterion: &mut Criterion, engine: &Engine) {
    for key_bits in KEY_BITS {
        let fixture = Fixture::new(engine, key_bits).expect("every supported length has keys");
        for (name, operations) in GROUPS {
            let mut group = criterion.benchmark_group(name);
            group.sampling_mode(SamplingMode::Flat);
            for operation in operations {
                let elements = || fixture.workload(*operation, BATCH).expect("the inputs are valid").operations();
                group.throughput(Throughput::Elements(elements()));
                group.bench_function(
                    BenchmarkId::new(format!("{operation}, {}", engine.kind()), key_bits),
                    |bencher| {
                        let mut workload = fixture.workload(*operation, BATCH).expect("the inputs are valid");
                        workload.run_checked().expect("results are right");
                        let mut run = || workload.run().expect("what ran once runs again");
                        bencher.iter_custom(|batches| (0..batches).map(|_| run()).sum());
                    },
                );
            }
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800));
    targets = primitives
}
criterion_main!(benches);
