//! Every engine against GMP, and GMP against crypto-bigint, which shares no code with it, on as many inputs as asked:
//!
//!   equality_campaign OPERATION KEY_BITS COUNT
//!
//! prints `operation,key_bits,count,compared,equal,seconds`; exit code 1 if anything differs.
//! `scripts/equality_campaign.sh` runs all parts.

use std::process::ExitCode;
use std::time::Instant;

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd};
use rayon::prelude::*;
use rug::Integer;
use rug::integer::{IsPrime, Order};
use smlp::arith::{Engine, EngineError, EngineKind, EngineOptions, Exponents, Moduli, Modulus};
use smlp::paillier::{Ciphertexts, SecretKey};
use smlp::rng::SeededRng;
use smlp::secret::SecretLimbs;

/// Inputs in memory at a time.
const CHUNK: usize = 512;
/// Bases of a product of powers.
const TERMS: usize = 16;
const OPERATIONS: [&str; 8] =
    ["product", "square", "conversion", "power_64", "multi_power_64", "full_power", "encrypt", "decrypt"];
const USAGE: &str = "equality_campaign OPERATION KEY_BITS COUNT; operations: product, square, conversion, power_64, \
                     multi_power_64, full_power, encrypt, decrypt";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let part = match arguments.as_slice() {
        [operation, bits, count] => bits.parse().ok().zip(count.parse().ok()).map(|(b, c)| (operation.as_str(), b, c)),
        _ => None,
    };
    let part = part.filter(|(operation, ..)| OPERATIONS.contains(operation));
    let Some((operation, key_bits, count)) = part else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let (start, engines) = (Instant::now(), engines());
    let mut subject = Subject::new(key_bits);
    // Terms come in rows of TERMS.
    let chunks = (0..count).step_by(CHUNK).map(|done| CHUNK.min(count - done).next_multiple_of(TERMS));
    let (mut inputs, mut equal) = (0, true);
    for len in chunks {
        let chunk = subject.draw(operation, len, inputs == 0);
        let expected = subject.by_crypto_bigint(operation, &chunk);
        for engine in &engines {
            if subject.on_engine(operation, &chunk, engine) != expected {
                eprintln!("{operation} at {key_bits} bits, engine {}: inputs {inputs} and on differ", engine.kind());
                equal = false;
            }
        }
        inputs += len;
    }
    let names: Vec<&str> = engines.iter().map(|engine| engine.kind().name()).collect();
    let compared = format!("{} crypto-bigint", names.join(" "));
    println!("{operation},{key_bits},{inputs},{compared},{equal},{:.1}", start.elapsed().as_secs_f64());
    if equal { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn engines() -> Vec<Engine> {
    let kinds = EngineKind::ALL.into_iter().filter(|kind| *kind != EngineKind::Auto);
    let engine = |kind| match Engine::new(&EngineOptions { kind, ..EngineOptions::default() }) {
        Err(error @ EngineError::Unavailable { .. }) => {
            eprintln!("NOT RUN: {error}");
            None
        }
        engine => Some(engine.expect("an engine that is available gives the known answers")),
    };
    kinds.filter_map(engine).collect()
}

/// A key, and the primes that it was made from.
struct Subject {
    rng: SeededRng,
    p: Integer,
    q: Integer,
    key: SecretKey,
    p_squared: Modulus,
}

/// Residues of the operation's modulus, and exponents.
struct Chunk {
    left: Vec<Integer>,
    right: Vec<Integer>,
    exponents: Vec<Integer>,
}

impl Subject {
    fn new(key_bits: u32) -> Subject {
        let mut rng = SeededRng::new(u64::from(key_bits), "equality campaign");
        let (p, q) = (prime(key_bits / 2, &mut rng), prime(key_bits / 2, &mut rng));
        let key = SecretKey::from_primes_for_tests(&p, &q).expect("primes of one length make a key");
        let p_squared = Modulus::secret_square_of(&SecretLimbs::new(p.to_digits(Order::Lsf)));
        Subject { rng, p, q, key, p_squared }
    }

    fn modulus(&self, operation: &str) -> &Modulus {
        if operation == "full_power" { &self.p_squared } else { self.key.public_key().modulus() }
    }

    /// Random numbers; the first chunk has the edges among them.
    fn draw(&mut self, operation: &str, len: usize, with_edges: bool) -> Chunk {
        let modulus = self.modulus(operation).clone();
        let value = modulus.value();
        let bits = match operation {
            "full_power" | "encrypt" => self.p.significant_bits(),
            _ => 64,
        };
        let rng = &mut self.rng;
        let mut numbers = || -> Vec<Integer> { (0..len).map(|_| rng.integer(modulus.bits() + 8) % value).collect() };
        let (mut left, right) = (numbers(), numbers());
        let mut exponents: Vec<Integer> = (0..len).map(|_| rng.integer(bits)).collect();
        if with_edges && operation != "decrypt" {
            let root = modulus.root().expect("the modulus is a square");
            let edges = [
                Integer::new(),
                Integer::from(1),
                Integer::from(root - 1u32),
                root.clone(),
                Integer::from(value - 1u32),
            ];
            left.iter_mut().skip(3).zip(edges).for_each(|(number, edge)| *number = edge);
            exponents[1] = Integer::new();
            exponents[2] = (Integer::from(1) << bits) - 1u32;
        }
        Chunk { left, right, exponents }
    }

    fn on_engine(&self, operation: &str, chunk: &Chunk, engine: &Engine) -> Vec<Integer> {
        let moduli = Moduli::from(self.modulus(operation));
        let left = engine.load(&moduli, &chunk.left);
        let secret = |values: &[Integer]| -> Vec<SecretLimbs> {
            values.iter().map(|value| SecretLimbs::new(value.to_digits(Order::Lsf))).collect()
        };
        let public = self.key.public_key();
        let batch = match operation {
            "product" => engine.product(&left, &engine.load(&moduli, &chunk.right)),
            "square" => engine.power(&left, &Exponents::public(&[Integer::from(2)])),
            "conversion" => Ok(left),
            "power_64" => engine.power(&left, &Exponents::public(&chunk.exponents)),
            "multi_power_64" => engine.multi_power(&left.slice(0..TERMS), &Exponents::public(&chunk.exponents), 1),
            "full_power" => {
                engine.power(&left, &Exponents::long_lived(secret(&chunk.exponents), self.p.significant_bits()))
            }
            "encrypt" => {
                let exponents = Exponents::single_use(secret(&chunk.exponents), self.p.significant_bits());
                let hidden = public.randomizers(engine, &exponents).expect("the table is long enough");
                engine.product(public.encode_many(engine, &chunk.right).batch(), &hidden)
            }
            "decrypt" => {
                let sealed = Ciphertexts::admit(engine, public, &chunk.left).expect("random numbers are units");
                let opened = self.key.decrypt_many(engine, &sealed).expect("ciphertexts of this key");
                return opened.iter().map(|plaintext| Integer::clone(plaintext)).collect();
            }
            _ => unreachable!("main lets known operations through"),
        };
        engine.store(&batch.expect("shapes agree"))
    }

    fn by_crypto_bigint(&self, operation: &str, chunk: &Chunk) -> Vec<Integer> {
        let modulus = Oracle::new(self.modulus(operation).value());
        let Chunk { left, right, exponents } = chunk;
        let n = self.key.public_key().n();
        let each = |f: &(dyn Fn(usize) -> Integer + Sync)| (0..left.len()).into_par_iter().map(f).collect();
        match operation {
            "product" => each(&|i| modulus.product(&left[i], &right[i])),
            "square" => each(&|i| modulus.product(&left[i], &left[i])),
            "conversion" => left.clone(),
            "power_64" | "full_power" => each(&|i| modulus.power(&left[i], &exponents[i])),
            "multi_power_64" => {
                let row = |row: &[Integer]| {
                    let powers = left.iter().zip(row).map(|(base, exponent)| modulus.power(base, exponent));
                    powers.fold(Integer::from(1), |product, power| modulus.product(&product, &power))
                };
                exponents.par_chunks(TERMS).map(row).collect()
            }
            "encrypt" => each(&|i| {
                let encoded = (Integer::from(&right[i] * n) + 1u32) % Integer::from(n.square_ref());
                modulus.product(&encoded, &modulus.power(self.key.public_key().h(), &exponents[i]))
            }),
            // m = L(c^phi mod n^2) phi^-1 mod n.
            "decrypt" => {
                let phi = Integer::from(&self.p - 1u32) * Integer::from(&self.q - 1u32);
                let inverse = phi.clone().invert(n).expect("a Paillier key");
                each(&|i| {
                    let logarithm = (modulus.power(&left[i], &phi) - 1u32) / n;
                    self.key.public_key().decode(logarithm * &inverse % n)
                })
            }
            _ => unreachable!("main lets known operations through"),
        }
    }
}

fn prime(bits: u32, rng: &mut SeededRng) -> Integer {
    loop {
        let mut candidate = rng.integer(bits);
        // Two top bits, so that the product has full length.
        candidate.set_bit(bits - 1, true).set_bit(bits - 2, true).set_bit(0, true);
        if candidate.is_probably_prime(30) != IsPrime::No {
            return candidate;
        }
    }
}

/// Arithmetic by crypto-bigint.
struct Oracle(BoxedMontyParams);

impl Oracle {
    fn new(modulus: &Integer) -> Oracle {
        let modulus = Odd::new(uint(modulus, modulus.significant_bits())).expect("moduli are odd");
        Oracle(BoxedMontyParams::new(modulus))
    }

    fn product(&self, a: &Integer, b: &Integer) -> Integer {
        number(&self.form(a).mul(&self.form(b)))
    }

    fn power(&self, base: &Integer, exponent: &Integer) -> Integer {
        number(&self.form(base).pow(&uint(exponent, exponent.significant_bits().max(1))))
    }

    fn form(&self, value: &Integer) -> BoxedMontyForm {
        BoxedMontyForm::new(uint(value, self.0.modulus().bits_precision()), &self.0)
    }
}

fn uint(value: &Integer, bits: u32) -> BoxedUint {
    let mut words = value.to_digits::<u64>(Order::Lsf);
    words.resize(bits.div_ceil(64) as usize, 0);
    BoxedUint::from_words(words)
}

fn number(form: &BoxedMontyForm) -> Integer {
    Integer::from_digits(form.retrieve().as_words(), Order::Lsf)
}
