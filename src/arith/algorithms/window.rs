//! Powers by windows of fixed length: the same squarings and products whatever the exponents are; and by the bits of a
//! short exponent that is public.

use super::lane_table::{LaneTable, PRODUCT, fill_cost, look_up_cost};
use super::table::{Digits, digit, digit_count};
use super::{broadcast, map_groups};
use crate::arith::backend::{Backend, Kernels};
use crate::arith::batch::Batch;
use crate::arith::exponents::{Exponents, TimingClass};
use crate::secret::SecretLimbs;

/// Up to so many bits a table costs more than the products that it saves.
const SHORT_BITS: u32 = 24;

/// bases\[i\]^exponents\[i\]; either may be a single one for all. Public exponents are treated as single-use ones, but for
/// a short one for all.
pub(crate) fn power<B: Backend>(bases: &Batch, exponents: &Exponents, class: TimingClass) -> Batch {
    if exponents.class() == TimingClass::Vartime && exponents.len() == 1 && (1..=SHORT_BITS).contains(&exponents.bits())
    {
        return power_by_bits::<B>(bases, exponents.limbs(0)[0], class);
    }
    let len = if bases.len() == 1 { exponents.len() } else { bases.len() };
    let moduli = bases.moduli().gather((0..len).map(|index| broadcast(bases.len(), index)));
    let layout = bases.residues().layout();
    let group_words = layout.group_words();
    let window_bits = best_window(exponents.bits(), class);
    let positions = digit_count(exponents.bits(), window_bits);
    map_groups::<B>(moduli.clone(), layout, len, class, |kernels, first, out, scratch| {
        let index = |lane: usize| (first + lane).min(len - 1);
        let table_words = LaneTable::words(group_words, window_bits, class);
        let (memory, scratch) = scratch.with_inner(table_words + group_words);
        let (table, factor) = memory.split_at_mut(table_words);
        let mut table = LaneTable::new(table, group_words, window_bits);
        let width = (0..B::WIDTH).map(|lane| moduli.of(index(lane)).limbs().len()).max().unwrap_or(1);
        kernels.load(ones(width, B::WIDTH).as_slice(), table.entry(0), scratch);
        if positions == 0 {
            out.copy_from_slice(table.entry(0));
            return;
        }
        bases.residues().read_group(|lane| broadcast(bases.len(), index(lane)), table.entry(1));
        table.fill(kernels, window_bits, scratch);
        let mut digits = Digits::zero(B::WIDTH);
        for position in (0..positions).rev() {
            let exponent = |lane: usize| exponents.limbs(broadcast(exponents.len(), index(lane)));
            digits.fill(|lane| digit(exponent(lane), position, window_bits));
            if position + 1 == positions {
                table.look_up(kernels, out, &digits);
                continue;
            }
            for _ in 0..window_bits {
                kernels.square(out, scratch);
            }
            table.look_up(kernels, factor, &digits);
            kernels.product(out, factor, scratch);
        }
    })
}

/// All bases to the power of one public exponent above 0.
fn power_by_bits<B: Backend>(bases: &Batch, exponent: u64, class: TimingClass) -> Batch {
    let layout = bases.residues().layout();
    map_groups::<B>(bases.moduli().clone(), layout, bases.len(), class, |kernels, first, out, scratch| {
        let base = bases.residues().group(first);
        out.copy_from_slice(base);
        for bit in (0..exponent.ilog2()).rev() {
            kernels.square(out, scratch);
            if exponent >> bit & 1 == 1 {
                kernels.product(out, base, scratch);
            }
        }
    })
}

/// The number one in every lane, in `width` limbs each.
fn ones(width: usize, lanes: usize) -> SecretLimbs {
    let mut numbers = SecretLimbs::zero(width * lanes);
    numbers.as_mut_slice().iter_mut().step_by(width).for_each(|low| *low = 1);
    numbers
}

/// The window that costs the least; the squarings between the products are almost the same for all.
fn best_window(bits: u32, class: TimingClass) -> u32 {
    let cost = |window_bits: u32| {
        let products = u64::from(bits.div_ceil(window_bits));
        fill_cost(1, window_bits) + products * (PRODUCT + look_up_cost(window_bits, class))
    };
    (1..=6).min_by_key(|&window_bits| cost(window_bits)).unwrap_or(1)
}
