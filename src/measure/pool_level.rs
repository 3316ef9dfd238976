//! How full a pool of randomisers is while a consumer draws from it steadily.

use std::time::{Duration, Instant};

use super::rows::PoolRow;
use crate::arith::Engine;
use crate::error::Error;
use crate::paillier::{Pool, PublicKey};
use crate::rng::SecureRng;

/// Randomisers that the rate of production is measured on.
const RATE_SAMPLE: usize = 64;

/// A pool and its consumer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Draws {
    /// Most randomisers that lie ready.
    pub capacity: usize,
    /// Randomisers a second that are drawn.
    pub per_second: f64,
    /// Time from one draw to the next.
    pub interval: Duration,
    /// How long to watch.
    pub duration: Duration,
}

impl Draws {
    fn count(&self) -> usize {
        (self.per_second * self.interval.as_secs_f64()).ceil() as usize
    }
}

/// Randomisers a second that `engine` makes when it does nothing else.
///
/// # Errors
/// If the engine fails.
pub fn production_per_second(engine: &Engine, key: &PublicKey) -> Result<f64, Error> {
    let make = || Pool::start(engine, key, key.randomizer_bits(), 0, 0)?.take(RATE_SAMPLE, &mut SecureRng::from_os());
    // The first call builds the table.
    make()?;
    let start = Instant::now();
    make()?;
    Ok(RATE_SAMPLE as f64 / start.elapsed().as_secs_f64())
}

/// The level just before and just after each draw, from an empty pool on.
///
/// # Errors
/// If the engine fails.
pub fn watch(engine: &Engine, key: &PublicKey, producers: usize, draws: &Draws) -> Result<Vec<PoolRow>, Error> {
    let pool = Pool::start(engine, key, key.randomizer_bits(), draws.capacity, producers)?;
    let mut rng = SecureRng::from_os();
    let start = Instant::now();
    let sample = || PoolRow {
        producers: producers as u64,
        seconds: start.elapsed().as_secs_f64(),
        level: pool.level() as u64,
        hits: Some(pool.hits()),
        misses: Some(pool.misses()),
        key_bits: Some(key.key_bits()),
    };
    let mut rows = vec![sample()];
    let mut next = draws.interval;
    while next <= draws.duration {
        std::thread::sleep(next.saturating_sub(start.elapsed()));
        rows.push(sample());
        pool.take(draws.count(), &mut rng)?;
        rows.push(sample());
        // A consumer that had to wait goes on from then, it does not catch up.
        next = next.max(start.elapsed()) + draws.interval;
    }
    Ok(rows)
}
