use proptest::prelude::*;
use rug::Integer;

use super::{engines, integer, odd, secret};
use crate::arith::{Batch, Crt, EngineError, Exponents, Moduli, Modulus};
use crate::rng::SeededRng;

fn next_prime(start: Integer) -> Integer {
    start.next_prime()
}

/// Two different primes of one length.
fn primes() -> impl Strategy<Value = (Integer, Integer)> {
    let bits = prop_oneof![Just(9u32), Just(32), Just(33), Just(64), Just(65), Just(160)];
    let pair = bits.prop_flat_map(|bits| (odd(bits - 1), odd(bits - 1), Just(bits)));
    let pair = pair.prop_map(|(p, q, bits)| {
        let top = Integer::from(1) << (bits - 1);
        (next_prime(p / 2u32 + &top), next_prime(q / 2u32 + &top))
    });
    pair.prop_filter("the primes differ", |(p, q)| p != q)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn split_and_join_are_each_others_inverse(
        (p, q) in primes(),
        values in proptest::collection::vec(integer(700), 0..4),
    ) {
        let crt = Crt::new(&secret(&p), &secret(&q))?;
        let modulus = Modulus::square_of(&Integer::from(&p * &q));
        prop_assert_eq!(crt.product_modulus(), &modulus);
        let edges = [Integer::new(), Integer::from(1), p.clone(), Integer::from(modulus.value() - 1u32)];
        let values: Vec<Integer> = values.into_iter().map(|value| value % modulus.value()).chain(edges).collect();
        let halves = |root: &Integer| {
            let square = Integer::from(root.square_ref());
            values.iter().map(|value| Integer::from(value % &square)).collect::<Vec<_>>()
        };
        let expected = [halves(&p), halves(&q)].concat();
        for engine in engines() {
            let split = crt.split(engine, &engine.load(&Moduli::from(&modulus), &values))?;
            prop_assert_eq!(split.moduli().of(0), crt.moduli().0);
            prop_assert_eq!(&engine.store(&split), &expected);
            prop_assert_eq!(&engine.store(&crt.join(engine, &split)?), &values);
        }
    }

    /// Decryption as in Paillier, "Public-key cryptosystems based on composite degree residuosity classes" (1999),
    /// section 7: x^(p-1) mod p^2 is 1 + p * something, and the scale takes the something to the plaintext.
    #[test]
    fn join_dual_high_decrypts(
        (p, q) in primes(),
        plaintexts in proptest::collection::vec(integer(400), 1..4),
        randomizer in integer(64),
    ) {
        let n = Integer::from(&p * &q);
        let randomizer = randomizer + 2u32;
        prop_assume!(Integer::from(randomizer.gcd_ref(&n)) == 1);
        let crt = Crt::new(&secret(&p), &secret(&q))?;
        let modulus = crt.product_modulus();
        let plaintexts: Vec<Integer> = plaintexts.into_iter().map(|plaintext| plaintext % &n).collect();
        let blind = randomizer.pow_mod(&n, modulus.value()).unwrap();
        let ciphertexts: Vec<Integer> =
            plaintexts.iter().map(|m| (Integer::from(m * &n) + 1u32) * &blind % modulus.value()).collect();
        // (1 + n)^(m (p - 1)) = 1 + p * q m (p - 1) mod p^2, so the scale is 1 / (-q) mod p.
        let scale = |own: &Integer, other: &Integer| Integer::from(-other).invert(own).unwrap();
        let (scale_p, scale_q) = (secret(&scale(&p, &q)), secret(&scale(&q, &p)));
        for engine in engines() {
            let split = crt.split(engine, &engine.load(&Moduli::from(modulus), &ciphertexts))?;
            let orders = [vec![Integer::from(&p - 1u32); plaintexts.len()], vec![Integer::from(&q - 1u32); plaintexts.len()]];
            let orders = Exponents::long_lived(orders.concat().iter().map(secret).collect(), p.significant_bits());
            let powers = engine.power(&split, &orders)?;
            let (opened, all_one) = crt.open(engine, &powers, &crt.opener((&scale_p, &scale_q)))?;
            prop_assert!(bool::from(all_one));
            let opened: Vec<Integer> = opened.iter().map(|plaintext| (**plaintext).clone()).collect();
            prop_assert_eq!(&opened, &plaintexts);
            // One half that is not 1 modulo its prime is noticed.
            let two = engine.load(&Moduli::from(crt.moduli().0), &[Integer::from(2)]);
            let (last, half) = (powers.len() - 1, powers.len() / 2);
            let broken = Batch::concat(&[two, powers.slice(1..half), powers.slice(half..last + 1)]);
            prop_assert!(!bool::from(crt.open(engine, &broken, &crt.opener((&scale_p, &scale_q)))?.1));
        }
    }
}

#[test]
fn factors_that_cannot_be_joined_are_refused() {
    for (p, q) in [(11u32, 11u32), (15, 9), (10, 11), (11, 12), (1, 1), (0, 0), (3, 1)] {
        let crt = Crt::new(&secret(&Integer::from(p)), &secret(&Integer::from(q)));
        assert!(matches!(crt, Err(EngineError::Factors { .. })), "{p} and {q}");
    }
}

#[test]
fn residues_are_joined_at_key_lengths() {
    for bits in [1024u32, 2048, 3072, 4096] {
        let mut rng = SeededRng::new(u64::from(bits), "factors to join by");
        // Any coprime odd numbers do; the first pair gives a product of one bit less, the second the largest.
        let top = Integer::from(1) << (bits / 2 - 1);
        let largest = Integer::from(&top << 1) - 1u32;
        let random = |rng: &mut SeededRng| (rng.integer(bits / 2) | 1u32) | &top;
        let pairs = [
            (Integer::from(&top + 1u32), Integer::from(&top + 3u32)),
            (largest.clone(), largest - 2u32),
            (random(&mut rng), random(&mut rng)),
        ];
        for (p, mut q) in pairs {
            while Integer::from(p.gcd_ref(&q)) != 1 {
                q -= 2;
            }
            let crt = Crt::new(&secret(&p), &secret(&q)).unwrap();
            let modulus = crt.product_modulus().value().clone();
            let mut values: Vec<Integer> = (0..20).map(|_| rng.integer(2 * bits) % &modulus).collect();
            values.extend([Integer::new(), Integer::from(1), Integer::from(p.square_ref()) - 1u32, modulus - 1u32]);
            for engine in engines() {
                let batch = engine.load(&Moduli::from(crt.product_modulus()), &values);
                let joined = crt.join(engine, &crt.split(engine, &batch).unwrap()).unwrap();
                assert!(engine.store(&joined) == values, "{} at {bits} bits", engine.kind());
                // Joined residues are as good as any others.
                let squares = engine.product(&joined, &joined).unwrap();
                assert!(engine.store(&squares) == engine.store(&engine.product(&batch, &batch).unwrap()));
            }
        }
    }
}

#[test]
fn factors_of_different_lengths_join_no_residues() {
    let engine = &engines()[0];
    let crt = Crt::new(&secret(&Integer::from(11)), &secret(&Integer::from(257))).unwrap();
    let batch = engine.load(&Moduli::from(crt.product_modulus()), &[Integer::from(5)]);
    let refused = crt.join(engine, &crt.split(engine, &batch).unwrap()).unwrap_err();
    assert!(refused.to_string().contains("differ in length"), "{refused}");
}

#[test]
fn residues_of_other_moduli_are_refused() {
    let engine = &engines()[0];
    let crt = Crt::new(&secret(&Integer::from(11)), &secret(&Integer::from(13))).unwrap();
    let foreign = engine.load(&Moduli::from(&Modulus::plain(&Integer::from(143))), &[Integer::from(5)]);
    let one = secret(&Integer::from(1));
    assert!(matches!(crt.split(engine, &foreign), Err(EngineError::Shape { .. })));
    assert!(matches!(crt.join(engine, &foreign), Err(EngineError::Shape { .. })));
    assert!(matches!(crt.open(engine, &foreign, &crt.opener((&one, &one))), Err(EngineError::Shape { .. })));
}

#[test]
fn debug_prints_no_factor() {
    let crt = Crt::new(&secret(&Integer::from(11)), &secret(&Integer::from(13))).unwrap();
    assert_eq!(format!("{crt:?}"), "Crt(..)");
}
