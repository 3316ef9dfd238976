//! The folders that a job leaves behind, one a party:
//!
//! ```text
//! p1/    job.json  P2.pub  model.enc  curve.enc  masks.key (0600)  queries.json
//! p2/    job.json  P2.key (0600)  queries.json
//! user/  USER.pub  USER.key (0600)  P2.pub  scale.json (0600)
//! ```
//!
//! P1's folder never holds P2's private key.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use smlp::arith::Engine;
use smlp::codec::CodecError;
use smlp::container::{Kind, write_atomic};
use smlp::data::Scaler;
use smlp::error::Error;
use smlp::mask::MaskKey;
use smlp::paillier::{CiphertextFile, PublicKey, SecretKey};
use smlp::protocol::config::JobConfig;
use smlp::protocol::schedule::epoch_rows;
use smlp::train::{CloudState, KeyState, StoredTensor};

use super::output::make_folder;

const JOB_FILE: &str = "job.json";
const MODEL_FILE: &str = "model.enc";
const CURVE_FILE: &str = "curve.enc";
const MASKS_FILE: &str = "masks.key";
const QUERIES_FILE: &str = "queries.json";
const LOCK_FILE: &str = "queries.lock";
const SERVER_PUBLIC_FILE: &str = "P2.pub";
const SERVER_SECRET_FILE: &str = "P2.key";

/// The store of one job.
pub struct Store {
    cloud: PathBuf,
    key: PathBuf,
    user: PathBuf,
}

/// What a server has promised never to use again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Queries {
    next_query: u64,
}

/// What a training leaves behind.
pub struct Trained<'a> {
    /// What was agreed.
    pub config: &'a JobConfig,
    /// The model under P2's key.
    pub model: &'a StoredTensor,
    /// The losses of the epochs under P2's key; none if no epoch was trained.
    pub curve: Option<&'a StoredTensor>,
    /// P2's pair.
    pub server_key: &'a SecretKey,
    /// The user's pair.
    pub owner_key: &'a SecretKey,
    /// How later rows are scaled; none when the rows came encrypted.
    pub scaler: Option<&'a Scaler>,
    /// Query numbers that were used already.
    pub queries: u64,
}

impl Store {
    /// The store in the folder `root`.
    pub fn at(root: &Path) -> Self {
        Store { cloud: root.join("p1"), key: root.join("p2"), user: root.join("user") }
    }

    /// Refuses a folder in which a job lies already, before a training is spent on it.
    ///
    /// # Errors
    /// [`Error::Usage`] naming the file that would be lost.
    pub fn require_free(&self) -> Result<(), Error> {
        let files = [self.cloud.join(MODEL_FILE), self.key.join(SERVER_SECRET_FILE), self.user.join("USER.key")];
        match files.iter().find(|path| path.exists()) {
            None => Ok(()),
            Some(path) => Err(Error::Usage(format!("{} exists; take another --store", path.display()))),
        }
    }

    /// Makes the folders of the parties, before a training is spent on what could not be kept.
    ///
    /// # Errors
    /// If one cannot be made.
    pub fn make_folders(&self) -> Result<(), Error> {
        [&self.cloud, &self.key, &self.user].into_iter().try_for_each(|folder| make_folder(folder))
    }

    /// Writes everything into the folders of the parties. The job's masks for later queries get a key of their own.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn save(&self, engine: &Engine, trained: &Trained<'_>) -> Result<(), Error> {
        let server_public = trained.server_key.public_key();
        let queries = Queries { next_query: trained.queries };

        trained.server_key.write(&self.key.join(SERVER_SECRET_FILE))?;
        write_json(&self.key.join(JOB_FILE), trained.config)?;
        write_json(&self.key.join(QUERIES_FILE), &queries)?;

        trained.owner_key.write(&self.user.join("USER.key"))?;
        trained.owner_key.public_key().write(&self.user.join("USER.pub"))?;
        server_public.write(&self.user.join(SERVER_PUBLIC_FILE))?;
        if let Some(scaler) = trained.scaler {
            scaler.write(&self.user.join("scale.json"))?;
        }

        server_public.write(&self.cloud.join(SERVER_PUBLIC_FILE))?;
        write_json(&self.cloud.join(JOB_FILE), trained.config)?;
        write_json(&self.cloud.join(QUERIES_FILE), &queries)?;
        MaskKey::from_os().write(&self.cloud.join(MASKS_FILE), server_public.id().to_bytes())?;
        let shape = model_shape(trained.config);
        write_tensor(engine, &self.cloud.join(MODEL_FILE), Kind::Model, shape, trained.config, trained.model)?;
        match trained.curve {
            Some(curve) => {
                let shape = curve_shape(trained.config)?;
                write_tensor(engine, &self.cloud.join(CURVE_FILE), Kind::Curve, shape, trained.config, curve)
            }
            None => Ok(()),
        }
    }

    /// P1's side.
    ///
    /// # Errors
    /// If a file is missing, damaged, or does not belong to the others.
    pub fn cloud_state(&self, engine: &Engine) -> Result<CloudState, Error> {
        let config: JobConfig = read_json(&self.cloud.join(JOB_FILE))?;
        let server_key = PublicKey::read(&self.cloud.join(SERVER_PUBLIC_FILE))?;
        let read = |name, kind, shape| read_tensor(engine, &server_key, &self.cloud.join(name), kind, shape);
        let model = read(MODEL_FILE, Kind::Model, model_shape(&config))?;
        let curve = match epoch_rows(&config, &config.batches()?).is_empty() {
            true => None,
            false => Some(read(CURVE_FILE, Kind::Curve, curve_shape(&config)?)?),
        };
        let masks = MaskKey::read(&self.cloud.join(MASKS_FILE), server_key.id().to_bytes())?;
        let state = CloudState { config, server_key, model, curve, masks };
        let refuse = |error: Error| damaged(&self.cloud, "store", error.to_string());
        state.check().map_err(refuse)?;
        Ok(state)
    }

    /// P2's side.
    ///
    /// # Errors
    /// If a file is missing or damaged.
    pub fn key_state(&self) -> Result<KeyState, Error> {
        let config = read_json(&self.key.join(JOB_FILE))?;
        Ok(KeyState { config, key: SecretKey::read(&self.key.join(SERVER_SECRET_FILE))? })
    }

    /// The first of `count` consecutive query numbers that neither server has used; both files say so before this returns.
    ///
    /// # Errors
    /// If a count cannot be read or written, or is spent.
    pub fn claim_queries(&self, count: u64) -> Result<u64, Error> {
        let _lock = Lock::take(&self.cloud.join(LOCK_FILE))?;
        let paths = [self.cloud.join(QUERIES_FILE), self.key.join(QUERIES_FILE)];
        let counts = paths.iter().map(|path| read_json::<Queries>(path)).collect::<Result<Vec<_>, _>>()?;
        let query = counts.iter().map(|count| count.next_query).max().unwrap_or(0);
        let next_query = query.saturating_add(count);
        if next_query > MAX_QUERIES {
            return Err(Error::Usage("this job has answered all the queries it can; train it again".into()));
        }
        paths.iter().try_for_each(|path| write_json(path, &Queries { next_query }))?;
        Ok(query)
    }
}

/// Shape of a model file.
pub fn model_shape(config: &JobConfig) -> Vec<u64> {
    config.plan.layers.widths().iter().map(|width| *width as u64).collect()
}

/// Shape of a curve file: epochs, rows of an epoch, rows of the last one.
///
/// # Errors
/// If the configuration has no batches.
pub fn curve_shape(config: &JobConfig) -> Result<Vec<u64>, Error> {
    let rows = epoch_rows(config, &config.batches()?);
    let ends = [rows.first(), rows.last()].map(|rows| rows.copied().unwrap_or(0) as u64);
    Ok(vec![rows.len() as u64, ends[0], ends[1]])
}

fn write_tensor(
    engine: &Engine,
    path: &Path,
    kind: Kind,
    shape: Vec<u64>,
    config: &JobConfig,
    StoredTensor { slots, ciphertexts }: &StoredTensor,
) -> Result<(), Error> {
    let (slots, ciphertexts, fraction_bits) = (*slots, ciphertexts.clone(), config.plan.fixed.fraction_bits());
    CiphertextFile { kind, shape, fraction_bits, slots, ciphertexts }.write(engine, path)
}

fn read_tensor(
    engine: &Engine,
    key: &PublicKey,
    path: &Path,
    kind: Kind,
    shape: Vec<u64>,
) -> Result<StoredTensor, Error> {
    let file = CiphertextFile::read(engine, key, path, kind)?;
    if file.shape == shape {
        return Ok(StoredTensor { slots: file.slots, ciphertexts: file.ciphertexts });
    }
    Err(damaged(path, "shape", format!("{:?}, where the job has {shape:?}; it belongs to another job", file.shape)))
}

fn damaged(path: &Path, name: &'static str, reason: String) -> Error {
    Error::Container { path: path.into(), source: CodecError::invalid(name, reason) }
}

/// Queries are numbered in the upper half of the steps.
const MAX_QUERIES: u64 = 1 << 63;

/// Held while a count is raised, so that two processes never claim the same number; released when dropped.
struct Lock {
    _file: File,
}

impl Lock {
    fn take(path: &Path) -> Result<Self, Error> {
        let open = OpenOptions::new().create(true).truncate(false).write(true).open(path);
        let locked = open.and_then(|file| file.lock().map(|()| file));
        Ok(Lock { _file: locked.map_err(|source| Error::file(path, source))? })
    }
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|error| not_json(path, &error))?;
    bytes.push(b'\n');
    write_atomic(path, &bytes, false)
}

fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, Error> {
    let bytes = fs::read(path).map_err(|source| Error::file(path, source))?;
    serde_json::from_slice(&bytes).map_err(|error| not_json(path, &error))
}

fn not_json(path: &Path, error: &serde_json::Error) -> Error {
    damaged(path, "JSON", error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store_with_counts(counts: [u64; 2]) -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path());
        for (path, next_query) in [&store.cloud, &store.key].into_iter().zip(counts) {
            make_folder(path).unwrap();
            write_json(&path.join(QUERIES_FILE), &Queries { next_query }).unwrap();
        }
        (folder, store)
    }

    #[test]
    fn a_query_number_is_given_out_once_even_if_the_servers_count_apart() {
        let (_folder, store) = store_with_counts([3, 5]);
        assert_eq!([store.claim_queries(2).unwrap(), store.claim_queries(1).unwrap()], [5, 7]);
        for path in [&store.cloud, &store.key] {
            assert_eq!(read_json::<Queries>(&path.join(QUERIES_FILE)).unwrap(), Queries { next_query: 8 });
        }
    }

    #[test]
    fn processes_that_ask_at_once_get_different_numbers() {
        let (_folder, store) = store_with_counts([0, 0]);
        let claim = || (0..10).map(|_| store.claim_queries(1).unwrap()).collect::<Vec<_>>();
        let mut claimed = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(claim)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        claimed.sort_unstable();
        assert_eq!(claimed, (0..40).collect::<Vec<_>>());
    }

    #[test]
    fn spent_and_damaged_counts_are_refused() {
        let (_folder, store) = store_with_counts([MAX_QUERIES, 0]);
        assert!(store.claim_queries(1).is_err());
        let (_folder, last) = store_with_counts([MAX_QUERIES - 2, 0]);
        assert!(last.claim_queries(3).is_err() && last.claim_queries(u64::MAX).is_err());
        assert_eq!(last.claim_queries(2).unwrap(), MAX_QUERIES - 2);
        fs::write(store.key.join(QUERIES_FILE), b"{\"next_query\": -1}").unwrap();
        assert_eq!(store.claim_queries(1).unwrap_err().exit_code(), 3);
    }
}
