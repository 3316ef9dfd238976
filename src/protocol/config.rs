//! What a job is agreed on: one struct behind the command line, the handshake and the summary.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::mlp::{Batches, TrainingPlan};
use crate::named::named;
use crate::paillier::{KeyForm, KeyId};

use super::ProtocolError;
use super::bounds::Bounds;

/// Which protocol the servers run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// The paper's: one ciphertext a value.
    Element,
    /// Matrices with many values in a plaintext.
    Packed,
}

/// How a sign is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// The paper's: P2 sees a noisy magnitude.
    Blinded,
    /// Digit by digit under a key of its own: neither server learns anything.
    Dgk,
}

impl Protocol {
    /// The comparison that a job has if nobody asks for another: the paper's protocol has the paper's.
    pub fn comparison(self) -> Comparison {
        match self {
            Protocol::Element => Comparison::Blinded,
            Protocol::Packed => Comparison::Dgk,
        }
    }
}

named!(Protocol { Element => "element", Packed => "packed" });
named!(Comparison { Blinded => "blinded", Dgk => "dgk" });

/// A key that may receive results, and which; fixed when the data are submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reader {
    /// The key.
    pub key_id: KeyId,
    /// Labels or scores of its own queries.
    pub answers: bool,
    /// The trained model and the loss curve.
    pub model: bool,
}

/// Kinds of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Labels or scores of a query.
    Answers,
    /// The model or the loss curve.
    Model,
}

impl Reading {
    /// What a user calls it.
    pub fn name(self) -> &'static str {
        match self {
            Reading::Answers => "answers",
            Reading::Model => "the model or the loss curve",
        }
    }
}

impl Reader {
    /// Whether this key may receive `reading`.
    pub fn may_read(&self, reading: Reading) -> bool {
        match reading {
            Reading::Answers => self.answers,
            Reading::Model => self.model,
        }
    }
}

/// Refuses a key that may not receive `what`.
pub(super) fn require_reader(readers: &[Reader], key: KeyId, what: Reading) -> Result<(), ProtocolError> {
    match readers.iter().any(|reader| reader.key_id == key && reader.may_read(what)) {
        true => Ok(()),
        false => Err(ProtocolError::ReaderRefused { reader: key.to_string(), what: what.name() }),
    }
}

/// Steps of the longest training.
pub const MAX_STEPS: u64 = 1 << 22;

/// Everything public that both servers must agree on before they start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobConfig {
    /// Name of the data set, for messages.
    pub data: String,
    /// Shape, step size, batches, number format and bounds.
    #[serde(flatten)]
    pub plan: TrainingPlan,
    /// Protocol.
    pub protocol: Protocol,
    /// Comparison.
    pub comparison: Comparison,
    /// Length of the servers' keys.
    pub key_bits: u32,
    /// Form of the servers' keys.
    #[serde(default)]
    pub key_form: KeyForm,
    /// Statistical parameter of the masks.
    pub sigma: u32,
    /// Passes over the training rows.
    pub epochs: u64,
    /// Stops after so many steps.
    pub max_steps: Option<u64>,
    /// Training rows.
    pub train_rows: usize,
    /// Seed of the public batch order.
    pub batch_seed: u64,
    /// Who may read what.
    pub readers: Vec<Reader>,
}

impl JobConfig {
    /// The derived widths.
    ///
    /// # Errors
    /// If the plan, sigma or the key does not fit.
    pub fn bounds(&self) -> Result<Bounds, crate::error::Error> {
        self.plan.validate(self.train_rows)?;
        let bounds = Bounds::new(&self.plan, self.sigma, self.key_bits)?;
        bounds.check_loss(self.train_rows)?;
        Ok(bounds)
    }

    /// Refuses a key that may not receive `what`.
    ///
    /// # Errors
    /// [`ProtocolError::ReaderRefused`].
    pub fn require_reader(&self, key: KeyId, what: Reading) -> Result<(), ProtocolError> {
        require_reader(&self.readers, key, what)
    }

    /// The public batches.
    ///
    /// # Errors
    /// If there are no rows for a batch, or more than [`MAX_STEPS`] steps to train: the schedule is kept as a list.
    pub fn batches(&self) -> Result<Batches, crate::error::Error> {
        let batches = Batches::new(self.train_rows, self.plan.batch_rows, self.plan.drop_last, self.batch_seed)?;
        let steps = self.epochs.saturating_mul(batches.members().len() as u64);
        let steps = self.max_steps.map_or(steps, |max_steps| steps.min(max_steps));
        if steps > MAX_STEPS {
            let reason = format!("{steps} steps to train; a job has at most {MAX_STEPS}, give fewer epochs");
            return Err(ProtocolError::Config { reason }.into());
        }
        Ok(batches)
    }

    /// The most steps that one of `batches` batches is for: each comes once an epoch.
    pub fn uses_of_a_batch(&self, batches: usize) -> u64 {
        let started = self.max_steps.map(|max_steps| max_steps.div_ceil(batches.max(1) as u64));
        started.map_or(self.epochs, |started| started.min(self.epochs))
    }

    /// What the handshake compares.
    ///
    /// # Errors
    /// If the configuration cannot be written as JSON, as with a learning rate that is not a number.
    pub fn digest(&self) -> Result<[u8; 32], ProtocolError> {
        let json = serde_json::to_vec(self)
            .map_err(|error| ProtocolError::Config { reason: format!("it cannot be written: {error}") })?;
        Ok(Sha256::digest(json).into())
    }
}
