//! Products of powers (Straus, "Addition chains of vectors", 1964) of fewer rows than a group has lanes: a lane works
//! on a share of the bases of a group, for all rows, and the shares' results are multiplied at the end.
//!
//! A few bases have a table together, as in Straus's paper: a product takes in a digit of each. The tables stand
//! outermost, so that one at a time is in memory; each row and digit position has an accumulator.

use std::ops::Range;

use rayon::prelude::*;

use super::lane_table::{LaneTable, PRODUCT, SQUARE, fill_cost, look_up_cost};
use super::product::product_runs;
use super::straus::{cut, horner};
use super::table::{Digits, Field, digit, digit_count};
use crate::arith::backend::residues::Residues;
use crate::arith::backend::words::Words;
use crate::arith::backend::{Backend, Kernels, Scratch};
use crate::arith::batch::Batch;
use crate::arith::exponents::{Exponents, TimingClass};

/// More accumulators than this leave the cache.
const MOST_ACCUMULATORS: usize = 512;
/// The widest window.
const MOST_WINDOW_BITS: u32 = 6;
/// The largest table has two to the power of this many entries.
const MOST_INDEX_BITS: u32 = 6;

/// The operands of one call: groups x d bases, groups x rows x d exponents.
struct Problem<'a, B: Backend> {
    field: Field<'a, B>,
    bases: &'a Batch,
    exponents: &'a Exponents,
    shape: Shape,
    plan: Plan,
    one: Words,
}

/// As [`super::straus::multi_power`], for a backend with more lanes than there are rows, whose products take the same
/// time whatever the factors are.
pub(super) fn multi_power<B: Backend>(
    bases: &Batch,
    exponents: &Exponents,
    groups: usize,
    class: TimingClass,
) -> Batch {
    let layout = bases.residues().layout();
    let (per_group, rows) = (bases.len() / groups, exponents.len() / bases.len());
    let shape = Shape { groups, per_group, rows, bits: exponents.bits(), class };
    let plan = Plan::best(&shape, B::WIDTH, rayon::current_num_threads());
    let field = Field::new(bases.moduli(), layout, class);
    let one = field.start(0, &mut Scratch::default());
    let problem = Problem::<B> { field, bases, exponents, shape, plan, one };

    let cells = groups * plan.shares;
    let results: Vec<Words> =
        (0..cells.div_ceil(B::WIDTH)).into_par_iter().map(|group| problem.results(group * B::WIDTH)).collect();

    // What a share contributes is for nobody to see.
    let secret = plan.shares > 1 || bases.moduli().is_secret();
    let mut parts = Residues::zero(layout, cells * rows, secret);
    for cell in 0..cells {
        let of_rows = results[cell / B::WIDTH].as_slice().chunks_exact(layout.group_words());
        for (row, result) in of_rows.enumerate() {
            let (group, share) = (cell / plan.shares, cell % plan.shares);
            parts.write((group * rows + row) * plan.shares + share, result, cell % B::WIDTH);
        }
    }
    let parts = Batch::new(bases.moduli().clone(), parts);
    if plan.shares == 1 { parts } else { product_runs::<B>(&parts, plan.shares, class) }
}

impl<B: Backend> Problem<'_, B> {
    /// The results of all rows, one group of lanes each, of the shares from `first` on, one a lane.
    fn results(&self, first: usize) -> Words {
        let (group_words, window_bits) = (self.field.layout.group_words(), self.plan.window_bits);
        let scratch = &mut Scratch::default();
        let mut results = Words::copy_of(&self.one.as_slice().repeat(self.shape.rows));
        let row_words = digit_count(self.shape.bits, window_bits) * group_words;
        if row_words > 0 {
            let accumulators = self.accumulate(first, scratch);
            let rows = results.as_mut_slice().chunks_exact_mut(group_words);
            for (result, accumulators) in rows.zip(accumulators.as_slice().chunks_exact(row_words)) {
                horner(&self.field, accumulators, window_bits, result, scratch);
            }
        }
        results
    }

    /// For each row and digit position the product of the tables' entries at the digits there.
    fn accumulate(&self, first: usize, scratch: &mut Scratch) -> Words {
        let (group_words, kernels) = (self.field.layout.group_words(), &self.field.kernels);
        let (Shape { rows, bits, class, .. }, Plan { together, window_bits, .. }) = (self.shape, self.plan);
        let positions = digit_count(bits, window_bits);
        let mut accumulators = Words::secret(rows * positions * group_words);
        let mut memory = Words::secret(LaneTable::words(group_words, together as u32 * window_bits, class));
        let (mut entry, mut digits) = (self.field.group(), Digits::zero(B::WIDTH));
        let terms = self.plan.longest_share(&self.shape);
        for terms in cut(terms, terms.div_ceil(together)) {
            let index_bits = terms.len() as u32 * window_bits;
            let table_words = LaneTable::words(group_words, index_bits, class);
            let mut table = LaneTable::new(&mut memory.as_mut_slice()[..table_words], group_words, index_bits);
            table.entry(0).copy_from_slice(self.one.as_slice());
            for (place, term) in terms.clone().enumerate() {
                let base = |lane: usize| {
                    let (group, share) = self.share(first + lane);
                    group * self.shape.per_group + (share.start + term).min(share.end - 1)
                };
                self.bases.residues().read_group(base, table.entry(1 << (place as u32 * window_bits)));
            }
            table.fill(kernels, window_bits, scratch);
            for (cell, accumulator) in accumulators.as_mut_slice().chunks_exact_mut(group_words).enumerate() {
                let (row, position) = (cell / positions, cell % positions);
                digits.fill(|lane| self.table_index(first + lane, row, &terms, position));
                if terms.start == 0 {
                    table.look_up(kernels, accumulator, &digits);
                } else {
                    table.look_up(kernels, entry.as_mut_slice(), &digits);
                    kernels.product(accumulator, entry.as_slice(), scratch);
                }
            }
        }
        accumulators
    }

    /// The group of a cell and its share of the bases; the last stands for lanes beyond it.
    fn share(&self, cell: usize) -> (usize, Range<usize>) {
        let Shape { groups, per_group, .. } = self.shape;
        let shares = self.plan.shares;
        let cell = cell.min(groups * shares - 1);
        let share = cell % shares;
        (cell / shares, share * per_group / shares..(share + 1) * per_group / shares)
    }

    /// The digits at `position` of the exponents of some terms of a share, as an index in their table. A share that is
    /// shorter than the longest has digits zero at its end.
    fn table_index(&self, cell: usize, row: usize, terms: &Range<usize>, position: usize) -> usize {
        let (group, share) = self.share(cell);
        let first = (group * self.shape.rows + row) * self.shape.per_group;
        let window_bits = self.plan.window_bits;
        let own = (share.start + terms.start)..(share.start + terms.end).min(share.end);
        own.enumerate().fold(0, |index, (place, base)| {
            index | digit(self.exponents.limbs(first + base), position, window_bits) << (place as u32 * window_bits)
        })
    }
}

/// What the work depends on; all of it is public.
#[derive(Clone, Copy)]
struct Shape {
    groups: usize,
    per_group: usize,
    rows: usize,
    bits: u32,
    class: TimingClass,
}

/// How the work is cut; it follows from the shape and the number of threads.
#[derive(Clone, Copy, Debug)]
struct Plan {
    /// Shares of the bases of a group, one a lane.
    shares: usize,
    /// Bases that have a table together, at most.
    together: usize,
    window_bits: u32,
}

impl Plan {
    /// The one that keeps the busiest thread busy for the shortest time.
    fn best(shape: &Shape, width: usize, threads: usize) -> Plan {
        let most_shares = (4 * width * threads).div_ceil(shape.groups).clamp(1, shape.per_group);
        let plans = (1..=most_shares).flat_map(|shares| {
            (1..=MOST_WINDOW_BITS).flat_map(move |window_bits| {
                let together = 1..=(MOST_INDEX_BITS / window_bits) as usize;
                together.map(move |together| Plan { shares, together, window_bits })
            })
        });
        let fits = |plan: &Plan| {
            let accumulators = shape.rows * digit_count(shape.bits, plan.window_bits);
            accumulators <= MOST_ACCUMULATORS || plan.window_bits == MOST_WINDOW_BITS
        };
        let cost = |plan: &Plan| plan.cost(shape, width, threads);
        plans.filter(fits).min_by_key(cost).expect("the widest window always fits")
    }

    fn longest_share(&self, shape: &Shape) -> usize {
        shape.per_group.div_ceil(self.shares)
    }

    /// The time of the busiest thread.
    fn cost(&self, shape: &Shape, width: usize, threads: usize) -> u64 {
        let rounds = (shape.groups * self.shares).div_ceil(width).div_ceil(threads);
        let joins = (shape.groups * shape.rows).div_ceil(width).div_ceil(threads) * (self.shares - 1);
        rounds as u64 * self.cost_of_lanes(shape) + joins as u64 * PRODUCT
    }

    /// The time for one group of lanes.
    fn cost_of_lanes(&self, shape: &Shape) -> u64 {
        let terms = self.longest_share(shape);
        let tables = terms.div_ceil(self.together);
        let (shorter, longer) = (terms / tables, terms.div_ceil(tables));
        let longer_tables = if longer > shorter { terms % tables } else { 0 };
        let positions = digit_count(shape.bits, self.window_bits);
        let accumulators = (shape.rows * positions) as u64;
        let look_ups = |bases: usize| accumulators * look_up_cost(bases as u32 * self.window_bits, shape.class);
        let table = |bases: usize| fill_cost(bases, self.window_bits) + look_ups(bases);
        let products = tables as u64 * accumulators;
        let squares = shape.rows as u64 * u64::from(shape.bits);
        longer_tables as u64 * table(longer)
            + (tables - longer_tables) as u64 * table(shorter)
            + products * PRODUCT
            + squares * SQUARE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(groups: usize, rows: usize, per_group: usize, threads: usize) -> Plan {
        let class = TimingClass::FixedSequence;
        Plan::best(&Shape { groups, per_group, rows, bits: 60, class }, 8, threads)
    }

    #[test]
    fn the_work_fills_lanes_and_threads() {
        assert_eq!(best(1, 1, 64, 1).shares, 8);
        assert_eq!(best(1, 1, 64, 2).shares, 16);
        assert_eq!(best(80, 1, 25, 2).shares, 1);
        assert_eq!(best(1, 1, 3, 2).shares, 3);
        assert_eq!(best(1, 1, 1, 2).shares, 1);
    }

    #[test]
    fn accumulators_stay_in_the_cache() {
        let class = TimingClass::FixedSequence;
        let plan = Plan::best(&Shape { groups: 1, per_group: 64, rows: 7, bits: 200, class }, 8, 2);
        assert!(7 * digit_count(200, plan.window_bits) <= MOST_ACCUMULATORS, "{plan:?}");
        let plan = Plan::best(&Shape { groups: 1, per_group: 64, rows: 7, bits: 4096, class }, 8, 2);
        assert_eq!(plan.window_bits, MOST_WINDOW_BITS);
    }
}
