//! What the primitives cost: each operation is checked against an independent computation, then timed, where it has a
//! reference in turns with that.

mod catalogue;
mod check;
mod fixture;
mod operation;
mod reference;
mod workload;

use std::time::Duration;

pub use fixture::Fixture;
pub use operation::Operation;
pub use workload::Workload;

use super::rows::PrimitiveRow;
use super::runner::{self, Plan, Timing};
use super::statistics::Spread;
use crate::arith::Engine;
use crate::error::Error;

/// What to measure, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Key lengths.
    pub key_bits: Vec<u32>,
    /// Operations submitted together.
    pub batches: Vec<usize>,
    /// Which operations.
    pub operations: Vec<Operation>,
    /// Time and samples of a row. An operation that takes longer than the whole budget is timed once, as it is checked.
    pub plan: Plan,
}

impl Settings {
    /// Rows that [`measure`] gives.
    pub fn rows(&self) -> usize {
        let measured: usize = self.key_bits.iter().map(|bits| self.operations_at(*bits).count()).sum();
        measured * self.batches.len()
    }

    fn operations_at(&self, key_bits: u32) -> impl Iterator<Item = Operation> {
        self.operations.iter().copied().filter(move |operation| operation.has_key_length(key_bits))
    }
}

/// Is told what is going on.
pub trait Observer {
    /// A key pair and its tables are made.
    fn preparing(&mut self, key_bits: u32);
    /// An operation is checked, then timed.
    fn measuring(&mut self, operation: Operation, key_bits: u32, batch: usize);
    /// A row is done.
    fn row(&mut self, row: &PrimitiveRow);
}

/// Measures everything, a key length after the other; rows in the order of the settings.
///
/// # Errors
/// If an operation fails or gives a wrong result.
pub fn measure(engine: &Engine, settings: &Settings, observer: &mut dyn Observer) -> Result<Vec<PrimitiveRow>, Error> {
    let mut rows: Vec<PrimitiveRow> = Vec::with_capacity(settings.rows());
    for &key_bits in &settings.key_bits {
        observer.preparing(key_bits);
        let fixture = Fixture::new(engine, key_bits)?;
        for operation in settings.operations_at(key_bits) {
            let first = rows.len();
            for &batch in &settings.batches {
                let row = match rows.get(first) {
                    Some(measured) if !operation.is_batched() => {
                        PrimitiveRow { batch: batch as u64, ..measured.clone() }
                    }
                    _ => {
                        observer.measuring(operation, key_bits, batch);
                        measure_one(&fixture, operation, batch, &settings.plan)?
                    }
                };
                observer.row(&row);
                rows.push(row);
            }
        }
    }
    Ok(rows)
}

/// Checks one operation, then times it.
///
/// # Errors
/// If the operation fails or gives a wrong result.
pub fn measure_one(fixture: &Fixture, operation: Operation, batch: usize, plan: &Plan) -> Result<PrimitiveRow, Error> {
    let mut workload = fixture.workload(operation, batch)?;
    let checked_run = workload.run_checked()?;
    let (timing, ratio_to_gmp) = if checked_run > plan.budget {
        once(checked_run, &workload, operation, fixture.key_bits(), plan)?
    } else {
        often(workload, operation, fixture.key_bits(), plan)?
    };
    let engine = fixture.engine();
    Ok(PrimitiveRow {
        operation: operation.name().to_owned(),
        engine: engine.kind().to_string(),
        timing_class: operation.timing_class(engine.constant_time()).to_owned(),
        key_bits: fixture.key_bits(),
        batch: batch as u64,
        threads: engine.threads() as u64,
        samples: timing.samples_ns.len() as u64,
        median_ns: timing.spread_ns.median,
        min_ns: timing.spread_ns.min,
        max_ns: timing.spread_ns.max,
        ratio_to_gmp,
    })
}

type Measured = (Timing, Option<f64>);

/// The checked run is the only sample; the reference follows it.
fn once(
    checked_run: Duration,
    workload: &Workload<'_>,
    operation: Operation,
    key_bits: u32,
    plan: &Plan,
) -> Result<Measured, Error> {
    let sample = checked_run.as_nanos() as f64 / workload.operations() as f64;
    let spread_ns = Spread { min: sample, median: sample, max: sample, median_absolute_deviation: 0.0 };
    let reference = reference::reference(operation, key_bits).map(|reference| runner::time(plan, reference));
    let ratio = reference.transpose()?.map(|reference| reference.spread_ns.median / sample);
    Ok((Timing { samples_ns: vec![sample], spread_ns }, ratio))
}

fn often(mut workload: Workload<'_>, operation: Operation, key_bits: u32, plan: &Plan) -> Result<Measured, Error> {
    let subject = runner::Subject::timed(workload.operations(), move || workload.run());
    match reference::reference(operation, key_bits) {
        Some(reference) => {
            let comparison = runner::time_against(plan, subject, reference)?;
            Ok((comparison.measured, Some(comparison.ratio)))
        }
        None => Ok((runner::time(&plan_for(operation, plan), subject)?, None)),
    }
}

/// A pool fills up between two runs, which takes much longer than they do: no run is repeated within a sample.
fn plan_for(operation: Operation, plan: &Plan) -> Plan {
    match operation {
        Operation::EncryptPooled => Plan { warm_up: Duration::ZERO, sample_time: Duration::ZERO, ..*plan },
        _ => *plan,
    }
}
