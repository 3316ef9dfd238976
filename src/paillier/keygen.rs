//! Key generation (protocol.md, rule 1).
//!
//! Primes p = q = 3 mod 4 of equal length and far apart with gcd(p - 1, q - 1) = 2, and a base h = (-x^2)^n mod n^2 of
//! the randomisers (Damgard, Jurik, Nielsen, "A generalization of Paillier's public-key system with applications to
//! electronic voting", 2010), whose order misses none of the small odd primes that divide p - 1 or q - 1. For the form
//! [`KeyForm::Subgroup`] there are primes v | p - 1 and w | q - 1, and h has the order v w.
//!
//! Timing class: `constant` for what is kept; drafts that are rejected show by the time how many there were.

use rug::Integer;
use rug::integer::Order;
use subtle::Choice;

use super::admit::{MAX_KEY_BITS, MIN_KEY_BITS};
use super::error::PaillierError;
use super::form::KeyForm;
use crate::arith::prime::{are_apart, odd_primes_below, random_prime, random_prime_with_factor};
use crate::arith::{Engine, constant};
use crate::rng::SecureRng;
use crate::secret::SecretLimbs;

/// h is no l-th power modulo p or q for every odd prime l below this that divides p - 1 or q - 1.
const ORDER_PRIMES_BOUND: u64 = 256;

/// Primes p, q of a new key, its base h, and the orders of h modulo p and q where these are primes of their own.
pub(super) struct Draft {
    pub(super) p: SecretLimbs,
    pub(super) q: SecretLimbs,
    pub(super) h: Integer,
    pub(super) orders: Option<(SecretLimbs, SecretLimbs)>,
}

/// Draws a key of exactly `key_bits` bits, the two primes on two threads of the engine.
///
/// # Errors
/// If `key_bits` is odd or not on offer.
pub(super) fn draw(engine: &Engine, key_bits: u32, form: KeyForm, rng: &mut SecureRng) -> Result<Draft, PaillierError> {
    if !(MIN_KEY_BITS..=MAX_KEY_BITS).contains(&key_bits) || !key_bits.is_multiple_of(2) {
        return Err(PaillierError::KeyLength { key_bits, min: MIN_KEY_BITS, max: MAX_KEY_BITS });
    }
    let mut second = SecureRng::from_os();
    Ok(engine.install(|| match form.order_bits(key_bits) {
        None => {
            let (p, q) =
                draw_pair(key_bits / 2, || random_prime(key_bits / 2, rng), || random_prime(key_bits / 2, &mut second));
            let h = draw_base(&p, &q, key_bits, rng);
            Draft { p, q, h, orders: None }
        }
        Some(order_bits) => {
            let (v, w) = rayon::join(|| random_prime(order_bits, rng), || random_prime(order_bits, &mut second));
            let (p, q) = draw_pair(
                key_bits / 2,
                || random_prime_with_factor(key_bits / 2, &v, rng),
                || random_prime_with_factor(key_bits / 2, &w, &mut second),
            );
            let h = draw_subgroup_base((&p, &q), (&v, &w), key_bits, rng);
            Draft { p, q, h, orders: Some((v, w)) }
        }
    }))
}

/// Two primes of `bits` bits each that go together. gcd(n, (p-1)(q-1)) = 1 follows from the equal lengths.
fn draw_pair(
    bits: u32,
    mut draw_p: impl FnMut() -> SecretLimbs + Send,
    mut draw_q: impl FnMut() -> SecretLimbs + Send,
) -> (SecretLimbs, SecretLimbs) {
    loop {
        let (p, q) = rayon::join(&mut draw_p, &mut draw_q);
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
    let prime_bits = key_bits / 2;
    let x = loop {
        let x = constant::rem(&rng.bits(key_bits + 64), &n);
        let (at_p, at_q) = rayon::join(|| is_full(&x, p, prime_bits).into(), || is_full(&x, q, prime_bits).into());
        if at_p && at_q {
            break x;
        }
    };
    let minus_square = constant::sub_mod(&SecretLimbs::zero(n.len()), &constant::mul_mod(&x, &x, &n), &n);
    residue_of(&minus_square, &n, key_bits)
}

/// h = y^n mod n^2 for a random y of order v modulo p and w modulo q: y = x^((p-1)(q-1) / (v w)). Since v and w are odd, h
/// is a square.
fn draw_subgroup_base(
    (p, q): (&SecretLimbs, &SecretLimbs),
    (v, w): (&SecretLimbs, &SecretLimbs),
    key_bits: u32,
    rng: &mut SecureRng,
) -> Integer {
    let n = exact(&constant::mul(p, q).to_integer());
    let cofactor =
        |prime: &SecretLimbs, order: &SecretLimbs| constant::div_rem(&constant::sub_small(prime, 1), order).0;
    let exponent = constant::resize(&constant::mul(&cofactor(p, v), &cofactor(q, w)), n.len());
    loop {
        let x = constant::rem(&rng.bits(key_bits + 64), &n);
        let y = constant::pow_mod(&x, &exponent, key_bits, &n);
        // 1 or 0 modulo p or q with a chance of 2 / v.
        let full = |prime: &SecretLimbs| {
            let rest = constant::rem(&y, prime);
            !(constant::is_zero(&rest) | constant::is_one(&rest))
        };
        if bool::from(full(p) & full(q)) {
            return residue_of(&y, &n, key_bits);
        }
    }
}

/// y^n mod n^2.
fn residue_of(y: &SecretLimbs, n: &SecretLimbs, key_bits: u32) -> Integer {
    let n_squared = exact(&constant::mul(n, n).to_integer());
    let base = constant::resize(y, n_squared.len());
    Integer::clone(&constant::pow_mod(&base, n, key_bits, &n_squared).to_integer())
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
    use rug::integer::IsPrime;

    use super::super::test_support::engine;
    use super::*;
    use crate::arith::prime::TOP_BITS_APART;

    #[test]
    fn drafts_follow_rule_1_at_lengths_that_are_no_multiple_of_a_limb() {
        let mut rng = SecureRng::from_os();
        for key_bits in [1024, 1026] {
            let draft = draw(engine(), key_bits, KeyForm::Full, &mut rng).unwrap();
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
    fn the_base_of_a_subgroup_has_its_order_and_no_smaller_one() {
        let mut rng = SecureRng::from_os();
        for key_bits in [1024, 1026] {
            let draft = draw(engine(), key_bits, KeyForm::Subgroup, &mut rng).unwrap();
            let (v, w) = draft.orders.unwrap();
            let (p, q) = (draft.p.to_integer(), draft.q.to_integer());
            let n = Integer::from(&*p * &*q);
            assert_eq!(n.significant_bits(), key_bits);
            assert_eq!((p.mod_u(4), q.mod_u(4)), (3, 3));
            assert_eq!(Integer::from(&*p - 1u32).gcd(&Integer::from(&*q - 1u32)), 2);
            assert!(Integer::from(&*p - &*q).abs() > Integer::from(1) << (key_bits / 2 - TOP_BITS_APART));
            for (prime, order) in [(&*p, v.to_integer()), (&*q, w.to_integer())] {
                assert_eq!(Some(order.significant_bits()), KeyForm::Subgroup.order_bits(key_bits));
                assert_ne!(order.is_probably_prime(30), IsPrime::No);
                // h is an n-th power: of order v modulo p^2 too.
                assert_eq!(draft.h.clone().pow_mod(&order, &Integer::from(prime.square_ref())).unwrap(), 1);
                assert_ne!(Integer::from(&draft.h % prime), 1);
            }
            assert_eq!(draft.h.jacobi(&p), 1);
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
            let error = draw(engine(), key_bits, KeyForm::Full, &mut rng).err().unwrap();
            assert!(matches!(error, PaillierError::KeyLength { .. }) && error.exit_code() == 2, "{error}");
        }
    }
}
