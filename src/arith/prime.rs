//! Primes for keys.
//!
//! Timing class of the whole file: `constant` for the prime that is kept. Candidates that are rejected leave early;
//! they are independent of the one that is kept, so the time tells how many there were and nothing else.

use std::sync::LazyLock;

use subtle::Choice;

use super::constant;
use crate::rng::SecureRng;
use crate::secret::SecretLimbs;

/// |p - q| > 2^(bits - this): far beyond the reach of Fermat's method (FIPS 186-5, A.1.3).
pub(crate) const TOP_BITS_APART: u32 = 100;
/// Miller-Rabin rounds with independent random bases: a composite, whatever it is, passes each with probability at most
/// 1/4 (Rabin, "Probabilistic algorithm for testing primality", 1980), so all of them with at most 2^-128.
const MILLER_RABIN_ROUNDS: u32 = 64;
/// Odd primes below this are tried as divisors first: five candidates of six end there.
const TRIAL_DIVISION_BOUND: u64 = 1 << 11;

/// A random prime p = 3 mod 4 of exactly `bits` bits whose two highest bits are set, so that the product of two such
/// primes has exactly 2 `bits` bits.
pub(crate) fn random_prime(bits: u32, rng: &mut SecureRng) -> SecretLimbs {
    loop {
        let mut candidate = rng.bits(bits);
        for bit in [0, 1, bits - 2, bits - 1] {
            candidate.as_mut_slice()[(bit / 64) as usize] |= 1 << (bit % 64);
        }
        if has_no_small_divisor(&candidate) && is_probably_prime(&candidate, bits, rng) {
            return candidate;
        }
    }
}

/// A random prime p of exactly `bits` bits, its two highest bits set, such that p - 1 = 2 `factor` a for an odd a
/// without a prime factor below [`TRIAL_DIVISION_BOUND`]: for an odd factor p is 3 modulo 4. The length of the factor is public.
///
/// # Panics
/// If the top limb of the factor is zero.
pub(crate) fn random_prime_with_factor(bits: u32, factor: &SecretLimbs, rng: &mut SecureRng) -> SecretLimbs {
    let len = bits.div_ceil(64) as usize;
    let top = |number: &SecretLimbs, bit: u32| number.as_slice()[(bit / 64) as usize] >> (bit % 64) & 1 == 1;
    loop {
        // (a random number of the length) / (2 factor), made odd: p lies within 2 factor of the number.
        let mut draft = rng.bits(bits);
        for bit in [bits - 2, bits - 1] {
            draft.as_mut_slice()[(bit / 64) as usize] |= 1 << (bit % 64);
        }
        let (quotient, _) = constant::div_rem(&constant::shr1(&draft), factor);
        let mut cofactor = constant::resize(&quotient, len);
        cofactor.as_mut_slice()[0] |= 1;
        let half = constant::mul(&cofactor, factor);
        let mut candidate = constant::add(&half, &half);
        candidate.as_mut_slice()[0] |= 1;
        if constant::bits_above(&candidate, bits).into() {
            continue;
        }
        let candidate = constant::resize(&candidate, len);
        if has_no_small_divisor(&cofactor)
            && top(&candidate, bits - 1)
            && top(&candidate, bits - 2)
            && has_no_small_divisor(&candidate)
            && is_probably_prime(&candidate, bits, rng)
        {
            return candidate;
        }
    }
}

/// |p - q| > 2^(bits - 100): in the ring modulo m = 2^(64 limbs) - 1 the difference d is neither close to 0 nor to m.
pub(crate) fn are_apart(p: &SecretLimbs, q: &SecretLimbs, bits: u32) -> Choice {
    let gap_bit = bits - TOP_BITS_APART;
    let (limb, mask) = ((gap_bit / 64) as usize, 1 << (gap_bit % 64));
    let ring = SecretLimbs::new(vec![u64::MAX; p.len()]);
    let mut gap = SecretLimbs::zero(p.len());
    gap.as_mut_slice()[limb] |= mask;
    let mut ring_minus_gap = ring.clone();
    ring_minus_gap.as_mut_slice()[limb] ^= mask;
    let difference = constant::sub_mod(p, q, &ring);
    constant::lt(&gap, &difference) & constant::lt(&difference, &ring_minus_gap)
}

/// The odd primes below `bound`, ascending.
pub(crate) fn odd_primes_below(bound: u64) -> Vec<u64> {
    let mut primes: Vec<u64> = Vec::new();
    for candidate in (3..bound).step_by(2) {
        if primes.iter().take_while(|prime| *prime * *prime <= candidate).all(|prime| candidate % prime != 0) {
            primes.push(candidate);
        }
    }
    primes
}

/// Miller-Rabin for p = 3 mod 4, where (p - 1)/2 is odd: a^((p-1)/2) is 1 or -1 for every base of a prime.
pub(crate) fn is_probably_prime(candidate: &SecretLimbs, bits: u32, rng: &mut SecureRng) -> bool {
    let minus_one = constant::sub_small(candidate, 1);
    let half = constant::shr1(&minus_one);
    (0..MILLER_RABIN_ROUNDS).all(|_| {
        // 64 bits more than the candidate has, so that the reduction leaves no bias worth the name.
        let base = constant::rem(&rng.bits(bits + 64), candidate);
        let power = constant::pow_mod(&base, &half, bits, candidate);
        bool::from(constant::is_one(&power) | constant::eq(&power, &minus_one))
    })
}

fn has_no_small_divisor(candidate: &SecretLimbs) -> bool {
    DIVISORS.iter().all(|divisor| divisor.remainder(candidate) != 0)
}

static DIVISORS: LazyLock<Vec<Divisor>> =
    LazyLock::new(|| odd_primes_below(TRIAL_DIVISION_BOUND).into_iter().map(Divisor::new).collect());

/// A small divisor with its reciprocal: division instructions take a time that depends on the operands.
struct Divisor {
    value: u64,
    /// floor(2^64 / value).
    reciprocal: u64,
}

impl Divisor {
    fn new(value: u64) -> Self {
        Divisor { value, reciprocal: (u128::from(u64::MAX) / u128::from(value)) as u64 }
    }

    /// `number` modulo this divisor, 32 bits at a time: with a remainder below 2^11 each dividend x is below 2^43, the
    /// estimate x * reciprocal / 2^64 is at most 1 below the quotient, and one masked subtraction corrects it.
    fn remainder(&self, number: &SecretLimbs) -> u64 {
        let mut remainder = 0;
        for limb in number.as_slice().iter().rev() {
            for half in [limb >> 32, limb & 0xffff_ffff] {
                let dividend = (remainder << 32) | half;
                let quotient = ((u128::from(dividend) * u128::from(self.reciprocal)) >> 64) as u64;
                let excess = dividend - quotient * self.value;
                let below = (excess.wrapping_sub(self.value) >> 63).wrapping_neg();
                remainder = excess - (self.value & !below);
            }
        }
        remainder
    }
}

#[cfg(test)]
mod tests {
    use rug::Integer;
    use rug::integer::IsPrime;

    use super::*;
    use crate::rng::SeededRng;

    #[test]
    fn primes_have_their_length_their_residue_and_are_prime_to_another_test() {
        let mut rng = SecureRng::from_os();
        for bits in [512, 513, 576] {
            let prime = random_prime(bits, &mut rng).to_integer();
            assert_eq!(prime.significant_bits(), bits);
            assert!(prime.get_bit(bits - 2));
            assert_eq!(prime.mod_u(4), 3);
            assert_ne!(prime.is_probably_prime(30), IsPrime::No);
        }
    }

    #[test]
    fn a_prime_with_a_factor_has_it_and_its_length() {
        let mut rng = SecureRng::from_os();
        for (bits, factor_bits) in [(512, 160), (513, 161), (576, 192)] {
            let factor = random_prime(factor_bits, &mut rng);
            let prime = random_prime_with_factor(bits, &factor, &mut rng).to_integer();
            assert_eq!(prime.significant_bits(), bits);
            assert!(prime.get_bit(bits - 2));
            assert_eq!(prime.mod_u(4), 3);
            assert_ne!(prime.is_probably_prime(30), IsPrime::No);
            let order = Integer::from(&*prime - 1u32);
            assert!(order.is_divisible(&factor.to_integer()));
            let rest = order / &*factor.to_integer() / 2u32;
            assert!(odd_primes_below(TRIAL_DIVISION_BOUND).iter().all(|divisor| !rest.is_divisible_u(*divisor as u32)));
        }
    }

    #[test]
    fn close_primes_are_not_apart() {
        let p = Integer::from(3) << 1022u32;
        let gap = Integer::from(1) << 924u32;
        for (difference, apart) in [(Integer::from(2), false), (gap.clone(), false), (Integer::from(&gap + 1u32), true)]
        {
            let q = Integer::from(&p + &difference);
            assert_eq!(
                bool::from(are_apart(&SecretLimbs::from_integer(&p, 16), &SecretLimbs::from_integer(&q, 16), 1024)),
                apart
            );
            assert_eq!(
                bool::from(are_apart(&SecretLimbs::from_integer(&q, 16), &SecretLimbs::from_integer(&p, 16), 1024)),
                apart
            );
        }
    }

    #[test]
    fn a_composite_without_small_factors_is_noticed() {
        let mut rng = SecureRng::from_os();
        let strong = Integer::from(3_215_031_751u64);
        assert_eq!(strong.mod_u(4), 3);
        assert!(!is_probably_prime(&SecretLimbs::from_integer(&strong, 1), 32, &mut rng));
        let (p, q) = (random_prime(512, &mut rng).to_integer(), random_prime(514, &mut rng).to_integer());
        let product = Integer::from(&*p * &*q) * 3u32;
        let bits = product.significant_bits();
        assert!(!is_probably_prime(&SecretLimbs::from_integer(&product, bits.div_ceil(64) as usize), bits, &mut rng));
    }

    #[test]
    fn remainders_agree_with_division() {
        let mut rng = SeededRng::new(1, "remainders");
        for round in 0..200 {
            let number = if round == 0 { (Integer::from(1) << 640u32) - 1u32 } else { rng.integer(640) };
            let limbs = SecretLimbs::from_integer(&number, 10);
            for divisor in DIVISORS.iter().chain([&Divisor::new(3), &Divisor::new(2047)]) {
                assert_eq!(divisor.remainder(&limbs), u64::from(number.mod_u(divisor.value as u32)));
            }
        }
    }

    #[test]
    fn small_primes_are_all_there() {
        assert_eq!(odd_primes_below(30), [3, 5, 7, 11, 13, 17, 19, 23, 29]);
        assert_eq!(odd_primes_below(256).len(), 53);
    }
}
