//! Fixed-width arithmetic on secrets: `constant` throughout, time and addresses follow from the widths alone.
//!
//! A divisor or modulus is public in its length, so its top limb must not be zero.

use std::cmp::Ordering;

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq, CtOption};

use super::mpn;
use crate::arith::backend::Scratch;
use crate::secret::SecretLimbs;

/// a * b, as wide as both together.
///
/// # Panics
/// If either is empty.
pub fn mul(a: &SecretLimbs, b: &SecretLimbs) -> SecretLimbs {
    let (wide, narrow) = if a.len() >= b.len() { (a, b) } else { (b, a) };
    let mut out = SecretLimbs::zero(a.len() + b.len());
    mpn::sec_mul(out.as_mut_slice(), wide.as_slice(), narrow.as_slice(), &mut Scratch::default());
    out
}

/// a mod m, as wide as m.
///
/// # Panics
/// If the top limb of `m` is zero.
pub fn rem(a: &SecretLimbs, m: &SecretLimbs) -> SecretLimbs {
    let mut number = resize(a, a.len().max(m.len()));
    mpn::sec_rem(number.as_mut_slice(), m.as_slice(), &mut Scratch::default());
    low(&number, m.len())
}

/// [`rem`] without memory of its own: leaves a mod m in the low limbs of `a`, as many as `m` has; the rest is undefined.
///
/// # Panics
/// If the top limb of `m` is zero or `a` is narrower.
pub(crate) fn reduce(a: &mut [u64], m: &SecretLimbs, scratch: &mut Scratch) {
    mpn::sec_rem(a, m.as_slice(), scratch);
}

/// The quotient of a by d, as wide as a, and the remainder, as wide as d.
///
/// # Panics
/// If the top limb of `d` is zero.
pub fn div_rem(a: &SecretLimbs, d: &SecretLimbs) -> (SecretLimbs, SecretLimbs) {
    let mut number = resize(a, a.len().max(d.len()));
    let mut quotient = SecretLimbs::zero(number.len() - d.len() + 1);
    mpn::sec_div_rem(quotient.as_mut_slice(), number.as_mut_slice(), d.as_slice(), &mut Scratch::default());
    (resize(&quotient, a.len().max(quotient.len())), low(&number, d.len()))
}

/// base^exponent mod m for an exponent below 2^`exponent_bits` and an odd m; as wide as m.
///
/// # Panics
/// If `m` is even, its top limb is zero, the base is empty or the exponent has fewer limbs than `exponent_bits` need.
pub fn pow_mod(base: &SecretLimbs, exponent: &SecretLimbs, exponent_bits: u32, m: &SecretLimbs) -> SecretLimbs {
    let mut out = SecretLimbs::zero(m.len());
    // GMP wants one bit at least; the exponent zero has it.
    let exponent = resize(exponent, exponent.len().max(1));
    let bits = exponent_bits.max(1);
    mpn::sec_pow_mod(
        out.as_mut_slice(),
        base.as_slice(),
        exponent.as_slice(),
        bits,
        m.as_slice(),
        &mut Scratch::default(),
    );
    out
}

/// The inverse of `a`, which is not wider than m, modulo the odd m; as wide as m. None if they share a factor.
///
/// # Panics
/// If `m` is even or `a` is wider.
pub fn invert_mod(a: &SecretLimbs, m: &SecretLimbs) -> CtOption<SecretLimbs> {
    let mut number = resize(a, m.len());
    let mut out = SecretLimbs::zero(m.len());
    let found = mpn::sec_invert(out.as_mut_slice(), number.as_mut_slice(), m.as_slice(), &mut Scratch::default());
    CtOption::new(out, found)
}

/// a * b mod m, as wide as m.
///
/// # Panics
/// If the top limb of `m` is zero or an operand is empty.
pub fn mul_mod(a: &SecretLimbs, b: &SecretLimbs, m: &SecretLimbs) -> SecretLimbs {
    rem(&mul(a, b), m)
}

/// a + b mod m for a, b below m. All are equally wide.
///
/// # Panics
/// If the widths differ.
pub fn add_mod(a: &SecretLimbs, b: &SecretLimbs, m: &SecretLimbs) -> SecretLimbs {
    let mut sum = a.clone();
    let carry = mpn::cnd_add(yes(), sum.as_mut_slice(), b.as_slice());
    let mut reduced = sum.clone();
    let borrow = mpn::cnd_sub(yes(), reduced.as_mut_slice(), m.as_slice());
    conditional_select(&sum, &reduced, carry | !borrow)
}

/// a - b mod m for a, b below m. All are equally wide.
///
/// # Panics
/// If the widths differ.
pub fn sub_mod(a: &SecretLimbs, b: &SecretLimbs, m: &SecretLimbs) -> SecretLimbs {
    let mut difference = a.clone();
    let borrow = mpn::cnd_sub(yes(), difference.as_mut_slice(), b.as_slice());
    mpn::cnd_add(borrow, difference.as_mut_slice(), m.as_slice());
    difference
}

/// a + b, one limb wider than the wider of them.
pub fn add(a: &SecretLimbs, b: &SecretLimbs) -> SecretLimbs {
    let width = a.len().max(b.len()) + 1;
    let mut sum = resize(a, width);
    mpn::cnd_add(yes(), sum.as_mut_slice(), resize(b, width).as_slice());
    sum
}

/// Whether a is zero.
pub fn is_zero(a: &SecretLimbs) -> Choice {
    a.as_slice().iter().fold(0, |seen, limb| seen | limb).ct_eq(&0)
}

/// Whether a is one.
pub fn is_one(a: &SecretLimbs) -> Choice {
    is_zero(&sub_small(a, 1)) & !is_zero(a)
}

/// Whether a equals b, of any widths.
pub fn eq(a: &SecretLimbs, b: &SecretLimbs) -> Choice {
    let width = a.len().max(b.len());
    resize(a, width).as_slice().ct_eq(resize(b, width).as_slice())
}

/// Whether a is below b, of any widths.
pub fn lt(a: &SecretLimbs, b: &SecretLimbs) -> Choice {
    let width = a.len().max(b.len()).max(1);
    mpn::cnd_sub(yes(), resize(a, width).as_mut_slice(), resize(b, width).as_slice())
}

/// Whether a is 2^`bits` or more.
pub fn bits_above(a: &SecretLimbs, bits: u32) -> Choice {
    let (limb, shift) = ((bits / 64) as usize, bits % 64);
    let high = a.as_slice().iter().enumerate().fold(0, |seen, (index, word)| match index.cmp(&limb) {
        Ordering::Less => seen,
        Ordering::Equal => seen | word >> shift,
        Ordering::Greater => seen | word,
    });
    !high.ct_eq(&0)
}

/// a - small, modulo 2^(64 * width).
pub fn sub_small(a: &SecretLimbs, small: u64) -> SecretLimbs {
    let mut out = a.clone();
    let mut borrow = small;
    for limb in out.as_mut_slice() {
        let (difference, under) = limb.overflowing_sub(borrow);
        *limb = difference;
        borrow = u64::from(under);
    }
    out
}

/// a / 2, rounded down.
pub fn shr1(a: &SecretLimbs) -> SecretLimbs {
    let mut out = a.clone();
    let mut carry = 0;
    for limb in out.as_mut_slice().iter_mut().rev() {
        let low = *limb & 1;
        *limb = *limb >> 1 | carry << 63;
        carry = low;
    }
    out
}

/// `on_one` if the choice is one, else `on_zero`. Equal widths.
///
/// # Panics
/// If the widths differ.
pub fn conditional_select(on_zero: &SecretLimbs, on_one: &SecretLimbs, choice: Choice) -> SecretLimbs {
    assert!(on_zero.len() == on_one.len(), "a choice between numbers of different widths");
    let mut out = on_zero.clone();
    for (limb, other) in out.as_mut_slice().iter_mut().zip(on_one.as_slice()) {
        limb.conditional_assign(other, choice);
    }
    out
}

/// `a` in `len` limbs: cut if it is wider, with zeros if it is narrower.
///
/// # Panics
/// If a limb that is cut is not zero.
pub fn resize(a: &SecretLimbs, len: usize) -> SecretLimbs {
    let kept = a.len().min(len);
    assert!(a.as_slice()[kept..].iter().fold(0, |seen, limb| seen | limb) == 0, "a number is cut");
    let mut out = SecretLimbs::zero(len);
    out.as_mut_slice()[..kept].copy_from_slice(&a.as_slice()[..kept]);
    out
}

/// The low `len` limbs of `a`.
fn low(a: &SecretLimbs, len: usize) -> SecretLimbs {
    SecretLimbs::new(a.as_slice()[..len].to_vec())
}

fn yes() -> Choice {
    Choice::from(1)
}
