//! Residues modulo the square of a root m in dual form: x = x0 + x1 m with x0 and x1 below m, in Montgomery's form for
//! m with R = 2^(64 k), k the limbs of m. A residue lies as x0, then x1, k limbs each.
//!
//! Montgomery's reduction of x0 y0 by m with the quotient q gives x0 y0 + q m = R v; with v = c0 + b m and c0 < m
//!
//! ```text
//! x0 y0 = R c0 + m (R b - q)      so      x y / R = c0 + c1 m  (mod m^2),    c1 = (x0 y1 + x1 y0 + R b - q) / R  (mod m)
//! ```
//!
//! which takes 5 k^2 products of limbs where Montgomery's method modulo m^2 takes 8 k^2.
//!
//! Bounds, for what is reduced below 2 R m (products: x0 y0 < m^2, x0 y1 + x1 y0 < 2 m^2, and m < R): v < 3 m, so b <= 2. R m is
//! added to the bracket, so that it is not negative; it is below 3 R m + 2 R, and reduced below 4 m + 2.

use subtle::Choice;

use super::mpn;
use crate::arith::backend::Scratch;
use crate::arith::modulus::Root;

/// Arithmetic modulo the square of `root`.
#[derive(Clone, Copy)]
pub(super) struct Dual<'m> {
    pub root: &'m Root,
    /// m^2.
    pub square: &'m [u64],
    /// Products of numbers may take time that depends on them.
    pub vartime: bool,
}

impl Dual<'_> {
    fn k(&self) -> usize {
        self.root.limbs().len()
    }

    /// x0 and x1; limbs above them, where the moduli of a batch differ, are zero.
    fn halves<'x>(&self, x: &'x [u64]) -> (&'x [u64], &'x [u64]) {
        x[..2 * self.k()].split_at(self.k())
    }

    /// x = x y / R.
    pub fn product(&self, x: &mut [u64], y: &[u64], scratch: &mut Scratch) {
        let k = self.k();
        let (work, inner) = scratch.with_inner(7 * k);
        let (low, rest) = work.split_at_mut(2 * k);
        let (cross, rest) = rest.split_at_mut(2 * k);
        let (other, quotient) = rest.split_at_mut(2 * k);
        let ((x0, x1), (y0, y1)) = (self.halves(x), self.halves(y));
        self.mul(low, x0, y0, inner);
        self.mul(cross, x0, y1, inner);
        self.mul(other, x1, y0, inner);
        let carry = mpn::cnd_add(Choice::from(1), cross, other);
        self.reduce(x, (low, Choice::from(0)), (cross, carry), quotient);
    }

    /// x = x^2 / R.
    pub fn square(&self, x: &mut [u64], scratch: &mut Scratch) {
        let k = self.k();
        let (work, inner) = scratch.with_inner(5 * k);
        let (low, rest) = work.split_at_mut(2 * k);
        let (cross, quotient) = rest.split_at_mut(2 * k);
        let (x0, x1) = self.halves(x);
        if self.vartime {
            mpn::vartime_square(low, x0);
        } else {
            mpn::sec_square(low, x0, inner);
        }
        self.mul(cross, x0, x1, inner);
        let carry = mpn::double(cross);
        self.reduce(x, (low, Choice::from(0)), (cross, carry), quotient);
    }

    /// The dual form of a number u + v R, u and v below R, without a division: u R^2 / R + v R^3 / R. A wider number is
    /// reduced first.
    pub fn load(&self, number: &[u64], out: &mut [u64], scratch: &mut Scratch) {
        let (k, square) = (self.k(), self.square);
        let (plain, inner) = scratch.with_inner(2 * k);
        plain.fill(0);
        if number.len() > 2 * k {
            mpn::sec_rem_into(&mut plain[..square.len()], number, square, inner);
        } else {
            plain[..number.len()].copy_from_slice(number);
        }
        self.combine(plain.split_at(k), (self.root.r_squared(), self.root.r_cubed()), out, inner);
    }

    /// The dual form of x a + y b for numbers x and y of at most k limbs, a R^2 and b R^2 in `factors`.
    pub fn load_combination(&self, [x, y]: [&[u64]; 2], factors: &[u64], out: &mut [u64], scratch: &mut Scratch) {
        let k = self.k();
        let (plain, inner) = scratch.with_inner(2 * k);
        plain.fill(0);
        plain[..x.len()].copy_from_slice(x);
        plain[k..k + y.len()].copy_from_slice(y);
        self.combine(plain.split_at(k), factors.split_at(2 * k), out, inner);
    }

    /// u r / R + v s / R for numbers u and v of k limbs, not times R.
    fn combine(&self, (u, v): (&[u64], &[u64]), (r, s): (&[u64], &[u64]), out: &mut [u64], scratch: &mut Scratch) {
        let k = self.k();
        let (work, inner) = scratch.with_inner(7 * k);
        let (low, rest) = work.split_at_mut(2 * k);
        let (cross, rest) = rest.split_at_mut(2 * k);
        let (other, quotient) = rest.split_at_mut(2 * k);
        let ((r0, r1), (s0, s1)) = (self.halves(r), self.halves(s));
        let mut sum = |out: &mut [u64], r: &[u64], s: &[u64]| {
            mpn::sec_mul(out, u, r, inner);
            mpn::sec_mul(other, v, s, inner);
            mpn::cnd_add(Choice::from(1), out, other)
        };
        let carries = (sum(low, r0, s0), sum(cross, r1, s1));
        out[2 * k..].fill(0);
        self.reduce(out, (low, carries.0), (cross, carries.1), quotient);
    }

    /// The dual form of 1 + m v, that is R^2 / R and v R^2 / R beside it. A v wider than m is reduced first.
    pub fn load_one_plus(&self, number: &[u64], out: &mut [u64], scratch: &mut Scratch) {
        let k = self.k();
        let (work, inner) = scratch.with_inner(6 * k);
        let (low, rest) = work.split_at_mut(2 * k);
        let (cross, rest) = rest.split_at_mut(2 * k);
        let (plain, quotient) = rest.split_at_mut(k);
        if number.len() > k {
            mpn::sec_rem_into(plain, number, self.root.limbs(), inner);
        } else {
            plain[..number.len()].copy_from_slice(number);
            plain[number.len()..].fill(0);
        }
        let (r0, r1) = self.halves(self.root.r_squared());
        mpn::sec_mul(cross, plain, r0, inner);
        low[..k].copy_from_slice(r1);
        low[k..].fill(0);
        // v r0 + r1 < R m.
        mpn::cnd_add(Choice::from(1), cross, low);
        low[..k].copy_from_slice(r0);
        out[2 * k..].fill(0);
        self.reduce(out, (low, Choice::from(0)), (cross, Choice::from(0)), quotient);
    }

    /// The halves of the number, each below m, in k limbs each or more.
    pub fn store_halves(&self, x: &[u64], low: &mut [u64], high: &mut [u64], scratch: &mut Scratch) {
        let k = self.k();
        let (plain, inner) = scratch.with_inner(2 * k);
        self.leave(x, plain, inner);
        for (out, half) in [low, high].into_iter().zip(plain.chunks_exact(k)) {
            out[..k].copy_from_slice(half);
            out[k..].fill(0);
        }
    }

    /// Both halves, not times R.
    fn leave(&self, x: &[u64], plain: &mut [u64], scratch: &mut Scratch) {
        let k = self.k();
        let work = scratch.words(5 * k);
        let (low, rest) = work.split_at_mut(2 * k);
        let (cross, quotient) = rest.split_at_mut(2 * k);
        low[..k].copy_from_slice(&x[..k]);
        low[k..].fill(0);
        cross[..k].copy_from_slice(&x[k..2 * k]);
        cross[k..].fill(0);
        self.reduce(plain, (low, Choice::from(0)), (cross, Choice::from(0)), quotient);
    }

    /// The number below m^2, whose limbs there is room for.
    pub fn store(&self, x: &[u64], number: &mut [u64], scratch: &mut Scratch) {
        let k = self.k();
        let (work, inner) = scratch.with_inner(4 * k);
        let (low, plain) = work.split_at_mut(2 * k);
        self.leave(x, plain, inner);
        mpn::sec_mul(low, &plain[k..], self.root.limbs(), inner);
        let (bottom, top) = low.split_at_mut(k);
        let carry = mpn::cnd_add(Choice::from(1), bottom, &plain[..k]);
        mpn::increment(top, carry);
        let kept = number.len().min(2 * k);
        number[..kept].copy_from_slice(&low[..kept]);
        number[kept..].fill(0);
    }

    fn mul(&self, out: &mut [u64], a: &[u64], b: &[u64], scratch: &mut Scratch) {
        if self.vartime {
            mpn::vartime_mul(out, a, b);
        } else {
            mpn::sec_mul(out, a, b, scratch);
        }
    }

    /// x = (low + cross m) / R, both below 2 R m and of 2 k limbs with a carry out of them.
    fn reduce(
        &self,
        x: &mut [u64],
        (low, low_carry): (&mut [u64], Choice),
        (cross, cross_carry): (&mut [u64], Choice),
        quotient: &mut [u64],
    ) {
        let k = self.k();
        let (modulus, inverse) = (self.root.limbs(), self.root.inverse());
        let (c0, c1) = x[..2 * k].split_at_mut(k);
        let mut top = low_carry.unwrap_u8() + mpn::montgomery(low, modulus, inverse, quotient).unwrap_u8();
        let mut cross_top = cross_carry.unwrap_u8();
        for _ in 0..2 {
            let subtracted = mpn::subtract_once(&mut low[k..], &mut top, modulus);
            cross_top += mpn::increment(&mut cross[k..], subtracted).unwrap_u8();
        }
        c0.copy_from_slice(&low[k..]);

        // The order keeps it from going below zero.
        cross_top += mpn::cnd_add(Choice::from(1), &mut cross[k..], modulus).unwrap_u8();
        let borrow = mpn::cnd_sub(Choice::from(1), &mut cross[..k], quotient);
        cross_top -= mpn::decrement(&mut cross[k..], borrow).unwrap_u8();
        cross_top += mpn::montgomery(cross, modulus, inverse, quotient).unwrap_u8();
        for _ in 0..4 {
            mpn::subtract_once(&mut cross[k..], &mut cross_top, modulus);
        }
        c1.copy_from_slice(&cross[k..]);
    }
}
