//! Files of figures: rows of one kind under a header.

use std::fs;
use std::path::Path;

use csv::{ErrorKind, StringRecord};
use serde::Serialize;

use super::error::MeasureError;
use crate::container::write_atomic;
use crate::error::Error;

/// A row of one kind of CSV file.
///
/// Serialised, its fields must come in the order of [`COLUMNS`](CsvRow::COLUMNS) followed by
/// [`ADDED_COLUMNS`](CsvRow::ADDED_COLUMNS); it is read by the header's names, in whatever order these stand.
pub trait CsvRow: Serialize + Sized {
    /// Name of the file inside an output folder.
    const FILE_NAME: &'static str;
    /// The columns that scripts rely upon; a file without one of them is refused.
    const COLUMNS: &'static [&'static str];
    /// Further columns, behind the others; a file without them is read all the same.
    const ADDED_COLUMNS: &'static [&'static str] = &[];

    /// A row by the names in the header.
    ///
    /// # Errors
    /// If a cell does not parse.
    fn from_record(record: &StringRecord, header: &StringRecord) -> csv::Result<Self>;
}

/// All rows of a file.
///
/// # Errors
/// If the file cannot be read, lacks a column, or has a bad cell; the message names row and column.
pub fn read_rows<R: CsvRow>(path: &Path) -> Result<Vec<R>, Error> {
    let bytes = fs::read(path).map_err(|source| Error::file(path, source))?;
    Ok(parse(path, &bytes)?)
}

/// Replaces a file by these rows, atomically.
///
/// # Errors
/// If the file cannot be written.
pub fn write_rows<R: CsvRow>(path: &Path, rows: &[R]) -> Result<(), Error> {
    let bytes = to_csv(rows).map_err(|error| MeasureError::Format { path: path.into(), reason: error.to_string() })?;
    write_atomic(path, &bytes, false)
}

/// Puts rows behind those that a file has, or starts the file; a crash leaves the old rows or all of them, never a part
/// of a row. The rows that were there are read and checked first, so that a resumed run notices a foreign file.
///
/// # Errors
/// As for [`read_rows`] and [`write_rows`].
pub fn append_rows<R: CsvRow>(path: &Path, rows: Vec<R>) -> Result<(), Error> {
    let mut all = if path.exists() { read_rows(path)? } else { Vec::new() };
    all.extend(rows);
    write_rows(path, &all)
}

fn to_csv<R: CsvRow>(rows: &[R]) -> csv::Result<Vec<u8>> {
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    writer.write_record(R::COLUMNS.iter().chain(R::ADDED_COLUMNS))?;
    for row in rows {
        writer.serialize(row)?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

fn parse<R: CsvRow>(path: &Path, bytes: &[u8]) -> Result<Vec<R>, MeasureError> {
    let mut reader = csv::Reader::from_reader(bytes);
    let header = reader.headers().map_err(|error| refusal(path, 0, &StringRecord::new(), &error))?.clone();
    if let Some(column) = R::COLUMNS.iter().find(|column| !header.iter().any(|name| name == **column)) {
        return Err(MeasureError::MissingColumn { path: path.into(), column, expected: R::FILE_NAME });
    }
    let mut rows = Vec::new();
    for (index, record) in reader.records().enumerate() {
        let row = record.and_then(|record| R::from_record(&record, &header));
        rows.push(row.map_err(|error| refusal(path, index + 1, &header, &error))?);
    }
    Ok(rows)
}

fn refusal(path: &Path, row: usize, header: &StringRecord, error: &csv::Error) -> MeasureError {
    let path = path.to_path_buf();
    let column = |index: u64| header.get(index as usize).unwrap_or("of the header").to_owned();
    match error.kind() {
        ErrorKind::Deserialize { err, .. } => match (err.field(), err.kind().to_string()) {
            (Some(field), reason) => MeasureError::Cell { path, row, column: column(field), reason },
            (None, reason) => MeasureError::Row { path, row, reason },
        },
        ErrorKind::Utf8 { err, .. } => {
            let reason = "the text is not UTF-8".to_owned();
            MeasureError::Cell { path, row, column: column(err.field() as u64), reason }
        }
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            MeasureError::Cells { path, row, found: *len, expected: *expected_len }
        }
        _ => MeasureError::Format { path, reason: error.to_string() },
    }
}
