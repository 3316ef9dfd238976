//! The test of the model, [`crate::protocol::model_test`], on shares: both roles.

use rug::Integer;
use subtle::Choice;

use crate::error::Error;
use crate::mask::Phase;
use crate::protocol::ProtocolError;
use crate::protocol::config::JobConfig;
use crate::protocol::message::Operation;
use crate::protocol::model_test::{judge, moved, no_key, open, parts};
use crate::protocol::place::Place;
use crate::protocol::place::place;

use super::comparison::{self, Blinds};
use super::share::Share;
use super::side::{Comparer, Side};
use super::state::missing;
use super::{CloudServer, KeyServer};

impl CloudServer {
    /// Tests with P2 that every weight and bias is within its bound after `step`, the last one that was trained; for jobs
    /// with the comparison that leaks nothing.
    ///
    /// # Errors
    /// [`ProtocolError::ModelOutOfBound`], at both servers.
    pub fn test_model(&mut self, step: u64) -> Result<(), Error> {
        let parameters = self.model.as_ref().ok_or_else(|| missing("model"))?.flat();
        let side = &mut self.side;
        // Opened in the end: nothing to wipe.
        let mut bits = Vec::new();
        for (at, share) in compared(side, step, &parameters)? {
            let blinds = Blinds::draw(side, at, &share);
            comparison::answer(side, at, &share, &blinds)?;
            bits.extend_from_slice(&blinds.bits());
        }
        conclude(side, &self.config, step, &bits)
    }
}

impl KeyServer {
    /// Its part of [`CloudServer::test_model`]. The next part is on its way while P1 works on one.
    pub(super) fn test_model(&mut self, step: u64) -> Result<(), Error> {
        let parameters = self.model.as_ref().ok_or_else(|| missing("model"))?.flat();
        let side = &mut self.side;
        let parts = compared(side, step, &parameters)?;
        // Opened in the end: nothing to wipe.
        let mut bits = Vec::new();
        let mut asked = None;
        for part in parts.map(Some).chain([None]) {
            if let Some((at, share)) = &part {
                comparison::send_elements(side, *at, share)?;
            }
            if let Some((at, share)) = std::mem::replace(&mut asked, part) {
                bits.extend_from_slice(&comparison::finish(side, at, &share)?);
            }
        }
        conclude(side, &self.config, step, &bits)
    }
}

/// The places and shares of what is compared, part by part.
///
/// # Errors
/// If the job has the blinded comparison, which would show P2 how large weights are.
fn compared<'a>(
    side: &Side,
    step: u64,
    parameters: &'a Share,
) -> Result<impl Iterator<Item = (Place, Share)> + use<'a>, ProtocolError> {
    if let Comparer::Blinded = side.comparer {
        return Err(no_key());
    }
    let (role, weight_bits) = (side.role, side.widths.weight_bits());
    Ok(parts(parameters.values().len()).map(move |(number, part)| {
        let values = moved(role, &parameters.values()[part], weight_bits);
        (place(step, Phase::ModelTest, number), Share::new(1, values.len(), values))
    }))
}

/// Opens the results and judges by them.
fn conclude(side: &mut Side, config: &JobConfig, step: u64, own: &[Choice]) -> Result<(), Error> {
    let at = place(step, Phase::ModelTest, 0);
    let theirs = open(&mut side.channel, at, own)?;
    let shown: Vec<Integer> = theirs.iter().map(|bit| Integer::from(bit.unwrap_u8())).collect();
    side.require_new_or_same(at, Operation::Open, &shown)?;
    Ok(judge(&config.plan.layers, side.widths.weight_bits(), step, own, &theirs)?)
}
