//! A training as the tests of this protocol want it: both servers as they are, everything they touch on record.

use std::sync::OnceLock;

use rug::Integer;

use crate::arith::{Engine, EngineError, EngineKind, EngineOptions};
use crate::data::{DataSpec, Scaler, split};
use crate::error::Error;
use crate::fixed::FixedPoint;
use crate::mask::{MaskKey, Purpose};
use crate::mlp::batches::gather;
use crate::mlp::metrics::one_hot;
use crate::mlp::twin::StepTrace;
use crate::mlp::{DeclaredBounds, FixedModel, InputKind, TrainingPlan, Twin};
use crate::net::Channel;
use crate::paillier::{Ciphertexts, KeyForm, SecretKey};
use crate::protocol::bounds::Bounds;
use crate::protocol::config::{Comparison, JobConfig, Protocol};
use crate::protocol::message::Operation;
use crate::protocol::place::Place;
use crate::protocol::randomizer::witness::{Fault, Randomized, Witness};
use crate::protocol::rounding::MaskRounding;
use crate::protocol::schedule::{Activity, training};
use crate::rng::SecureRng;
use crate::secret::SecretIntegers;

use super::PoolOptions;
use super::cloud_server::CloudServer;
use super::{EncryptedModel, KeyServer};
use crate::protocol::mask_source::{MaskSource, initial_addend};

/// A message as its receiver has it.
pub(super) type Message = (Place, Operation, Ciphertexts);

/// What P1 did in the clear, and ways to make it do wrong.
#[derive(Default)]
pub(super) struct CloudWitness {
    pub received: Vec<Message>,
    pub drawn: Vec<DrawnMasks>,
    pub steps: Vec<StepRecord>,
    pub reuse_masks: bool,
}

/// The masks of one tensor.
pub(super) struct DrawnMasks {
    pub place: Place,
    pub purpose: Purpose,
    pub value_bits: u32,
    pub masks: Vec<Integer>,
}

/// P1's ciphertexts after one step.
pub(super) struct StepRecord {
    pub sums: Vec<Ciphertexts>,
    pub gates: Vec<Ciphertexts>,
    pub activations: Vec<Ciphertexts>,
    pub deltas: Vec<Ciphertexts>,
    pub loss_sum: Option<Ciphertexts>,
    pub model: EncryptedModel,
}

impl CloudWitness {
    /// Records masks, after spoiling them if a test wants that.
    pub fn masks(&mut self, place: Place, purpose: Purpose, value_bits: u32, drawn: SecretIntegers) -> SecretIntegers {
        let mut masks = drawn.to_vec();
        if self.reuse_masks && masks.len() > 1 {
            masks[1] = masks[0].clone();
        }
        self.drawn.push(DrawnMasks { place, purpose, value_bits, masks: masks.clone() });
        masks.into_iter().collect()
    }
}

/// What to do wrong in a run.
#[derive(Clone, Copy, Default)]
pub(crate) struct Faults {
    pub reuse_masks: bool,
    pub sigma: Option<u32>,
    pub randomizer: Option<Fault>,
}

/// A job and the data it trains on.
pub(crate) struct TestRun {
    pub config: JobConfig,
    pub features: Vec<i64>,
    pub labels: Vec<u32>,
    pub engine: &'static Engine,
    pub seed: u64,
    pub faults: Faults,
}

/// Messages that P2 received and results of its tests for zero.
type KeyWitness = (Vec<Message>, Vec<bool>);

/// Everything that happened.
pub(super) struct Record {
    pub cloud: CloudWitness,
    pub at_key_server: Vec<Message>,
    /// Results of P2's tests for zero, one a comparison that leaks nothing.
    pub zeros: Vec<bool>,
    pub randomized: Vec<Randomized>,
    pub twin: Vec<StepTrace>,
    pub initial: FixedModel,
    /// The twin's model after each step.
    pub models: Vec<FixedModel>,
    pub masks: MaskKey,
}

/// One engine of `threads` threads for all tests.
pub(crate) fn engine(threads: usize) -> &'static Engine {
    static ENGINES: [OnceLock<Engine>; 2] = [OnceLock::new(), OnceLock::new()];
    ENGINES[threads - 1].get_or_init(|| {
        Engine::new(&EngineOptions { threads, ..EngineOptions::from_env().unwrap() }).expect("an engine")
    })
}

/// One engine of each kind that runs here, of two threads; says which kinds do not.
pub(crate) fn engines() -> &'static [Engine] {
    static ENGINES: OnceLock<Vec<Engine>> = OnceLock::new();
    ENGINES.get_or_init(|| {
        let kinds = EngineKind::ALL.into_iter().filter(|kind| *kind != EngineKind::Auto);
        let engine = |kind| match Engine::new(&EngineOptions { kind, threads: 2, ..EngineOptions::default() }) {
            Err(error @ EngineError::Unavailable { .. }) => {
                eprintln!("NOT RUN: {error}");
                None
            }
            engine => Some(engine.expect("an engine that is available gives the known answers")),
        };
        kinds.filter_map(engine).collect()
    })
}

/// One key of P2 for all tests.
pub(crate) fn server_key() -> &'static SecretKey {
    static KEY: OnceLock<SecretKey> = OnceLock::new();
    KEY.get_or_init(|| new_key(KeyForm::Full))
}

/// P2's key for jobs with keys of this form.
pub(crate) fn server_key_of(form: KeyForm) -> &'static SecretKey {
    static SUBGROUP: OnceLock<SecretKey> = OnceLock::new();
    match form {
        KeyForm::Full => server_key(),
        KeyForm::Subgroup => SUBGROUP.get_or_init(|| new_key(form)),
    }
}

/// A key of the length of [`test_job`].
pub(crate) fn new_key(form: KeyForm) -> SecretKey {
    SecretKey::generate_form(engine(2), 1024, form, &mut SecureRng::from_os()).unwrap()
}

/// A small job at 1024 bits.
pub(crate) fn test_job(layers: &str, batch_rows: usize) -> JobConfig {
    JobConfig {
        data: "test".into(),
        plan: TrainingPlan {
            layers: layers.parse().unwrap(),
            learning_rate: 0.2,
            batch_rows,
            drop_last: false,
            fixed: FixedPoint::new(13).unwrap(),
            inputs: InputKind::Features,
            bounds: DeclaredBounds::defaults(13),
        },
        protocol: Protocol::Element,
        comparison: Comparison::Blinded,
        key_bits: 1024,
        key_form: KeyForm::Full,
        sigma: 40,
        epochs: 1,
        max_steps: None,
        train_rows: 8,
        batch_seed: 1,
        readers: Vec::new(),
    }
}

impl TestRun {
    /// The first `rows` training rows of a built-in data set, scaled as it is.
    pub fn on(spec: &str, layers: &str, batch_rows: usize, rows: usize, max_steps: u64) -> Self {
        let spec: DataSpec = spec.parse().unwrap();
        let parts = split(&spec.load("label", 1).unwrap(), 0.2, 1).unwrap();
        let scaler = Scaler::fit(spec.scaling(), &parts.train.table).unwrap();
        let table = scaler.apply(&parts.train.table).unwrap();
        let columns = table.columns();
        let config =
            JobConfig { train_rows: rows, max_steps: Some(max_steps), epochs: 2, ..test_job(layers, batch_rows) };
        let features = table.encode(config.plan.fixed, config.plan.bounds.inputs).unwrap();
        TestRun {
            features: features[..rows * columns].to_vec(),
            labels: parts.train.labels[..rows].to_vec(),
            config,
            engine: engine(2),
            seed: 1,
            faults: Faults::default(),
        }
    }

    /// Trains with both servers and with the twin.
    pub(super) fn record(&self) -> Record {
        let masks = MaskKey::from_experiment_seed(self.seed, "P1");
        let (twin, initial, models) = self.twin(&masks);
        let (cloud, (at_key_server, zeros), randomized) = self.servers(&masks).unwrap();
        Record { cloud, at_key_server, zeros, randomized, twin, initial, models, masks }
    }

    pub(crate) fn activities(&self) -> Vec<Activity> {
        let mut activities = training(&self.config, &self.config.batches().unwrap());
        activities.retain(|activity| !matches!(activity, Activity::ReadLoss { .. } | Activity::ReadModel { .. }));
        activities
    }

    pub(crate) fn twin(&self, masks: &MaskKey) -> (Vec<StepTrace>, FixedModel, Vec<FixedModel>) {
        let plan = &self.config.plan;
        let theirs = MaskKey::from_experiment_seed(self.seed, "P2");
        let addends = [masks, &theirs].map(|key| initial_addend(&self.config, key).unwrap());
        let initial = FixedModel::sum(&plan.layers, &addends[0], &addends[1]).unwrap();
        let rounding = MaskRounding::new(masks.clone(), self.bounds());
        let mut twin = Twin::new(plan.clone(), initial.clone(), rounding, 0).unwrap();
        let batches = self.config.batches().unwrap();
        let (mut traces, mut models) = (Vec::new(), Vec::new());
        for activity in self.activities() {
            if let Activity::Step { batch, .. } = activity {
                let members = &batches.members()[batch];
                let features = gather(&self.features, plan.layers.inputs(), members);
                traces.push(twin.step(&features, &gather(&self.labels, 1, members)).unwrap());
                models.push(twin.model().clone());
            }
        }
        (traces, initial, models)
    }

    fn bounds(&self) -> Bounds {
        let bounds = self.config.bounds().unwrap();
        self.faults.sigma.map_or(bounds.clone(), |sigma| bounds.with_unchecked_sigma(sigma))
    }

    fn servers(&self, masks: &MaskKey) -> Result<(CloudWitness, KeyWitness, Vec<Randomized>), Error> {
        let (engine, key) = (self.engine, server_key());
        let (cloud_end, key_end) = Channel::local_pair();
        let activities = self.activities();
        std::thread::scope(|scope| {
            let key_server = scope.spawn(|| -> Result<KeyWitness, Error> {
                let addend = MaskSource::Experiment(MaskKey::from_experiment_seed(self.seed, "P2"));
                let mut server = KeyServer::connect(engine, key_end, &self.config, key.clone(), addend)?;
                server.side.bounds = self.bounds();
                activities.iter().try_for_each(|activity| server.run(*activity, key.public_key()))?;
                Ok((server.side.received, server.side.zeros))
            });
            let mut server = self.cloud(engine, cloud_end, masks)?;
            for activity in &activities {
                match *activity {
                    Activity::InitialWeights => server.initial_weights()?,
                    Activity::RefreshBatch { batch } => server.refresh_batch(batch)?,
                    Activity::Step { step, batch, .. } => server.step(step, batch).map(drop)?,
                    Activity::TestModel { step } => server.test_model(step)?,
                    _ => unreachable!("only trained here"),
                }
            }
            let randomized = std::mem::take(&mut server.side.randomizer.witness.as_mut().unwrap().randomized);
            Ok((std::mem::take(&mut server.side.witness), key_server.join().unwrap()?, randomized))
        })
    }

    fn cloud(&self, engine: &Engine, channel: Channel, masks: &MaskKey) -> Result<CloudServer, Error> {
        let public_key = server_key().public_key();
        let source = MaskSource::Experiment(masks.clone());
        let pool = PoolOptions::default();
        let mut server = CloudServer::connect(engine, channel, &self.config, public_key, source, pool)?;
        server.side.bounds = self.bounds();
        server.side.witness.reuse_masks = self.faults.reuse_masks;
        let exponent_bits = public_key.chain_randomizer_bits(self.config.sigma);
        let fault = self.faults.randomizer;
        server.side.randomizer.witness = Some(Witness { exponent_bits, randomized: Vec::new(), fault });
        let targets = one_hot(&self.labels, self.config.plan.layers.outputs(), self.config.plan.fixed.one());
        server.submit(encrypt(engine, &self.features), encrypt(engine, &targets));
        Ok(server)
    }
}

fn encrypt(engine: &Engine, values: &[i64]) -> Ciphertexts {
    let values: Vec<Integer> = values.iter().map(|value| Integer::from(*value)).collect();
    server_key().encrypt_many(engine, &values, &mut SecureRng::from_os()).unwrap()
}

/// Opens ciphertexts of the usual engine under P2's key.
pub(super) fn open(ciphertexts: &Ciphertexts) -> Vec<Integer> {
    open_on(engine(2), ciphertexts)
}

/// Opens ciphertexts that this kind of engine made.
pub(super) fn open_on(engine: &Engine, ciphertexts: &Ciphertexts) -> Vec<Integer> {
    let values = server_key().decrypt_many(engine, ciphertexts).unwrap();
    values.iter().map(|value| Integer::clone(value)).collect()
}
