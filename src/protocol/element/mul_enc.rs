//! MulEnc: E[a], E[b] -> E[ab] (protocol 3.1), in batches, summed to dot products.
//!
//! P1 -> P2: E[a + r_a], E[b + r_b]; P2 learns two masked values a product.
//! P2 -> P1: a fresh E[M], M = (a + r_a)(b + r_b); P1 learns a ciphertext.
//! P1: ab = M - r_b a - r_a b - r_a r_b. The ciphertexts are inverted, never their powers, and raised to the positive
//! masks, whose length is public.

use rug::Integer;

use crate::arith::Exponents;
use crate::error::Error;
use crate::mask::Purpose;
use crate::paillier::Ciphertexts;
use crate::protocol::message::Operation;
use crate::protocol::place::Place;
use crate::secret::{SecretIntegers, SecretLimbs};

use super::side::{CloudSide, KeySide};

/// Which elements of two tensors are multiplied: `terms` consecutive products make one dot product.
pub(super) struct DotProducts {
    left: Vec<usize>,
    right: Vec<usize>,
    terms: usize,
}

impl DotProducts {
    /// `outputs` dot products of `terms` terms; `pair(o, t)` names the elements of term t of output o.
    pub fn new(outputs: usize, terms: usize, pair: impl Fn(usize, usize) -> (usize, usize)) -> Self {
        let (left, right) = (0..outputs * terms).map(|i| pair(i / terms, i % terms)).unzip();
        DotProducts { left, right, terms }
    }

    fn products(&self) -> usize {
        self.left.len()
    }

    fn outputs(&self) -> usize {
        self.products() / self.terms
    }
}

/// P1: the encrypted dot products of two tensors. The masks are exponents: both tensors must be in the form that rule
/// 1 asks for (h^e by P2, or the difference of such). Timing: `fixed_sequence` in the masks.
pub(super) fn ask(
    side: &mut CloudSide,
    place: Place,
    left: &Ciphertexts,
    right: &Ciphertexts,
    dots: &DotProducts,
) -> Result<Ciphertexts, Error> {
    let (left_bits, right_bits) = side.bounds.operand_bits(place.phase, place.layer);
    let left_masks = side.short_masks(place, Purpose::Left, left_bits, dots.products());
    let right_masks = side.short_masks(place, Purpose::Right, right_bits, dots.products());
    let blinded = Ciphertexts::concat(&[
        left.gather(&dots.left).add_plain(&side.engine, &left_masks)?,
        right.gather(&dots.right).add_plain(&side.engine, &right_masks)?,
    ])?;
    side.send_rerandomized(place, Operation::Multiply, &blinded)?;
    let products = side.recv(place, Operation::Multiply, dots.products())?;

    let mask_bits = side.bounds.mask_bits(left_bits.max(right_bits));
    let cross = cross_terms(side, left, right, dots, (&left_masks, &right_masks), mask_bits)?;
    let constants: SecretIntegers = left_masks
        .chunks(dots.terms)
        .zip(right_masks.chunks(dots.terms))
        .map(|(left, right)| negative_dot(left, right))
        .collect();
    let sums = products.sum_runs(&side.engine, dots.terms)?.add(&side.engine, &cross)?;
    Ok(sums.add_plain(&side.engine, &constants)?)
}

/// - sum l r, without a product left behind in memory.
fn negative_dot(left: &[Integer], right: &[Integer]) -> Integer {
    let mut sum = Integer::new();
    left.iter().zip(right).for_each(|(l, r)| sum -= l * r);
    sum
}

/// The dot products' E[-sum (r_b a + r_a b)]: powers of inverted ciphertexts, squarings shared by a dot product.
fn cross_terms(
    side: &CloudSide,
    left: &Ciphertexts,
    right: &Ciphertexts,
    dots: &DotProducts,
    (left_masks, right_masks): (&[Integer], &[Integer]),
    mask_bits: u32,
) -> Result<Ciphertexts, Error> {
    let inverses = Ciphertexts::concat(&[left.negate(&side.engine)?, right.negate(&side.engine)?])?;
    let pairs = || dots.left.iter().zip(&dots.right);
    let bases: Vec<usize> = pairs().flat_map(|(&l, &r)| [l, left.len() + r]).collect();
    let limbs = mask_bits.div_ceil(64) as usize;
    let exponents = left_masks
        .iter()
        .zip(right_masks)
        .flat_map(|(l, r)| [SecretLimbs::from_integer(r, limbs), SecretLimbs::from_integer(l, limbs)])
        .collect();
    let exponents = Exponents::single_use(exponents, mask_bits);
    Ok(inverses.gather(&bases).multi_power(&side.engine, &exponents, dots.outputs())?)
}

/// P2: multiplies `products` pairs of masked values.
pub(super) fn answer(side: &mut KeySide, place: Place, products: usize) -> Result<(), Error> {
    let (left_bits, right_bits) = side.bounds.operand_bits(place.phase, place.layer);
    let blinded = side.recv(place, Operation::Multiply, 2 * products)?;
    let left = side.open(place, &blinded.slice(0..products), left_bits)?;
    let right = side.open(place, &blinded.slice(products..2 * products), right_bits)?;
    let products: SecretIntegers = left.iter().zip(right.iter()).map(|(l, r)| Integer::from(l * r)).collect();
    side.send_fresh(place, Operation::Multiply, &products)
}
