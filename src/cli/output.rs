//! What goes to standard output, short tables, and to standard error, lines.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;

use smlp::error::Error;

/// Prints `text` and a line end. A reader that has seen enough and closed its end is no error.
///
/// # Errors
/// If standard output cannot be written for another reason.
pub fn print(text: &str) -> Result<(), Error> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::file("standard output", error)),
        _ => Ok(()),
    }
}

/// Says a line on standard error. That nobody listens any more, as behind `| head`, must not end a training.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Prints names and values in two columns.
///
/// # Errors
/// As [`print`].
pub fn print_facts(facts: &[(&str, String)]) -> Result<(), Error> {
    let width = facts.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let lines: Vec<String> = facts.iter().map(|(name, value)| format!("{name:<width$}  {value}")).collect();
    print(&lines.join("\n"))
}

/// Refuses a file whose folder is not there, before the work that would fill it.
///
/// # Errors
/// If there is no such folder.
pub fn require_folder_of(path: &Path) -> Result<(), Error> {
    match path.parent() {
        Some(folder) if folder != Path::new("") && !folder.is_dir() => {
            Err(Error::file(folder, std::io::Error::new(ErrorKind::NotFound, "there is no such folder; make it first")))
        }
        _ => Ok(()),
    }
}

/// Makes a folder for results, with those above it.
///
/// # Errors
/// If it cannot be made.
pub fn make_folder(path: &Path) -> Result<(), Error> {
    fs::create_dir_all(path).map_err(|source| Error::file(path, source))
}
