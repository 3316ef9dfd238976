//! The test of the model on models at the edges of their bound and beyond; what P2 sees of it; servers that deviate.

use rug::Integer;
use subtle::Choice;

use crate::error::Error;
use crate::mask::{MaskKey, Phase};
use crate::net::Channel;
use crate::protocol::config::{Comparison, JobConfig, Protocol};
use crate::protocol::element::{engine, server_key, test_job};
use crate::protocol::handshake::Role;
use crate::protocol::mask_source::MaskSource;
use crate::protocol::message::{Operation, recv_bits, send_bits};
use crate::protocol::model_test::moved;
use crate::protocol::place::Place;
use crate::protocol::place::place;
use crate::protocol::schedule::Activity;
use crate::rng::SeededRng;

use super::comparison::{self, Blinds};
use super::share::Share;
use super::state::SharedModel;
use super::test_run::{Witness, cloud_key};
use super::widths::Widths;
use super::{CloudServer, KeyServer};

const BOUND: i64 = 1 << 17;

/// The largest parameter that is within the room for an excess.
const ROOM: i64 = (1 << 25) - BOUND;

fn job(layers: &str) -> JobConfig {
    JobConfig { protocol: Protocol::Packed, comparison: Comparison::Dgk, ..test_job(layers, 4) }
}

/// Both servers of a job do their part; what each ends with.
fn play<A, B: Send>(
    job: &JobConfig,
    cloud: impl FnOnce(CloudServer) -> A,
    key: impl FnOnce(KeyServer) -> B + Send,
) -> (A, B) {
    let (cloud_end, key_end) = Channel::local_pair();
    let masks = || MaskSource::Private(MaskKey::from_os());
    std::thread::scope(|scope| {
        let other =
            scope.spawn(|| key(KeyServer::connect(engine(2), key_end, job, server_key().clone(), masks()).unwrap()));
        let (public, own) = (server_key().public_key(), cloud_key().clone());
        let first = cloud(CloudServer::connect(engine(2), cloud_end, job, public, own, masks()).unwrap());
        (first, other.join().unwrap())
    })
}

/// P1's and P2's shares of a model with these parameters, as long as a refresh leaves them.
fn shares(job: &JobConfig, parameters: &[i64], rng: &mut SeededRng) -> [SharedModel; 2] {
    let share_bits = Widths::of_job(job).unwrap().fresh(17);
    let first = Share::new(1, parameters.len(), parameters.iter().map(|_| rng.integer(share_bits - 1)).collect());
    let second = first.map(|i, own| Integer::from(own + parameters[i]));
    [first, second].map(|share| SharedModel::from_flat(&job.plan.layers, &share))
}

type Verdict = Result<(), String>;

/// The verdicts of both servers on each model, the number of its step, and P2's view.
fn verdicts(job: &JobConfig, models: &[(u64, Vec<i64>)]) -> (Vec<(Verdict, Verdict)>, Witness) {
    let rng = &mut SeededRng::new(1, "shares of models");
    let shared: Vec<_> = models.iter().map(|(step, parameters)| (*step, shares(job, parameters, rng))).collect();
    let (cloud, (key, witness)) = play(
        job,
        |mut server| {
            let verdict = |(step, [own, _]): &(u64, [SharedModel; 2])| {
                server.model = Some(own.clone());
                server.test_model(*step).map_err(|error| error.to_string())
            };
            shared.iter().map(verdict).collect::<Vec<_>>()
        },
        |mut server| {
            let verdict = |(step, [_, own]): &(u64, [SharedModel; 2])| {
                server.model = Some(own.clone());
                let activity = Activity::TestModel { step: *step };
                server.run(activity, server_key().public_key()).map_err(|error| error.to_string())
            };
            (shared.iter().map(verdict).collect::<Vec<_>>(), std::mem::take(&mut server.side.witness))
        },
    );
    (cloud.into_iter().zip(key).collect(), witness)
}

/// What both servers say of one layer; they agree.
fn agreed((cloud, key): &(Verdict, Verdict)) -> Verdict {
    assert_eq!(cloud, key, "both servers stop, or none");
    cloud.clone()
}

#[test]
fn what_is_within_the_bound_passes_and_what_reaches_it_does_not() {
    // 9 parameters of the first layer, 8 of the second.
    let with = |changes: &[(usize, i64)]| {
        let mut parameters = vec![0; 17];
        changes.iter().for_each(|(parameter, value)| parameters[*parameter] = *value);
        parameters
    };
    let cases = [
        (with(&[]), None),
        (with(&[(0, BOUND - 1), (8, 1 - BOUND), (9, 1 - BOUND), (16, BOUND - 1)]), None),
        (with(&[(0, BOUND)]), Some((0, 1, 9))),
        (with(&[(8, -BOUND)]), Some((0, 1, 9))),
        (with(&[(9, BOUND), (10, -BOUND), (16, -BOUND)]), Some((1, 3, 8))),
        (with(&[(3, BOUND), (4, BOUND - 1), (5, -BOUND), (12, BOUND)]), Some((0, 2, 9))),
        (with(&[(1, ROOM), (2, -ROOM), (3, 2 * BOUND), (4, -2 * BOUND)]), Some((0, 4, 9))),
    ];
    let models: Vec<(u64, Vec<i64>)> = (0..).zip(cases.iter().map(|(parameters, _)| parameters.clone())).collect();
    let (verdicts, _) = verdicts(&job("2,3,2"), &models);
    for ((step, verdict), (parameters, expected)) in verdicts.iter().enumerate().zip(&cases) {
        match (agreed(verdict), expected) {
            (Ok(()), None) => {}
            (Err(message), Some((layer, found, all))) => {
                let start = format!("step {step}, layer {layer}: {found} of {all} weights and biases");
                assert!(message.starts_with(&start) && message.contains("17 bits"), "{message}");
            }
            (verdict, _) => panic!("{parameters:?}: {verdict:?}"),
        }
    }
}

/// Parameters of many bits in two parts: one in 2^8 wraps into the bound, 4 of 1066 expected.
#[test]
fn an_excess_beyond_the_room_is_found_in_nearly_every_parameter() {
    let rng = &mut SeededRng::new(2, "a model that has diverged");
    let job = job("40,26,2");
    let mut parameters: Vec<i64> = (0..1120).map(|_| rng.below(1 << 38) as i64 - (1 << 37)).collect();
    parameters[1066..].fill(0);
    let (verdicts, _) = verdicts(&job, &[(0, parameters)]);
    let message = agreed(&verdicts[0]).unwrap_err();
    let found = message.strip_prefix("step 0, layer 0: ").and_then(|rest| rest.split_once(" of 1066 weights"));
    let found: usize = found.unwrap_or_else(|| panic!("{message}")).0.parse().unwrap();
    assert!((1066 - 20..=1066).contains(&found), "{message}");
}

/// P2 sees bits that are as often set as not, whatever the model and whether or not it is within its bound.
#[test]
fn what_the_key_server_sees_does_not_depend_on_the_model() {
    let models = [0, 1, BOUND - 1, 1 - BOUND, BOUND, -BOUND];
    let job = job("12,20,2");
    let all = job.plan.layers.parameters();
    let models: Vec<(u64, Vec<i64>)> = (0..).zip(models.iter().map(|value| vec![*value; all])).collect();
    let (_, witness) = verdicts(&job, &models);
    assert_eq!(witness.zeros.len(), models.len());
    assert!(witness.seen.is_empty() && witness.received.is_empty(), "nothing else reaches P2");
    for ((step, parameters), (at, bits)) in models.iter().zip(&witness.zeros) {
        assert_eq!(*at, Place { step: *step, phase: Phase::ModelTest, layer: 0 });
        assert_eq!(bits.len(), 2 * all);
        for half in bits.chunks(all) {
            let ones = half.iter().filter(|bit| **bit == 1).count();
            // Six standard deviations.
            let slack = 3.0 * (all as f64).sqrt();
            assert!((ones as f64 - all as f64 / 2.0).abs() < slack, "{ones} of {all} at {}", parameters[0]);
        }
    }
}

#[test]
fn a_step_that_comes_again_brings_the_same_shares_or_is_refused() {
    let (first, other) = (vec![5; 17], vec![-70_000; 17]);
    let job = job("2,3,2");
    let rng = &mut SeededRng::new(3, "one set of shares");
    let [own, theirs] = shares(&job, &first, rng);
    let [other_own, _] = shares(&job, &other, rng);
    let (_, results) = play(
        &job,
        |mut server| {
            for model in [&own, &own, &other_own] {
                server.model = Some(model.clone());
                let _ = server.test_model(4);
            }
        },
        |mut server| {
            server.model = Some(theirs.clone());
            let mut test = || server.run(Activity::TestModel { step: 4 }, server_key().public_key());
            [(); 3].map(|()| test().map_err(|error| error.to_string()))
        },
    );
    assert_eq!((&results[0], &results[1]), (&Ok(()), &Ok(())));
    assert!(results[2].as_ref().unwrap_err().contains("came back to step 4, ModelTest"), "{:?}", results[2]);
}

/// The same comparisons again, and then another bit opened: the other one's result would be known as well.
#[test]
fn opened_bits_that_change_are_refused_by_p1() {
    let job = job("2,3,2");
    let [own, theirs] = shares(&job, &[1; 17], &mut SeededRng::new(6, "shares"));
    let at = place(5, Phase::ModelTest, 0);
    let (results, _) = play(
        &job,
        |mut server| {
            server.model = Some(own.clone());
            [(); 3].map(|()| server.test_model(5).map_err(|error| (error.exit_code(), error.to_string())))
        },
        |mut server| {
            let share = moved_share(Role::Key, &theirs);
            for turned in [0, 0, 1] {
                comparison::send_elements(&mut server.side, at, &share).unwrap();
                let mut bits = comparison::finish(&mut server.side, at, &share).unwrap().to_vec();
                bits[7] ^= Choice::from(turned);
                send_bits(&mut server.side.channel, at, Operation::Open, &bits).unwrap();
                recv_bits(&mut server.side.channel, at, Operation::Open, bits.len()).unwrap();
            }
            server
        },
    );
    assert_eq!((&results[0], &results[1]), (&Ok(()), &Ok(())));
    let (code, message) = results[2].as_ref().unwrap_err();
    assert!(*code == 4 && message.starts_with("P2") && message.contains("came back to step 5, ModelTest"), "{message}");
}

#[test]
fn a_job_with_blinded_comparisons_has_no_test() {
    let job = JobConfig { comparison: Comparison::Blinded, ..job("2,3,2") };
    let [own, theirs] = shares(&job, &[1; 17], &mut SeededRng::new(5, "shares"));
    let (cloud, key) = play(
        &job,
        |mut server| {
            server.model = Some(own.clone());
            server.test_model(0)
        },
        |mut server| {
            server.model = Some(theirs.clone());
            server.run(Activity::TestModel { step: 0 }, server_key().public_key())
        },
    );
    for error in [cloud.unwrap_err(), key.unwrap_err()] {
        assert!(error.exit_code() == 2 && error.to_string().contains("--comparison dgk"), "{error}");
    }
}

/// What a server says if the other plays the comparisons and then opens a bit less.
#[test]
fn a_server_that_opens_too_little_is_refused() {
    let job = job("2,3,2");
    let [own, theirs] = shares(&job, &[1; 17], &mut SeededRng::new(4, "shares"));
    let at = place(0, Phase::ModelTest, 0);
    let short = vec![Choice::from(0); 33];
    let refused = |result: Result<(), Error>, peer: &str| {
        let error = result.unwrap_err();
        assert_eq!(error.exit_code(), 4);
        let message = error.to_string();
        assert!(message.contains("33 bits where 34 are due") && message.starts_with(peer), "{message}");
    };
    // Whoever deviates stays until the other has judged.
    let (result, _) = play(
        &job,
        |mut server| {
            server.model = Some(own.clone());
            server.test_model(0)
        },
        |mut server| {
            let share = moved_share(Role::Key, &theirs);
            comparison::send_elements(&mut server.side, at, &share).unwrap();
            comparison::finish(&mut server.side, at, &share).unwrap();
            send_bits(&mut server.side.channel, at, Operation::Open, &short).unwrap();
            server
        },
    );
    refused(result, "P2");
    let (_, result) = play(
        &job,
        |mut server| {
            let share = moved_share(Role::Cloud, &own);
            let blinds = Blinds::draw(&server.side, at, &share);
            comparison::answer(&mut server.side, at, &share, &blinds).unwrap();
            send_bits(&mut server.side.channel, at, Operation::Open, &short).unwrap();
            server
        },
        |mut server| {
            server.model = Some(theirs.clone());
            server.run(Activity::TestModel { step: 0 }, server_key().public_key())
        },
    );
    refused(result, "P1");
}

fn moved_share(role: Role, model: &SharedModel) -> Share {
    let moved = moved(role, model.flat().values(), 17);
    Share::new(1, moved.len(), moved)
}
