//! Large working memory that a thread keeps from one use to the next: fresh pages cost more than what is computed in
//! them.

use std::cell::RefCell;

use zeroize::Zeroize;

use super::words::Words;

/// The most pieces of memory that a thread keeps.
const MOST_KEPT: usize = 2;
/// The most words of each.
const MOST_WORDS: usize = 1 << 20;

thread_local! {
    static SPARE: RefCell<Vec<Words>> = const { RefCell::new(Vec::new()) };
}

/// Working memory on loan from the thread; what was secret in it is wiped on drop.
pub(crate) struct Spare {
    words: Words,
    len: usize,
    secret: bool,
}

impl Spare {
    /// `len` words of undefined content.
    pub fn words(len: usize, secret: bool) -> Spare {
        let kept = SPARE.with_borrow_mut(Vec::pop).filter(|words| words.len() >= len);
        Spare { words: kept.unwrap_or_else(|| Words::zero(len, false)), len, secret }
    }

    pub fn as_slice(&self) -> &[u64] {
        &self.words.as_slice()[..self.len]
    }

    pub fn as_mut_slice(&mut self) -> &mut [u64] {
        &mut self.words.as_mut_slice()[..self.len]
    }
}

impl Drop for Spare {
    fn drop(&mut self) {
        if self.secret {
            self.as_mut_slice().zeroize();
        }
        if self.words.len() <= MOST_WORDS {
            let words = std::mem::replace(&mut self.words, Words::zero(0, false));
            // A thread that ends keeps nothing any more.
            let _ = SPARE.try_with(|spare| {
                let mut spare = spare.borrow_mut();
                if spare.len() < MOST_KEPT {
                    spare.push(words);
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_comes_back_and_secrets_do_not() {
        let address = |spare: &mut Spare| spare.as_mut_slice().as_ptr().addr();
        let mut first = Spare::words(1000, true);
        let place = address(&mut first);
        first.as_mut_slice().fill(7);
        drop(first);
        let mut again = Spare::words(900, false);
        assert_eq!(address(&mut again), place);
        assert!(again.as_mut_slice().iter().all(|word| *word == 0) && again.as_mut_slice().len() == 900);
        let mut other = Spare::words(1001, true);
        assert_ne!(address(&mut other), place);
    }
}
