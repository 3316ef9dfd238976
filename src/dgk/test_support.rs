//! The engines and two keys for all tests of the room: key generation is what costs.

use std::sync::LazyLock;

use super::{Ciphertexts, Parameters, SecretKey};
use crate::arith::{ConstantTime, Engine, EngineError, EngineKind, EngineOptions};
use crate::rng::SecureRng;

/// sigma of the tests.
pub(super) const SIGMA: u32 = 40;

static ENGINES: LazyLock<Vec<Engine>> = LazyLock::new(|| {
    let settings = [EngineKind::Gmp, EngineKind::Ifma]
        .into_iter()
        .flat_map(|kind| [ConstantTime::Default, ConstantTime::Strict].map(|constant_time| (kind, constant_time)));
    let engines = settings.filter_map(|(kind, constant_time)| {
        match Engine::new(&EngineOptions { kind, threads: 2, constant_time }) {
            Err(error @ EngineError::Unavailable { .. }) => {
                eprintln!("NOT RUN: {error}");
                None
            }
            engine => Some(engine.expect("every engine that is available gives the known answers")),
        }
    });
    engines.collect()
});

/// Of each kind that runs here one engine, and one in strict constant time; GMP first.
pub(super) fn engines() -> &'static [Engine] {
    &ENGINES
}

pub(super) fn engine() -> &'static Engine {
    &engines()[0]
}

/// A key whose slots are for numbers up to 8.
pub(super) fn key() -> &'static SecretKey {
    static KEY: LazyLock<SecretKey> = LazyLock::new(|| new_key(8));
    &KEY
}

pub(super) fn other_key() -> &'static SecretKey {
    static KEY: LazyLock<SecretKey> = LazyLock::new(|| new_key(64));
    &KEY
}

fn new_key(slot_bound: u32) -> SecretKey {
    let parameters = Parameters::new(1024, slot_bound).unwrap();
    SecretKey::generate(engine(), parameters, &mut SecureRng::from_os()).unwrap()
}

pub(super) fn u() -> u64 {
    key().public_key().parameters().plaintext_modulus()
}

pub(super) fn encrypt(engine: &Engine, plaintexts: &[u64]) -> Ciphertexts {
    key().encrypt_many(engine, plaintexts, &mut SecureRng::from_os()).unwrap()
}

pub(super) fn decrypt(engine: &Engine, ciphertexts: &Ciphertexts) -> Vec<u64> {
    key().decrypt_many(engine, ciphertexts).unwrap().to_vec()
}
