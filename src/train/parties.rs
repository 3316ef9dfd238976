//! Both servers in one process: P2 on a thread of its own, P1 on the caller's, a channel in memory between them.

use crate::error::Error;
use crate::net::{Channel, NetError};

/// Runs both roles to their end; each gets its end of the channel.
///
/// # Errors
/// Whatever either party ran into; the one that failed first is reported.
pub(super) fn run_both<T>(
    cloud: impl FnOnce(Channel) -> Result<T, Error>,
    key: impl FnOnce(Channel) -> Result<(), Error> + Send,
) -> Result<T, Error> {
    let (cloud_end, key_end) = Channel::local_pair();
    std::thread::scope(|scope| {
        let key_server = std::thread::Builder::new()
            .name("P2".into())
            .spawn_scoped(scope, move || key(key_end))
            .map_err(|source| Error::file("thread of P2", source))?;
        let outcome = cloud(cloud_end);
        let key_result = key_server.join().map_err(|_| Error::Panicked { party: "P2" })?;
        blame(outcome, key_result)
    })
}

/// When one party fails, the other loses its peer: the cause is the error that is not such a loss.
fn blame<T>(outcome: Result<T, Error>, key_result: Result<(), Error>) -> Result<T, Error> {
    match (outcome, key_result) {
        (Err(Error::Net(NetError::Lost { .. })), Err(cause)) => Err(cause),
        (outcome, Ok(())) => outcome,
        (Err(cause), Err(_)) => Err(cause),
        (Ok(_), Err(cause)) => Err(cause),
    }
}
