//! The sum of squared differences of a step, shared (protocol 4.5): the trace of delta delta^T.
//!
//! That product rides with the [gradient](super::gradient) of the output layer, where its right factor is fresh. Where the
//! output layer is the first one, its gradient's factor is kept, and delta delta^T is a product by itself. Of either both
//! servers add their shares of the diagonal; the rest is of no use. It costs outputs^2 / slots results, which is less than a
//! ciphertext an element, outputs times rows, up to some 100 classes in batches of 32.

use rug::Integer;

use crate::error::Error;
use crate::mask::Purpose;
use crate::protocol::place::Place;

use super::factor::Lifetime;
use super::product::{answer, offer, offered, open, recv_factor, recv_offers, send_factor};
use super::share::Share;
use super::side::{MaskOrder, Side};

/// P1's share of delta delta^T, the masks, \[outputs\]\[outputs\], which it knows before anything arrives.
pub(super) fn masks(side: &mut Side, place: Place, delta: &Share) -> Share {
    let (value_bits, outputs) = (side.widths.squares_bits(delta.columns()), delta.rows());
    side.masks(place, Purpose::Refresh, value_bits, (outputs, outputs), MaskOrder::AsItLies)
}

/// P2's share of delta delta^T, once what it has opened is found to be masked values.
pub(super) fn admit(side: &mut Side, place: Place, delta: &Share, squares: Share) -> Result<Share, Error> {
    side.require_masked(place, &squares, side.widths.squares_bits(delta.columns()))?;
    Ok(squares)
}

/// P1: its share of delta delta^T by a product of its own.
pub(super) fn answer_alone(side: &mut Side, place: Place, delta: &Share) -> Result<Share, Error> {
    let (widths, right) = (side.widths.squares(delta.columns()), delta.transposed());
    send_factor(side, place, &widths, &right, Lifetime::Once)?;
    let theirs = recv_factor(side, place, &widths, right.columns(), Lifetime::Once)?;
    let [offer] = recv_offers(side, [offered(place, &widths, &theirs.layout)])?;
    let masks = masks(side, place, delta);
    answer(side, place, &widths, (delta, &right), &theirs, &offer, &masks)?;
    Ok(masks)
}

/// P2: as [`answer_alone`].
pub(super) fn ask_alone(side: &mut Side, place: Place, delta: &Share) -> Result<Share, Error> {
    let (widths, right) = (side.widths.squares(delta.columns()), delta.transposed());
    send_factor(side, place, &widths, &right, Lifetime::Once)?;
    let theirs = recv_factor(side, place, &widths, right.columns(), Lifetime::Once)?;
    let offered = offer(side, place, &widths, delta, &theirs)?;
    let squares = open(side, place, &widths, (delta, &right), &offered)?;
    admit(side, place, delta, squares)
}

/// One step's loss more in the sum of an epoch: its share of the trace of delta delta^T.
pub(super) fn add(losses: &mut Option<Share>, squares: &Share) {
    let loss = trace(squares);
    *losses = Some(match losses.take() {
        Some(sum) => sum.plus(&loss),
        None => loss,
    });
}

/// A server's share of the trace of a square matrix.
pub(super) fn trace(squares: &Share) -> Share {
    let trace = (0..squares.rows()).map(|row| &squares.row(row)[row]).sum::<Integer>();
    Share::new(1, 1, [trace].into_iter().collect())
}
