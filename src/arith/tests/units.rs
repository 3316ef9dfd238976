//! Foreign numbers: what is admitted comes back, and what is refused is named.

use proptest::prelude::*;
use rug::Integer;
use rug::integer::Order;

use super::{engines, integer, modulus, residues};
use crate::arith::Modulus;
use crate::arith::foreign::{UnitFlaw, load_unit_bytes, load_units};

fn bytes_of(values: &[Integer], len_bytes: usize) -> Vec<u8> {
    let mut bytes = vec![0; values.len() * len_bytes];
    for (value, number) in values.iter().zip(bytes.chunks_exact_mut(len_bytes)) {
        value.write_digits(number, Order::Lsf);
    }
    bytes
}

/// The flaw of a number outside of [1, modulus), or else the first of one that shares a factor with the root.
fn first_flaw(modulus: &Modulus, values: &[Integer]) -> Option<UnitFlaw> {
    let root = modulus.root().unwrap_or(modulus.value());
    let out_of_range = |(index, value): (usize, &Integer)| match value {
        value if value.is_zero() => Some(UnitFlaw::Zero(index)),
        value if value >= modulus.value() => Some(UnitFlaw::NotReduced(index)),
        _ => None,
    };
    let shares_factor = |value: &Integer| Integer::from(value.gcd_ref(root)) != 1;
    let offender = || values.iter().position(shares_factor).map(UnitFlaw::NotInvertible);
    values.iter().enumerate().find_map(out_of_range).or_else(offender)
}

/// A modulus, and numbers of which some are no units.
fn modulus_and_numbers() -> impl Strategy<Value = (Modulus, Vec<Integer>)> {
    modulus().prop_flat_map(|modulus| {
        let all = (0usize..20).prop_flat_map({
            let modulus = modulus.clone();
            move |count| residues(&modulus, count)
        });
        let (root, len_bits) = (modulus.root().unwrap_or(modulus.value()).clone(), modulus.bits().next_multiple_of(8));
        let units = all.prop_map(move |values| {
            values.into_iter().filter(|value| Integer::from(value.gcd_ref(&root)) == 1).collect::<Vec<_>>()
        });
        let foreign = prop_oneof![
            residues(&modulus, 1),
            Just(vec![modulus.value().clone()]),
            integer(len_bits).prop_map(|value| vec![value]),
            Just(Vec::new()),
        ];
        (Just(modulus), units, foreign, any::<prop::sample::Index>()).prop_map(
            |(modulus, mut values, foreign, place)| {
                let place = place.index(values.len() + 1);
                values.splice(place..place, foreign);
                (modulus, values)
            },
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn units_come_back_and_the_first_flaw_is_named((modulus, values) in modulus_and_numbers()) {
        let len_bytes = modulus.bits().div_ceil(8) as usize;
        let (bytes, expected) = (bytes_of(&values, len_bytes), first_flaw(&modulus, &values));
        for engine in engines() {
            let loaded = [
                load_unit_bytes(engine, &modulus, &bytes, len_bytes),
                load_units(engine, &modulus, &values),
            ];
            for loaded in loaded {
                match loaded {
                    Ok(batch) => {
                        prop_assert_eq!(&expected, &None);
                        prop_assert_eq!(&engine.store_bytes(&batch, len_bytes), &bytes);
                        prop_assert_eq!(engine.store_bytes(&batch, len_bytes + 9), bytes_of(&values, len_bytes + 9));
                    }
                    Err(flaw) => prop_assert_eq!(Some(flaw), expected.clone()),
                }
            }
        }
    }
}

/// Batches that are converted on the caller's thread and on the engine's, with one offender at each of some places.
#[test]
fn an_offender_is_found_wherever_it_is() {
    let (p, q) = ((Integer::from(1) << 61u32) - 1u32, (Integer::from(1) << 89u32) - 1u32);
    for modulus in [Modulus::square_of(&Integer::from(&p * &q)), Modulus::plain(&Integer::from(&p * &q))] {
        for len in [1usize, 7, 8, 9, 64, 65, 500, 520, 1031] {
            let units: Vec<Integer> = (0..len).map(|index| Integer::from(1) << (index % 140) as u32).collect();
            for engine in engines() {
                let admitted = load_units(engine, &modulus, &units).expect("powers of two are units");
                assert_eq!(engine.store(&admitted), units);
                for place in [0, len / 3, len / 8 * 8, len - 1] {
                    let mut values = units.clone();
                    let place = place.min(len - 1);
                    values[place] = Integer::from(&p * 12345u32);
                    let flaw = load_units(engine, &modulus, &values).err();
                    assert_eq!(flaw, Some(UnitFlaw::NotInvertible(place)), "of {len}");
                }
            }
        }
    }
}
