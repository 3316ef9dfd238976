//! The unit of work: residues in the form of the engine that made them.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::backend::residues::Residues;
use super::modulus::Moduli;

/// Residues in the form of the engine that made them; a clone shares them. Residues modulo a secret modulus are wiped
/// when the last clone drops.
#[derive(Clone)]
pub struct Batch(Arc<Inner>);

struct Inner {
    moduli: Moduli,
    residues: Residues,
}

impl Batch {
    pub(crate) fn new(moduli: Moduli, residues: Residues) -> Batch {
        debug_assert!(moduli.fits(residues.len()));
        Batch(Arc::new(Inner { moduli, residues }))
    }

    /// Number of residues.
    pub fn len(&self) -> usize {
        self.0.residues.len()
    }

    /// True if there is no residue.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The moduli of the residues.
    pub fn moduli(&self) -> &Moduli {
        &self.0.moduli
    }

    pub(crate) fn residues(&self) -> &Residues {
        &self.0.residues
    }

    /// The residues at `indices`, which are public and may repeat.
    ///
    /// # Panics
    /// If an index is not below [`Batch::len`].
    pub fn gather(&self, indices: &[usize]) -> Batch {
        let moduli = self.moduli().gather(indices.iter().copied());
        Batch::new(moduli, self.residues().gather(indices.iter().copied()))
    }

    /// The residues of a range of positions.
    ///
    /// # Panics
    /// If the range ends beyond [`Batch::len`].
    pub fn slice(&self, range: Range<usize>) -> Batch {
        Batch::new(self.moduli().gather(range.clone()), self.residues().gather(range))
    }

    /// All residues of `parts`, one part after the other. Parts of different moduli give a batch with a modulus for
    /// each residue.
    ///
    /// # Panics
    /// If there is no part, or if the parts come from different engines or their residues have different widths.
    pub fn concat(parts: &[Batch]) -> Batch {
        let first = parts.first().expect("a concatenation has a part");
        let layout = first.residues().layout();
        assert!(
            parts.iter().all(|part| part.residues().layout() == layout),
            "parts from different engines or of different widths"
        );
        let residues = Residues::concat(&parts.iter().map(Batch::residues).collect::<Vec<_>>());
        Batch::new(Moduli::concat(parts), residues)
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Batch({} residues)", self.len())
    }
}
