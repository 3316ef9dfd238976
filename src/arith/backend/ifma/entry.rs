//! What the kernels enter: each function stands alone in the program, compiled for AVX-512 with IFMA.

use super::features::simd_entry;
use super::lanes::Mask;
use super::reduce::Reducer;
use super::residue::Ahead;
use super::{comb, convert, lookup, residue};
use crate::arith::backend::words::Row;

simd_entry! {
    pub(super) fn product(x: &mut [Row], y: &[Row], ahead: Ahead<'_>, reducer: Reducer<'_>, work: &mut [Row]) {
        residue::product(x, y, ahead, reducer, work);
    }

    pub(super) fn comb_row(row: &mut [Row], inverse: &[Row], reducer: Reducer<'_>, work: &mut [Row]) {
        comb::row(row, inverse, reducer, work);
    }

    pub(super) fn comb_step(
        x: &mut [Row],
        sum: &mut [Row],
        row: &[Row],
        ahead: Ahead<'_>,
        reducer: Reducer<'_>,
        work: &mut [Row],
    ) {
        comb::step(x, sum, row, ahead, reducer, work);
    }

    pub(super) fn comb_end(x: &mut [Row], sum: &mut [Row], radix_squared: &[Row], reducer: Reducer<'_>, work: &mut [Row]) {
        comb::end(x, sum, radix_squared, reducer, work);
    }

    pub(super) fn square(x: &mut [Row], reducer: Reducer<'_>, work: &mut [Row]) {
        residue::squared(x, reducer, work);
    }

    pub(super) fn sum_of_products(out: &mut [Row], pieces: &[Row], factors: &[Row], reducer: Reducer<'_>, work: &mut [Row]) {
        residue::sum_of_products(out, pieces, factors, reducer, work);
    }

    pub(super) fn one_plus(out: &mut [Row], pieces: &[Row], powers: &[Row], reducer: Reducer<'_>, work: &mut [Row]) {
        residue::one_plus(out, pieces, powers, reducer, work);
    }

    pub(super) fn leave_halves(x: &[Row], halves: &mut [Row], reducer: Reducer<'_>, work: &mut [Row]) {
        residue::leave_halves(x, halves, reducer, work);
    }

    pub(super) fn leave(x: &[Row], number: &mut [Row], reducer: Reducer<'_>, work: &mut [Row]) {
        residue::leave(x, number, reducer, work);
    }

    pub(super) fn enter(numbers: &[u64], rows: &mut [Row], work: &mut [Row]) {
        convert::enter(numbers, rows, work);
    }

    pub(super) fn leave_words(rows: &[Row], numbers: &mut [u64], work: &mut [Row]) {
        convert::leave(rows, numbers, work);
    }

    pub(super) fn scan(out: &mut [Row], table: &[u64], digits: &Row) {
        lookup::scan(out, table, digits);
    }

    pub(super) fn permute(out: &mut [Row], table: &[Row], digits: &[Row], limbs: usize) {
        lookup::permute(out, table, digits, limbs);
    }

    pub(super) fn spread_in_groups(group: &[Row], tables: &mut [u64], row: usize) {
        lookup::spread_in_groups(group, tables, row);
    }

    pub(super) fn read(out: &mut [Row], table: &[u64], digits: &Row) {
        lookup::read(out, table, digits);
    }

    pub(super) fn scan_groups(out: &mut [Row], table: &[Row], digits: &Row) {
        lookup::scan_groups(out, table, digits);
    }

    pub(super) fn read_own(out: &mut [Row], tables: &[u64], digits: &Row) {
        lookup::read_own(out, tables, digits);
    }

    pub(super) fn spread(group: &[Row], tables: &mut [u64], row: usize) {
        lookup::spread(group, tables, row);
    }

    pub(super) fn select(out: &mut [Row], on_zero: &[Row], on_one: &[Row], mask: Mask) {
        lookup::select(out, on_zero, on_one, mask);
    }
}
