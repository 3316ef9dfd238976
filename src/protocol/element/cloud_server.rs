//! P1: holds the users' ciphertexts, the encrypted model and its masks; learns nothing but public shapes.

use std::collections::HashMap;

use rug::Integer;

use crate::arith::Engine;
use crate::error::Error;
use crate::mask::Phase;
use crate::mlp::{Batches, FixedModel, Layers};
use crate::net::{Channel, Traffic};
use crate::paillier::{Ciphertexts, Pool, PublicKey};
use crate::protocol::ProtocolError;
use crate::protocol::clock::{PhaseClock, PhaseTimes};
use crate::protocol::config::JobConfig;
use crate::protocol::handshake::shake_hands_as_cloud;
use crate::protocol::mask_source::{MaskSource, initial_addend};
use crate::protocol::message::Operation;
use crate::protocol::place::{FEATURES, LOSS, MODEL, SCORES, TARGETS, place};
use crate::protocol::randomizer::{PoolOptions, Randomizer};
use crate::protocol::rounding::MaskRounding;
use crate::protocol::schedule::Activity;
use crate::rng::SecureRng;
use crate::secret::SecretIntegers;

use super::mul_enc::DotProducts;
use super::side::CloudSide;
use super::{EncryptedModel, div_enc, key_switch, max_enc, mul_enc};

/// The cloud server.
pub struct CloudServer {
    pub(super) side: CloudSide,
    pub(super) config: JobConfig,
    batches: Batches,
    submitted: Option<Rows>,
    fresh: HashMap<usize, Rows>,
    model: Option<EncryptedModel>,
    loss_sum: Option<Ciphertexts>,
    /// The losses that were read, an epoch each.
    curve: Vec<Ciphertexts>,
}

/// Features \[rows\]\[inputs\] and one-hot targets \[rows\]\[outputs\].
#[derive(Clone)]
struct Rows {
    features: Ciphertexts,
    targets: Ciphertexts,
}

/// A batch's activations and gate bits, layer by layer.
struct Forward {
    /// Input of each layer; the last element is the output.
    activations: Vec<Ciphertexts>,
    /// Gate bits of each hidden layer.
    gates: Vec<Ciphertexts>,
    /// z of each layer, before ReLU.
    #[cfg(test)]
    sums: Vec<Ciphertexts>,
}

impl CloudServer {
    /// Shakes hands with P2 and prepares for the activities of `config`. `masks` is this server's own key for the job;
    /// it is bound to the handshake unless it comes from an experiment's seed.
    pub fn connect(
        engine: &Engine,
        mut channel: Channel,
        config: &JobConfig,
        key: &PublicKey,
        masks: MaskSource,
        pool: PoolOptions,
    ) -> Result<Self, Error> {
        let bounds = config.bounds()?;
        let parameters = bounds.comparison_parameters(config)?;
        let session = shake_hands_as_cloud(&mut channel, config, key.id(), None, parameters)?;
        let masks = masks.for_job(&session.transcript);
        let exponent_bits = key.chain_randomizer_bits(bounds.sigma());
        let randomizer = Randomizer::new(engine, key, exponent_bits, pool)?;
        let side = CloudSide {
            engine: engine.clone(),
            channel,
            key: key.clone(),
            bounds,
            masks,
            randomizer,
            comparison: session.comparison,
            rng: SecureRng::from_os(),
            #[cfg(test)]
            witness: super::test_run::CloudWitness::default(),
        };
        let batches = config.batches()?;
        Ok(CloudServer {
            side,
            config: config.clone(),
            batches,
            submitted: None,
            fresh: HashMap::new(),
            model: None,
            loss_sum: None,
            curve: Vec::new(),
        })
    }

    /// Takes over the users' training rows: features \[rows\]\[inputs\] and one-hot targets \[rows\]\[outputs\].
    pub fn submit(&mut self, features: Ciphertexts, targets: Ciphertexts) {
        self.submitted = Some(Rows { features, targets });
    }

    /// Takes over a model that was trained before.
    ///
    /// # Errors
    /// If it has not the shape of this job's layers.
    pub fn restore(&mut self, model: EncryptedModel) -> Result<(), Error> {
        model.check_shape(&self.config.plan.layers)?;
        self.model = Some(model);
        Ok(())
    }

    /// The encrypted model, once there is one.
    pub fn model(&self) -> Option<&EncryptedModel> {
        self.model.as_ref()
    }

    /// What went over the channel so far.
    pub fn traffic(&self) -> Traffic {
        self.side.channel.traffic()
    }

    /// What the integer twin of this run rounds with: only for a process that plays all parties.
    pub fn twin_rounding(&self) -> MaskRounding {
        MaskRounding::new(self.side.masks.clone(), self.side.bounds.clone())
    }

    /// The pool of randomisers.
    pub fn pool(&self) -> &Pool {
        self.side.randomizer.pool()
    }

    /// Encrypts the users' rows of a batch afresh (rule 1): from then on their randomness is P2's.
    pub fn refresh_batch(&mut self, batch: usize) -> Result<(), Error> {
        self.side.randomizer.open_pool()?;
        let submitted = self.submitted.clone().ok_or_else(|| missing("training rows"))?;
        let members = &self.batches.members()[batch];
        let layers = &self.config.plan.layers;
        require_count("features", submitted.features.len(), self.config.train_rows * layers.inputs())?;
        require_count("targets", submitted.targets.len(), self.config.train_rows * layers.outputs())?;
        let features = gather_rows(&submitted.features, layers.inputs(), members);
        let targets = gather_rows(&submitted.targets, layers.outputs(), members);
        let at = |tensor| place(batch as u64, Phase::Input, tensor);
        let rows = Rows {
            features: div_enc::ask(&mut self.side, at(FEATURES), &features, 1)?,
            targets: div_enc::ask(&mut self.side, at(TARGETS), &targets, 1)?,
        };
        self.fresh.insert(batch, rows);
        Ok(())
    }

    /// Adds its addend to P2's: nobody knows the sum.
    pub fn initial_weights(&mut self) -> Result<(), Error> {
        let layers = &self.config.plan.layers;
        let place = place(0, Phase::Initial, 0);
        let theirs = self.side.recv(place, Operation::Weights, layers.parameters())?;
        let own = initial_addend(&self.config, &self.side.masks)?;
        let sum = theirs.add_plain(&self.side.engine, &flat_integers(layers, &own))?;
        self.model = Some(EncryptedModel::from_flat(&self.config.plan.layers, &sum)?);
        Ok(())
    }

    /// One training step on batch number `batch`.
    pub fn step(&mut self, step: u64, batch: usize) -> Result<PhaseTimes, Error> {
        let mut clock = PhaseClock::start();
        let rows = self.batches.members()[batch].len();
        let Rows { features, targets } = self.fresh.get(&batch).cloned().ok_or_else(|| missing("fresh batch"))?;
        let model = self.current_model()?;

        let forward = self.forward(step, &model, features, rows, &mut clock)?;
        let output_delta = forward.output().sub(&self.side.engine, &targets)?;
        self.add_loss(step, &output_delta)?;
        clock.lap("loss");
        let deltas = self.deltas(step, &model, &forward, output_delta, rows, &mut clock)?;
        let updated = self.updated_model(step, &model, &forward, &deltas, rows)?;
        clock.lap("gradient");
        #[cfg(test)]
        self.side.witness.steps.push(super::test_run::StepRecord {
            sums: forward.sums,
            gates: forward.gates,
            activations: forward.activations,
            deltas,
            loss_sum: self.loss_sum.clone(),
            model: updated.clone(),
        });
        self.model = Some(updated);
        Ok(clock.laps)
    }

    /// The epoch's sum of squared differences under the key of `reader`; a new sum begins.
    pub fn read_loss(&mut self, epoch: u64, rows: usize, reader: &PublicKey) -> Result<Ciphertexts, Error> {
        let loss_sum = self.loss_sum.take().ok_or_else(|| missing("loss"))?;
        let value_bits = self.side.bounds.loss_bits(rows);
        let answer =
            key_switch::ask(&mut self.side, place(epoch, Phase::KeySwitch, LOSS), &loss_sum, value_bits, reader)?;
        self.curve.push(loss_sum);
        Ok(answer)
    }

    /// The losses of all epochs that were read, under P2's key; none if none was read.
    pub fn store_curve(&self) -> Result<Option<Ciphertexts>, Error> {
        if self.curve.is_empty() { Ok(None) } else { Ok(Some(Ciphertexts::concat(&self.curve)?)) }
    }

    /// Losses, as [`CloudServer::store_curve`] gave them, under the key of `reader`; `query` is a number of its own.
    pub fn read_curve(&mut self, query: u64, curve: &Ciphertexts, reader: &PublicKey) -> Result<Ciphertexts, Error> {
        let at = place(Activity::query_step(query), Phase::KeySwitch, LOSS);
        let value_bits = self.side.bounds.loss_bits(self.config.train_rows);
        key_switch::ask(&mut self.side, at, curve, value_bits, reader)
    }

    /// All parameters under the key of `reader`, in the order of [`EncryptedModel::flatten`].
    pub fn read_model(&mut self, epoch: u64, reader: &PublicKey) -> Result<Ciphertexts, Error> {
        let parameters = self.current_model()?.flatten()?;
        let value_bits = self.side.bounds.weight_bits();
        key_switch::ask(&mut self.side, place(epoch, Phase::KeySwitch, MODEL), &parameters, value_bits, reader)
    }

    /// Scores \[rows\]\[outputs\] of a user's rows \[rows\]\[inputs\], under the user's key.
    ///
    /// # Errors
    /// If the ciphertexts are not whole rows; what the operations run into.
    pub fn classify(&mut self, query: u64, rows: &Ciphertexts, reader: &PublicKey) -> Result<Ciphertexts, Error> {
        let inputs = self.config.plan.layers.inputs();
        if !rows.len().is_multiple_of(inputs) {
            let reason = format!("{} encrypted values are no whole rows of {inputs} features", rows.len());
            return Err(ProtocolError::Config { reason }.into());
        }
        let count = rows.len() / inputs;
        let step = Activity::query_step(query);
        let model = self.current_model()?;
        let inputs = div_enc::ask(&mut self.side, place(step, Phase::Input, FEATURES), rows, 1)?;
        let forward = self.forward(step, &model, inputs, count, &mut PhaseClock::start())?;
        let value_bits = self.side.bounds.score_bits();
        let place = place(step, Phase::KeySwitch, SCORES);
        key_switch::ask(&mut self.side, place, forward.output(), value_bits, reader)
    }

    /// z = W a + b, ReLU on hidden layers, linear output.
    fn forward(
        &mut self,
        step: u64,
        model: &EncryptedModel,
        inputs: Ciphertexts,
        rows: usize,
        clock: &mut PhaseClock,
    ) -> Result<Forward, Error> {
        let layers = self.config.plan.layers.clone();
        let mut forward = Forward {
            activations: vec![inputs],
            gates: Vec::new(),
            #[cfg(test)]
            sums: Vec::new(),
        };
        for layer in 0..layers.weight_layers() {
            let z = self.weighted_sums(step, model, layer, forward.output(), rows)?;
            clock.lap("forward");
            #[cfg(test)]
            forward.sums.push(z.clone());
            if layers.is_output(layer) {
                forward.activations.push(z);
                continue;
            }
            let gates = max_enc::ask(&mut self.side, place(step, Phase::Compare, layer as u16), &z)?;
            clock.lap("compare");
            forward.activations.push(self.gated(step, Phase::Gate, layer, &z, &gates)?);
            forward.gates.push(gates);
            clock.lap("gate");
        }
        Ok(forward)
    }

    fn weighted_sums(
        &mut self,
        step: u64,
        model: &EncryptedModel,
        layer: usize,
        below: &Ciphertexts,
        rows: usize,
    ) -> Result<Ciphertexts, Error> {
        let (fan_in, fan_out) = self.fans(layer);
        let place = place(step, Phase::Forward, layer as u16);
        let dots = DotProducts::new(rows * fan_out, fan_in, |output, input| {
            let (row, neuron) = (output / fan_out, output % fan_out);
            (neuron * fan_in + input, row * fan_in + input)
        });
        let sums = mul_enc::ask(&mut self.side, place, &model.weights[layer], below, &dots)?;
        let quotients = div_enc::ask(&mut self.side, place, &sums, self.config.plan.product_divisor())?;
        let biases: Vec<usize> = (0..rows * fan_out).map(|output| output % fan_out).collect();
        Ok(quotients.add(&self.side.engine, &model.biases[layer].gather(&biases))?)
    }

    /// Values times their gate bits.
    fn gated(
        &mut self,
        step: u64,
        phase: Phase,
        layer: usize,
        values: &Ciphertexts,
        gates: &Ciphertexts,
    ) -> Result<Ciphertexts, Error> {
        let pairs = DotProducts::new(values.len(), 1, |element, _| (element, element));
        mul_enc::ask(&mut self.side, place(step, phase, layer as u16), values, gates, &pairs)
    }

    fn add_loss(&mut self, step: u64, output_delta: &Ciphertexts) -> Result<(), Error> {
        let squares = DotProducts::new(1, output_delta.len(), |_, element| (element, element));
        let loss = mul_enc::ask(&mut self.side, place(step, Phase::Loss, 0), output_delta, output_delta, &squares)?;
        self.loss_sum = Some(match self.loss_sum.take() {
            Some(sum) => sum.add(&self.side.engine, &loss)?,
            None => loss,
        });
        Ok(())
    }

    /// Errors of each layer, carried back through the weights before the update.
    fn deltas(
        &mut self,
        step: u64,
        model: &EncryptedModel,
        forward: &Forward,
        output_delta: Ciphertexts,
        rows: usize,
        clock: &mut PhaseClock,
    ) -> Result<Vec<Ciphertexts>, Error> {
        let mut deltas = vec![output_delta];
        for layer in (1..self.config.plan.layers.weight_layers()).rev() {
            let (fan_in, fan_out) = self.fans(layer);
            let place = place(step, Phase::Backward, layer as u16);
            let dots = DotProducts::new(rows * fan_in, fan_out, |output, neuron| {
                let (row, input) = (output / fan_in, output % fan_in);
                (neuron * fan_in + input, row * fan_out + neuron)
            });
            let above = &deltas[deltas.len() - 1];
            let sums = mul_enc::ask(&mut self.side, place, &model.weights[layer], above, &dots)?;
            let carried = div_enc::ask(&mut self.side, place, &sums, self.config.plan.product_divisor())?;
            clock.lap("backward");
            deltas.push(self.gated(step, Phase::BackwardGate, layer, &carried, &forward.gates[layer - 1])?);
            clock.lap("gate");
        }
        deltas.reverse();
        Ok(deltas)
    }

    fn updated_model(
        &mut self,
        step: u64,
        model: &EncryptedModel,
        forward: &Forward,
        deltas: &[Ciphertexts],
        rows: usize,
    ) -> Result<EncryptedModel, Error> {
        let mut updated = EncryptedModel { weights: Vec::new(), biases: Vec::new() };
        for (layer, delta) in deltas.iter().enumerate() {
            let (fan_in, fan_out) = self.fans(layer);
            let weights_place = place(step, Phase::Gradient, layer as u16);
            let dots = DotProducts::new(fan_out * fan_in, rows, |weight, row| {
                (row * fan_out + weight / fan_in, row * fan_in + weight % fan_in)
            });
            let sums = mul_enc::ask(&mut self.side, weights_place, delta, &forward.activations[layer], &dots)?;
            let divisor = self.config.plan.gradient_divisor(rows)?;
            let change = div_enc::ask(&mut self.side, weights_place, &sums, divisor)?;
            updated.weights.push(model.weights[layer].sub(&self.side.engine, &change)?);

            let by_neuron: Vec<usize> = (0..fan_out * rows).map(|i| (i % rows) * fan_out + i / rows).collect();
            let sums = delta.gather(&by_neuron).sum_runs(&self.side.engine, rows)?;
            let biases_place = place(step, Phase::BiasGradient, layer as u16);
            let change = div_enc::ask(&mut self.side, biases_place, &sums, self.config.plan.rate_divisor(rows)?)?;
            updated.biases.push(model.biases[layer].sub(&self.side.engine, &change)?);
        }
        Ok(updated)
    }

    fn fans(&self, layer: usize) -> (usize, usize) {
        (self.config.plan.layers.fan_in(layer), self.config.plan.layers.fan_out(layer))
    }

    pub(super) fn current_model(&self) -> Result<EncryptedModel, Error> {
        self.model.clone().ok_or_else(|| missing("model"))
    }
}

fn require_count(name: &'static str, found: usize, due: usize) -> Result<(), Error> {
    if found == due {
        return Ok(());
    }
    let reason = format!("{found} encrypted {name} were submitted where the job's rows have {due}");
    Err(ProtocolError::Config { reason }.into())
}

fn missing(name: &'static str) -> Error {
    ProtocolError::Config { reason: format!("P1 has no {name} yet; the activities are out of order") }.into()
}

impl Forward {
    fn output(&self) -> &Ciphertexts {
        &self.activations[self.activations.len() - 1]
    }
}

/// Parameters in the order of [`EncryptedModel::flatten`].
pub(super) fn flat_integers(layers: &Layers, model: &FixedModel) -> SecretIntegers {
    (0..layers.weight_layers())
        .flat_map(|layer| model.weights[layer].iter().chain(&model.biases[layer]))
        .map(|value| Integer::from(*value))
        .collect()
}

fn gather_rows(table: &Ciphertexts, columns: usize, rows: &[usize]) -> Ciphertexts {
    let elements: Vec<usize> = rows.iter().flat_map(|row| row * columns..(row + 1) * columns).collect();
    table.gather(&elements)
}
