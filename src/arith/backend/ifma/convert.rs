//! Words of 64 bits, one number after the other, to limbs of 52 bits, one number a lane, and back. `constant`.
//!
//! On the way lies a row for each word of the numbers, one number a lane: what shifts a limb into place is then the same
//! for all lanes.

use super::features::simd;
use super::lanes::{LIMB_BITS, LIMB_MASK, Lanes, WIDTH};
use super::lookup::{read_rows, spread};
use crate::arith::backend::words::Row;

/// Limb `index` of a number; zero above it.
pub(super) fn limb(words: &[u64], index: usize) -> u64 {
    let bit = index * LIMB_BITS as usize;
    let (word, shift) = (bit / 64, bit as u32 % 64);
    let low = words.get(word).map_or(0, |word| word >> shift);
    // A shift by 64 in two halves, for limbs that start with a word.
    let high = words.get(word + 1).map_or(0, |word| word << 1 << (63 - shift));
    (low | high) & LIMB_MASK
}

/// Words that so many limbs have something in.
pub(super) const fn words_of(limbs: usize) -> usize {
    (limbs * LIMB_BITS as usize).div_ceil(64)
}

simd! {
    /// Rows of limbs from one number a lane, each in numbers.len() / 8 words. What does not fit the rows is zero. Works in
    /// [`words_of`] its rows.
    pub(super) fn enter(numbers: &[u64], rows: &mut [Row], work: &mut [Row]) {
        let width = numbers.len() / WIDTH;
        let words = &mut work[..width.min(words_of(rows.len()))];
        let len = words.len();
        let number = |lane: usize| &numbers[lane * width..][..len];
        let lanes = [number(0), number(1), number(2), number(3), number(4), number(5), number(6), number(7)];
        read_rows(words, lanes);
        for (index, row) in rows.iter_mut().enumerate() {
            let bit = index * LIMB_BITS as usize;
            let (word, shift) = (bit / 64, bit as u64 % 64);
            let low = load_or_zero(words, word).shift_right(shift);
            let high = load_or_zero(words, word + 1).shift_left(64 - shift);
            low.add(high).limb().store(row);
        }
    }

    /// Numbers from rows of limbs; see [`enter`]. What does not fit the numbers is zero.
    pub(super) fn leave(rows: &[Row], numbers: &mut [u64], work: &mut [Row]) {
        let width = numbers.len() / WIDTH;
        let words = &mut work[..width.min(words_of(rows.len()))];
        let limb_bits = u64::from(LIMB_BITS);
        for (index, word) in words.iter_mut().enumerate() {
            let bit = 64 * index;
            let (limb, shift) = (bit / LIMB_BITS as usize, bit as u64 % limb_bits);
            let low = load_or_zero(rows, limb).shift_right(shift);
            let middle = load_or_zero(rows, limb + 1).shift_left(limb_bits - shift);
            let high = load_or_zero(rows, limb + 2).shift_left(2 * limb_bits - shift);
            low.add(middle).add(high).store(word);
        }
        spread(words, numbers, 0);
        for number in numbers.chunks_exact_mut(width) {
            number[words.len()..].fill(0);
        }
    }

    fn load_or_zero(rows: &[Row], index: usize) -> Lanes {
        match rows.get(index) {
            Some(row) => Lanes::load(row),
            None => Lanes::zero(),
        }
    }
}
