//! What P1 computes of P2's ciphertexts: the terms c_i of a comparison times units, in their order, as factors of the bits
//! I_jk and a constant. Every value is in a slot of its own, so that a factor is put together from those of a group of
//! values.
//!
//! In the bits \[a = k\] of a digit, k = 0 among them, \[a != b\] has the factor \[k != b\], and \[a < b\], \[a <= b\] and
//! \[a >= b\] have \[k < b\], \[k <= b\] and \[k >= b\]. \[a = 0\] = 1 - sum_k \[a = k\] is not sent: its factor is
//! subtracted from all others and is the constant.

use subtle::Choice;
use zeroize::Zeroizing;

use crate::dgk::{SLOTS, Slots};

use super::digits::{Digit, Digits};

/// What P1 knows of one value, where it is wiped.
pub(super) struct Own<'a> {
    /// Its bits of the number b.
    pub number: &'a u64,
    pub delta: &'a Choice,
    /// For each digit the place of its term in what is sent.
    pub order: &'a [usize],
}

/// Plaintexts of a group of values that turn P2's ciphertexts into the terms.
pub(super) struct Factors {
    /// terms x indicators.
    pub of_indicators: Zeroizing<Vec<u64>>,
    /// One a term.
    pub constants: Zeroizing<Vec<u64>>,
}

impl Factors {
    /// For up to [`SLOTS`] values; `units` has one for each term and slot. Timing class: `constant` in numbers, deltas and
    /// units; addresses tell the order, to this process alone.
    pub fn new(digits: Digits, slots: Slots, values: &[Own<'_>], units: &[u8]) -> Factors {
        let (terms, indicators) = (digits.len(), digits.indicators());
        let mut factors = Factors {
            of_indicators: Zeroizing::new(vec![0; terms * indicators]),
            constants: Zeroizing::new(vec![0; terms]),
        };
        for (slot, own) in values.iter().enumerate() {
            for (place, term) in own.order.iter().enumerate() {
                let unit = u64::from(units[place * SLOTS + slot]);
                let of_indicators = &mut factors.of_indicators[term * indicators..][..indicators];
                factors.constants[*term] += add_term(digits, slots, (slot, unit), (own, place), of_indicators);
            }
        }
        let Factors { of_indicators, constants } = &mut factors;
        of_indicators.iter_mut().chain(constants.iter_mut()).for_each(|factor| *factor = slots.reduce_sum(*factor));
        factors
    }
}

/// Adds the factors of the term of the digit at `place` times a unit, in a slot; the constant comes back. All of them are
/// multiples of the slot's cofactor, which is a unit there and 0 in all other slots.
fn add_term(
    digits: Digits,
    slots: Slots,
    (slot, unit): (usize, u64),
    (own, place): (&Own<'_>, usize),
    factors: &mut [u64],
) -> u64 {
    let (cofactor, opposite) = (slots.cofactor(slot), slots.moduli()[slot] - unit);
    let mut constant = 0;
    for (at, digit) in digits.each().enumerate().skip(place) {
        let b = digit.of(*own.number);
        let factor =
            |k: u64| if at == place { in_term(k, b, u64::from(own.delta.unwrap_u8()), place) } else { 1 ^ is(k, b) };
        let of_zero = factor(0);
        constant += of_zero;
        for (k, sum) in (1..).zip(&mut factors[indicators_of(digit)]) {
            let of_k = factor(k);
            // Their difference times the unit, as a number of the slot.
            *sum += cofactor * ((of_k & (1 ^ of_zero)) * unit + (of_zero & (1 ^ of_k)) * opposite);
        }
    }
    cofactor * slots.reduce_in(slot, constant * unit)
}

fn indicators_of(digit: Digit) -> std::ops::Range<usize> {
    digit.first_indicator..digit.first_indicator + digit.indicators()
}

/// The factor of \[a = k\] in t of the digit at a place: \[k <= b\], at the lowest \[k < b\]; \[k >= b\] if delta is 1.
fn in_term(k: u64, b: u64, delta: u64, place: usize) -> u64 {
    let strict = u64::from(place == 0);
    let up_to = is_less(k, b + 1 - strict);
    let from = 1 ^ is_less(k, b);
    up_to ^ (delta & (up_to ^ from))
}

/// \[x = y\] for digits. `constant`.
fn is(x: u64, y: u64) -> u64 {
    1 ^ (is_less(x, y) | is_less(y, x))
}

/// \[x < y\] for x, y < 2^63. `constant`.
fn is_less(x: u64, y: u64) -> u64 {
    std::hint::black_box(x.wrapping_sub(y) >> 63)
}
