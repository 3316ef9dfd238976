//! Where does the time of a step go?

use std::collections::BTreeMap;

use super::Chart;
use crate::measure::Summary;
use crate::measure::units::{format_ms, format_tick_ns, three_digits};
use crate::report::collect::Source;
use crate::report::error::ReportError;
use crate::report::job::describe_job;
use crate::report::stack_chart::{Bar, StackChart};

const OTHER: &str = "other phases";
/// Parts that have a colour of their own; further ones are added up.
const MAX_PARTS: usize = 7;
/// Beyond this factor between the longest and the shortest step, shares are compared instead of times.
const SHARES_FROM_FACTOR: f64 = 10.0;

/// A bar a job, in milliseconds or, when steps differ too much, in shares of the step.
pub fn draw(summaries: &[Source<Summary>]) -> Result<Option<Chart>, ReportError> {
    let jobs: Vec<&Source<Summary>> = summaries.iter().filter(|source| step_ms(&source.content) > 0.0).collect();
    if jobs.is_empty() {
        return Ok(None);
    }
    let parts = parts(&jobs);
    let steps: Vec<f64> = jobs.iter().map(|job| step_ms(&job.content)).collect();
    let (shortest, longest) =
        (steps.iter().copied().fold(f64::INFINITY, f64::min), steps.iter().copied().fold(0.0, f64::max));
    let in_shares = longest > shortest * SHARES_FROM_FACTOR;
    let bars = jobs.iter().zip(&steps).map(|(job, step)| bar(job, *step, &parts, in_shares)).collect();
    let title = "Step time by phase".to_owned();
    let (x_label, format): (_, fn(f64) -> String) = match in_shares {
        true => ("Share of the step (%)", three_digits),
        false => ("Time of a step", |ms| format_tick_ns(ms * 1e6)),
    };
    let subtitle = "Mean over the steps of a job, the making of randomness included".to_owned();
    let chart = StackChart { title: title.clone(), subtitle, x_label: x_label.to_owned(), parts, bars, format };
    let caption = "Phases by their share, largest first; together they are the mean step.".to_owned();
    Ok(Some(Chart { stem: "step_phases".to_owned(), title, caption, svg: chart.draw()? }))
}

fn step_ms(summary: &Summary) -> f64 {
    summary.phase_ms.values().filter(|value| value.is_finite()).sum()
}

/// The phases by their share of a step, largest first; the small ones under one name when there are many.
fn parts(jobs: &[&Source<Summary>]) -> Vec<String> {
    let mut shares: BTreeMap<&str, f64> = BTreeMap::new();
    for job in jobs {
        let step = step_ms(&job.content);
        for (name, value) in job.content.phase_ms.iter().filter(|(_, value)| value.is_finite()) {
            *shares.entry(name).or_default() += value / step;
        }
    }
    let mut names: Vec<(&str, f64)> = shares.into_iter().collect();
    names.sort_by(|a, b| b.1.total_cmp(&a.1));
    let kept = if names.len() > MAX_PARTS { MAX_PARTS - 1 } else { names.len() };
    let mut parts: Vec<String> = names[..kept].iter().map(|(name, _)| (*name).to_owned()).collect();
    if kept < names.len() {
        parts.push(OTHER.to_owned());
    }
    parts
}

fn bar(job: &Source<Summary>, step: f64, parts: &[String], in_shares: bool) -> Bar {
    let phases = &job.content.phase_ms;
    let milliseconds = parts.iter().map(|part| match phases.get(part) {
        Some(value) if value.is_finite() => *value,
        Some(_) => 0.0,
        None if part == OTHER => {
            step - phases.iter().filter(|(name, _)| parts.contains(name)).map(|(_, value)| value).sum::<f64>()
        }
        None => 0.0,
    });
    let milliseconds: Vec<f64> = milliseconds.collect();
    let values = milliseconds.iter().map(|value| if in_shares { value / step * 100.0 } else { *value }).collect();
    let labels = milliseconds.iter().map(|value| format_ms(*value)).collect();
    let name = format!("{}: {} a step", describe_job(&job.content.parameters, &job.label), format_ms(step));
    Bar { name, values, labels }
}
