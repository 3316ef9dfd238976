//! Lengths of shares, masks, slots and exponents of the packed protocol (protocol section 4), as inequalities.
//!
//! T = T2 - T1. S(T) is the length of the longer share: |T1|, |T2| < 2^S(T). With b the declared bound of a value, f the
//! fractional bits and sigma the statistical parameter,
//!
//! ```text
//! fresh share                S = b + sigma + 1
//! weighted sum z             S_z = max(products - f, weights) + sigma + 2     quotient plus bias
//! error at the output        S = max(S_z, S(target)) + 1                      z minus target
//! error carried back         S = products - f + sigma + 1
//! label, level l             S = max(S_z, max(activations + 1, index) + sigma + 1) + 1 + ceil(log2(l + 1))
//! ```
//!
//! A candidate of level l of the tournament for a label is a score, or an index, plus at most l gated differences, each
//! below 2 to that maximum; what is compared and gated is the difference of two candidates. All levels are as wide as the
//! last, which is level ceil(log2 classes) - 1.
//!
//! A share that may be negative is raised by 2^S before it is an exponent, which then has S + 1 bits.

#[cfg(test)]
mod tests;

use crate::dgk::Parameters;
use crate::error::Error;
use crate::mask::Phase;
use crate::mlp::{BoundName, TrainingPlan};
use crate::paillier::{PaillierError, SlotLayout};
use crate::protocol::ProtocolError;
use crate::protocol::bounds::Bounds;
use crate::protocol::config::{Comparison, JobConfig};
use crate::protocol::element::FACTOR_BITS;
use crate::protocol::leak_free;

use super::factor::{Lifetime, ProductLayout};

/// Widths of one job.
#[derive(Debug, Clone)]
pub(super) struct Widths {
    plan: TrainingPlan,
    pub bounds: Bounds,
}

/// What a matrix product A X needs to know of its operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProductWidths {
    /// Bound of the values of A.
    pub left_bits: u32,
    /// S(A).
    pub left_share: u32,
    /// S(X).
    pub right_share: u32,
    /// Bound of the values of A X.
    pub result_bits: u32,
    /// Rows of A.
    pub outputs: usize,
    /// Terms of a sum: rows of X.
    pub terms: usize,
    /// Statistical parameter.
    pub sigma: u32,
}

impl ProductWidths {
    /// B: |A X1| < 2^B.
    pub fn cross_bits(self) -> u32 {
        self.left_bits + self.right_share + ceil_log2(self.terms)
    }

    /// Slots hold Y + m in the end.
    pub fn slot_bits(self) -> u32 {
        self.result_bits + self.sigma + 2
    }

    /// L: |sum of (A X1)_k 2^(wk)| < 2^L over `slots` slots.
    pub fn block_bits(self, slots: u32) -> u32 {
        (slots - 1) * self.slot_bits() + self.cross_bits() + 1
    }

    /// That sum under its mask M2 is below 2 to this.
    pub fn masked_block_bits(self, slots: u32) -> u32 {
        self.block_bits(slots) + self.sigma + 1
    }

    /// How products with a factor of `columns` columns lie in plaintexts of a key of `key_bits` bits.
    ///
    /// # Errors
    /// If not even one slot fits.
    pub fn layout(self, key_bits: u32, columns: usize, lifetime: Lifetime) -> Result<ProductLayout, PaillierError> {
        let all = SlotLayout::for_key(key_bits, self.slot_bits())?;
        // What P1 opens must fit as well; at least one slot does in a key that the job was checked against.
        let room_bits = (key_bits - 2).saturating_sub(self.masked_block_bits(1));
        let slots = SlotLayout { slots: all.slots.min(room_bits / self.slot_bits() + 1), ..all };
        Ok(ProductLayout::new(slots, columns, (self.outputs, self.terms), lifetime))
    }

    /// Length of an exponent A1 + 2^S or A2 + 2^S.
    pub fn exponent_bits(self) -> u32 {
        self.left_share + 1
    }
}

/// What a gate needs to know of its operand Y = Y2 - Y1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GateWidths {
    /// S(Y).
    pub share_bits: u32,
    /// Bound of g Y.
    pub value_bits: u32,
    /// Statistical parameter.
    pub sigma: u32,
}

impl GateWidths {
    /// Slots hold g Y + m in the end.
    pub fn slot_bits(self) -> u32 {
        self.value_bits + self.sigma + 2
    }

    /// Length of an exponent (1 - 2 beta) Y2 + 2^(S+1).
    pub fn exponent_bits(self) -> u32 {
        self.share_bits + 2
    }

    /// L: |sum of U_k 2^(wk)| < 2^L over `slots` elements, |U_k| < 2^(S+1); and so is the sum of what replaces U_k in P1's
    /// reply, |m_k - tau_k Y1_k| < 2^(w-1) + 2^S.
    pub fn block_bits(self, slots: u32) -> u32 {
        (slots - 1) * self.slot_bits() + (self.share_bits + 2).max(self.slot_bits() + 1)
    }

    /// A block under its mask is below 2 to this.
    pub fn masked_block_bits(self, slots: u32) -> u32 {
        self.block_bits(slots) + self.sigma + 1
    }

    /// As many slots as let two blocks lie in a plaintext, each below 2 to [`GateWidths::masked_block_bits`]; at least one in
    /// a key that the job was checked against.
    pub fn slots(self, key_bits: u32) -> u32 {
        let room_bits = ((key_bits - 2) / 2).saturating_sub(self.masked_block_bits(1));
        room_bits / self.slot_bits() + 1
    }

    /// P1's reply for a block, in size: at most two blocks under their masks, and what it adds.
    pub fn reply_bits(self, slots: u32) -> u32 {
        self.masked_block_bits(slots) + 2
    }
}

impl Widths {
    /// The widths of a job, all slots checked against its key.
    ///
    /// # Errors
    /// If the plan, sigma or the key does not fit.
    pub fn of_job(config: &JobConfig) -> Result<Self, Error> {
        let widths = Widths::new(&config.plan, config.bounds()?);
        let needed_bits = widths.longest_plaintext_bits(config.plan.batch_rows) + 2;
        if needed_bits <= config.key_bits {
            return Ok(widths);
        }
        let reason = format!("a plaintext needs {needed_bits} bits, the key has {}; use a longer key", config.key_bits);
        Err(ProtocolError::Config { reason }.into())
    }

    /// Of plaintexts with one slot a block, for batches of at most `rows` rows.
    fn longest_plaintext_bits(&self, rows: usize) -> u32 {
        let layers = 0..self.plan.layers.weight_layers();
        let products = layers
            .flat_map(|layer| [self.forward(layer), self.backward(layer), self.gradient(layer, rows)])
            .chain([self.gradient_and_squares(rows)]);
        let loss_bits = self.masked_slot_bits(self.bounds.loss_bits(rows));
        products
            .flat_map(|product| [product.masked_block_bits(1), product.slot_bits()])
            .chain([Phase::Gate, Phase::LabelValue].map(|phase| 2 * self.gate(phase).masked_block_bits(1)))
            .chain([Phase::Compare, Phase::LabelCompare].map(|phase| self.compare_slot_bits(phase)))
            .chain([loss_bits])
            .max()
            .unwrap_or(0)
    }

    pub fn new(plan: &TrainingPlan, bounds: Bounds) -> Self {
        Widths { plan: plan.clone(), bounds }
    }

    pub fn sigma(&self) -> u32 {
        self.bounds.sigma()
    }

    /// S of a share that was just masked.
    pub fn fresh(&self, value_bits: u32) -> u32 {
        value_bits + self.sigma() + 1
    }

    /// Bound of one-hot targets: 2^f fits.
    pub fn target_bits(&self) -> u32 {
        self.plan.fixed.fraction_bits() + 1
    }

    pub fn weight_bits(&self) -> u32 {
        self.plan.bounds.weights
    }

    pub fn input_bits(&self, layer: usize) -> u32 {
        if layer == 0 { self.plan.bounds.bits(self.plan.inputs.bound()) } else { self.plan.bounds.activations }
    }

    /// S of the shares of features and of targets.
    pub fn static_shares(&self) -> (u32, u32) {
        (self.fresh(self.input_bits(0)), self.fresh(self.target_bits()))
    }

    pub fn delta_bits(&self) -> u32 {
        self.plan.bounds.delta
    }

    /// S(z).
    pub fn sum_share(&self) -> u32 {
        self.quotient_bits().max(self.plan.bounds.weights) + self.sigma() + 2
    }

    /// S of the error at the output.
    pub fn output_delta_share(&self) -> u32 {
        self.sum_share().max(self.fresh(self.target_bits())) + 1
    }

    /// S of an error carried back, before its gate.
    pub fn carried_share(&self) -> u32 {
        self.quotient_bits() + self.sigma() + 1
    }

    /// S of the errors of `layer`.
    pub fn delta_share(&self, layer: usize) -> u32 {
        if self.plan.layers.is_output(layer) { self.output_delta_share() } else { self.fresh(self.delta_bits()) }
    }

    /// Both gates of a layer or of a level: they share bits, slots and offset, so they are as wide as the wider one.
    pub fn gate(&self, phase: Phase) -> GateWidths {
        let (share_bits, value_bits) = match phase {
            Phase::LabelValue | Phase::LabelIndex => {
                (self.label_share(), self.score_difference_bits().max(self.index_bits()))
            }
            _ => (self.sum_share().max(self.carried_share()), self.plan.bounds.activations.max(self.delta_bits())),
        };
        GateWidths { share_bits, value_bits, sigma: self.sigma() }
    }

    /// Slots of values under fresh masks.
    pub fn masked_slot_bits(&self, value_bits: u32) -> u32 {
        value_bits + self.sigma() + 2
    }

    /// S of weights after an update, before their refresh: the difference of a fresh share and a quotient by `divisor`.
    pub fn updated_share(&self, divisor: i128) -> u32 {
        let quotient = self.fresh(self.plan.bounds.gradients).saturating_sub(divisor.ilog2());
        self.fresh(self.weight_bits()).max(quotient) + 1
    }

    /// S of the sum of a neuron's errors over `rows` rows.
    pub fn summed_delta_share(&self, layer: usize, rows: usize) -> u32 {
        self.delta_share(layer) + ceil_log2(rows)
    }

    /// Bound of what is compared with 0.
    pub fn compared_bits(&self, phase: Phase) -> u32 {
        match phase {
            Phase::LabelCompare => self.score_difference_bits(),
            Phase::ModelTest => self.bounds.model_compared().bits,
            _ => self.bounds.compared_bits(),
        }
    }

    /// S of what is compared with 0.
    pub fn compared_share(&self, phase: Phase) -> u32 {
        match phase {
            Phase::LabelCompare => self.label_share(),
            Phase::ModelTest => self.bounds.model_compared().share_bits,
            _ => self.sum_share(),
        }
    }

    /// What the key of the comparison must be made for, where the job has one.
    ///
    /// # Errors
    /// If values are too long to be compared.
    pub fn comparison_parameters(&self, config: &JobConfig) -> Result<Option<Parameters>, Error> {
        match config.comparison {
            Comparison::Blinded => Ok(None),
            Comparison::Dgk => {
                let compared = [Phase::Compare, Phase::LabelCompare, Phase::ModelTest];
                let longest = compared.map(|phase| self.compared_bits(phase)).into_iter().max().unwrap_or(0);
                Ok(Some(leak_free::parameters(config.key_bits, longest)?))
            }
        }
    }

    /// Slots of a comparison hold s (rho (2 Y - 1) + u) + 2^(w - 1), |..| < 2^(b + 2 + FACTOR_BITS).
    pub fn compare_slot_bits(&self, phase: Phase) -> u32 {
        self.compared_bits(phase) + 2 + FACTOR_BITS + 1
    }

    /// Bound of the difference of two scores.
    pub fn score_difference_bits(&self) -> u32 {
        self.bounds.score_bits() + 1
    }

    /// Bound of the index of a class, and of the difference of two.
    pub fn index_bits(&self) -> u32 {
        ceil_log2(self.plan.layers.outputs())
    }

    /// S of the differences that the tournament for a label compares and gates.
    pub fn label_share(&self) -> u32 {
        let gated = self.fresh(self.score_difference_bits().max(self.index_bits()));
        let levels = ceil_log2(self.plan.layers.outputs()) as usize;
        self.sum_share().max(gated) + 1 + ceil_log2(levels)
    }

    /// W a.
    pub fn forward(&self, layer: usize) -> ProductWidths {
        let right = self.input_bits(layer);
        let left = self.weight_bits();
        let shape = (self.plan.layers.fan_out(layer), self.plan.layers.fan_in(layer));
        self.product(left, self.fresh(left), self.fresh(right), BoundName::Products, shape)
    }

    /// W^T delta.
    pub fn backward(&self, layer: usize) -> ProductWidths {
        let shape = (self.plan.layers.fan_in(layer), self.plan.layers.fan_out(layer));
        self.product(
            self.weight_bits(),
            self.fresh(self.weight_bits()),
            self.delta_share(layer),
            BoundName::Products,
            shape,
        )
    }

    /// delta a^T over `rows` rows.
    pub fn gradient(&self, layer: usize, rows: usize) -> ProductWidths {
        let right = self.fresh(self.input_bits(layer));
        let shape = (self.plan.layers.fan_out(layer), rows);
        self.product(self.delta_bits(), self.delta_share(layer), right, BoundName::Gradients, shape)
    }

    /// Bound of the elements of delta delta^T over `rows` rows.
    pub fn squares_bits(&self, rows: usize) -> u32 {
        self.plan.bounds.loss_bits(rows as u64)
    }

    /// delta delta^T over `rows` rows, delta that of the output.
    pub fn squares(&self, rows: usize) -> ProductWidths {
        let (share_bits, outputs) = (self.output_delta_share(), self.plan.layers.outputs());
        let result_bits = self.squares_bits(rows);
        ProductWidths {
            left_bits: self.delta_bits(),
            left_share: share_bits,
            right_share: share_bits,
            result_bits,
            outputs,
            terms: rows,
            sigma: self.sigma(),
        }
    }

    /// delta \[a^T | delta^T\] over `rows` rows, delta that of the output: its gradient and delta delta^T.
    pub fn gradient_and_squares(&self, rows: usize) -> ProductWidths {
        let gradient = self.gradient(self.plan.layers.weight_layers() - 1, rows);
        let squares = self.squares(rows);
        ProductWidths {
            right_share: gradient.right_share.max(squares.right_share),
            result_bits: gradient.result_bits.max(squares.result_bits),
            ..gradient
        }
    }

    fn product(
        &self,
        left_bits: u32,
        left_share: u32,
        right_share: u32,
        result: BoundName,
        (outputs, terms): (usize, usize),
    ) -> ProductWidths {
        let result_bits = self.plan.bounds.bits(result);
        ProductWidths { left_bits, left_share, right_share, result_bits, outputs, terms, sigma: self.sigma() }
    }

    /// Bound of a quotient of a product by 2^f.
    fn quotient_bits(&self) -> u32 {
        self.plan.bounds.products.saturating_sub(self.plan.fixed.fraction_bits())
    }
}

pub(super) fn ceil_log2(count: usize) -> u32 {
    count.max(1).next_power_of_two().ilog2()
}
