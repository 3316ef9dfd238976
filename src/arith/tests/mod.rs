//! Every operation against crypto-bigint, which shares no code with GMP, on every setting of the engine.

mod constant;
mod crt;
mod equality;
mod operations;
mod oracle;
mod plain;
mod shapes;
mod units;

use std::sync::LazyLock;

use proptest::prelude::*;
use rug::Integer;
use rug::integer::Order;

use super::{ConstantTime, Engine, EngineError, EngineKind, EngineOptions, Exponents, Modulus};
use crate::secret::SecretLimbs;

static ENGINES: LazyLock<Vec<Engine>> = LazyLock::new(|| {
    let settings = [(1, ConstantTime::Default), (2, ConstantTime::Default), (2, ConstantTime::Strict)];
    let kinds = [EngineKind::Gmp, EngineKind::Ifma];
    let options = kinds
        .into_iter()
        .flat_map(|kind| settings.map(|(threads, constant_time)| EngineOptions { kind, threads, constant_time }));
    let engines = options.filter_map(|options| match Engine::new(&options) {
        Err(error @ EngineError::Unavailable { .. }) => {
            eprintln!("NOT RUN: {error}");
            None
        }
        engine => Some(engine.expect("every engine that is available gives the known answers")),
    });
    engines.collect()
});

/// Of each kind that runs here one engine on one thread, one on two, and one in strict constant time; GMP first.
fn engines() -> &'static [Engine] {
    &ENGINES
}

/// An integer of at most `bits` bits, often with long runs of zeros and ones.
fn integer(bits: u32) -> impl Strategy<Value = Integer> {
    let limb = prop_oneof![3 => any::<u64>(), 1 => Just(0), 1 => Just(u64::MAX)];
    let limbs = proptest::collection::vec(limb, bits.div_ceil(64) as usize);
    limbs.prop_map(move |limbs| Integer::from_digits(&limbs, Order::Lsf).keep_bits(bits))
}

/// An odd number of exactly `bits` bits.
fn odd(bits: u32) -> impl Strategy<Value = Integer> {
    integer(bits).prop_map(move |mut value| {
        value.set_bit(0, true);
        value.set_bit(bits - 1, true);
        value
    })
}

/// Squares and moduli of no special form, public and secret, of lengths around the limits of limbs.
fn modulus() -> impl Strategy<Value = Modulus> {
    let bits = prop_oneof![Just(9u32), Just(17), Just(32), Just(63), Just(64), Just(65), Just(321)];
    bits.prop_flat_map(odd).prop_flat_map(|root| {
        prop_oneof![
            Just(Modulus::square_of(&root)),
            Just(Modulus::secret_square_of(&secret(&root))),
            Just(Modulus::plain(&root)),
            Just(Modulus::secret_plain(&secret(&root))),
        ]
    })
}

/// `count` residues: the edges of the range, the root, and others.
fn residues(modulus: &Modulus, count: usize) -> impl Strategy<Value = Vec<Integer>> + use<> {
    let largest = Integer::from(modulus.value() - 1u32);
    let root = modulus.root().unwrap_or(&largest).clone();
    let value = modulus.value().clone();
    let residue = prop_oneof![
        1 => Just(Integer::new()),
        1 => Just(Integer::from(1)),
        1 => Just(largest),
        1 => Just(root),
        6 => integer(modulus.bits()).prop_map(move |residue| residue % &value),
    ];
    proptest::collection::vec(residue, count)
}

fn secret(value: &Integer) -> SecretLimbs {
    SecretLimbs::from_integer(value, value.significant_digits::<u64>().max(1))
}

/// The same exponents in each timing class.
fn in_each_class(values: &[Integer], bits: u32) -> [Exponents; 3] {
    let limbs = || values.iter().map(secret).collect::<Vec<_>>();
    [Exponents::public(values), Exponents::single_use(limbs(), bits), Exponents::long_lived(limbs(), bits)]
}
