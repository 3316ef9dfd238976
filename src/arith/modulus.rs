//! The moduli of a batch: one for all residues, or one for each.

use std::fmt;
use std::sync::Arc;

use rug::Integer;
use rug::integer::Order;
use zeroize::Zeroize;

use super::backend::gmp::constant;
#[cfg(target_arch = "x86_64")]
use super::backend::ifma;
use super::batch::Batch;
use crate::secret::{SecretInteger, SecretLimbs};

/// An odd modulus above one, shared cheaply; a square keeps its root, so that engines can work in dual form
/// (x0 + x1 * root).
#[derive(Clone)]
pub struct Modulus(Arc<Inner>);

struct Inner {
    value: SecretInteger,
    /// As many limbs as the value has: the top one is not zero.
    limbs: SecretLimbs,
    /// floor(2^(128 k) / value) for its k limbs, in k + 1 limbs.
    reciprocal: SecretLimbs,
    root: Option<Root>,
    secret: bool,
    #[cfg(target_arch = "x86_64")]
    ifma_cache: ifma::Cache,
}

/// The root m of a modulus that is a square, with what Montgomery's reduction by its k limbs needs, R = 2^(64 k).
pub(crate) struct Root {
    value: SecretInteger,
    limbs: SecretLimbs,
    inverse: u64,
    r_squared: SecretLimbs,
    r_cubed: SecretLimbs,
}

impl Root {
    fn new(value: SecretInteger) -> Root {
        let limbs = exact_limbs(&value);
        let k = limbs.len();
        let odd = limbs.as_slice()[0];
        // Newton's iteration: an odd number is its own inverse modulo 8, and each step doubles the bits that are right.
        let inverse = (0..5).fold(odd, |x, _| x.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(x))));
        let square = constant::mul(&limbs, &limbs);
        let width = square.len() - usize::from(square.as_slice()[square.len() - 1] == 0);
        let square = constant::resize(&square, width);
        let dual_power = |exponent: usize| {
            let mut power = SecretLimbs::zero(exponent * k + 1);
            power.as_mut_slice()[exponent * k] = 1;
            let (high, low) = constant::div_rem(&constant::rem(&power, &square), &limbs);
            let mut halves = constant::resize(&low, 2 * k);
            halves.as_mut_slice()[k..].copy_from_slice(constant::resize(&high, k).as_slice());
            halves
        };
        let (r_squared, r_cubed) = (dual_power(2), dual_power(3));
        Root { value, limbs, inverse: inverse.wrapping_neg(), r_squared, r_cubed }
    }

    /// 64-bit limbs, least significant first, without leading zeros.
    pub fn limbs(&self) -> &[u64] {
        self.limbs.as_slice()
    }

    /// -m^-1 mod 2^64.
    pub fn inverse(&self) -> u64 {
        self.inverse
    }

    /// R^2 mod m^2 as x0 + x1 m: k limbs of x0, then k of x1.
    pub fn r_squared(&self) -> &[u64] {
        self.r_squared.as_slice()
    }

    /// R^3 mod m^2 in the same form.
    pub fn r_cubed(&self) -> &[u64] {
        self.r_cubed.as_slice()
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        self.inverse.zeroize();
    }
}

impl Modulus {
    /// The public modulus `root`^2, such as n^2 of a Paillier key.
    ///
    /// # Panics
    /// If `root` is not odd and above one.
    pub fn square_of(root: &Integer) -> Modulus {
        Self::square(SecretInteger::new(root.clone()), false)
    }

    /// The secret modulus `root`^2, such as p^2: what is computed modulo it is wiped on drop, and operations without a
    /// timing class of their own are `constant`.
    ///
    /// The length of the root in limbs is public.
    ///
    /// # Panics
    /// If `root` is not odd and above one.
    pub fn secret_square_of(root: &SecretLimbs) -> Modulus {
        Self::square(root.to_integer(), true)
    }

    /// A public modulus of no special form.
    ///
    /// # Panics
    /// If `value` is not odd and above one.
    pub fn plain(value: &Integer) -> Modulus {
        Self::new(SecretInteger::new(value.clone()), None, false)
    }

    /// A secret modulus of no special form, such as p, treated as [`Modulus::secret_square_of`] is.
    ///
    /// # Panics
    /// If `value` is not odd and above one.
    pub fn secret_plain(value: &SecretLimbs) -> Modulus {
        Self::new(value.to_integer(), None, true)
    }

    fn square(root: SecretInteger, secret: bool) -> Modulus {
        let value = SecretInteger::new(Integer::from(root.square_ref()));
        Self::new(value, Some(Root::new(root)), secret)
    }

    fn new(value: SecretInteger, root: Option<Root>, secret: bool) -> Modulus {
        assert!(value.is_odd() && *value > 1, "a modulus is odd and above one");
        let limbs = exact_limbs(&value);
        let reciprocal = reciprocal(&limbs);
        Modulus(Arc::new(Inner {
            value,
            limbs,
            reciprocal,
            root,
            secret,
            #[cfg(target_arch = "x86_64")]
            ifma_cache: ifma::Cache::default(),
        }))
    }

    /// The root as a modulus of no special form, as secret as this one.
    pub(crate) fn plain_root(&self) -> Option<Modulus> {
        self.root().map(|root| Self::new(SecretInteger::new(root.clone()), None, self.is_secret()))
    }

    /// The modulus itself.
    pub fn value(&self) -> &Integer {
        &self.0.value
    }

    /// Its square root, for a modulus that was made as a square.
    pub fn root(&self) -> Option<&Integer> {
        self.0.root.as_ref().map(|root| &*root.value)
    }

    /// True if the modulus must not become known.
    pub fn is_secret(&self) -> bool {
        self.0.secret
    }

    /// Length in bits.
    pub fn bits(&self) -> u32 {
        self.0.value.significant_bits()
    }

    /// The modulus in 64-bit limbs, least significant first, without leading zeros.
    pub(crate) fn limbs(&self) -> &[u64] {
        self.0.limbs.as_slice()
    }

    /// floor(2^(128 k) / modulus) for the k limbs of the modulus, in k + 1 limbs.
    pub(crate) fn reciprocal(&self) -> &[u64] {
        self.0.reciprocal.as_slice()
    }

    /// What computing in dual form needs, for a modulus that was made as a square.
    pub(crate) fn dual_root(&self) -> Option<&Root> {
        self.0.root.as_ref()
    }

    /// Whether both are clones of one.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn is_same(&self, other: &Modulus) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    #[cfg(target_arch = "x86_64")]
    pub(crate) fn ifma_cache(&self) -> &ifma::Cache {
        &self.0.ifma_cache
    }

    /// The root in 64-bit limbs, least significant first, without leading zeros.
    pub(crate) fn root_limbs(&self) -> Option<&[u64]> {
        self.0.root.as_ref().map(|root| root.limbs.as_slice())
    }
}

fn exact_limbs(value: &Integer) -> SecretLimbs {
    SecretLimbs::new(value.to_digits(Order::Lsf))
}

/// It fits k + 1 limbs unless the value is a power of 2^64, which no odd one above 1 is.
fn reciprocal(limbs: &SecretLimbs) -> SecretLimbs {
    let mut power = SecretLimbs::zero(2 * limbs.len() + 1);
    power.as_mut_slice()[2 * limbs.len()] = 1;
    constant::resize(&constant::div_rem(&power, limbs).0, limbs.len() + 1)
}

impl PartialEq for Modulus {
    fn eq(&self, other: &Modulus) -> bool {
        // Residues lie in another form where the modulus is known to be a square.
        let same = || self.0.value == other.0.value && self.0.root.is_some() == other.0.root.is_some();
        Arc::ptr_eq(&self.0, &other.0) || same()
    }
}

impl Eq for Modulus {}

impl fmt::Debug for Modulus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Modulus({} bits)", self.bits())
    }
}

/// One modulus for a whole batch, or one for each residue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moduli {
    /// Every residue has this modulus.
    One(Modulus),
    /// The residue at each position has the modulus at that position.
    Each(Arc<[Modulus]>),
}

impl Moduli {
    /// The modulus of the residue at `index`.
    ///
    /// # Panics
    /// If there is a modulus for each residue and none at `index`.
    pub fn of(&self, index: usize) -> &Modulus {
        match self {
            Moduli::One(modulus) => modulus,
            Moduli::Each(moduli) => &moduli[index],
        }
    }

    /// True if any of the moduli is secret.
    pub fn is_secret(&self) -> bool {
        self.all().iter().any(Modulus::is_secret)
    }

    /// The moduli of the residues at `indices`.
    pub(crate) fn gather(&self, indices: impl Iterator<Item = usize>) -> Moduli {
        match self {
            Moduli::One(_) => self.clone(),
            Moduli::Each(moduli) => Moduli::Each(indices.map(|index| moduli[index].clone()).collect()),
        }
    }

    /// The moduli of the residues of all `parts`.
    pub(crate) fn concat(parts: &[Batch]) -> Moduli {
        let first = parts[0].moduli();
        if matches!(first, Moduli::One(_)) && parts.iter().all(|part| part.moduli() == first) {
            return first.clone();
        }
        let moduli = parts.iter().flat_map(|part| (0..part.len()).map(|index| part.moduli().of(index).clone()));
        Moduli::Each(moduli.collect())
    }

    /// True if a batch of `len` residues can have these moduli.
    pub(crate) fn fits(&self, len: usize) -> bool {
        match self {
            Moduli::One(_) => true,
            Moduli::Each(moduli) => moduli.len() == len,
        }
    }

    /// The widest modulus in limbs; zero if there is none.
    pub(crate) fn limb_count(&self) -> usize {
        self.all().iter().map(|modulus| modulus.limbs().len()).max().unwrap_or(0)
    }

    /// Each modulus, or the only one.
    pub(crate) fn all(&self) -> &[Modulus] {
        match self {
            Moduli::One(modulus) => std::slice::from_ref(modulus),
            Moduli::Each(moduli) => moduli,
        }
    }
}

impl From<&Modulus> for Moduli {
    fn from(modulus: &Modulus) -> Self {
        Moduli::One(modulus.clone())
    }
}
