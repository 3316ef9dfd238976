//! Ciphertexts of a user or of a stored model become shares (protocol 4.1).
//!
//! ```text
//! P1 -> P2: E_2[packed (x + m)]      P2 learns x + m
//! ```
//!
//! P1's share is m, P2's x + m. Whoever made the ciphertexts, their randomness is hidden by h^s with |n| + sigma bits of s.

use rug::Integer;

use crate::arith::Engine;
use crate::container::SlotField;
use crate::error::Error;
use crate::mask::Purpose;
use crate::paillier::Ciphertexts;
use crate::protocol::ProtocolError;
use crate::protocol::config::JobConfig;
use crate::protocol::message::Operation;
use crate::protocol::place::Place;
use crate::secret::SecretIntegers;

use super::share::Share;
use super::side::{MaskOrder, Side};
use super::slots::RowLayout;
use super::widths::Widths;

/// P1: the masks of rows that a user packed.
pub(super) fn send(
    side: &mut Side,
    place: Place,
    InputLayout { rows: layout, value_bits }: InputLayout,
    packed: &Ciphertexts,
) -> Result<Share, Error> {
    let shape = (packed.len() / layout.per_row(), layout.columns);
    let masks = side.masks(place, Purpose::Refresh, value_bits, shape, MaskOrder::AsItLies);
    let blinded = packed.add_plain(&side.engine, &layout.pack(&masks))?;
    let bits = side.peer.chain_randomizer_bits(side.widths.sigma());
    side.send_rerandomized(place, Operation::Refresh, &blinded, bits)?;
    Ok(masks)
}

/// P2: `rows` masked rows.
pub(super) fn recv(
    side: &mut Side,
    place: Place,
    InputLayout { rows: layout, value_bits }: InputLayout,
    rows: usize,
) -> Result<Share, Error> {
    let count = rows * layout.per_row();
    let opened = side.recv_opened(place, Operation::Refresh, count)?;
    side.unpack_masked(place, layout, &opened, &vec![Integer::new(); count], value_bits)
}

/// How a user packs rows, each for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputLayout {
    pub(super) rows: RowLayout,
    pub(super) value_bits: u32,
}

impl InputLayout {
    /// Rows of features under P2's key.
    ///
    /// # Errors
    /// If the job does not fit its key.
    pub fn features(config: &JobConfig) -> Result<Self, Error> {
        let widths = Widths::new(&config.plan, config.bounds()?);
        InputLayout::new(config, &widths, widths.input_bits(0), config.plan.layers.inputs())
    }

    /// Rows of one-hot targets under P2's key.
    ///
    /// # Errors
    /// If the job does not fit its key.
    pub fn targets(config: &JobConfig) -> Result<Self, Error> {
        let widths = Widths::new(&config.plan, config.bounds()?);
        InputLayout::new(config, &widths, widths.target_bits(), config.plan.layers.outputs())
    }

    /// The model as it stays at P1, in one row: weights and biases, layer by layer, signed.
    ///
    /// # Errors
    /// If the job does not fit its key.
    pub fn model(config: &JobConfig) -> Result<Self, Error> {
        let widths = Widths::new(&config.plan, config.bounds()?);
        InputLayout::new(config, &widths, widths.weight_bits(), config.plan.layers.parameters())
    }

    /// The sums of squared differences of `epochs` epochs as they stay at P1, in one row.
    ///
    /// # Errors
    /// If the job does not fit its key.
    pub fn curve(config: &JobConfig, epochs: usize) -> Result<Self, Error> {
        let widths = Widths::new(&config.plan, config.bounds()?);
        InputLayout::new(config, &widths, widths.bounds.loss_bits(config.train_rows), epochs)
    }

    fn new(config: &JobConfig, widths: &Widths, value_bits: u32, columns: usize) -> Result<Self, Error> {
        let rows = RowLayout::new(config.key_bits, widths.masked_slot_bits(value_bits), columns)?;
        Ok(InputLayout { rows, value_bits })
    }

    /// How a file describes it.
    pub fn slots(&self) -> SlotField {
        self.rows.slot_field()
    }

    /// Plaintexts of one row.
    pub fn per_row(&self) -> usize {
        self.rows.per_row()
    }

    /// Packs a ciphertext a value, \[rows\]\[columns\], to \[rows\]\[per_row\] by Horner's rule: slot_bits squarings a value,
    /// where a user who packs before it encrypts saves all of them. Timing: `_vartime`, but in nothing secret.
    ///
    /// # Errors
    /// If the ciphertexts are no whole number of rows or the engine fails.
    pub fn pack_encrypted(&self, engine: &Engine, values: &Ciphertexts) -> Result<Ciphertexts, Error> {
        let (columns, slots, per_row) = (self.rows.columns, self.rows.slots.slots as usize, self.per_row());
        if !values.len().is_multiple_of(columns) {
            let reason = format!("{} encrypted values are no rows of {columns}", values.len());
            return Err(ProtocolError::Config { reason }.into());
        }
        let count = values.len() / columns * per_row;
        let nothing = values.len();
        let values = Ciphertexts::concat(&[values.clone(), values.key().encode_many(engine, &[Integer::new()])])?;
        // The values in slot `slot` of all plaintexts, a row after the other.
        let in_slot = |slot: usize| {
            let column = |i: usize| i % per_row * slots + slot;
            let element = |i: usize| if column(i) < columns { i / per_row * columns + column(i) } else { nothing };
            values.gather(&(0..count).map(element).collect::<Vec<_>>())
        };
        let shift = vec![Integer::from(1) << self.rows.slots.slot_bits; count];
        let highest = slots.min(columns) - 1;
        (0..highest).rev().try_fold(in_slot(highest), |packed, slot| {
            Ok(packed.mul_plain_vartime(engine, &shift)?.add(engine, &in_slot(slot))?)
        })
    }

    /// Plaintexts \[rows\]\[per_row\] of values \[rows\]\[columns\].
    ///
    /// # Panics
    /// If the values are no whole number of rows.
    pub fn pack(&self, values: &[i64]) -> SecretIntegers {
        let integers = values.iter().map(|value| Integer::from(*value)).collect();
        self.rows.pack(&Share::new(values.len() / self.rows.columns, self.rows.columns, integers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::element::{engine, server_key, test_job};
    use crate::rng::SecureRng;

    #[test]
    fn ciphertexts_packed_afterwards_hold_what_a_user_would_pack() {
        for layers in ["40,3,2", "17,3,2", "1,3,2"] {
            let job = test_job(layers, 4);
            let layout = InputLayout::features(&job).unwrap();
            let columns = job.plan.layers.inputs();
            let values: Vec<i64> = (0..2 * columns as i64).map(|i| (i % 3 - 1) * (131_071 - i)).collect();
            let integers: Vec<Integer> = values.iter().map(|value| Integer::from(*value)).collect();
            let single = server_key().encrypt_many(engine(2), &integers, &mut SecureRng::from_os()).unwrap();
            let packed = layout.pack_encrypted(engine(2), &single).unwrap();
            let opened: SecretIntegers = server_key().decrypt_many(engine(2), &packed).unwrap().into_iter().collect();
            assert_eq!(*opened, *layout.pack(&values), "{layers}");
            let odd = single.slice(0..2 * columns - 1);
            assert_eq!(layout.pack_encrypted(engine(2), &odd).is_err(), columns > 1);
        }
    }
}
