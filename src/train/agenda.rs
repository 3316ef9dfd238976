//! What comes next in a training: the schedule, which a limit of time or a request to stop cuts short.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::mlp::Batches;
use crate::protocol::config::Comparison;
use crate::protocol::schedule::{Activity, epoch_end};

/// When a training ends before its schedule does.
#[derive(Debug, Clone, Default)]
pub struct Limits {
    /// No epoch starts that would end later than this after the first step began, if it took as long as the epoch
    /// before it. Measuring between epochs counts.
    pub max_time: Option<Duration>,
    /// Epochs that run whatever `max_time` is; one always does.
    pub min_epochs: u64,
    /// Ends the training after the current step.
    pub stop: StopRequest,
}

/// Asks a running training to stop, from anywhere; clones ask the same training.
#[derive(Debug, Clone, Default)]
pub struct StopRequest(Arc<AtomicBool>);

impl StopRequest {
    /// Asks.
    pub fn request(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether somebody has asked.
    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// The flag itself, for whoever can only set flags, as a signal's handler.
    pub fn flag(&self) -> Arc<AtomicBool> {
        self.0.clone()
    }
}

/// How a training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Everything that was scheduled is done.
    Completed,
    /// No further epoch fitted the limit of time.
    OutOfTime,
    /// Somebody asked for it.
    Stopped,
}

/// Hands out the activities one by one.
pub(super) struct Agenda<'a> {
    comparison: Comparison,
    batches: &'a Batches,
    limits: Limits,
    planned: VecDeque<Activity>,
    ending: Ending,
    epoch: u64,
    /// The last step that was handed out.
    step: u64,
    /// Rows of the steps since the model was last read.
    unread_rows: usize,
    first_step: Option<Instant>,
    epoch_start: Option<Instant>,
}

impl<'a> Agenda<'a> {
    pub fn new(comparison: Comparison, planned: Vec<Activity>, batches: &'a Batches, limits: Limits) -> Self {
        Agenda {
            comparison,
            batches,
            limits,
            planned: planned.into(),
            ending: Ending::Completed,
            epoch: 0,
            step: 0,
            unread_rows: 0,
            first_step: None,
            epoch_start: None,
        }
    }

    pub fn ending(&self) -> Ending {
        self.ending
    }

    pub fn next(&mut self, now: Instant) -> Option<Activity> {
        if self.ending == Ending::Completed
            && let Some(ending) = self.reason_to_end(*self.planned.front()?, now)
        {
            self.cut_short(ending);
        }
        let activity = self.planned.pop_front()?;
        match activity {
            Activity::RefreshBatch { .. } => self.start_clocks(now),
            Activity::Step { step, epoch, batch } => {
                self.start_clocks(now);
                (self.epoch, self.step) = (epoch, step);
                self.unread_rows += self.batches.members()[batch].len();
            }
            Activity::ReadModel { .. } => {
                self.unread_rows = 0;
            }
            Activity::InitialWeights
            | Activity::TestModel { .. }
            | Activity::ReadLoss { .. }
            | Activity::Classify { .. } => {}
        }
        Some(activity)
    }

    fn start_clocks(&mut self, now: Instant) {
        self.first_step.get_or_insert(now);
        self.epoch_start.get_or_insert(now);
    }

    fn reason_to_end(&mut self, next: Activity, now: Instant) -> Option<Ending> {
        let is_training = matches!(next, Activity::RefreshBatch { .. } | Activity::Step { .. });
        let is_work = is_training || matches!(next, Activity::Classify { .. });
        if is_work && self.limits.stop.is_requested() {
            return Some(Ending::Stopped);
        }
        let between_epochs = is_training && self.epoch > 0 && self.unread_rows == 0;
        let last_epoch = self.epoch_start.take_if(|_| between_epochs).map(|start| now - start)?;
        let (started, max_time) = (self.first_step?, self.limits.max_time?);
        let is_late = now - started + last_epoch > max_time && self.epoch >= self.limits.min_epochs;
        is_late.then_some(Ending::OutOfTime)
    }

    /// What was trained since the model was last read is tested and read; a request to stop leaves the classification out too.
    fn cut_short(&mut self, ending: Ending) {
        self.ending = ending;
        let keeps = |activity: &Activity| ending != Ending::Stopped && matches!(activity, Activity::Classify { .. });
        self.planned.retain(keeps);
        if self.unread_rows > 0 {
            let end = epoch_end(self.comparison, self.epoch, self.step, self.unread_rows);
            end.into_iter().rev().for_each(|activity| self.planned.push_front(activity));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::config::JobConfig;
    use crate::protocol::element::test_job;
    use crate::protocol::schedule::{self, Answer};

    /// Three epochs of batches of 4, 4 and 2 rows, then a classification.
    fn planned() -> (Vec<Activity>, Batches) {
        let config = JobConfig { epochs: 3, train_rows: 10, comparison: Comparison::Dgk, ..test_job("2,3,2", 4) };
        let batches = config.batches().unwrap();
        let mut activities = schedule::training(&config, &batches);
        activities.push(Activity::Classify { query: 0, rows: 2, answer: Answer::Labels });
        (activities, batches)
    }

    /// What is handed out if every step takes a second, stopped before step `stop_at`.
    fn play(limits: Limits, stop_at: Option<u64>) -> (Vec<Activity>, Ending) {
        let (activities, batches) = planned();
        let mut agenda = Agenda::new(Comparison::Dgk, activities, &batches, limits.clone());
        let (mut now, mut played) = (Instant::now(), Vec::new());
        while let Some(activity) = agenda.next(now) {
            if let Activity::Step { step, .. } = activity {
                now += Duration::from_secs(1);
                if stop_at == Some(step) {
                    limits.stop.request();
                }
            }
            played.push(activity);
        }
        (played, agenda.ending())
    }

    fn steps(played: &[Activity]) -> usize {
        played.iter().filter(|activity| matches!(activity, Activity::Step { .. })).count()
    }

    #[test]
    fn without_limits_everything_is_played_in_order() {
        assert_eq!(play(Limits::default(), None), (planned().0, Ending::Completed));
    }

    #[test]
    fn no_epoch_starts_that_would_not_fit() {
        let seconds = |seconds| Limits { max_time: Some(Duration::from_secs(seconds)), ..Limits::default() };
        for (limit, expected, ending) in [
            (0, 3, Ending::OutOfTime),
            (5, 3, Ending::OutOfTime),
            (6, 6, Ending::OutOfTime),
            (8, 6, Ending::OutOfTime),
            (9, 9, Ending::Completed),
        ] {
            let (played, ended) = play(seconds(limit), None);
            assert_eq!((steps(&played), ended), (expected, ending), "{limit} s");
            let last_two = &played[played.len() - 2..];
            assert!(matches!(last_two, [Activity::ReadModel { .. }, Activity::Classify { .. }]), "{limit} s");
        }
        let at_least_two = Limits { min_epochs: 2, ..seconds(0) };
        assert_eq!(steps(&play(at_least_two, None).0), 6);
    }

    #[test]
    fn a_request_ends_after_the_current_step_and_the_part_of_the_epoch_is_tested_and_read() {
        let (played, ending) = play(Limits::default(), Some(4));
        assert_eq!((steps(&played), ending), (5, Ending::Stopped));
        let (_, batches) = planned();
        let rows = batches.order(1)[..2].iter().map(|&batch| batches.members()[batch].len()).sum();
        let last_four = |played: &[Activity]| played[played.len() - 4..].to_vec();
        let ended = |step, rows| {
            let test = Activity::TestModel { step };
            [test, Activity::ReadLoss { epoch: 2, rows }, Activity::ReadModel { epoch: 2 }]
        };
        assert_eq!(last_four(&played)[1..], ended(4, rows));
        assert!(matches!(last_four(&played)[0], Activity::Step { step: 4, .. }));
        // At the end of an epoch what is due is tested and read once.
        let (played, _) = play(Limits::default(), Some(5));
        assert_eq!(last_four(&played)[1..], ended(5, 10));
        assert!(matches!(last_four(&played)[0], Activity::Step { step: 5, .. }));
    }

    #[test]
    fn a_request_before_the_first_step_leaves_the_initial_model() {
        let limits = Limits::default();
        limits.stop.request();
        let (played, ending) = play(limits, None);
        assert_eq!(played, [Activity::InitialWeights, Activity::ReadModel { epoch: 0 }]);
        assert_eq!(ending, Ending::Stopped);
    }
}
