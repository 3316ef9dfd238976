//! Products of powers (Straus, "Addition chains of vectors", 1964) of fewer rows than a group has lanes: a lane works
//! on a share of the bases of a group, for all rows. The shares are multiplied together where that costs less: what they
//! have at each digit position of a row, so that the squarings are done once for a row and not for each of its shares,
//! or what the squarings have left of them.
//!
//! A few bases have a table together, as in Straus's paper: a product takes in a digit of each. The tables stand
//! outermost, so that one at a time is in memory; each row and digit position has an accumulator.

use std::ops::Range;

use super::fill_chunks;
use super::lane_table::{LaneTable, PRODUCT, SQUARE, fill_cost, look_up_cost};
use super::straus::{cut, horner};
use super::table::{Digits, Field, digit, digit_count};
use crate::arith::backend::residues::Residues;
use crate::arith::backend::spare::Spare;
use crate::arith::backend::words::Words;
use crate::arith::backend::{Backend, Kernels, Scratch};
use crate::arith::batch::Batch;
use crate::arith::exponents::{Exponents, TimingClass};

/// More accumulators than this leave the cache.
const MOST_ACCUMULATORS: usize = 256;
/// The widest window.
const MOST_WINDOW_BITS: u32 = 6;
/// The largest table has two to the power of this many entries.
const MOST_INDEX_BITS: u32 = 6;
/// What gathering a group from residues here and there costs, in looks at one entry by a masked scan.
const GATHER: u64 = 20;

/// The operands of one call: groups x d bases, groups x rows x d exponents.
struct Problem<'a, B: Backend> {
    field: Field<'a, B>,
    bases: &'a Batch,
    exponents: &'a Exponents,
    shape: Shape,
    plan: Plan,
    one: Words,
}

/// As [`super::straus::multi_power`], for a backend with more lanes than there are rows, whose products take the same
/// time whatever the factors are.
pub(super) fn multi_power<B: Backend>(
    bases: &Batch,
    exponents: &Exponents,
    groups: usize,
    class: TimingClass,
) -> Batch {
    let (per_group, rows) = (bases.len() / groups, exponents.len() / bases.len());
    let shape = Shape { groups, per_group, rows, bits: exponents.bits(), class };
    planned::<B>(bases, exponents, shape, Plan::best(&shape, B::WIDTH, rayon::current_num_threads()))
}

fn planned<B: Backend>(bases: &Batch, exponents: &Exponents, shape: Shape, plan: Plan) -> Batch {
    let field = Field::new(bases.moduli(), bases.residues().layout(), shape.class);
    let one = field.start(0, &mut Scratch::default());
    let problem = Problem::<B> { field, bases, exponents, shape, plan, one };
    Batch::new(bases.moduli().clone(), problem.solve())
}

impl<B: Backend> Problem<'_, B> {
    fn solve(&self) -> Residues {
        let (layout, Shape { groups, rows, .. }) = (self.field.layout, self.shape);
        let mut out = Residues::zero(layout, groups * rows, self.bases.moduli().is_secret());
        if self.plan.join_first {
            let each = rows * self.positions();
            let mut joined = Spare::words((groups * each).next_multiple_of(B::WIDTH) * layout.limbs, true);
            self.join(self.accumulators().as_slice(), each, joined.as_mut_slice());
            self.evaluate(joined.as_slice(), &mut out);
        } else {
            self.join(self.results_of_shares().as_slice(), rows, out.words_mut());
        }
        out
    }

    /// A share a lane, for each row and digit position: what [`Problem::accumulate`] has computed.
    fn accumulators(&self) -> Spare {
        self.map_shares(self.shape.rows * self.positions(), |first, accumulators, scratch| {
            self.accumulate(first, accumulators, scratch);
        })
    }

    /// A share a lane, for each row: the product of the powers of its bases.
    fn results_of_shares(&self) -> Spare {
        let (group_words, rows) = (self.field.layout.group_words(), self.shape.rows);
        let row_words = self.positions() * group_words;
        self.map_shares(rows, |first, results, scratch| {
            let mut accumulators = Words::secret(rows * row_words);
            self.accumulate(first, accumulators.as_mut_slice(), scratch);
            for (row, result) in results.chunks_exact_mut(group_words).enumerate() {
                self.horner(&accumulators.as_slice()[row * row_words..][..row_words], result, scratch);
            }
        })
    }

    /// For each group of shares, the first of which it is given, what `compute` makes of `each` groups of lanes.
    fn map_shares(&self, each: usize, compute: impl Fn(usize, &mut [u64], &mut Scratch) + Sync) -> Spare {
        let (layout, cells) = (self.field.layout, self.shape.groups * self.plan.shares);
        // What a share contributes, or a digit position, is for nobody to see.
        let secret = self.plan.shares > 1 || self.plan.join_first || self.bases.moduli().is_secret();
        let mut out = Spare::words(cells.next_multiple_of(B::WIDTH) * each * layout.limbs, secret);
        fill_chunks(out.as_mut_slice(), each * layout.group_words(), |scratch, group, out| {
            compute(group * B::WIDTH, out, scratch);
        });
        out
    }

    /// Makes `joined` for each group of bases the products of its shares of `parts`, which are as
    /// [`Problem::map_shares`] makes them.
    fn join(&self, parts: &[u64], each: usize, joined: &mut [u64]) {
        let (layout, shares) = (self.field.layout, self.plan.shares);
        let (group_words, len) = (layout.group_words(), self.shape.groups * each);
        fill_chunks(joined, group_words, |scratch, group, product| {
            let index = |share: usize, lane: usize| {
                let out = (group * B::WIDTH + lane).min(len - 1);
                let cell = out / each * shares + share;
                (cell / B::WIDTH * each + out % each) * B::WIDTH + cell % B::WIDTH
            };
            let (factors, scratch) = scratch.with_inner(shares * group_words);
            layout.read_groups(parts, |lane| index(lane / B::WIDTH, lane % B::WIDTH), factors);
            let (first, others) = factors.split_at(group_words);
            product.copy_from_slice(first);
            for factor in others.chunks_exact(group_words) {
                self.field.kernels.product(product, factor, scratch);
            }
        });
    }

    /// Makes `out` the results of all rows, one a lane, from their digit positions.
    fn evaluate(&self, joined: &[u64], out: &mut Residues) {
        let (layout, positions, len) = (self.field.layout, self.positions(), out.len());
        fill_chunks(out.words_mut(), layout.group_words(), |scratch, group, out| {
            let row = |lane: usize| (group * B::WIDTH + lane).min(len - 1);
            let (accumulators, scratch) = scratch.with_inner(positions * layout.group_words());
            layout.read_groups(joined, |lane| row(lane % B::WIDTH) * positions + lane / B::WIDTH, accumulators);
            self.horner(accumulators, out, scratch);
        });
    }

    /// The result of a row from its digit positions, or one if there are none.
    fn horner(&self, accumulators: &[u64], result: &mut [u64], scratch: &mut Scratch) {
        if accumulators.is_empty() {
            result.copy_from_slice(self.one.as_slice());
        } else {
            horner(&self.field, accumulators, self.plan.window_bits, result, scratch);
        }
    }

    /// Digit positions of an exponent.
    fn positions(&self) -> usize {
        digit_count(self.shape.bits, self.plan.window_bits)
    }

    /// For each row and digit position the product of the tables' entries at the digits there, for the shares from
    /// `first` on, one a lane.
    fn accumulate(&self, first: usize, accumulators: &mut [u64], scratch: &mut Scratch) {
        let (group_words, kernels) = (self.field.layout.group_words(), &self.field.kernels);
        let (Plan { together, window_bits, .. }, class) = (self.plan, self.shape.class);
        let positions = self.positions();
        let mut memory = Words::secret(LaneTable::words(group_words, together as u32 * window_bits, class));
        let (mut entry, mut digits) = (self.field.group(), Digits::zero(B::WIDTH));
        let terms = self.plan.longest_share(&self.shape);
        for terms in cut(terms, terms.div_ceil(together)) {
            let index_bits = terms.len() as u32 * window_bits;
            let table_words = LaneTable::words(group_words, index_bits, class);
            let mut table = LaneTable::new(&mut memory.as_mut_slice()[..table_words], group_words, index_bits);
            table.entry(0).copy_from_slice(self.one.as_slice());
            for (place, term) in terms.clone().enumerate() {
                let base = |lane: usize| {
                    let (group, share) = self.share(first + lane);
                    group * self.shape.per_group + (share.start + term).min(share.end - 1)
                };
                self.bases.residues().read_group(base, table.entry(1 << (place as u32 * window_bits)));
            }
            table.fill(kernels, window_bits, scratch);
            for (cell, accumulator) in accumulators.chunks_exact_mut(group_words).enumerate() {
                let (row, position) = (cell / positions, cell % positions);
                digits.fill(|lane| self.table_index(first + lane, row, &terms, position));
                if terms.start == 0 {
                    table.look_up(kernels, accumulator, &digits);
                } else {
                    table.look_up(kernels, entry.as_mut_slice(), &digits);
                    kernels.product(accumulator, entry.as_slice(), scratch);
                }
            }
        }
    }

    /// The group of a cell and its share of the bases; the last stands for lanes beyond it.
    fn share(&self, cell: usize) -> (usize, Range<usize>) {
        let Shape { groups, per_group, .. } = self.shape;
        let shares = self.plan.shares;
        let cell = cell.min(groups * shares - 1);
        let share = cell % shares;
        (cell / shares, share * per_group / shares..(share + 1) * per_group / shares)
    }

    /// The digits at `position` of the exponents of some terms of a share, as an index in their table. A share that is
    /// shorter than the longest has digits zero at its end.
    fn table_index(&self, cell: usize, row: usize, terms: &Range<usize>, position: usize) -> usize {
        let (group, share) = self.share(cell);
        let first = (group * self.shape.rows + row) * self.shape.per_group;
        let window_bits = self.plan.window_bits;
        let own = (share.start + terms.start)..(share.start + terms.end).min(share.end);
        own.enumerate().fold(0, |index, (place, base)| {
            index | digit(self.exponents.limbs(first + base), position, window_bits) << (place as u32 * window_bits)
        })
    }
}

/// What the work depends on; all of it is public.
#[derive(Clone, Copy)]
struct Shape {
    groups: usize,
    per_group: usize,
    rows: usize,
    bits: u32,
    class: TimingClass,
}

/// How the work is cut; it follows from the shape and the number of threads.
#[derive(Clone, Copy, Debug)]
struct Plan {
    /// Shares of the bases of a group, one a lane.
    shares: usize,
    /// Bases that have a table together, at most.
    together: usize,
    window_bits: u32,
    /// Whether the shares are multiplied together before the squarings and not after them.
    join_first: bool,
}

impl Plan {
    /// The one that keeps the busiest thread busy for the shortest time.
    fn best(shape: &Shape, width: usize, threads: usize) -> Plan {
        let most_shares = (4 * width * threads).div_ceil(shape.groups).clamp(1, shape.per_group);
        // Shares that leave the longest as long as fewer shares do cost more.
        let longest = |shares: usize| shape.per_group.div_ceil(shares);
        let shares = (1..=most_shares).filter(|&shares| shares == 1 || longest(shares) < longest(shares - 1));
        let plans = shares.flat_map(|shares| {
            (1..=MOST_WINDOW_BITS).flat_map(move |window_bits| {
                (1..=(MOST_INDEX_BITS / window_bits) as usize).flat_map(move |together| {
                    [false, true].map(|join_first| Plan { shares, together, window_bits, join_first })
                })
            })
        });
        let fits = |plan: &Plan| {
            plan.accumulators_kept(shape, width, threads) <= MOST_ACCUMULATORS || plan.window_bits == MOST_WINDOW_BITS
        };
        let cost = |plan: &Plan| plan.cost(shape, width, threads);
        plans.filter(fits).min_by_key(cost).expect("the widest window always fits")
    }

    fn longest_share(&self, shape: &Shape) -> usize {
        shape.per_group.div_ceil(self.shares)
    }

    /// Groups of accumulators that a thread has at a time.
    fn accumulators_kept(&self, shape: &Shape, width: usize, threads: usize) -> usize {
        let at_a_time = if self.join_first { rounds(shape.groups * self.shares, width, threads) } else { 1 };
        at_a_time * shape.rows * digit_count(shape.bits, self.window_bits)
    }

    /// The time of the busiest thread.
    fn cost(&self, shape: &Shape, width: usize, threads: usize) -> u64 {
        let rounds = |lanes: usize| rounds(lanes, width, threads) as u64;
        let (positions, results) = (digit_count(shape.bits, self.window_bits), shape.groups * shape.rows);
        let join = self.shares as u64 * GATHER + (self.shares as u64 - 1) * PRODUCT;
        let row = u64::from(shape.bits) * SQUARE + positions as u64 * PRODUCT;
        let cells = rounds(shape.groups * self.shares);
        let after_accumulation = if self.join_first {
            rounds(results * positions) * join + rounds(results) * (positions as u64 * GATHER + row)
        } else {
            cells * shape.rows as u64 * row + rounds(results) * join
        };
        cells * self.cost_of_lanes(shape) + after_accumulation
    }

    /// The time for the accumulators of one group of lanes.
    fn cost_of_lanes(&self, shape: &Shape) -> u64 {
        let terms = self.longest_share(shape);
        let tables = terms.div_ceil(self.together);
        let (shorter, longer) = (terms / tables, terms.div_ceil(tables));
        let longer_tables = if longer > shorter { terms % tables } else { 0 };
        let positions = digit_count(shape.bits, self.window_bits);
        let accumulators = (shape.rows * positions) as u64;
        let look_ups = |bases: usize| accumulators * look_up_cost(bases as u32 * self.window_bits, shape.class);
        let table = |bases: usize| fill_cost(bases, self.window_bits) + look_ups(bases);
        let products = (tables as u64 - 1) * accumulators;
        longer_tables as u64 * table(longer) + (tables - longer_tables) as u64 * table(shorter) + products * PRODUCT
    }
}

/// Groups of lanes of the busiest thread.
fn rounds(lanes: usize, width: usize, threads: usize) -> usize {
    lanes.div_ceil(width).div_ceil(threads)
}

#[cfg(test)]
mod tests {
    use rug::Integer;

    use super::super::convert;
    use super::*;
    use crate::arith::backend::gmp::Gmp;
    #[cfg(target_arch = "x86_64")]
    use crate::arith::backend::ifma::Ifma;
    use crate::arith::modulus::{Moduli, Modulus};
    use crate::rng::SeededRng;
    use crate::secret::SecretLimbs;

    fn best(groups: usize, rows: usize, per_group: usize, threads: usize) -> Plan {
        let class = TimingClass::FixedSequence;
        Plan::best(&Shape { groups, per_group, rows, bits: 60, class }, 8, threads)
    }

    #[test]
    fn the_work_fills_lanes_and_threads() {
        assert_eq!(best(1, 1, 64, 1).shares, 8);
        assert_eq!(best(1, 1, 64, 2).shares, 16);
        assert_eq!(best(80, 1, 25, 2).shares, 1);
        assert_eq!(best(1, 1, 3, 2).shares, 3);
        assert_eq!(best(1, 1, 1, 2).shares, 1);
    }

    #[test]
    fn accumulators_stay_in_the_cache() {
        let class = TimingClass::FixedSequence;
        let plan = Plan::best(&Shape { groups: 1, per_group: 64, rows: 7, bits: 200, class }, 8, 2);
        assert!(7 * digit_count(200, plan.window_bits) <= MOST_ACCUMULATORS, "{plan:?}");
        let plan = Plan::best(&Shape { groups: 1, per_group: 64, rows: 7, bits: 4096, class }, 8, 2);
        assert_eq!(plan.window_bits, MOST_WINDOW_BITS);
        for (groups, per_group) in [(1, 160), (5, 160), (1, 30)] {
            let shape = Shape { groups, per_group, rows: 7, bits: 60, class };
            let plan = Plan::best(&shape, 8, 1);
            assert!(plan.accumulators_kept(&shape, 8, 1) <= MOST_ACCUMULATORS, "{plan:?}");
        }
    }

    #[test]
    fn squarings_come_last_where_many_lanes_would_have_one_row() {
        for threads in [1, 2] {
            assert!(best(1, 4, 120, threads).join_first);
            assert!(best(1, 7, 64, threads).join_first);
            assert!(best(1, 4, 10, threads).join_first);
            // As many squarings either way, and fewer products after them.
            assert!(!best(1, 1, 64, threads).join_first);
            assert!(!best(32, 1, 16, threads).join_first);
        }
    }

    /// Every plan but those of similar windows.
    fn plans(per_group: usize) -> impl Iterator<Item = Plan> {
        let cuts = (1..=per_group).flat_map(|shares| [(1, 1), (1, 4), (2, 3), (3, 2), (6, 1)].map(|cut| (shares, cut)));
        cuts.flat_map(|(shares, (window_bits, together))| {
            [false, true].map(|join_first| Plan { shares, together, window_bits, join_first })
        })
    }

    fn every_plan_gives_the_products<B: Backend>() {
        let mut rng = SeededRng::new(1, "products of powers by every plan");
        let modulus = Modulus::square_of(&((Integer::from(1) << 127) - 1u32));
        let (moduli, limbs) = (Moduli::from(&modulus), modulus.limbs().len());
        for (groups, rows, per_group, bits) in
            [(1, 4, 10, 13), (1, 1, 17, 6), (2, 2, 5, 7), (3, 7, 4, 19), (9, 2, 3, 65), (17, 1, 2, 12), (5, 3, 3, 0)]
        {
            let bases: Vec<Integer> = (0..groups * per_group).map(|_| rng.integer(250) % modulus.value()).collect();
            let exponents: Vec<Integer> = (0..groups * rows * per_group).map(|_| rng.integer(bits)).collect();
            let expected = products_of_powers(&bases, &exponents, groups, modulus.value());
            let numbers: Vec<u64> =
                bases.iter().flat_map(|base| SecretLimbs::from_integer(base, limbs).as_slice().to_vec()).collect();
            let bases = convert::load::<B>(&moduli, &numbers, bases.len());
            let secrets = exponents.iter().map(|exponent| SecretLimbs::from_integer(exponent, 2)).collect();
            let exponents = Exponents::single_use(secrets, bits);
            for class in [TimingClass::FixedSequence, TimingClass::Constant] {
                for plan in plans(per_group) {
                    let shape = Shape { groups, per_group, rows, bits, class };
                    let numbers = convert::store::<B>(&planned::<B>(&bases, &exponents, shape, plan));
                    let found = numbers.as_slice().chunks_exact(limbs).map(|limbs| SecretLimbs::new(limbs.to_vec()));
                    let found: Vec<Integer> = found.map(|limbs| Integer::clone(&limbs.to_integer())).collect();
                    assert_eq!(found, expected, "{plan:?}: {groups} x {rows} x {per_group}, {bits} bits, {class:?}");
                }
            }
        }
    }

    /// By GMP's powers.
    fn products_of_powers(bases: &[Integer], exponents: &[Integer], groups: usize, modulus: &Integer) -> Vec<Integer> {
        let per_group = bases.len() / groups;
        let rows = exponents.len() / bases.len();
        let row = |(row, exponents): (usize, &[Integer])| {
            let bases = &bases[row / rows * per_group..][..per_group];
            let powers = bases.iter().zip(exponents).map(|(base, exponent)| base.clone().pow_mod(exponent, modulus));
            powers.fold(Integer::from(1), |product, power| product * power.expect("there is a power") % modulus)
        };
        exponents.chunks_exact(per_group).enumerate().map(row).collect()
    }

    #[test]
    fn every_plan_gives_the_products_on_one_lane() {
        every_plan_gives_the_products::<Gmp>();
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn every_plan_gives_the_products_on_eight_lanes() {
        match Ifma::missing() {
            Some(missing) => eprintln!("NOT RUN: {missing}"),
            None => every_plan_gives_the_products::<Ifma>(),
        }
    }
}
