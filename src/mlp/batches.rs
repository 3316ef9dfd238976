//! Which rows make a batch, and in which order batches come: public, from a seed (protocol.md, section 1).
//!
//! Batches keep their members for the whole training, since ciphertexts are packed along them; only their order is
//! shuffled for each epoch. The order of an epoch follows from the seed and the epoch alone, so that a training can
//! resume anywhere.

use crate::mlp::error::MlpError;
use crate::rng::SeededRng;

/// The schedule of a training, the same for the float baseline, the twin and the protocols.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batches {
    seed: u64,
    members: Vec<Vec<usize>>,
}

impl Batches {
    /// Divides rows 0 to `rows` - 1 into batches of `batch_rows`; an incomplete last one is left out if `drop_last`.
    ///
    /// # Errors
    /// If that makes no batch at all.
    pub fn new(rows: usize, batch_rows: usize, drop_last: bool, seed: u64) -> Result<Self, MlpError> {
        if batch_rows == 0 {
            return Err(MlpError::Plan { parameter: "batch", reason: "a batch has at least one row".into() });
        }
        let mut order: Vec<usize> = (0..rows).collect();
        SeededRng::new(seed, "batches").shuffle(&mut order);
        let mut members: Vec<Vec<usize>> = order.chunks(batch_rows).map(<[usize]>::to_vec).collect();
        if drop_last {
            members.retain(|batch| batch.len() == batch_rows);
        }
        if members.is_empty() {
            let reason = format!("{rows} rows make no batch of {batch_rows}");
            return Err(MlpError::Plan { parameter: "batch", reason });
        }
        Ok(Batches { seed, members })
    }

    /// Rows of each batch; a batch's index is its name for the whole training.
    pub fn members(&self) -> &[Vec<usize>] {
        &self.members
    }

    /// Training steps in an epoch: one for each batch.
    pub fn steps_per_epoch(&self) -> usize {
        self.members.len()
    }

    /// Rows trained on in an epoch.
    pub fn rows_per_epoch(&self) -> usize {
        self.members.iter().map(Vec::len).sum()
    }

    /// Indices of the batches in the order in which `epoch`, counted from 0, visits them.
    pub fn order(&self, epoch: u64) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.members.len()).collect();
        SeededRng::new(self.seed, &format!("batch order of epoch {epoch}")).shuffle(&mut order);
        order
    }
}

/// The rows `members` of a row-major table with `columns` columns, one after the other.
///
/// # Panics
/// If a member is not a row of `table`.
pub fn gather<T: Copy>(table: &[T], columns: usize, members: &[usize]) -> Vec<T> {
    members.iter().flat_map(|row| &table[row * columns..(row + 1) * columns]).copied().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_epoch_visits_the_same_batches_in_another_order() {
        let batches = Batches::new(455, 32, true, 1).unwrap();
        assert_eq!((batches.steps_per_epoch(), batches.rows_per_epoch()), (14, 448));
        assert_ne!(batches.order(0), batches.order(1));
        assert_eq!(batches.order(7), batches.order(7));
        let mut sorted = batches.order(3);
        sorted.sort_unstable();
        assert_eq!(sorted, (0..14).collect::<Vec<_>>());
    }

    #[test]
    fn the_seed_decides_the_members() {
        let members = |seed| Batches::new(40, 8, false, seed).unwrap().members().to_vec();
        assert_eq!(members(1), members(1));
        assert_ne!(members(1), members(2));
    }

    #[test]
    fn no_batch_at_all_is_refused() {
        assert!(Batches::new(0, 8, false, 1).is_err());
        assert!(Batches::new(7, 8, true, 1).is_err());
        assert!(Batches::new(7, 0, false, 1).is_err());
    }

    #[test]
    fn gathered_rows_keep_their_order() {
        assert_eq!(gather(&[1, 2, 3, 4, 5, 6], 2, &[2, 0]), [5, 6, 1, 2]);
    }

    proptest! {
        #[test]
        fn batches_partition_the_rows(rows in 1usize..300, batch_rows in 1usize..40, seed in any::<u64>()) {
            let batches = Batches::new(rows, batch_rows, false, seed).unwrap();
            let (last, full) = batches.members().split_last().unwrap();
            prop_assert!(full.iter().all(|batch| batch.len() == batch_rows));
            prop_assert!((1..=batch_rows).contains(&last.len()));
            let mut all = batches.members().concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..rows).collect::<Vec<_>>());
        }
    }
}
