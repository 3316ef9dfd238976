//! g Y for a shared bit g = beta xor tau and a shared Y = Y2 - Y1 (protocol 4.4): ReLU and its derivative, and the winners
//! of the tournament for a label.
//!
//! ```text
//! g Y = beta Y2 - tau Y1 + U,   U = beta (2 tau - 1) Y1 + tau (1 - 2 beta) Y2
//! P1 -> P2: E_1[(2 tau_k - 1) Y1_k 2^(wk)], and once for forward and backward E_1[(tau_k + 1) 2^(wk)]
//! P2 -> P1: E_1[sum (U_k + tau_k 2^(S+1) + M_k) 2^(wk)]      P1 learns U + M
//! P1 -> P2: U + M - tau Y1 + m in clear                      P2 learns g Y + m
//! ```
//!
//! M is uniform in [2^B, 2^B + 2^(B + sigma)) with B = S + 1: less would give P1 the bit. Layout, order and offset of both
//! gates are those of the wider one, so that E_1[tau + 1] serves both; it is tau + 1 so that no plaintext is shorter than
//! another, and P2 takes its exponents off the plaintext again. Bits choose between values by masked selection.

use rug::Integer;
use subtle::Choice;

use crate::error::Error;
use crate::mask::Purpose;
use crate::paillier::{Ciphertexts, pack_linear};
use crate::protocol::message::Operation;
use crate::protocol::place::Place;
use crate::secret::{SecretLimbs, select};

use super::comparison::shifted;
use super::share::Share;
use super::side::{MaskOrder, Side};
use super::slots::RowLayout;
use super::work::Work;

/// P1 sends E_1[tau + 1] in slots, once for both gates of a layer.
pub(super) fn send_bits(side: &mut Side, place: Place, bits: &[Choice]) -> Result<(), Error> {
    let values = bits.iter().map(|bit| Integer::from(bit.unwrap_u8() + 1)).collect();
    let layout = layout(side, place, bits.len())?;
    side.send_own(place, Operation::GateBits, &shifted(&layout, &Share::new(1, bits.len(), values)))
}

/// P2 receives E_1[tau + 1].
pub(super) fn recv_bits(side: &mut Side, place: Place, count: usize) -> Result<Ciphertexts, Error> {
    side.recv_peers(place, Operation::GateBits, count)
}

/// P1's first half: E_1[(2 tau - 1) Y1] in slots.
pub(super) fn send_share(side: &mut Side, place: Place, share: &Share, bits: &[Choice]) -> Result<(), Error> {
    let layout = layout(side, place, share.values().len())?;
    let share_bits = side.widths.gate_share(place.phase);
    let signed = share.map(|k, own| select(bits[k], &Integer::from(-own), own, share_bits));
    side.send_own(place, Operation::Factor, &shifted(&layout, &signed))
}

/// P2 receives E_1[(2 tau - 1) Y1].
pub(super) fn recv_share(side: &mut Side, place: Place, count: usize) -> Result<Ciphertexts, Error> {
    side.recv_peers(place, Operation::Factor, count)
}

/// P2's first half: mixes P1's bits and share with its own and keeps M.
pub(super) fn mix(
    side: &mut Side,
    place: Place,
    share: &Share,
    bits: &[Choice],
    (their_bits, theirs): (&Ciphertexts, &Ciphertexts),
) -> Result<Share, Error> {
    let count = share.values().len();
    let layout = layout(side, place, count)?;
    let (share_bits, slots) = (side.widths.gate_share(place.phase), layout.slots.slots as usize);
    let masks = side.masks(place, Purpose::Left, share_bits + 1, (1, count), MaskOrder::AsItLies);

    // beta (2 tau - 1) Y1: the ciphertext where beta is 1, the neutral 1 elsewhere; both are always touched.
    let chosen = side.work.timed(Work::MultiExponentiation, || {
        let neutral = side.peer.encode_many(&side.engine, &vec![Integer::new(); count]);
        pack_linear(&side.engine, layout.slots, &neutral.select(&side.engine, theirs, bits)?)
    })?;

    // (1 - 2 beta) Y2 + 2^(S+1), of S + 2 bits.
    let (offset, exponent_bits) = (Integer::from(1) << (share_bits + 1), share_bits + 2);
    let raised = share.flat().map(|k, own| select(bits[k], own, &Integer::from(-own), share_bits) + &offset);
    let limbs = exponent_bits.div_ceil(64) as usize;
    let exponents: Vec<SecretLimbs> = raised.values().iter().map(|e| SecretLimbs::from_integer(e, limbs)).collect();
    let mixed = side.work.timed(Work::MultiExponentiation, || {
        their_bits.packed_powers(&side.engine, &exponents, exponent_bits, slots)?.add(&side.engine, &chosen)
    })?;
    let plain = masks.zip(&raised, |mask, raised| Integer::from(mask - raised));
    side.send_result(place, Operation::Gate, &mixed, &layout.pack(&plain), exponent_bits, 2 * slots)?;
    Ok(masks)
}

/// P1's share of g Y, the mask m, which it knows before anything arrives.
pub(super) fn masks(side: &mut Side, place: Place, share: &Share, value_bits: u32) -> Share {
    side.masks(place, Purpose::Refresh, value_bits, (share.rows(), share.columns()), MaskOrder::AsItLies)
}

/// P1's second half: takes the raised exponents off and sends U + M - tau Y1 + m in clear.
pub(super) fn answer(
    side: &mut Side,
    place: Place,
    share: &Share,
    bits: &[Choice],
    masks: (&Share, u32),
) -> Result<(), Error> {
    let mixed = recv_mixed(side, place, bits)?;
    reply(side, place, share, bits, &mixed, masks)
}

/// What P1 opens: U + M, in one row. Gates that travel together are all received before the first [`reply`].
pub(super) fn recv_mixed(side: &mut Side, place: Place, bits: &[Choice]) -> Result<Share, Error> {
    let layout = layout(side, place, bits.len())?;
    let opened = side.recv_opened(place, Operation::Gate, layout.per_row())?;
    let share_bits = side.widths.gate_share(place.phase);
    let raised = |bit: &Choice| Integer::from(bit.unwrap_u8()) << (share_bits + 1);
    let raised = layout.pack(&Share::new(1, bits.len(), bits.iter().map(raised).collect()));
    side.unpack_masked(place, layout, &opened, &raised, share_bits + 1)
}

/// P1 sends U + M - tau Y1 + m in clear.
pub(super) fn reply(
    side: &mut Side,
    place: Place,
    share: &Share,
    bits: &[Choice],
    mixed: &Share,
    (masks, value_bits): (&Share, u32),
) -> Result<(), Error> {
    #[cfg(test)]
    side.witness.gated.push((place, share.clone(), bits.to_vec()));
    let reply_bits = side.widths.gate_reply_bits(place.phase, value_bits);
    let reply = masks.map(|k, mask| {
        let masked = Integer::from(mask + &mixed.values()[k]);
        select(bits[k], &masked, &Integer::from(&masked - &share.values()[k]), reply_bits)
    });
    side.send_clear(place, Operation::Gate, &reply, reply_bits)
}

/// P2's second half: g Y + m.
pub(super) fn finish(
    side: &mut Side,
    place: Place,
    share: &Share,
    bits: &[Choice],
    masks: &Share,
    value_bits: u32,
) -> Result<Share, Error> {
    #[cfg(test)]
    side.witness.gated.push((place, share.clone(), bits.to_vec()));
    let reply_bits = side.widths.gate_reply_bits(place.phase, value_bits);
    let reply = side.recv_clear(place, Operation::Gate, share.rows(), share.columns(), reply_bits)?;
    let gated = reply.map(|k, value| {
        let unmasked = Integer::from(value - &masks.values()[k]);
        select(bits[k], &unmasked, &Integer::from(&unmasked + &share.values()[k]), reply_bits + 1)
    });
    side.require_masked(place, &gated, value_bits)?;
    Ok(gated)
}

fn layout(side: &Side, place: Place, count: usize) -> Result<RowLayout, Error> {
    side.layout(side.widths.gate_slot_bits(place.phase), count)
}
