//! An ordered, counted conversation over a transport.

use std::time::{Duration, Instant};

use super::frame::{HEADER_BYTES, Header, SESSION_BYTES, Tag};
use super::{NetError, local};

/// Carries whole frames. Memory and sockets are transports.
pub trait Transport: Send {
    /// Hands over one frame; may buffer it.
    fn send(&mut self, frame: Vec<u8>) -> Result<(), NetError>;

    /// Sends whatever is buffered.
    fn flush(&mut self) -> Result<(), NetError>;

    /// Waits for the next frame, at most `deadline`; refuses one whose payload is longer than `max_payload_bytes`
    /// before it allocates.
    fn recv(&mut self, deadline: Duration, max_payload_bytes: usize) -> Result<Vec<u8>, NetError>;

    /// Who the other side is, for messages to the user.
    fn peer(&self) -> &'static str;
}

/// What went over a channel, headers included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes that this side sent.
    pub bytes_sent: u64,
    /// Bytes that this side received.
    pub bytes_received: u64,
    /// How often this side waited for bytes that it could not have had before its last send.
    pub round_trips: u64,
}

impl Traffic {
    /// What went over the channel since `earlier`.
    pub fn since(&self, earlier: &Traffic) -> Traffic {
        Traffic {
            bytes_sent: self.bytes_sent - earlier.bytes_sent,
            bytes_received: self.bytes_received - earlier.bytes_received,
            round_trips: self.round_trips - earlier.round_trips,
        }
    }
}

/// One side of a conversation: every frame carries session, tag and sequence, and every one that arrives is checked
/// against what is due. Flushes before it reads, so that two sides never wait for each other's buffers.
pub struct Channel {
    transport: Box<dyn Transport>,
    session: [u8; SESSION_BYTES],
    sent: u64,
    received: u64,
    deadline: Duration,
    traffic: Traffic,
    waited: Duration,
    sent_since_receive: bool,
}

impl Channel {
    /// A conversation over `transport`, before the handshake: the session is all zeros.
    pub fn new(transport: Box<dyn Transport>, deadline: Duration) -> Self {
        Channel {
            transport,
            session: [0; SESSION_BYTES],
            sent: 0,
            received: 0,
            deadline,
            traffic: Traffic::default(),
            waited: Duration::ZERO,
            sent_since_receive: false,
        }
    }

    /// Two sides in one process, the first for P1, the second for P2. They wait for each other's computation however
    /// long it takes: in memory a party that is gone is noticed at once.
    pub fn local_pair() -> (Channel, Channel) {
        let (first, second) = local::pair("P1", "P2");
        (Channel::new(Box::new(first), Duration::MAX), Channel::new(Box::new(second), Duration::MAX))
    }

    /// From now on every frame carries this session.
    pub fn enter_session(&mut self, session: [u8; SESSION_BYTES]) {
        self.session = session;
    }

    /// Sends one message.
    pub fn send(&mut self, tag: Tag, payload: &[u8]) -> Result<(), NetError> {
        self.send_parts(tag, &[payload])
    }

    /// Sends one message, whose payload is `parts` one after the other.
    pub fn send_parts(&mut self, tag: Tag, parts: &[&[u8]]) -> Result<(), NetError> {
        let payload_bytes = parts.iter().map(|part| part.len() as u64).sum();
        let header = Header { session: self.session, tag, sequence: self.sent, len_bytes: payload_bytes };
        self.transport.send(header.frame(parts))?;
        self.sent += 1;
        self.traffic.bytes_sent += HEADER_BYTES as u64 + payload_bytes;
        self.sent_since_receive = true;
        Ok(())
    }

    /// Waits for the message `tag`, at most `max_payload_bytes` long.
    ///
    /// # Errors
    /// [`NetError::Unexpected`] if another session, tag or sequence arrives or the payload is too long.
    pub fn recv(&mut self, tag: Tag, max_payload_bytes: usize) -> Result<Vec<u8>, NetError> {
        self.transport.flush()?;
        if std::mem::take(&mut self.sent_since_receive) {
            self.traffic.round_trips += 1;
        }
        let started = Instant::now();
        let frame = self.transport.recv(self.deadline, max_payload_bytes);
        self.waited += started.elapsed();
        let mut frame = frame?;
        let header = Header::parse(&frame).map_err(|error| self.unexpected(error.to_string()))?;
        self.check(&header, tag, frame.len() - HEADER_BYTES, max_payload_bytes)?;
        self.received += 1;
        self.traffic.bytes_received += frame.len() as u64;
        frame.drain(..HEADER_BYTES);
        Ok(frame)
    }

    /// What went over the channel so far.
    pub fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// Time that this side spent waiting for messages.
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// Who the other side is.
    pub fn peer(&self) -> &'static str {
        self.transport.peer()
    }

    fn check(&self, header: &Header, tag: Tag, payload_bytes: usize, max_payload_bytes: usize) -> Result<(), NetError> {
        let mismatch = if header.session != self.session {
            "it belongs to another session".to_string()
        } else if header.sequence != self.received {
            format!("sequence {} where {} is due", header.sequence, self.received)
        } else if header.tag != tag {
            format!("{:?} where {tag:?} is due", header.tag)
        } else if header.len_bytes != payload_bytes as u64 || payload_bytes > max_payload_bytes {
            format!("{payload_bytes} bytes, announced {}, allowed {max_payload_bytes}", header.len_bytes)
        } else {
            return Ok(());
        };
        Err(self.unexpected(mismatch))
    }

    fn unexpected(&self, reason: String) -> NetError {
        NetError::Unexpected { peer: self.peer(), reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: Tag = Tag { step: 1, phase: 2 };

    #[test]
    fn a_message_arrives_and_is_counted_on_both_sides() {
        let (mut first, mut second) = Channel::local_pair();
        first.send(TAG, b"abc").unwrap();
        assert_eq!(second.recv(TAG, 3).unwrap(), b"abc");
        let len_bytes = (HEADER_BYTES + 3) as u64;
        assert_eq!(first.traffic().bytes_sent, len_bytes);
        assert_eq!(second.traffic().bytes_received, len_bytes);
    }

    #[test]
    fn a_round_trip_is_a_wait_after_a_send() {
        let (mut first, mut second) = Channel::local_pair();
        for _ in 0..2 {
            second.send(TAG, b"early").unwrap();
        }
        first.recv(TAG, 9).unwrap();
        assert_eq!(first.traffic().round_trips, 0, "nothing was asked before");
        first.send(TAG, b"one").unwrap();
        first.send(TAG, b"two").unwrap();
        first.recv(TAG, 9).unwrap();
        assert_eq!(first.traffic().round_trips, 1, "two sends, one wait");
    }

    #[test]
    fn what_is_not_due_is_refused() {
        let refused = |prepare: fn(&mut Channel), max: usize| {
            let (mut first, mut second) = Channel::local_pair();
            prepare(&mut first);
            let error = second.recv(TAG, max).unwrap_err();
            assert_eq!(error.exit_code(), 4, "{error}");
            error.to_string()
        };
        assert!(refused(|c| c.send(Tag { step: 2, ..TAG }, b"x").unwrap(), 9).contains("step: 2"));
        assert!(refused(|c| c.send(TAG, b"too long").unwrap(), 3).contains("8 bytes"));
        let other_session = |c: &mut Channel| {
            c.enter_session([1; SESSION_BYTES]);
            c.send(TAG, b"x").unwrap();
        };
        assert!(refused(other_session, 9).contains("another session"));
        let skipped = |c: &mut Channel| {
            c.sent = 4;
            c.send(TAG, b"x").unwrap();
        };
        assert!(refused(skipped, 9).contains("sequence 4"));
    }

    #[test]
    fn sides_in_one_process_wait_without_a_deadline() {
        let (mut first, mut second) = Channel::local_pair();
        assert_eq!((first.deadline, second.deadline), (Duration::MAX, Duration::MAX));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(move || second.recv(TAG, 9));
            std::thread::sleep(Duration::from_millis(20));
            first.send(TAG, b"late").unwrap();
            assert_eq!(waiting.join().unwrap().unwrap(), b"late");
        });
    }

    #[test]
    fn a_lost_or_silent_peer_ends_the_wait() {
        let (first, mut second) = Channel::local_pair();
        drop(first);
        assert_eq!(second.recv(TAG, 9).unwrap_err().exit_code(), 5);
        assert_eq!(second.send(TAG, b"x").unwrap_err().exit_code(), 5);

        let (_first, mut second) = Channel::local_pair();
        second.deadline = Duration::from_millis(1);
        assert!(matches!(second.recv(TAG, 9), Err(NetError::Deadline { .. })));
    }
}
