//! Bytes in and out: every length is checked before anything is allocated.
//!
//! [`Writer`] and [`Reader`] encode what keys, files and messages have in common: little-endian numbers, byte strings
//! with a length, integers of a fixed width. A [`Reader`] hands out checked sub-slices only, so hostile bytes end in a
//! [`CodecError`], never in a panic or a large allocation.

use rug::Integer;
use rug::integer::Order;

/// Why bytes were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The bytes end before the field does.
    #[error("truncated: {field} needs {needed} bytes at offset {offset}, {left} are left")]
    Truncated {
        /// What was being read.
        field: &'static str,
        /// Where it starts.
        offset: usize,
        /// Its length in bytes.
        needed: usize,
        /// What there was.
        left: usize,
    },
    /// Bytes follow the last field.
    #[error("{left} bytes too many after the last field")]
    Trailing {
        /// How many.
        left: usize,
    },
    /// A field has a value that its format forbids.
    #[error("{field} is invalid: {reason}")]
    Invalid {
        /// What was being read.
        field: &'static str,
        /// What is wrong with it, and what to do where there is something to do.
        reason: String,
    },
}

impl CodecError {
    /// A field with a forbidden value.
    pub fn invalid(field: &'static str, reason: impl Into<String>) -> Self {
        CodecError::Invalid { field, reason: reason.into() }
    }
}

/// Appends fields to a byte string.
#[derive(Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// An empty byte string.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty byte string with room for `len_bytes`.
    pub fn with_capacity(len_bytes: usize) -> Self {
        Writer(Vec::with_capacity(len_bytes))
    }

    /// One byte.
    pub fn u8(&mut self, value: u8) -> &mut Self {
        self.raw(&[value])
    }

    /// Two bytes, little-endian.
    pub fn u16(&mut self, value: u16) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    /// Four bytes, little-endian.
    pub fn u32(&mut self, value: u32) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    /// Eight bytes, little-endian.
    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    /// Bytes without a length: the reader knows it.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// A byte string behind its length (8 bytes).
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.u64(bytes.len() as u64).raw(bytes)
    }

    /// A non-negative integer in exactly `len_bytes` bytes, little-endian.
    ///
    /// # Panics
    /// If `value` is negative or does not fit: callers derive the width from a modulus above it.
    pub fn integer(&mut self, value: &Integer, len_bytes: usize) -> &mut Self {
        assert!(!value.is_negative(), "only non-negative integers are encoded");
        let start = self.0.len();
        self.0.resize(start + len_bytes, 0);
        value.write_digits(&mut self.0[start..], Order::Lsf);
        self
    }

    /// The bytes so far.
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// The finished byte string.
    pub fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Takes fields off a byte string.
pub struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes, offset: 0 }
    }

    /// How many bytes are left.
    pub fn left(&self) -> usize {
        self.bytes.len() - self.offset
    }

    /// How many bytes were read.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The next `len_bytes` bytes.
    pub fn raw(&mut self, field: &'static str, len_bytes: usize) -> Result<&'a [u8], CodecError> {
        let left = self.left();
        if len_bytes > left {
            return Err(CodecError::Truncated { field, offset: self.offset, needed: len_bytes, left });
        }
        let slice = &self.bytes[self.offset..self.offset + len_bytes];
        self.offset += len_bytes;
        Ok(slice)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], CodecError> {
        let mut array = [0; N];
        array.copy_from_slice(self.raw(field, N)?);
        Ok(array)
    }

    /// One byte.
    pub fn u8(&mut self, field: &'static str) -> Result<u8, CodecError> {
        Ok(self.array::<1>(field)?[0])
    }

    /// Two bytes, little-endian.
    pub fn u16(&mut self, field: &'static str) -> Result<u16, CodecError> {
        self.array(field).map(u16::from_le_bytes)
    }

    /// Four bytes, little-endian.
    pub fn u32(&mut self, field: &'static str) -> Result<u32, CodecError> {
        self.array(field).map(u32::from_le_bytes)
    }

    /// Eight bytes, little-endian.
    pub fn u64(&mut self, field: &'static str) -> Result<u64, CodecError> {
        self.array(field).map(u64::from_le_bytes)
    }

    /// Eight bytes, little-endian, as a count of things that follow and take at least `each_bytes` bytes apiece.
    ///
    /// # Errors
    /// If so many cannot follow: the count is hostile or the bytes are truncated.
    pub fn count(&mut self, field: &'static str, each_bytes: usize) -> Result<usize, CodecError> {
        let offset = self.offset;
        let count = self.u64(field)?;
        let needed = usize::try_from(count).ok().and_then(|count| count.checked_mul(each_bytes.max(1)));
        match needed {
            Some(needed) if needed <= self.left() => Ok(count as usize),
            _ => Err(CodecError::Truncated { field, offset, needed: needed.unwrap_or(usize::MAX), left: self.left() }),
        }
    }

    /// A byte string behind its length.
    pub fn bytes(&mut self, field: &'static str) -> Result<&'a [u8], CodecError> {
        let len_bytes = self.count(field, 1)?;
        self.raw(field, len_bytes)
    }

    /// A non-negative integer of exactly `len_bytes` bytes, little-endian.
    pub fn integer(&mut self, field: &'static str, len_bytes: usize) -> Result<Integer, CodecError> {
        Ok(Integer::from_digits(self.raw(field, len_bytes)?, Order::Lsf))
    }

    /// Refuses bytes after the last field.
    pub fn end(self) -> Result<(), CodecError> {
        match self.left() {
            0 => Ok(()),
            left => Err(CodecError::Trailing { left }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_come_back_in_order() {
        let mut writer = Writer::new();
        writer.u8(1).u16(2).u32(3).u64(4).bytes(b"five").integer(&Integer::from(6), 9);
        let bytes = writer.finish();
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.u8("a").unwrap(), 1);
        assert_eq!(reader.u16("b").unwrap(), 2);
        assert_eq!(reader.u32("c").unwrap(), 3);
        assert_eq!(reader.u64("d").unwrap(), 4);
        assert_eq!(reader.bytes("e").unwrap(), b"five");
        assert_eq!(reader.integer("f", 9).unwrap(), 6);
        reader.end().unwrap();
    }

    #[test]
    fn a_hostile_count_is_refused_before_allocation() {
        let bytes = u64::MAX.to_le_bytes();
        assert!(matches!(Reader::new(&bytes).bytes("name"), Err(CodecError::Truncated { field: "name", .. })));
        assert!(Reader::new(&bytes).count("rows", 512).is_err());
    }

    #[test]
    fn trailing_bytes_are_refused() {
        let mut reader = Reader::new(&[1, 2]);
        reader.u8("first").unwrap();
        assert_eq!(reader.end(), Err(CodecError::Trailing { left: 1 }));
    }

    proptest! {
        #[test]
        fn any_bytes_end_in_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..64), width in 1usize..80) {
            let mut reader = Reader::new(&bytes);
            while reader.left() > 0 {
                if reader.bytes("b").is_err() && reader.integer("i", width).is_err() && reader.u8("u").is_err() {
                    break;
                }
            }
        }
    }
}
