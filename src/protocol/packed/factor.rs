//! How the rows of a product A X lie in plaintexts, and the other server's ciphertexts of its right factor X.
//!
//! A row of c values fills floor(c / t) plaintexts of t slots. What is left of `together` rows of the product lies in one
//! plaintext more: the left-over columns of X are encrypted `together` times, each time moved on by their number, so that one
//! multi-exponentiation brings the left-overs of as many rows, each to its place.

use rug::Integer;

use crate::arith::{Engine, Exponents};
use crate::error::Error;
use crate::paillier::{Ciphertexts, PaillierError, SlotLayout};
use crate::secret::{SecretIntegers, SecretLimbs};

use super::share::Share;

/// A result that is sent costs its randomiser and its decryption, about as much as so many fresh ciphertexts of a factor:
/// `rerandomize` and `decrypt` beside `encrypt_owner` in `smlp primitives`.
const FRESH_OF_A_RESULT: u64 = 7;

/// How long the ciphertexts of a factor serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lifetime {
    /// For one product.
    Once,
    /// For so many.
    Products(u64),
}

/// How the rows of a product and of its right factor lie in plaintexts. Both servers' ciphertexts of a factor lie alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProductLayout {
    slots: SlotLayout,
    pub columns: usize,
    /// Rows of the product whose left-over columns share a plaintext.
    together: usize,
}

impl ProductLayout {
    /// For products of `outputs` rows, of factors with `inner` rows.
    pub fn new(
        slots: SlotLayout,
        columns: usize,
        (outputs, inner): (usize, usize),
        lifetime: Lifetime,
    ) -> ProductLayout {
        let rest = columns % slots.slots as usize;
        let most = (slots.slots as usize).checked_div(rest).unwrap_or(1).clamp(1, outputs.max(1));
        let uses = match lifetime {
            Lifetime::Once => 1,
            Lifetime::Products(uses) => uses,
        };
        let cost = |together: usize| {
            let results = uses.saturating_mul(outputs.div_ceil(together) as u64);
            results.saturating_mul(FRESH_OF_A_RESULT).saturating_add((inner * together) as u64)
        };
        let together = (1..=most).min_by_key(|together| cost(*together)).unwrap_or(1);
        ProductLayout { slots, columns, together }
    }

    /// Slots of a plaintext.
    pub fn slots(&self) -> u32 {
        self.slots.slots
    }

    /// Plaintexts that a row fills.
    fn whole(&self) -> usize {
        self.columns / self.slots.slots as usize
    }

    /// Columns that are left.
    fn rest(&self) -> usize {
        self.columns % self.slots.slots as usize
    }

    /// How often left-over columns of a factor are encrypted, if there are any.
    fn copies(&self) -> usize {
        if self.rest() == 0 { 0 } else { self.together }
    }

    /// Plaintexts that hold left-overs, of a product of `outputs` rows.
    fn shared(&self, outputs: usize) -> usize {
        if self.rest() == 0 { 0 } else { outputs.div_ceil(self.together) }
    }

    /// Plaintexts of a product of `outputs` rows.
    pub fn plaintexts(&self, outputs: usize) -> usize {
        outputs * self.whole() + self.shared(outputs)
    }

    /// Plaintexts of a factor of `inner` rows.
    pub fn factor_plaintexts(&self, inner: usize) -> usize {
        inner * self.factor_per_row()
    }

    fn factor_per_row(&self) -> usize {
        self.whole() + self.copies()
    }

    /// Plaintexts of a product, linear, signed, unreduced (rule 5): those that rows fill, \[outputs\]\[whole\], then those
    /// that they share.
    pub fn pack(&self, product: &Share) -> SecretIntegers {
        let rests: Vec<&[Integer]> = self.rows(product).map(|(_, rest)| rest).collect();
        let together = rests.chunks(self.together).take(self.shared(product.rows()));
        let shared = together.map(|rests| {
            let values: SecretIntegers = rests.iter().copied().flatten().cloned().collect();
            self.slots.pack(&values)
        });
        self.pack_whole(product).chain(shared).collect()
    }

    /// The inverse of [`ProductLayout::pack`] for plaintexts whose slots all lie in [0, 2^slot_bits).
    ///
    /// # Errors
    /// If a plaintext is negative or too long: a value left its declared bound.
    pub fn unpack(&self, plaintexts: &[Integer], outputs: usize) -> Result<Share, PaillierError> {
        let (slots, rest) = (self.slots.slots as usize, self.rest());
        let (whole, shared) = plaintexts.split_at(outputs * self.whole());
        let unpack = |plaintexts: &[Integer], count: usize| -> Result<SecretIntegers, PaillierError> {
            let values = plaintexts.iter().map(|plaintext| self.slots.unpack(plaintext, count));
            Ok(values.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
        };
        let (whole, last) = (unpack(whole, slots)?, outputs % self.together);
        let (full, short) = shared.split_at(shared.len() - usize::from(last > 0 && rest > 0));
        let (full, short) = (unpack(full, self.together * rest)?, unpack(short, last * rest)?);
        let in_row = |row: usize, width: usize| row * width..(row + 1) * width;
        let rests: Vec<&Integer> = full.iter().chain(short.iter()).collect();
        let row = |row: usize| {
            let filled = whole[in_row(row, self.whole() * slots)].iter();
            filled.chain(rests[in_row(row, rest)].iter().copied()).cloned()
        };
        Ok(Share::new(outputs, self.columns, (0..outputs).flat_map(row).collect()))
    }

    /// Plaintexts of a factor: those that rows fill, \[inner\]\[whole\], then the left-overs, \[together\]\[inner\].
    pub fn pack_factor(&self, factor: &Share) -> SecretIntegers {
        let moved = |times: usize| {
            let shift = self.slots.slot_bits * (times * self.rest()) as u32;
            self.rows(factor).map(move |(_, rest)| self.slots.pack(rest) << shift)
        };
        self.pack_whole(factor).chain((0..self.copies()).flat_map(moved)).collect()
    }

    /// The plaintexts that rows fill, \[rows\]\[whole\].
    fn pack_whole(&self, matrix: &Share) -> impl Iterator<Item = Integer> {
        let filled = self.rows(matrix).flat_map(|(filled, _)| filled.chunks(self.slots.slots as usize));
        filled.map(|values| self.slots.pack(values))
    }

    /// Of each row the columns that fill plaintexts, and the others.
    fn rows<'a>(&self, matrix: &'a Share) -> impl Iterator<Item = (&'a [Integer], &'a [Integer])> {
        assert_eq!(matrix.columns(), self.columns, "columns of the layout");
        let filled = self.columns - self.rest();
        (0..matrix.rows()).map(move |row| matrix.row(row).split_at(filled))
    }
}

/// The other server's ciphertexts of a factor.
#[derive(Clone)]
pub(super) struct EncryptedFactor {
    pub layout: ProductLayout,
    ciphertexts: Ciphertexts,
}

impl EncryptedFactor {
    /// As [`ProductLayout::pack_factor`] has them.
    pub fn new(layout: ProductLayout, ciphertexts: Ciphertexts) -> Self {
        EncryptedFactor { layout, ciphertexts }
    }

    /// All of them.
    pub fn ciphertexts(&self) -> &Ciphertexts {
        &self.ciphertexts
    }

    /// Factors of a sum in the exponents of one plaintext of a product.
    pub fn terms(&self) -> usize {
        self.inner() * self.layout.copies().max(1)
    }

    fn inner(&self) -> usize {
        self.ciphertexts.len() / self.layout.factor_per_row()
    }

    /// The encrypted product of the matrix in the exponents \[outputs\]\[inner\], each raised by 2^offset_bits, with this one,
    /// as [`ProductLayout::pack`] has it: multi-exponentiations of a column of whole plaintexts for each row, and one of all
    /// left-overs, \[together\]\[inner\], for each plaintext that rows share.
    pub fn multiplied_by(
        &self,
        engine: &Engine,
        exponents: &Share,
        offset_bits: u32,
        exponent_bits: u32,
    ) -> Result<Ciphertexts, Error> {
        let (inner, outputs, whole) = (self.inner(), exponents.rows(), self.layout.whole());
        let rows = exponents.exponents(offset_bits, exponent_bits);
        let mut parts = Vec::new();
        if whole > 0 {
            let bases: Vec<usize> =
                (0..whole).flat_map(|group| (0..inner).map(move |row| row * whole + group)).collect();
            let all = (0..whole).flat_map(|_| rows.iter().cloned()).collect();
            let all = Exponents::single_use(all, exponent_bits);
            let powers = self.ciphertexts.gather(&bases).multi_power(engine, &all, whole)?;
            let by_output: Vec<usize> =
                (0..outputs).flat_map(|output| (0..whole).map(move |group| group * outputs + output)).collect();
            parts.push(powers.gather(&by_output));
        }
        let shared = self.layout.shared(outputs);
        if shared > 0 {
            // Row after row, which is \[shared\]\[together\]\[inner\]; places that no row takes get the exponent 0.
            let places = shared * self.layout.copies() * inner;
            let nothing = SecretLimbs::zero(exponent_bits.div_ceil(u64::BITS) as usize);
            let all = rows.into_iter().chain(std::iter::repeat(nothing)).take(places).collect();
            let all = Exponents::single_use(all, exponent_bits);
            let rests = self.ciphertexts.slice(inner * whole..self.ciphertexts.len());
            parts.push(rests.multi_power(engine, &all, 1)?);
        }
        Ok(Ciphertexts::concat(&parts)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn layout(slots: u32, columns: usize, outputs: usize, inner: usize, lifetime: Lifetime) -> ProductLayout {
        ProductLayout::new(SlotLayout { slot_bits: 40, slots }, columns, (outputs, inner), lifetime)
    }

    proptest! {
        #[test]
        fn products_come_back(
            outputs in 0usize..9,
            columns in 1usize..40,
            slots in 1u32..12,
            kept in any::<bool>(),
            seed in any::<u64>(),
        ) {
            let lifetime = if kept { Lifetime::Products(10) } else { Lifetime::Once };
            let layout = layout(slots, columns, outputs, 2, lifetime);
            let value = |i: usize| Integer::from(seed.wrapping_mul(2 * i as u64 + 1) >> 24);
            let share = Share::new(outputs, columns, (0..outputs * columns).map(value).collect());
            let plaintexts = layout.pack(&share);
            prop_assert_eq!(plaintexts.len(), layout.plaintexts(outputs));
            prop_assert!(plaintexts.iter().all(|plaintext| plaintext.significant_bits() <= 40 * slots));
            let unpacked = layout.unpack(&plaintexts, outputs).unwrap();
            prop_assert_eq!(unpacked.values(), share.values());
        }

        /// A row of the product times a row of the factor is the sum over its plaintexts, so every left-over must find its place.
        #[test]
        fn a_factor_has_its_left_overs_where_the_product_wants_them(
            outputs in 1usize..9,
            inner in 1usize..4,
            columns in 1usize..40,
            slots in 1u32..12,
        ) {
            let layout = layout(slots, columns, outputs, inner, Lifetime::Products(10));
            let random = |rows: usize, columns: usize, bound: usize| {
                Share::new(rows, columns, (0..rows * columns).map(|i| Integer::from(i * 7919 % bound)).collect())
            };
            let (left, right) = (random(outputs, inner, 1009), random(inner, columns, 100_003));
            let factor = layout.pack_factor(&right);
            prop_assert_eq!(factor.len(), layout.factor_plaintexts(inner));
            let engine = crate::protocol::element::engine(1);
            let expected = layout.pack(&left.product(engine, &right));
            let (whole, filled) = (layout.whole(), outputs * layout.whole());
            for (i, expected) in expected.iter().enumerate() {
                let mut sum = Integer::new();
                if i < filled {
                    (0..inner).for_each(|k| sum += &left.row(i / whole)[k] * &factor[k * whole + i % whole]);
                } else {
                    let first = (i - filled) * layout.together;
                    for (place, row) in (first..outputs.min(first + layout.together)).enumerate() {
                        let versions = inner * whole + place * inner;
                        (0..inner).for_each(|k| sum += &left.row(row)[k] * &factor[versions + k]);
                    }
                }
                prop_assert_eq!(&sum, expected, "plaintext {}", i);
            }
        }
    }

    #[test]
    fn left_overs_are_shared_where_that_is_cheaper() {
        // 32 = 27 + 5 columns: five rows could share a plaintext, but four make as few of them.
        assert_eq!(layout(27, 32, 16, 30, Lifetime::Products(10)).plaintexts(16), 16 + 4);
        assert_eq!(layout(27, 32, 16, 30, Lifetime::Products(10)).factor_plaintexts(30), 30 * (1 + 4));
        // Few rows of the factor, many of the product.
        assert_eq!(layout(27, 32, 16, 2, Lifetime::Once).plaintexts(16), 16 + 4);
        // And the other way round.
        assert_eq!(layout(27, 32, 2, 16, Lifetime::Once).plaintexts(2), 2 * 2);
        assert_eq!(layout(27, 54, 2, 16, Lifetime::Once).plaintexts(2), 2 * 2, "nothing is left over");
        assert_eq!(layout(27, 3, 1, 1, Lifetime::Products(10)).plaintexts(1), 1);
    }

    #[test]
    fn a_value_beyond_its_slot_at_the_end_is_refused() {
        let layout = layout(25, 3, 1, 1, Lifetime::Once);
        let values = [1u64, 2, 1 << 40].map(Integer::from).into_iter().collect();
        assert!(layout.unpack(&layout.pack(&Share::new(1, 3, values)), 1).is_err());
    }
}
