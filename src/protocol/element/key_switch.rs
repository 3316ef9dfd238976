//! Results change over to their reader's key (protocol section 6), in batches.
//!
//! P1 -> P2: E_2[y + m]; P2 learns a masked value.
//! P2 -> P1: E_U[y + m] in r^n form, only for a key on P2's list; P1 learns a ciphertext it cannot open.
//! P1: multiplies by E_U[-m], a full encryption, so that P2 could not recognise its own ciphertext in the answer.

use rug::Integer;

use crate::error::Error;
use crate::mask::Purpose;
use crate::paillier::{Ciphertexts, PublicKey};
use crate::protocol::config::{Reading, require_reader};
use crate::protocol::message::Operation;
use crate::protocol::place::Place;
use crate::secret::SecretIntegers;

use super::side::{CloudSide, KeySide};

/// P1: `values`, |y| < 2^value_bits, under the key of `reader`.
pub(super) fn ask(
    side: &mut CloudSide,
    place: Place,
    values: &Ciphertexts,
    value_bits: u32,
    reader: &PublicKey,
) -> Result<Ciphertexts, Error> {
    let masks = side.short_masks(place, Purpose::Refresh, value_bits, values.len());
    let blinded = values.add_plain(&side.engine, &masks)?;
    side.send_rerandomized(place, Operation::Switch, &blinded)?;
    let switched = side.recv_under(reader, place, Operation::Switch, values.len())?;
    let unmask: SecretIntegers = masks.iter().map(|mask| Integer::from(-mask)).collect();
    let correction = reader.encrypt_rn_many(&side.engine, &unmask, &mut side.rng)?;
    Ok(switched.add(&side.engine, &correction)?)
}

/// P2: switches `count` masked values to `reader`, if it is on the list for `what`.
pub(super) fn answer(
    side: &mut KeySide,
    place: Place,
    count: usize,
    value_bits: u32,
    reader: &PublicKey,
    what: Reading,
) -> Result<(), Error> {
    require_reader(&side.readers, reader.id(), what)?;
    let blinded = side.recv(place, Operation::Switch, count)?;
    let values = side.open(place, &blinded, value_bits)?;
    let switched = reader.encrypt_rn_many(&side.engine, &values, &mut side.rng)?;
    side.send(place, Operation::Switch, &switched)
}
