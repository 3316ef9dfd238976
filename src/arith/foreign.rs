//! Numbers that come from elsewhere: a modulus whose factors are somebody else's, and residues that must be units.
//!
//! Timing class of the whole file: `_vartime`; whatever is looked at is public.

use std::sync::LazyLock;

use rayon::prelude::*;
use rug::Integer;
use rug::integer::{IsPrime, Order};

use super::batch::Batch;
use super::engine::Engine;
use super::error::EngineError;
use super::modulus::{Moduli, Modulus};
use crate::secret::SecretLimbs;

/// Candidates for (p + q) / 2 that are tried. Step i finds p and q when (sqrt p - sqrt q)^2 / 2 <= i, so n is refused
/// whenever |p - q| < sqrt(8 * FERMAT_STEPS) * n^(1/4), and nothing is said about primes further apart.
const FERMAT_STEPS: u32 = 1000;
/// Every prime factor below this is found.
const SMALL_FACTOR_BOUND: u32 = 1 << 16;
/// Miller-Rabin rounds (behind a Baillie-PSW test).
const PRIMALITY_ROUNDS: u32 = 24;

/// Why a number is no product of two large primes that are hard to find, as far as that shows at once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ModulusFlaw {
    #[error("n is even")]
    Even,
    #[error("n is a prime, so anybody can decrypt")]
    Prime,
    #[error("n and {0} have a prime factor in common")]
    SmallFactor(Integer),
    #[error("n is a square, so p = q")]
    Square,
    #[error("{FERMAT_STEPS} steps of Fermat's method factor n: its primes are too close to each other")]
    ClosePrimes,
}

/// The first flaw of a positive n, in the order of [`ModulusFlaw`].
pub(crate) fn modulus_flaw(n: &Integer) -> Option<ModulusFlaw> {
    if n.is_even() {
        return Some(ModulusFlaw::Even);
    }
    if n.is_probably_prime(PRIMALITY_ROUNDS) != IsPrime::No {
        return Some(ModulusFlaw::Prime);
    }
    let small = Integer::from(n.gcd_ref(&SMALL_PRIMES_PRODUCT));
    if small != 1 {
        return Some(ModulusFlaw::SmallFactor(small));
    }
    if n.is_perfect_square() {
        return Some(ModulusFlaw::Square);
    }
    fermat_factors(n).then_some(ModulusFlaw::ClosePrimes)
}

/// True when n = a^2 - b^2 for one of the FERMAT_STEPS numbers a from ceil(sqrt n) on.
fn fermat_factors(n: &Integer) -> bool {
    let first = Integer::from(n.sqrt_ref()) + 1u32;
    let mut remainder = Integer::from(first.square_ref()) - n;
    // (a + 1)^2 - a^2 = 2 a + 1.
    let mut increment = Integer::from(&first << 1) + 1u32;
    for _ in 0..FERMAT_STEPS {
        if remainder.is_perfect_square() {
            return true;
        }
        remainder += &increment;
        increment += 2;
    }
    false
}

static SMALL_PRIMES_PRODUCT: LazyLock<Integer> =
    LazyLock::new(|| Integer::from(Integer::primorial(SMALL_FACTOR_BOUND)));

/// Why foreign numbers are no units of a modulus; each with the position of the first offender.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UnitFlaw {
    #[error("ciphertext {0} is 0")]
    Zero(usize),
    #[error("ciphertext {0} is not below the modulus of the ciphertexts")]
    NotReduced(usize),
    #[error("ciphertext {0} has a factor in common with n")]
    NotInvertible(usize),
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Integers as residues, if all of them are units in [0, modulus).
pub(crate) fn load_units(engine: &Engine, modulus: &Modulus, values: &[Integer]) -> Result<Batch, UnitFlaw> {
    let width = modulus.limbs().len();
    let mut numbers = vec![0; values.len() * width];
    for ((index, value), number) in values.iter().enumerate().zip(numbers.chunks_exact_mut(width)) {
        if value.is_negative() || value.significant_digits::<u64>() > width {
            return Err(UnitFlaw::NotReduced(index));
        }
        value.write_digits(number, Order::Lsf);
    }
    load_unit_limbs(engine, modulus, numbers)
}

/// As [`load_units`], from little-endian numbers of `len_bytes` bytes each, which are no more than the limbs of the modulus
/// have. What is left of the bytes after the last whole number is ignored.
pub(crate) fn load_unit_bytes(
    engine: &Engine,
    modulus: &Modulus,
    bytes: &[u8],
    len_bytes: usize,
) -> Result<Batch, UnitFlaw> {
    let width = modulus.limbs().len();
    let mut numbers = vec![0; bytes.len() / len_bytes * width];
    let read = |(number, bytes): (&mut [u64], &[u8])| {
        let (whole, rest) = bytes.as_chunks();
        for (limb, bytes) in number.iter_mut().zip(whole) {
            *limb = u64::from_le_bytes(*bytes);
        }
        if !rest.is_empty() {
            let mut last = [0; size_of::<u64>()];
            last[..rest.len()].copy_from_slice(rest);
            number[whole.len()] = u64::from_le_bytes(last);
        }
    };
    engine.install(|| numbers.par_chunks_exact_mut(width).zip(bytes.par_chunks_exact(len_bytes)).for_each(read));
    load_unit_limbs(engine, modulus, numbers)
}

/// Residues as little-endian numbers of `len_bytes` bytes each, which is as long as the modulus or longer.
pub(crate) fn store_bytes(engine: &Engine, batch: &Batch, len_bytes: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(batch.len() * len_bytes + size_of::<u64>());
    let numbers = engine.store_limbs(batch);
    for (index, number) in numbers.as_slice().chunks_exact(batch.moduli().limb_count().max(1)).enumerate() {
        number.iter().for_each(|limb| bytes.extend_from_slice(&limb.to_le_bytes()));
        // Below the modulus, so that nothing but zeros is cut or added.
        bytes.resize((index + 1) * len_bytes, 0);
    }
    bytes
}

fn load_unit_limbs(engine: &Engine, modulus: &Modulus, numbers: Vec<u64>) -> Result<Batch, UnitFlaw> {
    let width = modulus.limbs().len();
    for (index, number) in numbers.chunks_exact(width).enumerate() {
        if number.iter().all(|limb| *limb == 0) {
            return Err(UnitFlaw::Zero(index));
        }
        if number.iter().rev().ge(modulus.limbs().iter().rev()) {
            return Err(UnitFlaw::NotReduced(index));
        }
    }
    let len = numbers.len() / width;
    let batch = engine.load_limbs(&Moduli::from(modulus), &SecretLimbs::new(numbers), len);
    if len > 0 {
        // One greatest common divisor for all, and others where it is not one, to name the first offender.
        let n = modulus.root().unwrap_or(modulus.value());
        let shares_factor = |value: &Integer| Integer::from(value.gcd_ref(n)) != 1;
        if shares_factor(&engine.store(&engine.product_runs(&batch, len)?)[0]) {
            let offender = engine.store(&batch).iter().position(shares_factor);
            return Err(UnitFlaw::NotInvertible(offender.unwrap_or_default()));
        }
    }
    Ok(batch)
}
