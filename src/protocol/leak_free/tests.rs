use std::sync::OnceLock;

use super::*;
use crate::protocol::element::{engine, engines};
use crate::rng::SeededRng;

const SIGMA: u32 = 40;

fn key() -> &'static SecretKey {
    static KEY: OnceLock<SecretKey> = OnceLock::new();
    let parameters = parameters(1024, 17).unwrap();
    KEY.get_or_init(|| SecretKey::generate(engine(2), parameters, &mut SecureRng::from_os()).unwrap())
}

/// Shares (Y1, Y2) of values; every third Y1 is negative.
fn shares(values: &[i64], share_bits: u32, rng: &mut SeededRng) -> (Vec<Integer>, Vec<Integer>) {
    let draw = |i: usize| if i.is_multiple_of(3) { -rng.integer(share_bits) } else { rng.integer(share_bits) };
    let cloud: Vec<Integer> = (0..values.len()).map(draw).collect();
    let key = cloud.iter().zip(values).map(|(own, value)| Integer::from(own + value)).collect();
    (cloud, key)
}

/// What P1 answers.
fn answered(
    engine: &Engine,
    compared: Compared,
    sealed: &Ciphertexts,
    cloud: &[Integer],
    deltas: &[Choice],
) -> Result<Ciphertexts, DgkError> {
    let hiding = hiding(engine, sealed.key(), compared, cloud.len(), SIGMA, &mut SecureRng::from_os())?;
    answer(engine, compared, sealed, cloud, deltas, hiding)
}

/// What a comparison of `values` gives, and the zeros that P2 sees for each.
fn compare(engine: &Engine, bits: u32, values: &[i64], seed: u64) -> (Vec<bool>, Vec<usize>) {
    let (mut rng, mut inputs) = (SecureRng::from_os(), SeededRng::new(seed, "shares and deltas"));
    let compared = Compared { bits, share_bits: 58 };
    let (cloud, own) = shares(values, compared.share_bits, &mut inputs);
    let deltas: Vec<Choice> = values.iter().map(|_| Choice::from(inputs.below(2) as u8)).collect();
    let sealed = seal(engine, key(), compared, &own, &mut rng).unwrap();
    let answered = answered(engine, compared, &sealed, &cloud, &deltas).unwrap();
    let zeros = zeros(engine, key(), compared, values.len(), &answered).unwrap();
    let zeros: Vec<usize> = zeros.iter().map(|terms| terms.iter().filter(|zero| bool::from(**zero)).count()).collect();
    let (beta, seen) = finish(engine, key(), compared, &own, &answered).unwrap();
    assert!(seen.iter().zip(&zeros).all(|(seen, zeros)| bool::from(*seen) == (*zeros > 0)));
    let tau = own_bits(compared, &cloud, &deltas);
    (beta.iter().zip(tau.iter()).map(|(beta, tau)| bool::from(*beta ^ *tau)).collect(), zeros)
}

#[test]
fn signs_come_out_right_at_the_edges_of_every_bound() {
    for engine in engines() {
        for bits in [1, 2, 3, 4, 5, 17, 18] {
            let limit = 1i64 << bits;
            let mut values = vec![0, 1, -1, limit - 1, 1 - limit, limit / 2, -limit / 2];
            let mut inputs = SeededRng::new(u64::from(bits), "values to compare");
            values.extend((0..64).map(|_| inputs.below(2 * limit as u64 - 1) as i64 - (limit - 1)));
            for seed in 0..2 {
                let (signs, zeros) = compare(engine, bits, &values, seed);
                let expected: Vec<bool> = values.iter().map(|value| *value > 0).collect();
                assert_eq!(signs, expected, "{bits} bits on {}", engine.kind());
                assert!(zeros.iter().all(|zeros| *zeros <= 1), "{zeros:?}");
            }
        }
    }
}

/// P2's bit is as likely set as not, whatever is compared.
#[test]
fn what_the_key_server_sees_does_not_depend_on_the_data() {
    const COUNT: usize = 400;
    let mut inputs = SeededRng::new(7, "values of both signs");
    let mixed: Vec<i64> = (0..COUNT).map(|_| inputs.below(1 << 18) as i64 - (1 << 17) + 1).collect();
    for values in [vec![0; COUNT], vec![5; COUNT], vec![-5; COUNT], vec![131_071; COUNT], vec![-131_071; COUNT], mixed]
    {
        let (_, zeros) = compare(engine(2), 17, &values, values[0].unsigned_abs());
        let seen: usize = zeros.iter().sum();
        // Six standard deviations of 10.
        assert!(seen.abs_diff(COUNT / 2) < 60, "{seen} of {COUNT} where all values are {}", values[0]);
    }
}

#[test]
fn every_place_of_the_zero_is_as_likely() {
    let compared = Compared { bits: 10, share_bits: 58 };
    let (mut rng, values) = (SecureRng::from_os(), vec![3i64; 1000]);
    let (cloud, own) = shares(&values, compared.share_bits, &mut SeededRng::new(3, "shares"));
    let deltas = deltas_that_show_a_zero(compared, &cloud, &own);
    let sealed = seal(engine(2), key(), compared, &own, &mut rng).unwrap();
    let answered = answered(engine(2), compared, &sealed, &cloud, &deltas).unwrap();
    let zeros = zeros(engine(2), key(), compared, values.len(), &answered).unwrap();
    let place_of = |terms: &Vec<Choice>| terms.iter().position(|zero| bool::from(*zero));
    let places: Vec<usize> =
        zeros.iter().map(|terms| place_of(terms).expect("delta was chosen so that there is a zero")).collect();
    for place in 0..compared.digits().len() {
        let count = places.iter().filter(|found| **found == place).count();
        // 200 of 1000 expected, standard deviation 13.
        assert!(count.abs_diff(200) < 76, "{count} of 1000 at {place}");
    }
    // Values of one group have orders of their own.
    let pairs = places.chunks(SLOTS).flat_map(|group| group.windows(2));
    let equal = pairs.filter(|pair| pair[0] == pair[1]).count();
    // 175 of 875 expected, standard deviation 12.
    assert!(equal.abs_diff(175) < 71, "{equal} of 875 neighbours have their zero at the same place");
}

/// The deltas for which some c is 0.
fn deltas_that_show_a_zero(compared: Compared, cloud: &[Integer], key: &[Integer]) -> Vec<Choice> {
    let low = |number: u64| number & ((1 << compared.bits) - 1);
    let pairs = cloud.iter().zip(key);
    // A c is 0 if a >= b and delta is 0, or a < b and delta is 1.
    pairs
        .map(|(own, other)| {
            let (a, b) = (low(compared.of_key_server(other)), low(compared.low_bits(own)));
            Choice::from(u8::from(a < b))
        })
        .collect()
}

/// The factors of a group of values of every length against the definition: each indicator as a number of its slot.
#[test]
fn factors_give_the_terms_of_the_definition() {
    let (mut inputs, mut rng) = (SeededRng::new(11, "numbers of both servers"), SecureRng::from_os());
    for bits in 1..=LONGEST_BITS {
        let digits = Digits::new(bits);
        let slots = Parameters::new(1024, digits.len() as u32).unwrap().slots();
        let low = |number: u64| number & (u64::MAX >> (u64::BITS - bits));
        let mut numbers: Vec<(u64, u64)> = (0..5).map(|_| (inputs.below(u64::MAX), inputs.below(u64::MAX))).collect();
        numbers.extend([(0, 0), (u64::MAX, u64::MAX), (numbers[0].0, numbers[0].0 ^ 1)]);
        let numbers: Vec<(u64, u64)> = numbers.iter().map(|(a, b)| (low(*a), low(*b))).collect();
        let deltas: Vec<Choice> = (0..SLOTS).map(|_| Choice::from(inputs.below(2) as u8)).collect();
        let orders: Vec<Zeroizing<Vec<usize>>> = (0..SLOTS).map(|_| permutation(digits.len(), &mut rng)).collect();
        let units = slots.random_units(digits.len(), &mut rng);
        let own: Vec<Own<'_>> = (0..SLOTS)
            .map(|slot| Own { number: &numbers[slot].1, delta: &deltas[slot], order: &orders[slot] })
            .collect();
        let factors = Factors::new(digits, slots, &own, &units);

        for (slot, modulus) in slots.moduli().into_iter().enumerate() {
            let ((a, b), delta) = (numbers[slot], bool::from(deltas[slot]));
            let indicators =
                digits.each().flat_map(|digit| (1..=digit.indicators() as u64).map(move |k| digit.of(a) == k));
            let indicators: Vec<u64> = indicators.map(u64::from).collect();
            let mut found = false;
            for (place, digit) in digits.each().enumerate() {
                let (a_i, b_i) = (digit.of(a), digit.of(b));
                let t = match (delta, place) {
                    (false, 0) => a_i < b_i,
                    (false, _) => a_i <= b_i,
                    (true, _) => a_i >= b_i,
                };
                let above = digits.each().skip(place + 1).filter(|digit| digit.of(a) != digit.of(b)).count() as u64;
                let unit = u64::from(units[place * SLOTS + slot]);
                let due = (u64::from(t) + above) * unit % modulus * (slots.cofactor(slot) % modulus) % modulus;
                let term = orders[slot][place];
                let of_term = &factors.of_indicators[term * indicators.len()..][..indicators.len()];
                let sum: u64 = of_term.iter().zip(&indicators).map(|(factor, bit)| factor % modulus * bit).sum();
                assert_eq!((sum + factors.constants[term]) % modulus, due, "{bits} bits, slot {slot}, digit {place}");
                found |= due == 0;
            }
            assert_eq!(found, if delta { a < b } else { a >= b }, "{bits} bits, {a} and {b}");
        }
        let all = factors.of_indicators.iter().chain(factors.constants.iter());
        assert!(all.into_iter().all(|factor| *factor < slots.product()));
    }
}

/// The longest values under a key that is made for them, in groups that are not full.
#[test]
fn long_values_and_any_number_of_them_are_compared_rightly() {
    let parameters = parameters(1024, LONGEST_BITS).unwrap();
    let key = SecretKey::generate(engine(2), parameters, &mut SecureRng::from_os()).unwrap();
    for (bits, counts) in [(63, &[9usize, 1, 0][..]), (40, &[7]), (25, &[8])] {
        let compared = Compared { bits, share_bits: bits + 41 };
        for count in counts {
            let (mut rng, mut inputs) = (SecureRng::from_os(), SeededRng::new(u64::from(bits), "long values"));
            let limit = (1i128 << bits) - 1;
            let edges = [limit, -limit, 0, 1, -1, limit / 3, -limit / 5, 1 - limit, 2];
            let values: Vec<Integer> = edges.into_iter().take(*count).map(Integer::from).collect();
            let cloud: Vec<Integer> = values.iter().map(|_| inputs.integer(compared.share_bits)).collect();
            let own: Vec<Integer> = cloud.iter().zip(&values).map(|(own, value)| Integer::from(own + value)).collect();
            let deltas: Vec<Choice> = values.iter().map(|_| Choice::from(inputs.below(2) as u8)).collect();
            let sealed = seal(engine(2), &key, compared, &own, &mut rng).unwrap();
            assert_eq!(sealed.len(), compared.indicators(*count));
            let answered = answered(engine(2), compared, &sealed, &cloud, &deltas).unwrap();
            assert_eq!(answered.len(), compared.terms(*count));
            let (beta, _) = finish(engine(2), &key, compared, &own, &answered).unwrap();
            let tau = own_bits(compared, &cloud, &deltas);
            assert_eq!((beta.len(), tau.len()), (*count, *count));
            for ((beta, tau), value) in beta.iter().zip(tau.iter()).zip(&values) {
                assert_eq!(bool::from(*beta ^ *tau), *value > 0, "{value} of {bits} bits");
            }
        }
    }
}

/// A term could be 0 modulo a slot without being 0.
#[test]
fn more_digits_than_slots_hold_are_refused() {
    let compared = Compared { bits: 22, share_bits: 58 };
    let (cloud, own) = shares(&[5], compared.share_bits, &mut SeededRng::new(1, "shares"));
    let sealed = seal(engine(2), key(), compared, &own, &mut SecureRng::from_os()).unwrap();
    let refused = answered(engine(2), compared, &sealed, &cloud, &[Choice::from(0)]);
    assert!(matches!(refused, Err(DgkError::Shape(reason)) if reason.contains("11 digits, and slots modulo 11")));
}

#[test]
fn values_too_long_for_any_key_are_refused_before_anything_runs() {
    assert_eq!(parameters(1536, 17).unwrap().key_bits(), 2048);
    assert_eq!(parameters(4096, 17).unwrap().key_bits(), 3072);
    parameters(2048, 63).unwrap();
    let error = parameters(2048, 64).unwrap_err();
    assert!(error.exit_code() == 2 && error.to_string().contains("--comparison dgk"), "{error}");
}

/// Every pair of low bits, both top bits, both deltas: a digit of three bits alone, and two of two.
#[test]
fn every_pair_of_short_numbers_is_compared_rightly() {
    for bits in [3, 4] {
        let compared = Compared { bits, share_bits: 10 };
        let mut rng = SecureRng::from_os();
        let limit = 1i64 << bits;
        let pairs = (-limit..limit).flat_map(|own| (1 - limit..limit).map(move |value| (own, value)));
        let cases: Vec<(i64, i64, u8)> = pairs.flat_map(|(own, value)| [(own, value, 0), (own, value, 1)]).collect();
        let cloud: Vec<Integer> = cases.iter().map(|(own, ..)| Integer::from(*own)).collect();
        let own: Vec<Integer> = cases.iter().map(|(own, value, _)| Integer::from(own + value)).collect();
        let deltas: Vec<Choice> = cases.iter().map(|(.., delta)| Choice::from(*delta)).collect();
        let engine = engine(2);
        let sealed = seal(engine, key(), compared, &own, &mut rng).unwrap();
        assert_eq!(sealed.len(), compared.indicators(cases.len()));
        let answered = answered(engine, compared, &sealed, &cloud, &deltas).unwrap();
        assert_eq!(answered.len(), compared.terms(cases.len()));
        let (beta, _) = finish(engine, key(), compared, &own, &answered).unwrap();
        let tau = own_bits(compared, &cloud, &deltas);
        for ((beta, tau), case) in beta.iter().zip(tau.iter()).zip(&cases) {
            assert_eq!(bool::from(*beta ^ *tau), case.1 > 0, "{case:?}");
        }
    }
}

/// P2 could open every term: whatever is compared, what is not 0 is every unit of its slot as often as any other.
#[test]
fn terms_that_are_not_zero_are_uniform_units() {
    let compared = Compared { bits: 10, share_bits: 58 };
    let slots = key().public_key().parameters().slots();
    for value in [0, 700, -3] {
        let mut rng = SecureRng::from_os();
        let values = vec![value; 4000];
        let (cloud, own) = shares(&values, compared.share_bits, &mut SeededRng::new(5, "shares"));
        let deltas = vec![Choice::from(0); values.len()];
        let sealed = seal(engine(2), key(), compared, &own, &mut rng).unwrap();
        let sent = answered(engine(2), compared, &sealed, &cloud, &deltas).unwrap();
        let opened = key().decrypt_many(engine(2), &sent).unwrap();
        for (slot, modulus) in slots.moduli().into_iter().enumerate() {
            let mut counts = vec![0u64; modulus as usize];
            opened.iter().for_each(|plaintext| counts[slots.split(*plaintext)[slot] as usize] += 1);
            let expected = counts[1..].iter().sum::<u64>() as f64 / (modulus - 1) as f64;
            for (unit, count) in counts.iter().enumerate().skip(1) {
                // Six standard deviations, which is less than the number.
                assert!((*count as f64 - expected).abs() < 6.0 * expected.sqrt(), "{value}: {count} times {unit}");
            }
        }
        // Units of two slots say nothing of each other: chi squared of 10 x 12 pairs, six standard deviations.
        let pairs = opened.iter().map(|plaintext| slots.split(*plaintext)).filter(|of| of[0] > 0 && of[1] > 0);
        let mut counts = [[0f64; 12]; 10];
        pairs.for_each(|of| counts[of[0] as usize - 1][of[1] as usize - 1] += 1.0);
        let expected = counts.iter().flatten().sum::<f64>() / 120.0;
        let distance: f64 = counts.iter().flatten().map(|count| (count - expected).powi(2) / expected).sum();
        assert!(distance < 119.0 + 6.0 * 238f64.sqrt(), "{value}: {distance}");
    }
}

#[test]
fn randomisers_of_terms_have_the_length_that_sigma_asks_for() {
    let compared = Compared { bits: 4, share_bits: 58 };
    let public = key().public_key();
    for sigma in [20, 40, 64] {
        let hiding = hiding(engine(2), public, compared, 3, sigma, &mut SecureRng::from_os()).unwrap();
        assert_eq!(hiding.randomizers.len(), 2);
        assert_eq!(hiding.randomizers.exponent_bits(), 2 * public.parameters().order_bits() + sigma);
    }
}
