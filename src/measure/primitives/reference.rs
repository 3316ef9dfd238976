//! What an operation is measured against: the plainest way to the same result, with GMP as the rug crate builds it by
//! default, on one thread.

use rug::{Assign, Integer};

use super::Operation;
use crate::error::Error;
use crate::measure::runner::Subject;
use crate::paillier::KeyForm;
use crate::rng::SeededRng;

/// The reference of `operation`, if it has one, with a random modulus of the same length as the key's.
pub(super) fn reference(operation: Operation, key_bits: u32) -> Option<Subject<'static, Error>> {
    let mut rng = SeededRng::new(u64::from(key_bits), "reference");
    let subgroup = KeyForm::Subgroup;
    match operation {
        Operation::Decrypt => Some(two_secure_powers(key_bits, key_bits / 2, &mut rng)),
        Operation::DecryptSubgroup => Some(two_secure_powers(key_bits, subgroup.order_bits(key_bits)?, &mut rng)),
        Operation::EncryptPublicSubgroup => {
            Some(products(key_bits, subgroup.randomizer_bits(key_bits).div_ceil(8), &mut rng))
        }
        Operation::EncryptPublic => Some(products(key_bits, key_bits / 16, &mut rng)),
        Operation::Add => Some(products(key_bits, 1, &mut rng)),
        Operation::MulPlain64 => Some(power(key_bits, 64, false, &mut rng)),
        Operation::DotTerm64 => Some(power(key_bits, 64, true, &mut rng)),
        Operation::DotTerm32 => Some(power(key_bits, 32, true, &mut rng)),
        _ => None,
    }
}

/// Two `mpz_powm_sec` modulo p^2 with exponents of `exponent_bits` bits.
fn two_secure_powers(key_bits: u32, exponent_bits: u32, rng: &mut SeededRng) -> Subject<'static, Error> {
    let modulus = odd(key_bits / 2, rng).square();
    let base = rng.integer(key_bits - 1);
    let exponent = odd(exponent_bits, rng);
    let power = move || Integer::from(base.secure_pow_mod_ref(&exponent, &modulus));
    Subject::new(1, move || Ok((power(), power())))
}

/// `count` times `mpz_mul` and `mpz_tdiv_r` modulo n^2.
fn products(key_bits: u32, count: u32, rng: &mut SeededRng) -> Subject<'static, Error> {
    let modulus = odd(key_bits, rng).square();
    let factor = rng.integer(2 * key_bits - 1);
    let mut product = factor.clone();
    let mut wide = Integer::with_capacity(4 * key_bits as usize);
    Subject::new(1, move || {
        for _ in 0..count {
            wide.assign(&product * &factor);
            product.assign(&wide % &modulus);
        }
        Ok(())
    })
}

/// `mpz_powm` modulo n^2 and, for a term of a sum, a product.
fn power(key_bits: u32, exponent_bits: u32, is_term: bool, rng: &mut SeededRng) -> Subject<'static, Error> {
    let modulus = odd(key_bits, rng).square();
    let base = rng.integer(2 * key_bits - 1);
    let exponent = odd(exponent_bits, rng);
    let mut sum = rng.integer(2 * key_bits - 1);
    Subject::new(1, move || {
        let power = base.pow_mod_ref(&exponent, &modulus).expect("a power with a positive exponent exists");
        let power = Integer::from(power);
        if is_term {
            sum *= &power;
            sum %= &modulus;
        }
        Ok(power)
    })
}

/// A random odd number of exactly `bits` bits.
fn odd(bits: u32, rng: &mut SeededRng) -> Integer {
    let mut number = rng.integer(bits);
    number.set_bit(bits - 1, true);
    number.set_bit(0, true);
    number
}
