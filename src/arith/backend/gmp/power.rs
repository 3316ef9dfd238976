//! Powers by GMP's own exponentiations, which beat a window over the kernels: they reduce by Montgomery's method.

use rayon::prelude::*;
use rug::Integer;
use rug::integer::Order;

use super::kernels::GmpKernels;
use super::{Gmp, mpn};
use crate::arith::algorithms::broadcast;
use crate::arith::backend::residues::Residues;
use crate::arith::backend::{Backend, Kernels, Scratch};
use crate::arith::batch::Batch;
use crate::arith::exponents::{Exponents, TimingClass};
use crate::arith::modulus::Modulus;
use crate::secret::SecretLimbs;

/// Public exponents modulo public moduli by mpz_powm; everything else by mpn_sec_powm, which is `constant` and, since
/// it takes the exponent's length in bits, not slower than the variant for Integers.
pub(super) fn power(bases: &Batch, exponents: &Exponents, class: TimingClass) -> Batch {
    let len = if bases.len() == 1 { exponents.len() } else { bases.len() };
    let moduli = bases.moduli().gather((0..len).map(|index| broadcast(bases.len(), index)));
    let public = class == TimingClass::Vartime && !moduli.is_secret();
    let limbs = bases.residues().layout().limbs;
    let mut out = Residues::zero(Gmp::layout(&moduli).with_limbs(limbs), len, moduli.is_secret());
    out.words_mut().par_chunks_mut(limbs.max(1)).enumerate().for_each_init(
        Scratch::default,
        |scratch, (index, out)| {
            let modulus = moduli.of(index);
            let base = &bases.residues().words()[broadcast(bases.len(), index) * limbs..][..limbs];
            let exponent = exponents.limbs(broadcast(exponents.len(), index));
            let kernels = GmpKernels::new(modulus, TimingClass::Constant);
            let mut plain = SecretLimbs::zero(modulus.limbs().len());
            let mut power = plain.clone();
            kernels.store(base, plain.as_mut_slice(), scratch);
            if public {
                public_power(power.as_mut_slice(), plain.as_slice(), exponent, modulus);
            } else {
                // GMP wants one bit at least; the exponent zero has it.
                let bits = exponents.bits().max(1);
                let (power, limbs) = (power.as_mut_slice(), modulus.limbs());
                mpn::sec_pow_mod(power, plain.as_slice(), exponent, bits, limbs, scratch);
            }
            kernels.load(power.as_slice(), out, scratch);
        },
    );
    Batch::new(moduli, out)
}

fn public_power(out: &mut [u64], base: &[u64], exponent: &[u64], modulus: &Modulus) {
    let mut power = Integer::from_digits(base, Order::Lsf);
    let exponent = Integer::from_digits(exponent, Order::Lsf);
    power.pow_mod_mut(&exponent, modulus.value()).expect("a power by a non-negative exponent exists");
    power.write_digits(out, Order::Lsf);
}
