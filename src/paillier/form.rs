//! The two forms of a key: which group its randomisers come from.

use serde::{Deserialize, Serialize};

use crate::named::named;

/// Which powers of h there are, and so how long exponents of randomisers must be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyForm {
    /// h = (-x^2)^n mod n^2, of an order as large as it can be (Damgard, Jurik, Nielsen, "A generalization of Paillier's
    /// public-key system with applications to electronic voting", 2010): exponents of half the length of n; the key's
    /// owner decrypts with p - 1 and q - 1.
    #[default]
    Full,
    /// h of order v w for secret primes v | p - 1 and w | q - 1 of [`KeyForm::order_bits`] bits: exponents as long as
    /// that order, and the key's owner decrypts with v and w (Paillier, "Public-key cryptosystems based on composite
    /// degree residuosity classes", 1999, section 6; Ma, Han, Wang, "Optimized Paillier's cryptosystem with fast
    /// encryption and decryption", 2021). It rests on one assumption more: that n-th residues of the subgroup cannot be
    /// told from numbers of the whole one.
    Subgroup,
}

/// Bits of the order that is hidden from somebody who only knows its length: a fresh randomiser under the public key is
/// at most 2^-64 from uniform in the subgroup.
const SLACK_BITS: u32 = 64;

impl KeyForm {
    /// Length of v and w for n of `key_bits` bits: twice the security of n in bits (NIST SP 800-57 part 1, table 2: 80 at
    /// 1024, 112 at 2048, 128 at 3072; 160 granted at 4096), since v is found in the square root of its size by
    /// collisions (Coron, Joux, Mandal, Naccache, Tibouchi, "Cryptanalysis of the RSA subgroup assumption from TCC 2005",
    /// 2011). None where h has its full order.
    pub fn order_bits(self, key_bits: u32) -> Option<u32> {
        let bits = match key_bits {
            ..=1024 => 160,
            1025..=1536 => 192,
            1537..=2048 => 224,
            2049..=3072 => 256,
            3073.. => 320,
        };
        (self == KeyForm::Subgroup).then_some(bits)
    }

    /// E: length of a fresh randomiser's exponent: half of n's length (protocol.md, rule 1); in a subgroup as many bits
    /// as make it uniform there.
    pub fn randomizer_bits(self, key_bits: u32) -> u32 {
        self.order_bits(key_bits).map_or_else(|| key_bits.div_ceil(2), |order_bits| 2 * order_bits + SLACK_BITS)
    }

    /// The form with this code in files.
    pub(super) fn from_code(code: u32) -> Option<KeyForm> {
        KeyForm::ALL.into_iter().find(|form| form.code() == code)
    }

    /// How files and names of keys tell forms apart.
    pub(super) fn code(self) -> u32 {
        match self {
            KeyForm::Full => 0,
            KeyForm::Subgroup => 1,
        }
    }
}

named!(KeyForm { Full => "full", Subgroup => "subgroup" });
