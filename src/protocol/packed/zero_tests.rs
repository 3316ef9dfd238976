//! What P2 sees of comparisons that leak nothing: bits that are as often set as not, and no magnitude.

use rug::Integer;

use crate::error::Error;
use crate::mask::Phase;
use crate::protocol::config::{Comparison, JobConfig, Protocol};
use crate::protocol::element::{TestRun, test_job};
use crate::protocol::place::place;
use crate::rng::SeededRng;

use super::comparison::{self, Blinds};
use super::operation_tests::{in_job, random};
use super::test_run::{Record, Witness, record};
use super::view_tests::{check_masks, check_randomizers, raised_at_least};

/// P2's tests for zero, a comparison each: at most one term is 0, and one is as often as not, to six standard deviations.
/// How many comparisons of neurons there were; the test of the model has tests of its own.
fn check_zeros(key: &Witness) -> Result<usize, String> {
    let zeros: Vec<usize> =
        key.zeros.iter().filter(|(at, _)| at.phase == Phase::Compare).flat_map(|(_, zeros)| zeros).copied().collect();
    if let Some(several) = zeros.iter().find(|zeros| **zeros > 1) {
        return Err(format!("{several} terms of one comparison are 0"));
    }
    let (ones, all) = (zeros.iter().sum::<usize>(), zeros.len());
    match (ones as f64 - all as f64 / 2.0).abs() < 3.0 * (all as f64).sqrt() {
        true => Ok(all),
        false => Err(format!("a term is 0 in {ones} of {all} comparisons")),
    }
}

#[test]
fn comparisons_that_leak_nothing_show_balanced_bits_alone() {
    let mut run = TestRun::on("xor", "2,6,4,2", 4, 6, 2);
    run.config.comparison = Comparison::Dgk;
    let Record { cloud, key, .. } = &record(run);
    for witness in [cloud, key] {
        check_masks(witness).unwrap();
        assert!(witness.seen.iter().all(|(place, ..)| place.phase != Phase::Compare));
        assert!(witness.received.iter().all(|(place, ..)| place.phase != Phase::Compare));
    }
    check_randomizers(cloud, key, raised_at_least).unwrap();
    check_randomizers(key, cloud, raised_at_least).unwrap();
    assert!(cloud.zeros.is_empty());
    let comparisons = check_zeros(key).unwrap();
    assert_eq!(comparisons, 10 * (4 + 2), "every neuron of every row, in either step");
}

/// Data that would give every comparison of a layer the same result show P2 the same coin as any other.
#[test]
fn comparisons_that_leak_nothing_show_balanced_bits_of_constant_data() {
    const ROWS: usize = 12;
    for value in [4096, 0, -4096] {
        let mut run = TestRun::on("xor", "2,8,4,2", 6, ROWS, 3);
        run.config.comparison = Comparison::Dgk;
        run.features.fill(value);
        run.labels.fill(0);
        let record = record(run);
        let comparisons = check_zeros(&record.key).unwrap_or_else(|error| panic!("all values {value}: {error}"));
        assert_eq!(comparisons, 3 * 6 * (8 + 4), "every neuron of every row, in each step");
        let clear = |layer: usize| {
            let step = |server: &Witness| server.steps[0].sums[layer].clone();
            step(&record.key).minus(&step(&record.cloud))
        };
        // The comparisons of a neuron are of one value but for the rounding of the masks.
        let spread = |sums: &[Integer]| Integer::from(sums.iter().max().unwrap() - sums.iter().min().unwrap());
        assert!((0..8).all(|neuron| spread(clear(0).row(neuron)) <= 1), "all values {value}");
    }
}

/// Bits of other shares under the same deltas would tell P2 how both compare.
#[test]
fn a_comparison_that_comes_again_brings_the_same_bits_or_is_refused() {
    let job = JobConfig { protocol: Protocol::Packed, comparison: Comparison::Dgk, ..test_job("3,5,2", 20) };
    let rng = &mut SeededRng::new(2, "shares that are compared again");
    let (_, y1, y2) = random(rng, 4, 10, 17, 57);
    let (other, ..) = random(rng, 4, 10, 17, 57);
    let at = place(3, Phase::Compare, 1);
    let (_, results) = in_job(
        &job,
        |side| {
            for share in [&y1, &y1, &other] {
                let blinds = Blinds::draw(side, at, share);
                comparison::answer(side, at, share, &blinds)?;
            }
            Ok(())
        },
        |side| {
            let mut compare = || -> Result<(), Error> {
                comparison::send_elements(side, at, &y2)?;
                comparison::finish(side, at, &y2).map(drop)
            };
            Ok([(); 3].map(|()| compare().map_err(|error| (error.exit_code(), error.to_string()))))
        },
    );
    assert_eq!((&results[0], &results[1]), (&Ok(()), &Ok(())));
    let (code, message) = results[2].as_ref().unwrap_err();
    assert!(*code == 4 && message.contains("came back to step 3, Compare"), "{message}");
}
