//! The packed protocol (protocol section 4): the same two servers and operations on whole matrices, with many values in a
//! plaintext.
//!
//! A tensor T is shared: T1 at P1, T2 = T + T1 at P2. Each operation is a file with both roles side by side: `product`,
//! `comparison`, `gate`, `carry`, `gradient`, `label`, `loss`, `model_test`, `refresh`, `input`, `key_switch`, `at_rest`;
//! `factor` lays products out, `widths` derives every length. [`CloudServer`] (P1) and [`KeyServer`] (P2) run them in the order of the public [schedule](super::schedule), and queries
//! as `query` has it. Whatever is known is sent before anything is waited for: a step with one hidden layer takes seven
//! round trips, each level of a label two, and so does each part of the test of a model, which ends with one more.

mod at_rest;
mod carry;
mod cloud_server;
mod comparison;
mod factor;
mod gate;
mod gradient;
mod input;
mod key_server;
mod key_switch;
mod label;
#[cfg(test)]
mod label_tests;
mod loss;
mod model_test;
#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod operation_tests;
mod pair;
mod product;
mod query;
#[cfg(test)]
mod query_tests;
mod refresh;
mod replay;
mod share;
mod side;
mod slots;
mod state;
mod static_size;
mod static_store;
#[cfg(test)]
mod test_run;
#[cfg(test)]
mod twin_tests;
#[cfg(test)]
mod view_tests;
mod widths;
mod work;
#[cfg(test)]
mod zero_tests;

pub use at_rest::curve_layout;
pub use cloud_server::CloudServer;
pub use input::InputLayout;
pub use key_server::KeyServer;
pub use key_switch::ResultLayout;
pub(crate) use pair::ComparisonPair;
pub use query::answer_layout;
pub use static_size::StaticSize;
pub use work::WorkTimes;

use crate::error::Error;

use super::config::JobConfig;

/// Tensors of a batch that share a phase with its features and targets: packed along the batch, along the features.
const ALONG_ROWS: u16 = 2;
const ALONG_FEATURES: u16 = 3;

/// How the sum of squared differences over `rows` rows lies under a key of `key_bits` bits.
///
/// # Errors
/// If the job does not fit its key.
pub fn loss_layout(config: &JobConfig, key_bits: u32, rows: usize) -> Result<ResultLayout, Error> {
    Ok(ResultLayout::new(key_bits, config.bounds()?.loss_bits(rows), 1)?)
}

/// How the model lies under a key of `key_bits` bits: weights and biases, layer by layer.
///
/// # Errors
/// If the job does not fit its key.
pub fn model_layout(config: &JobConfig, key_bits: u32) -> Result<ResultLayout, Error> {
    Ok(ResultLayout::new(key_bits, config.bounds()?.weight_bits(), config.plan.layers.parameters())?)
}
