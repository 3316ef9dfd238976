//! Progress on standard error: bars on a terminal, plain lines when piped, nothing when quiet.

use std::io::IsTerminal;
use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use smlp::measure::units::{format_bytes, format_seconds, format_share};
use smlp::protocol::packed::StaticSize;
use smlp::protocol::schedule::Activity;
use smlp::train::{EpochFigures, Event, Observer};

use super::output::say;

/// At most one plain line of a bar in this time.
const LINE_INTERVAL: Duration = Duration::from_secs(1);

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Not at all.
    Silent,
    /// A line now and then.
    Lines,
    /// Bars with the time left.
    Bars,
}

impl Progress {
    /// Silent if asked for, bars if standard error is a terminal, else lines.
    pub fn new(quiet: bool) -> Self {
        if quiet {
            Progress::Silent
        } else if std::io::stderr().is_terminal() {
            Progress::Bars
        } else {
            Progress::Lines
        }
    }

    /// Says something that is worth a line of its own.
    pub fn note(&self, text: &str) {
        if *self != Progress::Silent {
            say(text);
        }
    }

    /// Begins something that takes `total` units of work.
    pub fn begin(&self, title: &str, total: u64) -> Task {
        self.begin_within(title, total, None)
    }

    /// Begins something that takes `total` units of work or less, if that takes longer than a limit.
    pub fn begin_within(&self, title: &str, total: u64, limit: Option<Duration>) -> Task {
        let shown = match self {
            Progress::Silent => Shown::Nothing,
            Progress::Lines => Shown::Lines { last_line: None },
            Progress::Bars => Shown::Bar(bar(title, total, limit)),
        };
        Task { title: title.to_owned(), total, done: 0, started: Instant::now(), limit, shown }
    }
}

fn bar(title: &str, total: u64, limit: Option<Duration>) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    let template = match limit {
        None => "{prefix:>12} [{bar:30}] {pos}/{len}  {elapsed} spent, {eta} left  {msg}".to_owned(),
        Some(limit) => format!("{{prefix:>12}} {{pos}}  {{elapsed}} of about {}s  {{msg}}", limit.as_secs()),
    };
    // A template of our own always parses; without it the bar only looks plainer.
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_prefix(title.to_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Work in progress; its bar goes away with it.
#[derive(Debug)]
pub struct Task {
    title: String,
    total: u64,
    done: u64,
    started: Instant,
    /// When no more is begun.
    limit: Option<Duration>,
    shown: Shown,
}

#[derive(Debug)]
enum Shown {
    Nothing,
    Lines { last_line: Option<Instant> },
    Bar(ProgressBar),
}

impl Task {
    /// `units` more are done; `message` says what was last.
    pub fn advance(&mut self, units: u64, message: &str) {
        self.done += units;
        let line = self.line(message);
        match &mut self.shown {
            Shown::Nothing => {}
            Shown::Bar(bar) => {
                bar.set_message(message.to_owned());
                bar.set_position(self.done);
            }
            Shown::Lines { last_line } => {
                let is_due = last_line.is_none_or(|last| last.elapsed() >= LINE_INTERVAL) || self.done >= self.total;
                if is_due {
                    *last_line = Some(Instant::now());
                    say(&line);
                }
            }
        }
    }

    /// A line that stays, above the bar.
    pub fn note(&self, text: &str) {
        match &self.shown {
            Shown::Nothing => {}
            Shown::Lines { .. } => say(text),
            Shown::Bar(bar) => bar.suspend(|| say(text)),
        }
    }

    fn line(&self, message: &str) -> String {
        let (title, done, total) = (&self.title, self.done, self.total);
        let left = match self.time_left() {
            Some(left) => format!(", about {} left", format_seconds(left)),
            None => String::new(),
        };
        let separator = if message.is_empty() { "" } else { ": " };
        format!("{title} {done}/{total}{separator}{message}{left}")
    }

    /// Seconds, if the rest goes as fast as what is done.
    fn time_left(&self) -> Option<f64> {
        let rest = self.total.checked_sub(self.done).filter(|rest| *rest > 0)?;
        let spent = self.started.elapsed().as_secs_f64();
        let at_most = self.limit.map_or(f64::INFINITY, |limit| (limit.as_secs_f64() - spent).max(0.0));
        let left = (spent / self.done as f64 * rest as f64).min(at_most);
        (self.done > 0 && left > 0.0).then_some(left)
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}

/// Shows a training.
pub struct TrainingProgress {
    progress: Progress,
    limit: Option<Duration>,
    steps: u64,
    encrypted: usize,
    /// There while rows are encrypted, and again from the first step on, so that the time left is that of the steps.
    task: Option<Task>,
}

impl TrainingProgress {
    /// Before anything has happened; no epoch begins that would go beyond `limit`.
    pub fn new(progress: Progress, limit: Option<Duration>) -> Self {
        TrainingProgress { progress, limit, steps: 0, encrypted: 0, task: None }
    }

    /// The user encrypts before anything else happens; the task of the steps begins afterwards.
    fn encrypting(&mut self, done: usize, rows: usize) {
        if done == 0 {
            self.note(&format!("the user encrypts {rows} rows"));
            self.task = Some(self.progress.begin("row", rows as u64));
            self.encrypted = 0;
        } else if let Some(task) = &mut self.task {
            task.advance((done - self.encrypted) as u64, "");
            self.encrypted = done;
        }
        if done == rows {
            self.task = None;
        }
    }

    /// A line that stays.
    pub fn note(&self, text: &str) {
        match &self.task {
            Some(task) => task.note(text),
            None => self.progress.note(text),
        }
    }
}

impl Observer for TrainingProgress {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Planned { activities } => {
                let steps = activities.iter().filter(|activity| matches!(activity, Activity::Step { .. })).count();
                let limit = self.limit.map_or_else(String::new, |limit| {
                    format!(", or the epochs that fit {}", format_seconds(limit.as_secs_f64()))
                });
                self.progress.note(&format!("{steps} steps to train{limit}"));
                self.steps = steps as u64;
            }
            Event::StaticCiphertexts { size, folder } => self.note(&static_line(&size, folder)),
            Event::Encrypting { done, rows } => self.encrypting(done, rows),
            Event::Step { elapsed, traffic, .. } => {
                let bytes = (traffic.bytes_sent + traffic.bytes_received) as f64;
                let message = format!("{}, {}", format_seconds(elapsed.as_secs_f64()), format_bytes(bytes));
                if let Some(task) = &mut self.task {
                    task.advance(1, &message);
                }
            }
            Event::Epoch { figures, .. } => {
                self.note(&epoch_line(figures));
                if figures.epoch == 0 {
                    self.task = Some(self.progress.begin_within("step", self.steps, self.limit));
                }
            }
            Event::Done { activity: Activity::Classify { rows, .. }, elapsed } => {
                let seconds = format_seconds(elapsed.as_secs_f64());
                self.note(&format!("{rows} test rows classified under encryption in {seconds}"));
            }
            Event::Done { .. } => {}
        }
    }
}

fn static_line(size: &StaticSize, folder: Option<&Path>) -> String {
    let (batches, all) = (size.batches, format_bytes(size.bytes as f64));
    let largest = format_bytes(size.largest_batch_bytes as f64);
    let amount = match size.largest_batch_bytes * batches as u64 == size.bytes {
        true => format!("{batches} batches x {largest} = {all}"),
        false => format!("{batches} batches of at most {largest}, {all} in all"),
    };
    let place = match folder {
        None => "in memory".to_owned(),
        Some(folder) => format!("in {} until the training ends", folder.display()),
    };
    format!("static ciphertexts: {amount}, {place}")
}

fn epoch_line(figures: &EpochFigures) -> String {
    let mut line = format!("epoch {}", figures.epoch);
    if let Some(loss) = figures.running_loss {
        line.push_str(&format!(": loss {loss:.5}"));
    }
    if figures.test_accuracy.is_finite() {
        let (train, test) = (format_share(figures.train_accuracy), format_share(figures.test_accuracy));
        let baseline = format_share(figures.baseline_test_accuracy);
        line.push_str(&format!(", accuracy {train} train, {test} test, plain float {baseline}"));
    }
    line
}
