//! Do times tell secrets apart? Welch's t-test of a fixed secret against random ones, after dudect (Reparaz, Balasch,
//! Verbauwhede, "Dude, is my code constant time?", 2017): the classes take turns in random order, each time is of one call
//! on inputs made beforehand, and the slowest samples, which tell of interruptions, are left out at several shares.
//!
//! `cargo bench --bench timing_leak`; SMLP_TIMING_SAMPLES (default 20000) calls an operation; SMLP_TIMING_OUT, a folder
//! for timing.csv, which `smlp report` draws; SMLP_ENGINE, one engine. Exit code 1 if an operation is flagged, or if the
//! positive control is not.

use std::hint::black_box;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use rug::Integer;
use rug::integer::Order;
use smlp::arith::{Batch, ConstantTime, Engine, EngineError, EngineKind, EngineOptions, Exponents, Moduli, Modulus};
use smlp::error::Error;
use smlp::measure::rows::TimingRow;
use smlp::measure::{CsvRow, write_rows};
use smlp::paillier::{Ciphertexts, SecretKey};
use smlp::rng::{SecureRng, SeededRng};
use smlp::secret::SecretLimbs;

const KEY_BITS: u32 = 1024;
/// Calls whose inputs are in memory at a time.
const ROUND: usize = 500;
/// Shares of the samples that are kept, the quickest first.
const KEPT: [f64; 6] = [1.0, 0.99, 0.95, 0.9, 0.75, 0.5];
/// Terms of a multi-exponentiation.
const TERMS: usize = 8;

/// One call, on its input.
type Call<'a> = Box<dyn FnOnce() + 'a>;

/// Makes the call for the fixed secret, or for a random one.
type Subject<'a> = Box<dyn FnMut(bool) -> Call<'a> + 'a>;

fn main() -> Result<ExitCode, Error> {
    // `cargo test --benches` builds and runs benches too, without this flag.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(ExitCode::SUCCESS);
    }
    let samples =
        std::env::var("SMLP_TIMING_SAMPLES").map_or(20_000, |count| count.parse().expect("a number of calls"));
    // Made first: what minutes have measured must not be lost for want of a folder.
    let folder = std::env::var_os("SMLP_TIMING_OUT").map(PathBuf::from);
    if let Some(folder) = &folder {
        std::fs::create_dir_all(folder).map_err(|source| Error::File { path: folder.clone(), source })?;
    }
    let mut rows = Vec::new();
    for kind in kinds() {
        for constant_time in [ConstantTime::Default, ConstantTime::Strict] {
            match Engine::new(&EngineOptions { kind, threads: 1, constant_time }) {
                Ok(engine) => test_engine(&engine, samples, &mut rows)?,
                Err(error @ EngineError::Unavailable { .. }) => eprintln!("NOT RUN: {error}"),
                Err(error) => return Err(error.into()),
            }
        }
    }
    if let Some(folder) = &folder {
        write_rows(&folder.join(TimingRow::FILE_NAME), &rows)?;
    }
    let as_expected = rows.iter().all(|row| row.is_flagged() == row.control);
    Ok(if as_expected { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The engine that SMLP_ENGINE names, else all.
fn kinds() -> Vec<EngineKind> {
    match EngineOptions::from_env().expect("SMLP_ENGINE names an engine").kind {
        EngineKind::Auto => EngineKind::ALL.into_iter().filter(|kind| *kind != EngineKind::Auto).collect(),
        kind => vec![kind],
    }
}

/// By default what outlives one use, and the control; under `strict` what is used once.
fn test_engine(engine: &Engine, samples: usize, rows: &mut Vec<TimingRow>) -> Result<(), Error> {
    let key = SecretKey::generate(engine, KEY_BITS, &mut SecureRng::from_os())?;
    let subjects: Vec<(&str, Subject<'_>)> = match engine.constant_time() {
        ConstantTime::Default => vec![
            ("public_power", public_power(engine, &key)),
            ("decrypt", decrypt(engine, &key)),
            ("secret_power", secret_power(engine)),
        ],
        ConstantTime::Strict => vec![
            ("encrypt_public", randomizer(engine, &key, true)),
            ("encrypt_owner", randomizer(engine, &key, false)),
            ("multi_power", multi_power(engine, &key)),
        ],
    };
    for (operation, mut subject) in subjects {
        let t = largest_t(&times(&mut subject, samples));
        let row = TimingRow {
            operation: operation.to_owned(),
            engine: engine.kind().to_string(),
            constant_time: engine.constant_time().to_string(),
            key_bits: KEY_BITS,
            samples: samples as u64,
            t,
            control: operation == "public_power",
        };
        let verdict = match (row.is_flagged(), row.control) {
            (false, false) => "passes",
            (true, true) => "flagged, as the control must be",
            (true, false) => "TIME DEPENDS ON THE SECRET",
            (false, true) => "THE CONTROL WAS NOT NOTICED",
        };
        println!("{operation:<16} {:<5} {:<8} t = {t:9.2}  {verdict}", row.engine, row.constant_time);
        rows.push(row);
    }
    Ok(())
}

/// The control: public exponents, 3 against random ones of the key's length.
fn public_power<'a>(engine: &'a Engine, key: &'a SecretKey) -> Subject<'a> {
    let mut rng = SeededRng::new(1, "control");
    let base = engine.load(&Moduli::from(key.public_key().modulus()), &[rng.integer(2 * KEY_BITS - 1)]);
    Box::new(move |fixed| {
        let random = rng.integer(KEY_BITS);
        let exponents = Exponents::public(&[if fixed { Integer::from(3) } else { random }]);
        let base = base.clone();
        Box::new(move || drop(black_box(engine.power(&base, &exponents).expect("shapes agree"))))
    })
}

/// One ciphertext again and again, against random ones; plaintexts are not negative, since taking the sign shows it.
fn decrypt<'a>(engine: &'a Engine, key: &'a SecretKey) -> Subject<'a> {
    let mut rng = SecureRng::from_os();
    let public = key.public_key();
    let seal = |value: Integer, rng: &mut SecureRng| {
        engine.store(public.encrypt_many(engine, &[value], rng).expect("plaintexts fit").batch())
    };
    let always = seal(Integer::new(), &mut rng);
    Box::new(move |fixed| {
        let random = seal(Integer::clone(&rng.bits(KEY_BITS - 2).to_integer()), &mut rng);
        let number = if fixed { always.clone() } else { random };
        let sealed = Ciphertexts::admit(engine, public, &number).expect("ciphertexts of this key");
        Box::new(move || drop(black_box(key.decrypt_many(engine, &sealed).expect("ciphertexts of this key"))))
    })
}

/// Long-lived exponents modulo a secret square: 2^(bits - 1) against random ones.
fn secret_power(engine: &Engine) -> Subject<'_> {
    let mut rng = SecureRng::from_os();
    let bits = KEY_BITS / 2;
    let mut root = Integer::clone(&rng.bits(bits).to_integer());
    root.set_bit(bits - 1, true).set_bit(0, true);
    let modulus = Modulus::secret_square_of(&SecretLimbs::new(root.to_digits(Order::Lsf)));
    let base = engine.load(&Moduli::from(&modulus), &[Integer::clone(&rng.bits(KEY_BITS - 1).to_integer())]);
    Box::new(move |fixed| {
        let exponents = Exponents::long_lived(vec![secret(fixed, bits, &mut rng)], bits);
        let base = base.clone();
        Box::new(move || drop(black_box(engine.power(&base, &exponents).expect("shapes agree"))))
    })
}

/// The randomiser h^s of an encryption, by the public key or by the owner: s = 2^(bits - 1) against random ones.
fn randomizer<'a>(engine: &'a Engine, key: &'a SecretKey, by_public_key: bool) -> Subject<'a> {
    let mut rng = SecureRng::from_os();
    let public = key.public_key();
    let bits = public.randomizer_bits();
    let power = move |exponents: &Exponents| -> Batch {
        let made =
            if by_public_key { public.randomizers(engine, exponents) } else { key.randomizers(engine, exponents) };
        made.expect("the table is long enough")
    };
    Box::new(move |fixed| {
        let exponents = Exponents::single_use(vec![secret(fixed, bits, &mut rng)], bits);
        Box::new(move || drop(black_box(power(&exponents))))
    })
}

/// A product of powers with 64-bit exponents that are used once: all 2^63 against random ones.
fn multi_power<'a>(engine: &'a Engine, key: &'a SecretKey) -> Subject<'a> {
    let mut rng = SecureRng::from_os();
    let numbers: Vec<Integer> = (0..TERMS).map(|_| Integer::clone(&rng.bits(2 * KEY_BITS - 1).to_integer())).collect();
    let bases = engine.load(&Moduli::from(key.public_key().modulus()), &numbers);
    Box::new(move |fixed| {
        let exponents = (0..TERMS).map(|_| secret(fixed, 64, &mut rng)).collect();
        let (bases, exponents) = (bases.clone(), Exponents::single_use(exponents, 64));
        Box::new(move || drop(black_box(engine.multi_power(&bases, &exponents, 1).expect("shapes agree"))))
    })
}

/// The fixed exponent 2^(bits - 1), or a random one; both are drawn, so that the making is alike.
fn secret(fixed: bool, bits: u32, rng: &mut SecureRng) -> SecretLimbs {
    let mut number = rng.bits(bits);
    if fixed {
        number.as_mut_slice().fill(0);
        number.as_mut_slice()[(bits as usize - 1) / 64] = 1 << ((bits - 1) % 64);
    }
    number
}

/// Nanoseconds of each call, with its class.
fn times(subject: &mut Subject<'_>, samples: usize) -> Vec<(bool, f64)> {
    let mut coins = SeededRng::new(samples as u64, "order of the classes");
    let mut times = Vec::with_capacity(samples);
    // Builds tables and warms caches.
    [true, false].into_iter().cycle().take(20).for_each(|fixed| subject(fixed)());
    while times.len() < samples {
        let classes: Vec<bool> = (0..ROUND.min(samples - times.len())).map(|_| coins.below(2) == 1).collect();
        let calls: Vec<(bool, Call<'_>)> = classes.into_iter().map(|fixed| (fixed, subject(fixed))).collect();
        for (fixed, call) in calls {
            let start = Instant::now();
            call();
            times.push((fixed, start.elapsed().as_nanos() as f64));
        }
    }
    times
}

/// The t of the largest magnitude over the shares of samples that are kept.
fn largest_t(times: &[(bool, f64)]) -> f64 {
    let mut sorted: Vec<f64> = times.iter().map(|(_, time)| *time).collect();
    sorted.sort_by(f64::total_cmp);
    let cropped = |share: f64| {
        let limit = sorted[((sorted.len() - 1) as f64 * share) as usize];
        let class = |wanted: bool| -> Vec<f64> {
            times.iter().filter(|(fixed, time)| *fixed == wanted && *time <= limit).map(|(_, time)| *time).collect()
        };
        welch_t(&class(true), &class(false))
    };
    // Where a crop leaves too little of a class there is no t; that happens only when the classes lie apart.
    let all = KEPT.into_iter().map(cropped).filter(|t| t.is_finite());
    all.max_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap_or(f64::NAN)
}

/// (mean - mean') / sqrt(variance / count + variance' / count').
fn welch_t(a: &[f64], b: &[f64]) -> f64 {
    let [(mean_a, error_a), (mean_b, error_b)] = [a, b].map(|times| {
        let count = times.len() as f64;
        let mean = times.iter().sum::<f64>() / count;
        let variance = times.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, variance / count)
    });
    (mean_a - mean_b) / (error_a + error_b).sqrt()
}
