//! Powers of one base from a table that is built when it is first needed and rebuilt when exponents grow.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Batch, ConstantTime, Engine, EngineError, EngineKind, Exponents, FixedBase, Modulus};
use crate::secret::SecretInteger;

/// Digit of the table in bits; one table of a 2048-bit key takes 16 MiB for exponents of 1024 bits.
const WINDOW_BITS: u32 = 8;
/// The same where every lookup scans the whole row.
const STRICT_WINDOW_BITS: u32 = 5;
/// The same on AVX-512 IFMA, which permutes registers instead.
const STRICT_IFMA_WINDOW_BITS: u32 = 6;
/// The longest digits of AVX-512 IFMA, whose products are fast and whose rows are asked for ahead: 12 bits are no
/// faster than 11.
const LONGEST_WINDOW_BITS: u32 = 11;
/// What a table with digits above [`WINDOW_BITS`] may take. A 2048-bit key has digits of 11 bits and 59 MiB modulo p^2
/// and q^2 each, of 10 bits and 64 MiB modulo n^2 for exponents of 1024 bits, 80 MiB for 1280; each is built in about a
/// tenth of a second. A training server, which keeps its own two tables and one for its peer's key, takes 200 MiB,
/// and some 15 more for a key of the comparison.
const TABLE_BYTES: u64 = 96 << 20;
/// The same modulo what is no square: products there are so short that rows have to lie near. A key of the comparison with
/// 2048 bits takes 7 MiB modulo p and q each and 16 MiB modulo n.
const PLAIN_TABLE_BYTES: u64 = 20 << 20;
/// Tables are made for a multiple of so many bits: exponents of slightly different lengths share one.
const LENGTH_STEP_BITS: u32 = 256;

/// The powers of one base modulo one modulus, for any engine.
///
/// A longer table serves shorter exponents at the cost of their own digits, so there is one table an engine, not one a
/// length.
pub(crate) struct PowerTable {
    modulus: Modulus,
    base: SecretInteger,
    /// The length of exponents and of digits, where they do not depend on what is asked.
    lengths: Option<(u32, u32)>,
    built: Mutex<Vec<Built>>,
}

/// A table and for whom it was made.
struct Built {
    engine: EngineKind,
    constant_time: ConstantTime,
    table: FixedBase,
}

impl PowerTable {
    /// Nothing is computed yet.
    pub fn new(modulus: &Modulus, base: SecretInteger) -> Self {
        PowerTable { modulus: modulus.clone(), base, lengths: None, built: Mutex::new(Vec::new()) }
    }

    /// A table for exponents of at most `bits` bits, in digits of `window_bits` bits.
    pub fn short(modulus: &Modulus, base: SecretInteger, bits: u32, window_bits: u32) -> Self {
        PowerTable { lengths: Some((bits, window_bits)), ..PowerTable::new(modulus, base) }
    }

    /// Builds the table for exponents of up to `bits` bits now, not when the first one comes.
    pub fn prepare(&self, engine: &Engine, bits: u32) -> Result<(), EngineError> {
        self.at_least(engine, bits).map(drop)
    }

    /// base^e for each exponent. Timing class: that of the exponents.
    pub fn power(&self, engine: &Engine, exponents: &Exponents) -> Result<Batch, EngineError> {
        let table = self.at_least(engine, exponents.bits())?;
        engine.fixed_power(&table, exponents)
    }

    /// Two threads that miss at the same time both build; the lock is never held while the engine works, since its threads
    /// may come here themselves.
    fn at_least(&self, engine: &Engine, bits: u32) -> Result<FixedBase, EngineError> {
        let serves = |built: &Built| built.engine == engine.kind() && built.constant_time == engine.constant_time();
        if let Some(built) = self.lock().iter().find(|built| serves(built) && built.table.max_bits() >= bits) {
            return Ok(built.table.clone());
        }
        let (max_bits, window_bits) = self.lengths.unwrap_or_else(|| {
            let max_bits = bits.next_multiple_of(LENGTH_STEP_BITS);
            (max_bits, window_bits(engine.kind(), engine.constant_time(), &self.modulus, max_bits))
        });
        let table = engine.fixed_base(&self.modulus, &self.base, max_bits, window_bits)?;
        let mut tables = self.lock();
        tables.retain(|built| !serves(built) || built.table.max_bits() > max_bits);
        let (engine, constant_time) = (engine.kind(), engine.constant_time());
        tables.push(Built { engine, constant_time, table: table.clone() });
        Ok(table)
    }

    /// A poisoned lock is taken over: entries are whole before they are pushed.
    fn lock(&self) -> MutexGuard<'_, Vec<Built>> {
        self.built.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for PowerTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PowerTable(..)")
    }
}

/// Length of the digits of a table for exponents of up to `max_bits` bits.
fn window_bits(engine: EngineKind, constant_time: ConstantTime, modulus: &Modulus, max_bits: u32) -> u32 {
    match (constant_time, engine) {
        (ConstantTime::Strict, EngineKind::Ifma) => STRICT_IFMA_WINDOW_BITS,
        (ConstantTime::Strict, _) => STRICT_WINDOW_BITS,
        (ConstantTime::Default, EngineKind::Ifma) => {
            // Limbs of 52 bits in words of 64.
            let row_bytes = u64::from(modulus.bits().div_ceil(52)) * 8;
            let table_bytes = |window: u32| (u64::from(max_bits.div_ceil(window)) * row_bytes) << window;
            let most_bytes = if modulus.root().is_some() { TABLE_BYTES } else { PLAIN_TABLE_BYTES };
            let mut longer = (WINDOW_BITS + 1..=LONGEST_WINDOW_BITS).rev();
            longer.find(|window| table_bytes(*window) <= most_bytes).unwrap_or(WINDOW_BITS)
        }
        (ConstantTime::Default, _) => WINDOW_BITS,
    }
}

#[cfg(test)]
mod tests {
    use rug::Integer;

    use super::*;

    #[test]
    fn digits_are_as_long_as_the_memory_for_a_table_allows() {
        let modulus = |bits: u32| Modulus::square_of(&((Integer::from(1) << (bits / 2)) - 1u32));
        let window = |bits, max_bits| window_bits(EngineKind::Ifma, ConstantTime::Default, &modulus(bits), max_bits);
        assert_eq!(window(2048, 1024), 11);
        assert_eq!((window(4096, 1024), window(4096, 1280)), (10, 10));
        assert_eq!((window(4096, 2048), window(8192, 2048)), (9, 8));
        for (engine, bits) in [(EngineKind::Gmp, STRICT_WINDOW_BITS), (EngineKind::Ifma, STRICT_IFMA_WINDOW_BITS)] {
            assert_eq!(window_bits(engine, ConstantTime::Strict, &modulus(2048), 1024), bits);
        }
        let plain = Modulus::plain(&((Integer::from(1) << 1024u32) - 1u32));
        assert_eq!(window_bits(EngineKind::Ifma, ConstantTime::Default, &plain, 256), 11);
        let gmp = window_bits(EngineKind::Gmp, ConstantTime::Default, &modulus(2048), 1024);
        assert_eq!(gmp, WINDOW_BITS);
    }
}
