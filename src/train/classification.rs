//! Rows of a user classified by a model that was trained before.

use crate::arith::Engine;
use crate::error::Error;
use crate::mask::MaskKey;
use crate::paillier::{Ciphertexts, PublicKey, SecretKey};
use crate::protocol::ProtocolError;
use crate::protocol::config::{JobConfig, Reading};
use crate::protocol::element::{EncryptedModel, MaskSource, PoolOptions};

use super::parties::run_both;
use super::servers::{Cloud, Key};

/// What P1 keeps of a job: it cannot hold P2's private key.
pub struct CloudState {
    /// What was agreed.
    pub config: JobConfig,
    /// P2's public key.
    pub server_key: PublicKey,
    /// The model under it.
    pub model: EncryptedModel,
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

/// Rows to classify, and who reads the answers.
pub struct Query {
    /// Counts the queries of a job from 0; the caller makes sure that no number is used twice.
    pub number: u64,
    /// \[rows\]\[inputs\] under P2's key.
    pub rows: Ciphertexts,
    /// The key that the answers go to.
    pub reader: PublicKey,
}

/// Both servers answer a query: scores \[rows\]\[outputs\] under the reader's key, at the scale of the job.
///
/// # Errors
/// If the job does not allow the reader answers ([`ProtocolError::ReaderRefused`]), the rows do not fit the model, the
/// states belong to different jobs, or a party fails.
pub fn classify(engine: &Engine, cloud: CloudState, key: KeyState, query: &Query) -> Result<Ciphertexts, Error> {
    // P2 refuses a stranger before any work is done; the key switch at the end would refuse it too.
    key.config.require_reader(query.reader.id(), Reading::Answers)?;
    let inputs = cloud.config.plan.layers.inputs();
    if query.rows.is_empty() || !query.rows.len().is_multiple_of(inputs) {
        let reason = format!("{} encrypted values are no rows of {inputs} features", query.rows.len());
        return Err(ProtocolError::Config { reason }.into());
    }
    let rows = query.rows.len() / inputs;
    run_both(
        |channel| {
            let masks = MaskSource::Private(cloud.masks);
            let pool = PoolOptions::default();
            let mut server = Cloud::connect(engine, channel, &cloud.config, &cloud.server_key, masks, pool)?;
            server.classify_with(engine, cloud.model, query.number, &query.rows, &query.reader)
        },
        |channel| {
            let masks = MaskSource::Private(MaskKey::from_os());
            let mut server = Key::connect(engine, channel, &key.config, key.key, masks)?;
            server.classify_with_stored(query.number, rows, &query.reader)
        },
    )
}
