//! A trained model, or the losses on the way to it, handed to a key that its owner named.

use crate::arith::Engine;
use crate::error::Error;
use crate::paillier::PublicKey;
use crate::protocol::ProtocolError;
use crate::protocol::config::Reading;

use super::parties::run_both;
use super::{CloudState, KeyState, StoredTensor};

/// What is handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Export {
    /// Weights and biases, layer by layer, at the scale of the job.
    Model,
    /// The sum of squared differences of each epoch, at scale 2^(2f).
    Curve,
}

/// Both servers switch a stored tensor to the key of `reader`. `number` is a query's: the caller makes sure that it is not
/// used twice.
///
/// # Errors
/// If the job does not allow that key the model ([`ProtocolError::ReaderRefused`]), there is no curve, the states belong to
/// different jobs, or a party fails.
pub fn export(
    engine: &Engine,
    cloud: &CloudState,
    key: KeyState,
    what: Export,
    number: u64,
    reader: &PublicKey,
) -> Result<StoredTensor, Error> {
    // P2 refuses a stranger before any work is done; the key switch at the end would refuse it too.
    key.config.require_reader(reader.id(), Reading::Model)?;
    match what {
        Export::Model => run_both(
            |channel| cloud.connect(engine, channel)?.export_model(&cloud.model, number, reader),
            |channel| key.connect(engine, channel)?.export_model(number, reader),
        ),
        Export::Curve => {
            let Some(curve) = &cloud.curve else {
                let reason = "no epoch was trained, so there is no loss curve".into();
                return Err(ProtocolError::Config { reason }.into());
            };
            let epochs = cloud.epochs()?;
            run_both(
                |channel| cloud.connect(engine, channel)?.export_curve(curve, epochs, number, reader),
                |channel| key.connect(engine, channel)?.export_curve(number, epochs, reader),
            )
        }
    }
}
