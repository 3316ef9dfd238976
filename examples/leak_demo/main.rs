//! What P2 learns from the blinded comparisons of the packed protocol, where it knows row and neuron of every number,
//! epoch after epoch: numbers drawn by the protocol's own code, and what an attacker makes of them.
//!
//!     cargo run --release --example leak_demo
//!
//! Part 1: a value that stays what it is, seen 1, 10 and 100 times. Part 2: breast_cancer 30-16-2 trained for 100 epochs
//! in plain integers, each weighted sum of the hidden layer seen once an epoch. scripts/leak_numbers.py has what a single
//! comparison leaks. Seeds are fixed, so that the figures repeat.

mod magnitude;
mod training;

/// How often P2 has seen a value.
const SEEN: [usize; 3] = [1, 10, 100];

fn main() {
    magnitude::print();
    training::print();
}

/// Largest and least factors of a comparison lie between these powers of two (protocol/element/max_enc.rs).
const FACTOR_OCTAVES: std::ops::Range<i32> = 19..59;
