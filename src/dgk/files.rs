//! Keys as containers (`container.rs` has the frame). Payloads, numbers little-endian, L = key_bits, u_1 the smallest
//! modulus of a slot, which says all others:
//!
//! ```text
//! public key    L u32 | u_1 u32 | t u32 | n, g, h, L / 8 bytes each
//! private key   L u32 | u_1 u32 | t u32 | p, q, L / 16 bytes each | v_p, v_q, t / 8 bytes each | g, h, L / 8 bytes each
//! ```
//!
//! Whatever is read is admitted by the numbered rules before any arithmetic with it.

use std::path::Path;

use rug::Integer;
use zeroize::Zeroizing;

use super::admit::{self, Secrets};
use super::error::DgkError;
use super::keygen::Draft;
use super::parameters::Parameters;
use super::public_key::PublicKey;
use super::secret_key::SecretKey;
use crate::arith::constant;
use crate::codec::{Reader, Writer};
use crate::container::{Container, Kind};
use crate::error::Error;
use crate::paillier::KeyId;
use crate::secret::{SecretInteger, SecretLimbs};

impl PublicKey {
    /// The key as a container, in bytes, as files and messages carry it.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_container().to_bytes().to_vec()
    }

    /// Parses and admits a foreign key (rules D1 to D12).
    ///
    /// # Errors
    /// If the bytes do not parse or the key is refused.
    pub fn from_bytes(bytes: &[u8]) -> Result<PublicKey, DgkError> {
        PublicKey::from_container(&Container::from_bytes(bytes, Kind::DgkPublicKey)?)
    }

    /// Writes the key to a file.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        self.to_container().write(path)
    }

    /// Reads and admits a foreign key (rules D1 to D12).
    ///
    /// # Errors
    /// If the file cannot be read, does not parse, or the key is refused.
    pub fn read(path: &Path) -> Result<PublicKey, Error> {
        in_file(path, PublicKey::from_container(&Container::read(path, Kind::DgkPublicKey)?))
    }

    fn to_container(&self) -> Container {
        let width = self.ciphertext_len_bytes();
        let mut writer = Writer::new();
        write_parameters(&mut writer, self.parameters());
        writer.integer(self.n(), width).integer(self.g(), width).integer(self.h(), width);
        Container::of_key(Kind::DgkPublicKey, self.id().to_bytes(), writer.finish())
    }

    fn from_container(container: &Container) -> Result<PublicKey, DgkError> {
        let mut reader = Reader::new(&container.payload);
        let parameters = read_parameters(&mut reader)?;
        let width = len_bytes(parameters.key_bits);
        let n = reader.integer("n", width)?;
        let (g, h) = (reader.integer("g", width)?, reader.integer("h", width)?);
        reader.end()?;
        admit_public(container, parameters, &n, g, h)
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

    /// Reads a key: the public half must pass rules D1 to D12, the rest rules DS1 to DS3.
    ///
    /// # Errors
    /// If the file cannot be read, does not parse, or the key is refused.
    pub fn read(path: &Path) -> Result<SecretKey, Error> {
        in_file(path, SecretKey::from_container(&Container::read(path, Kind::DgkSecretKey)?))
    }

    pub(super) fn to_container(&self) -> Container {
        let (public, Secrets { p, q, v_p, v_q }) = (self.public_key(), self.secrets());
        let parameters = public.parameters();
        let width = public.ciphertext_len_bytes();
        let mut writer = Writer::with_capacity(16 + 4 * width);
        write_parameters(&mut writer, parameters);
        for (secret, bits) in [
            (p, parameters.prime_bits()),
            (q, parameters.prime_bits()),
            (v_p, parameters.order_bits),
            (v_q, parameters.order_bits),
        ] {
            let bytes: Zeroizing<Vec<u8>> =
                Zeroizing::new(secret.as_slice().iter().flat_map(|limb| limb.to_le_bytes()).collect());
            writer.raw(&bytes[..len_bytes(bits)]);
        }
        writer.integer(public.g(), width).integer(public.h(), width);
        Container::of_key(Kind::DgkSecretKey, public.id().to_bytes(), writer.finish())
    }

    pub(super) fn from_container(container: &Container) -> Result<SecretKey, DgkError> {
        let mut reader = Reader::new(&container.payload);
        let parameters = read_parameters(&mut reader)?;
        let mut secret = |name, bits: u32| -> Result<SecretLimbs, DgkError> {
            let value = SecretInteger::new(reader.integer(name, len_bytes(bits))?);
            Ok(SecretLimbs::from_integer(&value, bits.div_ceil(u64::BITS) as usize))
        };
        let (p, q) = (secret("p", parameters.prime_bits())?, secret("q", parameters.prime_bits())?);
        let (v_p, v_q) = (secret("v_p", parameters.order_bits)?, secret("v_q", parameters.order_bits)?);
        let width = len_bytes(parameters.key_bits);
        let (g, h) = (reader.integer("g", width)?, reader.integer("h", width)?);
        reader.end()?;
        let n = Integer::clone(&constant::mul(&p, &q).to_integer());
        let secrets = Secrets { p: &p, q: &q, v_p: &v_p, v_q: &v_q };
        admit_public(container, parameters, &n, g.clone(), h.clone())?;
        admit::secrets(parameters, &secrets, &n, (&g, &h))?;
        SecretKey::assemble(parameters, Draft { p, q, v_p, v_q, g, h })
    }
}

fn write_parameters(writer: &mut Writer, parameters: Parameters) {
    writer.u32(parameters.key_bits).u32(parameters.slots.least_modulus()).u32(parameters.order_bits);
}

fn read_parameters(reader: &mut Reader<'_>) -> Result<Parameters, DgkError> {
    let (key_bits, least_modulus) = (reader.u32("key bits")?, reader.u32("u_1")?);
    admit::parameters(key_bits, reader.u32("t")?, least_modulus)
}

/// The public half of a file, admitted, under the name that the file says.
fn admit_public(
    container: &Container,
    parameters: Parameters,
    n: &Integer,
    g: Integer,
    h: Integer,
) -> Result<PublicKey, DgkError> {
    admit::public_key(parameters, n, &g, &h)?;
    let key = PublicKey::from_parts(parameters, n, g, h);
    admit::same_key(KeyId::from_bytes(container.key_id), key.id())?;
    Ok(key)
}

fn len_bytes(bits: u32) -> usize {
    bits.div_ceil(8) as usize
}

fn in_file<T>(path: &Path, result: Result<T, DgkError>) -> Result<T, Error> {
    result.map_err(|source| DgkError::InFile { path: path.into(), source: Box::new(source) }.into())
}
