//! Kernels on one residue: limbs of 64 bits, least significant first; in dual form modulo a square, as it is modulo any
//! other number. Arithmetic modulo a secret is always `constant`.

use subtle::{Choice, ConditionallySelectable};

use super::dual::Dual;
use super::mpn;
use crate::arith::backend::{Kernels, Scratch};
use crate::arith::exponents::TimingClass;
use crate::arith::modulus::Modulus;

/// Kernels modulo one modulus. A residue may have more limbs than its modulus, where the moduli of a batch differ; the
/// limbs above are zero.
pub(crate) struct GmpKernels<'m> {
    form: Form<'m>,
    /// Of table addresses, which depend on the exponents alone.
    look_up: TimingClass,
}

/// How residues lie.
enum Form<'m> {
    /// Modulo a square: see [`super::dual`].
    Dual(Dual<'m>),
    /// Modulo a number of no special form: as they are. Arithmetic of this class.
    Plain(&'m Modulus, TimingClass),
}

impl<'m> GmpKernels<'m> {
    pub(super) fn new(modulus: &'m Modulus, class: TimingClass) -> Self {
        // A secret modulus outlives the one use of an exponent, so that its arithmetic is always constant.
        let arithmetic = if modulus.is_secret() { TimingClass::Constant } else { class };
        let form = match modulus.dual_root() {
            Some(root) => {
                Form::Dual(Dual { root, square: modulus.limbs(), vartime: arithmetic != TimingClass::Constant })
            }
            None => Form::Plain(modulus, arithmetic),
        };
        GmpKernels { form, look_up: class }
    }

    /// For what is asked for modulo squares only.
    fn dual(&self) -> &Dual<'m> {
        match &self.form {
            Form::Dual(dual) => dual,
            Form::Plain(..) => panic!("the modulus is not a square with a known root"),
        }
    }
}

/// x = x y mod modulus.
fn plain_product(x: &mut [u64], y: &[u64], modulus: &Modulus, arithmetic: TimingClass, scratch: &mut Scratch) {
    let (double, inner) = scratch.with_inner(2 * x.len());
    if arithmetic == TimingClass::Constant {
        mpn::sec_mul(double, x, y, inner);
    } else {
        mpn::vartime_mul(double, x, y);
    }
    plain_reduce(x, double, modulus, arithmetic, inner);
}

/// x = x^2 mod modulus.
fn plain_square(x: &mut [u64], modulus: &Modulus, arithmetic: TimingClass, scratch: &mut Scratch) {
    let (double, inner) = scratch.with_inner(2 * x.len());
    if arithmetic == TimingClass::Constant {
        mpn::sec_square(double, x, inner);
    } else {
        mpn::vartime_square(double, x);
    }
    plain_reduce(x, double, modulus, arithmetic, inner);
}

/// out = x a + y b mod modulus for two factors of its width and numbers that are no wider; `constant`.
fn plain_combination([x, y]: [&[u64]; 2], factors: &[u64], out: &mut [u64], modulus: &Modulus, scratch: &mut Scratch) {
    let k = modulus.limbs().len();
    let (a, b) = factors.split_at(k);
    let width = k + x.len();
    let (work, inner) = scratch.with_inner(2 * width + 1);
    let (sum, other) = work.split_at_mut(width + 1);
    mpn::sec_mul(&mut sum[..width], a, x, inner);
    mpn::sec_mul(other, b, y, inner);
    sum[width] = u64::from(mpn::cnd_add(Choice::from(1), &mut sum[..width], other).unwrap_u8());
    out.fill(0);
    mpn::sec_rem_into(&mut out[..k], sum, modulus.limbs(), inner);
}

/// x = double mod modulus.
fn plain_reduce(x: &mut [u64], double: &mut [u64], modulus: &Modulus, arithmetic: TimingClass, inner: &mut Scratch) {
    if arithmetic == TimingClass::Constant {
        barrett(double, x, modulus, inner);
    } else {
        mpn::vartime_rem(x, double, modulus.limbs(), inner);
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
        match &self.form {
            Form::Dual(dual) => dual.product(x, y, scratch),
            Form::Plain(modulus, arithmetic) => {
                let k = modulus.limbs().len();
                plain_product(&mut x[..k], &y[..k], modulus, *arithmetic, scratch);
            }
        }
    }

    fn square(&self, x: &mut [u64], scratch: &mut Scratch) {
        match &self.form {
            Form::Dual(dual) => dual.square(x, scratch),
            Form::Plain(modulus, arithmetic) => {
                plain_square(&mut x[..modulus.limbs().len()], modulus, *arithmetic, scratch);
            }
        }
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
        match &self.form {
            Form::Dual(dual) => dual.load(numbers, out, scratch),
            Form::Plain(modulus, _) => {
                out.fill(0);
                let k = modulus.limbs().len();
                if numbers.len() >= k {
                    mpn::sec_rem_into(&mut out[..k], numbers, modulus.limbs(), scratch);
                } else {
                    out[..numbers.len()].copy_from_slice(numbers);
                }
            }
        }
    }

    fn load_one_plus(&self, numbers: &[u64], out: &mut [u64], scratch: &mut Scratch) {
        self.dual().load_one_plus(numbers, out, scratch);
    }

    fn load_combination(&self, numbers: [&[u64]; 2], factors: &[u64], out: &mut [u64], scratch: &mut Scratch) {
        match &self.form {
            Form::Dual(dual) => dual.load_combination(numbers, factors, out, scratch),
            Form::Plain(modulus, _) => plain_combination(numbers, factors, out, modulus, scratch),
        }
    }

    fn store(&self, group: &[u64], numbers: &mut [u64], scratch: &mut Scratch) {
        match &self.form {
            Form::Dual(dual) => dual.store(group, numbers, scratch),
            Form::Plain(..) => {
                let kept = numbers.len().min(group.len());
                numbers[..kept].copy_from_slice(&group[..kept]);
                numbers[kept..].fill(0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rug::Integer;
    use rug::integer::Order;

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
    fn dual_residues_come_back_and_multiply_at_the_extremes() {
        let power = |bits: u32| Integer::from(1) << bits;
        for bits in [2u32, 31, 32, 33, 63, 64, 65, 320, 1023, 1024, 1025, 2047, 2050] {
            for root in [power(bits) - 1u32, power(bits - 1) + 1u32] {
                let secret = Modulus::secret_square_of(&SecretLimbs::new(root.to_digits(Order::Lsf)));
                for modulus in [secret, Modulus::square_of(&root)] {
                    for class in [TimingClass::Constant, TimingClass::FixedSequence] {
                        check_at_the_extremes(&modulus, &root, class);
                    }
                }
            }
        }
    }

    fn check_at_the_extremes(modulus: &Modulus, root: &Integer, class: TimingClass) {
        // A limb more than is needed, as where the moduli of a batch differ.
        let (words, width) = (2 * root.significant_digits::<u64>() + 1, modulus.limbs().len() + 1);
        let (kernels, scratch) = (GmpKernels::new(modulus, class), &mut Scratch::default());
        let last = Integer::from(modulus.value() - 1u32);
        let multiple = last.clone() - root + 1u32;
        let values = [Integer::new(), Integer::from(1), root.clone() - 1u32, root.clone(), multiple, last];
        let mut load = |value: &Integer| {
            let mut out = SecretLimbs::new(vec![u64::MAX; words]);
            kernels.load(SecretLimbs::from_integer(value, width).as_slice(), out.as_mut_slice(), scratch);
            out
        };
        let loaded: Vec<SecretLimbs> = values.iter().map(&mut load).collect();
        let stored = |residue: &SecretLimbs| {
            let mut number = SecretLimbs::new(vec![u64::MAX; width]);
            kernels.store(residue.as_slice(), number.as_mut_slice(), &mut Scratch::default());
            Integer::clone(&number.to_integer())
        };
        for (x, form) in values.iter().zip(&loaded) {
            let mut square = form.clone();
            kernels.square(square.as_mut_slice(), scratch);
            assert_eq!(stored(&square), Integer::from(x.square_ref()) % modulus.value(), "{modulus:?}");
            for (y, other) in values.iter().zip(&loaded) {
                let mut product = form.clone();
                kernels.product(product.as_mut_slice(), other.as_slice(), scratch);
                assert_eq!(stored(&product), Integer::from(x * y) % modulus.value(), "{modulus:?}");
            }
        }
    }

    #[test]
    fn products_modulo_a_secret_are_constant_whatever_the_exponent_allows() {
        let secret = Modulus::secret_square_of(&SecretLimbs::new(vec![u64::MAX]));
        let public = Modulus::square_of(&Integer::from(u64::MAX));
        let vartime = |kernels: &GmpKernels| matches!(kernels.form, Form::Dual(Dual { vartime: true, .. }));
        for class in [TimingClass::Vartime, TimingClass::FixedSequence, TimingClass::Constant] {
            assert!(!vartime(&GmpKernels::new(&secret, class)));
            assert_eq!(vartime(&GmpKernels::new(&public, class)), class != TimingClass::Constant);
            assert_eq!(GmpKernels::new(&secret, class).look_up, class);
        }
    }
}
