//! Algorithms over the kernels of any backend. Their operands go together: [`super::shape`] has looked.

pub(crate) mod comb;
pub(crate) mod convert;
pub(crate) mod inverse;
mod joint_table;
mod lane_table;
pub(crate) mod product;
pub(crate) mod select;
pub(crate) mod straus;
mod straus_plan;
mod straus_shares;
mod table;
#[cfg(target_arch = "x86_64")]
pub(crate) mod window;

use rayon::prelude::*;

use super::backend::residues::{Layout, Residues};
use super::backend::{Backend, Scratch};
use super::batch::Batch;
use super::exponents::TimingClass;
use super::modulus::Moduli;

/// A batch of `len` residues, computed group by group on all threads: `compute` fills the group whose first lane is the
/// residue at the index that it is given. Secret if the moduli are.
fn map_groups<B: Backend>(
    moduli: Moduli,
    layout: Layout,
    len: usize,
    class: TimingClass,
    compute: impl Fn(&B::Kernels<'_>, usize, &mut [u64], &mut Scratch) + Sync,
) -> Batch {
    let out = Residues::zero(layout, len, moduli.is_secret());
    fill_groups::<B>(moduli, out, class, compute)
}

/// [`map_groups`] into a batch of residues whose content does not matter.
fn fill_groups<B: Backend>(
    moduli: Moduli,
    mut out: Residues,
    class: TimingClass,
    compute: impl Fn(&B::Kernels<'_>, usize, &mut [u64], &mut Scratch) + Sync,
) -> Batch {
    let (layout, len) = (out.layout(), out.len());
    fill_chunks(out.words_mut(), layout.group_words(), |scratch, group, out| {
        let first = group * B::WIDTH;
        let kernels = B::kernels(&moduli, |lane| (first + lane).min(len - 1), layout, class);
        compute(&kernels, first, out, scratch);
    });
    Batch::new(moduli, out)
}

/// Has `fill` fill each chunk of `chunk` items, the last of which may be shorter, given its number: on all threads of the
/// engine, or on the caller's where that is none of them, for what was too short to enter the pool.
fn fill_chunks<T: Send>(items: &mut [T], chunk: usize, fill: impl Fn(&mut Scratch, usize, &mut [T]) + Sync) {
    let fill = |scratch: &mut Scratch, (index, chunk): (usize, &mut [T])| fill(scratch, index, chunk);
    // A batch without residues has no modulus and residues of no limb.
    let chunk = chunk.max(1);
    if rayon::current_thread_index().is_some() {
        items.par_chunks_mut(chunk).enumerate().for_each_init(Scratch::default, fill);
    } else {
        let scratch = &mut Scratch::default();
        items.chunks_mut(chunk).enumerate().for_each(|chunk| fill(scratch, chunk));
    }
}

/// Threads that [`fill_chunks`] computes on.
fn threads() -> usize {
    // Asked from elsewhere, rayon would start a pool of its own to count its threads.
    if rayon::current_thread_index().is_some() { rayon::current_num_threads() } else { 1 }
}

/// The position that stands for `index` in an operand of `len` residues: a single one stands for all.
pub(crate) fn broadcast(len: usize, index: usize) -> usize {
    if len == 1 { 0 } else { index }
}
