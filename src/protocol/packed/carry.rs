//! The errors of a hidden layer: W^T delta of the layer above, gated by the bits of its activations, both roles.
//!
//! P1's share of W^T delta is the masks of that product, which it draws before the layer above is reached: the gate of the
//! activations serves this one as well (see [`super::gate`]).

use subtle::Choice;

use crate::error::Error;
use crate::mask::Phase;
use crate::mlp::TrainingPlan;
use crate::protocol::place::{Place, place};
use crate::secret::SecretIntegers;

use super::factor::{EncryptedFactor, Lifetime};
use super::gate::{self, CloudPart};
use super::product::{self, Offered, answer, finish, offer, offered, recv_factor, send_factor};
use super::share::Share;
use super::side::{MaskOrder, Side};
use super::widths::ProductWidths;

/// What one server carries the errors of layer `layer` back with, to the layer below.
pub(super) struct Carry<'a> {
    plan: &'a TrainingPlan,
    /// Of the product, and of the gate.
    places: [Place; 2],
    widths: ProductWidths,
    /// W^T.
    left: Share,
    /// delta.
    right: &'a Share,
}

/// What P1 knows before there are errors.
pub(super) struct Known {
    /// Masks of the product.
    masks: Share,
    /// Its share of the errors, before their gate.
    pub share: Share,
}

/// P2's share of the errors before their gate, and its masks of that.
pub(super) struct Mixed {
    carried: Share,
    masks: Share,
}

impl Known {
    /// For the errors that layer `layer` carries back over `rows` rows.
    pub fn draw(side: &mut Side, plan: &TrainingPlan, (step, layer): (u64, usize), rows: usize) -> Self {
        let (at, widths) = (place(step, Phase::Backward, layer as u16), side.widths.backward(layer));
        let masks = product::masks(side, at, &widths, rows, MaskOrder::Transposed);
        Known { share: masks.divided(plan.product_divisor()), masks }
    }
}

impl<'a> Carry<'a> {
    /// Where the gate of the errors is that layer `layer` carries back.
    pub fn gate_place(step: u64, layer: usize) -> Place {
        place(step, Phase::BackwardGate, layer as u16)
    }

    /// Sends the share of delta. `weights` are the layer's.
    pub fn begin(
        side: &mut Side,
        plan: &'a TrainingPlan,
        (step, layer): (u64, usize),
        weights: &Share,
        delta: &'a Share,
    ) -> Result<Self, Error> {
        let places = [place(step, Phase::Backward, layer as u16), Self::gate_place(step, layer)];
        let widths = side.widths.backward(layer);
        send_factor(side, places[0], &widths, delta, Lifetime::Once)?;
        Ok(Carry { plan, places, widths, left: weights.transposed(), right: delta })
    }

    /// Takes the other's share of delta.
    pub fn theirs(&self, side: &mut Side) -> Result<EncryptedFactor, Error> {
        recv_factor(side, self.places[0], &self.widths, self.right.columns(), Lifetime::Once)
    }

    /// P2's part of the product.
    pub fn offer(&self, side: &mut Side, theirs: &EncryptedFactor) -> Result<Offered, Error> {
        offer(side, self.places[0], &self.widths, &self.left, theirs)
    }

    /// What P2 offers, for P1 to take.
    pub fn offered(&self, theirs: &EncryptedFactor) -> (Place, usize) {
        offered(self.places[0], &self.widths, &theirs.layout)
    }

    /// P1's part of the product.
    pub fn answer(
        &self,
        side: &mut Side,
        theirs: &EncryptedFactor,
        offer: &SecretIntegers,
        known: &Known,
    ) -> Result<(), Error> {
        answer(side, self.places[0], &self.widths, (&self.left, self.right), theirs, offer, &known.masks)
    }

    /// P2's half of the gate, of whose other part it has P1's ciphertexts and its own masks from that of the activations.
    pub fn mix(
        &self,
        side: &mut Side,
        offered: &Offered,
        bits: &[Choice],
        (theirs, masks): &(CloudPart, Share),
    ) -> Result<Mixed, Error> {
        let [at, gate_at] = self.places;
        let product = finish(side, at, &self.widths, (&self.left, self.right), offered)?;
        let carried = product.divided(self.plan.product_divisor());
        let masks = gate::mix_second(side, gate_at, &carried, bits, theirs, masks)?;
        Ok(Mixed { carried, masks })
    }

    /// P1's half of the gate, `kept` what that of the activations has shown of it; its share of the errors.
    pub fn reply(&self, side: &mut Side, bits: &[Choice], known: &Known, kept: &Share) -> Result<Share, Error> {
        let gate_at = self.places[1];
        let gated = gate::masks(side, gate_at, &known.share, self.plan.bounds.delta);
        let mixed = gate::recv_second(side, gate_at, bits, kept)?;
        gate::reply(side, gate_at, &known.share, bits, &mixed, &gated)?;
        Ok(gated)
    }

    /// P2's share of the errors.
    pub fn finish(&self, side: &mut Side, bits: &[Choice], mixed: &Mixed) -> Result<Share, Error> {
        gate::finish(side, self.places[1], &mixed.carried, bits, &mixed.masks, self.plan.bounds.delta)
    }
}
