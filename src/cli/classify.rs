//! `smlp classify`.

use std::path::PathBuf;

use smlp::codec::CodecError;
use smlp::container::Kind;
use smlp::error::Error;
use smlp::paillier::CiphertextFile;
use smlp::protocol::config::Protocol;
use smlp::protocol::schedule::{Activity, Answer};
use smlp::train::{CloudState, Query, StoredTensor, classify};

use super::globals::Globals;
use super::groups::WeakKeyArgs;
use super::output::print_facts;
use super::store::Store;

/// Classify encrypted rows with a model that `train --store` left behind.
///
/// Both servers run in this process, each from its own folder. Only keys that the training was told of may receive
/// answers. Example:
///
///   smlp classify --store job --data new.enc --public-key alice.pub --out answers.enc
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The folder that `train --store` wrote.
    #[arg(long, value_name = "DIR")]
    store: PathBuf,
    /// Rows that `encrypt --scale` wrote, under the key server's key.
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// The public key that the answers are for; it must be the owner's or one that `train --reader` named.
    #[arg(long, value_name = "FILE")]
    public_key: PathBuf,
    /// Where the encrypted answers go.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Ask for scores instead of labels; many scores give the model away. The element-wise protocol answers with scores in
    /// any case, and `decrypt` takes the label [default: labels where the protocol can].
    #[arg(long)]
    scores: bool,
    #[command(flatten)]
    weak: WeakKeyArgs,
}

/// Runs both servers on the stored model.
pub fn run(args: &Args, globals: &Globals) -> Result<(), Error> {
    let progress = globals.progress();
    let reader = args.weak.read_public_key(&args.public_key)?;
    let engine = globals.engine()?;
    let store = Store::at(&args.store);
    let (cloud, key) = (store.cloud_state(&engine)?, store.key_state()?);
    let rows = read_rows(args, &cloud, &engine)?;
    let is_element = cloud.config.protocol == Protocol::Element;
    if is_element && !args.scores {
        progress.note("the element-wise protocol answers with scores; decrypt computes the label from them");
    }
    let answer = if args.scores || is_element { Answer::Scores } else { Answer::Labels };
    let layers = cloud.config.plan.layers.clone();
    let count = rows.len() / layers.inputs();
    progress.note(&format!("classifying {count} rows with both servers"));

    let query = Query { number: store.claim_queries(Activity::query_numbers(count))?, rows, reader, answer };
    let StoredTensor { slots, ciphertexts } = classify(&engine, &cloud, key, &query)?;
    let (shape, fraction_bits, columns) = match answer {
        Answer::Labels => (vec![count as u64], 0, ("answers", "a label a row".into())),
        Answer::Scores => {
            let shape = vec![count as u64, layers.outputs() as u64];
            (shape, cloud.config.plan.fixed.fraction_bits(), ("scores a row", layers.outputs().to_string()))
        }
    };
    CiphertextFile { kind: Kind::Answers, shape, fraction_bits, slots, ciphertexts }.write(&engine, &args.out)?;
    print_facts(&[
        ("written to", args.out.display().to_string()),
        ("rows", count.to_string()),
        columns,
        ("for key", query.reader.id().to_string()),
        ("query", query.number.to_string()),
    ])
}

/// The features of the file, if they fit the model; targets behind them are left alone.
fn read_rows(
    args: &Args,
    cloud: &CloudState,
    engine: &smlp::arith::Engine,
) -> Result<smlp::paillier::Ciphertexts, Error> {
    let file = CiphertextFile::read(engine, &cloud.server_key, &args.data, Kind::Data)?;
    let refuse = |name, reason| Error::Container { path: args.data.clone(), source: CodecError::invalid(name, reason) };
    let plan = &cloud.config.plan;
    let (inputs, fraction_bits) = (plan.layers.inputs(), plan.fixed.fraction_bits());
    if file.fraction_bits != fraction_bits {
        let found = file.fraction_bits;
        let reason = format!("{found}, the model has {fraction_bits}; encrypt again with --fraction-bits");
        return Err(refuse("fraction bits", reason));
    }
    match file.shape.as_slice() {
        [rows, columns] | [rows, columns, _] if *rows > 0 && *columns == inputs as u64 => {
            Ok(file.ciphertexts.slice(0..*rows as usize * inputs))
        }
        shape => Err(refuse("shape", format!("{shape:?}; the model takes rows of {inputs} features"))),
    }
}
