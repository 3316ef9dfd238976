//! Makes the training of a combination; what combinations have in common is made once.

use std::collections::HashMap;

use super::{Combination, Settings};
use crate::arith::{Engine, EngineKind, EngineOptions, Exponents};
use crate::data::Dataset;
use crate::error::Error;
use crate::fixed::FixedPoint;
use crate::measure::rows::SweepKey;
use crate::mlp::{Batches, DeclaredBounds, InputKind, Layers, TrainingPlan};
use crate::paillier::{KeyForm, SecretKey};
use crate::protocol::config::JobConfig;
use crate::protocol::element::PoolOptions;
use crate::rng::SecureRng;
use crate::train::{Limits, Owner, TrainJob, TrainingData};

/// Engines and throw-away keys that were made so far, and the data.
pub struct Workshop<'a> {
    settings: &'a Settings,
    dataset: Dataset,
    engines: Vec<(EngineKind, usize, Engine)>,
    keys: HashMap<u32, KeyPairs>,
}

#[derive(Clone)]
struct KeyPairs {
    server: SecretKey,
    owner: SecretKey,
}

impl<'a> Workshop<'a> {
    /// Loads the data.
    pub fn open(settings: &'a Settings) -> Result<Self, Error> {
        let dataset = settings.data.load(&settings.target, settings.seed)?;
        Ok(Workshop { settings, dataset, engines: Vec::new(), keys: HashMap::new() })
    }

    /// The name of a combination. An engine that does not run here keeps the name that it was asked for by.
    pub fn key(&mut self, combination: &Combination) -> SweepKey {
        let engine = self.engine(combination);
        let widths: Vec<String> = self.widths(combination).iter().map(usize::to_string).collect();
        SweepKey {
            data: self.settings.data.to_string(),
            protocol: combination.protocol.to_string(),
            comparison: combination.comparison.to_string(),
            engine: engine.as_ref().map_or(combination.engine, Engine::kind).to_string(),
            key_bits: combination.key_bits,
            layers: widths.join("-"),
            hidden: combination.hidden as u64,
            depth: combination.depth as u64,
            batch: self.settings.batch_rows as u64,
            threads: engine.as_ref().map_or(combination.threads, Engine::threads) as u64,
            sigma: self.settings.sigma,
            fraction_bits: self.settings.fraction_bits,
            rtt_ms: 0.0,
        }
    }

    /// The training of a combination.
    pub fn job(&mut self, combination: &Combination) -> Result<TrainJob, Error> {
        let engine = self.engine(combination)?;
        let plan = self.plan(combination)?;
        let data = self.data(&plan)?;
        let config = self.config(combination, plan, data.train.rows())?;
        // Checked before keys are made, which takes much longer.
        config.bounds()?;
        let KeyPairs { server, owner } = self.keys(&engine, combination.key_bits)?;
        Ok(TrainJob {
            data: data.into(),
            owner: Owner::new(&engine, owner),
            engine,
            config,
            server_key: server,
            seed: Some(self.settings.seed),
            pool: PoolOptions::default(),
            with_twin: false,
            classify_rows: 0,
            static_folder: None,
            limits: Limits::default(),
        })
    }

    fn engine(&mut self, combination: &Combination) -> Result<Engine, Error> {
        let (kind, threads) = (combination.engine, combination.threads);
        if let Some((.., engine)) = self.engines.iter().find(|made| (made.0, made.1) == (kind, threads)) {
            return Ok(engine.clone());
        }
        let engine = Engine::new(&EngineOptions { kind, threads, constant_time: self.settings.constant_time })?;
        self.engines.push((kind, threads, engine.clone()));
        Ok(engine)
    }

    /// Key pairs with their tables, so that no step of any combination builds one.
    fn keys(&mut self, engine: &Engine, key_bits: u32) -> Result<KeyPairs, Error> {
        let keys = match self.keys.get(&key_bits) {
            Some(keys) => keys.clone(),
            None => {
                let generate = |form| SecretKey::generate_form(engine, key_bits, form, &mut SecureRng::from_os());
                let keys = KeyPairs { server: generate(self.settings.key_form)?, owner: generate(KeyForm::Full)? };
                self.keys.insert(key_bits, keys.clone());
                keys
            }
        };
        let public = keys.server.public_key();
        let longest = |bits| Exponents::single_use(vec![SecureRng::from_os().bits(bits)], bits);
        public.randomizers(engine, &longest(public.chain_randomizer_bits(self.settings.sigma)))?;
        keys.server.randomizers(engine, &longest(public.randomizer_bits()))?;
        Ok(keys)
    }

    fn widths(&self, combination: &Combination) -> Vec<usize> {
        combination.widths(self.dataset.columns(), self.dataset.classes())
    }

    fn plan(&self, combination: &Combination) -> Result<TrainingPlan, Error> {
        let settings = self.settings;
        Ok(TrainingPlan {
            layers: Layers::new(self.widths(combination))?,
            learning_rate: settings.learning_rate,
            batch_rows: settings.batch_rows,
            drop_last: settings.drop_last,
            fixed: FixedPoint::new(settings.fraction_bits)?,
            inputs: InputKind::Features,
            bounds: DeclaredBounds::defaults(settings.fraction_bits),
        })
    }

    fn data(&self, plan: &TrainingPlan) -> Result<TrainingData, Error> {
        let Settings { data, test_split, seed, .. } = self.settings;
        let input_bits = plan.bounds.bits(plan.inputs.bound());
        let (data, _) =
            TrainingData::prepare(&self.dataset, data.scaling(), *test_split, *seed, plan.fixed, input_bits)?;
        Ok(data)
    }

    fn config(&self, combination: &Combination, plan: TrainingPlan, train_rows: usize) -> Result<JobConfig, Error> {
        let settings = self.settings;
        let batches = Batches::new(train_rows, plan.batch_rows, plan.drop_last, settings.seed)?;
        Ok(JobConfig {
            data: settings.data.to_string(),
            plan,
            protocol: combination.protocol,
            comparison: combination.comparison,
            key_bits: combination.key_bits,
            key_form: settings.key_form,
            sigma: settings.sigma,
            epochs: settings.steps.div_ceil(batches.steps_per_epoch() as u64),
            max_steps: Some(settings.steps),
            train_rows,
            batch_seed: settings.seed,
            readers: Vec::new(),
        })
    }
}
