//! A run equals its integer twin bit for bit: sums, gates, activations, errors, losses and weights of every step.

use rug::Integer;

use crate::arith::Engine;
use crate::paillier::Ciphertexts;
use crate::protocol::config::Comparison;

use super::test_run::{Record, TestRun, engine, engines, open_on};

fn assert_equal(record: &Record, engine: &Engine, what: &str) {
    let open = |ciphertexts: &Ciphertexts| open_on(engine, ciphertexts);
    assert_eq!(record.cloud.steps.len(), record.twin.len());
    let mut loss_sum = Integer::new();
    for (number, (secure, twin)) in record.cloud.steps.iter().zip(&record.twin).enumerate() {
        let at = |name: &str, layer: usize| format!("{what}: {name} of layer {layer} in step {number}");
        for (layer, trace) in twin.forward.layers.iter().enumerate() {
            assert_eq!(open(&secure.sums[layer]), trace.z, "{}", at("sums", layer));
            assert_eq!(open(&secure.activations[layer + 1]), trace.activations, "{}", at("activations", layer));
            assert_eq!(open(&secure.deltas[layer]), twin.deltas[layer], "{}", at("errors", layer));
            assert_eq!(
                open(&secure.model.weights[layer]),
                record.models[number].weights[layer],
                "{}",
                at("weights", layer)
            );
            assert_eq!(
                open(&secure.model.biases[layer]),
                record.models[number].biases[layer],
                "{}",
                at("biases", layer)
            );
            if let Some(gates) = secure.gates.get(layer) {
                let expected: Vec<i64> = trace.gates.iter().map(|gate| i64::from(*gate)).collect();
                assert_eq!(open(gates), expected, "{}", at("gates", layer));
            }
        }
        loss_sum += twin.loss_sum;
        assert_eq!(open(secure.loss_sum.as_ref().unwrap()), [loss_sum.clone()], "{}", at("loss", 0));
    }
}

fn check(run: TestRun, what: &str) -> Record {
    let record = run.record();
    assert_equal(&record, run.engine, what);
    record
}

#[test]
fn xor_on_one_and_two_threads() {
    for threads in [1, 2] {
        check(TestRun { engine: engine(threads), ..TestRun::on("xor", "2,4,2", 4, 10, 4) }, "xor");
    }
}

#[test]
fn parity_on_one_and_two_threads() {
    for threads in [1, 2] {
        check(TestRun { engine: engine(threads), seed: 2, ..TestRun::on("parity:4", "4,5,2", 5, 12, 3) }, "parity:4");
    }
}

#[test]
fn breast_cancer_on_one_and_two_threads() {
    for threads in [1, 2] {
        check(
            TestRun { engine: engine(threads), seed: 3, ..TestRun::on("breast_cancer", "30,4,2", 4, 12, 3) },
            "breast_cancer",
        );
    }
}

#[test]
fn every_engine_trains_the_same_model() {
    for (data, layers, batch_rows, rows, steps) in [("xor", "2,4,2", 4, 8, 3), ("breast_cancer", "30,3,2", 3, 6, 2)] {
        let trained = engines().iter().map(|engine| {
            let run = TestRun { engine, seed: 6, ..TestRun::on(data, layers, batch_rows, rows, steps) };
            let record = check(run, &format!("{data} on {}", engine.kind()));
            let model = &record.cloud.steps.last().unwrap().model;
            model.weights.iter().chain(&model.biases).map(|part| open_on(engine, part)).collect::<Vec<Vec<Integer>>>()
        });
        let models: Vec<_> = trained.collect();
        assert!(models.iter().all(|model| *model == models[0]), "{data}: the engines' models differ");
    }
}

#[test]
fn comparisons_that_leak_nothing_train_the_same() {
    let mut run = TestRun::on("xor", "2,3,3,2", 3, 8, 2);
    run.config.comparison = Comparison::Dgk;
    check(run, "dgk");
}

#[test]
fn two_hidden_layers_and_none() {
    check(TestRun::on("xor", "2,3,3,2", 3, 4, 2), "two hidden layers");
    check(TestRun::on("xor", "2,2", 3, 4, 2), "no hidden layer");
}

#[test]
fn another_seed_gives_another_run() {
    let record = |seed| TestRun { seed, ..TestRun::on("xor", "2,2,2", 2, 2, 1) }.record();
    assert_ne!(record(1).models, record(2).models);
}
