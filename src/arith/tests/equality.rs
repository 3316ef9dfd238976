//! Every engine against GMP on many random numbers and at the edges, for the lengths of keys that are in use.

use rug::Integer;

use super::{engines, in_each_class, secret};
use crate::arith::{Engine, Exponents, Moduli, Modulus};
use crate::rng::SeededRng;

const KEY_BITS: [u32; 5] = [1024, 1536, 2048, 3072, 4096];

/// The first engine of each kind: threads and strictness make no difference to numbers.
fn kinds() -> Vec<&'static Engine> {
    let mut kinds: Vec<&Engine> = Vec::new();
    for engine in engines() {
        if kinds.iter().all(|known| known.kind() != engine.kind()) {
            kinds.push(engine);
        }
    }
    kinds
}

fn odd(bits: u32, rng: &mut SeededRng) -> Integer {
    let mut number = rng.integer(bits);
    number.set_bit(bits - 1, true).set_bit(0, true);
    number
}

/// Random residues with the edges among them: 0, 1, root, root - 1, value - 1, and long runs of ones.
fn numbers(modulus: &Modulus, count: usize, rng: &mut SeededRng) -> Vec<Integer> {
    let value = modulus.value();
    let root = modulus.root().unwrap_or(value);
    let mut numbers: Vec<Integer> = (0..count).map(|_| rng.integer(modulus.bits() + 8) % value).collect();
    let ones = |bits: u32| ((Integer::from(1) << bits) - 1u32) % value;
    let edges = [
        Integer::new(),
        Integer::from(1),
        Integer::from(root - 1u32),
        Integer::from(root % value),
        Integer::from(value - 1u32),
        ones(modulus.bits() - 1),
        ones(modulus.bits() / 2),
    ];
    for (number, edge) in numbers.iter_mut().skip(3).step_by(5).zip(edges) {
        *number = edge;
    }
    numbers
}

#[test]
fn conversions_products_and_squares() {
    const COUNT: usize = 10_000;
    for bits in KEY_BITS {
        let mut rng = SeededRng::new(u64::from(bits), "equality of products");
        let modulus = Modulus::square_of(&odd(bits, &mut rng));
        let (left, right) = (numbers(&modulus, COUNT, &mut rng), numbers(&modulus, COUNT, &mut rng));
        let product = |(a, b): (&Integer, &Integer)| Integer::from(a * b) % modulus.value();
        let products: Vec<Integer> = left.iter().zip(&right).map(product).collect();
        let squares: Vec<Integer> = left.iter().zip(&left).map(product).collect();
        for engine in kinds() {
            let load = |values: &[Integer]| engine.load(&Moduli::from(&modulus), values);
            let (a, b) = (load(&left), load(&right));
            assert!(engine.store(&a) == left, "conversion, {} at {bits} bits", engine.kind());
            assert!(engine.store(&engine.product(&a, &b).unwrap()) == products, "{} at {bits} bits", engine.kind());
            assert!(engine.store(&engine.product(&a, &a).unwrap()) == squares, "{} at {bits} bits", engine.kind());
            let two = Exponents::public(&[Integer::from(2)]);
            assert!(engine.store(&engine.power(&a, &two).unwrap()) == squares, "{} at {bits} bits", engine.kind());
        }
    }
}

/// Products modulo numbers of no special form, modulo secret squares, and modulo a mixture of lengths.
#[test]
fn other_moduli() {
    for bits in [512u32, 768, 1024, 1536, 2048] {
        let mut rng = SeededRng::new(u64::from(bits), "equality of other moduli");
        let plain = Modulus::plain(&odd(2 * bits, &mut rng));
        let p_squared = Modulus::secret_square_of(&secret(&odd(bits, &mut rng)));
        let q_squared = Modulus::secret_square_of(&secret(&odd(bits - 3, &mut rng)));
        let mixed: Vec<Modulus> = (0..61).map(|i| if i % 3 == 0 { &p_squared } else { &q_squared }.clone()).collect();
        for moduli in [Moduli::One(plain), Moduli::One(p_squared), Moduli::Each(mixed.into())] {
            let mut values = |seed: usize| -> Vec<Integer> {
                (0..61).map(|i| numbers(moduli.of(i), 37, &mut rng)[(i + seed) % 37].clone()).collect()
            };
            let (left, right) = (values(0), values(5));
            let expected: Vec<Integer> =
                (0..61).map(|i| Integer::from(&left[i] * &right[i]) % moduli.of(i).value()).collect();
            for engine in kinds() {
                let (a, b) = (engine.load(&moduli, &left), engine.load(&moduli, &right));
                assert!(engine.store(&a) == left, "conversion, {} at {bits} bits", engine.kind());
                let product = engine.product(&a, &b).unwrap();
                assert!(engine.store(&product) == expected, "{} at {bits} bits", engine.kind());
            }
        }
    }
}

#[test]
fn short_powers_and_terms_of_products_of_powers() {
    const TERMS: usize = 512;
    for bits in KEY_BITS {
        let mut rng = SeededRng::new(u64::from(bits), "equality of short powers");
        let modulus = Modulus::square_of(&odd(bits, &mut rng));
        let bases = numbers(&modulus, TERMS, &mut rng);
        let mut exponents: Vec<Integer> = (0..TERMS).map(|_| rng.integer(64)).collect();
        exponents[7] = Integer::new();
        exponents[9] = Integer::from(u64::MAX);
        let power = |(b, e): (&Integer, &Integer)| b.clone().pow_mod(e, modulus.value()).unwrap();
        let powers: Vec<Integer> = bases.iter().zip(&exponents).map(power).collect();
        // 16 bases, 32 rows.
        let sums: Vec<Integer> = (0..TERMS / 16)
            .map(|row| {
                let terms = bases[..16].iter().zip(&exponents[row * 16..]).map(power);
                terms.fold(Integer::from(1), |product, term| product * term % modulus.value())
            })
            .collect();
        for engine in kinds() {
            let loaded = engine.load(&Moduli::from(&modulus), &bases);
            for exponents in in_each_class(&exponents, 64) {
                assert!(engine.store(&engine.power(&loaded, &exponents).unwrap()) == powers, "{bits} bits");
                let found = engine.multi_power(&loaded.slice(0..16), &exponents, 1).unwrap();
                assert!(engine.store(&found) == sums, "{} at {bits} bits", engine.kind());
            }
        }
    }
}

#[test]
fn full_powers_and_powers_of_a_fixed_base() {
    for bits in KEY_BITS {
        let count = if bits > 2048 { 16 } else { 128 };
        let mut rng = SeededRng::new(u64::from(bits), "equality of full powers");
        let modulus = Modulus::secret_square_of(&secret(&odd(bits / 2, &mut rng)));
        let bases = numbers(&modulus, count, &mut rng);
        let mut exponents: Vec<Integer> = (0..count).map(|_| rng.integer(bits / 2)).collect();
        exponents[5] = (Integer::from(1) << (bits / 2)) - 1u32;
        let long_lived = Exponents::long_lived(exponents.iter().map(secret).collect(), bits / 2);
        let power = |base: &Integer, exponent: &Integer| base.clone().pow_mod(exponent, modulus.value()).unwrap();
        let powers: Vec<Integer> = bases.iter().zip(&exponents).map(|(b, e)| power(b, e)).collect();
        let of_first: Vec<Integer> = exponents.iter().map(|exponent| power(&bases[0], exponent)).collect();
        for engine in kinds() {
            let loaded = engine.load(&Moduli::from(&modulus), &bases);
            assert!(engine.store(&engine.power(&loaded, &long_lived).unwrap()) == powers, "{bits} bits");
            let table = engine.fixed_base(&modulus, &bases[0], bits / 2, 4).unwrap();
            let found = engine.fixed_power(&table, &long_lived).unwrap();
            assert!(engine.store(&found) == of_first, "{} at {bits} bits", engine.kind());
        }
    }
}
