//! Data sets: CSV files, images with labels in IDX files, and the built-in ones, split and scaled.
//!
//! A label is an index into the class names; features are real numbers, row-major. Errors name file, row and column.

mod builtin;
mod csv;
mod error;
mod idx;
mod scale;
mod spec;
mod split;
mod suggest;
mod table;

pub use csv::{parse_labelled, parse_rows, read_labelled, read_rows};
pub use error::DataError;
pub use idx::{is_idx_file, parse_idx_pair, read_idx_images, read_idx_pair};
pub use scale::{Scaler, Scaling, ScalingKind};
pub use spec::DataSpec;
pub use split::{Split, split};
pub use suggest::nearest;
pub use table::{Dataset, Table};
