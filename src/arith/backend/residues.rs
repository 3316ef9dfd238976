//! Residues in memory, in any backend that computes on this processor.
//!
//! Residues come in groups of `width` lanes. Within a group the limbs go first: limb j of lane l is word
//! j * width + l, so that one vector holds the same limb of all lanes. What the lanes beyond the last residue hold is unspecified.

use rayon::prelude::*;

use super::words::Words;
use crate::arith::options::EngineKind;

/// How residues lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// The backend that reads them.
    pub kind: EngineKind,
    /// Lanes of a group.
    pub width: usize,
    /// Words of a residue.
    pub limbs: usize,
    /// Whether residues are pairs modulo the root of a square, where the backend knows such a form.
    pub dual: bool,
}

impl Layout {
    /// Words of a group.
    pub fn group_words(&self) -> usize {
        self.width * self.limbs
    }

    /// The same with residues of `limbs` words.
    pub fn with_limbs(self, limbs: usize) -> Layout {
        Layout { limbs, ..self }
    }

    /// Copies the residue in `lane` of a group to a row of words.
    pub fn read_lane(&self, group: &[u64], lane: usize, row: &mut [u64]) {
        for (limb, word) in row.iter_mut().enumerate() {
            *word = group[limb * self.width + lane];
        }
    }

    /// Copies a row of words to the residue in `lane` of a group.
    pub fn write_lane(&self, row: &[u64], lane: usize, group: &mut [u64]) {
        for (limb, word) in row.iter().enumerate() {
            group[limb * self.width + lane] = *word;
        }
    }

    /// Fills the lanes of `groups`, which are counted through, with the residues at `index(lane)` of `words`. It goes limb
    /// by limb, so that a group that many lanes come from is in the cache but once.
    pub fn read_groups(&self, words: &[u64], index: impl Fn(usize) -> usize, groups: &mut [u64]) {
        let (width, group_words) = (self.width, self.group_words());
        let place = |index: usize| index / width * group_words + index % width;
        let places: Vec<usize> = (0..groups.len() / self.limbs).map(|lane| place(index(lane))).collect();
        for row in (0..self.limbs).map(|limb| limb * width) {
            for (group, places) in groups.chunks_exact_mut(group_words).zip(places.chunks_exact(width)) {
                for (word, place) in group[row..][..width].iter_mut().zip(places) {
                    *word = words[place + row];
                }
            }
        }
    }
}

/// The residues of a batch; secret ones are wiped on drop.
pub(crate) struct Residues {
    layout: Layout,
    len: usize,
    secret: bool,
    words: Words,
}

impl Residues {
    /// `len` residues, all zero.
    pub fn zero(layout: Layout, len: usize, secret: bool) -> Residues {
        let words = Words::zero(len.div_ceil(layout.width) * layout.group_words(), secret);
        Residues { layout, len, secret, words }
    }

    pub fn layout(&self) -> Layout {
        self.layout
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_secret(&self) -> bool {
        self.secret
    }

    pub fn words(&self) -> &[u64] {
        self.words.as_slice()
    }

    pub fn words_mut(&mut self) -> &mut [u64] {
        self.words.as_mut_slice()
    }

    /// The group whose first lane is the residue at `first`. What its lanes beyond the last residue hold is
    /// unspecified.
    pub fn group(&self, first: usize) -> &[u64] {
        &self.words()[first * self.layout.limbs..][..self.layout.group_words()]
    }

    /// Fills the lanes of `group` with the residues at `index(lane)`.
    pub fn read_group(&self, index: impl Fn(usize) -> usize, group: &mut [u64]) {
        let Layout { width, limbs, .. } = self.layout;
        let (first, group_words) = (index(0), self.layout.group_words());
        if first % width == 0 && (1..width).all(|lane| index(lane) == first + lane) {
            group.copy_from_slice(&self.words()[first * limbs..][..group_words]);
            return;
        }
        for lane in 0..width {
            let from = index(lane);
            let source = &self.words()[from / width * group_words..][..group_words];
            for limb in 0..limbs {
                group[limb * width + lane] = source[limb * width + from % width];
            }
        }
    }

    /// Makes the residue at `index` that of `lane` in a group.
    pub fn write(&mut self, index: usize, group: &[u64], lane: usize) {
        let Layout { width, limbs, .. } = self.layout;
        let own = &mut self.words.as_mut_slice()[index / width * width * limbs..][..width * limbs];
        for limb in 0..limbs {
            own[limb * width + index % width] = group[limb * width + lane];
        }
    }

    /// The residues at `indices`, in a batch that is secret if this one is.
    pub fn gather(&self, indices: impl ExactSizeIterator<Item = usize>) -> Residues {
        let indices: Vec<usize> = indices.collect();
        if let Some(from) = indices.iter().find(|from| **from >= self.len) {
            panic!("residue {from} of a batch of {}", self.len);
        }
        let mut out = Residues::zero(self.layout, indices.len(), self.secret);
        let (width, group_words) = (self.layout.width, self.layout.group_words().max(1));
        let fill = |(group, out): (usize, &mut [u64])| {
            let first = group * width;
            self.read_group(|lane| indices[(first + lane).min(indices.len() - 1)], out);
        };
        if rayon::current_thread_index().is_some() {
            out.words_mut().par_chunks_mut(group_words).enumerate().for_each(fill);
        } else {
            out.words_mut().chunks_mut(group_words).enumerate().for_each(fill);
        }
        out
    }

    /// All residues of `parts`, which have one layout.
    pub fn concat(parts: &[&Residues]) -> Residues {
        let len = parts.iter().map(|part| part.len).sum();
        let mut out = Residues::zero(parts[0].layout, len, parts.iter().any(|part| part.secret));
        let (last, full) = parts.split_last().expect("there is a part");
        if full.iter().all(|part| part.len.is_multiple_of(part.layout.width)) {
            let mut rest = out.words_mut();
            for part in full.iter().chain([last]) {
                let (own, behind) = rest.split_at_mut(part.words().len());
                own.copy_from_slice(part.words());
                rest = behind;
            }
            return out;
        }
        let sources = parts.iter().flat_map(|part| (0..part.len).map(move |from| (part, from)));
        for (to, (part, from)) in sources.enumerate() {
            out.copy_residue(to, part, from);
        }
        out
    }

    fn copy_residue(&mut self, to: usize, source: &Residues, from: usize) {
        let group_words = self.layout.group_words();
        let group = &source.words()[from / self.layout.width * group_words..][..group_words];
        self.write(to, group, from % self.layout.width);
    }
}
