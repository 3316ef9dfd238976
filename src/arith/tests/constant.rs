use proptest::prelude::*;
use rug::Integer;

use super::{integer, odd};
use crate::arith::constant;
use crate::secret::SecretLimbs;

fn limbs(value: &Integer, len: usize) -> SecretLimbs {
    SecretLimbs::from_integer(value, len)
}

/// An odd modulus above one whose top limb is not zero, and two numbers below it.
fn modulus_and_two() -> impl Strategy<Value = (Integer, Integer, Integer)> {
    let bits = prop_oneof![Just(2u32), Just(17), Just(64), Just(65), Just(128), Just(300)];
    let number = |bits| prop_oneof![4 => integer(bits), 1 => Just(Integer::new()), 1 => Just(Integer::from(1)), 1 => Just(Integer::from(-1))];
    let all = bits.prop_flat_map(move |bits| (odd(bits), number(bits), number(bits)));
    all.prop_map(|(m, a, b)| (m.clone(), ((a % &m) + &m) % &m, ((b % &m) + &m) % &m))
}

proptest! {
    #[test]
    fn modular_functions_agree_with_integers((m, a, b) in modulus_and_two()) {
        let width = m.significant_digits::<u64>();
        let (ml, al, bl) = (limbs(&m, width), limbs(&a, width), limbs(&b, width));
        prop_assert_eq!(&*constant::mul_mod(&al, &bl, &ml).to_integer(), &(Integer::from(&a * &b) % &m));
        prop_assert_eq!(&*constant::add_mod(&al, &bl, &ml).to_integer(), &(Integer::from(&a + &b) % &m));
        let difference = (Integer::from(&a - &b) + &m) % &m;
        prop_assert_eq!(&*constant::sub_mod(&al, &bl, &ml).to_integer(), &difference);
        let power = a.clone().pow_mod(&b, &m).unwrap();
        let bits = b.significant_bits();
        prop_assert_eq!(&*constant::pow_mod(&al, &bl, bits, &ml).to_integer(), &power);
        prop_assert_eq!(&*constant::pow_mod(&al, &bl, 64 * width as u32, &ml).to_integer(), &power);
        let inverse: Option<SecretLimbs> = constant::invert_mod(&al, &ml).into();
        match (inverse, a.invert(&m)) {
            (Some(inverse), Ok(expected)) => prop_assert_eq!(&*inverse.to_integer(), &expected),
            (None, Err(_)) => {}
            (found, expected) => prop_assert!(false, "{} and {}", found.is_some(), expected.is_ok()),
        }
    }

    #[test]
    fn plain_functions_agree_with_integers(
        a in integer(320), b in integer(130), widths in (5usize..8, 3usize..6), small in any::<u64>(),
    ) {
        let (al, bl) = (limbs(&a, widths.0), limbs(&b, widths.1));
        prop_assert_eq!(&*constant::mul(&al, &bl).to_integer(), &Integer::from(&a * &b));
        prop_assert_eq!(&*constant::mul(&bl, &al).to_integer(), &Integer::from(&a * &b));
        prop_assert_eq!(&*constant::add(&al, &bl).to_integer(), &Integer::from(&a + &b));
        prop_assert_eq!(&*constant::shr1(&al).to_integer(), &Integer::from(&a >> 1u32));
        prop_assert_eq!(bool::from(constant::lt(&al, &bl)), a < b);
        prop_assert_eq!(bool::from(constant::lt(&bl, &al)), b < a);
        prop_assert_eq!(bool::from(constant::eq(&al, &bl)), a == b);
        prop_assert!(bool::from(constant::eq(&al, &constant::resize(&al, 9))));
        let wrap = Integer::from(1) << (64 * widths.0 as u32);
        let expected = (Integer::from(&a - small) + &wrap) % &wrap;
        prop_assert_eq!(&*constant::sub_small(&al, small).to_integer(), &expected);
        if b != 0 {
            let divisor = limbs(&b, b.significant_digits::<u64>());
            let (quotient, remainder) = Integer::from(&a).div_rem(b.clone());
            let found = constant::div_rem(&al, &divisor);
            prop_assert_eq!((&*found.0.to_integer(), &*found.1.to_integer()), (&quotient, &remainder));
            prop_assert_eq!((found.0.len(), found.1.len()), (al.len(), divisor.len()));
            prop_assert_eq!(&*constant::rem(&al, &divisor).to_integer(), &remainder);
        }
    }
}

#[test]
fn zero_and_one_are_recognised() {
    let number = |limbs: &[u64]| SecretLimbs::new(limbs.to_vec());
    let cases = [(number(&[0, 0]), true, false), (number(&[1, 0]), false, true), (number(&[1, 1]), false, false)];
    for (value, zero, one) in cases {
        assert_eq!(bool::from(constant::is_zero(&value)), zero);
        assert_eq!(bool::from(constant::is_one(&value)), one);
    }
    assert!(!bool::from(constant::is_one(&number(&[0, 1]))));
}

#[test]
fn a_number_narrower_than_its_divisor_is_its_own_remainder() {
    let (narrow, wide) = (SecretLimbs::new(vec![5]), SecretLimbs::new(vec![1, 1]));
    let (quotient, remainder) = constant::div_rem(&narrow, &wide);
    assert_eq!((&*quotient.to_integer(), &*remainder.to_integer()), (&Integer::new(), &Integer::from(5)));
    assert_eq!(*constant::rem(&narrow, &wide).to_integer(), 5);
}

#[test]
#[should_panic(expected = "a number is cut")]
fn a_number_is_not_cut_in_silence() {
    constant::resize(&SecretLimbs::new(vec![1, 1]), 1);
}
