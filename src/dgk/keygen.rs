//! Key generation.
//!
//! Primes p = q = 3 mod 4 of equal length and far apart, p - 1 = 2 u v_p p' and q - 1 = 2 u v_q q' for the product u of the
//! slots' primes, primes v_p != v_q of t bits and p', q' without a prime factor below 2^11, gcd(p - 1, q - 1) = 2 u; bases g
//! and h with exactly the orders that they shall have.
//!
//! Timing class: `constant` for what is kept; drafts that are rejected show by the time how many there were.

use rug::Integer;
use rug::integer::Order;
use subtle::Choice;

use super::parameters::Parameters;
use super::slots::SLOTS;
use crate::arith::prime::{are_apart, random_prime, random_prime_with_factor};
use crate::arith::{Engine, constant};
use crate::rng::SecureRng;
use crate::secret::SecretLimbs;

/// Primes p, q of a new key, the orders of h modulo them, and the bases.
pub(super) struct Draft {
    pub(super) p: SecretLimbs,
    pub(super) q: SecretLimbs,
    pub(super) v_p: SecretLimbs,
    pub(super) v_q: SecretLimbs,
    pub(super) g: Integer,
    pub(super) h: Integer,
}

/// Draws a key, the two primes on two threads of the engine.
pub(super) fn draw(engine: &Engine, parameters: Parameters, rng: &mut SecureRng) -> Draft {
    let mut second = SecureRng::from_os();
    engine.install(|| {
        let (v_p, v_q) = draw_orders(parameters.order_bits, rng, &mut second);
        let (p, q) = draw_primes(parameters, (&v_p, &v_q), rng, &mut second);
        let group = Group::new(parameters, (&p, &v_p), (&q, &v_q));
        let (g, h) = (group.draw_g(rng), group.draw_h(rng));
        Draft { p, q, v_p, v_q, g, h }
    })
}

fn draw_orders(bits: u32, rng: &mut SecureRng, second: &mut SecureRng) -> (SecretLimbs, SecretLimbs) {
    loop {
        let (v_p, v_q) = rayon::join(|| random_prime(bits, rng), || random_prime(bits, second));
        if !bool::from(constant::eq(&v_p, &v_q)) {
            return (v_p, v_q);
        }
    }
}

fn draw_primes(
    parameters: Parameters,
    (v_p, v_q): (&SecretLimbs, &SecretLimbs),
    rng: &mut SecureRng,
    second: &mut SecureRng,
) -> (SecretLimbs, SecretLimbs) {
    let (bits, u) = (parameters.prime_bits(), plaintext_modulus(parameters));
    let factor = |order: &SecretLimbs| exact(&constant::mul(order, &u));
    loop {
        let (p, q) = rayon::join(
            || random_prime_with_factor(bits, &factor(v_p), rng),
            || random_prime_with_factor(bits, &factor(v_q), second),
        );
        if bool::from(are_apart(&p, &q, bits) & shares_only(&p, &q, parameters.plaintext_modulus())) {
            return (p, q);
        }
    }
}

/// gcd(p - 1, q - 1) = 2 u, where 2 u divides both and leaves odd numbers: these are coprime.
pub(super) fn shares_only(p: &SecretLimbs, q: &SecretLimbs, plaintext_modulus: u64) -> Choice {
    let divisor = SecretLimbs::new(vec![2 * plaintext_modulus]);
    let cofactor = |prime: &SecretLimbs| constant::div_rem(&constant::sub_small(prime, 1), &divisor);
    let ((left, left_rest), (right, right_rest)) = (cofactor(p), cofactor(q));
    // Where 2 u does not divide q - 1 the quotient may be even, and is none of a key.
    let mut right = exact(&right);
    right.as_mut_slice()[0] |= 1;
    let coprime = constant::invert_mod(&constant::rem(&left, &right), &right).is_some();
    constant::is_zero(&left_rest) & constant::is_zero(&right_rest) & coprime
}

/// The group that g and h lie in.
struct Group<'a> {
    parameters: Parameters,
    primes: [(&'a SecretLimbs, &'a SecretLimbs); 2],
    n: SecretLimbs,
}

impl<'a> Group<'a> {
    /// From each prime with the order of h modulo it.
    fn new(
        parameters: Parameters,
        at_p: (&'a SecretLimbs, &'a SecretLimbs),
        at_q: (&'a SecretLimbs, &'a SecretLimbs),
    ) -> Self {
        Group { parameters, primes: [at_p, at_q], n: exact(&constant::mul(at_p.0, at_q.0)) }
    }

    /// x^(4 p' q') for a random x whose power has the orders u v_p and u v_q.
    fn draw_g(&self, rng: &mut SecureRng) -> Integer {
        let u = plaintext_modulus(self.parameters);
        self.draw_power(&u, rng, |residue, prime, order| is_of_order_u_v(residue, prime, order, self.parameters))
    }

    /// x^(4 u^2 p' q') for a random x whose power has the orders v_p and v_q.
    fn draw_h(&self, rng: &mut SecureRng) -> Integer {
        let one = SecretLimbs::new(vec![1]);
        self.draw_power(&one, rng, |residue, _, _| !constant::is_one(residue))
    }

    /// The power of a random x by (p - 1)(q - 1) / (k^2 v_p v_q) that is as it should be modulo both primes.
    fn draw_power(
        &self,
        k: &SecretLimbs,
        rng: &mut SecureRng,
        fits: impl Fn(&SecretLimbs, &SecretLimbs, &SecretLimbs) -> Choice,
    ) -> Integer {
        let [at_p, at_q] = self.primes.map(|(prime, order)| {
            constant::div_rem(&constant::sub_small(prime, 1), &exact(&constant::mul(order, k))).0
        });
        let exponent = constant::resize(&constant::mul(&at_p, &at_q), self.n.len());
        loop {
            let x = constant::rem(&rng.bits(self.parameters.key_bits + 64), &self.n);
            let power = constant::pow_mod(&x, &exponent, self.parameters.key_bits, &self.n);
            let fits_at = |(prime, order): (&SecretLimbs, &SecretLimbs)| {
                let residue = constant::rem(&power, prime);
                !constant::is_zero(&residue) & fits(&residue, prime, order)
            };
            if bool::from(fits_at(self.primes[0]) & fits_at(self.primes[1])) {
                return Integer::clone(&power.to_integer());
            }
        }
    }
}

/// Whether a residue has the order u v for a prime v, if its u v-th power is one: its u-th power is not one, nor is that by
/// v and all primes of u but one.
pub(super) fn is_of_order_u_v(
    residue: &SecretLimbs,
    prime: &SecretLimbs,
    v: &SecretLimbs,
    parameters: Parameters,
) -> Choice {
    let power = |base: &SecretLimbs, exponent: u64| {
        constant::pow_mod(base, &SecretLimbs::new(vec![exponent]), parameters.plaintext_bits(), prime)
    };
    let by_v = constant::pow_mod(residue, v, parameters.order_bits, prime);
    let without = |slot| !constant::is_one(&power(&by_v, parameters.slots().cofactor(slot)));
    (0..SLOTS)
        .map(without)
        .fold(!constant::is_one(&power(residue, parameters.plaintext_modulus())), |all, of_slot| all & of_slot)
}

/// u as a number to calculate with.
pub(super) fn plaintext_modulus(parameters: Parameters) -> SecretLimbs {
    SecretLimbs::new(vec![parameters.plaintext_modulus()])
}

/// A number in as many limbs as it has: the lengths of all divisors and moduli are public.
fn exact(value: &SecretLimbs) -> SecretLimbs {
    SecretLimbs::new(value.to_integer().to_digits(Order::Lsf))
}

#[cfg(test)]
mod tests {
    use super::super::test_support::engine;
    use super::*;
    use crate::arith::prime::TOP_BITS_APART;

    #[test]
    fn drafts_follow_the_rules() {
        let mut rng = SecureRng::from_os();
        for slot_bound in [1, 8, 64] {
            let parameters = Parameters::new(1024, slot_bound).unwrap();
            let draft = draw(engine(), parameters, &mut rng);
            let u = Integer::from(parameters.plaintext_modulus());
            let n = Integer::from(&*draft.p.to_integer() * &*draft.q.to_integer());
            assert_eq!(n.significant_bits(), 1024);
            let orders = [&draft.p, &draft.q].map(|prime| Integer::from(&*prime.to_integer() - 1u32));
            assert_eq!(Integer::from(orders[0].gcd_ref(&orders[1])), Integer::from(2 * &u));
            assert!(Integer::from(&orders[0] - &orders[1]).abs() > Integer::from(1) << (512 - TOP_BITS_APART));
            assert_ne!(draft.v_p, draft.v_q);
            for (order, (prime, v)) in orders.iter().zip([(&draft.p, &draft.v_p), (&draft.q, &draft.v_q)]) {
                let (prime, v) = (prime.to_integer(), v.to_integer());
                assert_eq!((prime.significant_bits(), v.significant_bits(), prime.mod_u(4)), (512, 160, 3));
                assert!(prime.is_probably_prime(30) != rug::integer::IsPrime::No);
                assert!(v.is_probably_prime(30) != rug::integer::IsPrime::No);
                let rest = order / Integer::from(&u * &*v) / 2u32;
                assert_eq!(Integer::from(&rest * &u) * &*v * 2u32, *order);
                assert_eq!(rest.gcd(&Integer::from(Integer::primorial(2047))), 1);
                let power = |base: &Integer, exponent: &Integer| base.clone().pow_mod(exponent, &prime).unwrap();
                let by_both = power(&draft.g, &Integer::from(&u * &*v));
                assert!(power(&draft.g, &u) != 1 && by_both == 1);
                for modulus in parameters.slots().moduli() {
                    assert_ne!(power(&draft.g, &(Integer::from(&u * &*v) / modulus)), 1);
                }
                assert!(Integer::from(&draft.h % &*prime) != 1 && power(&draft.h, &v) == 1);
            }
        }
    }

    #[test]
    fn a_common_factor_besides_2_u_is_noticed() {
        // 71 - 1 = 2 * 5 * 7, 31 - 1 = 2 * 5 * 3, 211 - 1 = 2 * 5 * 21, 43 - 1 = 2 * 21.
        let [a, b, c, d] = [71u32, 31, 211, 43].map(|prime| SecretLimbs::from_integer(&Integer::from(prime), 1));
        assert!(bool::from(shares_only(&a, &b, 5)));
        assert!(!bool::from(shares_only(&a, &c, 5)), "7 is shared");
        assert!(!bool::from(shares_only(&a, &d, 5)), "5 is not shared");
    }
}
