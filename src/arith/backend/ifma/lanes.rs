//! Eight 64-bit lanes, and the only `unsafe` code of this backend besides its dispatch.
//!
//! One rule makes every function sound: they are compiled for the features of [`simd`](super::features::simd) and safe
//! functions of them, so that code without these features can call them in an `unsafe` block only, which `dispatch.rs`
//! does after it has asked the processor. The pointers of loads and stores come from references to as many bytes as the
//! instruction touches.

use std::arch::x86_64::*;

use super::features::simd;
use crate::arith::backend::words::Row;

/// Bits of a limb.
pub(super) const LIMB_BITS: u32 = 52;
/// The largest limb.
pub(super) const LIMB_MASK: u64 = (1 << LIMB_BITS) - 1;
/// Lanes of a vector.
pub(super) const WIDTH: usize = 8;

/// One 64-bit number a lane, signed where a function says so.
#[derive(Clone, Copy)]
pub(super) struct Lanes(__m512i);

/// A set of lanes.
#[derive(Clone, Copy)]
pub(super) struct Mask(__mmask8);

impl Mask {
    pub fn from_bits(bits: u8) -> Mask {
        Mask(bits)
    }
}

simd! {
    impl Lanes {
        pub fn load(row: &Row) -> Lanes {
            // SAFETY: a row is 64 bytes, aligned to 64.
            Lanes(unsafe { _mm512_load_si512(row.0.as_ptr().cast()) })
        }

        pub fn load_unaligned(words: &[u64; WIDTH]) -> Lanes {
            // SAFETY: eight words are 64 bytes, and the instruction asks for no alignment.
            Lanes(unsafe { _mm512_loadu_si512(words.as_ptr().cast()) })
        }

        pub fn store(self, row: &mut Row) {
            // SAFETY: a row is 64 bytes, aligned to 64.
            unsafe { _mm512_store_si512(row.0.as_mut_ptr().cast(), self.0) }
        }

        pub fn store_unaligned(self, words: &mut [u64; WIDTH]) {
            // SAFETY: eight words are 64 bytes, and the instruction asks for no alignment.
            unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), self.0) }
        }

        pub fn zero() -> Lanes {
            Lanes(_mm512_setzero_si512())
        }

        pub fn splat(word: u64) -> Lanes {
            Lanes(_mm512_set1_epi64(word as i64))
        }

        /// self + the low 52 bits of a * b, for the low 52 bits of a and b.
        pub fn add_low(self, a: Lanes, b: Lanes) -> Lanes {
            Lanes(_mm512_madd52lo_epu64(self.0, a.0, b.0))
        }

        /// self + the high 52 bits of a * b, for the low 52 bits of a and b.
        pub fn add_high(self, a: Lanes, b: Lanes) -> Lanes {
            Lanes(_mm512_madd52hi_epu64(self.0, a.0, b.0))
        }

        pub fn add(self, other: Lanes) -> Lanes {
            Lanes(_mm512_add_epi64(self.0, other.0))
        }

        pub fn sub(self, other: Lanes) -> Lanes {
            Lanes(_mm512_sub_epi64(self.0, other.0))
        }

        pub fn double(self) -> Lanes {
            self.add(self)
        }

        /// Zero from 64 bits on.
        pub fn shift_left(self, bits: u64) -> Lanes {
            Lanes(_mm512_sllv_epi64(self.0, _mm512_set1_epi64(bits as i64)))
        }

        /// Of an unsigned number; zero from 64 bits on.
        pub fn shift_right(self, bits: u64) -> Lanes {
            Lanes(_mm512_srlv_epi64(self.0, _mm512_set1_epi64(bits as i64)))
        }

        /// The low 52 bits.
        pub fn limb(self) -> Lanes {
            Lanes(_mm512_and_si512(self.0, _mm512_set1_epi64(LIMB_MASK as i64)))
        }

        /// floor(self / 2^52) of a signed number.
        pub fn carry(self) -> Lanes {
            Lanes(_mm512_srai_epi64::<LIMB_BITS>(self.0))
        }

        pub fn negative(self) -> Mask {
            Mask(_mm512_movepi64_mask(self.0))
        }

        pub fn equal(self, other: Lanes) -> Mask {
            Mask(_mm512_cmpeq_epi64_mask(self.0, other.0))
        }

        /// Lane l = lane i of self and `other`, taken for sixteen lanes together, for the low four bits i of lane l of
        /// `indices`.
        pub fn permute_two(self, indices: Lanes, other: Lanes) -> Lanes {
            Lanes(_mm512_permutex2var_epi64(self.0, indices.0, other.0))
        }

        /// Lanes of `other` in the mask, of self elsewhere.
        pub fn blend(self, mask: Mask, other: Lanes) -> Lanes {
            Lanes(_mm512_mask_mov_epi64(self.0, mask.0, other.0))
        }

        /// The word in the lanes of the mask, self elsewhere.
        pub fn blend_splat(self, mask: Mask, word: u64) -> Lanes {
            Lanes(_mm512_mask_set1_epi64(self.0, mask.0, word as i64))
        }
    }

    /// Lane j of vector i becomes lane i of vector j.
    pub fn transpose(rows: [Lanes; WIDTH]) -> [Lanes; WIDTH] {
        let [a, b, c, d, e, f, g, h] = rows.map(|row| row.0);
        // Pairs of rows, then pairs of pairs: ab_even holds columns 0, 2, 4, 6 of rows a and b, one in each 128 bits.
        let (ab_even, ab_odd) = (_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
        let (cd_even, cd_odd) = (_mm512_unpacklo_epi64(c, d), _mm512_unpackhi_epi64(c, d));
        let (ef_even, ef_odd) = (_mm512_unpacklo_epi64(e, f), _mm512_unpackhi_epi64(e, f));
        let (gh_even, gh_odd) = (_mm512_unpacklo_epi64(g, h), _mm512_unpackhi_epi64(g, h));
        let [out0, out4, out2, out6] = quarters([ab_even, cd_even, ef_even, gh_even]);
        let [out1, out5, out3, out7] = quarters([ab_odd, cd_odd, ef_odd, gh_odd]);
        [out0, out1, out2, out3, out4, out5, out6, out7].map(Lanes)
    }

    /// Of four vectors of four 128-bit columns each: columns 0, 2, 1 and 3 across all of them.
    fn quarters([ab, cd, ef, gh]: [__m512i; 4]) -> [__m512i; 4] {
        let (left_even, left_odd) = (_mm512_shuffle_i64x2::<0x88>(ab, cd), _mm512_shuffle_i64x2::<0xdd>(ab, cd));
        let (right_even, right_odd) = (_mm512_shuffle_i64x2::<0x88>(ef, gh), _mm512_shuffle_i64x2::<0xdd>(ef, gh));
        [
            _mm512_shuffle_i64x2::<0x88>(left_even, right_even),
            _mm512_shuffle_i64x2::<0xdd>(left_even, right_even),
            _mm512_shuffle_i64x2::<0x88>(left_odd, right_odd),
            _mm512_shuffle_i64x2::<0xdd>(left_odd, right_odd),
        ]
    }

    /// Asks for the cache line of a word.
    pub fn prefetch(word: &u64) {
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(word).cast());
    }
}
