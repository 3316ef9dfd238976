//! Products of powers (Straus, "Addition chains of vectors", 1964). A few bases have a table together, as in the paper: a
//! product takes in a digit of each. There is one accumulator for each row and digit position, so that tables can come
//! and go, and the squarings are done once, at the end. A lane has a row; where there are fewer rows than lanes, see
//! [`super::straus_shares`].
//!
//! All threads work on the same few groups of bases, first on their tables, then on the accumulators.

use std::ops::Range;

use rayon::prelude::*;

use super::joint_table::JointTables;
use super::straus_plan::{Plan, Shape};
use super::straus_shares;
use super::table::{Digits, Field, digit};
use crate::arith::backend::residues::Residues;
use crate::arith::backend::spare::Spare;
use crate::arith::backend::words::Words;
use crate::arith::backend::{Backend, Kernels, Scratch};
use crate::arith::batch::Batch;
use crate::arith::exponents::{Exponents, TimingClass};

/// Tables that a thread has in use at a time, and as many accumulators.
const MEMORY_BYTES: usize = 3 << 19;
/// Accumulators that a thread multiplies by entries of a table before it goes on to the next table.
const PIECE: usize = 8;

/// The operands of one call: groups x d bases, groups x rows x d exponents.
struct Problem<'a, 'm, B: Backend> {
    field: &'a Field<'m, B>,
    exponents: &'a Exponents,
    shape: Shape,
    plan: Plan,
    tables: JointTables<'a, 'm, B>,
    /// What accumulators start from, unless that is an entry of the first table.
    start: Option<Words>,
}

/// groups x rows residues: prod_k bases[g][k]^exponents[g][r][k]. One modulus for all, and at least one base a group.
pub(crate) fn multi_power<B: Backend>(
    bases: &Batch,
    exponents: &Exponents,
    groups: usize,
    class: TimingClass,
) -> Batch {
    let limbs = bases.residues().layout().limbs;
    let (per_group, rows) = (bases.len() / groups, exponents.len() / bases.len());
    // A backend with one lane always fills it.
    if rows < B::WIDTH {
        return straus_shares::multi_power::<B>(bases, exponents, groups, class);
    }
    let shape = Shape { groups, per_group, rows, bits: exponents.bits(), class, limbs };
    planned::<B>(bases, exponents, shape, Plan::best::<B>(&shape))
}

fn planned<B: Backend>(bases: &Batch, exponents: &Exponents, shape: Shape, plan: Plan) -> Batch {
    let (layout, scratch) = (bases.residues().layout(), &mut Scratch::default());
    let field = Field::<B>::new(bases.moduli(), layout, shape.class);
    let one = field.start(0, scratch);
    let neutral = if B::EVEN_PRODUCTS { one.clone() } else { field.disguise(scratch) };
    let start = (!B::EVEN_PRODUCTS).then(|| field.start(plan.tables(shape.per_group).len(), scratch));
    let tables = JointTables { field: &field, bases: bases.residues(), window_bits: plan.window_bits, one, neutral };
    let problem = Problem { field: &field, exponents, shape, plan, tables, start };
    let mut out = Residues::zero(layout, shape.groups * shape.rows, bases.moduli().is_secret());
    problem.solve(&mut out);
    Batch::new(bases.moduli().clone(), out)
}

/// Tables in use at a time: those of the bases `tables` of each of `groups`.
struct Round {
    groups: Range<usize>,
    tables: Vec<Range<usize>>,
    /// Words from one table to the next.
    stride: usize,
    /// Whether they are the first of their groups.
    first: bool,
}

impl<B: Backend> Problem<'_, '_, B> {
    fn solve(&self, out: &mut Residues) {
        let (group_words, limbs) = (self.field.layout.group_words(), self.shape.limbs);
        let tables: Vec<Range<usize>> = self.plan.tables(self.shape.per_group).collect();
        let longest = tables.iter().map(Range::len).max().expect("a group has a base");
        let stride = limbs * self.plan.entries::<B>(longest);
        let cells = self.row_groups() * self.plan.positions(&self.shape);
        let fit = |threads: usize, words: usize| threads * MEMORY_BYTES / 8 / words.max(1);
        let tables_each = fit(1, stride).clamp(1, tables.len());
        let threads = rayon::current_num_threads();
        let groups_each = fit(threads, tables_each * stride).min(fit(threads, cells * group_words));
        let groups_each = groups_each.clamp(1, self.shape.groups);
        let mut accumulators = Spare::words(groups_each * cells * group_words, true);
        let mut memory = Spare::words(groups_each * tables_each * stride, self.tables.bases.is_secret());
        for first_group in (0..self.shape.groups).step_by(groups_each) {
            let groups = first_group..(first_group + groups_each).min(self.shape.groups);
            let accumulators = &mut accumulators.as_mut_slice()[..groups.len() * cells * group_words];
            for (index, tables) in tables.chunks(tables_each).enumerate() {
                let round = Round { groups: groups.clone(), tables: tables.to_vec(), stride, first: index == 0 };
                let memory = &mut memory.as_mut_slice()[..groups.len() * tables.len() * stride];
                self.fill_tables(&round, memory);
                self.multiply(&round, memory, accumulators);
            }
            self.finish(groups, accumulators, out);
        }
    }

    fn fill_tables(&self, round: &Round, memory: &mut [u64]) {
        memory.par_chunks_mut(round.stride).enumerate().for_each_init(Scratch::default, |scratch, (index, table)| {
            let first = (round.groups.start + index / round.tables.len()) * self.shape.per_group;
            let bases = &round.tables[index % round.tables.len()];
            let table = &mut table[..self.table_words(bases)];
            self.tables.fill(first + bases.start..first + bases.end, table, scratch);
        });
    }

    /// Each accumulator times an entry of each table of its group.
    fn multiply(&self, round: &Round, memory: &[u64], accumulators: &mut [u64]) {
        let group_words = self.field.layout.group_words();
        let cells = self.row_groups() * self.plan.positions(&self.shape);
        let groups = accumulators.par_chunks_mut(cells.max(1) * group_words).enumerate();
        let pieces = groups.flat_map(|(group, cells)| {
            let pieces = cells.par_chunks_mut(PIECE * group_words).enumerate();
            pieces.map(move |(piece, accumulators)| (group, piece * PIECE, accumulators))
        });
        pieces.for_each_init(Scratch::default, |scratch, (group, first, accumulators)| {
            let tables = &memory[group * round.tables.len() * round.stride..][..round.tables.len() * round.stride];
            self.multiply_piece(round, group, tables, first, accumulators, scratch);
        });
    }

    /// The share of [`Problem::multiply`] of the accumulators of a group from `first` on, one table after the other.
    fn multiply_piece(
        &self,
        round: &Round,
        group: usize,
        tables: &[u64],
        first: usize,
        accumulators: &mut [u64],
        scratch: &mut Scratch,
    ) {
        let (group_words, kernels) = (self.field.layout.group_words(), &self.field.kernels);
        let len = accumulators.len() / group_words;
        let table_of = |table: usize| &tables[table * round.stride..][..self.table_words(&round.tables[table])];
        let together = if round.stride <= B::WHOLE_ROWS * self.shape.limbs { len } else { 1 };
        let mut digits = Digits::zero(together * B::WIDTH);
        let digits_of = |(table, index): (usize, usize), digits: &mut Digits| {
            self.indices(round.groups.start + group, first + index, &round.tables[table], digits);
        };
        let (entries, scratch) = scratch.with_inner(together * group_words);
        if round.first
            && let Some(start) = &self.start
        {
            accumulators.chunks_exact_mut(group_words).for_each(|words| words.copy_from_slice(start.as_slice()));
        }
        let in_table = |table: usize| (0..len).step_by(together).map(move |index| (table, index));
        let mut steps = (0..round.tables.len()).flat_map(in_table).peekable();
        digits_of((0, 0), &mut digits);
        while let Some((table, index)) = steps.next() {
            let accumulators = &mut accumulators[index * group_words..][..together * group_words];
            let begins = round.first && table == 0 && self.start.is_none();
            kernels.look_up(
                if begins { &mut *accumulators } else { &mut *entries },
                table_of(table),
                digits.as_slice(),
            );
            let next = steps.peek().map(|next| {
                digits_of(*next, &mut digits);
                table_of(next.0)
            });
            let pairs = accumulators.chunks_exact_mut(group_words).zip(entries.chunks_exact(group_words));
            for ((accumulator, entry), digits) in pairs.zip(digits.as_slice().chunks_exact(B::WIDTH)) {
                match next {
                    _ if begins => {}
                    Some(next) => kernels.product_ahead(accumulator, entry, next, digits, scratch),
                    None => kernels.product(accumulator, entry, scratch),
                }
            }
        }
    }

    /// The digits of some bases in the rows and at the positions of the cells from `first` on, as indices in their table.
    fn indices(&self, group: usize, first: usize, bases: &Range<usize>, indices: &mut Digits) {
        let Shape { rows, per_group, .. } = self.shape;
        let (positions, window_bits) = (self.plan.positions(&self.shape), self.plan.window_bits);
        indices.fill(|lane| {
            let cell = first + lane / B::WIDTH;
            let row = (cell / positions * B::WIDTH + lane % B::WIDTH).min(rows - 1);
            let first_base = (group * rows + row) * per_group;
            bases.clone().rev().fold(0, |index, base| {
                index << window_bits | digit(self.exponents.limbs(first_base + base), cell % positions, window_bits)
            })
        });
    }

    /// The results of some groups from their accumulators.
    fn finish(&self, groups: Range<usize>, accumulators: &[u64], out: &mut Residues) {
        let positions = self.plan.positions(&self.shape);
        let (group_words, rows) = (self.field.layout.group_words(), self.shape.rows);
        let results: Vec<Words> = (0..groups.len() * self.row_groups())
            .into_par_iter()
            .map_init(Scratch::default, |scratch, row_group| {
                let mut result = self.tables.one.clone();
                if positions > 0 {
                    let accumulators = &accumulators[row_group * positions * group_words..][..positions * group_words];
                    horner(self.field, accumulators, self.plan.window_bits, result.as_mut_slice(), scratch);
                }
                result
            })
            .collect();
        for (group, results) in groups.zip(results.chunks(self.row_groups())) {
            for row in 0..rows {
                out.write(group * rows + row, results[row / B::WIDTH].as_slice(), row % B::WIDTH);
            }
        }
    }

    /// Groups of lanes that the rows of a group of bases fill.
    fn row_groups(&self) -> usize {
        self.shape.rows.div_ceil(B::WIDTH)
    }

    fn table_words(&self, bases: &Range<usize>) -> usize {
        self.shape.limbs * self.plan.entries::<B>(bases.len())
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

/// 0..len in `parts` ranges of almost equal length.
pub(super) fn cut(len: usize, parts: usize) -> impl Iterator<Item = Range<usize>> {
    (0..parts).map(move |part| part * len / parts..(part + 1) * len / parts)
}

#[cfg(test)]
#[path = "straus_tests.rs"]
mod tests;
