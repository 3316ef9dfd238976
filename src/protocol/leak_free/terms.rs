//! What P1 computes of P2's ciphertexts: the terms c_i of a comparison, before anything hides them.

use subtle::{Choice, ConditionallySelectable};
use zeroize::Zeroizing;

use crate::arith::Engine;
use crate::dgk::{Ciphertexts, DgkError};

use super::digits::{Digits, Run};

/// E[c_i] of some values, place by place, from their E[I_ik], own numbers and deltas. Timing class: `constant` in the
/// numbers and deltas.
pub(super) fn terms_of(
    engine: &Engine,
    digits: Digits,
    sealed: &Ciphertexts,
    (numbers, deltas): (&[u64], &[Choice]),
) -> Result<Ciphertexts, DgkError> {
    let mut first = 0;
    let mut parts = Vec::new();
    for run in digits.runs() {
        let len = run.indicators() * run.places.len() * numbers.len();
        parts.push(compare_digits(engine, &run, &sealed.slice(first..first + len), numbers, deltas)?);
        first += len;
    }
    let (terms, differ): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
    let (terms, differ) = (Ciphertexts::concat(&terms)?, Ciphertexts::concat(&differ)?);
    if digits.len() == 1 { Ok(terms) } else { add_above(engine, &terms, &differ, numbers.len()) }
}

/// E[t_i] and E[a_i != b_i] of the digits of a run, place by place, from their E[I_ik].
fn compare_digits(
    engine: &Engine,
    run: &Run,
    sealed: &Ciphertexts,
    numbers: &[u64],
    deltas: &[Choice],
) -> Result<(Ciphertexts, Ciphertexts), DgkError> {
    let (last, len) = (run.indicators(), run.places.len() * numbers.len());
    let indicator = |k: usize| sealed.slice((k - 1) * len..k * len);
    let [zero, one] = sealed.key().constants(engine);

    // from[k] = [a >= k], below[k] = [a < k].
    let mut from = vec![indicator(last)];
    for k in (1..last).rev() {
        from.push(indicator(k).add(engine, &from[from.len() - 1])?);
    }
    from.push(one.clone());
    from.reverse();
    let mut below = vec![zero, from[1].negate(engine)?.add(engine, &one)?];
    for k in 1..last {
        below.push(below[k].add(engine, &indicator(k))?);
    }

    // Whatever b is, something is made ready for it, and one of all is taken.
    let mut differ = vec![from[1].clone()];
    for k in 1..last {
        differ.push(below[k].add(engine, &from[k + 1])?);
    }
    differ.push(below[last].clone());
    let mut own = Zeroizing::new(Vec::with_capacity(len));
    own.extend(run.digits(numbers));
    let differ = Ciphertexts::choose(engine, &differ.iter().collect::<Vec<_>>(), own.clone())?;

    // Of below[0], ..., below[last], one, from[0], ..., from[last]: below[b + 1] or, at the lowest place, below[b]; or from[b].
    let options: Vec<&Ciphertexts> = below.iter().chain([&one]).chain(&from).collect();
    let first_from = (last + 2) as u8;
    let choices = own.iter().enumerate().map(|(index, digit)| {
        let is_lowest = run.places.start == 0 && index < numbers.len();
        let below = digit + u8::from(!is_lowest);
        u8::conditional_select(&below, &(first_from + digit), deltas[index % numbers.len()])
    });
    let terms = Ciphertexts::choose(engine, &options, Zeroizing::new(choices.collect()))?;
    Ok((terms, differ))
}

/// c_i = t_i + sum_(j > i) [a_j != b_j], for `count` values at each of two places at least.
fn add_above(
    engine: &Engine,
    terms: &Ciphertexts,
    differ: &Ciphertexts,
    count: usize,
) -> Result<Ciphertexts, DgkError> {
    let place = |place: usize| place * count..(place + 1) * count;
    let top = terms.len() / count - 1;
    let mut sum = differ.slice(place(top));
    let mut sums = vec![sum.clone()];
    for lower in (1..top).rev() {
        sum = sum.add(engine, &differ.slice(place(lower)))?;
        sums.push(sum.clone());
    }
    sums.reverse();
    let lower = terms.slice(0..top * count).add(engine, &Ciphertexts::concat(&sums)?)?;
    Ciphertexts::concat(&[lower, terms.slice(place(top))])
}
