//! Tables of which each lane has its own, for backends whose products take the same time whatever the factors are.

use super::table::Digits;
use crate::arith::backend::{Kernels, Scratch};
use crate::arith::exponents::TimingClass;

/// What a product costs, in looks at one entry by a masked scan.
pub(super) const PRODUCT: u64 = 80;
/// What a square costs in the same measure.
pub(super) const SQUARE: u64 = 62;
/// What reading an entry by address costs in the same measure.
pub(super) const READ: u64 = 4;

/// Products of digits' powers of some bases: entry sum_j d_j 2^(w j) is prod_j base_j^d_j, for digits of w bits.
pub(super) struct LaneTable<'a> {
    /// The entries as groups.
    entries: &'a mut [u64],
    /// The same lane by lane, where they may be read by address.
    rows: &'a mut [u64],
    group_words: usize,
}

impl<'a> LaneTable<'a> {
    /// Words of memory of a table for `index_bits` bits of digits.
    pub fn words(group_words: usize, index_bits: u32, class: TimingClass) -> usize {
        let copies = if class == TimingClass::Constant { 1 } else { 2 };
        copies * (group_words << index_bits)
    }

    /// A table in `memory`, of as many words as [`LaneTable::words`] says.
    pub fn new(memory: &'a mut [u64], group_words: usize, index_bits: u32) -> Self {
        let (entries, rows) = memory.split_at_mut(group_words << index_bits);
        LaneTable { entries, rows, group_words }
    }

    /// Where a group goes that [`LaneTable::fill`] starts from: one at index 0, base j at index 2^(w j).
    pub fn entry(&mut self, index: usize) -> &mut [u64] {
        &mut self.entries[index * self.group_words..][..self.group_words]
    }

    /// Computes all other entries from one and the bases.
    pub fn fill(&mut self, kernels: &impl Kernels, window_bits: u32, scratch: &mut Scratch) {
        let group_words = self.group_words;
        let of = |index: usize| index * group_words..(index + 1) * group_words;
        for index in 1..self.entries.len() / group_words {
            // The highest base in the product, and its digit.
            let unit = 1 << (index.ilog2() / window_bits * window_bits);
            let digit = index / unit;
            if index == unit {
                continue;
            }
            let alone = index == digit * unit;
            let (known, next) = self.entries.split_at_mut(index * group_words);
            let next = &mut next[..group_words];
            if alone && digit.is_multiple_of(2) {
                // Squares cost less than products.
                next.copy_from_slice(&known[of(index / 2)]);
                kernels.square(next, scratch);
            } else {
                let factor = if alone { unit } else { digit * unit };
                next.copy_from_slice(&known[of(index - factor)]);
                kernels.product(next, &known[of(factor)], scratch);
            }
        }
        if !self.rows.is_empty() {
            for (row, group) in self.entries.chunks_exact(group_words).enumerate() {
                kernels.spread_own(group, self.rows, row);
            }
        }
    }

    /// Lane l of `out` becomes lane l of the entry at its digit.
    pub fn look_up(&self, kernels: &impl Kernels, out: &mut [u64], digits: &Digits) {
        if self.rows.is_empty() {
            kernels.scan_groups(out, self.entries, digits.as_slice());
        } else {
            kernels.read_own(out, self.rows, digits.as_slice());
        }
    }
}

/// What filling a table of `bases` bases costs.
pub(super) fn fill_cost(bases: usize, window_bits: u32) -> u64 {
    let squares = bases * ((1 << window_bits) / 2 - 1);
    let products = (1usize << (window_bits * bases as u32)) - 1 - bases - squares;
    squares as u64 * SQUARE + products as u64 * PRODUCT
}

/// What looking up an entry costs, for all lanes.
pub(super) fn look_up_cost(index_bits: u32, class: TimingClass) -> u64 {
    if class == TimingClass::Constant { 1 << index_bits } else { READ }
}
