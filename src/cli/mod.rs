//! The commands. Only this room prints: progress to standard error, results to files, a short table to standard output.
//!
//! One file a command, each with its `Args` and a `run`; [`groups`] holds the flags that several of them share.

mod globals;
mod groups;
mod interrupt;
mod output;
mod progress;

mod answers;
mod classify;
mod decrypt;
mod doctor;
mod encrypt;
mod export;
mod keygen;
mod open_model;
mod predict;
mod primitives;
mod report;
mod reproduce;
mod store;
mod sweep;
mod train;

use std::error::Error as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use smlp::error::Error;

use globals::Globals;
use output::say;

/// Train and use a multilayer perceptron on Paillier-encrypted data with two servers that do not collude.
///
/// Exit codes: 0 done; 2 usage; 3 bad input (file, key or data; the message names file, row and column); 4 the peer
/// misbehaved or disagreed; 5 the peer or the network was lost; 130 a training stopped as asked by Ctrl-C or SIGTERM,
/// with what it had finished kept; 1 anything else.
#[derive(Debug, Parser)]
#[command(verbatim_doc_comment, name = "smlp", version, propagate_version = true, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Reproduce(reproduce::Args),
    Train(Box<train::Args>),
    Keygen(keygen::Args),
    Encrypt(encrypt::Args),
    Classify(classify::Args),
    Export(export::Args),
    Decrypt(decrypt::Args),
    Predict(predict::Args),
    Sweep(sweep::Args),
    Primitives(primitives::Args),
    Report(report::Args),
    Doctor(doctor::Args),
}

/// Parses the command line and runs what it names.
pub fn run() -> ExitCode {
    let Cli { globals, command } = Cli::parse();
    let result = match &command {
        Command::Reproduce(args) => reproduce::run(args, &globals),
        Command::Train(args) => train::run(args, &globals),
        Command::Keygen(args) => keygen::run(args, &globals),
        Command::Encrypt(args) => encrypt::run(args, &globals),
        Command::Classify(args) => classify::run(args, &globals),
        Command::Export(args) => export::run(args, &globals),
        Command::Decrypt(args) => decrypt::run(args, &globals),
        Command::Predict(args) => predict::run(args, &globals),
        Command::Sweep(args) => sweep::run(args, &globals),
        Command::Primitives(args) => primitives::run(args, &globals),
        Command::Report(args) => report::run(args, &globals),
        Command::Doctor(args) => doctor::run(args, &globals),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {}", with_causes(&error)));
            ExitCode::from(error.exit_code())
        }
    }
}

/// The message, followed by those causes that it does not quote itself.
fn with_causes(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn flags_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_and_every_flag_is_explained() {
        for command in Cli::command().get_subcommands() {
            let name = command.get_name();
            assert!(command.get_about().is_some(), "{name} has no description");
            assert!(command.get_long_about().is_some_and(|text| text.to_string().contains("smlp ")), "{name}: example");
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{name}: {} is not explained", argument.get_id());
            }
        }
    }

    #[test]
    fn causes_are_told_once() {
        let source = std::io::Error::other("disk on fire");
        assert_eq!(with_causes(&Error::file("a.csv", source)), "a.csv: disk on fire");
    }
}
