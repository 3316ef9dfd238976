//! The name of a key: what ciphertexts, files and messages carry to say under which key they are.

use std::fmt;

use rug::Integer;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::form::KeyForm;
use crate::codec::Writer;
use crate::container::KEY_ID_BYTES;

/// The first 16 bytes of SHA-256 over a tag, the key's form and length, n and h: two different public keys never share a name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId([u8; KEY_ID_BYTES]);

impl KeyId {
    /// The name of the public key (n, h) of this form.
    pub(super) fn of(n: &Integer, h: &Integer, form: KeyForm) -> Self {
        let width = n.significant_digits::<u8>();
        let mut writer = Writer::new();
        writer.raw(b"smlp paillier public key").u32(form.code()).u32(n.significant_bits());
        writer.integer(n, width).integer(h, 2 * width);
        KeyId::hashed(&writer)
    }

    /// The first bytes of the SHA-256 of `fields`, which begin with a tag that no other kind of key has.
    pub(crate) fn hashed(fields: &Writer) -> Self {
        let digest = Sha256::digest(fields.as_slice());
        let mut id = [0; KEY_ID_BYTES];
        id.copy_from_slice(&digest[..KEY_ID_BYTES]);
        KeyId(id)
    }

    /// The name as it stands in a file or a message.
    pub fn from_bytes(bytes: [u8; KEY_ID_BYTES]) -> Self {
        KeyId(bytes)
    }

    /// The name as it goes into a file or a message.
    pub fn to_bytes(self) -> [u8; KEY_ID_BYTES] {
        self.0
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> String {
        id.to_string()
    }
}

impl TryFrom<String> for KeyId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digits = text.as_bytes();
        let pair = |i: usize| text.get(2 * i..2 * i + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        if digits.len() != 2 * KEY_ID_BYTES || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(format!("{text:?} is no key id: it has {} hexadecimal digits", 2 * KEY_ID_BYTES));
        }
        let mut id = [0; KEY_ID_BYTES];
        for (i, byte) in id.iter_mut().enumerate() {
            *byte = pair(i).ok_or_else(|| format!("{text:?} is no key id"))?;
        }
        Ok(KeyId(id))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n_h_and_the_form_change_the_name() {
        let named = |n: u32, h: u32, form| KeyId::of(&Integer::from(n), &Integer::from(h), form);
        let id = |n: u32, h: u32| named(n, h, KeyForm::Full);
        assert_ne!(id(35, 2), named(35, 2, KeyForm::Subgroup));
        assert_eq!(id(35, 2), id(35, 2));
        assert_ne!(id(35, 2), id(35, 3));
        assert_ne!(id(35, 2), id(33, 2));
        assert_eq!(KeyId::from_bytes(id(35, 2).to_bytes()), id(35, 2));
        assert_eq!(id(35, 2).to_string().len(), 2 * KEY_ID_BYTES);
        let json = serde_json::to_string(&id(35, 2)).unwrap();
        assert_eq!(serde_json::from_str::<KeyId>(&json).unwrap(), id(35, 2));
        for hostile in ["", "\"00\"", "\"+0000000000000000000000000000000\"", "\"zz\""] {
            assert!(serde_json::from_str::<KeyId>(hostile).is_err(), "{hostile}");
        }
    }
}
