//! How the numbers of a comparison are cut into digits, and in which order ciphertexts stand.
//!
//! Numbers of l bits have max(1, floor(l / 2)) digits of two bits, but the highest takes what is left: one bit if l is 1,
//! three if l is odd otherwise. A digit a of s bits goes as the 2^s - 1 bits I_k = \[a = k\], k = 1, 2, ....
//!
//! Digits of more bits take fewer terms, each of which P1 hides and P2 tests, but more bits to encrypt and to send: at 17
//! bits 28 ciphertexts one way and 8 the other, where single bits took 17 and 18.

use std::ops::Range;

use subtle::{Choice, ConstantTimeEq};

/// Bits of every digit but the highest.
const DIGIT_BITS: u32 = 2;

/// The digits of numbers of a length in bits, at least one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Digits {
    bits: u32,
}

/// Consecutive digits of one length.
pub(super) struct Run {
    /// Their places, the lowest digit of all is at 0.
    pub places: Range<usize>,
    bits: u32,
}

impl Digits {
    pub fn new(bits: u32) -> Digits {
        assert!(bits > 0, "a number has a bit");
        Digits { bits }
    }

    /// How many.
    pub fn len(self) -> usize {
        (self.bits / DIGIT_BITS).max(1) as usize
    }

    /// The lower digits, if there are any, and the highest, or all together if they have one length.
    pub fn runs(self) -> Vec<Run> {
        let top = self.len() - 1;
        let top_bits = self.bits - top as u32 * DIGIT_BITS;
        if top_bits == DIGIT_BITS {
            return vec![Run { places: 0..top + 1, bits: DIGIT_BITS }];
        }
        let lower = Run { places: 0..top, bits: DIGIT_BITS };
        let highest = Run { places: top..top + 1, bits: top_bits };
        [lower, highest].into_iter().filter(|run| !run.places.is_empty()).collect()
    }

    /// Bits I_k of one number.
    pub fn indicators(self) -> usize {
        self.runs().iter().map(|run| run.places.len() * run.indicators()).sum()
    }
}

impl Run {
    /// Bits I_k of one digit.
    pub fn indicators(&self) -> usize {
        (1 << self.bits) - 1
    }

    /// The digit at `place` of a number.
    pub fn digit(&self, number: u64, place: usize) -> u8 {
        (number >> (place as u32 * DIGIT_BITS)) as u8 & self.indicators() as u8
    }

    /// The digits of all numbers, place by place.
    pub fn digits<'a>(&'a self, numbers: &'a [u64]) -> impl Iterator<Item = u8> + 'a {
        self.places.clone().flat_map(move |place| numbers.iter().map(move |number| self.digit(*number, place)))
    }

    /// The bits I_k of all numbers: for each k place by place, as [`Run::digits`] has them.
    pub fn indicator_bits<'a>(&'a self, numbers: &'a [u64]) -> impl Iterator<Item = Choice> + 'a {
        (1..=self.indicators() as u8).flat_map(move |k| self.digits(numbers).map(move |digit| digit.ct_eq(&k)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_is_in_one_digit() {
        for bits in 1..=63 {
            let digits = Digits::new(bits);
            let runs = digits.runs();
            let places: Vec<usize> = runs.iter().flat_map(|run| run.places.clone()).collect();
            assert_eq!(places, (0..digits.len()).collect::<Vec<_>>());
            for number in [0, 1, (1 << bits) - 1, 0x5bd1_e995_3c6e_f372 & ((1 << bits) - 1)] {
                let digit = |run: &Run, place: usize| u64::from(run.digit(number, place)) << (2 * place);
                let sum: u64 = runs.iter().flat_map(|run| run.places.clone().map(|place| digit(run, place))).sum();
                assert_eq!(sum, number, "{bits} bits");
            }
        }
    }

    #[test]
    fn ciphertexts_are_as_many_as_the_module_says() {
        let counts = |bits| (Digits::new(bits).indicators(), Digits::new(bits).len());
        assert_eq!([1, 2, 3, 4, 17, 18].map(counts), [(1, 1), (3, 1), (7, 1), (6, 2), (28, 8), (27, 9)]);
    }

    #[test]
    fn one_bit_at_most_stands_for_a_digit() {
        let runs = Digits::new(5).runs();
        let bits = |run: &Run| run.indicator_bits(&[0b1_1001, 0b0_0011]).map(bool::from).collect::<Vec<_>>();
        assert_eq!(bits(&runs[0]), [true, false, false, false, false, true]);
        let mut highest = [false; 14];
        highest[5 * 2] = true;
        assert_eq!(bits(&runs[1]), highest);
    }
}
