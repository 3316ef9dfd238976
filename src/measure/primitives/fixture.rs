//! What the workloads of one key length share.

use std::cell::OnceCell;

use rug::Integer;

use crate::arith::{ConstantTime, Engine, EngineOptions, Exponents};
use crate::error::Error;
use crate::fixed::FixedPoint;
use crate::mlp::{DeclaredBounds, InputKind, Layers, TrainingPlan};
use crate::paillier::{Ciphertexts, KeyForm, PublicKey, SecretKey};
use crate::protocol::config::{Comparison, JobConfig, Protocol};
use crate::rng::{SecureRng, SeededRng};

/// Randomisers that ciphertexts made by rug take turns with: enough for eight lanes to hold different numbers.
const BLINDS: usize = 8;
/// Statistical parameter of the protocols' operations.
pub(super) const SIGMA: u32 = 40;
/// Fractional bits of the protocols' operations.
pub(super) const FRACTION_BITS: u32 = 13;

/// An engine, a throw-away key pair, and inputs that were made without either.
pub struct Fixture {
    engine: Engine,
    /// Fills pools, so that a producer is never in the way of what is measured.
    pool_engine: Engine,
    key: SecretKey,
    blinds: Vec<Integer>,
    /// The same with a key of the other form, made when it is first needed.
    subgroup: OnceCell<Box<Fixture>>,
}

impl Fixture {
    /// Makes a key pair of `key_bits` and builds its tables, so that no workload does.
    ///
    /// # Errors
    /// If there is no such key length or the engine fails.
    pub fn new(engine: &Engine, key_bits: u32) -> Result<Self, Error> {
        Fixture::with_form(engine, key_bits, KeyForm::Full)
    }

    fn with_form(engine: &Engine, key_bits: u32, form: KeyForm) -> Result<Self, Error> {
        let key = SecretKey::generate_form(engine, key_bits, form, &mut SecureRng::from_os())?;
        let constant_time: ConstantTime = engine.constant_time();
        let pool_engine = Engine::new(&EngineOptions { kind: engine.kind(), threads: 1, constant_time })?;
        let blinds = (0..BLINDS).map(|_| blind(key.public_key())).collect();
        let fixture = Fixture { engine: engine.clone(), pool_engine, key, blinds, subgroup: OnceCell::new() };
        fixture.build_tables()?;
        Ok(fixture)
    }

    /// The engine that is measured.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Length of the key.
    pub fn key_bits(&self) -> u32 {
        self.public_key().key_bits()
    }

    /// What the operations with a key of this form share.
    pub(super) fn of_form(&self, form: KeyForm) -> Result<&Fixture, Error> {
        if form == KeyForm::Full {
            return Ok(self);
        }
        if self.subgroup.get().is_none() {
            let made = Fixture::with_form(&self.engine, self.key_bits(), form)?;
            // Nobody else can have set it in between.
            let _ = self.subgroup.set(Box::new(made));
        }
        Ok(self.subgroup.get().expect("it was set just now"))
    }

    pub(super) fn pool_engine(&self) -> &Engine {
        &self.pool_engine
    }

    pub(super) fn key(&self) -> &SecretKey {
        &self.key
    }

    pub(super) fn public_key(&self) -> &PublicKey {
        self.key.public_key()
    }

    /// Ciphertexts (1 + n v) R of signed `values`, computed with rug alone.
    pub(super) fn seal(&self, values: &[Integer]) -> Result<Ciphertexts, Error> {
        let key = self.public_key();
        let n_squared = key.modulus().value();
        let seal = |(value, blind): (&Integer, &Integer)| {
            let encoded = (Integer::from(value * key.n()) + 1u32) * blind;
            encoded.modulo(n_squared)
        };
        let sealed: Vec<Integer> = values.iter().zip(self.blinds.iter().cycle()).map(seal).collect();
        Ok(Ciphertexts::admit(&self.engine, key, &sealed)?)
    }

    /// A job that declares the usual bounds, for the protocols' operations.
    pub(super) fn job(&self, protocol: Protocol, comparison: Comparison) -> Result<JobConfig, Error> {
        let plan = TrainingPlan {
            layers: Layers::new(vec![1, 1, 1])?,
            learning_rate: 1.0,
            batch_rows: 1,
            drop_last: false,
            fixed: FixedPoint::new(FRACTION_BITS)?,
            inputs: InputKind::Features,
            bounds: DeclaredBounds::defaults(FRACTION_BITS),
        };
        Ok(JobConfig {
            data: "primitives".into(),
            plan,
            protocol,
            comparison,
            key_bits: self.key_bits(),
            key_form: self.public_key().form(),
            sigma: SIGMA,
            epochs: 1,
            max_steps: None,
            train_rows: 1,
            batch_seed: 0,
            readers: Vec::new(),
        })
    }

    fn build_tables(&self) -> Result<(), Error> {
        let longest = |bits| Exponents::single_use(vec![SecureRng::from_os().bits(bits)], bits);
        let public = self.public_key();
        public.randomizers(&self.engine, &longest(public.chain_randomizer_bits(SIGMA)))?;
        self.key.randomizers(&self.engine, &longest(public.randomizer_bits()))?;
        Ok(())
    }
}

/// A randomiser as rug computes it: r^n modulo n^2 for a random r, or h^s where h generates a subgroup.
pub(super) fn blind(key: &PublicKey) -> Integer {
    let mut rng = SecureRng::from_os();
    let power = match key.form() {
        KeyForm::Full => Integer::clone(&rng.below(key.n())).pow_mod(key.n(), key.modulus().value()),
        KeyForm::Subgroup => {
            key.h().clone().pow_mod(&rng.bits(key.randomizer_bits()).to_integer(), key.modulus().value())
        }
    };
    power.expect("a power with a positive exponent exists")
}

/// `count` numbers below 2^`bits`, always the same.
pub(super) fn unsigned(count: usize, bits: u32) -> Vec<Integer> {
    let mut rng = SeededRng::new(u64::from(bits), "inputs of the primitives");
    (0..count).map(|_| rng.integer(bits)).collect()
}

/// `count` numbers of either sign, |v| < 2^`bits`, always the same.
pub(super) fn signed(count: usize, bits: u32) -> Vec<Integer> {
    let sign = |(i, number): (usize, Integer)| if i % 2 == 0 { number } else { -number };
    unsigned(count, bits).into_iter().enumerate().map(sign).collect()
}
