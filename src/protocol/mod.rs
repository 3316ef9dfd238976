//! The secure operations between the two servers, and the parties that run them.
//!
//! P1, the cloud server, holds ciphertexts and masks; P2, the key server, holds the private key and sees masked values
//! only. They share a [`Channel`](crate::net::Channel) and public parameters, nothing else: no type of P1 can hold
//! P2's key. `docs` of each operation name the message that travels and what its receiver learns.
//!
//! * [`config`]: everything a job is agreed on; [`schedule`]: what happens, in order, known to both sides.
//! * [`bounds`]: widths of values and masks, derived in one place.
//! * [`handshake`]: both sides prove that they mean the same job.
//! * [`mask_source`]: where a server's masks and its part of the initial weights come from.
//! * [`element`]: the paper's protocol, one ciphertext a value.
//! * [`packed`]: the same operations on whole matrices, many values in a plaintext.

pub mod bounds;
mod clock;
pub mod config;
pub mod element;
pub mod handshake;
mod leak_free;
pub mod mask_source;
mod message;
mod model_test;
pub mod packed;
mod place;
mod randomizer;
pub mod rounding;
pub mod schedule;

use crate::mlp::BoundName;

/// Why a job cannot run, or why a party stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The configuration contradicts itself or the key.
    #[error("this job cannot run: {reason}")]
    Config {
        /// What does not fit, and what to change.
        reason: String,
    },
    /// Both sides mean different jobs.
    #[error("{peer} disagrees about {what}; start both sides with the same configuration and keys")]
    Disagreement {
        /// Who the other side is.
        peer: &'static str,
        /// What differs.
        what: &'static str,
    },
    /// A message does not parse.
    #[error("{peer} sent a message that does not parse, in {place}: {source}")]
    Message {
        /// Who sent it.
        peer: &'static str,
        /// Where in the protocol.
        place: String,
        /// What was wrong.
        source: crate::codec::CodecError,
    },
    /// A message names a key that has no business there.
    #[error("{peer} sent ciphertexts under key {found}, in {place}, where key {expected} is due")]
    ForeignKey {
        /// Who sent it.
        peer: &'static str,
        /// Where in the protocol.
        place: String,
        /// The agreed key.
        expected: String,
        /// The named one.
        found: String,
    },
    /// A ciphertext that breaks a rule of admission.
    #[error("{peer} sent a ciphertext that no honest party sends, in {place}: {source}")]
    Refused {
        /// Who sent it.
        peer: &'static str,
        /// Where in the protocol.
        place: String,
        /// Which rule, and which ciphertext.
        source: crate::paillier::PaillierError,
    },
    /// A ciphertext or key of the comparison that breaks a rule of admission.
    #[error("{peer} sent something of the comparison that no honest party sends, in {place}: {source}")]
    RefusedComparison {
        /// Who sent it.
        peer: &'static str,
        /// Where in the protocol.
        place: String,
        /// Which rule, and which ciphertext.
        source: crate::dgk::DgkError,
    },
    /// A decrypted value is longer than its declared bound and mask allow.
    #[error(
        "in {place}, element {element}: a masked value exceeds the declared bound of {value_bits} bits and its mask; \
         a value of the training outgrew its bound (raise it with --bound, or lower the learning rate), \
         or {peer} does not follow the protocol"
    )]
    OutOfRange {
        /// Who sent it.
        peer: &'static str,
        /// Where in the protocol.
        place: String,
        /// Index of the element in its message.
        element: usize,
        /// The declared bound.
        value_bits: u32,
    },
    /// The servers' test of the model found parameters that are not within their bound.
    #[error(
        "step {step}, layer {layer}: {found} of {parameters} weights and biases are outside the declared bound of \
         {declared_bits} bits; lower the learning rate, or allow more with --bound {name}=BITS", name = BoundName::Weights
    )]
    ModelOutOfBound {
        /// The last step before the test, counted from 0.
        step: u64,
        /// The first layer that has any, counted from 0.
        layer: usize,
        /// How many of its weights and biases.
        found: usize,
        /// How many weights and biases it has.
        parameters: usize,
        /// The declared bound.
        declared_bits: u32,
    },
    /// A place of the job came a second time, with other values.
    #[error(
        "{peer} came back to {place} with other values than before; its masks would hide neither, so this side stops; \
         start a new session"
    )]
    Replayed {
        /// Who sent it.
        peer: &'static str,
        /// Where in the protocol.
        place: String,
    },
    /// Somebody asks for results under a key that the contributors did not name.
    #[error("key {reader} may not receive {what}; the keys that may were fixed when the data were submitted")]
    ReaderRefused {
        /// The key.
        reader: String,
        /// What was asked for.
        what: &'static str,
    },
}

impl ProtocolError {
    /// 2 for a configuration that cannot run, 3 for a model that outgrew its bound, 4 when the peer disagrees or
    /// misbehaves.
    pub fn exit_code(&self) -> u8 {
        match self {
            ProtocolError::Config { .. } => 2,
            ProtocolError::ModelOutOfBound { .. } => 3,
            _ => 4,
        }
    }
}
