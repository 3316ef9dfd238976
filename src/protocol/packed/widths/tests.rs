use rug::Integer;
use rug::ops::DivRounding;

use super::super::factor::Lifetime;
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
    let wide =
        DeclaredBounds { weights: 30, inputs: 30, pixels: 30, activations: 30, delta: 30, products: 60, gradients: 66 };
    let narrow = DeclaredBounds { products: 5, gradients: 1, weights: 2, ..DeclaredBounds::defaults(13) };
    // What is usually the larger of two is not: errors above activations, weights above sums, sums above all.
    let errors = DeclaredBounds { delta: 25, activations: 12, products: 25, ..DeclaredBounds::defaults(13) };
    let weights = DeclaredBounds { weights: 30, ..errors };
    let sums = DeclaredBounds { products: 55, ..DeclaredBounds::defaults(13) };
    let bounds = [DeclaredBounds::defaults(13), wide, narrow, errors, weights, sums];
    bounds.into_iter().flat_map(|bounds| [20, 40, 60].map(|sigma| (bounds, sigma))).map(|(bounds, sigma)| {
        let job = test_job("30,16,8,2", 32);
        let job = JobConfig { sigma, plan: TrainingPlan { bounds, ..job.plan.clone() }, ..job };
        Widths::of_job(&job).unwrap()
    })
}

fn products(widths: &Widths) -> Vec<ProductWidths> {
    let layers = (0..3).flat_map(|l| [widths.forward(l), widths.backward(l), widths.gradient(l, 32)]);
    layers.chain([widths.squares(32), widths.gradient_and_squares(32)]).collect()
}

/// The errors of the output are the factor of their squares, and beside activations that of the last gradient.
#[test]
fn squares_have_room_for_the_errors_of_the_output() {
    for widths in jobs() {
        let (squares, both, gradient) = (widths.squares(32), widths.gradient_and_squares(32), widths.gradient(2, 32));
        for share_bits in [squares.left_share, squares.right_share, both.left_share, both.right_share] {
            assert!(share_bits >= widths.output_delta_share());
        }
        assert!(both.right_share >= gradient.right_share && both.result_bits >= gradient.result_bits);
        let [_, largest] = extremes(widths.delta_bits());
        let square = Integer::from(largest.square_ref()) * 32u32;
        assert!(square.significant_bits() <= squares.result_bits && squares.result_bits <= both.result_bits);
        assert!(square.significant_bits() <= widths.squares_bits(32));
    }
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
            for (value, mask) in extremes(product.result_bits).iter().zip(masks(&widths, product.result_bits)) {
                assert_fills_slots(&Integer::from(value + &mask), product.slot_bits());
            }
            for key_bits in KEYS {
                let slots = product.layout(key_bits, 100, Lifetime::Once).unwrap().slots();
                let hidden = extremes(product.cross_bits()).map(|value| filled(&value, product.slot_bits(), slots));
                assert_masked_fit(&widths, &hidden, product.block_bits(slots), product.masked_block_bits(slots));
                assert!(product.masked_block_bits(slots) <= key_bits - 2);
                assert!(product.slot_bits() * slots <= key_bits - 2);
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
fn gates_fit_their_slots_blocks_exponents_and_replies() {
    let gates = jobs().flat_map(|widths| [Phase::Gate, Phase::LabelValue].map(|phase| (widths.clone(), phase)));
    for ((widths, phase), key_bits) in gates.flat_map(|gate| KEYS.map(|key_bits| (gate.clone(), key_bits))) {
        let gate = widths.gate(phase);
        let (values, shares) = match phase {
            Phase::Gate => {
                let errors = [widths.delta_bits(), widths.plan.bounds.activations];
                (errors, [widths.sum_share(), widths.carried_share()])
            }
            _ => ([widths.score_difference_bits(), widths.index_bits()], [widths.label_share(); 2]),
        };
        assert!(values.iter().all(|bits| *bits <= gate.value_bits), "either gate of a layer or level");
        assert!(shares.iter().all(|bits| *bits <= gate.share_bits), "either gate of a layer or level");
        let (share_bits, slot_bits, slots) = (gate.share_bits, gate.slot_bits(), gate.slots(key_bits));
        assert!(slots > 0 && 2 * gate.masked_block_bits(slots) <= key_bits - 2);
        assert!(2 * gate.masked_block_bits(slots + 1) > key_bits - 2, "one more would not fit");
        for (value, mask) in extremes(gate.value_bits).iter().zip(masks(&widths, gate.value_bits)) {
            let shown = Integer::from(value + &mask);
            assert!(shown >= 0 && shown.significant_bits() <= slot_bits);
        }
        for (share, beta) in extremes(share_bits).iter().flat_map(|share| [0, 1].map(|beta| (share, beta))) {
            let exponent = Integer::from(share * (1 - 2 * beta)) + power(share_bits + 1);
            assert!(exponent > 0 && exponent.significant_bits() <= gate.exponent_bits());
        }
        let mixed = extremes(share_bits + 1).map(|value| filled(&value, slot_bits, slots));
        assert_masked_fit(&widths, &mixed, gate.block_bits(slots), gate.masked_block_bits(slots));
        // Two blocks under the largest masks, and what P1 adds: the largest mask and the largest share.
        let [_, largest_mask] = masks(&widths, gate.value_bits);
        let own = filled(&(largest_mask + power(share_bits)), slot_bits, slots);
        let reply = power(gate.masked_block_bits(slots) + 1) + own;
        assert!(reply.significant_bits() <= gate.reply_bits(slots));
    }
}

/// `value` in each of `slots` slots.
fn filled(value: &Integer, slot_bits: u32, slots: u32) -> Integer {
    (0..slots).map(|slot| Integer::from(value << (slot * slot_bits))).sum()
}

/// Blocks `hidden`, the extremes, are within the bound for which their mask is drawn, and below 2^masked_bits with it.
fn assert_masked_fit(widths: &Widths, hidden: &[Integer; 2], block_bits: u32, masked_bits: u32) {
    for (block, mask) in hidden.iter().zip(masks(widths, block_bits)) {
        assert!(block.significant_bits() <= block_bits);
        let masked = Integer::from(block + &mask);
        assert!(masked >= 0 && masked.significant_bits() <= masked_bits);
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
    for (widths, classes) in jobs().flat_map(|widths| [1, 2, 3, 10, 1000].map(|classes| (widths.clone(), classes))) {
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

/// A job fits the shortest key that holds its longest plaintext, of one slot or two blocks, and none that is shorter.
#[test]
fn the_length_that_a_job_needs_is_that_of_its_longest_plaintext() {
    for widths in jobs() {
        let products = products(&widths);
        let gates = [Phase::Gate, Phase::LabelValue].map(|phase| 2 * widths.gate(phase).masked_block_bits(1));
        let masked = products.iter().map(|product| product.masked_block_bits(1).max(product.slot_bits()));
        let longest = masked.chain(gates).max().unwrap();
        assert!(widths.longest_plaintext_bits(32) >= longest);
    }
}
