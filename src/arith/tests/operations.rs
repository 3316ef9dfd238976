use std::sync::Arc;

use proptest::prelude::*;
use rug::Integer;
use rug::ops::RemRounding;
use subtle::Choice;

use super::oracle::Oracle;
use super::{engines, in_each_class, integer, modulus, residues, secret};
use crate::arith::{Batch, Engine, EngineError, Exponents, Moduli, Modulus};
use crate::rng::SeededRng;

/// A modulus with `count` residues.
fn modulus_and(count: impl Into<proptest::collection::SizeRange>) -> impl Strategy<Value = (Modulus, Vec<Integer>)> {
    let count = count.into();
    modulus().prop_flat_map(move |modulus| {
        (Just(modulus.clone()), (count.start()..=count.end_incl()).prop_flat_map(move |len| residues(&modulus, len)))
    })
}

fn load(engine: &Engine, modulus: &Modulus, values: &[Integer]) -> Batch {
    engine.load(&Moduli::from(modulus), values)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn load_reduces_whatever_comes(modulus in modulus(), values in proptest::collection::vec(integer(700), 0..4)) {
        let negatives = values.iter().map(|value| Integer::from(-value));
        let values: Vec<Integer> = values.iter().cloned().chain(negatives).collect();
        let expected: Vec<Integer> = values.iter().map(|value| value.clone().rem_euc(modulus.value())).collect();
        for engine in engines() {
            prop_assert_eq!(&engine.store(&load(engine, &modulus, &values)), &expected);
        }
    }

    #[test]
    fn load_one_plus_is_the_dual_form(modulus in modulus(), values in proptest::collection::vec(integer(700), 0..4)) {
        let Some(root) = modulus.root() else { return Ok(()) };
        let edges = [Integer::new(), root.clone(), Integer::from(root - 1u32)];
        let positive = values.into_iter().chain(edges).collect::<Vec<_>>();
        let values: Vec<Integer> = positive.iter().map(|v| Integer::from(-v)).chain(positive.clone()).collect();
        let expected: Vec<Integer> =
            values.iter().map(|value| (Integer::from(value * root) + 1u32).rem_euc(modulus.value())).collect();
        for engine in engines() {
            prop_assert_eq!(&engine.store(&engine.load_one_plus(&modulus, &values)), &expected);
        }
    }

    #[test]
    fn product_is_elementwise((modulus, values) in modulus_and(0..8)) {
        let oracle = Oracle::new(&modulus);
        let reversed: Vec<Integer> = values.iter().rev().cloned().collect();
        let expected: Vec<Integer> = values.iter().zip(&reversed).map(|(a, b)| oracle.product(a, b)).collect();
        for engine in engines() {
            let (a, b) = (load(engine, &modulus, &values), load(engine, &modulus, &reversed));
            prop_assert_eq!(&engine.store(&engine.product(&a, &b)?), &expected);
            if let Some(first) = values.first() {
                let expected: Vec<Integer> = values.iter().map(|value| oracle.product(first, value)).collect();
                let first = a.slice(0..1);
                prop_assert_eq!(&engine.store(&engine.product(&a, &first)?), &expected);
                prop_assert_eq!(&engine.store(&engine.product(&first, &a)?), &expected);
            }
        }
    }

    #[test]
    fn product_runs_multiplies_neighbours((modulus, values) in modulus_and(48..=48), run in 1usize..=48) {
        let oracle = Oracle::new(&modulus);
        let values = &values[..48 / run * run];
        let product = |run: &[Integer]| run.iter().fold(Integer::from(1), |product, value| oracle.product(&product, value));
        let expected: Vec<Integer> = values.chunks(run).map(product).collect();
        for engine in engines() {
            let batch = load(engine, &modulus, values);
            prop_assert_eq!(&engine.store(&engine.product_runs(&batch, run)?), &expected);
        }
    }

    #[test]
    fn power_is_right_in_every_class(
        (modulus, bases) in modulus_and(1..4),
        exponents in proptest::collection::vec(integer(130), 3),
        bits in 0u32..=130,
    ) {
        let oracle = Oracle::new(&modulus);
        let all_ones = (Integer::from(1) << bits) - 1u32;
        let random = exponents.into_iter().map(|exponent| exponent.keep_bits(bits));
        let exponents: Vec<Integer> = [Integer::new(), all_ones].into_iter().chain(random).take(bases.len()).collect();
        let expected: Vec<Integer> = bases.iter().zip(&exponents).map(|(b, e)| oracle.power(b, e)).collect();
        let of_first: Vec<Integer> = exponents.iter().map(|exponent| oracle.power(&bases[0], exponent)).collect();
        let by_last: Vec<Integer> = bases.iter().map(|base| oracle.power(base, &exponents[bases.len() - 1])).collect();
        for engine in engines() {
            let bases = load(engine, &modulus, &bases);
            let last = in_each_class(&exponents[exponents.len() - 1..], bits);
            for (exponents, last) in in_each_class(&exponents, bits).iter().zip(&last) {
                prop_assert_eq!(&engine.store(&engine.power(&bases, exponents)?), &expected);
                prop_assert_eq!(&engine.store(&engine.power(&bases.slice(0..1), exponents)?), &of_first);
                prop_assert_eq!(&engine.store(&engine.power(&bases, last)?), &by_last);
            }
        }
    }

    #[test]
    fn fixed_power_is_a_power(
        (modulus, base) in modulus_and(1..=1),
        exponents in proptest::collection::vec(integer(100), 0..4),
        max_bits in 0u32..=100,
        shorter in 0u32..=100,
        window_bits in 1u32..=8,
    ) {
        let oracle = Oracle::new(&modulus);
        let bits = max_bits.saturating_sub(shorter);
        let edges = [Integer::new(), (Integer::from(1) << bits) - 1u32];
        let random = exponents.into_iter().map(|exponent| exponent.keep_bits(bits));
        let exponents: Vec<Integer> = edges.into_iter().chain(random).collect();
        let expected: Vec<Integer> = exponents.iter().map(|exponent| oracle.power(&base[0], exponent)).collect();
        for engine in engines() {
            let table = engine.fixed_base(&modulus, &base[0], max_bits, window_bits)?;
            for exponents in in_each_class(&exponents, bits) {
                prop_assert_eq!(&engine.store(&engine.fixed_power(&table, &exponents)?), &expected);
            }
        }
    }

    #[test]
    fn multi_power_is_the_product_of_powers(
        (modulus, bases) in modulus_and(36..=36),
        (groups, per_group) in prop_oneof![Just((1usize, 1usize)), Just((1, 36)), Just((2, 3)), Just((5, 2))],
        rows in 0usize..4,
        exponents in proptest::collection::vec(integer(70), 108),
        bits in 0u32..=70,
    ) {
        let oracle = Oracle::new(&modulus);
        let bases = &bases[..groups * per_group];
        let mut exponents: Vec<Integer> =
            exponents.into_iter().take(groups * rows * per_group).map(|exponent| exponent.keep_bits(bits)).collect();
        if let Some(first) = exponents.first_mut() {
            *first = (Integer::from(1) << bits) - 1u32;
        }
        if let Some(last) = exponents.last_mut() {
            *last = Integer::new();
        }
        let result = |index: usize| {
            let group = &bases[index / rows * per_group..][..per_group];
            let powers = group.iter().zip(&exponents[index * per_group..]).map(|(b, e)| oracle.power(b, e));
            powers.fold(Integer::from(1), |product, power| oracle.product(&product, &power))
        };
        let expected: Vec<Integer> = (0..groups * rows).map(result).collect();
        for engine in engines() {
            let bases = load(engine, &modulus, bases);
            for exponents in in_each_class(&exponents, bits) {
                prop_assert_eq!(&engine.store(&engine.multi_power(&bases, &exponents, groups)?), &expected);
            }
        }
    }

    /// On an engine of eight lanes mostly several shares of a group, by either order of joining and squaring.
    #[test]
    fn multi_power_of_few_rows_is_the_product_of_gmps_powers(
        modulus in modulus(),
        groups in prop_oneof![2 => Just(1usize), 1 => 2usize..10],
        rows in 1usize..8,
        per_group in 1usize..40,
        bits in prop_oneof![1 => Just(0u32), 4 => 1u32..=70],
        seed in any::<u64>(),
    ) {
        let mut rng = SeededRng::new(seed, "products of few rows");
        let bases: Vec<Integer> =
            (0..groups * per_group).map(|_| rng.integer(modulus.bits() + 8) % modulus.value()).collect();
        let exponents: Vec<Integer> = (0..groups * rows * per_group).map(|_| rng.integer(bits)).collect();
        let power = |(base, exponent): (&Integer, &Integer)| base.clone().pow_mod(exponent, modulus.value()).unwrap();
        let result = |(row, exponents): (usize, &[Integer])| {
            let powers = bases[row / rows * per_group..][..per_group].iter().zip(exponents).map(power);
            powers.fold(Integer::from(1), |product, power| product * power % modulus.value())
        };
        let expected: Vec<Integer> = exponents.chunks_exact(per_group).enumerate().map(result).collect();
        for engine in engines() {
            let bases = load(engine, &modulus, &bases);
            for exponents in in_each_class(&exponents, bits) {
                prop_assert_eq!(&engine.store(&engine.multi_power(&bases, &exponents, groups)?), &expected);
            }
        }
    }

    #[test]
    fn inverses_undo_residues_and_the_first_that_fails_is_named((modulus, values) in modulus_and(0..12)) {
        let oracle = Oracle::new(&modulus);
        let failing = values.iter().position(|value| Integer::from(value.gcd_ref(modulus.value())) != 1);
        for engine in engines() {
            let batch = load(engine, &modulus, &values);
            match (engine.invert_vartime(&batch), failing) {
                (Err(error), Some(index)) => prop_assert_eq!(error, EngineError::NotInvertible { index }),
                (Ok(inverses), None) => {
                    let inverses = engine.store(&inverses);
                    prop_assert_eq!(inverses.len(), values.len());
                    for (value, inverse) in values.iter().zip(&inverses) {
                        prop_assert_eq!(oracle.product(value, inverse), 1);
                    }
                }
                (result, failing) => prop_assert!(false, "{result:?} although the first failure is {failing:?}"),
            }
        }
    }

    #[test]
    fn select_follows_the_choices((modulus, values) in modulus_and(0..12), seed in any::<u16>()) {
        let ones: Vec<bool> = (0..values.len()).map(|index| seed >> index & 1 == 1).collect();
        let choices: Vec<Choice> = ones.iter().map(|&one| Choice::from(u8::from(one))).collect();
        let reversed: Vec<Integer> = values.iter().rev().cloned().collect();
        let pairs = values.iter().zip(&reversed).zip(&ones);
        let expected: Vec<Integer> = pairs.map(|((zero, one), &chosen)| if chosen { one } else { zero }.clone()).collect();
        for engine in engines() {
            let (zero, one) = (load(engine, &modulus, &values), load(engine, &modulus, &reversed));
            prop_assert_eq!(&engine.store(&engine.select(&zero, &one, &choices)?), &expected);
        }
    }

    #[test]
    fn short_public_powers_follow_the_bits((modulus, values) in modulus_and(0..12), exponent in 1u32..1 << 26) {
        let oracle = Oracle::new(&modulus);
        for engine in engines() {
            let bases = load(engine, &modulus, &values);
            for exponent in [exponent, exponent >> 20 | 1, 1, 2, (1 << 24) - 1, 1 << 24].map(Integer::from) {
                let powers = engine.store(&engine.power(&bases, &Exponents::public(std::slice::from_ref(&exponent)))?);
                for (value, power) in values.iter().zip(&powers) {
                    prop_assert_eq!(&oracle.power(value, &exponent), power, "{}", exponent);
                }
            }
        }
    }

    #[test]
    fn batches_are_cut_and_joined_at_will((modulus, values) in modulus_and(1..12), picks in proptest::collection::vec(any::<usize>(), 0..20)) {
        let picks: Vec<usize> = picks.iter().map(|pick| pick % values.len()).collect();
        let expected: Vec<Integer> = picks.iter().map(|&pick| values[pick].clone()).collect();
        let middle = values.len() / 2;
        let mut rotated = values.clone();
        rotated.rotate_left(middle);
        for engine in engines() {
            let batch = load(engine, &modulus, &values);
            prop_assert_eq!(&engine.store(&batch.gather(&picks)), &expected);
            let parts = [batch.slice(middle..values.len()), batch.slice(0..middle)];
            prop_assert_eq!(&engine.store(&Batch::concat(&parts)), &rotated);
        }
    }
}

/// Groups, rows and bases around the number of lanes, where lanes stay empty and shares differ in length.
#[test]
fn multi_power_is_right_however_the_lanes_are_filled() {
    let shapes = [
        (1, 1, 1),
        (1, 3, 2),
        (1, 1, 64),
        (1, 7, 13),
        (1, 4, 120),
        (2, 2, 16),
        (2, 8, 30),
        (3, 1, 25),
        (7, 2, 3),
        (8, 2, 16),
        (9, 7, 5),
        (21, 1, 25),
        (17, 1, 1),
    ];
    let root = (Integer::from(1) << 127) - 1u32;
    let moduli = [
        Modulus::square_of(&root),
        Modulus::secret_square_of(&secret(&root)),
        Modulus::plain(&((Integer::from(1) << 107) - 1u32)),
    ];
    for (index, (groups, rows, per_group)) in shapes.into_iter().enumerate() {
        let modulus = &moduli[index % moduli.len()];
        let oracle = Oracle::new(modulus);
        let pattern = |seed: usize| Integer::from(seed + 2).square().square() * 0x9e37_79b9_7f4a_7c15_u64;
        let bases: Vec<Integer> = (0..groups * per_group).map(|k| pattern(k) % modulus.value()).collect();
        for bits in [0, 1, 7, 60, 65, 131] {
            let exponent = |k: usize| match k % 5 {
                0 => (Integer::from(1) << bits) - 1u32,
                1 => Integer::new(),
                2 => Integer::from(bits.min(1)),
                _ => (pattern(k).square() >> 3u32).keep_bits(bits),
            };
            let exponents: Vec<Integer> = (0..groups * rows * per_group).map(exponent).collect();
            let result = |index: usize| {
                let group = &bases[index / rows * per_group..][..per_group];
                let powers = group.iter().zip(&exponents[index * per_group..]).map(|(b, e)| oracle.power(b, e));
                powers.fold(Integer::from(1), |product, power| oracle.product(&product, &power))
            };
            let expected: Vec<Integer> = (0..groups * rows).map(result).collect();
            for engine in engines() {
                let bases = load(engine, modulus, &bases);
                for exponents in in_each_class(&exponents, bits) {
                    let class = exponents.class();
                    let found = engine.store(&engine.multi_power(&bases, &exponents, groups).unwrap());
                    assert_eq!(found, expected, "{groups} x {rows} x {per_group}, {bits} bits, {class:?}");
                }
            }
        }
    }
}

/// Each residue its own modulus, of any widths, in every operation that allows it.
#[test]
fn every_residue_may_have_its_own_modulus() {
    let roots = [3u128, 0x1_0001, 0xffff_ffff_ffff_ffc5, 0x1_0000_0000_0000_000d, 0x1_0001];
    let moduli: Vec<Modulus> = roots.iter().map(|&root| Modulus::square_of(&Integer::from(root))).collect();
    let moduli_each = Moduli::Each(Arc::from(moduli.clone()));
    let values: Vec<Integer> = [2u32, 70_000, 5, 1_000_003, 4].map(Integer::from).to_vec();
    let exponents: Vec<Integer> = [5u32, 9, 77, 1 << 20, 0].map(Integer::from).to_vec();
    let values: Vec<Integer> =
        values.iter().zip(&moduli).map(|(value, modulus)| Integer::from(value % modulus.value())).collect();
    let expect = |operation: &dyn Fn(&Oracle, usize) -> Integer| -> Vec<Integer> {
        moduli.iter().enumerate().map(|(index, modulus)| operation(&Oracle::new(modulus), index)).collect()
    };
    for engine in engines() {
        let batch = engine.load(&moduli_each, &values);
        assert_eq!(engine.store(&batch), values);
        let squares = engine.product(&batch, &batch).unwrap();
        assert_eq!(engine.store(&squares), expect(&|oracle, i| oracle.product(&values[i], &values[i])));
        for exponents_ in in_each_class(&exponents, 21) {
            let powers = engine.power(&batch, &exponents_).unwrap();
            assert_eq!(engine.store(&powers), expect(&|oracle, i| oracle.power(&values[i], &exponents[i])));
        }
        let inverses = engine.invert_vartime(&batch).unwrap();
        assert!(engine.store(&engine.product(&batch, &inverses).unwrap()).iter().all(|product| *product == 1));
        let joined = Batch::concat(&[batch.slice(3..5), batch.slice(0..3)]);
        assert_eq!(engine.store(&joined), [&values[3..], &values[..3]].concat());
        let runs = engine.product_runs(&batch.gather(&[1, 4, 2, 2]), 2).unwrap();
        assert_eq!(runs.moduli().of(0), &moduli[1]);
        assert_eq!(engine.store(&runs)[1], Oracle::new(&moduli[2]).product(&values[2], &values[2]));
    }
}

/// Lengths that are used and lengths that are nearly so.
#[test]
fn odd_lengths_of_the_modulus_are_as_good() {
    for bits in [17u32, 2047, 2048, 2050] {
        let root = (Integer::from(1) << bits) - 1_234_567_u32.min((1 << (bits.min(20) - 2)) - 1) * 2 - 1u32;
        let modulus = Modulus::square_of(&root);
        let oracle = Oracle::new(&modulus);
        let base = Integer::from(modulus.value() - 12_345u32);
        let exponent = Integer::from(0xfeed_beefu32);
        let expected = oracle.power(&base, &exponent);
        for engine in engines() {
            let batch = load(engine, &modulus, std::slice::from_ref(&base));
            let table = engine.fixed_base(&modulus, &base, 32, 4).unwrap();
            for exponents in in_each_class(std::slice::from_ref(&exponent), 32) {
                let by_window = engine.power(&batch, &exponents).unwrap();
                let by_table = engine.fixed_power(&table, &exponents).unwrap();
                let by_straus = engine.multi_power(&batch, &exponents, 1).unwrap();
                for power in [by_window, by_table, by_straus] {
                    assert_eq!(engine.store(&power), std::slice::from_ref(&expected), "{bits} bits");
                }
            }
        }
    }
}

#[test]
fn concat_of_different_moduli_keeps_each() {
    let (left, right) = (Modulus::plain(&Integer::from(101)), Modulus::plain(&Integer::from(103)));
    for engine in engines() {
        let parts = [load(engine, &left, &[Integer::from(-1)]), load(engine, &right, &[Integer::from(-1)])];
        let joined = Batch::concat(&parts);
        assert_eq!(engine.store(&joined), [100, 102]);
        assert_eq!((joined.moduli().of(0), joined.moduli().of(1)), (&left, &right));
    }
}

#[test]
#[should_panic(expected = "longer than its declared 65 bits")]
fn an_exponent_longer_than_declared_is_refused() {
    Exponents::single_use(vec![secret(&(Integer::from(1) << 65))], 65);
}
