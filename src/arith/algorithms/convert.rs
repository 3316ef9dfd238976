//! Numbers in 64-bit limbs to residues and back.

use rayon::prelude::*;

use super::map_groups;
use crate::arith::backend::{Backend, Kernels, Scratch};
use crate::arith::batch::Batch;
use crate::arith::exponents::TimingClass;
use crate::arith::modulus::{Moduli, Modulus};
use crate::secret::SecretLimbs;

/// `len` residues from numbers of one width, each below the square of the widest modulus.
pub(crate) fn load<B: Backend>(moduli: &Moduli, numbers: &[u64], len: usize) -> Batch {
    map_groups::<B>(moduli.clone(), B::layout(moduli), len, TimingClass::Constant, |kernels, first, out, scratch| {
        kernels.load(lanes::<B>(numbers, first, len).as_slice(), out, scratch);
    })
}

/// 1 + root * number for `len` numbers of one width, each below the square of the modulus, which is that of a root.
pub(crate) fn load_one_plus<B: Backend>(modulus: &Modulus, numbers: &[u64], len: usize) -> Batch {
    let moduli = Moduli::from(modulus);
    let layout = B::layout(&moduli);
    map_groups::<B>(moduli, layout, len, TimingClass::Constant, |kernels, first, out, scratch| {
        kernels.load_one_plus(lanes::<B>(numbers, first, len).as_slice(), out, scratch);
    })
}

/// x a + y b for `len` numbers x and as many y, by the factors a and b of [`Backend::combination`]; see
/// [`Kernels::load_combination`] for their width.
pub(crate) fn load_combination<B: Backend>(
    modulus: &Modulus,
    [x, y]: [&[u64]; 2],
    factors: &[u64],
    len: usize,
) -> Batch {
    let moduli = Moduli::from(modulus);
    let layout = B::layout(&moduli);
    map_groups::<B>(moduli, layout, len, TimingClass::Constant, |kernels, first, out, scratch| {
        let (x, y) = (lanes::<B>(x, first, len), lanes::<B>(y, first, len));
        kernels.load_combination([x.as_slice(), y.as_slice()], factors, out, scratch);
    })
}

/// The numbers of the group whose first lane is at `first`, the last one in the lanes beyond it.
fn lanes<B: Backend>(numbers: &[u64], first: usize, len: usize) -> SecretLimbs {
    let width = numbers.len() / len.max(1);
    let mut lanes = SecretLimbs::zero(B::WIDTH * width);
    for (lane, number) in lanes.as_mut_slice().chunks_exact_mut(width).enumerate() {
        number.copy_from_slice(&numbers[(first + lane).min(len - 1) * width..][..width]);
    }
    lanes
}

/// The reduced numbers of a batch, each in as many limbs as the widest modulus has.
pub(crate) fn store<B: Backend>(batch: &Batch) -> SecretLimbs {
    let (layout, len) = (batch.residues().layout(), batch.len());
    let width = batch.moduli().limb_count();
    let mut numbers = SecretLimbs::zero(len * width);
    if len == 0 {
        return numbers;
    }
    let groups = batch.residues().words().par_chunks(layout.group_words());
    let outputs = numbers.as_mut_slice().par_chunks_mut(B::WIDTH * width);
    groups.zip(outputs).enumerate().for_each_init(Scratch::default, |scratch, (group, (words, out))| {
        let index = |lane: usize| (group * B::WIDTH + lane).min(len - 1);
        let kernels = B::kernels(batch.moduli(), index, layout, TimingClass::Constant);
        let mut lanes = SecretLimbs::zero(B::WIDTH * width);
        kernels.store(words, lanes.as_mut_slice(), scratch);
        out.copy_from_slice(&lanes.as_slice()[..out.len()]);
    });
    numbers
}

/// The reduced halves x0 and x1 of the numbers x0 + root * x1 of a batch modulo squares, each in [`half_width`] limbs.
pub(crate) fn store_halves<B: Backend>(batch: &Batch) -> [SecretLimbs; 2] {
    let (layout, len) = (batch.residues().layout(), batch.len());
    let width = half_width(batch.moduli());
    let [mut low, mut high] = [(); 2].map(|()| SecretLimbs::zero(len * width));
    if len == 0 {
        return [low, high];
    }
    let groups = batch.residues().words().par_chunks(layout.group_words());
    let outputs = low.as_mut_slice().par_chunks_mut(B::WIDTH * width);
    let outputs = outputs.zip(high.as_mut_slice().par_chunks_mut(B::WIDTH * width));
    groups.zip(outputs).enumerate().for_each_init(Scratch::default, |scratch, (group, (words, (low, high)))| {
        let index = |lane: usize| (group * B::WIDTH + lane).min(len - 1);
        let kernels = B::kernels(batch.moduli(), index, layout, TimingClass::Constant);
        let [mut low_lanes, mut high_lanes] = [(); 2].map(|()| SecretLimbs::zero(B::WIDTH * width));
        kernels.store_halves(words, low_lanes.as_mut_slice(), high_lanes.as_mut_slice(), scratch);
        low.copy_from_slice(&low_lanes.as_slice()[..low.len()]);
        high.copy_from_slice(&high_lanes.as_slice()[..high.len()]);
    });
    [low, high]
}

/// Limbs of the widest root of moduli that are squares: a square of 2b or 2b - 1 bits has a root of b.
pub(crate) fn half_width(moduli: &Moduli) -> usize {
    moduli.limb_count().div_ceil(2)
}
