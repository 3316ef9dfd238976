use proptest::prelude::*;

use super::*;
use crate::mask::MaskKey;
use crate::net::Channel;
use crate::paillier::SlotLayout;
use crate::protocol::config::{JobConfig, Protocol};
use crate::protocol::element::{TestRun, engine, server_key};
use crate::protocol::mask_source::MaskSource;
use crate::protocol::packed::factor::Lifetime;
use crate::protocol::packed::test_run::{cloud_key, encrypted_rows};
use crate::protocol::packed::{CloudServer, KeyServer, StaticSize};
use crate::protocol::schedule::Activity;
use crate::rng::{SecureRng, SeededRng};

/// Shares every batch of a run; both servers are handed to `check`, with their folders if they have any.
fn with_shared_batches(run: &TestRun, folders: Option<&Path>, check: impl FnOnce(CloudServer, KeyServer)) {
    let (cloud_end, key_end) = Channel::local_pair();
    let masks = || MaskSource::Private(MaskKey::from_os());
    let batches = run.config.batches().unwrap().members().len();
    std::thread::scope(|scope| {
        let key = scope.spawn(|| {
            let mut key = KeyServer::connect(engine(2), key_end, &run.config, server_key().clone(), masks()).unwrap();
            if let Some(root) = folders {
                key.keep_static_in(&root.join("p2")).unwrap();
            }
            let share = |batch| key.run(Activity::RefreshBatch { batch }, server_key().public_key()).unwrap();
            (0..batches).for_each(share);
            key
        });
        let (public, own) = (server_key().public_key(), cloud_key().clone());
        let mut cloud = CloudServer::connect(engine(2), cloud_end, &run.config, public, own, masks()).unwrap();
        if let Some(root) = folders {
            cloud.keep_static_in(&root.join("p1")).unwrap();
        }
        let (features, targets) = encrypted_rows(run).unwrap();
        cloud.submit(features, targets);
        (0..batches).for_each(|batch| cloud.refresh_batch(batch).unwrap());
        check(cloud, key.join().unwrap());
    });
}

/// 10 rows in batches of 4, so that the last is incomplete.
fn run() -> TestRun {
    let run = TestRun::on("parity:4", "4,3,2", 4, 10, 6);
    let config = JobConfig { protocol: Protocol::Packed, ..run.config.clone() };
    TestRun { config, ..run }
}

#[test]
fn the_announced_size_is_what_is_stored_in_memory_and_on_disk() {
    let run = run();
    let size = StaticSize::of_training(&run.config).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for folders in [None, Some(folder.path())] {
        with_shared_batches(&run, folders, |cloud, key| {
            assert_eq!(size.batches, cloud.fresh.batches.len());
            assert_eq!(size.bytes, cloud.fresh.ciphertext_bytes() + key.fresh.ciphertext_bytes());
        });
    }
}

#[test]
fn only_batches_that_are_used_count() {
    let run = run();
    let size = |max_steps, epochs| {
        let config = JobConfig { max_steps, epochs, ..run.config.clone() };
        StaticSize::of_training(&config).unwrap()
    };
    assert_eq!(size(Some(100), u64::MAX), size(None, 34));
    assert_eq!((size(None, 1).batches, size(Some(1), 3).batches, size(None, 0)), (3, 1, StaticSize::default()));
    let element = JobConfig { protocol: Protocol::Element, ..run.config };
    assert_eq!(StaticSize::of_training(&element).unwrap(), StaticSize::default());
}

fn sample(values: [i64; 2]) -> StaticBatch {
    let share = |values: &[u64], columns| {
        Share::new(values.len() / columns, columns, values.iter().map(|value| Integer::from(*value)).collect())
    };
    let packed = |value: i64, count: usize| {
        let values = vec![Integer::from(value); count];
        let ciphertexts = server_key().encrypt_many(engine(2), &values, &mut SecureRng::from_os()).unwrap();
        let slots = SlotLayout::for_key(1024, 60).unwrap();
        EncryptedFactor::new(ProductLayout::new(slots, 3, (1, count), Lifetime::Products(10)), ciphertexts)
    };
    StaticBatch {
        features: share(&[0, 1, (1 << 59) - 1, 77, 5, 6], 3),
        targets: share(&[1, 0], 1),
        along_rows: packed(values[0], 2),
        along_features: packed(values[1], 3),
    }
}

fn store_with(folder: Option<&Path>, batches: &[StaticBatch]) -> StaticStore {
    let mut store = StaticStore::default();
    if let Some(folder) = folder {
        store.move_to(folder).unwrap();
    }
    for (number, batch) in batches.iter().enumerate() {
        store.insert(engine(2), number, batch.clone(), (59, 1)).unwrap();
    }
    store
}

fn bytes(rows: &EncryptedFactor) -> Vec<u8> {
    rows.ciphertexts().to_bytes(engine(2))
}

#[test]
fn batches_come_back_from_memory_and_from_disk() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("new").join("p1");
    let batches = [sample([1, 2]), sample([3, 4])];
    for place in [None, Some(&folder)] {
        let store = store_with(place.map(PathBuf::as_path), &batches);
        for (number, batch) in batches.iter().enumerate() {
            let back = store.load(engine(2), number).unwrap();
            assert_eq!(back.features.values(), batch.features.values());
            assert_eq!((back.features.rows(), back.targets.rows()), (2, 2));
            assert_eq!(back.targets.values(), batch.targets.values());
            assert_eq!(bytes(&back.along_rows), bytes(&batch.along_rows));
            assert_eq!(bytes(&back.along_features), bytes(&batch.along_features));
            assert_eq!(back.along_features.layout, batch.along_features.layout);
        }
        assert!(store.load(engine(2), 2).is_err());
        assert_eq!(folder.exists(), place.is_some());
    }
    assert!(!folder.exists(), "the folder goes away with the store");
}

#[test]
fn files_that_were_changed_are_refused_by_name() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("p2");
    let store = store_with(Some(&folder), &[sample([1, 2]), sample([3, 4])]);
    let (first, second) = (folder.join("batch-0.enc"), folder.join("batch-1.enc"));
    let whole = fs::read(&first).unwrap();
    let refused = |expected: &str| {
        let error = store.load(engine(2), 0).map(|_| ()).unwrap_err();
        assert_eq!(error.exit_code(), 3, "{error}");
        let message = error.to_string();
        assert!(message.contains("batch-0.enc") && message.contains(expected), "{expected:?}: {message}");
    };
    for position in [0, 40, whole.len() / 2, whole.len() - 1] {
        let mut damaged = whole.clone();
        damaged[position] ^= 1;
        fs::write(&first, damaged).unwrap();
        refused(if position == 0 { "not a file written by smlp" } else { "" });
    }
    fs::write(&first, &whole[..whole.len() - 5]).unwrap();
    refused("truncated");
    fs::copy(&second, &first).unwrap();
    refused("not the file that this job wrote");
    fs::remove_file(&first).unwrap();
    refused("");
    fs::write(&first, whole).unwrap();
    assert!(store.load(engine(2), 0).is_ok());
}

#[cfg(unix)]
#[test]
fn files_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("p1");
    let _store = store_with(Some(&folder), &[sample([1, 2])]);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&folder.join("batch-0.enc"))), (0o700, 0o600));
}

#[test]
fn a_folder_that_is_in_use_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let error = StaticStore::default().move_to(root.path()).unwrap_err();
    assert!(error.exit_code() == 2 && error.to_string().contains("remove it"), "{error}");
    assert!(root.path().exists());
}

proptest! {
    #[test]
    fn packed_shares_come_back(bits in 1u32..130, rows in 1usize..4, columns in 1usize..5, seed in any::<u64>()) {
        let mut rng = SeededRng::new(seed, "share");
        let largest: Integer = (Integer::from(1) << bits) - 1;
        let values = (0..rows * columns).map(|i| if i == 0 { largest.clone() } else { rng.integer(bits) });
        let share = Share::new(rows, columns, values.collect());
        let back = PackedShare::new(&share, bits).unpacked();
        prop_assert_eq!(back.values(), share.values());
        prop_assert_eq!((back.rows(), back.columns()), (rows, columns));
    }
}
