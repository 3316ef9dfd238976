//! Both sides prove that they mean the same job before anything else travels.
//!
//! Each sends `version u16 | nonce 32 bytes | id of P2's key | digest of the configuration`, P1 first. Where the protocol
//! gives P1 a pair of its own, its public key follows; where comparisons have a key of their own, P2's public half of it
//! follows. The hash of all messages names the session and binds the servers' masks to it.

use sha2::{Digest, Sha256};

use crate::codec::{CodecError, Reader, Writer};
use crate::container::KEY_ID_BYTES;
use crate::dgk::{self, Parameters};
use crate::error::Error;
use crate::net::{Channel, SESSION_BYTES};
use crate::paillier::{KeyId, MAX_KEY_BITS, PublicKey};
use crate::rng::SecureRng;

use super::ProtocolError;
use super::config::JobConfig;
use super::message::{recv_handshake, send_handshake};

const VERSION: u16 = 3;
const NONCE_BYTES: usize = 32;
const HELLO_BYTES: usize = 2 + NONCE_BYTES + KEY_ID_BYTES + 32;
/// A public key has three halves of its length in bits, and a frame of less than 256 bytes.
const MAX_KEY_BYTES: usize = 3 * (MAX_KEY_BITS as usize / 8) + 256;

/// Who speaks first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// P1 opens the conversation.
    Cloud,
    /// P2 answers.
    Key,
}

/// What P1 knows when hands are shaken.
pub struct CloudSession {
    /// The hash of the handshake.
    pub transcript: [u8; 32],
    /// P2's key of the comparison, admitted, where the job has one.
    pub comparison: Option<dgk::PublicKey>,
}

/// What P2 knows when hands are shaken.
pub struct KeySession {
    /// The hash of the handshake.
    pub transcript: [u8; 32],
    /// P1's own key, admitted, where the job gives it one.
    pub cloud_key: Option<PublicKey>,
}

/// P1's handshake; `own` is its own public key, where the protocol gives it a pair. `comparison` is what P2's key of the
/// comparison must be made for, where the job has one.
///
/// # Errors
/// [`ProtocolError::Disagreement`] if version, P2's key or configuration differ, or the comparison's key is not what the job
/// needs; [`ProtocolError::RefusedComparison`] if that is refused.
pub fn shake_hands_as_cloud(
    channel: &mut Channel,
    config: &JobConfig,
    key: KeyId,
    own: Option<&PublicKey>,
    comparison: Option<Parameters>,
) -> Result<CloudSession, Error> {
    let mut messages = exchange_hellos(channel, Role::Cloud, config, key)?;
    if let Some(own) = own {
        let own = own.to_bytes();
        send_handshake(channel, &own)?;
        messages.update(own);
    }
    let mut admitted = None;
    if let Some(parameters) = comparison {
        let bytes = recv_handshake(channel, MAX_KEY_BYTES)?;
        let peer = channel.peer();
        let refused = |source| ProtocolError::RefusedComparison { peer, place: "the handshake".into(), source };
        let key = dgk::PublicKey::from_bytes(&bytes).map_err(refused)?;
        if key.parameters() != parameters {
            return Err(ProtocolError::Disagreement { peer, what: "the key of the comparison" }.into());
        }
        messages.update(bytes);
        admitted = Some(key);
    }
    Ok(CloudSession { transcript: enter_session(channel, messages), comparison: admitted })
}

/// P2's handshake; `expects_key` where P1 has a pair of its own, whose public half is admitted, and `comparison` is the key
/// of the comparison, where the job has one.
///
/// # Errors
/// As [`shake_hands_as_cloud`], and if P1's key is refused or not of the job's length and form.
pub fn shake_hands_as_key_server(
    channel: &mut Channel,
    config: &JobConfig,
    key: KeyId,
    expects_key: bool,
    comparison: Option<&dgk::PublicKey>,
) -> Result<KeySession, Error> {
    let mut messages = exchange_hellos(channel, Role::Key, config, key)?;
    let mut cloud_key = None;
    if expects_key {
        let bytes = recv_handshake(channel, MAX_KEY_BYTES)?;
        let peer = channel.peer();
        let refused = |source| ProtocolError::Refused { peer, place: "the handshake".into(), source };
        let key = PublicKey::from_bytes(&bytes).map_err(refused)?;
        if key.key_bits() != config.key_bits {
            return Err(ProtocolError::Disagreement { peer, what: "the length of the keys" }.into());
        }
        if key.form() != config.key_form {
            return Err(ProtocolError::Disagreement { peer, what: "the form of the keys" }.into());
        }
        messages.update(bytes);
        cloud_key = Some(key);
    }
    if let Some(comparison) = comparison {
        let bytes = comparison.to_bytes();
        send_handshake(channel, &bytes)?;
        messages.update(bytes);
    }
    Ok(KeySession { transcript: enter_session(channel, messages), cloud_key })
}

/// The hash of both hellos, the first speaker's first.
fn exchange_hellos(channel: &mut Channel, role: Role, config: &JobConfig, key: KeyId) -> Result<Sha256, Error> {
    let own = hello(config, key)?;
    let other = match role {
        Role::Cloud => {
            send_handshake(channel, &own)?;
            recv_handshake(channel, HELLO_BYTES)?
        }
        Role::Key => {
            let other = recv_handshake(channel, HELLO_BYTES)?;
            send_handshake(channel, &own)?;
            other
        }
    };
    compare(&own, &other, channel.peer())?;
    let (first, second) = if role == Role::Cloud { (&own, &other) } else { (&other, &own) };
    Ok(Sha256::new().chain_update(first).chain_update(second))
}

fn enter_session(channel: &mut Channel, messages: Sha256) -> [u8; 32] {
    let transcript: [u8; 32] = messages.finalize().into();
    let mut session = [0; SESSION_BYTES];
    session.copy_from_slice(&transcript[..SESSION_BYTES]);
    channel.enter_session(session);
    transcript
}

fn hello(config: &JobConfig, key: KeyId) -> Result<Vec<u8>, Error> {
    let mut nonce = [0; NONCE_BYTES];
    SecureRng::from_os().fill(&mut nonce);
    let mut writer = Writer::with_capacity(HELLO_BYTES);
    writer.u16(VERSION).raw(&nonce).raw(&key.to_bytes()).raw(&config.digest()?);
    Ok(writer.finish())
}

fn compare(own: &[u8], other: &[u8], peer: &'static str) -> Result<(), Error> {
    let broken = |source: CodecError| ProtocolError::Message { peer, place: "the handshake".into(), source };
    let fields = |bytes| -> Result<_, CodecError> {
        let mut reader = Reader::new(bytes);
        let version = reader.u16("version")?;
        reader.raw("nonce", NONCE_BYTES)?;
        let key = reader.array::<KEY_ID_BYTES>("key id")?;
        let config = reader.array::<32>("configuration")?;
        reader.end()?;
        Ok((version, key, config))
    };
    let (own, other) = (fields(own).map_err(broken)?, fields(other).map_err(broken)?);
    let differs = |what| Err(ProtocolError::Disagreement { peer, what }.into());
    if own.0 != other.0 {
        return differs("the version of the protocol");
    }
    if own.1 != other.1 {
        return differs("P2's key");
    }
    if own.2 != other.2 {
        return differs("the job's configuration");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arith::{Engine, EngineOptions};
    use crate::paillier::{KeyForm, SecretKey};
    use crate::protocol::element::test_job;

    fn shake(cloud: JobConfig, key: JobConfig, ids: [u8; 2]) -> [Result<[u8; 32], Error>; 2] {
        let (mut cloud_end, mut key_end) = Channel::local_pair();
        let id = |byte| KeyId::from_bytes([byte; KEY_ID_BYTES]);
        std::thread::scope(|scope| {
            let other = scope.spawn(move || shake_hands_as_key_server(&mut key_end, &key, id(ids[1]), false, None));
            let cloud = shake_hands_as_cloud(&mut cloud_end, &cloud, id(ids[0]), None, None);
            [cloud.map(|session| session.transcript), other.join().unwrap().map(|session| session.transcript)]
        })
    }

    #[test]
    fn the_same_job_gives_both_sides_one_transcript_and_another_each_time() {
        let job = || test_job("2,3,2", 4);
        let [cloud, key] = shake(job(), job(), [1, 1]).map(Result::unwrap);
        assert_eq!(cloud, key);
        assert_ne!(shake(job(), job(), [1, 1])[0].as_ref().unwrap(), &cloud);
    }

    #[test]
    fn another_job_or_key_is_refused_by_both() {
        let job = || test_job("2,3,2", 4);
        let other = JobConfig { sigma: 41, ..job() };
        for (result, what) in shake(job(), other, [1, 1]).into_iter().zip(["configuration"; 2]) {
            let error = result.unwrap_err();
            assert_eq!(error.exit_code(), 4);
            assert!(error.to_string().contains(what), "{error}");
        }
        for result in shake(job(), job(), [1, 2]) {
            assert!(result.unwrap_err().to_string().contains("P2's key"));
        }
    }

    #[test]
    fn the_key_of_p1_arrives_and_a_foreign_length_or_form_is_refused() {
        let engine = Engine::new(&EngineOptions { threads: 1, ..EngineOptions::default() }).unwrap();
        let own = SecretKey::generate(&engine, 1024, &mut SecureRng::from_os()).unwrap();
        let shake = |key_bits: u32, key_form: KeyForm| {
            let (mut cloud_end, mut key_end) = Channel::local_pair();
            let id = KeyId::from_bytes([1; KEY_ID_BYTES]);
            let job = || JobConfig { key_bits, key_form, ..test_job("2,3,2", 4) };
            std::thread::scope(|scope| {
                let other = scope.spawn(move || shake_hands_as_key_server(&mut key_end, &job(), id, true, None));
                let cloud = shake_hands_as_cloud(&mut cloud_end, &job(), id, Some(own.public_key()), None).unwrap();
                other.join().unwrap().map(|key| (cloud.transcript, (key.transcript, key.cloud_key.unwrap())))
            })
        };
        let (cloud, (key, admitted)) = shake(1024, KeyForm::Full).unwrap();
        assert_eq!((cloud, &admitted), (key, own.public_key()));
        for (key_bits, key_form, what) in [(2048, KeyForm::Full, "length"), (1024, KeyForm::Subgroup, "form")] {
            let error = shake(key_bits, key_form).unwrap_err();
            assert!(error.to_string().contains(&format!("the {what} of the keys")), "{error}");
        }
    }

    #[test]
    fn the_key_of_the_comparison_arrives_and_one_for_other_values_is_refused() {
        let engine = Engine::new(&EngineOptions { threads: 1, ..EngineOptions::default() }).unwrap();
        let made_for = |bits| Parameters::new(1024, bits).unwrap();
        let own = dgk::SecretKey::generate(&engine, made_for(17), &mut SecureRng::from_os()).unwrap();
        let shake = |parameters| {
            let (mut cloud_end, mut key_end) = Channel::local_pair();
            let id = KeyId::from_bytes([1; KEY_ID_BYTES]);
            let job = || test_job("2,3,2", 4);
            std::thread::scope(|scope| {
                let public = Some(own.public_key());
                let other = scope.spawn(move || shake_hands_as_key_server(&mut key_end, &job(), id, false, public));
                let cloud = shake_hands_as_cloud(&mut cloud_end, &job(), id, None, Some(parameters));
                assert!(other.join().unwrap().is_ok());
                cloud
            })
        };
        assert_eq!(shake(made_for(17)).unwrap().comparison.as_ref(), Some(own.public_key()));
        let error = shake(made_for(30)).err().unwrap();
        assert!(error.to_string().contains("the key of the comparison"), "{error}");
    }

    #[test]
    fn hostile_bytes_are_refused() {
        for payload in [&b""[..], &[0; HELLO_BYTES - 1], &[7; HELLO_BYTES]] {
            let (mut cloud_end, mut key_end) = Channel::local_pair();
            send_handshake(&mut cloud_end, payload).unwrap();
            let id = KeyId::from_bytes([1; KEY_ID_BYTES]);
            let error = shake_hands_as_key_server(&mut key_end, &test_job("2,3,2", 4), id, false, None).err().unwrap();
            assert_eq!(error.exit_code(), 4, "{error}");
        }
    }
}
