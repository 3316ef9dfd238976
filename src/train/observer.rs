//! What happens during a training, for whoever wants to show or record it. This room prints nothing.

use std::path::Path;
use std::time::Duration;

use crate::net::Traffic;
use crate::protocol::packed::StaticSize;
use crate::protocol::schedule::Activity;

use super::{EpochFigures, TrainingRecord};

/// Something that happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// The schedule is known.
    Planned {
        /// Everything that will happen, in order.
        activities: &'a [Activity],
    },
    /// Ciphertexts that are made once for each batch and then kept; only where there are any.
    StaticCiphertexts {
        /// How much they will take, of both servers together.
        size: StaticSize,
        /// Where they will lie: a folder, or memory.
        folder: Option<&'a Path>,
    },
    /// The user begins to encrypt its rows, or has encrypted some more.
    Encrypting {
        /// Rows that are encrypted by now.
        done: usize,
        /// All its rows.
        rows: usize,
    },
    /// An activity is done.
    Done {
        /// Which one.
        activity: Activity,
        /// How long it took.
        elapsed: Duration,
    },
    /// A training step is done.
    Step {
        /// Counted from 0.
        step: u64,
        /// Wall time, randomness included.
        elapsed: Duration,
        /// Bytes and round trips of the step.
        traffic: Traffic,
    },
    /// An epoch, or the part of it that was scheduled, is done and evaluated.
    Epoch {
        /// Its figures.
        figures: &'a EpochFigures,
        /// Everything that was measured so far, these figures included.
        record: &'a TrainingRecord,
    },
}

/// Is told what happens.
pub trait Observer {
    /// Called on the thread of P1, outside the clock of steps.
    fn event(&mut self, event: Event<'_>);
}

/// Ignores everything.
pub struct Silent;

impl Observer for Silent {
    fn event(&mut self, _event: Event<'_>) {}
}
