//! `smlp encrypt`.

use std::path::{Path, PathBuf};

use rug::Integer;
use smlp::arith::Engine;
use smlp::container::{Kind, SlotField};
use smlp::data::{Dataset, Scaler, ScalingKind, Table, read_labelled, read_rows};
use smlp::error::Error;
use smlp::mlp::BoundName;
use smlp::mlp::metrics::one_hot;
use smlp::paillier::{CiphertextFile, Ciphertexts, PublicKey};
use smlp::rng::SecureRng;
use smlp::secret::SecretIntegers;

use super::globals::Globals;
use super::groups::{NumberArgs, WeakKeyArgs};
use super::output::{print_facts, require_folder_of};
use super::progress::Progress;

/// Values that are encrypted between two signs of progress.
const CHUNK: usize = 1024;

/// Encrypt a CSV file for the key server: the user's side, before anything is sent.
///
/// With --target the rows are for training: the scaling is fitted on them and written to FILE.scale.json beside FILE.enc,
/// for the user alone. Rows to classify later need that file. Examples:
///
///   smlp encrypt --data train.csv --target label --public-key P2.pub --out train.enc
///   smlp encrypt --data new.csv --scale train.scale.json --public-key P2.pub --out new.enc
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The CSV file, with a header row and a number in every feature column.
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// The column that holds the class; without it the rows are to be classified, and every column is a feature.
    #[arg(long, value_name = "COLUMN", required_unless_present = "scale")]
    target: Option<String>,
    /// The key server's public key.
    #[arg(long, value_name = "FILE")]
    public_key: PathBuf,
    /// The scaling that was fitted on the training rows [default with --target: fit it].
    #[arg(long, value_name = "FILE")]
    scale: Option<PathBuf>,
    /// Where the ciphertexts go.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Replace a scaling that was fitted before; rows that were scaled by it no longer fit [default: refuse].
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    numbers: NumberArgs,
    #[command(flatten)]
    weak: WeakKeyArgs,
}

/// Scales, encodes, encrypts and writes.
pub fn run(args: &Args, globals: &Globals) -> Result<(), Error> {
    let fitted_to = args.scale.is_none().then(|| args.out.with_extension("scale.json"));
    require_folder_of(&args.out)?;
    if let Some(path) = fitted_to.as_deref().filter(|path| path.exists() && !args.force) {
        let path = path.display();
        return Err(Error::Usage(format!("{path} exists; take another --out, or --force to replace the scaling")));
    }
    let key = args.weak.read_public_key(&args.public_key)?;
    let (table, labels) = match &args.target {
        Some(target) => {
            let Dataset { table, labels, class_names } = read_labelled(&args.data, target)?;
            (table, Some((labels, class_names)))
        }
        None => (read_rows(&args.data)?, None),
    };
    let scaler = match &args.scale {
        Some(path) => Scaler::read(path)?,
        None => Scaler::fit(ScalingKind::Standardise, &table)?,
    };
    let fixed = args.numbers.fixed()?;
    let mut values = scaler.apply(&table)?.encode(fixed, args.numbers.declared_bounds()?.bits(BoundName::Inputs))?;
    let mut shape = vec![table.rows() as u64, table.columns() as u64];
    if let Some((labels, class_names)) = &labels {
        values.extend(one_hot(labels, class_names.len(), fixed.one()));
        shape.push(class_names.len() as u64);
    }
    let engine = globals.engine()?;
    let ciphertexts = encrypt(&engine, &key, &values, globals.progress())?;
    let slots = SlotField::default();
    let file = CiphertextFile { kind: Kind::Data, shape, fraction_bits: fixed.fraction_bits(), slots, ciphertexts };
    file.write(&engine, &args.out)?;
    if let Some(path) = &fitted_to {
        scaler.write(path)?;
    }
    print_result(args, &table, labels.map(|(_, names)| names), fitted_to.as_deref())
}

fn encrypt(engine: &Engine, key: &PublicKey, values: &[i64], progress: Progress) -> Result<Ciphertexts, Error> {
    let mut task = progress.begin("encrypting", values.len() as u64);
    let mut rng = SecureRng::from_os();
    let mut parts = Vec::new();
    for chunk in values.chunks(CHUNK) {
        let plaintexts: SecretIntegers = chunk.iter().map(|value| Integer::from(*value)).collect();
        parts.push(key.encrypt_many(engine, &plaintexts, &mut rng)?);
        task.advance(chunk.len() as u64, "");
    }
    Ok(Ciphertexts::concat(&parts)?)
}

fn print_result(
    args: &Args,
    table: &Table,
    class_names: Option<Vec<String>>,
    scale: Option<&Path>,
) -> Result<(), Error> {
    let mut facts = vec![
        ("encrypted", args.out.display().to_string()),
        ("rows", table.rows().to_string()),
        ("columns", table.columns().to_string()),
    ];
    if let Some(names) = class_names {
        facts.push(("classes", names.join(", ")));
    }
    if let Some(scale) = scale {
        facts.push(("scaling, keep it", scale.display().to_string()));
    }
    print_facts(&facts)
}
