//! Rows in fixed point, ready for the twin and for encryption.

use crate::data::{DataError, Dataset, Scaler, ScalingKind, split};
use crate::error::Error;
use crate::fixed::FixedPoint;
use crate::mlp::batches::gather;
use crate::mlp::metrics::one_hot;
use crate::paillier::Ciphertexts;

/// Features and labels of one part of a data set.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelledRows {
    /// \[rows\]\[columns\] at scale 2^f.
    pub features: Vec<i64>,
    /// The same as floats, for the baseline.
    pub float_features: Vec<f64>,
    /// \[rows\].
    pub labels: Vec<u32>,
    /// Features of a row.
    pub columns: usize,
}

impl LabelledRows {
    /// Encodes scaled features \[rows\]\[columns\].
    ///
    /// # Errors
    /// For a value of `value_bits` bits or more after encoding, or one that is not a number.
    pub fn encode(
        float_features: Vec<f64>,
        labels: Vec<u32>,
        columns: usize,
        fixed: FixedPoint,
        value_bits: u32,
    ) -> Result<Self, Error> {
        let features = float_features.iter().map(|value| fixed.encode(*value, value_bits)).collect::<Result<_, _>>()?;
        Ok(LabelledRows { features, float_features, labels, columns })
    }

    /// Scales and encodes a data set, features below 2^`input_bits`.
    ///
    /// # Errors
    /// If the columns are not those of the scaler, or a value is too large; the message names row and column.
    pub fn scaled(data: Dataset, scaler: &Scaler, fixed: FixedPoint, input_bits: u32) -> Result<Self, DataError> {
        let table = scaler.apply(&data.table)?;
        let features = table.encode(fixed, input_bits)?;
        Ok(LabelledRows { features, columns: table.columns(), float_features: table.values, labels: data.labels })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.labels.len()
    }

    /// One-hot targets \[rows\]\[classes\], `one` being 1 in fixed point.
    pub fn targets(&self, classes: usize, one: i64) -> Vec<i64> {
        one_hot(&self.labels, classes, one)
    }

    /// The rows `members`, in that order.
    pub fn select(&self, members: &[usize]) -> LabelledRows {
        LabelledRows {
            features: gather(&self.features, self.columns, members),
            float_features: gather(&self.float_features, self.columns, members),
            labels: gather(&self.labels, 1, members),
            columns: self.columns,
        }
    }
}

/// Rows to train on that came encrypted under P2's key, a ciphertext a value.
#[derive(Clone)]
pub struct EncryptedRows {
    /// \[rows\]\[columns\].
    pub features: Ciphertexts,
    /// One-hot, \[rows\]\[classes\].
    pub targets: Ciphertexts,
}

/// What a training starts from.
#[derive(Clone)]
pub enum JobData {
    /// The user is part of this process: it encrypts, and measures after each epoch.
    Plain(TrainingData),
    /// The user encrypted elsewhere: nothing can be measured but the loss that comes back.
    Encrypted(EncryptedRows),
}

impl From<TrainingData> for JobData {
    fn from(data: TrainingData) -> Self {
        JobData::Plain(data)
    }
}

impl JobData {
    /// The rows in the clear, if this process has them.
    pub fn plain(&self) -> Option<&TrainingData> {
        match self {
            JobData::Plain(data) => Some(data),
            JobData::Encrypted(_) => None,
        }
    }
}

/// What a training learns from and is measured on.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingData {
    /// Rows to train on.
    pub train: LabelledRows,
    /// Rows to measure on.
    pub test: LabelledRows,
}

impl TrainingData {
    /// Splits `data` by `seed`, scales both parts as fitted on the training part, and encodes them with features below
    /// 2^`input_bits`. The scaler is for the rows that come later.
    ///
    /// # Errors
    /// If a part would be empty, a column cannot be scaled, or a value is too large; the message names row and column.
    pub fn prepare(
        data: &Dataset,
        scaling: ScalingKind,
        test_fraction: f64,
        seed: u64,
        fixed: FixedPoint,
        input_bits: u32,
    ) -> Result<(Self, Scaler), DataError> {
        let parts = split(data, test_fraction, seed)?;
        let scaler = Scaler::fit(scaling, &parts.train.table)?.with_classes(data.class_names.clone());
        let encode = |part: Dataset| LabelledRows::scaled(part, &scaler, fixed, input_bits);
        Ok((TrainingData { train: encode(parts.train)?, test: encode(parts.test)? }, scaler))
    }
}
