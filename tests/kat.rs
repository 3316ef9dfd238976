//! Known answers of other implementations, run through the public API.
//!
//! The vectors are not part of this project: `SMLP_KAT_FILE` names the file, `SMLP_ENGINE` the engine, and without a file
//! nothing is checked, which the output says. What the engine does with the unusual ones:
//!
//! * n of 2047 bits (two 1024-bit primes whose product falls short) and of 2050 bits (no multiple of 8, 52 or 64): any odd
//!   modulus is taken, widths are rounded up to whole limbs. Admission (rule K1) wants an even length, so that n of 2047 bits
//!   is refused as a foreign key; the constructors used here do not ask.
//! * r >= n: reduced, since r^n modulo n^2 depends on r modulo n only.
//! * m >= n/2: the residue of a negative number; it is decoded, encrypted as such, and compared as a residue.
//! * n of 17 bits: only through a constructor hidden from the documentation, which asks no more than gcd(n, phi(n)) = 1.
//! * p and q of different lengths (two keys): the same constructor; decryption works both ways, encryption with the public
//!   key, the owner's own encryption is for equal lengths only, which every key that is generated or read has.

use std::process::ExitCode;

use rug::Integer;
use serde_json::Value;
use smlp::arith::{Engine, EngineOptions};
use smlp::paillier::{Ciphertexts, PaillierError, PublicKey, SecretKey};
use smlp::rng::SecureRng;

const EXPECTED_VECTORS: usize = 167;

fn main() -> ExitCode {
    println!("\nrunning 1 test");
    let Some(path) = std::env::var_os("SMLP_KAT_FILE") else {
        println!("known answers did not run: SMLP_KAT_FILE names no file");
        return finish("known_answers", "ignored", 0, 1);
    };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => {
            println!("{}: {error}", path.display());
            return fail();
        }
    };
    let engine = match EngineOptions::from_env().and_then(|options| Engine::new(&options)) {
        Ok(engine) => engine,
        Err(error) => {
            println!("{error}");
            return fail();
        }
    };
    match run(&engine, &text) {
        Ok(passed) => {
            println!("{passed} of {EXPECTED_VECTORS}");
            if passed == EXPECTED_VECTORS { finish("known_answers", "ok", 1, 0) } else { fail() }
        }
        Err(error) => {
            println!("the file of known answers does not parse: {error}");
            fail()
        }
    }
}

fn finish(name: &str, outcome: &str, passed: usize, ignored: usize) -> ExitCode {
    println!("test {name} ... {outcome}\n");
    println!("test result: ok. {passed} passed; 0 failed; {ignored} ignored; 0 measured; 0 filtered out\n");
    ExitCode::SUCCESS
}

fn fail() -> ExitCode {
    println!("test known_answers ... FAILED\n");
    println!("test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out\n");
    ExitCode::FAILURE
}

/// The number of vectors that hold; says which do not.
fn run(engine: &Engine, text: &str) -> Result<usize, serde_json::Error> {
    let file: Value = serde_json::from_str(text)?;
    let vectors = file["vectors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut passed = 0;
    for vector in vectors {
        match (Vector { engine, fields: vector }).check() {
            Ok(()) => passed += 1,
            Err(reason) => println!("{}: {reason}", vector["name"]),
        }
    }
    if vectors.len() != EXPECTED_VECTORS {
        println!("the file holds {} vectors, {EXPECTED_VECTORS} were expected", vectors.len());
    }
    Ok(passed.min(vectors.len()))
}

struct Vector<'a> {
    engine: &'a Engine,
    fields: &'a Value,
}

impl Vector<'_> {
    fn check(&self) -> Result<(), String> {
        let n = self.required("n")?;
        equal("length of n", &Integer::from(n.significant_bits()), &self.decimal("n_bits")?)?;
        let secret = self.secret_key(&n)?;
        let public =
            secret.as_ref().map_or_else(|| PublicKey::from_modulus_for_tests(n), |key| key.public_key().clone());
        let kind = self.fields["kind"].as_str().unwrap_or_default();
        if let Some(secret) = &secret {
            self.check_key_fields(secret)?;
            self.check_round_trip(secret)?;
        }
        match kind.split([' ', ':']).next().unwrap_or_default() {
            "encrypt" | "encrypt+decrypt" => {
                self.check_encryption(&public, "m", "r", "c")?;
                self.check_decryption(secret.as_ref(), "c", "m")
            }
            "decrypt" => self.check_decryption(secret.as_ref(), "c", "m"),
            "add" => self.check_addition(&public, secret.as_ref()),
            "private-key" => self.check_private_fields(secret.as_ref()),
            "scalar-mul" => self.check_scalar(&public),
            "mta:" | "mta" => self.check_multiply_then_mask(&public, secret.as_ref()),
            "key" => secret.map(|_| ()).ok_or_else(|| "a key without p and q".to_owned()),
            _ => Err(format!("unknown kind {kind:?}")),
        }
    }

    fn secret_key(&self, n: &Integer) -> Result<Option<SecretKey>, String> {
        let (Some(p), Some(q)) = (self.optional("p")?, self.optional("q")?) else { return Ok(None) };
        let key = SecretKey::from_primes_for_tests(&p, &q).map_err(text)?;
        equal("p q", key.public_key().n(), n)?;
        Ok(Some(key))
    }

    /// lambda, mu, the totient and the decryption factors of both primes, wherever the vector has them.
    fn check_key_fields(&self, key: &SecretKey) -> Result<(), String> {
        let n = key.public_key().n();
        let (p, q) = (self.required("p")?, self.required("q")?);
        let (p_order, q_order) = (Integer::from(&p - 1u32), Integer::from(&q - 1u32));
        let lambda = Integer::from(p_order.lcm_ref(&q_order));
        let mu = lambda.clone().invert(n).map_err(|_| "lambda has no inverse".to_owned())?;
        let (h_p, h_q) = key.decryption_factors_for_tests();
        let totient = Integer::from(&p_order * &q_order);
        equal("h_p against its definition", &h_p, &decryption_factor(n, &p)?)?;
        equal("h_q against its definition", &h_q, &decryption_factor(n, &q)?)?;
        for (field, value) in [
            ("lam", &lambda),
            ("mu", &mu),
            ("totient", &totient),
            ("lp", &p_order),
            ("lq", &q_order),
            ("mp", &*h_p),
            ("mq", &*h_q),
            ("n2", key.public_key().modulus().value()),
        ] {
            if let Some(expected) = self.optional(field)? {
                equal(field, value, &expected)?;
            }
        }
        match self.fields["g"].as_str() {
            None | Some("n+1") => Ok(()),
            Some(_) => equal("g", &Integer::from(n + 1u32), &self.required("g")?),
        }
    }

    /// Every key encrypts and decrypts numbers of either sign, with fresh randomness, with and without the CRT.
    fn check_round_trip(&self, key: &SecretKey) -> Result<(), String> {
        let values = [0, 1, -1, 12345, -12345].map(Integer::from);
        let mut rng = SecureRng::from_os();
        let public = key.public_key();
        let mut forms = vec![
            public.encrypt_many(self.engine, &values, &mut rng).map_err(text)?,
            self.encrypt_rn_invertible(public, &values, &mut rng)?,
        ];
        if self.required("p")?.significant_bits() == self.required("q")?.significant_bits() {
            forms.push(key.encrypt_many(self.engine, &values, &mut rng).map_err(text)?);
        }
        for ciphertexts in forms {
            for (opened, value) in self.open_both_ways(key, &ciphertexts)?.iter().zip(&values) {
                equal("round trip", opened, &Integer::from(value.modulo_ref(public.n())))?;
            }
        }
        Ok(())
    }

    /// Ciphertexts of the r^n form under an r that is prime to n, which one r in 175 is not where n has 17 bits.
    fn encrypt_rn_invertible(
        &self,
        key: &PublicKey,
        values: &[Integer],
        rng: &mut SecureRng,
    ) -> Result<Ciphertexts, String> {
        loop {
            let ciphertexts = key.encrypt_rn_many(self.engine, values, rng).map_err(text)?;
            if self.engine.store(ciphertexts.batch()).iter().all(|c| Integer::from(c.gcd_ref(key.n())) == 1) {
                return Ok(ciphertexts);
            }
        }
    }

    fn check_encryption(&self, key: &PublicKey, m: &str, r: &str, c: &str) -> Result<(), String> {
        let value = key.decode(self.required(m)?);
        let randomness = self.required(r)?;
        let made = key.encrypt_with_randomness_for_tests(self.engine, &[value], &[randomness]);
        equal(c, &self.only(&made.map_err(text)?), &self.required(c)?)
    }

    fn check_decryption(&self, key: Option<&SecretKey>, c: &str, m: &str) -> Result<(), String> {
        let Some(key) = key else { return Ok(()) };
        let ciphertext = self.admit(key.public_key(), c)?;
        equal(m, &self.open_both_ways(key, &ciphertext)?[0], &self.required(m)?)
    }

    fn check_addition(&self, public: &PublicKey, secret: Option<&SecretKey>) -> Result<(), String> {
        let (left, right) = (self.admit(public, "c1")?, self.admit(public, "c2")?);
        let sum = left.add(self.engine, &right).map_err(text)?;
        equal("c_sum", &self.only(&sum), &self.required("c_sum")?)?;
        let difference = sum.sub(self.engine, &right).map_err(text)?;
        equal("c_sum - c2", &self.only(&difference), &self.required("c1")?)?;
        match secret {
            Some(secret) => self.check_decryption(Some(secret), "c_sum", "m_sum"),
            None => Ok(()),
        }
    }

    /// Two ciphertexts of a key whose fields have been checked: their sum opens to the sum of what they open to.
    fn check_private_fields(&self, secret: Option<&SecretKey>) -> Result<(), String> {
        let key = secret.ok_or("private fields without p and q")?;
        let both = [self.admit(key.public_key(), "c1")?, self.admit(key.public_key(), "c2")?];
        let sum = both[0].add(self.engine, &both[1]).map_err(text)?;
        let opened = self.open_both_ways(key, &Ciphertexts::concat(&both).map_err(text)?)?;
        let expected = Integer::from(&opened[0] + &opened[1]).modulo(key.public_key().n());
        equal("the plaintext of c1 c2", &self.open_both_ways(key, &sum)?[0], &expected)
    }

    fn check_scalar(&self, public: &PublicKey) -> Result<(), String> {
        let base = self.admit(public, "c1")?;
        let scalar = self.required("k")?;
        let power = base.mul_plain_vartime(self.engine, std::slice::from_ref(&scalar)).map_err(text)?;
        equal("c", &self.only(&power), &self.required("c")?)?;
        let dot = base.dot_vartime(self.engine, std::slice::from_ref(&scalar)).map_err(text)?;
        equal("c as a dot product", &self.only(&dot), &self.required("c")?)?;
        let negative = base.mul_plain_vartime(self.engine, &[-scalar]).map_err(text)?;
        equal("c c^-1", &self.only(&power.add(self.engine, &negative).map_err(text)?), &Integer::from(1))
    }

    fn check_multiply_then_mask(&self, public: &PublicKey, secret: Option<&SecretKey>) -> Result<(), String> {
        self.check_encryption(public, "a", "r1", "ca")?;
        let mask_value = public.decode(self.required("z")?);
        let mask = public.encrypt_with_randomness_for_tests(self.engine, &[mask_value], &[self.required("r2")?]);
        let product = self.admit(public, "ca")?.mul_plain_vartime(self.engine, &[self.required("b")?]).map_err(text)?;
        let masked = product.add(self.engine, &mask.map_err(text)?).map_err(text)?;
        equal("cb", &self.only(&masked), &self.required("cb")?)?;
        self.check_decryption(secret, "cb", "m_cb")
    }

    fn admit(&self, key: &PublicKey, field: &str) -> Result<Ciphertexts, String> {
        Ciphertexts::admit(self.engine, key, &[self.required(field)?]).map_err(text)
    }

    fn only(&self, ciphertexts: &Ciphertexts) -> Integer {
        self.engine.store(ciphertexts.batch()).swap_remove(0)
    }

    /// Plaintexts as residues in [0, n).
    fn open_both_ways(&self, key: &SecretKey, ciphertexts: &Ciphertexts) -> Result<Vec<Integer>, String> {
        let with_crt = key.decrypt_many(self.engine, ciphertexts).map_err(text)?;
        let without_crt = key.decrypt_no_crt_many(self.engine, ciphertexts).map_err(text)?;
        if with_crt != without_crt {
            return Err("decryption with and without the CRT differ".into());
        }
        let residue = |value: &Integer| Integer::from(value.modulo_ref(key.public_key().n()));
        Ok(with_crt.iter().map(|value| residue(value)).collect())
    }

    fn required(&self, field: &str) -> Result<Integer, String> {
        self.optional(field)?.ok_or_else(|| format!("{field} is missing"))
    }

    fn optional(&self, field: &str) -> Result<Option<Integer>, String> {
        match &self.fields[field] {
            Value::Null => Ok(None),
            Value::String(hex) => {
                Integer::from_str_radix(hex, 16).map(Some).map_err(|error| format!("{field}: {error}"))
            }
            other => Err(format!("{field} is no hexadecimal string but {other}")),
        }
    }

    fn decimal(&self, field: &str) -> Result<Integer, String> {
        self.fields[field].as_u64().map(Integer::from).ok_or_else(|| format!("{field} is no number"))
    }
}

/// L_p((1 + n)^(p-1) mod p^2)^-1 mod p, as the definition has it.
fn decryption_factor(n: &Integer, prime: &Integer) -> Result<Integer, String> {
    let square = Integer::from(prime.square_ref());
    let power = Integer::from(n + 1u32).pow_mod(&Integer::from(prime - 1u32), &square).map_err(|_| "no power")?;
    let quotient = (power - 1u32) / prime;
    quotient.invert(prime).map_err(|_| "no decryption factor".to_owned())
}

fn equal(what: &str, found: &Integer, expected: &Integer) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what}: found {found:x}, expected {expected:x}")) }
}

fn text(error: PaillierError) -> String {
    error.to_string()
}
