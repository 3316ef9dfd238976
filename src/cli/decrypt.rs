//! `smlp decrypt`.

use std::path::PathBuf;

use serde::Serialize;
use smlp::container::{Kind, write_atomic};
use smlp::error::Error;
use smlp::fixed::FixedPoint;
use smlp::mlp::Layers;
use smlp::mlp::metrics::argmax;
use smlp::paillier::{CiphertextFile, SecretKey};

use super::globals::Globals;
use super::output::print;

/// Open what came back: answers or rows as CSV, a model as JSON.
///
/// Answers get the columns label and score_0, score_1, ...; the label is the index of the largest score, ties go to the
/// lower index. Fractions are written in full precision. Example:
///
///   smlp decrypt --key alice.key --in answers.enc --out answers.csv
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
    /// Widths of the model's layers, as 30,16,2; needed for a model only.
    #[arg(long, value_name = "WIDTHS")]
    layers: Option<Layers>,
}

/// A model in the clear.
#[derive(Serialize)]
struct OpenModel<'a> {
    layers: &'a Layers,
    /// For each layer [fan_out][fan_in], row-major.
    weights: Vec<Vec<f64>>,
    biases: Vec<Vec<f64>>,
}

/// Decrypts and writes.
pub fn run(args: &Args, globals: &Globals) -> Result<(), Error> {
    let unusable = |holds: &str| {
        let path = args.input.display();
        Error::Usage(format!("{path} holds {holds}; decrypt opens encrypted answers, data and models"))
    };
    let kind = match Kind::of_file(&args.input)? {
        Some(kind @ (Kind::Answers | Kind::Data | Kind::Model)) => kind,
        Some(other) => return Err(unusable(other.name())),
        None => Kind::Answers,
    };
    let engine = globals.engine()?;
    let key = SecretKey::read(&args.key)?;
    let file = CiphertextFile::read(&engine, key.public_key(), &args.input, kind)?;
    let fixed = FixedPoint::new(file.fraction_bits)?;
    let opened = key.decrypt_many(&engine, &file.ciphertexts)?;
    let values: Vec<f64> = opened.iter().map(|value| value.to_f64() / fixed.one() as f64).collect();
    let text = match (kind, file.shape.as_slice()) {
        (Kind::Answers, [_, classes]) if *classes > 0 => answers_csv(&values, *classes as usize),
        (Kind::Data, [rows, columns] | [rows, columns, _]) if *columns > 0 => {
            data_csv(&values, *rows as usize, *columns as usize)
        }
        (Kind::Model, _) => model_json(args, &values)?,
        _ => return Err(unusable("a tensor of an unknown shape")),
    };
    write_atomic(&args.out, text.as_bytes(), true)?;
    print(&format!("{} opened into {}", args.input.display(), args.out.display()))
}

/// Scores \[rows\]\[classes\] with their label in front.
fn answers_csv(scores: &[f64], classes: usize) -> String {
    let names = (0..classes).map(|class| format!("score_{class}"));
    let mut text = format!("label,{}\n", join(names));
    for row in scores.chunks_exact(classes) {
        text.push_str(&format!("{},{}\n", argmax(row), join(row)));
    }
    text
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

/// Parameters in the order of the file: weights and biases, layer by layer.
fn model_json(args: &Args, parameters: &[f64]) -> Result<String, Error> {
    let layers = args.layers.as_ref().ok_or_else(|| Error::Usage("a model needs --layers, as in 30,16,2".into()))?;
    if parameters.len() != layers.parameters() {
        let (expected, found) = (layers.parameters(), parameters.len());
        let reason = format!("--layers {layers} has {expected} parameters, the file holds {found}");
        return Err(Error::Usage(reason));
    }
    let mut rest = parameters;
    let mut take = |count: usize| {
        let (taken, left) = rest.split_at(count);
        rest = left;
        taken.to_vec()
    };
    let mut model = OpenModel { layers, weights: Vec::new(), biases: Vec::new() };
    for layer in 0..layers.weight_layers() {
        model.weights.push(take(layers.fan_in(layer) * layers.fan_out(layer)));
        model.biases.push(take(layers.fan_out(layer)));
    }
    serde_json::to_string_pretty(&model).map_err(|error| Error::Usage(format!("the model is no JSON: {error}")))
}

fn join(items: impl IntoIterator<Item = impl ToString>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_carry_label_and_full_precision() {
        let text = answers_csv(&[0.1, 0.25, 1.0 / 3.0, -2.0], 2);
        assert_eq!(text, "label,score_0,score_1\n1,0.1,0.25\n0,0.3333333333333333,-2\n");
    }

    #[test]
    fn data_come_back_with_labels_if_they_have_any() {
        assert_eq!(data_csv(&[1.0, 2.0], 2, 1), "feature_0\n1\n2\n");
        assert_eq!(data_csv(&[1.0, 2.0, 0.0, 1.0, 1.0, 0.0], 2, 1), "feature_0,label\n1,1\n2,0\n");
    }
}
