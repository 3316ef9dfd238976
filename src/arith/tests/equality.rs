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

#[test]
fn plaintexts_of_either_sign_and_any_length() {
    for bits in KEY_BITS {
        let mut rng = SeededRng::new(u64::from(bits), "equality of encoded plaintexts");
        for root in [odd(bits, &mut rng), (Integer::from(1) << bits) - 1u32, (Integer::from(1) << (bits - 1)) + 1u32] {
            let modulus = Modulus::square_of(&root);
            let limbs = root.significant_digits::<u64>() as u32 * u64::BITS;
            let mut values: Vec<Integer> = (0..8).map(|_| rng.integer(bits - 1)).collect();
            values.extend([Integer::new(), Integer::from(1), Integer::from(&root >> 1), root.clone() - 1u32]);
            values.extend([root.clone(), (Integer::from(1) << limbs) - 1u32, Integer::from(1) << limbs]);
            values.push(Integer::from(root.square_ref()) << 300u32);
            let opposite: Vec<Integer> = values.iter().map(|value| Integer::from(-value)).collect();
            values.extend(opposite);
            let one_plus = |value: &Integer| (Integer::from(value * &root) + 1u32).modulo(modulus.value());
            let expected: Vec<Integer> = values.iter().map(one_plus).collect();
            for engine in kinds() {
                assert!(engine.store(&engine.load_one_plus(&modulus, &values)) == expected, "{bits} bits");
            }
        }
    }
}

/// Prepared rows where the base is invertible, rows as they are where it is not or where there are too many digits.
#[test]
fn powers_of_any_fixed_base_from_tables_of_any_window() {
    for bits in [1024u32, 2047, 2050, 4096] {
        let mut rng = SeededRng::new(u64::from(bits), "equality of powers of a fixed base");
        let factor = odd(bits / 2, &mut rng);
        let root = &factor * odd(bits - bits / 2, &mut rng);
        let n_squared = Modulus::square_of(&root);
        let secret_square = Modulus::secret_square_of(&secret(&odd(bits / 2, &mut rng)));
        for (modulus, window_bits) in [(&n_squared, 3), (&n_squared, 9), (&secret_square, 6), (&secret_square, 1)] {
            let bits = if window_bits == 1 { 1030 } else { 200 };
            let mut exponents: Vec<Integer> = (0..11).map(|_| rng.integer(bits)).collect();
            exponents.extend([Integer::new(), Integer::from(1), (Integer::from(1) << bits) - 1u32]);
            let bases = [rng.integer(modulus.bits()) % modulus.value(), factor.clone(), Integer::new()];
            for base in bases.map(|base| base % modulus.value()) {
                let power = |exponent: &Integer| base.clone().pow_mod(exponent, modulus.value()).unwrap();
                let expected: Vec<Integer> = exponents.iter().map(power).collect();
                for engine in kinds() {
                    let table = engine.fixed_base(modulus, &base, bits, window_bits).unwrap();
                    for exponents in in_each_class(&exponents, bits) {
                        let found = engine.fixed_power(&table, &exponents).unwrap();
                        assert!(engine.store(&found) == expected, "{} {modulus:?} {window_bits}", engine.kind());
                    }
                }
            }
        }
    }
}

/// Many rows, and shapes as in training: the bases are powers of one number, so that one power gives each result.
#[test]
fn products_of_powers_of_many_rows() {
    for (rows, per_group, groups, root_bits) in
        [(16, 30, 2, 2048), (32, 64, 1, 1024), (16, 32, 1, 1024), (8, 1, 3, 512), (64, 64, 5, 256), (64, 784, 7, 128)]
    {
        let mut rng = SeededRng::new(rows as u64 * per_group as u64, "equality of many rows");
        let modulus = Modulus::square_of(&odd(root_bits, &mut rng));
        let generator = rng.integer(modulus.bits()) % modulus.value();
        let power = |exponent: &Integer| generator.clone().pow_mod(exponent, modulus.value()).unwrap();
        let logarithms: Vec<Integer> = (0..groups * per_group).map(|_| rng.integer(16)).collect();
        let bases: Vec<Integer> = logarithms.iter().map(power).collect();
        let (lengths, engines, classes) = match per_group {
            784 => (60..61, kinds(), 1..2),
            _ => (58..60, engines().iter().collect(), 0..3),
        };
        for bits in lengths {
            let ones: Integer = (Integer::from(1) << bits) - 1u32;
            let exponent = |index: usize| match index % 11 {
                0 => Integer::new(),
                1 => ones.clone(),
                2 => Integer::from(1) << (index as u32 % bits),
                _ => rng.integer(bits),
            };
            let mut exponents: Vec<Integer> = (0..groups * rows * per_group).map(exponent).collect();
            exponents[..per_group].fill(Integer::new());
            exponents[per_group..2 * per_group].fill(ones);
            let expected: Vec<Integer> = exponents
                .chunks(per_group)
                .enumerate()
                .map(|(row, exponents)| {
                    power(&Integer::from(Integer::dot(exponents.iter().zip(&logarithms[row / rows * per_group..]))))
                })
                .collect();
            for engine in &engines {
                let loaded = engine.load(&Moduli::from(&modulus), &bases);
                for exponents in &in_each_class(&exponents, bits)[classes.clone()] {
                    let found = engine.store(&engine.multi_power(&loaded, exponents, groups).unwrap());
                    assert!(found == expected, "{} {exponents:?}, {groups} groups of {per_group}", engine.kind());
                }
            }
        }
    }
}
