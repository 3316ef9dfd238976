//! The GNU multiple precision library: one residue a group, everywhere.

pub mod constant;
mod dual;
mod kernels;
mod mpn;
mod power;

use crate::arith::backend::Backend;
use crate::arith::backend::residues::Layout;
use crate::arith::backend::words::Words;
use crate::arith::batch::Batch;
use crate::arith::exponents::{Exponents, TimingClass};
use crate::arith::modulus::{Moduli, Modulus};
use crate::arith::options::EngineKind;
use crate::secret::SecretLimbs;
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

    fn combination(modulus: &Modulus, factors: [&SecretLimbs; 2]) -> Words {
        let whole = SecretLimbs::new(modulus.limbs().to_vec());
        let Some(root) = modulus.root_limbs().map(|root| SecretLimbs::new(root.to_vec())) else {
            let reduced = factors.map(|factor| constant::rem(factor, &whole));
            return Words::copy_of(
                SecretLimbs::new(reduced.map(|factor| factor.as_slice().to_vec()).concat()).as_slice(),
            );
        };
        let k = root.len();
        let mut forms = Words::secret(4 * k);
        for (factor, form) in factors.into_iter().zip(forms.as_mut_slice().chunks_exact_mut(2 * k)) {
            // factor R^2 as x0 + x1 m.
            let mut shifted = SecretLimbs::zero(2 * k + factor.len());
            shifted.as_mut_slice()[2 * k..].copy_from_slice(factor.as_slice());
            let (high, low) = constant::div_rem(&constant::rem(&shifted, &whole), &root);
            form[..k].copy_from_slice(constant::resize(&low, k).as_slice());
            form[k..].copy_from_slice(constant::resize(&high, k).as_slice());
        }
        forms
    }

    fn power(bases: &Batch, exponents: &Exponents, class: TimingClass) -> Batch {
        power::power(bases, exponents, class)
    }
}
