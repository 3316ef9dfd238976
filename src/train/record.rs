//! What is measured while a training runs.

use std::time::Duration;

use crate::protocol::packed::WorkTimes;

use super::EpochFigures;

/// Figures of a training up to now; it grows with each step and epoch.
#[derive(Debug, Clone, Default)]
pub struct TrainingRecord {
    /// Figures of each epoch, epoch 0 first.
    pub epochs: Vec<EpochFigures>,
    /// Wall time of each step.
    pub steps: Vec<Duration>,
    /// Bytes of all steps, both ways.
    pub step_bytes: u64,
    /// Wall time of all steps by phase.
    pub phases: Vec<(&'static str, Duration)>,
    /// Wall time of all steps by kind of work, at P1 and at P2: each server's thread by itself. None where the protocol does
    /// not tell them apart.
    pub work: Option<[WorkTimes; 2]>,
    /// Wall time of each epoch's steps and of the test of the model after them.
    pub epoch_times: Vec<Duration>,
    /// Wall time of all tests of the model; zero where comparisons leave none.
    pub model_test: Duration,
    /// Encrypting the rows, whenever that is, and the initial weights.
    pub setup: Duration,
    /// Bytes of the set-up, both ways: the user's ciphertexts, and what the servers exchanged before the first step or
    /// for data that they use for the first time.
    pub setup_bytes: u64,
    /// Static ciphertexts of both servers, in memory or on disk.
    pub static_bytes: u64,
    /// Reading the model, evaluating and classifying.
    pub evaluation: Duration,
    /// Randomisers that lay ready when the clock of the steps started.
    pub pool_level_start: usize,
    /// The pool's hits and misses.
    pub pool_counts: (u64, u64),
    /// Whether the run was its twin bit for bit; none without a twin.
    pub twin_equal: Option<bool>,
}

impl TrainingRecord {
    /// Wall time of all steps and tests of the model.
    pub fn trained(&self) -> Duration {
        self.steps.iter().sum::<Duration>() + self.model_test
    }

    pub(super) fn add_phases(&mut self, laps: &[(&'static str, Duration)]) {
        for (phase, lap) in laps {
            match self.phases.iter_mut().find(|(name, _)| name == phase) {
                Some((_, total)) => *total += *lap,
                None => self.phases.push((phase, *lap)),
            }
        }
    }
}
