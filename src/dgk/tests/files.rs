//! Files and messages: round trips, wrong keys, hostile bytes.

use proptest::prelude::*;

use super::super::test_support::{decrypt, encrypt, engine, key, other_key};
use super::super::*;
use crate::container::{Container, Kind};

#[test]
fn keys_come_back_from_their_files() {
    let folder = tempfile::tempdir().unwrap();
    let (public_path, secret_path) = (folder.path().join("dgk.pub"), folder.path().join("dgk.key"));
    for key in [key(), other_key()] {
        key.public_key().write(&public_path).unwrap();
        key.write(&secret_path).unwrap();
        let public = PublicKey::read(&public_path).unwrap();
        assert_eq!((public.parameters(), public.id()), (key.public_key().parameters(), key.public_key().id()));
        let read = SecretKey::read(&secret_path).unwrap();
        assert_eq!(read.public_key(), key.public_key());
        let sealed = key.encrypt_many(engine(), &[5, 0], &mut crate::rng::SecureRng::from_os()).unwrap();
        assert_eq!(*read.decrypt_many(engine(), &sealed).unwrap(), [5, 0]);
    }
    let message = PublicKey::read(&secret_path).unwrap_err().to_string();
    assert!(message.contains("dgk.key") && message.contains("comparison private key"), "{message}");
}

#[cfg(unix)]
#[test]
fn a_private_key_file_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dgk.key");
    key().write(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

fn public_container() -> Container {
    Container::from_bytes(&key().public_key().to_bytes(), Kind::DgkPublicKey).unwrap()
}

#[test]
fn a_key_whose_name_is_not_its_own_is_refused() {
    let container = Container { key_id: [1; 16], ..public_container() };
    assert!(matches!(PublicKey::from_bytes(&container.to_bytes()), Err(DgkError::WrongKey { .. })));
    let container = Container { key_id: [1; 16], ..key().to_container() };
    assert!(matches!(SecretKey::from_container(&container), Err(DgkError::WrongKey { .. })));
}

#[test]
fn names_tell_every_part_of_a_key() {
    let public = key().public_key();
    let admit = |g: &rug::Integer, h: &rug::Integer, u| {
        PublicKey::admit(public.n().clone(), g.clone(), h.clone(), u, 160).unwrap().id()
    };
    let own = admit(public.g(), public.h(), 11);
    assert_eq!(own, public.id());
    let others = [admit(public.h(), public.h(), 11), admit(public.g(), public.g(), 11)];
    assert!(others.iter().all(|other| *other != own));
}

#[test]
fn a_private_key_with_parts_of_another_is_refused() {
    let (ours, theirs) = (key().to_container(), other_key().to_container());
    SecretKey::from_container(&ours).unwrap();
    // p, v_p, g.
    for range in [12..76, 140..160, 180..308] {
        let mut mixed = ours.clone();
        mixed.payload[range.clone()].copy_from_slice(&theirs.payload[range.clone()]);
        assert!(SecretKey::from_container(&mixed).is_err(), "{range:?}");
    }
    let mut truncated = ours.clone();
    truncated.payload.pop();
    assert!(matches!(SecretKey::from_container(&truncated), Err(DgkError::Codec(_))));
    let mut longer = ours;
    longer.payload.push(0);
    assert!(matches!(SecretKey::from_container(&longer), Err(DgkError::Codec(_))));
}

#[test]
fn ciphertext_bytes_come_back() {
    let ciphertexts = encrypt(engine(), &[7, 0, 58]);
    let bytes = ciphertexts.to_bytes(engine());
    assert_eq!(bytes.len(), 3 * key().public_key().ciphertext_len_bytes());
    let read = Ciphertexts::from_bytes(engine(), key().public_key(), &bytes).unwrap();
    assert_eq!(decrypt(engine(), &read), [7, 0, 58]);
    assert!(Ciphertexts::from_bytes(engine(), key().public_key(), &bytes[1..]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn hostile_key_payloads_end_in_an_answer(
        position in 0usize..450,
        noise in proptest::collection::vec(any::<u8>(), 0..40),
        cut in 0usize..500,
    ) {
        for mut container in [key().to_container(), public_container()] {
            let payload = &mut container.payload;
            let start = position.min(payload.len());
            let end = (start + noise.len()).min(payload.len());
            payload[start..end].copy_from_slice(&noise[..end - start]);
            // Two in three payloads keep their length.
            if cut < 160 {
                payload.truncate(3 * cut);
            }
            let _ = SecretKey::from_container(&container);
            let _ = PublicKey::from_bytes(&Container { kind: Kind::DgkPublicKey, ..container }.to_bytes());
        }
    }

    #[test]
    fn hostile_ciphertext_bytes_end_in_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        if let Ok(admitted) = Ciphertexts::from_bytes(engine(), key().public_key(), &bytes) {
            prop_assert_eq!(admitted.to_bytes(engine()), bytes);
        }
    }
}
