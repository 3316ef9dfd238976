//! Framed bytes between two parties: a header on every message, deadlines, counters. This room knows no message.
//!
//! [`Channel`] adds order and accounting to a [`Transport`]; [`local`] is the transport in memory. Even there every
//! message is encoded, so that what is counted is what a network would carry.

mod channel;
mod frame;
pub mod local;

use std::time::Duration;

pub use channel::{Channel, Traffic, Transport};
pub use frame::{HEADER_BYTES, Header, SESSION_BYTES, Tag};

/// The peer or the network was lost, or the peer sent what the protocol does not allow at this point.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetError {
    /// The other side is gone.
    #[error("the connection to {peer} was lost while {activity}; start it again and resume")]
    Lost {
        /// Who the other side is.
        peer: &'static str,
        /// What this side was doing.
        activity: &'static str,
    },
    /// Nothing came in time.
    #[error("{peer} did not answer within {deadline:?}; if it is still working, allow it more time")]
    Deadline {
        /// Who the other side is.
        peer: &'static str,
        /// How long this side waited.
        deadline: Duration,
    },
    /// A frame that does not belong here.
    #[error("{peer} sent a frame that does not fit: {reason}")]
    Unexpected {
        /// Who the other side is.
        peer: &'static str,
        /// What was wrong with it.
        reason: String,
    },
}

impl NetError {
    /// 4 when the peer misbehaved, 5 when it was lost.
    pub fn exit_code(&self) -> u8 {
        match self {
            NetError::Lost { .. } | NetError::Deadline { .. } => 5,
            NetError::Unexpected { .. } => 4,
        }
    }
}
