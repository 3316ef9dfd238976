//! What a server keeps of each batch from the first epoch to the last: its share of the rows, and the other server's
//! ciphertexts of the features, which never change (protocol 4.1).
//!
//! The ciphertexts lie in memory, or in a folder of which one batch at a time is read. Shares always stay in memory,
//! packed and wiped at the end: on a disk, the shares of both servers would be the data in clear. When the job ends the
//! folder goes away, as the protocol asks of P2, which holds ciphertexts under P1's key beside masked values.

use std::collections::HashMap;
use std::fs::{self, DirBuilder};
use std::path::{Path, PathBuf};

use rug::Integer;
use rug::integer::Order;
use zeroize::Zeroizing;

use crate::arith::Engine;
use crate::codec::CodecError;
use crate::container::{Container, Kind, SlotField, write_atomic};
use crate::error::Error;
use crate::paillier::{Ciphertexts, PaillierError, PublicKey};

use super::factor::{EncryptedFactor, ProductLayout};
use super::share::Share;
use super::state::{StaticBatch, missing};

/// All batches of one server.
#[derive(Default)]
pub(super) struct StaticStore {
    folder: Option<Folder>,
    batches: HashMap<usize, Kept>,
}

/// One batch.
struct Kept {
    features: PackedShare,
    targets: PackedShare,
    along_rows: ProductLayout,
    along_features: ProductLayout,
    ciphertexts: Location,
}

enum Location {
    /// Along the rows, along the features.
    Memory(Ciphertexts, Ciphertexts),
    /// Both in one file, of which this is the whole content's digest.
    File { path: PathBuf, digest: Vec<u8>, along_rows: usize, key: PublicKey },
}

impl StaticStore {
    /// From now on ciphertexts lie in `folder`, which is made for it and removed with the store.
    ///
    /// # Errors
    /// If there is such a folder already, or it cannot be made.
    pub fn move_to(&mut self, folder: &Path) -> Result<(), Error> {
        self.folder = Some(Folder::make(folder)?);
        Ok(())
    }

    /// Keeps a batch. `feature_bits` and `target_bits` are the lengths of its shares, none of which is negative.
    ///
    /// # Errors
    /// If its file cannot be written.
    pub fn insert(
        &mut self,
        engine: &Engine,
        batch: usize,
        kept: StaticBatch,
        (feature_bits, target_bits): (u32, u32),
    ) -> Result<(), Error> {
        let StaticBatch { features, targets, along_rows, along_features } = kept;
        let ciphertexts = match &self.folder {
            None => Location::Memory(along_rows.ciphertexts().clone(), along_features.ciphertexts().clone()),
            Some(folder) => folder.write(engine, batch, along_rows.ciphertexts(), along_features.ciphertexts())?,
        };
        let kept = Kept {
            features: PackedShare::new(&features, feature_bits),
            targets: PackedShare::new(&targets, target_bits),
            along_rows: along_rows.layout,
            along_features: along_features.layout,
            ciphertexts,
        };
        self.batches.insert(batch, kept);
        Ok(())
    }

    /// A batch for one step.
    ///
    /// # Errors
    /// If there is no such batch, or its file is not what was written.
    pub fn load(&self, engine: &Engine, batch: usize) -> Result<StaticBatch, Error> {
        let kept = self.batches.get(&batch).ok_or_else(|| missing("shared batch"))?;
        let (along_rows, along_features) = match &kept.ciphertexts {
            Location::Memory(along_rows, along_features) => (along_rows.clone(), along_features.clone()),
            Location::File { path, digest, along_rows, key } => {
                let both = read(engine, path, digest, key)?;
                (both.slice(0..*along_rows), both.slice(*along_rows..both.len()))
            }
        };
        Ok(StaticBatch {
            features: kept.features.unpacked(),
            targets: kept.targets.unpacked(),
            along_rows: EncryptedFactor::new(kept.along_rows, along_rows),
            along_features: EncryptedFactor::new(kept.along_features, along_features),
        })
    }

    /// Bytes of all ciphertexts that are kept.
    #[cfg(test)]
    pub fn ciphertext_bytes(&self) -> u64 {
        let bytes = |kept: &Kept| match &kept.ciphertexts {
            Location::Memory(along_rows, along_features) => {
                ((along_rows.len() + along_features.len()) * along_rows.key().ciphertext_len_bytes()) as u64
            }
            Location::File { path, .. } => Container::read(path, Kind::StaticBatch).unwrap().payload.len() as u64,
        };
        self.batches.values().map(bytes).sum()
    }
}

fn read(engine: &Engine, path: &Path, digest: &[u8], key: &PublicKey) -> Result<Ciphertexts, Error> {
    let refuse = |source| Error::Container { path: path.into(), source };
    let bytes = fs::read(path).map_err(|source| Error::file(path, source))?;
    let container = Container::from_bytes(&bytes, Kind::StaticBatch).map_err(refuse)?;
    if !bytes.ends_with(digest) {
        let reason = "not the file that this job wrote; leave the folder alone while it trains, and train again";
        return Err(refuse(CodecError::invalid("digest", reason)));
    }
    let admitted = Ciphertexts::from_bytes(engine, key, &container.payload);
    admitted.map_err(|source| PaillierError::InFile { path: path.into(), source: Box::new(source) }.into())
}

/// A folder of files that go away with it.
struct Folder(PathBuf);

impl Folder {
    fn make(path: &Path) -> Result<Self, Error> {
        if path.exists() {
            return Err(Error::Usage(format!(
                "{} exists: another training uses it, or one was stopped and left it; remove it or take another folder",
                path.display()
            )));
        }
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path).map_err(|source| Error::file(path, source))?;
        Ok(Folder(path.to_owned()))
    }

    fn write(
        &self,
        engine: &Engine,
        batch: usize,
        along_rows: &Ciphertexts,
        along_features: &Ciphertexts,
    ) -> Result<Location, Error> {
        let key = along_rows.key().clone();
        let payload = [along_rows.to_bytes(engine), along_features.to_bytes(engine)].concat();
        let container = Container {
            kind: Kind::StaticBatch,
            key_id: key.id().to_bytes(),
            shape: vec![batch as u64, along_rows.len() as u64, along_features.len() as u64],
            fraction_bits: 0,
            slots: SlotField::default(),
            payload: Zeroizing::new(payload),
        };
        let bytes = container.to_bytes();
        let path = self.0.join(format!("batch-{batch}.enc"));
        write_atomic(&path, &bytes, true)?;
        let digest = bytes[bytes.len() - Container::DIGEST_BYTES..].to_vec();
        Ok(Location::File { path, digest, along_rows: along_rows.len(), key })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nothing can be done about a file that cannot be removed, and the training itself is over.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A share of masked values in as many bytes each as their length needs: a fraction of what integers of any size take.
/// Wiped on drop.
struct PackedShare {
    rows: usize,
    columns: usize,
    width_bytes: usize,
    bytes: Zeroizing<Vec<u8>>,
}

impl PackedShare {
    /// # Panics
    /// If a value is negative or has more than `bits` bits, which the check of masked values excludes.
    fn new(share: &Share, bits: u32) -> Self {
        let width_bytes = bits.div_ceil(u8::BITS) as usize;
        let mut bytes = Zeroizing::new(vec![0; share.values().len() * width_bytes]);
        for (value, place) in share.values().iter().zip(bytes.chunks_exact_mut(width_bytes)) {
            assert!(!value.is_negative() && value.significant_bits() <= bits, "a masked value of {bits} bits");
            value.write_digits(place, Order::Lsf);
        }
        PackedShare { rows: share.rows(), columns: share.columns(), width_bytes, bytes }
    }

    fn unpacked(&self) -> Share {
        let values = self.bytes.chunks_exact(self.width_bytes).map(|place| Integer::from_digits(place, Order::Lsf));
        Share::new(self.rows, self.columns, values.collect())
    }
}

#[cfg(test)]
mod tests;
