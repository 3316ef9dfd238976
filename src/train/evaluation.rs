//! What the harness, as the user, measures: with the model open, outside every clock.

use crate::error::Error;
use crate::mlp::metrics::{correct, labels_of, mean_loss, one_hot};
use crate::mlp::{FixedModel, FloatNetwork, FloorRounding, TrainingPlan, twin};
use crate::net::Traffic;
use crate::protocol::schedule::Answer;

use super::{LabelledRows, TrainingData};

/// The figures of one epoch; epoch 0 is before training. Losses and accuracies are NaN where the data came encrypted, so
/// that nobody could measure them; the running loss is there all the same.
#[derive(Debug, Clone, PartialEq)]
pub struct EpochFigures {
    /// Counted from 0.
    pub epoch: u64,
    /// Cumulative time of the steps and of the tests of the model.
    pub seconds: f64,
    /// Steps since the start of the training.
    pub steps: u64,
    /// Mean squared error over the training rows: 1/(2 rows) times the sum over all outputs.
    pub train_loss: f64,
    /// Share of the training rows classified correctly.
    pub train_accuracy: f64,
    /// As for the training rows.
    pub test_loss: f64,
    /// As for the training rows.
    pub test_accuracy: f64,
    /// The plain float network's.
    pub baseline_train_loss: f64,
    /// The plain float network's.
    pub baseline_train_accuracy: f64,
    /// The plain float network's.
    pub baseline_test_loss: f64,
    /// The plain float network's.
    pub baseline_test_accuracy: f64,
    /// Test rows that the model classifies correctly, and the plain float network.
    pub test_correct: (usize, usize),
    /// Bytes and round trips of this epoch's steps and of the test of the model after them, as P1 counts them.
    pub traffic: Traffic,
    /// The mean loss of this epoch's steps, as it came back encrypted; none for epoch 0.
    pub running_loss: Option<f64>,
}

/// Test rows classified under encryption at the end.
#[derive(Debug, Clone, PartialEq)]
pub struct Classified {
    /// How many.
    pub rows: usize,
    /// How many correctly.
    pub correct: usize,
    /// What came back.
    pub answer: Answer,
    /// Every label or score is that of the integer twin.
    pub equal_to_twin: bool,
    /// Query numbers that this took, from 0 on.
    pub numbers: u64,
}

impl EpochFigures {
    /// What is known without any data in the clear.
    pub(super) fn unmeasured() -> Self {
        EpochFigures {
            epoch: 0,
            seconds: 0.0,
            steps: 0,
            train_loss: f64::NAN,
            train_accuracy: f64::NAN,
            test_loss: f64::NAN,
            test_accuracy: f64::NAN,
            baseline_train_loss: f64::NAN,
            baseline_train_accuracy: f64::NAN,
            baseline_test_loss: f64::NAN,
            baseline_test_accuracy: f64::NAN,
            test_correct: (0, 0),
            traffic: Traffic::default(),
            running_loss: None,
        }
    }
}

/// Evaluates an open model and the baseline.
pub(super) fn evaluate(
    plan: &TrainingPlan,
    model: &FixedModel,
    baseline: &FloatNetwork,
    data: &TrainingData,
) -> Result<EpochFigures, Error> {
    let train = measure(plan, model, &data.train)?;
    let test = measure(plan, model, &data.test)?;
    let baseline_train = measure_baseline(plan, baseline, &data.train)?;
    let baseline_test = measure_baseline(plan, baseline, &data.test)?;
    Ok(EpochFigures {
        train_loss: train.loss,
        train_accuracy: train.accuracy(),
        test_loss: test.loss,
        test_accuracy: test.accuracy(),
        baseline_train_loss: baseline_train.loss,
        baseline_train_accuracy: baseline_train.accuracy(),
        baseline_test_loss: baseline_test.loss,
        baseline_test_accuracy: baseline_test.accuracy(),
        test_correct: (test.correct, baseline_test.correct),
        ..EpochFigures::unmeasured()
    })
}

/// How a network does on some rows.
struct Measured {
    loss: f64,
    correct: usize,
    rows: usize,
}

impl Measured {
    fn accuracy(&self) -> f64 {
        self.correct as f64 / self.rows as f64
    }
}

/// By the twin's integer forward pass.
fn measure(plan: &TrainingPlan, model: &FixedModel, rows: &LabelledRows) -> Result<Measured, Error> {
    let trace = twin::forward(plan, model, &FloorRounding, 0, &rows.features, rows.rows())?;
    let classes = plan.layers.outputs();
    let targets = one_hot(&rows.labels, classes, plan.fixed.one());
    let loss_sum = trace.scores().iter().zip(&targets).map(|(s, t)| i128::from(s - t).pow(2)).sum();
    let loss = mean_loss(loss_sum, rows.rows() as u64, plan.fixed.fraction_bits());
    Ok(Measured { loss, correct: correct(&labels_of(trace.scores(), classes), &rows.labels), rows: rows.rows() })
}

fn measure_baseline(plan: &TrainingPlan, baseline: &FloatNetwork, rows: &LabelledRows) -> Result<Measured, Error> {
    let classes = plan.layers.outputs();
    let scores = baseline.scores(&rows.float_features)?;
    let targets = one_hot(&rows.labels, classes, 1.0);
    let squares: f64 = scores.iter().zip(&targets).map(|(s, t)| (s - t).powi(2)).sum();
    let loss = squares / (2.0 * rows.rows() as f64);
    Ok(Measured { loss, correct: correct(&labels_of(&scores, classes), &rows.labels), rows: rows.rows() })
}
