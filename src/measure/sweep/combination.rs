//! Which combinations a sweep measures.

use super::Settings;
use crate::arith::EngineKind;
use crate::protocol::config::{Comparison, Protocol};

/// What varies from row to row.
#[derive(Debug, Clone, PartialEq)]
pub struct Combination {
    /// Protocol.
    pub protocol: Protocol,
    /// Comparison.
    pub comparison: Comparison,
    /// Engine.
    pub engine: EngineKind,
    /// Threads; 0 for all cores.
    pub threads: usize,
    /// Length of the servers' key.
    pub key_bits: u32,
    /// Width of each hidden layer.
    pub hidden: usize,
    /// Number of hidden layers.
    pub depth: usize,
}

impl Combination {
    /// Widths of all layers for data with so many features and classes.
    pub fn widths(&self, inputs: usize, classes: usize) -> Vec<usize> {
        let hidden = std::iter::repeat_n(self.hidden, self.depth);
        std::iter::once(inputs).chain(hidden).chain([classes]).collect()
    }
}

/// All combinations, the hidden width varying fastest.
pub fn combinations(settings: &Settings) -> Vec<Combination> {
    let first = Combination {
        protocol: Protocol::Element,
        comparison: Comparison::Blinded,
        engine: EngineKind::Auto,
        threads: 0,
        key_bits: 0,
        hidden: 0,
        depth: 0,
    };
    let all = vec![first];
    let all = vary(all, &settings.protocols, |c, protocol| Combination { protocol, ..c });
    let all = match settings.comparisons.as_slice() {
        [] => all.into_iter().map(|c| Combination { comparison: c.protocol.comparison(), ..c }).collect(),
        comparisons => vary(all, comparisons, |c, comparison| Combination { comparison, ..c }),
    };
    let all = vary(all, &settings.engines, |c, engine| Combination { engine, ..c });
    let all = vary(all, &settings.threads, |c, threads| Combination { threads, ..c });
    let all = vary(all, &settings.key_bits, |c, key_bits| Combination { key_bits, ..c });
    let all = vary(all, &settings.depth, |c, depth| Combination { depth, ..c });
    vary(all, &settings.hidden, |c, hidden| Combination { hidden, ..c })
}

fn vary<T: Copy>(
    all: Vec<Combination>,
    values: &[T],
    with: impl Fn(Combination, T) -> Combination,
) -> Vec<Combination> {
    all.iter().flat_map(|combination| values.iter().map(|value| with(combination.clone(), *value))).collect()
}
