//! Shared results go to their reader (protocol section 6), packed.
//!
//! ```text
//! P2 -> P1: E_U[packed T2] in r^n form, only for a key on P2's list      P1 learns a ciphertext it cannot open
//! P1:       times E_U[-packed T1], a full encryption
//! ```

use rug::Integer;

use crate::container::SlotField;
use crate::error::Error;
use crate::paillier::{Ciphertexts, PaillierError, PublicKey};
use crate::protocol::config::{JobConfig, Reading};
use crate::protocol::message::{Operation, recv_ciphertexts, send_ciphertexts};
use crate::protocol::place::Place;
use crate::secret::SecretIntegers;

use super::share::Share;
use super::side::{Side, centred};
use super::slots::RowLayout;

/// Slots of results: what fits an i64 with room, so that a value beyond its bound is seen and spoils no other.
const RESULT_BITS: u32 = 64;

/// How signed values lie in what a reader receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResultLayout(RowLayout);

impl ResultLayout {
    /// `count` values of at most `value_bits` bits under a key of `key_bits` bits.
    ///
    /// # Errors
    /// If not even one fits the key.
    pub fn new(key_bits: u32, value_bits: u32, count: usize) -> Result<Self, PaillierError> {
        Ok(ResultLayout(RowLayout::new(key_bits, RESULT_BITS.max(value_bits + 2), count)?))
    }

    /// How a file describes it.
    pub fn slots(&self) -> SlotField {
        self.0.slot_field()
    }

    /// The values of opened plaintexts.
    ///
    /// # Errors
    /// If a plaintext is out of range: a value exceeds its declared bound by far.
    pub fn unpack(&self, opened: &[Integer]) -> Result<SecretIntegers, PaillierError> {
        self.0.slots.unpack_signed(opened, self.0.columns)
    }
}

/// P1: the result under the key of `reader`.
pub(super) fn ask(
    side: &mut Side,
    place: Place,
    share: &Share,
    ResultLayout(layout): ResultLayout,
    reader: &PublicKey,
) -> Result<Ciphertexts, Error> {
    let theirs = recv_ciphertexts(&mut side.channel, &side.engine, place, Operation::Switch, reader, layout.per_row())?;
    let own = reader.encrypt_rn_many(&side.engine, &packed(&layout, &share.negated(), reader), &mut side.rng)?;
    Ok(theirs.add(&side.engine, &own)?)
}

/// P2: its share under the key of `reader`, if `config` lists that key for `what`.
pub(super) fn answer(
    side: &mut Side,
    place: Place,
    share: &Share,
    ResultLayout(layout): ResultLayout,
    config: &JobConfig,
    (reader, what): (&PublicKey, Reading),
) -> Result<(), Error> {
    config.require_reader(reader.id(), what)?;
    let own = reader.encrypt_rn_many(&side.engine, &packed(&layout, share, reader), &mut side.rng)?;
    send_ciphertexts(&mut side.channel, &side.engine, place, Operation::Switch, &own)
}

fn packed(layout: &RowLayout, share: &Share, reader: &PublicKey) -> SecretIntegers {
    layout.pack(&share.flat()).iter().map(|value| centred(value, reader.n())).collect()
}
