//! A transport in memory: two ends of a pair of queues.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use super::frame::HEADER_BYTES;
use super::{NetError, Transport};

/// One end of a pair.
pub struct Local {
    outgoing: Sender<Vec<u8>>,
    incoming: Receiver<Vec<u8>>,
    peer: &'static str,
}

/// Two connected ends: the first is held by the party `first`, the second by `second`.
pub fn pair(first: &'static str, second: &'static str) -> (Local, Local) {
    let (to_second, from_first) = mpsc::channel();
    let (to_first, from_second) = mpsc::channel();
    (
        Local { outgoing: to_second, incoming: from_second, peer: second },
        Local { outgoing: to_first, incoming: from_first, peer: first },
    )
}

impl Transport for Local {
    fn send(&mut self, frame: Vec<u8>) -> Result<(), NetError> {
        self.outgoing.send(frame).map_err(|_| NetError::Lost { peer: self.peer, activity: "sending" })
    }

    fn flush(&mut self) -> Result<(), NetError> {
        Ok(())
    }

    fn recv(&mut self, deadline: Duration, max_payload_bytes: usize) -> Result<Vec<u8>, NetError> {
        let frame = self.incoming.recv_timeout(deadline).map_err(|error| match error {
            RecvTimeoutError::Timeout => NetError::Deadline { peer: self.peer, deadline },
            RecvTimeoutError::Disconnected => NetError::Lost { peer: self.peer, activity: "waiting for its answer" },
        })?;
        if frame.len() > HEADER_BYTES.saturating_add(max_payload_bytes) {
            let reason = format!("{} bytes where at most {max_payload_bytes} are due", frame.len() - HEADER_BYTES);
            return Err(NetError::Unexpected { peer: self.peer, reason });
        }
        Ok(frame)
    }

    fn peer(&self) -> &'static str {
        self.peer
    }
}
