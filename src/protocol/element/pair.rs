//! Both servers in one process for single operations: what the bench measures and tests look into.

use crate::arith::Engine;
use crate::error::Error;
use crate::mask::{MaskKey, Phase};
use crate::net::Channel;
use crate::paillier::{Ciphertexts, SecretKey};
use crate::protocol::ProtocolError;
use crate::protocol::config::JobConfig;

use super::PoolOptions;
use super::cloud_server::CloudServer;
use super::key_server::KeyServer;
use super::mul_enc::DotProducts;
use super::{div_enc, max_enc, mul_enc};
use crate::protocol::mask_source::MaskSource;
use crate::protocol::place::place;

/// P1 and P2, connected and past their handshake. Every call takes a step number of its own, so that no mask repeats.
///
/// A party that fails is dropped with its end of the channel, so that the other one stops too; the pair is then done.
pub struct OperationPair {
    parties: Option<(CloudServer, KeyServer)>,
    next_step: u64,
}

impl OperationPair {
    /// Connects both servers for the bounds and sigma of `config`, with the key pair `key` at P2.
    pub fn connect(engine: &Engine, key: &SecretKey, config: &JobConfig) -> Result<Self, Error> {
        let (cloud_end, key_end) = Channel::local_pair();
        let source = || MaskSource::Private(MaskKey::from_os());
        let public_key = key.public_key();
        let parties = in_parallel(
            || CloudServer::connect(engine, cloud_end, config, public_key, source(), PoolOptions::default()),
            || KeyServer::connect(engine, key_end, config, key.clone(), source()),
        )?;
        Ok(OperationPair { parties: Some(parties), next_step: 0 })
    }

    /// MulEnc: the products of `left` (bound: weights) and `right` (bound: inputs), element by element.
    pub fn multiply(&mut self, left: &Ciphertexts, right: &Ciphertexts) -> Result<Ciphertexts, Error> {
        let place = place(self.step(), Phase::Forward, 0);
        let pairs = DotProducts::new(left.len(), 1, |element, _| (element, element));
        self.run(
            |cloud| mul_enc::ask(&mut cloud.side, place, left, right, &pairs),
            |key| mul_enc::answer(&mut key.side, place, left.len()),
        )
    }

    /// DivEnc: the quotients of `values` (bound: products) by `divisor` > 0, rounded by the mask.
    pub fn divide(&mut self, values: &Ciphertexts, divisor: i128) -> Result<Ciphertexts, Error> {
        let place = place(self.step(), Phase::Forward, 0);
        self.run(
            |cloud| div_enc::ask(&mut cloud.side, place, values, divisor),
            |key| div_enc::answer(&mut key.side, place, values.len(), divisor),
        )
    }

    /// MaxEnc: the bits \[a > 0\] of `values` (bound: activations).
    pub fn compare(&mut self, values: &Ciphertexts) -> Result<Ciphertexts, Error> {
        let place = place(self.step(), Phase::Compare, 0);
        self.run(
            |cloud| max_enc::ask(&mut cloud.side, place, values),
            |key| max_enc::answer(&mut key.side, place, values.len()),
        )
    }

    fn step(&mut self) -> u64 {
        self.next_step += 1;
        self.next_step - 1
    }

    /// Each party does its part and comes back; one that fails is dropped on the spot.
    fn run(
        &mut self,
        ask: impl FnOnce(&mut CloudServer) -> Result<Ciphertexts, Error>,
        answer: impl FnOnce(&mut KeyServer) -> Result<(), Error> + Send,
    ) -> Result<Ciphertexts, Error> {
        let reason = "an earlier operation of this pair failed; connect a new one".to_owned();
        let (mut cloud, mut key) = self.parties.take().ok_or(ProtocolError::Config { reason })?;
        let ((results, cloud), key) =
            in_parallel(move || Ok((ask(&mut cloud)?, cloud)), move || answer(&mut key).map(|()| key))?;
        self.parties = Some((cloud, key));
        Ok(results)
    }
}

/// Runs both parties' parts, P2's on a thread of its own.
pub(crate) fn in_parallel<A, B: Send>(
    cloud: impl FnOnce() -> Result<A, Error>,
    key: impl FnOnce() -> Result<B, Error> + Send,
) -> Result<(A, B), Error> {
    std::thread::scope(|scope| {
        let key = scope.spawn(key);
        let cloud = cloud();
        let key = key.join().map_err(|_| Error::Panicked { party: "P2" })?;
        match (cloud, key) {
            (Ok(cloud), Ok(key)) => Ok((cloud, key)),
            (Err(Error::Net(_)), Err(cause)) => Err(cause),
            (Err(cause), _) | (Ok(_), Err(cause)) => Err(cause),
        }
    })
}

#[cfg(test)]
mod tests {
    use rug::Integer;

    use super::*;
    use crate::arith::EngineOptions;
    use crate::protocol::element::test_job;
    use crate::rng::SecureRng;

    #[test]
    fn when_one_party_fails_the_other_stops_and_the_cause_is_named() {
        let engine = Engine::new(&EngineOptions { threads: 1, ..EngineOptions::default() }).unwrap();
        let key = SecretKey::generate(&engine, 1024, &mut SecureRng::from_os()).unwrap();
        let config = JobConfig { key_bits: 1024, ..test_job("2,3,2", 4) };
        let encrypt =
            |key: &SecretKey, value: Integer| key.encrypt_many(&engine, &[value], &mut SecureRng::from_os()).unwrap();

        let mut pair = OperationPair::connect(&engine, &key, &config).unwrap();
        let too_long = encrypt(&key, Integer::from(1) << 200u32);
        let error = pair.divide(&too_long, 8).unwrap_err();
        assert!(matches!(error, Error::Protocol(ProtocolError::OutOfRange { .. })), "{error}");
        let error = pair.divide(&encrypt(&key, Integer::from(8)), 8).unwrap_err();
        assert!(error.to_string().contains("connect a new one"), "{error}");

        let mut pair = OperationPair::connect(&engine, &key, &config).unwrap();
        let (cloud, _) = pair.parties.as_mut().unwrap();
        cloud.submit(encrypt(&key, Integer::from(1)), encrypt(&key, Integer::from(1)));
        let error = cloud.refresh_batch(0).unwrap_err();
        assert!(error.to_string().contains("1 encrypted features were submitted"), "{error}");
        let other = SecretKey::generate(&engine, 1024, &mut SecureRng::from_os()).unwrap();
        let mixed = pair.multiply(&encrypt(&key, Integer::from(1)), &encrypt(&other, Integer::from(1)));
        assert!(matches!(mixed, Err(Error::Paillier(_))), "P1 notices and P2 does not wait for it");
    }
}
