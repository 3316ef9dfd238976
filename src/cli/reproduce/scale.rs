//! How much of everything a reproduction runs, chosen by measurement to keep its time limit on two cores.

use std::time::Duration;

use smlp::measure::primitives::Operation;
use smlp::measure::runner::Plan;

/// Sizes of all parts.
pub struct Scale {
    /// What is said at the start.
    pub announcement: &'static str,
    /// The servers' and the user's keys in the trainings and the pool.
    pub key_bits: u32,
    /// Epochs of 5 steps.
    pub xor_epochs: u64,
    /// Test rows of xor that are classified under encryption.
    pub classified_rows: usize,
    /// For the epochs of breast_cancer, packed.
    pub cancer_seconds: u64,
    pub sweep_key_bits: &'static [u32],
    pub sweep_hidden: &'static [usize],
    /// Key length and hidden width that the two directions of the sweep share.
    pub sweep_middle: (u32, usize),
    pub sweep_steps: u64,
    pub primitives_key_bits: &'static [u32],
    /// Operations that take too long.
    pub left_out: &'static [Operation],
    pub primitives_plan: Plan,
    /// How long the pool is watched with each number of producers.
    pub pool_time: Duration,
    /// Part of the time that each of the six parts takes, in percent.
    pub shares_percent: [u32; 6],
}

/// Within 5 minutes.
pub const FULL: Scale = Scale {
    announcement: "everything under keys of 2048 bits: about 4 minutes on two cores",
    key_bits: 2048,
    xor_epochs: 3,
    classified_rows: 4,
    cancer_seconds: 120,
    sweep_key_bits: &[1024, 2048, 3072],
    sweep_hidden: &[2, 4],
    sweep_middle: (2048, 2),
    sweep_steps: 1,
    primitives_key_bits: &[1024, 2048, 3072],
    left_out: &[Operation::DotTerm64, Operation::DotTerm32],
    primitives_plan: Plan {
        warm_up: Duration::from_millis(5),
        samples: 5,
        sample_time: Duration::from_millis(2),
        budget: Duration::from_millis(100),
    },
    pool_time: Duration::from_millis(1500),
    shares_percent: [18, 51, 17, 6, 6, 2],
};

/// Within 1 minute.
pub const QUICK: Scale = Scale {
    announcement: "a quick look under keys of 1024 bits, which protect nothing: about 50 seconds on two cores",
    key_bits: 1024,
    xor_epochs: 3,
    classified_rows: 4,
    cancer_seconds: 10,
    sweep_key_bits: &[1024, 2048],
    sweep_hidden: &[2, 4],
    sweep_middle: (1024, 2),
    sweep_steps: 1,
    primitives_key_bits: &[1024, 2048],
    left_out: &[Operation::DotTerm64, Operation::DotTerm32],
    primitives_plan: Plan {
        warm_up: Duration::ZERO,
        samples: 3,
        sample_time: Duration::from_millis(1),
        budget: Duration::from_millis(50),
    },
    pool_time: Duration::from_secs(1),
    shares_percent: [25, 39, 12, 9, 9, 6],
};
