//! A run equals its integer twin bit for bit: sums, activations, errors, losses and weights of every step. The twin's
//! tensors are \[rows\]\[neurons\], the shares \[neurons\]\[rows\].

use rug::Integer;

use crate::paillier::KeyForm;
use crate::protocol::config::Comparison;
use crate::protocol::element::{TestRun, engine, engines};

use super::share::Share;
use super::test_run::{Record, opened, record};

fn assert_equal(record: &Record, what: &str) {
    assert_eq!(record.cloud.steps.len(), record.twin.len());
    assert_eq!(record.key.steps.len(), record.twin.len());
    let transposed =
        |cloud: &[Share], key: &[Share], layer: usize| opened(&cloud[layer].transposed(), &key[layer].transposed());
    let mut loss_sum = Integer::new();
    for (number, twin) in record.twin.iter().enumerate() {
        let (cloud, key) = (&record.cloud.steps[number], &record.key.steps[number]);
        let at = |name: &str, layer: usize| format!("{what}: {name} of layer {layer} in step {number}");
        for (layer, trace) in twin.forward.layers.iter().enumerate() {
            assert_eq!(transposed(&cloud.sums, &key.sums, layer), trace.z, "{}", at("sums", layer));
            let activations = transposed(&cloud.activations, &key.activations, layer + 1);
            assert_eq!(activations, trace.activations, "{}", at("activations", layer));
            assert_eq!(transposed(&cloud.deltas, &key.deltas, layer), twin.deltas[layer], "{}", at("errors", layer));
            let weights = opened(&cloud.model.weights[layer], &key.model.weights[layer]);
            assert_eq!(weights, record.models[number].weights[layer], "{}", at("weights", layer));
            let biases = opened(&cloud.model.biases[layer], &key.model.biases[layer]);
            assert_eq!(biases, record.models[number].biases[layer], "{}", at("biases", layer));
        }
        loss_sum += twin.loss_sum;
        assert_eq!(opened(&cloud.loss, &key.loss), [loss_sum.clone()], "{}", at("loss", 0));
    }
}

fn check(run: TestRun, what: &str) -> Record {
    let record = record(run);
    assert_equal(&record, what);
    record
}

#[test]
fn xor_on_one_and_two_threads() {
    for threads in [1, 2] {
        check(TestRun { engine: engine(threads), ..TestRun::on("xor", "2,4,2", 4, 10, 3) }, "xor");
    }
}

/// Three steps each for seeds 1 to 5, the last batch of an epoch incomplete.
fn check_seeds(data: &str, layers: &str, batch_rows: usize, rows: usize) {
    assert!(!rows.is_multiple_of(batch_rows) && rows < 3 * batch_rows, "an incomplete batch among three steps");
    for seed in 1..=5 {
        let run = TestRun { seed, ..TestRun::on(data, layers, batch_rows, rows, 3) };
        let record = check(run, &format!("{data} {layers}, seed {seed}"));
        assert_eq!(record.twin.len(), 3);
    }
}

#[test]
fn xor() {
    check_seeds("xor", "2,4,2", 4, 10);
}

#[test]
fn parity() {
    check_seeds("parity:4", "4,5,2", 5, 12);
}

#[test]
fn breast_cancer() {
    check_seeds("breast_cancer", "30,16,2", 8, 20);
}

#[test]
fn digits() {
    check_seeds("digits", "64,32,10", 3, 8);
}

#[test]
fn keys_with_a_subgroup_train_the_same() {
    for engine in engines() {
        let mut run = TestRun { engine, seed: 8, ..TestRun::on("breast_cancer", "30,4,2", 4, 10, 3) };
        run.config.key_form = KeyForm::Subgroup;
        check(run, &format!("subgroup on {}", engine.kind()));
    }
}

#[test]
fn comparisons_that_leak_nothing_train_the_same() {
    for engine in engines() {
        for (data, layers, batch_rows, rows) in [("xor", "2,3,4,2", 3, 8), ("breast_cancer", "30,4,2", 4, 10)] {
            let mut run = TestRun { engine, seed: 9, ..TestRun::on(data, layers, batch_rows, rows, 3) };
            run.config.comparison = Comparison::Dgk;
            check(run, &format!("{data} on {}", engine.kind()));
        }
    }
}

#[test]
fn two_hidden_layers() {
    check_seeds("xor", "2,3,4,2", 3, 8);
}

#[test]
fn a_step_takes_seven_round_trips() {
    let record = check(TestRun { seed: 3, ..TestRun::on("breast_cancer", "30,16,2", 8, 20, 4) }, "breast_cancer");
    let round_trips: Vec<u64> = record.traffic.iter().map(|traffic| traffic.round_trips).collect();
    assert_eq!(round_trips, [7; 4]);
}

#[test]
fn every_engine_trains_the_same_model() {
    for (data, layers, batch_rows, rows, steps) in [("xor", "2,4,2", 4, 8, 3), ("breast_cancer", "30,4,2", 4, 8, 2)] {
        let trained = engines().iter().map(|engine| {
            let run = TestRun { engine, seed: 6, ..TestRun::on(data, layers, batch_rows, rows, steps) };
            let record = check(run, &format!("{data} on {}", engine.kind()));
            let [cloud, key] = [&record.cloud, &record.key].map(|server| &server.steps.last().unwrap().model);
            let [cloud, key] = [cloud, key].map(|model| [&model.weights[..], &model.biases].concat());
            cloud.iter().zip(&key).map(|(cloud, key)| opened(cloud, key)).collect::<Vec<Vec<Integer>>>()
        });
        let models: Vec<_> = trained.collect();
        assert!(models.iter().all(|model| *model == models[0]), "{data}: the engines' models differ");
    }
}

#[test]
fn no_hidden_layer() {
    check(TestRun::on("xor", "2,2", 3, 8, 3), "no hidden layer");
}

#[test]
fn one_sample_and_one_neuron() {
    check(TestRun { seed: 2, ..TestRun::on("xor", "2,1,2", 1, 3, 3) }, "one sample, one neuron");
}
