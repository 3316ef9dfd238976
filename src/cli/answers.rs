//! Answers as CSV: a label a row, with scores where they are known.

use std::path::Path;

use smlp::codec::CodecError;
use smlp::data::Scaler;
use smlp::error::Error;
use smlp::mlp::metrics::argmax;

/// What labels are called.
pub struct ClassNames(Vec<String>);

impl ClassNames {
    /// The names that a scaling file carries; the indexes themselves without a file.
    ///
    /// # Errors
    /// [`Error::Usage`] if the file names no classes.
    pub fn of_scaler(scaler: Option<&Scaler>, path: Option<&Path>) -> Result<Self, Error> {
        match (scaler, path) {
            (Some(scaler), Some(path)) if scaler.classes.is_empty() => {
                let path = path.display();
                Err(Error::Usage(format!("{path} names no classes; leave --scale out to read labels as indexes")))
            }
            (scaler, _) => Ok(ClassNames(scaler.map_or(Vec::new(), |scaler| scaler.classes.clone()))),
        }
    }

    /// As a cell of a CSV file; `file` is for messages.
    ///
    /// # Errors
    /// For a label without a name, if there are names.
    fn cell(&self, label: u64, file: &Path) -> Result<String, Error> {
        if self.0.is_empty() {
            return Ok(label.to_string());
        }
        let name = usize::try_from(label).ok().and_then(|label| self.0.get(label));
        name.map(|name| quoted(name)).ok_or_else(|| {
            let reason = format!("{label}, but the scaling names {} classes; it belongs to other data", self.0.len());
            Error::Container { path: file.into(), source: CodecError::invalid("label", reason) }
        })
    }
}

/// Labels as they came back.
///
/// # Errors
/// If one is no label, or has no name.
pub fn labels_csv(labels: &[i64], names: &ClassNames, file: &Path) -> Result<String, Error> {
    let mut text = String::from("label\n");
    for label in labels {
        let known = u64::try_from(*label).map_err(|_| {
            let source = CodecError::invalid("label", format!("{label} is below 0; the servers went wrong"));
            Error::Container { path: file.into(), source }
        })?;
        text.push_str(&names.cell(known, file)?);
        text.push('\n');
    }
    Ok(text)
}

/// Scores \[rows\]\[classes\] with their label in front: the index of the largest, ties to the lower index.
///
/// # Errors
/// If a label has no name.
pub fn scores_csv(scores: &[f64], classes: usize, names: &ClassNames, file: &Path) -> Result<String, Error> {
    let columns = (0..classes).map(|class| format!("score_{class}"));
    let mut text = format!("label,{}\n", join(columns));
    for row in scores.chunks_exact(classes) {
        text.push_str(&format!("{},{}\n", names.cell(argmax(row) as u64, file)?, join(row)));
    }
    Ok(text)
}

/// Cells of a line.
pub fn join(items: impl IntoIterator<Item = impl ToString>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(",")
}

/// A cell whose text may hold commas and quotes (RFC 4180).
fn quoted(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named() -> ClassNames {
        ClassNames(vec!["benign".into(), "other, \"odd\"".into()])
    }

    #[test]
    fn scores_carry_label_and_full_precision() {
        let scores = [0.1, 0.25, 1.0 / 3.0, -2.0];
        let text = scores_csv(&scores, 2, &ClassNames(vec![]), Path::new("a")).unwrap();
        assert_eq!(text, "label,score_0,score_1\n1,0.1,0.25\n0,0.3333333333333333,-2\n");
        let text = scores_csv(&scores[..2], 2, &named(), Path::new("a")).unwrap();
        assert_eq!(text, "label,score_0,score_1\n\"other, \"\"odd\"\"\",0.1,0.25\n");
    }

    #[test]
    fn labels_become_names_and_others_are_refused() {
        let file = Path::new("answers.enc");
        assert_eq!(labels_csv(&[1, 0], &ClassNames(vec![]), file).unwrap(), "label\n1\n0\n");
        assert_eq!(labels_csv(&[0], &named(), file).unwrap(), "label\nbenign\n");
        for (label, part) in [(2, "names 2 classes"), (-1, "below 0"), (i64::MAX, "names 2 classes")] {
            let error = labels_csv(&[label], &named(), file).unwrap_err();
            assert!(error.exit_code() == 3 && error.to_string().contains(part), "{error}");
        }
    }
}
