//! The files of a sweep: rows and raw samples, replaced as a whole whenever a combination is done.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Settings;
use crate::container::write_atomic;
use crate::error::Error;
use crate::measure::rows::{SampleRow, SweepKey, SweepRow, SweepStatus};
use crate::measure::{CsvRow, read_rows, write_rows};
use crate::paillier::KeyForm;

/// Name of the file with the settings that all rows of a folder share.
pub const COMMON_FILE_NAME: &str = "sweep.json";

/// What stands in no column and must be the same for all rows of a folder.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Common {
    target: String,
    test_split: f64,
    seed: u64,
    learning_rate: f64,
    drop_last: bool,
    constant_time: String,
    #[serde(default)]
    key_form: KeyForm,
}

impl Common {
    fn of(settings: &Settings) -> Self {
        Common {
            target: settings.target.clone(),
            test_split: settings.test_split,
            seed: settings.seed,
            learning_rate: settings.learning_rate,
            drop_last: settings.drop_last,
            constant_time: settings.constant_time.to_string(),
            key_form: settings.key_form,
        }
    }

    /// None for a folder without the file, or with one that another version wrote.
    fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }
}

/// What a folder has.
pub struct Record {
    folder: PathBuf,
    rows: Vec<SweepRow>,
    samples: Vec<SampleRow>,
}

impl Record {
    /// Reads the files of an earlier sweep, if there are any, and makes the folder, if there is none.
    ///
    /// # Errors
    /// If the folder has rows that were measured with other settings.
    pub fn open(folder: &Path, settings: &Settings) -> Result<Self, Error> {
        fs::create_dir_all(folder).map_err(|source| Error::file(folder, source))?;
        let rows: Vec<SweepRow> = read_if_there(folder)?;
        let (path, common) = (folder.join(COMMON_FILE_NAME), Common::of(settings));
        if rows.iter().any(|row| row.outcome.status == SweepStatus::Done)
            && Common::read(&path).as_ref() != Some(&common)
        {
            let place = folder.display();
            let reason = "learning rate, seed, test split, target, drop-last, constant-time or key-form setting";
            return Err(Error::Usage(format!(
                "{place} holds a sweep with another {reason}; choose another --out, or remove the old files"
            )));
        }
        let json = serde_json::to_vec_pretty(&common).map_err(|error| Error::Usage(error.to_string()))?;
        write_atomic(&path, &json, false)?;
        Ok(Record { folder: folder.into(), rows, samples: read_if_there(folder)? })
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
