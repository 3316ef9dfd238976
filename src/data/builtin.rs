//! The built-in data sets: two from the UCI repository (see builtin/README.md) and the binary ones.

use crate::data::csv::parse_labelled;
use crate::data::error::DataError;
use crate::data::table::{Dataset, Table};
use crate::rng::SeededRng;

const BREAST_CANCER: &[u8] = include_bytes!("builtin/breast_cancer.csv");
const DIGITS: &[u8] = include_bytes!("builtin/digits.csv");

/// Rows of [`xor`].
const XOR_ROWS: usize = 1000;

/// Wisconsin Diagnostic Breast Cancer: 569 rows, 30 features, class 0 malignant and 1 benign.
pub(super) fn breast_cancer() -> Result<Dataset, DataError> {
    parse_labelled("breast_cancer", BREAST_CANCER, "label")
}

/// Handwritten digits: 1797 rows, 64 pixels from 0 to 16, ten classes.
pub(super) fn digits() -> Result<Dataset, DataError> {
    parse_labelled("digits", DIGITS, "label")
}

/// 1000 random rows of two bits; the class is their exclusive or.
pub(super) fn xor(seed: u64) -> Dataset {
    let mut rng = SeededRng::new(seed, "xor");
    let words = (0..XOR_ROWS).map(|_| rng.below(4) as u32).collect();
    binary("xor", 2, words, |word| word.count_ones() == 1)
}

/// Every word of `bits` bits; class 1 when more than half of them are set (a tie is class 0).
pub(super) fn majority(bits: u32) -> Dataset {
    binary(&format!("majority:{bits}"), bits, (0..1 << bits).collect(), |word| 2 * word.count_ones() > bits)
}

/// Every word of `bits` bits; class 1 when an odd number of them are set.
pub(super) fn parity(bits: u32) -> Dataset {
    binary(&format!("parity:{bits}"), bits, (0..1 << bits).collect(), |word| word.count_ones() % 2 == 1)
}

/// Rows of bits, -1 for a clear one and +1 for a set one.
fn binary(name: &str, bits: u32, words: Vec<u32>, class: impl Fn(u32) -> bool) -> Dataset {
    let signs = |word: &u32| (0..bits).map(|bit| if word >> bit & 1 == 1 { 1.0 } else { -1.0 }).collect::<Vec<_>>();
    let table = Table {
        name: name.into(),
        feature_names: (0..bits).map(|bit| format!("bit_{bit}")).collect(),
        values: words.iter().flat_map(signs).collect(),
        source_rows: (1..=words.len() as u64).collect(),
    };
    let labels = words.iter().map(|word| u32::from(class(*word))).collect();
    Dataset { table, labels, class_names: vec!["0".into(), "1".into()] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_files_are_whole() {
        let data = breast_cancer().unwrap();
        assert_eq!((data.rows(), data.columns(), data.class_counts()), (569, 30, vec![212, 357]));
        assert_eq!(data.table.row(0)[..2], [17.99, 10.38]);
        let data = digits().unwrap();
        assert_eq!((data.rows(), data.columns(), data.classes()), (1797, 64, 10));
        assert_eq!(data.class_counts(), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
        assert!(data.table.values.iter().all(|pixel| (0.0..=16.0).contains(pixel)));
    }

    #[test]
    fn xor_is_the_product_of_signs_and_depends_on_the_seed() {
        let data = xor(1);
        assert_eq!((data.rows(), data.columns()), (1000, 2));
        for row in 0..data.rows() {
            let product = data.table.row(row)[0] * data.table.row(row)[1];
            assert_eq!(data.labels[row], u32::from(product < 0.0));
        }
        assert!(data.class_counts().iter().all(|count| *count > 400));
        assert_eq!(xor(1), xor(1));
        assert_ne!(xor(1), xor(2));
    }

    #[test]
    fn majority_and_parity_have_every_word_once() {
        let data = majority(10);
        assert_eq!((data.rows(), data.columns()), (1024, 10));
        assert_eq!(data.class_counts(), [638, 386]);
        for row in 0..data.rows() {
            assert_eq!(data.labels[row], u32::from(data.table.row(row).iter().sum::<f64>() > 0.0));
        }
        let data = parity(4);
        assert_eq!((data.rows(), data.class_counts()), (16, vec![8, 8]));
        for row in 0..data.rows() {
            assert_eq!(data.labels[row], u32::from(data.table.row(row).iter().product::<f64>() < 0.0));
        }
    }
}
