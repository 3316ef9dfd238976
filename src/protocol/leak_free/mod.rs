//! [Y > 0] for Y = Y2 - Y1, |Y| < 2^l, by the comparison that leaks nothing (protocol.md, section 5), the result shared by
//! exclusive or: beta at P2, tau at P1. Both protocols compare by it.
//!
//! ```text
//! a = Y2 - 1 + 2^l,  b = Y1,  of both the bits 0 to l;  delta a random bit of P1
//! the bits below l as digits a_i, b_i, see [`digits`]; the lowest is a_0
//! P2 -> P1: E[I_ik], I_ik = [a_i = k], for k >= 1, under the key of the comparison
//! P1: I_i0 = 1 - sum_k I_ik, and from sums of I_ik
//!     t_i = [a_i <= b_i] for i > 0, [a_0 < b_0] for i = 0   if delta = 0
//!     t_i = [a_i >= b_i]                                    if delta = 1
//!     c_i = t_i + sum_(j > i) [a_j != b_j]
//! P1 -> P2: all c times random units, under fresh randomisers, in a random order
//! z = [some c is 0],  beta = a_l xor z,  tau = b_l xor 1 xor delta
//! ```
//!
//! A c is 0 where all higher digits agree and a's digit is above b's (delta = 0) or below it (delta = 1); the lowest digit
//! counts equality as above. So z = [a >= b] or [a < b] of the bits below l, and at most one c is 0: whether one is depends
//! on delta, and where it stands on the order. P2 sees a random bit and random units, P1 sees ciphertexts. |Y| < 2^l is a bound
//! that the result needs to be right; nothing is hidden by it.
//!
//! Eight values go together, each in a slot of the same ciphertexts ([`Slots`](crate::dgk::Slots)): an I_ik has the bits of
//! all eight, a c their terms, each with a unit and in an order of its own. P1's part is a product of powers ([`terms`]). A c
//! is at most the number of digits, which is below the modulus of every slot. Slots that no value fills hold 0.
//!
//! Damgard, Geisler, Kroigaard, "Homomorphic encryption and secure comparison", 2008, and the shared output as in Veugen,
//! "Improving the DGK comparison protocol", 2012, value by value and bit by bit. Digits of several bits take the place of
//! bits here, so that there are half as many terms to hide and to test, and equality needs no term of its own; and with
//! eight values to a ciphertext a comparison is an eighth of what is encrypted, sent, hidden and tested.

mod digits;
mod terms;
#[cfg(test)]
mod tests;

use rayon::prelude::*;
use rug::Integer;
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use crate::arith::{Engine, Exponents};
use crate::dgk::{Ciphertexts, DgkError, KEY_BITS, Parameters, PublicKey, Randomizers, SLOTS, SecretKey};
use crate::rng::{SecureRng, scaled};
use crate::secret::{SecretBits, SecretInteger, SecretLimbs};

use super::ProtocolError;
use digits::Digits;
use terms::{Factors, Own};

/// The longest values: with one bit more they fill a word.
const LONGEST_BITS: u32 = 63;
/// Their digits.
const MOST_DIGITS: usize = 31;

/// What a comparison's key is made for: n no shorter than the servers' keys, if there is such a length, and values of up to
/// `longest_bits` bits.
///
/// # Errors
/// If values are too long to be compared.
pub(super) fn parameters(key_bits: u32, longest_bits: u32) -> Result<Parameters, ProtocolError> {
    if longest_bits > LONGEST_BITS {
        let reason = format!(
            "values of {longest_bits} bits are compared, --comparison dgk takes up to {LONGEST_BITS}; declare shorter bounds \
             (the test of the model compares weights with 8 bits more than their bound)"
        );
        return Err(ProtocolError::Config { reason });
    }
    let [.., longest_key] = KEY_BITS;
    let key_bits = KEY_BITS.into_iter().find(|offered| *offered >= key_bits).unwrap_or(longest_key);
    let refused = |error: DgkError| ProtocolError::Config { reason: error.to_string() };
    Parameters::new(key_bits, Digits::new(longest_bits.max(1)).len() as u32).map_err(refused)
}

/// How the values of a tensor are compared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Compared {
    /// l: the bound of the values, in bits.
    pub bits: u32,
    /// S: the bound of either share, in bits.
    pub share_bits: u32,
}

impl Compared {
    /// Ciphertexts that P2 sends for `count` values.
    pub fn indicators(self, count: usize) -> usize {
        count.div_ceil(SLOTS) * self.digits().indicators()
    }

    /// Ciphertexts that P1 answers for `count` values.
    pub fn terms(self, count: usize) -> usize {
        count.div_ceil(SLOTS) * self.digits().len()
    }

    fn digits(self) -> Digits {
        Digits::new(self.bits)
    }

    /// Bits 0 to l of a number of either sign, |number| < 2^(S + 1), in two's complement. `constant` but for
    /// the number's sign and its length in limbs.
    fn low_bits(self, number: &Integer) -> u64 {
        // A multiple of 2^(l + 1) that makes the number positive.
        let offset_bits = self.share_bits.max(self.bits) + 2;
        let limbs = (offset_bits + 1).div_ceil(u64::BITS) as usize;
        let raised = SecretInteger::new(number + (Integer::from(1) << offset_bits));
        SecretLimbs::from_integer(&raised, limbs).as_slice()[0] & (u64::MAX >> (u64::BITS - 1 - self.bits))
    }

    /// The bits of a from P2's share.
    fn of_key_server(self, share: &Integer) -> u64 {
        let raised = SecretInteger::new(Integer::from(share - 1u32) + (Integer::from(1) << self.bits));
        self.low_bits(&raised)
    }

    /// Bit l of each number.
    fn top_bits(self, numbers: &[u64]) -> impl Iterator<Item = Choice> {
        numbers.iter().map(move |number| Choice::from((number >> self.bits & 1) as u8))
    }

    fn all_of_key_server(self, shares: &[Integer]) -> Zeroizing<Vec<u64>> {
        Zeroizing::new(shares.iter().map(|share| self.of_key_server(share)).collect())
    }

    fn all_of_cloud(self, shares: &[Integer]) -> Zeroizing<Vec<u64>> {
        Zeroizing::new(shares.iter().map(|share| self.low_bits(share)).collect())
    }
}

/// P2: E[I_ik] of its shares. Timing class: `fixed_sequence` in the shares but for their signs and lengths in limbs.
pub(super) fn seal(
    engine: &Engine,
    key: &SecretKey,
    compared: Compared,
    shares: &[Integer],
    rng: &mut SecureRng,
) -> Result<Ciphertexts, DgkError> {
    let numbers = compared.all_of_key_server(shares);
    // Of its full size from the start, so that no copy stays behind.
    let mut bits = Zeroizing::new(Vec::with_capacity(compared.indicators(shares.len())));
    for values in numbers.chunks(SLOTS) {
        for digit in compared.digits().each() {
            let is_k = |k: u64| {
                let in_slot = |(slot, number): (usize, &u64)| digit.of(*number).ct_eq(&k).unwrap_u8() << slot;
                values.iter().enumerate().map(in_slot).fold(0, |bits, bit| bits | bit)
            };
            bits.extend((1..=digit.indicators() as u64).map(is_k));
        }
    }
    // Here and below: many short operations stay on the engine's threads.
    engine.install(|| key.encrypt_bits_many(engine, &bits, rng))
}

/// P1's bits tau, which its shares and its bits delta determine.
pub(super) fn own_bits(compared: Compared, shares: &[Integer], deltas: &[Choice]) -> SecretBits {
    let numbers = compared.all_of_cloud(shares);
    compared.top_bits(&numbers).zip(deltas).map(|(top, delta)| !top ^ *delta).collect()
}

/// P1: what hides the terms of `count` values and in which order they go. It can be made before anything arrives.
pub(super) fn hiding(
    engine: &Engine,
    key: &PublicKey,
    compared: Compared,
    count: usize,
    sigma: u32,
    rng: &mut SecureRng,
) -> Result<Hiding, DgkError> {
    let (digits, terms) = (compared.digits().len(), compared.terms(count));
    let mut orders = Zeroizing::new(Vec::with_capacity(count * digits));
    (0..count).for_each(|_| orders.extend(permutation(digits, rng).iter()));
    let units = key.parameters().slots().random_units(terms, rng);
    Ok(Hiding { orders, units, randomizers: key.randomizers(engine, terms, sigma, rng)? })
}

/// See [`hiding`]; for one use.
pub(super) struct Hiding {
    /// For each value the places of its terms.
    orders: Zeroizing<Vec<usize>>,
    /// For each group of values, term and slot.
    units: Zeroizing<Vec<u8>>,
    randomizers: Randomizers,
}

/// P1: the hidden c of every value, `compared.terms(values)` ciphertexts, from what [`seal`] made of as many values.
/// Timing class: `fixed_sequence` in deltas, shares and what hides, but for the shares' signs and lengths in limbs.
pub(super) fn answer(
    engine: &Engine,
    compared: Compared,
    sealed: &Ciphertexts,
    shares: &[Integer],
    deltas: &[Choice],
    hiding: Hiding,
) -> Result<Ciphertexts, DgkError> {
    if shares.is_empty() {
        return Ok(sealed.clone());
    }
    let (digits, parameters) = (compared.digits(), sealed.key().parameters());
    if digits.len() >= parameters.slots().least_modulus() as usize {
        let reason =
            format!("numbers of {} digits, and slots modulo {}", digits.len(), parameters.slots().least_modulus());
        return Err(DgkError::Shape(reason));
    }
    let numbers = compared.all_of_cloud(shares);
    let own = |value: usize| Own {
        number: &numbers[value],
        delta: &deltas[value],
        order: &hiding.orders[value * digits.len()..][..digits.len()],
    };
    let of_group = |first: usize| {
        let values: Vec<Own<'_>> = (first..shares.len().min(first + SLOTS)).map(own).collect();
        let units = &hiding.units[first * digits.len()..][..SLOTS * digits.len()];
        Factors::new(digits, parameters.slots(), &values, units)
    };
    let groups = shares.len().div_ceil(SLOTS);
    let factors: Vec<Factors> =
        engine.install(|| (0..groups).into_par_iter().map(|group| of_group(group * SLOTS)).collect());
    let exponents = |part: fn(&Factors) -> &[u64]| {
        let mut all = Zeroizing::new(Vec::with_capacity(groups * part(&factors[0]).len()));
        factors.iter().for_each(|factors| all.extend_from_slice(part(factors)));
        Exponents::single_use_words(all, parameters.plaintext_bits())
    };
    let (of_indicators, constants) =
        (exponents(|factors| &factors.of_indicators), exponents(|factors| &factors.constants));
    engine.install(|| sealed.combine(engine, (&of_indicators, &constants), groups, hiding.randomizers))
}

/// P2: its bits beta, and the bits z that it has seen.
pub(super) fn finish(
    engine: &Engine,
    key: &SecretKey,
    compared: Compared,
    shares: &[Integer],
    answered: &Ciphertexts,
) -> Result<(SecretBits, SecretBits), DgkError> {
    let zeros = zeros(engine, key, compared, shares.len(), answered)?;
    let seen: SecretBits = zeros.iter().map(|zeros| any(zeros)).collect();
    let numbers = compared.all_of_key_server(shares);
    Ok((compared.top_bits(&numbers).zip(seen.iter()).map(|(top, zero)| top ^ *zero).collect(), seen))
}

/// For each of `count` values which of its terms are 0.
pub(super) fn zeros(
    engine: &Engine,
    key: &SecretKey,
    compared: Compared,
    count: usize,
    answered: &Ciphertexts,
) -> Result<Vec<Vec<Choice>>, DgkError> {
    let zeros = engine.install(|| key.is_zero_many(engine, answered))?;
    let terms = compared.digits().len();
    let of_value =
        |value: usize| zeros[value / SLOTS * terms..][..terms].iter().map(|slots| slots[value % SLOTS]).collect();
    Ok((0..count).map(of_value).collect())
}

fn any(choices: &[Choice]) -> Choice {
    choices.iter().fold(Choice::from(0), |any, choice| any | *choice)
}

/// A uniform order of `len` things, at most 2^-57 from uniform for the few that there are; addresses show it, to this process
/// alone.
fn permutation(len: usize, rng: &mut SecureRng) -> Zeroizing<Vec<usize>> {
    let mut draws = Zeroizing::new([0u64; MOST_DIGITS]);
    rng.fill(bytemuck::cast_slice_mut(&mut draws[..len]));
    let mut order: Zeroizing<Vec<usize>> = Zeroizing::new((0..len).collect());
    for i in (1..len).rev() {
        order.swap(i, scaled(draws[i], i as u64 + 1) as usize);
    }
    order
}
