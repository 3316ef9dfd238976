//! Runs the schedule: P2 on a thread of its own, P1 and then the user on this one.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::arith::Engine;
use crate::error::Error;
use crate::mask::MaskKey;
use crate::mlp::metrics::{correct, labels_of, mean_loss};
use crate::mlp::{Batches, FixedModel, FloatNetwork, Twin, twin};
use crate::net::{Channel, Traffic};
use crate::paillier::SecretKey;
use crate::protocol::config::{JobConfig, Protocol, Reader};
use crate::protocol::element::PoolOptions;
use crate::protocol::mask_source::MaskSource;
use crate::protocol::packed::{StaticSize, WorkTimes};
use crate::protocol::rounding::MaskRounding;
use crate::protocol::schedule::{self, Activity, Answer};

use super::agenda::{Agenda, Ending, Limits};
use super::evaluation::evaluate;
use super::observer::{Event, Observer};
use super::owner::saturating_i64;
use super::parties::run_both;
use super::record::TrainingRecord;
use super::rows::JobData;
use super::servers::{Cloud, Key};
use super::{Classified, EpochFigures, LabelledRows, Owner, StoredTensor};

/// A training and everything it needs.
pub struct TrainJob {
    /// The engine both servers compute with.
    pub engine: Engine,
    /// What the servers agree on; the owner's key is added to its readers.
    pub config: JobConfig,
    /// Rows to train on, and to measure on if they are in the clear.
    pub data: JobData,
    /// P2's key pair.
    pub server_key: SecretKey,
    /// The user.
    pub owner: Owner,
    /// Seeds masks and initial weights ("experiment, not private"); without it they come from the operating system.
    pub seed: Option<u64>,
    /// How P1 makes randomisers.
    pub pool: PoolOptions,
    /// Trains the integer twin alongside and compares; needs the rows in the clear.
    pub with_twin: bool,
    /// Test rows to classify under encryption at the end; none without rows in the clear.
    pub classify_rows: usize,
    /// Where each server makes a folder for its static ciphertexts, which goes away at the end; none: in memory.
    pub static_folder: Option<PathBuf>,
    /// When to end before the schedule does.
    pub limits: Limits,
}

/// What came out.
pub struct Outcome {
    /// What the servers agreed on, with every reader.
    pub config: JobConfig,
    /// What was measured.
    pub record: TrainingRecord,
    /// How it ended.
    pub ending: Ending,
    /// What the encrypted classification at the end gave; none without rows.
    pub classified: Option<Classified>,
    /// The model as it stays at P1.
    pub model: StoredTensor,
    /// The losses of the epochs as they stay at P1; none if no epoch was trained.
    pub curve: Option<StoredTensor>,
    /// The model as its owner reads it.
    pub open_model: FixedModel,
}

/// Runs a training.
///
/// # Errors
/// Whatever either party ran into; the party that failed first is the one that is reported.
pub fn run(mut job: TrainJob, observer: &mut dyn Observer) -> Result<Outcome, Error> {
    let owner_key = job.owner.public_key().clone();
    job.config.readers.push(Reader { key_id: owner_key.id(), answers: true, model: true });
    let batches = job.config.batches()?;
    let mut activities = schedule::training(&job.config, &batches);
    let test_rows = job.data.plain().map_or(0, |data| data.test.rows());
    let classify_rows = job.classify_rows.min(test_rows);
    if classify_rows > 0 {
        let answer = match job.config.protocol {
            Protocol::Element => Answer::Scores,
            Protocol::Packed => Answer::Labels,
        };
        activities.push(Activity::Classify { query: 0, rows: classify_rows, answer });
    }
    observer.event(Event::Planned { activities: &activities });
    let size = StaticSize::of_training(&job.config)?;
    let static_folder = job.static_folder.as_deref();
    if size.batches > 0 {
        observer.event(Event::StaticCiphertexts { size, folder: static_folder });
    }

    let (engine, config, server_key) = (job.engine.clone(), job.config.clone(), job.server_key.clone());
    let mut agenda = Agenda::new(job.config.comparison, activities, &batches, job.limits.clone());
    let key_masks = mask_source(job.seed, "P2");
    let work = [WorkTimes::default(), WorkTimes::default()];
    let key_work = work[1].clone();
    // P2 is told what comes next when P1's clock of it starts: nothing is computed between clocks, and both can stop.
    let (told, orders) = mpsc::channel();
    run_both(
        |channel| {
            let mut run = Run::start(&job, &batches, channel, observer, size.bytes, work)?;
            while let Some(activity) = agenda.next(Instant::now()) {
                // If P2 is gone, its error tells why, and playing the activity notices.
                let _ = told.send(activity);
                run.play(activity)?;
            }
            drop(told);
            run.finish(agenda.ending())
        },
        move |channel| {
            let mut server = Key::connect(&engine, channel, &config, server_key, key_masks)?;
            static_folder.map_or(Ok(()), |folder| server.keep_static_in(&static_folder_of(folder, "p2")))?;
            server.count_work(key_work);
            orders.iter().try_for_each(|activity| server.run(activity, &owner_key))?;
            server.store()
        },
    )
}

/// A folder of its own for each server.
fn static_folder_of(folder: &Path, party: &str) -> PathBuf {
    folder.join(format!("static-{party}"))
}

fn mask_source(seed: Option<u64>, party: &str) -> MaskSource {
    match seed {
        Some(seed) => MaskSource::Experiment(MaskKey::from_experiment_seed(seed, party)),
        None => MaskSource::Private(MaskKey::from_os()),
    }
}

/// The state of P1 and the user while the schedule runs.
struct Run<'a> {
    job: &'a TrainJob,
    batches: &'a Batches,
    observer: &'a mut dyn Observer,
    server: Cloud,
    /// The twin, the baseline and the model as last read; there from epoch 0 on.
    open: Option<Open>,
    /// The current epoch's steps, and the test of the model after them.
    epoch: EpochSoFar,
    lazy_time: Duration,
    record: TrainingRecord,
    classified: Option<Classified>,
}

/// What exists in the clear at the user.
struct Open {
    model: FixedModel,
    baseline: FloatNetwork,
    twin: Option<Twin<MaskRounding>>,
}

#[derive(Default)]
struct EpochSoFar {
    time: Duration,
    traffic: Traffic,
    twin_loss: i128,
    running_loss: Option<f64>,
}

impl EpochSoFar {
    fn add(&mut self, elapsed: Duration, traffic: &Traffic) {
        self.time += elapsed;
        self.traffic.bytes_sent += traffic.bytes_sent;
        self.traffic.bytes_received += traffic.bytes_received;
        self.traffic.round_trips += traffic.round_trips;
    }
}

impl<'a> Run<'a> {
    fn start(
        job: &'a TrainJob,
        batches: &'a Batches,
        channel: Channel,
        observer: &'a mut dyn Observer,
        static_bytes: u64,
        work: [WorkTimes; 2],
    ) -> Result<Self, Error> {
        let started = Instant::now();
        let masks = mask_source(job.seed, "P1");
        let server_key = job.server_key.public_key();
        let mut server = Cloud::connect(&job.engine, channel, &job.config, server_key, masks, job.pool)?;
        job.static_folder.as_deref().map_or(Ok(()), |folder| server.keep_static_in(&static_folder_of(folder, "p1")))?;
        server.count_work(work[0].clone());
        let sent = submit(job, &mut server, observer)?;
        let wants_twin = job.with_twin && job.data.plain().is_some();
        let record = TrainingRecord {
            setup_bytes: sent + both_ways(&server.traffic()),
            setup: started.elapsed(),
            static_bytes,
            work: (job.config.protocol == Protocol::Packed).then_some(work),
            twin_equal: wants_twin.then_some(true),
            ..TrainingRecord::default()
        };
        Ok(Run {
            job,
            batches,
            observer,
            server,
            open: None,
            epoch: EpochSoFar::default(),
            lazy_time: Duration::ZERO,
            record,
            classified: None,
        })
    }

    fn play(&mut self, activity: Activity) -> Result<(), Error> {
        let (started, before) = (Instant::now(), self.server.traffic());
        match activity {
            Activity::InitialWeights => {
                self.server.initial_weights()?;
                self.record.setup += started.elapsed();
                self.record.pool_level_start = self.server.pool().level;
                self.record.setup_bytes += both_ways(&self.server.traffic().since(&before));
            }
            Activity::RefreshBatch { batch } => {
                self.submit_batch(batch)?;
                let (started, before) = (Instant::now(), self.server.traffic());
                self.server.refresh_batch(batch)?;
                self.lazy_time += started.elapsed();
                self.record.setup_bytes += both_ways(&self.server.traffic().since(&before));
            }
            Activity::Step { step, batch, .. } => self.step(step, batch, started, &before)?,
            Activity::TestModel { step } => {
                self.server.test_model(step)?;
                let elapsed = started.elapsed();
                self.record.model_test += elapsed;
                self.epoch.add(elapsed, &self.server.traffic().since(&before));
            }
            Activity::ReadLoss { epoch, rows } => self.read_loss(epoch, rows)?,
            Activity::ReadModel { epoch } => self.read_model(epoch)?,
            Activity::Classify { query, rows, answer } => self.classify(query, rows, answer)?,
        }
        if matches!(activity, Activity::ReadLoss { .. } | Activity::ReadModel { .. } | Activity::Classify { .. }) {
            self.record.evaluation += started.elapsed();
        }
        self.observer.event(Event::Done { activity, elapsed: started.elapsed() });
        Ok(())
    }

    /// In the packed protocol the user encrypts a batch when it is used for the first time: ciphertexts never lie in
    /// memory all at once, and a short run does not wait for rows that it never uses. They are those that would have
    /// been sent before, and making them is no part of the step.
    fn submit_batch(&mut self, batch: usize) -> Result<(), Error> {
        let (Some(data), Protocol::Packed) = (self.job.data.plain(), self.job.config.protocol) else { return Ok(()) };
        let started = Instant::now();
        let rows = data.train.select(&self.batches.members()[batch]);
        self.record.setup_bytes += self.server.submit_batch(batch, &rows, &self.job.owner)?;
        self.record.setup += started.elapsed();
        Ok(())
    }

    fn step(&mut self, step: u64, batch: usize, started: Instant, before: &Traffic) -> Result<(), Error> {
        let phases = self.server.step(step, batch)?;
        // Ciphertexts that were made for this step are part of it.
        let lazy = std::mem::take(&mut self.lazy_time);
        let elapsed = started.elapsed() + lazy;
        let traffic = self.server.traffic().since(before);
        self.record.add_phases(&phases);
        if !lazy.is_zero() {
            self.record.add_phases(&[("refresh", lazy)]);
        }
        self.record.steps.push(elapsed);
        self.record.step_bytes += both_ways(&traffic);
        self.epoch.add(elapsed, &traffic);
        self.step_in_the_clear(batch)?;
        self.observer.event(Event::Step { step, elapsed, traffic });
        Ok(())
    }

    /// The same step by the baseline and the twin, outside the clock.
    fn step_in_the_clear(&mut self, batch: usize) -> Result<(), Error> {
        let (Some(data), Some(open)) = (self.job.data.plain(), &mut self.open) else { return Ok(()) };
        let rows = data.train.select(&self.batches.members()[batch]);
        open.baseline.step(&rows.float_features, &rows.labels, self.job.config.plan.learning_rate)?;
        if let Some(twin) = &mut open.twin {
            self.epoch.twin_loss += twin.step(&rows.features, &rows.labels)?.loss_sum;
        }
        Ok(())
    }

    fn read_loss(&mut self, epoch: u64, rows: usize) -> Result<(), Error> {
        let opened = self.server.read_loss(epoch, rows, &self.job.owner)?;
        let loss_sum = opened.to_i128().unwrap_or(i128::MAX);
        let fraction_bits = self.job.config.plan.fixed.fraction_bits();
        self.epoch.running_loss = Some(mean_loss(loss_sum, rows as u64, fraction_bits));
        let twin_loss = self.epoch.twin_loss;
        self.compare_with_twin(|| loss_sum == twin_loss);
        Ok(())
    }

    fn read_model(&mut self, epoch: u64) -> Result<(), Error> {
        let model = self.server.read_model(epoch, &self.job.owner)?;
        let open = match self.open.take() {
            Some(open) => Open { model, ..open },
            None => self.open_initial(model)?,
        };
        if let Some(twin) = &open.twin {
            self.compare_with_twin(|| *twin.model() == open.model);
        }
        let so_far = std::mem::take(&mut self.epoch);
        let figures = EpochFigures {
            epoch,
            seconds: self.record.trained().as_secs_f64(),
            steps: self.record.steps.len() as u64,
            traffic: so_far.traffic,
            running_loss: so_far.running_loss,
            ..self.measure(&open)?
        };
        if epoch > 0 {
            self.record.epoch_times.push(so_far.time);
        }
        self.open = Some(open);
        self.record.epochs.push(figures.clone());
        let pool = self.server.pool();
        self.record.pool_counts = (pool.hits, pool.misses);
        self.observer.event(Event::Epoch { figures: &figures, record: &self.record });
        Ok(())
    }

    fn compare_with_twin(&mut self, is_equal: impl FnOnce() -> bool) {
        if let Some(equal) = &mut self.record.twin_equal {
            *equal &= is_equal();
        }
    }

    fn measure(&self, open: &Open) -> Result<EpochFigures, Error> {
        match self.job.data.plain() {
            Some(data) => evaluate(&self.job.config.plan, &open.model, &open.baseline, data),
            None => Ok(EpochFigures::unmeasured()),
        }
    }

    /// Baseline and twin begin with the weights that nobody chose alone.
    fn open_initial(&self, model: FixedModel) -> Result<Open, Error> {
        let plan = &self.job.config.plan;
        let baseline = FloatNetwork::from_fixed(&plan.layers, &model, plan.fixed)?;
        let rounding = || self.server.twin_rounding();
        let twin = self
            .record
            .twin_equal
            .is_some()
            .then(|| Twin::new(plan.clone(), model.clone(), rounding(), 0))
            .transpose()?;
        Ok(Open { model, baseline, twin })
    }

    fn classify(&mut self, query: u64, rows: usize, answer: Answer) -> Result<(), Error> {
        let (Some(data), Some(open)) = (self.job.data.plain(), &self.open) else {
            return Err(Error::Usage("classifying at the end needs test rows in the clear".into()));
        };
        let test = data.test.select(&(0..rows).collect::<Vec<_>>());
        let answers = self.server.classify_plain(query, &test, &self.job.owner, answer)?;
        let answers: Vec<i64> = answers.iter().map(saturating_i64).collect();

        let classes = self.job.config.plan.layers.outputs();
        let expected = self.scores_in_the_clear(query, &test, &open.model)?;
        let expected_labels = labels_of(&expected, classes);
        let (labels, equal_to_twin) = match answer {
            Answer::Scores => (labels_of(&answers, classes), expected == answers),
            Answer::Labels => {
                // No class has the number that stands for a negative answer.
                let labels = answers.iter().map(|label| u32::try_from(*label).unwrap_or(u32::MAX)).collect();
                (labels, expected_labels.iter().map(|label| i64::from(*label)).eq(answers))
            }
        };
        let numbers = Activity::query_numbers(rows);
        self.classified =
            Some(Classified { rows, correct: correct(&labels, &test.labels), answer, equal_to_twin, numbers });
        Ok(())
    }

    /// The twin's, rounded with the masks of this query's parts.
    fn scores_in_the_clear(&self, query: u64, test: &LabelledRows, model: &FixedModel) -> Result<Vec<i64>, Error> {
        let (plan, rounding) = (&self.job.config.plan, self.server.twin_rounding());
        let mut scores = Vec::new();
        for (step, part) in self.server.query_parts(query, test.rows()) {
            let rows = test.select(&part.collect::<Vec<_>>());
            let trace = twin::forward(plan, model, &rounding, step, &rows.features, rows.rows())?;
            scores.extend_from_slice(trace.scores());
        }
        Ok(scores)
    }

    fn finish(mut self, ending: Ending) -> Result<Outcome, Error> {
        let (Some(open), Some(model)) = (self.open, self.server.stored_model()?) else {
            return Err(Error::Usage("the schedule was empty".into()));
        };
        let mut config = self.job.config.clone();
        if ending != Ending::Completed {
            // What was trained is the whole training from now on: what is stored describes no epoch that never came.
            config.max_steps = Some(self.record.steps.len() as u64);
        }
        let curve = self.server.stored_curve()?;
        let pool = self.server.pool();
        self.record.pool_counts = (pool.hits, pool.misses);
        Ok(Outcome {
            config,
            record: self.record,
            ending,
            classified: self.classified,
            model,
            curve,
            open_model: open.model,
        })
    }
}

/// The user's rows go to P1, encrypted, unless they go batch by batch; how many bytes that is.
fn submit(job: &TrainJob, server: &mut Cloud, observer: &mut dyn Observer) -> Result<u64, Error> {
    match &job.data {
        JobData::Encrypted(rows) => server.submit_encrypted(&job.engine, rows),
        JobData::Plain(_) if job.config.protocol == Protocol::Packed => Ok(0),
        JobData::Plain(data) => {
            let rows = data.train.rows();
            server.submit_plain(&job.owner, &data.train, |done| observer.event(Event::Encrypting { done, rows }))
        }
    }
}

fn both_ways(traffic: &Traffic) -> u64 {
    traffic.bytes_sent + traffic.bytes_received
}
