//! Files and messages: round trips, wrong keys, hostile bytes.

use proptest::prelude::*;
use rug::Integer;

use super::super::test_support::{decrypt, encrypt, engine, key, other_key, subgroup_key};
use super::super::*;
use crate::container::{Container, Kind, SlotField};
use crate::error::Error;
use crate::rng::SecureRng;

fn sample_file() -> CiphertextFile {
    CiphertextFile {
        kind: Kind::Data,
        shape: vec![2, 3],
        fraction_bits: 13,
        slots: SlotField::default(),
        ciphertexts: encrypt(&[1, -2, 3, -4, 5, -6].map(Integer::from)),
    }
}

#[test]
fn keys_come_back_from_their_files() {
    let folder = tempfile::tempdir().unwrap();
    let (public_path, secret_path) = (folder.path().join("p2.pub"), folder.path().join("p2.key"));
    for key in [key(), subgroup_key()] {
        key.public_key().write(&public_path).unwrap();
        key.write(&secret_path).unwrap();
        let public = PublicKey::read(&public_path).unwrap();
        assert_eq!((public.h(), public.form()), (key.public_key().h(), key.public_key().form()));
        let read = SecretKey::read(&secret_path).unwrap();
        assert_eq!(read.public_key(), key.public_key());
        let sealed = public.encrypt_many(engine(), &[Integer::from(-42)], &mut SecureRng::from_os()).unwrap();
        assert_eq!(*read.decrypt_many(engine(), &sealed).unwrap()[0], -42);
    }
    let message = PublicKey::read(&secret_path).unwrap_err().to_string();
    assert!(message.contains("p2.key") && message.contains("private key"), "{message}");
}

#[cfg(unix)]
#[test]
fn a_private_key_file_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p2.key");
    key().write(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn ciphertexts_come_back_from_their_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.enc");
    sample_file().write(engine(), &path).unwrap();
    let read = CiphertextFile::read(engine(), key().public_key(), &path, Kind::Data).unwrap();
    assert_eq!((read.shape, read.fraction_bits), (vec![2, 3], 13));
    assert_eq!(decrypt(&read.ciphertexts), [1, -2, 3, -4, 5, -6].map(Integer::from));
    let error = CiphertextFile::read(engine(), other_key().public_key(), &path, Kind::Data).unwrap_err();
    assert_eq!(error.exit_code(), 3);
    assert!(matches!(&error, Error::Paillier(PaillierError::InFile { source, .. })
        if matches!(**source, PaillierError::WrongKey { .. })));
    assert!(error.to_string().contains("data.enc"), "{error}");
}

#[test]
fn a_shape_that_does_not_fit_is_refused() {
    let read = |shape: Vec<u64>, slots| {
        let container = Container { shape, slots, ..sample_file().to_container(engine()) };
        CiphertextFile::from_container(engine(), key().public_key(), container)
    };
    assert!(read(vec![6], SlotField::default()).is_ok());
    assert!(read(vec![7], SlotField::default()).is_err());
    assert!(read(vec![u64::MAX, u64::MAX], SlotField::default()).is_err());
    let packed = read(vec![20, 3], SlotField { slot_bits: 60, slots: 17 }).unwrap_err();
    assert!(packed.to_string().contains("a ciphertext a value"), "{packed}");
    for empty in [vec![0, 1 << 36], vec![1 << 36, 0], vec![1 << 63, 2], vec![0, 1, 1]] {
        let container = Container { shape: empty, payload: Vec::new().into(), ..sample_file().to_container(engine()) };
        assert!(CiphertextFile::from_container(engine(), key().public_key(), container).is_err());
    }
}

fn packed(
    kind: Kind,
    shape: &[u64],
    slots: SlotField,
    plaintexts: &[Integer],
) -> Result<CiphertextFile, PaillierError> {
    let ciphertexts = encrypt(plaintexts);
    let file = CiphertextFile { kind, shape: shape.to_vec(), fraction_bits: 13, slots, ciphertexts };
    CiphertextFile::from_container(engine(), key().public_key(), file.to_container(engine()))
}

#[test]
fn packed_values_of_both_signs_come_back_whatever_they_are() {
    let values = [-7i64, 7, 0, -1, 131_071, -131_071, 3].map(Integer::from);
    let layout = SlotLayout { slot_bits: 20, slots: 3 };
    let plaintexts: Vec<Integer> = values.chunks(3).map(|values| layout.pack(values)).collect();
    let slots = SlotField { slot_bits: 20, slots: 3 };
    for (kind, shape) in [(Kind::Answers, &[7u64][..]), (Kind::Model, &[2, 1, 2]), (Kind::Curve, &[7, 40, 12])] {
        let file = packed(kind, shape, slots, &plaintexts).unwrap();
        assert_eq!(*file.open(engine(), key()).unwrap(), values);
        assert!(packed(kind, shape, slots, &plaintexts[..2]).is_err(), "{kind:?}");
        assert!(packed(kind, shape, SlotField { slots: 2, ..slots }, &plaintexts).is_err(), "{kind:?}");
    }
    assert!(file_with_a_value_too_long(&plaintexts, slots).open(engine(), key()).is_err());
}

fn file_with_a_value_too_long(plaintexts: &[Integer], slots: SlotField) -> CiphertextFile {
    let mut plaintexts = plaintexts.to_vec();
    plaintexts[2] = Integer::from(1 << 19);
    packed(Kind::Answers, &[7], slots, &plaintexts).unwrap()
}

#[test]
fn hostile_shapes_and_slots_are_refused() {
    let one = [Integer::from(5)];
    let key_bits = key().public_key().key_bits();
    for (slot_bits, slots) in [(0, 1), (1, 0), (key_bits - 1, 1), (1, key_bits - 1), (u32::MAX, u32::MAX)] {
        let error = packed(Kind::Answers, &[1], SlotField { slot_bits, slots }, &one).unwrap_err();
        assert!(error.to_string().contains("slots"), "{error}");
    }
    let none = SlotField::default();
    for (kind, shape) in [
        (Kind::Model, &[1u64][..]),
        (Kind::Model, &[u64::MAX, 2]),
        (Kind::Model, &[]),
        (Kind::Curve, &[1]),
        (Kind::Curve, &[1, 2, 3, 4]),
        (Kind::Answers, &[u64::MAX, 2]),
    ] {
        assert!(packed(kind, shape, none, &one).is_err(), "{kind:?} {shape:?}");
    }
    assert!(packed(Kind::Model, &[0, 1], none, &one).is_ok(), "the bias of a neuron without inputs");
}

#[test]
fn a_key_whose_name_is_not_its_own_is_refused() {
    let container = Container {
        key_id: [1; 16],
        ..Container::from_bytes(&key().public_key().to_bytes(), Kind::PublicKey).unwrap()
    };
    assert!(matches!(PublicKey::from_bytes(&container.to_bytes()), Err(PaillierError::WrongKey { .. })));
    let container = Container { key_id: [1; 16], ..key().to_container() };
    assert!(matches!(SecretKey::from_container(&container), Err(PaillierError::WrongKey { .. })));
}

#[test]
fn a_private_key_with_other_primes_is_refused() {
    let ours = key().to_container();
    let theirs = other_key().to_container();
    let mut mixed = ours.clone();
    mixed.payload[8..72].copy_from_slice(&theirs.payload[8..72]);
    assert!(SecretKey::from_container(&mixed).is_err());
    SecretKey::from_container(&ours).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn hostile_key_payloads_end_in_an_answer(
        position in 0usize..400,
        noise in proptest::collection::vec(any::<u8>(), 0..40),
        cut in 0usize..500,
    ) {
        let public = Container::from_bytes(&key().public_key().to_bytes(), Kind::PublicKey).unwrap();
        for mut container in [key().to_container(), subgroup_key().to_container(), public] {
            let payload = &mut container.payload;
            let start = position.min(payload.len());
            let end = (start + noise.len()).min(payload.len());
            payload[start..end].copy_from_slice(&noise[..end - start]);
            payload.truncate(cut);
            let _ = SecretKey::from_container(&container);
            let _ = PublicKey::from_bytes(&Container { kind: Kind::PublicKey, ..container }.to_bytes());
        }
    }

    #[test]
    fn hostile_ciphertext_bytes_end_in_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        if let Ok(admitted) = Ciphertexts::from_bytes(engine(), key().public_key(), &bytes) {
            prop_assert_eq!(admitted.to_bytes(engine()), bytes);
        }
    }
}

#[test]
fn ciphertext_bytes_come_back() {
    let ciphertexts = encrypt(&[7, -7].map(Integer::from));
    let bytes = ciphertexts.to_bytes(engine());
    assert_eq!(bytes.len(), 2 * key().public_key().ciphertext_len_bytes());
    let read = Ciphertexts::from_bytes(engine(), key().public_key(), &bytes).unwrap();
    assert_eq!(decrypt(&read), [7, -7].map(Integer::from));
    assert!(Ciphertexts::from_bytes(engine(), key().public_key(), &bytes[1..]).is_err());
}
