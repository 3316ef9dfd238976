//! Lengths that go together.

use super::error::DgkError;
use super::slots::{MAX_SLOT_BOUND, Slots};

/// Lengths of n in bits that are offered; 1024 is for tests.
pub const KEY_BITS: [u32; 3] = [1024, 2048, 3072];

/// What a key is made for: the lengths of n and of the hidden orders, and the plaintexts Z_u.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameters {
    pub(super) key_bits: u32,
    pub(super) order_bits: u32,
    pub(super) slots: Slots,
}

impl Parameters {
    /// A key of `key_bits` bits whose plaintexts hold [`SLOTS`](super::SLOTS) numbers from 0 to `slot_bound`.
    ///
    /// # Errors
    /// If `key_bits` is not among [`KEY_BITS`], or `slot_bound` is 0 or above [`MAX_SLOT_BOUND`].
    pub fn new(key_bits: u32, slot_bound: u32) -> Result<Parameters, DgkError> {
        let order_bits = order_bits(key_bits).ok_or(DgkError::KeyLength { key_bits })?;
        if !(1..=MAX_SLOT_BOUND).contains(&slot_bound) {
            return Err(DgkError::SlotBound { slot_bound });
        }
        Ok(Parameters { key_bits, order_bits, slots: Slots::new(slot_bound) })
    }

    /// Length of n in bits.
    pub fn key_bits(self) -> u32 {
        self.key_bits
    }

    /// t: length of v_p and v_q in bits.
    pub fn order_bits(self) -> u32 {
        self.order_bits
    }

    /// The numbers that a plaintext consists of.
    pub fn slots(self) -> Slots {
        self.slots
    }

    /// u: plaintexts are in [0, u).
    pub fn plaintext_modulus(self) -> u64 {
        self.slots.product()
    }

    /// Length of a plaintext in bits.
    pub fn plaintext_bits(self) -> u32 {
        self.slots.bits()
    }

    /// Length of r in the h^r of somebody who does not know the order of h: uniform in [0, 2^(2t + sigma)), it leaves h^r
    /// at most 2^-sigma from uniform.
    pub fn randomizer_bits(self, sigma: u32) -> u32 {
        2 * self.order_bits + sigma
    }

    /// Length of p and q in bits.
    pub(super) fn prime_bits(self) -> u32 {
        self.key_bits / 2
    }
}

/// t: twice the security of n in bits, 112 at 2048 and 128 at 3072 (NIST SP 800-57 part 1, table 2), 80 at 1024; none for a
/// length that is not offered.
pub(super) fn order_bits(key_bits: u32) -> Option<u32> {
    match key_bits {
        1024 => Some(160),
        2048 => Some(224),
        3072 => Some(256),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_go_together() {
        let parameters = Parameters::new(2048, 8).unwrap();
        assert_eq!((parameters.plaintext_bits(), parameters.order_bits()), (36, 224));
        assert_eq!(parameters.plaintext_modulus(), parameters.slots().moduli().iter().product::<u64>());
        assert_eq!(parameters.randomizer_bits(40), 488);
    }

    #[test]
    fn lengths_that_are_not_offered_are_refused() {
        for key_bits in [0, 512, 1536, 2047, 4096] {
            assert!(matches!(Parameters::new(key_bits, 8), Err(DgkError::KeyLength { .. })));
        }
        for slot_bound in [0, MAX_SLOT_BOUND + 1, u32::MAX] {
            let error = Parameters::new(2048, slot_bound).unwrap_err();
            assert!(matches!(error, DgkError::SlotBound { .. }) && error.exit_code() == 2, "{error}");
        }
    }
}
