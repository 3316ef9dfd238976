//! The charts, one question a file. A chart without data is not drawn; the page says what it would have needed.

mod batch;
mod convergence;
mod forms;
mod leak;
mod phases;
mod pool;
mod primitives;
mod protocols;
mod step_time;
mod timing;

use super::collect::{Source, Sources};
use super::error::ReportError;

/// A drawn chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// Name of its file without the ending.
    pub stem: String,
    /// What it shows.
    pub title: String,
    /// How to read it.
    pub caption: String,
    pub svg: String,
}

/// A chart for which there was no data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// What it would have shown.
    pub title: &'static str,
    /// The file, and what must be in it.
    pub needs: &'static str,
}

/// One kind of chart: how it is drawn from everything that was found, and what it needs.
struct Kind {
    title: &'static str,
    needs: &'static str,
    draw: fn(&Sources) -> Result<Vec<Chart>, ReportError>,
}

const KINDS: [Kind; 14] = [
    Kind {
        title: "Convergence",
        needs: "history.csv with two rows or more (smlp train)",
        draw: |sources| each(&sources.histories, convergence::draw),
    },
    Kind {
        title: "Step time by phase",
        needs: "summary.json with phases (smlp train)",
        draw: |sources| Ok(phases::by_phase(&sources.summaries)?.into_iter().collect()),
    },
    Kind {
        title: "Step time by kind of work",
        needs: "summary.json of the packed protocol (smlp train)",
        draw: |sources| Ok(phases::by_work(&sources.summaries)?.into_iter().collect()),
    },
    Kind {
        title: "What the comparison that leaks nothing costs",
        needs: "summary.json of jobs that differ in the comparison alone (smlp train --comparison blinded, dgk)",
        draw: |sources| Ok(leak::draw(&sources.summaries, &sources.histories)?.into_iter().collect()),
    },
    Kind {
        title: "Protocols and comparisons",
        needs: "sweep.csv with two protocols or comparisons (smlp sweep --protocol element,packed)",
        draw: |sources| each(&sources.sweeps, protocols::draw),
    },
    Kind {
        title: "Step time against key length",
        needs: "sweep.csv (smlp sweep)",
        draw: |sources| each(&sources.sweeps, step_time::against_key_length),
    },
    Kind {
        title: "Step time against layer width",
        needs: "sweep.csv (smlp sweep)",
        draw: |sources| each(&sources.sweeps, step_time::against_layer_width),
    },
    Kind {
        title: "Primitives against key length",
        needs: "primitives.csv (smlp primitives)",
        draw: |sources| each(&sources.primitives, primitives::draw),
    },
    Kind {
        title: "Forms of encryption",
        needs: "primitives.csv with encrypt_rn, encrypt_public, encrypt_owner or encrypt_pooled",
        draw: |sources| each(&sources.primitives, forms::encryption),
    },
    Kind {
        title: "Decryption with and without CRT",
        needs: "primitives.csv with decrypt or decrypt_no_crt",
        draw: |sources| each(&sources.primitives, forms::decryption),
    },
    Kind {
        title: "Cost of one comparison",
        needs: "primitives.csv with compare_blinded and compare_dgk",
        draw: |sources| each(&sources.primitives, forms::comparison),
    },
    Kind {
        title: "Cost against batch size",
        needs: "primitives.csv with two batch sizes or more (smlp primitives --batch)",
        draw: |sources| each(&sources.primitives, batch::draw),
    },
    Kind {
        title: "Pool level over time",
        needs: "pool.csv (smlp reproduce)",
        draw: |sources| each(&sources.pools, pool::draw),
    },
    Kind {
        title: "Time against secrets",
        needs: "timing.csv (cargo bench --bench timing_leak)",
        draw: |sources| each(&sources.timings, timing::draw),
    },
];

/// Every chart that the data allow, and the kinds that they do not.
pub fn draw_all(sources: &Sources) -> Result<(Vec<Chart>, Vec<Missing>), ReportError> {
    let (mut charts, mut missing) = (Vec::new(), Vec::new());
    for kind in KINDS {
        let drawn = (kind.draw)(sources)?;
        if drawn.is_empty() {
            missing.push(Missing { title: kind.title, needs: kind.needs });
        }
        charts.extend(drawn);
    }
    Ok((charts, missing))
}

/// Draws the charts of each file; with several files, their folders' names join title and file name.
fn each<R>(
    sources: &[Source<Vec<R>>],
    draw: fn(&[R], &str) -> Result<Vec<Chart>, ReportError>,
) -> Result<Vec<Chart>, ReportError> {
    let mut charts = Vec::new();
    for (index, source) in sources.iter().enumerate() {
        let suffix = if sources.len() > 1 { format!(" ({})", source.label) } else { String::new() };
        for mut chart in draw(&source.content, &suffix)? {
            if sources.len() > 1 {
                chart.stem = format!("{}_{}", chart.stem, index + 1);
            }
            charts.push(chart);
        }
    }
    Ok(charts)
}

/// Values in order without repetitions.
fn distinct<T: PartialOrd>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut all: Vec<T> = values.collect();
    all.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    all.dedup_by(|a, b| a == b);
    all
}

/// Values in the order of their first appearance, without repetitions.
fn in_order<T: PartialEq>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut all = Vec::new();
    for value in values {
        if !all.contains(&value) {
            all.push(value);
        }
    }
    all
}
