//! The folders that a job leaves behind, one a party:
//!
//! ```text
//! p1/    job.json  P2.pub  model.enc  masks.key (0600)  queries.json
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
use smlp::container::{Kind, SlotField, write_atomic};
use smlp::data::Scaler;
use smlp::error::Error;
use smlp::mask::MaskKey;
use smlp::paillier::{CiphertextFile, PublicKey, SecretKey};
use smlp::protocol::config::JobConfig;
use smlp::protocol::element::EncryptedModel;
use smlp::train::{CloudState, KeyState};

use super::output::make_folder;

const JOB_FILE: &str = "job.json";
const MODEL_FILE: &str = "model.enc";
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
    pub model: &'a EncryptedModel,
    /// P2's pair.
    pub server_key: &'a SecretKey,
    /// The user's pair.
    pub owner_key: &'a SecretKey,
    /// How later rows are scaled; none when the rows came encrypted.
    pub scaler: Option<&'a Scaler>,
    /// Queries that were answered already.
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
        let ciphertexts = trained.model.flatten()?;
        let file = CiphertextFile {
            kind: Kind::Model,
            shape: vec![ciphertexts.len() as u64],
            fraction_bits: trained.config.plan.fixed.fraction_bits(),
            slots: SlotField::default(),
            ciphertexts,
        };
        file.write(engine, &self.cloud.join(MODEL_FILE))
    }

    /// P1's side.
    ///
    /// # Errors
    /// If a file is missing, damaged, or does not belong to the others.
    pub fn cloud_state(&self, engine: &Engine) -> Result<CloudState, Error> {
        let config: JobConfig = read_json(&self.cloud.join(JOB_FILE))?;
        let server_key = PublicKey::read(&self.cloud.join(SERVER_PUBLIC_FILE))?;
        let model_path = self.cloud.join(MODEL_FILE);
        let file = CiphertextFile::read(engine, &server_key, &model_path, Kind::Model)?;
        let (expected, found) = (config.plan.layers.parameters(), file.ciphertexts.len());
        if expected != found {
            let reason = format!("{found} parameters, the job's layers {} have {expected}", config.plan.layers);
            return Err(Error::Container { path: model_path, source: CodecError::invalid("model", reason) });
        }
        let masks = MaskKey::read(&self.cloud.join(MASKS_FILE), server_key.id().to_bytes())?;
        let model = EncryptedModel::from_flat(&config.plan.layers, &file.ciphertexts);
        Ok(CloudState { config, server_key, model, masks })
    }

    /// P2's side.
    ///
    /// # Errors
    /// If a file is missing or damaged.
    pub fn key_state(&self) -> Result<KeyState, Error> {
        let config = read_json(&self.key.join(JOB_FILE))?;
        Ok(KeyState { config, key: SecretKey::read(&self.key.join(SERVER_SECRET_FILE))? })
    }

    /// A query number that neither server has used; both files say so before this returns.
    ///
    /// # Errors
    /// If a count cannot be read or written, or is spent.
    pub fn claim_query(&self) -> Result<u64, Error> {
        let _lock = Lock::take(&self.cloud.join(LOCK_FILE))?;
        let paths = [self.cloud.join(QUERIES_FILE), self.key.join(QUERIES_FILE)];
        let counts = paths.iter().map(|path| read_json::<Queries>(path)).collect::<Result<Vec<_>, _>>()?;
        let query = counts.iter().map(|count| count.next_query).max().unwrap_or(0);
        if query >= MAX_QUERIES {
            return Err(Error::Usage("this job has answered all the queries it can; train it again".into()));
        }
        paths.iter().try_for_each(|path| write_json(path, &Queries { next_query: query + 1 }))?;
        Ok(query)
    }
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
    Error::Container { path: path.into(), source: CodecError::invalid("JSON", error.to_string()) }
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
        assert_eq!([store.claim_query().unwrap(), store.claim_query().unwrap()], [5, 6]);
        for path in [&store.cloud, &store.key] {
            assert_eq!(read_json::<Queries>(&path.join(QUERIES_FILE)).unwrap(), Queries { next_query: 7 });
        }
    }

    #[test]
    fn processes_that_ask_at_once_get_different_numbers() {
        let (_folder, store) = store_with_counts([0, 0]);
        let claim = || (0..10).map(|_| store.claim_query().unwrap()).collect::<Vec<_>>();
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
        assert!(store.claim_query().is_err());
        fs::write(store.key.join(QUERIES_FILE), b"{\"next_query\": -1}").unwrap();
        assert_eq!(store.claim_query().unwrap_err().exit_code(), 3);
    }
}
