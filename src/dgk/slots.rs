//! Plaintexts as several small numbers: Z_u for u = u_1 u_2 ... u_8 is Z_u_1 x ... x Z_u_8 by the Chinese remainder theorem,
//! so that a ciphertext holds eight numbers and every operation works on all of them at once. Multiplied by a number x,
//! each is multiplied by its own residue of x.

use zeroize::Zeroizing;

use crate::arith::prime::odd_primes_below;
use crate::rng::{SecureRng, scaled};

/// Numbers in a plaintext. As many as AVX-512 IFMA has lanes, so that a product of powers with a row for each of up to
/// eight terms and one group for every eight values leaves no lane empty.
pub const SLOTS: usize = 8;
/// The largest number that slots are offered for.
pub const MAX_SLOT_BOUND: u32 = 64;
/// The smallest modulus of these.
const MAX_LEAST_MODULUS: u32 = 67;
/// Above all moduli, so that units fit a byte.
const MODULUS_BOUND: u64 = 128;

/// The moduli of the slots: the smallest odd primes above a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slots {
    moduli: [u64; SLOTS],
    /// u.
    product: u64,
    /// For each slot the plaintext that is 1 there and 0 in all others.
    ones: [u64; SLOTS],
}

impl Slots {
    /// Slots for numbers from 0 to `bound`.
    pub(super) fn new(bound: u32) -> Slots {
        let mut primes = odd_primes_below(MODULUS_BOUND).into_iter().filter(|prime| *prime > u64::from(bound));
        let moduli: [u64; SLOTS] = std::array::from_fn(|_| primes.next().expect("67 to 101 are eight primes"));
        let product = moduli.iter().product();
        let ones = moduli.map(|modulus| {
            let mut multiples = (1..modulus).map(|factor| product / modulus * factor);
            multiples.find(|multiple| multiple % modulus == 1).expect("the other primes are units")
        });
        Slots { moduli, product, ones }
    }

    /// The slots whose smallest modulus this is, where it is one that a bound up to [`MAX_SLOT_BOUND`] gives.
    pub(super) fn of_least_modulus(least: u32) -> Option<Slots> {
        let slots = (1..=MAX_LEAST_MODULUS).contains(&least).then(|| Slots::new(least - 1))?;
        (slots.least_modulus() == least).then_some(slots)
    }

    /// u_1, ..., u_8, ascending.
    pub fn moduli(&self) -> [u64; SLOTS] {
        self.moduli
    }

    /// u_1, which says all others.
    pub fn least_modulus(&self) -> u32 {
        self.moduli[0] as u32
    }

    /// u, below 2^51.
    pub fn product(&self) -> u64 {
        self.product
    }

    /// Length of a plaintext in bits.
    pub fn bits(&self) -> u32 {
        (self.product() - 1).ilog2() + 1
    }

    /// u divided by the modulus of a slot: a unit in this slot, 0 in all others.
    pub fn cofactor(&self, slot: usize) -> u64 {
        self.product / self.moduli[slot]
    }

    /// The plaintext with these numbers. Timing class: `_vartime`.
    pub fn join(&self, numbers: &[u64; SLOTS]) -> u64 {
        let of_slot = |slot: usize| numbers[slot] % self.moduli[slot] * self.ones[slot];
        (0..SLOTS).map(of_slot).sum::<u64>() % self.product
    }

    /// The plaintext with 0 or 1 in every slot, bit i in slot i. Timing class: `constant`.
    pub fn join_bits(&self, bits: u8) -> u64 {
        let of_slot =
            |(slot, one): (usize, &u64)| u64::from(std::hint::black_box(bits >> slot & 1)).wrapping_neg() & one;
        self.reduce_sum(self.ones.iter().enumerate().map(of_slot).sum())
    }

    /// The numbers of a plaintext. Timing class: `_vartime`.
    pub fn split(&self, plaintext: u64) -> [u64; SLOTS] {
        self.moduli.map(|modulus| plaintext % modulus)
    }

    /// x mod u for x < 8 u. Timing class: `constant`.
    pub fn reduce_sum(&self, sum: u64) -> u64 {
        [4, 2, 1].into_iter().fold(sum, |sum, times| subtract_unless_below(sum, times * self.product))
    }

    /// x modulo the modulus of a slot for x < 2^16. Timing class: `constant`.
    pub fn reduce_in(&self, slot: usize, x: u64) -> u64 {
        let modulus = self.moduli[slot];
        // The quotient is at most one too small: x (2^32 / modulus - floor(2^32 / modulus)) < 2^16 < 2^32.
        subtract_unless_below(x - ((x * ((1 << 32) / modulus)) >> 32) * modulus, modulus)
    }

    /// Numbers for one use each, of slot after slot, at most 2^-57 from uniform among the units of theirs: [`SLOTS`] times
    /// `count`. Every one takes one draw.
    pub fn random_units(&self, count: usize, rng: &mut SecureRng) -> Zeroizing<Vec<u8>> {
        let mut draws = Zeroizing::new(vec![0u64; SLOTS * count]);
        rng.fill(bytemuck::cast_slice_mut(&mut draws));
        let unit = |(index, draw): (usize, &u64)| {
            let units = self.moduli[index % SLOTS] - 1;
            1 + scaled(*draw, units) as u8
        };
        let mut units = Zeroizing::new(Vec::with_capacity(SLOTS * count));
        units.extend(draws.iter().enumerate().map(unit));
        units
    }
}

/// x - y, or x where it is below y. `constant`.
fn subtract_unless_below(x: u64, y: u64) -> u64 {
    let (less, below) = x.overflowing_sub(y);
    let mask = u64::from(std::hint::black_box(below)).wrapping_neg();
    (x & mask) | (less & !mask)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn moduli_are_the_smallest_odd_primes_that_serve() {
        for (bound, moduli) in [
            (1, [3, 5, 7, 11, 13, 17, 19, 23]),
            (8, [11, 13, 17, 19, 23, 29, 31, 37]),
            (11, [13, 17, 19, 23, 29, 31, 37, 41]),
            (64, [67, 71, 73, 79, 83, 89, 97, 101]),
        ] {
            assert_eq!(Slots::new(bound).moduli(), moduli);
        }
        assert_eq!((Slots::new(8).product(), Slots::new(8).bits()), (11 * 13 * 17 * 19 * 23 * 29 * 31 * 37, 36));
        // Sums of eight products of a cofactor and a residue fit a word.
        assert!(Slots::new(MAX_SLOT_BOUND).bits() <= 51);
    }

    #[test]
    fn the_least_modulus_says_all_others() {
        for bound in 1..=MAX_SLOT_BOUND {
            let slots = Slots::new(bound);
            assert_eq!(Slots::of_least_modulus(slots.least_modulus()), Some(slots));
        }
        for least in [0, 1, 2, 4, 9, 65, 69, 71, u32::MAX] {
            assert_eq!(Slots::of_least_modulus(least), None);
        }
    }

    #[test]
    fn a_plaintext_is_the_numbers_of_its_slots() {
        for bound in [1, 8, 31, 64] {
            let slots = Slots::new(bound);
            for slot in 0..SLOTS {
                let mut unit = [0; SLOTS];
                unit[slot] = 1;
                assert_eq!(slots.split(slots.join_bits(1 << slot)), unit);
                let mut cofactor = slots.split(slots.cofactor(slot));
                assert_ne!(std::mem::take(&mut cofactor[slot]), 0);
                assert_eq!(cofactor, [0; SLOTS]);
            }
        }
    }

    proptest! {
        #[test]
        fn numbers_come_back(bound in 1u32..=64, plaintext in any::<u64>(), factor in any::<u64>()) {
            let slots = Slots::new(bound);
            let (plaintext, factor) = (plaintext % slots.product(), factor % slots.product());
            prop_assert_eq!(slots.join(&slots.split(plaintext)), plaintext);
            let bits = factor as u8;
            let numbers: [u64; SLOTS] = std::array::from_fn(|slot| u64::from(bits >> slot & 1));
            prop_assert_eq!(slots.split(slots.join_bits(bits)), numbers);
            let product = (u128::from(plaintext) * u128::from(factor) % u128::from(slots.product())) as u64;
            let (left, right) = (slots.split(plaintext), slots.split(factor));
            let each: [u64; SLOTS] = std::array::from_fn(|slot| left[slot] * right[slot] % slots.moduli()[slot]);
            prop_assert_eq!(slots.split(product), each);
        }

        #[test]
        fn sums_and_products_are_reduced(bound in 1u32..=64, sum in any::<u64>(), x in 0u64..1 << 16, slot in 0..SLOTS) {
            let slots = Slots::new(bound);
            let u = slots.product();
            for sum in [sum % (8 * u), 8 * u - 1, u, u - 1, 4 * u, 0] {
                prop_assert_eq!(slots.reduce_sum(sum), sum % u);
            }
            for x in [x, 0, (1 << 16) - 1, slots.moduli()[slot], slots.moduli()[slot] - 1] {
                prop_assert_eq!(slots.reduce_in(slot, x), x % slots.moduli()[slot]);
            }
        }
    }

    #[test]
    fn units_of_every_slot_are_uniform() {
        let slots = Slots::new(8);
        let units = slots.random_units(4000, &mut SecureRng::from_os());
        for (slot, modulus) in slots.moduli().into_iter().enumerate() {
            let mut seen = vec![0u32; modulus as usize];
            units.iter().skip(slot).step_by(SLOTS).for_each(|unit| seen[usize::from(*unit)] += 1);
            assert_eq!(seen[0], 0);
            let expected = 4000.0 / (modulus - 1) as f64;
            // Six standard deviations.
            assert!(
                seen[1..].iter().all(|count| (f64::from(*count) - expected).abs() < 6.0 * expected.sqrt()),
                "{seen:?}"
            );
        }
    }
}
