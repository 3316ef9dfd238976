//! Exponents together with the timing class that they demand.

use std::fmt;
use std::sync::Arc;

use rayon::prelude::*;
use rug::Integer;
use rug::integer::Order;
use zeroize::Zeroizing;

use super::backend::Scratch;
use super::backend::gmp::constant;
use super::engine::Engine;
use crate::rng::SecureRng;
use crate::secret::SecretLimbs;

/// What the time of an operation may depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimingClass {
    /// Anything: for public values only.
    Vartime,
    /// The operations do not depend on the secret, addresses in tables may: for exponents that are used once.
    FixedSequence,
    /// No secret-dependent branch or address: for whatever outlives one use.
    Constant,
}

/// Non-negative exponents of one common, public length in bits, with the timing class that they demand; wiped when the
/// last clone drops.
#[derive(Clone)]
pub struct Exponents(Arc<Inner>);

struct Inner {
    limbs: SecretLimbs,
    limbs_each: usize,
    len: usize,
    bits: u32,
    class: TimingClass,
}

impl Exponents {
    /// Public exponents ([`TimingClass::Vartime`]) of the length of the longest.
    ///
    /// # Panics
    /// If a value is negative.
    pub fn public(values: &[Integer]) -> Exponents {
        let bits = values.iter().map(Integer::significant_bits).max().unwrap_or(0);
        let limbs_each = limbs_for(bits);
        let mut limbs = vec![0; values.len() * limbs_each];
        for (value, limbs) in values.iter().zip(limbs.chunks_exact_mut(limbs_each)) {
            assert!(!value.is_negative(), "exponents are non-negative");
            value.write_digits(limbs, Order::Lsf);
        }
        Self::new(limbs, values.len(), bits, TimingClass::Vartime)
    }

    /// Secret exponents that are used once ([`TimingClass::FixedSequence`]), each below 2^`bits`.
    ///
    /// # Panics
    /// If a value does not fit in `bits`.
    pub fn single_use(values: Vec<SecretLimbs>, bits: u32) -> Exponents {
        Self::secret(&values, bits, TimingClass::FixedSequence)
    }

    /// [`Exponents::single_use`] of one limb each.
    ///
    /// # Panics
    /// As there.
    pub fn single_use_words(mut values: Zeroizing<Vec<u64>>, bits: u32) -> Exponents {
        let excess = values.iter().fold(0, |excess, value| excess | value.checked_shr(bits).unwrap_or(0));
        assert!(excess == 0 && bits <= u64::BITS, "an exponent is longer than its declared {bits} bits");
        let len = values.len();
        Self::new(std::mem::take(&mut *values), len, bits, TimingClass::FixedSequence)
    }

    /// `count` fresh secret exponents that are used once, at most 2^-64 from uniform below `order`, which outlives them:
    /// reduced and not drawn again, whose number of draws would tell the order. Timing class: `constant` in the order.
    ///
    /// # Panics
    /// If the top limb of `order` is zero.
    pub fn single_use_below(engine: &Engine, order: &SecretLimbs, count: usize, rng: &mut SecureRng) -> Exponents {
        let bits = order.to_integer().significant_bits();
        let mut drawn = Exponents::fresh_limbs(count, bits + 64, rng);
        let width = limbs_for(bits + 64);
        engine.install(|| {
            drawn.par_chunks_exact_mut(width).for_each_init(Scratch::default, |scratch, number| {
                constant::reduce(number, order, scratch);
            })
        });
        let limbs_each = limbs_for(bits);
        let mut limbs = vec![0; count * limbs_each];
        for (number, limbs) in drawn.chunks_exact(width).zip(limbs.chunks_exact_mut(limbs_each)) {
            limbs.copy_from_slice(&number[..limbs_each]);
        }
        Self::new(limbs, count, bits, TimingClass::FixedSequence)
    }

    /// `count` fresh secret exponents that are used once, uniform in [0, 2^`bits`).
    pub fn fresh(count: usize, bits: u32, rng: &mut SecureRng) -> Exponents {
        let limbs = std::mem::take(&mut *Exponents::fresh_limbs(count, bits, rng));
        Self::new(limbs, count, bits, TimingClass::FixedSequence)
    }

    fn fresh_limbs(count: usize, bits: u32, rng: &mut SecureRng) -> Zeroizing<Vec<u64>> {
        let limbs_each = limbs_for(bits);
        let mut limbs = Zeroizing::new(vec![0; count * limbs_each]);
        rng.fill(bytemuck::cast_slice_mut(&mut limbs));
        let top_bits = top_bits(bits, limbs_each);
        let mask = 1u64.checked_shl(top_bits).map_or(u64::MAX, |above| above - 1);
        limbs.chunks_exact_mut(limbs_each).for_each(|number| number[limbs_each - 1] &= mask);
        limbs
    }

    /// Secret exponents that outlive one use ([`TimingClass::Constant`]), each below 2^`bits`.
    ///
    /// # Panics
    /// If a value does not fit in `bits`.
    pub fn long_lived(values: Vec<SecretLimbs>, bits: u32) -> Exponents {
        Self::secret(&values, bits, TimingClass::Constant)
    }

    fn secret(values: &[SecretLimbs], bits: u32, class: TimingClass) -> Exponents {
        let limbs_each = limbs_for(bits);
        let mut limbs = vec![0; values.len() * limbs_each];
        for (value, limbs) in values.iter().zip(limbs.chunks_exact_mut(limbs_each)) {
            let shared = value.len().min(limbs_each);
            let (low, high) = value.as_slice().split_at(shared);
            limbs[..shared].copy_from_slice(low);
            let top = limbs[limbs_each - 1].checked_shr(top_bits(bits, limbs_each)).unwrap_or(0);
            let excess = high.iter().fold(top, |excess, limb| excess | limb);
            assert!(excess == 0, "an exponent is longer than its declared {bits} bits");
        }
        Self::new(limbs, values.len(), bits, class)
    }

    fn new(limbs: Vec<u64>, len: usize, bits: u32, class: TimingClass) -> Exponents {
        Exponents(Arc::new(Inner { limbs: SecretLimbs::new(limbs), limbs_each: limbs_for(bits), len, bits, class }))
    }

    /// Number of exponents.
    pub fn len(&self) -> usize {
        self.0.len
    }

    /// True if there is no exponent.
    pub fn is_empty(&self) -> bool {
        self.0.len == 0
    }

    /// The common length in bits.
    pub fn bits(&self) -> u32 {
        self.0.bits
    }

    /// The timing class that these exponents demand.
    pub fn class(&self) -> TimingClass {
        self.0.class
    }

    /// The limbs of the exponent at `index`, least significant first: ceil(bits / 64), but at least one.
    ///
    /// # Panics
    /// If there is no exponent at `index`.
    pub fn limbs(&self, index: usize) -> &[u64] {
        &self.0.limbs.as_slice()[index * self.0.limbs_each..][..self.0.limbs_each]
    }
}

fn limbs_for(bits: u32) -> usize {
    bits.div_ceil(u64::BITS).max(1) as usize
}

/// How many bits of the top limb an exponent of `bits` may use.
fn top_bits(bits: u32, limbs_each: usize) -> u32 {
    bits - (limbs_each as u32 - 1) * u64::BITS
}

impl fmt::Debug for Exponents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Exponents({} of {} bits, {:?})", self.len(), self.bits(), self.class())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arith::EngineOptions;

    #[test]
    fn drawn_exponents_are_below_the_order_and_fill_its_range() {
        let engine = Engine::new(&EngineOptions { threads: 1, ..EngineOptions::default() }).unwrap();
        // Just above a power of two, where a number of as many bits would be too large half of the time.
        let order = (Integer::from(1) << 90u32) + 15u32;
        let limbs = SecretLimbs::from_integer(&order, 2);
        let drawn = Exponents::single_use_below(&engine, &limbs, 1000, &mut SecureRng::from_os());
        assert_eq!((drawn.len(), drawn.bits(), drawn.class()), (1000, 91, TimingClass::FixedSequence));
        let numbers: Vec<Integer> =
            (0..1000).map(|i| Integer::clone(&SecretLimbs::new(drawn.limbs(i).to_vec()).to_integer())).collect();
        assert!(numbers.iter().all(|number| *number < order));
        // 500 expected, standard deviation 16.
        let upper = numbers.iter().filter(|number| number.get_bit(89)).count();
        assert!((400..600).contains(&upper), "{upper}");
    }
}
