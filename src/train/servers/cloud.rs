//! P1 of either protocol: what the driver and a query ask of it.

use std::ops::Range;
use std::path::Path;

use rug::Integer;

use crate::arith::Engine;
use crate::error::Error;
use crate::mlp::FixedModel;
use crate::mlp::metrics::one_hot;
use crate::net::{Channel, Traffic};
use crate::paillier::{Ciphertexts, PublicKey, SecretKey};
use crate::protocol::ProtocolError;
use crate::protocol::config::{JobConfig, Protocol};
use crate::protocol::element::{self, EncryptedModel, PhaseTimes, PoolOptions};
use crate::protocol::mask_source::MaskSource;
use crate::protocol::packed::{self, InputLayout, WorkTimes};
use crate::protocol::rounding::MaskRounding;
use crate::protocol::schedule::{Activity, Answer, epoch_rows};
use crate::rng::SecureRng;
use crate::secret::SecretIntegers;

use super::super::{EncryptedRows, LabelledRows, Owner, Query, StoredTensor};

/// Ciphertexts that a user makes between two signs of progress.
const ENCRYPTED_AT_ONCE: usize = 1024;

/// P1 of either protocol.
pub(in crate::train) struct Cloud {
    config: JobConfig,
    server_key: PublicKey,
    server: CloudServer,
}

enum CloudServer {
    Element(Box<element::CloudServer>),
    Packed(Box<packed::CloudServer>),
}

/// How full P1's pool of randomisers is and was; all zero where there is none.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::train) struct PoolState {
    pub level: usize,
    pub hits: u64,
    pub misses: u64,
}

impl Cloud {
    /// Connects P1; where the protocol gives it a key pair of its own, it makes one.
    pub fn connect(
        engine: &Engine,
        channel: Channel,
        config: &JobConfig,
        key: &PublicKey,
        masks: MaskSource,
        pool: PoolOptions,
    ) -> Result<Self, Error> {
        let server = match config.protocol {
            Protocol::Element => {
                let server = element::CloudServer::connect(engine, channel, config, key, masks, pool)?;
                CloudServer::Element(Box::new(server))
            }
            Protocol::Packed => {
                let mut rng = SecureRng::from_os();
                let own = SecretKey::generate_form(engine, config.key_bits, config.key_form, &mut rng)?;
                let server = packed::CloudServer::connect(engine, channel, config, key, own, masks)?;
                CloudServer::Packed(Box::new(server))
            }
        };
        Ok(Cloud { config: config.clone(), server_key: key.clone(), server })
    }

    /// Adds the time of every step to `times`, where the protocol tells kinds of work apart.
    pub fn count_work(&mut self, times: WorkTimes) {
        if let CloudServer::Packed(server) = &mut self.server {
            server.count_work(times);
        }
    }

    /// Keeps static ciphertexts in `folder`, where the protocol has any.
    pub fn keep_static_in(&mut self, folder: &Path) -> Result<(), Error> {
        match &mut self.server {
            CloudServer::Element(_) => Ok(()),
            CloudServer::Packed(server) => server.keep_static_in(folder),
        }
    }

    /// Takes over rows that `owner` encrypts as the protocol wants them, and tells `progress` before and in between how
    /// many rows are encrypted; how many bytes that is.
    pub fn submit_plain(
        &mut self,
        owner: &Owner,
        rows: &LabelledRows,
        mut progress: impl FnMut(usize),
    ) -> Result<u64, Error> {
        let layers = &self.config.plan.layers;
        let per_row = layers.inputs() + layers.outputs();
        let (mut features, mut targets, mut done) = (Vec::new(), Vec::new(), 0);
        progress(0);
        while done < rows.rows() {
            let part = done..rows.rows().min(done + (ENCRYPTED_AT_ONCE / per_row).max(1));
            done = part.end;
            let (part_features, part_targets) = self.encrypted(owner, rows, part)?;
            features.push(part_features);
            targets.push(part_targets);
            progress(done);
        }
        let (features, targets) = (Ciphertexts::concat(&features)?, Ciphertexts::concat(&targets)?);
        let sent = (features.len() + targets.len()) * self.server_key.ciphertext_len_bytes();
        self.submit(features, targets);
        Ok(sent as u64)
    }

    /// Takes over the rows of one batch, which `owner` encrypts; how many bytes that is. Only where the protocol takes
    /// batches by themselves.
    pub fn submit_batch(&mut self, batch: usize, rows: &LabelledRows, owner: &Owner) -> Result<u64, Error> {
        let (features, targets) = self.encrypted(owner, rows, 0..rows.rows())?;
        let CloudServer::Packed(server) = &mut self.server else {
            let reason = "the element-wise protocol takes all rows at once".to_owned();
            return Err(ProtocolError::Config { reason }.into());
        };
        let sent = (features.len() + targets.len()) * self.server_key.ciphertext_len_bytes();
        server.submit_batch(batch, features, targets);
        Ok(sent as u64)
    }

    /// Features and one-hot targets of some rows.
    fn encrypted(
        &self,
        owner: &Owner,
        rows: &LabelledRows,
        part: Range<usize>,
    ) -> Result<(Ciphertexts, Ciphertexts), Error> {
        let plan = &self.config.plan;
        let features = &rows.features[part.start * rows.columns..part.end * rows.columns];
        let targets = one_hot(&rows.labels[part], plan.layers.outputs(), plan.fixed.one());
        Ok(match self.config.protocol {
            Protocol::Element => {
                (owner.encrypt(features, &self.server_key)?, owner.encrypt(&targets, &self.server_key)?)
            }
            Protocol::Packed => {
                let layouts = (InputLayout::features(&self.config)?, InputLayout::targets(&self.config)?);
                let features = owner.encrypt_packed(features, layouts.0, &self.server_key)?;
                (features, owner.encrypt_packed(&targets, layouts.1, &self.server_key)?)
            }
        })
    }

    /// Takes over rows that came with a ciphertext a value; how many bytes that is.
    pub fn submit_encrypted(&mut self, engine: &Engine, rows: &EncryptedRows) -> Result<u64, Error> {
        let sent = (rows.features.len() + rows.targets.len()) * self.server_key.ciphertext_len_bytes();
        let (features, targets) = match self.config.protocol {
            Protocol::Element => (rows.features.clone(), rows.targets.clone()),
            Protocol::Packed => (
                InputLayout::features(&self.config)?.pack_encrypted(engine, &rows.features)?,
                InputLayout::targets(&self.config)?.pack_encrypted(engine, &rows.targets)?,
            ),
        };
        self.submit(features, targets);
        Ok(sent as u64)
    }

    fn submit(&mut self, features: Ciphertexts, targets: Ciphertexts) {
        match &mut self.server {
            CloudServer::Element(server) => server.submit(features, targets),
            CloudServer::Packed(server) => server.submit(features, targets),
        }
    }

    pub fn initial_weights(&mut self) -> Result<(), Error> {
        match &mut self.server {
            CloudServer::Element(server) => server.initial_weights(),
            CloudServer::Packed(server) => server.initial_weights(),
        }
    }

    pub fn refresh_batch(&mut self, batch: usize) -> Result<(), Error> {
        match &mut self.server {
            CloudServer::Element(server) => server.refresh_batch(batch),
            CloudServer::Packed(server) => server.refresh_batch(batch),
        }
    }

    pub fn step(&mut self, step: u64, batch: usize) -> Result<PhaseTimes, Error> {
        match &mut self.server {
            CloudServer::Element(server) => server.step(step, batch),
            CloudServer::Packed(server) => server.step(step, batch),
        }
    }

    /// The servers' test that every weight and bias is within its bound after `step`.
    pub fn test_model(&mut self, step: u64) -> Result<(), Error> {
        match &mut self.server {
            CloudServer::Element(server) => server.test_model(step),
            CloudServer::Packed(server) => server.test_model(step),
        }
    }

    /// The sum of squared differences of an epoch over `rows` rows, as `owner` opens it.
    pub fn read_loss(&mut self, epoch: u64, rows: usize, owner: &Owner) -> Result<Integer, Error> {
        let reader = owner.public_key();
        let opened = match &mut self.server {
            CloudServer::Element(server) => owner.open(&server.read_loss(epoch, rows, reader)?)?,
            CloudServer::Packed(server) => {
                let layout = packed::loss_layout(&self.config, reader.key_bits(), rows)?;
                owner.open_packed(&server.read_loss(epoch, rows, reader)?, layout)?
            }
        };
        Ok(opened[0].clone())
    }

    /// The model as `owner` opens it.
    pub fn read_model(&mut self, epoch: u64, owner: &Owner) -> Result<FixedModel, Error> {
        let reader = owner.public_key();
        let parameters = match &mut self.server {
            CloudServer::Element(server) => owner.open(&server.read_model(epoch, reader)?)?,
            CloudServer::Packed(server) => {
                let layout = packed::model_layout(&self.config, reader.key_bits())?;
                owner.open_packed(&server.read_model(epoch, reader)?, layout)?
            }
        };
        owner.model(&self.config.plan.layers, &parameters)
    }

    /// The answers for rows that `owner` encrypts, as `owner` opens them: a label a row, or scores \[rows\]\[outputs\]. The
    /// element-wise protocol answers with scores whatever is asked for.
    pub fn classify_plain(
        &mut self,
        query: u64,
        rows: &LabelledRows,
        owner: &Owner,
        answer: Answer,
    ) -> Result<SecretIntegers, Error> {
        let reader = owner.public_key();
        match &mut self.server {
            CloudServer::Element(server) => {
                owner.open(&server.classify(query, &owner.encrypt(&rows.features, &self.server_key)?, reader)?)
            }
            CloudServer::Packed(server) => {
                let layout = InputLayout::features(&self.config)?;
                let encrypted = owner.encrypt_packed(&rows.features, layout, &self.server_key)?;
                let answers = server.classify(query, &encrypted, reader, answer)?;
                let layout = packed::answer_layout(&self.config, reader.key_bits(), answer, rows.rows())?;
                owner.open_packed(&answers, layout)
            }
        }
    }

    /// The answers under the key of `reader` by a stored model, of rows with a ciphertext a value.
    pub fn classify_with(
        &mut self,
        engine: &Engine,
        model: &StoredTensor,
        query: &Query,
    ) -> Result<StoredTensor, Error> {
        let Query { number, rows, reader, answer } = query;
        match &mut self.server {
            CloudServer::Element(server) => {
                server.restore(EncryptedModel::from_flat(&self.config.plan.layers, &model.ciphertexts)?)?;
                Ok(StoredTensor::one_each(server.classify(*number, rows, reader)?))
            }
            CloudServer::Packed(server) => {
                let count = rows.len() / self.config.plan.layers.inputs();
                let rows = InputLayout::features(&self.config)?.pack_encrypted(engine, rows)?;
                server.restore(&model.ciphertexts, *number)?;
                let ciphertexts = server.classify(*number, &rows, reader, *answer)?;
                let layout = packed::answer_layout(&self.config, reader.key_bits(), *answer, count)?;
                Ok(StoredTensor { slots: layout.slots(), ciphertexts })
            }
        }
    }

    /// The stored model under the key of `reader`.
    pub fn export_model(
        &mut self,
        model: &StoredTensor,
        query: u64,
        reader: &PublicKey,
    ) -> Result<StoredTensor, Error> {
        let epoch = Activity::query_step(query);
        match &mut self.server {
            CloudServer::Element(server) => {
                server.restore(EncryptedModel::from_flat(&self.config.plan.layers, &model.ciphertexts)?)?;
                Ok(StoredTensor::one_each(server.read_model(epoch, reader)?))
            }
            CloudServer::Packed(server) => {
                server.restore(&model.ciphertexts, query)?;
                let slots = packed::model_layout(&self.config, reader.key_bits())?.slots();
                Ok(StoredTensor { slots, ciphertexts: server.read_model(epoch, reader)? })
            }
        }
    }

    /// The stored losses of `epochs` epochs under the key of `reader`.
    pub fn export_curve(
        &mut self,
        curve: &StoredTensor,
        epochs: usize,
        query: u64,
        reader: &PublicKey,
    ) -> Result<StoredTensor, Error> {
        match &mut self.server {
            CloudServer::Element(server) => {
                Ok(StoredTensor::one_each(server.read_curve(query, &curve.ciphertexts, reader)?))
            }
            CloudServer::Packed(server) => {
                let slots = packed::curve_layout(&self.config, reader.key_bits(), epochs)?.slots();
                Ok(StoredTensor { slots, ciphertexts: server.read_curve(query, &curve.ciphertexts, epochs, reader)? })
            }
        }
    }

    /// The rows of a query that are classified together, and the step that positions their masks.
    pub fn query_parts(&self, query: u64, rows: usize) -> Vec<(u64, Range<usize>)> {
        match self.config.protocol {
            Protocol::Element => vec![(Activity::query_step(query), 0..rows)],
            Protocol::Packed => Activity::query_parts(query, rows).collect(),
        }
    }

    /// The model as it stays at P1.
    pub fn stored_model(&mut self) -> Result<Option<StoredTensor>, Error> {
        match &mut self.server {
            CloudServer::Element(server) => {
                server.model().map(|model| model.flatten().map(StoredTensor::one_each)).transpose()
            }
            CloudServer::Packed(server) => {
                let slots = InputLayout::model(&self.config)?.slots();
                Ok(Some(StoredTensor { slots, ciphertexts: server.store_model()? }))
            }
        }
    }

    /// The losses of all epochs as they stay at P1; none if there was no epoch.
    pub fn stored_curve(&mut self) -> Result<Option<StoredTensor>, Error> {
        match &mut self.server {
            CloudServer::Element(server) => Ok(server.store_curve()?.map(StoredTensor::one_each)),
            CloudServer::Packed(server) => {
                let curve = server.store_curve()?;
                let epochs = epoch_rows(&self.config, &self.config.batches()?).len();
                let tensor = |ciphertexts| {
                    let slots = InputLayout::curve(&self.config, epochs)?.slots();
                    Ok(StoredTensor { slots, ciphertexts })
                };
                curve.map(tensor).transpose()
            }
        }
    }

    pub fn traffic(&self) -> Traffic {
        match &self.server {
            CloudServer::Element(server) => server.traffic(),
            CloudServer::Packed(server) => server.traffic(),
        }
    }

    pub fn twin_rounding(&self) -> MaskRounding {
        match &self.server {
            CloudServer::Element(server) => server.twin_rounding(),
            CloudServer::Packed(server) => server.twin_rounding(),
        }
    }

    pub fn pool(&self) -> PoolState {
        match &self.server {
            CloudServer::Element(server) => {
                let pool = server.pool();
                PoolState { level: pool.level(), hits: pool.hits(), misses: pool.misses() }
            }
            CloudServer::Packed(_) => PoolState::default(),
        }
    }
}
