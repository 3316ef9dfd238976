//! The operations that are measured.

use std::fmt;
use std::str::FromStr;

use crate::arith::{ConstantTime, TimingClass};
use crate::dgk;
use crate::paillier::KeyForm;

/// Declares the operations with the names that they have in files and flags.
macro_rules! operations {
    ($($(#[$doc:meta])* $variant:ident => $name:literal),+ $(,)?) => {
        /// One operation, as the column of the same name has it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Operation {
            $($(#[$doc])* $variant),+
        }

        impl Operation {
            /// All operations, in the order of the file.
            pub const ALL: &'static [Operation] = &[$(Operation::$variant),+];

            /// The name in files and flags.
            pub fn name(self) -> &'static str {
                match self { $(Operation::$variant => $name),+ }
            }
        }
    };
}

operations! {
    /// A key pair.
    Keygen => "keygen",
    /// Encryption with r^n.
    EncryptRn => "encrypt_rn",
    /// Encryption with h^s from the table of the public key.
    EncryptPublic => "encrypt_public",
    /// Encryption by the owner, with tables modulo p^2 and q^2.
    EncryptOwner => "encrypt_owner",
    /// Encryption with a randomiser that lies ready.
    EncryptPooled => "encrypt_pooled",
    /// A fresh h^s onto the result of a product with a 64-bit number, 40 bits longer than it is (protocol.md, rule 1).
    Rerandomize => "rerandomize",
    /// Decryption with CRT.
    Decrypt => "decrypt",
    /// [`Operation::EncryptPublic`] under a key whose h generates a subgroup.
    EncryptPublicSubgroup => "encrypt_public_subgroup",
    /// [`Operation::EncryptOwner`] under such a key.
    EncryptOwnerSubgroup => "encrypt_owner_subgroup",
    /// [`Operation::Rerandomize`] under such a key.
    RerandomizeSubgroup => "rerandomize_subgroup",
    /// [`Operation::Decrypt`] under such a key.
    DecryptSubgroup => "decrypt_subgroup",
    /// Decryption by a power modulo n^2.
    DecryptNoCrt => "decrypt_no_crt",
    /// Sum of two ciphertexts.
    Add => "add",
    /// A ciphertext times a public 64-bit number.
    MulPlain64 => "mul_plain_64",
    /// One of the terms of 64 dot products of 784 ciphertexts with public 64-bit numbers.
    DotTerm64 => "dot_term_64",
    /// The same with 32-bit numbers.
    DotTerm32 => "dot_term_32",
    /// One plaintext filled with values in slots of 64 bits.
    Pack => "pack",
    /// A power modulo n^2 with a 1024-bit exponent that is used once.
    ModexpN2 => "modexp_n2_1024",
    /// A power modulo p^2 with a 1024-bit exponent that is kept.
    ModexpP2 => "modexp_p2_1024",
    /// A product of two encrypted numbers, by both servers.
    MulEnc => "mul_enc",
    /// A quotient of an encrypted number, by both servers.
    DivEnc => "div_enc",
    /// The sign of an encrypted number, by both servers.
    MaxEnc => "max_enc",
    /// The sign of a shared number by the paper's comparison, many in a ciphertext: the work of both servers.
    CompareBlinded => "compare_blinded",
    /// The same by the comparison that leaks nothing, under a key of its own of the same length.
    CompareDgk => "compare_dgk",
}

impl Operation {
    /// The form of the key, and the operation as it is called whatever the form.
    pub fn under(self) -> (KeyForm, Operation) {
        match self {
            Operation::EncryptPublicSubgroup => (KeyForm::Subgroup, Operation::EncryptPublic),
            Operation::EncryptOwnerSubgroup => (KeyForm::Subgroup, Operation::EncryptOwner),
            Operation::RerandomizeSubgroup => (KeyForm::Subgroup, Operation::Rerandomize),
            Operation::DecryptSubgroup => (KeyForm::Subgroup, Operation::Decrypt),
            operation => (KeyForm::Full, operation),
        }
    }

    /// Whether there are keys of `key_bits` bits for it.
    pub fn has_key_length(self, key_bits: u32) -> bool {
        self != Operation::CompareDgk || dgk::KEY_BITS.contains(&key_bits)
    }

    /// Whether the work depends on the batch; the other operations have a fixed shape.
    pub fn is_batched(self) -> bool {
        !matches!(self, Operation::Keygen | Operation::DotTerm64 | Operation::DotTerm32)
    }

    /// The timing class on an engine that runs with `constant_time`.
    pub fn timing_class(self, constant_time: ConstantTime) -> &'static str {
        let class = match (self.class(), constant_time) {
            (TimingClass::FixedSequence, ConstantTime::Strict) => TimingClass::Constant,
            (class, _) => class,
        };
        match class {
            TimingClass::Vartime => "vartime",
            TimingClass::FixedSequence => "fixed_sequence",
            TimingClass::Constant => "constant",
        }
    }

    fn class(self) -> TimingClass {
        match self.under().1 {
            Operation::Keygen | Operation::Decrypt | Operation::DecryptNoCrt | Operation::ModexpP2 => {
                TimingClass::Constant
            }
            Operation::MulPlain64 | Operation::DotTerm64 | Operation::DotTerm32 => TimingClass::Vartime,
            _ => TimingClass::FixedSequence,
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Operation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Operation::ALL.iter().copied().find(|operation| operation.name() == text).ok_or_else(|| {
            let known: Vec<&str> = Operation::ALL.iter().map(|operation| operation.name()).collect();
            format!("{text:?} is no operation; there are {}", known.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        for operation in Operation::ALL {
            assert_eq!(operation.name().parse(), Ok(*operation));
        }
        assert!("encrypt".parse::<Operation>().unwrap_err().contains("encrypt_owner, encrypt_pooled"));
    }

    #[test]
    fn operations_without_keys_of_a_length_are_known() {
        let measured = |bits| Operation::ALL.iter().filter(|operation| operation.has_key_length(bits)).count();
        let all = Operation::ALL.len();
        assert_eq!([1024, 1536, 2048, 3072, 4096].map(measured), [all, all - 1, all, all, all - 1]);
    }

    #[test]
    fn strict_lifts_the_second_class_alone() {
        let classes = |operation: Operation| {
            [ConstantTime::Default, ConstantTime::Strict].map(|constant_time| operation.timing_class(constant_time))
        };
        assert_eq!(classes(Operation::EncryptPublic), ["fixed_sequence", "constant"]);
        assert_eq!(classes(Operation::Decrypt), ["constant", "constant"]);
        assert_eq!(classes(Operation::MulPlain64), ["vartime", "vartime"]);
    }
}
