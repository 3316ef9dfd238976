//! Randomisers that are made ahead in one go, each handed out once: many at a time cost less than a few, and fill all threads.
//!
//! Nothing runs in the background: whoever has a moment calls `refill`, which makes as many as were used since the last time.

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
    /// Handed out, or asked for in vain, since the last refill.
    used: usize,
}

impl Stock {
    fn level(&self) -> usize {
        self.ready.as_ref().map_or(0, Batch::len)
    }

    /// Up to `count` of those that are ready; what was taken is never seen again.
    fn take(&mut self, count: usize) -> Option<Batch> {
        self.used += count;
        let ready = self.ready.take()?;
        let taken = ready.len().min(count);
        self.ready = (taken < ready.len()).then(|| ready.slice(taken..ready.len()));
        Some(ready.slice(0..taken))
    }

    /// How many are missing to what was used since the last call.
    fn missing(&mut self) -> usize {
        std::mem::take(&mut self.used).saturating_sub(self.level())
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

    /// Makes as many randomisers as were used since the last refill, less those that are ready.
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
    /// The longest that was asked for since the last refill.
    asked_bits: u32,
    most_bits: u32,
}

impl PeerReserve {
    /// An empty reserve. Randomisers with exponents longer than `most_bits` are never made ahead.
    pub fn new(key: PublicKey, most_bits: u32) -> Self {
        PeerReserve { key, stock: Stock::default(), bits: 0, asked_bits: 0, most_bits }
    }

    /// Randomisers that are ready.
    pub fn level(&self) -> usize {
        self.stock.level()
    }

    /// Makes as many randomisers as were used since the last refill, less those that are ready, with exponents as long as
    /// the longest of them.
    ///
    /// # Errors
    /// If the engine fails.
    pub fn refill(&mut self, engine: &Engine, rng: &mut SecureRng) -> Result<(), PaillierError> {
        let asked_bits = std::mem::take(&mut self.asked_bits);
        if asked_bits > self.bits {
            // Shorter ones would not do.
            self.stock.ready = None;
            self.bits = asked_bits;
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
        let ready = if bits <= self.bits { self.stock.take(count) } else { None };
        if ready.is_none() {
            self.stock.used += count;
        }
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
    use std::collections::HashSet;

    use super::super::test_support::{decrypt, encrypt, engine, key, subgroup_key};
    use super::*;

    /// The randomisers of ciphertexts of known values.
    fn randomizers(key: &SecretKey, ciphertexts: &Ciphertexts, values: &[Integer]) -> Vec<Integer> {
        let encoded = key.public_key().encode_many(engine(), values);
        engine().store(ciphertexts.sub(engine(), &encoded).unwrap().batch())
    }

    #[test]
    fn what_a_reserve_encrypts_decrypts_and_no_randomiser_comes_twice() {
        for key in [key(), subgroup_key()] {
            let (mut reserve, mut rng) = (OwnReserve::new(key.clone()), SecureRng::from_os());
            let mut seen = HashSet::new();
            for counts in [vec![0, 3, 5], vec![4, 4], vec![2, 1], vec![1, 30], vec![16, 16], vec![40], vec![0]] {
                let level = reserve.level();
                for count in &counts {
                    let values: Vec<Integer> = (0..*count).map(|i| Integer::from(7 * i - 20)).collect();
                    let sealed = reserve.encrypt_many(engine(), &values, &mut rng).unwrap();
                    let opened = key.decrypt_many(engine(), &sealed).unwrap();
                    assert!(opened.iter().zip(&values).all(|(opened, value)| **opened == *value));
                    let fresh = randomizers(key, &sealed, &values);
                    assert!(fresh.into_iter().all(|randomizer| randomizer != 1 && seen.insert(randomizer)));
                }
                let used = counts.iter().sum::<i64>() as usize;
                assert_eq!(reserve.level(), level.saturating_sub(used));
                reserve.refill(engine(), &mut rng).unwrap();
                assert_eq!(reserve.level(), used.max(level.saturating_sub(used)));
            }
        }
    }

    #[test]
    fn results_leave_under_randomisers_that_are_long_enough_and_fresh() {
        let public = key().public_key();
        let (mut reserve, mut rng) = (PeerReserve::new(public.clone(), 700), SecureRng::from_os());
        let values: Vec<Integer> = (-3..4).map(Integer::from).collect();
        let before = encrypt(&values);
        let mut seen = HashSet::new();
        for (bits, served) in [(600, false), (600, true), (590, true), (650, false), (650, true), (800, false)] {
            let level = reserve.level();
            let after = reserve.rerandomize_many(engine(), &before, bits, &mut rng).unwrap();
            assert_eq!(decrypt(&after), values);
            let quotients = engine().store(after.sub(engine(), &before).unwrap().batch());
            assert!(quotients.into_iter().all(|randomizer| randomizer != 1 && seen.insert(randomizer)));
            let expected = if served { level - values.len() } else { level };
            assert_eq!(reserve.level(), expected, "{bits} bits");
            reserve.refill(engine(), &mut rng).unwrap();
            assert_eq!(reserve.level(), values.len(), "{bits} bits");
            assert!(reserve.bits >= bits || bits > 700);
        }
    }

    #[test]
    fn what_is_refused_uses_nothing_up() {
        let (mut reserve, mut rng) = (OwnReserve::new(key().clone()), SecureRng::from_os());
        reserve.encrypt_many(engine(), &[Integer::from(1)], &mut rng).unwrap();
        reserve.refill(engine(), &mut rng).unwrap();
        let too_large = key().public_key().n().clone();
        assert!(reserve.encrypt_many(engine(), &[too_large], &mut rng).is_err());
        assert_eq!(reserve.level(), 1);
        let foreign = subgroup_key().encrypt_many(engine(), &[Integer::from(1)], &mut rng).unwrap();
        let mut reserve = PeerReserve::new(key().public_key().clone(), 700);
        assert!(reserve.rerandomize_many(engine(), &foreign, 600, &mut rng).is_err());
    }
}
