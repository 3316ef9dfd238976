//! Ciphertexts on the wire, and the place in the protocol that a message belongs to.
//!
//! ```text
//! key id 16 bytes | count u64 | count x fixed-width ciphertext
//! ```

#[cfg(test)]
mod tests;

use rug::Integer;
use subtle::Choice;
use zeroize::Zeroizing;

use crate::arith::Engine;
use crate::codec::{CodecError, Reader, Writer};
use crate::container::KEY_ID_BYTES;
use crate::dgk;
use crate::error::Error;
use crate::mask::Phase;
use crate::net::{Channel, Tag};
use crate::paillier::{Ciphertexts, KeyId, PublicKey};
use crate::secret::SecretIntegers;

use super::ProtocolError;
use super::place::Place;

impl Place {
    /// The tag of the messages of `operation` at this place.
    fn tag(self, operation: Operation) -> Tag {
        let phase = u32::from(self.layer) << 16 | (self.phase as u32) << 8 | operation as u32;
        Tag { step: self.step, phase }
    }
}

/// The secure operation that a message is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Operation {
    Handshake = 1,
    Weights = 2,
    Multiply = 3,
    Divide = 4,
    Compare = 5,
    Switch = 6,
    Factor = 7,
    Offer = 8,
    GateBits = 9,
    Gate = 10,
    Refresh = 11,
    Open = 12,
}

/// Sends `ciphertexts`.
pub(crate) fn send_ciphertexts(
    channel: &mut Channel,
    engine: &Engine,
    place: Place,
    operation: Operation,
    ciphertexts: &Ciphertexts,
) -> Result<(), Error> {
    let numbers = ciphertexts.to_bytes(engine);
    send_numbers(channel, place, operation, ciphertexts.key().id(), (ciphertexts.len(), &numbers))
}

/// Waits for exactly `count` ciphertexts under `key` and admits them.
pub(crate) fn recv_ciphertexts(
    channel: &mut Channel,
    engine: &Engine,
    place: Place,
    operation: Operation,
    key: &PublicKey,
    count: usize,
) -> Result<Ciphertexts, Error> {
    let peer = channel.peer();
    let refused = |source| ProtocolError::Refused { peer, place: place.to_string(), source };
    let payload = recv_numbers(channel, place, operation, key.id(), (count, key.ciphertext_len_bytes()))?;
    Ok(Ciphertexts::from_bytes(engine, key, &payload[HEAD_BYTES..]).map_err(refused)?)
}

/// Sends ciphertexts of the comparison.
pub(crate) fn send_compared(
    channel: &mut Channel,
    engine: &Engine,
    place: Place,
    operation: Operation,
    ciphertexts: &dgk::Ciphertexts,
) -> Result<(), Error> {
    let numbers = ciphertexts.to_bytes(engine);
    send_numbers(channel, place, operation, ciphertexts.key().id(), (ciphertexts.len(), &numbers))
}

/// Waits for exactly `count` ciphertexts of the comparison under `key` and admits them.
pub(crate) fn recv_compared(
    channel: &mut Channel,
    engine: &Engine,
    place: Place,
    operation: Operation,
    key: &dgk::PublicKey,
    count: usize,
) -> Result<dgk::Ciphertexts, Error> {
    let peer = channel.peer();
    let refused = |source| ProtocolError::RefusedComparison { peer, place: place.to_string(), source };
    let payload = recv_numbers(channel, place, operation, key.id(), (count, key.ciphertext_len_bytes()))?;
    Ok(dgk::Ciphertexts::from_bytes(engine, key, &payload[HEAD_BYTES..]).map_err(refused)?)
}

fn send_numbers(
    channel: &mut Channel,
    place: Place,
    operation: Operation,
    key: KeyId,
    (count, numbers): (usize, &[u8]),
) -> Result<(), Error> {
    let mut head = Writer::with_capacity(HEAD_BYTES);
    head.raw(&key.to_bytes()).u64(count as u64);
    Ok(channel.send_parts(place.tag(operation), &[head.as_slice(), numbers])?)
}

/// The payload with exactly `count` numbers of `width` bytes under `key`, which start at [`HEAD_BYTES`].
fn recv_numbers(
    channel: &mut Channel,
    place: Place,
    operation: Operation,
    key: KeyId,
    (count, width): (usize, usize),
) -> Result<Vec<u8>, Error> {
    let payload = channel.recv(place.tag(operation), HEAD_BYTES + count * width)?;
    let peer = channel.peer();
    let broken = |source| ProtocolError::Message { peer, place: place.to_string(), source };
    let mut reader = Reader::new(&payload);
    let found = KeyId::from_bytes(reader.array("key id").map_err(broken)?);
    if found != key {
        let (expected, found) = (key.to_string(), found.to_string());
        return Err(ProtocolError::ForeignKey { peer, place: place.to_string(), expected, found }.into());
    }
    let announced = reader.count("ciphertexts", width).map_err(broken)?;
    if announced != count {
        let reason = format!("{announced} ciphertexts where {count} are due");
        return Err(broken(CodecError::invalid("ciphertexts", reason)).into());
    }
    reader.raw("ciphertexts", count * width).map_err(broken)?;
    reader.end().map_err(broken)?;
    Ok(payload)
}

/// What stands before the numbers.
const HEAD_BYTES: usize = KEY_ID_BYTES + 8;

/// Sends masked integers |v| < 2^`max_bits` in clear: `count u64 | count x (v + 2^max_bits)`, each in
/// ceil((max_bits + 1) / 8) bytes.
///
/// # Errors
/// [`ProtocolError::OutOfRange`] if a value is longer.
pub(crate) fn send_integers(
    channel: &mut Channel,
    place: Place,
    operation: Operation,
    values: &[Integer],
    max_bits: u32,
) -> Result<(), Error> {
    let (offset, width) = (Integer::from(1) << max_bits, integer_bytes(max_bits));
    let mut writer = Writer::with_capacity(8 + values.len() * width);
    writer.u64(values.len() as u64);
    for (element, value) in values.iter().enumerate() {
        if value.significant_bits() > max_bits {
            let (peer, place) = (channel.peer(), place.to_string());
            return Err(ProtocolError::OutOfRange { peer, place, element, value_bits: max_bits }.into());
        }
        writer.integer(&Integer::from(value + &offset), width);
    }
    Ok(channel.send(place.tag(operation), writer.as_slice())?)
}

/// Waits for exactly `count` integers of [`send_integers`] with the same `max_bits`.
pub(crate) fn recv_integers(
    channel: &mut Channel,
    place: Place,
    operation: Operation,
    count: usize,
    max_bits: u32,
) -> Result<SecretIntegers, Error> {
    let (offset, width) = (Integer::from(1) << max_bits, integer_bytes(max_bits));
    let payload = Zeroizing::new(channel.recv(place.tag(operation), 8 + count * width)?);
    let peer = channel.peer();
    let broken = |source| ProtocolError::Message { peer, place: place.to_string(), source };
    let mut reader = Reader::new(&payload);
    let announced = reader.count("integers", width).map_err(broken)?;
    if announced != count {
        let reason = format!("{announced} integers where {count} are due");
        return Err(broken(CodecError::invalid("integers", reason)).into());
    }
    let values: SecretIntegers = (0..count)
        .map(|_| reader.integer("integers", width).map(|value| value - &offset))
        .collect::<Result<Vec<_>, _>>()
        .map_err(broken)?
        .into_iter()
        .collect();
    reader.end().map_err(broken)?;
    match values.iter().position(|value| value.significant_bits() > max_bits) {
        None => Ok(values),
        Some(element) => {
            let place = place.to_string();
            Err(ProtocolError::OutOfRange { peer, place, element, value_bits: max_bits }.into())
        }
    }
}

/// Sends bits in clear: `count u64 | a byte of 0 or 1 for each`.
pub(crate) fn send_bits(
    channel: &mut Channel,
    place: Place,
    operation: Operation,
    bits: &[Choice],
) -> Result<(), Error> {
    let mut writer = Writer::with_capacity(8 + bits.len());
    writer.u64(bits.len() as u64);
    for bit in bits {
        writer.u8(bit.unwrap_u8());
    }
    Ok(channel.send(place.tag(operation), writer.as_slice())?)
}

/// Waits for exactly `count` bits of [`send_bits`].
pub(crate) fn recv_bits(
    channel: &mut Channel,
    place: Place,
    operation: Operation,
    count: usize,
) -> Result<Vec<Choice>, Error> {
    let payload = channel.recv(place.tag(operation), 8 + count)?;
    let peer = channel.peer();
    let broken = |source| ProtocolError::Message { peer, place: place.to_string(), source };
    let mut reader = Reader::new(&payload);
    let announced = reader.count("bits", 1).map_err(broken)?;
    if announced != count {
        let reason = format!("{announced} bits where {count} are due");
        return Err(broken(CodecError::invalid("bits", reason)).into());
    }
    let bytes = reader.raw("bits", count).map_err(broken)?;
    reader.end().map_err(broken)?;
    if let Some(element) = bytes.iter().position(|byte| *byte > 1) {
        let reason = format!("number {element} is {}, neither 0 nor 1", bytes[element]);
        return Err(broken(CodecError::invalid("bits", reason)).into());
    }
    Ok(bytes.iter().map(|byte| Choice::from(*byte)).collect())
}

fn integer_bytes(max_bits: u32) -> usize {
    (max_bits + 1).div_ceil(8) as usize
}

/// Sends a message of the handshake.
pub(crate) fn send_handshake(channel: &mut Channel, payload: &[u8]) -> Result<(), Error> {
    Ok(channel.send(HANDSHAKE.tag(Operation::Handshake), payload)?)
}

/// Waits for a message of the handshake.
pub(crate) fn recv_handshake(channel: &mut Channel, max_bytes: usize) -> Result<Vec<u8>, Error> {
    Ok(channel.recv(HANDSHAKE.tag(Operation::Handshake), max_bytes)?)
}

const HANDSHAKE: Place = Place { step: 0, phase: Phase::Initial, layer: 0 };
