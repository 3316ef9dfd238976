//! Admission: every rule that a foreign key or ciphertext must pass before any arithmetic with it.
//!
//! The rules are structural checks. They catch broken generators, truncated files and the crude attacks of the
//! literature; they prove nothing more: not that n has exactly two prime factors, not that its owner knows them, not
//! that h is an n-th power or of high order.
//!
//! Timing class of the whole file: `_vartime` in values that are public; rules S1 and S2 are `constant` in secrets that
//! they admit.

use std::fmt;

use rug::Integer;
use rug::integer::Order;

use super::error::PaillierError;
use super::key_id::KeyId;
use crate::arith::constant;
use crate::arith::foreign::{ModulusFlaw, UnitFlaw, modulus_flaw};
use crate::arith::prime::is_probably_prime;
use crate::rng::SecureRng;
use crate::secret::SecretLimbs;

/// Shortest key, in bits of n.
pub const MIN_KEY_BITS: u32 = 1024;
/// Longest key, in bits of n.
pub const MAX_KEY_BITS: u32 = 4096;

/// The rules. Their numbers and names are stable: messages, logs and tests refer to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AdmissionRule {
    /// K1: n has between [`MIN_KEY_BITS`] and [`MAX_KEY_BITS`] bits, an even number of them.
    KeyLength,
    /// K2: n is odd.
    ModulusOdd,
    /// K3: n is not a (probable) prime.
    ModulusComposite,
    /// K4: n has no prime factor below 2^16.
    NoSmallFactor,
    /// K5: n is not a perfect square (p = q).
    NotSquare,
    /// K6: 1000 steps of Fermat's method do not factor n.
    PrimesApart,
    /// K7: h lies in (0, n^2), is invertible, and is neither 1 nor -1 modulo n.
    BaseValid,
    /// K8: the Jacobi symbol (h / n) is 1, so that a randomiser's parity cannot be read off its ciphertext.
    BaseJacobi,
    /// S1: p q = n for the p, q of a private key file, of equal length, both primes that are 3 modulo 4.
    PrimesMatch,
    /// S2: for a key whose h generates a subgroup, its orders v and w are primes of their length, v | p - 1, w | q - 1, and
    /// h^v = 1 modulo p^2, h^w = 1 modulo q^2, h being 1 modulo neither p nor q.
    OrdersMatch,
    /// C1: c is not 0.
    CiphertextNonZero,
    /// C2: c < n^2.
    CiphertextReduced,
    /// C3: gcd(c, n) = 1.
    CiphertextInvertible,
    /// C4: the ciphertext is under the key at hand.
    SameKey,
}

impl AdmissionRule {
    /// Every rule, in the order in which they are checked.
    pub const ALL: [AdmissionRule; 14] = [
        AdmissionRule::KeyLength,
        AdmissionRule::ModulusOdd,
        AdmissionRule::ModulusComposite,
        AdmissionRule::NoSmallFactor,
        AdmissionRule::NotSquare,
        AdmissionRule::PrimesApart,
        AdmissionRule::BaseValid,
        AdmissionRule::BaseJacobi,
        AdmissionRule::PrimesMatch,
        AdmissionRule::OrdersMatch,
        AdmissionRule::CiphertextNonZero,
        AdmissionRule::CiphertextReduced,
        AdmissionRule::CiphertextInvertible,
        AdmissionRule::SameKey,
    ];

    /// The stable number: K for keys, S for private keys, C for ciphertexts.
    pub fn number(self) -> &'static str {
        match self {
            AdmissionRule::KeyLength => "K1",
            AdmissionRule::ModulusOdd => "K2",
            AdmissionRule::ModulusComposite => "K3",
            AdmissionRule::NoSmallFactor => "K4",
            AdmissionRule::NotSquare => "K5",
            AdmissionRule::PrimesApart => "K6",
            AdmissionRule::BaseValid => "K7",
            AdmissionRule::BaseJacobi => "K8",
            AdmissionRule::PrimesMatch => "S1",
            AdmissionRule::OrdersMatch => "S2",
            AdmissionRule::CiphertextNonZero => "C1",
            AdmissionRule::CiphertextReduced => "C2",
            AdmissionRule::CiphertextInvertible => "C3",
            AdmissionRule::SameKey => "C4",
        }
    }

    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            AdmissionRule::KeyLength => "key-length",
            AdmissionRule::ModulusOdd => "modulus-odd",
            AdmissionRule::ModulusComposite => "modulus-composite",
            AdmissionRule::NoSmallFactor => "no-small-factor",
            AdmissionRule::NotSquare => "not-a-square",
            AdmissionRule::PrimesApart => "primes-apart",
            AdmissionRule::BaseValid => "base-valid",
            AdmissionRule::BaseJacobi => "base-jacobi",
            AdmissionRule::PrimesMatch => "primes-match",
            AdmissionRule::OrdersMatch => "orders-match",
            AdmissionRule::CiphertextNonZero => "ciphertext-nonzero",
            AdmissionRule::CiphertextReduced => "ciphertext-reduced",
            AdmissionRule::CiphertextInvertible => "ciphertext-invertible",
            AdmissionRule::SameKey => "same-key",
        }
    }

    /// Refuses by this rule unless `holds`.
    fn require(self, holds: bool, detail: impl FnOnce() -> String) -> Result<(), PaillierError> {
        if holds { Ok(()) } else { Err(PaillierError::Refused { rule: self, detail: detail() }) }
    }
}

impl fmt::Display for AdmissionRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.number(), self.name())
    }
}

/// Rule K1 alone, for a length that is read before the numbers are.
pub(super) fn key_length(key_bits: u32) -> Result<(), PaillierError> {
    let offered = (MIN_KEY_BITS..=MAX_KEY_BITS).contains(&key_bits) && key_bits.is_multiple_of(2);
    AdmissionRule::KeyLength.require(offered, || {
        format!("n has {key_bits} bits, an even number from {MIN_KEY_BITS} to {MAX_KEY_BITS} is needed")
    })
}

/// Rules K1 to K8 for a public key (n, h).
pub(super) fn public_key(n: &Integer, h: &Integer) -> Result<(), PaillierError> {
    key_length(if n.is_negative() { 0 } else { n.significant_bits() })?;
    if let Some(flaw) = modulus_flaw(n) {
        let rule = match flaw {
            ModulusFlaw::Even => AdmissionRule::ModulusOdd,
            ModulusFlaw::Prime => AdmissionRule::ModulusComposite,
            ModulusFlaw::SmallFactor(_) => AdmissionRule::NoSmallFactor,
            ModulusFlaw::Square => AdmissionRule::NotSquare,
            ModulusFlaw::ClosePrimes => AdmissionRule::PrimesApart,
        };
        return Err(PaillierError::Refused { rule, detail: flaw.to_string() });
    }
    base(n, h)
}

fn base(n: &Integer, h: &Integer) -> Result<(), PaillierError> {
    let n_squared = Integer::from(n.square_ref());
    AdmissionRule::BaseValid.require(*h > 0 && *h < n_squared, || "h is not in (0, n^2)".into())?;
    let reduced = Integer::from(h % n);
    let trivial = reduced == 1 || Integer::from(&reduced + 1u32) == *n;
    AdmissionRule::BaseValid.require(!trivial, || "h is 1 or -1 modulo n, so it hides nothing".into())?;
    AdmissionRule::BaseValid
        .require(Integer::from(reduced.gcd_ref(n)) == 1, || "h and n have a factor in common".into())?;
    let symbol = reduced.jacobi(n);
    AdmissionRule::BaseJacobi.require(symbol == 1, || format!("the Jacobi symbol (h / n) is {symbol}, 1 is needed"))
}

/// Rule S1 for the primes of a private key.
pub(super) fn primes(n: &Integer, p: &Integer, q: &Integer) -> Result<(), PaillierError> {
    let equal_lengths =
        p.significant_bits() == q.significant_bits() && p.significant_bits() * 2 == n.significant_bits();
    AdmissionRule::PrimesMatch.require(equal_lengths, || "p and q differ in length".into())?;
    AdmissionRule::PrimesMatch.require(Integer::from(p * q) == *n, || "p q is not the n of this key".into())?;
    let mut rng = SecureRng::from_os();
    let mut is_blum_prime = |number: &Integer| {
        let limbs = SecretLimbs::new(number.to_digits(Order::Lsf));
        number.get_bit(0) && number.get_bit(1) && is_probably_prime(&limbs, number.significant_bits(), &mut rng)
    };
    AdmissionRule::PrimesMatch
        .require(is_blum_prime(p) && is_blum_prime(q), || "p and q are not both primes that are 3 modulo 4".into())
}

/// Rule S2 for one prime of a private key and the order of h modulo it.
pub(super) fn order(
    h: &Integer,
    prime: &SecretLimbs,
    order: &SecretLimbs,
    order_bits: u32,
) -> Result<(), PaillierError> {
    let rule = AdmissionRule::OrdersMatch;
    let length = order.to_integer().significant_bits();
    rule.require(length == order_bits, || format!("an order of h has {length} bits instead of {order_bits}"))?;
    let is_prime = order.to_integer().mod_u(4) == 3 && is_probably_prime(order, order_bits, &mut SecureRng::from_os());
    rule.require(is_prime, || "an order of h is no prime that is 3 modulo 4".into())?;
    let (_, rest) = constant::div_rem(&constant::sub_small(prime, 1), order);
    rule.require(constant::is_zero(&rest).into(), || "an order of h does not divide p - 1 or q - 1".into())?;
    let square = SecretLimbs::new(constant::mul(prime, prime).to_integer().to_digits(Order::Lsf));
    let h = SecretLimbs::new(h.to_digits(Order::Lsf));
    let trivial = constant::is_one(&constant::rem(&h, prime));
    rule.require((!trivial).into(), || "h is 1 modulo p or q".into())?;
    let power = constant::pow_mod(&h, order, order_bits, &square);
    rule.require(constant::is_one(&power).into(), || "h does not have the order that the key says".into())
}

/// Rules C1 to C3: what a flaw of a ciphertext means.
pub(super) fn ciphertext(flaw: UnitFlaw) -> PaillierError {
    let detail = flaw.to_string();
    let rule = match flaw {
        UnitFlaw::Zero(_) => AdmissionRule::CiphertextNonZero,
        UnitFlaw::NotReduced(_) => AdmissionRule::CiphertextReduced,
        UnitFlaw::NotInvertible(_) => AdmissionRule::CiphertextInvertible,
    };
    PaillierError::Refused { rule, detail }
}

/// Rule C4.
pub(super) fn same_key(expected: KeyId, found: KeyId) -> Result<(), PaillierError> {
    if expected == found { Ok(()) } else { Err(PaillierError::WrongKey { expected, found }) }
}
