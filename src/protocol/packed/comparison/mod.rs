//! [Y > 0] of shared values, the result shared by exclusive or: beta at P2, tau at P1. P2 sends, P1 answers, P2 finishes,
//! whichever comparison the job has.

mod blinded;
mod leak_free;

use crate::error::Error;
use crate::protocol::element::Blind;
use crate::protocol::place::Place;
use crate::secret::SecretBits;

use super::share::Share;
use super::side::{Comparer, Side};

/// P2's first half: what its share is compared by.
pub(super) fn send_elements(side: &mut Side, place: Place, share: &Share) -> Result<(), Error> {
    match side.comparer.clone() {
        Comparer::Blinded => blinded::send_elements(side, place, share),
        Comparer::Key(key) => leak_free::send_digits(side, place, share, &key),
        Comparer::Cloud(_) => unreachable!("P1 does not ask"),
    }
}

/// What hides P1's part of one comparison, known before anything arrives.
pub(super) enum Blinds {
    Blinded(Vec<Blind>),
    /// delta of each element, and tau, which follows.
    LeakFree {
        deltas: SecretBits,
        bits: SecretBits,
    },
}

impl Blinds {
    /// For the elements of `share`, P1's.
    pub fn draw(side: &Side, place: Place, share: &Share) -> Self {
        match side.comparer {
            Comparer::Blinded => Blinds::Blinded(blinded::draw(side, place, share.values().len())),
            Comparer::Key(_) | Comparer::Cloud(_) => leak_free::draw(side, place, share),
        }
    }

    /// Its bits tau.
    pub fn bits(&self) -> SecretBits {
        match self {
            Blinds::Blinded(blinds) => blinds.iter().map(|blind| blind.negative).collect(),
            Blinds::LeakFree { bits, .. } => bits.clone(),
        }
    }
}

/// P1's half.
pub(super) fn answer(side: &mut Side, place: Place, share: &Share, blinds: &Blinds) -> Result<(), Error> {
    match (side.comparer.clone(), blinds) {
        (Comparer::Cloud(key), Blinds::LeakFree { deltas, .. }) => leak_free::answer(side, place, share, deltas, &key),
        (Comparer::Blinded, Blinds::Blinded(blinds)) => blinded::answer(side, place, share, blinds),
        _ => unreachable!("blinds are drawn for the comparison of the job, at P1"),
    }
}

/// P2's second half: its bits beta.
pub(super) fn finish(side: &mut Side, place: Place, share: &Share) -> Result<SecretBits, Error> {
    match side.comparer.clone() {
        Comparer::Blinded => blinded::finish(side, place, share),
        Comparer::Key(key) => leak_free::finish(side, place, share, &key),
        Comparer::Cloud(_) => unreachable!("P1 does not ask"),
    }
}
