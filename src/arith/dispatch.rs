//! The one place that knows which backends there are.

use super::algorithms::comb::FixedBase;
use super::algorithms::{comb, convert, inverse, product, select, straus};
use super::backend::Backend;
use super::backend::gmp::Gmp;
#[cfg(target_arch = "x86_64")]
use super::backend::ifma::Ifma;
use super::backend::words::Words;
use super::batch::Batch;
use super::error::EngineError;
use super::exponents::{Exponents, TimingClass};
use super::job::Job;
use super::modulus::{Moduli, Modulus};
use super::options::{ConstantTime, EngineKind};
use super::{self_test, shape};
use crate::secret::SecretLimbs;

/// A backend with its algorithms, whatever its types.
pub(super) trait Operations: Sync {
    fn kind(&self) -> EngineKind;
    /// See [`Backend::WIDTH`].
    fn width(&self) -> usize;
    /// See [`Backend::missing`].
    fn missing(&self) -> Option<&'static str>;
    fn run(&self, job: &Job, constant_time: ConstantTime) -> Result<Batch, EngineError>;
    /// See [`convert::load`].
    fn load(&self, moduli: &Moduli, numbers: &[u64], len: usize) -> Batch;
    /// See [`convert::load_bytes`].
    fn load_bytes(&self, modulus: &Modulus, bytes: &[u8], len_bytes: usize) -> Batch;
    /// See [`convert::load_one_plus`].
    fn load_one_plus(&self, modulus: &Modulus, numbers: &[u64], len: usize) -> Batch;
    /// See [`Backend::combination`].
    fn combination(&self, modulus: &Modulus, factors: [&SecretLimbs; 2]) -> Words;
    /// See [`convert::load_combination`].
    fn load_combination(&self, modulus: &Modulus, numbers: [&[u64]; 2], factors: &Words, len: usize) -> Batch;
    /// See [`convert::store`].
    fn store(&self, batch: &Batch) -> SecretLimbs;
    /// See [`convert::store_bytes`].
    fn store_bytes(&self, batch: &Batch, len_bytes: usize) -> Vec<u8>;
    /// See [`convert::store_halves`].
    fn store_halves(&self, batch: &Batch) -> [SecretLimbs; 2];
    /// See [`product::joint_factor`].
    fn joint_factor(&self, batch: &Batch) -> Batch;
    /// See [`comb::build`].
    fn fixed_base(&self, modulus: &Modulus, base: &[u64], max_bits: u32, window_bits: u32) -> FixedBase;
}

/// Every backend of this build, the fastest first.
#[cfg(target_arch = "x86_64")]
pub(super) const ALL: &[&dyn Operations] = &[&Ifma, &Gmp];
/// Every backend of this build, the fastest first.
#[cfg(not(target_arch = "x86_64"))]
pub(super) const ALL: &[&dyn Operations] = &[&Gmp];

/// The backend whose form the residues of a batch have.
pub(super) fn maker(batch: &Batch) -> &'static dyn Operations {
    let kind = batch.residues().layout().kind;
    *ALL.iter().find(|backend| backend.kind() == kind).expect("a batch was made by a backend of this build")
}

/// A backend that gave the known answers.
pub(super) struct Chosen {
    pub backend: &'static dyn Operations,
    /// Why this one.
    pub reason: String,
    /// What is wrong with a faster one that runs here, but not rightly.
    pub warning: Option<String>,
}

/// The backend of that kind; for [`EngineKind::Auto`] the fastest of `backends` that passes its self-test.
pub(super) fn choose(kind: EngineKind, backends: &[&'static dyn Operations]) -> Result<Chosen, EngineError> {
    if kind != EngineKind::Auto {
        let found = backends.iter().find(|backend| backend.kind() == kind);
        let unavailable = |reason: &str| EngineError::Unavailable { kind, reason: reason.to_owned() };
        let backend = *found.ok_or_else(|| unavailable("it is not in a build for this architecture"))?;
        if let Some(missing) = backend.missing() {
            return Err(unavailable(&format!("this processor has no {missing}")));
        }
        self_test::run(backend)?;
        return Ok(Chosen { backend, reason: "asked for".to_owned(), warning: None });
    }
    let mut reasons = Vec::new();
    let mut failure = None;
    for &backend in backends {
        if let Some(missing) = backend.missing() {
            reasons.push(format!("{} needs {missing}, which this processor lacks", backend.kind()));
        } else if let Err(error) = self_test::run(backend) {
            reasons.push(error.to_string());
            failure = Some(error);
        } else {
            let reason = if reasons.is_empty() { "the fastest engine".to_owned() } else { reasons.join("; ") };
            let warning = failure.map(|error| format!("{error}; {} computes instead", backend.kind()));
            return Ok(Chosen { backend, reason, warning });
        }
    }
    let nothing = || EngineError::Unavailable { kind, reason: "no engine runs on this processor".to_owned() };
    Err(failure.unwrap_or_else(nothing))
}

impl<B: Backend> Operations for B {
    fn kind(&self) -> EngineKind {
        B::KIND
    }

    fn width(&self) -> usize {
        B::WIDTH
    }

    fn missing(&self) -> Option<&'static str> {
        B::missing()
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

    fn load_bytes(&self, modulus: &Modulus, bytes: &[u8], len_bytes: usize) -> Batch {
        convert::load_bytes::<B>(modulus, bytes, len_bytes)
    }

    fn load_one_plus(&self, modulus: &Modulus, numbers: &[u64], len: usize) -> Batch {
        convert::load_one_plus::<B>(modulus, numbers, len)
    }

    fn combination(&self, modulus: &Modulus, factors: [&SecretLimbs; 2]) -> Words {
        B::combination(modulus, factors)
    }

    fn load_combination(&self, modulus: &Modulus, numbers: [&[u64]; 2], factors: &Words, len: usize) -> Batch {
        convert::load_combination::<B>(modulus, numbers, factors.as_slice(), len)
    }

    fn store(&self, batch: &Batch) -> SecretLimbs {
        convert::store::<B>(batch)
    }

    fn store_bytes(&self, batch: &Batch, len_bytes: usize) -> Vec<u8> {
        convert::store_bytes::<B>(batch, len_bytes)
    }

    fn store_halves(&self, batch: &Batch) -> [SecretLimbs; 2] {
        convert::store_halves::<B>(batch)
    }

    fn joint_factor(&self, batch: &Batch) -> Batch {
        product::joint_factor::<B>(batch, TimingClass::Vartime)
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
