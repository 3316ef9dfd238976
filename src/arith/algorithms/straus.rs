//! Products of powers (Straus, "Addition chains of vectors", 1964), the base outermost: a base's table is built, used
//! for all rows of its group and dropped. There is one accumulator for each row and digit position, so that the
//! squarings are done once, at the end. A lane has a row; where there are fewer rows than lanes, see
//! [`super::straus_shares`].

use std::ops::Range;

use rayon::prelude::*;

use super::straus_shares;
use super::table::{Digits, Field, digit, digit_count};
use crate::arith::backend::residues::{Layout, Residues};
use crate::arith::backend::words::Words;
use crate::arith::backend::{Backend, Kernels, Scratch};
use crate::arith::batch::Batch;
use crate::arith::exponents::{Exponents, TimingClass};

/// A share of the bases smaller than this is not worth accumulators of its own.
const SMALLEST_SHARE: usize = 16;

/// The operands of one call: groups x d bases, groups x rows x d exponents.
struct Problem<'a, B: Backend> {
    field: Field<'a, B>,
    bases: &'a Batch,
    exponents: &'a Exponents,
    per_group: usize,
    rows: usize,
    window_bits: u32,
    disguise: Words,
}

/// groups x rows residues: prod_k bases[g][k]^exponents[g][r][k]. One modulus for all, and at least one base a group.
pub(crate) fn multi_power<B: Backend>(
    bases: &Batch,
    exponents: &Exponents,
    groups: usize,
    class: TimingClass,
) -> Batch {
    let layout = bases.residues().layout();
    let per_group = bases.len() / groups;
    let rows = exponents.len() / bases.len();
    // A backend with one lane always fills it.
    if rows < B::WIDTH {
        return straus_shares::multi_power::<B>(bases, exponents, groups, class);
    }
    let shares = Shares::new(groups, per_group, rows);
    let field = Field::new(bases.moduli(), layout, class);
    let disguise = field.disguise(&mut Scratch::default());
    let window_bits = best_window::<B>(exponents.bits(), rows.div_ceil(shares.rows).div_ceil(B::WIDTH), class);
    let problem = Problem::<B> { field, bases, exponents, per_group, rows, window_bits, disguise };

    let blocks: Vec<(usize, Range<usize>)> =
        (0..groups).flat_map(|group| cut(rows, shares.rows).map(move |rows| (group, rows))).collect();
    let results: Vec<Vec<Words>> =
        blocks.par_iter().map(|(group, rows)| problem.block(*group, rows.clone(), shares.bases)).collect();

    let mut out = Residues::zero(layout, groups * rows, bases.moduli().is_secret());
    for ((group, block), results) in blocks.iter().zip(&results) {
        for (offset, row) in block.clone().enumerate() {
            let result = results[offset / B::WIDTH].as_slice();
            out.write(group * rows + row, result, offset % B::WIDTH);
        }
    }
    Batch::new(bases.moduli().clone(), out)
}

impl<B: Backend> Problem<'_, B> {
    /// The results of some rows of a group, a row a lane.
    fn block(&self, group: usize, rows: Range<usize>, base_shares: usize) -> Vec<Words> {
        let shares: Vec<Range<usize>> = cut(self.per_group, base_shares).collect();
        let accumulators = shares
            .into_par_iter()
            .map(|bases| self.accumulate(group, rows.clone(), bases))
            .reduce_with(|left, right| self.merge(left, right))
            .expect("a group has a base");
        let row_words = self.positions() * self.field.layout.group_words();
        if row_words == 0 {
            return vec![self.field.start(0, &mut Scratch::default()); rows.len().div_ceil(B::WIDTH)];
        }
        accumulators.as_slice().par_chunks(row_words).map(|row| self.finish(row)).collect()
    }

    /// For each row and digit position the product of the bases' table rows at that digit.
    fn accumulate(&self, group: usize, rows: Range<usize>, bases: Range<usize>) -> Words {
        let Layout { limbs, .. } = self.field.layout;
        let (group_words, positions) = (self.field.layout.group_words(), self.positions());
        let scratch = &mut Scratch::default();
        let start = self.field.start(bases.len(), scratch);
        let mut accumulators = Words::copy_of(&start.as_slice().repeat(rows.len().div_ceil(B::WIDTH) * positions));

        let table_words = limbs << self.window_bits;
        let mut tables = Words::secret(B::WIDTH * table_words);
        let (mut lanes, mut entry) = (self.field.group(), self.field.group());
        let mut digits = Digits::zero(B::WIDTH);
        for first in bases.clone().step_by(B::WIDTH) {
            let last = bases.end - 1;
            let index = |lane: usize| group * self.per_group + (first + lane).min(last);
            self.bases.residues().read_group(index, lanes.as_mut_slice());
            self.field.fill_tables(lanes.as_slice(), self.disguise.as_slice(), tables.as_mut_slice(), scratch);
            let tables = tables.as_slice().chunks_exact(table_words);
            for (base, table) in (first..bases.end).zip(tables) {
                for (cell, accumulator) in accumulators.as_mut_slice().chunks_exact_mut(group_words).enumerate() {
                    let (first_row, position) = (rows.start + cell / positions * B::WIDTH, cell % positions);
                    digits.fill(|lane| {
                        let row = (first_row + lane).min(rows.end - 1);
                        let exponent = (group * self.rows + row) * self.per_group + base;
                        digit(self.exponents.limbs(exponent), position, self.window_bits)
                    });
                    self.field.kernels.look_up(entry.as_mut_slice(), table, digits.as_slice());
                    self.field.kernels.product(accumulator, entry.as_slice(), scratch);
                }
            }
        }
        accumulators
    }

    fn merge(&self, mut left: Words, right: Words) -> Words {
        let scratch = &mut Scratch::default();
        let group_words = self.field.layout.group_words();
        let pairs = left.as_mut_slice().chunks_exact_mut(group_words).zip(right.as_slice().chunks_exact(group_words));
        for (left, right) in pairs {
            self.field.kernels.product(left, right, scratch);
        }
        left
    }

    /// The results of a group of rows from its accumulators.
    fn finish(&self, accumulators: &[u64]) -> Words {
        let mut result = self.field.group();
        horner(&self.field, accumulators, self.window_bits, result.as_mut_slice(), &mut Scratch::default());
        result
    }

    fn positions(&self) -> usize {
        digit_count(self.exponents.bits(), self.window_bits)
    }
}

/// The positions of a row, of which there is at least one, joined by Horner's rule.
pub(super) fn horner<B: Backend>(
    field: &Field<'_, B>,
    accumulators: &[u64],
    window_bits: u32,
    result: &mut [u64],
    scratch: &mut Scratch,
) {
    let mut positions = accumulators.rchunks_exact(field.layout.group_words());
    result.copy_from_slice(positions.next().expect("a row has a digit position"));
    for accumulator in positions {
        for _ in 0..window_bits {
            field.kernels.square(result, scratch);
        }
        field.kernels.product(result, accumulator, scratch);
    }
}

/// Into how many parts the bases and the rows of a group are cut, so that every thread has work.
struct Shares {
    bases: usize,
    rows: usize,
}

impl Shares {
    fn new(groups: usize, per_group: usize, rows: usize) -> Shares {
        let threads = rayon::current_num_threads();
        if threads == 1 {
            return Shares { bases: 1, rows: 1 };
        }
        let bases = (4 * threads).div_ceil(groups).clamp(1, per_group.div_ceil(SMALLEST_SHARE));
        let rows = threads.div_ceil(groups * bases).clamp(1, rows.max(1));
        Shares { bases, rows }
    }
}

/// 0..len in `parts` ranges of almost equal length.
pub(super) fn cut(len: usize, parts: usize) -> impl Iterator<Item = Range<usize>> {
    (0..parts).map(move |part| part * len / parts..(part + 1) * len / parts)
}

/// A masked scan of this many rows takes about as long as a product.
const SCAN_OF_A_PRODUCT: usize = 256;

/// The window that costs a base the fewest products, if `rows` groups of rows use its table. The tables of a group of
/// bases are made together.
fn best_window<B: Backend>(bits: u32, rows: usize, class: TimingClass) -> u32 {
    let cost = |window_bits: u32| {
        let table = 1usize << window_bits;
        let scan = if class == TimingClass::Constant { table } else { 0 };
        table * SCAN_OF_A_PRODUCT / B::WIDTH + rows * digit_count(bits, window_bits) * (SCAN_OF_A_PRODUCT + scan)
    };
    (1..=10).min_by_key(|&window_bits| cost(window_bits)).unwrap_or(1)
}
