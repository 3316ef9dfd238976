//! Powers by windows of fixed length: the same squarings and products whatever the exponents are.

use super::table::{Digits, digit, digit_count};
use super::{broadcast, map_groups};
use crate::arith::backend::{Backend, Kernels};
use crate::arith::batch::Batch;
use crate::arith::exponents::{Exponents, TimingClass};
use crate::secret::SecretLimbs;

/// bases\[i\]^exponents\[i\]; either may be a single one for all. Public exponents are treated as single-use ones.
pub(crate) fn power<B: Backend>(bases: &Batch, exponents: &Exponents, class: TimingClass) -> Batch {
    let len = if bases.len() == 1 { exponents.len() } else { bases.len() };
    let moduli = bases.moduli().gather((0..len).map(|index| broadcast(bases.len(), index)));
    let layout = bases.residues().layout();
    let group_words = layout.group_words();
    let window_bits = best_window(exponents.bits(), class);
    let positions = digit_count(exponents.bits(), window_bits);
    map_groups::<B>(moduli.clone(), layout, len, class, |kernels, first, out, scratch| {
        let index = |lane: usize| (first + lane).min(len - 1);
        // The table in groups, the same in rows where these may be read by address, and one factor.
        let table_words = group_words << window_bits;
        let rows_words = if class == TimingClass::Constant { 0 } else { table_words };
        let (memory, scratch) = scratch.with_inner(table_words + rows_words + group_words);
        let (table, rest) = memory.split_at_mut(table_words);
        let (rows, factor) = rest.split_at_mut(rows_words);
        let (one, rest) = table.split_at_mut(group_words);
        let width = (0..B::WIDTH).map(|lane| moduli.of(index(lane)).limbs().len()).max().unwrap_or(1);
        kernels.load(ones(width, B::WIDTH).as_slice(), one, scratch);
        if positions == 0 {
            out.copy_from_slice(one);
            return;
        }
        bases.residues().read_group(|lane| broadcast(bases.len(), index(lane)), &mut rest[..group_words]);
        for entry in 2..1 << window_bits {
            // Even entries are squares, which cost less than products.
            let (known, next) = table.split_at_mut(entry * group_words);
            let of = |entry: usize| entry * group_words..(entry + 1) * group_words;
            if entry % 2 == 0 {
                next[..group_words].copy_from_slice(&known[of(entry / 2)]);
                kernels.square(&mut next[..group_words], scratch);
            } else {
                next[..group_words].copy_from_slice(&known[of(entry - 1)]);
                kernels.product(&mut next[..group_words], &known[of(1)], scratch);
            }
        }

        if !rows.is_empty() {
            for (row, group) in table.chunks_exact(group_words).enumerate() {
                kernels.spread(group, rows, row);
            }
        }
        let look_up = |out: &mut [u64], digits: &Digits| {
            if class == TimingClass::Constant {
                kernels.scan_groups(out, table, digits.as_slice());
            } else {
                kernels.read_own(out, rows, digits.as_slice());
            }
        };
        let mut digits = Digits::zero(B::WIDTH);
        for position in (0..positions).rev() {
            let exponent = |lane: usize| exponents.limbs(broadcast(exponents.len(), index(lane)));
            digits.fill(|lane| digit(exponent(lane), position, window_bits));
            if position + 1 == positions {
                look_up(out, &digits);
                continue;
            }
            for _ in 0..window_bits {
                kernels.square(out, scratch);
            }
            look_up(factor, &digits);
            kernels.product(out, factor, scratch);
        }
    })
}

/// The number one in every lane, in `width` limbs each.
fn ones(width: usize, lanes: usize) -> SecretLimbs {
    let mut numbers = SecretLimbs::zero(width * lanes);
    numbers.as_mut_slice().iter_mut().step_by(width).for_each(|low| *low = 1);
    numbers
}

/// The window that takes the fewest products; the squarings between them are almost the same for all. A scan of the
/// table costs about an eightieth of a product for each row.
fn best_window(bits: u32, class: TimingClass) -> u32 {
    const PRODUCT: u32 = 80;
    let cost = |window_bits: u32| {
        let table = 1 << window_bits;
        let scan = if class == TimingClass::Constant { table } else { 0 };
        table * PRODUCT + bits.div_ceil(window_bits) * (PRODUCT + scan)
    };
    (1..=6).min_by_key(|&window_bits| cost(window_bits)).unwrap_or(1)
}
