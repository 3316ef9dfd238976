//! What can be wrong with a shape, a plan or a value of a training.

use std::fmt;

use crate::fixed::FixedError;
use crate::mlp::bounds::BoundName;

/// When a value left its bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Before the first step: the initial model.
    Start,
    /// Training step, counted from 0.
    Step(u64),
    /// A forward pass outside training, by the number its caller gave it.
    Query(u64),
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Moment::Start => write!(f, "before the first step"),
            Moment::Step(step) => write!(f, "step {step}"),
            Moment::Query(number) => write!(f, "query {number}"),
        }
    }
}

/// A network shape or a value of the training is out of its declared range.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MlpError {
    /// The list of layer widths makes no network.
    #[error("layers {given:?}: {reason}; write widths from inputs to classes, as in 30,16,2")]
    Layers {
        /// The list as given.
        given: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A parameter of the training is out of range.
    #[error("{parameter}: {reason}")]
    Plan {
        /// Which one.
        parameter: &'static str,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// A tensor has not the length that the layers ask for.
    #[error("{what}: {found} where the layers {layers} ask for {expected}")]
    Shape {
        /// What was counted.
        what: &'static str,
        /// The layers.
        layers: String,
        /// What they ask for.
        expected: usize,
        /// What was there.
        found: usize,
    },
    /// A label is not one of the classes.
    #[error("row {row} of the batch has label {label}, but the network has {classes} outputs (labels from 0)")]
    Label {
        /// Row, from 0.
        row: usize,
        /// Its label.
        label: u32,
        /// Width of the last layer.
        classes: usize,
    },
    /// A bound's name is not known, or its text is not NAME=BITS.
    #[error("bound {given:?}: {reason}")]
    Bound {
        /// The text as given.
        given: String,
        /// What is wrong with it, with the names there are.
        reason: String,
    },
    /// A value has left its declared bound.
    #[error(
        "{moment}, layer {layer}: {tensor} reached {value_bits} bits where {declared_bits} are declared; {}",
        remedy(*.bound, *.value_bits)
    )]
    BoundExceeded {
        /// When.
        moment: Moment,
        /// Layer, counted from 0.
        layer: usize,
        /// Which tensor.
        tensor: &'static str,
        /// The bound it was declared under.
        bound: BoundName,
        /// That bound in bits.
        declared_bits: u32,
        /// Bits of the value, sign not counted.
        value_bits: u32,
    },
    /// A weight cannot be encoded.
    #[error(transparent)]
    Fixed(#[from] FixedError),
}

fn remedy(bound: BoundName, value_bits: u32) -> String {
    let allow = format!("allow it with --bound {bound}={value_bits}");
    match bound {
        _ if value_bits > bound.max_bits() => "that is more than can be declared; the training diverges".into(),
        BoundName::Inputs | BoundName::Pixels => format!("scale the data down, or {allow}"),
        _ => format!("lower the learning rate, or {allow}"),
    }
}

impl MlpError {
    /// See [`crate::error::Error::exit_code`]: 2 for a shape or parameter, 3 for values that are too large.
    pub fn exit_code(&self) -> u8 {
        match self {
            MlpError::Label { .. } | MlpError::BoundExceeded { .. } | MlpError::Fixed(_) => 3,
            MlpError::Layers { .. } | MlpError::Plan { .. } | MlpError::Shape { .. } | MlpError::Bound { .. } => 2,
        }
    }
}
