//! P2: holds the private key and sees masked values only. It follows the public schedule, so every count, divisor and
//! bound is its own knowledge, never P1's word.

use crate::arith::Engine;
use crate::dgk;
use crate::error::Error;
use crate::mask::{MaskKey, Phase};
use crate::mlp::Batches;
use crate::net::Channel;
use crate::paillier::{PublicKey, SecretKey};
use crate::protocol::config::{JobConfig, Reading};
use crate::protocol::handshake::shake_hands_as_key_server;
use crate::protocol::message::Operation;
use crate::protocol::schedule::Activity;
use crate::rng::SecureRng;

use super::cloud_server::flat_integers;

use crate::protocol::place::{FEATURES, LOSS, MODEL, SCORES, TARGETS, place};

use super::side::KeySide;
use super::{div_enc, key_switch, max_enc, mul_enc};
use crate::protocol::mask_source::{MaskSource, initial_addend};

/// The key server.
pub struct KeyServer {
    pub(super) side: KeySide,
    pub(super) config: JobConfig,
    batches: Batches,
    own_addend: MaskKey,
}

impl KeyServer {
    /// Shakes hands with P1. `weights` seeds this server's addend of the initial weights.
    pub fn connect(
        engine: &Engine,
        mut channel: Channel,
        config: &JobConfig,
        key: SecretKey,
        weights: MaskSource,
    ) -> Result<Self, Error> {
        let bounds = config.bounds()?;
        let parameters = bounds.comparison_parameters(config)?;
        let generate = |parameters| dgk::SecretKey::generate(engine, parameters, &mut SecureRng::from_os());
        let comparison = parameters.map(generate).transpose()?;
        let public = comparison.as_ref().map(dgk::SecretKey::public_key);
        let session = shake_hands_as_key_server(&mut channel, config, key.public_key().id(), false, public)?;
        let own_addend = weights.for_job(&session.transcript);
        let side = KeySide {
            engine: engine.clone(),
            channel,
            key,
            comparison,
            bounds,
            readers: config.readers.clone(),
            rng: SecureRng::from_os(),
            #[cfg(test)]
            received: Vec::new(),
            #[cfg(test)]
            zeros: Vec::new(),
        };
        Ok(KeyServer { side, config: config.clone(), batches: config.batches()?, own_addend })
    }

    /// Plays its part of one activity; results are switched to `reader` if the job allows it.
    pub fn run(&mut self, activity: Activity, reader: &PublicKey) -> Result<(), Error> {
        match activity {
            Activity::RefreshBatch { batch } => self.refresh_batch(batch),
            Activity::InitialWeights => self.initial_weights(),
            Activity::Step { step, batch, .. } => self.step(step, self.batches.members()[batch].len()),
            Activity::TestModel { step } => self.test_model(step),
            Activity::ReadLoss { epoch, rows } => {
                let value_bits = self.side.bounds.loss_bits(rows);
                let place = place(epoch, Phase::KeySwitch, LOSS);
                key_switch::answer(&mut self.side, place, 1, value_bits, reader, Reading::Model)
            }
            Activity::ReadModel { epoch } => {
                let count = self.config.plan.layers.parameters();
                let value_bits = self.side.bounds.weight_bits();
                let place = place(epoch, Phase::KeySwitch, MODEL);
                key_switch::answer(&mut self.side, place, count, value_bits, reader, Reading::Model)
            }
            Activity::Classify { query, rows, .. } => self.classify(Activity::query_step(query), rows, reader),
        }
    }

    /// Its part of [`super::CloudServer::read_curve`].
    pub fn read_curve(&mut self, query: u64, epochs: usize, reader: &PublicKey) -> Result<(), Error> {
        let at = place(Activity::query_step(query), Phase::KeySwitch, LOSS);
        let value_bits = self.side.bounds.loss_bits(self.config.train_rows);
        key_switch::answer(&mut self.side, at, epochs, value_bits, reader, Reading::Model)
    }

    fn refresh_batch(&mut self, batch: usize) -> Result<(), Error> {
        let rows = self.batches.members()[batch].len();
        let (features, targets) = (rows * self.config.plan.layers.inputs(), rows * self.config.plan.layers.outputs());
        let at = |tensor| place(batch as u64, Phase::Input, tensor);
        div_enc::answer(&mut self.side, at(FEATURES), features, 1)?;
        div_enc::answer(&mut self.side, at(TARGETS), targets, 1)
    }

    fn initial_weights(&mut self) -> Result<(), Error> {
        let addend = initial_addend(&self.config, &self.own_addend)?;
        let parameters = flat_integers(&self.config.plan.layers, &addend);
        self.side.send_fresh(place(0, Phase::Initial, 0), Operation::Weights, &parameters)
    }

    fn step(&mut self, step: u64, rows: usize) -> Result<(), Error> {
        let layers = self.config.plan.layers.clone();
        self.forward(step, rows)?;
        mul_enc::answer(&mut self.side, place(step, Phase::Loss, 0), rows * layers.outputs())?;
        for layer in (1..layers.weight_layers()).rev() {
            let carried = rows * layers.fan_in(layer);
            let backward = place(step, Phase::Backward, layer as u16);
            mul_enc::answer(&mut self.side, backward, carried * layers.fan_out(layer))?;
            div_enc::answer(&mut self.side, backward, carried, self.config.plan.product_divisor())?;
            mul_enc::answer(&mut self.side, place(step, Phase::BackwardGate, layer as u16), carried)?;
        }
        for layer in 0..layers.weight_layers() {
            let weights = layers.fan_in(layer) * layers.fan_out(layer);
            let gradient = place(step, Phase::Gradient, layer as u16);
            mul_enc::answer(&mut self.side, gradient, weights * rows)?;
            div_enc::answer(&mut self.side, gradient, weights, self.config.plan.gradient_divisor(rows)?)?;
            let bias_gradient = place(step, Phase::BiasGradient, layer as u16);
            let divisor = self.config.plan.rate_divisor(rows)?;
            div_enc::answer(&mut self.side, bias_gradient, layers.fan_out(layer), divisor)?;
        }
        Ok(())
    }

    fn forward(&mut self, step: u64, rows: usize) -> Result<(), Error> {
        let layers = self.config.plan.layers.clone();
        for layer in 0..layers.weight_layers() {
            let outputs = rows * layers.fan_out(layer);
            let forward = place(step, Phase::Forward, layer as u16);
            mul_enc::answer(&mut self.side, forward, outputs * layers.fan_in(layer))?;
            div_enc::answer(&mut self.side, forward, outputs, self.config.plan.product_divisor())?;
            if !layers.is_output(layer) {
                max_enc::answer(&mut self.side, place(step, Phase::Compare, layer as u16), outputs)?;
                mul_enc::answer(&mut self.side, place(step, Phase::Gate, layer as u16), outputs)?;
            }
        }
        Ok(())
    }

    fn classify(&mut self, step: u64, rows: usize, reader: &PublicKey) -> Result<(), Error> {
        let layers = &self.config.plan.layers;
        let (inputs, scores) = (rows * layers.inputs(), rows * layers.outputs());
        div_enc::answer(&mut self.side, place(step, Phase::Input, FEATURES), inputs, 1)?;
        self.forward(step, rows)?;
        let value_bits = self.side.bounds.score_bits();
        key_switch::answer(
            &mut self.side,
            place(step, Phase::KeySwitch, SCORES),
            scores,
            value_bits,
            reader,
            Reading::Answers,
        )
    }
}
