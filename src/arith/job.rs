//! Operations as values, so that they can be handed in now and waited for later.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::algorithms::comb::FixedBase;
use super::batch::Batch;
use super::error::EngineError;
use super::exponents::Exponents;

/// One operation with its inputs, which are shared: a job is cheap to make.
#[derive(Clone)]
#[non_exhaustive]
pub enum Job {
    /// See [`Engine::product`](super::Engine::product).
    Product(Batch, Batch),
    /// See [`Engine::product_runs`](super::Engine::product_runs).
    ProductRuns {
        /// The factors.
        batch: Batch,
        /// How many consecutive residues are multiplied.
        run: usize,
    },
    /// See [`Engine::power`](super::Engine::power).
    Power {
        /// The bases.
        bases: Batch,
        /// The exponents.
        exponents: Exponents,
    },
    /// See [`Engine::fixed_power`](super::Engine::fixed_power).
    FixedPower {
        /// The table of the base.
        table: FixedBase,
        /// The exponents.
        exponents: Exponents,
    },
    /// See [`Engine::multi_power`](super::Engine::multi_power).
    MultiPower {
        /// groups x d bases.
        bases: Batch,
        /// groups x rows x d exponents.
        exponents: Exponents,
        /// Number of groups.
        groups: usize,
    },
    /// See [`Engine::invert_vartime`](super::Engine::invert_vartime).
    InvertVartime(Batch),
    /// See [`Engine::select`](super::Engine::select).
    Select {
        /// What a choice of zero takes.
        on_zero: Batch,
        /// What a choice of one takes.
        on_one: Batch,
        /// One choice for each residue, 0 or 1.
        choices: Arc<Zeroizing<Vec<u8>>>,
    },
}

/// Waking a thread of the pool takes as long as a handful of products; up to so many are done on the caller's thread.
const SHORT_PRODUCT: usize = 64;

impl Job {
    /// True for work that is not worth the way to the thread pool.
    pub(super) fn is_short(&self) -> bool {
        matches!(self, Job::Product(a, b) if a.len().max(b.len()) <= SHORT_PRODUCT)
    }
}

/// A job that failed, with its inputs.
pub struct Failed {
    /// The job as it was submitted.
    pub job: Job,
    /// Why it failed.
    pub error: EngineError,
}

/// A job on its way. On the processor's own engines it is done when [`Engine::submit`](super::Engine::submit) returns.
pub struct Pending(pub(super) Result<Batch, Failed>);

impl Pending {
    /// Waits for the result.
    ///
    /// # Errors
    /// [`Failed`] gives the inputs back.
    pub fn wait(self) -> Result<Batch, Failed> {
        self.0
    }
}
