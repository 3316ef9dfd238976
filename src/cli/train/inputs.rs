//! Data and plan of a training, from its flags.

use std::path::Path;

use smlp::arith::Engine;
use smlp::codec::CodecError;
use smlp::container::Kind;
use smlp::data::{DataSpec, Dataset, Scaler};
use smlp::error::Error;
use smlp::mlp::{InputKind, Layers, TrainingPlan};
use smlp::paillier::{CiphertextFile, PublicKey};
use smlp::train::{EncryptedRows, JobData, TrainingData};

use super::args::Args;

/// What a training starts from, and what is known about it.
pub struct Inputs {
    pub data: JobData,
    pub plan: TrainingPlan,
    pub train_rows: usize,
    /// Absent when the rows came encrypted.
    pub scaler: Option<Scaler>,
    /// Absent when the rows came encrypted.
    pub class_names: Option<Vec<String>>,
}

/// Whether `--data` names rows that were encrypted before.
pub fn is_encrypted(args: &Args) -> Result<bool, Error> {
    let path = Path::new(&args.data);
    if !path.is_file() {
        let has_its_ending = path.extension().is_some_and(|ending| ending == "enc");
        return match has_its_ending {
            true => Err(Error::file(path, std::io::ErrorKind::NotFound.into())),
            false => Ok(false),
        };
    }
    match Kind::of_file(path)? {
        None => Ok(false),
        Some(Kind::Data) => Ok(true),
        Some(other) => {
            let reason = format!("this file holds {}, encrypted data were expected", other.name());
            Err(Error::Container { path: path.into(), source: CodecError::invalid("kind", reason) })
        }
    }
}

/// Loads, splits, scales and encodes rows in the clear. `seed` draws the rows of xor and the split.
pub fn plain(args: &Args, seed: u64) -> Result<Inputs, Error> {
    let spec: DataSpec = args.data.parse()?;
    let data: Dataset = spec.load_first(args.rows, &args.target, seed)?;
    let layers = match &args.layers {
        Some(layers) => layers.clone(),
        None => default_layers(&spec, &data)?,
    };
    require_classes(&layers, &data)?;
    layers.check_data(data.columns(), data.classes())?;
    let plan = plan(args, layers, if spec.is_image() { InputKind::Pixels } else { InputKind::Features })?;
    let input_bits = plan.bounds.bits(plan.inputs.bound());
    let (rows, scaler) = TrainingData::prepare(&data, spec.scaling(), args.test_split, seed, plan.fixed, input_bits)?;
    let train_rows = rows.train.rows();
    let class_names = Some(data.class_names);
    Ok(Inputs { data: rows.into(), plan, train_rows, scaler: Some(scaler), class_names })
}

/// Reads rows that were encrypted under P2's key, with their targets.
pub fn encrypted(args: &Args, engine: &Engine, server_key: &PublicKey) -> Result<Inputs, Error> {
    let path = Path::new(&args.data);
    let refuse = |name, reason| Error::Container { path: path.into(), source: CodecError::invalid(name, reason) };
    let file = CiphertextFile::read(engine, server_key, path, Kind::Data)?;
    let [rows, columns, classes] = file.shape[..] else {
        return Err(refuse("shape", "the rows have no targets; training needs encrypt --target".into()));
    };
    let layers = args.layers.clone().ok_or_else(|| {
        Error::Usage(format!("encrypted data need --layers; these have {columns} features and {classes} classes"))
    })?;
    layers.check_data(columns as usize, classes as usize)?;
    let plan = plan(args, layers, InputKind::Features)?;
    if file.fraction_bits != plan.fixed.fraction_bits() {
        let reason = format!("{}; train with --fraction-bits {0}", file.fraction_bits);
        return Err(refuse("fraction bits", reason));
    }
    let first_target = (rows * columns) as usize;
    let rows = args.rows.map_or(rows, |max_rows| rows.min(max_rows as u64));
    let features = file.ciphertexts.slice(0..(rows * columns) as usize);
    let targets = file.ciphertexts.slice(first_target..first_target + (rows * classes) as usize);
    let data = JobData::Encrypted(EncryptedRows { features, targets });
    Ok(Inputs { data, plan, train_rows: rows as usize, scaler: None, class_names: None })
}

/// Names the classes where there are more than outputs: one of them may be a mistake in the data.
fn require_classes(layers: &Layers, data: &Dataset) -> Result<(), Error> {
    if data.classes() <= layers.outputs() {
        return Ok(());
    }
    let (outputs, classes, file) = (layers.outputs(), data.classes(), &data.table.name);
    let names = data.class_names.join(", ");
    Err(Error::Usage(format!(
        "layers {layers} end in {outputs} classes, but the rows of {file} have {classes}: {names}"
    )))
}

fn plan(args: &Args, layers: Layers, inputs: InputKind) -> Result<TrainingPlan, Error> {
    Ok(TrainingPlan {
        layers,
        learning_rate: args.job.learning_rate,
        batch_rows: args.job.batch,
        drop_last: args.job.drop_last,
        fixed: args.job.numbers.fixed()?,
        inputs,
        bounds: args.job.numbers.declared_bounds()?,
    })
}

/// One hidden layer that reaches the published accuracy on the built-in data.
fn default_layers(spec: &DataSpec, data: &Dataset) -> Result<Layers, Error> {
    let hidden = match spec {
        DataSpec::Xor | DataSpec::Majority(_) => 8,
        DataSpec::BreastCancer | DataSpec::Parity(_) => 16,
        DataSpec::Digits => 32,
        _ => {
            let (columns, classes) = (data.columns(), data.classes());
            let hint =
                format!("a file needs --layers; this one fits {columns},...,{classes}, as {columns},16,{classes}");
            return Err(Error::Usage(hint));
        }
    };
    Ok(Layers::new(vec![data.columns(), hidden, data.classes()])?)
}
