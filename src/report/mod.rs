//! Tables, charts and one self-contained HTML page from the files of figures.

mod axis;
mod bar_plot;
mod canvas;
mod charts;
mod collect;
mod error;
mod gap_chart;
mod group_chart;
mod html;
mod job;
mod line_chart;
mod pair_chart;
mod plot;
mod stack_chart;
mod style;
mod table;
mod tables;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

pub use error::ReportError;

use crate::container::write_atomic;
use crate::error::Error;
use collect::Sources;

/// Name of the page inside the output folder.
pub const PAGE_FILE_NAME: &str = "report.html";
/// Name of the folder with the charts inside the output folder.
pub const CHARTS_FOLDER_NAME: &str = "charts";

/// What a report was made from and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportSummary {
    /// The page.
    pub page: PathBuf,
    /// The charts as SVG files.
    pub charts: Vec<PathBuf>,
    /// Folder and file name of each file that was read.
    pub files_read: Vec<String>,
    /// Charts that could not be drawn, each with the file that it needs.
    pub charts_missing: Vec<String>,
}

/// Reads the files of figures in `folders` and in the folders directly below them, and writes `out/charts/*.svg` and
/// `out/report.html`, which holds tables and charts and refers to nothing outside itself.
///
/// # Errors
/// If no folder is named, if one cannot be read or holds nothing to report on, if a file in it is broken, or if `out` cannot be written.
pub fn write_report(folders: &[PathBuf], out: &Path) -> Result<ReportSummary, Error> {
    if folders.is_empty() {
        return Err(Error::Usage("name at least one folder to report on".to_owned()));
    }
    let sources = Sources::collect(folders)?;
    let (charts, missing) = charts::draw_all(&sources)?;
    let charts_folder = out.join(CHARTS_FOLDER_NAME);
    fs::create_dir_all(&charts_folder).map_err(|source| Error::file(&charts_folder, source))?;
    let mut chart_paths = Vec::with_capacity(charts.len());
    for chart in &charts {
        let path = charts_folder.join(format!("{}.svg", chart.stem));
        write_atomic(&path, chart.svg.as_bytes(), false)?;
        chart_paths.push(path);
    }
    let page = out.join(PAGE_FILE_NAME);
    write_atomic(&page, html::page(&sources, &charts, &missing).as_bytes(), false)?;
    let charts_missing = missing.iter().map(|chart| format!("{}: needs {}", chart.title, chart.needs)).collect();
    Ok(ReportSummary { page, charts: chart_paths, files_read: sources.files, charts_missing })
}
