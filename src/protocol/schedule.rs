//! What happens in a job, in order: public, and the same at both servers.

use std::ops::Range;

use crate::mlp::Batches;

use super::config::{Comparison, JobConfig};

/// Steps of queries count from here, so that no mask of a query is one of the training.
const FIRST_QUERY_STEP: u64 = 1 << 63;

/// Rows that are classified together: what bounds the memory of a query, however long it is.
const QUERY_ROWS: usize = 256;

/// What a query is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The index of each row's largest score; ties go to the lower index.
    Labels,
    /// The score of each class. Many of them give a model away.
    Scores,
}

/// One thing that both servers do together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// The users' ciphertexts of a batch are encrypted afresh, before the batch is used for the first time.
    RefreshBatch {
        /// Which of the public batches.
        batch: usize,
    },
    /// Each server contributes its addend of the initial weights.
    InitialWeights,
    /// One training step.
    Step {
        /// Counts all steps from 0.
        step: u64,
        /// Epoch, counted from 1.
        epoch: u64,
        /// Which of the public batches.
        batch: usize,
    },
    /// The servers test that every weight and bias is within its bound, where comparisons leak nothing.
    TestModel {
        /// The last step before it.
        step: u64,
    },
    /// The loss of an epoch goes to the owner of the model.
    ReadLoss {
        /// The epoch, counted from 1.
        epoch: u64,
        /// Rows that the sum is over.
        rows: usize,
    },
    /// The model goes to its owner.
    ReadModel {
        /// Epochs trained so far.
        epoch: u64,
    },
    /// Rows of a user are classified.
    Classify {
        /// The first of the [`Activity::query_numbers`] that the rows take; no number of a job is used twice.
        query: u64,
        /// How many rows.
        rows: usize,
        /// What comes back.
        answer: Answer,
    },
}

impl Activity {
    /// The step that positions the masks of a query.
    pub fn query_step(query: u64) -> u64 {
        FIRST_QUERY_STEP + query
    }

    /// How many numbers a query of `rows` rows takes: one for each part, so that no mask serves two parts.
    pub fn query_numbers(rows: usize) -> u64 {
        rows.div_ceil(QUERY_ROWS) as u64
    }

    /// The rows that are classified together, and the step that positions their masks, for a query of `rows` rows that
    /// begins with number `query`.
    pub fn query_parts(query: u64, rows: usize) -> impl Iterator<Item = (u64, Range<usize>)> {
        let part = move |number: u64| {
            let start = number as usize * QUERY_ROWS;
            (Activity::query_step(query + number), start..rows.min(start + QUERY_ROWS))
        };
        (0..Activity::query_numbers(rows)).map(part)
    }
}

/// Rows that the loss of each epoch is over.
pub fn epoch_rows(config: &JobConfig, batches: &Batches) -> Vec<usize> {
    let rows = |activity: Activity| match activity {
        Activity::ReadLoss { rows, .. } => Some(rows),
        _ => None,
    };
    training(config, batches).into_iter().filter_map(rows).collect()
}

/// The activities of a training: weights, the steps, and after each epoch the test of the model and what its owner reads.
pub fn training(config: &JobConfig, batches: &Batches) -> Vec<Activity> {
    let mut activities = vec![Activity::InitialWeights, Activity::ReadModel { epoch: 0 }];
    let mut fresh = vec![false; batches.members().len()];
    let mut step = 0;
    for epoch in 1..=config.epochs {
        let order = batches.order(epoch - 1);
        let left = config.max_steps.map_or(u64::MAX, |max_steps| max_steps - step);
        let order = &order[..order.len().min(usize::try_from(left).unwrap_or(usize::MAX))];
        if order.is_empty() {
            break;
        }
        for &batch in order {
            if !std::mem::replace(&mut fresh[batch], true) {
                activities.push(Activity::RefreshBatch { batch });
            }
            activities.push(Activity::Step { step, epoch, batch });
            step += 1;
        }
        let rows = order.iter().map(|&batch| batches.members()[batch].len()).sum();
        activities.extend(epoch_end(config.comparison, epoch, step - 1, rows));
    }
    activities
}

/// What follows `step`, the last of an epoch, or of the part of it with `rows` rows that was trained.
pub fn epoch_end(comparison: Comparison, epoch: u64, step: u64, rows: usize) -> Vec<Activity> {
    let test = (comparison == Comparison::Dgk).then_some(Activity::TestModel { step });
    test.into_iter().chain([Activity::ReadLoss { epoch, rows }, Activity::ReadModel { epoch }]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::element::test_job;

    fn steps(activities: &[Activity]) -> Vec<(u64, u64)> {
        let step = |activity: &Activity| match activity {
            Activity::Step { step, epoch, .. } => Some((*step, *epoch)),
            _ => None,
        };
        activities.iter().filter_map(step).collect()
    }

    #[test]
    fn steps_are_numbered_through_and_stop_at_the_limit() {
        let config = JobConfig { epochs: 3, max_steps: Some(5), train_rows: 12, ..test_job("2,3,2", 4) };
        let activities = training(&config, &config.batches().unwrap());
        assert_eq!(steps(&activities), [(0, 1), (1, 1), (2, 1), (3, 2), (4, 2)]);
        assert_eq!(activities.last(), Some(&Activity::ReadModel { epoch: 2 }));
        assert!(activities.contains(&Activity::ReadLoss { epoch: 2, rows: 8 }), "a part of an epoch");
    }

    #[test]
    fn the_limit_of_steps_ends_the_schedule_however_many_epochs_are_asked_for() {
        let config = JobConfig { epochs: u64::MAX, max_steps: Some(4), train_rows: 12, ..test_job("2,3,2", 4) };
        assert_eq!(steps(&training(&config, &config.batches().unwrap())).len(), 4);
        let none = JobConfig { max_steps: Some(0), ..config };
        assert_eq!(steps(&training(&none, &none.batches().unwrap())), []);
    }

    #[test]
    fn the_model_is_tested_after_each_epoch_and_each_part_of_one_before_it_is_read() {
        let config = JobConfig { epochs: 3, max_steps: Some(5), train_rows: 12, ..test_job("2,3,2", 4) };
        let activities = |comparison| {
            let config = JobConfig { comparison, ..config.clone() };
            training(&config, &config.batches().unwrap())
        };
        let is_test = |activity: &Activity| matches!(activity, Activity::TestModel { .. });
        assert!(!activities(Comparison::Blinded).iter().any(is_test));
        let tested = activities(Comparison::Dgk);
        assert_eq!(tested.iter().filter(|activity| is_test(activity)).count(), 2);
        for (epoch, step, rows) in [(1, 2, 12), (2, 4, 8)] {
            let at = tested.iter().position(|activity| *activity == Activity::TestModel { step }).unwrap();
            assert!(matches!(tested[at - 1], Activity::Step { step: last, .. } if last == step));
            assert_eq!(tested[at + 1..at + 3], [Activity::ReadLoss { epoch, rows }, Activity::ReadModel { epoch }]);
        }
        let none = JobConfig { comparison: Comparison::Dgk, max_steps: Some(0), ..config };
        assert!(!training(&none, &none.batches().unwrap()).iter().any(is_test));
    }

    #[test]
    fn a_batch_is_refreshed_once_before_its_first_use() {
        let config = JobConfig { epochs: 4, train_rows: 10, ..test_job("2,3,2", 4) };
        let mut fresh = Vec::new();
        for activity in training(&config, &config.batches().unwrap()) {
            match activity {
                Activity::RefreshBatch { batch } => fresh.push(batch),
                Activity::Step { batch, .. } => assert!(fresh.contains(&batch)),
                _ => {}
            }
        }
        fresh.sort_unstable();
        assert_eq!(fresh, [0, 1, 2]);
    }

    #[test]
    fn every_part_of_a_query_has_a_number_of_its_own() {
        let parts: Vec<_> = Activity::query_parts(7, 2 * QUERY_ROWS + 1).collect();
        let step = Activity::query_step;
        assert_eq!(parts, [(step(7), 0..256), (step(8), 256..512), (step(9), 512..513)]);
        assert_eq!(Activity::query_numbers(2 * QUERY_ROWS + 1), 3);
        assert_eq!(Activity::query_parts(0, QUERY_ROWS).collect::<Vec<_>>(), [(step(0), 0..256)]);
        assert_eq!(Activity::query_parts(0, 0).count(), 0);
    }

    #[test]
    fn epochs_have_all_rows_but_the_last_one_that_is_cut() {
        let config = JobConfig { epochs: 9, max_steps: Some(5), train_rows: 10, ..test_job("2,3,2", 4) };
        assert_eq!(epoch_rows(&config, &config.batches().unwrap())[0], 10);
        assert_eq!(epoch_rows(&config, &config.batches().unwrap()).len(), 2);
        let config = JobConfig { max_steps: Some(0), ..config };
        assert!(epoch_rows(&config, &config.batches().unwrap()).is_empty());
    }

    #[test]
    fn queries_never_share_a_step_with_the_training() {
        assert!(Activity::query_step(0) > 1 << 62);
        assert_ne!(Activity::query_step(0), Activity::query_step(1));
    }
}
