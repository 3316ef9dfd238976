//! The cryptosystem of Damgard, Geisler and Kroigaard: small plaintexts, cheap encryption of bits, and a test for zero
//! that is a short power. Plaintexts are eight small numbers here, each in a slot of its own. The comparison that leaks
//! nothing (protocol.md, section 5) is made of it.
//!
//! "Homomorphic encryption and secure comparison", Int. J. Applied Cryptography 1(1), 2008, with "A correction to
//! 'efficient and secure comparison for on-line auctions'", Int. J. Applied Cryptography 1(4), 2009. n = p q where
//!
//! ```text
//! p - 1 = 2 u v_p p',  q - 1 = 2 u v_q q',  gcd(p - 1, q - 1) = 2 u
//! g of order u v_p modulo p and u v_q modulo q,  h of order v_p modulo p and v_q modulo q
//! E(m; r) = g^m h^r mod n  for m in Z_u
//! m = 0 in Z_u_i  if and only if  c^(v_p u / u_i) = 1 mod p
//! ```
//!
//! u = u_1 u_2 ... u_8 for small distinct primes, where the authors have a single one; products of small primes are the
//! plaintext moduli of Naccache and Stern, "A new public key cryptosystem based on higher residues", CCS 1998. v_p and v_q
//! are primes of t bits. The security rests on n (t is twice its strength in bits, since v_p is found in the square root of
//! its size by collisions: Coron, Joux, Mandal, Naccache, Tibouchi, "Cryptanalysis of the RSA subgroup assumption from TCC
//! 2005", PKC 2011) and on the assumption that random powers of h cannot be told from random powers of g. p and q are 1
//! modulo u, which everybody knows, and which is far too small to help to factor n (SECURITY.md).
//!
//! One server owns a key, encrypts bits ([`SecretKey::encrypt_bits_many`]) and tests for zero
//! ([`SecretKey::is_zero_many`]); the other computes linear combinations of [`Ciphertexts`] under fresh randomisers
//! ([`Ciphertexts::combine`]).

mod admit;
mod ciphertext;
mod error;
mod files;
mod keygen;
mod operations;
mod parameters;
mod public_key;
mod secret_key;
mod slots;
#[cfg(test)]
mod test_support;
#[cfg(test)]
mod tests;

pub use admit::AdmissionRule;
pub use ciphertext::Ciphertexts;
pub use error::DgkError;
pub use parameters::{KEY_BITS, Parameters};
pub use public_key::{PublicKey, Randomizers};
pub use secret_key::SecretKey;
pub use slots::{MAX_SLOT_BOUND, SLOTS, Slots};
