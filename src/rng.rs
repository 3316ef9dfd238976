//! Randomness: one generator for secrets, another, of another type, for experiments that must repeat.
//!
//! Keys, randomisers and encryption take [`SecureRng`], which only the operating system can seed. [`SeededRng`] draws
//! initial weights, splits and batch orders; nothing that encrypts accepts it.

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use rug::Integer;
use rug::integer::Order;
use sha2::{Digest, Sha256};
use zeroize::Zeroize;

use crate::secret::{SecretInteger, SecretLimbs};

/// ChaCha20 seeded by the operating system. It cannot be cloned, so no output is ever used twice.
pub struct SecureRng(ChaCha20Rng);

impl SecureRng {
    /// A generator with 256 bits of seed from the operating system.
    ///
    /// # Panics
    /// If the operating system gives no randomness: nothing sensible can be done then.
    pub fn from_os() -> Self {
        let mut seed = [0u8; 32];
        getrandom::fill(&mut seed).expect("the operating system gave no randomness");
        let rng = ChaCha20Rng::from_seed(seed);
        seed.zeroize();
        SecureRng(rng)
    }

    /// Fills `bytes`.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }

    /// A number uniform in [0, 2^bits), in as many limbs as `bits` needs.
    pub fn bits(&mut self, bits: u32) -> SecretLimbs {
        let mut limbs = SecretLimbs::zero(bits.div_ceil(64) as usize);
        self.0.fill_bytes(bytemuck::cast_slice_mut(limbs.as_mut_slice()));
        if !bits.is_multiple_of(64)
            && let Some(top) = limbs.as_mut_slice().last_mut()
        {
            *top &= (1 << (bits % 64)) - 1;
        }
        limbs
    }

    /// A number uniform in [0, bound), by rejection; the number of draws says nothing about the result.
    ///
    /// # Panics
    /// If `bound` is not positive.
    pub fn below(&mut self, bound: &Integer) -> SecretInteger {
        assert!(*bound > 0, "an empty range has no element");
        loop {
            let candidate = self.bits(bound.significant_bits()).to_integer();
            if *candidate < *bound {
                return candidate;
            }
        }
    }
}

/// A generator for experiments that must repeat: weights, splits, batch orders. Never for keys or encryption.
pub struct SeededRng(ChaCha20Rng);

impl SeededRng {
    /// The stream called `purpose` of the experiment `seed`; streams of different names are independent.
    pub fn new(seed: u64, purpose: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"smlp experiment, not private");
        hash.update(seed.to_le_bytes());
        hash.update(purpose.as_bytes());
        SeededRng(ChaCha20Rng::from_seed(hash.finalize().into()))
    }

    /// 64 uniform bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in [0, bound), without bias.
    ///
    /// # Panics
    /// If `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "an empty range has no element");
        let unbiased = u64::MAX - u64::MAX % bound;
        loop {
            let word = self.next_u64();
            if word < unbiased {
                return word % bound;
            }
        }
    }

    /// Standard normal.
    pub fn normal(&mut self) -> f64 {
        standard_normal([self.next_u64(), self.next_u64()])
    }

    /// Fisher-Yates shuffle.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u64 + 1) as usize);
        }
    }

    /// A number uniform in [0, 2^bits), for test inputs.
    pub fn integer(&mut self, bits: u32) -> Integer {
        let mut limbs = vec![0u64; bits.div_ceil(64) as usize];
        self.0.fill_bytes(bytemuck::cast_slice_mut(&mut limbs));
        Integer::from_digits(&limbs, Order::Lsf).keep_bits(bits)
    }
}

/// Two uniform words as one standard normal number, by the Box-Muller transform.
pub(crate) fn standard_normal(words: [u64; 2]) -> f64 {
    let [radius, angle] = words.map(|word| (word >> 11) as f64 / (1u64 << 53) as f64);
    (-2.0 * (1.0 - radius).ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

/// floor(draw bound / 2^64), which is below the bound: for a uniform draw at most bound 2^-64 from uniform, without the
/// rejection of [`SecureRng::below`]. `constant`.
pub fn scaled(draw: u64, bound: u64) -> u64 {
    ((u128::from(draw) * u128::from(bound)) >> u64::BITS) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_fill_their_range_and_nothing_above() {
        let mut rng = SecureRng::from_os();
        let mut seen = Integer::new();
        for _ in 0..200 {
            let value = rng.bits(70).to_integer();
            assert!(value.significant_bits() <= 70);
            seen |= &*value;
        }
        assert_eq!(seen, (Integer::from(1) << 70) - 1);
    }

    #[test]
    fn scaled_draws_fill_their_range() {
        assert_eq!([0, u64::MAX / 2, u64::MAX / 2 + 1, u64::MAX].map(|draw| scaled(draw, 10)), [0, 4, 5, 9]);
        assert_eq!([0, u64::MAX].map(|draw| scaled(draw, 1)), [0, 0]);
    }

    #[test]
    fn below_stays_below() {
        let mut rng = SecureRng::from_os();
        let bound = Integer::from(5);
        let mut seen = [false; 5];
        for _ in 0..300 {
            seen[rng.below(&bound).to_usize().unwrap()] = true;
        }
        assert_eq!(seen, [true; 5]);
    }

    #[test]
    fn a_seed_repeats_and_its_streams_differ() {
        let draw = |seed, purpose| SeededRng::new(seed, purpose).next_u64();
        assert_eq!(draw(1, "weights"), draw(1, "weights"));
        assert_ne!(draw(1, "weights"), draw(1, "split"));
        assert_ne!(draw(1, "weights"), draw(2, "weights"));
    }

    #[test]
    fn normal_has_mean_zero_and_variance_one() {
        let mut rng = SeededRng::new(7, "normal");
        let draws: Vec<f64> = (0..20_000).map(|_| rng.normal()).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / draws.len() as f64;
        assert!(mean.abs() < 0.05 && (variance - 1.0).abs() < 0.05, "mean {mean}, variance {variance}");
    }
}
