//! The flags that every command takes.

use clap::{Args, ValueEnum};
use smlp::arith::{ConstantTime, Engine, EngineKind, EngineOptions};
use smlp::error::Error;

use super::progress::Progress;

/// What holds for the whole program.
///
/// A command whose `--engine` or `--threads` takes a list declares a flag of the same name; it then replaces the one
/// here, and these fields hold the list's first element.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Globals {
    /// Show no progress.
    #[arg(long, global = true)]
    pub quiet: bool,
    /// Threads that compute, shared by all parties of the process [default: all cores].
    #[arg(long, global = true, value_name = "N", value_parser = parse_threads)]
    pub threads: Option<usize>,
    /// What computes: `auto` takes the fastest that this processor runs, `gmp` runs everywhere, `ifma` needs AVX-512
    /// IFMA [default: the environment
    /// variable SMLP_ENGINE, else auto].
    #[arg(long, global = true, value_name = "NAME")]
    pub engine: Option<EngineKind>,
    /// How strictly secrets are kept from the clock: `strict` hides table addresses too, at some cost.
    #[arg(long, global = true, value_name = "CLASS", default_value = "default")]
    pub constant_time: Strictness,
}

/// Values of `--constant-time`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Strictness {
    /// Each operation in the timing class that its secrets need.
    Default,
    /// Table addresses do not depend on secrets either.
    Strict,
}

impl Globals {
    /// The engine that the flags ask for.
    ///
    /// # Errors
    /// If it does not run here or fails its self-test.
    pub fn engine(&self) -> Result<Engine, Error> {
        let engine = Engine::new(&self.engine_options()?)?;
        if let Some(warning) = engine.warning() {
            eprintln!("warning: {warning}");
        }
        Ok(engine)
    }

    /// What the flags and the environment say about the engine.
    ///
    /// # Errors
    /// If the environment names an engine that does not exist.
    pub fn engine_options(&self) -> Result<EngineOptions, Error> {
        let kind = match self.engine {
            Some(kind) => kind,
            None => EngineOptions::from_env().map_err(|error| Error::Usage(error.to_string()))?.kind,
        };
        let constant_time = match self.constant_time {
            Strictness::Default => ConstantTime::Default,
            Strictness::Strict => ConstantTime::Strict,
        };
        Ok(EngineOptions { kind, threads: self.threads.unwrap_or(0), constant_time })
    }

    /// How progress is shown.
    pub fn progress(&self) -> Progress {
        Progress::new(self.quiet)
    }
}

/// A number of threads: at least one.
pub fn parse_threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(threads) if (1..=1024).contains(&threads) => Ok(threads),
        _ => Err("threads are 1 to 1024".into()),
    }
}
