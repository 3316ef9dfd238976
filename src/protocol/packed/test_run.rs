//! A training as the tests of this protocol want it: both servers as they are, everything they touch on record.

use std::sync::OnceLock;

use rug::Integer;
use subtle::Choice;

use crate::error::Error;
use crate::mask::{MaskKey, Phase, Purpose};
use crate::mlp::FixedModel;
use crate::mlp::metrics::one_hot;
use crate::mlp::twin::StepTrace;
use crate::net::{Channel, Traffic};
use crate::paillier::{Ciphertexts, KeyForm, SecretKey};
use crate::protocol::config::Protocol;
use crate::protocol::element::{TestRun, new_key, server_key_of};
use crate::protocol::mask_source::MaskSource;
use crate::protocol::message::Operation;
use crate::protocol::place::Place;
use crate::protocol::schedule::Activity;
use crate::rng::SecureRng;
use crate::secret::SecretIntegers;

use super::share::Share;
use super::state::SharedModel;
use super::{CloudServer, InputLayout, KeyServer};

/// What one server did in the clear, and a way to make it do wrong.
#[derive(Default)]
pub(super) struct Witness {
    pub drawn: Vec<DrawnMasks>,
    /// Ciphertexts under its own key that it opened.
    pub received: Vec<(Place, Operation, Ciphertexts)>,
    /// What was left of them, or of integers in clear, when it had taken off what it knows; and the bound of what the mask
    /// hides.
    pub seen: Vec<(Place, Share, u32)>,
    /// P2: how many terms of each comparison were 0, where comparisons have a key of their own.
    pub zeros: Vec<(Place, Vec<usize>)>,
    /// Shares and bits that went into gates.
    pub gated: Vec<(Place, Share, Vec<Choice>)>,
    /// Results before their randomisers, and the length of these.
    pub results: Vec<(Place, Operation, Ciphertexts, u32)>,
    pub steps: Vec<StepShares>,
    pub fault: Option<Fault>,
}

/// Ways to get hiding wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The second mask of a tensor repeats the first.
    ReusedMask,
    /// Masks of gates have 4 random bits above their bound.
    ShortGateMask,
    /// Nothing is multiplied onto results.
    NoRandomizer,
    /// The first mask of such tensors is just above what rule 2 allows.
    LongMask(Phase, Purpose),
}

/// The masks of one tensor.
pub(super) struct DrawnMasks {
    pub place: Place,
    pub purpose: Purpose,
    pub value_bits: u32,
    pub masks: Vec<Integer>,
}

/// A server's shares after one step.
pub(super) struct StepShares {
    pub sums: Vec<Share>,
    pub activations: Vec<Share>,
    pub deltas: Vec<Share>,
    pub loss: Share,
    pub model: SharedModel,
}

impl Witness {
    /// Records masks, after spoiling them if a test wants that.
    pub fn masks(&mut self, place: Place, purpose: Purpose, value_bits: u32, drawn: SecretIntegers) -> SecretIntegers {
        let mut masks = drawn.to_vec();
        if self.fault == Some(Fault::ReusedMask) && masks.len() > 1 {
            masks[1] = masks[0].clone();
        }
        if self.fault == Some(Fault::LongMask(place.phase, purpose)) {
            // With any value that it may hide it reaches 2^(b + sigma) + 2^(b + 1).
            masks[0] = (Integer::from(1) << (value_bits + 40)) + (Integer::from(3) << value_bits);
        }
        self.drawn.push(DrawnMasks { place, purpose, value_bits, masks: masks.clone() });
        masks.into_iter().collect()
    }

    pub fn span_bits(&self, place: Place, span_bits: u32) -> u32 {
        let gates = [Phase::Gate, Phase::BackwardGate, Phase::LabelValue, Phase::LabelIndex];
        let short = self.fault == Some(Fault::ShortGateMask) && gates.contains(&place.phase);
        if short { span_bits - 36 } else { span_bits }
    }

    /// Records a result; true if it shall leave as it is.
    pub fn rerandomized(&mut self, place: Place, operation: Operation, result: &Ciphertexts, bits: u32) -> bool {
        self.results.push((place, operation, result.clone(), bits));
        self.fault == Some(Fault::NoRandomizer)
    }

    pub fn record_step(
        &mut self,
        sums: Vec<Share>,
        activations: Vec<Share>,
        deltas: Vec<Share>,
        loss: &Option<Share>,
        model: &SharedModel,
    ) {
        let loss = loss.clone().expect("a step has a loss");
        self.steps.push(StepShares { sums, activations, deltas, loss, model: model.clone() });
    }
}

/// Everything that happened.
pub(super) struct Record {
    pub cloud: Witness,
    pub key: Witness,
    /// P1's traffic of each step.
    pub traffic: Vec<Traffic>,
    pub twin: Vec<StepTrace>,
    /// The twin's model after each step.
    pub models: Vec<FixedModel>,
    pub initial: FixedModel,
}

/// P1's pair for all tests.
pub(super) fn cloud_key() -> &'static SecretKey {
    static KEY: OnceLock<SecretKey> = OnceLock::new();
    KEY.get_or_init(|| new_key(KeyForm::Full))
}

/// P1's pair for jobs with keys of this form.
pub(super) fn cloud_key_of(form: KeyForm) -> &'static SecretKey {
    static SUBGROUP: OnceLock<SecretKey> = OnceLock::new();
    match form {
        KeyForm::Full => cloud_key(),
        KeyForm::Subgroup => SUBGROUP.get_or_init(|| new_key(form)),
    }
}

/// Trains with both servers and with the twin.
pub(super) fn record(run: TestRun) -> Record {
    record_with(run, None)
}

/// Why a training with a fault at both servers ends.
pub(super) fn refusal(mut run: TestRun, fault: Fault) -> Error {
    run.config.protocol = Protocol::Packed;
    let masks = MaskKey::from_experiment_seed(run.seed, "P1");
    servers(&run, masks, Some(fault)).err().expect("the training goes through")
}

/// The same as [`record`] with a fault at both servers.
pub(super) fn record_with(mut run: TestRun, fault: Option<Fault>) -> Record {
    run.config.protocol = Protocol::Packed;
    let masks = MaskKey::from_experiment_seed(run.seed, "P1");
    let (twin, initial, models) = run.twin(&masks);
    let (cloud, key, traffic) = servers(&run, masks, fault).unwrap();
    Record { cloud, key, traffic, twin, models, initial }
}

fn servers(run: &TestRun, masks: MaskKey, fault: Option<Fault>) -> Result<(Witness, Witness, Vec<Traffic>), Error> {
    let form = run.config.key_form;
    let (engine, key) = (run.engine, server_key_of(form));
    let (cloud_end, key_end) = Channel::local_pair();
    let activities = run.activities();
    std::thread::scope(|scope| {
        let key_server = scope.spawn(|| -> Result<Witness, Error> {
            let masks = MaskSource::Experiment(MaskKey::from_experiment_seed(run.seed, "P2"));
            let mut server = KeyServer::connect(engine, key_end, &run.config, key.clone(), masks)?;
            server.side.witness.fault = fault;
            activities.iter().try_for_each(|activity| server.run(*activity, key.public_key()))?;
            Ok(std::mem::take(&mut server.side.witness))
        });
        let source = MaskSource::Experiment(masks);
        let (public_key, own) = (key.public_key(), cloud_key_of(form).clone());
        let mut server = CloudServer::connect(engine, cloud_end, &run.config, public_key, own, source)?;
        server.side.witness.fault = fault;
        let (features, targets) = encrypted_rows(run)?;
        server.submit(features, targets);
        let mut traffic = Vec::new();
        let played = activities.iter().try_for_each(|activity| match *activity {
            Activity::InitialWeights => server.initial_weights(),
            Activity::RefreshBatch { batch } => server.refresh_batch(batch),
            Activity::Step { step, batch, .. } => {
                let before = server.traffic();
                server.step(step, batch)?;
                traffic.push(server.traffic().since(&before));
                Ok(())
            }
            Activity::TestModel { step } => server.test_model(step),
            _ => unreachable!("only trained here"),
        });
        let cloud = std::mem::take(&mut server.side.witness);
        drop(server);
        let key = key_server.join().unwrap();
        match (played, key) {
            (Err(Error::Net(_)), Err(cause)) | (Ok(()), Err(cause)) => Err(cause),
            (Err(cause), _) => Err(cause),
            (Ok(()), Ok(key)) => Ok((cloud, key, traffic)),
        }
    })
}

/// What a user would have sent.
pub(super) fn encrypted_rows(run: &TestRun) -> Result<(Ciphertexts, Ciphertexts), Error> {
    let plan = &run.config.plan;
    let targets = one_hot(&run.labels, plan.layers.outputs(), plan.fixed.one());
    let encrypt = |layout: InputLayout, values: &[i64]| {
        server_key_of(run.config.key_form).encrypt_many(run.engine, &layout.pack(values), &mut SecureRng::from_os())
    };
    let features = encrypt(InputLayout::features(&run.config)?, &run.features)?;
    Ok((features, encrypt(InputLayout::targets(&run.config)?, &targets)?))
}

/// T2 - T1, \[rows\]\[columns\].
pub(super) fn opened(cloud: &Share, key: &Share) -> Vec<Integer> {
    key.minus(cloud).values().to_vec()
}
