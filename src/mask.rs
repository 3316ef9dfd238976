//! Masks by position from a keyed generator.
//!
//! Every mask of a party is a function of its key and of the place where it is used: (step, phase, layer, purpose,
//! element). A step that is replayed after a crash therefore uses the same masks for the same values and nothing else,
//! and the order in which threads run cannot matter. Randomisers of ciphertexts never come from here: they are always
//! fresh from the operating system.

use std::path::Path;

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use rug::Integer;
use rug::integer::Order;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::codec::{CodecError, Reader};
use crate::container::{Container, KEY_ID_BYTES, Kind, SlotField};
use crate::error::Error;
use crate::rng::{SecureRng, standard_normal};
use crate::secret::{SecretInteger, SecretLimbs};

/// Part of a training step or of a classification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Phase {
    /// The user's ciphertexts are encrypted afresh, once.
    Input = 1,
    /// Initial weights.
    Initial = 2,
    /// W a of a layer.
    Forward = 3,
    /// The comparison z > 0 of a hidden layer.
    Compare = 4,
    /// z times its gate bit.
    Gate = 5,
    /// The sum of squared differences.
    Loss = 6,
    /// The gradient of a layer's weights.
    Gradient = 7,
    /// The gradient of a layer's biases.
    BiasGradient = 8,
    /// W^T delta of a layer.
    Backward = 9,
    /// That, times the gate bit of the layer below.
    BackwardGate = 10,
    /// Results change over to their reader's key.
    KeySwitch = 11,
    /// A level of the tournament for the label: the differences of scores, compared with 0.
    LabelCompare = 12,
    /// Those differences, times their bits.
    LabelValue = 13,
    /// The differences of the classes' indexes, times the same bits.
    LabelIndex = 14,
    /// Weights and biases, compared with their bound once an epoch.
    ModelTest = 15,
}

/// What a mask is for within its phase; two purposes never share a mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Purpose {
    /// Left operand of a product.
    Left = 1,
    /// Right operand of a product.
    Right = 2,
    /// A value that is divided.
    Division = 3,
    /// Sign, length, factor and offset of a comparison.
    Comparison = 4,
    /// Order of the elements of a comparison.
    Permutation = 5,
    /// A value that is encrypted afresh, or under another key.
    Refresh = 6,
    /// An addend of an initial weight.
    Weight = 7,
}

/// Where a tensor's masks are used; the element's index completes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Position {
    /// Training step, or number of the query, counted from 0.
    pub step: u64,
    /// Phase of the step.
    pub phase: Phase,
    /// Layer, counted from 0; 0 where there is none.
    pub layer: u16,
    /// Purpose within the phase.
    pub purpose: Purpose,
}

/// The key of one party's masks for one job.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct MaskKey([u8; 32]);

impl MaskKey {
    /// A key from the operating system.
    pub fn from_os() -> Self {
        let mut key = [0; 32];
        SecureRng::from_os().fill(&mut key);
        MaskKey(key)
    }

    /// The key of `party` in the experiment `seed`: not private, for runs where all parties are one process.
    pub fn from_experiment_seed(seed: u64, party: &str) -> Self {
        MaskKey(digest(&[b"smlp mask key, experiment, not private", &seed.to_le_bytes(), party.as_bytes()]))
    }

    /// The key bound to one job by the hash of its handshake.
    pub fn for_job(&self, transcript_hash: &[u8; 32]) -> Self {
        MaskKey(digest(&[b"smlp mask key, job", &self.0, transcript_hash]))
    }

    /// Writes the key to a file that only its owner can read; `job_key_id` names the key of the job it belongs to.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: &Path, job_key_id: [u8; KEY_ID_BYTES]) -> Result<(), Error> {
        let payload = Zeroizing::new(self.0.to_vec());
        let slots = SlotField::default();
        Container { kind: Kind::MaskKey, key_id: job_key_id, shape: vec![], fraction_bits: 0, slots, payload }
            .write(path)
    }

    /// Reads what [`MaskKey::write`] wrote.
    ///
    /// # Errors
    /// If the file cannot be read, does not parse, or belongs to the job of another key.
    pub fn read(path: &Path, job_key_id: [u8; KEY_ID_BYTES]) -> Result<Self, Error> {
        let container = Container::read(path, Kind::MaskKey)?;
        let refuse = |source| Error::Container { path: path.into(), source };
        if container.key_id != job_key_id {
            return Err(refuse(CodecError::invalid("key id", "it belongs to the job of another key")));
        }
        let mut reader = Reader::new(&container.payload);
        let key = reader.array("mask key").and_then(|key| reader.end().map(|()| MaskKey(key)));
        key.map_err(refuse)
    }

    /// The masks of one tensor.
    pub fn at(&self, position: Position) -> Masks {
        let Position { step, phase, layer, purpose } = position;
        let place = [phase as u8, purpose as u8];
        Masks(MaskKey(digest(&[b"smlp mask", &self.0, &step.to_le_bytes(), &layer.to_le_bytes(), &place])))
    }
}

impl std::fmt::Debug for MaskKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MaskKey(..)")
    }
}

fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// The masks of one tensor: element i has the i-th stream of a ChaCha20 generator to itself.
pub struct Masks(MaskKey);

impl Masks {
    /// The stream of one element.
    pub fn element(&self, index: u64) -> MaskStream {
        let mut rng = ChaCha20Rng::from_seed(self.0.0);
        rng.set_stream(index);
        MaskStream(rng)
    }

    /// Element `index` of a tensor whose values v satisfy |v| < 2^value_bits: uniform in
    /// [2^value_bits, 2^value_bits + 2^(value_bits + sigma)) (protocol rule 2).
    ///
    /// # Panics
    /// If value_bits + sigma > 126, which the derivation of the bounds excludes.
    pub fn short(&self, index: u64, value_bits: u32, sigma: u32) -> i128 {
        let span_bits = value_bits + sigma;
        assert!(span_bits <= 126, "a short mask of {span_bits} bits");
        let mut stream = self.element(index);
        let uniform = stream.u128() & ((1 << span_bits) - 1);
        (1i128 << value_bits) + uniform as i128
    }
}

/// Uniform words for one element.
pub struct MaskStream(ChaCha20Rng);

impl MaskStream {
    /// 64 uniform bits.
    pub fn u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// 128 uniform bits.
    pub fn u128(&mut self) -> u128 {
        u128::from(self.u64()) | u128::from(self.u64()) << 64
    }

    /// Uniform in [0, bound), by rejection.
    ///
    /// # Panics
    /// If `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "an empty range has no element");
        let unbiased = u64::MAX - u64::MAX % bound;
        loop {
            let word = self.u64();
            if word < unbiased {
                return word % bound;
            }
        }
    }

    /// Standard normal, for the addends of initial weights.
    pub fn normal(&mut self) -> f64 {
        standard_normal([self.u64(), self.u64()])
    }

    /// Uniform in [0, 2^bits).
    pub fn integer(&mut self, bits: u32) -> SecretInteger {
        SecretInteger::new(self.uniform(bits))
    }

    /// A mask of a value v, |v| < 2^`value_bits`: uniform in [2^value_bits, 2^value_bits + 2^span_bits).
    pub fn mask(&mut self, value_bits: u32, span_bits: u32) -> SecretInteger {
        let mut mask = self.uniform(span_bits);
        mask += Integer::from(1) << value_bits;
        SecretInteger::new(mask)
    }

    fn uniform(&mut self, bits: u32) -> Integer {
        let mut limbs = SecretLimbs::zero(bits.div_ceil(64) as usize);
        self.0.fill_bytes(bytemuck::cast_slice_mut(limbs.as_mut_slice()));
        if !bits.is_multiple_of(64)
            && let Some(top) = limbs.as_mut_slice().last_mut()
        {
            *top &= (1 << (bits % 64)) - 1;
        }
        // A limb more than the number has: a carry of what is added to it must not move the mask and leave a copy behind.
        let mut value = Integer::with_capacity(64 * (limbs.len() + 1));
        value.assign_digits(limbs.as_slice(), Order::Lsf);
        value
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const POSITION: Position = Position { step: 3, phase: Phase::Forward, layer: 1, purpose: Purpose::Division };

    #[test]
    fn a_key_comes_back_from_its_file_for_its_job_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("masks.key");
        let key = MaskKey::from_os();
        key.write(&path, [1; KEY_ID_BYTES]).unwrap();
        let back = MaskKey::read(&path, [1; KEY_ID_BYTES]).unwrap();
        assert_eq!(back.at(POSITION).short(0, 30, 40), key.at(POSITION).short(0, 30, 40));
        assert_eq!(MaskKey::read(&path, [2; KEY_ID_BYTES]).unwrap_err().exit_code(), 3);
    }

    #[test]
    fn a_mask_depends_on_its_place_alone() {
        let key = MaskKey::from_experiment_seed(5, "P1");
        let forwards: Vec<i128> = (0..50).map(|i| key.at(POSITION).short(i, 30, 40)).collect();
        let mut backwards: Vec<i128> = (0..50).rev().map(|i| key.at(POSITION).short(i, 30, 40)).collect();
        backwards.reverse();
        assert_eq!(forwards, backwards);
    }

    #[test]
    fn every_coordinate_and_the_key_change_the_mask() {
        let key = MaskKey::from_experiment_seed(5, "P1");
        let places = [
            POSITION,
            Position { step: 4, ..POSITION },
            Position { phase: Phase::Backward, ..POSITION },
            Position { layer: 2, ..POSITION },
            Position { purpose: Purpose::Left, ..POSITION },
        ];
        let mut seen = HashSet::new();
        for key in [key.clone(), key.for_job(&[1; 32]), key.for_job(&[2; 32]), MaskKey::from_experiment_seed(6, "P1")] {
            for place in places {
                for element in 0..3 {
                    assert!(seen.insert(key.at(place).short(element, 30, 40)));
                }
            }
        }
    }

    #[test]
    fn short_masks_fill_their_range() {
        let masks = MaskKey::from_os().at(POSITION);
        let draws: Vec<i128> = (0..4000).map(|i| masks.short(i, 3, 4)).collect();
        assert_eq!(*draws.iter().min().unwrap(), 8);
        assert_eq!(*draws.iter().max().unwrap(), 8 + 127);
    }
}
