//! The label of each row by a tournament over the classes (protocol 4.5): arg max under encryption, ties to the lower index.
//!
//! In each level neighbouring candidates i < j of all rows meet: g = [Y_j - Y_i > 0] by a comparison, and with it
//!
//! ```text
//! winner's value = Y_i + g (Y_j - Y_i)        winner's index = i + g (j - i)
//! ```
//!
//! by two gates by the same bits. A candidate without a neighbour goes on as it is. Candidates keep their order, so a
//! tie always stays with the lower index. A level takes two round trips; the last one has no use for its winner's value.

use rug::Integer;

use crate::error::Error;
use crate::mask::Phase;
use crate::protocol::place::place;

use super::comparison::Blinds;
use super::share::Share;
use super::side::Side;
use super::{comparison, gate};

/// P1: its shares of the labels, \[1\]\[rows\], of scores \[classes\]\[rows\].
pub(super) fn answer(side: &mut Side, step: u64, scores: &Share) -> Result<Share, Error> {
    let index = |_: usize| Integer::new();
    let mut candidates = Candidates::new(scores, index);
    for level in 0.. {
        let at = |phase| place(step, phase, level);
        let Some(Differences { values, indexes }) = candidates.differences() else { break };
        let blinds = Blinds::draw(side, at(Phase::LabelCompare), &values);
        let bits = blinds.bits();
        let goes_on = !candidates.is_final();
        gate::send(side, at(Phase::LabelIndex), &indexes, goes_on.then_some(&values), &bits)?;
        comparison::answer(side, at(Phase::LabelCompare), &values, &blinds)?;

        let second = goes_on.then(|| at(Phase::LabelValue));
        let mixed = gate::recv_mixed(side, at(Phase::LabelIndex), &bits, second)?;
        let kept = mixed.second.as_ref();
        let mixed_values = kept.map(|kept| gate::recv_second(side, at(Phase::LabelValue), &bits, kept)).transpose()?;
        let (index_bits, value_bits) = (side.widths.index_bits(), side.widths.score_difference_bits());
        let gated_indexes = gate::masks(side, at(Phase::LabelIndex), &indexes, index_bits);
        gate::reply(side, at(Phase::LabelIndex), &indexes, &bits, &mixed.first, &gated_indexes)?;
        let gated_values = match mixed_values {
            None => None,
            Some(mixed) => {
                let gated = gate::masks(side, at(Phase::LabelValue), &values, value_bits);
                gate::reply(side, at(Phase::LabelValue), &values, &bits, &mixed, &gated)?;
                Some(gated)
            }
        };
        candidates.advance(gated_values, &gated_indexes);
    }
    Ok(candidates.indexes)
}

/// P2: as [`answer`].
pub(super) fn ask(side: &mut Side, step: u64, scores: &Share) -> Result<Share, Error> {
    let mut candidates = Candidates::new(scores, Integer::from);
    for level in 0.. {
        let at = |phase| place(step, phase, level);
        let Some(Differences { values, indexes }) = candidates.differences() else { break };
        let count = values.values().len();
        comparison::send_elements(side, at(Phase::LabelCompare), &values)?;
        let theirs = gate::recv(side, at(Phase::LabelIndex), count)?;
        let bits = comparison::finish(side, at(Phase::LabelCompare), &values)?;
        let second = (!candidates.is_final()).then(|| at(Phase::LabelValue));
        let masks = gate::mix(side, at(Phase::LabelIndex), &indexes, &bits, &theirs, second)?;
        let kept = masks.second.as_ref();
        let value_masks = kept
            .map(|masks| gate::mix_second(side, at(Phase::LabelValue), &values, &bits, &theirs, masks))
            .transpose()?;

        let (index_bits, value_bits) = (side.widths.index_bits(), side.widths.score_difference_bits());
        let gated_indexes = gate::finish(side, at(Phase::LabelIndex), &indexes, &bits, &masks.first, index_bits)?;
        let gated_values = value_masks
            .map(|masks| gate::finish(side, at(Phase::LabelValue), &values, &bits, &masks, value_bits))
            .transpose()?;
        candidates.advance(gated_values, &gated_indexes);
    }
    Ok(candidates.indexes)
}

/// A server's shares of who is still in the tournament, \[candidates\]\[rows\].
struct Candidates {
    /// Their scores; stale once there is one candidate.
    values: Share,
    /// Their classes.
    indexes: Share,
}

/// j less i for each pair of neighbours, \[pairs\]\[rows\].
struct Differences {
    values: Share,
    indexes: Share,
}

impl Candidates {
    /// All classes; `index` is this server's share of a class's index, which is public.
    fn new(scores: &Share, index: impl Fn(usize) -> Integer) -> Self {
        let indexes = scores.map(|element, _| index(element / scores.columns().max(1)));
        Candidates { values: scores.clone(), indexes }
    }

    /// Whether the next level is the last.
    fn is_final(&self) -> bool {
        self.indexes.rows() == 2
    }

    /// None when the tournament is over.
    fn differences(&self) -> Option<Differences> {
        let difference = |share: &Share| every_second(share, 1).minus(&every_second(share, 0));
        let over = self.indexes.rows() < 2;
        (!over).then(|| Differences { values: difference(&self.values), indexes: difference(&self.indexes) })
    }

    /// The winners, and the one without a neighbour.
    fn advance(&mut self, gated_values: Option<Share>, gated_indexes: &Share) {
        if let Some(gated) = &gated_values {
            self.values = winners(&self.values, gated);
        }
        self.indexes = winners(&self.indexes, gated_indexes);
    }
}

/// The lower (0) or upper (1) candidate of each pair.
fn every_second(share: &Share, which: usize) -> Share {
    let pairs = share.rows() / 2;
    let values = (0..pairs).flat_map(|pair| share.row(2 * pair + which)).cloned().collect();
    Share::new(pairs, share.columns(), values)
}

fn winners(share: &Share, gated: &Share) -> Share {
    let winners = every_second(share, 0).plus(gated);
    let left_over = 2 * winners.rows()..share.rows();
    let rows = winners.rows() + left_over.len();
    let values = winners.values().iter().chain(left_over.flat_map(|row| share.row(row))).cloned().collect();
    Share::new(rows, share.columns(), values)
}
