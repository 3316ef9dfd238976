//! Products by the rows of a fixed-base table, which are made for it: two multiplications and two reductions instead of
//! three and two.
//!
//! Of a row y0 + y1 n, y0 invertible modulo n, the table keeps y0 and l = y1 / y0 mod n. A running product is
//!
//! ```text
//! c = c0 + (c0 L + T) n,    L the sum of the l of its rows.
//! ```
//!
//! With c0 y0 = R c0' - q n as in [`residue`](super::residue), c times the row and by R is
//!
//! ```text
//! c0' + (c0 y0 (l + L) + T y0 - q) / R n = c0' + (c0' (l + L) + (T y0 - q) / R) n  (mod n^2),
//! ```
//!
//! so that a step takes c0 y0 and T y0 and adds l to L, whose limbs are not carried. Bounds: 0 <= c0 < 5 n and
//! 0 <= T < 7 n as x0 and x1 of a residue, T' < (35 / 16 + 2 + 2^-519) n after a step. An l is below (35 / 16 + 1) n
//! and has normalised limbs: the columns of L stay below 2^62 for [`COMB_ROWS`] rows.

use super::features::simd;
use super::lanes::Lanes;
use super::lookup::prefetch_row;
use super::multiply::{BLOCK, multiply, multiply_blocks};
use super::reduce::{Reducer, begin_quotient, continue_quotient, end_quotient, reduce};
use super::residue::{Ahead, Work};
use crate::arith::backend::words::Row;

/// The most rows whose l are added up.
pub(super) const COMB_ROWS: usize = 1024;

simd! {
    /// y0 and y1 become y0 and l R: y1 / R times the inverse of y0 R^-1, times R, below 5 n.
    pub(super) fn row(y: &mut [Row], inverse: &[Row], reducer: Reducer<'_>, work: &mut [Row]) {
        let limbs = reducer.modulus.len();
        let Work { low, quotient, .. } = Work::new(work, limbs);
        times(&mut y[limbs..], inverse, low, quotient, reducer);
    }

    /// x = c0 and T times a row; `sum` += l R.
    pub(super) fn step(
        x: &mut [Row],
        sum: &mut [Row],
        row: &[Row],
        ahead: Ahead<'_>,
        reducer: Reducer<'_>,
        work: &mut [Row],
    ) {
        let limbs = reducer.modulus.len();
        let Work { low, high, quotient } = Work::new(work, limbs);
        let (c, t) = x.split_at_mut(limbs);
        let (y, l) = row.split_at(limbs);
        prefetch_row(ahead[0]);
        multiply(low, c, y);
        prefetch_row(ahead[1]);
        begin_quotient(low, quotient, reducer);
        prefetch_row(ahead[2]);
        // Half of the blocks now, the rest after the next block of the quotient.
        let half = limbs / BLOCK / 2;
        multiply_blocks(high, t, y, 0..half);
        prefetch_row(ahead[3]);
        continue_quotient(low, quotient, reducer);
        prefetch_row(ahead[4]);
        multiply_blocks(high, t, y, half..limbs / BLOCK);
        prefetch_row(ahead[5]);
        end_quotient(low, c, quotient, reducer);
        prefetch_row(ahead[6]);
        for (sum, limb) in sum.iter_mut().zip(l) {
            Lanes::load(sum).add(Lanes::load(limb)).store(sum);
        }
        for (column, limb) in high.iter_mut().zip(&*quotient) {
            Lanes::load(column).sub(Lanes::load(limb)).store(column);
        }
        prefetch_row(ahead[7]);
        reduce(high, t, quotient.first_chunk_mut().expect("a number has a block"), reducer);
    }

    /// x = c0 and T becomes c0 and c0 L + T; destroys the sum. R^2 mod n comes in `radix_squared`.
    ///
    /// The sum of the l R is below 1024 * 3.2 n, its reduction below (1 + 2 + 2^-519) n: 3277 n / R is below 206, and
    /// below one where n is that small. Times R^2 and reduced, it is below (4 / 16 + 1) n. With c0 < 5 n and T < 4.2 n
    /// the result is below (0.4 + 4.2 + 2 + 2^-519) n < 7 n.
    pub(super) fn end(x: &mut [Row], sum: &mut [Row], radix_squared: &[Row], reducer: Reducer<'_>, work: &mut [Row]) {
        let limbs = reducer.modulus.len();
        let Work { low, quotient, .. } = Work::new(work, limbs);
        let (c, t) = x.split_at_mut(limbs);
        low[..limbs].copy_from_slice(sum);
        low[limbs..].fill(Row::default());
        reduce(low, sum, quotient.first_chunk_mut().expect("a number has a block"), reducer);
        times(sum, radix_squared, low, quotient, reducer);
        multiply(low, c, sum);
        for (column, limb) in low[limbs..].iter_mut().zip(&*t) {
            Lanes::load(column).add(Lanes::load(limb)).store(column);
        }
        reduce(low, t, quotient.first_chunk_mut().expect("a number has a block"), reducer);
    }

    /// x = x y / R mod n, below x y / R + n.
    fn times(x: &mut [Row], y: &[Row], columns: &mut [Row], quotient: &mut [Row], reducer: Reducer<'_>) {
        multiply(columns, x, y);
        begin_quotient(columns, quotient, reducer);
        continue_quotient(columns, quotient, reducer);
        end_quotient(columns, x, quotient, reducer);
    }
}
