//! Products.

use std::iter::successors;

use super::{broadcast, fill_groups, map_groups, threads};
use crate::arith::backend::residues::Residues;
use crate::arith::backend::words::Words;
use crate::arith::backend::{Backend, Kernels};
use crate::arith::batch::Batch;
use crate::arith::exponents::TimingClass;

/// a[i] * b[i]; either may be a single one for all. Secret if one of them is.
pub(crate) fn product<B: Backend>(a: &Batch, b: &Batch, class: TimingClass) -> Batch {
    let (a, b) = if a.len() == 1 { (b, a) } else { (a, b) };
    let (len, layout) = (a.len(), a.residues().layout());
    let out = Residues::zero(layout, len, a.residues().is_secret() || b.residues().is_secret());
    fill_groups::<B>(a.moduli().clone(), out, class, |kernels, first, out, scratch| {
        let index = |lane: usize| (first + lane).min(len - 1);
        a.residues().read_group(index, out);
        if b.len() == len {
            kernels.product(out, b.residues().group(first), scratch);
        } else {
            let mut factor = Words::secret(layout.group_words());
            b.residues().read_group(|lane| broadcast(b.len(), index(lane)), factor.as_mut_slice());
            kernels.product(out, factor.as_slice(), scratch);
        }
    })
}

/// From so many residues on a single run is multiplied group by group.
const LONG_RUN: usize = 256;

/// The product of all residues, which have one modulus: whole groups first, on all threads, then what is left.
fn product_of_all<B: Backend>(batch: &Batch, class: TimingClass) -> Batch {
    let (layout, whole) = (batch.residues().layout(), batch.len() / B::WIDTH);
    let groups_each = whole.div_ceil(4 * rayon::current_num_threads()).max(2);
    let len = whole.div_ceil(groups_each) * B::WIDTH;
    let moduli = batch.moduli().gather((0..len).map(|_| 0));
    let products = map_groups::<B>(moduli, layout, len, class, |kernels, first, out, scratch| {
        let own = first / B::WIDTH * groups_each;
        out.copy_from_slice(batch.residues().group(own * B::WIDTH));
        for group in own + 1..whole.min(own + groups_each) {
            kernels.product(out, batch.residues().group(group * B::WIDTH), scratch);
        }
    });
    let rest = Batch::concat(&[products, batch.slice(whole * B::WIDTH..batch.len())]);
    product_runs::<B>(&rest, rest.len(), class)
}

/// A piece of a run shorter than this is not worth a thread of its own.
const SHORTEST_PIECE: usize = 16;

/// The product of each `run` consecutive residues, which have one modulus. Long runs are cut into pieces where there
/// are fewer runs than threads.
pub(crate) fn product_runs<B: Backend>(batch: &Batch, run: usize, class: TimingClass) -> Batch {
    let len = batch.len() / run;
    if len == 1 && run >= LONG_RUN {
        return product_of_all::<B>(batch, class);
    }
    let wanted = (4 * rayon::current_num_threads()).div_ceil(len.max(1));
    let pieces = wanted.min(run / SHORTEST_PIECE).max(1);
    if pieces == 1 {
        return product_strided::<B>(&[(batch, run)], len, class);
    }
    let piece = run / pieces;
    let bodies: Vec<usize> = (0..len).flat_map(|out| out * run..out * run + piece * pieces).collect();
    let tails: Vec<usize> = (0..len).flat_map(|out| out * run + piece * pieces..(out + 1) * run).collect();
    let bodies = product_strided::<B>(&[(&batch.gather(&bodies), piece)], len * pieces, class);
    product_strided::<B>(&[(&bodies, pieces), (&batch.gather(&tails), run - piece * pieces)], len, class)
}

/// For each of `len` outputs the product of its share of every part: as many consecutive residues as stand beside it.
/// The first share is not empty.
fn product_strided<B: Backend>(parts: &[(&Batch, usize)], len: usize, class: TimingClass) -> Batch {
    let (first_part, share) = parts[0];
    let layout = first_part.residues().layout();
    let moduli = first_part.moduli().gather((0..len).map(|out| out * share));
    map_groups::<B>(moduli, layout, len, class, |kernels, first, out, scratch| {
        let index = |lane: usize| (first + lane).min(len - 1);
        let mut factor = Words::secret(layout.group_words());
        first_part.residues().read_group(|lane| index(lane) * share, out);
        let factors = parts.iter().flat_map(|&(part, share)| (0..share).map(move |offset| (part, share, offset)));
        for (part, share, offset) in factors.skip(1) {
            part.residues().read_group(|lane| index(lane) * share + offset, factor.as_mut_slice());
            kernels.product(out, factor.as_slice(), scratch);
        }
    })
}

/// A residue that has a factor in common with the root of the modulus, or with a modulus of no special form, exactly if
/// one of the residues of `batch` has. These are at least one and have one modulus.
pub(crate) fn joint_factor<B: Backend>(batch: &Batch, class: TimingClass) -> Batch {
    let group = multiply_groups::<B>(&multiply_groups::<B>(batch, threads(), class), 1, class);
    let layout = group.residues().layout();
    map_groups::<B>(group.moduli().clone(), layout, 1, class, |kernels, _, out, scratch| {
        let (factor, inner) = scratch.with_inner(layout.group_words());
        out.copy_from_slice(group.residues().group(0));
        // Every lane times the one half way, a quarter of the way and so on: all lanes in each.
        let halvings = successors(Some(B::WIDTH / 2), |distance| Some(distance / 2));
        for distance in halvings.take_while(|distance| *distance > 0) {
            factor.copy_from_slice(out);
            factor.chunks_exact_mut(B::WIDTH).for_each(|limb| limb.rotate_left(distance));
            kernels.product_modulo_root(out, factor, inner);
        }
    })
}

/// At most `pieces` groups, every lane of which has a residue: the products modulo the root of neighbouring groups. In
/// the last group the last residue may come more than once.
fn multiply_groups<B: Backend>(batch: &Batch, pieces: usize, class: TimingClass) -> Batch {
    let (residues, groups) = (batch.residues(), batch.len().div_ceil(B::WIDTH));
    let each = groups.div_ceil(pieces);
    let len = groups.div_ceil(each) * B::WIDTH;
    let moduli = batch.moduli().gather((0..len).map(|_| 0));
    map_groups::<B>(moduli, residues.layout(), len, class, |kernels, first, out, scratch| {
        let own = first / B::WIDTH * each;
        let last = groups.min(own + each) - 1;
        residues.read_group(|lane| (last * B::WIDTH + lane).min(batch.len() - 1), out);
        for group in own..last {
            kernels.product_modulo_root(out, residues.group(group * B::WIDTH), scratch);
        }
    })
}
