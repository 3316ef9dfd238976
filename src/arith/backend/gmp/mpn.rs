//! The leaf under everything of GMP's that has no safe binding: its `mpn` functions on slices of limbs.
//!
//! This is the only file of the backend with `unsafe`. One rule makes each call sound: every pointer comes from a slice
//! whose length is passed beside it or asserted to be what the function's manual entry asks for, scratch space has the
//! length that the function's own `_itch` names, and Rust's borrows keep outputs apart from inputs wherever GMP
//! forbids overlap. The functions neither keep pointers nor touch global state.
//!
//! `sec_*` and `cnd_*` take time and addresses from the lengths alone; `vartime_*` may look at the values.

use gmp_mpfr_sys::gmp;
use subtle::{Choice, ConstantTimeEq};

use crate::arith::backend::Scratch;

const _: () = assert!(size_of::<gmp::limb_t>() == size_of::<u64>(), "GMP must be built with limbs of 64 bits");

fn size(limbs: &[u64]) -> gmp::size_t {
    limbs.len() as gmp::size_t
}

fn ptr(limbs: &[u64]) -> *const gmp::limb_t {
    limbs.as_ptr().cast()
}

fn mut_ptr(limbs: &mut [u64]) -> *mut gmp::limb_t {
    limbs.as_mut_ptr().cast()
}

fn choice(flag: u64) -> Choice {
    Choice::from(flag as u8)
}

fn condition(choice: Choice) -> gmp::limb_t {
    gmp::limb_t::from(choice.unwrap_u8())
}

/// out = a * b. `out` is as wide as both together; `a` is not narrower than `b`, and neither is empty.
pub(super) fn sec_mul(out: &mut [u64], a: &[u64], b: &[u64], scratch: &mut Scratch) {
    assert!(out.len() == a.len() + b.len() && a.len() >= b.len() && !b.is_empty());
    // SAFETY: pure function of two lengths.
    let itch = unsafe { gmp::mpn_sec_mul_itch(size(a), size(b)) };
    let scratch = scratch.words(itch as usize);
    // SAFETY: lengths and order asserted above, scratch as asked, `out` borrowed exclusively.
    unsafe { gmp::mpn_sec_mul(mut_ptr(out), ptr(a), size(a), ptr(b), size(b), mut_ptr(scratch)) }
}

/// out = a^2. `out` is twice as wide as `a`, which is not empty.
pub(super) fn sec_square(out: &mut [u64], a: &[u64], scratch: &mut Scratch) {
    assert!(out.len() == 2 * a.len() && !a.is_empty());
    // SAFETY: pure function of a length.
    let itch = unsafe { gmp::mpn_sec_sqr_itch(size(a)) };
    let scratch = scratch.words(itch as usize);
    // SAFETY: lengths asserted above, scratch as asked, `out` borrowed exclusively.
    unsafe { gmp::mpn_sec_sqr(mut_ptr(out), ptr(a), size(a), mut_ptr(scratch)) }
}

/// Montgomery's reduction ("Modular multiplication without trial division", 1985) of a double of 2k limbs by the k limbs of
/// an odd modulus, `inverse` = -modulus^-1 mod 2^64: the quotient q makes double + q modulus a multiple of 2^(64 k). That
/// multiple is left in the high limbs of `double`, and the carry out of them returned.
pub(super) fn montgomery(double: &mut [u64], modulus: &[u64], inverse: u64, quotient: &mut [u64]) -> Choice {
    let k = modulus.len();
    assert!(quotient.len() == k && double.len() == 2 * k && k > 0);
    for i in 0..k {
        let digit = double[i].wrapping_mul(inverse);
        let window = &mut double[i..i + k];
        // SAFETY: both operands have k limbs, `window` is borrowed exclusively. mpn_addmul_1 has no branch on values.
        let carry = unsafe { gmp::mpn_addmul_1(mut_ptr(window), ptr(modulus), size(modulus), digit) };
        // The low limb is zero now; it keeps the carry until all are added at once.
        double[i] = carry;
        quotient[i] = digit;
    }
    let (carries, high) = double.split_at_mut(k);
    cnd_add(Choice::from(1), high, carries)
}

/// a -= b unless that is below zero, a being 2^(64 k) `top` + the k limbs of `a`; whether it was done.
pub(super) fn subtract_once(a: &mut [u64], top: &mut u8, b: &[u64]) -> Choice {
    let borrow = cnd_sub(Choice::from(1), a, b);
    let missing = borrow & top.ct_eq(&0);
    cnd_add(missing, a, b);
    *top -= (borrow & !missing).unwrap_u8();
    !missing
}

/// a += 1 if `when`; returns the carry.
pub(super) fn increment(a: &mut [u64], when: Choice) -> Choice {
    choice(a.iter_mut().fold(u64::from(when.unwrap_u8()), |carry, limb| {
        let (sum, over) = limb.overflowing_add(carry);
        *limb = sum;
        u64::from(over)
    }))
}

/// a -= 1 if `when`; returns the borrow.
pub(super) fn decrement(a: &mut [u64], when: Choice) -> Choice {
    choice(a.iter_mut().fold(u64::from(when.unwrap_u8()), |borrow, limb| {
        let (difference, under) = limb.overflowing_sub(borrow);
        *limb = difference;
        u64::from(under)
    }))
}

/// a *= 2; returns the carry.
pub(super) fn double(a: &mut [u64]) -> Choice {
    choice(a.iter_mut().fold(0, |carry, limb| {
        let top = *limb >> 63;
        *limb = *limb << 1 | carry;
        top
    }))
}

/// Leaves `number` mod `divisor` in the low limbs of `number`, as many as the divisor has; the rest is undefined. The
/// top limb of the divisor is not zero and the number is not narrower.
pub(super) fn sec_rem(number: &mut [u64], divisor: &[u64], scratch: &mut Scratch) {
    assert!(number.len() >= divisor.len() && divisor.last().is_some_and(|&top| top != 0));
    // SAFETY: pure function of two lengths.
    let itch = unsafe { gmp::mpn_sec_div_r_itch(size(number), size(divisor)) };
    let scratch = scratch.words(itch as usize);
    // SAFETY: lengths and the divisor's top limb asserted above, scratch as asked, `number` borrowed exclusively.
    unsafe {
        gmp::mpn_sec_div_r(mut_ptr(number), size(number), ptr(divisor), size(divisor), mut_ptr(scratch));
    }
}

/// out = number mod divisor, as wide as the divisor, whose top limb is not zero; the number is not narrower.
pub(super) fn sec_rem_into(out: &mut [u64], number: &[u64], divisor: &[u64], scratch: &mut Scratch) {
    let (copy, inner) = scratch.with_inner(number.len());
    copy.copy_from_slice(number);
    sec_rem(copy, divisor, inner);
    out.copy_from_slice(&copy[..divisor.len()]);
}

/// As [`sec_rem`], with the quotient: one limb more than the number is wider than the divisor.
pub(super) fn sec_div_rem(quotient: &mut [u64], number: &mut [u64], divisor: &[u64], scratch: &mut Scratch) {
    assert!(number.len() >= divisor.len() && divisor.last().is_some_and(|&top| top != 0));
    let low = number.len() - divisor.len();
    assert!(quotient.len() == low + 1);
    // SAFETY: pure function of two lengths.
    let itch = unsafe { gmp::mpn_sec_div_qr_itch(size(number), size(divisor)) };
    let scratch = scratch.words(itch as usize);
    // SAFETY: lengths and the divisor's top limb asserted above (the function writes `low` limbs of quotient and
    // returns one), scratch as asked, outputs borrowed exclusively.
    quotient[low] = unsafe {
        gmp::mpn_sec_div_qr(
            mut_ptr(quotient),
            mut_ptr(number),
            size(number),
            ptr(divisor),
            size(divisor),
            mut_ptr(scratch),
        )
    } as u64;
}

/// out = base^exponent mod modulus for an exponent below 2^`exponent_bits`, which is not zero, and an odd modulus
/// whose top limb is not zero.
pub(super) fn sec_pow_mod(
    out: &mut [u64],
    base: &[u64],
    exponent: &[u64],
    exponent_bits: u32,
    modulus: &[u64],
    scratch: &mut Scratch,
) {
    assert!(out.len() == modulus.len() && !base.is_empty());
    assert!(exponent_bits > 0 && exponent.len() >= exponent_bits.div_ceil(u64::BITS) as usize);
    assert!(modulus.first().is_some_and(|low| low & 1 == 1) && modulus.last().is_some_and(|&top| top != 0));
    let bits = gmp::bitcnt_t::from(exponent_bits);
    // SAFETY: pure function of three lengths.
    let itch = unsafe { gmp::mpn_sec_powm_itch(size(base), bits, size(modulus)) };
    let scratch = scratch.words(itch as usize);
    // SAFETY: lengths, the exponent's length in bits and the modulus's shape asserted above, scratch as asked, `out`
    // borrowed exclusively. The manual's demand that the base is positive guards nothing: redcify divides it by the
    // modulus whatever it is, and the tests cover zero.
    unsafe {
        gmp::mpn_sec_powm(
            mut_ptr(out),
            ptr(base),
            size(base),
            ptr(exponent),
            bits,
            ptr(modulus),
            size(modulus),
            mut_ptr(scratch),
        );
    }
}

/// out = inverse of `number` modulo the odd modulus, and whether there is one; destroys `number`. All are equally wide.
pub(super) fn sec_invert(out: &mut [u64], number: &mut [u64], modulus: &[u64], scratch: &mut Scratch) -> Choice {
    assert!(out.len() == modulus.len() && number.len() == modulus.len());
    assert!(modulus.first().is_some_and(|low| low & 1 == 1));
    // The manual asks for the lengths of number and modulus in bits together.
    let bits = (2 * u64::BITS as usize * modulus.len()) as gmp::bitcnt_t;
    // SAFETY: pure function of a length.
    let itch = unsafe { gmp::mpn_sec_invert_itch(size(modulus)) };
    let scratch = scratch.words(itch as usize);
    // SAFETY: lengths and parity asserted above, scratch as asked, outputs borrowed exclusively.
    let found = unsafe {
        gmp::mpn_sec_invert(mut_ptr(out), mut_ptr(number), ptr(modulus), size(modulus), bits, mut_ptr(scratch))
    };
    choice(found as u64)
}

/// a += b if `when`; returns the carry. Equal widths.
pub(super) fn cnd_add(when: Choice, a: &mut [u64], b: &[u64]) -> Choice {
    assert!(a.len() == b.len() && !a.is_empty());
    let a = (mut_ptr(a), size(a));
    // SAFETY: lengths asserted above; the manual allows the result to be the first operand.
    choice(unsafe { gmp::mpn_cnd_add_n(condition(when), a.0, a.0, ptr(b), a.1) } as u64)
}

/// a -= b if `when`; returns the borrow. Equal widths.
pub(super) fn cnd_sub(when: Choice, a: &mut [u64], b: &[u64]) -> Choice {
    assert!(a.len() == b.len() && !a.is_empty());
    let a = (mut_ptr(a), size(a));
    // SAFETY: lengths asserted above; the manual allows the result to be the first operand.
    choice(unsafe { gmp::mpn_cnd_sub_n(condition(when), a.0, a.0, ptr(b), a.1) } as u64)
}

/// out = row `index` of `table`, whose rows are as wide as `out`; reads every row.
pub(super) fn sec_select(out: &mut [u64], table: &[u64], index: usize) {
    assert!(!out.is_empty() && table.len().is_multiple_of(out.len()) && index < table.len() / out.len());
    let rows = (table.len() / out.len()) as gmp::size_t;
    // SAFETY: the table holds `rows` rows of `out`'s width, `index` is one of them, `out` borrowed exclusively.
    unsafe { gmp::mpn_sec_tabselect(mut_ptr(out), ptr(table), size(out), rows, index as gmp::size_t) }
}

/// out = a * b. `out` is twice as wide as `a` and `b`, which are not empty.
pub(super) fn vartime_mul(out: &mut [u64], a: &[u64], b: &[u64]) {
    assert!(out.len() == 2 * a.len() && a.len() == b.len() && !a.is_empty());
    // SAFETY: lengths asserted above, `out` borrowed exclusively.
    unsafe { gmp::mpn_mul_n(mut_ptr(out), ptr(a), ptr(b), size(a)) }
}

/// out = a^2. `out` is twice as wide as `a`, which is not empty.
pub(super) fn vartime_square(out: &mut [u64], a: &[u64]) {
    assert!(out.len() == 2 * a.len() && !a.is_empty());
    // SAFETY: lengths asserted above, `out` borrowed exclusively.
    unsafe { gmp::mpn_sqr(mut_ptr(out), ptr(a), size(a)) }
}

/// remainder = number mod divisor, as wide as the divisor, whose top limb is not zero; the number is not narrower.
pub(super) fn vartime_rem(remainder: &mut [u64], number: &[u64], divisor: &[u64], scratch: &mut Scratch) {
    assert!(number.len() >= divisor.len() && divisor.last().is_some_and(|&top| top != 0));
    assert!(remainder.len() == divisor.len());
    let quotient = scratch.words(number.len() - divisor.len() + 1);
    // SAFETY: lengths and the divisor's top limb asserted above, the quotient has the length of the manual's entry,
    // outputs borrowed exclusively.
    unsafe {
        gmp::mpn_tdiv_qr(
            mut_ptr(quotient),
            mut_ptr(remainder),
            0,
            ptr(number),
            size(number),
            ptr(divisor),
            size(divisor),
        );
    }
}
