//! Products of residues, eight at a time, in dual or in plain form.
//!
//! Modulo n^2 a residue is x = x0 + x1 n. The Montgomery reduction of x0 y0 modulo n with the quotient q satisfies
//! x0 y0 = R c0 - q n exactly, so that
//!
//! ```text
//! c0 = x0 y0 / R mod n, keeping q
//! c1 = (x0 y1 + x1 y0 - q) / R mod n
//! x y / R = c0 + c1 n  (mod n^2).
//! ```
//!
//! Residues are kept times R, x0 and x1 not reduced below n but
//!
//! ```text
//! 0 <= x0 < 5 n,  0 <= x1 < 7 n,  16 n <= R,
//! ```
//!
//! which a product keeps: x0 y0 / R + n < (25 / 16 + 1) n < 5 n, and -R < x0 y1 + x1 y0 - q since q < R, so that
//! 0 <= c1 < (2 * 35 / 16 + 2 + 2^-519) n < 7 n (see [`reduce`](super::reduce)). A residue modulo a number of no
//! special form is x0 alone; nobody needs its q, so that the cheaper [`reduce`](super::reduce) leaves
//! c0 < (25 / 16 + 2 + 2^-519) n < 5 n.
//!
//! Each block of q takes a while to find, one multiplication after the other; so the products for c1, which do not need
//! it, are made meanwhile.

use super::features::simd;
use super::lanes::{Lanes, WIDTH};
use super::lookup::prefetch_row;
use super::multiply::{BLOCK, multiply, multiply_add, multiply_blocks, square};
use super::reduce::{Reducer, begin_quotient, continue_quotient, end_quotient, reduce};
use crate::arith::backend::words::Row;

/// Rows of a table that will be read next. A product asks for one of them at a time, since the processor waits when
/// more than a dozen cache lines are on their way.
pub(super) type Ahead<'a> = [&'a [u64]; WIDTH];
/// For products after which no table is read.
pub(super) const NOTHING_AHEAD: Ahead<'static> = [&[]; WIDTH];

/// Rows of working memory that an operation on numbers of `limbs` limbs takes.
pub(super) const fn work_rows(limbs: usize) -> usize {
    5 * limbs
}

/// Working memory, cut into the columns of c0 and c1, and q.
pub(super) struct Work<'a> {
    pub low: &'a mut [Row],
    pub high: &'a mut [Row],
    pub quotient: &'a mut [Row],
}

impl<'a> Work<'a> {
    pub fn new(rows: &'a mut [Row], limbs: usize) -> Work<'a> {
        let (low, rest) = rows.split_at_mut(2 * limbs);
        let (high, rest) = rest.split_at_mut(2 * limbs);
        Work { low, high, quotient: &mut rest[..limbs] }
    }
}

simd! {
    /// x *= y: dual if x has twice as many limbs as the modulus.
    pub(super) fn product(x: &mut [Row], y: &[Row], ahead: Ahead<'_>, reducer: Reducer<'_>, work: &mut [Row]) {
        let limbs = reducer.modulus.len();
        let Work { low, high, quotient } = Work::new(work, limbs);
        let (x0, x1) = x.split_at_mut(limbs);
        let (y0, y1) = y.split_at(limbs);
        prefetch_row(ahead[0]);
        if x1.is_empty() {
            for row in &ahead[1..] {
                prefetch_row(row);
            }
            multiply(low, x0, y0);
            reduce(low, x0, quotient.first_chunk_mut().expect("a number has a block"), reducer);
            return;
        }
        multiply(low, x0, y0);
        prefetch_row(ahead[1]);
        begin_quotient(low, quotient, reducer);
        prefetch_row(ahead[2]);
        multiply(high, x0, y1);
        prefetch_row(ahead[3]);
        continue_quotient(low, quotient, reducer);
        prefetch_row(ahead[4]);
        multiply_add(high, x1, y0);
        prefetch_row(ahead[5]);
        end_quotient(low, x0, quotient, reducer);
        prefetch_row(ahead[6]);
        for (column, limb) in high.iter_mut().zip(&*quotient) {
            Lanes::load(column).sub(Lanes::load(limb)).store(column);
        }
        prefetch_row(ahead[7]);
        reduce(high, x1, quotient.first_chunk_mut().expect("a number has a block"), reducer);
    }

    /// x = x^2, in the form that [`product`] takes.
    pub(super) fn squared(x: &mut [Row], reducer: Reducer<'_>, work: &mut [Row]) {
        let limbs = reducer.modulus.len();
        let Work { low, high, quotient } = Work::new(work, limbs);
        let (x0, x1) = x.split_at_mut(limbs);
        square(low, x0);
        if x1.is_empty() {
            reduce(low, x0, quotient.first_chunk_mut().expect("a number has a block"), reducer);
            return;
        }
        begin_quotient(low, quotient, reducer);
        // Half of the blocks now, the rest after the next block of the quotient.
        let half = limbs / BLOCK / 2;
        multiply_blocks(high, x0, x1, 0..half);
        continue_quotient(low, quotient, reducer);
        multiply_blocks(high, x0, x1, half..limbs / BLOCK);
        end_quotient(low, x0, quotient, reducer);
        let (lower, upper) = high.split_at_mut(limbs);
        for (column, limb) in lower.iter_mut().zip(&*quotient) {
            Lanes::load(column).double().sub(Lanes::load(limb)).store(column);
        }
        for column in upper {
            Lanes::load(column).double().store(column);
        }
        reduce(high, x1, quotient.first_chunk_mut().expect("a number has a block"), reducer);
    }

    /// out = sum of pieces[i] factors[i] / R, where the pieces are numbers below R, not times R, and the factors
    /// residues.
    ///
    /// Factors whose halves are below n and up to four pieces give sums below 4 R n, hence x0 < (4 + 1) n and
    /// x1 < (4 + 2 + 2^-519) n < 7 n.
    pub(super) fn sum_of_products(
        out: &mut [Row],
        pieces: &[Row],
        factors: &[Row],
        reducer: Reducer<'_>,
        work: &mut [Row],
    ) {
        let limbs = reducer.modulus.len();
        let width = out.len();
        let Work { low, high, quotient } = Work::new(work, limbs);
        low.fill(Row::default());
        high.fill(Row::default());
        for (piece, factor) in pieces.chunks_exact(limbs).zip(factors.chunks_exact(width)) {
            multiply_add(low, piece, &factor[..limbs]);
            if width > limbs {
                multiply_add(high, piece, &factor[limbs..]);
            }
        }
        let (x0, x1) = out.split_at_mut(limbs);
        reduce_both(x0, x1, reducer, low, high, quotient);
    }

    /// out = 1 + n v, times R, for v = sum of pieces[i] R^i and the powers R^2, R^3, ... as residues that are not times
    /// R: with R^2 = r0 + r1 n that is r0 / R and (r1 + v r0) / R beside it.
    ///
    /// Up to four pieces, and powers whose halves are below n, give (r1 + v r0) / R < (4 + 1 / R) n, hence
    /// x1 < (4 + 2 + 2^-518) n < 7 n; x0 < 2 n.
    pub(super) fn one_plus(
        out: &mut [Row],
        pieces: &[Row],
        powers: &[Row],
        reducer: Reducer<'_>,
        work: &mut [Row],
    ) {
        let limbs = reducer.modulus.len();
        let Work { low, high, quotient } = Work::new(work, limbs);
        let (one0, one1) = powers[..2 * limbs].split_at(limbs);
        enter_columns(low, one0);
        enter_columns(high, one1);
        for (piece, power) in pieces.chunks_exact(limbs).zip(powers.chunks_exact(2 * limbs)) {
            multiply_add(high, piece, &power[..limbs]);
        }
        let (x0, x1) = out.split_at_mut(limbs);
        reduce_both(x0, x1, reducer, low, high, quotient);
    }

    /// The halves of x / R, each in [0, n); a number modulo n itself has the first one only.
    pub(super) fn leave_halves(x: &[Row], halves: &mut [Row], reducer: Reducer<'_>, work: &mut [Row]) {
        let limbs = reducer.modulus.len();
        let Work { low, high, quotient } = Work::new(work, limbs);
        let (low_x, high_x) = x.split_at(limbs);
        let (x0, x1) = halves.split_at_mut(limbs);
        enter_columns(low, low_x);
        enter_columns(high, high_x);
        reduce_both(x0, x1, reducer, low, high, quotient);
        // x0 <= (5 n + (R - 1) n) / R < n + 1. The sum of x1's folds is at most (2 + 2^-519) R n - R, which with the 7
        // n of before and the carry of x0 leaves x1 below 3 n: two subtractions are enough.
        let mut carry = subtract_if_not_below(x0, reducer.modulus);
        if x1.is_empty() {
            return;
        }
        for limb in x1.iter_mut() {
            let sum = Lanes::load(limb).add(carry);
            sum.limb().store(limb);
            carry = sum.carry();
        }
        subtract_if_not_below(x1, reducer.modulus);
        subtract_if_not_below(x1, reducer.modulus);
    }

    /// number = x / R mod n^2 (or mod n) in [0, n^2) (or [0, n)), in as many limbs as x.
    pub(super) fn leave(x: &[Row], number: &mut [Row], reducer: Reducer<'_>, work: &mut [Row]) {
        let limbs = reducer.modulus.len();
        leave_halves(x, number, reducer, work);
        if number.len() == limbs {
            return;
        }
        let Work { low, high, .. } = Work::new(work, limbs);
        let (x0, x1) = number.split_at_mut(limbs);
        multiply(high, x1, reducer.modulus);
        let mut carry = Lanes::zero();
        for (index, column) in high.iter().enumerate() {
            let mut sum = Lanes::load(column).add(carry);
            if index < limbs {
                sum = sum.add(Lanes::load(&x0[index]));
            }
            sum.limb().store(&mut low[index]);
            carry = sum.carry();
        }
        number.copy_from_slice(low);
    }

    fn enter_columns(columns: &mut [Row], limbs: &[Row]) {
        columns[..limbs.len()].copy_from_slice(limbs);
        columns[limbs.len()..].fill(Row::default());
    }

    /// c0 and, unless it is empty, c1 from their columns.
    fn reduce_both(
        x0: &mut [Row],
        x1: &mut [Row],
        reducer: Reducer<'_>,
        low: &mut [Row],
        high: &mut [Row],
        quotient: &mut [Row],
    ) {
        begin_quotient(low, quotient, reducer);
        continue_quotient(low, quotient, reducer);
        end_quotient(low, x0, quotient, reducer);
        if x1.is_empty() {
            return;
        }
        for (column, limb) in high.iter_mut().zip(&*quotient) {
            Lanes::load(column).sub(Lanes::load(limb)).store(column);
        }
        let multiplier = quotient.first_chunk_mut().expect("a number has a block");
        reduce(high, x1, multiplier, reducer);
    }

    /// x -= n where x >= n; gives one in these lanes, else zero.
    fn subtract_if_not_below(x: &mut [Row], modulus: &[Row]) -> Lanes {
        let mut borrow = Lanes::zero();
        for (limb, own) in x.iter().zip(modulus) {
            borrow = Lanes::load(limb).sub(Lanes::load(own)).add(borrow).carry();
        }
        let below = borrow.negative();
        let mut carry = Lanes::zero();
        for (limb, own) in x.iter_mut().zip(modulus) {
            let kept = Lanes::load(limb);
            let sum = kept.sub(Lanes::load(own)).add(carry);
            carry = sum.carry();
            sum.limb().blend(below, kept).store(limb);
        }
        Lanes::splat(1).blend(below, Lanes::zero())
    }
}
