//! Ctrl-C and a request to terminate: while a training listens, the first one asks it to stop and the next one ends the
//! program; without a listener each ends the program, as it does by default.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{SigId, flag, low_level};
use smlp::error::Error;
use smlp::train::StopRequest;

/// Whether a signal shall end the program.
static UNHEARD: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// As long as it lives, a signal is a request to stop.
pub struct Listening {
    unheard: Arc<AtomicBool>,
    handlers: Vec<SigId>,
}

impl Listening {
    /// Turns signals into `stop`.
    ///
    /// # Errors
    /// If the system refuses a handler.
    pub fn start(stop: &StopRequest) -> Result<Self, Error> {
        let refused = |source| Error::file("handler of signals", source);
        let unheard = unheard().map_err(refused)?;
        let mut listening = Listening { unheard, handlers: Vec::new() };
        for signal in [SIGINT, SIGTERM] {
            // In this order, behind the default action for a signal that nobody awaits: the next one is not awaited.
            for flag in [listening.unheard.clone(), stop.flag()] {
                listening.handlers.push(flag::register(signal, flag).map_err(refused)?);
            }
        }
        listening.unheard.store(false, Ordering::SeqCst);
        Ok(listening)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.unheard.store(true, Ordering::SeqCst);
        for handler in self.handlers.drain(..) {
            low_level::unregister(handler);
        }
    }
}

/// The default action stays installed for the whole program: a signal without any handler would be ignored.
fn unheard() -> io::Result<Arc<AtomicBool>> {
    if let Some(unheard) = UNHEARD.get() {
        return Ok(unheard.clone());
    }
    let unheard = UNHEARD.get_or_init(|| Arc::new(AtomicBool::new(true)));
    for signal in [SIGINT, SIGTERM] {
        flag::register_conditional_default(signal, unheard.clone())?;
    }
    Ok(unheard.clone())
}
