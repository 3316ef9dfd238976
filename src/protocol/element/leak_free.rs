//! The comparison that leaks nothing, [`crate::protocol::leak_free`], on ciphertexts: P1 masks a value v and keeps the mask m
//! as its share, P2 opens v + m.

use rug::Integer;
use subtle::Choice;

use crate::dgk;
use crate::error::Error;
use crate::mask::Purpose;
use crate::paillier::Ciphertexts;
use crate::protocol::leak_free::{self, Compared};
use crate::protocol::message::{Operation, recv_compared, send_compared};
use crate::protocol::place::Place;
use crate::secret::{SecretBits, SecretIntegers};

use super::max_enc::complement;
use super::side::{CloudSide, KeySide};

/// By the comparison that leaks nothing: P2 learns a + m, and P1's share is the mask m.
pub(super) fn ask(
    side: &mut CloudSide,
    place: Place,
    values: &Ciphertexts,
    key: &dgk::PublicKey,
) -> Result<Ciphertexts, Error> {
    let compared = side.bounds.compared();
    let masks = share(side, place, values, compared.bits)?;
    let tau = answer_shared(side, place, compared, &masks, key)?;
    let bits = side.recv(place, Operation::Compare, values.len())?;
    complement(side, &bits, &tau)
}

/// P1's shares of encrypted values, |v| < 2^`value_bits`: their masks. P2 has v + m by [`recv_shares`].
pub(super) fn share(
    side: &mut CloudSide,
    place: Place,
    values: &Ciphertexts,
    value_bits: u32,
) -> Result<SecretIntegers, Error> {
    let masks = side.short_masks(place, Purpose::Refresh, value_bits, values.len());
    side.send_rerandomized(place, Operation::Refresh, &values.add_plain(&side.engine, &masks)?)?;
    Ok(masks)
}

/// P1's half of a comparison of shared values: its bits tau.
pub(super) fn answer_shared(
    side: &mut CloudSide,
    place: Place,
    compared: Compared,
    shares: &[Integer],
    key: &dgk::PublicKey,
) -> Result<SecretBits, Error> {
    let elements = side.masks.at(place.position(Purpose::Comparison));
    let delta = |element| Choice::from((elements.element(element).u64() & 1) as u8);
    let deltas: SecretBits = (0..shares.len() as u64).map(delta).collect();

    let CloudSide { channel, engine, rng, .. } = side;
    let hiding = leak_free::hiding(engine, key, compared, shares.len(), side.bounds.sigma(), rng)?;
    let count = compared.indicators(shares.len());
    let sealed = recv_compared(channel, engine, place, Operation::Factor, key, count)?;
    let answered = leak_free::answer(engine, compared, &sealed, shares, &deltas, hiding)?;
    send_compared(channel, engine, place, Operation::Compare, &answered)?;
    Ok(leak_free::own_bits(compared, shares, &deltas))
}

/// The bits beta, encrypted; only the owner of both keys ever has them.
pub(super) fn answer(side: &mut KeySide, place: Place, count: usize, key: &dgk::SecretKey) -> Result<(), Error> {
    let compared = side.bounds.compared();
    let shares = recv_shares(side, place, count, compared.bits)?;
    let beta = ask_shared(side, place, compared, &shares, key)?;
    let bits: SecretIntegers = beta.iter().map(|bit| Integer::from(bit.unwrap_u8())).collect();
    side.send_fresh(place, Operation::Compare, &bits)
}

/// P2's shares of `count` values, v + m.
pub(super) fn recv_shares(
    side: &mut KeySide,
    place: Place,
    count: usize,
    value_bits: u32,
) -> Result<SecretIntegers, Error> {
    let masked = side.recv(place, Operation::Refresh, count)?;
    side.open(place, &masked, value_bits)
}

/// P2's half of a comparison of shared values: its bits beta.
pub(super) fn ask_shared(
    side: &mut KeySide,
    place: Place,
    compared: Compared,
    shares: &[Integer],
    key: &dgk::SecretKey,
) -> Result<SecretBits, Error> {
    let KeySide { channel, engine, rng, .. } = side;
    let sealed = leak_free::seal(engine, key, compared, shares, rng)?;
    send_compared(channel, engine, place, Operation::Factor, &sealed)?;
    let terms = compared.terms(shares.len());
    let answered = recv_compared(channel, engine, place, Operation::Compare, key.public_key(), terms)?;
    let (beta, _seen) = leak_free::finish(engine, key, compared, shares, &answered)?;
    #[cfg(test)]
    side.zeros.extend(_seen.iter().map(|zero| bool::from(*zero)));
    Ok(beta)
}
