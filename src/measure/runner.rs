//! Timing of operations, with a reference in the same run.
//!
//! A machine that others use slows down and speeds up while it is being measured. A time taken now and a reference taken
//! a minute ago therefore say little about each other; here the two are taken in turns, and the ratio is the median of
//! the ratios of neighbours, so that what slows both cancels and a disturbance of either moves only its own pair.

use std::hint::black_box;
use std::time::{Duration, Instant};

use super::statistics::{Spread, median};

/// How long and how often to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Time for running without looking at the clock, so that caches, tables and clock rates settle; one batch at least.
    pub warm_up: Duration,
    /// Samples to take if the budget allows.
    pub samples: usize,
    /// A sample repeats its batch until it lasts about this long, well above the clock's resolution.
    pub sample_time: Duration,
    /// When this much time is used no further sample starts, but never before three are taken.
    pub budget: Duration,
}

impl Plan {
    const MIN_SAMPLES: usize = 3;
    const MAX_REPEATS: u32 = 1_000_000;
}

impl Default for Plan {
    fn default() -> Self {
        Plan {
            warm_up: Duration::from_millis(50),
            samples: 15,
            sample_time: Duration::from_millis(10),
            budget: Duration::from_secs(3),
        }
    }
}

/// Something to time: a batch of equal operations that can be run again and again.
pub struct Subject<'a, E> {
    operations: u64,
    run_once: Box<dyn FnMut() -> Result<Duration, E> + 'a>,
}

impl<'a, E> Subject<'a, E> {
    /// A batch of `operations` operations; what it returns is kept from being optimised away.
    pub fn new<T>(operations: u64, mut run: impl FnMut() -> Result<T, E> + 'a) -> Self {
        Self::with_input(operations, || Ok(()), move |()| run())
    }

    /// A batch that uses up an input, as a pool does; only `run` is timed, and neither the making of the input nor the
    /// dropping of the result.
    pub fn with_input<I, T>(
        operations: u64,
        mut prepare: impl FnMut() -> Result<I, E> + 'a,
        mut run: impl FnMut(I) -> Result<T, E> + 'a,
    ) -> Self {
        Self::timed(operations, move || {
            let input = black_box(prepare()?);
            let start = Instant::now();
            let result = black_box(run(input));
            let elapsed = start.elapsed();
            result.map(|_| elapsed)
        })
    }

    /// A batch that tells how long it took, for work that keeps its own clock.
    pub fn timed(operations: u64, run_once: impl FnMut() -> Result<Duration, E> + 'a) -> Self {
        Subject { operations: operations.max(1), run_once: Box::new(run_once) }
    }

    fn sample_ns(&mut self, repeats: u32) -> Result<f64, E> {
        let mut total = Duration::ZERO;
        for _ in 0..repeats {
            total += (self.run_once)()?;
        }
        Ok(total.as_nanos() as f64 / f64::from(repeats) / self.operations as f64)
    }

    /// Runs until the warm-up is over; returns how many batches make a sample of the planned length.
    fn warm_up(&mut self, plan: &Plan) -> Result<u32, E> {
        let start = Instant::now();
        let mut fastest = Duration::MAX;
        loop {
            fastest = fastest.min((self.run_once)()?);
            if start.elapsed() >= plan.warm_up {
                break;
            }
        }
        let repeats = plan.sample_time.as_nanos().div_ceil(fastest.as_nanos().max(1));
        Ok(u32::try_from(repeats).unwrap_or(u32::MAX).clamp(1, Plan::MAX_REPEATS))
    }
}

/// Times of one operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Timing {
    /// Time of one operation in nanoseconds, one value a sample; at least three.
    pub samples_ns: Vec<f64>,
    /// The samples summed up.
    pub spread_ns: Spread,
}

/// Times of one operation and of a reference, taken in turns.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The operation.
    pub measured: Timing,
    /// The reference.
    pub reference: Timing,
    /// Median over the pairs of the reference's time over the operation's: above 1, the operation is the faster.
    pub ratio: f64,
}

/// Times one operation.
///
/// # Errors
/// The first error of the operation.
pub fn time<E>(plan: &Plan, mut subject: Subject<'_, E>) -> Result<Timing, E> {
    let repeats = subject.warm_up(plan)?;
    let samples = collect(plan, || subject.sample_ns(repeats))?;
    Ok(timing(samples))
}

/// Times one operation and a reference in turns, the first of a pair changing places with the second from pair to pair.
///
/// # Errors
/// The first error of either.
pub fn time_against<E>(
    plan: &Plan,
    mut subject: Subject<'_, E>,
    mut reference: Subject<'_, E>,
) -> Result<Comparison, E> {
    let (repeats, reference_repeats) = (subject.warm_up(plan)?, reference.warm_up(plan)?);
    let mut subject_first = false;
    let pairs = collect(plan, || {
        subject_first = !subject_first;
        if subject_first {
            let measured = subject.sample_ns(repeats)?;
            Ok((measured, reference.sample_ns(reference_repeats)?))
        } else {
            let other = reference.sample_ns(reference_repeats)?;
            Ok((subject.sample_ns(repeats)?, other))
        }
    })?;
    Ok(comparison(pairs))
}

fn collect<T, E>(plan: &Plan, mut sample: impl FnMut() -> Result<T, E>) -> Result<Vec<T>, E> {
    let start = Instant::now();
    let mut samples = Vec::with_capacity(plan.samples);
    while samples.len() < Plan::MIN_SAMPLES || (samples.len() < plan.samples && start.elapsed() < plan.budget) {
        samples.push(sample()?);
    }
    Ok(samples)
}

fn comparison(pairs: Vec<(f64, f64)>) -> Comparison {
    let ratios: Vec<f64> =
        pairs.iter().map(|(measured, reference)| reference / measured.max(f64::MIN_POSITIVE)).collect();
    let (measured, reference) = pairs.into_iter().unzip();
    let ratio = median(&ratios).expect("at least three samples are taken, and a duration is never NaN");
    Comparison { measured: timing(measured), reference: timing(reference), ratio }
}

fn timing(samples_ns: Vec<f64>) -> Timing {
    let spread_ns = Spread::of(&samples_ns).expect("at least three samples are taken, and a duration is never NaN");
    Timing { samples_ns, spread_ns }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    const SHORT: Plan = Plan {
        warm_up: Duration::ZERO,
        samples: 7,
        sample_time: Duration::from_nanos(1),
        budget: Duration::from_secs(60),
    };

    fn steady(operations: u64, nanoseconds: u64) -> Subject<'static, Infallible> {
        Subject::timed(operations, move || Ok(Duration::from_nanos(nanoseconds)))
    }

    #[test]
    fn a_sample_is_the_time_of_one_operation() {
        let timing = time(&SHORT, steady(64, 6400)).unwrap();
        assert_eq!(timing.samples_ns, vec![100.0; 7]);
        assert_eq!((timing.spread_ns.min, timing.spread_ns.max), (100.0, 100.0));
    }

    #[test]
    fn the_ratio_is_the_references_time_over_the_operations() {
        let comparison = time_against(&SHORT, steady(8, 800), steady(1, 900)).unwrap();
        assert_eq!(comparison.ratio, 9.0);
        assert_eq!(comparison.reference.spread_ns.median, 900.0);
    }

    #[test]
    fn a_machine_that_slows_down_for_both_leaves_the_ratio_alone() {
        let calls = std::cell::Cell::new(0u64);
        let drifting = |base: u64| {
            let calls = &calls;
            Subject::<Infallible>::timed(1, move || {
                calls.set(calls.get() + 1);
                // Ten times slower from the middle of the run on.
                Ok(Duration::from_nanos(if calls.get() > 9 { base * 10 } else { base }))
            })
        };
        let comparison = time_against(&SHORT, drifting(100), drifting(300)).unwrap();
        assert_eq!(comparison.ratio, 3.0);
    }

    #[test]
    fn a_used_up_budget_still_gives_three_samples() {
        let plan = Plan { budget: Duration::ZERO, ..SHORT };
        assert_eq!(time(&plan, steady(1, 5)).unwrap().samples_ns.len(), 3);
    }

    #[test]
    fn short_batches_are_repeated_and_inputs_are_made_for_each() {
        let mut prepared = 0u32;
        let plan = Plan { sample_time: Duration::from_nanos(1000), samples: 3, ..SHORT };
        let made = &mut prepared;
        let subject = Subject::<Infallible>::timed(1, move || {
            *made += 1;
            Ok(Duration::from_nanos(100))
        });
        time(&plan, subject).unwrap();
        assert_eq!(prepared, 1 + 3 * 10);
    }

    #[test]
    fn real_work_takes_time_and_the_input_is_not_in_it() {
        let slow_input = || {
            std::thread::sleep(Duration::from_millis(5));
            Ok::<_, Infallible>(1u64)
        };
        let subject = Subject::with_input(1, slow_input, |input| Ok(input + 1));
        let timing = time(&SHORT, subject).unwrap();
        assert!(timing.spread_ns.median < 5e6, "{timing:?}");
    }

    #[test]
    fn the_first_error_ends_the_measurement() {
        let mut calls = 0;
        let subject = Subject::<&str>::new(1, move || {
            calls += 1;
            if calls == 3 { Err("lost") } else { Ok(()) }
        });
        assert_eq!(time(&SHORT, subject).unwrap_err(), "lost");
    }
}
