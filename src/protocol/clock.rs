//! Wall time of the parts of a step.

use std::time::{Duration, Instant};

/// Wall time of the parts of a step, waiting for the other server included.
pub type PhaseTimes = Vec<(&'static str, Duration)>;

/// Adds up wall time by phase.
pub(crate) struct PhaseClock {
    last: Instant,
    pub laps: PhaseTimes,
}

impl PhaseClock {
    pub fn start() -> Self {
        PhaseClock { last: Instant::now(), laps: Vec::new() }
    }

    /// What passed since the last lap belongs to `phase`.
    pub fn lap(&mut self, phase: &'static str) {
        let now = Instant::now();
        let elapsed = now - std::mem::replace(&mut self.last, now);
        match self.laps.iter_mut().find(|(name, _)| *name == phase) {
            Some((_, total)) => *total += elapsed,
            None => self.laps.push((phase, elapsed)),
        }
    }
}
