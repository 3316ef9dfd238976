//! CSV files: a header row, a number in every feature cell, a class in the target column.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;

use csv::{ByteRecord, ReaderBuilder};

use crate::data::error::DataError;
use crate::data::idx::looks_like_idx;
use crate::data::suggest::nearest;
use crate::data::table::{Dataset, Table};

/// More classes than this mean that the target column holds measurements.
const MAX_CLASSES: usize = 1000;

/// Reads a CSV file whose column `target` holds the class, as text or as an integer; all others are features.
///
/// Classes are numbered in the order of their values if all are integers, else in that of their text.
///
/// # Errors
/// If the file cannot be read or is not such a table; the message names row and column.
pub fn read_labelled(path: &Path, target: &str) -> Result<Dataset, DataError> {
    parse_labelled(&path.display().to_string(), &read(path)?, target)
}

/// Reads a CSV file in which every column is a feature.
///
/// # Errors
/// As [`read_labelled`].
pub fn read_rows(path: &Path) -> Result<Table, DataError> {
    parse_rows(&path.display().to_string(), &read(path)?)
}

/// As [`read_labelled`], from memory; `file` is for messages.
///
/// # Errors
/// As [`read_labelled`].
pub fn parse_labelled(file: &str, bytes: &[u8], target: &str) -> Result<Dataset, DataError> {
    let mut source = Source::open(file, bytes)?;
    let target_index = source.find(target)?;
    let mut classes = Vec::new();
    let mut table = source.empty_table(Some(target_index))?;
    while let Some(cells) = source.next_row()? {
        classes.push(cells.class(target_index)?);
        cells.push_numbers(&mut table, Some(target_index))?;
    }
    refuse_empty(&table)?;
    let (labels, class_names) = number_classes(&classes);
    let column_error = |reason| DataError::Column { file: file.into(), column: target.into(), reason };
    match class_names.len() {
        1 => Err(column_error(format!("every row has the class {:?}; training needs two or more", class_names[0]))),
        2..=MAX_CLASSES => Ok(Dataset { table, labels, class_names }),
        count => Err(column_error(format!("{count} different values; a target has at most {MAX_CLASSES} classes"))),
    }
}

/// As [`read_rows`], from memory; `file` is for messages.
///
/// # Errors
/// As [`read_rows`].
pub fn parse_rows(file: &str, bytes: &[u8]) -> Result<Table, DataError> {
    let mut source = Source::open(file, bytes)?;
    let mut table = source.empty_table(None)?;
    while let Some(cells) = source.next_row()? {
        cells.push_numbers(&mut table, None)?;
    }
    refuse_empty(&table)?;
    Ok(table)
}

fn read(path: &Path) -> Result<Vec<u8>, DataError> {
    let bytes = fs::read(path).map_err(|source| DataError::File { path: path.into(), source })?;
    if looks_like_idx(&bytes) {
        let reason = "a compressed or an IDX file, not CSV; images and labels are named together as IMAGES,LABELS";
        return Err(DataError::Idx { file: path.display().to_string(), reason: reason.into() });
    }
    Ok(bytes)
}

fn refuse_empty(table: &Table) -> Result<(), DataError> {
    if table.rows() == 0 { Err(DataError::NoRows { file: table.name.clone() }) } else { Ok(()) }
}

/// A file that is being read, past its header.
struct Source<'a> {
    file: &'a str,
    bytes: &'a [u8],
    header: Vec<String>,
    reader: csv::Reader<&'a [u8]>,
    record: ByteRecord,
}

impl<'a> Source<'a> {
    fn open(file: &'a str, bytes: &'a [u8]) -> Result<Self, DataError> {
        let reader = ReaderBuilder::new().flexible(true).has_headers(false).from_reader(bytes);
        let mut source = Source { file, bytes, header: Vec::new(), reader, record: ByteRecord::new() };
        if !source.advance()? {
            return Err(source.header_error("the file is empty; the first row names the columns".into()));
        }
        source.header = source.parse_header()?;
        Ok(source)
    }

    fn parse_header(&self) -> Result<Vec<String>, DataError> {
        let mut seen = HashSet::new();
        let mut names = Vec::with_capacity(self.record.len());
        for (index, cell) in self.record.iter().enumerate() {
            let name = std::str::from_utf8(cell)
                .map_err(|_| self.header_error(format!("the name of column {} is not UTF-8", index + 1)))?
                .trim();
            if name.is_empty() {
                return Err(self.header_error(format!("column {} has no name", index + 1)));
            }
            if !seen.insert(name) {
                return Err(self.header_error(format!("two columns are named {name:?}")));
            }
            names.push(name.to_owned());
        }
        Ok(names)
    }

    fn find(&self, target: &str) -> Result<usize, DataError> {
        self.header.iter().position(|name| name == target).ok_or_else(|| DataError::UnknownColumn {
            file: self.file.into(),
            column: target.into(),
            suggestion: nearest(target, self.header.iter().map(String::as_str)).map(str::to_owned),
            columns: self.header.join(", "),
        })
    }

    fn empty_table(&self, target_index: Option<usize>) -> Result<Table, DataError> {
        let is_feature = |index: &usize| Some(*index) != target_index;
        let feature_names: Vec<String> =
            (0..self.header.len()).filter(is_feature).map(|index| self.header[index].clone()).collect();
        if feature_names.is_empty() {
            return Err(self.header_error("there is no column beside the target".into()));
        }
        Ok(Table { name: self.file.into(), feature_names, values: Vec::new(), source_rows: Vec::new() })
    }

    /// The next row, if it has as many cells as the header.
    fn next_row(&mut self) -> Result<Option<Cells<'_>>, DataError> {
        if !self.advance()? {
            return Ok(None);
        }
        let row = self.line();
        let (expected, found) = (self.header.len(), self.record.len());
        if found != expected {
            return Err(DataError::Ragged { file: self.file.into(), row, expected, found });
        }
        Ok(Some(Cells { file: self.file, header: &self.header, record: &self.record, row }))
    }

    fn advance(&mut self) -> Result<bool, DataError> {
        self.reader.read_byte_record(&mut self.record).map_err(|error| self.header_error(error.to_string()))
    }

    /// The line on which the current record begins: the reader's position is that before the blank lines it skips.
    fn line(&self) -> u64 {
        let Some(position) = self.record.position() else { return 0 };
        let before = &self.bytes[(position.byte() as usize).min(self.bytes.len())..];
        let skipped = before.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
        position.line() + skipped.filter(|byte| **byte == b'\n').count() as u64
    }

    fn header_error(&self, reason: String) -> DataError {
        DataError::Header { file: self.file.into(), reason }
    }
}

/// The cells of one row, as many as the header has names.
struct Cells<'a> {
    file: &'a str,
    header: &'a [String],
    record: &'a ByteRecord,
    row: u64,
}

impl Cells<'_> {
    fn push_numbers(&self, table: &mut Table, target_index: Option<usize>) -> Result<(), DataError> {
        for index in (0..self.header.len()).filter(|index| Some(*index) != target_index) {
            table.values.push(self.number(index)?);
        }
        table.source_rows.push(self.row);
        Ok(())
    }

    fn number(&self, index: usize) -> Result<f64, DataError> {
        let text = self.text(index)?;
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(value),
            Ok(_) => Err(self.refuse(index, format!("{} is not a finite number", quoted(text)))),
            Err(_) => Err(self.refuse(index, format!("{} is not a number", quoted(text)))),
        }
    }

    /// A class; `nan`, which some programs write for a missing value, is none.
    fn class(&self, index: usize) -> Result<String, DataError> {
        let text = self.text(index)?;
        if text.eq_ignore_ascii_case("nan") {
            return Err(self.refuse(index, format!("{} is not a class", quoted(text))));
        }
        Ok(text.to_owned())
    }

    fn text(&self, index: usize) -> Result<&str, DataError> {
        let text = std::str::from_utf8(&self.record[index]).map_err(|_| self.refuse(index, "not UTF-8 text".into()))?;
        match text.trim() {
            "" => Err(self.refuse(index, "the cell is empty; fill it or leave the row out".into())),
            trimmed => Ok(trimmed),
        }
    }

    fn refuse(&self, index: usize, reason: String) -> DataError {
        DataError::Cell { file: self.file.into(), row: self.row, column: self.header[index].clone(), reason }
    }
}

/// Text for a message, cut where nobody would read on.
fn quoted(text: &str) -> String {
    const LONGEST: usize = 40;
    let mut shown: String = text.chars().take(LONGEST).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    format!("{shown:?}")
}

/// For each row the index of its class, and the names of the classes.
fn number_classes(classes: &[String]) -> (Vec<u32>, Vec<String>) {
    let integers: Option<Vec<i64>> = classes.iter().map(|class| class.parse().ok()).collect();
    match integers {
        Some(integers) => number_sorted(&integers),
        None => number_sorted(classes),
    }
}

/// For each value its index among the different ones in ascending order, and these as text.
pub(super) fn number_sorted<T: Ord + ToString>(classes: &[T]) -> (Vec<u32>, Vec<String>) {
    let mut index_of: BTreeMap<&T, u32> = classes.iter().map(|class| (class, 0)).collect();
    index_of.values_mut().zip(0..).for_each(|(index, next)| *index = next);
    let labels = classes.iter().map(|class| index_of[class]).collect();
    (labels, index_of.keys().map(|class| class.to_string()).collect())
}

#[cfg(test)]
mod tests;
