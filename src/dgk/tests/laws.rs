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

fn slots() -> Slots {
    key().public_key().parameters().slots()
}

/// The plaintexts that are 0 or 1 in every slot.
fn of_bits(bits: &[u8]) -> Vec<u64> {
    bits.iter().map(|bits| slots().join(&std::array::from_fn(|slot| u64::from(bits >> slot & 1)))).collect()
}

fn single_use(plaintexts: &[u64]) -> Exponents {
    Exponents::single_use_words(Zeroizing::new(plaintexts.to_vec()), key().public_key().parameters().plaintext_bits())
}

/// x y + z modulo u.
fn multiple(x: u64, y: u64, z: u64) -> u64 {
    ((u128::from(x) * u128::from(y) + u128::from(z)) % u128::from(u())) as u64
}

fn power(base: &Integer, exponent: &Integer, modulus: &Integer) -> Integer {
    base.clone().pow_mod(exponent, modulus).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn every_form_of_encryption_decrypts(values in plaintexts(11), bits in proptest::collection::vec(any::<u8>(), 11)) {
        let (public, mut rng) = (key().public_key(), SecureRng::from_os());
        for engine in engines() {
            prop_assert_eq!(&decrypt(engine, &public.encrypt_many(engine, &values, SIGMA, &mut rng)?), &values);
            prop_assert_eq!(&decrypt(engine, &key().encrypt_many(engine, &values, &mut rng)?), &values);
            prop_assert_eq!(&decrypt(engine, &public.encode_many(engine, &values)?), &values);
            let sealed = key().encrypt_bits_many(engine, &bits, &mut rng)?;
            prop_assert_eq!(decrypt(engine, &sealed), of_bits(&bits));
        }
    }

    #[test]
    fn combinations_are_linear(
        sealed in plaintexts(6),
        factors in plaintexts(2 * 3 * 3),
        constants in plaintexts(2 * 3),
    ) {
        let (public, mut rng) = (key().public_key(), SecureRng::from_os());
        let expected: Vec<u64> = (0..6)
            .map(|row| (0..3).fold(constants[row], |sum, k| multiple(factors[row * 3 + k], sealed[row / 3 * 3 + k], sum)))
            .collect();
        for engine in engines() {
            let randomizers = public.randomizers(engine, 6, SIGMA, &mut rng)?;
            let (factors, constants) = (single_use(&factors), single_use(&constants));
            let combined = encrypt(engine, &sealed).combine(engine, (&factors, &constants), 2, randomizers)?;
            prop_assert_eq!(decrypt(engine, &combined), &expected[..], "{}", engine.kind());
        }
    }

    #[test]
    fn rerandomising_changes_the_ciphertext_alone(values in plaintexts(9)) {
        let (public, mut rng) = (key().public_key(), SecureRng::from_os());
        for engine in engines() {
            let before = encrypt(engine, &values);
            let after = public.rerandomize_many(engine, &before, SIGMA, &mut rng)?;
            prop_assert_eq!(&decrypt(engine, &after), &values);
            let [before, after] = [before, after].map(|c| engine.store(c.batch()));
            prop_assert!((0..values.len()).all(|i| before[i] != after[i]));
        }
    }
}

/// Every number of every slot, the other slots at 0, at 1 and at random.
#[test]
fn zero_and_nothing_else_is_zero() {
    let (mut rng, mut inputs) = (SecureRng::from_os(), SeededRng::new(5, "numbers of slots"));
    for key in [key(), other_key()] {
        let slots = key.public_key().parameters().slots();
        let mut all = Vec::new();
        for (slot, modulus) in slots.moduli().into_iter().enumerate() {
            for number in 0..modulus {
                for others in [0, 1, 2] {
                    let other = |slot: usize| if others < 2 { others } else { inputs.below(slots.moduli()[slot]) };
                    let mut numbers: [u64; SLOTS] = [0, 1, 2, 3, 4, 5, 6, 7].map(other);
                    numbers[slot] = number;
                    all.push(numbers);
                }
            }
        }
        let plaintexts: Vec<u64> = all.iter().map(|numbers| slots.join(numbers)).collect();
        for engine in engines() {
            let sealed = key.encrypt_many(engine, &plaintexts, &mut rng).unwrap();
            for (zeros, numbers) in key.is_zero_many(engine, &sealed).unwrap().iter().zip(&all) {
                assert_eq!(zeros.map(bool::from), numbers.map(|number| number == 0), "{numbers:?} {}", engine.kind());
            }
            assert_eq!(*key.decrypt_many(engine, &sealed).unwrap(), plaintexts);
        }
    }
}

#[test]
fn numbers_are_those_of_the_definition() {
    let public = key().public_key();
    let mut inputs = SeededRng::new(3, "randomness of the definition");
    let bits = public.parameters().randomizer_bits(SIGMA);
    let mut all: Vec<u64> = (0..40).map(|_| inputs.below(u())).collect();
    all.extend((0..SLOTS).map(|slot| slots().cofactor(slot)).chain(of_bits(&[1, 128, 255])).chain([0, 1, u() - 1]));
    let randomness: Vec<Integer> = all.iter().map(|_| inputs.integer(bits)).collect();
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
        for (zeros, ciphertext) in zeros.into_iter().zip(&expected) {
            for (slot, zero) in zeros.into_iter().enumerate() {
                let order = Integer::from(&v_p * slots().cofactor(slot));
                assert_eq!(bool::from(zero), power(ciphertext, &order, &p) == 1);
            }
        }
    }
}

/// Numbers that are powers of h, none of them 1, and no two the same.
fn assert_fresh_randomizers(mut numbers: Vec<Integer>, what: &str) {
    let [p, q, v_p, v_q] = key().secrets_for_tests().map(|secret| Integer::clone(&secret.to_integer()));
    let count = numbers.len();
    for number in &numbers {
        assert!(*number != 1 && power(number, &v_p, &p) == 1 && power(number, &v_q, &q) == 1, "{what}");
    }
    numbers.sort();
    numbers.dedup();
    assert_eq!(numbers.len(), count, "{what}");
}

/// What is left of ciphertexts without g^m.
fn randomizers_of(engine: &Engine, ciphertexts: &Ciphertexts, plaintexts: &[u64]) -> Vec<Integer> {
    let (n, g) = (key().public_key().n(), key().public_key().g());
    let bare = |m: &u64| power(g, &Integer::from(*m), n).invert(n).unwrap();
    engine.store(ciphertexts.batch()).into_iter().zip(plaintexts).map(|(c, m)| c * bare(m) % n).collect()
}

/// Equal plaintexts among them.
#[test]
fn every_encryption_has_a_randomiser_of_its_own() {
    let (public, mut rng) = (key().public_key(), SecureRng::from_os());
    let (plaintexts, bits) = ([0, 0, 1, 1, u() - 1, 7, 7], [0, 0, 255, 255, 1, 1, 128]);
    for engine in engines() {
        let by_public = public.encrypt_many(engine, &plaintexts, SIGMA, &mut rng).unwrap();
        assert_fresh_randomizers(randomizers_of(engine, &by_public, &plaintexts), "public key");
        let by_owner = key().encrypt_many(engine, &plaintexts, &mut rng).unwrap();
        assert_fresh_randomizers(randomizers_of(engine, &by_owner, &plaintexts), "owner");
        let of_owner = key().encrypt_bits_many(engine, &bits, &mut rng).unwrap();
        assert_fresh_randomizers(randomizers_of(engine, &of_owner, &of_bits(&bits)), "bits");
    }
}

/// Two equal rows and a third: the owner, who knows the randomisers of what was combined, must not see the factors.
#[test]
fn every_combination_has_a_randomiser_of_its_own() {
    let (public, mut rng) = (key().public_key(), SecureRng::from_os());
    let (factors, constants) = ([3, 0, 3, 0, 5, u() - 1], [4, 4, 0]);
    for engine in engines() {
        let sealed = encrypt(engine, &[7, 9]);
        let numbers = engine.store(sealed.batch());
        let randomizers = public.randomizers(engine, 3, SIGMA, &mut rng).unwrap();
        let due = engine.store(randomizers.batch());
        let combined =
            sealed.combine(engine, (&single_use(&factors), &single_use(&constants)), 1, randomizers).unwrap();
        let bare = |row: usize| {
            let powers = (0..2).map(|k| power(&numbers[k], &Integer::from(factors[2 * row + k]), public.n()));
            powers.fold(power(public.g(), &Integer::from(constants[row]), public.n()), |product, power| product * power)
        };
        let expected: Vec<Integer> = due.iter().enumerate().map(|(row, h)| bare(row) * h % public.n()).collect();
        assert_eq!(engine.store(combined.batch()), expected, "{}", engine.kind());
        assert_fresh_randomizers(due, "combination");
    }
}

/// What the owner multiplies by lies in the group of h, and is spread over it.
#[test]
fn the_owner_s_randomisers_are_powers_of_h() {
    for engine in engines() {
        let made = key().randomizers(engine, 40, &mut SecureRng::from_os()).unwrap();
        assert_fresh_randomizers(engine.store(&made), engine.kind().name());
    }
}

#[test]
fn no_ciphertext_is_encrypted_and_tested() {
    for engine in engines() {
        let none = encrypt(engine, &[]);
        assert!(none.is_empty() && key().is_zero_many(engine, &none).unwrap().is_empty());
        assert!(decrypt(engine, &key().encrypt_bits_many(engine, &[], &mut SecureRng::from_os()).unwrap()).is_empty());
    }
}

#[test]
fn operands_that_do_not_fit_are_refused() {
    let three = encrypt(engine(), &[1, 2, 3]);
    let public = key().public_key();
    let combine = |factors: usize, constants: usize, groups: usize, randomizers: usize| {
        let randomizers = public.randomizers(engine(), randomizers, SIGMA, &mut SecureRng::from_os()).unwrap();
        let [factors, constants] = [factors, constants].map(|count| single_use(&vec![1; count]));
        three.combine(engine(), (&factors, &constants), groups, randomizers)
    };
    assert_eq!(decrypt(engine(), &combine(6, 2, 1, 2).unwrap()), [7, 7]);
    for (factors, constants, groups, randomizers) in
        [(5, 2, 1, 2), (6, 2, 1, 3), (6, 2, 0, 2), (6, 3, 1, 3), (0, 0, 0, 0)]
    {
        let result = combine(factors, constants, groups, randomizers);
        assert!(matches!(result, Err(DgkError::Shape(_))), "{factors} {constants} {groups} {randomizers}");
    }
    // As many in all, but not for each group.
    assert!(matches!(combine(4, 4, 3, 4), Err(DgkError::Shape(_) | DgkError::Engine(_))));
    let none = encrypt(engine(), &[]);
    let randomizers = public.randomizers(engine(), 1, SIGMA, &mut SecureRng::from_os()).unwrap();
    let result = none.combine(engine(), (&single_use(&[]), &single_use(&[1])), 1, randomizers);
    assert!(matches!(result, Err(DgkError::Shape(_))));
    for plaintext in [u(), u64::MAX] {
        let result = key().public_key().encode_many(engine(), &[0, plaintext]);
        assert!(matches!(result, Err(DgkError::PlaintextRange { .. })));
    }
}

#[test]
fn operations_across_keys_are_refused_with_both_names() {
    let mut rng = SecureRng::from_os();
    let theirs = other_key().encrypt_many(engine(), &[1], &mut rng).unwrap();
    let names = [key().public_key().id().to_string(), other_key().public_key().id().to_string()];
    let randomizers = key().public_key().randomizers(engine(), 1, SIGMA, &mut rng).unwrap();
    let one = single_use(&[1]);
    for error in [
        theirs.combine(engine(), (&one, &one), 1, randomizers).unwrap_err(),
        key().public_key().rerandomize_many(engine(), &theirs, SIGMA, &mut rng).unwrap_err(),
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
    let zeros = key().is_zero_many(engine(), &ciphertexts).unwrap();
    assert!(zeros[0].into_iter().all(bool::from) && !zeros[1].into_iter().any(bool::from));
}

/// The lengths of keys in use, with the tables that go with them.
#[test]
fn a_key_of_2048_bits_encrypts_and_tests() {
    let options = EngineOptions { threads: 2, ..EngineOptions::from_env().unwrap() };
    let engine = Engine::new(&options).unwrap();
    let mut rng = SecureRng::from_os();
    let key = SecretKey::generate(&engine, Parameters::new(2048, 8).unwrap(), &mut rng).unwrap();
    let public = key.public_key();
    assert_eq!((public.ciphertext_len_bytes(), public.parameters().order_bits()), (256, 224));
    key.prepare_encryption(&engine).unwrap();
    public.prepare(&engine, SIGMA).unwrap();
    let bits: Vec<u8> = (0..=255).collect();
    let sealed = key.encrypt_bits_many(&engine, &bits, &mut rng).unwrap();
    let sent = public.rerandomize_many(&engine, &sealed, SIGMA, &mut rng).unwrap();
    let read = Ciphertexts::from_bytes(&engine, public, &sent.to_bytes(&engine)).unwrap();
    let zeros = key.is_zero_many(&engine, &read).unwrap();
    for (zeros, bits) in zeros.into_iter().zip(bits) {
        assert_eq!(zeros.map(bool::from), std::array::from_fn(|slot| bits >> slot & 1 == 0));
    }
}

#[test]
fn what_one_engine_wrote_every_other_one_reads() {
    let all: Vec<u64> = (0..40).chain([u() - 1]).collect();
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
