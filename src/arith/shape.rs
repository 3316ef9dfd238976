//! Whether the operands of a job go together, before an algorithm sees them.

use super::algorithms::broadcast;
use super::backend::residues::Layout;
use super::batch::Batch;
use super::error::EngineError;
use super::job::Job;
use super::modulus::Moduli;
use super::options::EngineKind;

/// The widest window of a fixed-base table in bits.
pub(super) const MAX_WINDOW_BITS: u32 = 16;

/// What to do with residues of an engine that others cannot read.
const STORE_AND_LOAD: &str = "store them and load the numbers on the engine that computes";

/// Refuses a job whose operands do not go together, or that another engine made.
pub(super) fn check(job: &Job, kind: EngineKind) -> Result<(), EngineError> {
    match job {
        Job::Product(a, b) => {
            same_form(a, b)?;
            broadcastable(("left", a.len()), ("right", b.len()))?;
            same_moduli(a, b)?;
            made_by(a.residues().layout(), kind)
        }
        Job::ProductRuns { batch, run } => {
            if *run == 0 || !batch.len().is_multiple_of(*run) {
                return refuse(format!("{} residues are not a number of runs of {run}", batch.len()));
            }
            let straddles = |index: usize| batch.moduli().of(index) != batch.moduli().of(index / run * run);
            if matches!(batch.moduli(), Moduli::Each(_)) && (0..batch.len()).any(straddles) {
                return refuse("a run of residues with different moduli".to_owned());
            }
            made_by(batch.residues().layout(), kind)
        }
        Job::Power { bases, exponents } => {
            broadcastable(("bases", bases.len()), ("exponents", exponents.len()))?;
            made_by(bases.residues().layout(), kind)
        }
        Job::FixedPower { table, exponents } => {
            if exponents.bits() > table.max_bits() {
                let (bits, max_bits) = (exponents.bits(), table.max_bits());
                return refuse(format!("exponents of {bits} bits for a fixed-base table of {max_bits}"));
            }
            made_by(table.layout(), kind)
        }
        Job::MultiPower { bases, exponents, groups } => {
            multi_power(bases, exponents.len(), *groups)?;
            made_by(bases.residues().layout(), kind)
        }
        Job::InvertVartime(batch) => made_by(batch.residues().layout(), kind),
        Job::Select { on_zero, on_one, choices } => {
            same_form(on_zero, on_one)?;
            if on_zero.len() != on_one.len() || on_zero.len() != choices.len() {
                let (zero, one, choices) = (on_zero.len(), on_one.len(), choices.len());
                return refuse(format!("{choices} choices between {zero} and {one} residues"));
            }
            same_moduli(on_zero, on_one)?;
            made_by(on_zero.residues().layout(), kind)
        }
    }
}

fn multi_power(bases: &Batch, exponents: usize, groups: usize) -> Result<(), EngineError> {
    if bases.is_empty() && exponents == 0 {
        return Ok(());
    }
    if groups == 0 || bases.is_empty() || !bases.len().is_multiple_of(groups) {
        return refuse(format!("{} bases in {groups} groups", bases.len()));
    }
    if !exponents.is_multiple_of(bases.len()) {
        return refuse(format!("{exponents} exponents are not a number of rows of {} bases", bases.len()));
    }
    if matches!(bases.moduli(), Moduli::Each(_)) {
        return refuse("a product of powers needs one modulus for all bases".to_owned());
    }
    Ok(())
}

/// A result of either length, where a single one goes with any number of others.
fn broadcastable(a: (&str, usize), b: (&str, usize)) -> Result<(), EngineError> {
    if a.1 == b.1 || a.1 == 1 || b.1 == 1 {
        return Ok(());
    }
    refuse(format!("{} {} and {} {}: the numbers are equal or one of them is 1", a.1, a.0, b.1, b.0))
}

fn same_moduli(a: &Batch, b: &Batch) -> Result<(), EngineError> {
    let same = match (a.moduli(), b.moduli()) {
        (Moduli::One(left), Moduli::One(right)) => left == right,
        (left, right) => {
            let len = if a.len() == 1 { b.len() } else { a.len() };
            (0..len).all(|index| left.of(broadcast(a.len(), index)) == right.of(broadcast(b.len(), index)))
        }
    };
    if same { Ok(()) } else { refuse("residues with different moduli".to_owned()) }
}

fn same_form(a: &Batch, b: &Batch) -> Result<(), EngineError> {
    let (left, right) = (a.residues().layout(), b.residues().layout());
    if left.kind != right.kind {
        let (left, right) = (left.kind, right.kind);
        return refuse(format!("residues of the engine {left} and of the engine {right}; {STORE_AND_LOAD}"));
    }
    if left != right {
        return refuse("residues of different widths; load them together".to_owned());
    }
    Ok(())
}

fn made_by(layout: Layout, kind: EngineKind) -> Result<(), EngineError> {
    if layout.kind == kind {
        return Ok(());
    }
    refuse(format!("residues of the engine {} given to the engine {kind}; {STORE_AND_LOAD}", layout.kind))
}

pub(super) fn refuse<T>(reason: String) -> Result<T, EngineError> {
    Err(EngineError::Shape { reason })
}
