//! Randomisers made ahead of time by threads in the background.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use rug::Integer;

use super::Encrypt;
use super::ciphertext::Ciphertexts;
use super::error::PaillierError;
use super::public_key::{PublicKey, random_exponents};
use crate::arith::{Batch, Engine};
use crate::rng::SecureRng;

/// How many randomisers a producer makes at a time: a multiple of every engine's lane count, yet a short wait at the end.
const PRODUCED_AT_ONCE: usize = 32;

/// Randomisers h^s under one key, each handed out exactly once, kept in memory only.
///
/// What is left when the pool is dropped is dropped with it; it was never used, so it says nothing about any ciphertext.
pub struct Pool {
    shared: Arc<Shared>,
    producers: Vec<JoinHandle<()>>,
}

struct Shared {
    engine: Engine,
    key: PublicKey,
    exponent_bits: u32,
    capacity: usize,
    state: Mutex<State>,
    room: Condvar,
}

#[derive(Default)]
struct State {
    ready: VecDeque<Batch>,
    /// Randomisers in `ready`.
    level: usize,
    /// Randomisers that producers are working on.
    underway: usize,
    hits: u64,
    misses: u64,
    failure: Option<String>,
    stopped: bool,
}

impl Pool {
    /// Starts `producers` threads that keep up to `capacity` randomisers h^s ready, s uniform in [0, 2^`exponent_bits`);
    /// with no producer, or no capacity, every randomiser is made when it is asked for.
    ///
    /// # Errors
    /// If the operating system gives no thread.
    pub fn start(
        engine: &Engine,
        key: &PublicKey,
        exponent_bits: u32,
        capacity: usize,
        producers: usize,
    ) -> Result<Pool, PaillierError> {
        let shared = Arc::new(Shared {
            engine: engine.clone(),
            key: key.clone(),
            exponent_bits,
            capacity,
            state: Mutex::default(),
            room: Condvar::new(),
        });
        let mut pool = Pool { shared, producers: Vec::new() };
        for index in 0..producers {
            let shared = pool.shared.clone();
            let builder = thread::Builder::new().name(format!("randomisers-{index}"));
            pool.producers.push(builder.spawn(move || shared.produce()).map_err(PaillierError::PoolThread)?);
        }
        Ok(pool)
    }

    /// `count` randomisers: what is ready, and the rest made on the spot by the calling thread.
    ///
    /// # Errors
    /// If randomisers are missing and the engine fails; a producer that failed earlier is named in
    /// [`Pool::producer_failure`].
    pub fn take(&self, count: usize, rng: &mut SecureRng) -> Result<Batch, PaillierError> {
        let mut parts = self.shared.take_ready(count);
        let missing = count - parts.iter().map(Batch::len).sum::<usize>();
        if missing > 0 || parts.is_empty() {
            parts.push(self.shared.make(missing, rng)?);
        }
        Ok(Batch::concat(&parts))
    }

    /// Randomisers that are ready now.
    pub fn level(&self) -> usize {
        self.shared.lock().level
    }

    /// Randomisers that were ready when they were asked for, so far.
    pub fn hits(&self) -> u64 {
        self.shared.lock().hits
    }

    /// Randomisers that had to be made when they were asked for, so far.
    pub fn misses(&self) -> u64 {
        self.shared.lock().misses
    }

    /// Why a producer gave up, if one did. The pool goes on without it.
    pub fn producer_failure(&self) -> Option<String> {
        self.shared.lock().failure.clone()
    }
}

impl Shared {
    fn produce(&self) {
        let mut rng = SecureRng::from_os();
        let count = PRODUCED_AT_ONCE.min(self.capacity);
        while count > 0 && self.reserve(count) {
            let made = self.make(count, &mut rng);
            let mut state = self.lock();
            state.underway -= count;
            match made {
                Ok(batch) => {
                    state.level += count;
                    state.ready.push_back(batch);
                }
                Err(error) => {
                    state.failure.get_or_insert(error.to_string());
                    return;
                }
            }
        }
    }

    /// Waits until there is room for `count` more; false when the pool stops.
    fn reserve(&self, count: usize) -> bool {
        let full = |state: &mut State| !state.stopped && state.level + state.underway + count > self.capacity;
        let mut state = self.room.wait_while(self.lock(), full).unwrap_or_else(PoisonError::into_inner);
        state.underway += count;
        !state.stopped
    }

    /// Up to `count` randomisers from the front; what was taken is never seen again.
    fn take_ready(&self, count: usize) -> Vec<Batch> {
        let mut state = self.lock();
        let mut parts = Vec::new();
        let mut missing = count;
        while missing > 0
            && let Some(batch) = state.ready.pop_front()
        {
            let taken = missing.min(batch.len());
            parts.push(batch.slice(0..taken));
            if taken < batch.len() {
                state.ready.push_front(batch.slice(taken..batch.len()));
            }
            missing -= taken;
        }
        state.level -= count - missing;
        state.hits += (count - missing) as u64;
        state.misses += missing as u64;
        self.room.notify_all();
        parts
    }

    fn make(&self, count: usize, rng: &mut SecureRng) -> Result<Batch, PaillierError> {
        self.key.randomizers(&self.engine, &random_exponents(count, self.exponent_bits, rng))
    }

    /// A poisoned lock is taken over: no code that can panic runs while it is held half-changed.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Encrypt for Pool {
    fn public_key(&self) -> &PublicKey {
        &self.shared.key
    }

    fn encrypt_many(
        &self,
        engine: &Engine,
        values: &[Integer],
        rng: &mut SecureRng,
    ) -> Result<Ciphertexts, PaillierError> {
        let key = &self.shared.key;
        key.require_plaintexts(values)?;
        key.blind(engine, values, &self.take(values.len(), rng)?)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.room.notify_all();
        for producer in self.producers.drain(..) {
            // A producer that panicked has said so on standard error; nothing is left to do for it here.
            let _ = producer.join();
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pool({} of {} ready under {})", self.level(), self.shared.capacity, self.shared.key.id())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::{Duration, Instant};

    use super::super::test_support::{engine, key};
    use super::*;

    fn wait_until_full(pool: &Pool, level: usize) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while pool.level() < level {
            assert!(Instant::now() < deadline, "{} of {level} after a minute", pool.level());
            thread::sleep(Duration::from_millis(2));
        }
    }

    #[test]
    fn no_element_is_handed_out_twice_and_the_counts_add_up() {
        let public = key().public_key();
        for producers in 0..=2 {
            let pool = Pool::start(engine(), public, 512, 64, producers).unwrap();
            if producers > 0 {
                wait_until_full(&pool, 64);
            }
            let mut rng = SecureRng::from_os();
            let mut seen = HashSet::new();
            let mut asked = 0;
            for count in [0, 1, 5, 40, 70] {
                let taken = engine().store(&pool.take(count, &mut rng).unwrap());
                assert_eq!(taken.len(), count);
                assert!(taken.into_iter().all(|randomizer| seen.insert(randomizer)), "handed out twice");
                asked += count as u64;
            }
            assert_eq!(pool.hits() + pool.misses(), asked);
            assert_eq!(pool.hits() > 0, producers > 0);
            assert!(pool.level() <= 64);
            assert_eq!(pool.producer_failure(), None);
        }
    }

    #[test]
    fn several_consumers_share_one_pool() {
        let pool = Pool::start(engine(), key().public_key(), 512, 96, 2).unwrap();
        let taken: Vec<Integer> = thread::scope(|scope| {
            let consume = || engine().store(&pool.take(50, &mut SecureRng::from_os()).unwrap());
            let consumers: Vec<_> = (0..3).map(|_| scope.spawn(consume)).collect();
            consumers.into_iter().flat_map(|consumer| consumer.join().unwrap()).collect()
        });
        assert_eq!(taken.len(), 150);
        assert_eq!(taken.into_iter().collect::<HashSet<_>>().len(), 150);
        assert_eq!(pool.hits() + pool.misses(), 150);
    }

    #[test]
    fn a_small_capacity_is_respected_and_no_capacity_means_no_production() {
        let public = key().public_key();
        let pool = Pool::start(engine(), public, 512, 3, 2).unwrap();
        wait_until_full(&pool, 3);
        assert_eq!(pool.level(), 3);
        let empty = Pool::start(engine(), public, 512, 0, 1).unwrap();
        assert_eq!(empty.take(2, &mut SecureRng::from_os()).unwrap().len(), 2);
        assert_eq!((empty.level(), empty.hits(), empty.misses()), (0, 0, 2));
    }

    #[test]
    fn what_the_pool_encrypts_decrypts() {
        let pool = Pool::start(engine(), key().public_key(), 512, 8, 1).unwrap();
        let values = [-5, 0, 7].map(Integer::from);
        let ciphertexts = pool.encrypt_many(engine(), &values, &mut SecureRng::from_os()).unwrap();
        let opened = key().decrypt_many(engine(), &ciphertexts).unwrap();
        assert!(opened.iter().zip(&values).all(|(opened, value)| **opened == *value));
    }
}
