//! P1 of the packed protocol: holds the users' ciphertexts, the shares T1 and its masks, and a key pair for masks only.

use std::collections::HashMap;
use std::path::Path;

use crate::arith::Engine;
use crate::error::Error;
use crate::mask::Phase;
use crate::mlp::{Batches, TrainingPlan};
use crate::net::{Channel, Traffic};
use crate::paillier::{Ciphertexts, PublicKey, SecretKey};
use crate::protocol::ProtocolError;
use crate::protocol::clock::{PhaseClock, PhaseTimes};
use crate::protocol::config::JobConfig;
use crate::protocol::handshake::{Role, shake_hands_as_cloud};
use crate::protocol::mask_source::{MaskSource, initial_addend};
use crate::protocol::place::{FEATURES, LOSS, MODEL, TARGETS, place};
use crate::protocol::rounding::MaskRounding;
use crate::secret::SecretBits;

use super::carry::{Carry, Known};
use super::comparison::Blinds;
use super::factor::{EncryptedFactor, Lifetime};
use super::gradient::{Gradient, Gradients};
use super::input::{self, InputLayout};
use super::product::{self, answer, offered, recv_factor, recv_offers, send_factor};
use super::share::Share;
use super::side::{Comparer, Keys, MaskOrder, Side};
use super::state::{Pass, SharedModel, StaticBatch, missing};
use super::static_store::StaticStore;
use super::widths::Widths;
use super::work::{WorkClock, WorkTimes};
use super::{ALONG_FEATURES, ALONG_ROWS, comparison, gate, key_switch, loss_layout, model_layout};

/// The cloud server.
pub struct CloudServer {
    pub(super) side: Side,
    pub(super) config: JobConfig,
    batches: Batches,
    submitted: Option<(Ciphertexts, Ciphertexts)>,
    /// Batches that came by themselves, until they are shared.
    submitted_batches: HashMap<usize, (Ciphertexts, Ciphertexts)>,
    pub(super) fresh: StaticStore,
    pub(super) model: Option<SharedModel>,
    loss: Option<Share>,
    /// The losses that were read, an epoch each.
    pub(super) curve: Vec<Share>,
}

/// A batch's activations, gate bits, and P2's ciphertexts.
pub(super) struct Forward {
    /// Input of each layer, \[neurons\]\[rows\]; the last element is the output.
    activations: Vec<Share>,
    /// P2's -activations, transposed: for the gradient of each layer below the output's, in training.
    along_features: Vec<EncryptedFactor>,
    /// tau of each hidden layer.
    bits: Vec<SecretBits>,
    /// What is known of the errors carried back to each hidden layer, in training.
    carried: Vec<Carried>,
    /// z of each layer.
    #[cfg(test)]
    sums: Vec<Share>,
}

impl CloudServer {
    /// Shakes hands with P2 and prepares for the activities of `config`. `own` is this server's pair for the job; `masks`
    /// is its key of masks, bound to the handshake unless it comes from an experiment's seed.
    pub fn connect(
        engine: &Engine,
        mut channel: Channel,
        config: &JobConfig,
        key: &PublicKey,
        own: SecretKey,
        masks: MaskSource,
    ) -> Result<Self, Error> {
        let widths = Widths::of_job(config)?;
        if (own.public_key().key_bits(), own.public_key().form()) != (config.key_bits, config.key_form) {
            return Err(
                ProtocolError::Config { reason: "P1's own key is not of the job's length and form".into() }.into()
            );
        }
        let parameters = widths.comparison_parameters(config)?;
        let session = shake_hands_as_cloud(&mut channel, config, key.id(), Some(own.public_key()), parameters)?;
        let comparer = session.comparison.map_or(Comparer::Blinded, Comparer::Cloud);
        let keys = Keys { own, peer: key.clone(), comparer };
        let side = Side::new(Role::Cloud, engine, channel, keys, widths, masks.for_job(&session.transcript))?;
        Ok(CloudServer {
            side,
            config: config.clone(),
            batches: config.batches()?,
            submitted: None,
            submitted_batches: HashMap::new(),
            fresh: StaticStore::default(),
            model: None,
            loss: None,
            curve: Vec::new(),
        })
    }

    /// Takes over the users' training rows, packed as [`InputLayout`] has it: features and one-hot targets.
    pub fn submit(&mut self, features: Ciphertexts, targets: Ciphertexts) {
        self.submitted = Some((features, targets));
    }

    /// Takes over the rows of one batch in the order of its members, packed as [`CloudServer::submit`] has it.
    pub fn submit_batch(&mut self, batch: usize, features: Ciphertexts, targets: Ciphertexts) {
        self.submitted_batches.insert(batch, (features, targets));
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

    /// What went over the channel so far.
    pub fn traffic(&self) -> Traffic {
        self.side.channel.traffic()
    }

    /// What the integer twin of this run rounds with: only for a process that plays all parties.
    pub fn twin_rounding(&self) -> MaskRounding {
        MaskRounding::new(self.side.masks.clone(), self.side.widths.bounds.clone())
    }

    /// Shares a batch with P2 and exchanges the ciphertexts of its features that never change.
    pub fn refresh_batch(&mut self, batch: usize) -> Result<(), Error> {
        let layouts = [InputLayout::features(&self.config)?, InputLayout::targets(&self.config)?];
        let (features, targets) = self.submitted_rows(batch, layouts)?;
        let (side, at) = (&mut self.side, |tensor| place(batch as u64, Phase::Input, tensor));
        let by_row = input::send(side, at(FEATURES), layouts[0], &features)?;
        let targets = input::send(side, at(TARGETS), layouts[1], &targets)?.transposed();

        let (rows, inputs) = (by_row.rows(), by_row.columns());
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

    /// The users' rows of a batch; what came for it alone is not kept any longer.
    fn submitted_rows(&mut self, batch: usize, layouts: [InputLayout; 2]) -> Result<(Ciphertexts, Ciphertexts), Error> {
        let members = &self.batches.members()[batch];
        let all: Vec<usize> = (0..members.len()).collect();
        let alone = self.submitted_batches.remove(&batch);
        let ((features, targets), table_rows, members) = match (&alone, &self.submitted) {
            (Some(rows), _) => (rows, members.len(), &all),
            (None, Some(rows)) => (rows, self.config.train_rows, members),
            (None, None) => return Err(missing("training row")),
        };
        let features = gather_rows("the training features", features, layouts[0], table_rows, members)?;
        Ok((features, gather_rows("the training targets", targets, layouts[1], table_rows, members)?))
    }

    /// Its addend is its share, P2's addend the other: nobody knows the sum, and nothing travels.
    pub fn initial_weights(&mut self) -> Result<(), Error> {
        let addend = initial_addend(&self.config, &self.side.masks)?;
        self.model = Some(SharedModel::from_fixed(&self.config.plan.layers, &addend).negated());
        Ok(())
    }

    /// One training step on batch number `batch`.
    pub fn step(&mut self, step: u64, batch: usize) -> Result<PhaseTimes, Error> {
        let mut clock = PhaseClock::start();
        self.side.begin_step()?;
        let fixed = self.fresh.load(&self.side.engine, batch)?;
        let mut model = self.model.take().ok_or_else(|| missing("model"))?;

        let mut forward = self.forward(step, &model, fixed.features, fixed.along_rows, Pass::Training, &mut clock)?;
        forward.along_features.insert(0, fixed.along_features);
        let delta = forward.output().minus(&fixed.targets);
        let (deltas, quotients) = self.backward(step, &model, &forward, delta, &mut clock)?;
        model.update(&mut self.side, &self.config.plan, step, &deltas, &quotients)?;
        clock.lap("gradient");
        #[cfg(test)]
        self.side.witness.record_step(forward.sums, forward.activations, deltas, &self.loss, &model);
        self.model = Some(model);
        self.side.end_step();
        Ok(clock.laps)
    }

    /// The epoch's sum of squared differences under the key of `reader`, as [`super::loss_layout`] has it; a new sum begins.
    pub fn read_loss(&mut self, epoch: u64, rows: usize, reader: &PublicKey) -> Result<Ciphertexts, Error> {
        let sum = self.loss.take().ok_or_else(|| missing("loss"))?;
        let layout = loss_layout(&self.config, reader.key_bits(), rows)?;
        let answer = key_switch::ask(&mut self.side, place(epoch, Phase::KeySwitch, LOSS), &sum, layout, reader)?;
        self.curve.push(sum);
        Ok(answer)
    }

    /// All parameters under the key of `reader`, as [`super::model_layout`] has it.
    pub fn read_model(&mut self, epoch: u64, reader: &PublicKey) -> Result<Ciphertexts, Error> {
        let parameters = self.model.as_ref().ok_or_else(|| missing("model"))?.flat();
        let layout = model_layout(&self.config, reader.key_bits())?;
        key_switch::ask(&mut self.side, place(epoch, Phase::KeySwitch, MODEL), &parameters, layout, reader)
    }

    /// z = W a + b, ReLU on hidden layers, linear output.
    pub(super) fn forward(
        &mut self,
        step: u64,
        model: &SharedModel,
        inputs: Share,
        along_rows: EncryptedFactor,
        pass: Pass,
        clock: &mut PhaseClock,
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
                along_rows = recv_factor(side, at(Phase::Forward), &widths, rows, Lifetime::Once)?;
                if pass == Pass::Training && !plan.layers.is_output(layer) {
                    let (gradient, columns) = (side.widths.gradient(layer, rows), plan.layers.fan_in(layer));
                    let along_features = recv_factor(side, at(Phase::Gradient), &gradient, columns, Lifetime::Once)?;
                    forward.along_features.push(along_features);
                }
            }
            let masks = product::masks(side, at(Phase::Forward), &widths, rows, MaskOrder::Transposed);
            let z = masks.divided(plan.product_divisor()).plus_column(&model.biases[layer]);
            #[cfg(test)]
            forward.sums.push(z.clone());
            let is_hidden = !plan.layers.is_output(layer);
            let ahead = is_hidden.then(|| send_ahead(side, plan, step, layer, &z, pass)).transpose()?;
            clock.lap("gate");

            let [offer] = recv_offers(side, [offered(at(Phase::Forward), &widths, &along_rows.layout)])?;
            let factors = (&model.weights[layer], forward.output());
            answer(side, at(Phase::Forward), &widths, factors, &along_rows, &offer, &masks)?;
            clock.lap("forward");
            let Some(Ahead { blinds, activations, carried }) = ahead else {
                forward.activations.push(z);
                continue;
            };
            comparison::answer(side, at(Phase::Compare), &z, &blinds)?;
            clock.lap("compare");
            let bits = blinds.bits();
            let backward_gate = carried.as_ref().map(|_| Carry::gate_place(step, layer + 1));
            let mixed = gate::recv_mixed(side, at(Phase::Gate), &bits, backward_gate)?;
            gate::reply(side, at(Phase::Gate), &z, &bits, &mixed.first, &activations)?;
            clock.lap("gate");
            forward.activations.push(activations);
            forward.bits.push(bits);
            let carried = carried.zip(mixed.second);
            forward.carried.extend(carried.map(|(known, mixed)| Carried { known, mixed }));
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
        clock: &mut PhaseClock,
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
                let [offer] = recv_offers(side, [gradient.offered(&theirs)])?;
                take(gradient.answer(side, &theirs, &offer)?);
                clock.lap("gradient");
                deltas.push(delta);
                break;
            };
            let (their_delta, theirs) = (carry.theirs(side)?, gradient.theirs(side)?);
            let [carried, offer] = recv_offers(side, [carry.offered(&their_delta), gradient.offered(&theirs)])?;
            // P2 waits for this before it goes on to the layer below.
            let Carried { known, mixed } = &forward.carried[layer - 1];
            carry.answer(side, &their_delta, &carried, known)?;
            clock.lap("backward");
            take(gradient.answer(side, &theirs, &offer)?);
            clock.lap("gradient");
            let gated = carry.reply(side, &forward.bits[layer - 1], known, mixed)?;
            clock.lap("gate");
            deltas.push(std::mem::replace(&mut delta, gated));
        }
        deltas.reverse();
        quotients.reverse();
        Ok((deltas, quotients))
    }
}

/// What P1 knows of a hidden layer before P2's part of it.
struct Ahead {
    blinds: Blinds,
    /// Its share of the activations.
    activations: Share,
    /// In training.
    carried: Option<Known>,
}

/// What P1 has of the errors carried back to a hidden layer before they are.
struct Carried {
    known: Known,
    /// What the gate of the activations has shown of theirs.
    mixed: Share,
}

/// Sends all that P1 encrypts for the gate of a hidden layer and for what follows, which its masks determine: P2 works on
/// its part of the product meanwhile.
fn send_ahead(
    side: &mut Side,
    plan: &TrainingPlan,
    step: u64,
    layer: usize,
    z: &Share,
    pass: Pass,
) -> Result<Ahead, Error> {
    let at = |phase| place(step, phase, layer as u16);
    let above = |phase| place(step, phase, layer as u16 + 1);
    let blinds = Blinds::draw(side, at(Phase::Compare), z);
    let carried = (pass == Pass::Training).then(|| Known::draw(side, plan, (step, layer + 1), z.columns()));
    let second = carried.as_ref().map(|known| &known.share);
    gate::send(side, at(Phase::Gate), z, second, &blinds.bits())?;
    let activations = gate::masks(side, at(Phase::Gate), z, plan.bounds.activations);
    let forward = side.widths.forward(layer + 1);
    send_factor(side, above(Phase::Forward), &forward, &activations, Lifetime::Once)?;
    if pass == Pass::Training && !plan.layers.is_output(layer + 1) {
        let gradient = side.widths.gradient(layer + 1, z.columns());
        send_factor(side, above(Phase::Gradient), &gradient, &activations.transposed(), Lifetime::Once)?;
    }
    Ok(Ahead { blinds, activations, carried })
}

impl Forward {
    pub(super) fn output(&self) -> &Share {
        &self.activations[self.activations.len() - 1]
    }
}

fn gather_rows(
    name: &'static str,
    table: &Ciphertexts,
    layout: InputLayout,
    table_rows: usize,
    rows: &[usize],
) -> Result<Ciphertexts, Error> {
    let per_row = layout.per_row();
    require_count(name, table.len(), table_rows * per_row)?;
    let elements: Vec<usize> = rows.iter().flat_map(|row| row * per_row..(row + 1) * per_row).collect();
    Ok(table.gather(&elements))
}

pub(super) fn require_count(name: &'static str, found: usize, due: usize) -> Result<(), Error> {
    if found == due {
        return Ok(());
    }
    Err(ProtocolError::Config { reason: format!("{found} ciphertexts of {name} where the job has {due}") }.into())
}
