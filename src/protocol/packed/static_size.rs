//! How much the ciphertexts take that are made once for each batch and never change, known before any is made.

use crate::error::Error;
use crate::mlp::Batches;
use crate::protocol::config::{JobConfig, Protocol};
use crate::protocol::schedule::{self, Activity};

use super::factor::Lifetime;
use super::widths::Widths;

/// Static ciphertexts of a training, of both servers together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StaticSize {
    /// Batches that the training uses.
    pub batches: usize,
    /// Bytes of the largest batch.
    pub largest_batch_bytes: u64,
    /// Bytes of all batches.
    pub bytes: u64,
}

impl StaticSize {
    /// What the training of `config` will make; nothing where the protocol has no static ciphertexts.
    ///
    /// # Errors
    /// If the job does not fit its key.
    pub fn of_training(config: &JobConfig) -> Result<Self, Error> {
        if config.protocol != Protocol::Packed {
            return Ok(StaticSize::default());
        }
        // The first epoch visits every batch that any epoch does.
        let first_epoch = JobConfig { epochs: config.epochs.min(1), ..config.clone() };
        let batches = config.batches()?;
        let widths = Widths::of_job(config)?;
        let mut size = StaticSize::default();
        for activity in schedule::training(&first_epoch, &batches) {
            if let Activity::RefreshBatch { batch } = activity {
                let bytes = batch_bytes(config, &widths, &batches, batch)?;
                size.batches += 1;
                size.largest_batch_bytes = size.largest_batch_bytes.max(bytes);
                size.bytes += bytes;
            }
        }
        Ok(size)
    }
}

/// Features of a batch's rows under both servers' keys: along the batch for the first layer's product, along the features
/// for its gradient.
fn batch_bytes(config: &JobConfig, widths: &Widths, batches: &Batches, batch: usize) -> Result<u64, Error> {
    let (rows, inputs) = (batches.members()[batch].len(), config.plan.layers.inputs());
    let lifetime = Lifetime::Products(config.uses_of_a_batch(batches.members().len()));
    let along_rows = widths.forward(0).layout(config.key_bits, rows, lifetime)?;
    let along_features = widths.gradient(0, rows).layout(config.key_bits, inputs, lifetime)?;
    let ciphertexts = 2 * (along_rows.factor_plaintexts(inputs) + along_features.factor_plaintexts(rows));
    // A ciphertext is a residue modulo n^2; both keys have one length.
    let ciphertext_bytes = u64::from(2 * config.key_bits).div_ceil(8);
    Ok(ciphertexts as u64 * ciphertext_bytes)
}
