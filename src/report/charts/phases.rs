//! Where does the time of a step go?

use std::collections::BTreeMap;

use super::Chart;
use crate::measure::Summary;
use crate::measure::units::{format_ms, format_tick_ns, three_digits};
use crate::report::collect::Source;
use crate::report::error::ReportError;
use crate::report::job::describe_job;
use crate::report::stack_chart::{Bar, StackChart};

/// Parts that have a colour of their own; further ones are added up.
const MAX_PARTS: usize = 7;
/// Beyond this factor between the longest and the shortest step, shares are compared instead of times.
const SHARES_FROM_FACTOR: f64 = 10.0;

/// Times of the parts of a step, in milliseconds.
type Times = BTreeMap<String, f64>;

/// One bar: a name and its parts.
struct Split<'a> {
    name: String,
    times: &'a Times,
}

/// A bar a job, by phase of the protocol.
pub fn by_phase(summaries: &[Source<Summary>]) -> Result<Option<Chart>, ReportError> {
    let splits = summaries.iter().map(|job| Split { name: name(job), times: &job.content.phase_ms });
    draw(
        splits,
        "step_phases",
        "Step time by phase",
        "other phases",
        "Phases by their share, largest first; together they are the mean step.",
    )
}

/// A bar for each server of a job, by kind of work.
pub fn by_work(summaries: &[Source<Summary>]) -> Result<Option<Chart>, ReportError> {
    let splits = summaries.iter().flat_map(|job| {
        let split = move |(party, times)| Split { name: format!("{party}, {}", name(job)), times };
        job.content.work_ms.iter().map(split)
    });
    draw(
        splits,
        "step_work",
        "Step time by kind of work",
        "other work",
        "Wall time of each server's thread: while one computes alone, the other waits.",
    )
}

fn name(job: &Source<Summary>) -> String {
    describe_job(&job.content.parameters, &job.label)
}

/// The bars in milliseconds or, when steps differ too much, in shares of the step.
fn draw<'a>(
    splits: impl Iterator<Item = Split<'a>>,
    stem: &str,
    title: &str,
    other: &str,
    caption: &str,
) -> Result<Option<Chart>, ReportError> {
    let splits: Vec<Split> = splits.filter(|split| step_ms(split.times) > 0.0).collect();
    if splits.is_empty() {
        return Ok(None);
    }
    let parts = parts(&splits, other);
    let steps: Vec<f64> = splits.iter().map(|split| step_ms(split.times)).collect();
    let (shortest, longest) =
        (steps.iter().copied().fold(f64::INFINITY, f64::min), steps.iter().copied().fold(0.0, f64::max));
    let in_shares = longest > shortest * SHARES_FROM_FACTOR;
    let bars = splits.iter().zip(&steps).map(|(split, step)| bar(split, *step, &parts, other, in_shares)).collect();
    let (x_label, format): (_, fn(f64) -> String) = match in_shares {
        true => ("Share of the step (%)", three_digits),
        false => ("Time of a step", |ms| format_tick_ns(ms * 1e6)),
    };
    let subtitle = "Mean over the steps of a job, the making of randomness included".to_owned();
    let title = title.to_owned();
    let chart = StackChart { title: title.clone(), subtitle, x_label: x_label.to_owned(), parts, bars, format };
    Ok(Some(Chart { stem: stem.to_owned(), title, caption: caption.to_owned(), svg: chart.draw()? }))
}

fn step_ms(times: &Times) -> f64 {
    times.values().filter(|value| value.is_finite()).sum()
}

/// The parts by their share of a step, largest first; the small ones under the name `other` when there are many.
fn parts(splits: &[Split], other: &str) -> Vec<String> {
    let mut shares: BTreeMap<&str, f64> = BTreeMap::new();
    for split in splits {
        let step = step_ms(split.times);
        for (name, value) in split.times.iter().filter(|(_, value)| value.is_finite()) {
            *shares.entry(name).or_default() += value / step;
        }
    }
    let mut names: Vec<(&str, f64)> = shares.into_iter().collect();
    names.sort_by(|a, b| b.1.total_cmp(&a.1));
    let kept = if names.len() > MAX_PARTS { MAX_PARTS - 1 } else { names.len() };
    let mut parts: Vec<String> = names[..kept].iter().map(|(name, _)| (*name).to_owned()).collect();
    if kept < names.len() {
        parts.push(other.to_owned());
    }
    parts
}

fn bar(split: &Split, step: f64, parts: &[String], other: &str, in_shares: bool) -> Bar {
    let times = split.times;
    let milliseconds = parts.iter().map(|part| match times.get(part) {
        Some(value) if value.is_finite() => *value,
        Some(_) => 0.0,
        None if part == other => {
            step - times.iter().filter(|(name, _)| parts.contains(name)).map(|(_, value)| value).sum::<f64>()
        }
        None => 0.0,
    });
    let milliseconds: Vec<f64> = milliseconds.collect();
    let values = milliseconds.iter().map(|value| if in_shares { value / step * 100.0 } else { *value }).collect();
    let labels = milliseconds.iter().map(|value| format_ms(*value)).collect();
    let name = format!("{}: {} a step", split.name, format_ms(step));
    Bar { name, values, labels }
}
