//! The GNU multiple precision library: one residue a group, everywhere.

pub mod constant;
mod kernels;
mod mpn;
mod power;

use crate::arith::backend::Backend;
use crate::arith::batch::Batch;
use crate::arith::exponents::{Exponents, TimingClass};
use crate::arith::modulus::Moduli;
use crate::arith::options::EngineKind;
use kernels::GmpKernels;

/// The GNU multiple precision library.
pub(crate) struct Gmp;

impl Backend for Gmp {
    const KIND: EngineKind = EngineKind::Gmp;
    const WIDTH: usize = 1;
    type Kernels<'m> = GmpKernels<'m>;

    fn limbs(moduli: &Moduli) -> usize {
        moduli.limb_count()
    }

    fn kernels<'m>(
        moduli: &'m Moduli,
        index: impl Fn(usize) -> usize,
        _limbs: usize,
        class: TimingClass,
    ) -> GmpKernels<'m> {
        GmpKernels::new(moduli.of(index(0)), class)
    }

    fn power(bases: &Batch, exponents: &Exponents, class: TimingClass) -> Batch {
        power::power(bases, exponents, class)
    }
}
