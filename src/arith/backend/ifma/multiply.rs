//! Products of long numbers, eight at a time, into columns.
//!
//! A number has H limbs of 52 bits, a row of eight lanes each, H a multiple of [`BLOCK`]. Its limbs are normalised: in
//! [0, 2^52). Column j of a product collects the low halves of all a_i b_k with i + k = j and the high halves of those
//! with i + k = j - 1; there is no carry between columns until [`reduce`](super::reduce) makes one pass. A column of
//! one product of H limbs stays below 2H 2^52, since each half is below 2^52.
//!
//! The schedule is block operand scanning: ten limbs of a stay in registers while b passes by, and ten column sums move
//! along with it, also in registers. A step takes one limb of b, adds ten low halves, retires the lowest column, takes
//! in the next one in its register and adds ten high halves. No register is moved: after ten steps every sum is back in
//! the register that it had.

use std::ops::Range;

use super::features::simd;
use super::lanes::Lanes;
use crate::arith::backend::words::Row;

/// Limbs that stay in registers.
pub(super) const BLOCK: usize = 10;

/// Ten limbs.
pub(super) type Block = [Row; BLOCK];

/// One step: see the module. `$k` is its position in the expressions, `$retired` the column that is complete.
macro_rules! step {
    ($k:ident = $position:literal, $limb:expr, [$($a:ident)*] [$r0:ident $($r:ident)*],
     $retired:ident => $retire:expr, $next:expr) => {
        let $k = $position;
        let limb: Lanes = $limb;
        step!(@low limb, [$($a)*] [$r0 $($r)*]);
        let $retired = $r0;
        $retire;
        $r0 = $next;
        step!(@high limb, [$($a)*] [$($r)* $r0]);
    };
    (@low $limb:ident, [$($a:ident)*] [$($r:ident)*]) => { $($r = $r.add_low($a, $limb);)* };
    (@high $limb:ident, [$($a:ident)*] [$($r:ident)*]) => { $($r = $r.add_high($a, $limb);)* };
}

/// Ten steps, with the column sums in `$r0` to `$r9`.
macro_rules! ten_steps {
    ($k:ident, $limb:expr, $a:tt [$r0:ident $r1:ident $r2:ident $r3:ident $r4:ident
      $r5:ident $r6:ident $r7:ident $r8:ident $r9:ident], $retired:ident => $retire:expr, $next:expr) => {
        step!($k = 0, $limb, $a [$r0 $r1 $r2 $r3 $r4 $r5 $r6 $r7 $r8 $r9], $retired => $retire, $next);
        step!($k = 1, $limb, $a [$r1 $r2 $r3 $r4 $r5 $r6 $r7 $r8 $r9 $r0], $retired => $retire, $next);
        step!($k = 2, $limb, $a [$r2 $r3 $r4 $r5 $r6 $r7 $r8 $r9 $r0 $r1], $retired => $retire, $next);
        step!($k = 3, $limb, $a [$r3 $r4 $r5 $r6 $r7 $r8 $r9 $r0 $r1 $r2], $retired => $retire, $next);
        step!($k = 4, $limb, $a [$r4 $r5 $r6 $r7 $r8 $r9 $r0 $r1 $r2 $r3], $retired => $retire, $next);
        step!($k = 5, $limb, $a [$r5 $r6 $r7 $r8 $r9 $r0 $r1 $r2 $r3 $r4], $retired => $retire, $next);
        step!($k = 6, $limb, $a [$r6 $r7 $r8 $r9 $r0 $r1 $r2 $r3 $r4 $r5], $retired => $retire, $next);
        step!($k = 7, $limb, $a [$r7 $r8 $r9 $r0 $r1 $r2 $r3 $r4 $r5 $r6], $retired => $retire, $next);
        step!($k = 8, $limb, $a [$r8 $r9 $r0 $r1 $r2 $r3 $r4 $r5 $r6 $r7], $retired => $retire, $next);
        step!($k = 9, $limb, $a [$r9 $r0 $r1 $r2 $r3 $r4 $r5 $r6 $r7 $r8], $retired => $retire, $next);
    };
}

pub(super) use {step, ten_steps};

simd! {
    /// columns = a b, in as many columns as both have limbs.
    pub(super) fn multiply(columns: &mut [Row], a: &[Row], b: &[Row]) {
        multiply_blocks(columns, a, b, 0..a.len() / BLOCK);
    }

    /// The share of some blocks of a in a b; those before them have been there.
    pub(super) fn multiply_blocks(columns: &mut [Row], a: &[Row], b: &[Row], blocks: Range<usize>) {
        for index in blocks {
            let block: &Block = a[index * BLOCK..].first_chunk().expect("a has the block");
            let columns = &mut columns[index * BLOCK..];
            if index == 0 {
                multiply_block::<false, false>(columns, block, b);
            } else {
                multiply_block::<true, false>(columns, block, b);
            }
        }
    }

    /// columns += a b, in as many columns as both have limbs.
    pub(super) fn multiply_add(columns: &mut [Row], a: &[Row], b: &[Row]) {
        for (index, block) in a.as_chunks().0.iter().enumerate() {
            multiply_block::<true, true>(&mut columns[index * BLOCK..], block, b);
        }
    }

    /// columns = a^2, in twice as many columns as a has limbs.
    ///
    /// The products of different blocks come first, once; then each diagonal block doubles what its 20 columns hold,
    /// its own products of different limbs included, and adds the squares. The bound on the columns is that of a
    /// product.
    pub(super) fn square(columns: &mut [Row], a: &[Row]) {
        let (blocks, _) = a.as_chunks::<BLOCK>();
        for (index, block) in blocks.iter().enumerate() {
            let above = &a[(index + 1) * BLOCK..];
            let columns = &mut columns[(2 * index + 1) * BLOCK..];
            match (index, above.len()) {
                (_, 0) => {}
                (0, _) => multiply_block::<false, false>(columns, block, above),
                _ => multiply_block::<true, false>(columns, block, above),
            }
        }
        // The lowest and the highest ten columns belong to a diagonal block alone.
        columns[..BLOCK].fill(Row::default());
        let highest = columns.len() - BLOCK;
        columns[highest..].fill(Row::default());
        for (block, columns) in blocks.iter().zip(columns.as_chunks_mut().0) {
            square_block(columns, block);
        }
    }

    /// columns += block b, in ten columns more than b has limbs. `HELD`: the columns hold something, except for the
    /// last ten unless `ALL`.
    fn multiply_block<const HELD: bool, const ALL: bool>(columns: &mut [Row], block: &Block, b: &[Row]) {
        let [a0, a1, a2, a3, a4, a5, a6, a7, a8, a9] = load_block(block);
        let (steps, _) = b.as_chunks::<BLOCK>();
        let held: &Block = columns.first_chunk().expect("columns cover a block");
        let [mut r0, mut r1, mut r2, mut r3, mut r4, mut r5, mut r6, mut r7, mut r8, mut r9] =
            if HELD { load_block(held) } else { [Lanes::zero(); BLOCK] };
        for (index, limbs) in steps.iter().enumerate() {
            let window: &mut [Row; 2 * BLOCK] = columns[index * BLOCK..].first_chunk_mut().expect("columns cover both");
            if ALL || (HELD && index + 1 < steps.len()) {
                ten_steps!(k, Lanes::load(&limbs[k]), [a0 a1 a2 a3 a4 a5 a6 a7 a8 a9] [r0 r1 r2 r3 r4 r5 r6 r7 r8 r9],
                    column => column.store(&mut window[k]), Lanes::load(&window[BLOCK + k]));
            } else {
                ten_steps!(k, Lanes::load(&limbs[k]), [a0 a1 a2 a3 a4 a5 a6 a7 a8 a9] [r0 r1 r2 r3 r4 r5 r6 r7 r8 r9],
                    column => column.store(&mut window[k]), Lanes::zero());
            }
        }
        store_block([r0, r1, r2, r3, r4, r5, r6, r7, r8, r9], &mut columns[b.len()..]);
    }

    pub(super) fn load_block(block: &Block) -> [Lanes; BLOCK] {
        [
            Lanes::load(&block[0]), Lanes::load(&block[1]), Lanes::load(&block[2]), Lanes::load(&block[3]),
            Lanes::load(&block[4]), Lanes::load(&block[5]), Lanes::load(&block[6]), Lanes::load(&block[7]),
            Lanes::load(&block[8]), Lanes::load(&block[9]),
        ]
    }

    pub(super) fn store_block(block: [Lanes; BLOCK], rows: &mut [Row]) {
        for (limb, row) in block.into_iter().zip(&mut rows[..BLOCK]) {
            limb.store(row);
        }
    }
}

/// One column of the square of ten limbs: the pairs whose low and whose high halves it gets, and the square.
macro_rules! square_column {
    ($columns:ident, $j:literal: $($low:ident $low_too:ident),*; $($high:ident $high_too:ident),*;
        $half:ident $root:ident) => {
        let low = Lanes::load(&$columns[$j]);
        let high = Lanes::zero();
        $(let low = low.add_low($low, $low_too);)*
        $(let high = high.add_high($high, $high_too);)*
        low.add(high).double().$half($root, $root).store(&mut $columns[$j]);
    };
}

simd! {
    /// columns = 2 columns + block^2.
    fn square_block(columns: &mut [Row; 2 * BLOCK], block: &Block) {
        let [a0, a1, a2, a3, a4, a5, a6, a7, a8, a9] = load_block(block);
        square_column!(columns, 0:; ; add_low a0);
        square_column!(columns, 1: a0 a1; ; add_high a0);
        square_column!(columns, 2: a0 a2; a0 a1; add_low a1);
        square_column!(columns, 3: a0 a3, a1 a2; a0 a2; add_high a1);
        square_column!(columns, 4: a0 a4, a1 a3; a0 a3, a1 a2; add_low a2);
        square_column!(columns, 5: a0 a5, a1 a4, a2 a3; a0 a4, a1 a3; add_high a2);
        square_column!(columns, 6: a0 a6, a1 a5, a2 a4; a0 a5, a1 a4, a2 a3; add_low a3);
        square_column!(columns, 7: a0 a7, a1 a6, a2 a5, a3 a4; a0 a6, a1 a5, a2 a4; add_high a3);
        square_column!(columns, 8: a0 a8, a1 a7, a2 a6, a3 a5; a0 a7, a1 a6, a2 a5, a3 a4; add_low a4);
        square_column!(columns, 9: a0 a9, a1 a8, a2 a7, a3 a6, a4 a5; a0 a8, a1 a7, a2 a6, a3 a5; add_high a4);
        square_column!(columns, 10: a1 a9, a2 a8, a3 a7, a4 a6; a0 a9, a1 a8, a2 a7, a3 a6, a4 a5; add_low a5);
        square_column!(columns, 11: a2 a9, a3 a8, a4 a7, a5 a6; a1 a9, a2 a8, a3 a7, a4 a6; add_high a5);
        square_column!(columns, 12: a3 a9, a4 a8, a5 a7; a2 a9, a3 a8, a4 a7, a5 a6; add_low a6);
        square_column!(columns, 13: a4 a9, a5 a8, a6 a7; a3 a9, a4 a8, a5 a7; add_high a6);
        square_column!(columns, 14: a5 a9, a6 a8; a4 a9, a5 a8, a6 a7; add_low a7);
        square_column!(columns, 15: a6 a9, a7 a8; a5 a9, a6 a8; add_high a7);
        square_column!(columns, 16: a7 a9; a6 a9, a7 a8; add_low a8);
        square_column!(columns, 17: a8 a9; a7 a9; add_high a8);
        square_column!(columns, 18:; a8 a9; add_low a9);
        square_column!(columns, 19:; ; add_high a9);
    }
}
