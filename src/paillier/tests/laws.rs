//! The homomorphic laws over random and extreme plaintexts.

use proptest::prelude::*;
use rug::Integer;

use super::super::test_support::{decrypt, encrypt, engine, key, other_key};
use super::super::*;
use crate::arith::{ConstantTime, Engine, EngineOptions, Exponents};
use crate::rng::{SecureRng, SeededRng};
use crate::secret::SecretLimbs;

fn largest() -> Integer {
    Integer::from(key().public_key().n() >> 1)
}

/// Signed values of any length up to the edges of the plaintext space.
fn plaintext() -> impl Strategy<Value = Integer> {
    (any::<u64>(), 0u32..1023, any::<bool>(), 0u32..8).prop_map(|(seed, bits, negative, edge)| {
        let magnitude = match edge {
            0 => largest(),
            1 => Integer::new(),
            _ => SeededRng::new(seed, "plaintext").integer(bits),
        };
        if negative { -magnitude } else { magnitude }
    })
}

fn plaintexts(len: usize) -> impl Strategy<Value = Vec<Integer>> {
    proptest::collection::vec(plaintext(), len)
}

/// The signed representative modulo n.
fn wrapped(value: Integer) -> Integer {
    let n = key().public_key().n();
    key().public_key().decode(value.modulo(n))
}

fn integers(values: &[i64]) -> Vec<Integer> {
    values.iter().copied().map(Integer::from).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_form_of_encryption_decrypts_both_ways(values in plaintexts(3)) {
        let mut rng = SecureRng::from_os();
        let public = key().public_key();
        let forms = [
            public.encrypt_many(engine(), &values, &mut rng).unwrap(),
            public.encrypt_rn_many(engine(), &values, &mut rng).unwrap(),
            key().encrypt_many(engine(), &values, &mut rng).unwrap(),
        ];
        for form in forms {
            prop_assert_eq!(&decrypt(&form), &values);
            let long_way = key().decrypt_no_crt_many(engine(), &form).unwrap();
            prop_assert!(long_way.iter().zip(&values).all(|(opened, value)| **opened == *value));
        }
    }

    #[test]
    fn addition_subtraction_and_negation(left in plaintexts(3), right in plaintexts(3)) {
        let (a, b) = (encrypt(&left), encrypt(&right));
        let expected = |f: fn(&Integer, &Integer) -> Integer| -> Vec<Integer> {
            left.iter().zip(&right).map(|(x, y)| wrapped(f(x, y))).collect()
        };
        prop_assert_eq!(decrypt(&a.add(engine(), &b).unwrap()), expected(|x, y| Integer::from(x + y)));
        prop_assert_eq!(decrypt(&a.sub(engine(), &b).unwrap()), expected(|x, y| Integer::from(x - y)));
        prop_assert_eq!(decrypt(&a.add_plain(engine(), &right).unwrap()), expected(|x, y| Integer::from(x + y)));
        prop_assert_eq!(decrypt(&a.negate(engine()).unwrap()), expected(|x, _| Integer::from(-x)));
        let broadcast = decrypt(&a.add(engine(), &b.slice(0..1)).unwrap());
        prop_assert_eq!(broadcast, left.iter().map(|x| wrapped(Integer::from(x + &right[0]))).collect::<Vec<_>>());
    }

    #[test]
    fn public_scalars_of_either_sign(values in plaintexts(4), scalars in proptest::collection::vec(any::<i64>(), 4)) {
        let scalars = integers(&scalars);
        let product = encrypt(&values).mul_plain_vartime(engine(), &scalars).unwrap();
        let expected: Vec<_> = values.iter().zip(&scalars).map(|(v, k)| wrapped(Integer::from(v * k))).collect();
        prop_assert_eq!(decrypt(&product), expected);
    }

    #[test]
    fn secret_exponents(values in plaintexts(3), exponents in proptest::collection::vec(any::<u64>(), 3)) {
        let limbs = exponents.iter().map(|e| SecretLimbs::new(vec![*e])).collect();
        let product = encrypt(&values).mul_secret(engine(), &Exponents::single_use(limbs, 64)).unwrap();
        let expected: Vec<_> = values.iter().zip(&exponents).map(|(v, e)| wrapped(Integer::from(v * *e))).collect();
        prop_assert_eq!(decrypt(&product), expected);
    }

    #[test]
    fn dot_products(values in plaintexts(3), weights in proptest::collection::vec(any::<i32>(), 6)) {
        let weights: Vec<Integer> = weights.into_iter().map(Integer::from).collect();
        let expected: Vec<_> = weights
            .chunks(3)
            .map(|row| wrapped(row.iter().zip(&values).map(|(w, v)| Integer::from(w * v)).sum()))
            .collect();
        prop_assert_eq!(decrypt(&encrypt(&values).dot_vartime(engine(), &weights).unwrap()), expected);
    }

    #[test]
    fn rerandomising_changes_the_ciphertext_alone(values in plaintexts(3), bits in 128u32..1100) {
        let before = encrypt(&values);
        let after = key().public_key().rerandomize_many(engine(), &before, bits, &mut SecureRng::from_os()).unwrap();
        prop_assert_eq!(decrypt(&after), values);
        let (before, after) = (engine().store(before.batch()), engine().store(after.batch()));
        prop_assert!(before.iter().zip(&after).all(|(before, after)| before != after));
    }

    #[test]
    fn signed_values_pack_and_come_back(
        values in proptest::collection::vec(-(1i64 << 30)..(1i64 << 30), 1..45),
        slot_bits in 33u32..60,
    ) {
        let layout = SlotLayout::for_key(1024, slot_bits).unwrap();
        let slots = layout.slots as usize;
        let values = integers(&values);
        let shifted: Vec<Integer> = values.iter().enumerate().map(|(i, v)| layout.shift(v, i % slots)).collect();
        let packed = pack_linear(engine(), layout.slots as usize, &encrypt(&shifted)).unwrap();
        prop_assert_eq!(packed.len(), layout.plaintexts(values.len()));
        let offset = Integer::from(1) << 31u32;
        for (opened, run) in decrypt(&packed).into_iter().zip(values.chunks(slots)) {
            prop_assert_eq!(&opened, &layout.pack(run));
            let lifted = opened + layout.pack(&vec![offset.clone(); run.len()]);
            let slots: Vec<Integer> = layout.unpack(&lifted, run.len()).unwrap().into_iter().map(|v| v - &offset).collect();
            prop_assert_eq!(slots, run);
        }
    }
}

#[test]
fn the_edges_of_the_plaintext_space_are_encrypted_and_what_lies_beyond_is_refused() {
    let mut rng = SecureRng::from_os();
    let edges = [largest(), -largest()];
    assert_eq!(decrypt(&key().public_key().encrypt_many(engine(), &edges, &mut rng).unwrap()), edges);
    let beyond = largest() + 1u32;
    for value in [beyond.clone(), -beyond] {
        let values = [Integer::new(), value];
        for error in [
            key().public_key().encrypt_many(engine(), &values, &mut rng).unwrap_err(),
            key().public_key().encrypt_rn_many(engine(), &values, &mut rng).unwrap_err(),
            key().encrypt_many(engine(), &values, &mut rng).unwrap_err(),
        ] {
            assert!(
                matches!(error, PaillierError::PlaintextRange { index: 1, .. }) && error.exit_code() == 3,
                "{error}"
            );
        }
    }
}

#[test]
fn owner_and_public_key_make_the_same_randomisers_of_any_length() {
    for bits in [1, 100, 512, 700, 1064] {
        let exponents = Exponents::single_use((0..3).map(|_| SecureRng::from_os().bits(bits)).collect(), bits);
        let public = engine().store(&key().public_key().randomizers(engine(), &exponents).unwrap());
        assert_eq!(public, engine().store(&key().randomizers(engine(), &exponents).unwrap()));
        let modulus = key().public_key().modulus().value();
        for (index, randomizer) in public.iter().enumerate() {
            let exponent = SecretLimbs::new(exponents.limbs(index).to_vec()).to_integer();
            assert_eq!(*randomizer, key().public_key().h().clone().pow_mod(&exponent, modulus).unwrap());
        }
    }
}

#[test]
fn lengths_of_randomisers_follow_rule_1() {
    let public = key().public_key();
    assert_eq!(public.randomizer_bits(), 512);
    assert_eq!(public.rerandomizer_bits(41, 1, 40), 512 + 41 + 40);
    assert_eq!(public.rerandomizer_bits(41, 30, 40), 512 + 41 + 5 + 40);
    assert_eq!(public.rerandomizer_bits(41, 32, 40), 512 + 41 + 5 + 40);
    assert_eq!(public.rerandomizer_bits(41, 33, 40), 512 + 41 + 6 + 40);
    assert_eq!(public.chain_randomizer_bits(40), 1024 + 40);
}

#[test]
fn batches_may_be_empty_or_zero() {
    let mut rng = SecureRng::from_os();
    for empty in [
        encrypt(&[]),
        key().public_key().encrypt_many(engine(), &[], &mut rng).unwrap(),
        key().public_key().encrypt_rn_many(engine(), &[], &mut rng).unwrap(),
    ] {
        assert!(empty.is_empty() && decrypt(&empty).is_empty());
        assert!(key().decrypt_no_crt_many(engine(), &empty).unwrap().is_empty());
        assert!(empty.mul_plain_vartime(engine(), &[]).unwrap().is_empty());
        assert!(empty.to_bytes(engine()).is_empty());
        assert!(pack_linear(engine(), 17, &empty).unwrap().is_empty());
    }
    let values = integers(&[3, -4]);
    assert_eq!(decrypt(&encrypt(&values).mul_plain_vartime(engine(), &integers(&[0, 0])).unwrap()), integers(&[0, 0]));
    assert_eq!(decrypt(&encrypt(&values).dot_vartime(engine(), &integers(&[0, 0])).unwrap()), integers(&[0]));
}

#[test]
fn batches_are_cut_joined_and_summed() {
    let all = encrypt(&integers(&[1, -2, 3, -4, 5, -6]));
    assert_eq!(decrypt(&all.gather(&[5, 0, 0])), integers(&[-6, 1, 1]));
    assert_eq!(decrypt(&all.slice(1..3)), integers(&[-2, 3]));
    assert_eq!(decrypt(&Ciphertexts::concat(&[all.slice(4..6), all.slice(0..1)]).unwrap()), integers(&[5, -6, 1]));
    assert_eq!(decrypt(&all.sum_runs(engine(), 3).unwrap()), integers(&[2, -5]));
}

#[test]
fn operands_that_do_not_fit_are_refused() {
    let three = encrypt(&integers(&[1, 2, 3]));
    let two = three.slice(0..2);
    let shape = |result: Result<Ciphertexts, PaillierError>| matches!(result, Err(PaillierError::Shape(_)));
    assert!(shape(three.add(engine(), &two)));
    assert!(shape(three.mul_plain_vartime(engine(), &integers(&[1, 2]))));
    assert!(shape(three.dot_vartime(engine(), &integers(&[1, 2]))));
    assert!(shape(three.sum_runs(engine(), 2)));
    assert!(shape(three.sum_runs(engine(), 0)));
    assert!(shape(Ciphertexts::concat(&[])));
}

#[test]
fn operations_across_keys_are_refused_with_both_names() {
    let mut rng = SecureRng::from_os();
    let ours = encrypt(&integers(&[1]));
    let theirs = other_key().encrypt_many(engine(), &integers(&[1]), &mut rng).unwrap();
    let names = [key().public_key().id().to_string(), other_key().public_key().id().to_string()];
    for error in [
        ours.add(engine(), &theirs).unwrap_err(),
        ours.sub(engine(), &theirs).unwrap_err(),
        Ciphertexts::concat(&[ours.clone(), theirs.clone()]).unwrap_err(),
        key().public_key().rerandomize_many(engine(), &theirs, 600, &mut rng).unwrap_err(),
        key().decrypt_many(engine(), &theirs).unwrap_err(),
        key().decrypt_no_crt_many(engine(), &theirs).unwrap_err(),
    ] {
        assert!(matches!(error, PaillierError::WrongKey { .. }) && error.exit_code() == 3);
        let message = error.to_string();
        assert!(message.contains("C4") && names.iter().all(|name| message.contains(name)), "{message}");
    }
}

#[test]
fn layouts_and_packed_numbers_out_of_range_are_refused() {
    assert!(SlotLayout::for_key(1024, 0).is_err());
    assert!(SlotLayout::for_key(1024, 1023).is_err());
    let layout = SlotLayout::for_key(1024, 60).unwrap();
    assert_eq!(layout.slots, 17);
    assert!(layout.unpack(&Integer::from(-1), 3).is_err());
    assert!(layout.unpack(&(Integer::from(1) << 180u32), 3).is_err());
}

#[test]
fn debug_shows_no_secret() {
    let id = key().public_key().id();
    assert_eq!(format!("{:?}", key()), format!("SecretKey({id})"));
}

#[test]
fn keys_for_known_answers_may_be_tiny_and_lopsided() {
    let mut rng = SecureRng::from_os();
    let prime = |bits: u32| (Integer::from(1) << (bits - 1)).next_prime();
    for (p, q) in [(Integer::from(293), Integer::from(433)), (prime(33), prime(34)), (prime(129), prime(128))] {
        let key = SecretKey::from_primes_for_tests(&p, &q).unwrap();
        let values = integers(&[0, 1, -1, 1000, -1000]);
        let public = key.public_key();
        // A random r would share a factor with the shortest n now and then.
        let randomness = integers(&[2, 3, 5, 7, 11]);
        for ciphertexts in [
            public.encrypt_many(engine(), &values, &mut rng).unwrap(),
            public.encrypt_with_randomness_for_tests(engine(), &values, &randomness).unwrap(),
        ] {
            let opened = key.decrypt_many(engine(), &ciphertexts).unwrap();
            assert!(opened.iter().zip(&values).all(|(opened, value)| **opened == *value));
            assert_eq!(opened, key.decrypt_no_crt_many(engine(), &ciphertexts).unwrap());
        }
    }
    for (p, q) in [(3, 7), (11, 11)].map(|(p, q)| (Integer::from(p), Integer::from(q))) {
        assert!(SecretKey::from_primes_for_tests(&p, &q).is_err(), "gcd(n, phi(n)) is not 1");
    }
}

#[test]
fn only_r_modulo_n_matters() {
    let public = key().public_key();
    let make = |r: Integer| {
        let made = public.encrypt_with_randomness_for_tests(engine(), &[Integer::from(5)], &[r]).unwrap();
        made.to_bytes(engine())
    };
    let r = Integer::from(123_456_789);
    assert_eq!(make(r.clone()), make(r + public.n()));
}

#[test]
fn strict_constant_time_changes_no_result() {
    let strict = Engine::new(&EngineOptions {
        threads: 1,
        constant_time: ConstantTime::Strict,
        ..EngineOptions::from_env().unwrap()
    });
    let strict = strict.unwrap();
    let values = integers(&[-9, 0, 9]);
    let made = key().encrypt_many(&strict, &values, &mut SecureRng::from_os()).unwrap();
    assert_eq!(decrypt(&made), values);
    let exponents = Exponents::single_use(vec![SecureRng::from_os().bits(512)], 512);
    let randomizers = |engine: &Engine| engine.store(&key().public_key().randomizers(engine, &exponents).unwrap());
    assert_eq!(randomizers(&strict), randomizers(engine()));
}
