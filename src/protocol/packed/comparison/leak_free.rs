//! The comparison that leaks nothing, [`crate::protocol::leak_free`], on shares.

use rug::Integer;
use subtle::Choice;

use crate::dgk;
use crate::error::Error;
use crate::mask::Purpose;
use crate::protocol::leak_free::{self, Compared};
use crate::protocol::message::Operation;
use crate::protocol::place::Place;
use crate::secret::SecretBits;

use super::super::share::Share;
use super::super::side::Side;
use super::super::work::Work;
use super::Blinds;

fn compared(side: &Side, place: Place) -> Compared {
    Compared { bits: side.widths.compared_bits(place.phase), share_bits: side.widths.compared_share(place.phase) }
}

/// P2 -> P1: the digits of a as bits I_ik, eight values to a ciphertext.
pub(super) fn send_digits(side: &mut Side, place: Place, share: &Share, key: &dgk::SecretKey) -> Result<(), Error> {
    let compared = compared(side, place);
    let Side { engine, rng, work, .. } = side;
    let sealed = work.timed(Work::Comparison, || leak_free::seal(engine, key, compared, share.values(), rng))?;
    side.send_compared(place, Operation::Factor, &sealed)
}

/// P1's deltas, from its keyed generator: a place that comes again has the same.
pub(super) fn draw(side: &Side, place: Place, share: &Share) -> Blinds {
    let masks = side.masks.at(place.position(Purpose::Comparison));
    let delta = |element: usize| Choice::from((masks.element(element as u64).u64() & 1) as u8);
    let deltas: SecretBits = (0..share.values().len()).map(delta).collect();
    let bits = leak_free::own_bits(compared(side, place), share.values(), &deltas);
    Blinds::LeakFree { deltas, bits }
}

/// P1 -> P2: the blinded terms of every element.
pub(super) fn answer(
    side: &mut Side,
    place: Place,
    share: &Share,
    deltas: &[Choice],
    key: &dgk::PublicKey,
) -> Result<(), Error> {
    let compared = compared(side, place);
    let count = share.values().len();
    let Side { engine, rng, work, widths, .. } = side;
    // While P2 encrypts.
    let hiding =
        work.timed(Work::Comparison, || leak_free::hiding(engine, key, compared, count, widths.sigma(), rng))?;
    let sealed = side.recv_compared(place, Operation::Factor, key, compared.indicators(count))?;
    let Side { engine, work, .. } = side;
    let answered =
        work.timed(Work::Comparison, || leak_free::answer(engine, compared, &sealed, share.values(), deltas, hiding))?;
    side.send_compared(place, Operation::Compare, &answered)
}

/// P2: its bits beta.
pub(super) fn finish(side: &mut Side, place: Place, share: &Share, key: &dgk::SecretKey) -> Result<SecretBits, Error> {
    let compared = compared(side, place);
    let count = compared.terms(share.values().len());
    let answered = side.recv_compared(place, Operation::Compare, key.public_key(), count)?;
    let Side { engine, work, .. } = side;
    let (bits, seen) =
        work.timed(Work::Comparison, || leak_free::finish(engine, key, compared, share.values(), &answered))?;
    let seen: Vec<Integer> = seen.iter().map(|zero| Integer::from(zero.unwrap_u8())).collect();
    side.require_new_or_same(place, Operation::Compare, &seen)?;
    #[cfg(test)]
    {
        let zeros = leak_free::zeros(&side.engine, key, compared, share.values().len(), &answered)?;
        let count = |terms: &Vec<Choice>| terms.iter().filter(|zero| bool::from(**zero)).count();
        side.witness.zeros.push((place, zeros.iter().map(count).collect()));
    }
    Ok(bits)
}
