//! Keys whose h generates a subgroup.

use rug::Integer;

use super::super::admit;
use super::super::test_support::{engine, subgroup_key};
use super::super::*;
use crate::container::Kind;
use crate::rng::SecureRng;
use crate::secret::SecretLimbs;

fn integers(values: &[i64]) -> Vec<Integer> {
    values.iter().copied().map(Integer::from).collect()
}

fn opened(ciphertexts: &Ciphertexts) -> Vec<Integer> {
    let plaintexts = subgroup_key().decrypt_many(engine(), ciphertexts).unwrap();
    plaintexts.iter().map(|plaintext| Integer::clone(plaintext)).collect()
}

/// v w.
fn order() -> Integer {
    let (v, w) = subgroup_key().orders().unwrap();
    Integer::from(&*v.to_integer() * &*w.to_integer())
}

/// What is left of ciphertexts of `values` without these.
fn randomizers(ciphertexts: &Ciphertexts, values: &[Integer]) -> Vec<Integer> {
    let public = subgroup_key().public_key();
    let minus: Vec<Integer> = values.iter().map(|value| Integer::from(-value)).collect();
    let plain = public.encode_many(engine(), &minus);
    engine().store(ciphertexts.add(engine(), &plain).unwrap().batch())
}

#[test]
fn every_fresh_randomiser_lies_in_the_subgroup_and_no_two_are_equal() {
    let (public, mut rng) = (subgroup_key().public_key(), SecureRng::from_os());
    let values = integers(&[0, 1, -1, 7, -7, 0]);
    let own = subgroup_key().encrypt_many(engine(), &values, &mut rng).unwrap();
    let by_public_key = public.encrypt_many(engine(), &values, &mut rng).unwrap();
    let again = public.rerandomize_many(engine(), &own, public.chain_randomizer_bits(40), &mut rng).unwrap();
    let mut all = Vec::new();
    for ciphertexts in [own, by_public_key, again] {
        assert_eq!(opened(&ciphertexts), values);
        all.extend(randomizers(&ciphertexts, &values));
    }
    let modulus = public.modulus().value();
    assert!(all.iter().all(|randomizer| randomizer.clone().pow_mod(&order(), modulus).unwrap() == 1));
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 18);
}

#[test]
fn randomisers_of_another_form_are_opened_as_well_alone_and_among_others() {
    let (public, mut rng) = (subgroup_key().public_key(), SecureRng::from_os());
    let values = integers(&[3, -4, 5]);
    let foreign = public.encrypt_rn_many(engine(), &values, &mut rng).unwrap();
    let own = subgroup_key().encrypt_many(engine(), &values, &mut rng).unwrap();
    assert_eq!(opened(&foreign), values);
    assert_eq!(opened(&own.add(engine(), &foreign).unwrap()), integers(&[6, -8, 10]));
    let mixed = Ciphertexts::concat(&[own.slice(0..2), foreign.slice(2..3), own]).unwrap();
    assert_eq!(opened(&mixed), integers(&[3, -4, 5, 3, -4, 5]));
    assert_eq!(
        subgroup_key().decrypt_no_crt_many(engine(), &mixed).unwrap(),
        subgroup_key().decrypt_many(engine(), &mixed).unwrap()
    );
}

#[test]
fn lengths_of_randomisers_follow_the_order_not_the_exponents() {
    let public = subgroup_key().public_key();
    assert_eq!(public.randomizer_bits(), 2 * 160 + 64);
    assert_eq!(public.rerandomizer_bits(41, 30, 40), 2 * 160 + 40);
    assert_eq!(public.chain_randomizer_bits(64), 2 * 160 + 64);
    let lengths = [1024, 1536, 2048, 3072, 4096].map(|key_bits| KeyForm::Subgroup.order_bits(key_bits).unwrap());
    assert_eq!(lengths, [160, 192, 224, 256, 320]);
    assert_eq!(KeyForm::Full.order_bits(2048), None);
}

#[test]
fn s2_orders() {
    let refused = |result: Result<(), PaillierError>, what: &str| {
        let error = result.unwrap_err();
        assert!(matches!(error, PaillierError::Refused { rule: AdmissionRule::OrdersMatch, .. }), "{error}");
        assert!(error.to_string().contains(what), "{error}");
    };
    let (key, (v, w)) = (subgroup_key(), subgroup_key().orders().unwrap());
    let (h, (p, q)) = (key.public_key().h(), key.primes());
    admit::order(h, p, v, 160).unwrap();
    admit::order(h, q, w, 160).unwrap();
    refused(admit::order(h, p, v, 192), "160 bits instead of 192");
    refused(admit::order(h, p, &SecretLimbs::zero(3), 160), "0 bits");
    refused(admit::order(h, p, w, 160), "does not divide");
    let composite = Integer::from(&*v.to_integer() - 3u32 * 4u32);
    let composite = (0u32..).map(|i| Integer::from(&composite - 4u32 * i)).find(|c| c.is_divisible_u(3)).unwrap();
    refused(admit::order(h, p, &SecretLimbs::from_integer(&composite, 3), 160), "no prime");
    refused(admit::order(&Integer::from(1), p, v, 160), "1 modulo p or q");
    refused(admit::order(&Integer::from(h + 1u32), p, v, 160), "does not have the order");
}

#[test]
fn a_public_key_that_says_another_form_has_another_name() {
    let bytes = subgroup_key().public_key().to_bytes();
    let container = crate::container::Container::from_bytes(&bytes, Kind::PublicKey).unwrap();
    for (code, message) in [(0, "C4"), (2, "2 is no form of a key")] {
        let mut other = container.clone();
        other.payload[4] = code;
        let error = PublicKey::from_bytes(&other.to_bytes()).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn private_keys_with_wrong_orders_are_refused() {
    let good = subgroup_key().to_container();
    // After the head and two primes of 64 bytes come v and w of 20.
    let orders_at = 8 + 2 * 64;
    let mut swapped = good.clone();
    swapped.payload[orders_at..orders_at + 40].rotate_left(20);
    let mut even = good.clone();
    even.payload[orders_at] &= 0xfe;
    for container in [swapped, even] {
        assert!(SecretKey::from_container(&container).unwrap_err().to_string().contains("S2"));
    }
    SecretKey::from_container(&good).unwrap();
}
