//! How the work of [`super::straus`] is cut, from a count of its operations.

use std::ops::Range;

use super::table::digit_count;
use crate::arith::backend::Backend;
use crate::arith::exponents::TimingClass;

/// What a product costs; the other costs are in the same measure.
const PRODUCT: u64 = 1000;
/// What a square costs.
const SQUARE: u64 = 760;
/// What reading an entry a lane by address costs.
const READ: u64 = 40;
/// The largest table, so that it and what is computed stay in a core's second-level cache, often of 1 MiB or 2.
const TABLE_BYTES: usize = 1 << 20;
/// The most entries of a table that `constant` look-ups read as a whole; backends have a fast way up to there.
const MOST_SCANNED: usize = 128;

/// What the work depends on; all of it is public.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub groups: usize,
    pub per_group: usize,
    pub rows: usize,
    pub bits: u32,
    pub class: TimingClass,
    /// Words of a residue.
    pub limbs: usize,
}

/// How it is cut: digits of `window_bits` bits of up to `together` bases choose an entry of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub together: usize,
    pub window_bits: u32,
}

/// Operations on groups of lanes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub products: u64,
    pub squares: u64,
    pub look_ups: u64,
    /// Entries of the tables of all look-ups.
    pub entries: u64,
}

impl Count {
    pub fn cost<B: Backend>(&self, class: TimingClass) -> u64 {
        let look_ups = match class {
            TimingClass::Constant => self.entries * PRODUCT / B::SCAN_OF_A_PRODUCT,
            TimingClass::FixedSequence | TimingClass::Vartime => self.look_ups * READ,
        };
        self.products * PRODUCT + self.squares * SQUARE + look_ups
    }
}

impl Plan {
    /// The one of the least cost.
    pub fn best<B: Backend>(shape: &Shape) -> Plan {
        let cost = |plan: &Plan| plan.count::<B>(shape).cost::<B>(shape.class);
        Plan::all::<B>(shape).min_by_key(cost).expect("a base with digits of one bit has the smallest table")
    }

    /// Those whose tables are small enough.
    pub fn all<B: Backend>(shape: &Shape) -> impl Iterator<Item = Plan> {
        let most_entries = TABLE_BYTES / (8 * shape.limbs.max(1));
        let most_entries = if shape.class == TimingClass::Constant { MOST_SCANNED } else { most_entries };
        let most_index_bits = most_entries.checked_ilog2().unwrap_or(0).max(B::WIDTH.ilog2()).max(1);
        let per_group = shape.per_group;
        (1..=most_index_bits).flat_map(move |window_bits| {
            let most = per_group.min((most_index_bits / window_bits) as usize);
            (1..=most).map(move |together| Plan { together, window_bits })
        })
    }

    /// Which bases of a group have a table together.
    pub fn tables(&self, per_group: usize) -> impl ExactSizeIterator<Item = Range<usize>> + Clone + use<> {
        let tables = per_group.div_ceil(self.together);
        (0..tables).map(move |table| table * per_group / tables..(table + 1) * per_group / tables)
    }

    /// Entries of a table for so many bases; a group of them at least.
    pub fn entries<B: Backend>(&self, bases: usize) -> usize {
        B::WIDTH.max(1 << (bases as u32 * self.window_bits))
    }

    /// Digit positions of an exponent.
    pub fn positions(&self, shape: &Shape) -> usize {
        digit_count(shape.bits, self.window_bits)
    }

    /// What [`super::straus`] does.
    pub fn count<B: Backend>(&self, shape: &Shape) -> Count {
        let row_groups = shape.rows.div_ceil(B::WIDTH) as u64;
        let positions = self.positions(shape) as u64;
        let cells = row_groups * positions;
        if cells == 0 {
            return Count::default();
        }
        let mut count = Count {
            products: row_groups * (positions - 1),
            squares: row_groups * (positions - 1) * u64::from(self.window_bits),
            ..Count::default()
        };
        for (index, bases) in self.tables(shape.per_group).enumerate() {
            let entries = self.entries::<B>(bases.len()) as u64;
            let index_bits = bases.len() as u32 * self.window_bits;
            count.products += u64::from(index_bits.min(B::WIDTH.ilog2())) + entries / B::WIDTH as u64 - 1;
            count.squares += bases.len() as u64 * u64::from(self.window_bits - 1);
            count.products += if B::EVEN_PRODUCTS && index == 0 { 0 } else { cells };
            count.look_ups += cells;
            count.entries += cells * entries;
        }
        let groups = shape.groups as u64;
        Count {
            products: groups * count.products,
            squares: groups * count.squares,
            look_ups: groups * count.look_ups,
            entries: groups * count.entries,
        }
    }
}
