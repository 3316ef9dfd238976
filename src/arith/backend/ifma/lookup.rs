//! Reading tables and choosing between residues.
//!
//! A table of up to [`WHOLE_ROWS`](crate::arith::backend::Backend::WHOLE_ROWS) rows lies in groups of eight rows, a row
//! a lane, limb after limb: an instruction that permutes two registers then looks a limb up in sixteen rows. Reading
//! all of the table so, for several groups of lanes at a time, takes little longer than reading by address. In larger
//! tables a row's limbs stand together.

use super::features::simd;
use super::lanes::{Lanes, Mask, WIDTH, prefetch, transpose};
use super::multiply::{BLOCK, Block};
use crate::arith::backend::words::Row;

simd! {
    /// Lane l of group g of `out` = row `digits[g]`, lane l, of the table, which lies in groups of `limbs` limbs. Reads
    /// every row, and a block of limbs for all of `out` before the next.
    pub(super) fn permute(out: &mut [Row], table: &[Row], digits: &[Row], limbs: usize) {
        for first in (0..limbs).step_by(BLOCK) {
            for (out, digits) in out.chunks_exact_mut(limbs).zip(digits) {
                let pairs = Lanes::load(&Row(digits.0.map(|digit| digit >> 4)));
                let digits = Lanes::load(digits);
                let mut chosen = [Lanes::zero(); BLOCK];
                for (number, pair) in table.chunks(2 * limbs).enumerate() {
                    let mask = pairs.equal(Lanes::splat(number as u64));
                    let low: &Block = pair[first..].first_chunk().expect("a group has whole blocks");
                    // A group that stands alone has no digit above its eight rows.
                    let high = &pair[pair.len() - limbs + first..];
                    let high: &Block = high.first_chunk().expect("a group has whole blocks");
                    for ((chosen, low), high) in chosen.iter_mut().zip(low).zip(high) {
                        *chosen = chosen.blend(mask, Lanes::load(low).permute_two(digits, Lanes::load(high)));
                    }
                }
                store_all(chosen, out[first..].first_chunk_mut().expect("a group has whole blocks"));
            }
        }
    }

    /// Lane l of `group` becomes row `row` of the l-th of eight tables, which lie in groups.
    pub(super) fn spread_in_groups(group: &[Row], tables: &mut [u64], row: usize) {
        let table_words = tables.len() / WIDTH;
        for (lane, table) in tables.chunks_exact_mut(table_words).enumerate() {
            let place = &mut table[row / WIDTH * group.len() * WIDTH..];
            for (limb, words) in group.iter().zip(place.as_chunks_mut::<WIDTH>().0) {
                words[row % WIDTH] = limb.0[lane];
            }
        }
    }

    /// Lane l of `out` = row `digits[l]` of the table, whose rows have as many words as `out` has limbs. Reads every
    /// row.
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
        read_rows(out, digits.0.map(|digit| &table[digit as usize * limbs..][..limbs]));
    }

    /// Lane l of `out` = row `digits[l]` of the l-th of eight tables.
    pub(super) fn read_own(out: &mut [Row], tables: &[u64], digits: &Row) {
        let (limbs, table_words) = (out.len(), tables.len() / WIDTH);
        let row = |lane: usize| &tables[lane * table_words + digits.0[lane] as usize * limbs..][..limbs];
        read_rows(out, [row(0), row(1), row(2), row(3), row(4), row(5), row(6), row(7)]);
    }

    /// Lane l of `group` becomes row `row` of the l-th of eight tables.
    pub(super) fn spread(group: &[Row], tables: &mut [u64], row: usize) {
        let (limbs, table_words) = (group.len(), tables.len() / WIDTH);
        let (eights, rest) = group.as_chunks::<WIDTH>();
        for (index, [a, b, c, d, e, f, g, h]) in eights.iter().enumerate() {
            let columns = [
                Lanes::load(a),
                Lanes::load(b),
                Lanes::load(c),
                Lanes::load(d),
                Lanes::load(e),
                Lanes::load(f),
                Lanes::load(g),
                Lanes::load(h),
            ];
            for (lane, words) in transpose(columns).into_iter().enumerate() {
                let first = lane * table_words + row * limbs + index * WIDTH;
                words.store_unaligned(tables[first..].first_chunk_mut().expect("a row has whole eights"));
            }
        }
        let first = limbs - rest.len();
        for (index, words) in rest.iter().enumerate() {
            for (lane, word) in words.0.into_iter().enumerate() {
                tables[lane * table_words + row * limbs + first + index] = word;
            }
        }
    }

    /// Lane l of `out` = the l-th of rows of as many words as `out` has limbs.
    pub(super) fn read_rows(out: &mut [Row], rows: [&[u64]; WIDTH]) {
        let limbs = out.len();
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

    /// Asks for the cache lines of a row.
    pub(super) fn prefetch_row(row: &[u64]) {
        for line in row.chunks(WIDTH) {
            prefetch(&line[0]);
        }
    }

    fn store_all<const N: usize>(lanes: [Lanes; N], rows: &mut [Row; N]) {
        for (lanes, row) in lanes.into_iter().zip(rows) {
            lanes.store(row);
        }
    }
}
