//! The test of the model, [`crate::protocol::model_test`], on encrypted parameters, which P1 masks for P2: both roles.

use std::ops::Range;

use crate::error::Error;
use crate::mask::Phase;
use crate::protocol::handshake::Role;
use crate::protocol::model_test::{judge, moved, no_key, open, parts};
use crate::protocol::place::{Place, place};

use super::leak_free::{answer_shared, ask_shared, recv_shares, share};
use super::{CloudServer, KeyServer};

impl CloudServer {
    /// Tests with P2 that every weight and bias is within its bound after `step`, the last one that was trained; for jobs
    /// with the comparison that leaks nothing.
    ///
    /// # Errors
    /// [`ProtocolError::ModelOutOfBound`](crate::protocol::ProtocolError::ModelOutOfBound), at both servers.
    pub fn test_model(&mut self, step: u64) -> Result<(), Error> {
        let parameters = self.current_model()?.flatten()?;
        let side = &mut self.side;
        let key = side.comparison.clone().ok_or_else(no_key)?;
        let (weight_bits, compared) = (side.bounds.weight_bits(), side.bounds.model_compared());
        // Opened in the end: nothing to wipe.
        let mut bits = Vec::new();
        for (at, part) in places(step, parameters.len()) {
            let masks = share(side, at, &parameters.slice(part), weight_bits)?;
            let own = moved(Role::Cloud, &masks, weight_bits);
            bits.extend_from_slice(&answer_shared(side, at, compared, &own, &key)?);
        }
        let theirs = open(&mut side.channel, place(step, Phase::ModelTest, 0), &bits)?;
        Ok(judge(&self.config.plan.layers, weight_bits, step, &bits, &theirs)?)
    }
}

impl KeyServer {
    /// Its part of [`CloudServer::test_model`].
    pub(super) fn test_model(&mut self, step: u64) -> Result<(), Error> {
        let layers = &self.config.plan.layers;
        let side = &mut self.side;
        let key = side.comparison.clone().ok_or_else(no_key)?;
        let (weight_bits, compared) = (side.bounds.weight_bits(), side.bounds.model_compared());
        // Opened in the end: nothing to wipe.
        let mut bits = Vec::new();
        for (at, part) in places(step, layers.parameters()) {
            let shares = recv_shares(side, at, part.len(), weight_bits)?;
            let own = moved(Role::Key, &shares, weight_bits);
            bits.extend_from_slice(&ask_shared(side, at, compared, &own, &key)?);
        }
        let theirs = open(&mut side.channel, place(step, Phase::ModelTest, 0), &bits)?;
        Ok(judge(layers, weight_bits, step, &bits, &theirs)?)
    }
}

fn places(step: u64, parameters: usize) -> impl Iterator<Item = (Place, Range<usize>)> {
    parts(parameters).map(move |(number, part)| (place(step, Phase::ModelTest, number), part))
}
