//! Training and test part.

use crate::data::error::DataError;
use crate::data::table::Dataset;
use crate::rng::SeededRng;

/// A data set in two parts.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    /// What is trained on.
    pub train: Dataset,
    /// What is held back.
    pub test: Dataset,
}

/// Shuffles the rows by `seed` and holds back ceil(`test_fraction` * rows) of them.
///
/// # Errors
/// If `test_fraction` is not between 0 and 1, a part would be empty, or a class has no row in the training part.
pub fn split(data: &Dataset, test_fraction: f64, seed: u64) -> Result<Split, DataError> {
    let refuse = |reason: String| DataError::Split { file: data.table.name.clone(), reason };
    if !(test_fraction > 0.0 && test_fraction < 1.0) {
        return Err(refuse(format!("a test part of {test_fraction}; give a fraction between 0 and 1, as in 0.2")));
    }
    let test_rows = test_rows(data.rows(), test_fraction);
    if test_rows == 0 || test_rows >= data.rows() {
        let rows = data.rows();
        return Err(refuse(format!("{rows} rows with a test part of {test_fraction} leave one part without a row")));
    }
    let mut order: Vec<usize> = (0..data.rows()).collect();
    SeededRng::new(seed, "split").shuffle(&mut order);
    let (test, train) = order.split_at(test_rows);
    let split = Split { train: data.subset(train), test: data.subset(test) };
    match split.train.class_counts().iter().position(|count| *count == 0) {
        None => Ok(split),
        Some(class) => {
            let class = &data.class_names[class];
            Err(refuse(format!(
                "no row of class {class:?} is in the training part; take another seed or a smaller test part"
            )))
        }
    }
}

/// ceil(fraction * rows), where the product's own rounding does not count as a further row.
fn test_rows(rows: usize, test_fraction: f64) -> usize {
    const ROUNDING: f64 = 1e-9;
    (rows as f64 * test_fraction * (1.0 - ROUNDING)).ceil() as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::data::spec::DataSpec;

    fn load(name: &str) -> Dataset {
        name.parse::<DataSpec>().unwrap().load("label", 1).unwrap()
    }

    #[test]
    fn sizes_are_those_of_the_published_figures() {
        for (name, train, test) in
            [("breast_cancer", 455, 114), ("digits", 1437, 360), ("xor", 800, 200), ("parity:4", 12, 4)]
        {
            let split = split(&load(name), 0.2, 1).unwrap();
            assert_eq!((split.train.rows(), split.test.rows()), (train, test), "{name}");
        }
        assert_eq!(test_rows(100, 0.07), 7);
        assert_eq!(test_rows(100, 0.071), 8);
    }

    #[test]
    fn fractions_that_leave_a_part_empty_are_refused() {
        let data = load("parity:4");
        for fraction in [0.0, 1.0, -0.1, 1.5, f64::NAN, 0.99] {
            assert!(split(&data, fraction, 1).is_err(), "{fraction}");
        }
    }

    #[test]
    fn a_class_that_is_only_in_the_test_part_is_named() {
        let mut data = load("parity:4");
        data.labels = vec![0; 16];
        data.labels[3] = 1;
        let outcomes: Vec<_> = (0..20).map(|seed| split(&data, 0.5, seed)).collect();
        assert!(outcomes.iter().any(Result::is_ok));
        let error = outcomes.into_iter().find_map(Result::err).unwrap().to_string();
        assert!(error.contains("class \"1\""), "{error}");
    }

    proptest! {
        #[test]
        fn parts_are_disjoint_and_together_whole(fraction in 0.05f64..0.5, seed in any::<u64>()) {
            let data = load("majority:6");
            let split = split(&data, fraction, seed).unwrap();
            let mut lines = [split.train.table.source_rows.clone(), split.test.table.source_rows.clone()].concat();
            lines.sort_unstable();
            prop_assert_eq!(&lines, &data.table.source_rows);
            for part in [&split.train, &split.test] {
                for row in 0..part.rows() {
                    let origin = part.table.source_rows[row] as usize - 1;
                    prop_assert_eq!(part.table.row(row), data.table.row(origin));
                    prop_assert_eq!(part.labels[row], data.labels[origin]);
                }
            }
        }
    }
}
