//! Where the time of a server's steps goes, by kind of work: wall time of its thread. Both servers compute on one engine,
//! so what one does takes longer while the other computes as well.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What a server does in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// Fresh ciphertexts under its own key.
    Encryption,
    /// What the server adds to a result, and the randomisers h^s.
    Rerandomization,
    /// Products of powers, and of selected ciphertexts.
    MultiExponentiation,
    Decryption,
    /// Everything under the key of the comparison that leaks nothing.
    Comparison,
    /// Ciphertexts to bytes, and foreign bytes admitted.
    Conversion,
    /// Everything in the clear: masks, slots, products of shares.
    Plain,
    /// Nothing has arrived yet.
    Waiting,
}

/// The kinds by the names of figures.
const NAMES: [(Work, &str); 8] = [
    (Work::Encryption, "encryption"),
    (Work::Rerandomization, "re-randomisation"),
    (Work::MultiExponentiation, "multi-exponentiation"),
    (Work::Decryption, "decryption"),
    (Work::Comparison, "comparison"),
    (Work::Conversion, "conversion and admission"),
    (Work::Plain, "masks and packing"),
    (Work::Waiting, "waiting"),
];

/// Time of a server's steps by kind of work. Clones share it, so that it can be read beside the server.
#[derive(Debug, Clone, Default)]
pub struct WorkTimes(Arc<[AtomicU64; NAMES.len()]>);

impl WorkTimes {
    /// Every kind by its name; all together are the time of the steps that are done.
    pub fn by_name(&self) -> impl Iterator<Item = (&'static str, Duration)> + '_ {
        NAMES.iter().map(|(work, name)| {
            let nanoseconds = self.0[*work as usize].load(Ordering::Relaxed);
            (*name, Duration::from_nanos(nanoseconds))
        })
    }

    fn add(&self, work: Work, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.0[work as usize].fetch_add(nanoseconds, Ordering::Relaxed);
    }
}

/// Adds up a server's time while a step runs; stands still otherwise.
pub(super) struct WorkClock {
    times: WorkTimes,
    last: Option<Instant>,
}

impl WorkClock {
    pub fn new(times: WorkTimes) -> Self {
        WorkClock { times, last: None }
    }

    /// A step begins.
    pub fn begin(&mut self) {
        self.last = Some(Instant::now());
    }

    /// A step ends.
    pub fn end(&mut self) {
        self.lap(Work::Plain);
        self.last = None;
    }

    /// Runs `work`; what passed since anything was timed was in the clear.
    pub fn timed<R>(&mut self, kind: Work, work: impl FnOnce() -> R) -> R {
        self.lap(Work::Plain);
        let result = work();
        self.lap(kind);
        result
    }

    /// The same for what a server receives and then checks: `work` gives how long it waited as well.
    pub fn timed_arrival<R>(&mut self, work: impl FnOnce() -> (R, Duration)) -> R {
        self.lap(Work::Plain);
        let (result, waited) = work();
        if let Some(last) = &mut self.last {
            self.times.add(Work::Waiting, waited);
            *last += waited;
        }
        self.lap(Work::Conversion);
        result
    }

    fn lap(&mut self, kind: Work) {
        if let Some(last) = &mut self.last {
            let now = Instant::now();
            self.times.add(kind, now.saturating_duration_since(std::mem::replace(last, now)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_add_up_to_the_time_of_the_steps() {
        let (times, started) = (WorkTimes::default(), Instant::now());
        let mut clock = WorkClock::new(times.clone());
        let pause = || std::thread::sleep(Duration::from_millis(3));
        let of = |name: &str| times.by_name().find(|(known, _)| *known == name).unwrap().1;

        clock.timed(Work::Encryption, pause);
        assert!(times.by_name().all(|(_, time)| time.is_zero()), "no step runs");
        clock.begin();
        let before = Instant::now();
        pause();
        clock.timed(Work::Decryption, pause);
        clock.timed_arrival(|| {
            pause();
            ((), Duration::from_millis(2))
        });
        let inner = before.elapsed();
        clock.end();
        let total: Duration = times.by_name().map(|(_, time)| time).sum();
        assert!(inner <= total && total <= started.elapsed());
        assert!([of("masks and packing"), of("decryption")].iter().all(|time| *time >= Duration::from_millis(3)));
        assert_eq!(of("waiting"), Duration::from_millis(2));
        assert!(of("conversion and admission") >= Duration::from_millis(1) && of("encryption").is_zero());
    }
}
