//! What stays at P1 when a job ends (protocol 4.5), many values a ciphertext: the model, and the losses of its epochs.
//!
//! ```text
//! P2 -> P1: E_2[packed T2]                       P1 learns a ciphertext it cannot open
//! P1:       E_2[packed T2] times its -packed T1  is E_2[packed T], which never leaves P1 as it is
//! ```
//!
//! The layout is that of [`input`](super::input), so that a later session makes shares of it like those of a user's rows.

use crate::error::Error;
use crate::mask::Phase;
use crate::paillier::{Ciphertexts, PublicKey};
use crate::protocol::config::{JobConfig, Reading};
use crate::protocol::message::Operation;
use crate::protocol::place::Place;
use crate::protocol::place::{LOSS, MODEL, place};
use crate::protocol::schedule::Activity;

use super::cloud_server::require_count;
use super::input::{self, InputLayout};
use super::key_switch::{self, ResultLayout};
use super::share::Share;
use super::side::Side;
use super::state::missing;
use super::{CloudServer, KeyServer};

/// Where P2's shares of the model and of the losses travel.
const STORED_MODEL: Place = Place { step: u64::MAX, phase: Phase::Initial, layer: MODEL };
const STORED_CURVE: Place = Place { step: u64::MAX, phase: Phase::Initial, layer: LOSS };

/// How the losses of `epochs` epochs lie under a key of `key_bits` bits.
///
/// # Errors
/// If the job does not fit its key.
pub fn curve_layout(config: &JobConfig, key_bits: u32, epochs: usize) -> Result<ResultLayout, Error> {
    Ok(ResultLayout::new(key_bits, config.bounds()?.loss_bits(config.train_rows), epochs)?)
}

impl CloudServer {
    /// The model as it stays here when the job ends, as [`InputLayout::model`] has it: P2 sends its share encrypted.
    pub fn store_model(&mut self) -> Result<Ciphertexts, Error> {
        let own = self.model.as_ref().ok_or_else(|| missing("model"))?.flat();
        keep(&mut self.side, STORED_MODEL, InputLayout::model(&self.config)?, &own)
    }

    /// The losses of all epochs that were read, as [`InputLayout::curve`] has them; none if none was read.
    pub fn store_curve(&mut self) -> Result<Option<Ciphertexts>, Error> {
        let own = Share::in_one_row(&self.curve);
        if own.columns() == 0 {
            return Ok(None);
        }
        let layout = InputLayout::curve(&self.config, own.columns())?;
        keep(&mut self.side, STORED_CURVE, layout, &own).map(Some)
    }

    /// The losses of `epochs` epochs, as [`CloudServer::store_curve`] gave them, under the key of `reader` as
    /// [`curve_layout`] has them; `query` is a number of its own.
    pub fn read_curve(
        &mut self,
        query: u64,
        curve: &Ciphertexts,
        epochs: usize,
        reader: &PublicKey,
    ) -> Result<Ciphertexts, Error> {
        let at = |phase| place(Activity::query_step(query), phase, LOSS);
        let stored = InputLayout::curve(&self.config, epochs)?;
        require_count("the stored curve", curve.len(), stored.per_row())?;
        let share = input::send(&mut self.side, at(Phase::Initial), stored, curve)?;
        let layout = curve_layout(&self.config, reader.key_bits(), epochs)?;
        key_switch::ask(&mut self.side, at(Phase::KeySwitch), &share, layout, reader)
    }
}

impl KeyServer {
    /// Its part of [`CloudServer::store_model`].
    pub fn store_model(&mut self) -> Result<(), Error> {
        let own = self.model.as_ref().ok_or_else(|| missing("model"))?.flat();
        give(&mut self.side, STORED_MODEL, InputLayout::model(&self.config)?, &own)
    }

    /// Its part of [`CloudServer::store_curve`].
    pub fn store_curve(&mut self) -> Result<(), Error> {
        let own = Share::in_one_row(&self.curve);
        if own.columns() == 0 {
            return Ok(());
        }
        give(&mut self.side, STORED_CURVE, InputLayout::curve(&self.config, own.columns())?, &own)
    }

    /// Its part of [`CloudServer::read_curve`].
    pub fn read_curve(&mut self, query: u64, epochs: usize, reader: &PublicKey) -> Result<(), Error> {
        self.config.require_reader(reader.id(), Reading::Model)?;
        let at = |phase| place(Activity::query_step(query), phase, LOSS);
        let share = input::recv(&mut self.side, at(Phase::Initial), InputLayout::curve(&self.config, epochs)?, 1)?;
        let layout = curve_layout(&self.config, reader.key_bits(), epochs)?;
        let reading = (reader, Reading::Model);
        key_switch::answer(&mut self.side, at(Phase::KeySwitch), &share, layout, &self.config, reading)
    }
}

/// P1: one row, under P2's key.
fn keep(side: &mut Side, place: Place, layout: InputLayout, row: &Share) -> Result<Ciphertexts, Error> {
    let theirs = side.recv_peers(place, Operation::Weights, layout.per_row())?;
    Ok(theirs.add_plain(&side.engine, &layout.rows.pack(&row.negated()))?)
}

/// P2: its share of the row.
fn give(side: &mut Side, place: Place, layout: InputLayout, row: &Share) -> Result<(), Error> {
    side.send_own(place, Operation::Weights, &layout.rows.pack(row))
}
