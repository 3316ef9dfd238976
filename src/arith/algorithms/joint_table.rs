//! Tables that a few bases have together: entry sum_j d_j 2^(w j) is prod_j base_j^d_j for digits d_j of w bits.
//!
//! An entry is a product of some of the numbers base_j^(2^i), one for each bit of its index. The lowest bits tell the
//! lanes of a group apart, so that one product makes as many entries as there are lanes.

use std::ops::Range;

use subtle::Choice;

use super::table::Field;
use crate::arith::backend::residues::Residues;
use crate::arith::backend::words::Words;
use crate::arith::backend::{Backend, Kernels, Scratch};

/// What tables are made from.
pub(super) struct JointTables<'a, 'm, B: Backend> {
    pub field: &'a Field<'m, B>,
    pub bases: &'a Residues,
    pub window_bits: u32,
    /// One in every lane.
    pub one: Words,
    /// What every entry contains besides the powers, in every lane: one, or the disguise of [`super::table`].
    pub neutral: Words,
}

impl<B: Backend> JointTables<'_, '_, B> {
    /// Fills `table` for [`Kernels::look_up`], as large as the digits of these bases ask for, a group at least.
    pub fn fill(&self, bases: Range<usize>, table: &mut [u64], scratch: &mut Scratch) {
        let kernels = &self.field.kernels;
        let group_words = self.field.layout.group_words();
        let (memory, scratch) = scratch.with_inner(2 * group_words);
        let (factor, in_some_lanes) = memory.split_at_mut(group_words);
        table[..group_words].copy_from_slice(self.neutral.as_slice());
        for bit in 0..bases.len() as u32 * self.window_bits {
            if bit.is_multiple_of(self.window_bits) {
                let base = bases.start + (bit / self.window_bits) as usize;
                self.bases.read_group(|_| base, factor);
            } else {
                kernels.square(factor, scratch);
            }
            match bit.checked_sub(B::WIDTH.ilog2()) {
                None => {
                    let choices: Vec<Choice> =
                        (0..B::WIDTH).map(|lane| Choice::from((lane >> bit & 1) as u8)).collect();
                    kernels.select(in_some_lanes, self.one.as_slice(), factor, &choices);
                    kernels.product(&mut table[..group_words], in_some_lanes, scratch);
                }
                Some(group_bit) => {
                    let (known, next) = table.split_at_mut(group_words << group_bit);
                    for (known, next) in known.chunks_exact(group_words).zip(next.chunks_exact_mut(group_words)) {
                        next.copy_from_slice(known);
                        kernels.product(next, factor, scratch);
                    }
                }
            }
        }
        kernels.become_rows(table, scratch);
    }
}
