//! Where a tensor stands in a job: what names its messages and positions its masks.

use std::fmt;

use crate::mask::{Phase, Position, Purpose};

/// A tensor's place in the job: it names messages and positions masks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub step: u64,
    pub phase: Phase,
    pub layer: u16,
}

impl Place {
    pub fn position(self, purpose: Purpose) -> Position {
        Position { step: self.step, phase: self.phase, layer: self.layer, purpose }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {}, {:?}, layer {}", self.step, self.phase, self.layer)
    }
}

/// Tensors that share a phase.
pub(crate) const FEATURES: u16 = 0;
pub(crate) const TARGETS: u16 = 1;
pub(crate) const LOSS: u16 = 0;
pub(crate) const MODEL: u16 = 1;
pub(crate) const SCORES: u16 = 2;
pub(crate) const LABELS: u16 = 3;

/// See [`Place`].
pub(crate) fn place(step: u64, phase: Phase, layer: u16) -> Place {
    Place { step, phase, layer }
}
