//! The integer twin's view of P1's masks: what each division rounds with.

use crate::mask::{MaskKey, Position};
use crate::mlp::Rounding;

use super::bounds::Bounds;

/// m mod d of the element-wise protocol's divisions, by position. Only a process that plays all parties can have it.
pub struct MaskRounding {
    masks: MaskKey,
    bounds: Bounds,
}

impl MaskRounding {
    /// The rounding of a run whose P1 draws masks from `masks`.
    pub fn new(masks: MaskKey, bounds: Bounds) -> Self {
        MaskRounding { masks, bounds }
    }
}

impl Rounding for MaskRounding {
    fn mask_remainder(&self, position: Position, element: u64, divisor: i128) -> i128 {
        let value_bits = self.bounds.division_bits(position.phase, position.layer);
        self.masks.at(position).short(element, value_bits, self.bounds.sigma()) % divisor
    }
}
