//! Labels, accuracy and loss from scores.

/// Index of the largest score; ties go to the lower index.
///
/// # Panics
/// If there is no score.
pub fn argmax<T: PartialOrd>(scores: &[T]) -> usize {
    assert!(!scores.is_empty(), "a row of scores has at least one");
    (1..scores.len()).fold(0, |best, i| if scores[i] > scores[best] { i } else { best })
}

/// The label of each row of a row-major table of scores, \[rows\]\[classes\].
///
/// # Panics
/// If `classes` is 0 or does not divide the number of scores.
pub fn labels_of<T: PartialOrd>(scores: &[T], classes: usize) -> Vec<u32> {
    assert!(scores.len().is_multiple_of(classes), "{} scores in rows of {classes}", scores.len());
    scores.chunks(classes).map(|row| argmax(row) as u32).collect()
}

/// How many labels agree.
pub fn correct(predicted: &[u32], labels: &[u32]) -> usize {
    predicted.iter().zip(labels).filter(|(left, right)| left == right).count()
}

/// The fraction of rows whose label was found, 0 to 1; NaN without rows.
pub fn accuracy(predicted: &[u32], labels: &[u32]) -> f64 {
    correct(predicted, labels) as f64 / labels.len() as f64
}

/// 1/(2 rows) times a sum of squared differences at scale 2^(2f), as a real number.
pub fn mean_loss(loss_sum: i128, rows: u64, fraction_bits: u32) -> f64 {
    loss_sum as f64 / (2.0 * rows as f64) / 2f64.powi(2 * fraction_bits as i32)
}

/// One-hot rows, \[labels\]\[classes\], with `one` at the label.
///
/// # Panics
/// If a label is not below `classes`.
pub fn one_hot<T: Copy + Default>(labels: &[u32], classes: usize, one: T) -> Vec<T> {
    let mut rows = vec![T::default(); labels.len() * classes];
    for (row, label) in rows.chunks_mut(classes).zip(labels) {
        row[*label as usize] = one;
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_to_the_lower_index() {
        assert_eq!(argmax(&[1, 3, 3]), 1);
        assert_eq!(argmax(&[5, 5]), 0);
        assert_eq!(argmax(&[-3, -2]), 1);
        assert_eq!(labels_of(&[0.1, 0.2, 7.0, 7.0], 2), [1, 0]);
    }

    #[test]
    fn accuracy_is_a_fraction_of_rows() {
        assert_eq!(accuracy(&[0, 1, 1, 0], &[0, 1, 0, 0]), 0.75);
    }

    #[test]
    fn loss_is_half_the_mean_square() {
        let one = 1i128 << 13;
        assert_eq!(mean_loss(one * one * 6, 4, 13), 0.75);
    }

    #[test]
    fn one_hot_rows_have_one_entry() {
        assert_eq!(one_hot(&[1, 0], 3, 8i64), [0, 8, 0, 8, 0, 0]);
    }
}
