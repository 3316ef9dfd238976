//! Rows of numbers, with labels or without.

use crate::data::error::DataError;
use crate::fixed::FixedPoint;

/// Rows of features without labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Where it comes from: a file or a built-in name.
    pub name: String,
    /// Names of the columns.
    pub feature_names: Vec<String>,
    /// Values, row-major \[rows\]\[columns\].
    pub values: Vec<f64>,
    /// For each row, its line in the file (the header is line 1); for messages.
    pub source_rows: Vec<u64>,
}

/// Rows of features with a label each.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// The features.
    pub table: Table,
    /// For each row, the index of its class.
    pub labels: Vec<u32>,
    /// Names of the classes, at least two.
    pub class_names: Vec<String>,
}

impl Table {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.source_rows.len()
    }

    /// Number of features.
    pub fn columns(&self) -> usize {
        self.feature_names.len()
    }

    /// The features of one row.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.columns()..(row + 1) * self.columns()]
    }

    /// The rows `members`, in that order.
    ///
    /// # Panics
    /// If a member is not a row.
    pub fn subset(&self, members: &[usize]) -> Table {
        Table {
            name: self.name.clone(),
            feature_names: self.feature_names.clone(),
            values: members.iter().flat_map(|row| self.row(*row)).copied().collect(),
            source_rows: members.iter().map(|row| self.source_rows[*row]).collect(),
        }
    }

    /// The first `max_rows` rows, all if none is given.
    pub fn first_rows(self, max_rows: Option<usize>) -> Table {
        match max_rows {
            Some(max_rows) if max_rows < self.rows() => self.subset(&(0..max_rows).collect::<Vec<_>>()),
            _ => self,
        }
    }

    /// All values in fixed point, row-major, each below 2^bits in magnitude.
    ///
    /// # Errors
    /// Naming row and column of the first value that does not fit.
    pub fn encode(&self, fixed: FixedPoint, bits: u32) -> Result<Vec<i64>, DataError> {
        let encode = |(index, value): (usize, &f64)| {
            fixed.encode(*value, bits).map_err(|error| DataError::Cell {
                file: self.name.clone(),
                row: self.source_rows[index / self.columns()],
                column: self.feature_names[index % self.columns()].clone(),
                reason: format!("{error}; look at this value, or declare more bits for the inputs"),
            })
        };
        self.values.iter().enumerate().map(encode).collect()
    }
}

impl Dataset {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.table.rows()
    }

    /// Number of features.
    pub fn columns(&self) -> usize {
        self.table.columns()
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.class_names.len()
    }

    /// The rows `members`, in that order; all classes keep their index.
    ///
    /// # Panics
    /// If a member is not a row.
    pub fn subset(&self, members: &[usize]) -> Dataset {
        Dataset {
            table: self.table.subset(members),
            labels: members.iter().map(|row| self.labels[*row]).collect(),
            class_names: self.class_names.clone(),
        }
    }

    /// The first `max_rows` rows, all if none is given; all classes keep their index.
    pub fn first_rows(mut self, max_rows: Option<usize>) -> Dataset {
        self.table = self.table.first_rows(max_rows);
        self.labels.truncate(self.table.rows());
        self
    }

    /// For each class, how many rows have it.
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes()];
        for label in &self.labels {
            counts[*label as usize] += 1;
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        Table {
            name: "t.csv".into(),
            feature_names: vec!["a".into(), "b".into()],
            values: vec![0.5, 1.0, -2.0, 40.0],
            source_rows: vec![2, 9],
        }
    }

    #[test]
    fn a_value_that_does_not_fit_is_named_by_its_place_in_the_file() {
        let fixed = FixedPoint::new(13).unwrap();
        assert_eq!(table().encode(fixed, 19).unwrap(), [4096, 8192, -16384, 327_680]);
        let message = table().encode(fixed, 17).unwrap_err().to_string();
        assert!(message.starts_with("t.csv, row 9, column \"b\""), "{message}");
    }

    #[test]
    fn a_subset_keeps_rows_and_their_lines_together() {
        let swapped = table().subset(&[1, 0]);
        assert_eq!((swapped.row(0), &swapped.source_rows[..]), (&[-2.0, 40.0][..], &[9, 2][..]));
    }
}
