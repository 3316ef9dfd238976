//! `smlp train`.

mod args;
mod inputs;
mod recorder;
mod results;

pub use args::Args;

use std::path::PathBuf;
use std::time::Duration;

use smlp::arith::Engine;
use smlp::error::Error;
use smlp::paillier::{KeyForm, SecretKey};
use smlp::protocol::config::{Comparison, JobConfig, Protocol, Reader};
use smlp::protocol::element::PoolOptions;
use smlp::protocol::packed::StaticSize;
use smlp::rng::SecureRng;
use smlp::train::{Ending, Limits, Outcome, Owner, StopRequest, TrainJob, run as train};

use super::globals::Globals;
use super::interrupt::Listening;
use super::output::make_folder;
use super::progress::{Progress, TrainingProgress};
use super::store::{Store, Trained};
use inputs::Inputs;
use recorder::Recorder;
use results::TrainParameters;

/// Randomisers that background producers keep ready: a few steps of a small network.
const POOL_CAPACITY: usize = 4096;

/// Test rows that the element-wise protocol classifies at the end: it takes a second or more for each.
const ELEMENT_CLASSIFY_ROWS: usize = 20;

/// Static ciphertexts above this lie on disk unless they are told where to lie.
const STATIC_MEMORY_BYTES: u64 = 1_000_000_000;

/// Trains, writes the figures, keeps the job if asked to, and prints a table.
pub fn run(args: &Args, globals: &Globals) -> Result<(), Error> {
    let outcome = execute(args, globals)?;
    results::print(&args.out, &outcome)?;
    require_agreement(&outcome)
}

/// Trains, writes the figures, and keeps the job if asked to.
pub fn execute(args: &Args, globals: &Globals) -> Result<Outcome, Error> {
    let progress = globals.progress();
    let store = args.store.as_deref().map(Store::at);
    store.as_ref().map_or(Ok(()), Store::require_free)?;
    let engine = globals.engine()?;
    let is_encrypted = inputs::is_encrypted(args)?;
    if is_encrypted && args.keys.p2_key.is_none() {
        return Err(Error::Usage("encrypted data need --p2-key, the private half of the key they are under".into()));
    }
    if is_encrypted && args.twin {
        return Err(Error::Usage("--twin needs the data in the clear; encrypted data cannot have it".into()));
    }
    let given_key = given_key(args)?;
    let key_bits = given_key.as_ref().map_or(args.keys.key_bits, |key| key.public_key().key_bits());
    let key_form = given_key.as_ref().map_or(args.keys.key_form.key_form, |key| key.public_key().form());
    args.keys.weak.check(key_bits)?;
    // Split and batch order are public; the seed only makes them repeatable.
    let public_seed = args.seed.unwrap_or_else(random_seed);
    let inputs = match given_key.as_ref().filter(|_| is_encrypted) {
        Some(key) => inputs::encrypted(args, &engine, key.public_key())?,
        None => inputs::plain(args, public_seed)?,
    };
    let config = config(args, &inputs, (key_bits, key_form), public_seed)?;
    // Checked before keys are made, which takes much longer.
    config.bounds()?;
    let static_folder = static_folder(args, &config)?;
    make_folder(&args.out)?;
    store.as_ref().map_or(Ok(()), Store::make_folders)?;
    announce(args, is_encrypted, progress);

    let server_key = given_key.map_or_else(|| generate(&engine, key_bits, key_form, "P2", progress), Ok)?;
    let owner_key = generate(&engine, key_bits, KeyForm::Full, "the user", progress)?;
    let Inputs { data, scaler, class_names, .. } = inputs;
    let parameters = TrainParameters::new(args, &engine, config.clone(), class_names);
    let stop = StopRequest::default();
    let limits = limits(args, &stop);
    let job = TrainJob {
        engine: engine.clone(),
        config,
        data,
        server_key: server_key.clone(),
        owner: Owner::new(&engine, owner_key.clone()),
        seed: args.seed,
        pool: PoolOptions { producers: args.pool_producers, capacity: POOL_CAPACITY },
        with_twin: args.twin,
        classify_rows: classify_rows(args),
        static_folder,
        limits: limits.clone(),
    };
    let listening = Listening::start(&stop)?;
    let mut recorder = Recorder {
        shown: TrainingProgress::new(progress, limits.max_time),
        folder: &args.out,
        parameters: &parameters,
        stop,
        failure: None,
    };
    let outcome = train(job, &mut recorder)?;
    let failure = recorder.failure.take();
    drop(recorder);
    let written = results::write(&args.out, &parameters.ended(&outcome), &outcome.record);
    if let Some(store) = store {
        let trained = Trained {
            config: &outcome.config,
            model: &outcome.model,
            curve: outcome.curve.as_ref(),
            server_key: &server_key,
            owner_key: &owner_key,
            scaler: scaler.as_ref(),
            queries: outcome.classified.as_ref().map_or(0, |classified| classified.numbers),
        };
        store.save(&engine, &trained)?;
    }
    // From here on Ctrl-C ends the program at once; everything is kept.
    drop(listening);
    // Now why what could not be kept could not.
    failure.map_or(Ok(()), Err)?;
    written?;
    match outcome.ending {
        Ending::Stopped => Err(stopped(args, &outcome)),
        Ending::Completed | Ending::OutOfTime => Ok(outcome),
    }
}

fn stopped(args: &Args, outcome: &Outcome) -> Error {
    let epochs = match outcome.record.epoch_times.len() {
        0 => "the start".to_owned(),
        1 => "1 epoch, whole or in part,".to_owned(),
        epochs => format!("{epochs} epochs, the last one whole or in part,"),
    };
    Error::Stopped { steps: outcome.record.steps.len(), epochs, folder: args.out.clone() }
}

fn limits(args: &Args, stop: &StopRequest) -> Limits {
    Limits {
        max_time: args.job.max_seconds.map(Duration::from_secs_f64),
        min_epochs: args.job.min_epochs,
        stop: stop.clone(),
    }
}

/// All test rows where that is cheap.
fn classify_rows(args: &Args) -> usize {
    let default = match args.job.protocol {
        Protocol::Element => ELEMENT_CLASSIFY_ROWS,
        Protocol::Packed => usize::MAX,
    };
    args.classify_rows.unwrap_or(default)
}

/// Where static ciphertexts lie; none is memory.
fn static_folder(args: &Args, config: &JobConfig) -> Result<Option<PathBuf>, Error> {
    let fits = StaticSize::of_training(config)?.bytes <= STATIC_MEMORY_BYTES;
    Ok(args.static_dir.clone().or_else(|| (!fits).then(|| args.out.clone())))
}

/// P2's pair, if `--p2-key` names one.
fn given_key(args: &Args) -> Result<Option<SecretKey>, Error> {
    args.keys.p2_key.as_deref().map(SecretKey::read).transpose()
}

fn generate(
    engine: &Engine,
    key_bits: u32,
    form: KeyForm,
    party: &str,
    progress: Progress,
) -> Result<SecretKey, Error> {
    progress.note(&format!("making the key of {party}, {key_bits} bits"));
    Ok(SecretKey::generate_form(engine, key_bits, form, &mut SecureRng::from_os())?)
}

fn config(
    args: &Args,
    inputs: &Inputs,
    (key_bits, key_form): (u32, KeyForm),
    batch_seed: u64,
) -> Result<JobConfig, Error> {
    let reader = |(path, model): (&PathBuf, bool)| {
        let key = args.keys.weak.read_public_key(path)?;
        Ok(Reader { key_id: key.id(), answers: true, model })
    };
    let of_answers = args.keys.readers.iter().map(|path| (path, false));
    let of_model = args.keys.model_readers.iter().map(|path| (path, true));
    Ok(JobConfig {
        data: args.data.clone(),
        plan: inputs.plan.clone(),
        protocol: args.job.protocol,
        comparison: args.job.comparison(),
        key_bits,
        key_form,
        sigma: args.job.sigma,
        epochs: args.job.epochs,
        max_steps: args.job.max_steps,
        train_rows: inputs.train_rows,
        batch_seed,
        readers: of_answers.chain(of_model).map(reader).collect::<Result<_, Error>>()?,
    })
}

/// What somebody who uses these options ought to know.
fn announce(args: &Args, is_encrypted: bool, progress: Progress) {
    if args.job.comparison() == Comparison::Blinded {
        progress.note(
            "note: blinded comparisons show P2 a noisy magnitude of each compared value, little in one epoch and, with \
             --protocol packed, nearly the whole size over a hundred (SECURITY.md has numbers); they are not safe against \
             P2 together with a contributing user",
        );
    }
    if args.seed.is_some() {
        progress.note("note: with --seed masks and initial weights are repeatable: an experiment, not private");
    }
    if is_encrypted {
        progress.note("note: the data are encrypted, so only the loss is known, not accuracies or a baseline");
    }
}

/// A run whose results are not those of the same computation in the clear is no success.
pub fn require_agreement(outcome: &Outcome) -> Result<(), Error> {
    let classified_differs = outcome.classified.as_ref().is_some_and(|classified| !classified.equal_to_twin);
    if classified_differs || outcome.record.twin_equal == Some(false) {
        return Err(Error::Differs);
    }
    Ok(())
}

fn random_seed() -> u64 {
    let mut bytes = [0; 8];
    SecureRng::from_os().fill(&mut bytes);
    // Below 2^53, so that every reader of JSON keeps it exact.
    u64::from_le_bytes(bytes) >> 11
}
