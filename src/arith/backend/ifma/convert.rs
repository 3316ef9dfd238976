//! Words of 64 bits, one number after the other, to limbs of 52 bits, one number a lane, and back. `constant`.

use super::lanes::{LIMB_BITS, LIMB_MASK, WIDTH};
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

/// Rows of limbs from one number a lane, each in numbers.len() / 8 words. What does not fit the rows is zero.
pub(super) fn enter(numbers: &[u64], rows: &mut [Row]) {
    for (lane, words) in numbers.chunks_exact(numbers.len() / WIDTH).enumerate() {
        for (index, row) in rows.iter_mut().enumerate() {
            row.0[lane] = limb(words, index);
        }
    }
}

/// Numbers from rows of limbs; see [`enter`]. What does not fit the numbers is zero.
pub(super) fn leave(rows: &[Row], numbers: &mut [u64]) {
    let width = numbers.len() / WIDTH;
    for (lane, words) in numbers.chunks_exact_mut(width).enumerate() {
        words.fill(0);
        for (index, row) in rows.iter().enumerate() {
            let bit = index * LIMB_BITS as usize;
            let (word, shift) = (bit / 64, bit as u32 % 64);
            if word < width {
                words[word] |= row.0[lane] << shift;
            }
            if word + 1 < width {
                words[word + 1] |= row.0[lane] >> 1 >> (63 - shift);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_whatever_their_width() {
        for width in [1, 2, 13, 32, 33] {
            let count = (width * 64usize).div_ceil(LIMB_BITS as usize);
            let pattern = |index: usize| (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mut numbers: Vec<u64> = (0..WIDTH * width).map(pattern).collect();
            numbers[..width].fill(u64::MAX);
            numbers[width..2 * width].fill(0);
            let mut rows = vec![Row::default(); count + 3];
            enter(&numbers, &mut rows);
            assert!(rows.iter().flat_map(|row| row.0).all(|limb| limb <= LIMB_MASK));
            let mut back = vec![1; numbers.len()];
            leave(&rows, &mut back);
            assert_eq!(back, numbers, "{width} words");
        }
    }
}
