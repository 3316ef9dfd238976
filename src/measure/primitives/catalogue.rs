//! The workload of each operation: its inputs, the call that is timed, and what its result must be.

use std::rc::Rc;
use std::time::Duration;

use rug::Integer;
use rug::integer::Order;

use super::fixture::{FRACTION_BITS, Fixture, SIGMA, blind, signed, unsigned};
use super::workload::{Subject, Workload};
use super::{Operation, check};
use crate::arith::{Exponents, Moduli, Modulus};
use crate::error::Error;
use crate::mlp::BoundName;
use crate::paillier::{Ciphertexts, Encrypt, PaillierError, Pool, SecretKey, SlotLayout, pack_linear};
use crate::protocol::config::{Comparison, Protocol};
use crate::protocol::element::OperationPair;
use crate::protocol::packed::ComparisonPair;
use crate::rng::{SecureRng, SeededRng};
use crate::secret::SecretLimbs;

/// Length of plaintexts that are encrypted, added and multiplied: far from 0, and a sum of products still fits.
const PLAINTEXT_BITS: u32 = 63;
/// Ciphertexts of a dot product.
const DOT_BASES: usize = 784;
/// Dot products with the same ciphertexts.
const DOT_ROWS: usize = 64;
/// Width of a slot.
const SLOT_BITS: u32 = 64;
/// Length of the exponents of plain powers.
const POWER_BITS: u32 = 1024;
/// Randomisers that a pool's producer makes at a time.
const POOL_GRAIN: usize = 32;

/// The calls that encrypt.
type EncryptCall<'a> = Box<dyn FnMut(&[Integer]) -> Result<Ciphertexts, PaillierError> + 'a>;

impl Fixture {
    /// `batch` operations with their inputs; operations of a fixed shape ignore `batch`.
    ///
    /// # Errors
    /// If the engine or the protocol's parties cannot make the inputs.
    pub fn workload(&self, operation: Operation, batch: usize) -> Result<Workload<'_>, Error> {
        let (form, operation) = operation.under();
        let subject = Subject { operation, key_bits: self.key_bits() };
        self.of_form(form)?.workload_of(subject, batch)
    }

    fn workload_of(&self, subject: Subject, batch: usize) -> Result<Workload<'_>, Error> {
        match subject.operation {
            Operation::Keygen => Ok(self.keygen(subject)),
            Operation::EncryptRn | Operation::EncryptPublic | Operation::EncryptOwner => self.encrypt(subject, batch),
            Operation::EncryptPooled => self.encrypt_pooled(subject, batch),
            Operation::Rerandomize => self.rerandomize(subject, batch),
            Operation::Decrypt | Operation::DecryptNoCrt => self.decrypt(subject, batch),
            Operation::Add => self.add(subject, batch),
            Operation::MulPlain64 => self.mul_plain(subject, batch),
            Operation::DotTerm64 => self.dot(subject, 64),
            Operation::DotTerm32 => self.dot(subject, 32),
            Operation::Pack => self.pack(subject, batch),
            Operation::ModexpN2 => Ok(self.power_n_squared(subject, batch)),
            Operation::ModexpP2 => Ok(self.power_p_squared(subject, batch)),
            Operation::MulEnc => self.mul_enc(subject, batch),
            Operation::DivEnc => self.div_enc(subject, batch),
            Operation::MaxEnc => self.max_enc(subject, batch),
            Operation::CompareBlinded => self.compare(subject, batch, Comparison::Blinded),
            Operation::CompareDgk => self.compare(subject, batch, Comparison::Dgk),
            Operation::EncryptPublicSubgroup
            | Operation::EncryptOwnerSubgroup
            | Operation::RerandomizeSubgroup
            | Operation::DecryptSubgroup => unreachable!("`under` gives the operation whatever the form"),
        }
    }

    fn keygen(&self, subject: Subject) -> Workload<'_> {
        let generate = move |()| Ok(SecretKey::generate(self.engine(), subject.key_bits, &mut SecureRng::from_os())?);
        Workload::new(subject, 1, nothing, generate, move |key| {
            let public = key.public_key();
            let value = Integer::from(-42);
            let sealed = (Integer::from(&value * public.n()) + 1u32) * blind(public);
            let sealed = Ciphertexts::admit(self.engine(), public, &[sealed.modulo(public.modulus().value())])?;
            let opens = *key.decrypt_many(self.engine(), &sealed)?[0] == value;
            Ok((!opens || public.key_bits() != subject.key_bits).then_some(0))
        })
    }

    fn encrypt(&self, subject: Subject, batch: usize) -> Result<Workload<'_>, Error> {
        let values = signed(batch, PLAINTEXT_BITS);
        let mut rng = SecureRng::from_os();
        let (engine, public, owner) = (self.engine(), self.public_key(), self.key());
        let mut encrypt: EncryptCall<'_> = match subject.operation {
            Operation::EncryptRn => Box::new(move |values| public.encrypt_rn_many(engine, values, &mut rng)),
            Operation::EncryptOwner => Box::new(move |values| owner.encrypt_many(engine, values, &mut rng)),
            _ => Box::new(move |values| public.encrypt_many(engine, values, &mut rng)),
        };
        let plaintexts = values.clone();
        let run = move |()| Ok(encrypt(&plaintexts)?);
        Ok(Workload::new(subject, batch, nothing, run, self.fresh_check(values)))
    }

    /// Taking from a pool that has enough, and the product.
    fn encrypt_pooled(&self, subject: Subject, batch: usize) -> Result<Workload<'_>, Error> {
        let values = signed(batch, PLAINTEXT_BITS);
        let capacity = batch.next_multiple_of(POOL_GRAIN);
        let public = self.public_key();
        let pool = Pool::start(self.pool_engine(), public, public.randomizer_bits(), capacity, 1)?;
        let pool = Rc::new(pool);
        let mut rng = SecureRng::from_os();
        let plaintexts = values.clone();
        let filling = pool.clone();
        let filled = move || {
            while filling.level() < batch && filling.producer_failure().is_none() {
                std::thread::sleep(Duration::from_micros(200));
            }
            Ok(())
        };
        let run = move |()| Ok(Encrypt::encrypt_many(&*pool, self.engine(), &plaintexts, &mut rng)?);
        Ok(Workload::new(subject, batch, filled, run, self.fresh_check(values)))
    }

    fn rerandomize(&self, subject: Subject, batch: usize) -> Result<Workload<'_>, Error> {
        let values = signed(batch, PLAINTEXT_BITS);
        let sealed = self.seal(&values)?;
        let public = self.public_key();
        let bits = public.rerandomizer_bits(64, 1, SIGMA);
        let mut rng = SecureRng::from_os();
        let before = sealed.clone();
        let run = move |()| Ok(public.rerandomize_many(self.engine(), &sealed, bits, &mut rng)?);
        Ok(Workload::new(subject, batch, nothing, run, move |found| check::hidden(self, found, &values, &before)))
    }

    fn decrypt(&self, subject: Subject, batch: usize) -> Result<Workload<'_>, Error> {
        let values = signed(batch, PLAINTEXT_BITS);
        let sealed = self.seal(&values)?;
        let with_crt = subject.operation == Operation::Decrypt;
        let run = move |()| {
            let (engine, key) = (self.engine(), self.key());
            Ok(if with_crt { key.decrypt_many(engine, &sealed)? } else { key.decrypt_no_crt_many(engine, &sealed)? })
        };
        Ok(Workload::new(subject, batch, nothing, run, move |found| {
            Ok(found.iter().zip(&values).position(|(found, value)| **found != *value))
        }))
    }

    fn add(&self, subject: Subject, batch: usize) -> Result<Workload<'_>, Error> {
        let (left, right) = (signed(batch, PLAINTEXT_BITS), signed(batch, PLAINTEXT_BITS - 1));
        let (sealed_left, sealed_right) = (self.seal(&left)?, self.seal(&right)?);
        let run = move |()| Ok(sealed_left.add(self.engine(), &sealed_right)?);
        Ok(Workload::new(subject, batch, nothing, run, move |found| {
            check::opened(self, found, 0, |i| Integer::from(&left[i] + &right[i]))
        }))
    }

    fn mul_plain(&self, subject: Subject, batch: usize) -> Result<Workload<'_>, Error> {
        let (values, scalars) = (signed(batch, PLAINTEXT_BITS), unsigned(batch, 64));
        let sealed = self.seal(&values)?;
        let factors = scalars.clone();
        let run = move |()| Ok(sealed.mul_plain_vartime(self.engine(), &factors)?);
        Ok(Workload::new(subject, batch, nothing, run, move |found| {
            check::opened(self, found, 0, |i| Integer::from(&values[i] * &scalars[i]))
        }))
    }

    fn dot(&self, subject: Subject, weight_bits: u32) -> Result<Workload<'_>, Error> {
        let (values, weights) = (signed(DOT_BASES, PLAINTEXT_BITS), unsigned(DOT_ROWS * DOT_BASES, weight_bits));
        let sealed = self.seal(&values)?;
        let rows = weights.clone();
        let run = move |()| Ok(sealed.dot_vartime(self.engine(), &rows)?);
        Ok(Workload::new(subject, DOT_ROWS * DOT_BASES, nothing, run, move |found| {
            check::opened(self, found, 0, |row| {
                Integer::from(Integer::dot(weights[row * DOT_BASES..].iter().zip(&values)))
            })
        }))
    }

    fn pack(&self, subject: Subject, batch: usize) -> Result<Workload<'_>, Error> {
        let layout = SlotLayout::for_key(subject.key_bits, SLOT_BITS)?;
        let slots = layout.slots as usize;
        let values = unsigned(batch * slots, SLOT_BITS - 1);
        let shifted: Vec<Integer> = values.iter().enumerate().map(|(i, v)| layout.shift(v, i % slots)).collect();
        let sealed = self.seal(&shifted)?;
        let run = move |()| Ok(pack_linear(self.engine(), layout.slots as usize, &sealed)?);
        Ok(Workload::new(subject, batch, nothing, run, move |found| {
            check::opened(self, found, 0, |i| layout.pack(&values[i * slots..][..slots]))
        }))
    }

    fn power_n_squared(&self, subject: Subject, batch: usize) -> Workload<'_> {
        let exponents = secret_exponents(batch);
        let class = Exponents::single_use(exponents.clone(), POWER_BITS);
        self.power(subject, self.public_key().modulus().clone(), exponents, class)
    }

    fn power_p_squared(&self, subject: Subject, batch: usize) -> Workload<'_> {
        let mut root = SeededRng::new(u64::from(subject.key_bits), "prime-like").integer(subject.key_bits / 2);
        root.set_bit(subject.key_bits / 2 - 1, true).set_bit(0, true);
        let modulus = Modulus::secret_square_of(&SecretLimbs::new(root.to_digits(Order::Lsf)));
        let exponents = secret_exponents(batch);
        let class = Exponents::long_lived(exponents.clone(), POWER_BITS);
        self.power(subject, modulus, exponents, class)
    }

    fn power(&self, subject: Subject, modulus: Modulus, exponents: Vec<SecretLimbs>, class: Exponents) -> Workload<'_> {
        let bases = unsigned(exponents.len(), modulus.bits() - 1);
        let loaded = self.engine().load(&Moduli::from(&modulus), &bases);
        let run = move |()| Ok(self.engine().power(&loaded, &class)?);
        Workload::new(subject, exponents.len(), nothing, run, move |found| {
            check::residues(self, found, |i| {
                let power = bases[i].clone().pow_mod(&exponents[i].to_integer(), modulus.value());
                power.expect("a power with a positive exponent exists")
            })
        })
    }

    fn mul_enc(&self, subject: Subject, batch: usize) -> Result<Workload<'_>, Error> {
        let (mut pair, bits) = self.pair()?;
        let (left, right) = (signed(batch, bits(BoundName::Weights)), signed(batch, bits(BoundName::Inputs) - 1));
        let (sealed_left, sealed_right) = (self.seal(&left)?, self.seal(&right)?);
        let run = move |()| pair.multiply(&sealed_left, &sealed_right);
        Ok(Workload::new(subject, batch, nothing, run, move |found| {
            check::opened(self, found, 0, |i| Integer::from(&left[i] * &right[i]))
        }))
    }

    fn div_enc(&self, subject: Subject, batch: usize) -> Result<Workload<'_>, Error> {
        let (mut pair, bits) = self.pair()?;
        let values = signed(batch, bits(BoundName::Products));
        let sealed = self.seal(&values)?;
        let run = move |()| pair.divide(&sealed, 1 << FRACTION_BITS);
        // The mask decides whether a quotient is rounded down or up (protocol.md, section 1).
        Ok(Workload::new(subject, batch, nothing, run, move |found| {
            check::opened(self, found, 1, |i| Integer::from(&values[i] >> FRACTION_BITS))
        }))
    }

    fn max_enc(&self, subject: Subject, batch: usize) -> Result<Workload<'_>, Error> {
        let (mut pair, bits) = self.pair()?;
        let values = signed(batch, bits(BoundName::Activations));
        let sealed = self.seal(&values)?;
        let run = move |()| pair.compare(&sealed);
        Ok(Workload::new(subject, batch, nothing, run, move |found| {
            check::opened(self, found, 0, |i| Integer::from(values[i] > 0))
        }))
    }

    /// The comparison of the packed protocol.
    fn compare(&self, subject: Subject, batch: usize, comparison: Comparison) -> Result<Workload<'_>, Error> {
        let job = self.job(Protocol::Packed, comparison)?;
        let mut pair = ComparisonPair::connect(self.engine(), self.key(), &job)?;
        let values = signed(batch, job.plan.bounds.bits(BoundName::Activations));
        let shared = pair.share(&values);
        let run = move |()| pair.compare(&shared);
        Ok(Workload::new(subject, batch, nothing, run, move |found| {
            Ok(found.iter().zip(&values).position(|(found, value)| *found != (*value > 0)))
        }))
    }

    /// Both servers, and the bounds of what they compute with.
    fn pair(&self) -> Result<(OperationPair, impl Fn(BoundName) -> u32 + use<>), Error> {
        let job = self.job(Protocol::Element, Comparison::Blinded)?;
        let bounds = job.plan.bounds;
        Ok((OperationPair::connect(self.engine(), self.key(), &job)?, move |name| bounds.bits(name)))
    }

    fn fresh_check(&self, values: Vec<Integer>) -> impl Fn(&Ciphertexts) -> Result<Option<usize>, Error> + '_ {
        let bare = self.public_key().encode_many(self.engine(), &values);
        move |found| check::hidden(self, found, &values, &bare)
    }
}

fn nothing() -> Result<(), Error> {
    Ok(())
}

fn secret_exponents(count: usize) -> Vec<SecretLimbs> {
    let mut rng = SecureRng::from_os();
    (0..count).map(|_| rng.bits(POWER_BITS)).collect()
}
