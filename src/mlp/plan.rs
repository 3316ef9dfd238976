//! What a training does, apart from data and keys.

use serde::{Deserialize, Serialize};

use crate::fixed::FixedPoint;
use crate::mlp::bounds::{DeclaredBounds, InputKind};
use crate::mlp::error::MlpError;
use crate::mlp::layers::Layers;

/// The largest divisor D; with f <= 32 the divisor of a gradient then has at most 72 bits.
const MAX_RATE_DIVISOR: f64 = (1u64 << 40) as f64;

/// Shape, step size, batches and number format of a training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingPlan {
    /// Widths of the layers.
    pub layers: Layers,
    /// Step size of the gradient descent.
    pub learning_rate: f64,
    /// Rows in a full batch.
    #[serde(rename = "batch")]
    pub batch_rows: usize,
    /// Leaves the incomplete last batch out.
    pub drop_last: bool,
    /// Number format.
    #[serde(rename = "fraction_bits")]
    pub fixed: FixedPoint,
    /// Which bound the features are declared under.
    pub inputs: InputKind,
    /// Bits of every tensor.
    pub bounds: DeclaredBounds,
}

impl TrainingPlan {
    /// Checks that `train_rows` rows can be trained on with this plan.
    ///
    /// # Errors
    /// If a parameter is out of range, or for a batch that would have no divisor.
    pub fn validate(&self, train_rows: usize) -> Result<(), MlpError> {
        self.bounds.validate()?;
        if self.batch_rows == 0 {
            return Err(MlpError::Plan { parameter: "batch", reason: "a batch has at least one row".into() });
        }
        if train_rows == 0 || (self.drop_last && train_rows < self.batch_rows) {
            let reason = format!("{train_rows} training rows make no batch of {}", self.batch_rows);
            return Err(MlpError::Plan { parameter: "batch", reason });
        }
        self.rate_divisor(self.batch_rows)?;
        let last_rows = train_rows % self.batch_rows;
        if last_rows > 0 && !self.drop_last {
            self.rate_divisor(last_rows)?;
        }
        Ok(())
    }

    /// D = round(rows in the batch / learning rate): gradients at scale 2^(2f) are divided by 2^f D (protocol.md,
    /// section 1).
    ///
    /// # Errors
    /// If the learning rate is not a positive number, or D is 0 or above 2^40.
    pub fn rate_divisor(&self, rows: usize) -> Result<i128, MlpError> {
        let rate = self.learning_rate;
        let divisor = (rows as f64 / rate).round();
        if rate > 0.0 && (1.0..=MAX_RATE_DIVISOR).contains(&divisor) {
            return Ok(divisor as i128);
        }
        let reason = format!("{rate} with {rows} rows in a batch; rows / learning rate rounds to 1 up to 2^40");
        Err(MlpError::Plan { parameter: "learning rate", reason })
    }

    /// 2^f, the divisor of products forward and backward.
    pub fn product_divisor(&self) -> i128 {
        i128::from(self.fixed.one())
    }

    /// 2^f D, the divisor of weight gradients over `rows` rows; that of bias gradients is
    /// [`TrainingPlan::rate_divisor`].
    ///
    /// # Errors
    /// As [`TrainingPlan::rate_divisor`].
    pub fn gradient_divisor(&self, rows: usize) -> Result<i128, MlpError> {
        Ok(self.product_divisor() * self.rate_divisor(rows)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(learning_rate: f64, batch_rows: usize) -> TrainingPlan {
        TrainingPlan {
            layers: "2,8,2".parse().unwrap(),
            learning_rate,
            batch_rows,
            drop_last: false,
            fixed: FixedPoint::new(13).unwrap(),
            inputs: InputKind::Features,
            bounds: DeclaredBounds::defaults(13),
        }
    }

    #[test]
    fn divisors_are_rounded_quotients() {
        assert_eq!(plan(0.2, 8).rate_divisor(8), Ok(40));
        assert_eq!(plan(0.3, 8).rate_divisor(8), Ok(27));
        assert_eq!(plan(0.2, 8).gradient_divisor(7), Ok(35 << 13));
    }

    #[test]
    fn rates_without_a_divisor_are_refused() {
        for rate in [0.0, -0.1, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 100.0, 1e-300] {
            let error = plan(rate, 8).validate(100).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{rate}");
        }
    }

    #[test]
    fn the_incomplete_last_batch_needs_a_divisor_too() {
        assert!(plan(4.0, 8).validate(16).is_ok());
        assert!(plan(4.0, 8).validate(17).is_err());
        assert!(TrainingPlan { drop_last: true, ..plan(4.0, 8) }.validate(17).is_ok());
    }

    #[test]
    fn batches_without_rows_are_refused() {
        assert!(plan(0.2, 0).validate(16).is_err());
        assert!(plan(0.2, 8).validate(0).is_err());
        assert!(plan(0.2, 8).validate(5).is_ok());
        assert!(TrainingPlan { drop_last: true, ..plan(0.2, 8) }.validate(7).is_err());
    }

    #[test]
    fn a_plan_comes_back_from_json() {
        let json = serde_json::to_string(&plan(0.2, 8)).unwrap();
        assert_eq!(serde_json::from_str::<TrainingPlan>(&json).unwrap(), plan(0.2, 8));
    }
}
