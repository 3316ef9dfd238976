//! Many values in one plaintext: sum v_k 2^(w k) over the integers, signed, modulo n (protocol.md, rule 5).
//!
//! Packing is linear, so terms may overlap their slots as long as the sum that is unpacked in the end has every slot
//! in [0, 2^w); an offset known to both sides brings it there. Timing class of the whole file: the operations depend on
//! the lengths of the values, never on their bits.

use rug::Integer;

use super::ciphertext::Ciphertexts;
use super::error::PaillierError;
use crate::arith::Engine;
use crate::secret::{SecretIntegers, wipe};

/// How values lie in a plaintext: slot k holds the bits [k slot_bits, (k + 1) slot_bits).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotLayout {
    /// Width w of a slot in bits.
    pub slot_bits: u32,
    /// Slots in a plaintext.
    pub slots: u32,
}

impl SlotLayout {
    /// As many slots of `slot_bits` as a key of `key_bits` holds: floor((key_bits - 2) / slot_bits), which leaves the
    /// packed number below n/2 whatever its sign.
    ///
    /// # Errors
    /// If not even one slot fits, or a slot has no bit.
    pub fn for_key(key_bits: u32, slot_bits: u32) -> Result<SlotLayout, PaillierError> {
        let slots = key_bits.saturating_sub(2).checked_div(slot_bits).unwrap_or(0);
        if slots == 0 {
            let reason = format!("slots of {slot_bits} bits do not fit a key of {key_bits} bits; use a longer key");
            return Err(PaillierError::Layout(reason));
        }
        Ok(SlotLayout { slot_bits, slots })
    }

    /// Plaintexts needed for `count` values.
    pub fn plaintexts(&self, count: usize) -> usize {
        count.div_ceil(self.slots as usize)
    }

    /// `value` moved into slot `slot`.
    ///
    /// # Panics
    /// If there is no such slot.
    pub fn shift(&self, value: &Integer, slot: usize) -> Integer {
        assert!(slot < self.slots as usize, "slot {slot} of {}", self.slots);
        Integer::from(value << (self.slot_bits * slot as u32))
    }

    /// The signed sum of `values`, value k in slot k.
    ///
    /// # Panics
    /// If there are more values than slots.
    pub fn pack(&self, values: &[Integer]) -> Integer {
        assert!(values.len() <= self.slots as usize, "{} values for {} slots", values.len(), self.slots);
        let mut packed = Integer::new();
        for value in values.iter().rev() {
            packed <<= self.slot_bits;
            packed += value;
        }
        packed
    }

    /// The first `count` slots of a packed number whose slots all lie in [0, 2^slot_bits).
    ///
    /// # Errors
    /// If `packed` is negative or longer than `count` slots: an offset is missing, or a value exceeds its bound.
    ///
    /// # Panics
    /// If `count` is more than there are slots.
    pub fn unpack(&self, packed: &Integer, count: usize) -> Result<Vec<Integer>, PaillierError> {
        assert!(count <= self.slots as usize, "{count} values from {} slots", self.slots);
        let room_bits = self.slot_bits * count as u32;
        if packed.is_negative() || packed.significant_bits() > room_bits {
            let reason =
                format!("a packed number does not lie in [0, 2^{room_bits}): a value exceeds its declared bound");
            return Err(PaillierError::Layout(reason));
        }
        let mut rest = packed.clone();
        let values = (0..count)
            .map(|_| {
                let value = Integer::from(rest.keep_bits_ref(self.slot_bits));
                rest >>= self.slot_bits;
                value
            })
            .collect();
        wipe(&mut rest);
        Ok(values)
    }

    /// The first `count` values v, |v| < 2^(slot_bits - 1) of either sign, of packed numbers that follow one another, all
    /// but the last of them full.
    ///
    /// # Errors
    /// If `packed` has not the plaintexts of `count` values, or one does not lie in its slots: a value exceeds its bound.
    pub fn unpack_signed(&self, packed: &[Integer], count: usize) -> Result<SecretIntegers, PaillierError> {
        if packed.len() != self.plaintexts(count) {
            let reason = format!("{} plaintexts where {count} values have {}", packed.len(), self.plaintexts(count));
            return Err(PaillierError::Layout(reason));
        }
        let half = Integer::from(1) << (self.slot_bits - 1);
        let halves = vec![half.clone(); self.slots as usize];
        let mut values = Vec::with_capacity(count);
        for one in packed {
            let taken = (count - values.len()).min(self.slots as usize);
            let mut raised = self.pack(&halves[..taken]) + one;
            let unpacked = self.unpack(&raised, taken);
            wipe(&mut raised);
            values.extend(unpacked?.into_iter().map(|value| value - &half));
        }
        Ok(values.into_iter().collect())
    }
}

/// Packs ciphertexts of values that were shifted into their slots when they were encrypted: the product over each run
/// of `run` consecutive ciphertexts (the last one may be shorter). Timing class: `fixed_sequence`; ciphertexts are public.
///
/// # Errors
/// If `run` is 0 or the engine fails.
pub fn pack_linear(engine: &Engine, run: usize, shifted: &Ciphertexts) -> Result<Ciphertexts, PaillierError> {
    let whole = shifted.len() - shifted.len().checked_rem(run).unwrap_or(0);
    let mut parts = Vec::new();
    if whole > 0 {
        parts.push(shifted.slice(0..whole).sum_runs(engine, run)?);
    }
    if whole < shifted.len() {
        parts.push(shifted.slice(whole..shifted.len()).sum_runs(engine, shifted.len() - whole)?);
    }
    if parts.is_empty() { Ok(shifted.clone()) } else { Ciphertexts::concat(&parts) }
}
