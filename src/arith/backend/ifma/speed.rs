//! How close the kernels come to what the processor can do.

use std::hint::black_box;
use std::time::Instant;

use super::features::{missing, simd_entry};
use super::lanes::{LIMB_MASK, Lanes, WIDTH};
use super::multiply::BLOCK;
use super::reduce::Reducer;
use super::residue;
use crate::arith::backend::words::Row;

/// Limb multiply-adds a second, eight of them in an instruction.
#[derive(Clone, Copy, Debug)]
pub struct KernelSpeed {
    /// A loop of independent multiply-adds in registers: the peak.
    pub peak: f64,
    /// A product modulo the square of a number of so many limbs.
    pub product: f64,
    /// A square.
    pub square: f64,
}

/// Samples of a measurement; the fastest counts, since whatever else runs only takes time away.
const SAMPLES: usize = 400;
/// Instructions of a sample of the peak: a fraction of a millisecond.
const PEAK_ROUNDS: usize = 10_000;
/// Independent sums, enough for the latency of two instructions at a time.
const SUMS: usize = 16;

/// Measures on the calling thread; none on a processor without the features.
///
/// # Panics
/// If `limbs` is not a positive multiple of ten.
pub fn kernel_speed(limbs: usize) -> Option<KernelSpeed> {
    assert!(limbs > 0 && limbs.is_multiple_of(BLOCK), "kernels work on whole blocks of {BLOCK} limbs");
    if missing().is_some() {
        return None;
    }
    let limb = |index: usize| Row([(index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) & LIMB_MASK; WIDTH]);
    let number: Vec<Row> = (0..2 * limbs).map(limb).collect();
    let inverse: [Row; BLOCK] = std::array::from_fn(limb);
    let reducer = Reducer { modulus: &number[..limbs], folded: &number[..limbs], inverse: &inverse };
    let mut x = number.clone();
    let mut work = vec![Row::default(); residue::work_rows(limbs)];
    let mut sums = [limb(3); SUMS];

    let blocks = limbs / BLOCK;
    // Of each product of ten limbs modulo 2^520 that a block of a quotient takes 55 low and 45 high halves are needed.
    let quotients = (blocks + 1) * BLOCK * BLOCK;
    let mut speed = KernelSpeed { peak: 0.0, product: 0.0, square: 0.0 };
    for _ in 0..SAMPLES {
        // SAFETY: the features were asked for above.
        let peak = per_second(PEAK_ROUNDS * 2 * SUMS, 1, || unsafe { multiply_adds(&mut sums, PEAK_ROUNDS) });
        speed.peak = speed.peak.max(peak);
        // SAFETY: the features were asked for above.
        let product = || unsafe { product(&mut x, &number, reducer, &mut work) };
        speed.product = speed.product.max(per_second(10 * limbs * limbs + quotients, 20, product));
        // SAFETY: the features were asked for above.
        let square = || unsafe { square(&mut x, reducer, &mut work) };
        speed.square = speed.square.max(per_second(7 * limbs * limbs + limbs + quotients, 20, square));
    }
    black_box((x, sums));
    Some(speed)
}

fn per_second(instructions: usize, repeats: u32, mut run: impl FnMut()) -> f64 {
    let start = Instant::now();
    (0..repeats).for_each(|_| run());
    (WIDTH * instructions) as f64 * f64::from(repeats) / start.elapsed().as_secs_f64()
}

simd_entry! {
    fn multiply_adds(sums: &mut [Row; SUMS], rounds: usize) {
        let (a, b) = (Lanes::load(&sums[0]), Lanes::load(&sums[1]));
        let mut registers = [a; SUMS];
        for _ in 0..rounds {
            for register in &mut registers {
                *register = register.add_low(a, b);
            }
            for register in &mut registers {
                *register = register.add_high(a, b);
            }
        }
        for (register, row) in registers.into_iter().zip(sums) {
            register.store(row);
        }
    }

    fn product(x: &mut [Row], y: &[Row], reducer: Reducer<'_>, work: &mut [Row]) {
        residue::product(x, y, residue::NOTHING_AHEAD, reducer, work);
    }

    fn square(x: &mut [Row], reducer: Reducer<'_>, work: &mut [Row]) {
        residue::squared(x, reducer, work);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_take_some_of_the_peak_and_not_more() {
        let Some(speed) = kernel_speed(20) else {
            eprintln!("NOT RUN: this processor has no {}", missing().unwrap_or_default());
            return;
        };
        for kernel in [speed.product, speed.square] {
            // The clock may change between two samples.
            assert!(kernel > 0.0 && kernel < 2.0 * speed.peak, "{speed:?}");
        }
    }
}
