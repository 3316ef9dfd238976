//! DivEnc: E[a], public d -> E[q], q = floor(a/d) + [(a mod d) + (m mod d) >= d] (protocol 3.2), in batches.
//!
//! P1 -> P2: E[a + m]; P2 learns a masked value.
//! P2 -> P1: a fresh E[floor((a + m)/d)]; P1 learns a ciphertext and subtracts floor(m/d).
//!
//! The result is the quotient with unbiased stochastic rounding, exact when d divides a. With d = 1 it is the blinded
//! re-encryption of rule 1: the same value in P2's randomness.

use rug::Integer;
use rug::ops::DivRounding;

use crate::error::Error;
use crate::mask::Purpose;
use crate::paillier::Ciphertexts;
use crate::protocol::message::Operation;
use crate::protocol::place::Place;
use crate::secret::SecretIntegers;

use super::side::{CloudSide, KeySide};

/// P1: the encrypted quotients of `values` by `divisor` > 0.
pub(super) fn ask(
    side: &mut CloudSide,
    place: Place,
    values: &Ciphertexts,
    divisor: i128,
) -> Result<Ciphertexts, Error> {
    let value_bits = side.bounds.division_bits(place.phase, place.layer);
    let masks = side.short_masks(place, Purpose::Division, value_bits, values.len());
    let blinded = values.add_plain(&side.engine, &masks)?;
    side.send_rerandomized(place, Operation::Divide, &blinded)?;
    let quotients = side.recv(place, Operation::Divide, values.len())?;
    let divisor = Integer::from(divisor);
    let shifts: SecretIntegers = masks.iter().map(|mask| -Integer::from(mask.div_floor(&divisor))).collect();
    Ok(quotients.add_plain(&side.engine, &shifts)?)
}

/// P2: divides `count` masked values.
pub(super) fn answer(side: &mut KeySide, place: Place, count: usize, divisor: i128) -> Result<(), Error> {
    let value_bits = side.bounds.division_bits(place.phase, place.layer);
    let blinded = side.recv(place, Operation::Divide, count)?;
    let divisor = Integer::from(divisor);
    let quotients: SecretIntegers =
        side.open(place, &blinded, value_bits)?.iter().map(|value| Integer::from(value.div_floor(&divisor))).collect();
    side.send_fresh(place, Operation::Divide, &quotients)
}
