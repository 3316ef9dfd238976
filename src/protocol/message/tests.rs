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
fn integers_of_both_signs_arrive_and_hostile_messages_do_not() {
    let largest: Integer = (Integer::from(1) << 77u32) - 1;
    let values = [largest.clone(), Integer::from(-&largest), Integer::new(), Integer::from(-5)];
    let (mut from, mut to) = Channel::local_pair();
    send_integers(&mut from, PLACE, Operation::Refresh, &values, 77).unwrap();
    assert_eq!(&*recv_integers(&mut to, PLACE, Operation::Refresh, 4, 77).unwrap(), values);
    let error = send_integers(&mut from, PLACE, Operation::Refresh, &values, 76).unwrap_err();
    assert!(error.to_string().contains("76 bits"), "{error}");

    let refused = |payload: &[u8], count: usize| {
        let (mut from, mut to) = Channel::local_pair();
        from.send(PLACE.tag(Operation::Refresh), payload).unwrap();
        let error = recv_integers(&mut to, PLACE, Operation::Refresh, count, 14).unwrap_err();
        assert_eq!(error.exit_code(), 4, "{error}");
        error.to_string()
    };
    let message = |count: u64, bytes: &[u8]| [&count.to_le_bytes(), bytes].concat();
    assert!(refused(&message(1, &[0; 2]), 2).contains("1 integers where 2 are due"));
    assert!(refused(&message(2, &[0; 3]), 2).contains("truncated"));
    assert!(refused(&message(u64::MAX, &[0; 4]), 2).contains("truncated"));
    assert!(refused(&message(1, &[0; 4]), 2).contains("are due"));
    assert!(refused(&message(2, &[0; 5]), 2).contains("bytes"));
    assert!(refused(&message(1, &[255; 2]), 1).contains("14 bits"));
    assert!(refused(b"", 2).contains("truncated"));
}

#[test]
fn bits_arrive_and_hostile_messages_do_not() {
    let bits = [1, 0, 0, 1].map(Choice::from);
    let (mut from, mut to) = Channel::local_pair();
    send_bits(&mut from, PLACE, Operation::Open, &bits).unwrap();
    let received = recv_bits(&mut to, PLACE, Operation::Open, 4).unwrap();
    assert!(received.iter().zip(&bits).all(|(received, sent)| bool::from(!(*received ^ *sent))));

    let refused = |payload: &[u8]| {
        let (mut from, mut to) = Channel::local_pair();
        from.send(PLACE.tag(Operation::Open), payload).unwrap();
        let error = recv_bits(&mut to, PLACE, Operation::Open, 3).unwrap_err();
        assert_eq!(error.exit_code(), 4, "{error}");
        error.to_string()
    };
    let message = |count: u64, bytes: &[u8]| [&count.to_le_bytes(), bytes].concat();
    assert!(refused(&message(3, &[1, 0, 2])).contains("number 2 is 2"));
    assert!(refused(&message(3, &[255, 0, 0])).contains("neither 0 nor 1"));
    assert!(refused(&message(2, &[0; 2])).contains("2 bits where 3 are due"));
    assert!(refused(&message(3, &[0; 2])).contains("truncated"));
    assert!(refused(&message(2, &[0; 3])).contains("2 bits where 3 are due"));
    assert!(refused(&message(u64::MAX, &[0; 3])).contains("truncated"));
    assert!(refused(&message(3, &[0; 4])).contains("bytes"));
    assert!(refused(b"").contains("truncated"));
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
