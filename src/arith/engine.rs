//! The face of the room: an [`Engine`] runs [`Job`]s on the backend that it was made for.

use std::sync::Arc;

use rayon::prelude::*;
use rug::Integer;
use rug::integer::Order;
use rug::ops::RemRounding;
use subtle::Choice;
use zeroize::Zeroizing;

use super::algorithms::comb::FixedBase;
use super::backend::gmp::constant;
use super::backend::words::Words;
use super::batch::Batch;
use super::dispatch::{self, Chosen, Operations};
use super::error::EngineError;
use super::exponents::Exponents;
use super::job::{Failed, Job, Pending};
use super::modulus::{Moduli, Modulus};
use super::options::{ConstantTime, EngineKind, EngineOptions};
use super::report::EngineReport;
use super::shape;
use crate::secret::{SecretInteger, SecretLimbs};

/// Conversions of up to so many groups of residues are done on the caller's thread: they take a fraction of a millisecond,
/// as it does until threads that are at work for somebody else come to them.
const SHORT_GROUPS: usize = 64;

/// Runs operations on batches; cheap to clone, and one for a process is enough.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    backend: &'static dyn Operations,
    reason: String,
    warning: Option<String>,
    constant_time: ConstantTime,
    pool: rayon::ThreadPool,
}

impl Engine {
    /// Starts the threads, chooses the backend and checks it against known answers.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`], [`EngineError::SelfTest`] or [`EngineError::Pool`].
    pub fn new(options: &EngineOptions) -> Result<Engine, EngineError> {
        let Chosen { backend, reason, warning } = dispatch::choose(options.kind, dispatch::ALL)?;
        let threads = match options.threads {
            0 => std::thread::available_parallelism().map_or(1, |cores| cores.get()),
            threads => threads,
        };
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("engine-{index}"))
            .build()
            .map_err(|error| EngineError::Pool(error.to_string()))?;
        Ok(Engine(Arc::new(Inner { backend, reason, warning, constant_time: options.constant_time, pool })))
    }

    /// The backend that computes; never [`EngineKind::Auto`].
    pub fn kind(&self) -> EngineKind {
        self.0.backend.kind()
    }

    /// Number of threads.
    pub fn threads(&self) -> usize {
        self.0.pool.current_num_threads()
    }

    /// How strictly secrets are kept from the clock.
    pub fn constant_time(&self) -> ConstantTime {
        self.0.constant_time
    }

    /// What was chosen, why, and what else there is.
    pub fn report(&self) -> EngineReport {
        EngineReport::new(self.kind(), &self.0.reason, self.threads())
    }

    /// What the user must know: a faster engine that was passed over because its answers were wrong.
    pub fn warning(&self) -> Option<&str> {
        self.0.warning.as_deref()
    }

    /// Runs `f` on the engine's threads, so that parallel iterators inside use them.
    pub fn install<R: Send>(&self, f: impl FnOnce() -> R + Send) -> R {
        self.0.pool.install(f)
    }

    /// Runs `f`, which converts `count` residues, on the engine's threads, unless it is short.
    pub(super) fn install_long<R: Send>(&self, count: usize, f: impl FnOnce() -> R + Send) -> R {
        if count <= SHORT_GROUPS * self.0.backend.width() { f() } else { self.install(f) }
    }

    /// Hands a job in. On the processor's own engines it is done when this returns.
    pub fn submit(&self, job: Job) -> Pending {
        let run = || self.0.backend.run(&job, self.0.constant_time);
        let result = if job.is_short() { run() } else { self.install(run) };
        Pending(result.map_err(|error| Failed { job, error }))
    }

    /// `values`, of any sign and size, as residues. Whether a value is out of range, and by how much, shows in the time.
    ///
    /// # Panics
    /// If there is a modulus for each value and their numbers differ.
    pub fn load(&self, moduli: &Moduli, values: &[Integer]) -> Batch {
        assert!(moduli.fits(values.len()), "{} values do not have a modulus each", values.len());
        let width = moduli.limb_count();
        self.load_rows(moduli, values.len(), |index, row| reduce_into(&values[index], moduli.of(index), row), width)
    }

    /// 1 + root * v modulo root^2 for each v of `values`, of any sign. `constant` but for the lengths of the values in
    /// limbs.
    ///
    /// # Panics
    /// If the modulus was not made as a square.
    pub fn load_one_plus(&self, modulus: &Modulus, values: &[Integer]) -> Batch {
        let root = modulus.root_limbs().expect("one plus a multiple of the root needs the root");
        let root = SecretLimbs::new(root.to_vec());
        let negation = Negation::new(&root);
        let fill = |index: usize, row: &mut [u64]| plaintext_into(&values[index], &root, &negation, row);
        let numbers = self.rows(values.len(), fill, negation.0.len());
        self.install(|| self.0.backend.load_one_plus(modulus, numbers.as_slice(), values.len()))
    }

    /// The residues, of whichever engine, as integers in [0, modulus).
    pub fn store(&self, batch: &Batch) -> Vec<Integer> {
        let width = batch.moduli().limb_count().max(1);
        let numbers = self.store_limbs(batch);
        numbers.as_slice().chunks_exact(width).map(|number| Integer::from_digits(number, Order::Lsf)).collect()
    }

    /// Products of the residues at equal positions; a batch of one residue goes with any other. `constant` modulo
    /// secret moduli, else `fixed_sequence`.
    ///
    /// # Errors
    /// [`EngineError::Shape`].
    pub fn product(&self, a: &Batch, b: &Batch) -> Result<Batch, EngineError> {
        self.run(Job::Product(a.clone(), b.clone()))
    }

    /// The product of each `run` consecutive residues, which have one modulus. Timing class as [`Engine::product`].
    ///
    /// # Errors
    /// [`EngineError::Shape`] if `run` is zero or does not divide the length.
    pub fn product_runs(&self, batch: &Batch, run: usize) -> Result<Batch, EngineError> {
        self.run(Job::ProductRuns { batch: batch.clone(), run })
    }

    /// Powers; the two lengths are equal, or either is one. Public exponents of public moduli, and a single short one of any,
    /// take time that depends on them, everything else is `constant`.
    ///
    /// # Errors
    /// [`EngineError::Shape`].
    pub fn power(&self, bases: &Batch, exponents: &Exponents) -> Result<Batch, EngineError> {
        self.run(Job::Power { bases: bases.clone(), exponents: exponents.clone() })
    }

    /// The table of `base`, reduced if need be, for exponents of up to `max_bits` bits, in digits of `window_bits` bits.
    ///
    /// # Errors
    /// [`EngineError::Shape`] for a window of no bits or of more than 16.
    pub fn fixed_base(
        &self,
        modulus: &Modulus,
        base: &Integer,
        max_bits: u32,
        window_bits: u32,
    ) -> Result<FixedBase, EngineError> {
        if !(1..=shape::MAX_WINDOW_BITS).contains(&window_bits) {
            let max = shape::MAX_WINDOW_BITS;
            return shape::refuse(format!("a window of {window_bits} bits; a fixed-base table takes 1 to {max}"));
        }
        let mut reduced = SecretLimbs::zero(modulus.limbs().len());
        reduce_into(base, modulus, reduced.as_mut_slice());
        let backend = self.0.backend;
        Ok(self.install(|| backend.fixed_base(modulus, reduced.as_slice(), max_bits, window_bits)))
    }

    /// Powers of the base of `table`. Timing class of the exponents: public and single-use ones may look rows up by
    /// address, but do not skip any digit. Whatever is computed modulo a secret is `constant` in the modulus.
    ///
    /// # Errors
    /// [`EngineError::Shape`] for exponents that are longer than the table.
    pub fn fixed_power(&self, table: &FixedBase, exponents: &Exponents) -> Result<Batch, EngineError> {
        self.run(Job::FixedPower { table: table.clone(), exponents: exponents.clone() })
    }

    /// Products of powers: of groups x d `bases` and groups x rows x d `exponents`, both row-major, the groups x rows
    /// residues prod_k bases\[g\]\[k\]^exponents\[g\]\[r\]\[k\]. Timing class as [`Engine::fixed_power`].
    ///
    /// # Errors
    /// [`EngineError::Shape`].
    pub fn multi_power(&self, bases: &Batch, exponents: &Exponents, groups: usize) -> Result<Batch, EngineError> {
        self.run(Job::MultiPower { bases: bases.clone(), exponents: exponents.clone(), groups })
    }

    /// The inverses of public residues, which take time that depends on them.
    ///
    /// # Errors
    /// [`EngineError::NotInvertible`] names the first residue without an inverse.
    pub fn invert_vartime(&self, batch: &Batch) -> Result<Batch, EngineError> {
        self.run(Job::InvertVartime(batch.clone()))
    }

    /// For each position the residue of `on_one` where the choice is one, else that of `on_zero`. `constant`.
    ///
    /// # Errors
    /// [`EngineError::Shape`].
    pub fn select(&self, on_zero: &Batch, on_one: &Batch, choices: &[Choice]) -> Result<Batch, EngineError> {
        let choices = Arc::new(Zeroizing::new(choices.iter().map(Choice::unwrap_u8).collect()));
        self.run(Job::Select { on_zero: on_zero.clone(), on_one: on_one.clone(), choices })
    }

    /// Numbers of one width, each below the square of the widest modulus, as residues.
    pub(crate) fn load_limbs(&self, moduli: &Moduli, numbers: &SecretLimbs, len: usize) -> Batch {
        self.install_long(len, || self.0.backend.load(moduli, numbers.as_slice(), len))
    }

    /// The residues, of whichever engine, as numbers, each in [`Moduli::limb_count`] limbs.
    pub(crate) fn store_limbs(&self, batch: &Batch) -> SecretLimbs {
        self.install_long(batch.len(), || dispatch::maker(batch).store(batch))
    }

    /// Public numbers of `len_bytes` little-endian bytes each, which are no more than the limbs of the modulus have.
    pub(super) fn load_bytes(&self, modulus: &Modulus, bytes: &[u8], len_bytes: usize) -> Batch {
        self.install_long(bytes.len() / len_bytes, || self.0.backend.load_bytes(modulus, bytes, len_bytes))
    }

    /// The residues, which are public, of whichever engine, in `len_bytes` little-endian bytes each: as many as the widest
    /// modulus has, or more.
    pub(crate) fn store_bytes(&self, batch: &Batch, len_bytes: usize) -> Vec<u8> {
        self.install_long(batch.len(), || dispatch::maker(batch).store_bytes(batch, len_bytes))
    }

    /// One residue that has a factor in common with the root of the modulus, or with a modulus of no special form,
    /// exactly if one of the residues of `batch` has. These are public, at least one, and have one modulus.
    pub(super) fn joint_factor(&self, batch: &Batch) -> Batch {
        self.install_long(batch.len(), || self.0.backend.joint_factor(batch))
    }

    /// The halves x0 and x1 of residues x0 + root * x1 modulo squares, reduced, each in as many limbs as the widest root.
    pub(crate) fn store_halves(&self, batch: &Batch) -> [SecretLimbs; 2] {
        self.install(|| self.0.backend.store_halves(batch))
    }

    /// What joins two batches by [`Engine::load_combination`] on this engine.
    pub(crate) fn combination(&self, modulus: &Modulus, factors: [&SecretLimbs; 2]) -> Words {
        self.0.backend.combination(modulus, factors)
    }

    /// x a + y b for `len` numbers x and as many y and the factors a and b of [`Engine::combination`]. Modulo a square the
    /// numbers are below four times the root and no wider in limbs, modulo other numbers no wider than these.
    pub(crate) fn load_combination(
        &self,
        modulus: &Modulus,
        numbers: [&[u64]; 2],
        factors: &Words,
        len: usize,
    ) -> Batch {
        self.install(|| self.0.backend.load_combination(modulus, numbers, factors, len))
    }

    fn load_rows(&self, moduli: &Moduli, len: usize, fill: impl Fn(usize, &mut [u64]) + Sync, width: usize) -> Batch {
        self.load_limbs(moduli, &self.rows(len, fill, width), len)
    }

    /// `len` numbers of one width.
    fn rows(&self, len: usize, fill: impl Fn(usize, &mut [u64]) + Sync, width: usize) -> SecretLimbs {
        let mut numbers = SecretLimbs::zero(len * width);
        let rows = numbers.as_mut_slice().par_chunks_mut(width.max(1)).enumerate();
        self.install(|| rows.for_each(|(index, row)| fill(index, row)));
        numbers
    }

    fn run(&self, job: Job) -> Result<Batch, EngineError> {
        self.submit(job).wait().map_err(|failed| failed.error)
    }
}

/// `value` mod the modulus. Whether the value is out of range shows in the time.
fn reduce_into(value: &Integer, modulus: &Modulus, out: &mut [u64]) {
    if !value.is_negative() && value < modulus.value() {
        value.write_digits(out, Order::Lsf);
    } else {
        let reduced = SecretInteger::new(value.clone().rem_euc(modulus.value()));
        reduced.write_digits(out, Order::Lsf);
    }
}

/// The smallest multiple of a root that no number of the root's limbs exceeds, in one limb more: a number subtracted
/// from it is its opposite modulo the root, without a comparison.
struct Negation(SecretLimbs);

impl Negation {
    fn new(root: &SecretLimbs) -> Negation {
        let mut power = SecretLimbs::zero(root.len() + 1);
        power.as_mut_slice()[root.len()] = 1;
        // An odd root above one divides no power of two, so that this is above the power by 1 to root - 1.
        let above = constant::sub_mod(&SecretLimbs::zero(root.len()), &constant::rem(&power, root), root);
        power.as_mut_slice()[..root.len()].copy_from_slice(above.as_slice());
        Negation(power)
    }
}

/// A number that is `value` modulo the root. Time depends on the length of the value in limbs only.
fn plaintext_into(value: &Integer, root: &SecretLimbs, negation: &Negation, out: &mut [u64]) {
    let width = value.significant_digits::<u64>();
    if width > root.len() {
        let magnitude = constant::rem(&SecretLimbs::from_integer(&value.as_abs(), width), root);
        out[..root.len()].copy_from_slice(magnitude.as_slice());
    } else {
        value.write_digits(&mut out[..root.len()], Order::Lsf);
    }
    // Where the value is negative the complement of the magnitude, one, and the multiple of the root.
    let negative = u64::from(value.is_negative());
    let mask = std::hint::black_box(negative.wrapping_neg());
    let mut carry = negative;
    for (out, limb) in out.iter_mut().zip(negation.0.as_slice()) {
        let (sum, over) = (*out ^ mask).overflowing_add(limb & mask);
        let (sum, over_too) = sum.overflowing_add(carry);
        (*out, carry) = (sum, u64::from(over) | u64::from(over_too));
    }
}
