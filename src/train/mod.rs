//! A whole training in one process: the user, P1 and P2, the last two on threads of their own with a channel between.
//!
//! [`run`] plays the public [schedule](crate::protocol::schedule); an [`Observer`] is told what happens and prints, draws
//! or records it. What the harness measures stands in [`Outcome`].

mod agenda;
mod classification;
mod driver;
mod evaluation;
mod export;
mod observer;
mod owner;
mod parties;
mod record;
mod rows;
mod servers;
mod stored;

pub use agenda::{Ending, Limits, StopRequest};
pub use classification::{Query, classify};
pub use driver::{Outcome, TrainJob, run};
pub use evaluation::{Classified, EpochFigures};
pub use export::{Export, export};
pub use observer::{Event, Observer, Silent};
pub use owner::Owner;
pub use record::TrainingRecord;
pub use rows::{EncryptedRows, JobData, LabelledRows, TrainingData};
pub use stored::{CloudState, KeyState, StoredTensor};
