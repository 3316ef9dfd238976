//! P2 of the packed protocol: holds the private key of the data, the shares T2 and masks of its own. It follows the public
//! schedule, so every count, divisor and bound is its own knowledge, never P1's word.

use std::path::Path;

use crate::arith::Engine;
use crate::dgk;
use crate::error::Error;
use crate::mask::Phase;
use crate::mlp::{Batches, TrainingPlan};
use crate::net::Channel;
use crate::paillier::{PublicKey, SecretKey};
use crate::protocol::config::{JobConfig, Reading};
use crate::protocol::handshake::{Role, shake_hands_as_key_server};
use crate::protocol::mask_source::{MaskSource, initial_addend};
use crate::protocol::place::{FEATURES, LOSS, MODEL, TARGETS, place};
use crate::protocol::schedule::Activity;
use crate::rng::SecureRng;
use crate::secret::SecretBits;

use super::carry::Carry;
use super::factor::{EncryptedFactor, Lifetime};
use super::gradient::{Gradient, Gradients};
use super::input::{self, InputLayout};
use super::product::{finish, offer, recv_factor, send_factor};
use super::share::Share;
use super::side::{Comparer, Keys, Side};
use super::state::{Pass, SharedModel, StaticBatch, missing};
use super::static_store::StaticStore;
use super::widths::Widths;
use super::work::{WorkClock, WorkTimes};
use super::{ALONG_FEATURES, ALONG_ROWS, comparison, gate, key_switch, loss_layout, model_layout};

/// The key server.
pub struct KeyServer {
    pub(super) side: Side,
    pub(super) config: JobConfig,
    batches: Batches,
    pub(super) fresh: StaticStore,
    pub(super) model: Option<SharedModel>,
    loss: Option<Share>,
    /// The losses that were read, an epoch each.
    pub(super) curve: Vec<Share>,
}

/// A batch's activations, gate bits, and P1's ciphertexts.
pub(super) struct Forward {
    /// Input of each layer, \[neurons\]\[rows\]; the last element is the output.
    activations: Vec<Share>,
    /// P1's activations, transposed: for the gradient of each layer below the output's, in training.
    along_features: Vec<EncryptedFactor>,
    /// beta of each hidden layer.
    bits: Vec<SecretBits>,
    /// P1's ciphertexts of each hidden layer's gates, and the masks under which it has beta A' of the second; in training.
    carried: Vec<(gate::CloudPart, Share)>,
    /// z of each layer.
    #[cfg(test)]
    sums: Vec<Share>,
}

impl KeyServer {
    /// Shakes hands with P1. `masks` is this server's key of masks and of its addend of the initial weights.
    pub fn connect(
        engine: &Engine,
        mut channel: Channel,
        config: &JobConfig,
        key: SecretKey,
        masks: MaskSource,
    ) -> Result<Self, Error> {
        let widths = Widths::of_job(config)?;
        let comparer = match widths.comparison_parameters(config)? {
            None => Comparer::Blinded,
            Some(parameters) => Comparer::Key(dgk::SecretKey::generate(engine, parameters, &mut SecureRng::from_os())?),
        };
        let comparison = match &comparer {
            Comparer::Key(key) => Some(key.public_key()),
            Comparer::Blinded | Comparer::Cloud(_) => None,
        };
        let id = key.public_key().id();
        let session = shake_hands_as_key_server(&mut channel, config, id, true, comparison)?;
        let peer = session.cloud_key.expect("the handshake was told to expect P1's key");
        let keys = Keys { own: key, peer, comparer };
        let side = Side::new(Role::Key, engine, channel, keys, widths, masks.for_job(&session.transcript))?;
        let batches = config.batches()?;
        let fresh = StaticStore::default();
        Ok(KeyServer { side, config: config.clone(), batches, fresh, model: None, loss: None, curve: Vec::new() })
    }

    /// Keeps the static ciphertexts of batches in `folder` instead of memory, until this server is dropped.
    ///
    /// # Errors
    /// If there is such a folder already, or it cannot be made.
    pub fn keep_static_in(&mut self, folder: &Path) -> Result<(), Error> {
        self.fresh.move_to(folder)
    }

    /// Adds the time of every step from now on to `times`.
    pub fn count_work(&mut self, times: WorkTimes) {
        self.side.work = WorkClock::new(times);
    }

    /// Plays its part of one activity; results go to `reader` if the job allows it.
    pub fn run(&mut self, activity: Activity, reader: &PublicKey) -> Result<(), Error> {
        match activity {
            Activity::RefreshBatch { batch } => self.refresh_batch(batch),
            Activity::InitialWeights => self.initial_weights(),
            Activity::Step { step, batch, .. } => self.step(step, batch),
            Activity::TestModel { step } => self.test_model(step),
            Activity::ReadLoss { epoch, rows } => self.read_loss(epoch, rows, reader),
            Activity::ReadModel { epoch } => self.read_model(epoch, reader),
            Activity::Classify { query, rows, answer } => self.classify(query, rows, reader, answer),
        }
    }

    fn refresh_batch(&mut self, batch: usize) -> Result<(), Error> {
        let rows = self.batches.members()[batch].len();
        let (side, at) = (&mut self.side, |tensor| place(batch as u64, Phase::Input, tensor));
        let by_row = input::recv(side, at(FEATURES), InputLayout::features(&self.config)?, rows)?;
        let targets = input::recv(side, at(TARGETS), InputLayout::targets(&self.config)?, rows)?.transposed();

        let inputs = by_row.columns();
        let (forward, gradient) = (side.widths.forward(0), side.widths.gradient(0, rows));
        let features = by_row.transposed();
        let lifetime = Lifetime::Products(self.config.uses_of_a_batch(self.batches.members().len()));
        send_factor(side, at(ALONG_ROWS), &forward, &features, lifetime)?;
        send_factor(side, at(ALONG_FEATURES), &gradient, &by_row, lifetime)?;
        let along_rows = recv_factor(side, at(ALONG_ROWS), &forward, rows, lifetime)?;
        let along_features = recv_factor(side, at(ALONG_FEATURES), &gradient, inputs, lifetime)?;
        let (bits, kept) = (side.widths.static_shares(), StaticBatch { features, targets, along_rows, along_features });
        self.fresh.insert(&side.engine, batch, kept, bits)
    }

    fn initial_weights(&mut self) -> Result<(), Error> {
        let addend = initial_addend(&self.config, &self.side.masks)?;
        self.model = Some(SharedModel::from_fixed(&self.config.plan.layers, &addend));
        Ok(())
    }

    fn step(&mut self, step: u64, batch: usize) -> Result<(), Error> {
        self.side.begin_step()?;
        let fixed = self.fresh.load(&self.side.engine, batch)?;
        let mut model = self.model.take().ok_or_else(|| missing("model"))?;
        let mut forward = self.forward(step, &model, fixed.features, fixed.along_rows, Pass::Training)?;
        forward.along_features.insert(0, fixed.along_features);
        let delta = forward.output().minus(&fixed.targets);
        let (deltas, quotients) = self.backward(step, &model, &forward, delta)?;
        model.update(&mut self.side, &self.config.plan, step, &deltas, &quotients)?;
        #[cfg(test)]
        self.side.witness.record_step(forward.sums, forward.activations, deltas, &self.loss, &model);
        self.model = Some(model);
        self.side.end_step();
        Ok(())
    }

    fn read_loss(&mut self, epoch: u64, rows: usize, reader: &PublicKey) -> Result<(), Error> {
        let sum = self.loss.take().ok_or_else(|| missing("loss"))?;
        let layout = loss_layout(&self.config, reader.key_bits(), rows)?;
        let (at, reading) = (place(epoch, Phase::KeySwitch, LOSS), (reader, Reading::Model));
        key_switch::answer(&mut self.side, at, &sum, layout, &self.config, reading)?;
        self.curve.push(sum);
        Ok(())
    }

    fn read_model(&mut self, epoch: u64, reader: &PublicKey) -> Result<(), Error> {
        let parameters = self.model.as_ref().ok_or_else(|| missing("model"))?.flat();
        let layout = model_layout(&self.config, reader.key_bits())?;
        let (at, reading) = (place(epoch, Phase::KeySwitch, MODEL), (reader, Reading::Model));
        key_switch::answer(&mut self.side, at, &parameters, layout, &self.config, reading)
    }

    /// z = W a + b, ReLU on hidden layers, linear output.
    pub(super) fn forward(
        &mut self,
        step: u64,
        model: &SharedModel,
        inputs: Share,
        along_rows: EncryptedFactor,
        pass: Pass,
    ) -> Result<Forward, Error> {
        let (side, plan) = (&mut self.side, &self.config.plan);
        let rows = inputs.columns();
        let mut along_rows = along_rows;
        let mut forward = Forward {
            activations: vec![inputs],
            along_features: Vec::new(),
            bits: Vec::new(),
            carried: Vec::new(),
            #[cfg(test)]
            sums: Vec::new(),
        };
        for layer in 0..plan.layers.weight_layers() {
            let at = |phase| place(step, phase, layer as u16);
            let widths = side.widths.forward(layer);
            if layer > 0 {
                let own = forward.output();
                send_factor(side, at(Phase::Forward), &widths, own, Lifetime::Once)?;
                if pass == Pass::Training && !plan.layers.is_output(layer) {
                    let gradient = side.widths.gradient(layer, rows);
                    send_factor(side, at(Phase::Gradient), &gradient, &own.transposed(), Lifetime::Once)?;
                }
            }
            let (weights, below) = (&model.weights[layer], forward.output());
            let offered = offer(side, at(Phase::Forward), &widths, weights, &along_rows)?;
            let ahead = match plan.layers.is_output(layer) {
                false => Some(recv_ahead(side, plan, step, layer, rows, pass)?),
                true => None,
            };
            let product = finish(side, at(Phase::Forward), &widths, (weights, below), &offered)?;
            let z = product.divided(plan.product_divisor()).plus_column(&model.biases[layer]);
            #[cfg(test)]
            forward.sums.push(z.clone());
            let Some(ahead) = ahead else {
                forward.activations.push(z);
                continue;
            };
            comparison::send_elements(side, at(Phase::Compare), &z)?;
            let bits = comparison::finish(side, at(Phase::Compare), &z)?;
            let backward_gate = (pass == Pass::Training).then(|| Carry::gate_place(step, layer + 1));
            let masks = gate::mix(side, at(Phase::Gate), &z, &bits, &ahead.gate, backward_gate)?;
            let activations = gate::finish(side, at(Phase::Gate), &z, &bits, &masks.first, plan.bounds.activations)?;
            along_rows = ahead.along_rows;
            forward.along_features.extend(ahead.along_features);
            forward.activations.push(activations);
            forward.bits.push(bits);
            forward.carried.extend(masks.second.map(|masks| (ahead.gate, masks)));
        }
        Ok(forward)
    }

    /// The errors of each layer and the divided gradients of its weights, by the weights as they are before the update.
    fn backward(
        &mut self,
        step: u64,
        model: &SharedModel,
        forward: &Forward,
        output_delta: Share,
    ) -> Result<(Vec<Share>, Vec<Share>), Error> {
        let (side, plan) = (&mut self.side, &self.config.plan);
        let gradient_divisor = plan.gradient_divisor(output_delta.columns())?;
        let (mut deltas, mut quotients) = (Vec::new(), Vec::new());
        let mut delta = output_delta;
        for layer in (0..plan.layers.weight_layers()).rev() {
            let carry = match layer {
                0 => None,
                _ => Some(Carry::begin(side, plan, (step, layer), &model.weights[layer], &delta)?),
            };
            let (below, theirs) = (&forward.activations[layer], forward.along_features.get(layer));
            let gradient = Gradient::begin(side, plan, (step, layer), below, &delta, theirs)?;
            let mut take = |gradients: Gradients| quotients.push(gradients.quotient(gradient_divisor, &mut self.loss));
            let Some(carry) = carry else {
                let theirs = gradient.theirs(side)?;
                let offered = gradient.offer(side, &theirs)?;
                take(gradient.finish(side, &offered)?);
                deltas.push(delta);
                break;
            };
            // P1 waits for this before it goes on to the layer below.
            let their_delta = carry.theirs(side)?;
            let carried = carry.offer(side, &their_delta)?;
            let theirs = gradient.theirs(side)?;
            let offered = gradient.offer(side, &theirs)?;
            let bits = &forward.bits[layer - 1];
            let mixed = carry.mix(side, &carried, bits, &forward.carried[layer - 1])?;
            take(gradient.finish(side, &offered)?);
            let gated = carry.finish(side, bits, &mixed)?;
            deltas.push(std::mem::replace(&mut delta, gated));
        }
        deltas.reverse();
        quotients.reverse();
        Ok((deltas, quotients))
    }
}

/// P1's ciphertexts for the gate of a hidden layer and the layer above, which it sends ahead.
struct Ahead {
    gate: gate::CloudPart,
    /// P1's activations, packed along the batch.
    along_rows: EncryptedFactor,
    /// The same transposed, in training, below a hidden layer.
    along_features: Option<EncryptedFactor>,
}

fn recv_ahead(
    side: &mut Side,
    plan: &TrainingPlan,
    step: u64,
    layer: usize,
    rows: usize,
    pass: Pass,
) -> Result<Ahead, Error> {
    let neurons = plan.layers.fan_out(layer);
    let at = place(step, Phase::Gate, layer as u16);
    let above = |phase| place(step, phase, layer as u16 + 1);
    let gate = gate::recv(side, at, neurons * rows)?;
    let forward = side.widths.forward(layer + 1);
    let along_rows = recv_factor(side, above(Phase::Forward), &forward, rows, Lifetime::Once)?;
    let mut along_features = None;
    if pass == Pass::Training && !plan.layers.is_output(layer + 1) {
        let gradient = side.widths.gradient(layer + 1, rows);
        along_features = Some(recv_factor(side, above(Phase::Gradient), &gradient, neurons, Lifetime::Once)?);
    }
    Ok(Ahead { gate, along_rows, along_features })
}

impl Forward {
    pub(super) fn output(&self) -> &Share {
        &self.activations[self.activations.len() - 1]
    }
}
