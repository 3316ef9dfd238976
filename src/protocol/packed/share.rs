//! One server's share of a matrix of integers: T = T2 - T1, T1 at P1 and T2 at P2.

use rayon::prelude::*;
use rug::Integer;
use rug::ops::DivRounding;

use crate::arith::Engine;
use crate::secret::{SecretIntegers, SecretLimbs};

/// Row-major \[rows\]\[columns\]; wiped on drop.
#[derive(Clone)]
pub(super) struct Share {
    rows: usize,
    columns: usize,
    values: SecretIntegers,
}

impl Share {
    /// Takes over rows x columns values.
    ///
    /// # Panics
    /// If their number differs.
    pub fn new(rows: usize, columns: usize, values: SecretIntegers) -> Self {
        assert_eq!(values.len(), rows * columns, "a share of {rows} x {columns}");
        Share { rows, columns, values }
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Row-major.
    pub fn values(&self) -> &[Integer] {
        &self.values
    }

    pub fn row(&self, row: usize) -> &[Integer] {
        &self.values[row * self.columns..(row + 1) * self.columns]
    }

    pub fn transposed(&self) -> Share {
        let element = |i: usize| self.values[i % self.rows * self.columns + i / self.rows].clone();
        Share::new(self.columns, self.rows, (0..self.values.len()).map(element).collect())
    }

    /// The columns of `right` after its own.
    pub fn beside(&self, right: &Share) -> Share {
        assert_eq!(self.rows, right.rows, "rows of both");
        let row = |row: usize| self.row(row).iter().chain(right.row(row)).cloned();
        Share::new(self.rows, self.columns + right.columns, (0..self.rows).flat_map(row).collect())
    }

    /// The first `columns` columns, and the others.
    pub fn split_columns(&self, columns: usize) -> (Share, Share) {
        let part = |range: std::ops::Range<usize>| {
            let values = (0..self.rows).flat_map(|row| &self.row(row)[range.clone()]).cloned().collect();
            Share::new(self.rows, range.len(), values)
        };
        (part(0..columns), part(columns..self.columns))
    }

    /// The values of all `shares` in one row.
    pub fn in_one_row<'a>(shares: impl IntoIterator<Item = &'a Share>) -> Share {
        let values: SecretIntegers = shares.into_iter().flat_map(Share::values).cloned().collect();
        Share::new(1, values.len(), values)
    }

    /// All values in one row.
    pub fn flat(&self) -> Share {
        Share::new(1, self.values.len(), self.values.clone())
    }

    /// The same values, row-major, in another shape.
    pub fn shaped(self, rows: usize, columns: usize) -> Share {
        Share::new(rows, columns, self.values)
    }

    /// floor(value / divisor), towards minus infinity: what either server does to its share of a quotient (protocol 3.2).
    pub fn divided(&self, divisor: i128) -> Share {
        let divisor = Integer::from(divisor);
        self.map(|_, value| Integer::from(value.div_floor(&divisor)))
    }

    /// `column`, \[rows\]\[1\], added to every column.
    pub fn plus_column(&self, column: &Share) -> Share {
        assert_eq!((column.rows, column.columns), (self.rows, 1), "a column of the matrix");
        self.map(|i, value| Integer::from(value + &column.values[i / self.columns]))
    }

    /// Element by element.
    pub fn plus(&self, other: &Share) -> Share {
        self.zip(other, |left, right| Integer::from(left + right))
    }

    /// Element by element.
    pub fn minus(&self, other: &Share) -> Share {
        self.zip(other, |left, right| Integer::from(left - right))
    }

    /// -T.
    pub fn negated(&self) -> Share {
        self.map(|_, value| Integer::from(-value))
    }

    /// The same shape with every value replaced; `change` is given the index and the value.
    pub fn map(&self, change: impl Fn(usize, &Integer) -> Integer) -> Share {
        let values = self.values.iter().enumerate().map(|(i, value)| change(i, value)).collect();
        Share::new(self.rows, self.columns, values)
    }

    /// Element by element.
    pub fn zip(&self, other: &Share, join: impl Fn(&Integer, &Integer) -> Integer) -> Share {
        assert_eq!((self.rows, self.columns), (other.rows, other.columns), "shares of one shape");
        self.map(|i, value| join(value, &other.values[i]))
    }

    /// The sum of the columns: \[rows\]\[1\].
    pub fn row_sums(&self) -> Share {
        Share::new(self.rows, 1, (0..self.rows).map(|row| self.row(row).iter().sum::<Integer>()).collect())
    }

    /// The sum of the rows: \[1\]\[columns\].
    pub fn column_sums(&self) -> Share {
        let sum = |column: usize| (0..self.rows).map(|row| &self.row(row)[column]).sum::<Integer>();
        Share::new(1, self.columns, (0..self.columns).map(sum).collect())
    }

    /// The matrix product, rows spread over the engine's threads.
    pub fn product(&self, engine: &Engine, right: &Share) -> Share {
        assert_eq!(self.columns, right.rows, "inner dimensions");
        let columns = right.transposed();
        let dot = |i: usize| {
            let (row, column) = (self.row(i / right.columns), columns.row(i % right.columns));
            let mut sum = Integer::new();
            row.iter().zip(column).for_each(|(l, r)| sum += l * r);
            sum
        };
        let values: Vec<Integer> = engine.install(|| (0..self.rows * right.columns).into_par_iter().map(dot).collect());
        Share::new(self.rows, right.columns, values.into_iter().collect())
    }

    /// Values v + 2^offset_bits as exponents of `bits` bits: all are positive and of one public length (rule 4).
    ///
    /// # Panics
    /// If a value is not in (-2^offset_bits, 2^(bits - 1)), which the derivation of the widths excludes.
    pub fn exponents(&self, offset_bits: u32, bits: u32) -> Vec<SecretLimbs> {
        let offset = Integer::from(1) << offset_bits;
        let limbs = bits.div_ceil(64) as usize;
        let shifted = |value: &Integer| SecretLimbs::from_integer(&Integer::from(value + &offset), limbs);
        self.values.iter().map(shifted).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arith::EngineOptions;

    fn share(rows: usize, columns: usize, values: &[i64]) -> Share {
        Share::new(rows, columns, values.iter().map(|value| Integer::from(*value)).collect())
    }

    #[test]
    fn products_and_transposes_are_those_of_matrices() {
        let engine = Engine::new(&EngineOptions { threads: 2, ..EngineOptions::default() }).unwrap();
        let left = share(2, 3, &[1, -2, 3, 4, 5, -6]);
        let right = share(3, 2, &[7, 8, 9, -10, 11, 12]);
        let product = left.product(&engine, &right);
        assert_eq!(product.values(), [22, 64, 7, -90]);
        assert_eq!(product.transposed().values(), [22, 7, 64, -90]);
        assert_eq!(left.row_sums().values(), [2, 3]);
        assert_eq!(left.column_sums().values(), [5, 3, -3]);
        assert_eq!(left.divided(4).values(), [0, -1, 0, 1, 1, -2]);
        assert_eq!(left.plus_column(&share(2, 1, &[10, 20])).values(), [11, 8, 13, 24, 25, 14]);
        assert_eq!(left.minus(&left.negated()).values(), [2, -4, 6, 8, 10, -12]);
        assert_eq!(left.flat().row(0), left.values());
        let both = left.beside(&product);
        assert_eq!(both.values(), [1, -2, 3, 22, 64, 4, 5, -6, 7, -90]);
        let (first, last) = both.split_columns(3);
        assert_eq!((first.values(), last.values()), (left.values(), product.values()));
    }
}
