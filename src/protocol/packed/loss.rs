//! The sum of squared differences of a step, shared (protocol 4.5): delta = D2 - D1.
//!
//! ```text
//! P2 -> P1: E_2[D2_k] for each element
//! P1 -> P2: E_2[sum (2^(S+1) - 2 D1_k) D2_k + sum D1_k^2 + m]        P2 learns loss + m
//! ```

use rug::Integer;

use crate::arith::Exponents;
use crate::error::Error;
use crate::mask::Purpose;
use crate::paillier::Ciphertexts;
use crate::protocol::message::Operation;
use crate::protocol::place::Place;
use crate::secret::SecretLimbs;

use super::share::Share;
use super::side::{MaskOrder, Side};
use super::work::Work;

/// P2's first half.
pub(super) fn send_elements(side: &mut Side, place: Place, share: &Share) -> Result<(), Error> {
    side.send_own(place, Operation::Factor, share.values())
}

/// P1 takes the elements of a loss of `terms` squares.
pub(super) fn recv_elements(side: &mut Side, place: Place, terms: usize) -> Result<Ciphertexts, Error> {
    side.recv_peers(place, Operation::Factor, terms)
}

/// P1's half: ends with the mask m.
pub(super) fn answer(
    side: &mut Side,
    place: Place,
    share: &Share,
    elements: &Ciphertexts,
    loss_bits: u32,
) -> Result<Share, Error> {
    let offset_bits = side.widths.output_delta_share() + 1;
    let limbs = (offset_bits + 1).div_ceil(64) as usize;
    let offset = Integer::from(1) << offset_bits;
    let exponent = |own: &Integer| SecretLimbs::from_integer(&(&offset - Integer::from(own << 1u32)), limbs);
    let exponents = Exponents::single_use(share.values().iter().map(exponent).collect(), offset_bits + 1);
    let multiply = || elements.multi_power(&side.engine, &exponents, 1);
    let cross = side.work.timed(Work::MultiExponentiation, multiply)?;
    let masks = side.masks(place, Purpose::Refresh, loss_bits, (1, 1), MaskOrder::AsItLies);
    let plain = squares(share) + &masks.values()[0];
    side.send_result(place, Operation::Multiply, &cross, &[plain], offset_bits + 1, elements.len())?;
    Ok(masks)
}

/// P2's second half: loss + m.
pub(super) fn finish(side: &mut Side, place: Place, share: &Share, loss_bits: u32) -> Result<Share, Error> {
    let opened = side.recv_opened(place, Operation::Multiply, 1)?;
    let offset_bits = side.widths.output_delta_share() + 1;
    let raised = share.values().iter().sum::<Integer>() << offset_bits;
    let layout = side.layout(side.widths.masked_slot_bits(loss_bits), 1)?;
    side.unpack_masked(place, layout, &opened, &[raised - squares(share)], loss_bits)
}

fn squares(share: &Share) -> Integer {
    share.values().iter().map(|value| Integer::from(value.square_ref())).sum()
}
