//! A batch of operations that can be run again and again, and checked.

use std::hint::black_box;
use std::time::{Duration, Instant};

use super::Operation;
use crate::error::Error;
use crate::measure::MeasureError;

/// A batch of equal operations with its inputs.
pub struct Workload<'a> {
    operations: u64,
    run_once: Box<dyn FnMut(Then) -> Result<Duration, Error> + 'a>,
}

/// What happens to a result.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Check,
    Drop,
}

/// What is measured, for messages.
#[derive(Clone, Copy)]
pub(super) struct Subject {
    pub operation: Operation,
    pub key_bits: u32,
}

/// The first position with a wrong result; none if all that were looked at are right.
pub(super) type FirstWrong = Option<usize>;

impl<'a> Workload<'a> {
    /// `run` alone is on the clock. `check` looks at a result.
    pub(super) fn new<I, T>(
        subject: Subject,
        operations: usize,
        mut prepare: impl FnMut() -> Result<I, Error> + 'a,
        mut run: impl FnMut(I) -> Result<T, Error> + 'a,
        check: impl Fn(&T) -> Result<FirstWrong, Error> + 'a,
    ) -> Self {
        let run_once = move |then| {
            let input = black_box(prepare()?);
            let start = Instant::now();
            let result = black_box(run(input));
            let elapsed = start.elapsed();
            let result = result?;
            if then == Then::Check
                && let Some(position) = check(&result)?
            {
                let Subject { operation, key_bits } = subject;
                return Err(MeasureError::WrongResult { operation: operation.name(), key_bits, position }.into());
            }
            Ok(elapsed)
        };
        Workload { operations: operations as u64, run_once: Box::new(run_once) }
    }

    /// Operations in the batch.
    pub fn operations(&self) -> u64 {
        self.operations
    }

    /// Runs the batch; how long it took.
    ///
    /// # Errors
    /// If the operation fails.
    pub fn run(&mut self) -> Result<Duration, Error> {
        (self.run_once)(Then::Drop)
    }

    /// Runs the batch and compares its results with an independent computation; how long the batch took.
    ///
    /// # Errors
    /// If the operation fails, or [`MeasureError::WrongResult`].
    pub fn run_checked(&mut self) -> Result<Duration, Error> {
        (self.run_once)(Then::Check)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBJECT: Subject = Subject { operation: Operation::Add, key_bits: 1024 };

    #[test]
    fn a_wrong_result_is_an_error_that_names_it() {
        let check = |result: &u32| Ok((*result != 4).then_some(2));
        let mut right = Workload::new(SUBJECT, 3, || Ok(2), |two| Ok(two * 2), check);
        assert!(right.run_checked().is_ok());
        let mut wrong = Workload::new(SUBJECT, 3, || Ok(2), |two| Ok(two * 3), check);
        assert!(wrong.run().is_ok(), "only a check looks at the result");
        let error = wrong.run_checked().unwrap_err();
        assert_eq!(error.exit_code(), 1);
        assert!(error.to_string().contains("add") && error.to_string().contains("position 2"), "{error}");
    }

    #[test]
    fn making_the_input_is_not_on_the_clock() {
        let slow = || {
            std::thread::sleep(Duration::from_millis(20));
            Ok(())
        };
        let mut workload = Workload::new(SUBJECT, 1, slow, Ok, |()| Ok(None));
        assert!(workload.run().unwrap() < Duration::from_millis(15));
    }
}
