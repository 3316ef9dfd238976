//! Powers of a fixed base: one table a digit, no squarings.

use std::fmt;
use std::sync::Arc;

use rayon::prelude::*;
use rug::Integer;

use super::table::{Digits, Field, digit, digit_count, power as power_of};
use crate::arith::backend::gmp::constant;
use crate::arith::backend::residues::{Layout, Residues};
use crate::arith::backend::words::Words;
use crate::arith::backend::{Backend, Kernels, Scratch};
use crate::arith::batch::Batch;
use crate::arith::exponents::{Exponents, TimingClass};
use crate::arith::modulus::{Moduli, Modulus};
use crate::secret::SecretLimbs;

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
    /// Whether the rows are prepared for [`Kernels::comb_step`].
    prepared: bool,
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
        position_words(self.0.layout, self.0.window_bits)
    }
}

/// Words of the table of a digit position, which has a group of rows at least.
fn position_words(layout: Layout, window_bits: u32) -> usize {
    layout.limbs * layout.width.max(1 << window_bits)
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
    let position_bases = |field: &Field<'_, B>, base: &[u64]| position_bases(field, base, positions, window_bits);
    let ((bases, starts), inverse) = rayon::join(
        || rayon::join(|| position_bases(&field, base), || starts(&field, positions)),
        || Inverse::new::<B>(modulus, base).filter(|_| (1..=B::COMB_ROWS).contains(&positions)),
    );

    let tables_words = B::WIDTH * position_words(layout, window_bits);
    let mut rows = Words::secret(positions.div_ceil(B::WIDTH) * tables_words);
    let disguise = field.disguise(&mut Scratch::default());
    let tables = rows.as_mut_slice().par_chunks_mut(tables_words).zip(&bases);
    if let Some(inverse) = &inverse {
        let roots = Field::<B>::new(&inverse.root, B::layout(&inverse.root), class);
        let inverse_bases = position_bases(&roots, inverse.base.as_slice());
        let inverse_disguise = roots.load_in_every_lane(inverse.disguise.as_slice(), &mut Scratch::default());
        tables.zip(&inverse_bases).for_each_init(Scratch::default, |scratch, ((tables, bases), inverse_bases)| {
            let (mut power, mut inverse) = (disguise.clone(), inverse_disguise.clone());
            let mut prepared = field.group();
            for row in 0..1 << window_bits {
                if row > 0 {
                    field.kernels.product(power.as_mut_slice(), bases.as_slice(), scratch);
                    roots.kernels.product(inverse.as_mut_slice(), inverse_bases.as_slice(), scratch);
                }
                prepared.as_mut_slice().copy_from_slice(power.as_slice());
                field.kernels.comb_row(prepared.as_mut_slice(), inverse.as_slice(), scratch);
                field.kernels.spread(prepared.as_slice(), tables, row);
            }
        });
    } else {
        tables.for_each_init(Scratch::default, |scratch, (tables, bases)| {
            field.fill_tables(bases.as_slice(), disguise.as_slice(), tables, scratch)
        });
    }
    drop(field);
    let prepared = inverse.is_some();
    FixedBase(Arc::new(Inner { moduli, layout, max_bits, window_bits, rows, prepared, starts }))
}

/// What the inverses of rows modulo the root are made of.
struct Inverse {
    root: Moduli,
    base: SecretLimbs,
    disguise: SecretLimbs,
}

impl Inverse {
    /// None if the backend prepares no rows for products, the modulus is not a square with a known root, or the base is
    /// not invertible. Whether it is shows in the time.
    fn new<B: Backend>(modulus: &Modulus, base: &[u64]) -> Option<Inverse> {
        let root = modulus.plain_root().filter(|_| B::COMB_ROWS > 0)?;
        let limbs = SecretLimbs::new(root.limbs().to_vec());
        let reduced = constant::rem(&SecretLimbs::new(base.to_vec()), &limbs);
        let base = constant::invert_mod(&reduced, &limbs).into_option()?;
        // The disguise of a row is 2^-k, k the length of the modulus.
        let disguise = power_of(&root, &Integer::from(2), u64::from(modulus.bits()));
        Some(Inverse { root: Moduli::from(&root), base, disguise })
    }
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

/// The most groups of lanes that take a step at the same time, where a table is read as a whole for all of them.
const MOST_GROUPS: usize = 8;
/// The same where rows are read by address: a position's rows and their page entries stay near for all of them.
const MOST_GROUPS_BY_ADDRESS: usize = 32;

/// Powers by exponents that the table is long enough for; secret if the exponents are.
pub(crate) fn power<B: Backend>(table: &FixedBase, exponents: &Exponents, class: TimingClass) -> Batch {
    let (layout, moduli) = (table.layout(), &table.0.moduli);
    let kernels = B::kernels(moduli, |_| 0, layout, class);
    let of_a_thread = exponents.len().div_ceil(B::WIDTH).div_ceil(rayon::current_num_threads());
    let is_whole = 1 << table.window_bits() <= B::WHOLE_ROWS;
    let most = if is_whole { MOST_GROUPS } else { MOST_GROUPS_BY_ADDRESS };
    let together = of_a_thread.clamp(1, most);
    let work = Comb { table, kernels: &kernels, exponents, looked_up_together: if is_whole { together } else { 1 } };
    let is_secret = moduli.is_secret() || exponents.class() != TimingClass::Vartime;
    let mut out = Residues::zero(layout, exponents.len(), is_secret);
    let pieces = out.words_mut().par_chunks_mut(together * layout.group_words()).enumerate();
    pieces.for_each_init(Scratch::default, |scratch, (piece, out)| {
        work.power_of_groups(piece * together * B::WIDTH, out, scratch)
    });
    Batch::new(moduli.clone(), out)
}

struct Comb<'a, K> {
    table: &'a FixedBase,
    kernels: &'a K,
    exponents: &'a Exponents,
    /// Groups of lanes.
    looked_up_together: usize,
}

impl<K: Kernels> Comb<'_, K> {
    /// The powers by the exponents from `first` on, as many groups as `out` has, which take a step at the same time.
    fn power_of_groups(&self, first: usize, out: &mut [u64], scratch: &mut Scratch) {
        let Comb { table, kernels, exponents, looked_up_together } = *self;
        let Layout { width, .. } = table.layout();
        let (window_bits, group_words) = (table.window_bits(), table.layout().group_words());
        let positions = digit_count(exponents.bits(), window_bits);
        let prepared = table.0.prepared && positions > 0;
        let groups = out.len() / group_words;
        out.chunks_exact_mut(group_words).for_each(|out| out.copy_from_slice(table.0.starts[positions].as_slice()));
        let mut sums = Words::secret(if prepared { groups * group_words / 2 } else { 0 });
        let (entries, scratch) = scratch.with_inner(looked_up_together * group_words);
        let digits_at = |position: usize, digits: &mut Digits| {
            digits.fill(|lane| digit(exponents.limbs((first + lane).min(exponents.len() - 1)), position, window_bits));
        };
        let (mut digits, mut later) = (Digits::zero(groups * width), Digits::zero(groups * width));
        digits_at(0, &mut digits);
        let rows = table.0.rows.as_slice();
        let mut tables = rows.chunks_exact(table.position_words()).take(positions).enumerate().peekable();
        while let Some((position, rows)) = tables.next() {
            let next = tables.peek().map(|(_, next)| {
                digits_at(position + 1, &mut later);
                *next
            });
            for group in 0..groups {
                let now = &digits.as_slice()[group * width..];
                if group % looked_up_together == 0 {
                    let together = looked_up_together.min(groups - group);
                    kernels.look_up(&mut entries[..together * group_words], rows, &now[..together * width]);
                }
                let entry = &entries[group % looked_up_together * group_words..][..group_words];
                let ahead = match now.get(width..2 * width) {
                    Some(digits) => Some((rows, digits)),
                    None => next.map(|next| (next, &later.as_slice()[..width])),
                };
                let out = &mut out[group * group_words..][..group_words];
                match ahead {
                    _ if prepared => {
                        let sum = &mut sums.as_mut_slice()[group * group_words / 2..][..group_words / 2];
                        kernels.comb_step(out, sum, entry, ahead, scratch);
                    }
                    Some((rows, digits)) => kernels.product_ahead(out, entry, rows, digits, scratch),
                    None => kernels.product(out, entry, scratch),
                }
            }
            std::mem::swap(&mut digits, &mut later);
        }
        if prepared {
            let sums = sums.as_mut_slice().chunks_exact_mut(group_words / 2);
            for (out, sum) in out.chunks_exact_mut(group_words).zip(sums) {
                kernels.comb_end(out, sum, scratch);
            }
        }
    }
}
