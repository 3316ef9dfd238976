//! Matrices with many values in a plaintext: each row takes its own plaintexts, column c of a row in slot c mod slots of
//! plaintext c / slots.

use rug::Integer;

use crate::container::SlotField;
use crate::paillier::{PaillierError, SlotLayout};
use crate::secret::SecretIntegers;

use super::share::Share;

/// How the rows of matrices of `columns` columns lie in plaintexts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RowLayout {
    pub slots: SlotLayout,
    pub columns: usize,
}

impl RowLayout {
    /// As many slots as the key holds.
    pub fn new(key_bits: u32, slot_bits: u32, columns: usize) -> Result<Self, PaillierError> {
        Ok(RowLayout { slots: SlotLayout::for_key(key_bits, slot_bits)?, columns })
    }

    /// How a file describes it.
    pub fn slot_field(&self) -> SlotField {
        SlotField { slot_bits: self.slots.slot_bits, slots: self.slots.slots }
    }

    /// Plaintexts a row.
    pub fn per_row(&self) -> usize {
        self.slots.plaintexts(self.columns)
    }

    /// Plaintexts \[rows\]\[per_row\]: linear, signed, unreduced (rule 5).
    pub fn pack(&self, share: &Share) -> SecretIntegers {
        assert_eq!(share.columns(), self.columns, "columns of the layout");
        let slots = self.slots.slots as usize;
        (0..share.rows()).flat_map(|row| share.row(row).chunks(slots)).map(|values| self.slots.pack(values)).collect()
    }

    /// The inverse of [`RowLayout::pack`] for plaintexts whose slots all lie in [0, 2^slot_bits).
    ///
    /// # Errors
    /// If a plaintext is negative or too long: a value left its declared bound.
    pub fn unpack(&self, plaintexts: &[Integer]) -> Result<Share, PaillierError> {
        let (slots, per_row) = (self.slots.slots as usize, self.per_row());
        let mut values = Vec::with_capacity(plaintexts.len() / per_row * self.columns);
        for (i, plaintext) in plaintexts.iter().enumerate() {
            let start = i % per_row * slots;
            values.extend(self.slots.unpack(plaintext, slots.min(self.columns - start))?);
        }
        Ok(Share::new(plaintexts.len() / per_row, self.columns, values.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rows_come_back(rows in 0usize..4, columns in 1usize..70, seed in any::<u64>()) {
            let layout = RowLayout::new(1024, 40, columns).unwrap();
            let value = |i: usize| Integer::from((seed.wrapping_mul(i as u64 + 1)) >> 24);
            let share = Share::new(rows, columns, (0..rows * columns).map(value).collect());
            let plaintexts = layout.pack(&share);
            prop_assert_eq!(plaintexts.len(), rows * layout.per_row());
            let unpacked = layout.unpack(&plaintexts).unwrap();
            prop_assert_eq!(unpacked.values(), share.values());
        }
    }

    #[test]
    fn a_value_beyond_its_slot_at_the_end_is_refused() {
        let layout = RowLayout::new(1024, 40, 3).unwrap();
        let values = [1u64, 2, 1 << 40].map(Integer::from).into_iter().collect();
        assert!(layout.unpack(&layout.pack(&Share::new(1, 3, values))).is_err());
    }
}
