//! Finds the files of figures in folders and reads them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::error::ReportError;
use crate::error::Error;
use crate::measure::rows::{HistoryRow, PeerRow, PoolRow, PrimitiveRow, SweepRow, TimingRow};
use crate::measure::{CsvRow, Summary, read_rows};

/// The content of one file and the name of the folder that it was found in.
#[derive(Debug, Clone, PartialEq)]
pub struct Source<T> {
    /// Name of the folder, never its path, so that a report can be passed on.
    pub label: String,
    pub content: T,
}

/// Everything that was found; files of one kind stay apart, since they may come from different machines.
#[derive(Debug, Default)]
pub struct Sources {
    pub summaries: Vec<Source<Summary>>,
    pub histories: Vec<Source<Vec<HistoryRow>>>,
    pub sweeps: Vec<Source<Vec<SweepRow>>>,
    pub primitives: Vec<Source<Vec<PrimitiveRow>>>,
    pub pools: Vec<Source<Vec<PoolRow>>>,
    pub timings: Vec<Source<Vec<TimingRow>>>,
    pub peers: Vec<Source<Vec<PeerRow>>>,
    /// Folder name and file name of each file that was read.
    pub files: Vec<String>,
}

/// Names of the files that a report is made from.
pub const FILE_NAMES: [&str; 7] = [
    Summary::<()>::FILE_NAME,
    HistoryRow::FILE_NAME,
    SweepRow::FILE_NAME,
    PrimitiveRow::FILE_NAME,
    PoolRow::FILE_NAME,
    TimingRow::FILE_NAME,
    PeerRow::FILE_NAME,
];

impl Sources {
    /// Reads what lies in the folders and in the folders directly below them.
    ///
    /// # Errors
    /// If a folder cannot be listed, holds nothing to report on, or a file in it is broken.
    pub fn collect(folders: &[PathBuf]) -> Result<Sources, Error> {
        let mut sources = Sources::default();
        let mut labels = BTreeSet::new();
        for folder in folders {
            let found_before = sources.files.len();
            for (place, label) in places(folder)? {
                if FILE_NAMES.iter().any(|name| place.join(name).is_file()) {
                    sources.read_folder(&place, &unique(&mut labels, label))?;
                }
            }
            if sources.files.len() == found_before {
                let looked_for = FILE_NAMES.join(", ");
                return Err(ReportError::NothingFound { folder: folder.clone(), looked_for }.into());
            }
        }
        Ok(sources)
    }

    fn read_folder(&mut self, folder: &Path, label: &str) -> Result<(), Error> {
        let files = &mut self.files;
        if let Some(path) = present(folder, label, Summary::<()>::FILE_NAME, files) {
            self.summaries.push(Source { label: label.to_owned(), content: Summary::read(&path)? });
        }
        read_into(&mut self.histories, folder, label, files)?;
        read_into(&mut self.sweeps, folder, label, files)?;
        read_into(&mut self.primitives, folder, label, files)?;
        read_into(&mut self.pools, folder, label, files)?;
        read_into(&mut self.timings, folder, label, files)?;
        read_into(&mut self.peers, folder, label, files)
    }
}

fn read_into<R: CsvRow>(
    sources: &mut Vec<Source<Vec<R>>>,
    folder: &Path,
    label: &str,
    files: &mut Vec<String>,
) -> Result<(), Error> {
    if let Some(path) = present(folder, label, R::FILE_NAME, files) {
        sources.push(Source { label: label.to_owned(), content: read_rows(&path)? });
    }
    Ok(())
}

fn present(folder: &Path, label: &str, name: &str, files: &mut Vec<String>) -> Option<PathBuf> {
    let path = folder.join(name);
    path.is_file().then(|| files.push(format!("{label}/{name}")))?;
    Some(path)
}

/// The folder and those directly below it, by name.
fn places(folder: &Path) -> Result<Vec<(PathBuf, String)>, Error> {
    let refused = |source| Error::file(folder, source);
    let name_of = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    // `.` and `..` have no name of their own.
    let own = name_of(folder).or_else(|| name_of(&folder.canonicalize().ok()?)).unwrap_or_else(|| "data".to_owned());
    let mut below = Vec::new();
    for entry in fs::read_dir(folder).map_err(refused)? {
        let path = entry.map_err(refused)?.path();
        if path.is_dir() {
            let label = name_of(&path).map_or_else(|| own.clone(), |name| format!("{own}/{name}"));
            below.push((path, label));
        }
    }
    below.sort();
    Ok(std::iter::once((folder.to_path_buf(), own)).chain(below).collect())
}

fn unique(labels: &mut BTreeSet<String>, label: String) -> String {
    let numbered = (2..).map(|number| format!("{label} ({number})"));
    let free = std::iter::once(label.clone()).chain(numbered).find(|candidate| !labels.contains(candidate));
    // The numbers do not end before the labels do.
    let free = free.unwrap_or(label);
    labels.insert(free.clone());
    free
}
