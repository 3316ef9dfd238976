//! Keys and ciphertexts as containers (`container.rs` has the frame). Payloads, numbers little-endian, L = key_bits:
//!
//! ```text
//! public key    L u32 | form u32 | n, ceil(L / 8) bytes | h, ceil(2 L / 8) bytes
//! private key   L u32 | form u32 | p, ceil(L / 16) bytes | q, ceil(L / 16) bytes | v, w | h, ceil(2 L / 8) bytes
//! ciphertexts   one after another, ceil(2 L / 8) bytes each
//! ```
//!
//! The form is 0 where h has its full order; it is 1 where h generates a subgroup of order v w, each of ceil(t / 8) bytes
//! for the t of [`KeyForm::order_bits`]: only then a private key has v and w.
//!
//! Whatever is read is admitted by the numbered rules before any arithmetic with it.

use std::path::Path;

use rug::Integer;
use rug::integer::Order;
use zeroize::Zeroizing;

use super::admit;
use super::ciphertext::Ciphertexts;
use super::error::PaillierError;
use super::form::KeyForm;
use super::key_id::KeyId;
use super::packing::SlotLayout;
use super::public_key::PublicKey;
use super::secret_key::SecretKey;
use crate::arith::Engine;
use crate::codec::{CodecError, Reader, Writer};
use crate::container::{Container, Kind, SlotField};
use crate::error::Error;
use crate::secret::{SecretInteger, SecretIntegers, SecretLimbs};

impl PublicKey {
    /// The key as a container, in bytes, as files and messages carry it.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_container().to_bytes().to_vec()
    }

    /// Parses and admits a foreign key (rules K1 to K8).
    ///
    /// # Errors
    /// If the bytes do not parse or the key is refused.
    pub fn from_bytes(bytes: &[u8]) -> Result<PublicKey, PaillierError> {
        PublicKey::from_container(&Container::from_bytes(bytes, Kind::PublicKey)?)
    }

    /// Writes the key to a file.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        self.to_container().write(path)
    }

    /// Reads and admits a foreign key (rules K1 to K8).
    ///
    /// # Errors
    /// If the file cannot be read, does not parse, or the key is refused.
    pub fn read(path: &Path) -> Result<PublicKey, Error> {
        in_file(path, PublicKey::from_container(&Container::read(path, Kind::PublicKey)?))
    }

    fn to_container(&self) -> Container {
        let key_bits = self.key_bits();
        let mut writer = Writer::new();
        writer.u32(key_bits).u32(self.form().code());
        writer.integer(self.n(), len_bytes(key_bits)).integer(self.h(), self.ciphertext_len_bytes());
        key_container(Kind::PublicKey, self.id(), writer)
    }

    fn from_container(container: &Container) -> Result<PublicKey, PaillierError> {
        let mut reader = Reader::new(&container.payload);
        let (key_bits, form) = read_head(&mut reader)?;
        let n = reader.integer("n", len_bytes(key_bits))?;
        let h = reader.integer("h", len_bytes(2 * key_bits))?;
        reader.end()?;
        require_length(&n, key_bits)?;
        let key = PublicKey::admit(n, h, form)?;
        require_id(container, key.id())?;
        Ok(key)
    }
}

impl SecretKey {
    /// Writes the key to a file that only its owner can read (mode 0600).
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        self.to_container().write(path)
    }

    /// Reads a key: p and q must match n (rule S1), and the public half must pass rules K1 to K8.
    ///
    /// # Errors
    /// If the file cannot be read, does not parse, or the key is refused.
    pub fn read(path: &Path) -> Result<SecretKey, Error> {
        in_file(path, SecretKey::from_container(&Container::read(path, Kind::SecretKey)?))
    }

    pub(super) fn to_container(&self) -> Container {
        let public = self.public_key();
        let key_bits = public.key_bits();
        let (p, q) = self.primes();
        // No more than this, or the writer would leave a copy of secrets where it was before it grew.
        let mut writer = Writer::with_capacity(8 + 5 * len_bytes(key_bits));
        writer.u32(key_bits).u32(public.form().code());
        for prime in [p, q] {
            write_secret(&mut writer, prime, len_bytes(key_bits / 2));
        }
        if let (Some((v, w)), Some(order_bits)) = (self.orders(), public.form().order_bits(key_bits)) {
            for order in [v, w] {
                write_secret(&mut writer, order, len_bytes(order_bits));
            }
        }
        writer.integer(public.h(), public.ciphertext_len_bytes());
        key_container(Kind::SecretKey, public.id(), writer)
    }

    pub(super) fn from_container(container: &Container) -> Result<SecretKey, PaillierError> {
        let mut reader = Reader::new(&container.payload);
        let (key_bits, form) = read_head(&mut reader)?;
        let p = SecretInteger::new(reader.integer("p", len_bytes(key_bits / 2))?);
        let q = SecretInteger::new(reader.integer("q", len_bytes(key_bits / 2))?);
        let orders = match form.order_bits(key_bits) {
            None => None,
            Some(order_bits) => {
                let mut order = |name| reader.integer(name, len_bytes(order_bits)).map(SecretInteger::new);
                Some((order("v")?, order("w")?))
            }
        };
        let h = reader.integer("h", len_bytes(2 * key_bits))?;
        reader.end()?;
        let n = Integer::from(&*p * &*q);
        require_length(&n, key_bits)?;
        let public = PublicKey::admit(n, h, form)?;
        admit::primes(public.n(), &p, &q)?;
        require_id(container, public.id())?;
        let limbs = |number: &SecretInteger| SecretLimbs::new(number.to_digits(Order::Lsf));
        let (p, q) = (limbs(&p), limbs(&q));
        let orders = orders.map(|(v, w)| (limbs(&v), limbs(&w)));
        if let (Some((v, w)), Some(order_bits)) = (&orders, form.order_bits(key_bits)) {
            admit::order(public.h(), &p, v, order_bits)?;
            admit::order(public.h(), &q, w, order_bits)?;
        }
        SecretKey::assemble(public, p, q, orders)
    }
}

/// Ciphertexts with what their file says about them.
#[derive(Debug, Clone)]
pub struct CiphertextFile {
    /// Encrypted data, answers, model or curve.
    pub kind: Kind,
    /// What is inside:
    ///
    /// * data: rows, columns; to train on also classes, the one-hot targets \[rows\]\[classes\] after the features;
    /// * answers: rows for labels, rows and classes for scores;
    /// * model: the widths of its layers; weights \[fan_out\]\[fan_in\] and biases \[fan_out\], layer by layer;
    /// * curve: epochs, rows of an epoch, rows of the last one; sums of squared differences at scale 2^(2 fraction_bits).
    pub shape: Vec<u64>,
    /// Fractional bits of the values.
    pub fraction_bits: u32,
    /// Slot layout; both fields 0 when a plaintext holds one value. Answers, models and curves lie in their slots one value
    /// after another, signed.
    pub slots: SlotField,
    /// The ciphertexts, row-major.
    pub ciphertexts: Ciphertexts,
}

impl CiphertextFile {
    /// Opens answers, a model or a curve with `key`: the values one after another.
    ///
    /// # Errors
    /// If the ciphertexts are under another key, or a value does not lie in its slot.
    pub fn open(&self, engine: &Engine, key: &SecretKey) -> Result<SecretIntegers, PaillierError> {
        let opened: SecretIntegers = key.decrypt_many(engine, &self.ciphertexts)?.into_iter().collect();
        match self.slots {
            SlotField { slots: 0, .. } => Ok(opened),
            SlotField { slot_bits, slots } => {
                let count = elements(self.kind, &self.shape).unwrap_or(0) as usize;
                SlotLayout { slot_bits, slots }.unpack_signed(&opened, count)
            }
        }
    }

    /// Writes the file.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, engine: &Engine, path: &Path) -> Result<(), Error> {
        self.to_container(engine).write(path)
    }

    /// Reads a file of ciphertexts under `key` and admits them: rule C4 by the key's name first, then C1 to C3 for each.
    ///
    /// # Errors
    /// If the file cannot be read, does not parse, is under another key, or a ciphertext is refused.
    pub fn read(engine: &Engine, key: &PublicKey, path: &Path, kind: Kind) -> Result<CiphertextFile, Error> {
        in_file(path, CiphertextFile::from_container(engine, key, Container::read(path, kind)?))
    }

    pub(super) fn to_container(&self, engine: &Engine) -> Container {
        Container {
            kind: self.kind,
            key_id: self.ciphertexts.key().id().to_bytes(),
            shape: self.shape.clone(),
            fraction_bits: self.fraction_bits,
            slots: self.slots,
            payload: Zeroizing::new(self.ciphertexts.to_bytes(engine)),
        }
    }

    pub(super) fn from_container(
        engine: &Engine,
        key: &PublicKey,
        container: Container,
    ) -> Result<CiphertextFile, PaillierError> {
        admit::same_key(key.id(), KeyId::from_bytes(container.key_id))?;
        require_shape(&container, key)?;
        let ciphertexts = Ciphertexts::from_bytes(engine, key, &container.payload)?;
        let Container { kind, shape, fraction_bits, slots, .. } = container;
        Ok(CiphertextFile { kind, shape, fraction_bits, slots, ciphertexts })
    }
}

/// Whether shape and slots describe as many ciphertexts as there are, at least one, and the slots fit the key.
fn require_shape(container: &Container, key: &PublicKey) -> Result<(), PaillierError> {
    let count = (container.payload.len() / key.ciphertext_len_bytes()) as u64;
    let (Container { kind, shape, .. }, SlotField { slot_bits, slots }) = (container, container.slots);
    let is_packed = container.slots != SlotField::default();
    let slot_range = 1..=u64::from(key.key_bits() - 2);
    if is_packed && !slot_range.contains(&(u64::from(slot_bits) * u64::from(slots))) {
        let reason = format!("{slots} of {slot_bits} bits under a key of {} bits", key.key_bits());
        return Err(CodecError::invalid("slots", reason).into());
    }
    if is_packed && *kind == Kind::Data {
        return Err(CodecError::invalid("slots", "rows of data have a ciphertext a value").into());
    }
    let due = elements(*kind, shape)
        .filter(|elements| *elements > 0)
        .map(|elements| elements.div_ceil(u64::from(slots.max(1))));
    if due == Some(count) {
        return Ok(());
    }
    Err(CodecError::invalid("shape", format!("{shape:?} does not describe {count} ciphertexts")).into())
}

/// Values in a tensor file; none for a shape that its kind does not have.
fn elements(kind: Kind, shape: &[u64]) -> Option<u64> {
    match (kind, shape) {
        (Kind::Data, [rows, columns, classes]) => columns.checked_add(*classes)?.checked_mul(*rows),
        (Kind::Model, [_, _, ..]) => {
            shape.windows(2).try_fold(0u64, |sum, pair| sum.checked_add(pair[0].checked_add(1)?.checked_mul(pair[1])?))
        }
        (Kind::Model, _) => None,
        (Kind::Curve, [epochs, _, _]) => Some(*epochs),
        (Kind::Curve, _) => None,
        _ => shape.iter().try_fold(1u64, |product, dimension| product.checked_mul(*dimension)),
    }
}

fn key_container(kind: Kind, id: KeyId, writer: Writer) -> Container {
    Container::of_key(kind, id.to_bytes(), writer.finish())
}

/// The low `len` bytes of a number that has no more.
fn write_secret(writer: &mut Writer, number: &SecretLimbs, len: usize) {
    let bytes: Zeroizing<Vec<u8>> =
        Zeroizing::new(number.as_slice().iter().flat_map(|limb| limb.to_le_bytes()).collect());
    writer.raw(&bytes[..len]);
}

fn read_head(reader: &mut Reader<'_>) -> Result<(u32, KeyForm), PaillierError> {
    let key_bits = reader.u32("key bits")?;
    admit::key_length(key_bits)?;
    let code = reader.u32("form")?;
    let form =
        KeyForm::from_code(code).ok_or_else(|| CodecError::invalid("form", format!("{code} is no form of a key")))?;
    Ok((key_bits, form))
}

fn require_length(n: &Integer, key_bits: u32) -> Result<(), PaillierError> {
    if n.significant_bits() == key_bits {
        return Ok(());
    }
    let reason = format!("n has {} bits, the file says {key_bits}", n.significant_bits());
    Err(CodecError::invalid("n", reason).into())
}

fn require_id(container: &Container, id: KeyId) -> Result<(), PaillierError> {
    admit::same_key(KeyId::from_bytes(container.key_id), id)
}

fn len_bytes(bits: u32) -> usize {
    bits.div_ceil(8) as usize
}

fn in_file<T>(path: &Path, result: Result<T, PaillierError>) -> Result<T, Error> {
    result.map_err(|source| PaillierError::InFile { path: path.into(), source: Box::new(source) }.into())
}
