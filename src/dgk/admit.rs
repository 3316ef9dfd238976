//! Admission: every rule that a foreign key or ciphertext must pass before any arithmetic with it.
//!
//! As in [`paillier`](crate::paillier), the rules are structural: they catch broken generators, truncated files and crude
//! attacks, and prove nothing more; not that g and h have the orders that they should have, nor that a ciphertext lies in
//! the group that they generate.
//!
//! Timing class of the whole file: `_vartime` in values that are public; rules DS1 to DS3 are `constant` in secrets that
//! they admit.

use std::fmt;

use rug::Integer;
use rug::integer::Order;

use super::error::DgkError;
use super::keygen::{is_of_order_u_v, plaintext_modulus, shares_only};
use super::parameters::{self, KEY_BITS, Parameters};
use super::slots::{MAX_SLOT_BOUND, Slots};
use crate::arith::constant;
use crate::arith::foreign::{ModulusFlaw, UnitFlaw, modulus_flaw};
use crate::arith::prime::is_probably_prime;
use crate::paillier::KeyId;
use crate::rng::SecureRng;
use crate::secret::SecretLimbs;

/// Rule D10 finds every order that divides the least common multiple of the numbers up to this one.
const SMALL_ORDER_BOUND: u32 = 256;

/// The rules. Their numbers and names are stable: messages, logs and tests refer to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AdmissionRule {
    /// D1: n has one of the lengths of [`KEY_BITS`].
    KeyLength,
    /// D2: u_1, the smallest modulus of a slot, is an odd prime, not above that for slots up to [`MAX_SLOT_BOUND`].
    SlotModulus,
    /// D3: t is that of the key's length.
    OrderLength,
    /// D4: n is odd.
    ModulusOdd,
    /// D5: n is not a (probable) prime.
    ModulusComposite,
    /// D6: n has no prime factor below 2^16.
    NoSmallFactor,
    /// D7: n is not a perfect square (p = q).
    NotSquare,
    /// D8: 1000 steps of Fermat's method do not factor n.
    PrimesApart,
    /// D9: g and h lie in (1, n) and are invertible.
    BasesValid,
    /// D10: neither g nor h has a small order modulo p or q: their powers by the least common multiple of 1 to 256, which u
    /// divides, are 1 modulo neither.
    BasesOrder,
    /// D11: the Jacobi symbols (g / n) and (h / n) are 1, as those of squares are.
    BasesJacobi,
    /// D12: n is 1 modulo 2 u, as p and q are.
    ModulusResidue,
    /// DS1: p q = n for the p, q of a private key file, of equal length, both primes that are 3 modulo 4.
    PrimesMatch,
    /// DS2: v_p and v_q are two primes of t bits, 2 u v_p | p - 1, 2 u v_q | q - 1 and gcd(p - 1, q - 1) = 2 u.
    OrdersMatch,
    /// DS3: g has the orders u v_p modulo p and u v_q modulo q, h the orders v_p and v_q.
    BasesMatch,
    /// DC1: c is not 0.
    CiphertextNonZero,
    /// DC2: c < n.
    CiphertextReduced,
    /// DC3: gcd(c, n) = 1.
    CiphertextInvertible,
    /// DC4: the ciphertext is under the key at hand.
    SameKey,
}

impl AdmissionRule {
    /// Every rule, in the order in which they are checked.
    pub const ALL: [AdmissionRule; 19] = [
        AdmissionRule::KeyLength,
        AdmissionRule::SlotModulus,
        AdmissionRule::OrderLength,
        AdmissionRule::ModulusOdd,
        AdmissionRule::ModulusComposite,
        AdmissionRule::NoSmallFactor,
        AdmissionRule::NotSquare,
        AdmissionRule::PrimesApart,
        AdmissionRule::BasesValid,
        AdmissionRule::BasesOrder,
        AdmissionRule::BasesJacobi,
        AdmissionRule::ModulusResidue,
        AdmissionRule::PrimesMatch,
        AdmissionRule::OrdersMatch,
        AdmissionRule::BasesMatch,
        AdmissionRule::CiphertextNonZero,
        AdmissionRule::CiphertextReduced,
        AdmissionRule::CiphertextInvertible,
        AdmissionRule::SameKey,
    ];

    /// The stable number: D for keys, DS for private keys, DC for ciphertexts.
    pub fn number(self) -> &'static str {
        self.number_and_name().0
    }

    /// The stable name.
    pub fn name(self) -> &'static str {
        self.number_and_name().1
    }

    fn number_and_name(self) -> (&'static str, &'static str) {
        match self {
            AdmissionRule::KeyLength => ("D1", "key-length"),
            AdmissionRule::SlotModulus => ("D2", "slot-modulus"),
            AdmissionRule::OrderLength => ("D3", "order-length"),
            AdmissionRule::ModulusOdd => ("D4", "modulus-odd"),
            AdmissionRule::ModulusComposite => ("D5", "modulus-composite"),
            AdmissionRule::NoSmallFactor => ("D6", "no-small-factor"),
            AdmissionRule::NotSquare => ("D7", "not-a-square"),
            AdmissionRule::PrimesApart => ("D8", "primes-apart"),
            AdmissionRule::BasesValid => ("D9", "bases-valid"),
            AdmissionRule::BasesOrder => ("D10", "bases-order"),
            AdmissionRule::BasesJacobi => ("D11", "bases-jacobi"),
            AdmissionRule::ModulusResidue => ("D12", "modulus-residue"),
            AdmissionRule::PrimesMatch => ("DS1", "primes-match"),
            AdmissionRule::OrdersMatch => ("DS2", "orders-match"),
            AdmissionRule::BasesMatch => ("DS3", "bases-match"),
            AdmissionRule::CiphertextNonZero => ("DC1", "ciphertext-nonzero"),
            AdmissionRule::CiphertextReduced => ("DC2", "ciphertext-reduced"),
            AdmissionRule::CiphertextInvertible => ("DC3", "ciphertext-invertible"),
            AdmissionRule::SameKey => ("DC4", "same-key"),
        }
    }

    /// Refuses by this rule unless `holds`.
    fn require(self, holds: bool, detail: impl FnOnce() -> String) -> Result<(), DgkError> {
        if holds { Ok(()) } else { Err(DgkError::Refused { rule: self, detail: detail() }) }
    }
}

impl fmt::Display for AdmissionRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.number(), self.name())
    }
}

/// Rules D1 to D3, for lengths that are read before the numbers are.
pub(super) fn parameters(key_bits: u32, order_bits: u32, least_modulus: u32) -> Result<Parameters, DgkError> {
    let due = parameters::order_bits(key_bits);
    AdmissionRule::KeyLength
        .require(due.is_some(), || format!("n has {key_bits} bits, one of {KEY_BITS:?} is needed"))?;
    let slots = Slots::of_least_modulus(least_modulus).ok_or_else(|| DgkError::Refused {
        rule: AdmissionRule::SlotModulus,
        detail: format!(
            "the smallest modulus of a slot is {least_modulus}, an odd prime for numbers up to {MAX_SLOT_BOUND} is needed"
        ),
    })?;
    AdmissionRule::OrderLength
        .require(due == Some(order_bits), || format!("t is {order_bits}, which is not that of {key_bits} bits"))?;
    Ok(Parameters { key_bits, order_bits, slots })
}

/// Rules D1 and D4 to D12 for a public key (n, g, h) of admitted parameters.
pub(super) fn public_key(parameters: Parameters, n: &Integer, g: &Integer, h: &Integer) -> Result<(), DgkError> {
    let bits = if n.is_negative() { 0 } else { n.significant_bits() };
    AdmissionRule::KeyLength
        .require(bits == parameters.key_bits, || format!("n has {bits} bits, the key says {}", parameters.key_bits))?;
    if let Some(flaw) = modulus_flaw(n) {
        let rule = match flaw {
            ModulusFlaw::Even => AdmissionRule::ModulusOdd,
            ModulusFlaw::Prime => AdmissionRule::ModulusComposite,
            ModulusFlaw::SmallFactor(_) => AdmissionRule::NoSmallFactor,
            ModulusFlaw::Square => AdmissionRule::NotSquare,
            ModulusFlaw::ClosePrimes => AdmissionRule::PrimesApart,
        };
        return Err(DgkError::Refused { rule, detail: flaw.to_string() });
    }
    [("g", g), ("h", h)].into_iter().try_for_each(|(name, base)| public_base(n, name, base))?;
    let rest = Integer::from(n % (2 * parameters.plaintext_modulus()));
    AdmissionRule::ModulusResidue.require(rest == 1, || "n is not 1 modulo 2 u: u belongs to another key".into())
}

fn public_base(n: &Integer, name: &str, base: &Integer) -> Result<(), DgkError> {
    AdmissionRule::BasesValid.require(*base > 1 && base < n, || format!("{name} is not in (1, n)"))?;
    let divisor = Integer::from(base.gcd_ref(n));
    AdmissionRule::BasesValid.require(divisor == 1, || format!("{name} and n have a factor in common"))?;
    let multiple = (1..=SMALL_ORDER_BOUND).fold(Integer::from(1), |multiple, number| multiple.lcm_u(number));
    let power = Integer::from(base.pow_mod_ref(&multiple, n).expect("a power by a positive exponent exists"));
    AdmissionRule::BasesOrder
        .require((power - 1u32).gcd(n) == 1, || format!("{name} has a small order modulo a factor of n"))?;
    let symbol = base.jacobi(n);
    AdmissionRule::BasesJacobi
        .require(symbol == 1, || format!("the Jacobi symbol ({name} / n) is {symbol}, 1 is needed"))
}

/// What a private key file says besides the public half.
pub(super) struct Secrets<'a> {
    pub(super) p: &'a SecretLimbs,
    pub(super) q: &'a SecretLimbs,
    pub(super) v_p: &'a SecretLimbs,
    pub(super) v_q: &'a SecretLimbs,
}

/// Rules DS1 to DS3 for secrets that are as wide as their lengths ask for.
pub(super) fn secrets(
    parameters: Parameters,
    secrets: &Secrets<'_>,
    n: &Integer,
    (g, h): (&Integer, &Integer),
) -> Result<(), DgkError> {
    let Secrets { p, q, v_p, v_q } = secrets;
    let mut rng = SecureRng::from_os();
    let mut is_blum_prime = |number: &SecretLimbs, bits: u32| {
        let value = number.to_integer();
        value.significant_bits() == bits
            && value.get_bit(0)
            && value.get_bit(1)
            && is_probably_prime(number, bits, &mut rng)
    };
    let primes = is_blum_prime(p, parameters.prime_bits()) && is_blum_prime(q, parameters.prime_bits());
    AdmissionRule::PrimesMatch
        .require(primes, || "p and q are not both primes of half the length, 3 modulo 4".into())?;
    let product = constant::mul(p, q).to_integer();
    AdmissionRule::PrimesMatch.require(*product == *n, || "p q is not the n of this key".into())?;

    let orders = is_blum_prime(v_p, parameters.order_bits) && is_blum_prime(v_q, parameters.order_bits);
    let differ = !bool::from(constant::eq(v_p, v_q));
    AdmissionRule::OrdersMatch.require(orders && differ, || "v_p and v_q are not two primes of t bits".into())?;
    let divides = |prime: &SecretLimbs, order: &SecretLimbs| {
        constant::is_zero(&constant::rem(&constant::sub_small(prime, 1), order))
    };
    let shape = divides(p, v_p) & divides(q, v_q) & shares_only(p, q, parameters.plaintext_modulus());
    AdmissionRule::OrdersMatch
        .require(shape.into(), || "p - 1 and q - 1 do not have the factors they should".into())?;

    let u = plaintext_modulus(parameters);
    for (prime, order) in [(p, v_p), (q, v_q)] {
        let residue = |base: &Integer| constant::rem(&SecretLimbs::new(base.to_digits(Order::Lsf)), prime);
        let (g, h) = (residue(g), residue(h));
        let power = |base: &SecretLimbs| constant::pow_mod(base, order, parameters.order_bits, prime);
        let whole = constant::pow_mod(&power(&g), &u, parameters.plaintext_bits(), prime);
        let fits = constant::is_one(&whole)
            & is_of_order_u_v(&g, prime, order, parameters)
            & constant::is_one(&power(&h))
            & !constant::is_one(&h);
        AdmissionRule::BasesMatch.require(fits.into(), || "g or h does not have the order it should".into())?;
    }
    Ok(())
}

/// Rules DC1 to DC3: what a flaw of a ciphertext means.
pub(super) fn ciphertext(flaw: UnitFlaw) -> DgkError {
    let detail = flaw.to_string();
    let rule = match flaw {
        UnitFlaw::Zero(_) => AdmissionRule::CiphertextNonZero,
        UnitFlaw::NotReduced(_) => AdmissionRule::CiphertextReduced,
        UnitFlaw::NotInvertible(_) => AdmissionRule::CiphertextInvertible,
    };
    DgkError::Refused { rule, detail }
}

/// Rule DC4.
pub(super) fn same_key(expected: KeyId, found: KeyId) -> Result<(), DgkError> {
    if expected == found { Ok(()) } else { Err(DgkError::WrongKey { expected, found }) }
}
