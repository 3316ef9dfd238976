//! Known answers, which a backend must give before it is used.
//!
//! They are modulo the square of the prime 2^127 - 1, for the bases 3^100 and 5^70 and the exponent 2^64 - 59, and can
//! be recomputed with any arithmetic of long integers.

use rug::Integer;

use super::batch::Batch;
use super::dispatch::Operations;
use super::error::EngineError;
use super::exponents::Exponents;
use super::job::Job;
use super::modulus::{Moduli, Modulus};
use super::options::ConstantTime;
use crate::secret::SecretLimbs;

const PRODUCT: &str = "17932cfaff6ed81d03d5533c3741ecec420f91b93db01c9810bb2a9fc15e6868";
const POWER: &str = "1bc4533794a2a1aa1e539c5f481656e1f492e90e3373c4346575b61b9bed8fb3";
const MULTI_POWER: &str = "19bf455d77b3294212d1fcdf5fdeaf22798b9fdda88740574f767597db456197";
const INVERSE: &str = "dcae321edea6c036205882b70ad6d1beab45f497d54960535006f4e46224208";

const EXPONENT: u64 = u64::MAX - 58;

/// Runs every operation of a backend once, in both settings of [`ConstantTime`].
pub(super) fn run(backend: &dyn Operations) -> Result<(), EngineError> {
    [ConstantTime::Default, ConstantTime::Strict].into_iter().try_for_each(|setting| check(backend, setting))
}

fn check(backend: &dyn Operations, constant_time: ConstantTime) -> Result<(), EngineError> {
    let modulus = Modulus::square_of(&(Integer::from(Integer::u_pow_u(2, 127)) - 1u32));
    let base_a = Integer::from(Integer::u_pow_u(3, 100));
    let base_b = Integer::from(Integer::u_pow_u(5, 70));
    let (a, b) = (load(backend, &modulus, &base_a), load(backend, &modulus, &base_b));
    let single_use = |count: usize| Exponents::single_use(vec![SecretLimbs::new(vec![EXPONENT]); count], 64);
    let base_a = SecretLimbs::from_integer(&base_a, modulus.limbs().len());
    let table = backend.fixed_base(&modulus, base_a.as_slice(), 64, 5);
    let long_lived = Exponents::long_lived(vec![SecretLimbs::new(vec![EXPONENT])], 64);
    let public = Exponents::public(&[Integer::from(EXPONENT)]);

    let questions = [
        ("product", Job::Product(a.clone(), b.clone()), PRODUCT),
        ("power, public", Job::Power { bases: a.clone(), exponents: public }, POWER),
        ("power, secret", Job::Power { bases: a.clone(), exponents: long_lived }, POWER),
        ("fixed-base power", Job::FixedPower { table, exponents: single_use(1) }, POWER),
        (
            "product of powers",
            Job::MultiPower { bases: Batch::concat(&[a.clone(), b]), exponents: single_use(2), groups: 1 },
            MULTI_POWER,
        ),
        ("inverse", Job::InvertVartime(a), INVERSE),
    ];
    for (operation, job, answer) in questions {
        let result = backend.store(&backend.run(&job, constant_time)?);
        let known = Integer::from_str_radix(answer, 16).expect("the answers are hexadecimal numbers");
        if *result.to_integer() != known {
            return Err(EngineError::SelfTest { kind: backend.kind(), operation });
        }
    }
    Ok(())
}

fn load(backend: &dyn Operations, modulus: &Modulus, value: &Integer) -> Batch {
    let limbs = SecretLimbs::from_integer(value, modulus.limbs().len());
    backend.load(&Moduli::from(modulus), limbs.as_slice(), 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arith::FixedBase;
    use crate::arith::backend::gmp::Gmp;
    use crate::arith::backend::words::Words;
    use crate::arith::dispatch;
    use crate::arith::options::EngineKind;

    /// GMP, but without inverses.
    struct Wrong;

    impl Operations for Wrong {
        fn kind(&self) -> EngineKind {
            EngineKind::Ifma
        }

        fn width(&self) -> usize {
            Gmp.width()
        }

        fn missing(&self) -> Option<&'static str> {
            None
        }

        fn run(&self, job: &Job, constant_time: ConstantTime) -> Result<Batch, EngineError> {
            match job {
                Job::InvertVartime(batch) => Ok(batch.clone()),
                job => Operations::run(&Gmp, job, constant_time),
            }
        }

        fn load(&self, moduli: &Moduli, numbers: &[u64], len: usize) -> Batch {
            Gmp.load(moduli, numbers, len)
        }

        fn load_bytes(&self, modulus: &Modulus, bytes: &[u8], len_bytes: usize) -> Batch {
            Gmp.load_bytes(modulus, bytes, len_bytes)
        }

        fn store_bytes(&self, batch: &Batch, len_bytes: usize) -> Vec<u8> {
            Gmp.store_bytes(batch, len_bytes)
        }

        fn load_one_plus(&self, modulus: &Modulus, numbers: &[u64], len: usize) -> Batch {
            Gmp.load_one_plus(modulus, numbers, len)
        }

        fn store_halves(&self, batch: &Batch) -> [SecretLimbs; 2] {
            Gmp.store_halves(batch)
        }

        fn combination(&self, modulus: &Modulus, factors: [&SecretLimbs; 2]) -> Words {
            Gmp.combination(modulus, factors)
        }

        fn load_combination(&self, modulus: &Modulus, numbers: [&[u64]; 2], factors: &Words, len: usize) -> Batch {
            Gmp.load_combination(modulus, numbers, factors, len)
        }

        fn store(&self, batch: &Batch) -> SecretLimbs {
            Gmp.store(batch)
        }

        fn joint_factor(&self, batch: &Batch) -> Batch {
            Gmp.joint_factor(batch)
        }

        fn fixed_base(&self, modulus: &Modulus, base: &[u64], max_bits: u32, window_bits: u32) -> FixedBase {
            Gmp.fixed_base(modulus, base, max_bits, window_bits)
        }
    }

    #[test]
    fn an_engine_with_wrong_answers_is_passed_over_and_reported() {
        let backends: [&'static dyn Operations; 2] = [&Wrong, &Gmp];
        let chosen = dispatch::choose(EngineKind::Auto, &backends).ok().unwrap();
        assert_eq!(chosen.backend.kind(), EngineKind::Gmp);
        let warning = chosen.warning.unwrap();
        assert!(warning.contains("ifma failed its self-test (inverse)"), "{warning}");
        assert!(warning.contains("gmp computes instead") && chosen.reason.contains("self-test"), "{warning}");
        let asked_for = dispatch::choose(EngineKind::Ifma, &backends).err();
        assert_eq!(asked_for, Some(EngineError::SelfTest { kind: EngineKind::Ifma, operation: "inverse" }));
        let absent = dispatch::choose(EngineKind::Ifma, &backends[1..]).err().unwrap();
        assert!(absent.to_string().contains("use --engine auto"), "{absent}");
    }

    #[test]
    fn a_wrong_answer_is_noticed_and_named() {
        assert_eq!(run(&Gmp), Ok(()));
        assert_eq!(run(&Wrong), Err(EngineError::SelfTest { kind: EngineKind::Ifma, operation: "inverse" }));
    }
}
