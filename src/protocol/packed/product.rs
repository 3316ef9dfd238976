//! Y = A X with refresh (protocol 4.2): both factors shared, one message each way.
//!
//! ```text
//! P2 -> P1: E_1[A2 X1 + M2]                                   P1 learns A X1 + M2, and M2 hides A X1
//! P1 -> P2: E_2[-A1 X2 + A1 X1 - V2 + m], V2 = A2 X1 + M2     P2 learns Y + m
//! ```
//!
//! Exponents are raised by 2^S(A), so that they are positive and of one length; the receiver takes the known part
//! 2^S(A) sum of its rows off the plaintext. P1 ends with m, P2 with Y + m.
//!
//! M2 is one mask for all slots of a plaintext, uniform in [2^L, 2^L + 2^(L + sigma)) where |sum of (A X1)_k 2^(wk)| < 2^L:
//! P1 puts V2 into its answer as it is, and P2 takes M2 off again before anything is unpacked. So slots are as wide as
//! Y + m, in both directions, and A X1 may overlap them.

use rug::Integer;

use crate::error::Error;
use crate::mask::Purpose;
use crate::paillier::Ciphertexts;
use crate::protocol::handshake::Role;
use crate::protocol::message::Operation;
use crate::protocol::place::Place;
use crate::secret::SecretIntegers;

use super::factor::{EncryptedFactor, Lifetime, ProductLayout};
use super::share::Share;
use super::side::{MaskOrder, Side};
use super::widths::ProductWidths;
use super::work::Work;

/// P1 sends E_1[X1] of its share, P2 sends E_2[-X2]: once for a matrix that does not change, each time for one that does.
pub(super) fn send_factor(
    side: &mut Side,
    place: Place,
    widths: &ProductWidths,
    factor: &Share,
    lifetime: Lifetime,
) -> Result<(), Error> {
    let layout = widths.layout(side.peer.key_bits(), factor.columns(), lifetime)?;
    let packed = match side.role {
        Role::Cloud => layout.pack_factor(factor),
        Role::Key => layout.pack_factor(&factor.negated()),
    };
    side.send_own(place, Operation::Factor, &packed)
}

/// The other server's E\[X\] of `columns` columns.
pub(super) fn recv_factor(
    side: &mut Side,
    place: Place,
    widths: &ProductWidths,
    columns: usize,
    lifetime: Lifetime,
) -> Result<EncryptedFactor, Error> {
    let layout = widths.layout(side.peer.key_bits(), columns, lifetime)?;
    let ciphertexts = side.recv_peers(place, Operation::Factor, layout.factor_plaintexts(widths.terms))?;
    Ok(EncryptedFactor::new(layout, ciphertexts))
}

/// What P2 keeps of an offer.
pub(super) struct Offered {
    layout: ProductLayout,
    /// M2, a mask a plaintext.
    masks: Share,
}

/// P2's first half: offers E_1[A2 X1 + M2].
pub(super) fn offer(
    side: &mut Side,
    place: Place,
    widths: &ProductWidths,
    left: &Share,
    right: &EncryptedFactor,
) -> Result<Offered, Error> {
    let shape = (1, right.layout.plaintexts(left.rows()));
    let masks = side.masks(place, Purpose::Left, widths.block_bits(right.layout.slots()), shape, MaskOrder::AsItLies);
    let powers = powers(side, widths, left, right)?;
    side.send_result(place, Operation::Offer, &powers, masks.values(), widths.exponent_bits(), right.terms())?;
    Ok(Offered { layout: right.layout, masks })
}

/// An offer that P2 makes: its place, and its plaintexts in the layout of P2's factor.
pub(super) fn offered(place: Place, widths: &ProductWidths, layout: &ProductLayout) -> (Place, usize) {
    (place, layout.plaintexts(widths.outputs))
}

/// P1 takes offers that travel together.
pub(super) fn recv_offers<const N: usize>(
    side: &mut Side,
    offers: [(Place, usize); N],
) -> Result<[SecretIntegers; N], Error> {
    side.recv_all_opened(Operation::Offer, offers)
}

/// P1's share of Y, the mask m, which it knows before anything arrives. `order` is that of the elements of m.
pub(super) fn masks(side: &mut Side, place: Place, widths: &ProductWidths, columns: usize, order: MaskOrder) -> Share {
    side.masks(place, Purpose::Division, widths.result_bits, (widths.outputs, columns), order)
}

/// P1's half: answers an offer.
pub(super) fn answer(
    side: &mut Side,
    place: Place,
    widths: &ProductWidths,
    (left, right): (&Share, &Share),
    their_right: &EncryptedFactor,
    offer: &SecretIntegers,
    masks: &Share,
) -> Result<(), Error> {
    let layout = their_right.layout;
    // What is left after A1 X1 and the raised exponents are gone is A X1 + M2.
    let own = with_raised(side, widths, left, right);
    let rest = Share::new(1, offer.len(), side.without(offer, &layout.pack(&own)));
    side.require_masked(place, &rest, widths.block_bits(layout.slots()))?;
    // A1 X1 - V2 + m with V2 = rest + A1 X1.
    let plain: SecretIntegers =
        layout.pack(masks).iter().zip(rest.values()).map(|(mask, rest)| Integer::from(mask - rest)).collect();
    let powers = powers(side, widths, left, their_right)?;
    side.send_result(place, Operation::Multiply, &powers, &plain, widths.exponent_bits(), their_right.terms())
}

/// P2's second half: Y + m.
pub(super) fn finish(
    side: &mut Side,
    place: Place,
    widths: &ProductWidths,
    factors: (&Share, &Share),
    offered: &Offered,
) -> Result<Share, Error> {
    let product = open(side, place, widths, factors, offered)?;
    side.require_masked(place, &product, widths.result_bits)?;
    Ok(product)
}

/// The same before it is found to be masked values: for products whose columns have bounds of their own.
pub(super) fn open(
    side: &mut Side,
    place: Place,
    widths: &ProductWidths,
    (left, right): (&Share, &Share),
    Offered { layout, masks }: &Offered,
) -> Result<Share, Error> {
    let opened = side.recv_opened(place, Operation::Multiply, layout.plaintexts(left.rows()))?;
    // The plaintext is -(A1 + 2^S) X2 - (A X1 + M2) + m: A2 X2, 2^S sum X2 and M2 are added.
    let own = layout.pack(&with_raised(side, widths, left, right));
    let known: SecretIntegers = own.iter().zip(masks.values()).map(|(own, mask)| -Integer::from(own + mask)).collect();
    let unpacked = layout.unpack(&side.without(&opened, &known), left.rows());
    unpacked.map_err(|_| side.out_of_range(place, 0, widths.result_bits))
}

/// The encrypted product of the own A, raised, with the other's X.
fn powers(
    side: &mut Side,
    widths: &ProductWidths,
    left: &Share,
    right: &EncryptedFactor,
) -> Result<Ciphertexts, Error> {
    let multiply = || right.multiplied_by(&side.engine, left, widths.left_share, widths.exponent_bits());
    side.work.timed(Work::MultiExponentiation, multiply)
}

/// A X of the own shares, and what raised exponents add to it: 2^S(A) times the column sums, the same for every row.
fn with_raised(side: &Side, widths: &ProductWidths, left: &Share, right: &Share) -> Share {
    let columns = right.column_sums();
    let raised = |i: usize| Integer::from(&columns.values()[i % right.columns()] << widths.left_share);
    left.product(&side.engine, right).map(|i, product| product + raised(i))
}
