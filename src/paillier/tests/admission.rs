//! A failing example for every admission rule.

use std::collections::HashSet;

use rug::Integer;

use super::super::admit;
use super::super::test_support::{encrypt, engine, key};
use super::super::*;
use crate::rng::SeededRng;

#[track_caller]
fn assert_refused<T>(result: Result<T, PaillierError>, expected: AdmissionRule) {
    let error = result.err().unwrap_or_else(|| panic!("{expected} did not refuse"));
    assert!(matches!(&error, PaillierError::Refused { rule, .. } if *rule == expected), "{expected}: {error}");
    let message = error.to_string();
    assert!(message.contains(expected.number()) && message.contains(expected.name()), "{message}");
    assert_eq!(error.exit_code(), 3);
}

fn n() -> Integer {
    key().public_key().n().clone()
}

fn h() -> Integer {
    key().public_key().h().clone()
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
    assert_eq!(PublicKey::admit(n(), h(), KeyForm::Full).unwrap().id(), key().public_key().id());
}

#[test]
fn k1_length() {
    assert_refused(PublicKey::admit(n() >> 2u32, h(), KeyForm::Full), AdmissionRule::KeyLength);
    assert_refused(PublicKey::admit(n() << 1u32, h(), KeyForm::Full), AdmissionRule::KeyLength);
    assert_refused(PublicKey::admit(n() << 4000u32, h(), KeyForm::Full), AdmissionRule::KeyLength);
    assert_refused(PublicKey::admit(-n(), h(), KeyForm::Full), AdmissionRule::KeyLength);
    assert_refused(PublicKey::admit(Integer::new(), h(), KeyForm::Full), AdmissionRule::KeyLength);
}

#[test]
fn k2_even() {
    assert_refused(PublicKey::admit(n() - 1u32, h(), KeyForm::Full), AdmissionRule::ModulusOdd);
}

#[test]
fn k3_prime() {
    assert_refused(PublicKey::admit(prime(1024, "prime n"), h(), KeyForm::Full), AdmissionRule::ModulusComposite);
}

#[test]
fn k4_small_factor() {
    let n = Integer::from(65521) * prime(1008, "cofactor");
    assert_eq!(n.significant_bits(), 1024);
    assert_refused(PublicKey::admit(n, h(), KeyForm::Full), AdmissionRule::NoSmallFactor);
}

#[test]
fn k5_square() {
    assert_refused(PublicKey::admit(prime(512, "p = q").square(), h(), KeyForm::Full), AdmissionRule::NotSquare);
}

#[test]
fn k6_close_primes() {
    let p = prime(512, "close primes");
    let q = p.clone().next_prime();
    assert_refused(PublicKey::admit(p * q, h(), KeyForm::Full), AdmissionRule::PrimesApart);
}

#[test]
fn k7_base() {
    let n_squared = Integer::from(n().square_ref());
    let (p, _) = key().primes();
    let divisor_of_n = Integer::clone(&p.to_integer());
    for base in [
        Integer::new(),
        n_squared.clone(),
        Integer::from(1),
        Integer::from(&n_squared - 1u32),
        n() + 1u32,
        n() - 1u32,
        n(),
        divisor_of_n,
        Integer::from(-4),
    ] {
        assert_refused(PublicKey::admit(n(), base, KeyForm::Full), AdmissionRule::BaseValid);
    }
}

#[test]
fn k8_jacobi() {
    let base = (2u32..).map(Integer::from).find(|base| base.jacobi(&n()) == -1).unwrap();
    assert_refused(PublicKey::admit(n(), base, KeyForm::Full), AdmissionRule::BaseJacobi);
}

#[test]
fn s1_primes() {
    let (short, long) = (prime(510, "short"), prime(514, "long"));
    let product = Integer::from(&short * &long);
    assert_eq!(product.significant_bits(), 1024);
    assert_refused(admit::primes(&product, &short, &long), AdmissionRule::PrimesMatch);
    let (p, q) = (prime(512, "one"), prime(512, "two"));
    assert_refused(admit::primes(&n(), &p, &q), AdmissionRule::PrimesMatch);
    // Without primes there may be no inverse of (p - 1)(q - 1) modulo n, and nothing would decrypt.
    let composite = Integer::from(&q + 4u32);
    let error = admit::primes(&Integer::from(&composite * &p), &composite, &p).unwrap_err();
    assert!(error.to_string().contains("not both primes"), "{error}");
}

#[test]
fn c1_to_c3_ciphertexts() {
    let public = key().public_key();
    let n_squared = Integer::from(n().square_ref());
    let good = engine().store(encrypt(&[Integer::from(1)]).batch()).remove(0);
    let admit = |value: Integer| Ciphertexts::admit(engine(), public, &[good.clone(), value]);
    admit(good.clone()).unwrap();
    assert_refused(admit(Integer::new()), AdmissionRule::CiphertextNonZero);
    assert_refused(admit(n_squared.clone()), AdmissionRule::CiphertextReduced);
    assert_refused(admit(n_squared + 5u32), AdmissionRule::CiphertextReduced);
    assert_refused(admit(Integer::from(-1)), AdmissionRule::CiphertextReduced);
    assert_refused(admit(n()), AdmissionRule::CiphertextInvertible);
    let multiple_of_p = Integer::from(&*key().primes().0.to_integer() * 10u32);
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
