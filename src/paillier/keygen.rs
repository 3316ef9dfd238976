//! Key generation (protocol.md, rule 1).
//!
//! Primes p = q = 3 mod 4 of equal length and far apart with gcd(p - 1, q - 1) = 2, and a base h = (-x^2)^n mod n^2 of
//! the randomisers (Damgard, Jurik, Nielsen, "A generalization of Paillier's public-key system with applications to
//! electronic voting", 2010), whose order misses none of the small odd primes that divide p - 1 or q - 1.
//!
//! Timing class: `constant` for what is kept; drafts that are rejected show by the time how many there were.

use rug::Integer;
use rug::integer::Order;
use subtle::Choice;

use super::admit::{MAX_KEY_BITS, MIN_KEY_BITS};
use super::error::PaillierError;
use crate::arith::prime::{are_apart, odd_primes_below, random_prime};
use crate::arith::{Engine, constant};
use crate::rng::SecureRng;
use crate::secret::SecretLimbs;

/// h is no l-th power modulo p or q for every odd prime l below this that divides p - 1 or q - 1.
const ORDER_PRIMES_BOUND: u64 = 256;

/// Primes p, q of a new key and its base h.
pub(super) struct Draft {
    pub(super) p: SecretLimbs,
    pub(super) q: SecretLimbs,
    pub(super) h: Integer,
}

/// Draws a key of exactly `key_bits` bits, the two primes on two threads of the engine.
///
/// # Errors
/// If `key_bits` is odd or not on offer.
pub(super) fn draw(engine: &Engine, key_bits: u32, rng: &mut SecureRng) -> Result<Draft, PaillierError> {
    if !(MIN_KEY_BITS..=MAX_KEY_BITS).contains(&key_bits) || !key_bits.is_multiple_of(2) {
        return Err(PaillierError::KeyLength { key_bits, min: MIN_KEY_BITS, max: MAX_KEY_BITS });
    }
    let mut second = SecureRng::from_os();
    Ok(engine.install(|| {
        let (p, q) = draw_primes(key_bits / 2, rng, &mut second);
        let h = draw_base(&p, &q, key_bits, rng);
        Draft { p, q, h }
    }))
}

/// Two primes of `bits` bits each. gcd(n, (p-1)(q-1)) = 1 follows from the equal lengths.
fn draw_primes(bits: u32, rng: &mut SecureRng, second: &mut SecureRng) -> (SecretLimbs, SecretLimbs) {
    loop {
        let (p, q) = rayon::join(|| random_prime(bits, rng), || random_prime(bits, second));
        if bool::from(are_apart(&p, &q, bits) & have_coprime_halves(&p, &q, bits)) {
            return (p, q);
        }
    }
}

/// gcd(p - 1, q - 1) = 2: the odd numbers (p - 1)/2 and (q - 1)/2 are coprime, so one is invertible modulo the other.
fn have_coprime_halves(p: &SecretLimbs, q: &SecretLimbs, bits: u32) -> Choice {
    let half_len = (bits - 1).div_ceil(64) as usize;
    let half = |prime: &SecretLimbs| constant::resize(&constant::shr1(prime), half_len);
    let modulus = half(q);
    constant::invert_mod(&constant::rem(&half(p), &modulus), &modulus).is_some()
}

/// h = (-x^2)^n mod n^2 for a random x that is no l-th power. Since l is odd and prime to n, and -1 = (-1)^l, h is an l-th power
/// modulo p exactly when x is.
fn draw_base(p: &SecretLimbs, q: &SecretLimbs, key_bits: u32, rng: &mut SecureRng) -> Integer {
    let n = exact(&constant::mul(p, q).to_integer());
    let n_squared = exact(&constant::mul(&n, &n).to_integer());
    let prime_bits = key_bits / 2;
    let x = loop {
        let x = constant::rem(&rng.bits(key_bits + 64), &n);
        let (at_p, at_q) = rayon::join(|| is_full(&x, p, prime_bits).into(), || is_full(&x, q, prime_bits).into());
        if at_p && at_q {
            break x;
        }
    };
    let minus_square = constant::sub_mod(&SecretLimbs::zero(n.len()), &constant::mul_mod(&x, &x, &n), &n);
    let base = constant::resize(&minus_square, n_squared.len());
    Integer::clone(&constant::pow_mod(&base, &n, key_bits, &n_squared).to_integer())
}

/// x is prime to `prime`, and x^((prime-1)/l) is not 1 for every small odd prime l that divides prime - 1. The powers are taken
/// for all l and used where l divides, so that the time does not tell which do.
fn is_full(x: &SecretLimbs, prime: &SecretLimbs, prime_bits: u32) -> Choice {
    let x = constant::rem(x, prime);
    let order = constant::sub_small(prime, 1);
    let mut full = !constant::is_zero(&x);
    for l in odd_primes_below(ORDER_PRIMES_BOUND) {
        let (cofactor, remainder) = constant::div_rem(&order, &SecretLimbs::new(vec![l]));
        let power = constant::pow_mod(&x, &cofactor, prime_bits, prime);
        full &= !(constant::is_zero(&remainder) & constant::is_one(&power));
    }
    full
}

/// A modulus in as many limbs as it has: the length of n and n^2 is public.
fn exact(value: &Integer) -> SecretLimbs {
    SecretLimbs::new(value.to_digits(Order::Lsf))
}

#[cfg(test)]
mod tests {
    use super::super::test_support::engine;
    use super::*;
    use crate::arith::prime::TOP_BITS_APART;

    #[test]
    fn drafts_follow_rule_1_at_lengths_that_are_no_multiple_of_a_limb() {
        let mut rng = SecureRng::from_os();
        for key_bits in [1024, 1026] {
            let draft = draw(engine(), key_bits, &mut rng).unwrap();
            let (p, q) = (draft.p.to_integer(), draft.q.to_integer());
            let n = Integer::from(&*p * &*q);
            assert_eq!(n.significant_bits(), key_bits);
            assert_eq!((p.mod_u(4), q.mod_u(4)), (3, 3));
            assert_eq!((p.significant_bits(), q.significant_bits()), (key_bits / 2, key_bits / 2));
            assert_eq!(Integer::from(&*p - 1u32).gcd(&Integer::from(&*q - 1u32)), 2);
            assert!(Integer::from(&*p - &*q).abs() > Integer::from(1) << (key_bits / 2 - TOP_BITS_APART));
            for prime in [&*p, &*q] {
                let order = Integer::from(prime - 1u32);
                // h is an n-th power (its order modulo n^2 divides phi(n)) and no l-th power for l < 256.
                assert_eq!(draft.h.clone().pow_mod(&order, &Integer::from(prime.square_ref())).unwrap(), 1);
                for l in odd_primes_below(256).into_iter().filter(|l| order.is_divisible_u(*l as u32)) {
                    let power = draft.h.clone().pow_mod(&Integer::from(&order / l), prime).unwrap();
                    assert_ne!(power, 1, "h is a power with exponent {l}");
                }
            }
            assert_eq!(draft.h.jacobi(&n), 1);
            assert_eq!(draft.h.jacobi(&p), -1);
        }
    }

    #[test]
    fn a_common_odd_factor_of_p_minus_1_and_q_minus_1_is_noticed() {
        // 31 - 1 = 2 * 3 * 5, 43 - 1 = 2 * 3 * 7, 23 - 1 = 2 * 11.
        let [a, b, c] = [31u32, 43, 23].map(|prime| SecretLimbs::from_integer(&Integer::from(prime), 1));
        assert!(!bool::from(have_coprime_halves(&a, &b, 6)));
        assert!(bool::from(have_coprime_halves(&a, &c, 6)));
    }

    #[test]
    fn an_l_th_power_is_not_full() {
        // Modulo 43 (42 = 2 * 3 * 7) the number 3 generates the group.
        let prime = SecretLimbs::from_integer(&Integer::from(43), 1);
        let full = |x: u32| bool::from(is_full(&SecretLimbs::from_integer(&Integer::from(x), 1), &prime, 6));
        assert!(full(3));
        assert!(!full(27), "3^3 is a cube");
        assert!(!full(2187 % 43), "3^7 is a seventh power");
        assert!(!full(43), "not prime to p");
    }

    #[test]
    fn lengths_that_are_not_offered_are_refused() {
        let mut rng = SecureRng::from_os();
        for key_bits in [0, 1022, 1025, 2047, 4098] {
            let error = draw(engine(), key_bits, &mut rng).err().unwrap();
            assert!(matches!(error, PaillierError::KeyLength { .. }) && error.exit_code() == 2, "{error}");
        }
    }
}
