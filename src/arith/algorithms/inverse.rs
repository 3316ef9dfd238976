//! Inverses of many residues with few inversions (Montgomery, "Speeding the Pollard and elliptic curve methods of
//! factorization", 1987): prefix products, one inversion of the last, and back.

use std::ops::Range;

use rayon::prelude::*;
use rug::Integer;
use rug::integer::Order;

use crate::arith::backend::residues::Residues;
use crate::arith::backend::words::Words;
use crate::arith::backend::{Backend, Kernels, Scratch};
use crate::arith::batch::Batch;
use crate::arith::error::EngineError;
use crate::arith::exponents::TimingClass;
use crate::arith::modulus::Moduli;
use crate::secret::SecretLimbs;

/// The inverses of public residues.
pub(crate) fn invert_vartime<B: Backend>(batch: &Batch) -> Result<Batch, EngineError> {
    let runs = equal_moduli_runs(batch.moduli(), batch.len());
    let chunk_len = batch.len().div_ceil(rayon::current_num_threads()).max(1);
    let chunks: Vec<Range<usize>> = runs.into_iter().flat_map(|run| cut(run, chunk_len)).collect();
    let inverses: Option<Vec<Words>> = chunks.par_iter().map(|chunk| invert_chunk::<B>(batch, chunk.clone())).collect();
    let inverses = inverses.ok_or_else(|| first_without_inverse::<B>(batch))?;

    let layout = batch.residues().layout();
    let mut out = Residues::zero(layout, batch.len(), batch.moduli().is_secret());
    for (chunk, inverses) in chunks.iter().zip(&inverses) {
        for (offset, index) in chunk.clone().enumerate() {
            let group = &inverses.as_slice()[offset / B::WIDTH * layout.group_words()..][..layout.group_words()];
            out.write(index, group, offset % B::WIDTH);
        }
    }
    Ok(Batch::new(batch.moduli().clone(), out))
}

/// The inverses of a range of residues, which have one modulus; none if one of them has no inverse.
fn invert_chunk<B: Backend>(batch: &Batch, chunk: Range<usize>) -> Option<Words> {
    let layout = batch.residues().layout();
    let kernels = B::kernels(batch.moduli(), |_| chunk.start, layout, TimingClass::Vartime);
    let scratch = &mut Scratch::default();
    let groups = chunk.len().div_ceil(B::WIDTH);
    let group_words = layout.group_words();
    let mut current = Words::secret(group_words);
    let read = |group: usize, out: &mut [u64]| {
        let first = chunk.start + group * B::WIDTH;
        batch.residues().read_group(|lane| (first + lane).min(chunk.end - 1), out);
    };

    let mut products = Words::secret(groups * group_words);
    read(0, &mut products.as_mut_slice()[..group_words]);
    for group in 1..groups {
        let (done, rest) = products.as_mut_slice().split_at_mut(group * group_words);
        read(group, &mut rest[..group_words]);
        kernels.product(&mut rest[..group_words], &done[(group - 1) * group_words..], scratch);
    }

    let last = &products.as_slice()[(groups - 1) * group_words..];
    let mut inverse = invert_group::<B>(batch.moduli(), chunk.start, &kernels, last, scratch)?;
    for group in (1..groups).rev() {
        let (before, rest) = products.as_mut_slice().split_at_mut(group * group_words);
        let out = &mut rest[..group_words];
        out.copy_from_slice(&before[(group - 1) * group_words..]);
        kernels.product(out, inverse.as_slice(), scratch);
        read(group, current.as_mut_slice());
        kernels.product(inverse.as_mut_slice(), current.as_slice(), scratch);
    }
    products.as_mut_slice()[..group_words].copy_from_slice(inverse.as_slice());
    Some(products)
}

/// The inverse of each lane of a group of residues modulo `moduli.of(index)`.
fn invert_group<B: Backend>(
    moduli: &Moduli,
    index: usize,
    kernels: &B::Kernels<'_>,
    group: &[u64],
    scratch: &mut Scratch,
) -> Option<Words> {
    let width = moduli.limb_count();
    let mut numbers = SecretLimbs::zero(B::WIDTH * width);
    kernels.store(group, numbers.as_mut_slice(), scratch);
    for number in numbers.as_mut_slice().chunks_exact_mut(width) {
        let inverse = Integer::from_digits(number, Order::Lsf).invert(moduli.of(index).value()).ok()?;
        inverse.write_digits(number, Order::Lsf);
    }
    let mut inverse = Words::secret(group.len());
    kernels.load(numbers.as_slice(), inverse.as_mut_slice(), scratch);
    Some(inverse)
}

fn first_without_inverse<B: Backend>(batch: &Batch) -> EngineError {
    let width = batch.moduli().limb_count();
    let numbers = super::convert::store::<B>(batch);
    let has_none = |(index, number): (usize, &[u64])| {
        Integer::from_digits(number, Order::Lsf).gcd(batch.moduli().of(index).value()) != 1
    };
    let index = numbers.as_slice().chunks_exact(width).enumerate().position(has_none);
    EngineError::NotInvertible { index: index.expect("a product without inverse has a factor without inverse") }
}

/// The longest ranges of residues with one modulus.
fn equal_moduli_runs(moduli: &Moduli, len: usize) -> Vec<Range<usize>> {
    match moduli {
        Moduli::One(_) => std::iter::once(0..len).filter(|run| !run.is_empty()).collect(),
        Moduli::Each(moduli) => {
            let lengths = moduli.chunk_by(|left, right| left == right).map(<[_]>::len);
            let starts = lengths.scan(0, |start, len| {
                *start += len;
                Some(*start - len..*start)
            });
            starts.collect()
        }
    }
}

/// A range in pieces of `len`, the last one shorter.
fn cut(range: Range<usize>, len: usize) -> impl Iterator<Item = Range<usize>> {
    range.clone().step_by(len).map(move |start| start..(start + len).min(range.end))
}
