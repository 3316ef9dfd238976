//! The kernels at their bounds, against integers. What runs through the engine's face is in `arith/tests`.

use rug::Integer;
use rug::integer::Order;

use super::comb::COMB_ROWS;
use super::constants::{Form, LaneConstants};
use super::convert::limb;
use super::kernels::IfmaKernels;
use super::lanes::{LIMB_BITS, LIMB_MASK, WIDTH};
use super::{Ifma, features};
use crate::arith::backend::words::{Row, Words};
use crate::arith::backend::{Backend, Kernels, Scratch};
use crate::arith::exponents::TimingClass;
use crate::arith::modulus::{Moduli, Modulus};
use crate::rng::SeededRng;

/// Says so where this processor cannot run the kernels.
fn runs_here() -> bool {
    match features::missing() {
        None => true,
        Some(missing) => {
            eprintln!("NOT RUN: this processor has no {missing}");
            false
        }
    }
}

fn power_of_two(bits: u32) -> Integer {
    Integer::from(1) << bits
}

fn limbs_of(value: &Integer, limbs: usize) -> Vec<u64> {
    let limb = |index: usize| Integer::from(value >> (index as u32 * LIMB_BITS)).keep_bits(LIMB_BITS);
    assert!(value.significant_bits() <= limbs as u32 * LIMB_BITS);
    (0..limbs).map(|index| limb(index).to_u64().unwrap()).collect()
}

fn number_of(group: &[u64], lane: usize, limbs: std::ops::Range<usize>) -> Integer {
    limbs.rev().fold(Integer::new(), |number, limb| (number << LIMB_BITS) + group[limb * WIDTH + lane])
}

/// A residue as it lies in a group: x0 and x1, reduced or not.
#[derive(Clone)]
struct Raw {
    x0: Integer,
    x1: Integer,
}

/// Kernels modulo one square, and numbers in and out of groups.
struct Bench {
    root: Integer,
    square: Integer,
    limbs: usize,
    kernels: IfmaKernels,
    /// The same for exponents that are used once.
    single_use: IfmaKernels,
}

impl Bench {
    fn new(root: &Integer) -> Bench {
        let modulus = Modulus::square_of(root);
        let moduli = Moduli::from(&modulus);
        let layout = Ifma::layout(&moduli);
        let kernels = Ifma::kernels(&moduli, |_| 0, layout, TimingClass::Constant);
        let single_use = Ifma::kernels(&moduli, |_| 0, layout, TimingClass::FixedSequence);
        Bench { root: root.clone(), square: modulus.value().clone(), limbs: layout.limbs / 2, kernels, single_use }
    }

    fn group(&self, lanes: &[Raw]) -> Words {
        let mut group = Words::secret(2 * self.limbs * WIDTH);
        for (lane, Raw { x0, x1 }) in lanes.iter().enumerate() {
            let limbs = [limbs_of(x0, self.limbs), limbs_of(x1, self.limbs)].concat();
            for (index, limb) in limbs.into_iter().enumerate() {
                group.as_mut_slice()[index * WIDTH + lane] = limb;
            }
        }
        group
    }

    /// What a lane stands for, times R; checks the bounds of `residue.rs`.
    fn value(&self, group: &Words, lane: usize) -> Integer {
        assert!(group.as_slice().iter().all(|limb| *limb <= LIMB_MASK), "a limb is not normalised");
        let x0 = number_of(group.as_slice(), lane, 0..self.limbs);
        let x1 = number_of(group.as_slice(), lane, self.limbs..2 * self.limbs);
        assert!(x0 < Integer::from(&self.root * 5u32), "x0 is 5 n or more");
        assert!(x1 < Integer::from(&self.root * 7u32), "x1 is 7 n or more");
        (x0 + x1 * &self.root) % &self.square
    }

    fn radix_inverse(&self) -> Integer {
        power_of_two(self.limbs as u32 * LIMB_BITS).invert(&self.square).unwrap()
    }

    /// Residues at the bounds: zero, one, n - 1, n, the largest that are allowed, all-ones limbs, and one bit a limb.
    fn extremes(&self) -> Vec<Raw> {
        let largest_x0 = Integer::from(&self.root * 5u32) - 1u32;
        let largest_x1 = Integer::from(&self.root * 7u32) - 1u32;
        let ones = |bound: &Integer| power_of_two(bound.significant_bits() - 1) - 1u32;
        let low_bits =
            (0..self.limbs as u32).fold(Integer::new(), |number, limb| number + power_of_two(limb * LIMB_BITS));
        let raw = |x0: &Integer, x1: &Integer| Raw { x0: x0.clone(), x1: x1.clone() };
        let (zero, one) = (Integer::new(), Integer::from(1));
        let below = Integer::from(&self.root - 1u32);
        vec![
            raw(&zero, &zero),
            raw(&one, &zero),
            raw(&zero, &one),
            raw(&below, &below),
            raw(&self.root, &zero),
            raw(&zero, &self.root),
            raw(&largest_x0, &largest_x1),
            raw(&ones(&largest_x0), &ones(&largest_x1)),
            raw(&(low_bits.clone() % &self.root), &(low_bits % &self.root)),
        ]
    }
}

/// Roots just below and above what a number of limbs has room for, and other lengths.
fn roots() -> Vec<Integer> {
    let lengths = [2u32, 9, 51, 52, 53, 515, 516, 517, 1024, 1035, 1036, 1037, 1536, 2047, 2048, 2050, 2076, 2077];
    let mut roots: Vec<Integer> =
        lengths.iter().flat_map(|&bits| [power_of_two(bits) - 1u32, power_of_two(bits - 1) + 1u32]).collect();
    roots.extend([3072u32, 4096, 4156].map(|bits| power_of_two(bits) - 1u32));
    let mut rng = SeededRng::new(1, "roots of the kernels' tests");
    roots.extend([512u32, 1024, 2048].map(|bits| rng.integer(bits) | 1u32));
    roots.retain(|root| *root > 1);
    roots
}

#[test]
fn products_and_squares_at_the_bounds_stay_in_bounds() {
    if !runs_here() {
        return;
    }
    let scratch = &mut Scratch::default();
    for root in roots() {
        let bench = Bench::new(&root);
        let extremes = bench.extremes();
        let (radix_inverse, full) = (bench.radix_inverse(), |raw: &Raw| Integer::from(&raw.x1 * &root) + &raw.x0);
        for (index, own) in extremes.iter().enumerate() {
            // Seven equal lanes and an odd one, whose place moves.
            for other in &extremes {
                let mut lanes = vec![other.clone(); WIDTH];
                lanes[index % WIDTH] = own.clone();
                let factors: Vec<Raw> =
                    (0..WIDTH).map(|lane| extremes[(lane + index) % extremes.len()].clone()).collect();
                let (mut product, mut square) = (bench.group(&lanes), bench.group(&lanes));
                bench.kernels.product(product.as_mut_slice(), bench.group(&factors).as_slice(), scratch);
                let mut again = bench.group(&lanes);
                let table = vec![0; 4 * bench.limbs];
                let digits = [0, 1, 0, 1, 1, 1, 0, 0];
                let factors_group = bench.group(&factors);
                bench.single_use.product_ahead(
                    again.as_mut_slice(),
                    factors_group.as_slice(),
                    &table,
                    &digits,
                    scratch,
                );
                assert_eq!(again.as_slice(), product.as_slice());
                bench.kernels.square(square.as_mut_slice(), scratch);
                for lane in 0..WIDTH {
                    let expected = full(&lanes[lane]) * full(&factors[lane]) * &radix_inverse % &bench.square;
                    assert_eq!(bench.value(&product, lane), expected, "{} bits", root.significant_bits());
                    let expected = full(&lanes[lane]).square() * &radix_inverse % &bench.square;
                    assert_eq!(bench.value(&square, lane), expected, "{} bits", root.significant_bits());
                }
            }
        }
    }
}

/// c0, T and L at their bounds times rows at theirs; what a step and the end make is compared with the product of
/// c0 + (c0 L + T) n and y0 + y0 l n.
#[test]
fn products_by_prepared_rows_stay_in_bounds() {
    if !runs_here() {
        return;
    }
    let scratch = &mut Scratch::default();
    for root in roots() {
        let bench = Bench::new(&root);
        let (radix, radix_inverse) = (power_of_two(bench.limbs as u32 * LIMB_BITS), bench.radix_inverse());
        let extremes = bench.extremes();
        // The largest l R that a prepared row has.
        let largest_l = Integer::from(&root * 51u32) / 16u32;
        for index in 0..extremes.len() {
            let rotated =
                |by: usize| (0..WIDTH).map(|lane| extremes[(lane + by) % extremes.len()].clone()).collect::<Vec<_>>();
            let (lanes, mut factors) = (rotated(0), rotated(index));
            for (lane, factor) in factors.iter_mut().enumerate() {
                factor.x1 = if lane % 2 == 0 { largest_l.clone() } else { Integer::from(&factor.x1 % &root) };
            }
            let (mut x, row) = (bench.group(&lanes), bench.group(&factors));
            // As many rows as may be added up, less the one that the step adds.
            let mut sum = Words::secret(bench.limbs * WIDTH);
            let limbs = row.as_slice()[bench.limbs * WIDTH..].iter();
            sum.as_mut_slice().iter_mut().zip(limbs).for_each(|(sum, limb)| *sum = limb * (COMB_ROWS as u64 - 1));
            bench.kernels.comb_step(x.as_mut_slice(), sum.as_mut_slice(), row.as_slice(), None, scratch);
            bench.kernels.comb_end(x.as_mut_slice(), sum.as_mut_slice(), scratch);
            for (lane, (Raw { x0: c0, x1: t }, Raw { x0: y0, x1: l })) in lanes.iter().zip(&factors).enumerate() {
                // l comes times R, and all but one of the rows' sum is in L.
                let l = Integer::from(l * &radix_inverse) % &root;
                let sum = Integer::from(&l * (COMB_ROWS as u64 - 1));
                let left = c0 * sum + t;
                let right = Integer::from(y0 * &l);
                let product = (left * &root + c0) * (right * &root + y0);
                assert_eq!(bench.value(&x, lane), product * &radix_inverse % &bench.square, "{root}");
            }
        }
        // A row of something invertible, by the inverse, which may be unreduced.
        let unit = Integer::from(&radix * 2u32) % &bench.square;
        let y = Raw { x0: Integer::from(&unit % &root), x1: Integer::from(&unit / &root) + &root * 6u32 };
        let inverse = &radix * power_of_two(1).invert(&root).unwrap() % &root + &root * 4u32;
        let mut row = bench.group(&vec![y.clone(); WIDTH]);
        let inverses = bench.group(&vec![Raw { x0: inverse, x1: Integer::new() }; WIDTH]);
        bench.kernels.comb_row(row.as_mut_slice(), &inverses.as_slice()[..bench.limbs * WIDTH], scratch);
        let found = number_of(row.as_slice(), 5, bench.limbs..2 * bench.limbs);
        assert!(found <= largest_l, "{root}");
        assert_eq!(number_of(row.as_slice(), 5, 0..bench.limbs), y.x0);
        assert_eq!(found * &y.x0 % &root, y.x1 * &radix % &root, "{root}");
    }
}

#[test]
fn storing_reduces_whatever_is_in_bounds() {
    if !runs_here() {
        return;
    }
    let scratch = &mut Scratch::default();
    for root in roots() {
        let bench = Bench::new(&root);
        let width = bench.square.significant_digits::<u64>();
        for lanes in bench.extremes().chunks(WIDTH) {
            let group = bench.group(lanes);
            let mut numbers = vec![0; WIDTH * width];
            bench.kernels.store(group.as_slice(), &mut numbers, scratch);
            for (lane, number) in numbers.chunks_exact(width).enumerate().take(lanes.len()) {
                let expected = bench.value(&group, lane) * bench.radix_inverse() % &bench.square;
                assert_eq!(Integer::from_digits(number, Order::Lsf), expected, "{} bits", root.significant_bits());
            }
        }
    }
}

#[test]
fn loading_reduces_numbers_of_any_width_up_to_the_square_of_the_modulus() {
    if !runs_here() {
        return;
    }
    let scratch = &mut Scratch::default();
    for root in roots() {
        let bench = Bench::new(&root);
        let largest = Integer::from(bench.square.square_ref()) - 1u32;
        let below = Integer::from(&bench.square - 1u32);
        let edges = [Integer::new(), Integer::from(1), root.clone(), below, bench.square.clone(), largest];
        for extra in [0, 1] {
            let width = bench.square.significant_digits::<u64>() * 2 + extra;
            let lanes: Vec<&Integer> = edges.iter().cycle().take(WIDTH).collect();
            let digits = |value: &&Integer| {
                let mut digits = value.to_digits::<u64>(Order::Lsf);
                digits.resize(width, 0);
                digits
            };
            let numbers: Vec<u64> = lanes.iter().flat_map(digits).collect();
            let mut group = Words::secret(2 * bench.limbs * WIDTH);
            bench.kernels.load(&numbers, group.as_mut_slice(), scratch);
            for (lane, value) in lanes.into_iter().enumerate() {
                let expected = Integer::from(value * &power_of_two(bench.limbs as u32 * LIMB_BITS)) % &bench.square;
                assert_eq!(bench.value(&group, lane), expected, "{} bits", root.significant_bits());
            }
        }
    }
}

/// Numbers in words as rows of limbs and back, where there is room for all, and where there is more or less.
#[test]
fn numbers_come_back_whatever_their_width() {
    if !runs_here() {
        return;
    }
    let (kernels, scratch) = (Bench::new(&Integer::from(3)).kernels, &mut Scratch::default());
    for width in [1, 2, 7, 8, 9, 13, 32, 33, 64, 65] {
        let pattern = |index: usize| (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut numbers: Vec<u64> = (0..WIDTH * width).map(pattern).collect();
        numbers[..width].fill(u64::MAX);
        numbers[width..2 * width].fill(0);
        let enough = (64 * width).div_ceil(LIMB_BITS as usize);
        for count in [enough, enough + 7, enough.div_ceil(2)] {
            let mut rows = vec![Row([1; WIDTH]); count];
            kernels.enter(&numbers, &mut rows, scratch);
            for (index, row) in rows.iter().enumerate() {
                assert_eq!(row.0, std::array::from_fn(|lane| limb(&numbers[lane * width..][..width], index)));
            }
            for room in [width, width + 9, width.div_ceil(2)] {
                let mut back = vec![1; WIDTH * room];
                kernels.leave(&rows, &mut back, scratch);
                for (own, back) in numbers.chunks_exact(width).zip(back.chunks_exact(room)) {
                    let kept = Integer::from_digits(own, Order::Lsf).keep_bits(count as u32 * LIMB_BITS);
                    let expected = kept.keep_bits(64 * room as u32);
                    assert_eq!(Integer::from_digits(back, Order::Lsf), expected, "{width} words, {count} limbs");
                }
            }
        }
    }
}

/// Tables that are permuted, and larger ones, as a whole or by address; those made lane by lane and those of groups.
#[test]
fn tables_are_read_alike_in_every_class() {
    if !runs_here() {
        return;
    }
    for (limbs, entries) in [(10, 8), (20, 16), (30, 32), (40, 64), (20, 128), (10, 512)] {
        let moduli = Moduli::from(&Modulus::plain(&((Integer::from(1) << (limbs as u32 * LIMB_BITS - 4)) - 1u32)));
        let layout = Ifma::layout(&moduli);
        assert_eq!(layout.limbs, limbs);
        let mut groups = Words::secret(entries * limbs * WIDTH);
        for (index, out) in groups.as_mut_slice().iter_mut().enumerate() {
            *out = (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) & LIMB_MASK;
        }
        // Three groups of lanes; every entry is someone's.
        let all = (0..entries).step_by(3 * WIDTH).map(|first| (first..first + 3 * WIDTH).map(|digit| digit % entries));
        for digits in all.map(Iterator::collect::<Vec<usize>>) {
            for class in [TimingClass::Constant, TimingClass::FixedSequence, TimingClass::Vartime] {
                let kernels = Ifma::kernels(&moduli, |_| 0, layout, class);
                let (mut tables, mut own_tables) = (groups.clone(), groups.clone());
                for (row, group) in groups.as_slice().chunks_exact(limbs * WIDTH).enumerate() {
                    kernels.spread(group, tables.as_mut_slice(), row);
                    kernels.spread_own(group, own_tables.as_mut_slice(), row);
                }
                let mut in_groups = Words::copy_of(&groups.as_slice()[..entries * limbs]);
                kernels.become_rows(in_groups.as_mut_slice(), &mut Scratch::default());
                let mut shared = Words::secret(3 * limbs * WIDTH);
                let (mut scanned, mut read) = (Words::secret(limbs * WIDTH), Words::secret(limbs * WIDTH));
                kernels.look_up(shared.as_mut_slice(), in_groups.as_slice(), &digits);
                kernels.scan_groups(scanned.as_mut_slice(), groups.as_slice(), &digits[..WIDTH]);
                kernels.read_own(read.as_mut_slice(), own_tables.as_slice(), &digits[..WIDTH]);
                assert_eq!(read.as_slice(), scanned.as_slice());
                for (index, digit) in digits.iter().enumerate() {
                    let (group, lane) = (index / WIDTH, index % WIDTH);
                    let mut of_lane = Words::secret(limbs * WIDTH);
                    let table = &tables.as_slice()[lane * entries * limbs..][..entries * limbs];
                    kernels.look_up(of_lane.as_mut_slice(), table, &[*digit; WIDTH]);
                    for limb in 0..limbs {
                        let of_entry =
                            |entry: usize, lane: usize| groups.as_slice()[(entry * limbs + limb) * WIDTH + lane];
                        let found = shared.as_slice()[(group * limbs + limb) * WIDTH + lane];
                        assert_eq!(found, of_entry(digit / WIDTH, digit % WIDTH), "{entries} entries, {class:?}");
                        assert_eq!(of_lane.as_slice()[limb * WIDTH], of_entry(*digit, lane), "{entries}, {class:?}");
                        if group == 0 {
                            assert_eq!(scanned.as_slice()[limb * WIDTH + lane], of_entry(*digit, lane));
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn constants_are_what_the_reduction_says() {
    for root in roots() {
        let moduli = Moduli::from(&Modulus::square_of(&root));
        let form = Form::of(&moduli);
        assert!(root.significant_bits() + 4 <= form.limbs as u32 * LIMB_BITS);
        let constants = LaneConstants::new(&moduli, |_| 0, form);
        let reducer = constants.reducer();
        let number = |rows: &[Row]| number_of(bytemuck::cast_slice(rows), 3, 0..rows.len());
        let block = power_of_two(520);
        assert_eq!(number(reducer.modulus), root);
        assert_eq!((number(reducer.inverse) * &root + 1u32) % &block, 0);
        assert_eq!((number(reducer.folded) << 520u32) - 1u32, number(reducer.inverse) * &root);
        assert!(number(reducer.folded) <= root);
    }
}
