//! P2 of either protocol: what the driver and a query ask of it.

use std::path::Path;

use crate::arith::Engine;
use crate::error::Error;
use crate::net::Channel;
use crate::paillier::{PublicKey, SecretKey};
use crate::protocol::config::{JobConfig, Protocol};
use crate::protocol::mask_source::MaskSource;
use crate::protocol::packed::WorkTimes;
use crate::protocol::schedule::Activity;
use crate::protocol::{element, packed};

use super::super::Query;

/// P2 of either protocol.
pub(in crate::train) enum Key {
    Element(Box<element::KeyServer>),
    Packed(Box<packed::KeyServer>),
}

impl Key {
    pub fn connect(
        engine: &Engine,
        channel: Channel,
        config: &JobConfig,
        key: SecretKey,
        masks: MaskSource,
    ) -> Result<Self, Error> {
        Ok(match config.protocol {
            Protocol::Element => {
                Key::Element(Box::new(element::KeyServer::connect(engine, channel, config, key, masks)?))
            }
            Protocol::Packed => Key::Packed(Box::new(packed::KeyServer::connect(engine, channel, config, key, masks)?)),
        })
    }

    /// Adds the time of every step to `times`, where the protocol tells kinds of work apart.
    pub fn count_work(&mut self, times: WorkTimes) {
        if let Key::Packed(server) = self {
            server.count_work(times);
        }
    }

    /// Keeps static ciphertexts in `folder`, where the protocol has any.
    pub fn keep_static_in(&mut self, folder: &Path) -> Result<(), Error> {
        match self {
            Key::Element(_) => Ok(()),
            Key::Packed(server) => server.keep_static_in(folder),
        }
    }

    pub fn run(&mut self, activity: Activity, reader: &PublicKey) -> Result<(), Error> {
        match self {
            Key::Element(server) => server.run(activity, reader),
            Key::Packed(server) => server.run(activity, reader),
        }
    }

    /// Its part of [`Cloud::stored_model`](super::Cloud::stored_model) and [`Cloud::stored_curve`](super::Cloud::stored_curve).
    pub fn store(&mut self) -> Result<(), Error> {
        match self {
            Key::Element(_) => Ok(()),
            Key::Packed(server) => server.store_model().and_then(|()| server.store_curve()),
        }
    }

    /// Its part of [`Cloud::classify_with`](super::Cloud::classify_with) for `rows` rows.
    pub fn classify_with_stored(&mut self, query: &Query, rows: usize) -> Result<(), Error> {
        self.restore(query.number)?;
        self.run(Activity::Classify { query: query.number, rows, answer: query.answer }, &query.reader)
    }

    /// Its part of [`Cloud::export_model`](super::Cloud::export_model).
    pub fn export_model(&mut self, query: u64, reader: &PublicKey) -> Result<(), Error> {
        self.restore(query)?;
        self.run(Activity::ReadModel { epoch: Activity::query_step(query) }, reader)
    }

    /// Its part of [`Cloud::export_curve`](super::Cloud::export_curve).
    pub fn export_curve(&mut self, query: u64, epochs: usize, reader: &PublicKey) -> Result<(), Error> {
        match self {
            Key::Element(server) => server.read_curve(query, epochs, reader),
            Key::Packed(server) => server.read_curve(query, epochs, reader),
        }
    }

    /// Its part of making shares of a stored model, where the protocol has shares.
    fn restore(&mut self, query: u64) -> Result<(), Error> {
        match self {
            Key::Element(_) => Ok(()),
            Key::Packed(server) => server.restore(query),
        }
    }
}
