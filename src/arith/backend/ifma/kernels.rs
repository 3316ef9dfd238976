//! The kernels of this backend: the one place, besides [`speed`](super::speed), that enters code compiled for AVX-512
//! with IFMA.

use subtle::Choice;

use super::constants::{Form, LaneConstants, PIECES};
use super::convert;
use super::features::missing;
use super::lanes::{LIMB_BITS, Mask, WIDTH};
use super::residue::{Ahead, NOTHING_AHEAD};
use super::{Ifma, entry, residue};
use crate::arith::backend::words::Row;
use crate::arith::backend::{Backend, Kernels, Scratch};
use crate::arith::exponents::TimingClass;
use crate::arith::modulus::Moduli;

/// Groups for which [`lookup::permute`](super::lookup::permute) reads a table together.
const PERMUTED_GROUPS: usize = 16;

/// Kernels modulo eight moduli, one a lane. Products are `constant` for any class; the class decides about tables.
pub(crate) struct IfmaKernels {
    constants: LaneConstants,
    look_up: TimingClass,
}

impl IfmaKernels {
    /// # Panics
    /// If this processor lacks a feature.
    pub(super) fn new(moduli: &Moduli, index: impl Fn(usize) -> usize, form: Form, class: TimingClass) -> Self {
        assert!(missing().is_none(), "the engine was chosen for a processor with AVX-512 IFMA");
        IfmaKernels { constants: LaneConstants::new(moduli, index, form), look_up: class }
    }

    fn form(&self) -> Form {
        self.constants.form()
    }

    /// The rows that the digits choose, unless their addresses must not show.
    fn ahead<'t>(&self, next: Option<(&'t [u64], &[usize])>) -> Ahead<'t> {
        let width = self.form().width();
        match next {
            Some((table, digits)) if self.look_up != TimingClass::Constant && !self.in_groups(table.len()) => {
                std::array::from_fn(|lane| &table[digits[lane] * width..][..width])
            }
            _ => NOTHING_AHEAD,
        }
    }

    /// Whether a table of so many words lies in groups: see [`lookup`](super::lookup).
    fn in_groups(&self, words: usize) -> bool {
        words <= Ifma::WHOLE_ROWS * self.form().width()
    }

    /// Numbers in as many pieces of H limbs as they need.
    fn pieces<'a>(&self, numbers: &[u64], scratch: &'a mut Scratch) -> (&'a [Row], &'a mut Scratch) {
        let limbs = self.form().limbs;
        let bits = numbers.len() / WIDTH * 64;
        let pieces = bits.div_ceil(limbs * LIMB_BITS as usize).clamp(1, PIECES);
        let (pieces, inner) = scratch.with_inner(WIDTH * pieces * limbs);
        let pieces = rows_mut(pieces);
        self.enter(numbers, pieces, inner);
        (pieces, inner)
    }

    /// See [`convert::enter`].
    pub(super) fn enter(&self, numbers: &[u64], rows: &mut [Row], scratch: &mut Scratch) {
        let work = rows_mut(scratch.words(WIDTH * convert::words_of(rows.len())));
        // SAFETY: `new` has found the processor's features.
        unsafe { entry::enter(numbers, rows, work) }
    }

    /// See [`convert::leave`].
    pub(super) fn leave(&self, rows: &[Row], numbers: &mut [u64], scratch: &mut Scratch) {
        let work = rows_mut(scratch.words(WIDTH * convert::words_of(rows.len())));
        // SAFETY: `new` has found the processor's features.
        unsafe { entry::leave_words(rows, numbers, work) }
    }

    fn work<'a>(&self, scratch: &'a mut Scratch) -> &'a mut [Row] {
        rows_mut(scratch.words(WIDTH * residue::work_rows(self.form().limbs)))
    }
}

fn rows(words: &[u64]) -> &[Row] {
    bytemuck::cast_slice(words)
}

fn rows_mut(words: &mut [u64]) -> &mut [Row] {
    bytemuck::cast_slice_mut(words)
}

fn digit_row(digits: &[usize]) -> Row {
    Row(std::array::from_fn(|lane| digits[lane] as u64))
}

impl Kernels for IfmaKernels {
    fn product(&self, x: &mut [u64], y: &[u64], scratch: &mut Scratch) {
        // SAFETY: `new` has found the processor's features.
        unsafe { entry::product(rows_mut(x), rows(y), NOTHING_AHEAD, self.constants.reducer(), self.work(scratch)) }
    }

    fn product_modulo_root(&self, x: &mut [u64], y: &[u64], scratch: &mut Scratch) {
        // Half of a dual residue is a plain one modulo the root.
        let half = WIDTH * self.form().limbs;
        self.product(&mut x[..half], &y[..half], scratch);
    }

    fn product_ahead(&self, x: &mut [u64], y: &[u64], table: &[u64], digits: &[usize], scratch: &mut Scratch) {
        let ahead = self.ahead(Some((table, digits)));
        // SAFETY: `new` has found the processor's features.
        unsafe { entry::product(rows_mut(x), rows(y), ahead, self.constants.reducer(), self.work(scratch)) }
    }

    fn comb_row(&self, row: &mut [u64], inverse: &[u64], scratch: &mut Scratch) {
        // SAFETY: `new` has found the processor's features.
        unsafe { entry::comb_row(rows_mut(row), rows(inverse), self.constants.reducer(), self.work(scratch)) }
    }

    fn comb_step(
        &self,
        x: &mut [u64],
        sum: &mut [u64],
        row: &[u64],
        ahead: Option<(&[u64], &[usize])>,
        scratch: &mut Scratch,
    ) {
        let (x, sum, ahead) = (rows_mut(x), rows_mut(sum), self.ahead(ahead));
        // SAFETY: `new` has found the processor's features.
        unsafe { entry::comb_step(x, sum, rows(row), ahead, self.constants.reducer(), self.work(scratch)) }
    }

    fn comb_end(&self, x: &mut [u64], sum: &mut [u64], scratch: &mut Scratch) {
        let radix_squared = &self.constants.radix_powers()[..self.form().limbs];
        let (x, sum) = (rows_mut(x), rows_mut(sum));
        // SAFETY: `new` has found the processor's features.
        unsafe { entry::comb_end(x, sum, radix_squared, self.constants.reducer(), self.work(scratch)) }
    }

    fn square(&self, x: &mut [u64], scratch: &mut Scratch) {
        // SAFETY: `new` has found the processor's features.
        unsafe { entry::square(rows_mut(x), self.constants.reducer(), self.work(scratch)) }
    }

    fn look_up(&self, out: &mut [u64], table: &[u64], digits: &[usize]) {
        let limbs = self.form().width();
        let out = rows_mut(out);
        if self.in_groups(table.len()) {
            let mut all = [Row::default(); PERMUTED_GROUPS];
            let (out, digits) = (out.chunks_mut(PERMUTED_GROUPS * limbs), digits.chunks(PERMUTED_GROUPS * WIDTH));
            for (out, digits) in out.zip(digits) {
                all.iter_mut().zip(digits.chunks_exact(WIDTH)).for_each(|(row, digits)| *row = digit_row(digits));
                // SAFETY: `new` has found the processor's features.
                unsafe { entry::permute(out, rows(table), &all, limbs) }
            }
            return;
        }
        for (out, digits) in out.chunks_exact_mut(limbs).zip(digits.chunks_exact(WIDTH)) {
            let digits = digit_row(digits);
            // SAFETY: `new` has found the processor's features.
            unsafe {
                match self.look_up {
                    TimingClass::Constant => entry::scan(out, table, &digits),
                    TimingClass::FixedSequence | TimingClass::Vartime => entry::read(out, table, &digits),
                }
            }
        }
    }

    fn scan_groups(&self, out: &mut [u64], table: &[u64], digits: &[usize]) {
        // SAFETY: `new` has found the processor's features.
        unsafe { entry::scan_groups(rows_mut(out), rows(table), &digit_row(digits)) }
    }

    fn read_own(&self, out: &mut [u64], tables: &[u64], digits: &[usize]) {
        // SAFETY: `new` has found the processor's features.
        unsafe { entry::read_own(rows_mut(out), tables, &digit_row(digits)) }
    }

    fn become_rows(&self, table: &mut [u64], scratch: &mut Scratch) {
        if self.in_groups(table.len()) {
            return;
        }
        let group_words = WIDTH * self.form().width();
        let lanes = scratch.words(group_words);
        for group in table.chunks_exact_mut(group_words) {
            lanes.copy_from_slice(group);
            // SAFETY: `new` has found the processor's features.
            unsafe { entry::spread(rows(lanes), group, 0) }
        }
    }

    fn spread(&self, group: &[u64], tables: &mut [u64], row: usize) {
        let in_groups = self.in_groups(tables.len() / WIDTH);
        // SAFETY: `new` has found the processor's features.
        unsafe {
            if in_groups {
                entry::spread_in_groups(rows(group), tables, row)
            } else {
                entry::spread(rows(group), tables, row)
            }
        }
    }

    fn spread_own(&self, group: &[u64], tables: &mut [u64], row: usize) {
        // SAFETY: `new` has found the processor's features.
        unsafe { entry::spread(rows(group), tables, row) }
    }

    fn select(&self, out: &mut [u64], on_zero: &[u64], on_one: &[u64], choices: &[Choice]) {
        let bits = choices.iter().enumerate().map(|(lane, choice)| choice.unwrap_u8() << lane);
        let mask = Mask::from_bits(bits.fold(0, |mask, bit| mask | bit));
        // SAFETY: `new` has found the processor's features.
        unsafe { entry::select(rows_mut(out), rows(on_zero), rows(on_one), mask) }
    }

    fn load(&self, numbers: &[u64], out: &mut [u64], scratch: &mut Scratch) {
        let (pieces, inner) = self.pieces(numbers, scratch);
        let powers = self.constants.radix_powers();
        // SAFETY: `new` has found the processor's features.
        unsafe { entry::sum_of_products(rows_mut(out), pieces, powers, self.constants.reducer(), self.work(inner)) }
    }

    fn load_one_plus(&self, numbers: &[u64], out: &mut [u64], scratch: &mut Scratch) {
        assert!(self.form().dual, "the modulus is not a square with a known root");
        let (pieces, inner) = self.pieces(numbers, scratch);
        let powers = self.constants.radix_powers();
        // SAFETY: `new` has found the processor's features.
        unsafe { entry::one_plus(rows_mut(out), pieces, powers, self.constants.reducer(), self.work(inner)) }
    }

    fn load_combination(&self, numbers: [&[u64]; 2], factors: &[u64], out: &mut [u64], scratch: &mut Scratch) {
        let piece_words = WIDTH * self.form().limbs;
        let (pieces, inner) = scratch.with_inner(2 * piece_words);
        for (numbers, piece) in numbers.into_iter().zip(pieces.chunks_exact_mut(piece_words)) {
            self.enter(numbers, rows_mut(piece), inner);
        }
        let (pieces, factors) = (rows(pieces), rows(factors));
        // SAFETY: `new` has found the processor's features.
        unsafe { entry::sum_of_products(rows_mut(out), pieces, factors, self.constants.reducer(), self.work(inner)) }
    }

    fn store(&self, group: &[u64], numbers: &mut [u64], scratch: &mut Scratch) {
        let (number, inner) = scratch.with_inner(group.len());
        let number = rows_mut(number);
        // SAFETY: `new` has found the processor's features.
        unsafe { entry::leave(rows(group), number, self.constants.reducer(), self.work(inner)) }
        self.leave(number, numbers, inner);
    }

    fn store_halves(&self, group: &[u64], low: &mut [u64], high: &mut [u64], scratch: &mut Scratch) {
        assert!(self.form().dual, "the modulus is not a square with a known root");
        let (halves, inner) = scratch.with_inner(group.len());
        let halves = rows_mut(halves);
        // SAFETY: `new` has found the processor's features.
        unsafe { entry::leave_halves(rows(group), halves, self.constants.reducer(), self.work(inner)) }
        let (low_rows, high_rows) = halves.split_at(self.form().limbs);
        self.leave(low_rows, low, inner);
        self.leave(high_rows, high, inner);
    }
}
