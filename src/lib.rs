//! Train and use a multilayer perceptron on Paillier-encrypted data with two servers that do not collude.
//!
//! # For whom
//! A data owner who wants a model trained on rows that no server may read, and answers that only the asker can open;
//! and whoever studies what such a training costs. It is the protocol of Bellafqira, Coatrieux, Genin and Cozic,
//! "Secure Multilayer Perceptron Based on Homomorphic Encryption" (IWDW 2018, LNCS 11378): products, divisions and
//! comparisons by blinding between a cloud server P1, which holds every ciphertext, and a key server P2, which holds
//! the private key and sees blinded values only. The program `smlp` wraps this library; README.md shows it at work.
//!
//! # Threat model
//! Both servers follow the protocol and are curious; one of them alone. Two servers together open everything, a server
//! that a user helps can learn more than its own view, and a P1 that deviates can use P2 to decrypt: all three are
//! outside the model. Within it P1 learns public shapes, and P2 values under masks, at statistical distance
//! 2^(1 - sigma) each, plus what the blinded comparison leaks of magnitudes, which is not negligible: SECURITY.md has
//! every message and the numbers.
//!
//! # Exactness
//! A run equals its integer twin ([`mlp::twin`]) bit for bit: the same training in plain integers, with the same
//! rounding. Accuracy can therefore be studied without any cryptography.
//!
//! # Map of the rooms
//! From the ground up; a file imports from rooms above its own in this list only.
//!
//! | room | what it knows |
//! |---|---|
//! | [`error`] | one error for all rooms, and the exit codes |
//! | `named` | choices by the names that a user writes |
//! | [`secret`] | holders that wipe on drop and print nothing |
//! | [`codec`], [`container`] | bytes in and out, every length checked; the one file format |
//! | [`rng`] | randomness from the operating system; another type for experiments that repeat |
//! | [`arith`] | powers and products of batches of residues; engines, timing classes; nothing of Paillier |
//! | [`fixed`] | fixed-point numbers |
//! | [`mask`] | masks by position from a keyed generator |
//! | [`data`] | CSV files, built-in data sets, split, scaling |
//! | [`mlp`] | shapes, bounds, batches, float baseline and integer twin; nothing of cryptography |
//! | [`paillier`] | keys, ciphertexts, admission rules, the pool of randomisers, packing |
//! | [`dgk`] | the small cryptosystem of the comparison that leaks nothing |
//! | [`net`] | framed, counted bytes between two parties; nothing of messages |
//! | [`protocol`] | handshake, schedule, bounds and the secure operations, both roles side by side |
//! | [`train`] | runs a whole job in one process: both servers and the user |
//! | [`measure`] | rows of figures, statistics, machine facts |
//! | [`report`] | charts and one self-contained page |
#![warn(missing_docs)]

pub mod arith;
pub mod codec;
pub mod container;
pub mod data;
pub mod dgk;
pub mod error;
pub mod fixed;
pub mod mask;
pub mod measure;
pub mod mlp;
mod named;
pub mod net;
pub mod paillier;
pub mod protocol;
pub mod report;
pub mod rng;
pub mod secret;
pub mod train;
