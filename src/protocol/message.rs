//! Ciphertexts on the wire, and the place in the protocol that a message belongs to.
//!
//! ```text
//! key id 16 bytes | count u64 | count x fixed-width ciphertext
//! ```

use std::fmt;

use crate::arith::Engine;
use crate::codec::{Reader, Writer};
use crate::container::KEY_ID_BYTES;
use crate::error::Error;
use crate::mask::{Phase, Position, Purpose};
use crate::net::{Channel, Tag};
use crate::paillier::{Ciphertexts, KeyId, PublicKey};

use super::ProtocolError;

/// A tensor's place in the job: it names messages and positions masks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub step: u64,
    pub phase: Phase,
    pub layer: u16,
}

impl Place {
    pub fn position(self, purpose: Purpose) -> Position {
        Position { step: self.step, phase: self.phase, layer: self.layer, purpose }
    }

    /// The tag of the messages of `operation` at this place.
    fn tag(self, operation: Operation) -> Tag {
        let phase = u32::from(self.layer) << 16 | (self.phase as u32) << 8 | operation as u32;
        Tag { step: self.step, phase }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {}, {:?}, layer {}", self.step, self.phase, self.layer)
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
}

/// Sends `ciphertexts`.
pub(crate) fn send_ciphertexts(
    channel: &mut Channel,
    engine: &Engine,
    place: Place,
    operation: Operation,
    ciphertexts: &Ciphertexts,
) -> Result<(), Error> {
    let mut writer = Writer::with_capacity(payload_bytes(ciphertexts.key(), ciphertexts.len()));
    writer.raw(&ciphertexts.key().id().to_bytes()).u64(ciphertexts.len() as u64).raw(&ciphertexts.to_bytes(engine));
    Ok(channel.send(place.tag(operation), writer.as_slice())?)
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
    let payload = channel.recv(place.tag(operation), payload_bytes(key, count))?;
    let peer = channel.peer();
    let broken = |source| ProtocolError::Message { peer, place: place.to_string(), source };
    let mut reader = Reader::new(&payload);
    let found = KeyId::from_bytes(reader.array("key id").map_err(broken)?);
    if found != key.id() {
        let (expected, found) = (key.id().to_string(), found.to_string());
        return Err(ProtocolError::ForeignKey { peer, place: place.to_string(), expected, found }.into());
    }
    let announced = reader.count("ciphertexts", key.ciphertext_len_bytes()).map_err(broken)?;
    if announced != count {
        let reason = format!("{announced} ciphertexts where {count} are due");
        return Err(broken(crate::codec::CodecError::invalid("ciphertexts", reason)).into());
    }
    let bytes = reader.raw("ciphertexts", count * key.ciphertext_len_bytes()).map_err(broken)?;
    reader.end().map_err(broken)?;
    let refused = |source| ProtocolError::Refused { peer, place: place.to_string(), source };
    Ok(Ciphertexts::from_bytes(engine, key, bytes).map_err(refused)?)
}

fn payload_bytes(key: &PublicKey, count: usize) -> usize {
    KEY_ID_BYTES + 8 + count * key.ciphertext_len_bytes()
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

#[cfg(test)]
mod tests {
    use rug::Integer;

    use super::*;
    use crate::arith::EngineOptions;
    use crate::paillier::SecretKey;
    use crate::rng::SecureRng;

    const PLACE: Place = Place { step: 3, phase: Phase::Forward, layer: 1 };

    #[test]
    fn ciphertexts_arrive_and_hostile_messages_do_not() {
        let engine = Engine::new(&EngineOptions { threads: 1, ..EngineOptions::default() }).unwrap();
        let [key, other] = [(); 2].map(|()| SecretKey::generate(&engine, 1024, &mut SecureRng::from_os()).unwrap());
        let public = key.public_key();
        let values = [Integer::from(5), Integer::from(-6)];
        let sent = key.encrypt_many(&engine, &values, &mut SecureRng::from_os()).unwrap();

        let (mut from, mut to) = Channel::local_pair();
        send_ciphertexts(&mut from, &engine, PLACE, Operation::Multiply, &sent).unwrap();
        let received = recv_ciphertexts(&mut to, &engine, PLACE, Operation::Multiply, public, 2).unwrap();
        assert_eq!(received.to_bytes(&engine), sent.to_bytes(&engine));

        let refused = |payload: &[u8], count: usize| {
            let (mut from, mut to) = Channel::local_pair();
            from.send(PLACE.tag(Operation::Multiply), payload).unwrap();
            let result = recv_ciphertexts(&mut to, &engine, PLACE, Operation::Multiply, public, count);
            let error = result.map(|_| ()).unwrap_err();
            assert_eq!(error.exit_code(), 4, "{error}");
            assert!(error.to_string().starts_with("P1 sent"), "{error}");
            error.to_string()
        };
        let message = |key: &PublicKey, count: u64, bytes: &[u8]| {
            let mut writer = Writer::new();
            writer.raw(&key.id().to_bytes()).u64(count).raw(bytes);
            writer.finish()
        };
        let bytes = sent.to_bytes(&engine);
        assert!(refused(&message(public, 1, &bytes[..bytes.len() / 2]), 2).contains("1 ciphertexts where 2 are due"));
        assert!(refused(&message(public, 2, &bytes[1..]), 2).contains("truncated"));
        assert!(refused(&message(public, u64::MAX, &bytes), 2).contains("truncated"));
        assert!(refused(&message(public, 2, &bytes), 1).contains("are due"));
        assert!(refused(&message(other.public_key(), 2, &bytes), 2).contains("under key"));
        let zero = refused(&message(public, 2, &vec![0; bytes.len()]), 2);
        assert!(zero.contains("C1") && zero.contains("step 3, Forward, layer 1"), "zero is no ciphertext: {zero}");
        assert!(refused(b"", 2).contains("truncated"));
    }

    #[test]
    fn tags_tell_places_and_operations_apart() {
        let places =
            [PLACE, Place { step: 4, ..PLACE }, Place { phase: Phase::Backward, ..PLACE }, Place { layer: 2, ..PLACE }];
        let mut tags: Vec<Tag> = places.iter().map(|place| place.tag(Operation::Multiply)).collect();
        tags.push(PLACE.tag(Operation::Divide));
        for (i, tag) in tags.iter().enumerate() {
            assert!(!tags[..i].contains(tag));
        }
    }
}
