//! The header in front of every message.
//!
//! ```text
//! session 16 bytes | step u64 | phase u32 | sequence u64 | payload length u64 | payload
//! ```

use crate::codec::{CodecError, Reader, Writer};

/// Length of a session's name.
pub const SESSION_BYTES: usize = 16;

/// Length of a header on the wire.
pub const HEADER_BYTES: usize = SESSION_BYTES + 8 + 4 + 8 + 8;

/// Where in the protocol a message belongs; both sides derive it from the public schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag {
    /// Training step or query.
    pub step: u64,
    /// Part of the step.
    pub phase: u32,
}

/// What stands in front of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The session that the handshake agreed on; zeros before.
    pub session: [u8; SESSION_BYTES],
    /// Where the message belongs.
    pub tag: Tag,
    /// Counts the frames of one direction from 0.
    pub sequence: u64,
    /// Length of the payload.
    pub len_bytes: u64,
}

impl Header {
    /// The header and the parts of its payload as bytes.
    pub fn frame(&self, parts: &[&[u8]]) -> Vec<u8> {
        let mut writer = Writer::with_capacity(HEADER_BYTES + parts.iter().map(|part| part.len()).sum::<usize>());
        writer.raw(&self.session).u64(self.tag.step).u32(self.tag.phase);
        writer.u64(self.sequence).u64(self.len_bytes);
        for part in parts {
            writer.raw(part);
        }
        writer.finish()
    }

    /// Parses the first [`HEADER_BYTES`] bytes of a frame.
    pub fn parse(bytes: &[u8]) -> Result<Header, CodecError> {
        let mut reader = Reader::new(bytes);
        Ok(Header {
            session: reader.array("session")?,
            tag: Tag { step: reader.u64("step")?, phase: reader.u32("phase")? },
            sequence: reader.u64("sequence")?,
            len_bytes: reader.u64("payload length")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_comes_back_and_has_its_length() {
        let header =
            Header { session: [3; SESSION_BYTES], tag: Tag { step: u64::MAX, phase: 7 }, sequence: 9, len_bytes: 2 };
        let frame = header.frame(&[b"a", b"b"]);
        assert_eq!(frame.len(), HEADER_BYTES + 2);
        assert_eq!(Header::parse(&frame).unwrap(), header);
        assert!(Header::parse(&frame[..HEADER_BYTES - 1]).is_err());
    }
}
