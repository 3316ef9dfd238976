//! Reading tables and choosing between residues.

use super::features::simd;
use super::lanes::{Lanes, Mask, WIDTH, prefetch, transpose};
use super::multiply::{BLOCK, Block};
use crate::arith::backend::words::Row;

simd! {
    /// Lane l of `out` = row `digits[l]` of the table, whose rows have as many words as `out` has limbs. Reads every row.
    pub(super) fn scan(out: &mut [Row], table: &[u64], digits: &Row) {
        let limbs = out.len();
        let digits = Lanes::load(digits);
        for (index, out) in out.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
            let mut chosen = [Lanes::zero(); BLOCK];
            for (entry, row) in table.chunks_exact(limbs).enumerate() {
                let mask = digits.equal(Lanes::splat(entry as u64));
                let words: &[u64; BLOCK] = row[index * BLOCK..].first_chunk().expect("a row has whole blocks");
                for (chosen, word) in chosen.iter_mut().zip(words) {
                    *chosen = chosen.blend_splat(mask, *word);
                }
            }
            store_all(chosen, out);
        }
    }

    /// As [`scan`], but reads the rows of the digits alone.
    pub(super) fn read(out: &mut [Row], table: &[u64], digits: &Row) {
        let limbs = out.len();
        let rows = digits.0.map(|digit| &table[digit as usize * limbs..][..limbs]);
        let (eights, rest) = out.as_chunks_mut::<WIDTH>();
        for (index, out) in eights.iter_mut().enumerate() {
            let words = |lane: usize| {
                let words: &[u64; WIDTH] = rows[lane][index * WIDTH..].first_chunk().expect("a row has whole eights");
                words
            };
            let columns = transpose([
                Lanes::load_unaligned(words(0)),
                Lanes::load_unaligned(words(1)),
                Lanes::load_unaligned(words(2)),
                Lanes::load_unaligned(words(3)),
                Lanes::load_unaligned(words(4)),
                Lanes::load_unaligned(words(5)),
                Lanes::load_unaligned(words(6)),
                Lanes::load_unaligned(words(7)),
            ]);
            store_all(columns, out);
        }
        let first = limbs - rest.len();
        for (index, out) in rest.iter_mut().enumerate() {
            *out = Row(rows.map(|row| row[first + index]));
        }
    }

    /// Lane l of `out` = lane l of group `digits[l]` of the table. Reads every group.
    pub(super) fn scan_groups(out: &mut [Row], table: &[Row], digits: &Row) {
        let limbs = out.len();
        let digits = Lanes::load(digits);
        for (index, out) in out.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
            let mut chosen = [Lanes::zero(); BLOCK];
            for (entry, group) in table.chunks_exact(limbs).enumerate() {
                let mask = digits.equal(Lanes::splat(entry as u64));
                let rows: &Block = group[index * BLOCK..].first_chunk().expect("a group has whole blocks");
                for (chosen, row) in chosen.iter_mut().zip(rows) {
                    *chosen = chosen.blend(mask, Lanes::load(row));
                }
            }
            store_all(chosen, out);
        }
    }

    /// Lane l of `out` = lane l of `on_one` if l is in the mask, else of `on_zero`.
    pub(super) fn select(out: &mut [Row], on_zero: &[Row], on_one: &[Row], mask: Mask) {
        for ((out, zero), one) in out.iter_mut().zip(on_zero).zip(on_one) {
            Lanes::load(zero).blend(mask, Lanes::load(one)).store(out);
        }
    }

    /// Asks for the rows of the digits, of `limbs` words each.
    pub(super) fn prefetch_rows(table: &[u64], limbs: usize, digits: &Row) {
        for digit in digits.0 {
            for line in table[digit as usize * limbs..][..limbs].chunks(WIDTH) {
                prefetch(&line[0]);
            }
        }
    }

    fn store_all<const N: usize>(lanes: [Lanes; N], rows: &mut [Row; N]) {
        for (lanes, row) in lanes.into_iter().zip(rows) {
            lanes.store(row);
        }
    }
}
