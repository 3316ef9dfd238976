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

use crate::dgk::Parameters;
use crate::error::Error;
use crate::mask::Phase;
use crate::mlp::{BoundName, TrainingPlan};
use crate::protocol::ProtocolError;
use crate::protocol::bounds::Bounds;
use crate::protocol::config::{Comparison, JobConfig};
use crate::protocol::element::FACTOR_BITS;
use crate::protocol::leak_free;

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
    /// Terms of a sum.
    pub terms: usize,
    /// Statistical parameter.
    pub sigma: u32,
}

impl ProductWidths {
    /// B: |A X1| < 2^B.
    pub fn cross_bits(self) -> u32 {
        self.left_bits + self.right_share + ceil_log2(self.terms)
    }

    /// Slots of P2's message hold A X1 + M2, M2 in [2^B, 2^B + 2^(B + sigma)).
    pub fn to_cloud_slot_bits(self) -> u32 {
        self.cross_bits() + self.sigma + 2
    }

    /// Slots of P1's message hold Y + m.
    pub fn to_key_slot_bits(self) -> u32 {
        self.result_bits + self.sigma + 2
    }

    /// Length of an exponent A1 + 2^S or A2 + 2^S.
    pub fn exponent_bits(self) -> u32 {
        self.left_share + 1
    }
}

impl Widths {
    /// The widths of a job, all slots checked against its key.
    ///
    /// # Errors
    /// If the plan, sigma or the key does not fit.
    pub fn of_job(config: &JobConfig) -> Result<Self, Error> {
        let widths = Widths::new(&config.plan, config.bounds()?);
        let needed_bits = widths.longest_slot_bits(config.plan.batch_rows) + 2;
        if needed_bits <= config.key_bits {
            return Ok(widths);
        }
        let reason = format!("one slot needs {needed_bits} bits, the key has {}; use a longer key", config.key_bits);
        Err(ProtocolError::Config { reason }.into())
    }

    /// Of a batch of at most `rows` rows.
    fn longest_slot_bits(&self, rows: usize) -> u32 {
        let layers = 0..self.plan.layers.weight_layers();
        let products = layers.flat_map(|layer| [self.forward(layer), self.backward(layer), self.gradient(layer, rows)]);
        let loss_bits = self.masked_slot_bits(self.bounds.loss_bits(rows));
        products
            .flat_map(|product| [product.to_cloud_slot_bits(), product.to_key_slot_bits()])
            .chain([Phase::Gate, Phase::LabelValue].map(|phase| self.gate_slot_bits(phase)))
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

    /// The larger S of both gates, of a layer or of a level: they share slots, order and offset.
    pub fn gate_share(&self, phase: Phase) -> u32 {
        match phase {
            Phase::LabelValue | Phase::LabelIndex => self.label_share(),
            _ => self.sum_share().max(self.carried_share()),
        }
    }

    /// Slots of a gate: S + sigma + 4.
    pub fn gate_slot_bits(&self, phase: Phase) -> u32 {
        self.gate_share(phase) + self.sigma() + 4
    }

    /// |U + M - tau Y1 + m| is below 2 to this: U + M < 2^(S + sigma + 3), m < 2^(value_bits + sigma + 1).
    pub fn gate_reply_bits(&self, phase: Phase, value_bits: u32) -> u32 {
        (self.gate_share(phase) + self.sigma() + 3).max(self.fresh(value_bits)) + 1
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
        let terms = self.plan.layers.fan_in(layer);
        self.product(left, self.fresh(left), self.fresh(right), BoundName::Products, terms)
    }

    /// W^T delta.
    pub fn backward(&self, layer: usize) -> ProductWidths {
        let terms = self.plan.layers.fan_out(layer);
        self.product(
            self.weight_bits(),
            self.fresh(self.weight_bits()),
            self.delta_share(layer),
            BoundName::Products,
            terms,
        )
    }

    /// delta a^T over `rows` rows.
    pub fn gradient(&self, layer: usize, rows: usize) -> ProductWidths {
        let right = self.fresh(self.input_bits(layer));
        self.product(self.delta_bits(), self.delta_share(layer), right, BoundName::Gradients, rows)
    }

    fn product(
        &self,
        left_bits: u32,
        left_share: u32,
        right_share: u32,
        result: BoundName,
        terms: usize,
    ) -> ProductWidths {
        let result_bits = self.plan.bounds.bits(result);
        ProductWidths { left_bits, left_share, right_share, result_bits, terms, sigma: self.sigma() }
    }

    /// Bound of a quotient of a product by 2^f.
    fn quotient_bits(&self) -> u32 {
        self.plan.bounds.products.saturating_sub(self.plan.fixed.fraction_bits())
    }
}

pub(super) fn ceil_log2(count: usize) -> u32 {
    count.max(1).next_power_of_two().ilog2()
}

#[cfg(test)]
mod tests {
    use rug::Integer;
    use rug::ops::DivRounding;

    use super::super::share::Share;
    use super::super::slots::RowLayout;
    use super::*;
    use crate::mlp::DeclaredBounds;
    use crate::protocol::element::{EXPONENT_OFFSET_BITS, test_job};

    const KEYS: [u32; 4] = [1024, 2048, 3072, 4096];

    fn power(bits: u32) -> Integer {
        Integer::from(1) << bits
    }

    /// The largest value below 2^bits, and its negative.
    fn extremes(bits: u32) -> [Integer; 2] {
        let largest: Integer = power(bits) - 1;
        [Integer::from(-&largest), largest]
    }

    /// The smallest and the largest mask for values of `value_bits` bits.
    fn masks(widths: &Widths, value_bits: u32) -> [Integer; 2] {
        [power(value_bits), power(value_bits) + power(value_bits + widths.sigma()) - 1u32]
    }

    /// Defaults, the widest bounds that the masks of divisions allow, and narrow ones.
    fn jobs() -> impl Iterator<Item = Widths> {
        let wide = DeclaredBounds {
            weights: 30,
            inputs: 30,
            pixels: 30,
            activations: 30,
            delta: 30,
            products: 60,
            gradients: 66,
        };
        let narrow = DeclaredBounds { products: 5, gradients: 1, weights: 2, ..DeclaredBounds::defaults(13) };
        let bounds = [DeclaredBounds::defaults(13), wide, narrow];
        bounds.into_iter().flat_map(|bounds| [20, 40, 60].map(|sigma| (bounds, sigma))).map(|(bounds, sigma)| {
            let job = test_job("30,16,8,2", 32);
            let job = JobConfig { sigma, plan: TrainingPlan { bounds, ..job.plan.clone() }, ..job };
            Widths::of_job(&job).unwrap()
        })
    }

    fn products(widths: &Widths) -> Vec<ProductWidths> {
        (0..3).flat_map(|l| [widths.forward(l), widths.backward(l), widths.gradient(l, 32)]).collect()
    }

    /// Every slot of a plaintext holds `value`: it comes back, and the packed number is below n/2.
    fn assert_fills_slots(value: &Integer, slot_bits: u32) {
        for key_bits in KEYS {
            let slots = RowLayout::new(key_bits, slot_bits, 1).unwrap().slots.slots as usize;
            let layout = RowLayout::new(key_bits, slot_bits, slots).unwrap();
            let share = Share::new(1, slots, (0..slots).map(|_| value.clone()).collect());
            let packed = layout.pack(&share);
            assert!(packed.len() == 1 && packed[0].significant_bits() <= key_bits - 2);
            assert_eq!(layout.unpack(&packed).unwrap().values(), share.values());
        }
    }

    #[test]
    fn products_fit_their_slots_and_exponents_their_length() {
        for widths in jobs() {
            for product in products(&widths) {
                for (a, x) in extremes(product.left_bits).iter().zip(extremes(product.right_share)) {
                    let cross = Integer::from(a * &x) * product.terms as u32;
                    assert!(cross.significant_bits() <= product.cross_bits());
                }
                for (value_bits, slot_bits) in [
                    (product.cross_bits(), product.to_cloud_slot_bits()),
                    (product.result_bits, product.to_key_slot_bits()),
                ] {
                    for (value, mask) in extremes(value_bits).iter().zip(masks(&widths, value_bits)) {
                        assert_fills_slots(&Integer::from(value + &mask), slot_bits);
                    }
                }
                for share in extremes(product.left_share) {
                    let exponent = share + power(product.left_share);
                    assert!(exponent > 0 && exponent.significant_bits() <= product.exponent_bits());
                }
            }
        }
    }

    #[test]
    fn shares_stay_within_their_length() {
        for widths in jobs() {
            let plan = &widths.plan;
            let largest_fresh = |value_bits: u32| widths.bounds.masked_limit(value_bits) - 1u32;
            let quotient = |value_bits: u32, divisor: i128| largest_fresh(value_bits).div_floor(Integer::from(divisor));
            let fits = |share: &Integer, bits: u32| assert!(share.significant_bits() <= bits, "{share} in {bits} bits");

            let carried = quotient(plan.bounds.products, plan.product_divisor());
            fits(&carried, widths.carried_share());
            let sum = carried + largest_fresh(widths.weight_bits());
            fits(&sum, widths.sum_share());
            fits(&Integer::from(-&sum), widths.sum_share());
            let delta = sum + largest_fresh(widths.target_bits());
            fits(&delta, widths.output_delta_share());
            fits(&(delta * 32u32), widths.summed_delta_share(2, 32));
            for divisor in [plan.rate_divisor(32).unwrap(), plan.gradient_divisor(32).unwrap()] {
                let updated = largest_fresh(widths.weight_bits()) + quotient(plan.bounds.gradients, divisor);
                fits(&updated, widths.updated_share(divisor));
            }
        }
    }

    #[test]
    fn gates_fit_their_slots_exponents_and_replies() {
        let wider = |widths: &Widths| widths.delta_bits().max(widths.plan.bounds.activations);
        let of_label = |widths: &Widths| widths.score_difference_bits().max(widths.index_bits());
        for (phase, widths, value_bits) in jobs().flat_map(|widths| {
            let (layer, label) = (wider(&widths), of_label(&widths));
            [(Phase::Gate, widths.clone(), layer), (Phase::LabelValue, widths, label)]
        }) {
            let share_bits = widths.gate_share(phase);
            for (first, second, tau, beta) in (0..16).map(|i| {
                let share = |i: usize| extremes(share_bits)[i & 1].clone();
                (share(i), share(i >> 1), (i >> 2 & 1) as i32, (i >> 3) as i32)
            }) {
                let exponent = Integer::from(&second * (1 - 2 * beta)) + power(share_bits + 1);
                assert!(exponent > 0 && exponent.significant_bits() <= share_bits + 2);
                // Y is as small as its declared bound, so both shares are extreme on the same side or one is 0.
                if first != second {
                    continue;
                }
                let mixed =
                    Integer::from(&first * (beta * (2 * tau - 1))) + Integer::from(&second * (tau * (1 - 2 * beta)));
                assert!(mixed.significant_bits() <= share_bits + 1);
                for (mask, refresh) in masks(&widths, share_bits + 1).iter().zip(masks(&widths, value_bits)) {
                    let opened = Integer::from(&mixed + mask);
                    assert_fills_slots(&opened, widths.gate_slot_bits(phase));
                    let reply = opened - Integer::from(&first * tau) + refresh;
                    assert!(reply.significant_bits() <= widths.gate_reply_bits(phase, value_bits));
                }
            }
        }
    }

    #[test]
    fn comparisons_fit_their_slots() {
        for (widths, phase) in jobs().flat_map(|w| [(w.clone(), Phase::Compare), (w, Phase::LabelCompare)]) {
            let slot_bits = widths.compare_slot_bits(phase);
            let largest: Integer = power(FACTOR_BITS) - 1;
            for value in extremes(widths.compared_bits(phase)) {
                for (sign, offset) in [(1, -1), (1, 1), (-1, -1), (-1, 1)] {
                    let offset = Integer::from(&largest - 1) * offset;
                    let plain = (&largest * (Integer::from(&value * 2u32) - 1) + offset) * sign;
                    assert_fills_slots(&(plain + power(slot_bits - 1)), slot_bits);
                }
            }
            let exponent = power(EXPONENT_OFFSET_BITS) - Integer::from(&largest * 2u32);
            assert!(exponent > 0);
        }
    }

    /// Every level takes the side that makes the longest share: scores, then gated differences on top.
    #[test]
    fn shares_of_a_tournament_stay_within_their_length() {
        for (widths, classes) in jobs().flat_map(|widths| [1, 2, 3, 10, 1000].map(|classes| (widths.clone(), classes)))
        {
            let layers = crate::mlp::Layers::new(vec![3, classes]).unwrap();
            let widths = Widths { plan: TrainingPlan { layers, ..widths.plan }, ..widths };
            let largest_fresh = |value_bits: u32| widths.bounds.masked_limit(value_bits) - 1u32;
            let score: Integer = power(widths.sum_share()) - 1;
            for (first, gated_bits) in
                [(score, widths.score_difference_bits()), (Integer::from(classes - 1), widths.index_bits())]
            {
                let mut candidate = first;
                for _ in 0..widths.index_bits() {
                    let difference = Integer::from(&candidate << 1u32);
                    assert!(difference.significant_bits() <= widths.label_share(), "{classes} classes");
                    candidate += largest_fresh(gated_bits);
                }
            }
            let extremes = extremes(widths.bounds.score_bits());
            let difference = Integer::from(&extremes[1] - &extremes[0]);
            assert!(difference.significant_bits() <= widths.score_difference_bits());
            assert!(Integer::from(classes - 1).significant_bits() <= widths.index_bits());
        }
    }

    #[test]
    fn a_job_too_wide_for_its_key_is_refused() {
        let job = test_job("30,16,2", 32);
        let bounds = DeclaredBounds { weights: 40, inputs: 40, activations: 40, products: 46, ..job.plan.bounds };
        let job = JobConfig { sigma: 80, key_bits: 248, plan: TrainingPlan { bounds, ..job.plan.clone() }, ..job };
        let error = Widths::of_job(&job).unwrap_err();
        assert!(error.exit_code() == 2 && error.to_string().contains("longer key"), "{error}");
    }
}
