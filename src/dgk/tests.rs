//! The room as its users see it: the laws of the cryptosystem, admission, files, hostile bytes.

mod admission;
mod files;
mod laws;
