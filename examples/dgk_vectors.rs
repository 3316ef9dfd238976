//! Known answers of the comparison's cryptosystem for `scripts/kat_check.py --kat`, which computes them again from the
//! definition: a fresh key, all plaintexts with their randomness and ciphertexts, results of operations, tests for zero.
//!
//! ```text
//! cargo run --release --example dgk_vectors [KEY_BITS [COMPARED_BITS]] > vectors.json
//! ```

use std::error::Error;

use rug::Integer;
use serde_json::{Value, json};
use smlp::arith::{Engine, EngineOptions, Exponents};
use smlp::dgk::{Ciphertexts, Parameters, SecretKey};
use smlp::rng::SecureRng;
use smlp::secret::SecretLimbs;
use subtle::Choice;

const SIGMA: u32 = 40;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let key_bits = arguments.next().map_or(Ok(1024), |bits| bits.parse())?;
    let compared_bits = arguments.next().map_or(Ok(17), |bits| bits.parse())?;
    let engine = Engine::new(&EngineOptions::from_env()?)?;
    let mut rng = SecureRng::from_os();
    let key = SecretKey::generate(&engine, Parameters::new(key_bits, compared_bits)?, &mut rng)?;
    let mut vectors = vec![key_vector(&key)];
    vectors.extend(encryptions(&engine, &key, &mut rng)?);
    vectors.extend(operations(&engine, &key, &mut rng)?);
    println!("{}", serde_json::to_string_pretty(&json!({ "vectors": vectors }))?);
    Ok(())
}

/// The secrets and the bases; every vector has them, so that it can be checked alone.
fn key_vector(key: &SecretKey) -> Value {
    let public = key.public_key();
    let [p, q, v_p, v_q] = key.secrets_for_tests().map(|secret| hex(&secret.to_integer()));
    json!({
        "name": "dgk key", "kind": "dgk", "n_bits": public.parameters().key_bits(),
        "u": hex(&Integer::from(public.parameters().plaintext_modulus())),
        "t": hex(&Integer::from(public.parameters().order_bits())),
        "n": hex(public.n()), "p": p, "q": q, "v_p": v_p, "v_q": v_q, "g": hex(public.g()), "h": hex(public.h()),
    })
}

fn encryptions(engine: &Engine, key: &SecretKey, rng: &mut SecureRng) -> Result<Vec<Value>, Box<dyn Error>> {
    let public = key.public_key();
    let bits = public.parameters().randomizer_bits(SIGMA);
    let plaintexts: Vec<u64> = (0..u64::from(public.parameters().plaintext_modulus())).collect();
    let randomness: Vec<SecretLimbs> = plaintexts.iter().map(|_| rng.bits(bits)).collect();
    let sealed = public.encrypt_with_randomness_for_tests(engine, &plaintexts, randomness.clone(), bits)?;
    let zeros = key.is_zero_many(engine, &sealed)?;
    let numbers = engine.store(sealed.batch());
    let cases = plaintexts.iter().zip(&randomness).zip(numbers.iter().zip(zeros));
    let vector = |((m, r), (c, zero)): ((&u64, &SecretLimbs), (&Integer, Choice))| {
        let fields =
            json!({ "m": hex(&Integer::from(*m)), "r": hex(&r.to_integer()), "c": hex(c), "zero": flag(zero) });
        with_key(key, &format!("dgk encryption of {m}"), fields)
    };
    Ok(cases.map(vector).collect())
}

fn operations(engine: &Engine, key: &SecretKey, rng: &mut SecureRng) -> Result<Vec<Value>, Box<dyn Error>> {
    let public = key.public_key();
    let last = u64::from(public.parameters().plaintext_modulus()) - 1;
    let (left, right) = ([0, 1, 5, last, 1], [0, last, 3, last, 0]);
    let (a, b) = (key.encrypt_many(engine, &left, rng)?, public.encrypt_many(engine, &right, SIGMA, rng)?);
    let units = public.random_units(left.len(), rng);
    let results = [
        ("product", a.add(engine, &b)?),
        ("inverse", a.negate(engine)?),
        ("multiple", a.mul_secret(engine, &units)?),
        ("blinded", public.blind_many(engine, &a, public.blinders(engine, a.len(), SIGMA, rng)?)?),
    ];
    let column = |ciphertexts: &Ciphertexts| engine.store(ciphertexts.batch());
    let (c1, c2) = (column(&a), column(&b));
    let mut vectors: Vec<Value> = (0..left.len())
        .map(|i| {
            let unit = Integer::from(units_at(&units, i));
            let fields = json!({
                "m1": hex(&Integer::from(left[i])), "m2": hex(&Integer::from(right[i])),
                "c1": hex(&c1[i]), "c2": hex(&c2[i]), "unit": hex(&unit),
            });
            with_key(key, &format!("dgk operations {i}"), fields)
        })
        .collect();
    for (name, ciphertexts) in &results {
        let zeros = key.is_zero_many(engine, ciphertexts)?;
        for ((vector, number), zero) in vectors.iter_mut().zip(column(ciphertexts)).zip(zeros) {
            vector[*name] = hex(&number).into();
            vector[format!("{name}_zero")] = flag(zero).into();
        }
    }
    Ok(vectors)
}

fn units_at(units: &Exponents, index: usize) -> u64 {
    units.limbs(index)[0]
}

fn with_key(key: &SecretKey, name: &str, fields: Value) -> Value {
    let mut vector = key_vector(key);
    vector["name"] = name.into();
    for (field, value) in fields.as_object().into_iter().flatten() {
        vector[field] = value.clone();
    }
    vector
}

fn flag(choice: Choice) -> String {
    u8::from(bool::from(choice)).to_string()
}

fn hex(value: &Integer) -> String {
    value.to_string_radix(16)
}
