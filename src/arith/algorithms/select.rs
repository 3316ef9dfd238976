//! Masked choice between residues.

use subtle::Choice;

use super::fill_groups;
use crate::arith::backend::residues::Residues;
use crate::arith::backend::{Backend, Kernels};
use crate::arith::batch::Batch;
use crate::arith::exponents::TimingClass;

/// For each position the residue of `on_one` where the choice is one, else that of `on_zero`. Secret as the choices are, which
/// it tells. `constant`.
pub(crate) fn select<B: Backend>(on_zero: &Batch, on_one: &Batch, choices: &[u8]) -> Batch {
    let (layout, len) = (on_zero.residues().layout(), on_zero.len());
    let out = Residues::zero(layout, len, true);
    fill_groups::<B>(on_zero.moduli().clone(), out, TimingClass::Constant, |kernels, first, out, _| {
        let lanes: Vec<Choice> = (0..B::WIDTH).map(|lane| Choice::from(choices[(first + lane).min(len - 1)])).collect();
        kernels.select(out, on_zero.residues().group(first), on_one.residues().group(first), &lanes);
    })
}
