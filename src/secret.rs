//! Holders that wipe their content on drop and print nothing.
//!
//! [`SecretLimbs`] has a fixed width, so that arithmetic on it can be constant time; [`SecretInteger`] is for values
//! whose length may show (blinded plaintexts, masks), but whose content must not stay in memory.

use std::fmt;
use std::ops::Deref;

use rug::Integer;
use rug::integer::Order;
use subtle::{Choice, ConditionallySelectable};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// A non-negative number of fixed width: 64-bit limbs, least significant first, wiped on drop.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct SecretLimbs(Vec<u64>);

impl SecretLimbs {
    /// Takes over `limbs`, least significant first.
    pub fn new(limbs: Vec<u64>) -> Self {
        SecretLimbs(limbs)
    }

    /// Zero, `len` limbs wide.
    pub fn zero(len: usize) -> Self {
        SecretLimbs(vec![0; len])
    }

    /// `value` widened to `len` limbs.
    ///
    /// # Panics
    /// If `value` is negative or longer than `len` limbs.
    pub fn from_integer(value: &Integer, len: usize) -> Self {
        assert!(!value.is_negative(), "secret limbs hold non-negative numbers");
        assert!(value.significant_digits::<u64>() <= len, "value is wider than its holder");
        let mut limbs = vec![0; len];
        value.write_digits(&mut limbs, Order::Lsf);
        SecretLimbs(limbs)
    }

    /// The same number as an integer, whose length shows its leading zeros.
    pub fn to_integer(&self) -> SecretInteger {
        SecretInteger(Integer::from_digits(&self.0, Order::Lsf))
    }

    /// The limbs, least significant first.
    pub fn as_slice(&self) -> &[u64] {
        &self.0
    }

    /// The limbs, least significant first.
    pub fn as_mut_slice(&mut self) -> &mut [u64] {
        &mut self.0
    }

    /// Width in limbs.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True for a holder without a limb.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for SecretLimbs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretLimbs(..)")
    }
}

/// An integer that is wiped on drop.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct SecretInteger(Integer);

impl SecretInteger {
    /// Takes over `value`.
    pub fn new(value: Integer) -> Self {
        SecretInteger(value)
    }
}

impl From<Integer> for SecretInteger {
    fn from(value: Integer) -> Self {
        SecretInteger(value)
    }
}

impl Deref for SecretInteger {
    type Target = Integer;

    fn deref(&self) -> &Integer {
        &self.0
    }
}

impl Drop for SecretInteger {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

impl fmt::Debug for SecretInteger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretInteger(..)")
    }
}

/// Integers that are wiped on drop: masks, blinded plaintexts, messages on their way.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct SecretIntegers(Vec<Integer>);

impl FromIterator<Integer> for SecretIntegers {
    fn from_iter<I: IntoIterator<Item = Integer>>(values: I) -> Self {
        SecretIntegers(values.into_iter().collect())
    }
}

impl FromIterator<SecretInteger> for SecretIntegers {
    fn from_iter<I: IntoIterator<Item = SecretInteger>>(values: I) -> Self {
        SecretIntegers(values.into_iter().map(|mut value| std::mem::take(&mut value.0)).collect())
    }
}

impl Deref for SecretIntegers {
    type Target = [Integer];

    fn deref(&self) -> &[Integer] {
        &self.0
    }
}

impl Drop for SecretIntegers {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(wipe);
    }
}

impl fmt::Debug for SecretIntegers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretIntegers({} ..)", self.0.len())
    }
}

/// Bits that are wiped on drop: what a server holds of shared bits.
#[derive(Clone, Default)]
pub struct SecretBits(Vec<Choice>);

impl FromIterator<Choice> for SecretBits {
    fn from_iter<I: IntoIterator<Item = Choice>>(bits: I) -> Self {
        let bits = bits.into_iter();
        // Of its full size from the start, so that no copy stays behind.
        let mut all = SecretBits(Vec::with_capacity(bits.size_hint().1.unwrap_or(0)));
        all.0.extend(bits);
        all
    }
}

impl Deref for SecretBits {
    type Target = [Choice];

    fn deref(&self) -> &[Choice] {
        &self.0
    }
}

impl Drop for SecretBits {
    fn drop(&mut self) {
        self.0.fill(Choice::from(0));
        // Looked at once more, so that the writes are not dropped as dead.
        std::hint::black_box(&self.0[..]);
    }
}

impl fmt::Debug for SecretBits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretBits({} ..)", self.0.len())
    }
}

/// `on_one` where the choice is set, else `on_zero`, for |values| < 2^`bits`: both are raised by 2^bits and limbs are
/// selected by masks. No branch and no address depends on the choice; the lengths of the values in limbs show.
///
/// # Panics
/// If a value is longer.
pub fn select(choice: Choice, on_zero: &Integer, on_one: &Integer, bits: u32) -> Integer {
    let offset = Integer::from(1) << bits;
    let width = (bits + 1).div_ceil(u64::BITS) as usize;
    // Most values are short: their limbs need no allocation of their own.
    let mut buffers = Zeroizing::new([[0u64; 4]; 2]);
    if width <= buffers[0].len() {
        let [chosen, other] = &mut *buffers;
        select_limbs(choice, (on_zero, on_one), &offset, (&mut chosen[..width], &mut other[..width]))
    } else {
        let (mut chosen, mut other) = (SecretLimbs::zero(width), SecretLimbs::zero(width));
        select_limbs(choice, (on_zero, on_one), &offset, (&mut chosen.0, &mut other.0))
    }
}

/// [`select`] in the buffers of the raised values, all of one width.
fn select_limbs(
    choice: Choice,
    (on_zero, on_one): (&Integer, &Integer),
    offset: &Integer,
    (chosen, other): (&mut [u64], &mut [u64]),
) -> Integer {
    for (value, limbs) in [(on_zero, &mut *chosen), (on_one, &mut *other)] {
        let raised = SecretInteger(Integer::from(value + offset));
        assert!(
            !raised.is_negative() && raised.significant_digits::<u64>() <= limbs.len(),
            "a selected value is too long"
        );
        raised.write_digits(limbs, Order::Lsf);
    }
    for (limb, other) in chosen.iter_mut().zip(&*other) {
        limb.conditional_assign(other, choice);
    }
    Integer::from_digits(chosen, Order::Lsf) - offset
}

/// Bit `index` of a value in [0, 2^`bits`), read from limbs of a fixed width.
///
/// # Panics
/// If the value is out of range.
pub fn bit(value: &Integer, index: u32, bits: u32) -> Choice {
    let limbs = SecretLimbs::from_integer(value, bits.div_ceil(u64::BITS) as usize);
    Choice::from((limbs.0[(index / u64::BITS) as usize] >> (index % u64::BITS)) as u8 & 1)
}

/// Overwrites every limb that `value` has allocated, then sets it to zero.
///
/// The write goes through GMP's own allocation, whose address escapes to a foreign function afterwards, so that the
/// compiler cannot drop it as dead.
pub fn wipe(value: &mut Integer) {
    let limbs = value.capacity() / u64::BITS as usize;
    if limbs == 0 {
        return;
    }
    const ONES: [u64; 64] = [u64::MAX; 64];
    match ONES.get(..limbs) {
        Some(ones) => value.assign_digits(ones, Order::Lsf),
        None => value.assign_digits(&vec![u64::MAX; limbs], Order::Lsf),
    }
    *value *= 0;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_prints_no_content() {
        let secret = SecretInteger::new(Integer::from(4242));
        let limbs = SecretLimbs::from_integer(&secret, 2);
        let many: SecretIntegers = [Integer::from(4242)].into_iter().collect();
        let bits: SecretBits = [Choice::from(1)].into_iter().collect();
        assert_eq!(
            format!("{secret:?} {limbs:?} {many:?} {bits:?}"),
            "SecretInteger(..) SecretLimbs(..) SecretIntegers(1 ..) SecretBits(1 ..)"
        );
    }

    #[test]
    fn bits_come_back_in_order() {
        let bits: SecretBits = [1, 0, 1].map(Choice::from).into_iter().filter(|_| true).collect();
        assert!(bits.iter().map(Choice::unwrap_u8).eq([1, 0, 1]));
    }

    #[test]
    fn wipe_clears_the_whole_allocation() {
        for bits in [1, 64, 1000, 4096, 4097, 9000] {
            let mut value = Integer::from(Integer::u_pow_u(2, bits)) - 1u32;
            let capacity = value.capacity();
            value >>= bits - bits / 10;
            wipe(&mut value);
            assert_eq!(value, 0);
            assert_eq!(value.capacity(), capacity, "the allocation was replaced, not overwritten");
        }
    }

    #[test]
    fn selection_and_bits_are_those_of_the_values() {
        let largest: Integer = (Integer::from(1) << 70u32) - 1;
        let smallest = Integer::from(-&largest);
        for (on_zero, on_one) in [(&largest, &smallest), (&smallest, &largest), (&Integer::new(), &largest)] {
            assert_eq!(select(Choice::from(0), on_zero, on_one, 70), *on_zero);
            assert_eq!(select(Choice::from(1), on_zero, on_one, 70), *on_one);
        }
        for bits in [1u32, 62, 63, 64, 255, 256, 400] {
            let one = Integer::from(1) << (bits - 1);
            for (on_zero, on_one) in [(one.clone(), Integer::from(-&one)), (Integer::from(-&one), Integer::new())] {
                assert_eq!(select(Choice::from(0), &on_zero, &on_one, bits), on_zero);
                assert_eq!(select(Choice::from(1), &on_zero, &on_one, bits), on_one);
            }
        }
        assert!(
            std::panic::catch_unwind(|| select(Choice::from(0), &(Integer::from(1) << 64u32), &Integer::new(), 63))
                .is_err()
        );
        for index in [0, 63, 64, 69] {
            assert!(bool::from(bit(&largest, index, 71)));
            assert!(!bool::from(bit(&(largest.clone() - (Integer::from(1) << index)), index, 71)));
        }
        assert!(!bool::from(bit(&largest, 70, 71)));
    }

    #[test]
    fn limbs_keep_their_width() {
        let limbs = SecretLimbs::from_integer(&Integer::from(7), 4);
        assert_eq!(limbs.as_slice(), [7, 0, 0, 0]);
        assert_eq!(*limbs.to_integer(), 7);
    }
}
