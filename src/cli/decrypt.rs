//! `smlp decrypt`.

use std::path::{Path, PathBuf};

use rug::Integer;
use smlp::codec::CodecError;
use smlp::container::{Kind, write_atomic};
use smlp::data::Scaler;
use smlp::error::Error;
use smlp::fixed::FixedPoint;
use smlp::mlp::Layers;
use smlp::mlp::metrics::{argmax, mean_loss};
use smlp::paillier::{CiphertextFile, SecretKey};

use super::answers::{ClassNames, join, labels_csv, scores_csv};
use super::globals::Globals;
use super::open_model::OpenModel;
use super::output::print;

/// Open what came back: answers, rows or a loss curve as CSV, a model as JSON.
///
/// Labels are the column label; scores come as score_0, score_1, ... behind it, and their label is the index of the
/// largest, ties to the lower index. With --scale labels are the names of the classes. A curve has the columns epoch and
/// loss. Fractions are written in full precision. Examples:
///
///   smlp decrypt --key alice.key --in answers.enc --scale train.scale.json --out answers.csv
///   smlp decrypt --key alice.key --in model.enc --out model.json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The private key that the file was made for.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The encrypted file.
    #[arg(long = "in", value_name = "FILE")]
    input: PathBuf,
    /// Where the result goes, readable by its owner only: FILE.csv, or FILE.json for a model.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The file FILE.scale.json of the training rows, which names the classes [default: labels are indexes].
    #[arg(long, value_name = "FILE")]
    scale: Option<PathBuf>,
}

/// Decrypts and writes.
pub fn run(args: &Args, globals: &Globals) -> Result<(), Error> {
    let kind = match Kind::of_file(&args.input)? {
        Some(kind @ (Kind::Answers | Kind::Data | Kind::Model | Kind::Curve)) => kind,
        Some(other) => {
            let (path, holds) = (args.input.display(), other.name());
            let what = "decrypt opens encrypted answers, data, models and loss curves";
            return Err(Error::Usage(format!("{path} holds {holds}; {what}")));
        }
        None => Kind::Answers,
    };
    let engine = globals.engine()?;
    let key = SecretKey::read(&args.key)?;
    let scaler = args.scale.as_deref().map(Scaler::read).transpose()?;
    let file = CiphertextFile::read(&engine, key.public_key(), &args.input, kind)?;
    let opened = file.open(&engine, &key)?;
    let names = || ClassNames::of_scaler(scaler.as_ref(), args.scale.as_deref());
    let text = match (kind, file.shape.as_slice()) {
        (Kind::Answers, [_]) => labels_csv(&whole_numbers(&opened, &args.input)?, &names()?, &args.input)?,
        (Kind::Answers, [_, classes]) if *classes > 0 => {
            scores_csv(&fractions(&file, &opened)?, *classes as usize, &names()?, &args.input)?
        }
        (Kind::Data, [rows, columns] | [rows, columns, _]) if *columns > 0 => {
            data_csv(&fractions(&file, &opened)?, *rows as usize, *columns as usize)
        }
        (Kind::Model, widths) => {
            let layers = Layers::new(widths.iter().map(|width| *width as usize).collect())
                .map_err(|error| refuse(&args.input, "shape", error.to_string()))?;
            let parameters = whole_numbers(&opened, &args.input)?;
            OpenModel::from_parameters(layers, FixedPoint::new(file.fraction_bits)?, &parameters).to_json()?
        }
        (Kind::Curve, [_, rows, last_rows]) => curve_csv(&opened, file.fraction_bits, *rows, *last_rows),
        (_, shape) => return Err(refuse(&args.input, "shape", format!("{shape:?} is none of {}", kind.name()))),
    };
    write_atomic(&args.out, text.as_bytes(), true)?;
    print(&format!("{} opened into {}", args.input.display(), args.out.display()))
}

/// Values at the scale of the file as real numbers.
fn fractions(file: &CiphertextFile, opened: &[Integer]) -> Result<Vec<f64>, Error> {
    let fixed = FixedPoint::new(file.fraction_bits)?;
    Ok(opened.iter().map(|value| value.to_f64() / fixed.one() as f64).collect())
}

fn whole_numbers(opened: &[Integer], path: &Path) -> Result<Vec<i64>, Error> {
    let number = |value: &Integer| {
        value
            .to_i64()
            .ok_or_else(|| refuse(path, "value", "a number is beyond every bound; the servers went wrong".into()))
    };
    opened.iter().map(number).collect()
}

fn refuse(path: &Path, name: &'static str, reason: String) -> Error {
    Error::Container { path: path.into(), source: CodecError::invalid(name, reason) }
}

/// Features \[rows\]\[columns\], and the label if one-hot targets \[rows\]\[classes\] come after them.
fn data_csv(values: &[f64], rows: usize, columns: usize) -> String {
    let (features, targets) = values.split_at(rows * columns);
    let mut labels = targets.chunks_exact((targets.len() / rows.max(1)).max(1)).map(argmax);
    let mut header: Vec<String> = (0..columns).map(|column| format!("feature_{column}")).collect();
    if !targets.is_empty() {
        header.push("label".into());
    }
    let mut text = join(header) + "\n";
    for row in features.chunks_exact(columns) {
        text.push_str(&join(row));
        if let Some(label) = labels.next() {
            text.push_str(&format!(",{label}"));
        }
        text.push('\n');
    }
    text
}

/// Sums of squared differences at scale 2^(2 fraction_bits), the last over `last_rows` rows, as mean losses.
fn curve_csv(sums: &[Integer], fraction_bits: u32, rows: u64, last_rows: u64) -> String {
    let mut text = String::from("epoch,loss\n");
    for (index, sum) in sums.iter().enumerate() {
        let rows = if index + 1 == sums.len() { last_rows } else { rows };
        let loss = mean_loss(sum.to_i128().unwrap_or(i128::MAX), rows, fraction_bits);
        text.push_str(&format!("{},{loss}\n", index + 1));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_come_back_with_labels_if_they_have_any() {
        assert_eq!(data_csv(&[1.0, 2.0], 2, 1), "feature_0\n1\n2\n");
        assert_eq!(data_csv(&[1.0, 2.0, 0.0, 1.0, 1.0, 0.0], 2, 1), "feature_0,label\n1,1\n2,0\n");
    }

    #[test]
    fn a_curve_counts_epochs_from_1_and_the_rows_of_the_last_one() {
        let sums = [1u32 << 10, 1 << 9].map(Integer::from);
        assert_eq!(curve_csv(&sums, 2, 8, 4), "epoch,loss\n1,4\n2,4\n");
    }
}
