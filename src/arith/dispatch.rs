//! The one place that knows which backends there are.

use super::algorithms::comb::FixedBase;
use super::algorithms::{comb, convert, inverse, product, select, straus};
use super::backend::Backend;
use super::backend::gmp::Gmp;
use super::batch::Batch;
use super::error::EngineError;
use super::exponents::{Exponents, TimingClass};
use super::job::Job;
use super::modulus::{Moduli, Modulus};
use super::options::{ConstantTime, EngineKind};
use super::shape;
use crate::secret::SecretLimbs;

/// A backend with its algorithms, whatever its types.
pub(super) trait Operations: Sync {
    fn kind(&self) -> EngineKind;
    fn run(&self, job: &Job, constant_time: ConstantTime) -> Result<Batch, EngineError>;
    /// See [`convert::load`].
    fn load(&self, moduli: &Moduli, numbers: &[u64], len: usize) -> Batch;
    /// See [`convert::store`].
    fn store(&self, batch: &Batch) -> SecretLimbs;
    /// See [`comb::build`].
    fn fixed_base(&self, modulus: &Modulus, base: &[u64], max_bits: u32, window_bits: u32) -> FixedBase;
}

/// The backend of that kind and why it is taken.
pub(super) fn choose(kind: EngineKind) -> (&'static dyn Operations, &'static str) {
    match kind {
        EngineKind::Auto => (&Gmp, "the only engine of this build"),
        EngineKind::Gmp => (&Gmp, "asked for"),
    }
}

/// Every backend of this build.
pub(super) const ALL: [&dyn Operations; 1] = [&Gmp];

impl<B: Backend> Operations for B {
    fn kind(&self) -> EngineKind {
        B::KIND
    }

    fn run(&self, job: &Job, constant_time: ConstantTime) -> Result<Batch, EngineError> {
        shape::check(job, B::KIND)?;
        Ok(match job {
            Job::Product(a, b) => product::product::<B>(a, b, product_class(a.moduli(), constant_time)),
            Job::ProductRuns { batch, run } => {
                product::product_runs::<B>(batch, *run, product_class(batch.moduli(), constant_time))
            }
            Job::Power { bases, exponents } => B::power(bases, exponents, power_class(exponents, constant_time)),
            Job::FixedPower { table, exponents } => {
                comb::power::<B>(table, exponents, power_class(exponents, constant_time))
            }
            Job::MultiPower { bases, exponents, .. } if bases.is_empty() || exponents.is_empty() => bases.slice(0..0),
            Job::MultiPower { bases, exponents, groups } => {
                straus::multi_power::<B>(bases, exponents, *groups, power_class(exponents, constant_time))
            }
            Job::InvertVartime(batch) => inverse::invert_vartime::<B>(batch)?,
            Job::Select { on_zero, on_one, choices } => select::select::<B>(on_zero, on_one, choices),
        })
    }

    fn load(&self, moduli: &Moduli, numbers: &[u64], len: usize) -> Batch {
        convert::load::<B>(moduli, numbers, len)
    }

    fn store(&self, batch: &Batch) -> SecretLimbs {
        convert::store::<B>(batch)
    }

    fn fixed_base(&self, modulus: &Modulus, base: &[u64], max_bits: u32, window_bits: u32) -> FixedBase {
        comb::build::<B>(modulus, base, max_bits, window_bits)
    }
}

/// The class in which exponents are treated.
fn power_class(exponents: &Exponents, constant_time: ConstantTime) -> TimingClass {
    lift(exponents.class(), constant_time)
}

/// The class in which residues without exponents are treated: secret moduli outlive one use.
fn product_class(moduli: &Moduli, constant_time: ConstantTime) -> TimingClass {
    if moduli.is_secret() { TimingClass::Constant } else { lift(TimingClass::FixedSequence, constant_time) }
}

fn lift(class: TimingClass, constant_time: ConstantTime) -> TimingClass {
    match (class, constant_time) {
        (TimingClass::FixedSequence, ConstantTime::Strict) => TimingClass::Constant,
        (class, _) => class,
    }
}
