//! Part 2: what the sizes of a real training's sums say about the rows.

use smlp::data::DataSpec;
use smlp::fixed::FixedPoint;
use smlp::mask::{MaskKey, Masks, Phase, Position, Purpose};
use smlp::mlp::{Batches, BoundName, DeclaredBounds, FixedModel, FloorRounding, InputKind, Layers, TrainingPlan, Twin};
use smlp::protocol::element::blinded_view;
use smlp::rng::SeededRng;
use smlp::train::TrainingData;

use super::{FACTOR_OCTAVES, SEEN};

const SEEDS: std::ops::Range<u64> = 1..6;
const HIDDEN: usize = 16;

/// For each row \[neurons\]: a size in octaves.
type Profiles = Vec<[f64; HIDDEN]>;

/// The training rows' classes, and what was seen of them.
struct Watched {
    labels: Vec<u32>,
    /// For each epoch, log2 of |2z - 1|.
    sizes: Vec<Profiles>,
    /// For each epoch, log2 of what P2 decrypts.
    views: Vec<Profiles>,
}

/// How far an attack gets.
#[derive(Default)]
struct Attack {
    correlation: f64,
    same_class: f64,
    same_class_if_known: f64,
    class: f64,
    class_if_known: f64,
}

pub fn print() {
    let trainings: Vec<Watched> = SEEDS.map(watch).collect();
    let (rows, count) = (trainings[0].labels.len(), trainings.len());
    println!("2. breast_cancer 30-16-2, {rows} rows, batch 32, learning rate 0.2; mean of {count} trainings");
    println!("   sizes of the {HIDDEN} sums of a row, estimated by P2 and, in brackets, if it knew them exactly");
    println!(
        "   {:>6}  {:>27}  {:>27}  {:>27}",
        "epochs", "correlation with the sizes", "same class looks alike, AUC", "class by main direction, AUC"
    );
    for seen in SEEN {
        let mut mean = Attack::default();
        for training in &trainings {
            let attack = training.attack(seen);
            mean.correlation += attack.correlation / count as f64;
            mean.same_class += attack.same_class / count as f64;
            mean.same_class_if_known += attack.same_class_if_known / count as f64;
            mean.class += attack.class / count as f64;
            mean.class_if_known += attack.class_if_known / count as f64;
        }
        println!(
            "   {seen:>6}  {:>27.3}  {:>27}  {:>27}",
            mean.correlation,
            format!("{:.3} ({:.3})", mean.same_class, mean.same_class_if_known),
            format!("{:.3} ({:.3})", mean.class, mean.class_if_known),
        );
    }
    println!("   an AUC of 0.5 is guessing, 1 is certainty; no attack here uses a label");
}

/// Trains in plain integers, which a secure run equals, and blinds each weighted sum of the hidden layer as P1 does.
fn watch(seed: u64) -> Watched {
    let (plan, data) = job(seed);
    let batches = Batches::new(data.train.rows(), plan.batch_rows, plan.drop_last, seed).expect("a valid batch size");
    let mut rng = SeededRng::new(seed, "leak demo, weights");
    let mut addend =
        || FixedModel::initial_addend(&plan.layers, plan.fixed, || rng.normal()).expect("weights are small");
    let (first, second) = (addend(), addend());
    let model = FixedModel::sum(&plan.layers, &first, &second).expect("both have the same shape");
    let mut twin = Twin::new(plan, model, FloorRounding, 0).expect("the model fits");
    let masks = MaskKey::from_experiment_seed(seed, "P1");
    let epochs = SEEN[SEEN.len() - 1];
    let empty = vec![[0.0; HIDDEN]; data.train.rows()];
    let mut watched =
        Watched { labels: data.train.labels.clone(), sizes: vec![empty.clone(); epochs], views: vec![empty; epochs] };
    for epoch in 0..epochs {
        for batch in batches.order(epoch as u64) {
            let members = &batches.members()[batch];
            let rows = data.train.select(members);
            let trace = twin.step(&rows.features, &rows.labels).expect("no bound is left at this learning rate");
            let position = Position { step: trace.step, phase: Phase::Compare, layer: 0, purpose: Purpose::Comparison };
            watched.see(epoch, members, &trace.forward.layers[0].z, &masks.at(position));
        }
    }
    watched
}

fn job(seed: u64) -> (TrainingPlan, TrainingData) {
    let fixed = FixedPoint::new(13).expect("13 bits are allowed");
    let bounds = DeclaredBounds::defaults(13);
    let spec = DataSpec::BreastCancer;
    let dataset = spec.load("label", seed).expect("the built-in data are readable");
    let bits = bounds.bits(BoundName::Inputs);
    let prepared = TrainingData::prepare(&dataset, spec.scaling(), 0.2, seed, fixed, bits);
    let plan = TrainingPlan {
        layers: Layers::new(vec![dataset.columns(), HIDDEN, dataset.classes()]).expect("three layers"),
        learning_rate: 0.2,
        batch_rows: 32,
        drop_last: false,
        fixed,
        inputs: InputKind::Features,
        bounds,
    };
    (plan, prepared.expect("the built-in data fit").0)
}

impl Watched {
    fn see(&mut self, epoch: usize, members: &[usize], sums: &[i64], masks: &Masks) {
        for (element, sum) in sums.iter().enumerate() {
            let (row, neuron) = (members[element / HIDDEN], element % HIDDEN);
            let view = blinded_view(*sum, &mut masks.element(element as u64));
            self.sizes[epoch][row][neuron] = ((2 * sum - 1).unsigned_abs() as f64).log2();
            self.views[epoch][row][neuron] = (view.unsigned_abs() as f64).log2();
        }
    }

    fn attack(&self, seen: usize) -> Attack {
        let sizes = collect(&self.sizes[..seen], mean);
        let estimates = collect(&self.views[..seen], estimate);
        Attack {
            correlation: correlation(estimates.as_flattened(), sizes.as_flattened()),
            same_class: self.same_class(&estimates),
            same_class_if_known: self.same_class(&sizes),
            class: self.class(&estimates),
            class_if_known: self.class(&sizes),
        }
    }

    /// Whether two rows of one class have profiles nearer to each other than rows of different classes.
    fn same_class(&self, profiles: &Profiles) -> f64 {
        let mut pairs = Vec::new();
        for (a, left) in profiles.iter().enumerate() {
            for (b, right) in profiles.iter().enumerate().skip(a + 1) {
                let distance: f64 = left.iter().zip(right).map(|(l, r)| (l - r).powi(2)).sum();
                pairs.push((-distance, self.labels[a] == self.labels[b]));
            }
        }
        area_under_curve(pairs)
    }

    /// Whether the direction in which profiles differ most tells the classes apart; P2 cannot know which is which.
    fn class(&self, profiles: &Profiles) -> f64 {
        let scores = main_direction(profiles);
        let area =
            area_under_curve(scores.into_iter().zip(&self.labels).map(|(score, label)| (score, *label == 1)).collect());
        area.max(1.0 - area)
    }
}

/// One value a row and neuron out of its values in some epochs.
fn collect(epochs: &[Profiles], of: fn(&[f64]) -> f64) -> Profiles {
    let value = |row: usize, neuron: usize| {
        let values: Vec<f64> = epochs.iter().map(|epoch| epoch[row][neuron]).collect();
        of(&values)
    };
    (0..epochs[0].len()).map(|row| std::array::from_fn(|neuron| value(row, neuron))).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The size between those that the largest and the least view allow: better than the mean, since lengths of factors are
/// uniform.
fn estimate(views: &[f64]) -> f64 {
    let least = views.iter().copied().fold(f64::INFINITY, f64::min);
    let largest = views.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (least - f64::from(FACTOR_OCTAVES.start) + largest - f64::from(FACTOR_OCTAVES.end)) / 2.0
}

fn correlation(left: &[f64], right: &[f64]) -> f64 {
    let (left_mean, right_mean) = (mean(left), mean(right));
    let sum =
        |f: fn(f64, f64) -> f64| -> f64 { left.iter().zip(right).map(|(l, r)| f(l - left_mean, r - right_mean)).sum() };
    sum(|l, r| l * r) / (sum(|l, _| l * l) * sum(|_, r| r * r)).sqrt()
}

/// The share of pairs of a positive and a negative in which the positive has the higher score.
fn area_under_curve(mut scored: Vec<(f64, bool)>) -> f64 {
    scored.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut negatives, mut positives, mut pairs) = (0.0, 0.0, 0.0);
    for (_, is_positive) in scored {
        match is_positive {
            true => {
                positives += 1.0;
                pairs += negatives;
            }
            false => negatives += 1.0,
        }
    }
    pairs / (positives * negatives)
}

/// Each profile's component along the first principal axis, by power iteration on the covariance.
fn main_direction(profiles: &Profiles) -> Vec<f64> {
    let centre: [f64; HIDDEN] =
        std::array::from_fn(|neuron| mean(&profiles.iter().map(|profile| profile[neuron]).collect::<Vec<_>>()));
    let centred: Profiles =
        profiles.iter().map(|profile| std::array::from_fn(|neuron| profile[neuron] - centre[neuron])).collect();
    let along = |axis: &[f64; HIDDEN]| -> Vec<f64> {
        centred.iter().map(|profile| profile.iter().zip(axis).map(|(value, weight)| value * weight).sum()).collect()
    };
    let mut axis = [1.0; HIDDEN];
    for _ in 0..200 {
        let components = along(&axis);
        let next: [f64; HIDDEN] = std::array::from_fn(|neuron| {
            centred.iter().zip(&components).map(|(profile, component)| profile[neuron] * component).sum()
        });
        let length = next.iter().map(|value| value * value).sum::<f64>().sqrt();
        axis = next.map(|value| value / length);
    }
    along(&axis)
}
