//! Powers and products of batches of residues, on whichever engine this processor runs best.
//!
//! The unit of work is a [`Batch`]: residues modulo one [`Modulus`] or one each, kept in the engine's own form from one
//! operation to the next; integers go in by [`Engine::load`] and come out by [`Engine::store`], at the edges only.
//!
//! Two levels. A backend (`backend/`) knows kernels on a group of residues: product, square, look-up, select, load,
//! store. The algorithms (`algorithms/`: comb, Straus, inversion) are written once over the kernels; a backend may have
//! a whole algorithm of its own where it has a better one, as GMP has for powers. There are two: GMP, which runs
//! everywhere, and AVX-512 IFMA, which computes modulo squares in dual form, eight residues at once. `dispatch` is the
//! one place that chooses, and `self_test` checks the choice against known answers.
//!
//! # Timing classes
//! * `constant`: no secret-dependent branch or address; for whatever outlives one use.
//! * `fixed_sequence`: the operations do not depend on the secret, table addresses may; for exponents that are used
//!   once. Under [`ConstantTime::Strict`] it is lifted to `constant`.
//! * `_vartime`: public values only.

mod algorithms;
mod backend;
mod batch;
mod crt;
mod dispatch;
mod engine;
mod error;
mod exponents;
pub(crate) mod foreign;
mod job;
mod modulus;
mod options;
mod plain_crt;
mod power_table;
pub(crate) mod prime;
mod report;
mod self_test;
mod shape;
#[cfg(test)]
mod tests;

pub use algorithms::comb::FixedBase;
pub use backend::gmp::constant;
#[cfg(target_arch = "x86_64")]
pub use backend::ifma::speed::{KernelSpeed, kernel_speed};
pub use batch::Batch;
pub use crt::Crt;
pub use engine::Engine;
pub use error::EngineError;
pub use exponents::{Exponents, TimingClass};
pub use job::{Failed, Job, Pending};
pub use modulus::{Moduli, Modulus};
pub use options::{ConstantTime, EngineKind, EngineOptions};
pub use plain_crt::PlainCrt;
pub(crate) use power_table::PowerTable;
pub use report::{EngineEntry, EngineReport};
