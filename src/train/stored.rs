//! What a job leaves behind, each server its own: enough to answer queries and to hand the model to its owner later.

use crate::arith::Engine;
use crate::container::SlotField;
use crate::error::Error;
use crate::mask::MaskKey;
use crate::net::Channel;
use crate::paillier::{Ciphertexts, PublicKey, SecretKey};
use crate::protocol::ProtocolError;
use crate::protocol::config::{JobConfig, Protocol};
use crate::protocol::element::PoolOptions;
use crate::protocol::mask_source::MaskSource;
use crate::protocol::packed::InputLayout;
use crate::protocol::schedule::epoch_rows;

use super::servers::{Cloud, Key};

/// Values under one key, as many in a ciphertext as the slots say; one if they say nothing.
#[derive(Clone)]
pub struct StoredTensor {
    /// How the values lie in the ciphertexts.
    pub slots: SlotField,
    /// The ciphertexts.
    pub ciphertexts: Ciphertexts,
}

impl StoredTensor {
    /// A ciphertext a value.
    pub(super) fn one_each(ciphertexts: Ciphertexts) -> Self {
        StoredTensor { slots: SlotField::default(), ciphertexts }
    }

    /// Refuses what is not `name` of a job in which such a tensor has `ciphertexts` ciphertexts with `slots`.
    fn require_layout(&self, name: &str, slots: SlotField, ciphertexts: usize) -> Result<(), Error> {
        if self.slots == slots && self.ciphertexts.len() == ciphertexts {
            return Ok(());
        }
        let describe = |slots: SlotField, count| match slots {
            SlotField { slots: 0, .. } => format!("{count} ciphertexts of one value"),
            SlotField { slot_bits, slots } => format!("{count} ciphertexts of {slots} slots of {slot_bits} bits"),
        };
        let (found, due) = (describe(self.slots, self.ciphertexts.len()), describe(slots, ciphertexts));
        let reason = format!("{name} is stored as {found}, where the job has {due}; it belongs to another job");
        Err(ProtocolError::Config { reason }.into())
    }
}

/// What P1 keeps of a job: it cannot hold P2's private key.
pub struct CloudState {
    /// What was agreed.
    pub config: JobConfig,
    /// P2's public key.
    pub server_key: PublicKey,
    /// The model under it.
    pub model: StoredTensor,
    /// The losses of the epochs under it; none if no epoch was trained.
    pub curve: Option<StoredTensor>,
    /// The key of P1's masks.
    pub masks: MaskKey,
}

/// What P2 keeps of a job.
pub struct KeyState {
    /// What was agreed.
    pub config: JobConfig,
    /// Its key pair.
    pub key: SecretKey,
}

impl CloudState {
    /// Checks that model and curve are stored as this job stores them.
    ///
    /// # Errors
    /// If a layout or a number of ciphertexts differs.
    pub fn check(&self) -> Result<(), Error> {
        let config = &self.config;
        let epochs = self.epochs()?;
        let (model, curve) = match config.protocol {
            Protocol::Element => {
                let one_each = SlotField::default();
                ((one_each, config.plan.layers.parameters()), (one_each, epochs))
            }
            Protocol::Packed => {
                let lies = |layout: InputLayout| (layout.slots(), layout.per_row());
                (lies(InputLayout::model(config)?), lies(InputLayout::curve(config, epochs)?))
            }
        };
        self.model.require_layout("the model", model.0, model.1)?;
        match &self.curve {
            Some(stored) => stored.require_layout("the loss curve", curve.0, curve.1),
            None => Ok(()),
        }
    }

    /// Epochs that were trained, the last one perhaps in part.
    ///
    /// # Errors
    /// If the configuration has no batches.
    pub fn epochs(&self) -> Result<usize, Error> {
        Ok(epoch_rows(&self.config, &self.config.batches()?).len())
    }

    /// P1, for queries.
    pub(super) fn connect(&self, engine: &Engine, channel: Channel) -> Result<Cloud, Error> {
        self.check()?;
        let masks = MaskSource::Private(self.masks.clone());
        Cloud::connect(engine, channel, &self.config, &self.server_key, masks, PoolOptions::default())
    }
}

impl KeyState {
    /// P2, for queries: its masks are of this session alone.
    pub(super) fn connect(self, engine: &Engine, channel: Channel) -> Result<Key, Error> {
        Key::connect(engine, channel, &self.config, self.key, MaskSource::Private(MaskKey::from_os()))
    }
}
