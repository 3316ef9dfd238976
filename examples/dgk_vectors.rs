//! Known answers of the comparison's cryptosystem for `scripts/kat_check.py --kat`, which computes them again from the
//! definition: a fresh key, plaintexts with their randomness and ciphertexts, linear combinations, tests for zero.
//!
//! ```text
//! cargo run --release --example dgk_vectors [KEY_BITS [SLOT_BOUND]] > vectors.json
//! ```

use std::error::Error;

use rug::Integer;
use serde_json::{Value, json};
use smlp::arith::{Engine, EngineOptions, Exponents};
use smlp::dgk::{Parameters, SLOTS, SecretKey};
use smlp::rng::SecureRng;
use smlp::secret::SecretLimbs;
use subtle::Choice;
use zeroize::Zeroizing;

const SIGMA: u32 = 40;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let key_bits = arguments.next().map_or(Ok(1024), |bits| bits.parse())?;
    let slot_bound = arguments.next().map_or(Ok(8), |bound| bound.parse())?;
    let engine = Engine::new(&EngineOptions::from_env()?)?;
    let mut rng = SecureRng::from_os();
    let key = SecretKey::generate(&engine, Parameters::new(key_bits, slot_bound)?, &mut rng)?;
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
        "moduli": public.parameters().slots().moduli().map(|modulus| hex(&Integer::from(modulus))).join(" "),
        "t": hex(&Integer::from(public.parameters().order_bits())),
        "n": hex(public.n()), "p": p, "q": q, "v_p": v_p, "v_q": v_q, "g": hex(public.g()), "h": hex(public.h()),
    })
}

fn encryptions(engine: &Engine, key: &SecretKey, rng: &mut SecureRng) -> Result<Vec<Value>, Box<dyn Error>> {
    let public = key.public_key();
    let bits = public.parameters().randomizer_bits(SIGMA);
    let plaintexts = plaintexts(key);
    let randomness: Vec<SecretLimbs> = plaintexts.iter().map(|_| rng.bits(bits)).collect();
    let sealed = public.encrypt_with_randomness_for_tests(engine, &plaintexts, randomness.clone(), bits)?;
    let zeros = key.is_zero_many(engine, &sealed)?;
    let numbers = engine.store(sealed.batch());
    let cases = plaintexts.iter().zip(&randomness).zip(numbers.iter().zip(zeros));
    let vector = |((m, r), (c, zeros)): ((&u64, &SecretLimbs), (&Integer, [Choice; SLOTS]))| {
        let fields =
            json!({ "m": hex(&Integer::from(*m)), "r": hex(&r.to_integer()), "c": hex(c), "zeros": flags(zeros) });
        with_key(key, &format!("dgk encryption of {m}"), fields)
    };
    Ok(cases.map(vector).collect())
}

/// 0, 1, u - 1, every number of every slot with the others at 0 and at 1, and what bits in all slots give.
fn plaintexts(key: &SecretKey) -> Vec<u64> {
    let slots = key.public_key().parameters().slots();
    let mut all = vec![0, 1, slots.product() - 1];
    for (slot, modulus) in slots.moduli().into_iter().enumerate() {
        for others in [0, 1] {
            let with = |number| slots.join(&std::array::from_fn(|at| if at == slot { number } else { others }));
            all.extend((0..modulus).map(with));
        }
    }
    all.extend((0..=u8::MAX).map(|bits| slots.join(&std::array::from_fn(|slot| u64::from(bits >> slot & 1)))));
    all
}

/// Two groups of three ciphertexts, two combinations of each.
fn operations(engine: &Engine, key: &SecretKey, rng: &mut SecureRng) -> Result<Vec<Value>, Box<dyn Error>> {
    let (public, u) = (key.public_key(), key.public_key().parameters().plaintext_modulus());
    let mut draw = |count: usize| -> Vec<u64> { (0..count).map(|_| rng.bits(64).as_slice()[0] % u).collect() };
    let (plaintexts, mut factors, constants) = (draw(6), draw(12), draw(4));
    (factors[0], factors[1]) = (0, u - 1);
    let sealed = key.encrypt_many(engine, &plaintexts, rng)?;
    let exponents = |values: &[u64]| {
        Exponents::single_use_words(Zeroizing::new(values.to_vec()), public.parameters().plaintext_bits())
    };
    let randomizers = public.randomizers(engine, constants.len(), SIGMA, rng)?;
    let combined = sealed.combine(engine, (&exponents(&factors), &exponents(&constants)), 2, randomizers)?;
    let zeros = key.is_zero_many(engine, &combined)?;
    let (sealed, numbers) = (engine.store(sealed.batch()), engine.store(combined.batch()));
    let list = |values: &[u64]| values.iter().map(|value| hex(&Integer::from(*value))).collect::<Vec<_>>().join(" ");
    let vector = |row: usize| {
        let group = row / 2 * 3..row / 2 * 3 + 3;
        let ciphertexts: Vec<String> = sealed[group.clone()].iter().map(hex).collect();
        let fields = json!({
            "plaintexts": list(&plaintexts[group]), "ciphertexts": ciphertexts.join(" "),
            "factors": list(&factors[row * 3..row * 3 + 3]), "constant": hex(&Integer::from(constants[row])),
            "combined": hex(&numbers[row]), "combined_zeros": flags(zeros[row]),
        });
        with_key(key, &format!("dgk combination {row}"), fields)
    };
    Ok((0..constants.len()).map(vector).collect())
}

fn with_key(key: &SecretKey, name: &str, fields: Value) -> Value {
    let mut vector = key_vector(key);
    vector["name"] = name.into();
    for (field, value) in fields.as_object().into_iter().flatten() {
        vector[field] = value.clone();
    }
    vector
}

/// Bit i for slot i.
fn flags(zeros: [Choice; SLOTS]) -> String {
    let bits = zeros.iter().enumerate().fold(0, |bits, (slot, zero)| bits | u32::from(zero.unwrap_u8()) << slot);
    hex(&Integer::from(bits))
}

fn hex(value: &Integer) -> String {
    value.to_string_radix(16)
}
