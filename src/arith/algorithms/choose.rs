//! Masked choice between residues.

use subtle::{Choice, ConstantTimeEq};

use super::{broadcast, fill_groups};
use crate::arith::backend::residues::Residues;
use crate::arith::backend::words::Words;
use crate::arith::backend::{Backend, Kernels};
use crate::arith::batch::Batch;
use crate::arith::exponents::TimingClass;

/// For each position the residue of the option that its choice names; an option of one residue serves for all. Secret as the
/// choices are, which it tells. `constant`.
pub(crate) fn choose<B: Backend>(options: &[Batch], choices: &[u8]) -> Batch {
    let (layout, len) = (options[0].residues().layout(), choices.len());
    let longest = options.iter().find(|option| option.len() == len).unwrap_or(&options[0]);
    let moduli = longest.moduli().gather((0..len).map(|index| broadcast(longest.len(), index)));
    // Single residues in every lane.
    let spread = |option: &Batch| {
        (option.len() != len).then(|| {
            let mut group = Words::secret(layout.group_words());
            option.residues().read_group(|_| 0, group.as_mut_slice());
            group
        })
    };
    let single: Vec<Option<Words>> = options.iter().map(spread).collect();
    let out = Residues::zero(layout, len, true);
    fill_groups::<B>(moduli, out, TimingClass::Constant, |kernels, first, out, scratch| {
        let group = |option: usize| match &single[option] {
            Some(group) => group.as_slice(),
            None => options[option].residues().group(first),
        };
        let kept = scratch.words(layout.group_words());
        out.copy_from_slice(group(0));
        for option in 1..options.len() {
            let is_it = |lane: usize| choices[(first + lane).min(len - 1)].ct_eq(&(option as u8));
            let lanes: Vec<Choice> = (0..B::WIDTH).map(is_it).collect();
            kept.copy_from_slice(out);
            kernels.select(out, kept, group(option), &lanes);
        }
    })
}
