//! Part 1: how much is known about the size of a value that does not change.

use smlp::mask::{MaskKey, Phase, Position, Purpose};
use smlp::protocol::element::blinded_view;
use smlp::rng::SeededRng;

use super::{FACTOR_OCTAVES, SEEN};

const TRIALS: u64 = 1000;
/// M = |2Y - 1| of a value Y of up to 17 bits lies in one of these octaves.
const OCTAVES: u32 = 17;
const MAX_CANDIDATES_AN_OCTAVE: u64 = 32;

/// What P2 knows after seeing a value some times, over many values.
#[derive(Default)]
struct Knowledge {
    bits: f64,
    octave_right: f64,
    deviation: f64,
    sign_right: f64,
}

pub fn print() {
    println!("1. a value Y that stays what it is, in one of {OCTAVES} equally likely octaves; {TRIALS} values");
    println!(
        "   {:>5}  {:>22}  {:>13}  {:>18}  {:>12}",
        "seen", "bits about the octave", "octave right", "size known to", "sign right"
    );
    for seen in SEEN {
        let Knowledge { bits, octave_right, deviation, sign_right } = study(seen);
        let of = f64::from(OCTAVES).log2();
        println!(
            "   {seen:>5}  {:>22}  {octave_right:>13.3}  {:>18}  {sign_right:>12.3}",
            format!("{bits:.2} of {of:.2}"),
            format!("+- {deviation:.2} octaves"),
        );
    }
}

fn study(seen: usize) -> Knowledge {
    let candidates = candidates();
    let mut rng = SeededRng::new(1, "leak demo, values");
    let masks = MaskKey::from_experiment_seed(1, "leak demo");
    let mut mean = Knowledge::default();
    for trial in 0..TRIALS {
        let octave = rng.below(u64::from(OCTAVES)) as usize;
        let magnitude = candidates[octave][rng.below(candidates[octave].len() as u64) as usize];
        let is_positive = rng.below(2) == 0;
        let value = if is_positive { (magnitude + 1) / 2 } else { (1 - magnitude) / 2 };
        let position = Position { step: trial, phase: Phase::Compare, layer: 0, purpose: Purpose::Comparison };
        let masks = masks.at(position);
        let views: Vec<i128> = (0..seen).map(|k| blinded_view(value, &mut masks.element(k as u64))).collect();

        let posterior = posterior(&candidates, &views);
        let of_octave = |octave: usize| posterior[octave].iter().sum::<f64>();
        let best = (0..candidates.len()).max_by(|a, b| of_octave(*a).total_cmp(&of_octave(*b)));
        let positive = views.iter().filter(|view| **view > 0).count();
        // A tie is broken by a coin.
        let guess = if positive * 2 == seen { rng.below(2) == 0 } else { positive * 2 > seen };
        mean.bits += (of_octave(octave) * f64::from(OCTAVES)).log2() / TRIALS as f64;
        mean.octave_right += f64::from(u8::from(best == Some(octave))) / TRIALS as f64;
        mean.deviation += deviation(&candidates, &posterior) / TRIALS as f64;
        mean.sign_right += f64::from(u8::from(guess == is_positive)) / TRIALS as f64;
    }
    mean
}

/// Odd magnitudes of each octave, evenly spread.
fn candidates() -> Vec<Vec<i64>> {
    let of_octave = |octave: u32| {
        let count = 1u64 << (octave - 1);
        let step = count.div_ceil(MAX_CANDIDATES_AN_OCTAVE);
        (0..count).step_by(step as usize).map(|index| (1i64 << octave) + 2 * index as i64 + 1).collect()
    };
    (1..=OCTAVES).map(of_octave).collect()
}

/// The probability of each candidate, each octave being equally likely before.
fn posterior(candidates: &[Vec<i64>], views: &[i128]) -> Vec<Vec<f64>> {
    let log = |magnitude: &i64, count: usize| {
        views.iter().map(|view| likelihood(view.unsigned_abs() as f64, *magnitude).ln()).sum::<f64>()
            - (count as f64).ln()
    };
    let logs: Vec<Vec<f64>> =
        candidates.iter().map(|octave| octave.iter().map(|magnitude| log(magnitude, octave.len())).collect()).collect();
    let highest = logs.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<Vec<f64>> =
        logs.iter().map(|octave| octave.iter().map(|log| (log - highest).exp()).collect()).collect();
    let total: f64 = weights.iter().flatten().sum();
    weights.iter().map(|octave| octave.iter().map(|weight| weight / total).collect()).collect()
}

/// p(t | M) up to a factor that no M changes: the factors rho with |t - rho M| < rho, each with the density of its length
/// and one of 2 rho - 1 offsets.
fn likelihood(view: f64, magnitude: i64) -> f64 {
    let (low, high) = (view / (magnitude + 1) as f64, view / (magnitude - 1) as f64);
    let of_octave = |octave: i32| {
        let (start, end) = (low.max(2f64.powi(octave)), high.min(2f64.powi(octave + 1)));
        if start < end { (end / start).ln() / 2f64.powi(octave) } else { 0.0 }
    };
    FACTOR_OCTAVES.map(of_octave).sum()
}

/// Standard deviation of log2 of the magnitude.
fn deviation(candidates: &[Vec<i64>], posterior: &[Vec<f64>]) -> f64 {
    let pairs =
        || candidates.iter().flatten().map(|magnitude| (*magnitude as f64).log2()).zip(posterior.iter().flatten());
    let mean: f64 = pairs().map(|(size, probability)| size * probability).sum();
    pairs().map(|(size, probability)| (size - mean).powi(2) * probability).sum::<f64>().sqrt()
}
