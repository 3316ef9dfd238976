//! Montgomery's reduction ("Modular multiplication without trial division", 1985) of columns, ten limbs at a time.
//!
//! With R = 2^(52 H) and a modulus n below R / 16, columns that sum up to T are reduced to a normalised number that is
//! T / R modulo n. Two ways:
//!
//! * [`begin_quotient`], [`continue_quotient`] and [`end_quotient`] find q in [0, R) with T + q n divisible by R, and
//!   give (T + q n) / R. For 0 <= T the result is below T / R + n.
//! * [`reduce`] replaces all but the last step by a cheaper one: with n' = -n^-1 mod 2^520, the number
//!   n'' = (n n' + 1) / 2^520 <= n is 2^-520 modulo n, so that the lowest ten limbs x can be dropped for x n'' without
//!   first making a quotient from them. Each such step adds less than 2^520 n to what is left, the steps before it
//!   2^-520 of that, and the last step adds less than n: for -R < T the result is at least 0 and below
//!   T / R + (2 + 2^-519) n.
//!
//! Columns are signed. Each gets at most 2H halves from each of the products and 2H from the reduction, all below 2^52,
//! and a carry below 2^12: with k products a column, (2k + 2) H 2^52 + 2^12 < 2^63 holds for k <= 4 and H <= 200.
//!
//! Finding out what to fold next takes the lowest ten columns only. So a fold stops when these are complete, the next
//! block's multiplier is computed, and the rest of the fold fills the time that its long chains of dependent sums take.

use super::features::simd;
use super::lanes::Lanes;
use super::multiply::{BLOCK, Block, load_block, step, store_block, ten_steps};
use crate::arith::backend::words::Row;

/// The most limbs of a number for which the bound on columns holds.
pub(super) const MAX_LIMBS: usize = 200;

/// What a reduction needs to know of eight moduli.
#[derive(Clone, Copy)]
pub(super) struct Reducer<'a> {
    /// n in H limbs.
    pub modulus: &'a [Row],
    /// n'' in H limbs.
    pub folded: &'a [Row],
    /// n' in ten limbs.
    pub inverse: &'a Block,
}

/// One limb of the low half of x times n'. The carry comes last, so that no column waits for the one below it.
macro_rules! quotient_column {
    ($inverse:ident, $carry:ident, $quotient:ident[$k:literal]: $($x:ident $j:literal),*; $($y:ident $l:literal),*) => {
        let low = Lanes::zero();
        let high = Lanes::zero();
        $(let low = low.add_low($x, Lanes::load(&$inverse[$j]));)*
        $(let high = high.add_high($y, Lanes::load(&$inverse[$l]));)*
        let sum = low.add(high).add($carry);
        sum.limb().store(&mut $quotient[$k]);
        $carry = sum.carry();
    };
}

simd! {
    /// The first block of the quotient of T, which is not negative; [`continue_quotient`] comes next.
    pub(super) fn begin_quotient(columns: &mut [Row], quotient: &mut [Row], reducer: Reducer<'_>) {
        let (lowest, _) = normalise(columns.first_chunk().expect("columns have a block"));
        multiply_inverse(lowest, reducer.inverse, quotient.first_chunk_mut().expect("a quotient has a block"));
    }

    /// The second block of the quotient, if it has one; [`end_quotient`] comes next.
    pub(super) fn continue_quotient(columns: &mut [Row], quotient: &mut [Row], reducer: Reducer<'_>) {
        if let [first, second, ..] = quotient.as_chunks_mut().0 {
            fold(columns, first, reducer, second);
        }
    }

    /// The rest of the quotient, and out = columns / R mod n; destroys the columns.
    pub(super) fn end_quotient(columns: &mut [Row], out: &mut [Row], quotient: &mut [Row], reducer: Reducer<'_>) {
        let (blocks, _) = quotient.as_chunks_mut::<BLOCK>();
        let last = blocks.len() - 1;
        for index in 1..last {
            let (done, next) = blocks.split_at_mut(index + 1);
            fold(&mut columns[index * BLOCK..], &done[index], reducer, &mut next[0]);
        }
        fold_last(&mut columns[last * BLOCK..], &blocks[last], reducer.modulus, out);
    }

    /// out = columns / R mod n; destroys the columns and the content of `multiplier`. T is above -R.
    pub(super) fn reduce(columns: &mut [Row], out: &mut [Row], multiplier: &mut Block, reducer: Reducer<'_>) {
        let last = out.len() / BLOCK - 1;
        let (lowest, carry) = normalise(columns.first_chunk().expect("columns have a block"));
        if last == 0 {
            multiply_inverse(lowest, reducer.inverse, multiplier);
        } else {
            store_block(lowest, multiplier);
            Lanes::load(&columns[BLOCK]).add(carry).store(&mut columns[BLOCK]);
        }
        for index in 1..=last {
            let columns = &mut columns[index * BLOCK..];
            if index == last {
                fold_low::<true>(columns, multiplier, reducer);
            } else {
                fold_low::<false>(columns, multiplier, reducer);
            }
        }
        fold_last(&mut columns[last * BLOCK..], multiplier, reducer.modulus, out);
    }

    /// columns += q n, whose lowest ten columns become zero but for a carry; `next` = the quotient's next block.
    fn fold(columns: &mut [Row], q: &Block, reducer: Reducer<'_>, next: &mut Block) {
        let (limbs, _) = reducer.modulus.as_chunks::<BLOCK>();
        let [a0, a1, a2, a3, a4, a5, a6, a7, a8, a9] = load_block(q);
        let window: &mut [Row; 3 * BLOCK] = columns.first_chunk_mut().expect("columns cover three blocks");
        let [mut r0, mut r1, mut r2, mut r3, mut r4, mut r5, mut r6, mut r7, mut r8, mut r9] =
            load_block(window.first_chunk().expect("a window has a block"));
        let mut carry = Lanes::zero();
        ten_steps!(k, Lanes::load(&limbs[0][k]), [a0 a1 a2 a3 a4 a5 a6 a7 a8 a9] [r0 r1 r2 r3 r4 r5 r6 r7 r8 r9],
            column => carry = column.add(carry).carry(), Lanes::load(&window[BLOCK + k]));
        r0 = r0.add(carry);
        ten_steps!(k, Lanes::load(&limbs[1][k]), [a0 a1 a2 a3 a4 a5 a6 a7 a8 a9] [r0 r1 r2 r3 r4 r5 r6 r7 r8 r9],
            column => column.store(&mut window[BLOCK + k]), Lanes::load(&window[2 * BLOCK + k]));
        let (lowest, _) = normalise(window[BLOCK..].first_chunk().expect("a window has two blocks"));
        multiply_inverse(lowest, reducer.inverse, next);
        for (index, limbs) in limbs.iter().enumerate().skip(2) {
            let window: &mut [Row; 2 * BLOCK] = columns[index * BLOCK..].first_chunk_mut().expect("columns cover both");
            ten_steps!(k, Lanes::load(&limbs[k]), [a0 a1 a2 a3 a4 a5 a6 a7 a8 a9] [r0 r1 r2 r3 r4 r5 r6 r7 r8 r9],
                column => column.store(&mut window[k]), Lanes::load(&window[BLOCK + k]));
        }
        store_block([r0, r1, r2, r3, r4, r5, r6, r7, r8, r9], &mut columns[limbs.len() * BLOCK..]);
    }

    /// columns += x n'' for the columns above the block x; the multiplier becomes that of the next fold: the next
    /// block, or the quotient where the next is the `LAST`.
    fn fold_low<const LAST: bool>(columns: &mut [Row], multiplier: &mut Block, reducer: Reducer<'_>) {
        let (limbs, _) = reducer.folded.as_chunks::<BLOCK>();
        let [a0, a1, a2, a3, a4, a5, a6, a7, a8, a9] = load_block(multiplier);
        let window: &mut [Row; 2 * BLOCK] = columns.first_chunk_mut().expect("columns cover two blocks");
        let [mut r0, mut r1, mut r2, mut r3, mut r4, mut r5, mut r6, mut r7, mut r8, mut r9] =
            load_block(window.first_chunk().expect("a window has a block"));
        ten_steps!(k, Lanes::load(&limbs[0][k]), [a0 a1 a2 a3 a4 a5 a6 a7 a8 a9] [r0 r1 r2 r3 r4 r5 r6 r7 r8 r9],
            column => column.store(&mut window[k]), Lanes::load(&window[BLOCK + k]));
        let (lowest, carry) = normalise(window.first_chunk().expect("a window has a block"));
        if LAST {
            // The columns keep their carry: the last fold makes it once more.
            multiply_inverse(lowest, reducer.inverse, multiplier);
        } else {
            store_block(lowest, multiplier);
            r0 = r0.add(carry);
        }
        for (index, limbs) in limbs.iter().enumerate().skip(1) {
            let window: &mut [Row; 2 * BLOCK] = columns[index * BLOCK..].first_chunk_mut().expect("columns cover both");
            ten_steps!(k, Lanes::load(&limbs[k]), [a0 a1 a2 a3 a4 a5 a6 a7 a8 a9] [r0 r1 r2 r3 r4 r5 r6 r7 r8 r9],
                column => column.store(&mut window[k]), Lanes::load(&window[BLOCK + k]));
        }
        store_block([r0, r1, r2, r3, r4, r5, r6, r7, r8, r9], &mut columns[limbs.len() * BLOCK..]);
    }

    /// out = (columns + q n) / 2^520, normalised.
    fn fold_last(columns: &mut [Row], q: &Block, modulus: &[Row], out: &mut [Row]) {
        let (limbs, _) = modulus.as_chunks::<BLOCK>();
        let (out, _) = out.as_chunks_mut::<BLOCK>();
        let [a0, a1, a2, a3, a4, a5, a6, a7, a8, a9] = load_block(q);
        let window: &[Row; 2 * BLOCK] = columns.first_chunk().expect("columns cover two blocks");
        let [mut r0, mut r1, mut r2, mut r3, mut r4, mut r5, mut r6, mut r7, mut r8, mut r9] =
            load_block(window.first_chunk().expect("a window has a block"));
        let mut carry = Lanes::zero();
        ten_steps!(k, Lanes::load(&limbs[0][k]), [a0 a1 a2 a3 a4 a5 a6 a7 a8 a9] [r0 r1 r2 r3 r4 r5 r6 r7 r8 r9],
            column => carry = column.add(carry).carry(), Lanes::load(&window[BLOCK + k]));
        for (index, limbs) in limbs.iter().enumerate().skip(1) {
            let window: &[Row; 2 * BLOCK] = columns[index * BLOCK..].first_chunk().expect("columns cover both");
            let out = &mut out[index - 1];
            ten_steps!(k, Lanes::load(&limbs[k]), [a0 a1 a2 a3 a4 a5 a6 a7 a8 a9] [r0 r1 r2 r3 r4 r5 r6 r7 r8 r9],
                column => {
                    let sum = column.add(carry);
                    sum.limb().store(&mut out[k]);
                    carry = sum.carry();
                }, Lanes::load(&window[BLOCK + k]));
        }
        let highest = &mut out[limbs.len() - 1];
        for (column, out) in [r0, r1, r2, r3, r4, r5, r6, r7, r8, r9].into_iter().zip(highest) {
            let sum = column.add(carry);
            sum.limb().store(out);
            carry = sum.carry();
        }
    }

    /// The limbs of ten columns, and what is carried above them.
    fn normalise(columns: &Block) -> ([Lanes; BLOCK], Lanes) {
        let mut limbs = load_block(columns);
        let mut carry = Lanes::zero();
        for limb in &mut limbs {
            let sum = limb.add(carry);
            carry = sum.carry();
            *limb = sum.limb();
        }
        (limbs, carry)
    }

    /// quotient = x n' mod 2^520.
    fn multiply_inverse(x: [Lanes; BLOCK], inverse: &Block, quotient: &mut Block) {
        let [x0, x1, x2, x3, x4, x5, x6, x7, x8, x9] = x;
        let mut carry = Lanes::zero();
        quotient_column!(inverse, carry, quotient[0]: x0 0;);
        quotient_column!(inverse, carry, quotient[1]: x0 1, x1 0; x0 0);
        quotient_column!(inverse, carry, quotient[2]: x0 2, x1 1, x2 0; x0 1, x1 0);
        quotient_column!(inverse, carry, quotient[3]: x0 3, x1 2, x2 1, x3 0; x0 2, x1 1, x2 0);
        quotient_column!(inverse, carry, quotient[4]: x0 4, x1 3, x2 2, x3 1, x4 0; x0 3, x1 2, x2 1, x3 0);
        quotient_column!(inverse, carry, quotient[5]: x0 5, x1 4, x2 3, x3 2, x4 1, x5 0; x0 4, x1 3, x2 2, x3 1, x4 0);
        quotient_column!(inverse, carry, quotient[6]: x0 6, x1 5, x2 4, x3 3, x4 2, x5 1, x6 0;
            x0 5, x1 4, x2 3, x3 2, x4 1, x5 0);
        quotient_column!(inverse, carry, quotient[7]: x0 7, x1 6, x2 5, x3 4, x4 3, x5 2, x6 1, x7 0;
            x0 6, x1 5, x2 4, x3 3, x4 2, x5 1, x6 0);
        quotient_column!(inverse, carry, quotient[8]: x0 8, x1 7, x2 6, x3 5, x4 4, x5 3, x6 2, x7 1, x8 0;
            x0 7, x1 6, x2 5, x3 4, x4 3, x5 2, x6 1, x7 0);
        quotient_column!(inverse, carry, quotient[9]: x0 9, x1 8, x2 7, x3 6, x4 5, x5 4, x6 3, x7 2, x8 1, x9 0;
            x0 8, x1 7, x2 6, x3 5, x4 4, x5 3, x6 2, x7 1, x8 0);
        let _ = carry;
    }
}
