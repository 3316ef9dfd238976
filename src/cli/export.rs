//! `smlp export`.

use std::path::PathBuf;

use clap::ValueEnum;
use smlp::container::Kind;
use smlp::error::Error;
use smlp::paillier::CiphertextFile;
use smlp::train::{Export, StoredTensor, export};

use super::globals::Globals;
use super::groups::WeakKeyArgs;
use super::output::print_facts;
use super::store::{Store, curve_shape, model_shape};

/// Hand the trained model or its loss curve to its owner, under the owner's key.
///
/// Both servers run in this process, each from its own folder. Only the owner's key and those that `train --model-reader`
/// named may receive either. Open it with `smlp decrypt`. Example:
///
///   smlp export --store job --what model --public-key job/user/USER.pub --out model.enc
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The folder that `train --store` wrote.
    #[arg(long, value_name = "DIR")]
    store: PathBuf,
    /// What is handed over.
    #[arg(long, value_name = "WHAT")]
    what: What,
    /// The public key that it is for; it must be the owner's or one that `train --model-reader` named.
    #[arg(long, value_name = "FILE")]
    public_key: PathBuf,
    /// Where the encrypted file goes.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    weak: WeakKeyArgs,
}

/// Values of `--what`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// Weights and biases.
    Model,
    /// The mean loss of each epoch.
    Curve,
}

/// Runs both servers on what they stored.
pub fn run(args: &Args, globals: &Globals) -> Result<(), Error> {
    let reader = args.weak.read_public_key(&args.public_key)?;
    let engine = globals.engine()?;
    let store = Store::at(&args.store);
    let (cloud, key) = (store.cloud_state(&engine)?, store.key_state()?);
    let (what, kind, shape) = match args.what {
        What::Model => (Export::Model, Kind::Model, model_shape(&cloud.config)),
        What::Curve => (Export::Curve, Kind::Curve, curve_shape(&cloud.config)?),
    };
    let number = store.claim_queries(1)?;
    let StoredTensor { slots, ciphertexts } = export(&engine, &cloud, key, what, number, &reader)?;
    let count = ciphertexts.len();
    let fraction_bits = cloud.config.plan.fixed.fraction_bits();
    CiphertextFile { kind, shape, fraction_bits, slots, ciphertexts }.write(&engine, &args.out)?;
    print_facts(&[
        ("written to", args.out.display().to_string()),
        ("holds", kind.name().to_owned()),
        ("ciphertexts", count.to_string()),
        ("for key", reader.id().to_string()),
    ])
}
