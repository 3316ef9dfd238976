//! The files of a sweep: rows and raw samples, replaced as a whole whenever a combination is done.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::measure::rows::{SampleRow, SweepKey, SweepRow, SweepStatus};
use crate::measure::{CsvRow, read_rows, write_rows};

/// What a folder has.
pub struct Record {
    folder: PathBuf,
    rows: Vec<SweepRow>,
    samples: Vec<SampleRow>,
}

impl Record {
    /// Reads the files of an earlier sweep, if there are any, and makes the folder, if there is none.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        fs::create_dir_all(folder).map_err(|source| Error::file(folder, source))?;
        Ok(Record { folder: folder.into(), rows: read_if_there(folder)?, samples: read_if_there(folder)? })
    }

    /// The row of a combination that was measured over `steps` steps or more.
    pub fn finished(&self, key: &SweepKey, steps: u64) -> Option<&SweepRow> {
        let finished =
            |row: &&SweepRow| row.key == *key && row.outcome.status == SweepStatus::Done && row.outcome.steps >= steps;
        self.rows.iter().find(finished)
    }

    /// Puts a row and its samples in the place of those that the combination had.
    pub fn replace(&mut self, row: SweepRow, samples: Vec<SampleRow>) -> Result<(), Error> {
        self.samples.retain(|sample| sample.key != row.key);
        self.samples.extend(samples);
        match self.rows.iter_mut().find(|old| old.key == row.key) {
            Some(old) => *old = row,
            None => self.rows.push(row),
        }
        // Samples first: a row without its samples would be skipped by a resumed sweep, the reverse is measured again.
        write_rows(&self.folder.join(SampleRow::FILE_NAME), &self.samples)?;
        write_rows(&self.folder.join(SweepRow::FILE_NAME), &self.rows)
    }
}

fn read_if_there<R: CsvRow>(folder: &Path) -> Result<Vec<R>, Error> {
    let path = folder.join(R::FILE_NAME);
    if path.exists() { read_rows(&path) } else { Ok(Vec::new()) }
}
