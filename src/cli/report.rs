//! `smlp report`.

use std::path::PathBuf;

use smlp::error::Error;
use smlp::report::write_report;

use super::globals::Globals;
use super::output::print;

/// Draw charts and write one self-contained HTML page from what other commands measured.
///
/// Reads history.csv, summary.json, sweep.csv, primitives.csv, pool.csv, timing.csv and peers.csv in the folders and
/// directly below them.
/// Example:
///
///   smlp report results/xor results/sweep --out results/report
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Folders that `train`, `sweep`, `primitives` or `reproduce` wrote.
    #[arg(value_name = "DIR", required = true)]
    folders: Vec<PathBuf>,
    /// Folder for report.html and charts/ [default: the first DIR].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Writes the page and says where it is.
pub fn run(args: &Args, globals: &Globals) -> Result<(), Error> {
    let out = args.out.as_ref().unwrap_or(&args.folders[0]);
    let summary = write_report(&args.folders, out)?;
    for missing in &summary.charts_missing {
        globals.progress().note(&format!("not drawn: {missing}"));
    }
    print(&format!("{} ({} charts)", summary.page.display(), summary.charts.len()))
}
