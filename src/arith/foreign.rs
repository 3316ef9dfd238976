//! Numbers that come from elsewhere: a modulus whose factors are somebody else's, and residues that must be units.
//!
//! Timing class of the whole file: `_vartime`; whatever is looked at is public.

use std::iter::repeat_n;
use std::sync::LazyLock;

use rug::Integer;
use rug::integer::{IsPrime, Order};

use super::batch::Batch;
use super::engine::Engine;
use super::modulus::Modulus;

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
}

/// Integers as residues, if all of them are units in [0, modulus).
pub(crate) fn load_units(engine: &Engine, modulus: &Modulus, values: &[Integer]) -> Result<Batch, UnitFlaw> {
    let len_bytes = size_of_val(modulus.limbs());
    let mut bytes = vec![0; values.len() * len_bytes];
    for ((index, value), number) in values.iter().enumerate().zip(bytes.chunks_exact_mut(len_bytes)) {
        if value.is_negative() || value.significant_digits::<u8>() > len_bytes {
            return Err(UnitFlaw::NotReduced(index));
        }
        value.write_digits(number, Order::Lsf);
    }
    load_unit_bytes(engine, modulus, &bytes, len_bytes)
}

/// As [`load_units`], from little-endian numbers of `len_bytes` bytes each, which are no more than the limbs of the modulus
/// have. What is left of the bytes after the last whole number is ignored.
pub(crate) fn load_unit_bytes(
    engine: &Engine,
    modulus: &Modulus,
    bytes: &[u8],
    len_bytes: usize,
) -> Result<Batch, UnitFlaw> {
    // Once to the engine's threads and back: others may compute there, too.
    engine.install_long(bytes.len() / len_bytes, || {
        require_reduced(modulus, bytes, len_bytes)?;
        let batch = engine.load_bytes(modulus, bytes, len_bytes);
        require_coprime(engine, modulus, &batch)?;
        Ok(batch)
    })
}

/// Numbers in [1, modulus).
fn require_reduced(modulus: &Modulus, bytes: &[u8], len_bytes: usize) -> Result<(), UnitFlaw> {
    let modulus: Vec<u8> = modulus.limbs().iter().flat_map(|limb| limb.to_le_bytes()).collect();
    for (index, number) in bytes.chunks_exact(len_bytes).enumerate() {
        if number.iter().all(|byte| *byte == 0) {
            return Err(UnitFlaw::Zero(index));
        }
        let above = repeat_n(&0, modulus.len() - len_bytes);
        if above.chain(number.iter().rev()).ge(modulus.iter().rev()) {
            return Err(UnitFlaw::NotReduced(index));
        }
    }
    Ok(())
}

/// One greatest common divisor for all, and others where it is not one, to name the first offender.
fn require_coprime(engine: &Engine, modulus: &Modulus, batch: &Batch) -> Result<(), UnitFlaw> {
    let n = modulus.root().unwrap_or(modulus.value());
    let shares_factor = |value: &Integer| Integer::from(value.gcd_ref(n)) != 1;
    if batch.is_empty() || !engine.store(&engine.joint_factor(batch)).iter().any(shares_factor) {
        return Ok(());
    }
    let offender = engine.store(batch).iter().position(shares_factor);
    Err(UnitFlaw::NotInvertible(offender.unwrap_or_default()))
}
