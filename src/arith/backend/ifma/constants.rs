//! What the kernels need to know of a modulus, made once for each modulus and form. `constant`.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::convert::limb;
use super::lanes::{LIMB_BITS, LIMB_MASK, WIDTH};
use super::multiply::BLOCK;
use super::reduce::{MAX_LIMBS, Reducer};
use crate::arith::backend::gmp::constant;
use crate::arith::backend::words::{Row, Words};
use crate::arith::modulus::{Moduli, Modulus};
use crate::secret::SecretLimbs;

/// Bits between a modulus and R: 16 n <= R.
const SPARE_BITS: u32 = 4;
/// Pieces of H limbs that a number to load may have.
pub(super) const PIECES: usize = 4;

/// How residues of a batch lie in their words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form {
    /// H, a multiple of ten.
    pub limbs: usize,
    /// Whether residues are pairs modulo the root.
    pub dual: bool,
}

impl Form {
    /// Dual if every modulus is a square with a known root; as wide as the widest modulus needs, in whole blocks.
    ///
    /// # Panics
    /// If a modulus is so long that columns could overflow: a root of more than 10 000 bits.
    pub fn of(moduli: &Moduli) -> Form {
        let all = moduli.all();
        let dual = !all.is_empty() && all.iter().all(|modulus| modulus.root().is_some());
        let bits = all.iter().map(|modulus| bits(modulus, dual)).max().unwrap_or(0);
        let limbs = (bits + SPARE_BITS).div_ceil(LIMB_BITS) as usize;
        let limbs = limbs.next_multiple_of(BLOCK);
        assert!(limbs <= MAX_LIMBS, "a modulus of {bits} bits is too long for columns of 64 bits");
        Form { limbs, dual }
    }

    /// Limbs of a residue.
    pub fn width(self) -> usize {
        if self.dual { 2 * self.limbs } else { self.limbs }
    }

    /// Limbs of the constants of a modulus.
    fn constants(self) -> usize {
        2 * self.limbs + BLOCK + PIECES * self.width()
    }
}

fn bits(modulus: &Modulus, dual: bool) -> u32 {
    let reduced_by = if dual { modulus.root().unwrap_or(modulus.value()) } else { modulus.value() };
    reduced_by.significant_bits()
}

/// The constants of one modulus in one form.
struct Constants {
    form: Form,
    /// n, n'', n' (see [`reduce`](super::reduce)), then R^2, R^3, R^4 and R^5 as residues that are not times R.
    limbs: Words,
    /// The same in every lane.
    rows: Arc<Words>,
}

/// The constants of a modulus that have been needed so far.
#[derive(Default)]
pub(crate) struct Cache(Mutex<Vec<Arc<Constants>>>);

impl Cache {
    fn of(modulus: &Modulus, form: Form) -> Arc<Constants> {
        // A poisoned lock is taken over: entries are whole before they are pushed.
        let mut known = modulus.ifma_cache().0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(constants) = known.iter().find(|constants| constants.form == form) {
            return constants.clone();
        }
        let constants = Arc::new(Constants::new(modulus, form));
        known.push(constants.clone());
        constants
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cache(..)")
    }
}

impl Constants {
    fn new(modulus: &Modulus, form: Form) -> Constants {
        let mut limbs = Words::secret(form.constants());
        let root = SecretLimbs::new(modulus.root_limbs().filter(|_| form.dual).unwrap_or(modulus.limbs()).to_vec());
        let whole = SecretLimbs::new(modulus.limbs().to_vec());
        let (own, rest) = limbs.as_mut_slice().split_at_mut(form.limbs);
        let (folded, rest) = rest.split_at_mut(form.limbs);
        let (inverse, powers) = rest.split_at_mut(BLOCK);
        write_limbs(&root, 0, own);
        let minus_inverse = minus_inverse(&root);
        write_limbs(&minus_inverse, 0, inverse);
        // n n' is -1 modulo 2^520: (n n' + 1) / 2^520 is one more than what stands above.
        write_limbs(&constant::mul(&root, &minus_inverse), BLOCK, folded);
        increment(folded);
        for (exponent, power) in (2..).zip(powers.chunks_exact_mut(form.width())) {
            write_residue(&constant::rem(&radix_power(exponent, form), &whole), &root, form, power);
        }
        let rows = in_every_lane(&limbs);
        Constants { form, limbs, rows: Arc::new(rows) }
    }
}

/// R^exponent.
fn radix_power(exponent: usize, form: Form) -> SecretLimbs {
    let bits = exponent * form.limbs * LIMB_BITS as usize;
    let mut power = SecretLimbs::zero(bits / 64 + 1);
    power.as_mut_slice()[bits / 64] = 1 << (bits % 64);
    power
}

/// The limbs of a residue, or of its pair modulo the root.
fn write_residue(residue: &SecretLimbs, root: &SecretLimbs, form: Form, out: &mut [u64]) {
    let (low, high) = out.split_at_mut(form.limbs);
    if form.dual {
        let (quotient, remainder) = constant::div_rem(residue, root);
        write_limbs(&remainder, 0, low);
        write_limbs(&quotient, 0, high);
    } else {
        write_limbs(residue, 0, low);
    }
}

fn in_every_lane(limbs: &Words) -> Words {
    let mut rows = Words::secret(WIDTH * limbs.len());
    for (row, limb) in bytemuck::cast_slice_mut::<u64, Row>(rows.as_mut_slice()).iter_mut().zip(limbs.as_slice()) {
        *row = Row([*limb; WIDTH]);
    }
    rows
}

/// Each factor times R^2, reduced, in every lane.
pub(super) fn combination(modulus: &Modulus, factors: [&SecretLimbs; 2]) -> Words {
    let form = Form::of(&Moduli::from(modulus));
    let root = SecretLimbs::new(modulus.root_limbs().unwrap_or(modulus.limbs()).to_vec());
    let whole = SecretLimbs::new(modulus.limbs().to_vec());
    let radix_squared = radix_power(2, form);
    let mut limbs = Words::secret(2 * form.width());
    for (factor, out) in factors.into_iter().zip(limbs.as_mut_slice().chunks_exact_mut(form.width())) {
        let scaled = constant::rem(&constant::mul(factor, &radix_squared), &whole);
        write_residue(&scaled, &root, form, out);
    }
    in_every_lane(&limbs)
}

/// The constants of the moduli of eight lanes.
pub(super) struct LaneConstants {
    form: Form,
    rows: Arc<Words>,
}

impl LaneConstants {
    pub fn new(moduli: &Moduli, index: impl Fn(usize) -> usize, form: Form) -> LaneConstants {
        let first = moduli.of(index(0));
        let same = matches!(moduli, Moduli::One(_)) || (1..WIDTH).all(|lane| moduli.of(index(lane)).is_same(first));
        if same {
            return LaneConstants { form, rows: Cache::of(first, form).rows.clone() };
        }
        let mut rows = Words::secret(WIDTH * form.constants());
        for lane in 0..WIDTH {
            let constants = Cache::of(moduli.of(index(lane)), form);
            let rows = bytemuck::cast_slice_mut::<u64, Row>(rows.as_mut_slice());
            for (row, limb) in rows.iter_mut().zip(constants.limbs.as_slice()) {
                row.0[lane] = *limb;
            }
        }
        LaneConstants { form, rows: Arc::new(rows) }
    }

    pub fn form(&self) -> Form {
        self.form
    }

    pub fn reducer(&self) -> Reducer<'_> {
        let (modulus, rest) = self.rows().split_at(self.form.limbs);
        let (folded, rest) = rest.split_at(self.form.limbs);
        Reducer { modulus, folded, inverse: rest.first_chunk().expect("n' has a block") }
    }

    /// R^2, R^3, R^4 and R^5, not times R.
    pub fn radix_powers(&self) -> &[Row] {
        &self.rows()[2 * self.form.limbs + BLOCK..]
    }

    fn rows(&self) -> &[Row] {
        bytemuck::cast_slice(self.rows.as_slice())
    }
}

/// -n^-1 modulo 2^520, in nine words, for an odd n.
fn minus_inverse(n: &SecretLimbs) -> SecretLimbs {
    const WORDS: usize = (BLOCK * LIMB_BITS as usize).div_ceil(64);
    let low = &n.as_slice()[..n.len().min(WORDS)];
    // Newton's iteration x (2 - n x): an odd number is its own inverse modulo 8, and each step doubles the bits that
    // are right: 3 2^8 > 576.
    let mut inverse = SecretLimbs::zero(WORDS);
    inverse.as_mut_slice()[0] = low[0];
    for _ in 0..8 {
        let mut correction = low_product(low, inverse.as_slice(), WORDS);
        negate(correction.as_mut_slice());
        add_small(correction.as_mut_slice(), 2);
        inverse = low_product(inverse.as_slice(), correction.as_slice(), WORDS);
    }
    negate(inverse.as_mut_slice());
    inverse.as_mut_slice()[WORDS - 1] &= (1 << (BLOCK as u32 * LIMB_BITS % 64)) - 1;
    inverse
}

/// The low `words` words of a b.
fn low_product(a: &[u64], b: &[u64], words: usize) -> SecretLimbs {
    let mut product = SecretLimbs::zero(words);
    for (offset, a) in a.iter().enumerate() {
        let mut carry = 0;
        for (out, b) in product.as_mut_slice()[offset..].iter_mut().zip(b) {
            let sum = u128::from(*a) * u128::from(*b) + u128::from(*out) + carry;
            *out = sum as u64;
            carry = sum >> 64;
        }
    }
    product
}

fn negate(words: &mut [u64]) {
    words.iter_mut().for_each(|word| *word = !*word);
    add_small(words, 1);
}

fn add_small(words: &mut [u64], small: u64) {
    let mut carry = small;
    for word in words {
        let (sum, over) = word.overflowing_add(carry);
        *word = sum;
        carry = u64::from(over);
    }
}

/// The limbs of a number from limb `first` on.
fn write_limbs(number: &SecretLimbs, first: usize, out: &mut [u64]) {
    for (index, out) in out.iter_mut().enumerate() {
        *out = limb(number.as_slice(), first + index);
    }
}

fn increment(limbs: &mut [u64]) {
    let mut carry = 1;
    for limb in limbs {
        let sum = *limb + carry;
        *limb = sum & LIMB_MASK;
        carry = sum >> LIMB_BITS;
    }
}
