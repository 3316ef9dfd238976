//! The servers' test of the model, for both protocols: |W| < 2^l for every weight and bias W = W2 - W1, l their declared
//! bound, once an epoch. The sums and gates of the next epoch need the bound, and no server sees a weight.
//!
//! Two comparisons a parameter by [`leak_free`](super::leak_free), of l + 8 bits, then both servers open the results:
//!
//! ```text
//! [ W - 2^l + 1 > 0]     of  W2 - 2^l + 1  and  W1
//! [-W - 2^l + 1 > 0]     of -W2 - 2^l + 1  and -W1
//! P1 -> P2: tau of every comparison;  P2 -> P1: beta of every comparison, in clear
//! ```
//!
//! What either learns is tau xor beta: which parameters are above their bound and which below, all 0 for a sound model.
//! The other's bit shows no more, being the own bit xor the result; tau is turned by a delta that serves no other
//! comparison, and the bits of no other comparison are opened.
//!
//! Every excess with |W| < 2^(l+8) - 2^l is found. A larger one, which a single epoch would have to bring about, wraps
//! modulo 2^(l+9) and is missed where it wraps into the bound: with probability 2^-8 a parameter, if its low bits are
//! spread evenly. The test says nothing of the steps in between, nor of any other tensor.

use std::ops::Range;

use rug::Integer;
use subtle::Choice;

use crate::error::Error;
use crate::mlp::Layers;
use crate::net::Channel;
use crate::secret::SecretIntegers;

use super::ProtocolError;
use super::handshake::Role;
use super::message::{Operation, recv_bits, send_bits};
use crate::protocol::place::Place;

/// Room for an excess: an excess of fewer bits is found for certain.
pub(super) const EXCESS_BITS: u32 = 8;

/// Parameters that are compared at once: what bounds the memory of the test.
const PART: usize = 1024;

/// Places of one test.
const PLACES: usize = 1 << 16;

/// The parameters that are compared at once, in the order of the flattened model, each with a number that positions it.
pub(super) fn parts(parameters: usize) -> impl Iterator<Item = (u16, Range<usize>)> {
    let len = PART.max(parameters.div_ceil(PLACES));
    (0..=u16::MAX).zip((0..parameters).step_by(len).map(move |start| start..parameters.min(start + len)))
}

/// The job's comparison is not the one that the test needs.
pub(super) fn no_key() -> ProtocolError {
    let reason = "the model is tested by --comparison dgk, and this job has another".to_owned();
    ProtocolError::Config { reason }
}

/// A server's shares of what is compared, from its shares of parameters: all comparisons from above, then all from below.
pub(super) fn moved(role: Role, shares: &[Integer], weight_bits: u32) -> SecretIntegers {
    let offset = match role {
        Role::Cloud => Integer::new(),
        Role::Key => 1 - (Integer::from(1) << weight_bits),
    };
    let above = shares.iter().map(|share| Integer::from(&offset + share));
    let below = shares.iter().map(|share| Integer::from(&offset - share));
    above.chain(below).collect()
}

/// Tells the other server all own bits and has the other's.
pub(super) fn open(channel: &mut Channel, place: Place, own: &[Choice]) -> Result<Vec<Choice>, Error> {
    send_bits(channel, place, Operation::Open, own)?;
    recv_bits(channel, place, Operation::Open, own.len())
}

/// The verdict on the model after `step` by the bits of both servers, those of one of the [`parts`] after the other.
///
/// # Errors
/// [`ProtocolError::ModelOutOfBound`] for the first layer with a parameter outside its bound.
pub(super) fn judge(
    layers: &Layers,
    declared_bits: u32,
    step: u64,
    own: &[Choice],
    theirs: &[Choice],
) -> Result<(), ProtocolError> {
    let results: Vec<bool> = own.iter().zip(theirs).map(|(own, theirs)| bool::from(*own ^ *theirs)).collect();
    let of_part = |(_, part): (u16, Range<usize>)| {
        let (above, below) = results[2 * part.start..2 * part.end].split_at(part.len());
        above.iter().zip(below).map(|(above, below)| above | below).collect::<Vec<bool>>()
    };
    let excess: Vec<bool> = parts(layers.parameters()).flat_map(of_part).collect();
    let mut rest = &excess[..];
    for layer in 0..layers.weight_layers() {
        let parameters = (layers.fan_in(layer) + 1) * layers.fan_out(layer);
        let (of_layer, above) = rest.split_at(parameters);
        let found = of_layer.iter().filter(|excess| **excess).count();
        if found > 0 {
            return Err(ProtocolError::ModelOutOfBound { step, layer, found, parameters, declared_bits });
        }
        rest = above;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_all_parameters_in_order_at_places_of_their_own() {
        for (parameters, count) in [(1, 1), (PART, 1), (PART + 1, 2), (50_890, 50), (1 << 28, PLACES)] {
            let parts: Vec<_> = parts(parameters).collect();
            assert_eq!(parts.len(), count, "{parameters}");
            assert!(parts.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1.end == pair[1].1.start));
            assert_eq!((parts[0].1.start, parts[count - 1].1.end), (0, parameters));
        }
    }

    /// Parameters of all layers, in more than one part, outside the bound on either side.
    #[test]
    fn the_first_layer_outside_its_bound_is_named_with_the_number_of_its_parameters() {
        let layers = Layers::new(vec![40, 30, 2]).unwrap();
        let (first, all) = (41 * 30, 41 * 30 + 31 * 2);
        let judged = |excess: &[(usize, bool)]| {
            let mut results = vec![0u8; 2 * all];
            for (parameter, below) in excess {
                let (_, part) = parts(all).find(|(_, part)| part.contains(parameter)).unwrap();
                let side = if *below { part.len() } else { 0 };
                results[part.start + parameter + side] = 1;
            }
            let own: Vec<Choice> = (0..2 * all).map(|i| Choice::from((i % 3 == 0) as u8)).collect();
            let theirs: Vec<Choice> =
                own.iter().zip(results).map(|(own, result)| *own ^ Choice::from(result)).collect();
            judge(&layers, 17, 8, &own, &theirs)
        };
        judged(&[]).unwrap();
        for (excess, layer, found, parameters) in [
            (vec![(0, false)], 0, 1, first),
            (vec![(first - 1, true), (first, true)], 0, 1, first),
            (vec![(first, true), (first + 1, false), (all - 1, true)], 1, 3, 62),
            (vec![(7, true), (7, false), (1100, true)], 0, 2, first),
        ] {
            let error = judged(&excess).unwrap_err();
            assert_eq!(error.exit_code(), 3);
            let message = error.to_string();
            let start = format!("step 8, layer {layer}: {found} of {parameters} weights and biases");
            assert!(message.starts_with(&start), "{message}");
            assert!(message.contains("17 bits") && message.contains("--bound weights=BITS"), "{message}");
        }
    }
}
