//! The tournament against the plain arg max, and what each server sees of it.

use std::collections::HashSet;

use rug::Integer;

use crate::mask::{MaskKey, Phase, Purpose};
use crate::mlp::metrics::labels_of;
use crate::protocol::config::{Comparison, JobConfig, Protocol};
use crate::protocol::element::{Blind, test_job};
use crate::protocol::place::Place;
use crate::rng::SeededRng;

use super::label;
use super::operation_tests::in_job;
use super::share::Share;
use super::test_run::{Fault, Witness, opened};
use super::view_tests::{check_masks, check_randomizers, masked, mixed, raised};
use super::widths::Widths;

fn job(classes: usize, comparison: Comparison) -> JobConfig {
    JobConfig { protocol: Protocol::Packed, comparison, ..test_job(&format!("3,{classes}"), 8) }
}

/// Scores \[rows\]\[classes\]: small ones, so that ties are frequent, and the largest of both signs.
fn scores(classes: usize, rows: usize, rng: &mut SeededRng) -> Vec<i64> {
    let largest = (1 << 17) - 1;
    let mut small = || i64::try_from(rng.integer(2).to_u64().unwrap()).unwrap() - 2;
    let mut scores: Vec<i64> = (0..rows * classes).map(|_| small()).collect();
    for (row, value) in [(1, largest), (2, -largest)] {
        if row < rows {
            scores[row * classes..(row + 1) * classes].fill(value);
        }
    }
    // The largest difference, either way round.
    if rows > 4 && classes > 1 {
        (scores[3 * classes], scores[4 * classes - 1]) = (largest, -largest);
        (scores[4 * classes], scores[5 * classes - 1]) = (-largest, largest);
    }
    scores
}

struct Tournament {
    labels: Vec<u32>,
    /// P1's.
    masks: MaskKey,
    round_trips: u64,
    cloud: Witness,
    key: Witness,
    /// T1 and T2 of the scores.
    shares: (Share, Share),
    widths: Widths,
    key_bits: u32,
}

/// Shares of scores \[rows\]\[classes\] as long as a forward pass leaves them, and their labels.
fn play(job: &JobConfig, scores: &[i64], rng: &mut SeededRng, fault: Option<Fault>) -> Tournament {
    let classes = job.plan.layers.outputs();
    let widths = Widths::of_job(job).unwrap();
    let share_bits = widths.sum_share();
    let first = scores.iter().map(|_| rng.integer(share_bits - 1) - rng.integer(share_bits - 1)).collect();
    let first = Share::new(scores.len() / classes, classes, first);
    let second = first.map(|i, own| Integer::from(own + scores[i]));
    let shares = (first.transposed(), second.transposed());
    let ((cloud_labels, masks, round_trips, cloud), (key_labels, key)) = in_job(
        job,
        |side| {
            side.witness.fault = fault;
            let before = side.channel.traffic();
            let labels = label::answer(side, 1 << 63, &shares.0)?;
            let round_trips = side.channel.traffic().since(&before).round_trips;
            Ok((labels, side.masks.clone(), round_trips, std::mem::take(&mut side.witness)))
        },
        |side| {
            side.witness.fault = fault;
            Ok((label::ask(side, 1 << 63, &shares.1)?, std::mem::take(&mut side.witness)))
        },
    );
    let labels = opened(&cloud_labels, &key_labels).iter().map(|label| label.to_u32().unwrap()).collect();
    Tournament { labels, masks, round_trips, cloud, key, shares, widths, key_bits: job.key_bits }
}

#[test]
fn labels_are_the_arg_max_and_ties_go_to_the_lower_index() {
    let rng = &mut SeededRng::new(1, "labels");
    for (classes, rows) in [(1, 3), (2, 1), (2, 9), (3, 7), (5, 6), (10, 1), (10, 6)] {
        let scores = scores(classes, rows, rng);
        for comparison in Comparison::ALL {
            let labels = play(&job(classes, comparison), &scores, rng, None).labels;
            assert_eq!(labels, labels_of(&scores, classes), "{comparison}, {classes} classes: {scores:?}");
        }
    }
}

/// What the gate at `place` gave.
fn gated(cloud: &Witness, key: &Witness, place: Place) -> Share {
    let of = |witness: &Witness| {
        let (_, share, bits) = witness.gated.iter().find(|(at, ..)| *at == place).unwrap();
        (share.clone(), bits.clone())
    };
    let ((first, tau), (second, beta)) = (of(cloud), of(key));
    second.minus(&first).map(|k, difference| Integer::from((tau[k] ^ beta[k]).unwrap_u8()) * difference)
}

impl Tournament {
    /// P1 sees U of each gate under P2's masks; nothing else reaches it but ciphertexts under P2's key.
    fn check_cloud(&self) -> Result<(), String> {
        let mut before = HashSet::new();
        for (place, seen, value_bits) in &self.cloud.seen {
            let is_first = before.insert(*place);
            let (purpose, hidden) = mixed((&self.cloud, &self.key), *place, is_first, &self.widths, self.key_bits);
            masked(&self.key, *place, purpose, seen, &hidden, *value_bits)?;
        }
        Ok(())
    }

    /// P2 sees blinded differences, and gated differences under P1's mask.
    fn check_key(&self) -> Result<(), String> {
        for (place, seen, value_bits) in &self.key.seen {
            if place.phase == Phase::LabelCompare {
                self.check_comparison(*place, seen, *value_bits)?;
                continue;
            }
            let gated = gated(&self.cloud, &self.key, *place);
            masked(&self.cloud, *place, Purpose::Refresh, seen, &gated, *value_bits)?;
        }
        Ok(())
    }

    /// Each value is s (rho (2d - 1) + u) + 2^(w-1) of its difference d.
    fn check_comparison(&self, place: Place, seen: &Share, slot_bits: u32) -> Result<(), String> {
        let blinds = self.masks.at(place.position(Purpose::Comparison));
        let differences = self.differences(place.layer);
        let expected = differences.iter().enumerate().map(|(k, difference)| {
            let blind = Blind::draw(&mut blinds.element(k as u64));
            let sign = 1 - 2 * i64::from(blind.negative.unwrap_u8());
            let plain = Integer::from(blind.factor) * (Integer::from(2 * difference) - 1) + blind.offset;
            plain * sign + (Integer::from(1) << (slot_bits - 1))
        });
        match expected.eq(seen.values().iter().cloned()) {
            true => Ok(()),
            false => Err(format!("{place}: a value is not its blinded comparison")),
        }
    }

    /// Who sends results under the other's key, and to whom: P1 has some in the blinded comparison alone.
    fn senders(&self, comparison: Comparison) -> Vec<(&Witness, &Witness)> {
        let mut senders = vec![(&self.key, &self.cloud)];
        if comparison == Comparison::Blinded {
            senders.push((&self.cloud, &self.key));
        }
        senders
    }

    /// What meets in `level`, \[pairs\]\[rows\], by a tournament in the clear.
    fn differences(&self, level: u16) -> Vec<Integer> {
        let scores = self.shares.1.minus(&self.shares.0);
        let mut candidates: Vec<Vec<Integer>> = (0..scores.rows()).map(|class| scores.row(class).to_vec()).collect();
        for _ in 0..level {
            let winner = |pair: &[Vec<Integer>]| match pair {
                [lower, upper] => lower.iter().zip(upper).map(|(l, u)| l.max(u).clone()).collect(),
                _ => pair[0].clone(),
            };
            candidates = candidates.chunks(2).map(winner).collect();
        }
        let pairs = candidates.chunks_exact(2);
        pairs.flat_map(|pair| pair[1].iter().zip(&pair[0]).map(|(upper, lower)| Integer::from(upper - lower))).collect()
    }
}

fn view(comparison: Comparison, fault: Option<Fault>) -> Tournament {
    let rng = &mut SeededRng::new(2, "view");
    let scores = scores(10, 12, rng);
    play(&job(10, comparison), &scores, rng, fault)
}

#[test]
fn both_views_are_masked_values_and_what_the_comparison_shows() {
    for comparison in Comparison::ALL {
        let tournament = view(comparison, None);
        tournament.check_cloud().unwrap();
        tournament.check_key().unwrap();
        let Tournament { cloud, key, .. } = &tournament;
        check_masks(cloud).unwrap();
        check_masks(key).unwrap();
        for (sender, receiver) in tournament.senders(comparison) {
            check_randomizers(sender, receiver, |place, _| raised(&tournament.widths, tournament.key_bits, place))
                .unwrap();
        }
        assert_eq!(cloud.results.is_empty(), comparison == Comparison::Dgk);
        // Four levels; the last one gates no values, of which P1 sees its own part beside the indexes and P2's by itself.
        let phases = |witness: &Witness, phase: Phase| witness.seen.iter().filter(|(at, ..)| at.phase == phase).count();
        assert_eq!((phases(cloud, Phase::LabelIndex), phases(cloud, Phase::LabelValue)), (4, 2 * 3));
        assert_eq!((phases(key, Phase::LabelIndex), phases(key, Phase::LabelValue)), (4, 3));
        let (blinded, zero_tests) = match comparison {
            Comparison::Blinded => (4, 0),
            Comparison::Dgk => (0, 4),
        };
        assert_eq!((phases(key, Phase::LabelCompare), key.zeros.len()), (blinded, zero_tests));
        assert_eq!((phases(cloud, Phase::LabelCompare), cloud.zeros.len(), cloud.seen.len()), (0, 0, 10));
        assert_eq!(tournament.round_trips, 8, "two a level");
    }
}

/// Whatever the labels are, neither server's own bits tell.
#[test]
fn the_bits_of_either_server_are_those_of_a_coin() {
    let rng = &mut SeededRng::new(3, "bits");
    let scores: Vec<i64> = (0..150).flat_map(|_| [0, 5]).collect();
    for comparison in Comparison::ALL {
        let tournament = play(&job(2, comparison), &scores, rng, None);
        assert!(tournament.labels.iter().all(|label| *label == 1));
        for witness in [&tournament.cloud, &tournament.key] {
            let (.., bits) = &witness.gated[0];
            let ones = bits.iter().filter(|bit| bool::from(**bit)).count();
            // 75 expected, standard deviation 6.1.
            assert!((39..112).contains(&ones), "{comparison}: {ones} of 150");
        }
        let zeros: usize = tournament.key.zeros.iter().flat_map(|(_, zeros)| zeros).sum();
        assert!(comparison == Comparison::Blinded || (39..112).contains(&zeros), "{zeros} of 150");
    }
}

#[test]
fn reused_masks_short_masks_and_missing_randomisers_are_noticed() {
    for comparison in Comparison::ALL {
        let reused = view(comparison, Some(Fault::ReusedMask));
        for witness in [&reused.cloud, &reused.key] {
            assert!(check_masks(witness).unwrap_err().contains("comes twice"));
        }
        let short = view(comparison, Some(Fault::ShortGateMask));
        assert!(check_masks(&short.key).unwrap_err().contains("a short mask"));
        let bare = view(comparison, Some(Fault::NoRandomizer));
        for (sender, receiver) in bare.senders(comparison) {
            let error = check_randomizers(sender, receiver, |place, _| raised(&bare.widths, bare.key_bits, place));
            assert!(error.unwrap_err().contains("without a fresh randomiser"));
        }
    }
}
