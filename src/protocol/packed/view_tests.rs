//! What each server sees, message by message: a masked value or a blinded comparison and nothing else; masks have the
//! range of rule 2, fill it, and none comes twice; results leave under fresh randomisers of rule 1's length. The checks
//! return what is wrong, and fail when a mask is reused, when the mask of a gate is short, and without randomisers.

use std::collections::{HashMap, HashSet};

use rug::Integer;
use subtle::Choice;

use crate::mask::{MaskKey, Phase, Purpose};
use crate::mlp::TrainingPlan;
use crate::paillier::{Ciphertexts, KeyForm, SlotLayout};
use crate::protocol::element::{Blind, EXPONENT_OFFSET_BITS, TestRun, engine, server_key_of};
use crate::protocol::message::Operation;
use crate::protocol::place::Place;

use super::factor::{Lifetime, ProductLayout};
use super::share::Share;
use super::slots::RowLayout;
use super::state::SharedModel;
use super::test_run::{Fault, Record, Witness, cloud_key_of, record_with, refusal};
use super::widths::{ProductWidths, Widths};

const SIGMA: u32 = 40;

struct View {
    plan: TrainingPlan,
    widths: Widths,
    key_bits: u32,
    uses: u64,
    seed: u64,
    record: Record,
}

fn view(fault: Option<Fault>) -> View {
    view_under(KeyForm::Full, fault)
}

fn view_under(form: KeyForm, fault: Option<Fault>) -> View {
    view_of("2,6,4,2", form, fault)
}

fn view_of(layers: &str, form: KeyForm, fault: Option<Fault>) -> View {
    let mut run = TestRun::on("xor", layers, 4, 6, 2);
    run.config.key_form = form;
    let widths = Widths::of_job(&run.config).unwrap();
    let (key_bits, uses) =
        (run.config.key_bits, run.config.uses_of_a_batch(run.config.batches().unwrap().members().len()));
    View { plan: run.config.plan.clone(), widths, key_bits, uses, seed: run.seed, record: record_with(run, fault) }
}

impl View {
    /// T1 and T2 of one step's tensors.
    fn shares(&self, step: u64, pick: impl Fn(&super::test_run::StepShares) -> &Share) -> (Share, Share) {
        let step = step as usize;
        (pick(&self.record.cloud.steps[step]).clone(), pick(&self.record.key.steps[step]).clone())
    }

    fn clear(&self, step: u64, pick: impl Fn(&super::test_run::StepShares) -> &Share) -> Share {
        let (cloud, key) = self.shares(step, pick);
        key.minus(&cloud)
    }

    /// Weights before the step.
    fn weights(&self, step: u64, layer: usize) -> Share {
        let models = &self.record.models;
        let model = if step == 0 { &self.record.initial } else { &models[step as usize - 1] };
        SharedModel::from_fixed(&self.plan.layers, model).weights[layer].clone()
    }

    /// A in the clear, and X1 and X2, of the product at `place`.
    fn factors(&self, Place { step, phase, layer }: Place) -> (Share, Share, Share) {
        let layer = usize::from(layer);
        let below = self.shares(step, |step| &step.activations[layer]);
        let deltas = self.shares(step, |step| &step.deltas[layer]);
        match phase {
            Phase::Forward => (self.weights(step, layer), below.0, below.1),
            Phase::Backward => (self.weights(step, layer).transposed(), deltas.0, deltas.1),
            Phase::Gradient => (deltas.1.minus(&deltas.0), below.0.transposed(), below.1.transposed()),
            Phase::Loss => (deltas.1.minus(&deltas.0), deltas.0.transposed(), deltas.1.transposed()),
            phase => panic!("{phase:?} multiplies no matrices"),
        }
    }

    /// A X1 of the product at `place`, in plaintexts.
    fn cross(&self, place: Place) -> Share {
        let (left, first, _, layout) = self.product(place);
        let plaintexts = layout.pack(&left.product(engine(2), &first));
        Share::new(1, plaintexts.len(), plaintexts)
    }

    /// A in the clear and X1 of the product at `place`, its widths, and how it lies in plaintexts.
    fn product(&self, place: Place) -> (Share, Share, ProductWidths, ProductLayout) {
        let (left, mut first, _) = self.factors(place);
        let layer = usize::from(place.layer);
        let rides = place.phase == Phase::Gradient && layer > 0 && self.plan.layers.is_output(layer);
        if rides {
            let (delta, _) = self.shares(place.step, |step| &step.deltas[layer]);
            first = first.beside(&delta.transposed());
        }
        let widths = match place.phase {
            Phase::Forward => self.widths.forward(layer),
            Phase::Backward => self.widths.backward(layer),
            Phase::Loss => self.widths.squares(first.rows()),
            _ if rides => self.widths.gradient_and_squares(first.rows()),
            _ => self.widths.gradient(layer, first.rows()),
        };
        let is_kept = layer == 0 && place.phase != Phase::Backward;
        let lifetime = if is_kept { Lifetime::Products(self.uses) } else { Lifetime::Once };
        let layout = widths.layout(self.key_bits, first.columns(), lifetime).unwrap();
        (left, first, widths, layout)
    }

    /// Bits of the exponents behind a result, and how many are added up in one.
    fn raised(&self, place: Place, operation: Operation) -> Option<(u32, usize)> {
        match (place.phase, operation) {
            (_, Operation::Gate | Operation::Compare) => raised(&self.widths, self.key_bits, place),
            (Phase::Input, _) => None,
            _ => {
                let (_, first, widths, layout) = self.product(place);
                let inner = first.rows();
                let whole = inner * (layout.columns / layout.slots() as usize);
                Some((widths.left_share + 1, inner.max(layout.factor_plaintexts(inner) - whole)))
            }
        }
    }

    /// P1 sees A X1 under P2's masks, and U under P2's masks, a plaintext or a block as one number: no more of any product,
    /// and of no gate its bit.
    fn check_cloud(&self) -> Result<(), String> {
        let mut before = HashSet::new();
        for (place, seen, value_bits) in &self.record.cloud.seen {
            let is_first = before.insert(*place);
            let Record { cloud, key, .. } = &self.record;
            let (purpose, hidden) = match (place.phase, is_first) {
                (Phase::Gate | Phase::BackwardGate, _) => {
                    mixed((cloud, key), *place, is_first, &self.widths, self.key_bits)
                }
                (_, true) => (Purpose::Left, self.cross(*place)),
                (_, false) => return Err(format!("{place}: P1 saw it twice")),
            };
            masked(&self.record.key, *place, purpose, seen, &hidden, *value_bits)?;
        }
        let phases: HashSet<Phase> = self.record.cloud.seen.iter().map(|(place, ..)| place.phase).collect();
        let expected = if self.plan.layers.weight_layers() > 1 { 5 } else { 3 };
        if phases.len() == expected { Ok(()) } else { Err(format!("P1 saw {phases:?} only")) }
    }

    /// P2 sees every value under P1's mask, and blinded comparisons.
    fn check_key(&self) -> Result<(), String> {
        let mut before = HashMap::new();
        for (place, seen, value_bits) in &self.record.key.seen {
            let (step, layer) = (place.step, usize::from(place.layer));
            let earlier = before.entry(*place).or_insert(0);
            let (purpose, hidden) = match (place.phase, *earlier) {
                (Phase::Input, _) => {
                    *earlier += 1;
                    continue;
                }
                (Phase::Compare, _) => {
                    self.check_comparison(*place, seen, *value_bits)?;
                    continue;
                }
                (Phase::Gate, _) => (Purpose::Refresh, self.clear(step, |step| &step.activations[layer + 1])),
                (Phase::BackwardGate, _) => (Purpose::Refresh, self.clear(step, |step| &step.deltas[layer - 1])),
                (Phase::Loss, _) => {
                    let delta = self.clear(step, |step| &step.deltas[layer]);
                    (Purpose::Refresh, delta.product(engine(2), &delta.transposed()))
                }
                (Phase::BiasGradient, 0) => {
                    (Purpose::Division, self.clear(step, |step| &step.deltas[layer]).row_sums())
                }
                (Phase::BiasGradient, _) => (Purpose::Refresh, self.clear(step, |step| &step.model.biases[layer])),
                (Phase::Gradient, 1) => (Purpose::Refresh, self.clear(step, |step| &step.model.weights[layer])),
                _ => {
                    let (left, first, second) = self.factors(*place);
                    (Purpose::Division, left.product(engine(2), &second.minus(&first)))
                }
            };
            *earlier += 1;
            masked(&self.record.cloud, *place, purpose, seen, &hidden, *value_bits)?;
        }
        let phases: HashSet<Phase> = self.record.key.seen.iter().map(|(place, ..)| place.phase).collect();
        let expected = if self.plan.layers.weight_layers() > 1 { 9 } else { 5 };
        if phases.len() == expected { Ok(()) } else { Err(format!("P2 saw {phases:?} only")) }
    }

    /// Each value is s (rho (2a - 1) + u) + 2^(w-1) of its element.
    fn check_comparison(&self, place: Place, seen: &Share, slot_bits: u32) -> Result<(), String> {
        let masks = MaskKey::from_experiment_seed(self.seed, "P1").at(place.position(Purpose::Comparison));
        let sums = self.clear(place.step, |step| &step.sums[usize::from(place.layer)]).flat();
        let expected = sums.map(|element, value| {
            let blind = Blind::draw(&mut masks.element(element as u64));
            let sign = 1 - 2 * i64::from(blind.negative.unwrap_u8());
            let plain = Integer::from(blind.factor) * (Integer::from(2 * value) - 1) + blind.offset;
            plain * sign + (Integer::from(1) << (slot_bits - 1))
        });
        match expected.values() == seen.values() {
            true => Ok(()),
            false => Err(format!("{place}: a value is not its blinded comparison")),
        }
    }
}

/// What P1 sees of the gate at `place`, in blocks, and what the masks are for that hide it: U of a first gate; of a second
/// one beta A, beside the first, and tau B.
pub(super) fn mixed(
    (cloud, key): (&Witness, &Witness),
    place: Place,
    is_first: bool,
    widths: &Widths,
    key_bits: u32,
) -> (Purpose, Share) {
    let at = |witness: &Witness| {
        let (_, share, bits) = witness.gated.iter().find(|(at, ..)| *at == place).unwrap();
        (share.clone(), bits.iter().map(|bit| i32::from(bit.unwrap_u8())).collect::<Vec<_>>())
    };
    let ((first, tau), (second, beta)) = (at(cloud), at(key));
    let of_cloud = first.map(|k, first| Integer::from(beta[k] * (2 * tau[k] - 1)) * first);
    let of_key = second.map(|k, second| Integer::from(tau[k] * (1 - 2 * beta[k])) * second);
    let (purpose, mixed) = match (place.phase, is_first) {
        (Phase::BackwardGate | Phase::LabelValue, true) => (Purpose::Left, of_cloud),
        (Phase::BackwardGate | Phase::LabelValue, false) => (Purpose::Right, of_key),
        _ => (Purpose::Left, of_cloud.plus(&of_key)),
    };
    let gate = widths.gate(place.phase);
    let slots = SlotLayout { slot_bits: gate.slot_bits(), slots: gate.slots(key_bits) };
    let rows = RowLayout { slots, columns: mixed.values().len() };
    (purpose, Share::new(1, rows.per_row(), rows.pack(&mixed.flat())))
}

/// `seen` is the other's recorded masks plus `hidden`, which are within the bound that the masks were drawn for.
pub(super) fn masked(
    drawer: &Witness,
    place: Place,
    purpose: Purpose,
    seen: &Share,
    hidden: &Share,
    value_bits: u32,
) -> Result<(), String> {
    let drawn = drawer.drawn.iter().find(|drawn| (drawn.place, drawn.purpose) == (place, purpose)).unwrap();
    if drawn.value_bits != value_bits {
        return Err(format!("{place}: masks for {} bits where {value_bits} are due", drawn.value_bits));
    }
    assert_eq!(seen.values().len(), hidden.values().len(), "{place}");
    for (i, (seen, hidden)) in seen.values().iter().zip(hidden.values()).enumerate() {
        if *seen != Integer::from(hidden + &drawn.masks[i]) {
            return Err(format!("{place}, {purpose:?} {i}: not its mask plus the value"));
        }
        if hidden.significant_bits() > value_bits {
            return Err(format!("{place}, {purpose:?} {i}: a value of more than {value_bits} bits"));
        }
    }
    Ok(())
}

/// Masks are in the range of rule 2, fill it, none is short, and none comes twice.
pub(super) fn check_masks(witness: &Witness) -> Result<(), String> {
    let mut seen = HashSet::new();
    let mut top_bits: HashMap<(Phase, u32), (usize, usize)> = HashMap::new();
    for drawn in &witness.drawn {
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
            // One in 2^30 is as short as that.
            if Integer::from(mask - &low).significant_bits() <= drawn.value_bits + SIGMA - 30 {
                return Err(format!("{}, {:?}: a short mask", drawn.place, drawn.purpose));
            }
            let (above, all) = top_bits.entry((drawn.place.phase, drawn.value_bits)).or_default();
            *above += usize::from(*mask >= middle);
            *all += 1;
        }
    }
    for ((phase, value_bits), (above, all)) in top_bits {
        // Half of the masks lie in the upper half of the range: six standard deviations around it.
        let slack = 3.0 * (all as f64).sqrt();
        if (above as f64 - all as f64 / 2.0).abs() > slack {
            return Err(format!(
                "{phase:?}: {above} of {all} masks for {value_bits} bits in the upper half of their range"
            ));
        }
    }
    Ok(())
}

/// As [`View::raised`], of gates and comparisons: a power of each element of a plaintext, and as many P1's shares.
pub(super) fn raised(widths: &Widths, key_bits: u32, place: Place) -> Option<(u32, usize)> {
    match place.phase {
        Phase::Compare | Phase::LabelCompare => {
            let slots = SlotLayout::for_key(key_bits, widths.compare_slot_bits(place.phase)).unwrap();
            Some((EXPONENT_OFFSET_BITS + 1, slots.slots as usize))
        }
        _ => {
            let gate = widths.gate(place.phase);
            Some((gate.share_bits + 2, 2 * gate.slots(key_bits) as usize))
        }
    }
}

/// The least that any result was raised to, where the shapes are another test's concern.
pub(super) fn raised_at_least(place: Place, _: Operation) -> Option<(u32, usize)> {
    let is_users = matches!(place.phase, Phase::Input | Phase::Initial);
    (!is_users).then_some((20, 1))
}

/// What arrives is what its sender computed times something fresh, of at least E + T + ceil(log2 d) + sigma bits of h's
/// exponent, T and d as `raised` has them, where a server raises; of |n| + sigma bits elsewhere.
pub(super) fn check_randomizers(
    sender: &Witness,
    receiver: &Witness,
    raised: impl Fn(Place, Operation) -> Option<(u32, usize)>,
) -> Result<(), String> {
    let mut fresh = HashSet::new();
    for (place, operation, before, bits) in &sender.results {
        let (.., after) = receiver.received.iter().find(|(at, op, _)| (at, op) == (place, operation)).unwrap();
        let key = before.key();
        let shortest = match key.form().order_bits(key.key_bits()) {
            None => match raised(*place, *operation) {
                Some((bits, terms)) => key.randomizer_bits() + bits + terms.next_power_of_two().ilog2() + SIGMA,
                None => key.key_bits() + SIGMA,
            },
            // What makes h^s uniform in the subgroup.
            Some(order_bits) => 2 * order_bits + SIGMA,
        };
        if *bits < shortest {
            return Err(format!("{place}: randomisers of {bits} bits where {shortest} are due"));
        }
        for randomizer in quotients(after, before) {
            if randomizer == 1 || !fresh.insert(randomizer) {
                return Err(format!("{place}: a result left without a fresh randomiser"));
            }
        }
    }
    if fresh.is_empty() { Err("nothing was sent".into()) } else { Ok(()) }
}

fn quotients(after: &Ciphertexts, before: &Ciphertexts) -> Vec<Integer> {
    let quotients = after.sub(engine(2), before).unwrap();
    let forms = [KeyForm::Full, KeyForm::Subgroup];
    let mut keys = forms.iter().flat_map(|form| [server_key_of(*form), cloud_key_of(*form)]);
    let key = keys.find(|key| key.public_key() == quotients.key()).unwrap();
    let plaintexts = key.decrypt_many(engine(2), &quotients).unwrap();
    assert!(plaintexts.iter().all(|plaintext| **plaintext == 0), "a randomiser changes no plaintext");
    engine(2).store(quotients.batch())
}

#[test]
fn both_views_hold_what_the_protocol_says_and_nothing_else() {
    // With one layer the loss is a product by itself.
    for (layers, form) in [("2,6,4,2", KeyForm::Full), ("2,6,4,2", KeyForm::Subgroup), ("2,2", KeyForm::Full)] {
        let view = view_of(layers, form, None);
        view.check_cloud().unwrap();
        view.check_key().unwrap();
        let Record { cloud, key, .. } = &view.record;
        check_masks(cloud).unwrap();
        check_masks(key).unwrap();
        check_randomizers(cloud, key, |place, operation| view.raised(place, operation)).unwrap();
        check_randomizers(key, cloud, |place, operation| view.raised(place, operation)).unwrap();
    }
}

/// Over the bits of all gates, neither server's own bits tell what the gates do.
#[test]
fn bits_of_gates_are_shared_at_random() {
    let view = view(None);
    let ones = |bits: &[Choice]| bits.iter().filter(|bit| bool::from(**bit)).count();
    let at = |witness: &Witness| {
        let bits: Vec<Choice> = witness.gated.iter().flat_map(|(.., bits)| bits.clone()).collect();
        (ones(&bits), bits.len())
    };
    for (ones, all) in [at(&view.record.cloud), at(&view.record.key)] {
        assert!((ones as f64 - all as f64 / 2.0).abs() < 3.0 * (all as f64).sqrt(), "{ones} of {all}");
    }
}

#[test]
fn a_reused_mask_is_noticed() {
    let view = view(Some(Fault::ReusedMask));
    for witness in [&view.record.cloud, &view.record.key] {
        assert!(check_masks(witness).unwrap_err().contains("comes twice"));
    }
}

#[test]
fn a_short_mask_of_a_gate_is_noticed() {
    let view = view(Some(Fault::ShortGateMask));
    let error = check_masks(&view.record.key).unwrap_err();
    assert!(error.contains("Gate") && error.contains("a short mask"), "{error}");
}

/// Whoever opens a masked value, or is sent one in clear, refuses what no value under its mask can be.
#[test]
fn masked_values_out_of_their_range_end_the_training() {
    let at_cloud = [
        (Phase::Forward, Purpose::Left),
        (Phase::Gate, Purpose::Left),
        (Phase::BackwardGate, Purpose::Left),
        (Phase::BackwardGate, Purpose::Right),
        (Phase::Backward, Purpose::Left),
        (Phase::Gradient, Purpose::Left),
    ];
    let at_key = [
        (Phase::Input, Purpose::Refresh),
        (Phase::Forward, Purpose::Division),
        (Phase::Gate, Purpose::Refresh),
        (Phase::Backward, Purpose::Division),
        (Phase::BackwardGate, Purpose::Refresh),
        (Phase::Gradient, Purpose::Division),
        (Phase::Gradient, Purpose::Refresh),
        (Phase::Loss, Purpose::Refresh),
        (Phase::BiasGradient, Purpose::Division),
    ];
    for (phase, purpose) in at_cloud.into_iter().chain(at_key) {
        let error = refusal(TestRun::on("xor", "2,6,4,2", 4, 6, 1), Fault::LongMask(phase, purpose));
        let message = error.to_string();
        assert!(error.exit_code() == 4 && message.contains(&format!("{phase:?},")), "{phase:?} {purpose:?}: {message}");
    }
    for (phase, purpose) in [(Phase::Loss, Purpose::Left), (Phase::Loss, Purpose::Refresh)] {
        let error = refusal(TestRun::on("xor", "2,2", 4, 6, 1), Fault::LongMask(phase, purpose));
        assert!(error.exit_code() == 4 && error.to_string().contains("Loss,"), "{purpose:?}: {error}");
    }
}

#[test]
fn missing_randomisers_are_noticed() {
    for form in [KeyForm::Full, KeyForm::Subgroup] {
        let view = view_under(form, Some(Fault::NoRandomizer));
        let Record { cloud, key, .. } = &view.record;
        for (sender, receiver) in [(cloud, key), (key, cloud)] {
            let error = check_randomizers(sender, receiver, |place, operation| view.raised(place, operation));
            assert!(error.unwrap_err().contains("without a fresh randomiser"));
        }
    }
}
