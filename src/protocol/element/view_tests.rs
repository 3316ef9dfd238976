//! What each server sees, checked with P2's key in hand: every value that P2 received is its mask plus the value, no
//! mask and no randomiser comes twice, and P1 gets fresh ciphertexts only. The checks return what is wrong, and fail
//! when a mask is reused, when sigma is 4, and when re-randomisation is off, short or repeated.

use std::collections::{HashMap, HashSet};

use rug::Integer;

use crate::arith::Exponents;
use crate::mask::{Phase, Purpose};
use crate::mlp::twin::StepTrace;
use crate::mlp::{FixedModel, TrainingPlan};
use crate::protocol::config::Comparison;
use crate::protocol::message::Operation;
use crate::protocol::place::Place;
use crate::protocol::randomizer::witness::Fault;
use crate::secret::SecretLimbs;

use super::max_enc::Blind;
use super::test_run::{Faults, Record, TestRun, engine, open, server_key};

const SIGMA: u32 = 40;

fn run(faults: Faults) -> (TestRun, Record) {
    let run = TestRun { faults, ..TestRun::on("xor", "2,3,2", 4, 6, 2) };
    let record = run.record();
    (run, record)
}

/// The values of a step in the clear, by where they are masked.
struct Clear<'a> {
    run: &'a TestRun,
    record: &'a Record,
    /// Which batch each step trained on.
    batches: Vec<usize>,
}

impl<'a> Clear<'a> {
    fn new(run: &'a TestRun, record: &'a Record) -> Self {
        let batches = run.config.batches().unwrap();
        let per_epoch = batches.steps_per_epoch();
        let batch = |step: usize| batches.order((step / per_epoch) as u64)[step % per_epoch];
        Clear { run, record, batches: (0..record.twin.len()).map(batch).collect() }
    }

    fn plan(&self) -> &TrainingPlan {
        &self.run.config.plan
    }

    fn trace(&self, step: u64) -> &StepTrace {
        &self.record.twin[step as usize]
    }

    /// Weights before the step.
    fn model(&self, step: u64) -> &FixedModel {
        if step == 0 { &self.record.initial } else { &self.record.models[step as usize - 1] }
    }

    /// Input of a layer.
    fn below(&self, step: u64, layer: usize) -> Vec<i64> {
        match layer {
            0 => self.batch_inputs(self.batches[step as usize]),
            _ => self.trace(step).forward.layers[layer - 1].activations.clone(),
        }
    }

    fn batch_inputs(&self, batch: usize) -> Vec<i64> {
        let members = self.run.config.batches().unwrap().members()[batch].clone();
        crate::mlp::batches::gather(&self.run.features, self.plan().layers.inputs(), &members)
    }

    fn batch_targets(&self, batch: usize) -> Vec<i64> {
        let members = self.run.config.batches().unwrap().members()[batch].clone();
        let labels = crate::mlp::batches::gather(&self.run.labels, 1, &members);
        crate::mlp::metrics::one_hot(&labels, self.plan().layers.outputs(), self.plan().fixed.one())
    }

    /// The pairs that MulEnc multiplies, in the order of the message.
    fn factors(&self, place: Place) -> Vec<(i64, i64)> {
        let layer = usize::from(place.layer);
        let (fan_in, fan_out) = (self.plan().layers.fan_in(layer), self.plan().layers.fan_out(layer));
        let (trace, weights) = (self.trace(place.step), &self.model(place.step).weights);
        let below = self.below(place.step, layer);
        let rows = below.len() / fan_in;
        let mut pairs = Vec::new();
        match place.phase {
            Phase::Forward => each([rows, fan_out, fan_in], |[r, o, i]| {
                pairs.push((weights[layer][o * fan_in + i], below[r * fan_in + i]));
            }),
            Phase::Gate => {
                let trace = &trace.forward.layers[layer];
                pairs.extend(trace.z.iter().zip(&trace.gates).map(|(z, gate)| (*z, i64::from(*gate))));
            }
            Phase::Loss => pairs.extend(trace.deltas.last().unwrap().iter().map(|delta| (*delta, *delta))),
            Phase::Backward => each([rows, fan_in, fan_out], |[r, i, o]| {
                pairs.push((weights[layer][o * fan_in + i], trace.deltas[layer][r * fan_out + o]));
            }),
            Phase::BackwardGate => {
                let gates = &trace.forward.layers[layer - 1].gates;
                let carried = trace.deltas[layer - 1].iter().zip(gates);
                // Behind a closed gate the trace holds 0 and not the carried value, which the masks alone determine.
                pairs.extend(carried.map(|(value, gate)| (if *gate { *value } else { CLOSED }, i64::from(*gate))));
            }
            Phase::Gradient => each([fan_out, fan_in, rows], |[o, i, r]| {
                pairs.push((trace.deltas[layer][r * fan_out + o], below[r * fan_in + i]));
            }),
            phase => panic!("{phase:?} multiplies nothing"),
        }
        pairs
    }

    /// The values that DivEnc divides, in the order of the message.
    fn dividends(&self, place: Place) -> Vec<i128> {
        let terms = |place: Place| match place.phase {
            Phase::Forward => self.plan().layers.fan_in(usize::from(place.layer)),
            Phase::Backward => self.plan().layers.fan_out(usize::from(place.layer)),
            _ => {
                self.factors(place).len()
                    / self.plan().layers.fan_in(place.layer.into())
                    / self.plan().layers.fan_out(place.layer.into())
            }
        };
        match (place.phase, place.layer) {
            (Phase::Input, 0) => self.batch_inputs(place.step as usize).into_iter().map(i128::from).collect(),
            (Phase::Input, _) => self.batch_targets(place.step as usize).into_iter().map(i128::from).collect(),
            (Phase::BiasGradient, layer) => {
                let delta = &self.trace(place.step).deltas[usize::from(layer)];
                let fan_out = self.plan().layers.fan_out(layer.into());
                (0..fan_out).map(|o| delta.iter().skip(o).step_by(fan_out).map(|v| i128::from(*v)).sum()).collect()
            }
            _ => {
                let products = self.factors(place);
                let sum = |pairs: &[(i64, i64)]| pairs.iter().map(|(l, r)| i128::from(*l) * i128::from(*r)).sum();
                products.chunks(terms(place)).map(sum).collect()
            }
        }
    }
}

/// Stands for a value that the twin's trace does not hold.
const CLOSED: i64 = i64::MAX;

fn each(counts: [usize; 3], mut visit: impl FnMut([usize; 3])) {
    for a in 0..counts[0] {
        for b in 0..counts[1] {
            for c in 0..counts[2] {
                visit([a, b, c]);
            }
        }
    }
}

/// Every value that P2 received is its recorded mask plus the value.
fn check_values(run: &TestRun, record: &Record) -> Result<(), String> {
    let clear = Clear::new(run, record);
    let drawn: HashMap<_, _> =
        record.cloud.drawn.iter().map(|drawn| ((drawn.place, drawn.purpose), &drawn.masks)).collect();
    let masked = |place: Place, purpose: Purpose, plain: &[Integer], values: &[i128]| {
        let masks = drawn[&(place, purpose)];
        assert_eq!((masks.len(), plain.len()), (values.len(), values.len()), "{place}");
        let wrong = (0..values.len())
            .filter(|&i| values[i] != i128::from(CLOSED))
            .find(|&i| plain[i] != &masks[i] + Integer::from(values[i]));
        wrong.map_or(Ok(()), |i| Err(format!("{place}, {purpose:?} {i}: not its mask plus the value")))
    };
    for (place, operation, ciphertexts) in &record.at_key_server {
        let plain = open(ciphertexts);
        match operation {
            Operation::Multiply => {
                let (left, right): (Vec<i128>, Vec<i128>) =
                    clear.factors(*place).iter().map(|(l, r)| (i128::from(*l), i128::from(*r))).unzip();
                masked(*place, Purpose::Left, &plain[..left.len()], &left)?;
                masked(*place, Purpose::Right, &plain[left.len()..], &right)?;
            }
            Operation::Divide => masked(*place, Purpose::Division, &plain, &clear.dividends(*place))?,
            Operation::Compare => check_comparison(&clear, *place, &plain)?,
            operation => panic!("{operation:?} is not part of this run"),
        }
    }
    Ok(())
}

/// Each value of a comparison is s (rho (2a - 1) + u) of one element, and the order is not theirs.
fn check_comparison(clear: &Clear<'_>, place: Place, plain: &[Integer]) -> Result<(), String> {
    let masks = clear.record.masks.at(place.position(Purpose::Comparison));
    let values = &clear.trace(place.step).forward.layers[usize::from(place.layer)].z;
    let blinded = |(element, value): (usize, &i64)| {
        let blind = Blind::draw(&mut masks.element(element as u64));
        let sign = 1 - 2 * i64::from(blind.negative.unwrap_u8());
        (Integer::from(blind.factor) * (2 * value - 1) + blind.offset) * sign
    };
    let in_order: Vec<Integer> = values.iter().enumerate().map(blinded).collect();
    let (mut expected, mut found) = (in_order.clone(), plain.to_vec());
    if in_order == found {
        return Err(format!("{place}: the elements are not permuted"));
    }
    expected.sort();
    found.sort();
    if expected == found { Ok(()) } else { Err(format!("{place}: a value is not its blinded comparison")) }
}

/// Masks are in the range of rule 2, fill it, and none comes twice.
fn check_masks(record: &Record) -> Result<(), String> {
    let mut seen = HashSet::new();
    let mut top_bits: HashMap<u32, (usize, usize)> = HashMap::new();
    for drawn in &record.cloud.drawn {
        let low = Integer::from(1) << drawn.value_bits;
        let middle = &low + (Integer::from(1) << (drawn.value_bits + SIGMA - 1));
        let high = &low + (Integer::from(1) << (drawn.value_bits + SIGMA));
        for mask in &drawn.masks {
            if *mask < low || *mask >= high {
                return Err(format!("{}: a mask is out of its range", drawn.place));
            }
            if !seen.insert(mask.clone()) {
                return Err(format!("{}: a mask comes twice", drawn.place));
            }
            let (above, all) = top_bits.entry(drawn.value_bits).or_default();
            *above += usize::from(*mask >= middle);
            *all += 1;
        }
    }
    for (value_bits, (above, all)) in top_bits {
        // Half of the masks lie in the upper half of the range: six standard deviations around it.
        let slack = 3.0 * (all as f64).sqrt();
        if (above as f64 - all as f64 / 2.0).abs() > slack {
            return Err(format!("{above} of {all} masks for {value_bits} bits in the upper half of their range"));
        }
    }
    Ok(())
}

/// P2 opens the randomisers of what P1 sent and finds what it knew times h^s, s of rule 1's length, none repeated.
fn check_randomizers(run: &TestRun, record: &Record) -> Result<(), String> {
    let key = server_key().public_key();
    let modulus = key.modulus().value();
    let exponent_bits = key.chain_randomizer_bits(run.config.sigma);
    let mut seen = HashSet::new();
    let mut longest = 0;
    for ((place, _, sent), randomized) in record.at_key_server.iter().zip(&record.randomized) {
        let limbs = exponent_bits.div_ceil(64) as usize;
        let exponents: Vec<_> = randomized.exponents.iter().map(|s| SecretLimbs::from_integer(s, limbs)).collect();
        let exponents = Exponents::single_use(exponents, exponent_bits);
        let expected = engine(2).store(&key.randomizers(engine(2), &exponents).unwrap());
        let before = randomizer_parts(&randomized.before);
        for (i, opened) in randomizer_parts(sent).into_iter().enumerate() {
            if opened != Integer::from(&before[i] * &expected[i]) % modulus {
                return Err(format!("{place}, ciphertext {i}: its randomiser is not the known product times h^s"));
            }
            if !seen.insert(randomized.exponents[i].clone()) {
                return Err(format!("{place}, ciphertext {i}: an s comes twice"));
            }
            longest = longest.max(randomized.exponents[i].significant_bits());
        }
    }
    if longest + 8 < exponent_bits {
        return Err(format!("the longest s has {longest} bits where {exponent_bits} are due"));
    }
    Ok(())
}

/// c (1 + n)^-m modulo n^2 for each ciphertext: what P2 sees beside the plaintext.
fn randomizer_parts(ciphertexts: &crate::paillier::Ciphertexts) -> Vec<Integer> {
    let (key, engine) = (server_key().public_key(), engine(2));
    let negated: Vec<Integer> = open(ciphertexts).into_iter().map(|m| -m).collect();
    engine.store(&engine.product(ciphertexts.batch(), key.encode_many(engine, &negated).batch()).unwrap())
}

/// P1 receives fresh ciphertexts: no randomiser is trivial or repeated, and comparisons come back as E[beta].
fn check_cloud(record: &Record) -> Result<(), String> {
    let mut seen = HashSet::new();
    let mut bits = 0;
    for (place, operation, ciphertexts) in &record.cloud.received {
        for randomizer in randomizer_parts(ciphertexts) {
            if randomizer == 1 || !seen.insert(randomizer) {
                return Err(format!("{place}: P1 received a ciphertext that is not fresh"));
            }
        }
        if *operation == Operation::Compare {
            let plain = open(ciphertexts);
            if plain.iter().any(|bit| *bit != 0 && *bit != 1) {
                return Err(format!("{place}: a comparison came back as something other than an encrypted bit"));
            }
            bits += plain.len();
        }
    }
    if bits == 0 { Err("no comparison came back".into()) } else { Ok(()) }
}

#[test]
fn both_views_hold_what_the_protocol_says_and_nothing_else() {
    let (run, record) = run(Faults::default());
    assert_eq!(record.at_key_server.len(), record.randomized.len(), "a message left P1 without randomisers");
    check_values(&run, &record).unwrap();
    check_masks(&record).unwrap();
    check_randomizers(&run, &record).unwrap();
    check_cloud(&record).unwrap();
}

/// With comparisons that leak nothing, the test of the model among them: no mask comes twice, P2's bits are a fair coin's.
#[test]
fn comparisons_that_leak_nothing_show_fresh_masks_and_balanced_bits() {
    let mut run = TestRun::on("xor", "2,4,2", 4, 6, 2);
    run.config.comparison = Comparison::Dgk;
    // Every comparison of a neuron has the same result.
    run.features.fill(0);
    let record = run.record();
    check_masks(&record).unwrap();
    check_randomizers(&run, &record).unwrap();
    let parameters = 2 * 4 + 4 + 4 * 2 + 2;
    assert_eq!(record.zeros.len(), (4 + 2) * 4 + 2 * parameters, "neurons of every row, twice the model");
    let ones = record.zeros.iter().filter(|zero| **zero).count() as f64;
    // Six standard deviations.
    assert!((ones - 34.0).abs() < 3.0 * 68f64.sqrt(), "{ones} of 68");
}

#[test]
fn a_reused_mask_is_noticed() {
    let (_, record) = run(Faults { reuse_masks: true, ..Faults::default() });
    assert!(check_masks(&record).unwrap_err().contains("comes twice"));
}

#[test]
fn a_short_sigma_is_noticed() {
    let (_, record) = run(Faults { sigma: Some(4), ..Faults::default() });
    let error = check_masks(&record).unwrap_err();
    assert!(error.contains("comes twice") || error.contains("upper half"), "{error}");
}

#[test]
fn missing_repeated_and_short_randomisers_are_noticed() {
    let error = |fault| {
        let (run, record) = run(Faults { randomizer: Some(fault), ..Faults::default() });
        check_randomizers(&run, &record).unwrap_err()
    };
    assert!(error(Fault::Off).contains("known product times h^s"));
    assert!(error(Fault::Repeated).contains("an s comes twice"));
    assert!(error(Fault::Short).contains("bits where"));
}

/// P2 knows the randomisers it made itself: the weights that P1 sends back in the first step are exactly those times h^s.
#[test]
fn the_known_product_is_what_the_key_server_made() {
    let (_, record) = run(Faults::default());
    let modulus = server_key().public_key().modulus().value();
    let of = |messages: &[super::test_run::Message], phase, operation| {
        let (.., ciphertexts) =
            messages.iter().find(|(place, op, _)| place.phase == phase && *op == operation && place.step == 0).unwrap();
        randomizer_parts(ciphertexts)
    };
    let made = of(&record.cloud.received, Phase::Initial, Operation::Weights);
    let sent = of(&record.at_key_server, Phase::Forward, Operation::Multiply);
    let message = record.at_key_server.iter().position(|(place, ..)| place.phase == Phase::Forward).unwrap();
    let h = server_key().public_key().h();
    // Left operands come row by row: weight w of the first layer is element w of the first row.
    for weight in 0..6 {
        let s = &record.randomized[message].exponents[weight];
        let fresh = Integer::from(h.pow_mod_ref(s, modulus).unwrap());
        assert_eq!(sent[weight], Integer::from(&made[weight] * &fresh) % modulus, "weight {weight}");
    }
}
