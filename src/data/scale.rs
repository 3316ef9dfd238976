//! Scaling of features, fitted on the training part and kept by the user for the rows that come later.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::container::write_atomic;
use crate::data::error::DataError;
use crate::data::table::Table;
use crate::error::Error;

/// How to scale, before any data are seen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ScalingKind {
    /// Mean 0 and deviation 1 in each column.
    Standardise,
    /// The same divisor for every value: pixels by their maximum.
    Divide {
        /// The divisor, positive.
        divisor: f64,
    },
    /// As they are.
    Identity,
}

impl ScalingKind {
    /// Pixels of a byte each, to [0, 1].
    pub const PIXELS: ScalingKind = ScalingKind::Divide { divisor: 255.0 };
}

/// How to scale, with what was fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Scaling {
    /// (v - mean) / deviation of its column; 0 throughout a column whose deviation is 0.
    Standardise {
        /// Mean of each column.
        mean: Vec<f64>,
        /// Standard deviation of each column over all rows (not n - 1); 0 for a column that never changes.
        deviation: Vec<f64>,
    },
    /// v / divisor.
    Divide {
        /// The divisor, positive.
        divisor: f64,
    },
    /// v.
    Identity,
}

/// A fitted scaling and the columns it belongs to; as JSON, the file FILE.scale.json.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scaler {
    /// Names of the columns, in order.
    pub columns: Vec<String>,
    /// What is done to them.
    pub scaling: Scaling,
    /// Names of the classes by label; empty if they are not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
}

impl Scaler {
    /// Fits a scaler of `kind` on `table`, which should be the training part alone.
    ///
    /// # Errors
    /// If a column's values are so large that their mean or deviation is not finite, or the table is empty.
    pub fn fit(kind: ScalingKind, table: &Table) -> Result<Self, DataError> {
        let scaling = match kind {
            ScalingKind::Identity => Scaling::Identity,
            ScalingKind::Divide { divisor } => Scaling::Divide { divisor },
            ScalingKind::Standardise => {
                let moments = (0..table.columns()).map(|column| column_moments(table, column));
                let (mean, deviation) = moments.collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
                Scaling::Standardise { mean, deviation }
            }
        };
        let scaler = Scaler { columns: table.feature_names.clone(), scaling, classes: Vec::new() };
        scaler.validate(&table.name)?;
        Ok(scaler)
    }

    /// The same with the names of the classes by label, for whoever reads labels later.
    pub fn with_classes(self, classes: Vec<String>) -> Self {
        Scaler { classes, ..self }
    }

    /// The scaled table.
    ///
    /// # Errors
    /// If its columns are not those the scaler was fitted on, in the same order.
    pub fn apply(&self, table: &Table) -> Result<Table, DataError> {
        self.check_columns(table)?;
        let columns = table.columns();
        let values =
            table.values.iter().enumerate().map(|(index, value)| self.scale(*value, index % columns)).collect();
        Ok(Table {
            name: table.name.clone(),
            feature_names: table.feature_names.clone(),
            values,
            source_rows: table.source_rows.clone(),
        })
    }

    /// The scaler as JSON text.
    ///
    /// # Errors
    /// Never for a scaler that was fitted or read; its numbers are finite.
    pub fn to_json(&self) -> Result<String, DataError> {
        serde_json::to_string_pretty(self).map_err(|error| self.refuse("the scaler", error.to_string()))
    }

    /// Parses what [`Scaler::to_json`] wrote; `file` is for messages.
    ///
    /// # Errors
    /// If the text is no scaler, or its parts do not fit together.
    pub fn from_json(file: &str, text: &str) -> Result<Self, DataError> {
        let scaler: Scaler = serde_json::from_str(text)
            .map_err(|error| DataError::Scaler { file: file.into(), reason: format!("not a scaler: {error}") })?;
        scaler.validate(file)?;
        Ok(scaler)
    }

    /// Writes the JSON form, readable by its owner only: means and deviations tell about the data.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        write_atomic(path, self.to_json()?.as_bytes(), true)
    }

    /// Reads the JSON form.
    ///
    /// # Errors
    /// If the file cannot be read or is no scaler.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        let text = fs::read_to_string(path).map_err(|source| DataError::File { path: path.into(), source })?;
        Scaler::from_json(&path.display().to_string(), &text)
    }

    fn scale(&self, value: f64, column: usize) -> f64 {
        match &self.scaling {
            Scaling::Identity => value,
            Scaling::Divide { divisor } => value / divisor,
            Scaling::Standardise { deviation, .. } if deviation[column] == 0.0 => 0.0,
            Scaling::Standardise { mean, deviation } => (value - mean[column]) / deviation[column],
        }
    }

    fn check_columns(&self, table: &Table) -> Result<(), DataError> {
        let (fitted, found) = (&self.columns, &table.feature_names);
        if let Some((fitted, found)) = fitted.iter().zip(found).find(|(fitted, found)| fitted != found) {
            let reason = format!("it has column {found:?} where the scaler was fitted on {fitted:?}");
            return Err(self.refuse(&table.name, reason));
        }
        if fitted.len() != found.len() {
            let reason = format!("it has {} columns, the scaler was fitted on {}", found.len(), fitted.len());
            return Err(self.refuse(&table.name, reason));
        }
        Ok(())
    }

    fn validate(&self, file: &str) -> Result<(), DataError> {
        let fault = match &self.scaling {
            Scaling::Identity => false,
            Scaling::Divide { divisor } => !(divisor.is_finite() && *divisor > 0.0),
            Scaling::Standardise { mean, deviation } => {
                mean.len() != self.columns.len()
                    || deviation.len() != self.columns.len()
                    || mean.iter().any(|mean| !mean.is_finite())
                    || deviation.iter().any(|deviation| !(deviation.is_finite() && *deviation >= 0.0))
            }
        };
        if fault {
            return Err(self.refuse(file, "its numbers do not fit its columns; fit it again".into()));
        }
        Ok(())
    }

    fn refuse(&self, file: &str, reason: String) -> DataError {
        DataError::Scaler { file: file.into(), reason }
    }
}

/// Mean and standard deviation of a column; the deviation of a constant column is exactly 0.
fn column_moments(table: &Table, column: usize) -> Result<(f64, f64), DataError> {
    let values = || table.values.iter().skip(column).step_by(table.columns()).copied();
    let rows = table.rows() as f64;
    let first = values().next().unwrap_or(f64::NAN);
    if values().all(|value| value == first) {
        return Ok((first, 0.0));
    }
    let mean = values().sum::<f64>() / rows;
    let deviation = (values().map(|value| (value - mean).powi(2)).sum::<f64>() / rows).sqrt();
    if mean.is_finite() && deviation.is_finite() && deviation > 0.0 {
        return Ok((mean, deviation));
    }
    let (file, column) = (table.name.clone(), table.feature_names[column].clone());
    Err(DataError::Column { file, column, reason: "too large or too small to standardise; change its unit".into() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table(columns: usize, values: Vec<f64>) -> Table {
        Table {
            name: "t.csv".into(),
            feature_names: (0..columns).map(|column| format!("c{column}")).collect(),
            source_rows: (2..).take(values.len() / columns).collect(),
            values,
        }
    }

    fn standardiser(table: &Table) -> Scaler {
        Scaler::fit(ScalingKind::Standardise, table).unwrap()
    }

    #[test]
    fn columns_get_mean_zero_and_deviation_one() {
        let data = table(2, vec![1.0, 10.0, 3.0, 30.0]);
        assert_eq!(standardiser(&data).apply(&data).unwrap().values, [-1.0, -1.0, 1.0, 1.0]);
    }

    #[test]
    fn a_constant_column_is_scaled_to_zero_also_where_it_changes_later() {
        let data = table(1, vec![0.1; 7]);
        let scaler = standardiser(&data);
        assert_eq!(scaler.apply(&data).unwrap().values, [0.0; 7]);
        assert_eq!(scaler.apply(&table(1, vec![5.0])).unwrap().values, [0.0]);
    }

    #[test]
    fn pixels_are_divided_and_binary_data_left() {
        let data = table(1, vec![0.0, 8.0, 16.0]);
        let divide = Scaler::fit(ScalingKind::Divide { divisor: 16.0 }, &data).unwrap();
        assert_eq!(divide.apply(&data).unwrap().values, [0.0, 0.5, 1.0]);
        assert_eq!(Scaler::fit(ScalingKind::Identity, &data).unwrap().apply(&data).unwrap(), data);
        assert!(Scaler::fit(ScalingKind::Divide { divisor: 0.0 }, &data).is_err());
    }

    #[test]
    fn columns_that_cannot_be_standardised_are_named() {
        for values in [vec![f64::MAX, -f64::MAX], vec![f64::MAX, f64::MAX / 2.0], vec![1e-300, 2e-300]] {
            let error = Scaler::fit(ScalingKind::Standardise, &table(1, values)).unwrap_err().to_string();
            assert!(error.starts_with("t.csv, column \"c0\""), "{error}");
        }
        assert!(Scaler::fit(ScalingKind::Standardise, &table(1, vec![])).is_err());
    }

    #[test]
    fn other_columns_are_refused() {
        let scaler = standardiser(&table(2, vec![1.0, 2.0, 3.0, 4.0]));
        assert!(scaler.apply(&table(3, vec![1.0, 2.0, 3.0])).unwrap_err().to_string().contains("3 columns"));
        let mut renamed = table(2, vec![1.0, 2.0]);
        renamed.feature_names.swap(0, 1);
        assert!(scaler.apply(&renamed).unwrap_err().to_string().contains("\"c1\""));
    }

    #[test]
    fn damaged_files_are_refused() {
        let good = r#"{"columns":["a"],"scaling":{"kind":"standardise","mean":[1.0],"deviation":[2.0]}}"#;
        assert!(Scaler::from_json("s.json", good).is_ok());
        for (from, to) in
            [("[1.0]", "[]"), ("[2.0]", "[-2.0]"), ("[2.0]", "[null]"), ("standardise", "log"), ("}}", "")]
        {
            let error = Scaler::from_json("s.json", &good.replace(from, to)).unwrap_err().to_string();
            assert!(error.starts_with("scaling of s.json"), "{error}");
        }
    }

    #[test]
    fn a_file_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv.scale.json");
        let scaler = standardiser(&table(2, vec![0.1, 0.2, 0.3, 0.7])).with_classes(vec!["no".into(), "yes".into()]);
        scaler.write(&path).unwrap();
        assert_eq!(Scaler::read(&path).unwrap(), scaler);
        assert!(Scaler::read(&folder.path().join("none.json")).is_err());
    }

    proptest! {
        #[test]
        fn a_scaler_survives_its_json_form_to_the_last_bit(values in proptest::collection::vec(-1e9f64..1e9, 4..40)) {
            let columns = 2;
            let rows = values.len() / columns;
            let data = table(columns, values[..rows * columns].to_vec());
            let scaler = standardiser(&data);
            let back = Scaler::from_json("s.json", &scaler.to_json().unwrap()).unwrap();
            prop_assert_eq!(&back, &scaler);
            prop_assert_eq!(back.apply(&data).unwrap(), scaler.apply(&data).unwrap());
        }

        #[test]
        fn any_text_ends_in_an_answer(text in "\\PC{0,80}") {
            let _ = Scaler::from_json("s.json", &text);
        }
    }
}
