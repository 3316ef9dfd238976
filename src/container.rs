//! The one container format: keys, ciphertexts, models and answers on disk.
//!
//! ```text
//! magic "smlp" | version u16 | kind u16 | key id 16 bytes | rank u8 | rank x u64 shape | fraction_bits u32
//! | slot_bits u32 | slots u32 | payload length u64 | payload | SHA-256 of everything before it
//! ```
//!
//! Files are written beside their place and renamed into it, so that a crash leaves the old file or the new one, never
//! half of either. A file of a secret kind is readable by its owner only (mode 0600).

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::codec::{CodecError, Reader, Writer};
use crate::error::Error;

const MAGIC: [u8; 4] = *b"smlp";
const VERSION: u16 = 1;
const DIGEST_BYTES: usize = Container::DIGEST_BYTES;
/// A model's shape are the widths of its layers.
const MAX_RANK: u8 = 65;

/// Length of a key's name in files and messages.
pub const KEY_ID_BYTES: usize = 16;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum Kind {
    /// A Paillier public key.
    PublicKey = 1,
    /// A Paillier private key.
    SecretKey = 2,
    /// Encrypted rows, with labels or without.
    Data = 3,
    /// Encrypted answers, labels or scores, for a user's key.
    Answers = 4,
    /// An encrypted model at rest at P1, or exported to its owner.
    Model = 5,
    /// An encrypted loss curve.
    Curve = 6,
    /// The key of a server's masks.
    MaskKey = 7,
    /// A batch's ciphertexts that a server uses in every epoch.
    StaticBatch = 8,
    /// A public key of the comparison's cryptosystem.
    DgkPublicKey = 9,
    /// A private key of the comparison's cryptosystem.
    DgkSecretKey = 10,
}

impl Kind {
    const ALL: [Kind; 10] = [
        Kind::PublicKey,
        Kind::SecretKey,
        Kind::Data,
        Kind::Answers,
        Kind::Model,
        Kind::Curve,
        Kind::MaskKey,
        Kind::StaticBatch,
        Kind::DgkPublicKey,
        Kind::DgkSecretKey,
    ];

    /// What the file at `path` says it holds; none for a file that smlp did not write. Nothing else of it is checked.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn of_file(path: &Path) -> Result<Option<Kind>, Error> {
        const HEAD_BYTES: u64 = MAGIC.len() as u64 + 4;
        let mut head = Vec::new();
        let read = |file: File| file.take(HEAD_BYTES).read_to_end(&mut head);
        File::open(path).and_then(read).map_err(|source| Error::file(path, source))?;
        Ok(Kind::of_head(&head))
    }

    fn of_head(head: &[u8]) -> Option<Kind> {
        let mut reader = Reader::new(head);
        let is_ours = reader.array::<4>("magic").ok()? == MAGIC && reader.u16("version").ok()? == VERSION;
        let code = reader.u16("kind").ok()?;
        is_ours.then_some(code).and_then(Kind::from_code)
    }

    fn from_code(code: u16) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| *kind as u16 == code)
    }

    /// What a user calls such a file.
    pub fn name(self) -> &'static str {
        match self {
            Kind::PublicKey => "public key",
            Kind::SecretKey => "private key",
            Kind::Data => "encrypted data",
            Kind::Answers => "encrypted answers",
            Kind::Model => "encrypted model",
            Kind::Curve => "encrypted loss curve",
            Kind::MaskKey => "mask key",
            Kind::StaticBatch => "static ciphertexts of a batch",
            Kind::DgkPublicKey => "comparison public key",
            Kind::DgkSecretKey => "comparison private key",
        }
    }

    fn is_secret(self) -> bool {
        matches!(self, Kind::SecretKey | Kind::MaskKey | Kind::DgkSecretKey)
    }
}

/// How values lie in a plaintext; both 0 when a plaintext holds one value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SlotField {
    /// Width of a slot in bits.
    pub slot_bits: u32,
    /// Slots in a plaintext.
    pub slots: u32,
}

/// A file's content: header fields and payload.
#[derive(Clone, PartialEq, Eq)]
pub struct Container {
    /// What it holds.
    pub kind: Kind,
    /// The key it was encrypted under, or the key it holds.
    pub key_id: [u8; KEY_ID_BYTES],
    /// Dimensions of the tensor inside; empty for keys.
    pub shape: Vec<u64>,
    /// Fractional bits of the values.
    pub fraction_bits: u32,
    /// Slot layout.
    pub slots: SlotField,
    /// The rest; what it means follows from the kind. Wiped on drop, since it may be a private key.
    pub payload: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Container {
    /// Without the payload, which may be a private key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Container({}, {:?}, {} bytes)", self.kind.name(), self.shape, self.payload.len())
    }
}

impl Container {
    /// Length of the digest that ends a file.
    pub const DIGEST_BYTES: usize = 32;

    /// A file that holds a key and no tensor.
    pub fn of_key(kind: Kind, key_id: [u8; KEY_ID_BYTES], payload: Vec<u8>) -> Container {
        let payload = Zeroizing::new(payload);
        Container { kind, key_id, shape: vec![], fraction_bits: 0, slots: SlotField::default(), payload }
    }

    /// The whole file as bytes.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut writer = Writer::with_capacity(96 + 8 * self.shape.len() + self.payload.len() + DIGEST_BYTES);
        writer.raw(&MAGIC).u16(VERSION).u16(self.kind as u16).raw(&self.key_id).u8(self.shape.len() as u8);
        for dimension in &self.shape {
            writer.u64(*dimension);
        }
        writer.u32(self.fraction_bits).u32(self.slots.slot_bits).u32(self.slots.slots).bytes(&self.payload);
        let digest = Sha256::digest(writer.as_slice());
        writer.raw(&digest);
        Zeroizing::new(writer.finish())
    }

    /// Parses a file of the given kind.
    ///
    /// # Errors
    /// If the magic, version, kind, a length or the digest is wrong.
    pub fn from_bytes(bytes: &[u8], expected: Kind) -> Result<Container, CodecError> {
        let mut reader = Reader::new(bytes);
        if reader.array::<4>("magic")? != MAGIC {
            return Err(CodecError::invalid("magic", "this is not a file written by smlp"));
        }
        let version = reader.u16("version")?;
        if version != VERSION {
            return Err(CodecError::invalid("version", format!("{version}; this program reads version {VERSION}")));
        }
        let code = reader.u16("kind")?;
        let kind = Kind::from_code(code).ok_or_else(|| CodecError::invalid("kind", format!("unknown code {code}")))?;
        let key_id = reader.array("key id")?;
        let rank = reader.u8("rank")?;
        if rank > MAX_RANK {
            return Err(CodecError::invalid("rank", format!("{rank} dimensions; at most {MAX_RANK} are known")));
        }
        let shape = (0..rank).map(|_| reader.u64("shape")).collect::<Result<_, _>>()?;
        let fraction_bits = reader.u32("fraction bits")?;
        let slots = SlotField { slot_bits: reader.u32("slot bits")?, slots: reader.u32("slots")? };
        let payload = Zeroizing::new(reader.bytes("payload")?.to_vec());
        let covered = reader.offset();
        if reader.array::<DIGEST_BYTES>("digest")? != Sha256::digest(&bytes[..covered]).as_slice() {
            return Err(CodecError::invalid("digest", "the file was damaged or cut; fetch or make it again"));
        }
        reader.end()?;
        if kind != expected {
            let reason = format!("this file holds {}, {} was expected", kind.name(), expected.name());
            return Err(CodecError::invalid("kind", reason));
        }
        Ok(Container { kind, key_id, shape, fraction_bits, slots, payload })
    }

    /// Writes the file atomically; a secret kind gets mode 0600.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        write_atomic(path, &self.to_bytes(), self.kind.is_secret())
    }

    /// Reads a file of the given kind.
    pub fn read(path: &Path, expected: Kind) -> Result<Container, Error> {
        let bytes = Zeroizing::new(fs::read(path).map_err(|source| Error::file(path, source))?);
        Container::from_bytes(&bytes, expected).map_err(|source| Error::Container { path: path.into(), source })
    }
}

/// Writes `bytes` beside `path`, flushes them to the disk and renames them into place; `secret` files are readable by
/// their owner only from the first byte on.
pub fn write_atomic(path: &Path, bytes: &[u8], secret: bool) -> Result<(), Error> {
    let temporary = temporary_beside(path);
    let result = write_and_sync(&temporary, bytes, secret).and_then(|()| fs::rename(&temporary, path));
    if result.is_err() {
        // The half-written file is of no use to anybody; the error that counts is the first one.
        let _ = fs::remove_file(&temporary);
    }
    result.map_err(|source| Error::file(path, source))
}

fn temporary_beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.tmp", std::process::id()));
    path.with_file_name(name)
}

fn write_and_sync(path: &Path, bytes: &[u8], secret: bool) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if secret {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    #[cfg(not(unix))]
    let _ = secret;
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample(kind: Kind) -> Container {
        Container {
            kind,
            key_id: [7; KEY_ID_BYTES],
            shape: vec![3, 4],
            fraction_bits: 13,
            slots: SlotField { slot_bits: 60, slots: 34 },
            payload: Zeroizing::new(vec![1, 2, 3]),
        }
    }

    #[test]
    fn a_container_comes_back() {
        let container = sample(Kind::Data);
        assert_eq!(Container::from_bytes(&container.to_bytes(), Kind::Data).unwrap(), container);
    }

    #[test]
    fn debug_prints_no_payload() {
        let key = Container { payload: Zeroizing::new(vec![211; 5]), ..sample(Kind::SecretKey) };
        assert_eq!(format!("{key:?}"), "Container(private key, [3, 4], 5 bytes)");
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let bytes = sample(Kind::Data).to_bytes();
        for position in 0..bytes.len() {
            let mut damaged = bytes.to_vec();
            damaged[position] ^= 1;
            assert!(Container::from_bytes(&damaged, Kind::Data).is_err(), "flip at {position}");
            assert!(Container::from_bytes(&bytes[..position], Kind::Data).is_err(), "cut at {position}");
        }
    }

    #[test]
    fn a_file_tells_its_kind_and_a_foreign_one_tells_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for kind in Kind::ALL {
            sample(kind).write(&path).unwrap();
            assert_eq!(Kind::of_file(&path).unwrap(), Some(kind));
        }
        for foreign in [&b""[..], b"smlp", b"a,b,label\n1,2,3\n", b"smlp\x01\x00\xff\xff"] {
            fs::write(&path, foreign).unwrap();
            assert_eq!(Kind::of_file(&path).unwrap(), None);
        }
        assert!(Kind::of_file(&folder.path().join("none")).is_err());
    }

    #[test]
    fn another_kind_is_refused_by_name() {
        let error = Container::from_bytes(&sample(Kind::Answers).to_bytes(), Kind::Data).unwrap_err();
        assert!(error.to_string().contains("encrypted answers"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_private_key_is_for_its_owner_only_and_nothing_is_left_beside_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p2.key");
        sample(Kind::SecretKey).write(&path).unwrap();
        sample(Kind::SecretKey).write(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(Container::read(&path, Kind::SecretKey).unwrap(), sample(Kind::SecretKey));
    }

    proptest! {
        #[test]
        fn any_bytes_end_in_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Container::from_bytes(&bytes, Kind::Data);
        }
    }
}
