//! Rows of a user classified with a model that P1 has stored, or that was just trained: both servers' parts.

use crate::error::Error;
use crate::mask::Phase;
use crate::paillier::{Ciphertexts, PublicKey};
use crate::protocol::clock::PhaseClock;
use crate::protocol::config::{JobConfig, Reading};
use crate::protocol::place::{FEATURES, LABELS, MODEL, SCORES, place};
use crate::protocol::schedule::{Activity, Answer};

use super::cloud_server::require_count;
use super::factor::Lifetime;
use super::input::{self, InputLayout};
use super::key_switch::ResultLayout;
use super::product::{recv_factor, send_factor};
use super::share::Share;
use super::state::{Pass, SharedModel, missing};
use super::widths::Widths;
use super::{ALONG_ROWS, CloudServer, KeyServer, key_switch, label};

/// How the answers for `rows` rows lie under a key of `key_bits` bits: a label a row, or scores \[rows\]\[classes\].
///
/// # Errors
/// If the job does not fit its key.
pub fn answer_layout(config: &JobConfig, key_bits: u32, answer: Answer, rows: usize) -> Result<ResultLayout, Error> {
    let widths = Widths::new(&config.plan, config.bounds()?);
    let (value_bits, count) = match answer {
        Answer::Labels => (widths.index_bits(), rows),
        Answer::Scores => (widths.bounds.score_bits(), rows * config.plan.layers.outputs()),
    };
    Ok(ResultLayout::new(key_bits, value_bits, count)?)
}

impl CloudServer {
    /// Takes over a model that was trained before, as [`CloudServer::store_model`] gave it, for the queries from `query` on:
    /// it is shared with P2 again.
    pub fn restore(&mut self, model: &Ciphertexts, query: u64) -> Result<(), Error> {
        let layout = InputLayout::model(&self.config)?;
        require_count("the stored model", model.len(), layout.per_row())?;
        let place = place(Activity::query_step(query), Phase::Initial, MODEL);
        let share = input::send(&mut self.side, place, layout, model)?;
        self.model = Some(SharedModel::from_flat(&self.config.plan.layers, &share));
        Ok(())
    }

    /// Answers for a user's rows, packed as [`InputLayout::features`] has them, under the user's key as
    /// [`answer_layout`] has it. The rows take [`Activity::query_numbers`] from `query` on.
    pub fn classify(
        &mut self,
        query: u64,
        rows: &Ciphertexts,
        reader: &PublicKey,
        answer: Answer,
    ) -> Result<Ciphertexts, Error> {
        let per_row = InputLayout::features(&self.config)?.per_row();
        let count = rows.len() / per_row;
        require_count("the rows of a query", rows.len(), count * per_row)?;
        let mut answers = Vec::new();
        for (step, part) in Activity::query_parts(query, count) {
            let scores = self.scores(step, &rows.slice(part.start * per_row..part.end * per_row))?;
            answers.push(match answer {
                Answer::Labels => label::answer(&mut self.side, step, &scores)?,
                Answer::Scores => scores.transposed(),
            });
        }
        let at = place(Activity::query_step(query), Phase::KeySwitch, answer_tensor(answer));
        let layout = answer_layout(&self.config, reader.key_bits(), answer, count)?;
        key_switch::ask(&mut self.side, at, &Share::in_one_row(&answers), layout, reader)
    }

    /// Scores \[outputs\]\[rows\].
    fn scores(&mut self, step: u64, rows: &Ciphertexts) -> Result<Share, Error> {
        let model = self.model.clone().ok_or_else(|| missing("model"))?;
        let layout = InputLayout::features(&self.config)?;
        let at = |tensor| place(step, Phase::Input, tensor);
        let features = input::send(&mut self.side, at(FEATURES), layout, rows)?.transposed();
        let widths = self.side.widths.forward(0);
        send_factor(&mut self.side, at(ALONG_ROWS), &widths, &features, Lifetime::Once)?;
        let along_rows = recv_factor(&mut self.side, at(ALONG_ROWS), &widths, features.columns(), Lifetime::Once)?;
        let forward = self.forward(step, &model, features, along_rows, Pass::Query, &mut PhaseClock::start())?;
        Ok(forward.output().clone())
    }
}

impl KeyServer {
    /// Shares a model that P1 has stored, for the queries from `query` on.
    pub fn restore(&mut self, query: u64) -> Result<(), Error> {
        let place = place(Activity::query_step(query), Phase::Initial, MODEL);
        let share = input::recv(&mut self.side, place, InputLayout::model(&self.config)?, 1)?;
        self.model = Some(SharedModel::from_flat(&self.config.plan.layers, &share));
        Ok(())
    }

    /// Its part of [`CloudServer::classify`].
    pub(super) fn classify(
        &mut self,
        query: u64,
        rows: usize,
        reader: &PublicKey,
        answer: Answer,
    ) -> Result<(), Error> {
        self.config.require_reader(reader.id(), Reading::Answers)?;
        let mut answers = Vec::new();
        for (step, part) in Activity::query_parts(query, rows) {
            let scores = self.scores(step, part.len())?;
            answers.push(match answer {
                Answer::Labels => label::ask(&mut self.side, step, &scores)?,
                Answer::Scores => scores.transposed(),
            });
        }
        let at = place(Activity::query_step(query), Phase::KeySwitch, answer_tensor(answer));
        let layout = answer_layout(&self.config, reader.key_bits(), answer, rows)?;
        let reading = (reader, Reading::Answers);
        key_switch::answer(&mut self.side, at, &Share::in_one_row(&answers), layout, &self.config, reading)
    }

    /// Scores \[outputs\]\[rows\].
    fn scores(&mut self, step: u64, rows: usize) -> Result<Share, Error> {
        let model = self.model.clone().ok_or_else(|| missing("model"))?;
        let at = |tensor| place(step, Phase::Input, tensor);
        let layout = InputLayout::features(&self.config)?;
        let features = input::recv(&mut self.side, at(FEATURES), layout, rows)?.transposed();
        let widths = self.side.widths.forward(0);
        send_factor(&mut self.side, at(ALONG_ROWS), &widths, &features, Lifetime::Once)?;
        let along_rows = recv_factor(&mut self.side, at(ALONG_ROWS), &widths, rows, Lifetime::Once)?;
        let forward = self.forward(step, &model, features, along_rows, Pass::Query)?;
        Ok(forward.output().clone())
    }
}

/// Answers of either kind have a place of their own.
fn answer_tensor(answer: Answer) -> u16 {
    match answer {
        Answer::Labels => LABELS,
        Answer::Scores => SCORES,
    }
}
