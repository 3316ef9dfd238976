//! Rows of a user classified by a model that was trained before.

use crate::arith::Engine;
use crate::error::Error;
use crate::paillier::{Ciphertexts, PublicKey};
use crate::protocol::ProtocolError;
use crate::protocol::config::{Protocol, Reading};
use crate::protocol::schedule::Answer;

use super::parties::run_both;
use super::{CloudState, KeyState, StoredTensor};

/// Rows to classify, and who reads the answers.
pub struct Query {
    /// The first of the [numbers](crate::protocol::schedule::Activity::query_numbers) that the rows take; the caller makes
    /// sure that none is used twice.
    pub number: u64,
    /// \[rows\]\[inputs\] under P2's key.
    pub rows: Ciphertexts,
    /// The key that the answers go to.
    pub reader: PublicKey,
    /// What is asked for; the element-wise protocol has scores only.
    pub answer: Answer,
}

/// Both servers answer a query: labels \[rows\] or scores \[rows\]\[outputs\] under the reader's key, scores at the scale of
/// the job.
///
/// # Errors
/// If the job does not allow the reader answers ([`ProtocolError::ReaderRefused`]) or has no such answers, the rows do not
/// fit the model, the states belong to different jobs, or a party fails.
pub fn classify(engine: &Engine, cloud: &CloudState, key: KeyState, query: &Query) -> Result<StoredTensor, Error> {
    // P2 refuses a stranger before any work is done; the key switch at the end would refuse it too.
    key.config.require_reader(query.reader.id(), Reading::Answers)?;
    let refuse = |reason| Err(ProtocolError::Config { reason }.into());
    if (cloud.config.protocol, query.answer) == (Protocol::Element, Answer::Labels) {
        return refuse("the element-wise protocol answers with scores; ask for them".into());
    }
    let inputs = cloud.config.plan.layers.inputs();
    if query.rows.is_empty() || !query.rows.len().is_multiple_of(inputs) {
        return refuse(format!("{} encrypted values are no rows of {inputs} features", query.rows.len()));
    }
    let rows = query.rows.len() / inputs;
    run_both(
        |channel| cloud.connect(engine, channel)?.classify_with(engine, &cloud.model, query),
        |channel| key.connect(engine, channel)?.classify_with_stored(query, rows),
    )
}
