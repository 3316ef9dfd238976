//! The GNU multiple precision library: one residue a group, everywhere.

pub mod constant;
mod dual;
mod kernels;
mod mpn;
mod power;

use crate::arith::backend::Backend;
use crate::arith::backend::residues::Layout;
use crate::arith::batch::Batch;
use crate::arith::exponents::{Exponents, TimingClass};
use crate::arith::modulus::{Moduli, Modulus};
use crate::arith::options::EngineKind;
use kernels::GmpKernels;

/// The GNU multiple precision library.
pub(crate) struct Gmp;

impl Backend for Gmp {
    const KIND: EngineKind = EngineKind::Gmp;
    const WIDTH: usize = 1;
    type Kernels<'m> = GmpKernels<'m>;

    fn missing() -> Option<&'static str> {
        None
    }

    fn layout(moduli: &Moduli) -> Layout {
        // In dual form each half takes the limbs of the root, which may be one limb more than the square has.
        let words = |modulus: &Modulus| modulus.root_limbs().map_or(modulus.limbs().len(), |root| 2 * root.len());
        let limbs = moduli.all().iter().map(words).max().unwrap_or(0);
        Layout { kind: Self::KIND, width: Self::WIDTH, limbs, dual: false }
    }

    fn kernels<'m>(
        moduli: &'m Moduli,
        index: impl Fn(usize) -> usize,
        _layout: Layout,
        class: TimingClass,
    ) -> GmpKernels<'m> {
        GmpKernels::new(moduli.of(index(0)), class)
    }

    fn power(bases: &Batch, exponents: &Exponents, class: TimingClass) -> Batch {
        power::power(bases, exponents, class)
    }
}
