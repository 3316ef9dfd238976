//! Moduli of no special form, as the cryptosystem of the comparison has them: every operation of every engine at the
//! lengths of its keys, and residues modulo p and q apart and together.

use proptest::prelude::*;
use rug::Integer;
use subtle::Choice;

use super::{engines, in_each_class, integer, odd, secret};
use crate::arith::{Engine, EngineError, Exponents, Moduli, Modulus, PlainCrt};
use crate::rng::SeededRng;

const COUNT: usize = 29;

/// A modulus with residues that have inverses, the extremes among them.
fn modulus_with_units(bits: u32, secrecy: bool, rng: &mut SeededRng) -> (Modulus, Vec<Integer>) {
    let mut value = rng.integer(bits);
    value.set_bit(0, true).set_bit(bits - 1, true);
    let modulus = if secrecy { Modulus::secret_plain(&secret(&value)) } else { Modulus::plain(&value) };
    let mut units = vec![Integer::from(1), Integer::from(&value - 1u32), Integer::from(1) << (bits - 1)];
    while units.len() < COUNT {
        let candidate = rng.integer(bits + 8) % &value;
        if Integer::from(candidate.gcd_ref(&value)) == 1 {
            units.push(candidate);
        }
    }
    (modulus, units)
}

#[test]
fn every_operation_at_the_lengths_of_keys() {
    for (bits, secrecy) in [(512, true), (1024, true), (1536, true), (1024, false), (2048, false), (3072, false)] {
        let mut rng = SeededRng::new(u64::from(bits), "plain moduli");
        let (modulus, units) = modulus_with_units(bits, secrecy, &mut rng);
        let reversed: Vec<Integer> = units.iter().rev().cloned().collect();
        let mut exponents: Vec<Integer> = (0..COUNT - 2).map(|_| rng.integer(230)).collect();
        exponents.extend([Integer::new(), (Integer::from(1) << 230u32) - 1u32]);
        let choices: Vec<Choice> = (0..COUNT).map(|index| Choice::from((index % 3 == 0) as u8)).collect();
        for engine in engines() {
            let named = |what: &str| format!("{what}, {} at {bits} bits", engine.kind());
            let load = |values: &[Integer]| engine.load(&Moduli::from(&modulus), values);
            let (a, b) = (load(&units), load(&reversed));
            assert!(engine.store(&a) == units, "{}", named("conversion"));
            let product = |x: &Integer, y: &Integer| Integer::from(x * y) % modulus.value();
            let products: Vec<Integer> = units.iter().zip(&reversed).map(|(x, y)| product(x, y)).collect();
            assert!(engine.store(&engine.product(&a, &b).unwrap()) == products, "{}", named("product"));
            let all = products.iter().fold(Integer::from(1), |all, next| product(&all, next));
            let run = engine.product_runs(&engine.product(&a, &b).unwrap(), COUNT).unwrap();
            assert!(engine.store(&run) == [all], "{}", named("product of a run"));
            let inverses = engine.invert_vartime(&a).unwrap();
            let expected: Vec<Integer> = units.iter().map(|x| x.clone().invert(modulus.value()).unwrap()).collect();
            assert!(engine.store(&inverses) == expected, "{}", named("inverse"));
            let selected = engine.store(&engine.select(&a, &b, &choices).unwrap());
            let choice = |index: usize| if index.is_multiple_of(3) { &reversed[index] } else { &units[index] };
            assert!(selected.iter().enumerate().all(|(index, x)| x == choice(index)), "{}", named("select"));
            powers_are_right(engine, &modulus, &units, &exponents);
        }
    }
}

fn powers_are_right(engine: &Engine, modulus: &Modulus, bases: &[Integer], exponents: &[Integer]) {
    let named = |what: &str| format!("{what}, {} at {} bits", engine.kind(), modulus.bits());
    let power = |(base, exponent): (&Integer, &Integer)| base.clone().pow_mod(exponent, modulus.value()).unwrap();
    let powers: Vec<Integer> = bases.iter().zip(exponents).map(power).collect();
    let of_last: Vec<Integer> = exponents.iter().map(|exponent| power((&bases[COUNT - 1], exponent))).collect();
    let product = powers.iter().fold(Integer::from(1), |product, power| product * power % modulus.value());
    let batch = engine.load(&Moduli::from(modulus), bases);
    let table = engine.fixed_base(modulus, &bases[COUNT - 1], 230, 6).unwrap();
    for exponents in in_each_class(exponents, 230) {
        assert!(engine.store(&engine.power(&batch, &exponents).unwrap()) == powers, "{}", named("power"));
        let found = engine.fixed_power(&table, &exponents).unwrap();
        assert!(engine.store(&found) == of_last, "{}", named("fixed base"));
        let found = engine.multi_power(&batch, &exponents, 1).unwrap();
        assert!(engine.store(&found) == [product.clone()], "{}", named("product of powers"));
    }
    let short: Vec<Integer> = exponents.iter().map(|exponent| exponent.clone().keep_bits(6)).collect();
    let expected: Vec<Integer> = bases.iter().zip(&short).map(power).collect();
    for exponents in in_each_class(&short, 6) {
        assert!(engine.store(&engine.power(&batch, &exponents).unwrap()) == expected, "{}", named("short power"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn residues_modulo_p_and_q_are_joined(
        (p, q) in prop_oneof![Just(9u32), Just(64), Just(65), Just(512), Just(1024)].prop_flat_map(|bits| (odd(bits), odd(bits))),
        values in proptest::collection::vec(integer(2048), 0..11),
    ) {
        prop_assume!(Integer::from(p.gcd_ref(&q)) == 1);
        let crt = PlainCrt::new(&secret(&p), &secret(&q))?;
        let n = Integer::from(&p * &q);
        prop_assert_eq!(crt.product_modulus(), &Modulus::plain(&n));
        let edges = [Integer::new(), Integer::from(1), p.clone(), q.clone(), Integer::from(&n - 1u32)];
        let values: Vec<Integer> = values.into_iter().map(|value| value % &n).chain(edges).collect();
        let modulo = |m: &Integer| values.iter().map(|value| Integer::from(value % m)).collect::<Vec<_>>();
        for engine in engines() {
            let whole = engine.load(&Moduli::from(crt.product_modulus()), &values);
            let at_p = crt.modulo_p(engine, &whole)?;
            prop_assert!(at_p.moduli().is_secret());
            prop_assert_eq!(engine.store(&at_p), modulo(&p));
            let at_q = engine.load(&Moduli::from(crt.moduli().1), &modulo(&q));
            let joined = crt.join(engine, &at_p, &at_q)?;
            prop_assert_eq!(&engine.store(&joined), &values);
            let squares = engine.product(&joined, &joined)?;
            prop_assert_eq!(engine.store(&squares), engine.store(&engine.product(&whole, &whole)?));
        }
    }
}

#[test]
fn factors_and_residues_that_do_not_go_together_are_refused() {
    let limbs = |value: u32| secret(&Integer::from(value));
    for (p, q) in [(11u32, 11u32), (15, 9), (10, 11), (1, 1), (0, 0), (5, 11)] {
        assert!(matches!(PlainCrt::new(&limbs(p), &limbs(q)), Err(EngineError::Factors { .. })), "{p} and {q}");
    }
    let engine = &engines()[0];
    let crt = PlainCrt::new(&limbs(11), &limbs(13)).unwrap();
    assert_eq!(format!("{crt:?}"), "PlainCrt(..)");
    let load = |modulus: &Modulus, len: usize| engine.load(&Moduli::from(modulus), &vec![Integer::from(5); len]);
    let (at_p, at_q) = (load(crt.moduli().0, 2), load(crt.moduli().1, 2));
    for (left, right) in [(&at_q, &at_p), (&at_p, &at_p), (&at_p, &load(crt.moduli().1, 1))] {
        assert!(matches!(crt.join(engine, left, right), Err(EngineError::Shape { .. })));
    }
    assert!(matches!(crt.modulo_p(engine, &at_p), Err(EngineError::Shape { .. })));
    let one = Exponents::public(&[Integer::from(1)]);
    assert_eq!(engine.store(&engine.power(&crt.join(engine, &at_p, &at_q).unwrap(), &one).unwrap()), [5, 5]);
}
