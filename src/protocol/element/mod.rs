//! The paper's protocol, one ciphertext a value (protocol section 3): the baseline that faster protocols are measured
//! against.
//!
//! Each secure operation is a file with both roles side by side: `mul_enc`, `div_enc`, `max_enc`, `key_switch`,
//! `model_test`.
//! [`CloudServer`] (P1) and [`KeyServer`] (P2) run them, each on its own thread, in the order of the public
//! [schedule](super::schedule).

mod cloud_server;
mod div_enc;
mod key_server;
mod key_switch;
mod leak_free;
mod max_enc;
mod model;
mod model_test;
mod mul_enc;
mod pair;
mod side;
#[cfg(test)]
mod test_run;
#[cfg(test)]
mod twin_tests;
#[cfg(test)]
mod view_tests;

pub use super::clock::PhaseTimes;
pub use super::randomizer::PoolOptions;
pub use cloud_server::CloudServer;
pub use key_server::KeyServer;
pub use max_enc::blinded_view;
pub(crate) use max_enc::{Blind, EXPONENT_OFFSET_BITS, FACTOR_BITS};
pub use model::EncryptedModel;
pub use pair::OperationPair;
pub(crate) use pair::in_parallel;
#[cfg(test)]
pub(crate) use test_run::{TestRun, engine, engines, new_key, server_key, server_key_of, test_job};
