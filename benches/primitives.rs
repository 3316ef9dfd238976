//! What the primitives cost, by criterion; inputs and checks are those of `smlp primitives`.

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use smlp::arith::{Engine, EngineOptions};
use smlp::measure::primitives::{Fixture, Operation};

const KEY_BITS: [u32; 3] = [1024, 2048, 3072];
/// Fills the lanes of every engine.
const BATCH: usize = 8;

const GROUPS: [(&str, &[Operation]); 10] = [
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
];

fn primitives(criterion: &mut Criterion) {
    let options = EngineOptions { threads: 1, ..EngineOptions::from_env().expect("SMLP_ENGINE names an engine") };
    let engine = Engine::new(&options).expect("the engine passes its self-test");
    for key_bits in KEY_BITS {
        let fixture = Fixture::new(&engine, key_bits).expect("every supported length has keys");
        for (name, operations) in GROUPS {
            let mut group = criterion.benchmark_group(name);
            group.sampling_mode(SamplingMode::Flat);
            for operation in operations {
                let elements = || fixture.workload(*operation, BATCH).expect("the inputs are valid").operations();
                group.throughput(Throughput::Elements(elements()));
                group.bench_function(BenchmarkId::new(operation.name(), key_bits), |bencher| {
                    let mut workload = fixture.workload(*operation, BATCH).expect("the inputs are valid");
                    workload.run_checked().expect("results are right");
                    let mut run = || workload.run().expect("what ran once runs again");
                    bencher.iter_custom(|batches| (0..batches).map(|_| run()).sum());
                });
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
