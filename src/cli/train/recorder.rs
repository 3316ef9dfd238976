//! Keeps the figures of a training on disk while it runs.

use std::path::Path;

use smlp::error::Error;
use smlp::train::{Event, Observer, StopRequest};

use super::results::{self, TrainParameters};
use crate::cli::progress::TrainingProgress;

/// Shows a training and writes its files after every epoch; figures that cannot be kept stop it.
pub struct Recorder<'a> {
    pub shown: TrainingProgress,
    pub folder: &'a Path,
    pub parameters: &'a TrainParameters,
    pub stop: StopRequest,
    /// Why figures could not be written.
    pub failure: Option<Error>,
}

impl Observer for Recorder<'_> {
    fn event(&mut self, event: Event<'_>) {
        if let Event::Epoch { record, .. } = &event
            && let Err(error) = results::write(self.folder, self.parameters, record)
        {
            self.shown.note(&format!("{error}: the training stops, since its figures cannot be kept"));
            self.stop.request();
            self.failure.get_or_insert(error);
        }
        self.shown.event(event);
    }
}
