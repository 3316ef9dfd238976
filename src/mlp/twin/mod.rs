//! The integer twin: the training of both secure protocols in plain integers (protocol.md, sections 3 and 7).
//!
//! It knows no cryptography. What the protocols' masks do to a division, one added or not, comes in by position
//! through [`Rounding`]; with the parties' own masks behind it, the twin equals a protocol run bit for bit.

mod arithmetic;
mod backward;
mod forward;

pub use arithmetic::divide;
pub use forward::{ForwardTrace, LayerTrace};

use crate::mask::Position;
use crate::mlp::error::{MlpError, Moment};
use crate::mlp::layers::Layers;
use crate::mlp::metrics::one_hot;
use crate::mlp::model::FixedModel;
use crate::mlp::plan::TrainingPlan;
use crate::mlp::update::Update;
use arithmetic::Arithmetic;

/// What the mask of a division leaves: m mod d at a position.
///
/// Elements are numbered row-major within the tensor that is divided: row in batch * outputs + output forward,
/// output * inputs + input for a layer's gradient, output for its bias gradient, row in batch * inputs + input
/// backward. The layer is the one whose weights take part.
pub trait Rounding {
    /// m mod `divisor`, in \[0, divisor), for the mask m of `element` at `position`.
    fn mask_remainder(&self, position: Position, element: u64, divisor: i128) -> i128;
}

impl<R: Rounding + ?Sized> Rounding for &R {
    fn mask_remainder(&self, position: Position, element: u64, divisor: i128) -> i128 {
        (**self).mask_remainder(position, element, divisor)
    }
}

/// Rounds every division towards minus infinity, as masks that are multiples of the divisor would.
#[derive(Debug, Clone, Copy, Default)]
pub struct FloorRounding;

impl Rounding for FloorRounding {
    fn mask_remainder(&self, _position: Position, _element: u64, _divisor: i128) -> i128 {
        0
    }
}

/// Everything that one training step computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepTrace {
    /// Training step, counted from 0.
    pub step: u64,
    /// The forward pass.
    pub forward: ForwardTrace,
    /// For each weight layer, the error at its output after the gate, \[rows\]\[fan_out\], at scale 2^f.
    pub deltas: Vec<Vec<i64>>,
    /// The divided gradients, with their coefficient.
    pub update: Update,
    /// Sum of squared differences over rows and outputs, at scale 2^(2f).
    pub loss_sum: i128,
}

/// A training in plain integers.
#[derive(Debug, Clone)]
pub struct Twin<R> {
    plan: TrainingPlan,
    rounding: R,
    model: FixedModel,
    next_step: u64,
}

impl<R: Rounding> Twin<R> {
    /// A training that goes on with `model` at step `next_step`; 0 for a new one.
    ///
    /// # Errors
    /// If the model has another shape than the plan, or a weight is out of its bound.
    pub fn new(plan: TrainingPlan, model: FixedModel, rounding: R, next_step: u64) -> Result<Self, MlpError> {
        plan.bounds.validate()?;
        model.check_shape(&plan.layers)?;
        model.check_bounds(&plan.bounds, Moment::Start)?;
        Ok(Twin { plan, rounding, model, next_step })
    }

    /// The model as it is now.
    pub fn model(&self) -> &FixedModel {
        &self.model
    }

    /// What is trained.
    pub fn plan(&self) -> &TrainingPlan {
        &self.plan
    }

    /// Number of the next step.
    pub fn next_step(&self) -> u64 {
        self.next_step
    }

    /// Trains on one batch: `inputs` \[rows\]\[inputs\] at scale 2^f, `labels` \[rows\].
    ///
    /// # Errors
    /// If the batch does not fit the layers, or at the first value that leaves its bound: the model is then as it was
    /// before the step, except when the updated weights themselves are what left it.
    pub fn step(&mut self, inputs: &[i64], labels: &[u32]) -> Result<StepTrace, MlpError> {
        let Twin { plan, model, .. } = &*self;
        check_labels(&plan.layers, labels)?;
        let targets = one_hot(labels, plan.layers.outputs(), plan.fixed.one());
        let moment = Moment::Step(self.next_step);
        let arithmetic = Arithmetic { plan, rounding: &self.rounding, moment, step: self.next_step };
        let forward = arithmetic.forward(model, inputs, labels.len())?;
        let (output_delta, loss_sum) = arithmetic.output_delta(forward.scores(), &targets)?;
        let deltas = arithmetic.deltas(model, &forward, output_delta)?;
        let update = Update::descent(arithmetic.gradients(inputs, &forward, &deltas)?);
        let trace = StepTrace { step: self.next_step, forward, deltas, update, loss_sum };
        self.model.apply(&trace.update, &self.plan.bounds, moment)?;
        self.next_step += 1;
        Ok(trace)
    }

    /// Scores of `rows` rows under the model as it is now; see [`forward()`].
    ///
    /// # Errors
    /// As [`forward()`].
    pub fn query(&self, number: u64, inputs: &[i64], rows: usize) -> Result<ForwardTrace, MlpError> {
        forward(&self.plan, &self.model, &self.rounding, number, inputs, rows)
    }
}

/// A forward pass outside training: `inputs` \[rows\]\[inputs\] at scale 2^f. `number` takes the step's place in the
/// positions of the divisions; callers keep it apart from those of training steps if masks come from the same key.
///
/// # Errors
/// If model or inputs do not fit the layers, or at the first value that leaves its bound.
pub fn forward<R: Rounding>(
    plan: &TrainingPlan,
    model: &FixedModel,
    rounding: &R,
    number: u64,
    inputs: &[i64],
    rows: usize,
) -> Result<ForwardTrace, MlpError> {
    model.check_shape(&plan.layers)?;
    Arithmetic { plan, rounding, moment: Moment::Query(number), step: number }.forward(model, inputs, rows)
}

fn check_labels(layers: &Layers, labels: &[u32]) -> Result<(), MlpError> {
    let classes = layers.outputs();
    match labels.iter().position(|label| *label as usize >= classes) {
        Some(row) => Err(MlpError::Label { row, label: labels[row], classes }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
