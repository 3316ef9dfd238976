//! What a server has been shown (rule 3): a position that comes again must bring the same blinded values, because its masks
//! are the same.
//!
//! A mask that serves two values shows their difference. Masks are drawn by position, so a peer that goes back, after a
//! crash or on purpose, may only repeat itself. The record is that of a session, whose masks are bound to its handshake.
//! It holds the current step or query and, for as long as the session lasts, a digest of the rows that were shared once for
//! each batch and each part of a query; whatever else is older was answered and never comes again.

use std::collections::HashMap;

use rug::Integer;
use rug::integer::Order;
use sha2::{Digest, Sha256};

use crate::mask::Phase;
use crate::protocol::message::Operation;
use crate::protocol::place::Place;

/// Digests of blinded values by position.
#[derive(Default)]
pub(super) struct ReplayRecord {
    step: u64,
    digests: HashMap<(Place, u8), [u8; 32]>,
}

impl ReplayRecord {
    /// Whether these blinded values may be looked at: they are new, or those that this position brought before.
    pub fn admit(&mut self, place: Place, operation: Operation, values: &[Integer]) -> bool {
        let is_kept = |place: Place| place.phase == Phase::Input;
        if !is_kept(place) {
            if place.step < self.step {
                return false;
            }
            if place.step > self.step {
                self.step = place.step;
                self.digests.retain(|(place, _), _| is_kept(*place));
            }
        }
        let digest = digest(values);
        *self.digests.entry((place, operation as u8)).or_insert(digest) == digest
    }
}

fn digest(values: &[Integer]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for value in values {
        let bytes = zeroize::Zeroizing::new(value.to_digits::<u8>(Order::Lsf));
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update([u8::from(value.is_negative())]);
        hash.update(&*bytes);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(step: u64, phase: Phase) -> Place {
        Place { step, phase, layer: 0 }
    }

    fn integers(values: [i64; 2]) -> [Integer; 2] {
        values.map(Integer::from)
    }

    #[test]
    fn a_position_repeats_itself_or_is_refused() {
        let mut record = ReplayRecord::default();
        let at = place(3, Phase::Forward);
        assert!(record.admit(at, Operation::Multiply, &integers([1, 2])));
        assert!(record.admit(at, Operation::Multiply, &integers([1, 2])));
        for other in [[1, 3], [1, -2], [2, 1]] {
            assert!(!record.admit(at, Operation::Multiply, &integers(other)), "{other:?}");
        }
        assert!(!record.admit(at, Operation::Multiply, &integers([1, 2])[..1]));
        assert!(record.admit(at, Operation::Refresh, &integers([1, 3])), "another message of the same place");
        assert!(record.admit(Place { layer: 1, ..at }, Operation::Multiply, &integers([1, 3])));
    }

    #[test]
    fn steps_do_not_go_back_and_shared_rows_stay_known() {
        let mut record = ReplayRecord::default();
        let row = place(9, Phase::Input);
        assert!(record.admit(row, Operation::Refresh, &integers([5, 5])));
        for step in 0..100 {
            assert!(record.admit(place(step, Phase::Forward), Operation::Multiply, &integers([1, 2])));
        }
        assert_eq!(record.digests.len(), 2, "what was answered is forgotten");
        assert!(!record.admit(place(98, Phase::Forward), Operation::Multiply, &integers([1, 2])));
        assert!(!record.admit(row, Operation::Refresh, &integers([5, 6])));
        assert!(record.admit(place(2, Phase::Input), Operation::Refresh, &integers([5, 6])));
    }
}
