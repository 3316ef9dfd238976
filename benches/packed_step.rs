//! Where the time of a packed training step goes, by criterion: breast_cancer 30-16-2, 32 rows, 2048-bit keys.
//!
//! Both servers run real steps, P2 on a thread of its own; the clock is P1's, phase by phase, as `phase_ms` in summary.json:
//! waiting for P2 is part of a phase. Products with their refresh are `forward`, `backward` and `gradient` (with the loss, the
//! update and the fresh shares of the model), the others are `compare` and `gate`; `refresh` shares a batch and makes its
//! static ciphertexts, which happens once a batch. All phases are read off the same steps.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};
use smlp::arith::{Engine, EngineOptions};
use smlp::data::DataSpec;
use smlp::error::Error;
use smlp::fixed::FixedPoint;
use smlp::mask::MaskKey;
use smlp::mlp::{BoundName, DeclaredBounds, InputKind, Layers, TrainingPlan};
use smlp::net::Channel;
use smlp::paillier::SecretKey;
use smlp::protocol::config::{Comparison, JobConfig, MAX_STEPS, Protocol};
use smlp::protocol::element::PhaseTimes;
use smlp::protocol::mask_source::MaskSource;
use smlp::protocol::packed::{CloudServer, InputLayout, KeyServer};
use smlp::protocol::schedule::Activity;
use smlp::rng::SecureRng;
use smlp::train::{Owner, TrainingData};

const KEY_BITS: u32 = 2048;
const ROWS: usize = 32;
/// A sample is the mean of so many steps; criterion takes one sample with `--quick` and ten or eleven without.
const STEPS_A_SAMPLE: usize = 3;

/// Both servers in the middle of a training.
struct Servers {
    cloud: CloudServer,
    /// What P2 shall do next; it ends with this end.
    orders: Sender<Activity>,
    key: JoinHandle<Result<(), Error>>,
    next_step: u64,
    steps: Vec<PhaseTimes>,
    refreshes: Vec<Duration>,
}

impl Servers {
    fn start() -> Result<Self, Error> {
        let engine = Engine::new(&EngineOptions::from_env()?)?;
        let (config, data) = job()?;
        let key = || SecretKey::generate(&engine, KEY_BITS, &mut SecureRng::from_os());
        let (server_key, own, owner) = (key()?, key()?, Owner::new(&engine, key()?));
        let (cloud_end, key_end) = Channel::local_pair();
        let (orders, ordered) = channel();
        let public = server_key.public_key().clone();
        let key_server = {
            let (engine, config) = (engine.clone(), config.clone());
            spawn(move || serve(&engine, key_end, &config, server_key, &ordered))
        };
        let masks = MaskSource::Private(MaskKey::from_os());
        let mut cloud = CloudServer::connect(&engine, cloud_end, &config, &public, own, masks)?;
        let features = owner.encrypt_packed(&data.train.features, InputLayout::features(&config)?, &public)?;
        let targets = data.train.targets(config.plan.layers.outputs(), config.plan.fixed.one());
        let targets = owner.encrypt_packed(&targets, InputLayout::targets(&config)?, &public)?;
        cloud.submit(features, targets);
        let (steps, refreshes) = (Vec::new(), Vec::new());
        let mut servers = Servers { cloud, orders, key: key_server, next_step: 0, steps, refreshes };
        servers.order(Activity::InitialWeights);
        servers.cloud.initial_weights()?;
        servers.refresh()?;
        Ok(servers)
    }

    /// If P2 is gone, P1 notices when it waits for it.
    fn order(&self, activity: Activity) {
        let _ = self.orders.send(activity);
    }

    fn refresh(&mut self) -> Result<(), Error> {
        let started = Instant::now();
        self.order(Activity::RefreshBatch { batch: 0 });
        self.cloud.refresh_batch(0)?;
        self.refreshes.push(started.elapsed());
        Ok(())
    }

    fn step(&mut self) -> Result<(), Error> {
        self.order(Activity::Step { step: self.next_step, epoch: 1, batch: 0 });
        let phases = self.cloud.step(self.next_step, 0)?;
        self.next_step += 1;
        self.steps.push(phases);
        Ok(())
    }

    /// Time of `phase` in step number `index`, of the whole step without a phase; runs the steps up to there.
    fn time_in_step(&mut self, index: usize, phase: Option<&str>) -> Duration {
        while self.steps.len() <= index {
            self.step().expect("a step of a training that fits its bounds");
        }
        let laps = self.steps[index].iter().filter(|(name, _)| phase.is_none_or(|phase| phase == *name));
        laps.map(|(_, lap)| *lap).sum()
    }

    fn time_of_refresh(&mut self, index: usize) -> Duration {
        while self.refreshes.len() <= index {
            self.refresh().expect("a batch is shared as it was before");
        }
        self.refreshes[index]
    }

    fn end(self) {
        drop((self.orders, self.cloud));
        self.key.join().expect("P2 does not panic").expect("P2 ends when nothing is ordered any more");
    }
}

/// P2.
fn serve(
    engine: &Engine,
    channel: Channel,
    config: &JobConfig,
    key: SecretKey,
    ordered: &Receiver<Activity>,
) -> Result<(), Error> {
    let reader = key.public_key().clone();
    let mut server = KeyServer::connect(engine, channel, config, key, MaskSource::Private(MaskKey::from_os()))?;
    ordered.iter().try_for_each(|activity| server.run(activity, &reader))
}

/// breast_cancer with a learning rate so small that any number of steps on one batch stays within every bound.
fn job() -> Result<(JobConfig, TrainingData), Error> {
    let (spec, fixed, bounds) = (DataSpec::BreastCancer, FixedPoint::new(13)?, DeclaredBounds::defaults(13));
    let dataset = spec.load("label", 1)?;
    let bits = bounds.bits(BoundName::Inputs);
    let (data, _) = TrainingData::prepare(&dataset, spec.scaling(), 0.2, 1, fixed, bits)?;
    let plan = TrainingPlan {
        layers: Layers::new(vec![dataset.columns(), 16, dataset.classes()])?,
        learning_rate: 0.05,
        batch_rows: ROWS,
        drop_last: true,
        fixed,
        inputs: InputKind::Features,
        bounds,
    };
    let config = JobConfig {
        data: spec.to_string(),
        plan,
        protocol: Protocol::Packed,
        comparison: Comparison::Blinded,
        key_bits: KEY_BITS,
        key_form: smlp::paillier::KeyForm::Full,
        sigma: 40,
        epochs: MAX_STEPS,
        max_steps: Some(MAX_STEPS),
        train_rows: data.train.rows(),
        batch_seed: 1,
        readers: Vec::new(),
    };
    Ok((config, data))
}

fn packed_step(criterion: &mut Criterion) {
    let mut servers = Servers::start().expect("a training starts");
    servers.step().expect("the first step, which makes tables, is not measured");
    servers.steps.clear();
    servers.step().expect("a step");
    let phases: Vec<&str> = servers.steps[0].iter().map(|(name, _)| *name).collect();

    let mut group = criterion.benchmark_group("packed step");
    group.sampling_mode(SamplingMode::Flat);
    for phase in phases.into_iter().map(Some).chain([None]) {
        // Every phase begins with the first measured step; only the one that needs the most runs new ones.
        let mut next = 0;
        group.bench_function(phase.unwrap_or("whole step"), |bencher| {
            bencher.iter_custom(|samples| {
                let from = next;
                next += samples as usize * STEPS_A_SAMPLE;
                (from..next).map(|index| servers.time_in_step(index, phase)).sum::<Duration>() / STEPS_A_SAMPLE as u32
            });
        });
    }
    let mut next = 0;
    group.bench_function("refresh", |bencher| {
        bencher.iter_custom(|samples| {
            let from = next;
            next += samples as usize * STEPS_A_SAMPLE;
            (from..next).map(|index| servers.time_of_refresh(index)).sum::<Duration>() / STEPS_A_SAMPLE as u32
        });
    });
    group.finish();
    servers.end();
}

criterion_group! {
    name = benches;
    // The least that criterion takes: it would fill longer times with more steps, which take seconds.
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_nanos(1))
        .measurement_time(Duration::from_nanos(1));
    targets = packed_step
}
criterion_main!(benches);
