//! MaxEnc: E[a] -> E[g], g = [a > 0], by the paper's blinded comparison (protocol 3.3), in batches.
//!
//! P1 -> P2: E[s (rho (2a - 1) + u)], s uniform in {+1, -1}, k uniform in 20..=59, rho uniform in [2^(k-1), 2^k), u uniform
//! in [-rho + 1, rho - 1], the elements permuted. P2 learns no sign but a noisy magnitude: SECURITY.md has the number.
//! P2 -> P1: a fresh E[beta], beta = [plaintext > 0]; the bit never travels in clear.
//! P1: E[g] = E[beta] where s = +1, E[1 - beta] where s = -1, by a masked select. ReLU(a) is then MulEnc(E[a], E[g]).
//!
//! Without u the plaintext is an odd multiple of 2a - 1, which P2 could factor. Do not simplify. The design's factors of 1
//! to 40 bits let P2 read the digits of a whenever rho came out shorter than a; with at least 20 bits u bridges the gaps
//! between neighbours, and only the size of a shows through 40 octaves of noise.

use rug::Integer;
use subtle::{Choice, ConditionallySelectable};
use zeroize::Zeroize;

use crate::arith::Exponents;
use crate::error::Error;
use crate::mask::{MaskStream, Purpose};
use crate::paillier::Ciphertexts;
use crate::protocol::message::Operation;
use crate::protocol::place::Place;
use crate::secret::{SecretBits, SecretIntegers, SecretLimbs, select};

use super::leak_free;
use super::side::{CloudSide, KeySide};

/// Shortest factor of a comparison, in bits.
const MIN_FACTOR_BITS: u32 = 20;

/// Longest factor of a comparison, in bits.
pub(crate) const FACTOR_BITS: u32 = 59;

/// Length of the power of two that raises 2 s rho.
pub(crate) const EXPONENT_OFFSET_BITS: u32 = FACTOR_BITS + 1;

/// How many lengths a factor has.
const OCTAVES: u32 = FACTOR_BITS - MIN_FACTOR_BITS + 1;

/// What hides one comparison from P2.
pub(crate) struct Blind {
    /// s = -1.
    pub(crate) negative: Choice,
    /// rho.
    pub(crate) factor: u64,
    /// u.
    pub(crate) offset: i64,
}

impl Blind {
    /// Reads a fixed number of words; u is uniform up to a distance of 2^-68, which 128 bits leave.
    pub(crate) fn draw(stream: &mut MaskStream) -> Self {
        let negative = Choice::from((stream.u64() & 1) as u8);
        let factor_bits = MIN_FACTOR_BITS + scale(stream.u128(), u64::from(OCTAVES)) as u32;
        let top = 1u64 << (factor_bits - 1);
        let factor = top + (stream.u64() & (top - 1));
        let offset = scale(stream.u128(), 2 * factor - 1) as i64 - (factor as i64 - 1);
        Blind { negative, factor, offset }
    }

    /// s (rho (-2 own - 1) + u), |own| < 2^`share_bits`: what P1 knows of s (rho (2a - 1) + u) if a is another share minus
    /// its own. Timing: `fixed_sequence`.
    pub(crate) fn of_own_share(&self, own: &Integer, share_bits: u32) -> Integer {
        let odd: Integer = -Integer::from(own << 1u32) - 1;
        let plain = odd * self.factor + self.offset;
        let negated = Integer::from(-&plain);
        select(self.negative, &plain, &negated, share_bits + FACTOR_BITS + 3)
    }

    /// 2 s rho + 2^[`EXPONENT_OFFSET_BITS`], positive and below twice that.
    pub(crate) fn exponent(&self) -> u64 {
        let offset = 1u64 << EXPONENT_OFFSET_BITS;
        u64::conditional_select(&(offset + 2 * self.factor), &(offset - 2 * self.factor), self.negative)
    }

    /// s u.
    fn signed_offset(&self) -> Integer {
        let sign = 1 - 2 * i64::from(self.negative.unwrap_u8());
        Integer::from(sign * self.offset)
    }
}

impl Drop for Blind {
    fn drop(&mut self) {
        self.factor.zeroize();
        self.offset.zeroize();
    }
}

/// What P2 decrypts in a comparison of `value`, |value| < 2^60, blinded with the next words of `stream`, as P1 does in both
/// protocols: s (rho (2 value - 1) + u). For studies of what it leaks; a protocol run never calls it.
///
/// # Panics
/// If `value` is out of range.
pub fn blinded_view(value: i64, stream: &mut MaskStream) -> i128 {
    assert!(value.unsigned_abs() < 1 << 60, "a compared value of 60 bits or more");
    let blind = Blind::draw(stream);
    let plain = i128::from(blind.factor) * (2 * i128::from(value) - 1) + i128::from(blind.offset);
    if bool::from(blind.negative) { -plain } else { plain }
}

/// floor(uniform * bound / 2^128), in [0, bound), without a division, whose time depends on a bound that is secret.
fn scale(uniform: u128, bound: u64) -> u64 {
    let low = u128::from(uniform as u64) * u128::from(bound);
    let high = (uniform >> 64) * u128::from(bound);
    ((high + (low >> 64)) >> 64) as u64
}

/// P1: the encrypted bits [a > 0] of `values`, by the job's comparison. Timing: `fixed_sequence` in what blinds.
pub(super) fn ask(side: &mut CloudSide, place: Place, values: &Ciphertexts) -> Result<Ciphertexts, Error> {
    match side.comparison.clone() {
        None => ask_blinded(side, place, values),
        Some(key) => leak_free::ask(side, place, values, &key),
    }
}

fn ask_blinded(side: &mut CloudSide, place: Place, values: &Ciphertexts) -> Result<Ciphertexts, Error> {
    let masks = side.masks.at(place.position(Purpose::Comparison));
    let blinds: Vec<Blind> = (0..values.len() as u64).map(|i| Blind::draw(&mut masks.element(i))).collect();
    let signs: SecretBits = blinds.iter().map(|blind| blind.negative).collect();
    let order = permutation(side, place, values.len());

    let blinded = blind(side, values, &blinds, &signs)?;
    side.send_rerandomized(place, Operation::Compare, &blinded.gather(&order))?;
    let permuted = side.recv(place, Operation::Compare, values.len())?;
    complement(side, &permuted.gather(&inverse(&order)), &signs)
}

/// E[1 - beta] where the choice is set, E[beta] elsewhere.
pub(super) fn complement(side: &CloudSide, bits: &Ciphertexts, choices: &[Choice]) -> Result<Ciphertexts, Error> {
    let ones = vec![Integer::from(1); bits.len()];
    let complements = bits.negate(&side.engine)?.add_plain(&side.engine, &ones)?;
    Ok(bits.select(&side.engine, &complements, choices)?)
}

/// E[s (rho (2a - 1) + u)].
fn blind(side: &CloudSide, values: &Ciphertexts, blinds: &[Blind], signs: &[Choice]) -> Result<Ciphertexts, Error> {
    let minus_one = vec![Integer::from(-1); values.len()];
    let odd = values.add(&side.engine, values)?.add_plain(&side.engine, &minus_one)?;
    let signed = odd.select(&side.engine, &odd.negate(&side.engine)?, signs)?;
    let factors = blinds.iter().map(|blind| SecretLimbs::new(vec![blind.factor])).collect();
    let offsets: SecretIntegers = blinds.iter().map(Blind::signed_offset).collect();
    let scaled = signed.mul_secret(&side.engine, &Exponents::single_use(factors, FACTOR_BITS))?;
    Ok(scaled.add_plain(&side.engine, &offsets)?)
}

/// A uniform order of the elements, from the keyed generator: position k of the message holds element order[k].
fn permutation(side: &CloudSide, place: Place, len: usize) -> Vec<usize> {
    let mut stream = side.masks.at(place.position(Purpose::Permutation)).element(0);
    let mut order: Vec<usize> = (0..len).collect();
    for i in (1..len).rev() {
        order.swap(i, stream.below(i as u64 + 1) as usize);
    }
    order
}

fn inverse(order: &[usize]) -> Vec<usize> {
    let mut positions = vec![0; order.len()];
    for (position, &element) in order.iter().enumerate() {
        positions[element] = position;
    }
    positions
}

/// P2's part of [`ask`] for `count` values.
pub(super) fn answer(side: &mut KeySide, place: Place, count: usize) -> Result<(), Error> {
    match side.comparison.clone() {
        None => answer_blinded(side, place, count),
        Some(key) => leak_free::answer(side, place, count, &key),
    }
}

/// The signs of blinded values, encrypted.
fn answer_blinded(side: &mut KeySide, place: Place, count: usize) -> Result<(), Error> {
    let value_bits = side.bounds.compared_bits();
    let blinded = side.recv(place, Operation::Compare, count)?;
    let bits: SecretIntegers = side
        .open_signed(place, &blinded, value_bits + 2 + FACTOR_BITS)?
        .iter()
        .map(|value| Integer::from(value.is_positive()))
        .collect();
    side.send_fresh(place, Operation::Compare, &bits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::{MaskKey, Phase, Position};

    fn stream(element: u64) -> MaskStream {
        let purpose = Purpose::Comparison;
        let position = Position { step: 0, phase: Phase::Compare, layer: 0, purpose };
        MaskKey::from_experiment_seed(1, "P1").at(position).element(element)
    }

    #[test]
    fn a_blind_keeps_the_sign_whatever_it_is() {
        for element in 0..20_000 {
            let blind = Blind::draw(&mut stream(element));
            let (factor, offset) = (i128::from(blind.factor), i128::from(blind.offset));
            assert!(
                (1 << (MIN_FACTOR_BITS - 1)..1 << FACTOR_BITS).contains(&factor) && offset.abs() < factor,
                "{factor} {offset}"
            );
            let sign = if bool::from(blind.negative) { -1 } else { 1 };
            assert_eq!(i128::from(blind.exponent()) - (1 << EXPONENT_OFFSET_BITS), 2 * sign * factor);
            for own in [-(1i128 << 60), -1, 0, 1, 1 << 60] {
                let known = sign * (factor * (-2 * own - 1) + offset);
                assert_eq!(blind.of_own_share(&Integer::from(own), 61), known);
            }
            for value in [-131_071i128, -1, 0, 1, 2, 131_071] {
                let plain = factor * (2 * value - 1) + offset;
                assert_eq!(plain > 0, value > 0, "value {value}, factor {factor}, offset {offset}");
                assert_ne!(plain, 0);
                assert_eq!(blinded_view(value as i64, &mut stream(element)), sign * plain);
            }
        }
    }

    #[test]
    fn scaling_spreads_over_the_whole_range() {
        for bound in [1, 2, 40, (1 << 41) - 1, u64::MAX] {
            let product = |uniform: u128| (Integer::from(uniform) * bound) >> 128u32;
            for uniform in [0, 1, u128::MAX / 3, u128::MAX / 2, u128::MAX - 1, u128::MAX] {
                assert_eq!(scale(uniform, bound), product(uniform), "{uniform} of {bound}");
            }
            assert_eq!(scale(u128::MAX, bound), bound - 1);
        }
    }

    #[test]
    fn every_length_of_the_factor_is_as_likely_and_signs_balance() {
        let mut lengths = [0u32; FACTOR_BITS as usize + 1];
        let mut negative = 0;
        for element in 0..40_000 {
            let blind = Blind::draw(&mut stream(element));
            lengths[64 - blind.factor.leading_zeros() as usize] += 1;
            negative += u32::from(blind.negative.unwrap_u8());
        }
        // 1000 expected of each, standard deviation 31; 20000 expected, standard deviation 100.
        assert!(lengths[MIN_FACTOR_BITS as usize..].iter().all(|&count| (800..1200).contains(&count)), "{lengths:?}");
        assert!((19_400..20_600).contains(&negative), "{negative}");
    }

    #[test]
    fn an_inverted_order_undoes_it() {
        let order = [3, 0, 2, 1];
        let positions = inverse(&order);
        assert!((0..4).all(|element| order[positions[element]] == element));
    }
}
