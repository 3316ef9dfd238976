use std::sync::Arc;

use rug::Integer;
use zeroize::Zeroizing;

use super::engines;
use crate::arith::{Batch, Engine, EngineError, EngineKind, EngineOptions, Exponents, Job, Moduli, Modulus};

fn batch(modulus: u32, len: usize) -> Batch {
    engines()[0].load(&Moduli::from(&Modulus::plain(&Integer::from(modulus))), &vec![Integer::from(2); len])
}

fn exponents(len: usize) -> Exponents {
    Exponents::public(&vec![Integer::from(9); len])
}

#[test]
fn operands_that_do_not_go_together_are_refused_and_given_back() {
    let engine = &engines()[0];
    let table = engine.fixed_base(&Modulus::plain(&Integer::from(101)), &Integer::from(2), 3, 2).unwrap();
    let select = |zero, one, choices: usize| Job::Select {
        on_zero: batch(101, zero),
        on_one: batch(101, one),
        choices: Arc::new(Zeroizing::new(vec![0; choices])),
    };
    let hostile = [
        Job::Product(batch(101, 2), batch(101, 3)),
        Job::Product(batch(101, 0), batch(101, 3)),
        Job::Product(batch(101, 2), batch(103, 2)),
        Job::ProductRuns { batch: batch(101, 4), run: 3 },
        Job::ProductRuns { batch: batch(101, 4), run: 0 },
        Job::ProductRuns { batch: Batch::concat(&[batch(101, 1), batch(103, 1)]), run: 2 },
        Job::Power { bases: batch(101, 2), exponents: exponents(3) },
        Job::FixedPower { table, exponents: exponents(1) },
        Job::MultiPower { bases: batch(101, 4), exponents: exponents(4), groups: 0 },
        Job::MultiPower { bases: batch(101, 4), exponents: exponents(4), groups: 3 },
        Job::MultiPower { bases: batch(101, 4), exponents: exponents(6), groups: 2 },
        Job::MultiPower { bases: batch(101, 0), exponents: exponents(6), groups: 2 },
        Job::MultiPower { bases: Batch::concat(&[batch(101, 1), batch(103, 1)]), exponents: exponents(2), groups: 1 },
        select(2, 3, 2),
        select(2, 2, 1),
        select(2, 1, 2),
    ];
    for (index, job) in hostile.into_iter().enumerate() {
        let failed = engine.submit(job.clone()).wait().err().unwrap_or_else(|| panic!("job {index} was accepted"));
        assert!(matches!(failed.error, EngineError::Shape { .. }), "job {index}: {}", failed.error);
        assert_eq!(std::mem::discriminant(&failed.job), std::mem::discriminant(&job));
    }
}

/// Residues of one engine in every operation of another are refused; their numbers can be had from any engine.
#[test]
fn residues_of_another_engine_are_refused_and_can_be_stored() {
    let (gmp, other) = (&engines()[0], engines().last().unwrap());
    if gmp.kind() == other.kind() {
        eprintln!("NOT RUN: there is one engine here");
        return;
    }
    let root = Integer::from(0xffff_fffb_u32);
    let modulus = Modulus::square_of(&root);
    let values = [3u32, 70_000, 5].map(Integer::from);
    let moduli = Moduli::from(&modulus);
    for (maker, engine) in [(gmp, other), (other, gmp)] {
        let (own, foreign) = (engine.load(&moduli, &values), maker.load(&moduli, &values));
        let table = maker.fixed_base(&modulus, &values[0], 8, 2).unwrap();
        let select = |on_zero: &Batch, on_one: &Batch| Job::Select {
            on_zero: on_zero.clone(),
            on_one: on_one.clone(),
            choices: Arc::new(Zeroizing::new(vec![0; 3])),
        };
        let hostile = [
            Job::Product(own.clone(), foreign.clone()),
            Job::Product(foreign.clone(), own.clone()),
            Job::Product(foreign.clone(), foreign.clone()),
            Job::ProductRuns { batch: foreign.clone(), run: 3 },
            Job::Power { bases: foreign.clone(), exponents: exponents(3) },
            Job::FixedPower { table, exponents: exponents(3) },
            Job::MultiPower { bases: foreign.clone(), exponents: exponents(3), groups: 1 },
            Job::InvertVartime(foreign.clone()),
            select(&own, &foreign),
            select(&foreign, &foreign),
        ];
        for (index, job) in hostile.into_iter().enumerate() {
            let error = engine.submit(job).wait().err().unwrap_or_else(|| panic!("job {index} was accepted")).error;
            let (message, kind) = (error.to_string(), maker.kind().name());
            assert!(matches!(error, EngineError::Shape { .. }), "job {index}: {message}");
            assert!(message.contains(kind) && message.contains("store them and load"), "job {index}: {message}");
        }
        assert_eq!(engine.store(&foreign), values);
    }
}

#[test]
fn a_window_is_neither_empty_nor_huge() {
    let modulus = Modulus::plain(&Integer::from(101));
    for window_bits in [0, 17, u32::MAX] {
        let table = engines()[0].fixed_base(&modulus, &Integer::from(2), 8, window_bits);
        assert!(matches!(table, Err(EngineError::Shape { .. })), "a window of {window_bits} bits");
    }
}

#[test]
fn empty_batches_stay_empty() {
    let engine = &engines()[1];
    let none = batch(101, 0);
    assert!(engine.store(&none).is_empty());
    assert!(engine.product(&none, &none).unwrap().is_empty());
    assert!(engine.product(&none, &batch(101, 1)).unwrap().is_empty());
    assert!(engine.product_runs(&none, 3).unwrap().is_empty());
    assert!(engine.power(&none, &exponents(0)).unwrap().is_empty());
    assert!(engine.power(&none, &exponents(1)).unwrap().is_empty());
    assert!(engine.multi_power(&none, &exponents(0), 0).unwrap().is_empty());
    assert!(engine.invert_vartime(&none).unwrap().is_empty());
    assert!(engine.select(&none, &none, &[]).unwrap().is_empty());
    let each = engine.load(&Moduli::Each([].into()), &[]);
    assert!(engine.store(&engine.product(&each, &each).unwrap()).is_empty());
}

#[test]
fn names_of_engines_are_read_back_and_others_refused() {
    for kind in EngineKind::ALL {
        assert_eq!(kind.to_string().parse(), Ok(kind));
    }
    let error = "gnu".parse::<EngineKind>().unwrap_err();
    assert!(error.to_string().contains("auto, gmp"), "{error}");
}

#[test]
fn the_report_names_a_tested_engine() {
    let engine = Engine::new(&EngineOptions { threads: 2, ..EngineOptions::default() }).unwrap();
    let report = engine.report();
    let fastest = engines().last().unwrap().kind();
    assert_eq!((report.chosen, report.threads), (fastest, 2));
    assert_eq!(engine.warning(), None);
    let chosen = report.engines.iter().find(|entry| entry.kind == report.chosen).unwrap();
    assert_eq!(chosen.self_test_passed, Some(true));
    assert!(report.gmp_version.starts_with("6."), "{}", report.gmp_version);
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["chosen"], fastest.name());
}
