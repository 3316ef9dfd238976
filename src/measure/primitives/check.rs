//! Results against an independent computation.
//!
//! What is expected comes from plain integers or from a formula in rug; encrypted results are opened with the key,
//! whose decryption is checked against ciphertexts that rug made alone. In a long batch the first and the last eight
//! results are looked at, so that every lane of an engine that works on eight numbers at once is seen at either end.

use rug::Integer;

use super::fixture::Fixture;
use super::workload::FirstWrong;
use crate::arith::Batch;
use crate::error::Error;
use crate::paillier::Ciphertexts;

const LOOKED_AT_EITHER_END: usize = 8;

/// The positions that are looked at in a batch of `len`.
pub fn positions(len: usize) -> Vec<usize> {
    (0..len).filter(|i| *i < LOOKED_AT_EITHER_END || i + LOOKED_AT_EITHER_END >= len).collect()
}

/// Encrypted results that decrypt to what is expected, give or take `slack`.
pub fn opened(
    fixture: &Fixture,
    found: &Ciphertexts,
    slack: u32,
    expected: impl Fn(usize) -> Integer,
) -> Result<FirstWrong, Error> {
    let positions = positions(found.len());
    let plaintexts = fixture.key().decrypt_many(fixture.engine(), &found.gather(&positions))?;
    let right =
        |(position, plaintext): (&usize, &Integer)| (plaintext - expected(*position)).cmp_abs(&slack.into()).is_le();
    Ok(first_wrong(&positions, plaintexts.iter().map(|plaintext| &**plaintext), right))
}

/// Fresh ciphertexts of `values` that are not what they were without their new randomiser.
pub fn hidden(
    fixture: &Fixture,
    found: &Ciphertexts,
    values: &[Integer],
    bare: &Ciphertexts,
) -> Result<FirstWrong, Error> {
    let positions = positions(found.len());
    let residues = |ciphertexts: &Ciphertexts| fixture.engine().store(ciphertexts.gather(&positions).batch());
    let bare = residues(bare).into_iter().zip(residues(found)).position(|(bare, found)| bare == found);
    Ok(match bare {
        Some(index) => Some(positions[index]),
        None => opened(fixture, found, 0, |i| values[i].clone())?,
    })
}

/// Residues that a formula gives.
pub fn residues(fixture: &Fixture, found: &Batch, expected: impl Fn(usize) -> Integer) -> Result<FirstWrong, Error> {
    let positions = positions(found.len());
    let found = fixture.engine().store(&found.gather(&positions));
    Ok(first_wrong(&positions, found.iter(), |(position, found)| *found == expected(*position)))
}

fn first_wrong<'a>(
    positions: &[usize],
    found: impl Iterator<Item = &'a Integer>,
    right: impl Fn((&usize, &'a Integer)) -> bool,
) -> FirstWrong {
    positions.iter().zip(found).find(|(position, found)| !right((position, found))).map(|(position, _)| *position)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arith::{Engine, EngineOptions, Moduli};

    #[test]
    fn long_batches_are_looked_at_from_both_ends() {
        assert_eq!(positions(3), [0, 1, 2]);
        assert_eq!(positions(16), (0..16).collect::<Vec<_>>());
        assert_eq!(positions(20)[7..9], [7, 12]);
    }

    #[test]
    fn wrong_results_are_found_where_they_are() {
        let engine = Engine::new(&EngineOptions { threads: 1, ..EngineOptions::default() }).unwrap();
        let fixture = Fixture::new(&engine, 1024).unwrap();
        let values: Vec<Integer> = (0..20).map(|i| Integer::from(i - 10)).collect();
        let sealed = fixture.seal(&values).unwrap();
        let expect = |shift: i32, at: usize| {
            let values = &values;
            move |i: usize| Integer::from(&values[i] + if i == at { shift } else { 0 })
        };
        assert_eq!(opened(&fixture, &sealed, 0, expect(0, 0)).unwrap(), None);
        assert_eq!(opened(&fixture, &sealed, 0, expect(1, 13)).unwrap(), Some(13));
        assert_eq!(opened(&fixture, &sealed, 1, expect(-1, 13)).unwrap(), None);
        assert_eq!(opened(&fixture, &sealed, 1, expect(2, 13)).unwrap(), Some(13));

        let bare = fixture.public_key().encode_many(&engine, &values);
        assert_eq!(hidden(&fixture, &sealed, &values, &bare).unwrap(), None);
        assert_eq!(hidden(&fixture, &bare, &values, &bare).unwrap(), Some(0), "no randomiser");
        assert_eq!(
            hidden(
                &fixture,
                &sealed,
                &values[..19].iter().rev().cloned().chain([10.into()]).collect::<Vec<_>>(),
                &bare
            )
            .unwrap(),
            Some(0)
        );

        let batch = engine.load(&Moduli::from(fixture.public_key().modulus()), &[5.into(), 7.into()]);
        assert_eq!(residues(&fixture, &batch, |i| Integer::from([5, 7][i])).unwrap(), None);
        assert_eq!(residues(&fixture, &batch, |i| Integer::from([5, 8][i])).unwrap(), Some(1));
    }
}
