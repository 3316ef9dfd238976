//! Randomisers that are made ahead in one go, each handed out once: many at a time cost less than a few, and fill all threads.
//!
//! Nothing runs in the background. Work comes in rounds that are much alike; `refill` makes as many as the round before has
//! used, less those that are ready, and what is missing is made when it is needed.

use std::fmt;

use rug::Integer;

use super::admit;
use super::ciphertext::Ciphertexts;
use super::error::PaillierError;
use super::public_key::{PublicKey, random_exponents};
use super::secret_key::SecretKey;
use crate::arith::{Batch, Engine};
use crate::rng::SecureRng;

/// Randomisers in memory, wiped with it.
#[derive(Default)]
struct Stock {
    ready: Option<Batch>,
    /// Asked for in this round.
    used: usize,
    /// Asked for in the round before.
    expected: usize,
}

impl Stock {
    fn level(&self) -> usize {
        self.ready.as_ref().map_or(0, Batch::len)
    }

    /// Up to `count` of those that are ready; what was taken is never seen again.
    fn take(&mut self, count: usize) -> Option<Batch> {
        let ready = self.ready.take()?;
        let taken = ready.len().min(count);
        self.ready = (taken < ready.len()).then(|| ready.slice(taken..ready.len()));
        Some(ready.slice(0..taken))
    }

    /// How many are missing to what is expected.
    fn missing(&self) -> usize {
        self.expected.saturating_sub(self.level())
    }

    fn put(&mut self, made: Batch) {
        self.ready = Some(match self.ready.take() {
            Some(ready) => Batch::concat(&[ready, made]),
            None => made,
        });
    }
}

/// `count` randomisers: what there is of them, and the rest as `make` makes it.
fn complete(
    ready: Option<Batch>,
    count: usize,
    make: impl FnOnce(usize) -> Result<Batch, PaillierError>,
) -> Result<Batch, PaillierError> {
    match ready {
        Some(ready) if ready.len() == count => Ok(ready),
        Some(ready) => Ok(Batch::concat(&[make(count - ready.len())?, ready])),
        None => make(count),
    }
}

/// A key owner's encryption: [`SecretKey::encrypt_many`] with randomisers made ahead.
pub struct OwnReserve {
    key: SecretKey,
    stock: Stock,
}

impl OwnReserve {
    /// An empty reserve.
    pub fn new(key: SecretKey) -> Self {
        OwnReserve { key, stock: Stock::default() }
    }

    /// Randomisers that are ready.
    pub fn level(&self) -> usize {
        self.stock.level()
    }

    /// A round begins: what is used outside of rounds does not count.
    pub fn begin_round(&mut self) {
        self.stock.used = 0;
    }

    /// A round ends.
    pub fn end_round(&mut self) {
        self.stock.expected = self.stock.used;
    }

    /// Makes as many randomisers as the last whole round has used, less those that are ready.
    ///
    /// # Errors
    /// If the engine fails.
    pub fn refill(&mut self, engine: &Engine, rng: &mut SecureRng) -> Result<(), PaillierError> {
        let missing = self.stock.missing();
        if missing > 0 {
            self.stock.put(self.key.own_randomizers(engine, missing, rng)?);
        }
        Ok(())
    }

    /// Fresh ciphertexts. Timing class: `fixed_sequence` in values and randomisers, `constant` in the key.
    ///
    /// # Errors
    /// If a value is out of range or the engine fails.
    pub fn encrypt_many(
        &mut self,
        engine: &Engine,
        values: &[Integer],
        rng: &mut SecureRng,
    ) -> Result<Ciphertexts, PaillierError> {
        let public = self.key.public_key();
        public.require_plaintexts(values)?;
        let make = |count| self.key.own_randomizers(engine, count, rng);
        self.stock.used += values.len();
        let randomizers = complete(self.stock.take(values.len()), values.len(), make)?;
        public.blind(engine, values, &randomizers)
    }
}

/// Re-randomisation under anybody's key: [`PublicKey::rerandomize_many`] with randomisers made ahead.
pub struct PeerReserve {
    key: PublicKey,
    stock: Stock,
    /// Length of the exponents of those that are ready.
    bits: u32,
    /// The longest that was asked for in this round, and in the one before.
    asked_bits: u32,
    expected_bits: u32,
    most_bits: u32,
}

impl PeerReserve {
    /// An empty reserve. Randomisers with exponents longer than `most_bits` are never made ahead.
    pub fn new(key: PublicKey, most_bits: u32) -> Self {
        PeerReserve { key, stock: Stock::default(), bits: 0, asked_bits: 0, expected_bits: 0, most_bits }
    }

    /// Randomisers that are ready.
    pub fn level(&self) -> usize {
        self.stock.level()
    }

    /// A round begins: what is used outside of rounds does not count.
    pub fn begin_round(&mut self) {
        (self.stock.used, self.asked_bits) = (0, 0);
    }

    /// A round ends.
    pub fn end_round(&mut self) {
        (self.stock.expected, self.expected_bits) = (self.stock.used, self.asked_bits);
    }

    /// Makes as many randomisers as the last whole round has used, less those that are ready, with exponents as long as the
    /// longest that it or a round before it has used.
    ///
    /// # Errors
    /// If the engine fails.
    pub fn refill(&mut self, engine: &Engine, rng: &mut SecureRng) -> Result<(), PaillierError> {
        if self.expected_bits > self.bits {
            // Shorter ones would not do.
            self.stock.ready = None;
            self.bits = self.expected_bits;
        }
        let missing = self.stock.missing();
        if missing > 0 {
            self.stock.put(self.key.randomizers(engine, &random_exponents(missing, self.bits, rng))?);
        }
        Ok(())
    }

    /// The same plaintexts in ciphertexts that were multiplied by h^s, s fresh and uniform in [0, 2^`bits`) or a longer range.
    /// Timing class: `fixed_sequence`.
    ///
    /// # Errors
    /// If the ciphertexts are under another key or the engine fails.
    pub fn rerandomize_many(
        &mut self,
        engine: &Engine,
        ciphertexts: &Ciphertexts,
        bits: u32,
        rng: &mut SecureRng,
    ) -> Result<Ciphertexts, PaillierError> {
        admit::same_key(self.key.id(), ciphertexts.key().id())?;
        if bits > self.most_bits {
            return self.key.rerandomize_many(engine, ciphertexts, bits, rng);
        }
        self.asked_bits = self.asked_bits.max(bits);
        let count = ciphertexts.len();
        self.stock.used += count;
        let ready = if bits <= self.bits { self.stock.take(count) } else { None };
        let make = |count| self.key.randomizers(engine, &random_exponents(count, bits, rng));
        ciphertexts.multiply_randomizers(engine, &complete(ready, count, make)?)
    }
}

impl fmt::Debug for OwnReserve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnReserve({} ready under {})", self.level(), self.key.public_key().id())
    }
}

impl fmt::Debug for PeerReserve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerReserve({} ready under {})", self.level(), self.key.id())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::super::test_support::{decrypt, encrypt, engine, key, subgroup_key};
    use super::*;

    /// What is ready stays until it is used or wiped.
    fn assert_secret(stock: &Stock) {
        assert!(stock.ready.as_ref().is_none_or(|ready| ready.residues().is_secret()));
    }

    #[test]
    fn what_a_reserve_encrypts_decrypts_and_no_randomiser_comes_twice() {
        for key in [key(), subgroup_key()] {
            let (mut reserve, mut rng) = (OwnReserve::new(key.clone()), SecureRng::from_os());
            let (mut seen, mut expected, mut level) = (HashSet::new(), 0, 0);
            for counts in [vec![0, 3, 5], vec![4, 4], vec![1, 1], vec![1; 9], vec![30], vec![16, 16], vec![0], vec![40]]
            {
                reserve.begin_round();
                reserve.refill(engine(), &mut rng).unwrap();
                level = expected.max(level);
                assert_eq!(reserve.level(), level);
                for count in &counts {
                    assert_secret(&reserve.stock);
                    let values: Vec<Integer> = (0..*count).map(|i| Integer::from(7 * i - 20)).collect();
                    let sealed = reserve.encrypt_many(engine(), &values, &mut rng).unwrap();
                    let opened = key.decrypt_many(engine(), &sealed).unwrap();
                    assert!(opened.iter().zip(&values).all(|(opened, value)| **opened == *value));
                    let encoded = key.public_key().encode_many(engine(), &values);
                    let fresh = engine().store(sealed.sub(engine(), &encoded).unwrap().batch());
                    assert!(fresh.into_iter().all(|randomizer| randomizer != 1 && seen.insert(randomizer)));
                }
                reserve.end_round();
                expected = counts.iter().sum::<i64>() as usize;
                level = level.saturating_sub(expected);
                assert_eq!(reserve.level(), level);
            }
            // Outside of a round nothing counts.
            reserve.encrypt_many(engine(), &vec![Integer::from(1); 50], &mut rng).unwrap();
            reserve.refill(engine(), &mut rng).unwrap();
            assert_eq!(reserve.level(), 40);
        }
    }

    /// Exponents that are short enough to be looked up.
    #[test]
    fn results_leave_under_fresh_randomisers_as_long_as_they_were_asked_for() {
        let public = key().public_key();
        let powers: HashMap<Integer, u32> = (0..1u32 << 12)
            .map(|exponent| {
                (Integer::from(public.h().pow_mod_ref(&exponent.into(), &square(public)).unwrap()), exponent)
            })
            .collect();
        let (mut reserve, mut rng) = (PeerReserve::new(public.clone(), 11), SecureRng::from_os());
        let values: Vec<Integer> = (0..60).map(Integer::from).collect();
        let before = encrypt(&values);
        let (mut served, mut expected) = (Vec::new(), 0);
        for bits in [2, 2, 1, 11, 11, 10, 12, 2] {
            reserve.begin_round();
            reserve.refill(engine(), &mut rng).unwrap();
            assert_secret(&reserve.stock);
            assert!(reserve.level() >= expected, "{bits} bits");
            let level = reserve.level();
            for part in [0..7, 7..60] {
                let after = reserve.rerandomize_many(engine(), &before.slice(part.clone()), bits, &mut rng).unwrap();
                assert_eq!(decrypt(&after), values[part.clone()]);
                let quotients = engine().store(after.sub(engine(), &before.slice(part)).unwrap().batch());
                let exponents: Vec<u32> = quotients.iter().map(|quotient| powers[quotient]).collect();
                // Half of them fill their length; 1 in 2^53 times none of the larger part does.
                let long = exponents.iter().filter(|exponent| **exponent >= 1 << (bits - 1)).count();
                assert!(exponents.len() < 53 || long > 0, "{bits} bits: {exponents:?}");
            }
            served.push(level - reserve.level());
            expected = if bits <= 11 { values.len() } else { 0 };
            reserve.end_round();
        }
        // Not the first time, nor where longer ones are due than there are.
        assert_eq!(served, [0, 60, 60, 0, 60, 60, 0, 60]);
    }

    fn square(public: &PublicKey) -> Integer {
        Integer::from(public.n().square_ref())
    }

    #[test]
    fn what_is_refused_uses_nothing_up() {
        let (mut reserve, mut rng) = (OwnReserve::new(key().clone()), SecureRng::from_os());
        reserve.encrypt_many(engine(), &[Integer::from(1)], &mut rng).unwrap();
        reserve.end_round();
        reserve.refill(engine(), &mut rng).unwrap();
        let too_large = key().public_key().n().clone();
        assert!(reserve.encrypt_many(engine(), &[too_large], &mut rng).is_err());
        assert_eq!(reserve.level(), 1);
        let foreign = subgroup_key().encrypt_many(engine(), &[Integer::from(1)], &mut rng).unwrap();
        let mut reserve = PeerReserve::new(key().public_key().clone(), 700);
        assert!(reserve.rerandomize_many(engine(), &foreign, 600, &mut rng).is_err());
    }
}
