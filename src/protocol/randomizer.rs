//! What P1 multiplies onto every ciphertext before it leaves, so that P2, who can open randomisers, sees h^s alone.
//!
//! s is uniform in [0, 2^(|n| + sigma)) in the element-wise protocol (protocol rule 1); each h^s is used once. In tests
//! the exponents are recorded and the rule can be broken on purpose, to show that the tests of P2's view notice.

use crate::arith::Engine;
use crate::error::Error;
use crate::paillier::{Ciphertexts, Pool, PublicKey};
use crate::rng::SecureRng;

/// How P1 makes the randomisers that it multiplies onto what it sends.
#[derive(Debug, Clone, Copy, Default)]
pub struct PoolOptions {
    /// Background threads that fill the pool.
    pub producers: usize,
    /// Randomisers kept ready.
    pub capacity: usize,
}

/// A source of fresh randomisers h^s.
pub(crate) struct Randomizer {
    engine: Engine,
    key: PublicKey,
    exponent_bits: u32,
    options: PoolOptions,
    opened: bool,
    pool: Pool,
    #[cfg(test)]
    pub(crate) witness: Option<witness::Witness>,
}

impl Randomizer {
    /// Randomisers with exponents of `exponent_bits` bits, made on the spot until the pool is opened.
    pub fn new(engine: &Engine, key: &PublicKey, exponent_bits: u32, options: PoolOptions) -> Result<Self, Error> {
        Ok(Randomizer {
            engine: engine.clone(),
            key: key.clone(),
            exponent_bits,
            options,
            opened: false,
            pool: Pool::start(engine, key, exponent_bits, options.capacity, 0)?,
            #[cfg(test)]
            witness: None,
        })
    }

    /// Lets the producers begin, once: the clock of the training starts with an empty pool and counts their work.
    pub fn open_pool(&mut self) -> Result<(), Error> {
        if !std::mem::replace(&mut self.opened, true) {
            let PoolOptions { capacity, producers } = self.options;
            self.pool = Pool::start(&self.engine, &self.key, self.exponent_bits, capacity, producers)?;
        }
        Ok(())
    }

    /// The same plaintexts under fresh randomisers.
    pub fn rerandomize(
        &mut self,
        engine: &Engine,
        ciphertexts: &Ciphertexts,
        rng: &mut SecureRng,
    ) -> Result<Ciphertexts, Error> {
        #[cfg(test)]
        if let Some(witness) = &mut self.witness {
            return witness.rerandomize(engine, ciphertexts, rng);
        }
        let randomizers = self.pool.take(ciphertexts.len(), rng)?;
        Ok(ciphertexts.multiply_randomizers(engine, &randomizers)?)
    }

    /// The pool, for its level and counts.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }
}

#[cfg(test)]
pub(crate) mod witness {
    //! Randomisers whose exponents a test can see.

    use rug::Integer;

    use crate::arith::{Engine, Exponents};
    use crate::error::Error;
    use crate::paillier::Ciphertexts;
    use crate::rng::SecureRng;

    /// Records what is multiplied onto what; `fault` breaks the rule.
    pub(crate) struct Witness {
        pub exponent_bits: u32,
        pub randomized: Vec<Randomized>,
        pub fault: Option<Fault>,
    }

    /// A message before its randomisers, and the exponents of these.
    pub(crate) struct Randomized {
        pub before: Ciphertexts,
        pub exponents: Vec<Integer>,
    }

    /// Ways to get re-randomisation wrong.
    #[derive(Clone, Copy, PartialEq, Eq)]
    pub(crate) enum Fault {
        /// Nothing is multiplied.
        Off,
        /// Every second randomiser repeats the one before.
        Repeated,
        /// Half the length.
        Short,
    }

    impl Witness {
        pub fn rerandomize(
            &mut self,
            engine: &Engine,
            ciphertexts: &Ciphertexts,
            rng: &mut SecureRng,
        ) -> Result<Ciphertexts, Error> {
            let bits = if self.fault == Some(Fault::Short) { self.exponent_bits / 2 } else { self.exponent_bits };
            let mut exponents: Vec<_> = (0..ciphertexts.len()).map(|_| rng.bits(bits)).collect();
            if self.fault == Some(Fault::Repeated) {
                for i in (1..exponents.len()).step_by(2) {
                    exponents[i] = exponents[i - 1].clone();
                }
            }
            let recorded = exponents.iter().map(|exponent| Integer::clone(&exponent.to_integer())).collect();
            self.randomized.push(Randomized { before: ciphertexts.clone(), exponents: recorded });
            if self.fault == Some(Fault::Off) {
                return Ok(ciphertexts.clone());
            }
            let randomizers = ciphertexts.key().randomizers(engine, &Exponents::single_use(exponents, bits))?;
            Ok(ciphertexts.multiply_randomizers(engine, &randomizers)?)
        }
    }
}
