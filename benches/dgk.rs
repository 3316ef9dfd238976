//! What the comparison's cryptosystem costs, by criterion, a ciphertext: an encryption of bits by the owner, a
//! re-randomisation, a linear combination of what eight comparisons send, a test for zero of all slots, on one thread of each
//! engine.

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use smlp::arith::{Engine, EngineError, EngineKind, EngineOptions, Exponents};
use smlp::dgk::{Ciphertexts, Parameters, SLOTS, SecretKey};
use smlp::rng::SecureRng;
use subtle::Choice;

const KEY_BITS: u32 = 2048;
/// What comparisons of 17 bits have: digits, and bits that tell them.
const DIGITS: usize = 8;
const INDICATORS: usize = 28;
const SIGMA: u32 = 40;
const BATCH: usize = 64 * DIGITS;

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

fn comparison(criterion: &mut Criterion) {
    for engine in engines() {
        let mut rng = SecureRng::from_os();
        let parameters = Parameters::new(KEY_BITS, DIGITS as u32).expect("the lengths are offered");
        let key = SecretKey::generate(&engine, parameters, &mut rng).expect("a key is made");
        let public = key.public_key();
        let bits: Vec<u8> = (0..BATCH).map(|index| (index % 251) as u8).collect();
        let sealed = key.encrypt_bits_many(&engine, &bits, &mut rng).expect("bits are plaintexts");
        public.prepare(&engine, SIGMA).expect("tables are built");
        let zeros = key.is_zero_many(&engine, &sealed).expect("ciphertexts are under this key");
        let is_right = |(zeros, bits): (&[Choice; SLOTS], &u8)| {
            (0..SLOTS).all(|slot| bool::from(zeros[slot]) == (bits >> slot & 1 == 0))
        };
        assert!(zeros.iter().zip(&bits).all(is_right), "results are right");

        let mut group = criterion.benchmark_group("comparison");
        group.sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(BATCH as u64));
        let name = |operation: &str| BenchmarkId::new(format!("{operation}, {}", engine.kind()), KEY_BITS);
        group.bench_function(name("encrypt_bits"), |bencher| {
            bencher.iter(|| key.encrypt_bits_many(&engine, &bits, &mut rng).expect("what ran once runs again"));
        });
        let mut rng = SecureRng::from_os();
        group.bench_function(name("rerandomize"), |bencher| {
            bencher.iter(|| public.rerandomize_many(&engine, &sealed, SIGMA, &mut rng).expect("the key is the same"));
        });
        let groups = BATCH / DIGITS;
        let indices: Vec<usize> = (0..groups * INDICATORS).map(|index| index % BATCH).collect();
        let indicators = Ciphertexts::admit(&engine, public, &engine.store(&sealed.batch().gather(&indices)));
        let indicators = indicators.expect("they are ciphertexts");
        group.bench_function(name("combine"), |bencher| {
            bencher.iter(|| {
                let bits = public.parameters().plaintext_bits() - 1;
                let [factors, constants] =
                    [BATCH * INDICATORS, BATCH].map(|count| Exponents::fresh(count, bits, &mut rng));
                let randomizers =
                    public.randomizers(&engine, BATCH, SIGMA, &mut rng).expect("what ran once runs again");
                indicators.combine(&engine, (&factors, &constants), groups, randomizers).expect("the lengths fit")
            });
        });
        group.bench_function(name("is_zero"), |bencher| {
            bencher.iter(|| key.is_zero_many(&engine, &sealed).expect("what ran once runs again"));
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800));
    targets = comparison
}
criterion_main!(benches);
