//! Queries by a stored model: answers are the twin's, no mask comes twice, and nothing is answered twice with other values.

use rug::Integer;

use crate::error::Error;
use crate::mask::{MaskKey, Phase, Purpose};
use crate::mlp::metrics::labels_of;
use crate::mlp::{FixedModel, twin};
use crate::net::Channel;
use crate::protocol::config::{Comparison, JobConfig, Protocol, Reader};
use crate::protocol::element::{engine, server_key, test_job};
use crate::protocol::mask_source::MaskSource;
use crate::protocol::place::place;
use crate::protocol::schedule::{Activity, Answer};
use crate::rng::{SecureRng, SeededRng};
use crate::secret::SecretIntegers;

use super::operation_tests::in_job;
use super::refresh;
use super::share::Share;
use super::state::SharedModel;
use super::test_run::{Witness, cloud_key};
use super::view_tests::{check_masks, check_randomizers, masked, raised_at_least};
use super::{CloudServer, InputLayout, KeyServer, answer_layout};

fn job(layers: &str, comparison: Comparison) -> JobConfig {
    let reader = Reader { key_id: server_key().public_key().id(), answers: true, model: false };
    JobConfig { protocol: Protocol::Packed, comparison, readers: vec![reader], ..test_job(layers, 8) }
}

/// Values of some 10 bits.
fn random(rng: &mut SeededRng, count: usize) -> Vec<i64> {
    (0..count).map(|_| rng.integer(11).to_i64().unwrap() - 1024).collect()
}

fn model(job: &JobConfig, rng: &mut SeededRng) -> FixedModel {
    let layers = &job.plan.layers;
    let mut model = FixedModel::zeros(layers);
    for tensor in model.weights.iter_mut().chain(&mut model.biases) {
        *tensor = random(rng, tensor.len()).iter().map(|value| 8 * value).collect();
    }
    model
}

struct Session {
    /// The answers of each query, opened.
    answers: Vec<SecretIntegers>,
    /// What the twin rounds with.
    expected: Vec<Vec<i64>>,
    cloud: Witness,
    key: Witness,
}

/// One session for some queries: number, what is asked for, and rows.
fn session(
    job: &JobConfig,
    model: &FixedModel,
    masks: &MaskKey,
    queries: &[(u64, Answer, &[i64])],
) -> Result<Session, Error> {
    let (inputs, reader) = (job.plan.layers.inputs(), server_key().public_key());
    let (cloud_end, key_end) = Channel::local_pair();
    let encrypt = |layout: InputLayout, values: &[i64]| {
        server_key().encrypt_many(engine(2), &layout.pack(values), &mut SecureRng::from_os()).unwrap()
    };
    std::thread::scope(|scope| {
        let key_server = scope.spawn(|| -> Result<Witness, Error> {
            let masks = MaskSource::Private(MaskKey::from_os());
            let mut server = KeyServer::connect(engine(2), key_end, job, server_key().clone(), masks)?;
            server.restore(queries[0].0)?;
            for &(query, answer, features) in queries {
                let rows = features.len() / inputs;
                server.run(Activity::Classify { query, rows, answer }, reader)?;
            }
            Ok(std::mem::take(&mut server.side.witness))
        });
        let source = MaskSource::Private(masks.clone());
        let mut server = CloudServer::connect(engine(2), cloud_end, job, reader, cloud_key().clone(), source)?;
        let flat = SharedModel::from_fixed(&job.plan.layers, model).flat();
        let flat: Vec<i64> = flat.values().iter().map(|value| value.to_i64().unwrap()).collect();
        let (mut answers, mut expected) = (Vec::new(), Vec::new());
        let mut played = server.restore(&encrypt(InputLayout::model(job)?, &flat), queries[0].0);
        for &(query, answer, features) in queries {
            let rows = features.len() / inputs;
            let encrypted = encrypt(InputLayout::features(job)?, features);
            let answered = played.and_then(|()| server.classify(query, &encrypted, reader, answer));
            played = answered.and_then(|answered| {
                let opened: SecretIntegers = server_key().decrypt_many(engine(2), &answered)?.into_iter().collect();
                answers.push(answer_layout(job, reader.key_bits(), answer, rows)?.unpack(&opened)?);
                expected.push(scores(job, model, &server, query, features)?);
                Ok(())
            });
        }
        let cloud = std::mem::take(&mut server.side.witness);
        drop(server);
        match (played, key_server.join().unwrap()) {
            (Ok(()), key) => Ok(Session { answers, expected, cloud, key: key? }),
            (Err(Error::Net(_)), Err(cause)) | (Err(cause), _) => Err(cause),
        }
    })
}

/// The twin's scores, part by part.
fn scores(
    job: &JobConfig,
    model: &FixedModel,
    server: &CloudServer,
    query: u64,
    features: &[i64],
) -> Result<Vec<i64>, Error> {
    let inputs = job.plan.layers.inputs();
    let mut scores = Vec::new();
    for (step, part) in Activity::query_parts(query, features.len() / inputs) {
        let rows = &features[part.start * inputs..part.end * inputs];
        let trace = twin::forward(&job.plan, model, &server.twin_rounding(), step, rows, part.len())?;
        scores.extend_from_slice(trace.scores());
    }
    Ok(scores)
}

#[test]
fn answers_are_the_twins_in_every_part_of_a_query() {
    let rng = &mut SeededRng::new(1, "query");
    for (layers, rows) in [("3,4,5", 9), ("2,2,3", 300), ("4,1", 2), ("3,2", 1)] {
        for comparison in Comparison::ALL {
            let job = job(layers, comparison);
            let (model, features) = (model(&job, rng), random(rng, rows * job.plan.layers.inputs()));
            let queries = [(3, Answer::Labels, &*features), (7, Answer::Scores, &*features)];
            let Session { answers, expected, .. } = session(&job, &model, &MaskKey::from_os(), &queries).unwrap();
            let labels = labels_of(&expected[0], job.plan.layers.outputs());
            let labels: Vec<Integer> = labels.into_iter().map(Integer::from).collect();
            assert_eq!(*answers[0], labels, "{layers}, {comparison}: labels");
            assert_eq!(*answers[1], expected[1], "{layers}, {comparison}: scores");
        }
    }
}

/// Parts and queries of a session, and sessions under one key of masks, even where a restored backup counts a number twice.
#[test]
fn no_mask_of_a_store_serves_two_values() {
    let rng = &mut SeededRng::new(2, "masks");
    for comparison in Comparison::ALL {
        let job = job("2,2,3", comparison);
        let (model, masks) = (model(&job, rng), MaskKey::from_os());
        let (first, second) = (random(rng, 2 * 258), random(rng, 2 * 3));
        let labels = Answer::Labels;
        let mut all = session(&job, &model, &masks, &[(0, labels, &first), (2, labels, &first)]).unwrap();
        let again = session(&job, &model, &masks, &[(0, labels, &second)]).unwrap();
        all.cloud.drawn.extend(again.cloud.drawn);
        all.key.drawn.extend(again.key.drawn);
        for (witness, phases) in [(&all.cloud, 6), (&all.key, 4)] {
            check_masks(witness).unwrap();
            let kinds: std::collections::HashSet<_> = witness.drawn.iter().map(|drawn| drawn.place.phase).collect();
            assert_eq!(kinds.len(), phases, "{kinds:?}");
        }
    }
}

/// P2 sees the stored model and the rows of a query under P1's masks, and of P1's ciphertexts no old randomiser.
#[test]
fn a_stored_model_and_a_users_rows_come_to_p2_masked() {
    let rng = &mut SeededRng::new(4, "view");
    for comparison in Comparison::ALL {
        let job = job("3,2,2", comparison);
        let (model, features) = (model(&job, rng), random(rng, 3 * 4));
        let Session { cloud, key, .. } =
            session(&job, &model, &MaskKey::from_os(), &[(1, Answer::Labels, &features)]).unwrap();
        let clear = Share::new(4, 3, features.iter().map(|value| Integer::from(*value)).collect());
        let model = SharedModel::from_fixed(&job.plan.layers, &model).flat();
        for (phase, hidden) in [(Phase::Initial, model), (Phase::Input, clear)] {
            let (place, seen, value_bits) = key.seen.iter().find(|(place, ..)| place.phase == phase).unwrap();
            masked(&cloud, *place, Purpose::Refresh, seen, &hidden, *value_bits).unwrap();
        }
        check_randomizers(&cloud, &key, raised_at_least).unwrap();
        check_randomizers(&key, &cloud, raised_at_least).unwrap();
    }
}

/// The masks of a number hide one set of rows: the same rows again show nothing new, others are refused, and so is a number
/// below the last one.
#[test]
fn a_number_that_comes_again_in_a_session_brings_the_same_rows_or_is_refused() {
    let rng = &mut SeededRng::new(3, "again");
    for comparison in Comparison::ALL {
        let job = job("2,2", comparison);
        let model = model(&job, rng);
        let rows = [random(rng, 6), random(rng, 6)];
        let play = |number: u64, second: usize| {
            let queries = [(5, Answer::Labels, &*rows[0]), (number, Answer::Labels, &*rows[second])];
            session(&job, &model, &MaskKey::from_os(), &queries)
        };
        let Session { answers, .. } = play(5, 0).unwrap();
        assert_eq!(answers[0], answers[1]);
        for (number, second, phase) in [(5, 1, "Input"), (4, 1, "Forward"), (4, 0, "Forward")] {
            let error = play(number, second).map(|_| ()).unwrap_err();
            assert!(error.exit_code() == 4, "{error}");
            assert!(error.to_string().contains("came back to") && error.to_string().contains(phase), "{error}");
        }
        assert!(play(6, 1).is_ok());
    }
}

/// P1 goes back to a position with another value under the same mask: P2 would learn the difference.
#[test]
fn other_values_under_the_masks_of_a_position_are_refused() {
    let at = place(4, Phase::BiasGradient, 0);
    let share = |value: i64| Share::new(1, 1, [Integer::from(value)].into_iter().collect());
    let widths = (17, 60);
    for (second, is_refused) in [(12, false), (13, true)] {
        let ((), refused) = in_job(
            &job("2,2", Comparison::Blinded),
            |side| {
                for value in [12, second] {
                    refresh::run(side, at, Purpose::Refresh, &share(value), widths)?;
                }
                Ok(())
            },
            |side| {
                refresh::run(side, at, Purpose::Refresh, &share(20), widths)?;
                let again = refresh::run(side, at, Purpose::Refresh, &share(20), widths);
                Ok(again.map(|_| ()).map_err(|error| (error.exit_code(), error.to_string())))
            },
        );
        match refused {
            Ok(()) => assert!(!is_refused),
            Err((code, text)) => {
                assert!(is_refused && code == 4 && text.contains("came back to step 4, BiasGradient"), "{text}");
            }
        }
    }
}
