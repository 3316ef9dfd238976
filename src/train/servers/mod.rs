//! One face for both protocols: what the driver and a query ask of the servers, whichever the job has chosen.

mod cloud;
mod key;

pub(super) use cloud::Cloud;
pub(super) use key::Key;
