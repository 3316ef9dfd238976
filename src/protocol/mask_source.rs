//! Where a server's masks come from, and what it draws from them before the first step.

use zeroize::Zeroizing;

use crate::error::Error;
use crate::mask::{MaskKey, Phase, Purpose};
use crate::mlp::FixedModel;

use super::config::JobConfig;
use super::place::place;

/// Where a server's masks come from.
pub enum MaskSource {
    /// A key of its own, bound to the handshake.
    Private(MaskKey),
    /// An experiment's seed: not private, repeatable.
    Experiment(MaskKey),
}

impl MaskSource {
    /// The key of the job that the handshake's hash names.
    pub(crate) fn for_job(self, transcript: &[u8; 32]) -> MaskKey {
        match self {
            MaskSource::Private(key) => key.for_job(transcript),
            MaskSource::Experiment(key) => key,
        }
    }
}

/// A server's addend of the initial weights, from its own masks; wiped on drop.
pub(crate) fn initial_addend(config: &JobConfig, masks: &MaskKey) -> Result<Zeroizing<FixedModel>, Error> {
    let position = place(0, Phase::Initial, 0).position(Purpose::Weight);
    let mut stream = masks.at(position).element(0);
    let addend = FixedModel::initial_addend(&config.plan.layers, config.plan.fixed, || stream.normal())?;
    Ok(Zeroizing::new(addend))
}
