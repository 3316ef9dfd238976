//! Y = A X with refresh (protocol 4.2): both factors shared, one message each way.
//!
//! ```text
//! P2 -> P1: E_1[A2 X1 + M2]                                   P1 learns A X1 + M2, and M2 hides A X1
//! P1 -> P2: E_2[-A1 X2 + A1 X1 - V2 + m], V2 = A2 X1 + M2     P2 learns Y + m
//! ```
//!
//! Exponents are raised by 2^S(A), so that they are positive and of one length; the receiver takes the known part
//! 2^S(A) sum of its rows off the plaintext. P1 ends with m, P2 with Y + m.

use rug::Integer;

use crate::error::Error;
use crate::mask::Purpose;
use crate::paillier::Ciphertexts;
use crate::protocol::message::Operation;
use crate::protocol::place::Place;
use crate::secret::SecretIntegers;

use super::share::Share;
use super::side::{MaskOrder, Side};
use super::slots::PackedRows;
use super::widths::ProductWidths;
use super::work::Work;

/// P1 sends E_1[X1], P2 sends E_2[-X2]: once for a matrix that does not change, each time for one that does.
pub(super) fn send_factor(side: &mut Side, place: Place, slot_bits: u32, factor: &Share) -> Result<(), Error> {
    let layout = side.layout(slot_bits, factor.columns())?;
    side.send_own(place, Operation::Factor, &layout.pack(factor))
}

/// The other server's E\[X\] with `rows` x `columns` values.
pub(super) fn recv_factor(
    side: &mut Side,
    place: Place,
    slot_bits: u32,
    rows: usize,
    columns: usize,
) -> Result<PackedRows, Error> {
    let layout = side.layout(slot_bits, columns)?;
    let ciphertexts = side.recv_peers(place, Operation::Factor, rows * layout.per_row())?;
    Ok(PackedRows::new(layout, ciphertexts))
}

/// P2's first half: offers E_1[A2 X1 + M2] and keeps M2.
pub(super) fn offer(
    side: &mut Side,
    place: Place,
    widths: &ProductWidths,
    left: &Share,
    right: &PackedRows,
) -> Result<Share, Error> {
    let shape = (left.rows(), right.layout.columns);
    let masks = side.masks(place, Purpose::Left, widths.cross_bits(), shape, MaskOrder::AsItLies);
    let powers = powers(side, widths, left, right)?;
    let plaintexts = right.layout.pack(&masks);
    side.send_result(place, Operation::Offer, &powers, &plaintexts, widths.exponent_bits(), widths.terms)?;
    Ok(masks)
}

/// P1 takes the offer for a product of `rows` x `columns`.
pub(super) fn recv_offer(
    side: &mut Side,
    place: Place,
    widths: &ProductWidths,
    rows: usize,
    columns: usize,
) -> Result<SecretIntegers, Error> {
    let layout = side.layout(widths.to_cloud_slot_bits(), columns)?;
    side.recv_opened(place, Operation::Offer, rows * layout.per_row())
}

/// P1's share of Y, the mask m, which it knows before anything arrives. `order` is that of the elements of m.
pub(super) fn masks(
    side: &mut Side,
    place: Place,
    widths: &ProductWidths,
    shape: (usize, usize),
    order: MaskOrder,
) -> Share {
    side.masks(place, Purpose::Division, widths.result_bits, shape, order)
}

/// P1's half: answers an offer.
pub(super) fn answer(
    side: &mut Side,
    place: Place,
    widths: &ProductWidths,
    (left, right): (&Share, &Share),
    their_right: &PackedRows,
    offer: &SecretIntegers,
    masks: &Share,
) -> Result<(), Error> {
    let layout = side.layout(widths.to_cloud_slot_bits(), right.columns())?;
    // What is left after A1 X1 and the raised exponents are gone is A X1 + M2, each slot in range.
    let known = with_raised(side, widths, left, right);
    let rest = side.unpack_masked(place, layout, offer, &layout.pack(&known), widths.cross_bits())?;
    // A1 X1 - V2 + m with V2 = rest + A1 X1.
    let plain = masks.zip(&rest, |mask, rest| Integer::from(mask - rest));
    let powers = powers(side, widths, left, their_right)?;
    let plaintexts = their_right.layout.pack(&plain);
    side.send_result(place, Operation::Multiply, &powers, &plaintexts, widths.exponent_bits(), widths.terms)
}

/// P2's second half: Y + m.
pub(super) fn finish(
    side: &mut Side,
    place: Place,
    widths: &ProductWidths,
    left: &Share,
    right: &Share,
    masks: &Share,
) -> Result<Share, Error> {
    let layout = side.layout(widths.to_key_slot_bits(), right.columns())?;
    let opened = side.recv_opened(place, Operation::Multiply, left.rows() * layout.per_row())?;
    // The plaintext is -(A1 + 2^S) X2 - (A X1 + M2) + m: A2 X2, 2^S sum X2 and M2 are added.
    let known = with_raised(side, widths, left, right).zip(masks, |known, mask| -Integer::from(known + mask));
    side.unpack_masked(place, layout, &opened, &layout.pack(&known), widths.result_bits)
}

/// The encrypted product of the own A, raised, with the other's X.
fn powers(side: &mut Side, widths: &ProductWidths, left: &Share, right: &PackedRows) -> Result<Ciphertexts, Error> {
    let multiply = || right.multiplied_by(&side.engine, left, widths.left_share, widths.exponent_bits());
    side.work.timed(Work::MultiExponentiation, multiply)
}

/// A X of the own shares, and what raised exponents add to it: 2^S(A) times the column sums, the same for every row.
fn with_raised(side: &Side, widths: &ProductWidths, left: &Share, right: &Share) -> Share {
    let columns = right.column_sums();
    let raised = |i: usize| Integer::from(&columns.values()[i % right.columns()] << widths.left_share);
    left.product(&side.engine, right).map(|i, product| product + raised(i))
}
