//! Memory for residues and tables: words that start at a cache line.

use bytemuck::{Pod, Zeroable};
use zeroize::{DefaultIsZeroes, Zeroize};

/// Eight words in one cache line: what a vector of the widest backend holds.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C, align(64))]
pub(crate) struct Row(pub [u64; 8]);

impl DefaultIsZeroes for Row {}

/// Words that start at a cache line; secret ones are wiped on drop.
#[derive(Clone)]
pub(crate) struct Words {
    rows: Vec<Row>,
    len: usize,
    secret: bool,
}

impl Words {
    /// `len` zeros, whatever they become is secret.
    pub fn secret(len: usize) -> Words {
        Words::zero(len, true)
    }

    /// `len` zeros.
    pub fn zero(len: usize, secret: bool) -> Words {
        Words { rows: vec![Row::default(); len.div_ceil(8)], len, secret }
    }

    /// A secret copy of `words`.
    pub fn copy_of(words: &[u64]) -> Words {
        let mut copy = Words::secret(words.len());
        copy.as_mut_slice().copy_from_slice(words);
        copy
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn as_slice(&self) -> &[u64] {
        &bytemuck::cast_slice(&self.rows)[..self.len]
    }

    pub fn as_mut_slice(&mut self) -> &mut [u64] {
        &mut bytemuck::cast_slice_mut(&mut self.rows)[..self.len]
    }
}

impl Drop for Words {
    fn drop(&mut self) {
        if self.secret {
            self.rows.as_mut_slice().zeroize();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_start_at_a_cache_line_and_have_their_length() {
        for len in [0, 1, 8, 9, 41] {
            let mut words = Words::copy_of(&vec![7; len]);
            assert_eq!(words.as_slice(), vec![7; len]);
            assert!(words.as_slice().as_ptr().addr().is_multiple_of(64));
            words.as_mut_slice().fill(3);
            assert_eq!(words.clone().as_slice(), vec![3; len]);
        }
    }
}
