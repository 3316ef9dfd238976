//! What an optimiser does to a model: a sum of tensors with integer coefficients.
//!
//! Integer combinations cost neither party a message, so every optimiser is written as one: plain gradient descent has
//! one term, momentum or weight decay add theirs.

use serde::{Deserialize, Serialize};

use crate::mlp::model::FixedModel;

/// The change of a model: the sum of its terms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Update {
    /// In any order.
    pub terms: Vec<UpdateTerm>,
}

/// A model-shaped tensor times an integer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateTerm {
    /// The public factor.
    pub coefficient: i64,
    /// Tensors of the model's shape.
    pub tensors: FixedModel,
}

impl Update {
    /// Plain gradient descent: the divided gradients, subtracted.
    pub fn descent(quotients: FixedModel) -> Self {
        Update { terms: vec![UpdateTerm { coefficient: -1, tensors: quotients }] }
    }
}
