//! Lengths that go together.

use super::error::DgkError;

/// Lengths of n in bits that are offered; 1024 is for tests.
pub const KEY_BITS: [u32; 3] = [1024, 2048, 3072];
/// The longest values, in bits, that a key's plaintexts can compare.
pub const MAX_COMPARED_BITS: u32 = 64;

/// What a key is made for: the lengths of n and of the hidden orders, and the plaintexts Z_u.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameters {
    pub(super) key_bits: u32,
    pub(super) order_bits: u32,
    pub(super) plaintext_modulus: u32,
}

impl Parameters {
    /// A key of `key_bits` bits whose plaintexts serve to compare values of `compared_bits` bits: u is the smallest prime
    /// above 3 `compared_bits` + 2, the largest number in a comparison bit by bit; one by digits stays below it.
    ///
    /// # Errors
    /// If `key_bits` is not among [`KEY_BITS`], or `compared_bits` is 0 or above [`MAX_COMPARED_BITS`].
    pub fn new(key_bits: u32, compared_bits: u32) -> Result<Parameters, DgkError> {
        let order_bits = order_bits(key_bits).ok_or(DgkError::KeyLength { key_bits })?;
        if !(1..=MAX_COMPARED_BITS).contains(&compared_bits) {
            return Err(DgkError::ComparedBits { compared_bits });
        }
        Ok(Parameters { key_bits, order_bits, plaintext_modulus: plaintext_modulus(compared_bits) })
    }

    /// Length of n in bits.
    pub fn key_bits(self) -> u32 {
        self.key_bits
    }

    /// t: length of v_p and v_q in bits.
    pub fn order_bits(self) -> u32 {
        self.order_bits
    }

    /// u: plaintexts are in [0, u).
    pub fn plaintext_modulus(self) -> u32 {
        self.plaintext_modulus
    }

    /// Length of the longest values, in bits, that these plaintexts can compare: 3 l + 2 < u.
    pub fn compared_bits(self) -> u32 {
        (self.plaintext_modulus - 3) / 3
    }

    /// Length of a plaintext in bits.
    pub fn plaintext_bits(self) -> u32 {
        (self.plaintext_modulus - 1).ilog2() + 1
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

/// The smallest prime above 3 `compared_bits` + 2.
pub(super) fn plaintext_modulus(compared_bits: u32) -> u32 {
    (3 * compared_bits + 3..).find(|&candidate| is_prime(candidate)).expect("there is always a larger prime")
}

/// Whether a number of a few digits is a prime.
pub(super) fn is_prime(number: u32) -> bool {
    number > 1
        && (2..number).take_while(|divisor| divisor * divisor <= number).all(|divisor| !number.is_multiple_of(divisor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plaintext_modulus_is_the_smallest_prime_that_serves() {
        for (compared_bits, modulus) in [(1, 7), (17, 59), (19, 61), (20, 67), (64, 197)] {
            let parameters = Parameters::new(2048, compared_bits).unwrap();
            assert_eq!(parameters.plaintext_modulus(), modulus);
            assert!(parameters.compared_bits() >= compared_bits);
        }
        let parameters = Parameters::new(2048, 17).unwrap();
        assert_eq!((parameters.plaintext_bits(), parameters.compared_bits()), (6, 18));
        assert_eq!(parameters.randomizer_bits(40), 488);
    }

    #[test]
    fn lengths_that_are_not_offered_are_refused() {
        for key_bits in [0, 512, 1536, 2047, 4096] {
            assert!(matches!(Parameters::new(key_bits, 17), Err(DgkError::KeyLength { .. })));
        }
        for compared_bits in [0, 65, u32::MAX] {
            let error = Parameters::new(2048, compared_bits).unwrap_err();
            assert!(matches!(error, DgkError::ComparedBits { .. }) && error.exit_code() == 2, "{error}");
        }
    }
}
