//! `smlp encrypt`.

use std::path::{Path, PathBuf};

use rug::Integer;
use smlp::arith::Engine;
use smlp::container::{Kind, SlotField};
use smlp::data::{DataSpec, Dataset, Scaler, ScalingKind, Table, is_idx_file, read_idx_images, read_rows};
use smlp::error::Error;
use smlp::measure::units::format_bytes;
use smlp::mlp::InputKind;
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

/// Encrypt a CSV file or images for the key server: the user's side, before anything is sent.
///
/// Rows with labels are for training: the scaling is fitted on them and written to FILE.scale.json beside FILE.enc, with
/// the names of the classes, for the user alone. Rows to classify later need that file. Examples:
///
///   smlp encrypt --data train.csv --target label --public-key P2.pub --out train.enc
///   smlp encrypt --data new.csv --scale train.scale.json --public-key P2.pub --out new.enc
///   smlp encrypt --data images.gz,labels.gz --rows 100 --public-key P2.pub --out images.enc
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// A CSV file with a header row and a number in every feature column; images and their labels in two IDX files, as
    /// IMAGES,LABELS; or images alone, which are to be classified.
    #[arg(long, value_name = "FILE")]
    data: String,
    /// The column of a CSV file that holds the class; without it the rows are to be classified, and every column is a
    /// feature.
    #[arg(long, value_name = "COLUMN")]
    target: Option<String>,
    /// Use only the first N rows [default: all].
    #[arg(long, value_name = "N")]
    rows: Option<usize>,
    /// The key server's public key.
    #[arg(long, value_name = "FILE")]
    public_key: PathBuf,
    /// The scaling that was fitted on the training rows [default with labels: fit it].
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
    let Rows { table, labels, inputs } = read(args)?;
    let key = args.weak.read_public_key(&args.public_key)?;
    let scaler = match &args.scale {
        Some(path) => Scaler::read(path)?,
        None => {
            let classes = labels.as_ref().map_or(Vec::new(), |(_, names)| names.clone());
            Scaler::fit(scaling(inputs), &table)?.with_classes(classes)
        }
    };
    let fixed = args.numbers.fixed()?;
    let mut values = scaler.apply(&table)?.encode(fixed, args.numbers.declared_bounds()?.bits(inputs.bound()))?;
    let mut shape = vec![table.rows() as u64, table.columns() as u64];
    if let Some((labels, class_names)) = &labels {
        values.extend(one_hot(labels, class_names.len(), fixed.one()));
        shape.push(class_names.len() as u64);
    }
    let file_bytes = (values.len() * key.ciphertext_len_bytes()) as f64;
    let (count, size) = (values.len(), format_bytes(file_bytes));
    globals.progress().note(&format!("{count} numbers, a ciphertext each: {size} in {}", args.out.display()));
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

/// What is to be encrypted.
struct Rows {
    table: Table,
    /// Index of the class of each row, and names of the classes; none for rows to classify.
    labels: Option<(Vec<u32>, Vec<String>)>,
    inputs: InputKind,
}

impl Rows {
    fn labelled(data: Dataset, inputs: InputKind) -> Self {
        Rows { table: data.table, labels: Some((data.labels, data.class_names)), inputs }
    }
}

fn read(args: &Args) -> Result<Rows, Error> {
    let path = Path::new(&args.data);
    let images = match args.data.parse() {
        Ok(pair @ DataSpec::Idx { .. }) => Some(Rows::labelled(pair.load_first(args.rows, "", 0)?, InputKind::Pixels)),
        _ if is_idx_file(path)? => {
            Some(Rows { table: read_idx_images(path, args.rows)?, labels: None, inputs: InputKind::Pixels })
        }
        _ => None,
    };
    match (images, &args.target) {
        (Some(images), None) => Ok(images),
        (Some(_), Some(_)) => {
            Err(Error::Usage("--target names a column of a CSV file; labels of images are a file of their own".into()))
        }
        (None, Some(target)) => {
            let rows = DataSpec::Csv(path.into()).load_first(args.rows, target, 0)?;
            Ok(Rows::labelled(rows, InputKind::Features))
        }
        (None, None) if args.scale.is_none() => Err(Error::Usage(
            "rows to train on need --target, the column with their class; rows to classify need --scale".into(),
        )),
        (None, None) => {
            let table = read_rows(path)?.first_rows(args.rows);
            Ok(Rows { table, labels: None, inputs: InputKind::Features })
        }
    }
}

/// How rows are scaled that nothing else is known of.
fn scaling(inputs: InputKind) -> ScalingKind {
    match inputs {
        InputKind::Pixels => ScalingKind::PIXELS,
        InputKind::Features => ScalingKind::Standardise,
    }
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
