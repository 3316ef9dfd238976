//! [Y > 0] by the blinded comparison (protocol 4.3), the result shared by exclusive or: beta at P2, tau at P1.
//!
//! ```text
//! P2 -> P1: E_2[Y2_k 2^(wk)] for each element
//! P1 -> P2: one ciphertext for many: E_2[sum (s_k (rho_k (2 Y_k - 1) + u_k) + 2^(w-1)) 2^(wk)] and 2^60 sum Y2_k 2^(wk)
//! ```
//!
//! P1's exponents are 2 s_k rho_k + 2^60, positive and of one length; P2 takes 2^60 sum Y2_k 2^(wk) off. Factors have 20 to
//! 59 bits, as in the element-wise protocol. P2 knows which sample and neuron each noisy magnitude belongs to: SECURITY.md
//! says what that leaks.

use rug::Integer;

use crate::error::Error;
use crate::mask::Purpose;
use crate::protocol::element::{Blind, EXPONENT_OFFSET_BITS};
use crate::protocol::message::Operation;
use crate::protocol::place::Place;
use crate::secret::{SecretBits, SecretIntegers, SecretLimbs, bit};

use super::super::share::Share;
use super::super::side::Side;
use super::super::slots::RowLayout;
use super::super::work::Work;

/// P2's first half: its share, an element a ciphertext, each in its slot.
pub(super) fn send_elements(side: &mut Side, place: Place, share: &Share) -> Result<(), Error> {
    let layout = layout(side, place, share)?;
    side.send_own(place, Operation::Factor, &shifted(&layout, share))
}

/// P1's blinds of `count` elements.
pub(super) fn draw(side: &Side, place: Place, count: usize) -> Vec<Blind> {
    let masks = side.masks.at(place.position(Purpose::Comparison));
    (0..count as u64).map(|k| Blind::draw(&mut masks.element(k))).collect()
}

/// P1's half: blinds and packs.
pub(super) fn answer(side: &mut Side, place: Place, share: &Share, blinds: &[Blind]) -> Result<(), Error> {
    let layout = layout(side, place, share)?;
    let elements = side.recv_peers(place, Operation::Factor, share.values().len())?;
    let (half, share_bits) = (half(&layout), side.widths.compared_share(place.phase));
    let plain = share.flat().map(|k, own| blinds[k].of_own_share(own, share_bits) + &half);
    let exponents: Vec<SecretLimbs> = blinds.iter().map(|blind| SecretLimbs::new(vec![blind.exponent()])).collect();
    let (exponent_bits, slots) = (EXPONENT_OFFSET_BITS + 1, layout.slots.slots as usize);
    let powers = || elements.packed_powers(&side.engine, &exponents, exponent_bits, slots);
    let packed = side.work.timed(Work::MultiExponentiation, powers)?;
    side.send_result(place, Operation::Compare, &packed, &layout.pack(&plain), exponent_bits, slots)
}

/// P2's second half: its bits beta.
pub(super) fn finish(side: &mut Side, place: Place, share: &Share) -> Result<SecretBits, Error> {
    let layout = layout(side, place, share)?;
    let opened = side.recv_opened(place, Operation::Compare, layout.per_row())?;
    let known = layout.pack(&share.flat().map(|_, own| Integer::from(own << EXPONENT_OFFSET_BITS)));
    let blinded = side.unpack(place, layout, &opened, &known, side.widths.compared_bits(place.phase))?;
    #[cfg(test)]
    side.witness.seen.push((place, blinded.clone(), layout.slots.slot_bits));
    // Never 2^(w-1) itself: the top bit is the sign.
    let slot_bits = layout.slots.slot_bits;
    Ok(blinded.values().iter().map(|value| bit(value, slot_bits - 1, slot_bits)).collect())
}

/// All elements in one row.
fn layout(side: &Side, place: Place, share: &Share) -> Result<RowLayout, Error> {
    side.layout(side.widths.compare_slot_bits(place.phase), share.values().len())
}

fn half(layout: &RowLayout) -> Integer {
    Integer::from(1) << (layout.slots.slot_bits - 1)
}

/// Each element moved into its slot.
fn shifted(layout: &RowLayout, share: &Share) -> SecretIntegers {
    let slots = layout.slots.slots as usize;
    share.values().iter().enumerate().map(|(k, value)| layout.slots.shift(value, k % slots)).collect()
}
