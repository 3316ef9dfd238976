//! [Y > 0] for Y = Y2 - Y1, |Y| < 2^l, by the comparison that leaks nothing (protocol.md, section 5), the result shared by
//! exclusive or: beta at P2, tau at P1. Both protocols compare by it.
//!
//! ```text
//! a = Y2 - 1 + 2^l,  b = Y1,  of both the bits 0 to l;  delta a random bit of P1
//! P2 -> P1: E[a_i] for i < l, under the key of the comparison
//! c_i = b_i - a_i + 1 - 2 delta + 3 sum_(j > i) (a_j xor b_j)  for i < l,  c_l = delta + sum_j (a_j xor b_j)
//! P1 -> P2: all c times random units of Z_u, under fresh randomisers, in a random order
//! z = [some c is 0],  beta = a_l xor z,  tau = b_l xor 1 xor delta
//! ```
//!
//! At most one c is 0, whether one is depends on delta, and where it stands on the order: P2 sees a random bit and random
//! units. P1 sees ciphertexts. |Y| < 2^l is a bound that the result needs to be right; nothing is hidden by it.
//!
//! Damgard, Geisler, Kroigaard, "Homomorphic encryption and secure comparison", 2008; the shared output and the last term,
//! which stands for equality, as in Veugen, "Improving the DGK comparison protocol", 2012.

use rug::Integer;
use subtle::Choice;
use zeroize::Zeroizing;

use crate::arith::Engine;
use crate::dgk::{Ciphertexts, DgkError, KEY_BITS, Parameters, SecretKey};
use crate::rng::SecureRng;
use crate::secret::{SecretInteger, SecretLimbs};

use super::ProtocolError;

/// The longest values: with one bit more they fill a word.
const LONGEST_BITS: u32 = 63;

/// What a comparison's key is made for: n no shorter than the servers' keys, if there is such a length, and values of up to
/// `longest_bits` bits.
///
/// # Errors
/// If values are too long to be compared.
pub(super) fn parameters(key_bits: u32, longest_bits: u32) -> Result<Parameters, ProtocolError> {
    if longest_bits > LONGEST_BITS {
        let reason = format!(
            "values of {longest_bits} bits are compared, --comparison dgk takes up to {LONGEST_BITS}; declare shorter bounds"
        );
        return Err(ProtocolError::Config { reason });
    }
    let [.., longest_key] = KEY_BITS;
    let key_bits = KEY_BITS.into_iter().find(|offered| *offered >= key_bits).unwrap_or(longest_key);
    let refused = |error: DgkError| ProtocolError::Config { reason: error.to_string() };
    Parameters::new(key_bits, longest_bits).map_err(refused)
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
    /// Ciphertexts that P1 answers for each value.
    pub fn terms(self) -> usize {
        self.bits as usize + 1
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

    /// The top bits, and all below: bit i of every number, then bit i + 1.
    fn split(self, numbers: &[u64]) -> (Vec<Choice>, Vec<Choice>) {
        let bit = |number: u64, index: u32| Choice::from((number >> index & 1) as u8);
        let top = numbers.iter().map(|number| bit(*number, self.bits)).collect();
        let low = (0..self.bits).flat_map(|index| numbers.iter().map(move |number| bit(*number, index))).collect();
        (top, low)
    }
}

/// P2: E[a_i] of its shares, bit 0 of every value first. Timing class: `constant` in the shares but for their signs and
/// lengths in limbs.
pub(super) fn seal(
    engine: &Engine,
    key: &SecretKey,
    compared: Compared,
    shares: &[Integer],
    rng: &mut SecureRng,
) -> Result<Ciphertexts, DgkError> {
    let numbers = Zeroizing::new(shares.iter().map(|share| compared.of_key_server(share)).collect::<Vec<u64>>());
    let (_, low) = compared.split(&numbers);
    key.encrypt_bits_many(engine, &low, rng)
}

/// P1's bits tau, which its shares and its bits delta determine.
pub(super) fn own_bits(compared: Compared, shares: &[Integer], deltas: &[Choice]) -> Vec<Choice> {
    let numbers = Zeroizing::new(shares.iter().map(|share| compared.low_bits(share)).collect::<Vec<u64>>());
    let (top, _) = compared.split(&numbers);
    top.into_iter().zip(deltas).map(|(top, delta)| !top ^ *delta).collect()
}

/// P1: the blinded c of every value, `compared.terms()` for each, from what [`seal`] made of as many values.
/// Timing class: `constant` in deltas and, but for signs and lengths in limbs, in shares; `fixed_sequence` in what blinds.
pub(super) fn answer(
    engine: &Engine,
    compared: Compared,
    sealed: &Ciphertexts,
    shares: &[Integer],
    deltas: &[Choice],
    sigma: u32,
    rng: &mut SecureRng,
) -> Result<Ciphertexts, DgkError> {
    let (count, bits) = (shares.len(), compared.bits as usize);
    let key = sealed.key();
    let modulus = u64::from(key.parameters().plaintext_modulus());
    let numbers = Zeroizing::new(shares.iter().map(|share| compared.low_bits(share)).collect::<Vec<u64>>());
    let (_, own) = compared.split(&numbers);

    // a_j xor b_j is a_j where b_j is 0, 1 - a_j where it is 1; both are made for every bit.
    let negated = sealed.negate(engine)?;
    let flipped = negated.add_plain(engine, &vec![1; negated.len()])?;
    let differ = sealed.select(engine, &flipped, &own)?;

    // b_i - a_i + 1 - 2 delta, then 3 times the sum above; sums go from the highest bit down.
    let known = own.iter().enumerate().map(|(index, bit)| {
        let delta = u64::from(deltas[index % count].unwrap_u8());
        let number = u64::from(bit.unwrap_u8()) + 1 + modulus - 2 * delta;
        // At most once above the modulus.
        number - (modulus & (u64::from(number >= modulus)).wrapping_neg())
    });
    let mut terms = negated.add_plain(engine, &Zeroizing::new(known.collect::<Vec<u64>>()))?;
    let mut sum = differ.slice((bits - 1) * count..bits * count);
    let mut sums = vec![sum.clone()];
    for index in (0..bits - 1).rev() {
        sum = sum.add(engine, &differ.slice(index * count..(index + 1) * count))?;
        sums.push(sum.clone());
    }
    if bits > 1 {
        // Of the bits above l - 2, l - 3, ..., 0.
        sums.reverse();
        let above = Ciphertexts::concat(&sums[1..])?.scale_vartime(engine, 3)?;
        let lower = terms.slice(0..(bits - 1) * count).add(engine, &above)?;
        terms = Ciphertexts::concat(&[lower, terms.slice((bits - 1) * count..bits * count)])?;
    }
    let deltas = Zeroizing::new(deltas.iter().map(|delta| u64::from(delta.unwrap_u8())).collect::<Vec<u64>>());
    let last = sum.add_plain(engine, &deltas)?;
    let all = Ciphertexts::concat(&[terms, last])?;

    // Value by value, its terms in a random order.
    let order: Vec<usize> = (0..count)
        .flat_map(|value| permutation(compared.terms(), rng).into_iter().map(move |term| term * count + value))
        .collect();
    key.blind_many(engine, &all.gather(&order), sigma, rng)
}

/// P2: its bits beta, and the bits z that it has seen.
pub(super) fn finish(
    engine: &Engine,
    key: &SecretKey,
    compared: Compared,
    shares: &[Integer],
    answered: &Ciphertexts,
) -> Result<(Vec<Choice>, Vec<Choice>), DgkError> {
    let zeros = key.is_zero_many(engine, answered)?;
    let any = |terms: &[Choice]| terms.iter().fold(Choice::from(0), |any, zero| any | *zero);
    let seen: Vec<Choice> = zeros.chunks_exact(compared.terms()).map(any).collect();
    let numbers = Zeroizing::new(shares.iter().map(|share| compared.of_key_server(share)).collect::<Vec<u64>>());
    let (top, _) = compared.split(&numbers);
    Ok((top.into_iter().zip(&seen).map(|(top, zero)| top ^ *zero).collect(), seen))
}

/// A uniform order of `len` things; addresses show it, to this process alone.
fn permutation(len: usize, rng: &mut SecureRng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    for i in (1..len).rev() {
        // At most 2^-57 from uniform for the few things that there are.
        let draw = u128::from(rng.bits(u64::BITS).as_slice()[0]) * (i as u128 + 1);
        order.swap(i, (draw >> u64::BITS) as usize);
    }
    order
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use super::*;
    use crate::protocol::element::{engine, engines};
    use crate::rng::SeededRng;

    const SIGMA: u32 = 40;

    fn key() -> &'static SecretKey {
        static KEY: OnceLock<SecretKey> = OnceLock::new();
        let parameters = parameters(1024, 17).unwrap();
        KEY.get_or_init(|| SecretKey::generate(engine(2), parameters, &mut SecureRng::from_os()).unwrap())
    }

    /// Shares (Y1, Y2) of values; every third Y1 is negative.
    fn shares(values: &[i64], share_bits: u32, rng: &mut SeededRng) -> (Vec<Integer>, Vec<Integer>) {
        let draw = |i: usize| if i.is_multiple_of(3) { -rng.integer(share_bits) } else { rng.integer(share_bits) };
        let cloud: Vec<Integer> = (0..values.len()).map(draw).collect();
        let key = cloud.iter().zip(values).map(|(own, value)| Integer::from(own + value)).collect();
        (cloud, key)
    }

    /// What a comparison of `values` gives, and the zeros that P2 sees for each.
    fn compare(engine: &Engine, bits: u32, values: &[i64], seed: u64) -> (Vec<bool>, Vec<usize>) {
        let (mut rng, mut inputs) = (SecureRng::from_os(), SeededRng::new(seed, "shares and deltas"));
        let compared = Compared { bits, share_bits: 58 };
        let (cloud, own) = shares(values, compared.share_bits, &mut inputs);
        let deltas: Vec<Choice> = values.iter().map(|_| Choice::from(inputs.below(2) as u8)).collect();
        let sealed = seal(engine, key(), compared, &own, &mut rng).unwrap();
        let answered = answer(engine, compared, &sealed, &cloud, &deltas, SIGMA, &mut rng).unwrap();
        let zeros = key().is_zero_many(engine, &answered).unwrap();
        let zeros = zeros.chunks(compared.terms()).map(|terms| terms.iter().filter(|zero| bool::from(**zero)).count());
        let (beta, seen) = finish(engine, key(), compared, &own, &answered).unwrap();
        let zeros: Vec<usize> = zeros.collect();
        assert!(seen.iter().zip(&zeros).all(|(seen, zeros)| bool::from(*seen) == (*zeros > 0)));
        let tau = own_bits(compared, &cloud, &deltas);
        (beta.iter().zip(&tau).map(|(beta, tau)| bool::from(*beta ^ *tau)).collect(), zeros)
    }

    #[test]
    fn signs_come_out_right_at_the_edges_of_every_bound() {
        for engine in engines() {
            for bits in [1, 2, 3, 17] {
                let limit = 1i64 << bits;
                let mut values = vec![0, 1, -1, limit - 1, 1 - limit, limit / 2, -limit / 2];
                let mut inputs = SeededRng::new(u64::from(bits), "values to compare");
                values.extend((0..64).map(|_| inputs.below(2 * limit as u64 - 1) as i64 - (limit - 1)));
                for seed in 0..2 {
                    let (signs, zeros) = compare(engine, bits, &values, seed);
                    let expected: Vec<bool> = values.iter().map(|value| *value > 0).collect();
                    assert_eq!(signs, expected, "{bits} bits on {}", engine.kind());
                    assert!(zeros.iter().all(|zeros| *zeros <= 1), "{zeros:?}");
                }
            }
        }
    }

    /// P2's bit is as likely set as not, whatever is compared.
    #[test]
    fn what_the_key_server_sees_does_not_depend_on_the_data() {
        const COUNT: usize = 400;
        let mut inputs = SeededRng::new(7, "values of both signs");
        let mixed: Vec<i64> = (0..COUNT).map(|_| inputs.below(1 << 18) as i64 - (1 << 17) + 1).collect();
        for values in
            [vec![0; COUNT], vec![5; COUNT], vec![-5; COUNT], vec![131_071; COUNT], vec![-131_071; COUNT], mixed]
        {
            let (_, zeros) = compare(engine(2), 17, &values, values[0].unsigned_abs());
            let seen: usize = zeros.iter().sum();
            // Six standard deviations of 10.
            assert!(seen.abs_diff(COUNT / 2) < 60, "{seen} of {COUNT} where all values are {}", values[0]);
        }
    }

    #[test]
    fn every_place_of_the_zero_is_as_likely() {
        let compared = Compared { bits: 4, share_bits: 58 };
        let (mut rng, values) = (SecureRng::from_os(), vec![3i64; 1000]);
        let (cloud, own) = shares(&values, compared.share_bits, &mut SeededRng::new(3, "shares"));
        let deltas = own_bits_that_show_a_zero(compared, &cloud, &own);
        let sealed = seal(engine(2), key(), compared, &own, &mut rng).unwrap();
        let answered = answer(engine(2), compared, &sealed, &cloud, &deltas, SIGMA, &mut rng).unwrap();
        let zeros = key().is_zero_many(engine(2), &answered).unwrap();
        let mut places = vec![0u32; compared.terms()];
        for terms in zeros.chunks(compared.terms()) {
            let place =
                terms.iter().position(|zero| bool::from(*zero)).expect("delta was chosen so that there is a zero");
            places[place] += 1;
        }
        // 200 of 1000 expected, standard deviation 13.
        assert!(places.iter().all(|count| count.abs_diff(200) < 76), "{places:?}");
    }

    /// The deltas for which some c is 0.
    fn own_bits_that_show_a_zero(compared: Compared, cloud: &[Integer], key: &[Integer]) -> Vec<Choice> {
        let low = |number: u64| number & ((1 << compared.bits) - 1);
        let pairs = cloud.iter().zip(key);
        // c_i is 0 where a_i - b_i = 1 - 2 delta at the highest bit that differs, c_l where none differs and delta is 0.
        pairs
            .map(|(own, other)| {
                let (a, b) = (low(compared.of_key_server(other)), low(compared.low_bits(own)));
                Choice::from(u8::from(a < b))
            })
            .collect()
    }

    #[test]
    fn values_too_long_for_any_key_are_refused_before_anything_runs() {
        assert_eq!(parameters(1536, 17).unwrap().key_bits(), 2048);
        assert_eq!(parameters(4096, 17).unwrap().key_bits(), 3072);
        parameters(2048, 63).unwrap();
        let error = parameters(2048, 64).unwrap_err();
        assert!(error.exit_code() == 2 && error.to_string().contains("--comparison dgk"), "{error}");
    }
}
