use proptest::prelude::*;

use super::*;
use crate::data::{DataSpec, Scaler, Table, split};
use crate::fixed::FixedPoint;
use crate::mask::{MaskKey, Phase, Purpose};
use crate::mlp::batches::{Batches, gather};
use crate::mlp::bounds::{BoundName, BoundOverride, DeclaredBounds, InputKind};
use crate::mlp::float::FloatNetwork;
use crate::mlp::metrics::{correct, labels_of};
use crate::rng::SeededRng;

/// The masks that a protocol would draw, so that one division in so many rounds up.
struct MaskRounding(MaskKey);

impl MaskRounding {
    fn new(seed: u64) -> Self {
        MaskRounding(MaskKey::from_experiment_seed(seed, "p1"))
    }
}

impl Rounding for MaskRounding {
    fn mask_remainder(&self, position: Position, element: u64, divisor: i128) -> i128 {
        self.0.at(position).short(element, 34, 40) % divisor
    }
}

fn plan(layers: &str, learning_rate: f64, batch_rows: usize) -> TrainingPlan {
    TrainingPlan {
        layers: layers.parse().unwrap(),
        learning_rate,
        batch_rows,
        drop_last: false,
        fixed: FixedPoint::new(13).unwrap(),
        inputs: InputKind::Features,
        bounds: DeclaredBounds::defaults(13),
    }
}

fn initial_model(plan: &TrainingPlan, seed: u64) -> FixedModel {
    let addend = |party: &str| {
        let mut rng = SeededRng::new(seed, party);
        FixedModel::initial_addend(&plan.layers, plan.fixed, || rng.normal()).unwrap()
    };
    FixedModel::sum(&plan.layers, &addend("weights of P1"), &addend("weights of P2")).unwrap()
}

/// Train and test part of a built-in data set, scaled.
struct Prepared {
    train: (Table, Vec<u32>),
    test: (Table, Vec<u32>),
}

fn prepare(name: &str, seed: u64) -> Prepared {
    let spec: DataSpec = name.parse().unwrap();
    let parts = split(&spec.load("label", seed).unwrap(), 0.2, seed).unwrap();
    let scaler = Scaler::fit(spec.scaling(), &parts.train.table).unwrap();
    Prepared {
        train: (scaler.apply(&parts.train.table).unwrap(), parts.train.labels),
        test: (scaler.apply(&parts.test.table).unwrap(), parts.test.labels),
    }
}

/// Test rows that twin and float network have right after `steps` steps over the same batches from the same weights.
fn train_both<R: Rounding>(plan: &TrainingPlan, data: &Prepared, rounding: R, steps: usize, seed: u64) -> [usize; 2] {
    let (table, labels) = &data.train;
    let (columns, classes) = (table.columns(), plan.layers.outputs());
    let bits = plan.bounds.bits(plan.inputs.bound());
    let encoded = table.encode(plan.fixed, bits).unwrap();
    plan.validate(table.rows()).unwrap();
    let batches = Batches::new(table.rows(), plan.batch_rows, plan.drop_last, seed).unwrap();
    let model = initial_model(plan, seed);
    let mut float = FloatNetwork::from_fixed(&plan.layers, &model, plan.fixed).unwrap();
    let mut twin = Twin::new(plan.clone(), model, rounding, 0).unwrap();
    for batch in (0..).flat_map(|epoch| batches.order(epoch)).take(steps) {
        let members = &batches.members()[batch];
        let batch_labels = gather(labels, 1, members);
        twin.step(&gather(&encoded, columns, members), &batch_labels).unwrap();
        float.step(&gather(&table.values, columns, members), &batch_labels, plan.learning_rate).unwrap();
    }
    let (table, labels) = &data.test;
    let encoded = table.encode(plan.fixed, bits).unwrap();
    let answers = twin.query(0, &encoded, table.rows()).unwrap();
    [labels_of(answers.scores(), classes), labels_of(&float.scores(&table.values).unwrap(), classes)]
        .map(|predicted| correct(&predicted, labels))
}

#[test]
fn xor_is_solved_in_30_steps_for_every_seed_and_rounding() {
    let plan = plan("2,8,2", 0.2, 8);
    for seed in 0..10 {
        let data = prepare("xor", seed);
        assert_eq!(train_both(&plan, &data, FloorRounding, 30, seed)[0], 200, "seed {seed}, floor");
        assert_eq!(train_both(&plan, &data, MaskRounding::new(seed), 30, seed)[0], 200, "seed {seed}, masks");
    }
}

#[test]
fn parity_of_all_words_is_learned_with_an_incomplete_last_batch() {
    let plan = plan("4,16,2", 0.2, 6);
    let data = "parity:4".parse::<DataSpec>().unwrap().load("label", 0).unwrap();
    let all = (data.table, data.labels);
    let data = Prepared { train: all.clone(), test: all };
    for seed in 0..4 {
        assert_eq!(train_both(&plan, &data, MaskRounding::new(seed), 300, seed), [16, 16], "seed {seed}");
    }
}

#[test]
fn breast_cancer_follows_the_float_network_and_that_the_published_accuracy() {
    const SEEDS: u64 = 10;
    const PUBLISHED: f64 = 0.9649 * 114.0;
    let plan = TrainingPlan { drop_last: true, ..plan("30,16,2", 0.2, 32) };
    let mut float_total = 0;
    for seed in 0..SEEDS {
        let data = prepare("breast_cancer", seed);
        assert_eq!((data.train.1.len(), data.test.1.len()), (455, 114));
        let [twin, float] = train_both(&plan, &data, MaskRounding::new(seed), 10 * 14, seed);
        assert!(twin.abs_diff(float) <= 2, "twin {twin}, float {float} of 114 with seed {seed}");
        float_total += float;
    }
    let mean = float_total as f64 / SEEDS as f64;
    assert!((mean - PUBLISHED).abs() <= 2.0, "{mean} of 114 right on average, {PUBLISHED} published");
}

#[test]
fn digits_with_pixel_bounds_follow_the_float_network() {
    let plan = TrainingPlan { inputs: InputKind::Pixels, ..plan("64,32,10", 0.2, 32) };
    let data = prepare("digits", 1);
    let [twin, float] = train_both(&plan, &data, FloorRounding, 90, 1);
    assert!(float >= 280, "float {float} of 360");
    assert!(twin.abs_diff(float) <= 7, "twin {twin}, float {float} of 360");
}

/// The equations of protocol.md 3.4, one scalar at a time, with nothing shared with the twin but the inputs.
struct Naive<'a> {
    widths: &'a [usize],
    model: &'a FixedModel,
    rounding: &'a MaskRounding,
    step: u64,
}

impl Naive<'_> {
    fn divided(&self, a: i128, d: i128, phase: Phase, layer: usize, element: usize) -> i64 {
        let place = Position { step: self.step, phase, layer: layer as u16, purpose: Purpose::Division };
        let m = self.rounding.mask_remainder(place, element as u64, d);
        ((a + m).div_euclid(d) - m.div_euclid(d)) as i64
    }

    fn weight(&self, layer: usize, i: usize, j: usize) -> i128 {
        self.model.weights[layer][i * self.widths[layer] + j].into()
    }

    /// z\[layer\]\[row\]\[i\] from the activations below.
    fn z(&self, layer: usize, below: &[Vec<i64>]) -> Vec<Vec<i64>> {
        let n_out = self.widths[layer + 1];
        let one = |row: usize, i: usize| {
            let sum = (0..self.widths[layer]).map(|j| self.weight(layer, i, j) * i128::from(below[row][j])).sum();
            self.divided(sum, 1 << 13, Phase::Forward, layer, row * n_out + i) + self.model.biases[layer][i]
        };
        (0..below.len()).map(|row| (0..n_out).map(|i| one(row, i)).collect()).collect()
    }

    /// delta below, before its gate.
    fn carried(&self, layer: usize, delta: &[Vec<i64>]) -> Vec<Vec<i64>> {
        let n_in = self.widths[layer];
        let one = |row: usize, j: usize| {
            let sum = (0..self.widths[layer + 1]).map(|i| self.weight(layer, i, j) * i128::from(delta[row][i])).sum();
            self.divided(sum, 1 << 13, Phase::Backward, layer, row * n_in + j)
        };
        (0..delta.len()).map(|row| (0..n_in).map(|j| one(row, j)).collect()).collect()
    }

    /// The model after the step of batch `inputs`, `targets`, and the loss sum.
    fn step(&self, inputs: &[Vec<i64>], targets: &[Vec<i64>], d: i128) -> (FixedModel, i128) {
        let last = self.widths.len() - 2;
        let mut a = vec![inputs.to_vec()];
        for layer in 0..=last {
            let z = self.z(layer, &a[layer]);
            let gate = |v: &i64| if layer == last || *v > 0 { *v } else { 0 };
            a.push(z.iter().map(|row| row.iter().map(gate).collect()).collect());
        }
        let difference = |(y, t): (&Vec<i64>, &Vec<i64>)| y.iter().zip(t).map(|(y, t)| y - t).collect::<Vec<_>>();
        let mut delta: Vec<Vec<i64>> = a[last + 1].iter().zip(targets).map(difference).collect();
        let loss_sum = delta.iter().flatten().map(|v| i128::from(*v).pow(2)).sum();
        let mut after = self.model.clone();
        for layer in (0..=last).rev() {
            let (n_in, n_out) = (self.widths[layer], self.widths[layer + 1]);
            for i in 0..n_out {
                for j in 0..n_in {
                    let sum = delta.iter().zip(&a[layer]).map(|(d, x)| i128::from(d[i]) * i128::from(x[j])).sum();
                    after.weights[layer][i * n_in + j] -=
                        self.divided(sum, d << 13, Phase::Gradient, layer, i * n_in + j);
                }
                let sum = delta.iter().map(|row| i128::from(row[i])).sum();
                after.biases[layer][i] -= self.divided(sum, d, Phase::BiasGradient, layer, i);
            }
            if layer > 0 {
                let mut below = self.carried(layer, &delta);
                for (row, activations) in below.iter_mut().zip(&a[layer]) {
                    row.iter_mut().zip(activations).filter(|(_, a)| **a == 0).for_each(|(v, _)| *v = 0);
                }
                delta = below;
            }
        }
        (after, loss_sum)
    }
}

fn rows_of(values: &[i64], columns: usize) -> Vec<Vec<i64>> {
    values.chunks(columns).map(<[i64]>::to_vec).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn steps_equal_the_equations_for_any_depth_and_batch(
        widths in proptest::collection::vec(1usize..6, 2..5), rows in 1usize..7, seed in any::<u64>(), step in 0u64..9,
    ) {
        let mut plan = TrainingPlan { layers: Layers::new(widths.clone()).unwrap(), ..plan("1,1", 0.3, 7) };
        // Narrow networks draw large weights; an excess is another test's subject.
        let wide = ["activations=20", "delta=20", "products=34", "gradients=38"];
        plan.bounds = plan.bounds.with(&wide.map(|text| text.parse().unwrap())).unwrap();
        let mut rng = SeededRng::new(seed, "batch");
        let inputs: Vec<i64> = (0..rows * widths[0]).map(|_| rng.below(1 << 15) as i64 - (1 << 14)).collect();
        let labels: Vec<u32> = (0..rows).map(|_| rng.below(plan.layers.outputs() as u64) as u32).collect();
        let rounding = MaskRounding::new(seed);
        let model = initial_model(&plan, seed);
        let naive = Naive { widths: &widths, model: &model, rounding: &rounding, step };
        let targets = rows_of(&one_hot(&labels, plan.layers.outputs(), 1 << 13), plan.layers.outputs());
        let d = (rows as f64 / 0.3).round() as i128;
        let (expected, loss_sum) = naive.step(&rows_of(&inputs, widths[0]), &targets, d);

        let mut twin = Twin::new(plan, model.clone(), &rounding, step).unwrap();
        let trace = twin.step(&inputs, &labels).unwrap();
        prop_assert_eq!(twin.model(), &expected);
        prop_assert_eq!(trace.loss_sum, loss_sum);
        prop_assert_eq!((trace.step, twin.next_step()), (step, step + 1));
    }
}

#[test]
fn a_resumed_training_goes_on_as_if_it_had_not_stopped() {
    let plan = plan("2,4,2", 0.2, 2);
    let rounding = MaskRounding::new(5);
    let batch = ([8192, -8192, 8192, 8192], [1, 0]);
    let mut whole = Twin::new(plan.clone(), initial_model(&plan, 5), &rounding, 0).unwrap();
    (0..3).for_each(|_| drop(whole.step(&batch.0, &batch.1).unwrap()));
    let mut resumed = Twin::new(plan, whole.model().clone(), &rounding, whole.next_step()).unwrap();
    assert_eq!(resumed.step(&batch.0, &batch.1).unwrap(), whole.step(&batch.0, &batch.1).unwrap());
    assert_eq!(resumed.model(), whole.model());
}

/// A step of a 1-1-1 network whose numbers are chosen so that one tensor leaves its bound.
fn excess(weights: [i64; 2], input: i64, overrides: &[&str]) -> MlpError {
    let overrides: Vec<BoundOverride> = overrides.iter().map(|text| text.parse().unwrap()).collect();
    let mut plan = plan("1,1,1", 0.5, 1);
    plan.bounds = plan.bounds.with(&overrides).unwrap();
    let model = FixedModel { weights: weights.map(|w| vec![w]).to_vec(), biases: vec![vec![0]; 2] };
    let twin = Twin::new(plan, model, FloorRounding, 7);
    twin.and_then(|mut twin| twin.step(&[input], &[0])).unwrap_err()
}

#[test]
fn the_first_excess_is_named_with_its_step_layer_tensor_and_bound() {
    const ONE: i64 = 1 << 13;
    let cases: [(MlpError, &str, usize, BoundName); 9] = [
        (excess([16 * ONE, 0], ONE, &[]), "a weight", 0, BoundName::Weights),
        (excess([ONE, 0], 16 * ONE, &[]), "an input", 0, BoundName::Inputs),
        (excess([8 * ONE, 0], 8 * ONE, &[]), "a weighted sum before division", 0, BoundName::Products),
        (excess([8 * ONE, 0], 8 * ONE, &["products=40"]), "a weighted sum", 0, BoundName::Activations),
        (excess([ONE, 2 * ONE], 3 * ONE, &["delta=15"]), "an output difference", 1, BoundName::Delta),
        (
            excess([ONE, 15 * ONE], ONE, &["products=28", "activations=18"]),
            "a weighted sum before division",
            1,
            BoundName::Products,
        ),
        (excess([ONE, 9 * ONE], ONE, &[]), "an error carried back, before division", 1, BoundName::Products),
        (excess([ONE, 9 * ONE], ONE, &["products=40"]), "an error carried back", 1, BoundName::Delta),
        (
            excess([ONE, 2 * ONE], 3 * ONE, &["gradients=27"]),
            "a weight gradient before division",
            0,
            BoundName::Gradients,
        ),
    ];
    for (error, tensor, layer, bound) in cases {
        let MlpError::BoundExceeded { moment, declared_bits, value_bits, .. } = &error else { panic!("{error}") };
        assert!(value_bits > declared_bits);
        assert_eq!(error.exit_code(), 3);
        let place = format!("{moment}, layer {layer}: {tensor} reached {value_bits} bits");
        let remedy = format!("--bound {bound}={value_bits}");
        assert_eq!(error.to_string().contains("learning rate"), !matches!(bound, BoundName::Inputs));
        assert!(error.to_string().starts_with(&place) && error.to_string().ends_with(&remedy), "{error}");
        assert_eq!(*moment, if tensor == "a weight" { Moment::Start } else { Moment::Step(7) });
    }
}

#[test]
fn a_failed_step_leaves_the_model_as_it_was() {
    let plan = plan("1,1", 0.5, 1);
    let model = FixedModel { weights: vec![vec![1 << 16]], biases: vec![vec![0]] };
    let mut twin = Twin::new(plan, model.clone(), FloorRounding, 0).unwrap();
    assert!(twin.step(&[1 << 16], &[0]).is_err());
    assert_eq!((twin.model(), twin.next_step()), (&model, 0));
}

#[test]
fn extreme_values_never_overflow() {
    const EXTREMES: [i64; 4] = [i64::MAX, i64::MIN, (1 << 40) - 1, 1 - (1 << 40)];
    let names = ["inputs=40", "weights=40", "activations=40", "delta=40", "products=80", "gradients=80"];
    for weight in EXTREMES {
        for input in EXTREMES {
            let error = excess([weight, weight], input, &names);
            assert!(matches!(error, MlpError::BoundExceeded { .. }), "{error}");
        }
    }
}

#[test]
fn batches_of_another_shape_are_refused() {
    let plan = plan("2,2", 0.5, 1);
    let mut twin = Twin::new(plan.clone(), FixedModel::zeros(&plan.layers), FloorRounding, 0).unwrap();
    assert!(matches!(twin.step(&[1, 2, 3], &[0]), Err(MlpError::Shape { .. })));
    assert!(matches!(twin.step(&[1, 2], &[2]), Err(MlpError::Label { row: 0, label: 2, classes: 2 })));
    assert!(matches!(twin.step(&[], &[]), Err(MlpError::Plan { .. })));
    assert!(twin.query(0, &[1, 2], 2).is_err());
    assert!(Twin::new(plan, FixedModel::zeros(&"2,3".parse().unwrap()), FloorRounding, 0).is_err());
}

#[test]
fn an_excess_beyond_every_possible_bound_promises_no_remedy_by_bound() {
    let error = excess([1 << 45, 0], 0, &["weights=40"]).to_string();
    assert!(error.contains("46 bits") && !error.contains("--bound"), "{error}");
}

#[test]
fn a_weighted_sum_of_zero_closes_its_gate() {
    let plan = plan("1,2,1", 0.5, 1);
    let model = FixedModel { weights: vec![vec![0, 1 << 13], vec![1 << 13; 2]], biases: vec![vec![0; 2], vec![0]] };
    let trace = Twin::new(plan, model, FloorRounding, 0).unwrap().step(&[3 << 13], &[0]).unwrap();
    assert_eq!(trace.forward.layers[0].gates, [false, true]);
    assert_eq!(trace.forward.scores(), [3 << 13]);
    assert_eq!(trace.deltas, [[0, 2 << 13].to_vec(), [2 << 13].to_vec()]);
    assert_eq!(trace.loss_sum, 4 << 26);
}
