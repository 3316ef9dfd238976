//! The same operations on every engine that runs here.

use rug::Integer;

use super::super::test_support::{key, subgroup_key};
use super::super::*;
use crate::arith::{ConstantTime, Engine, EngineError, EngineKind, EngineOptions};
use crate::rng::{SecureRng, SeededRng};

fn engines() -> Vec<Engine> {
    let mut engines = Vec::new();
    for kind in [EngineKind::Gmp, EngineKind::Ifma] {
        for constant_time in [ConstantTime::Default, ConstantTime::Strict] {
            match Engine::new(&EngineOptions { kind, threads: 2, constant_time }) {
                Ok(engine) => engines.push(engine),
                Err(error @ EngineError::Unavailable { .. }) => eprintln!("NOT RUN: {error}"),
                Err(error) => panic!("{error}"),
            }
        }
    }
    engines
}

/// What one engine encrypts and computes, every engine decrypts, with and without the Chinese remainder theorem.
#[test]
fn every_engine_reads_what_every_other_one_wrote() {
    for key in [key(), subgroup_key()] {
        check_every_pair_of_engines(key);
    }
}

fn check_every_pair_of_engines(key: &SecretKey) {
    let (public, mut rng) = (key.public_key(), SecureRng::from_os());
    let mut inputs = SeededRng::new(4, "plaintexts for every engine");
    let mut values: Vec<Integer> = (0..128).map(|_| inputs.integer(900)).collect();
    let largest = Integer::from(public.n() >> 1);
    values[3] = Integer::new();
    values[10] = -largest.clone();
    values[77] = largest;
    let scalars: Vec<Integer> = (0..128).map(|i| inputs.integer(64) * if i % 3 == 0 { -1 } else { 1 }).collect();
    let modulo_n = |value: Integer| public.decode(value.modulo(public.n()));
    let products: Vec<Integer> =
        values.iter().zip(&scalars).map(|(value, scalar)| modulo_n(Integer::from(value * scalar))).collect();
    let sum = modulo_n(products.iter().sum());
    let engines = engines();
    for writer in &engines {
        let fresh = [
            public.encrypt_many(writer, &values, &mut rng).unwrap(),
            key.encrypt_many(writer, &values, &mut rng).unwrap(),
            public.encrypt_rn_many(writer, &values[..16], &mut rng).unwrap(),
        ];
        let multiplied = fresh[0].mul_plain_vartime(writer, &scalars).unwrap();
        let dot = fresh[1].dot_vartime(writer, &scalars).unwrap();
        let results: [(&Ciphertexts, &[Integer]); 5] = [
            (&fresh[0], &values),
            (&fresh[1], &values),
            (&fresh[2], &values[..16]),
            (&multiplied, &products),
            (&dot, std::slice::from_ref(&sum)),
        ];
        for (ciphertexts, expected) in results {
            let numbers = writer.store(ciphertexts.batch());
            for reader in &engines {
                let read = Ciphertexts::admit(reader, public, &numbers).unwrap();
                let opened = key.decrypt_many(reader, &read).unwrap();
                assert!(
                    opened.iter().map(|plaintext| &**plaintext).eq(expected),
                    "{} {}",
                    writer.kind(),
                    reader.kind()
                );
            }
            let long_way = key.decrypt_no_crt_many(writer, ciphertexts).unwrap();
            assert!(long_way.iter().map(|plaintext| &**plaintext).eq(expected), "{}", writer.kind());
        }
    }
}

#[test]
fn one_ciphertext_alone_and_batches_that_fill_no_group_are_as_good() {
    let mut rng = SecureRng::from_os();
    for (engine, key) in engines().iter().flat_map(|engine| [(engine, key()), (engine, subgroup_key())]) {
        for len in [1, 2, 7, 8, 9] {
            let values: Vec<Integer> = (0..len).map(|i| Integer::from(i - 3)).collect();
            let sealed = key.public_key().encrypt_many(engine, &values, &mut rng).unwrap();
            let opened = key.decrypt_many(engine, &sealed).unwrap();
            assert!(opened.iter().map(|plaintext| &**plaintext).eq(&values), "{} of {}", len, engine.kind());
        }
    }
}
