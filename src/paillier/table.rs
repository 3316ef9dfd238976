//! Powers of one base from a table that is built when it is first needed and rebuilt when exponents grow.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::error::PaillierError;
use crate::arith::{Batch, ConstantTime, Engine, EngineKind, Exponents, FixedBase, Modulus};
use crate::secret::SecretInteger;

/// Digit of the table in bits; one table of a 2048-bit key takes 16 MiB for exponents of 1024 bits.
const WINDOW_BITS: u32 = 8;
/// The same where every lookup scans the whole row.
const STRICT_WINDOW_BITS: u32 = 5;
/// Tables are made for a multiple of so many bits: exponents of slightly different lengths share one.
const LENGTH_STEP_BITS: u32 = 256;

/// The powers of one base modulo one modulus, for any engine.
///
/// A longer table serves shorter exponents at the cost of their own digits, so there is one table an engine, not one a
/// length.
pub(super) struct PowerTable {
    modulus: Modulus,
    base: SecretInteger,
    built: Mutex<Vec<(EngineKind, FixedBase)>>,
}

impl PowerTable {
    /// Nothing is computed yet.
    pub(super) fn new(modulus: &Modulus, base: SecretInteger) -> Self {
        PowerTable { modulus: modulus.clone(), base, built: Mutex::new(Vec::new()) }
    }

    /// Builds the table for exponents of up to `bits` bits now, not when the first one comes.
    pub(super) fn prepare(&self, engine: &Engine, bits: u32) -> Result<(), PaillierError> {
        self.at_least(engine, bits).map(drop)
    }

    /// base^e for each exponent. Timing class: that of the exponents.
    pub(super) fn power(&self, engine: &Engine, exponents: &Exponents) -> Result<Batch, PaillierError> {
        let table = self.at_least(engine, exponents.bits())?;
        Ok(engine.fixed_power(&table, exponents)?)
    }

    /// Two threads that miss at the same time both build; the lock is never held while the engine works, since its threads
    /// may come here themselves.
    fn at_least(&self, engine: &Engine, bits: u32) -> Result<FixedBase, PaillierError> {
        let window_bits = match engine.constant_time() {
            ConstantTime::Default => WINDOW_BITS,
            ConstantTime::Strict => STRICT_WINDOW_BITS,
        };
        let serves =
            |(kind, table): &(EngineKind, FixedBase)| *kind == engine.kind() && table.window_bits() == window_bits;
        if let Some((_, table)) = self.lock().iter().find(|built| serves(built) && built.1.max_bits() >= bits) {
            return Ok(table.clone());
        }
        let max_bits = bits.next_multiple_of(LENGTH_STEP_BITS);
        let table = engine.fixed_base(&self.modulus, &self.base, max_bits, window_bits)?;
        let mut tables = self.lock();
        tables.retain(|built| !serves(built) || built.1.max_bits() > max_bits);
        tables.push((engine.kind(), table.clone()));
        Ok(table)
    }

    /// A poisoned lock is taken over: entries are whole before they are pushed.
    fn lock(&self) -> MutexGuard<'_, Vec<(EngineKind, FixedBase)>> {
        self.built.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for PowerTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PowerTable(..)")
    }
}
