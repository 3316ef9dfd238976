//! The count of operations against what is done, by kernels that do nothing but count.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use rug::Integer;
use subtle::Choice;

use super::super::straus_plan::Count;
use super::*;
use crate::arith::backend::residues::Layout;
use crate::arith::modulus::{Moduli, Modulus};
use crate::arith::options::EngineKind;
use crate::secret::SecretLimbs;

static PRODUCTS: AtomicU64 = AtomicU64::new(0);
static SQUARES: AtomicU64 = AtomicU64::new(0);
static LOOK_UPS: AtomicU64 = AtomicU64::new(0);
static ENTRIES: AtomicU64 = AtomicU64::new(0);

/// Eight lanes of 80 limbs, as many as modulo the square of a number of 2048 bits.
struct Counting;

const LIMBS: usize = 80;

impl Backend for Counting {
    const KIND: EngineKind = EngineKind::Auto;
    const WIDTH: usize = 8;
    const EVEN_PRODUCTS: bool = true;
    const SCAN_OF_A_PRODUCT: u64 = 1000;
    const WHOLE_ROWS: usize = 128;
    type Kernels<'m> = Counting;

    fn missing() -> Option<&'static str> {
        None
    }

    fn layout(_: &Moduli) -> Layout {
        Layout { kind: Self::KIND, width: Self::WIDTH, limbs: LIMBS, dual: false }
    }

    fn kernels(_: &Moduli, _: impl Fn(usize) -> usize, _: Layout, _: TimingClass) -> Counting {
        Counting
    }

    fn combination(_: &Modulus, _: [&SecretLimbs; 2]) -> Words {
        unreachable!("a product of powers combines nothing")
    }

    fn power(_: &Batch, _: &Exponents, _: TimingClass) -> Batch {
        unreachable!("a product of powers takes no power alone")
    }
}

impl Kernels for Counting {
    fn product(&self, _: &mut [u64], _: &[u64], _: &mut Scratch) {
        PRODUCTS.fetch_add(1, SeqCst);
    }

    fn square(&self, _: &mut [u64], _: &mut Scratch) {
        SQUARES.fetch_add(1, SeqCst);
    }

    fn look_up(&self, out: &mut [u64], table: &[u64], digits: &[usize]) {
        let entries = table.len() / LIMBS;
        assert!(digits.iter().all(|digit| *digit < entries));
        let look_ups = digits.len() / Counting::WIDTH;
        assert_eq!(out.len(), digits.len() * LIMBS);
        LOOK_UPS.fetch_add(look_ups as u64, SeqCst);
        ENTRIES.fetch_add((look_ups * entries) as u64, SeqCst);
    }

    fn scan_groups(&self, _: &mut [u64], _: &[u64], _: &[usize]) {}
    fn read_own(&self, _: &mut [u64], _: &[u64], _: &[usize]) {}
    fn become_rows(&self, _: &mut [u64], _: &mut Scratch) {}
    fn spread(&self, _: &[u64], _: &mut [u64], _: usize) {}
    fn spread_own(&self, _: &[u64], _: &mut [u64], _: usize) {}
    fn select(&self, _: &mut [u64], _: &[u64], _: &[u64], _: &[Choice]) {}
    fn load(&self, _: &[u64], _: &mut [u64], _: &mut Scratch) {}
    fn load_one_plus(&self, _: &[u64], _: &mut [u64], _: &mut Scratch) {}
    fn load_combination(&self, _: [&[u64]; 2], _: &[u64], _: &mut [u64], _: &mut Scratch) {}
    fn store(&self, _: &[u64], _: &mut [u64], _: &mut Scratch) {}
    fn store_halves(&self, _: &[u64], _: &mut [u64], _: &mut [u64], _: &mut Scratch) {}
}

/// What a plan takes for a shape.
fn counted(shape: &Shape, plan: Plan) -> Count {
    let counters = [&PRODUCTS, &SQUARES, &LOOK_UPS, &ENTRIES];
    counters.iter().for_each(|counter| counter.store(0, SeqCst));
    let moduli = Moduli::from(&Modulus::plain(&Integer::from(101)));
    let bases = Residues::zero(Counting::layout(&moduli), shape.groups * shape.per_group, false);
    let limbs = vec![SecretLimbs::new(vec![u64::MAX >> (64 - shape.bits)]); bases.len() * shape.rows];
    let exponents = Exponents::single_use(limbs, shape.bits);
    planned::<Counting>(&Batch::new(moduli, bases), &exponents, *shape, plan);
    let [products, squares, look_ups, entries] = counters.map(|counter| counter.load(SeqCst));
    Count { products, squares, look_ups, entries }
}

/// Shapes as in training; every plan does what its count says, and the one that is chosen costs the least.
#[test]
fn the_plan_is_the_cheapest_of_those_counted() {
    for class in [TimingClass::FixedSequence, TimingClass::Constant] {
        for (rows, per_group, groups, bits, most_products) in [
            (16, 30, 2, 60, 1260),
            (16, 32, 1, 58, 650),
            (32, 64, 1, 60, 2300),
            (64, 64, 2, 62, 8200),
            (64, 200, 1, 60, 12_300),
            (8, 1, 3, 59, 150),
        ] {
            let shape = Shape { groups, per_group, rows, bits, class, limbs: LIMBS };
            let best = Plan::best::<Counting>(&shape);
            let costs = Plan::all::<Counting>(&shape).map(|plan| {
                let count = counted(&shape, plan);
                assert_eq!(count, plan.count::<Counting>(&shape), "{plan:?} for {shape:?}");
                (count.cost::<Counting>(class), plan)
            });
            let (_, cheapest) = costs.min_by_key(|(cost, _)| *cost).expect("there is a plan");
            assert_eq!(best, cheapest, "{shape:?}");
            let Count { products, squares, .. } = best.count::<Counting>(&shape);
            println!("{shape:?}: {best:?}, {products} products, {squares} squares");
            assert!(class == TimingClass::Constant || products <= most_products, "{products} products for {shape:?}");
        }
    }
}
