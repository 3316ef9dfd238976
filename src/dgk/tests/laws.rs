//! The homomorphic laws, the test for zero, and the definition in plain integers, on every engine.

use proptest::prelude::*;
use rug::Integer;
use zeroize::Zeroizing;

use super::super::test_support::{SIGMA, decrypt, encrypt, engine, engines, key, other_key, u};
use super::super::*;
use crate::arith::{Engine, EngineOptions, Exponents};
use crate::rng::{SecureRng, SeededRng};
use crate::secret::SecretLimbs;

fn plaintexts(len: usize) -> impl Strategy<Value = Vec<u64>> {
    proptest::collection::vec(prop_oneof![6 => 0..u(), 1 => Just(0), 1 => Just(u() - 1)], len)
}

fn secret(bits: &[bool]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(bits.iter().map(|bit| u8::from(*bit)).collect())
}

fn each(left: &[u64], right: &[u64], f: impl Fn(u64, u64) -> u64) -> Vec<u64> {
    left.iter().zip(right).map(|(x, y)| f(*x, *y) % u()).collect()
}

fn power(base: &Integer, exponent: &Integer, modulus: &Integer) -> Integer {
    base.clone().pow_mod(exponent, modulus).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn every_form_of_encryption_decrypts(values in plaintexts(11), bits in proptest::collection::vec(any::<bool>(), 11)) {
        let (public, mut rng) = (key().public_key(), SecureRng::from_os());
        for engine in engines() {
            prop_assert_eq!(&decrypt(engine, &public.encrypt_many(engine, &values, SIGMA, &mut rng)?), &values);
            prop_assert_eq!(&decrypt(engine, &key().encrypt_many(engine, &values, &mut rng)?), &values);
            prop_assert_eq!(&decrypt(engine, &public.encode_many(engine, &values)?), &values);
            let expected: Vec<u64> = bits.iter().map(|bit| u64::from(*bit)).collect();
            prop_assert_eq!(&decrypt(engine, &key().encrypt_bits_many(engine, secret(&bits), &mut rng)?), &expected);
        }
    }

    #[test]
    fn sums_differences_and_multiples(left in plaintexts(9), right in plaintexts(9)) {
        for engine in engines() {
            let (a, b) = (encrypt(engine, &left), encrypt(engine, &right));
            let found = |result: Result<Ciphertexts, DgkError>| decrypt(engine, &result.unwrap());
            prop_assert_eq!(found(a.add(engine, &b)), each(&left, &right, |x, y| x + y));
            prop_assert_eq!(found(a.negate(engine)), each(&left, &left, |x, _| u() - x));
            prop_assert_eq!(found(a.add(engine, &b.slice(0..1))), each(&left, &left, |x, _| x + right[0]));
            let exponents = right.iter().map(|value| SecretLimbs::new(vec![*value])).collect();
            let exponents = Exponents::single_use(exponents, key().public_key().parameters().plaintext_bits());
            prop_assert_eq!(found(a.mul_secret(engine, &exponents)), each(&left, &right, |x, y| x * y));
        }
    }

    #[test]
    fn choices_name_their_options(left in plaintexts(9), right in plaintexts(9), picks in proptest::collection::vec(0u8..3, 9)) {
        for engine in engines() {
            let (a, b) = (encrypt(engine, &left), encrypt(engine, &right));
            let [_, one] = key().public_key().constants(engine);
            let chosen = Ciphertexts::choose(engine, &[&a, &b, &one], Zeroizing::new(picks.clone()))?;
            let expected: Vec<u64> = (0..9).map(|i| [left[i], right[i], 1][usize::from(picks[i])]).collect();
            prop_assert_eq!(decrypt(engine, &chosen), expected);
        }
    }

    #[test]
    fn rerandomising_changes_the_ciphertext_alone_and_blinding_keeps_zeros(values in plaintexts(9)) {
        let (public, mut rng) = (key().public_key(), SecureRng::from_os());
        for engine in engines() {
            let before = encrypt(engine, &values);
            let after = public.rerandomize_many(engine, &before, SIGMA, &mut rng)?;
            prop_assert_eq!(&decrypt(engine, &after), &values);
            let blinded = public.blind_many(engine, &before, public.blinders(engine, before.len(), SIGMA, &mut rng)?)?;
            let opened = decrypt(engine, &blinded);
            prop_assert!(opened.iter().zip(&values).all(|(opened, value)| (*opened == 0) == (*value == 0)));
            let [before, after, blinded] = [before, after, blinded].map(|c| engine.store(c.batch()));
            prop_assert!((0..values.len()).all(|i| before[i] != after[i] && before[i] != blinded[i] && after[i] != blinded[i]));
        }
    }
}

#[test]
fn zero_and_nothing_else_is_zero() {
    let mut rng = SecureRng::from_os();
    for key in [key(), other_key()] {
        let u = u64::from(key.public_key().parameters().plaintext_modulus());
        let all: Vec<u64> = (0..u).collect();
        for engine in engines() {
            let sealed = key.encrypt_many(engine, &all, &mut rng).unwrap();
            let zeros = key.is_zero_many(engine, &sealed).unwrap();
            assert!(zeros.into_iter().map(bool::from).eq(all.iter().map(|m| *m == 0)), "{}", engine.kind());
            // m + (u - m) is zero as well.
            let sums = sealed.add(engine, &sealed.negate(engine).unwrap()).unwrap();
            assert!(key.is_zero_many(engine, &sums).unwrap().into_iter().all(bool::from));
            let opened = key.decrypt_many(engine, &sealed).unwrap();
            assert_eq!(*opened, all);
        }
    }
}

#[test]
fn numbers_are_those_of_the_definition() {
    let public = key().public_key();
    let mut inputs = SeededRng::new(3, "randomness of the definition");
    let bits = public.parameters().randomizer_bits(SIGMA);
    let randomness: Vec<Integer> = (0..u()).map(|_| inputs.integer(bits)).collect();
    let all: Vec<u64> = (0..u()).collect();
    let (n, g, h) = (public.n(), public.g(), public.h());
    let expected: Vec<Integer> =
        all.iter().zip(&randomness).map(|(m, r)| power(g, &Integer::from(*m), n) * power(h, r, n) % n).collect();
    let [p, _, v_p, _] = key().secrets_for_tests().map(|secret| Integer::clone(&secret.to_integer()));
    for engine in engines() {
        let limbs = |r: &Integer| SecretLimbs::from_integer(r, bits.div_ceil(64) as usize);
        let randomness = randomness.iter().map(limbs).collect();
        let made = public.encrypt_with_randomness_for_tests(engine, &all, randomness, bits).unwrap();
        assert!(engine.store(made.batch()) == expected, "{}", engine.kind());
        let zeros = key().is_zero_many(engine, &made).unwrap();
        for (zero, ciphertext) in zeros.into_iter().zip(&expected) {
            assert_eq!(bool::from(zero), power(ciphertext, &v_p, &p) == 1);
        }
    }
}

/// What the owner multiplies by lies in the group of h, and is spread over it.
#[test]
fn the_owner_s_randomisers_are_powers_of_h() {
    let [p, q, v_p, v_q] = key().secrets_for_tests().map(|secret| Integer::clone(&secret.to_integer()));
    for engine in engines() {
        let made = key().randomizers(engine, 40, &mut SecureRng::from_os()).unwrap();
        let mut randomizers = engine.store(&made);
        for randomizer in &randomizers {
            assert_eq!(
                (power(randomizer, &v_p, &p), power(randomizer, &v_q, &q)),
                (Integer::from(1), Integer::from(1))
            );
        }
        randomizers.sort();
        randomizers.dedup();
        assert_eq!(randomizers.len(), 40);
    }
}

#[test]
fn units_are_uniform_from_one_to_u_minus_one() {
    let units = key().public_key().random_units(4000, &mut SecureRng::from_os());
    let mut seen = vec![0; u() as usize];
    (0..4000).for_each(|index| seen[units.limbs(index)[0] as usize] += 1);
    assert_eq!(seen[0], 0);
    // 4000 / 58 = 69 expected of each.
    assert!(seen[1..].iter().all(|count| (20..140).contains(count)), "{seen:?}");
}

#[test]
fn batches_are_cut_and_joined() {
    let all = encrypt(engine(), &[1, 2, 3, 4, 5, 6]);
    assert_eq!(decrypt(engine(), &all.gather(engine(), &[5, 0, 0])), [6, 1, 1]);
    let parts = [all.slice(4..6), all.slice(0..1)];
    assert_eq!(decrypt(engine(), &Ciphertexts::concat(&parts).unwrap()), [5, 6, 1]);
    assert!(key().is_zero_many(engine(), &all.slice(0..0)).unwrap().is_empty());
    assert!(decrypt(engine(), &encrypt(engine(), &[])).is_empty());
}

#[test]
fn operands_that_do_not_fit_are_refused() {
    let three = encrypt(engine(), &[1, 2, 3]);
    let two = three.slice(0..2);
    let shape = |result: Result<Ciphertexts, DgkError>| matches!(result, Err(DgkError::Shape(_)));
    assert!(shape(three.add(engine(), &two)));
    assert!(shape(three.mul_secret(engine(), &key().public_key().random_units(2, &mut SecureRng::from_os()))));
    let public = key().public_key();
    let two_blinders = public.blinders(engine(), 2, SIGMA, &mut SecureRng::from_os()).unwrap();
    assert!(shape(public.blind_many(engine(), &three, two_blinders)));
    assert!(shape(Ciphertexts::concat(&[])));
    let no_bit = key().encrypt_bits_many(engine(), Zeroizing::new(vec![0, 2]), &mut SecureRng::from_os());
    assert!(matches!(no_bit, Err(DgkError::Engine(_))));
    let choose = |options: &[&Ciphertexts], choices: &[u8]| {
        Ciphertexts::choose(engine(), options, Zeroizing::new(choices.to_vec()))
    };
    assert!(shape(choose(&[], &[0])));
    for refused in [choose(&[&three, &two], &[0, 1, 0]), choose(&[&three], &[0, 1, 0]), choose(&[&two], &[0; 3])] {
        assert!(matches!(refused, Err(DgkError::Engine(_))));
    }
    for plaintext in [u(), u64::MAX] {
        let result = key().public_key().encode_many(engine(), &[0, plaintext]);
        assert!(matches!(result, Err(DgkError::PlaintextRange { .. })));
    }
}

#[test]
fn operations_across_keys_are_refused_with_both_names() {
    let mut rng = SecureRng::from_os();
    let ours = encrypt(engine(), &[1]);
    let theirs = other_key().encrypt_many(engine(), &[1], &mut rng).unwrap();
    let names = [key().public_key().id().to_string(), other_key().public_key().id().to_string()];
    let blinders = key().public_key().blinders(engine(), 1, SIGMA, &mut rng).unwrap();
    for error in [
        ours.add(engine(), &theirs).unwrap_err(),
        Ciphertexts::choose(engine(), &[&ours, &theirs], Zeroizing::new(vec![1])).unwrap_err(),
        Ciphertexts::concat(&[ours.clone(), theirs.clone()]).unwrap_err(),
        key().public_key().rerandomize_many(engine(), &theirs, SIGMA, &mut rng).unwrap_err(),
        key().public_key().blind_many(engine(), &theirs, blinders).unwrap_err(),
        key().is_zero_many(engine(), &theirs).unwrap_err(),
        key().decrypt_many(engine(), &theirs).unwrap_err(),
    ] {
        assert!(matches!(error, DgkError::WrongKey { .. }) && error.exit_code() == 3);
        let message = error.to_string();
        assert!(message.contains("DC4") && names.iter().all(|name| message.contains(name)), "{message}");
    }
}

#[test]
fn a_residue_outside_the_group_has_no_plaintext() {
    let public = key().public_key();
    let outside = Integer::from(public.n() - 1u32);
    let ciphertexts = Ciphertexts::admit(engine(), public, &[Integer::from(1), outside]).unwrap();
    assert!(matches!(key().decrypt_many(engine(), &ciphertexts), Err(DgkError::NoPlaintext { index: 1 })));
    assert!(!bool::from(key().is_zero_many(engine(), &ciphertexts).unwrap()[1]));
}

/// The lengths of keys in use, with the tables that go with them.
#[test]
fn a_key_of_2048_bits_encrypts_and_tests() {
    let options = EngineOptions { threads: 2, ..EngineOptions::from_env().unwrap() };
    let engine = Engine::new(&options).unwrap();
    let mut rng = SecureRng::from_os();
    let key = SecretKey::generate(&engine, Parameters::new(2048, 17).unwrap(), &mut rng).unwrap();
    let public = key.public_key();
    assert_eq!((public.ciphertext_len_bytes(), public.parameters().order_bits()), (256, 224));
    key.prepare_encryption(&engine).unwrap();
    public.prepare(&engine, SIGMA).unwrap();
    let bits = vec![1, 0, 0, 1, 1, 0, 1, 0, 1];
    let sealed = key.encrypt_bits_many(&engine, Zeroizing::new(bits.clone()), &mut rng).unwrap();
    let sent =
        public.blind_many(&engine, &sealed, public.blinders(&engine, sealed.len(), SIGMA, &mut rng).unwrap()).unwrap();
    let read = Ciphertexts::from_bytes(&engine, public, &sent.to_bytes(&engine)).unwrap();
    let zeros = key.is_zero_many(&engine, &read).unwrap();
    assert!(zeros.into_iter().zip(bits).all(|(zero, bit)| bool::from(zero) != (bit == 1)));
}

#[test]
fn what_one_engine_wrote_every_other_one_reads() {
    let all: Vec<u64> = (0..u()).collect();
    for writer in engines() {
        let bytes = encrypt(writer, &all).to_bytes(writer);
        for reader in engines() {
            let read = Ciphertexts::from_bytes(reader, key().public_key(), &bytes).unwrap();
            assert_eq!(decrypt(reader, &read), all, "{} {}", writer.kind(), reader.kind());
        }
    }
}

#[test]
fn debug_shows_no_secret() {
    assert_eq!(format!("{:?}", key()), format!("SecretKey({})", key().public_key().id()));
    let ciphertexts = encrypt(engine(), &[1]);
    assert_eq!(format!("{ciphertexts:?}"), format!("Ciphertexts(1 under {})", key().public_key().id()));
}
