//! What a backend is: kernels for a group of residues, and the algorithms over them, each of which it may override.

pub(crate) mod gmp;
#[cfg(target_arch = "x86_64")]
pub(crate) mod ifma;
pub(crate) mod residues;
pub(crate) mod spare;
pub(crate) mod words;

use super::batch::Batch;
use super::exponents::{Exponents, TimingClass};
use super::modulus::{Moduli, Modulus};
use super::options::EngineKind;
use crate::secret::SecretLimbs;
use residues::Layout;
use words::Words;

/// A backend: where its residues lie, its kernels, and what it computes in a way of its own.
pub(crate) trait Backend: Sync {
    /// Its name.
    const KIND: EngineKind;
    /// Residues of a group, which the kernels treat at once.
    const WIDTH: usize;
    /// Whether products take the same time whatever the factors are.
    const EVEN_PRODUCTS: bool;
    /// A constant [`Kernels::look_up`] in a small table passes so many rows in the time of a product.
    const SCAN_OF_A_PRODUCT: u64;
    /// Tables of up to so many rows are read as a whole whatever the timing class, best for several groups at once.
    const WHOLE_ROWS: usize = 0;
    /// Rows that [`Kernels::comb_step`] may multiply by before [`Kernels::comb_end`]; none where there is no faster way
    /// than a product.
    const COMB_ROWS: usize = 0;
    /// Kernels bound to the moduli of a group.
    type Kernels<'m>: Kernels;

    /// What this processor lacks to run it, if anything.
    fn missing() -> Option<&'static str>;

    /// How a batch with these moduli lies in memory.
    fn layout(moduli: &Moduli) -> Layout;

    /// Kernels for a group whose lanes hold residues modulo `moduli.of(index(lane))`, in a batch that lies as `layout`
    /// says.
    fn kernels<'m>(
        moduli: &'m Moduli,
        index: impl Fn(usize) -> usize,
        layout: Layout,
        class: TimingClass,
    ) -> Self::Kernels<'m>;

    /// The factors of [`Kernels::load_combination`]; `constant`.
    fn combination(modulus: &Modulus, factors: [&SecretLimbs; 2]) -> Words;

    /// Powers, of shapes that go together; either side may be a single one for all.
    fn power(bases: &Batch, exponents: &Exponents, class: TimingClass) -> Batch;
}

/// Operations on groups, in the timing class that the kernels were made for.
pub(crate) trait Kernels: Sync {
    /// x *= y.
    fn product(&self, x: &mut [u64], y: &[u64], scratch: &mut Scratch);
    /// x *= y; meanwhile the rows that [`Kernels::look_up`] will ask for next may come nearer.
    fn product_ahead(&self, x: &mut [u64], y: &[u64], _table: &[u64], _digits: &[usize], scratch: &mut Scratch) {
        self.product(x, y, scratch);
    }
    /// x *= y modulo the root, for residues modulo squares: the other half x1 of x may be anything in its bounds. Modulo
    /// other numbers a product.
    fn product_modulo_root(&self, x: &mut [u64], y: &[u64], scratch: &mut Scratch) {
        self.product(x, y, scratch);
    }
    /// Prepares a row for [`Kernels::comb_step`]; `inverse` is that of the row modulo the root.
    fn comb_row(&self, _row: &mut [u64], _inverse: &[u64], _scratch: &mut Scratch) {}
    /// x *= row, a prepared one, but for what is gathered in `sum`, half as wide and at first zero; meanwhile the rows
    /// of the next table may come nearer, as in [`Kernels::product_ahead`].
    fn comb_step(
        &self,
        x: &mut [u64],
        _sum: &mut [u64],
        row: &[u64],
        ahead: Option<(&[u64], &[usize])>,
        scratch: &mut Scratch,
    ) {
        match ahead {
            Some((table, digits)) => self.product_ahead(x, row, table, digits, scratch),
            None => self.product(x, row, scratch),
        }
    }
    /// Makes x whole after at least one and at most [`Backend::COMB_ROWS`] steps.
    fn comb_end(&self, _x: &mut [u64], _sum: &mut [u64], _scratch: &mut Scratch) {}
    /// x = x^2.
    fn square(&self, x: &mut [u64], scratch: &mut Scratch);
    /// Lane l of each group becomes row `digits[g * width + l]` of `table`, a number of whole groups, by reading all of
    /// it or by address as the timing class allows.
    fn look_up(&self, out: &mut [u64], table: &[u64], digits: &[usize]);
    /// Lane l becomes lane l of group `digits[l]` of `table`, by masked scan.
    fn scan_groups(&self, out: &mut [u64], table: &[u64], digits: &[usize]);
    /// Lane l becomes row `digits[l]` of the l-th of `tables`, which are as many as there are lanes, by address.
    fn read_own(&self, out: &mut [u64], tables: &[u64], digits: &[usize]);
    /// The lanes of a table's groups, one after the other, become its rows for [`Kernels::look_up`].
    fn become_rows(&self, table: &mut [u64], scratch: &mut Scratch);
    /// Lane l of `group` becomes row `row` of the l-th of `tables` for [`Kernels::look_up`].
    fn spread(&self, group: &[u64], tables: &mut [u64], row: usize);
    /// The same for [`Kernels::read_own`].
    fn spread_own(&self, group: &[u64], tables: &mut [u64], row: usize);
    /// Lane l becomes that of `on_one` if bit l of `choices` is set, else that of `on_zero`; `constant` always.
    fn select(&self, out: &mut [u64], on_zero: &[u64], on_one: &[u64], choices: &[subtle::Choice]);
    /// A group from one number a lane, each `numbers.len()` / width limbs of 64 bits and below the square of the widest
    /// modulus.
    fn load(&self, numbers: &[u64], out: &mut [u64], scratch: &mut Scratch);
    /// A group of 1 + root * number, modulo squares; numbers as in [`Kernels::load`].
    fn load_one_plus(&self, numbers: &[u64], out: &mut [u64], scratch: &mut Scratch);
    /// A group of x a + y b for the factors a and b of [`Backend::combination`], from two numbers x and y a lane: modulo a
    /// square below four times the root and as wide in limbs of 64 bits, modulo other numbers no wider than these.
    fn load_combination(&self, numbers: [&[u64]; 2], factors: &[u64], out: &mut [u64], scratch: &mut Scratch);
    /// The reduced numbers of a group; see [`Kernels::load`].
    fn store(&self, group: &[u64], numbers: &mut [u64], scratch: &mut Scratch);
    /// The reduced halves x0 and x1 of the numbers x0 + root * x1 of a group, modulo squares; as wide as the roots.
    fn store_halves(&self, group: &[u64], low: &mut [u64], high: &mut [u64], scratch: &mut Scratch);
}

/// Working memory that grows to what is asked for and is wiped on drop.
pub(crate) struct Scratch {
    words: Words,
    inner: Option<Box<Scratch>>,
}

impl Default for Scratch {
    fn default() -> Self {
        Scratch { words: Words::secret(0), inner: None }
    }
}

impl Scratch {
    /// `len` words of undefined content.
    pub fn words(&mut self, len: usize) -> &mut [u64] {
        if self.words.len() < len {
            self.words = Words::secret(len);
        }
        &mut self.words.as_mut_slice()[..len]
    }

    /// `len` words of undefined content, and working memory for a function that is called with them.
    pub fn with_inner(&mut self, len: usize) -> (&mut [u64], &mut Scratch) {
        if self.words.len() < len {
            self.words = Words::secret(len);
        }
        (&mut self.words.as_mut_slice()[..len], self.inner.get_or_insert_default())
    }
}
