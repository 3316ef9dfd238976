//! Both servers in one process for the comparison alone: what the bench measures.
//!
//! They take turns on one thread, so that the time of a call is the work of both and nobody's waiting.

use rug::Integer;

use crate::arith::Engine;
use crate::error::Error;
use crate::mask::{MaskKey, Phase};
use crate::net::Channel;
use crate::paillier::SecretKey;
use crate::protocol::config::JobConfig;
use crate::protocol::element::in_parallel;
use crate::protocol::mask_source::MaskSource;
use crate::protocol::place::place;
use crate::rng::SecureRng;

use super::comparison::{self, Blinds};
use super::share::Share;
use super::{CloudServer, KeyServer};

/// P1 and P2, connected and past their handshake. Every call takes a step number of its own, so that no mask repeats.
pub(crate) struct ComparisonPair {
    cloud: CloudServer,
    key: KeyServer,
    next_step: u64,
}

/// T1 and T2 of some values, \[1\]\[values\].
pub(crate) struct SharedValues {
    cloud: Share,
    key: Share,
}

impl ComparisonPair {
    /// Connects both servers for the comparison, bounds and sigma of `config`, with the key pair `key` at P2 and a fresh
    /// one at P1.
    pub fn connect(engine: &Engine, key: &SecretKey, config: &JobConfig) -> Result<Self, Error> {
        let (cloud_end, key_end) = Channel::local_pair();
        let source = || MaskSource::Private(MaskKey::from_os());
        let own = SecretKey::generate_form(engine, config.key_bits, config.key_form, &mut SecureRng::from_os())?;
        let (cloud, key) = in_parallel(
            || CloudServer::connect(engine, cloud_end, config, key.public_key(), own, source()),
            || KeyServer::connect(engine, key_end, config, key.clone(), source()),
        )?;
        Ok(ComparisonPair { cloud, key, next_step: 0 })
    }

    /// Shares `values` (bound: activations) as a forward pass leaves them.
    pub fn share(&self, values: &[Integer]) -> SharedValues {
        let share_bits = self.cloud.side.widths.compared_share(Phase::Compare);
        let (mut rng, half) = (SecureRng::from_os(), Integer::from(1) << (share_bits - 1));
        let first = values.iter().map(|_| Integer::from(&*rng.bits(share_bits).to_integer() - &half)).collect();
        let cloud = Share::new(1, values.len(), first);
        let key = cloud.map(|i, own| Integer::from(own + &values[i]));
        SharedValues { cloud, key }
    }

    /// The bits \[Y > 0\]: the exclusive or of what both servers end with.
    pub fn compare(&mut self, shared: &SharedValues) -> Result<Vec<bool>, Error> {
        let at = place(self.next_step, Phase::Compare, 0);
        self.next_step += 1;
        let (cloud, key) = (&mut self.cloud.side, &mut self.key.side);
        let blinds = Blinds::draw(cloud, at, &shared.cloud);
        comparison::send_elements(key, at, &shared.key)?;
        comparison::answer(cloud, at, &shared.cloud, &blinds)?;
        let bits = comparison::finish(key, at, &shared.key)?;
        Ok(bits.iter().zip(blinds.bits().iter()).map(|(beta, tau)| bool::from(*beta ^ *tau)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::config::{Comparison, Protocol};
    use crate::protocol::element::{engine, server_key, test_job};

    #[test]
    fn the_bits_of_both_servers_are_the_signs_at_the_edges_of_the_bound() {
        for comparison in [Comparison::Blinded, Comparison::Dgk] {
            let job = JobConfig { protocol: Protocol::Packed, comparison, ..test_job("1,1,1", 1) };
            let mut pair = ComparisonPair::connect(engine(2), server_key(), &job).unwrap();
            let largest = (1 << 17) - 1;
            for values in [vec![0, 1, -1, largest, -largest], vec![largest], vec![0; 40]] {
                let expected: Vec<bool> = values.iter().map(|value| *value > 0).collect();
                let values: Vec<Integer> = values.into_iter().map(Integer::from).collect();
                let shared = pair.share(&values);
                for _ in 0..2 {
                    assert_eq!(pair.compare(&shared).unwrap(), expected, "{comparison}");
                }
            }
        }
    }
}
