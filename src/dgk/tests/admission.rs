//! A failing example for every admission rule.

use std::collections::HashSet;

use rug::Integer;

use super::super::admit::{self, Secrets};
use super::super::test_support::{encrypt, engine, key, other_key};
use super::super::*;
use crate::rng::SeededRng;
use crate::secret::SecretLimbs;

#[track_caller]
fn assert_refused<T>(result: Result<T, DgkError>, expected: AdmissionRule) {
    let error = result.err().unwrap_or_else(|| panic!("{expected} did not refuse"));
    assert!(matches!(&error, DgkError::Refused { rule, .. } if *rule == expected), "{expected}: {error}");
    let message = error.to_string();
    assert!(message.contains(expected.number()) && message.contains(expected.name()), "{message}");
    assert_eq!(error.exit_code(), 3);
}

fn n() -> Integer {
    key().public_key().n().clone()
}

fn g() -> Integer {
    key().public_key().g().clone()
}

fn h() -> Integer {
    key().public_key().h().clone()
}

fn admit_n(n: Integer) -> Result<PublicKey, DgkError> {
    PublicKey::admit(n, g(), h(), 11, 160)
}

/// A prime = 3 mod 4 after a random number of `bits` bits with the two top bits set.
fn prime(bits: u32, purpose: &str) -> Integer {
    let mut prime = SeededRng::new(1, purpose).integer(bits);
    prime.set_bit(bits - 1, true).set_bit(bits - 2, true);
    loop {
        prime = prime.next_prime();
        if prime.mod_u(4) == 3 {
            return prime;
        }
    }
}

#[test]
fn a_good_key_is_admitted() {
    assert_eq!(admit_n(n()).unwrap().id(), key().public_key().id());
}

#[test]
fn d1_length() {
    for length in [n() >> 2u32, n() << 1u32, n() << 512u32, -n(), Integer::new()] {
        assert_refused(admit_n(length), AdmissionRule::KeyLength);
    }
}

#[test]
fn d2_slot_modulus() {
    for modulus in [0, 1, 2, 9, 12, 71, u32::MAX] {
        assert_refused(PublicKey::admit(n(), g(), h(), modulus, 160), AdmissionRule::SlotModulus);
    }
}

#[test]
fn d3_order_length() {
    for order_bits in [0, 159, 224, u32::MAX] {
        assert_refused(PublicKey::admit(n(), g(), h(), 11, order_bits), AdmissionRule::OrderLength);
    }
}

#[test]
fn d4_to_d8_modulus() {
    assert_refused(admit_n(n() - 1u32), AdmissionRule::ModulusOdd);
    assert_refused(admit_n(prime(1024, "prime n")), AdmissionRule::ModulusComposite);
    assert_refused(admit_n(Integer::from(65521) * prime(1008, "cofactor")), AdmissionRule::NoSmallFactor);
    assert_refused(admit_n(prime(512, "p = q").square()), AdmissionRule::NotSquare);
    let p = prime(512, "close primes");
    let q = p.clone().next_prime();
    assert_refused(admit_n(p * q), AdmissionRule::PrimesApart);
}

#[track_caller]
fn assert_both_bases_refused(base: &Integer, rule: AdmissionRule) {
    assert_refused(PublicKey::admit(n(), base.clone(), h(), 11, 160), rule);
    assert_refused(PublicKey::admit(n(), g(), base.clone(), 11, 160), rule);
}

#[test]
fn d9_bases() {
    let p = Integer::clone(&key().secrets_for_tests()[0].to_integer());
    for base in [Integer::new(), Integer::from(1), n(), n() + 2u32, Integer::from(-4), p] {
        assert_both_bases_refused(&base, AdmissionRule::BasesValid);
    }
}

#[test]
fn d10_orders() {
    let [p, q, v_p, v_q] = key().secrets_for_tests().map(|secret| Integer::clone(&secret.to_integer()));
    // Of order 2, of order u, and of order v_q modulo q only.
    let of_order_u = g().pow_mod(&Integer::from(&v_p * &v_q), &n()).unwrap();
    let at_p = &q * q.clone().invert(&p).unwrap();
    let at_q = (Integer::from(1) + n() - &at_p) % n();
    let small_at_p = (at_p + at_q * h()) % n();
    for base in [n() - 1u32, of_order_u, small_at_p] {
        assert_both_bases_refused(&base, AdmissionRule::BasesOrder);
    }
}

#[test]
fn d11_jacobi() {
    let base = (2u32..).map(Integer::from).find(|base| base.jacobi(&n()) == -1).unwrap();
    assert_both_bases_refused(&base, AdmissionRule::BasesJacobi);
}

#[test]
fn d12_slots_of_another_key() {
    // Slots that share all primes but one or two with those of the key fit its random n by chance.
    for modulus in [31, 67] {
        assert_refused(PublicKey::admit(n(), g(), h(), modulus, 160), AdmissionRule::ModulusResidue);
    }
}

/// The secrets of the key with some of them replaced, against its public half.
fn admit_secrets(
    replace: impl FnOnce(&mut [SecretLimbs; 4]),
    (n, g, h): (&Integer, &Integer, &Integer),
) -> Result<(), DgkError> {
    let mut secrets = key().secrets_for_tests().map(SecretLimbs::clone);
    replace(&mut secrets);
    let [p, q, v_p, v_q] = &secrets;
    admit::secrets(key().public_key().parameters(), &Secrets { p, q, v_p, v_q }, n, (g, h))
}

#[test]
fn ds1_to_ds3_secrets() {
    let (n, g, h) = (n(), g(), h());
    let public = (&n, &g, &h);
    admit_secrets(|_| (), public).unwrap();
    let limbs = |value: &Integer, len: usize| SecretLimbs::from_integer(value, len);
    for wrong in [prime(512, "another prime"), prime(510, "short"), prime(512, "composite") + 4u32, Integer::new()] {
        assert_refused(admit_secrets(|s| s[0] = limbs(&wrong, 8), public), AdmissionRule::PrimesMatch);
    }
    assert_refused(admit_secrets(|s| s[1] = s[0].clone(), public), AdmissionRule::PrimesMatch);
    let other = prime(160, "another order");
    for wrong in [other.clone(), prime(159, "short order"), other + 2u32, Integer::new()] {
        assert_refused(admit_secrets(|s| s[2] = limbs(&wrong, 3), public), AdmissionRule::OrdersMatch);
    }
    assert_refused(admit_secrets(|s| s[3] = s[2].clone(), public), AdmissionRule::OrdersMatch);
    assert_refused(admit_secrets(|s| s.swap(2, 3), public), AdmissionRule::OrdersMatch);
    let square = Integer::from(g.square_ref()) % &n;
    admit_secrets(|_| (), (&n, &square, &h)).unwrap();
    let wrong =
        [(&h, &h), (&g, &g), (&h, &g), (&g, &Integer::from(1)), (&Integer::from(4), &h), (&g, &Integer::from(4))];
    for (g, h) in wrong {
        assert_refused(admit_secrets(|_| (), (&n, g, h)), AdmissionRule::BasesMatch);
    }
}

/// Primes that are no primes of such a key, whatever the parity of what 2 u leaves of q - 1.
#[test]
fn primes_of_another_kind_of_key_are_refused() {
    for seed in ["one", "two", "three", "four", "five", "six"] {
        let (p, q) = (prime(512, seed), prime(512, &format!("{seed} more")));
        let n = Integer::from(&p * &q);
        let limbs = |value: &Integer| SecretLimbs::from_integer(value, 8);
        let replaced = |secrets: &mut [SecretLimbs; 4]| (secrets[0], secrets[1]) = (limbs(&p), limbs(&q));
        assert_refused(admit_secrets(replaced, (&n, &g(), &h())), AdmissionRule::OrdersMatch);
    }
    let [p, q, v_p, v_q] = other_key().secrets_for_tests();
    let secrets = Secrets { p, q, v_p, v_q };
    let other = other_key().public_key();
    let result = admit::secrets(key().public_key().parameters(), &secrets, other.n(), (other.g(), other.h()));
    assert_refused(result, AdmissionRule::OrdersMatch);
}

#[test]
fn dc1_to_dc3_ciphertexts() {
    let public = key().public_key();
    let good = engine().store(encrypt(engine(), &[1]).batch()).remove(0);
    let admit = |value: Integer| Ciphertexts::admit(engine(), public, &[good.clone(), value]);
    admit(good.clone()).unwrap();
    assert_refused(admit(Integer::new()), AdmissionRule::CiphertextNonZero);
    for large in [n(), n() + 5u32, n() << 64u32, Integer::from(-1)] {
        assert_refused(admit(large), AdmissionRule::CiphertextReduced);
    }
    let multiple_of_p = Integer::from(&*key().secrets_for_tests()[0].to_integer() * 10u32);
    assert_refused(admit(multiple_of_p.clone()), AdmissionRule::CiphertextInvertible);
    let message = admit(multiple_of_p).unwrap_err().to_string();
    assert!(message.contains("ciphertext 1"), "{message}");
}

#[test]
fn numbers_and_names_are_distinct() {
    let numbers: HashSet<_> = AdmissionRule::ALL.iter().map(|rule| rule.number()).collect();
    let names: HashSet<_> = AdmissionRule::ALL.iter().map(|rule| rule.name()).collect();
    assert_eq!((numbers.len(), names.len()), (AdmissionRule::ALL.len(), AdmissionRule::ALL.len()));
}
