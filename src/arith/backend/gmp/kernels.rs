//! Kernels on one residue: limbs of 64 bits, least significant first; plain modulo a public modulus, x R modulo a secret
//! one (R = 2^(64 k), Montgomery's form), whose arithmetic is always `constant`.

use subtle::{Choice, ConditionallySelectable};

use super::mpn;
use crate::arith::backend::{Kernels, Scratch};
use crate::arith::exponents::TimingClass;
use crate::arith::modulus::Modulus;

/// Kernels modulo one modulus. A residue may have more limbs than its modulus, where the moduli of a batch differ; the
/// limbs above are zero.
pub(crate) struct GmpKernels<'m> {
    modulus: &'m Modulus,
    /// Of products: a secret modulus outlives the one use of an exponent, so it is never divided by in variable time.
    arithmetic: TimingClass,
    /// Of table addresses, which depend on the exponents alone.
    look_up: TimingClass,
}

impl<'m> GmpKernels<'m> {
    pub(super) fn new(modulus: &'m Modulus, class: TimingClass) -> Self {
        let arithmetic = if modulus.is_secret() { TimingClass::Constant } else { class };
        GmpKernels { modulus, arithmetic, look_up: class }
    }

    fn limbs(&self) -> usize {
        self.modulus.limbs().len()
    }

    /// x = double mod modulus, or double / R mod modulus in Montgomery's form.
    fn reduce(&self, double: &mut [u64], x: &mut [u64], inner: &mut Scratch) {
        if self.modulus.is_secret() {
            mpn::sec_montgomery(x, double, self.modulus.limbs(), self.modulus.montgomery().inverse);
        } else if self.arithmetic == TimingClass::Constant {
            barrett(double, x, self.modulus, inner);
        } else {
            mpn::vartime_rem(x, double, self.modulus.limbs(), inner);
        }
    }
}

/// x = double mod modulus for a double of 2k limbs, x and the modulus of k, by Barrett's method ("Implementing the Rivest
/// Shamir and Adleman public key encryption algorithm", 1986; Handbook of Applied Cryptography, 14.42): the quotient's
/// estimate is at most 2 below it. `constant`, and faster than GMP's constant-time division, which needs no reciprocal.
fn barrett(double: &mut [u64], x: &mut [u64], modulus: &Modulus, scratch: &mut Scratch) {
    let k = x.len();
    let (work, inner) = scratch.with_inner(4 * k + 3);
    let (estimate, multiple) = work.split_at_mut(2 * k + 2);
    mpn::sec_mul(estimate, &double[k - 1..], modulus.reciprocal(), inner);
    mpn::sec_mul(multiple, &estimate[k + 1..], modulus.limbs(), inner);
    let (rest, multiple) = (&mut double[..k + 1], &mut multiple[..k + 1]);
    mpn::cnd_sub(Choice::from(1), rest, multiple);
    multiple[..k].copy_from_slice(modulus.limbs());
    multiple[k] = 0;
    for _ in 0..2 {
        let below = mpn::cnd_sub(Choice::from(1), rest, multiple);
        mpn::cnd_add(below, rest, multiple);
    }
    x.copy_from_slice(&rest[..k]);
}

impl Kernels for GmpKernels<'_> {
    fn product(&self, x: &mut [u64], y: &[u64], scratch: &mut Scratch) {
        let x = &mut x[..self.limbs()];
        let y = &y[..self.limbs()];
        let (double, inner) = scratch.with_inner(2 * x.len());
        if self.arithmetic == TimingClass::Constant {
            mpn::sec_mul(double, x, y, inner);
        } else {
            mpn::vartime_mul(double, x, y);
        }
        self.reduce(double, x, inner);
    }

    fn square(&self, x: &mut [u64], scratch: &mut Scratch) {
        let x = &mut x[..self.limbs()];
        let (double, inner) = scratch.with_inner(2 * x.len());
        if self.arithmetic == TimingClass::Constant {
            mpn::sec_square(double, x, inner);
        } else {
            mpn::vartime_square(double, x);
        }
        self.reduce(double, x, inner);
    }

    fn look_up(&self, out: &mut [u64], table: &[u64], digits: &[usize]) {
        if self.look_up == TimingClass::Constant {
            mpn::sec_select(out, table, digits[0]);
        } else {
            out.copy_from_slice(&table[digits[0] * out.len()..][..out.len()]);
        }
    }

    fn scan_groups(&self, out: &mut [u64], table: &[u64], digits: &[usize]) {
        mpn::sec_select(out, table, digits[0]);
    }

    fn read_own(&self, out: &mut [u64], tables: &[u64], digits: &[usize]) {
        out.copy_from_slice(&tables[digits[0] * out.len()..][..out.len()]);
    }

    fn spread(&self, group: &[u64], tables: &mut [u64], row: usize) {
        tables[row * group.len()..][..group.len()].copy_from_slice(group);
    }

    fn select(&self, out: &mut [u64], on_zero: &[u64], on_one: &[u64], choices: &[Choice]) {
        for ((out, zero), one) in out.iter_mut().zip(on_zero).zip(on_one) {
            *out = u64::conditional_select(zero, one, choices[0]);
        }
    }

    fn load(&self, numbers: &[u64], out: &mut [u64], scratch: &mut Scratch) {
        out.fill(0);
        if numbers.len() > self.limbs() {
            let (number, inner) = scratch.with_inner(numbers.len());
            number.copy_from_slice(numbers);
            mpn::sec_rem(number, self.modulus.limbs(), inner);
            out[..self.limbs()].copy_from_slice(&number[..self.limbs()]);
        } else {
            out[..numbers.len()].copy_from_slice(numbers);
        }
        if self.modulus.is_secret() {
            self.product(out, self.modulus.montgomery().square.as_slice(), scratch);
        }
    }

    fn store(&self, group: &[u64], numbers: &mut [u64], scratch: &mut Scratch) {
        numbers.copy_from_slice(&group[..numbers.len()]);
        if self.modulus.is_secret() {
            let limbs = self.limbs();
            let (double, _) = scratch.with_inner(2 * limbs);
            double.fill(0);
            double[..limbs].copy_from_slice(&numbers[..limbs]);
            mpn::sec_montgomery(&mut numbers[..limbs], double, self.modulus.limbs(), self.modulus.montgomery().inverse);
        }
    }
}

#[cfg(test)]
mod tests {
    use rug::Integer;

    use super::*;
    use crate::secret::SecretLimbs;

    #[test]
    fn barrett_agrees_with_division_at_the_extremes() {
        let power = |bits: u32| Integer::from(1) << bits;
        for bits in [2u32, 17, 63, 64, 65, 127, 128, 129, 640, 2047, 2050] {
            for value in [power(bits) - 1u32, power(bits - 1) + 1u32] {
                let modulus = Modulus::plain(&value);
                let k = modulus.limbs().len();
                let all = power(128 * k as u32) - 1u32;
                let near = Integer::from(&all / &value) * &value;
                for number in
                    [Integer::new(), value.clone(), all, near.clone() - 1u32, near, value.clone().square() - 1u32]
                {
                    let mut double = SecretLimbs::from_integer(&number, 2 * k);
                    let mut x = SecretLimbs::zero(k);
                    barrett(double.as_mut_slice(), x.as_mut_slice(), &modulus, &mut Scratch::default());
                    assert_eq!(*x.to_integer(), number % &value, "{bits} bits");
                }
            }
        }
    }

    #[test]
    fn secret_residues_come_back_and_multiply_at_the_extremes() {
        let power = |bits: u32| Integer::from(1) << bits;
        for bits in [2u32, 31, 32, 33, 64, 320, 1023, 1025] {
            for root in [power(bits) - 1u32, power(bits - 1) + 1u32] {
                let width = root.significant_digits::<u64>();
                let modulus = Modulus::secret_square_of(&SecretLimbs::from_integer(&root, width));
                let (kernels, k) = (GmpKernels::new(&modulus, TimingClass::FixedSequence), modulus.limbs().len());
                let scratch = &mut Scratch::default();
                let last = Integer::from(modulus.value() - 1u32);
                let values = [Integer::new(), Integer::from(1), root.clone(), last.clone() - 1u32, last];
                let mut load = |value: &Integer| {
                    let mut out = SecretLimbs::zero(k);
                    kernels.load(SecretLimbs::from_integer(value, k).as_slice(), out.as_mut_slice(), scratch);
                    out
                };
                let loaded: Vec<SecretLimbs> = values.iter().map(&mut load).collect();
                for (x, mont_x) in values.iter().zip(&loaded) {
                    for (y, mont_y) in values.iter().zip(&loaded) {
                        let (mut product, mut number) = (mont_x.clone(), SecretLimbs::zero(k));
                        kernels.product(product.as_mut_slice(), mont_y.as_slice(), scratch);
                        kernels.store(product.as_slice(), number.as_mut_slice(), scratch);
                        assert_eq!(*number.to_integer(), Integer::from(x * y) % modulus.value(), "{bits} bits");
                    }
                }
            }
        }
    }

    #[test]
    fn products_modulo_a_secret_are_constant_whatever_the_exponent_allows() {
        let secret = Modulus::secret_square_of(&SecretLimbs::new(vec![u64::MAX]));
        let public = Modulus::square_of(&Integer::from(u64::MAX));
        for class in [TimingClass::Vartime, TimingClass::FixedSequence, TimingClass::Constant] {
            assert_eq!(GmpKernels::new(&secret, class).arithmetic, TimingClass::Constant);
            assert_eq!(GmpKernels::new(&public, class).arithmetic, class);
            assert_eq!(GmpKernels::new(&secret, class).look_up, class);
        }
    }
}
