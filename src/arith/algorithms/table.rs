//! Tables of the digits' powers of a base, in which no entry is cheap to multiply by.
//!
//! Row d is not base^d but base^d * 2^-k, k the length of the modulus: the digit zero costs a product with a full-size
//! residue like any other digit. Whoever multiplies c rows starts from 2^(k c) instead of one. Two is invertible
//! modulo everything odd, so that the base need not be.

use rug::Integer;

use crate::arith::backend::gmp::constant;
use crate::arith::backend::residues::Layout;
use crate::arith::backend::words::Words;
use crate::arith::backend::{Backend, Kernels, Scratch};
use crate::arith::exponents::TimingClass;
use crate::arith::modulus::{Moduli, Modulus};
use crate::secret::SecretLimbs;

/// Work modulo a single modulus.
pub(super) struct Field<'m, B: Backend> {
    pub kernels: B::Kernels<'m>,
    pub layout: Layout,
    modulus: &'m Modulus,
}

impl<'m, B: Backend> Field<'m, B> {
    /// For residues that lie as `layout` says, modulo the only one of `moduli`.
    pub fn new(moduli: &'m Moduli, layout: Layout, class: TimingClass) -> Self {
        let kernels = B::kernels(moduli, |_| 0, layout, class);
        Field { kernels, layout, modulus: moduli.of(0) }
    }

    /// A group of zeros.
    pub fn group(&self) -> Words {
        Words::secret(self.layout.group_words())
    }

    /// The number in every lane of a group.
    pub fn load_in_every_lane(&self, number: &[u64], scratch: &mut Scratch) -> Words {
        let mut group = self.group();
        let numbers = SecretLimbs::new(number.repeat(B::WIDTH));
        self.kernels.load(numbers.as_slice(), group.as_mut_slice(), scratch);
        group
    }

    /// What a product of `rows` table rows starts from, in every lane.
    pub fn start(&self, rows: usize, scratch: &mut Scratch) -> Words {
        let start = power(self.modulus, &Integer::from(2), u64::from(self.modulus.bits()) * rows as u64);
        self.load_in_every_lane(start.as_slice(), scratch)
    }

    /// What every row contains besides the power of its base, in every lane.
    pub fn disguise(&self, scratch: &mut Scratch) -> Words {
        let half = Integer::from(self.modulus.value() + 1u32) >> 1u32;
        self.load_in_every_lane(power(self.modulus, &half, u64::from(self.modulus.bits())).as_slice(), scratch)
    }

    /// Fills `tables`, one for each lane of `bases`, with as many rows each as there is room for.
    pub fn fill_tables(&self, bases: &[u64], disguise: &[u64], tables: &mut [u64], scratch: &mut Scratch) {
        let mut entry = Words::copy_of(disguise);
        for row in 0..tables.len() / self.layout.group_words() {
            if row > 0 {
                self.kernels.product(entry.as_mut_slice(), bases, scratch);
            }
            self.kernels.spread(entry.as_slice(), tables, row);
        }
    }
}

/// base^exponent modulo the modulus for a public base and exponent, as wide as the modulus; `constant` for a secret one.
pub(super) fn power(modulus: &Modulus, base: &Integer, exponent: u64) -> SecretLimbs {
    let width = modulus.limbs().len();
    if modulus.is_secret() {
        let base = SecretLimbs::from_integer(base, width);
        let limbs = SecretLimbs::new(modulus.limbs().to_vec());
        constant::pow_mod(&base, &SecretLimbs::new(vec![exponent]), u64::BITS - exponent.leading_zeros(), &limbs)
    } else {
        let exponent = Integer::from(exponent);
        let power = base.pow_mod_ref(&exponent, modulus.value());
        let power = power.expect("a power by a non-negative exponent exists");
        SecretLimbs::from_integer(&Integer::from(power), width)
    }
}

/// Number of digits of an exponent.
pub(super) fn digit_count(bits: u32, window_bits: u32) -> usize {
    bits.div_ceil(window_bits) as usize
}

/// The digit at `position`, of `window_bits` bits, of the exponent in `limbs`; the address depends on the position only.
pub(super) fn digit(limbs: &[u64], position: usize, window_bits: u32) -> usize {
    let bit = position * window_bits as usize;
    let (limb, shift) = (bit / 64, bit as u32 % 64);
    let mut digit = limbs[limb] >> shift;
    if shift + window_bits > 64 && limb + 1 < limbs.len() {
        digit |= limbs[limb + 1] << (64 - shift);
    }
    (digit & ((1 << window_bits) - 1)) as usize
}

/// One digit a lane, wiped on drop.
#[derive(zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
pub(super) struct Digits(Vec<usize>);

impl Digits {
    pub fn zero(width: usize) -> Digits {
        Digits(vec![0; width])
    }

    pub fn fill(&mut self, digit: impl Fn(usize) -> usize) {
        for (lane, out) in self.0.iter_mut().enumerate() {
            *out = digit(lane);
        }
    }

    pub fn as_slice(&self) -> &[usize] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_add_up_to_the_exponent() {
        let limbs = [0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210, 0x7];
        for window_bits in 1..=16 {
            let digits = (0..digit_count(131, window_bits)).rev();
            let sum = digits.fold(Integer::new(), |sum, position| {
                (sum << window_bits) + digit(&limbs, position, window_bits) as u64
            });
            assert_eq!(sum, Integer::from_digits(&limbs, rug::integer::Order::Lsf), "window {window_bits}");
        }
    }
}
