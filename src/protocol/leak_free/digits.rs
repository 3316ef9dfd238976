//! How the numbers of a comparison are cut into digits, and in which order what is sent of a group of them stands.
//!
//! Numbers of l bits have max(1, floor(l / 2)) digits of two bits, but the highest takes what is left: one bit if l is 1,
//! three if l is odd otherwise. A digit a of s bits goes as the 2^s - 1 bits I_k = \[a = k\], k = 1, 2, ..., lowest digit
//! first.
//!
//! Digits of more bits take fewer terms, each of which P1 hides and P2 tests, but more bits to encrypt and to send: at 17
//! bits 28 ciphertexts one way and 8 the other for every eight values, where single bits would take 17 and 17.

/// Bits of every digit but the highest.
const DIGIT_BITS: u32 = 2;

/// The digits of numbers of a length in bits, at least one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Digits {
    bits: u32,
}

/// One of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Digit {
    /// Where it begins in a number.
    shift: u32,
    bits: u32,
    /// How many bits I_k stand before its own.
    pub first_indicator: usize,
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

    /// The lowest first.
    pub fn each(self) -> impl DoubleEndedIterator<Item = Digit> + ExactSizeIterator {
        let top = self.len() - 1;
        (0..self.len()).map(move |place| {
            let shift = place as u32 * DIGIT_BITS;
            let bits = if place == top { self.bits - shift } else { DIGIT_BITS };
            Digit { shift, bits, first_indicator: place * ((1 << DIGIT_BITS) - 1) }
        })
    }

    /// Bits I_k of one number.
    pub fn indicators(self) -> usize {
        self.each().map(Digit::indicators).sum()
    }
}

impl Digit {
    /// Bits I_k of this digit, the largest k.
    pub fn indicators(self) -> usize {
        (1 << self.bits) - 1
    }

    /// This digit of a number.
    pub fn of(self, number: u64) -> u64 {
        number >> self.shift & self.indicators() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_is_in_one_digit() {
        for bits in 1..=63 {
            let digits = Digits::new(bits);
            assert_eq!(digits.each().len(), digits.len());
            for number in [0, 1, (1 << bits) - 1, 0x5bd1_e995_3c6e_f372 & ((1 << bits) - 1)] {
                let sum: u64 = digits.each().zip(0..).map(|(digit, place)| digit.of(number) << (2 * place)).sum();
                assert_eq!(sum, number, "{bits} bits");
            }
        }
    }

    #[test]
    fn indicators_stand_in_a_row() {
        for bits in 1..=63 {
            let mut before = 0;
            for digit in Digits::new(bits).each() {
                assert_eq!(digit.first_indicator, before);
                before += digit.indicators();
            }
            assert_eq!(before, Digits::new(bits).indicators());
        }
    }

    #[test]
    fn ciphertexts_are_as_many_as_the_module_says() {
        let counts = |bits| (Digits::new(bits).indicators(), Digits::new(bits).len());
        assert_eq!([1, 2, 3, 4, 17, 18].map(counts), [(1, 1), (3, 1), (7, 1), (6, 2), (28, 8), (27, 9)]);
    }
}
