//! AVX-512 with IFMA: eight residues at once, one a lane, in radix 2^52.
//!
//! From the ground up: [`lanes`] wraps the instructions, [`multiply`] makes columns of products, [`reduce`] makes
//! numbers of columns, [`residue`] has the arithmetic of dual numbers, [`comb`] its shortcut for fixed-base tables,
//! [`lookup`] reads tables, [`convert`] and [`constants`] are the way in, [`kernels`] is the door to [`entry`], and
//! [`speed`] compares it with the processor's peak. The bounds stand beside the code that they hold for, and the tests
//! stand at them.

mod comb;
mod constants;
mod convert;
mod entry;
mod features;
mod kernels;
mod lanes;
mod lookup;
mod multiply;
mod reduce;
mod residue;
pub(crate) mod speed;
#[cfg(test)]
mod tests;

use super::Backend;
use super::residues::Layout;
use crate::arith::algorithms::window;
use crate::arith::backend::words::Words;
use crate::arith::batch::Batch;
use crate::arith::exponents::{Exponents, TimingClass};
use crate::arith::modulus::{Moduli, Modulus};
use crate::arith::options::EngineKind;
use crate::secret::SecretLimbs;
pub(crate) use constants::Cache;
use constants::Form;
use kernels::IfmaKernels;

/// AVX-512 with IFMA.
pub(crate) struct Ifma;

impl Backend for Ifma {
    const KIND: EngineKind = EngineKind::Ifma;
    const WIDTH: usize = lanes::WIDTH;
    const EVEN_PRODUCTS: bool = true;
    const SCAN_OF_A_PRODUCT: u64 = 1000;
    const WHOLE_ROWS: usize = 128;
    const COMB_ROWS: usize = comb::COMB_ROWS;
    type Kernels<'m> = IfmaKernels;

    fn missing() -> Option<&'static str> {
        features::missing()
    }

    fn layout(moduli: &Moduli) -> Layout {
        let form = Form::of(moduli);
        Layout { kind: Self::KIND, width: Self::WIDTH, limbs: form.width(), dual: form.dual }
    }

    fn kernels(moduli: &Moduli, index: impl Fn(usize) -> usize, layout: Layout, class: TimingClass) -> IfmaKernels {
        let limbs = if layout.dual { layout.limbs / 2 } else { layout.limbs };
        IfmaKernels::new(moduli, index, Form { limbs, dual: layout.dual }, class)
    }

    fn combination(modulus: &Modulus, factors: [&SecretLimbs; 2]) -> Words {
        constants::combination(modulus, factors)
    }

    fn power(bases: &Batch, exponents: &Exponents, class: TimingClass) -> Batch {
        window::power::<Ifma>(bases, exponents, class)
    }
}
