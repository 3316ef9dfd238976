//! Numbers in 64-bit limbs to residues and back.

use rayon::prelude::*;

use super::{fill_chunks, fill_groups, map_groups};
use crate::arith::backend::residues::Residues;
use crate::arith::backend::{Backend, Kernels, Scratch};
use crate::arith::batch::Batch;
use crate::arith::exponents::TimingClass;
use crate::arith::modulus::{Moduli, Modulus};
use crate::secret::SecretLimbs;

/// `len` residues from numbers of one width, each below the square of the widest modulus.
pub(crate) fn load<B: Backend>(moduli: &Moduli, numbers: &[u64], len: usize) -> Batch {
    map_groups::<B>(moduli.clone(), B::layout(moduli), len, TimingClass::Constant, |kernels, first, out, scratch| {
        kernels.load(lanes::<B>(numbers, first, len, &mut SecretLimbs::zero(0)), out, scratch);
    })
}

/// Residues from public little-endian numbers of `len_bytes` bytes each, which are no more than the limbs of the modulus
/// have. What is left of the bytes after the last whole number is ignored.
pub(crate) fn load_bytes<B: Backend>(modulus: &Modulus, bytes: &[u8], len_bytes: usize) -> Batch {
    let (moduli, len, width) = (Moduli::from(modulus), bytes.len() / len_bytes, modulus.limbs().len());
    let layout = B::layout(&moduli);
    map_groups::<B>(moduli, layout, len, TimingClass::Constant, |kernels, first, out, scratch| {
        let (numbers, inner) = scratch.with_inner(B::WIDTH * width);
        for (lane, number) in numbers.chunks_exact_mut(width).enumerate() {
            read_limbs(&bytes[(first + lane).min(len - 1) * len_bytes..][..len_bytes], number);
        }
        kernels.load(numbers, out, inner);
    })
}

/// A little-endian number in limbs, which are as long or longer.
fn read_limbs(bytes: &[u8], limbs: &mut [u64]) {
    let (whole, rest) = bytes.as_chunks();
    let (limbs, above) = limbs.split_at_mut(whole.len());
    for (limb, bytes) in limbs.iter_mut().zip(whole) {
        *limb = u64::from_le_bytes(*bytes);
    }
    above.fill(0);
    if !rest.is_empty() {
        let mut highest = [0; size_of::<u64>()];
        highest[..rest.len()].copy_from_slice(rest);
        above[0] = u64::from_le_bytes(highest);
    }
}

/// 1 + root * number for `len` numbers of one width, each below the square of the modulus, which is that of a root.
pub(crate) fn load_one_plus<B: Backend>(modulus: &Modulus, numbers: &[u64], len: usize) -> Batch {
    let moduli = Moduli::from(modulus);
    let layout = B::layout(&moduli);
    map_groups::<B>(moduli, layout, len, TimingClass::Constant, |kernels, first, out, scratch| {
        kernels.load_one_plus(lanes::<B>(numbers, first, len, &mut SecretLimbs::zero(0)), out, scratch);
    })
}

/// x a + y b for `len` numbers x and as many y, by the factors a and b of [`Backend::combination`]; see
/// [`Kernels::load_combination`] for their width. Secret, whatever the modulus: what a key's owner joins may be randomisers.
pub(crate) fn load_combination<B: Backend>(
    modulus: &Modulus,
    [x, y]: [&[u64]; 2],
    factors: &[u64],
    len: usize,
) -> Batch {
    let moduli = Moduli::from(modulus);
    let out = Residues::zero(B::layout(&moduli), len, true);
    fill_groups::<B>(moduli, out, TimingClass::Constant, |kernels, first, out, scratch| {
        let [mut of_x, mut of_y] = [(); 2].map(|()| SecretLimbs::zero(0));
        let numbers = [lanes::<B>(x, first, len, &mut of_x), lanes::<B>(y, first, len, &mut of_y)];
        kernels.load_combination(numbers, factors, out, scratch);
    })
}

/// The numbers of the group whose first lane is at `first`: where they lie, or, if they are too few, copied to `filled`
/// with the last one in the lanes beyond it.
fn lanes<'a, B: Backend>(numbers: &'a [u64], first: usize, len: usize, filled: &'a mut SecretLimbs) -> &'a [u64] {
    let width = numbers.len() / len.max(1);
    if first + B::WIDTH <= len {
        return &numbers[first * width..][..B::WIDTH * width];
    }
    *filled = SecretLimbs::zero(B::WIDTH * width);
    for (lane, number) in filled.as_mut_slice().chunks_exact_mut(width).enumerate() {
        number.copy_from_slice(&numbers[(first + lane).min(len - 1) * width..][..width]);
    }
    filled.as_slice()
}

/// The reduced numbers of a batch, each in as many limbs as the widest modulus has.
pub(crate) fn store<B: Backend>(batch: &Batch) -> SecretLimbs {
    let (len, width) = (batch.len(), batch.moduli().limb_count());
    let mut numbers = SecretLimbs::zero(len * width);
    fill_chunks(numbers.as_mut_slice(), B::WIDTH * width, |scratch, group, out| {
        if out.len() == B::WIDTH * width {
            store_group::<B>(batch, group, out, scratch);
        } else {
            let mut lanes = SecretLimbs::zero(B::WIDTH * width);
            store_group::<B>(batch, group, lanes.as_mut_slice(), scratch);
            out.copy_from_slice(&lanes.as_slice()[..out.len()]);
        }
    });
    numbers
}

/// The reduced numbers of a batch, which are public, in `len_bytes` little-endian bytes each, as long as the widest
/// modulus or longer.
pub(crate) fn store_bytes<B: Backend>(batch: &Batch, len_bytes: usize) -> Vec<u8> {
    let width = batch.moduli().limb_count();
    let mut bytes = vec![0; batch.len() * len_bytes];
    fill_chunks(&mut bytes, B::WIDTH * len_bytes, |scratch, group, out| {
        let (numbers, inner) = scratch.with_inner(B::WIDTH * width);
        store_group::<B>(batch, group, numbers, inner);
        for (number, bytes) in numbers.chunks_exact(width).zip(out.chunks_exact_mut(len_bytes)) {
            write_bytes(number, bytes);
        }
    });
    bytes
}

/// A number in limbs as little-endian bytes, which are zero before: no more than zeros is left out.
fn write_bytes(limbs: &[u64], bytes: &mut [u8]) {
    let (whole, rest) = bytes.as_chunks_mut();
    for (bytes, limb) in whole.iter_mut().zip(limbs) {
        *bytes = limb.to_le_bytes();
    }
    if let Some(highest) = limbs.get(whole.len()) {
        rest.copy_from_slice(&highest.to_le_bytes()[..rest.len()]);
    }
}

/// The reduced numbers of a group; what stands in the lanes beyond the last residue is unspecified.
fn store_group<B: Backend>(batch: &Batch, group: usize, numbers: &mut [u64], scratch: &mut Scratch) {
    let (residues, first) = (batch.residues(), group * B::WIDTH);
    let index = |lane: usize| (first + lane).min(batch.len() - 1);
    let kernels = B::kernels(batch.moduli(), index, residues.layout(), TimingClass::Constant);
    kernels.store(residues.group(first), numbers, scratch);
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
