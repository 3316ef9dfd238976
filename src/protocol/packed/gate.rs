//! g Y for a shared bit g = beta xor tau and a shared Y = Y2 - Y1 (protocol 4.4): ReLU and its derivative, and the winners
//! of the tournament for a label.
//!
//! ```text
//! g Y = beta Y2 - tau Y1 + U,   U = beta A + tau B,   A = (2 tau - 1) Y1,   B = (1 - 2 beta) Y2
//! P1 -> P2: E_1[tau_k + 1] and E_1[A_k + 2^S], each in its slot
//! P2 -> P1: E_1[sum U_k 2^(wk) + M]                     P1 learns V = sum U_k 2^(wk) + M
//! P1 -> P2: V + sum (m_k - tau_k Y1_k) 2^(wk) in clear  P2 learns g Y + m
//! ```
//!
//! A block of t elements has one mask M, uniform in [2^L, 2^L + 2^(L + sigma)) with |sum U_k 2^(wk)| < 2^L: less would give
//! P1 the bits. Nobody takes a block apart before M is gone, so its slots are as wide as g Y + m and U may overlap them. A
//! plaintext has room for two blocks, block b in half b mod 2.
//!
//! A layer has a second gate by the same bits, for the errors carried back, and P1 knows its share A' of it before the first
//! begins. So P1's ciphertexts hold A_k in the half of its block and A'_k in the other one, and what P2 mixes for the first
//! gate holds beta A' for the second as well, under a mask of its own; P1 keeps it until P2 has B' and sends the sum of
//! tau B', for which E_1[tau + 1] serves again:
//!
//! ```text
//! first gate    block b       [ beta A + tau B + M | beta A' + M' ]     halves change places with b
//! second gate   blocks 2c, +1 [ tau B' + M''       | tau B' + M'' ]     beta A' + M' is added by P1 in the clear
//! ```
//!
//! P1 encrypts tau + 1 and A + 2^S, so that no plaintext is zero or negative, and P2 raises to B + 2^(S+1), so that exponents
//! are positive and of one length; P1 takes tau 2^(S+1) off, P2 the exponents and beta 2^S. Bits choose between values by
//! masked selection. Layout and offsets of both gates are those of the wider one.

use rug::Integer;
use subtle::Choice;

use crate::error::Error;
use crate::mask::Purpose;
use crate::paillier::{Ciphertexts, SlotLayout, pack_linear};
use crate::protocol::message::Operation;
use crate::protocol::place::Place;
use crate::secret::{SecretIntegers, SecretLimbs, select};

use super::share::Share;
use super::side::{MaskOrder, Side};
use super::slots::RowLayout;
use super::widths::GateWidths;
use super::work::Work;

/// P1's ciphertexts of a gate, or of two, an element each.
pub(super) struct CloudPart {
    /// tau + 1.
    bits: Ciphertexts,
    /// A + 2^S, and A' + 2^S of a second gate.
    shares: Ciphertexts,
}

/// A number for each block of a gate, or of two: P2's masks, and P1's sums under them.
pub(super) struct Blocks {
    pub first: Share,
    /// What the first gate's ciphertexts hold of the second.
    pub second: Option<Share>,
}

/// P1 sends E_1[tau + 1] and E_1[A + 2^S], with A' + 2^S of the second gate by the same bits.
pub(super) fn send(
    side: &mut Side,
    place: Place,
    share: &Share,
    second: Option<&Share>,
    bits: &[Choice],
) -> Result<(), Error> {
    let layout = Layout::of(side, place, bits.len())?;
    let raised = |k: usize| layout.shift(&Integer::from(bits[k].unwrap_u8() + 1), k, layout.half(k));
    let raised: SecretIntegers = (0..bits.len()).map(raised).collect();
    side.send_own(place, Operation::GateBits, &raised)?;

    let (share_bits, lift) = (layout.widths.share_bits, layout.lift());
    let lifted = |share: &Share, k: usize, half: usize| {
        let own = &share.values()[k];
        layout.shift(&(select(bits[k], &Integer::from(-own), own, share_bits) + &lift), k, half)
    };
    let shares = (0..bits.len()).map(|k| match second {
        None => lifted(share, k, layout.half(k)),
        Some(second) => lifted(share, k, layout.half(k)) + lifted(second, k, 1 - layout.half(k)),
    });
    side.send_own(place, Operation::Factor, &shares.collect::<SecretIntegers>())
}

/// P2 receives what P1 [`send`]s for `count` elements.
pub(super) fn recv(side: &mut Side, place: Place, count: usize) -> Result<CloudPart, Error> {
    let bits = side.recv_peers(place, Operation::GateBits, count)?;
    Ok(CloudPart { bits, shares: side.recv_peers(place, Operation::Factor, count)? })
}

/// P2's first half: mixes P1's bits and share with its own and keeps its masks. `second` is the place of the second gate,
/// where P1 has sent its share of one.
pub(super) fn mix(
    side: &mut Side,
    place: Place,
    share: &Share,
    bits: &[Choice],
    theirs: &CloudPart,
    second: Option<Place>,
) -> Result<Blocks, Error> {
    let layout = Layout::of(side, place, bits.len())?;
    let run = layout.run(second.is_some());
    // beta (A + 2^S): the ciphertext where beta is 1, the neutral 1 elsewhere; both are always touched.
    let chosen = side.work.timed(Work::MultiExponentiation, || {
        let neutral = side.peer.encode_many(&side.engine, &vec![Integer::new(); bits.len()]);
        pack_linear(&side.engine, run, &neutral.select(&side.engine, &theirs.shares, bits)?)
    })?;
    let (powers, raised) = layout.powers(side, share, bits, theirs, run)?;
    let mixed = powers.add(&side.engine, &chosen)?;

    let first = layout.masks(side, place, Purpose::Left);
    let second = second.map(|place| layout.masks(side, place, Purpose::Left));
    // beta 2^S: by so much P1's shares are lifted where they are chosen.
    let lifted = layout.per_bit(bits, &layout.lift());
    let hidden = second.as_ref().map(|masks| masks.minus(&lifted));
    let plain = layout.pack(&first.minus(&raised).minus(&lifted), hidden.as_ref());
    let exponent_bits = layout.widths.exponent_bits();
    side.send_result(place, Operation::Gate, &mixed, &plain, exponent_bits, 2 * run)?;
    Ok(Blocks { first, second })
}

/// P2's first half of a second gate by bits that P1 has sent already, of which the first gate's ciphertexts held beta A' under
/// `masks`; the masks of all.
pub(super) fn mix_second(
    side: &mut Side,
    place: Place,
    share: &Share,
    bits: &[Choice],
    theirs: &CloudPart,
    masks: &Share,
) -> Result<Share, Error> {
    let layout = Layout::of(side, place, bits.len())?;
    let run = layout.run(false);
    let (powers, raised) = layout.powers(side, share, bits, theirs, run)?;
    let own = layout.masks(side, place, Purpose::Right);
    let (plain, exponent_bits) = (layout.pack(&own.minus(&raised), None), layout.widths.exponent_bits());
    side.send_result(place, Operation::Gate, &powers, &plain, exponent_bits, run)?;
    Ok(own.plus(masks))
}

/// P1's share of g Y, the mask m, which it knows before anything arrives.
pub(super) fn masks(side: &mut Side, place: Place, share: &Share, value_bits: u32) -> Share {
    side.masks(place, Purpose::Refresh, value_bits, (share.rows(), share.columns()), MaskOrder::AsItLies)
}

/// What P1 opens of a gate: its U under P2's masks, and what there is of a second gate at the place `second`.
pub(super) fn recv_mixed(
    side: &mut Side,
    place: Place,
    bits: &[Choice],
    second: Option<Place>,
) -> Result<Blocks, Error> {
    let layout = Layout::of(side, place, bits.len())?;
    let opened = side.recv_opened(place, Operation::Gate, layout.plaintexts(second.is_some()))?;
    // tau 2^(S+1): what the raised exponents have brought.
    let raised = layout.per_bit(bits, &layout.offset());
    let Some(second) = second else {
        let first =
            side.unpack_masked(place, layout.blocks, &opened, &layout.pack(&raised, None), layout.block_bits)?;
        return Ok(Blocks { first, second: None });
    };
    let known = layout.pack(&raised, Some(&layout.nothing()));
    let halves = side.unpack(place, layout.both(), &opened, &known, layout.block_bits)?;
    let (first, others) = crossed_back(&halves);
    side.require_masked(place, &first, layout.block_bits)?;
    side.require_masked(second, &others, layout.block_bits)?;
    Ok(Blocks { first, second: Some(others) })
}

/// What P1 opens of a second gate, with what it kept of it from the first.
pub(super) fn recv_second(side: &mut Side, place: Place, bits: &[Choice], kept: &Share) -> Result<Share, Error> {
    Ok(recv_mixed(side, place, bits, None)?.first.plus(kept))
}

/// P1 sends U + M - tau Y1 + m in clear, a block as one number, of what it has opened. Gates that travel together are all
/// received before the first reply.
pub(super) fn reply(
    side: &mut Side,
    place: Place,
    share: &Share,
    bits: &[Choice],
    mixed: &Share,
    masks: &Share,
) -> Result<(), Error> {
    #[cfg(test)]
    side.witness.gated.push((place, share.clone(), bits.to_vec()));
    let layout = Layout::of(side, place, bits.len())?;
    let own_bits = layout.widths.slot_bits().max(layout.widths.share_bits);
    let own = masks.map(|k, mask| select(bits[k], mask, &Integer::from(mask - &share.values()[k]), own_bits + 1));
    let reply = mixed.plus(&layout.packed(&own));
    side.send_clear(place, Operation::Gate, &reply, layout.reply_bits())
}

/// P2's second half: g Y + m.
pub(super) fn finish(
    side: &mut Side,
    place: Place,
    share: &Share,
    bits: &[Choice],
    masks: &Share,
    value_bits: u32,
) -> Result<Share, Error> {
    #[cfg(test)]
    side.witness.gated.push((place, share.clone(), bits.to_vec()));
    let layout = Layout::of(side, place, bits.len())?;
    let reply = side.recv_clear(place, Operation::Gate, 1, layout.blocks.columns, layout.reply_bits())?;
    // beta Y2 + 2^(S+1), so that no number is zero on the way.
    let offset = layout.offset();
    let chosen = share.map(|k, own| {
        let lifted = Integer::from(own + &offset);
        select(bits[k], &offset, &lifted, layout.widths.exponent_bits())
    });
    let packed = reply.minus(masks).plus(&layout.packed(&chosen)).minus(&layout.everywhere(&offset));
    let unpacked = layout.values.unpack(packed.values()).map_err(|_| side.out_of_range(place, 0, value_bits))?;
    let gated = unpacked.shaped(share.rows(), share.columns());
    side.require_masked(place, &gated, value_bits)?;
    Ok(gated)
}

/// How the elements of a gate lie in blocks and blocks in plaintexts.
struct Layout {
    widths: GateWidths,
    /// Elements in blocks, in one row.
    values: RowLayout,
    /// Blocks in plaintexts, in one row.
    blocks: RowLayout,
    /// Bound of a block without its mask.
    block_bits: u32,
}

impl Layout {
    fn of(side: &Side, place: Place, count: usize) -> Result<Self, Error> {
        let widths = side.widths.gate(place.phase);
        let slots = widths.slots(side.peer.key_bits());
        let values = RowLayout { slots: SlotLayout { slot_bits: widths.slot_bits(), slots }, columns: count };
        let halves = SlotLayout { slot_bits: widths.masked_block_bits(slots), slots: 2 };
        let blocks = RowLayout { slots: halves, columns: values.per_row() };
        Ok(Layout { widths, values, blocks, block_bits: widths.block_bits(slots) })
    }

    /// A block and its counterpart of the second gate in each plaintext: a row a block.
    fn both(&self) -> RowLayout {
        RowLayout { columns: 2, ..self.blocks }
    }

    fn plaintexts(&self, with_second: bool) -> usize {
        if with_second { self.blocks.columns } else { self.blocks.per_row() }
    }

    /// Elements of one plaintext.
    fn run(&self, with_second: bool) -> usize {
        let slots = self.values.slots.slots as usize;
        if with_second { slots } else { 2 * slots }
    }

    /// The half of a plaintext that the block of element `k` takes.
    fn half(&self, k: usize) -> usize {
        k / self.values.slots.slots as usize % 2
    }

    /// `value` in the slot of element `k`, in one half of a plaintext.
    fn shift(&self, value: &Integer, k: usize, half: usize) -> Integer {
        let slot = k % self.values.slots.slots as usize;
        self.blocks.slots.shift(&self.values.slots.shift(value, slot), half)
    }

    /// Elements, of any shape, as the numbers of their blocks, \[1\]\[blocks\].
    fn packed(&self, elements: &Share) -> Share {
        Share::new(1, self.blocks.columns, self.values.pack(&elements.flat()))
    }

    fn nothing(&self) -> Share {
        Share::new(1, self.blocks.columns, (0..self.blocks.columns).map(|_| Integer::new()).collect())
    }

    /// Plaintexts of blocks, with those of a second gate in the other halves.
    fn pack(&self, blocks: &Share, second: Option<&Share>) -> SecretIntegers {
        match second {
            None => self.blocks.pack(blocks),
            Some(second) => self.both().pack(&crossed(blocks, second)),
        }
    }

    /// 2^S, by which P1's shares are positive whatever tau is.
    fn lift(&self) -> Integer {
        Integer::from(1) << self.widths.share_bits
    }

    /// 2^(S+1), by which P2's exponents are.
    fn offset(&self) -> Integer {
        Integer::from(1) << (self.widths.share_bits + 1)
    }

    /// bit times `amount` for each element, in blocks. No number is zero on the way, so that lengths tell nothing of bits.
    fn per_bit(&self, bits: &[Choice], amount: &Integer) -> Share {
        let times = |bit: &Choice| Integer::from(amount * (u32::from(bit.unwrap_u8()) + 1));
        let raised = Share::new(1, bits.len(), bits.iter().map(times).collect());
        self.packed(&raised).minus(&self.everywhere(amount))
    }

    /// `amount` for every element, in blocks.
    fn everywhere(&self, amount: &Integer) -> Share {
        let count = self.values.columns;
        self.packed(&Share::new(1, count, (0..count).map(|_| amount.clone()).collect()))
    }

    fn masks(&self, side: &mut Side, place: Place, purpose: Purpose) -> Share {
        side.masks(place, purpose, self.block_bits, (1, self.blocks.columns), MaskOrder::AsItLies)
    }

    /// E_1 of (tau + 1) (B + 2^(S+1)) in slots, `run` elements a ciphertext, and the exponents in blocks.
    fn powers(
        &self,
        side: &mut Side,
        share: &Share,
        bits: &[Choice],
        theirs: &CloudPart,
        run: usize,
    ) -> Result<(Ciphertexts, Share), Error> {
        let (share_bits, exponent_bits) = (self.widths.share_bits, self.widths.exponent_bits());
        let offset = self.offset();
        let raised = share.map(|k, own| select(bits[k], own, &Integer::from(-own), share_bits) + &offset);
        let limbs = exponent_bits.div_ceil(u64::BITS) as usize;
        let exponents: Vec<SecretLimbs> =
            raised.values().iter().map(|exponent| SecretLimbs::from_integer(exponent, limbs)).collect();
        let powers = || theirs.bits.packed_powers(&side.engine, &exponents, exponent_bits, run);
        Ok((side.work.timed(Work::MultiExponentiation, powers)?, self.packed(&raised)))
    }

    fn reply_bits(&self) -> u32 {
        self.widths.reply_bits(self.values.slots.slots)
    }
}

/// Blocks of two gates, \[blocks\]\[2\]: block b of the first in half b mod 2, of the second in the other.
fn crossed(first: &Share, second: &Share) -> Share {
    let half = |block: usize, half: usize| if block % 2 == half { first } else { second }.values()[block].clone();
    let blocks = first.columns();
    Share::new(blocks, 2, (0..2 * blocks).map(|i| half(i / 2, i % 2)).collect())
}

/// The inverse of [`crossed`].
fn crossed_back(halves: &Share) -> (Share, Share) {
    let pick = |other: usize| {
        let values = (0..halves.rows()).map(|block| halves.row(block)[(block + other) % 2].clone());
        Share::new(1, halves.rows(), values.collect())
    };
    (pick(0), pick(1))
}
