//! `smlp doctor`.

use serde::Serialize;
use smlp::arith::EngineReport;
use smlp::error::Error;
use smlp::measure::machine::MachineFacts;
use smlp::measure::units::format_memory;

use super::globals::Globals;
use super::output::{print, print_facts};

/// Tell what this machine computes with, and whether it computes rightly.
///
/// Every engine is checked against known answers. Example:
///
///   smlp doctor --json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Print one JSON object [default: a table].
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Findings {
    #[serde(flatten)]
    engine: EngineReport,
    constant_time: smlp::arith::ConstantTime,
    machine: MachineFacts,
}

/// Looks at engine and machine and prints what it finds.
pub fn run(args: &Args, globals: &Globals) -> Result<(), Error> {
    let engine = globals.engine()?;
    let findings =
        Findings { engine: engine.report(), constant_time: engine.constant_time(), machine: MachineFacts::collect() };
    if args.json {
        let json = serde_json::to_string_pretty(&findings);
        return print(&json.map_err(|error| Error::Usage(format!("the findings are no JSON: {error}")))?);
    }
    print_facts(&facts(&findings))
}

fn facts(findings: &Findings) -> Vec<(&'static str, String)> {
    let Findings { engine, constant_time, machine } = findings;
    let mut facts = vec![
        ("smlp", format!("{} for {} on {}", machine.smlp_version, machine.arch, machine.os)),
        ("processor", format!("{}, {} logical cores", machine.cpu_model, machine.cpu_cores)),
        ("features", list_or_none(&machine.cpu_features)),
        ("memory", machine.memory_bytes.map_or("unknown".into(), format_memory)),
        ("GMP", engine.gmp_version.clone()),
        ("chosen", format!("{}: {}", engine.chosen, engine.reason)),
        ("threads", engine.threads.to_string()),
        ("timing", format!("{constant_time}")),
    ];
    for entry in &engine.engines {
        let test = match entry.self_test_passed {
            Some(true) => "known answers right",
            Some(false) => "KNOWN ANSWERS WRONG",
            None => "not available",
        };
        facts.push(("engine", format!("{}: {test} ({})", entry.kind, entry.reason)));
    }
    facts
}

fn list_or_none(items: &[String]) -> String {
    if items.is_empty() { "none that an engine uses".into() } else { items.join(" ") }
}
