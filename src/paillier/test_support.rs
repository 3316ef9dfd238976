//! One engine and two keys for all tests of the room: key generation is what costs.

use std::sync::OnceLock;

use rug::Integer;

use super::{Ciphertexts, KeyForm, SecretKey};
use crate::arith::{Engine, EngineOptions};
use crate::rng::SecureRng;

pub(super) fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::new(&EngineOptions { threads: 2, ..EngineOptions::from_env().unwrap() }).unwrap())
}

pub(super) fn key() -> &'static SecretKey {
    static KEY: OnceLock<SecretKey> = OnceLock::new();
    KEY.get_or_init(new_key)
}

pub(super) fn other_key() -> &'static SecretKey {
    static KEY: OnceLock<SecretKey> = OnceLock::new();
    KEY.get_or_init(new_key)
}

/// A key whose h generates a subgroup.
pub(super) fn subgroup_key() -> &'static SecretKey {
    static KEY: OnceLock<SecretKey> = OnceLock::new();
    let generate = || SecretKey::generate_form(engine(), 1024, KeyForm::Subgroup, &mut SecureRng::from_os()).unwrap();
    KEY.get_or_init(generate)
}

fn new_key() -> SecretKey {
    SecretKey::generate(engine(), 1024, &mut SecureRng::from_os()).unwrap()
}

pub(super) fn encrypt(values: &[Integer]) -> Ciphertexts {
    key().encrypt_many(engine(), values, &mut SecureRng::from_os()).unwrap()
}

pub(super) fn decrypt(ciphertexts: &Ciphertexts) -> Vec<Integer> {
    let plaintexts = key().decrypt_many(engine(), ciphertexts).unwrap();
    plaintexts.iter().map(|plaintext| Integer::clone(plaintext)).collect()
}
