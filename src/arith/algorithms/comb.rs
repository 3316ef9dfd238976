//! Powers of a fixed base: one table a digit, no squarings.

use std::fmt;
use std::sync::Arc;

use rayon::prelude::*;

use super::map_groups;
use super::table::{Digits, Field, digit, digit_count};
use crate::arith::backend::residues::Layout;
use crate::arith::backend::words::Words;
use crate::arith::backend::{Backend, Kernels, Scratch};
use crate::arith::batch::Batch;
use crate::arith::exponents::{Exponents, TimingClass};
use crate::arith::modulus::{Moduli, Modulus};

/// A fixed-base table, shared by its clones and wiped when the last one drops; see
/// [`Engine::fixed_base`](crate::arith::Engine::fixed_base).
#[derive(Clone)]
pub struct FixedBase(Arc<Inner>);

struct Inner {
    moduli: Moduli,
    layout: Layout,
    max_bits: u32,
    window_bits: u32,
    /// For each digit position i the rows base^(d 2^(w i)), in the disguise of [`super::table`].
    rows: Words,
    /// What a product of c rows starts from, for each c from zero to the number of positions.
    starts: Vec<Words>,
}

impl FixedBase {
    /// The modulus of the powers.
    pub fn modulus(&self) -> &Modulus {
        self.0.moduli.of(0)
    }

    /// The longest exponent that the table serves, in bits.
    pub fn max_bits(&self) -> u32 {
        self.0.max_bits
    }

    /// Length of a digit in bits.
    pub fn window_bits(&self) -> u32 {
        self.0.window_bits
    }

    pub(crate) fn layout(&self) -> Layout {
        self.0.layout
    }

    fn position_words(&self) -> usize {
        self.0.layout.limbs << self.0.window_bits
    }
}

impl fmt::Debug for FixedBase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FixedBase({} bits in digits of {})", self.max_bits(), self.window_bits())
    }
}

/// The table of `base`, a number below the modulus. `constant` for a secret modulus.
pub(crate) fn build<B: Backend>(modulus: &Modulus, base: &[u64], max_bits: u32, window_bits: u32) -> FixedBase {
    let moduli = Moduli::from(modulus);
    let layout = B::layout(&moduli);
    let class = if modulus.is_secret() { TimingClass::Constant } else { TimingClass::Vartime };
    let field = Field::<B>::new(&moduli, layout, class);
    let positions = digit_count(max_bits, window_bits);
    let (bases, starts) =
        rayon::join(|| position_bases(&field, base, positions, window_bits), || starts(&field, positions));

    let tables_words = (B::WIDTH * layout.limbs) << window_bits;
    let mut rows = Words::secret(positions.div_ceil(B::WIDTH) * tables_words);
    let disguise = field.disguise(&mut Scratch::default());
    rows.as_mut_slice()
        .par_chunks_mut(tables_words)
        .zip(&bases)
        .for_each_init(Scratch::default, |scratch, (tables, bases)| {
            field.fill_tables(bases.as_slice(), disguise.as_slice(), tables, scratch)
        });
    drop(field);
    FixedBase(Arc::new(Inner { moduli, layout, max_bits, window_bits, rows, starts }))
}

/// base^(2^(w i)) for each digit position i, a position a lane.
fn position_bases<B: Backend>(field: &Field<'_, B>, base: &[u64], positions: usize, window_bits: u32) -> Vec<Words> {
    let scratch = &mut Scratch::default();
    let mut current = field.load_in_every_lane(base, scratch);
    let mut row = vec![0; field.layout.limbs];
    let mut groups = vec![current.clone(); positions.div_ceil(B::WIDTH)];
    for position in 1..positions {
        for _ in 0..window_bits {
            field.kernels.square(current.as_mut_slice(), scratch);
        }
        let lane = position % B::WIDTH;
        field.layout.read_lane(current.as_slice(), lane, &mut row);
        field.layout.write_lane(&row, lane, groups[position / B::WIDTH].as_mut_slice());
    }
    zeroize::Zeroize::zeroize(&mut row);
    groups
}

fn starts<B: Backend>(field: &Field<'_, B>, positions: usize) -> Vec<Words> {
    let scratch = &mut Scratch::default();
    let step = field.start(1, scratch);
    let mut start = field.start(0, scratch);
    let mut starts = vec![start.clone()];
    for _ in 0..positions {
        field.kernels.product(start.as_mut_slice(), step.as_slice(), scratch);
        starts.push(start.clone());
    }
    starts
}

/// Powers by exponents that the table is long enough for.
pub(crate) fn power<B: Backend>(table: &FixedBase, exponents: &Exponents, class: TimingClass) -> Batch {
    let window_bits = table.window_bits();
    let positions = digit_count(exponents.bits(), window_bits);
    let start = table.0.starts[positions].as_slice();
    let (layout, len) = (table.layout(), exponents.len());
    map_groups::<B>(table.0.moduli.clone(), layout, len, class, |kernels, first, out, scratch| {
        out.copy_from_slice(start);
        let mut entry = Words::secret(layout.group_words());
        let at = |position: usize| {
            move |lane: usize| digit(exponents.limbs((first + lane).min(len - 1)), position, window_bits)
        };
        let mut digits = Digits::zero(B::WIDTH);
        let rows = table.0.rows.as_slice();
        let mut tables = rows.chunks_exact(table.position_words()).take(positions).enumerate().peekable();
        digits.fill(at(0));
        while let Some((position, rows)) = tables.next() {
            kernels.look_up(entry.as_mut_slice(), rows, digits.as_slice());
            match tables.peek() {
                Some((_, next)) => {
                    digits.fill(at(position + 1));
                    kernels.product_ahead(out, entry.as_slice(), next, digits.as_slice(), scratch);
                }
                None => kernels.product(out, entry.as_slice(), scratch),
            }
        }
    })
}
