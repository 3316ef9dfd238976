//! IDX files, the form of MNIST: images in one file, their labels in another, each as it is or compressed with gzip.
//!
//! ```text
//! 0 u8 | 0 u8 | type u8, 8 for unsigned bytes | dimensions u8 | length u32 of each, big-endian | one byte an element
//! ```
//!
//! Nothing is allocated for a length that the file cannot hold, and a compressed file is unpacked no further than its
//! header announces. Source: Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::data::csv::number_sorted;
use crate::data::error::DataError;
use crate::data::table::{Dataset, Table};

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const UNSIGNED_BYTE: u8 = 8;
const DIMENSION_BYTES: usize = 4;

/// Deflate never unpacks a byte to more (258 bytes for two bits, RFC 1951).
const MAX_EXPANSION: u64 = 1032;
/// An image with more pixels is no input layer.
const MAX_PIXELS_OF_IMAGE: u64 = 1 << 20;
/// Pixels that are read at most: 8 GiB as the floats that they become.
const MAX_PIXELS: u64 = 1 << 30;

/// Reads images and their labels, only those of the first `max_rows` rows if that is given. Columns are pixels from 0 to
/// 255, line by line; classes are the different labels of the whole file in ascending order.
///
/// # Errors
/// If a file cannot be read or is no such file, the files have different numbers of rows, or all labels are equal; the
/// message names the file and what was expected.
pub fn read_idx_pair(images: &Path, labels: &Path, max_rows: Option<usize>) -> Result<Dataset, DataError> {
    let names = (images.display().to_string(), labels.display().to_string());
    parse_idx_pair((&names.0, &read(images)?), (&names.1, &read(labels)?), max_rows)
}

/// Reads images alone: rows to classify.
///
/// # Errors
/// As [`read_idx_pair`].
pub fn read_idx_images(path: &Path, max_rows: Option<usize>) -> Result<Table, DataError> {
    parse_images(&path.display().to_string(), &read(path)?, max_rows).map(|images| images.table)
}

/// As [`read_idx_pair`], from memory: name and content of each file.
///
/// # Errors
/// As [`read_idx_pair`].
pub fn parse_idx_pair(
    (images_name, images): (&str, &[u8]),
    (labels_name, labels): (&str, &[u8]),
    max_rows: Option<usize>,
) -> Result<Dataset, DataError> {
    let images = parse_images(images_name, images, max_rows)?;
    let labels = parse_labels(labels_name, labels, (images_name, images.rows_in_file))?;
    let (mut numbers, class_names) = number_sorted(&labels);
    if let [only] = &class_names[..] {
        let reason = format!("every label is {only}; training needs two or more classes");
        return Err(refuse(labels_name, reason));
    }
    numbers.truncate(images.table.rows());
    Ok(Dataset { table: images.table, labels: numbers, class_names })
}

/// Whether the file at `path` begins as IDX or as a compressed file does.
///
/// # Errors
/// If it cannot be read.
pub fn is_idx_file(path: &Path) -> Result<bool, DataError> {
    let mut head = Vec::new();
    let read = |file: File| file.take(GZIP_MAGIC.len() as u64 + 1).read_to_end(&mut head);
    File::open(path).and_then(read).map_err(|source| DataError::File { path: path.into(), source })?;
    Ok(looks_like_idx(&head))
}

/// Whether a file begins as IDX or as gzip does.
pub(super) fn looks_like_idx(bytes: &[u8]) -> bool {
    bytes.starts_with(&GZIP_MAGIC) || bytes.starts_with(&[0, 0, UNSIGNED_BYTE])
}

struct Images {
    table: Table,
    rows_in_file: u64,
}

fn parse_images(file: &str, bytes: &[u8], max_rows: Option<usize>) -> Result<Images, DataError> {
    let mut content = Content::open(file, bytes)?;
    let [rows, height, width] = content.dimensions("images")?;
    let pixels = height * width;
    if pixels > MAX_PIXELS_OF_IMAGE {
        let reason = format!("images of {height} x {width} pixels; at most {MAX_PIXELS_OF_IMAGE} pixels are possible");
        return Err(refuse(file, reason));
    }
    let kept = max_rows.map_or(rows, |max_rows| rows.min(max_rows as u64));
    if kept * pixels > MAX_PIXELS {
        let possible = MAX_PIXELS / pixels;
        let reason = format!("{kept} images of {height} x {width} pixels; take at most {possible} of them with --rows");
        return Err(refuse(file, reason));
    }
    let values = content.elements(rows * pixels, kept * pixels)?;
    let table = Table {
        name: file.to_owned(),
        feature_names: (0..pixels).map(|pixel| format!("pixel_{}_{}", pixel / width, pixel % width)).collect(),
        values: values.into_iter().map(f64::from).collect(),
        source_rows: (1..=kept).collect(),
    };
    Ok(Images { table, rows_in_file: rows })
}

fn parse_labels(file: &str, bytes: &[u8], (images_file, images): (&str, u64)) -> Result<Vec<u8>, DataError> {
    let mut content = Content::open(file, bytes)?;
    let [rows] = content.dimensions("labels")?;
    if rows != images {
        let reason = format!("{rows} labels, but {images_file} holds {images} images; give files that belong together");
        return Err(refuse(file, reason));
    }
    content.elements(rows, rows)
}

/// A file that is being read, unpacked if it is compressed.
struct Content<'a> {
    file: &'a str,
    reader: Box<dyn Read + 'a>,
    /// What there can be at most.
    max_bytes: u64,
}

impl<'a> Content<'a> {
    fn open(file: &'a str, bytes: &'a [u8]) -> Result<Self, DataError> {
        let len_bytes = bytes.len() as u64;
        Ok(match bytes.starts_with(&GZIP_MAGIC) {
            true => Content {
                file,
                reader: Box::new(MultiGzDecoder::new(bytes)),
                max_bytes: len_bytes.saturating_mul(MAX_EXPANSION),
            },
            false => Content { file, reader: Box::new(bytes), max_bytes: len_bytes },
        })
    }

    /// The lengths of exactly `N` dimensions, none of them 0; their product fits the file. `what` the file should hold.
    fn dimensions<const N: usize>(&mut self, what: &str) -> Result<[u64; N], DataError> {
        let expected = format!("{what} begin with the bytes 0, 0, {UNSIGNED_BYTE}, {N}");
        let mut magic = [0; 4];
        self.header(&mut magic)?;
        if magic != [0, 0, UNSIGNED_BYTE, N as u8] {
            let [first, second, kind, rank] = magic;
            let found = match magic {
                [0, 0, UNSIGNED_BYTE, 1] => "this is a file of labels".to_owned(),
                [0, 0, UNSIGNED_BYTE, 3] => "this is a file of images".to_owned(),
                _ => format!("not such an IDX file: it begins with {first}, {second}, {kind}, {rank}"),
            };
            return Err(refuse(
                self.file,
                format!("{found}; {expected}, and --data names IMAGES,LABELS in this order"),
            ));
        }
        let mut lengths = [0; N];
        for length in &mut lengths {
            let mut bytes = [0; DIMENSION_BYTES];
            self.header(&mut bytes)?;
            *length = u64::from(u32::from_be_bytes(bytes));
        }
        let header = lengths.map(|length| length.to_string()).join(" x ");
        if lengths.contains(&0) {
            return Err(refuse(self.file, format!("its header says {header} {what}, so there is none")));
        }
        let elements = lengths.iter().try_fold(1u64, |product, length| product.checked_mul(*length));
        if elements.is_none_or(|elements| elements > self.max_bytes) {
            let reason = format!("its header says {header} {what}, a byte each, which a file of this size cannot hold");
            return Err(refuse(self.file, format!("{reason}; fetch it again")));
        }
        Ok(lengths)
    }

    fn header(&mut self, bytes: &mut [u8]) -> Result<(), DataError> {
        self.reader.read_exact(bytes).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => refuse(self.file, "it ends inside its header; fetch it again".into()),
            _ => damaged(self.file, &error),
        })
    }

    /// The first `kept` of exactly `count` elements, after which the file ends. `count` was checked against its size.
    fn elements(&mut self, count: u64, kept: u64) -> Result<Vec<u8>, DataError> {
        let mut elements = Vec::with_capacity(kept as usize);
        self.reader.by_ref().take(kept).read_to_end(&mut elements).map_err(|error| damaged(self.file, &error))?;
        // One byte more than there should be, so that it shows.
        let mut rest = self.reader.by_ref().take(count - kept + 1);
        let left = io::copy(&mut rest, &mut io::sink()).map_err(|error| damaged(self.file, &error))?;
        let found = elements.len() as u64 + left;
        if found < count {
            let reason = format!("it ends after {found} of the {count} bytes that its header says; fetch it again");
            return Err(refuse(self.file, reason));
        }
        if found > count {
            return Err(refuse(self.file, format!("bytes follow the {count} that its header says; fetch it again")));
        }
        Ok(elements)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, DataError> {
    fs::read(path).map_err(|source| DataError::File { path: path.into(), source })
}

fn damaged(file: &str, error: &io::Error) -> DataError {
    refuse(file, format!("it cannot be unpacked ({error}); fetch it again"))
}

fn refuse(file: &str, reason: String) -> DataError {
    DataError::Idx { file: file.to_owned(), reason }
}

#[cfg(test)]
mod tests;
