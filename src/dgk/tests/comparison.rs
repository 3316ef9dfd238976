//! The comparison of protocol.md, section 5, by the operations of this room.

use super::super::test_support::{SIGMA, choices, engines, key, u};
use super::super::*;
use crate::arith::Engine;
use crate::rng::{SecureRng, SeededRng};

/// For Y = Y2 - Y1, P2 with Y2 and the key, P1 with Y1.
fn comparison(engine: &Engine, l: u32, (y1, y2): (i64, i64), delta: bool, rng: &mut SecureRng) -> bool {
    let public = key().public_key();
    let l = l as usize;
    let (a, d) = (y2 - 1 + (1 << l), u64::from(delta));
    let bit = |value: i64, i: usize| value >> i & 1 == 1;
    let bits_of_a: Vec<bool> = (0..l).map(|i| bit(a, i)).collect();
    let sealed = key().encrypt_bits_many(engine, &choices(&bits_of_a), rng).unwrap();

    let bits_of_b: Vec<bool> = (0..l).map(|i| bit(y1, i)).collect();
    let negated = sealed.negate(engine).unwrap();
    let flipped = negated.add_plain(engine, &[1]).unwrap();
    let differ = sealed.select(engine, &flipped, &choices(&bits_of_b)).unwrap();
    let sum_above = |i: usize| (i < l).then(|| differ.slice(i..l).sum_runs(engine, l - i).unwrap());
    let mut terms: Vec<Ciphertexts> = Vec::new();
    for (i, own_bit) in bits_of_b.iter().enumerate() {
        let known = (u64::from(*own_bit) + 1 + u() - 2 * d) % u();
        let own = negated.slice(i..i + 1).add_plain(engine, &[known]).unwrap();
        let above = sum_above(i + 1).map(|sum| sum.scale_vartime(engine, 3).unwrap());
        terms.push(above.map_or(own.clone(), |above| own.add(engine, &above).unwrap()));
    }
    terms.push(sum_above(0).unwrap().add_plain(engine, &[d]).unwrap());
    let sent = public.blind_many(engine, &Ciphertexts::concat(&terms).unwrap(), SIGMA, rng).unwrap();

    let zero = key().is_zero_many(engine, &sent).unwrap().into_iter().any(bool::from);
    let (tau, beta) = (bit(y1, l) ^ true ^ delta, bit(a, l) ^ zero);
    tau ^ beta
}

#[test]
fn the_comparison_of_the_protocol_comes_out_right() {
    const L: u32 = 17;
    let (mut rng, mut inputs) = (SecureRng::from_os(), SeededRng::new(9, "values to compare"));
    let limit = 1i64 << L;
    for engine in engines() {
        for y in [0, 1, -1, limit - 1, 1 - limit, 5, -70_000] {
            for delta in [false, true] {
                let y1 = limit + inputs.below(1 << 30) as i64;
                assert_eq!(comparison(engine, L, (y1, y1 + y), delta, &mut rng), y > 0, "{y} on {}", engine.kind());
            }
        }
    }
}
