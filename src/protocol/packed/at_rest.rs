//! What stays at P1 when a job ends (protocol 4.5), many values a ciphertext: the model, and the losses of its epochs.
//!
//! ```text
//! P2 -> P1: E_2[packed T2]                       P1 learns a ciphertext it cannot open
//! P1:       E_2[packed T2] times its -packed T1  is E_2[packed T], which never leaves P1 as it is
//! ```
//!
//! The layout is that of [`input`](super::input), so that a later session makes shares of it like those of a user's rows.

use crate::error::Error;
use crate::paillier::Ciphertexts;
use crate::protocol::message::{Operation, Place};

use super::input::InputLayout;
use super::share::Share;
use super::side::Side;

/// P1: one row, under P2's key.
pub(super) fn keep(side: &mut Side, place: Place, layout: InputLayout, row: &Share) -> Result<Ciphertexts, Error> {
    let theirs = side.recv_peers(place, Operation::Weights, layout.per_row())?;
    Ok(theirs.add_plain(&side.engine, &layout.rows.pack(&row.negated()))?)
}

/// P2: its share of the row.
pub(super) fn give(side: &mut Side, place: Place, layout: InputLayout, row: &Share) -> Result<(), Error> {
    side.send_own(place, Operation::Weights, &layout.rows.pack(row))
}
