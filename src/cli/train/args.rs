//! The flags of `smlp train`.

use std::path::PathBuf;

use clap::value_parser;
use smlp::mlp::Layers;
use smlp::protocol::config::{Comparison, Protocol};

use crate::cli::groups::{KeyFormArgs, NumberArgs, WeakKeyArgs, parse_test_split};

/// Train on encrypted data, all three parties in one process.
///
/// The user encrypts, two servers train and see only ciphertexts or masked values, the user opens the model to measure
/// it. Writes history.csv and summary.json after every epoch; Ctrl-C ends the training after the current step and keeps
/// what is there, a second one ends the program at once. With --store the encrypted model stays in DIR/p1, the key server's side in
/// DIR/p2, and the user's keys and scaling in DIR/user. Examples:
///
///   smlp train --data breast_cancer --layers 30,16,2 --learning-rate 0.2 --epochs 10 --drop-last --out results/cancer
///   smlp train --data xor --protocol element --layers 2,8,2 --batch 8 --max-steps 20 --out results/xor
///   smlp train --data rows.csv --target kind --layers 12,8,3 --store job --reader alice.pub --out results/rows
///   smlp train --data images.gz,labels.gz --layers 784,64,10 --protocol packed --batch 64 --out results/images
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// What to train on: a CSV file, images and their labels in two IDX files (IMAGES,LABELS, compressed or not), rows
    /// that `encrypt` wrote with labels (FILE.enc), or a built-in data set: breast_cancer, digits, xor, majority:N,
    /// parity:N.
    #[arg(long, value_name = "SPEC")]
    pub data: String,
    /// The column of a CSV file that holds the class.
    #[arg(long, value_name = "COLUMN", default_value = "label")]
    pub target: String,
    /// Use only the first N rows of the data, before any are held back [default: all].
    #[arg(long, value_name = "N")]
    pub rows: Option<usize>,
    /// Widths from the features to the classes, as 30,16,2 [default: one hidden layer that suits the built-in data].
    #[arg(long, value_name = "WIDTHS")]
    pub layers: Option<Layers>,
    #[command(flatten)]
    pub job: JobArgs,
    #[command(flatten)]
    pub keys: KeyArgs,
    /// Share of the rows that is held back to measure on, between 0 and 1.
    #[arg(long, value_name = "SHARE", default_value_t = 0.2, value_parser = parse_test_split)]
    pub test_split: f64,
    /// Test rows that are classified under encryption at the end and must agree with the integer twin [default: all, with
    /// --protocol element 20].
    #[arg(long, value_name = "N")]
    pub classify_rows: Option<usize>,
    /// Folder that keeps the encrypted model and what each party needs to use it later [default: keep nothing].
    #[arg(long, value_name = "DIR")]
    pub store: Option<PathBuf>,
    /// Folder for the ciphertexts of training rows that the servers of the packed protocol keep from epoch to epoch; what
    /// they put there goes away at the end [default: memory if they take at most 1 GB, else the folder of --out].
    #[arg(long, value_name = "DIR")]
    pub static_dir: Option<PathBuf>,
    /// Makes the run repeatable: split, batches, masks and initial weights come from this number. An experiment, not
    /// private; keys and encryption never take it [default: from the operating system].
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// Train the integer twin alongside and compare every step bit for bit [default: do not].
    #[arg(long)]
    pub twin: bool,
    /// Background threads that prepare randomisers for P1; they share the cores with everything else.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = parse_producers)]
    pub pool_producers: usize,
    /// Folder for history.csv and summary.json.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// What the servers agree on.
#[derive(Debug, clap::Args)]
pub struct JobArgs {
    /// How the servers compute: `packed` works on whole matrices, many values in a ciphertext; `element` is the paper's
    /// protocol with one ciphertext a value, some hundred times slower: the baseline.
    #[arg(long, value_name = "NAME", default_value_t = Protocol::Packed)]
    pub protocol: Protocol,
    /// How signs are found: `dgk` leaks nothing, and with it the servers test after each epoch that every weight and bias is
    /// within `--bound weights`; which are not is all that they learn, and they stop if there is any. `blinded` is the
    /// paper's comparison, faster, P2 sees a noisy magnitude of each compared value, and nothing is tested [default: dgk,
    /// blinded with --protocol element].
    #[arg(long, value_name = "NAME")]
    comparison: Option<Comparison>,
    /// Passes over the training rows.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u64).range(1..))]
    pub epochs: u64,
    /// Stop after so many steps, even inside an epoch [default: no limit].
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    pub max_steps: Option<u64>,
    /// Start no epoch that would end later than so many seconds after the first step began, if it took as long as the
    /// epoch before it [default: no limit].
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    pub max_seconds: Option<f64>,
    /// Epochs that run whatever --max-seconds says.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub min_epochs: u64,
    /// Rows in a minibatch.
    #[arg(long, value_name = "ROWS", default_value_t = 32)]
    pub batch: usize,
    /// Step size of gradient descent; what counts is the whole number round(rows in the batch / learning rate).
    #[arg(long, value_name = "RATE", default_value_t = 0.1)]
    pub learning_rate: f64,
    /// Leave out the incomplete last batch of an epoch [default: train on it].
    #[arg(long)]
    pub drop_last: bool,
    /// Statistical parameter of the masks in bits, 20 to 80: a masked value is at most 2^(1-sigma) from uniform.
    #[arg(long, value_name = "BITS", default_value_t = 40)]
    pub sigma: u32,
    #[command(flatten)]
    pub numbers: NumberArgs,
}

impl JobArgs {
    /// The comparison that was asked for, or the protocol's own.
    pub fn comparison(&self) -> Comparison {
        self.comparison.unwrap_or(self.protocol.comparison())
    }
}

/// Keys of the parties.
#[derive(Debug, clap::Args)]
pub struct KeyArgs {
    /// Length of the keys that are made, in bits, 1024 to 4096 and even.
    #[arg(long, value_name = "BITS", default_value_t = 2048)]
    pub key_bits: u32,
    #[command(flatten)]
    pub key_form: KeyFormArgs,
    /// The key server's private key, whose length and form all servers then take; encrypted data need it [default: a new key].
    #[arg(long, value_name = "FILE")]
    pub p2_key: Option<PathBuf>,
    /// A public key that may receive answers later; may be repeated. The owner's key always may [default: no other].
    #[arg(long = "reader", value_name = "FILE")]
    pub readers: Vec<PathBuf>,
    /// A public key that may receive the trained model and its loss curve later, and answers; may be repeated. The owner's
    /// key always may [default: no other].
    #[arg(long = "model-reader", value_name = "FILE")]
    pub model_readers: Vec<PathBuf>,
    #[command(flatten)]
    pub weak: WeakKeyArgs,
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.0..=1e9).contains(&seconds) => Ok(seconds),
        _ => Err("seconds are a number from 0 up".into()),
    }
}

fn parse_producers(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(producers @ 0..=64) => Ok(producers),
        _ => Err("producers are 0 to 64".into()),
    }
}
