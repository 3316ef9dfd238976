//! `smlp predict`.

use std::path::PathBuf;

use smlp::container::write_atomic;
use smlp::data::{Scaler, read_rows};
use smlp::error::Error;
use smlp::mlp::{BoundName, DeclaredBounds, FloorRounding, InputKind, TrainingPlan, twin};

use super::answers::{ClassNames, scores_csv};
use super::globals::Globals;
use super::open_model::OpenModel;
use super::output::print;

/// Use an exported model in the clear, on the user's own machine.
///
/// Rows are classified in the integers that the servers compute with, every division rounded down. The result has the
/// columns label, score_0, score_1, ...; with --scale rows are scaled as the training rows were, and labels are the names
/// of the classes. Example:
///
///   smlp predict --model model.json --data new.csv --scale train.scale.json --out labels.csv
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The model that `decrypt` wrote.
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// A CSV file in which every column is a feature.
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// The file FILE.scale.json of the training rows [default: features as they are, labels as indexes].
    #[arg(long, value_name = "FILE")]
    scale: Option<PathBuf>,
    /// Where labels and scores go, readable by their owner only [default: standard output].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Classifies and writes.
pub fn run(args: &Args, _globals: &Globals) -> Result<(), Error> {
    let open = OpenModel::read(&args.model)?;
    let model = open.to_fixed(&args.model)?;
    let scaler = args.scale.as_deref().map(Scaler::read).transpose()?;
    let table = read_rows(&args.data)?;
    let table = match &scaler {
        Some(scaler) => scaler.apply(&table)?,
        None => table,
    };
    let plan = plan_of(&open);
    plan.layers.check_data(table.columns(), plan.layers.outputs())?;
    let features = table.encode(plan.fixed, plan.bounds.inputs)?;
    let trace = twin::forward(&plan, &model, &FloorRounding, 0, &features, table.rows())?;
    let scores: Vec<f64> = trace.scores().iter().map(|score| plan.fixed.decode(*score)).collect();
    let names = ClassNames::of_scaler(scaler.as_ref(), args.scale.as_deref())?;
    let text = scores_csv(&scores, plan.layers.outputs(), &names, &args.data)?;
    match &args.out {
        Some(path) => {
            write_atomic(path, text.as_bytes(), true)?;
            print(&format!("{} rows classified into {}", table.rows(), path.display()))
        }
        None => print(text.trim_end()),
    }
}

/// A forward pass needs no bound but those that keep it inside its integers, and nothing is trained.
fn plan_of(open: &OpenModel) -> TrainingPlan {
    let [inputs, pixels, weights, activations, delta, products, gradients] = BoundName::ALL.map(BoundName::max_bits);
    TrainingPlan {
        layers: open.layers.clone(),
        learning_rate: 1.0,
        batch_rows: 1,
        drop_last: false,
        fixed: open.fixed,
        inputs: InputKind::Features,
        bounds: DeclaredBounds { inputs, pixels, weights, activations, delta, products, gradients },
    }
}
