//! Masked choice between residues.

use subtle::Choice;

use super::map_groups;
use crate::arith::backend::{Backend, Kernels};
use crate::arith::batch::Batch;
use crate::arith::exponents::TimingClass;

/// For each position the residue of `on_one` where the choice is one, else that of `on_zero`. `constant`.
pub(crate) fn select<B: Backend>(on_zero: &Batch, on_one: &Batch, choices: &[Choice]) -> Batch {
    let (layout, len) = (on_zero.residues().layout(), on_zero.len());
    let (zero, one) = (on_zero.residues().words(), on_one.residues().words());
    map_groups::<B>(on_zero.moduli().clone(), layout, len, TimingClass::Constant, |kernels, first, out, _| {
        let lanes: Vec<Choice> = (0..B::WIDTH).map(|lane| choices[(first + lane).min(len - 1)]).collect();
        let group = first * layout.limbs..first * layout.limbs + layout.group_words();
        kernels.select(out, &zero[group.clone()], &one[group], &lanes);
    })
}
