//! What `--data` names: a built-in data set, a CSV file, or images and their labels in two IDX files.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::data::builtin;
use crate::data::csv::read_labelled;
use crate::data::error::DataError;
use crate::data::idx::read_idx_pair;
use crate::data::scale::ScalingKind;
use crate::data::suggest::nearest;
use crate::data::table::Dataset;

const NAMES: [&str; 5] = ["breast_cancer", "digits", "xor", "majority:10", "parity:4"];
const MAX_BITS: u32 = 16;

/// Pixels of the built-in digits are 0 to 16.
const DIGITS_MAX_PIXEL: f64 = 16.0;

/// A data set by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataSpec {
    /// Wisconsin Diagnostic Breast Cancer, 569 x 30, two classes.
    BreastCancer,
    /// Handwritten digits, 1797 x 64, ten classes.
    Digits,
    /// 1000 seeded rows of two bits.
    Xor,
    /// All words of so many bits, 1 to 16, by their majority.
    Majority(u32),
    /// All words of so many bits, 1 to 16, by their parity.
    Parity(u32),
    /// A CSV file.
    Csv(PathBuf),
    /// Images and their labels.
    Idx {
        /// The file of images.
        images: PathBuf,
        /// The file of labels.
        labels: PathBuf,
    },
}

impl DataSpec {
    /// Reads or makes the data. `target` is the class column of a CSV file, `seed` draws the rows of xor.
    ///
    /// # Errors
    /// If a file is unusable.
    pub fn load(&self, target: &str, seed: u64) -> Result<Dataset, DataError> {
        self.load_first(None, target, seed)
    }

    /// The same with only the first `max_rows` rows, if that is given. Classes are those of all rows.
    ///
    /// # Errors
    /// As [`DataSpec::load`].
    pub fn load_first(&self, max_rows: Option<usize>, target: &str, seed: u64) -> Result<Dataset, DataError> {
        let data = match self {
            DataSpec::BreastCancer => builtin::breast_cancer()?,
            DataSpec::Digits => builtin::digits()?,
            DataSpec::Xor => builtin::xor(seed),
            DataSpec::Majority(bits) => builtin::majority(*bits),
            DataSpec::Parity(bits) => builtin::parity(*bits),
            DataSpec::Csv(path) => read_labelled(path, target)?,
            // The rest of a large file of images is not even kept while it is read.
            DataSpec::Idx { images, labels } => read_idx_pair(images, labels, max_rows)?,
        };
        Ok(data.first_rows(max_rows))
    }

    /// Whether the features are pixels that are scaled to [0, 1], so that fewer bits may be declared for them.
    pub fn is_image(&self) -> bool {
        matches!(self, DataSpec::Idx { .. })
    }

    /// How such data are scaled.
    pub fn scaling(&self) -> ScalingKind {
        match self {
            DataSpec::BreastCancer | DataSpec::Csv(_) => ScalingKind::Standardise,
            DataSpec::Digits => ScalingKind::Divide { divisor: DIGITS_MAX_PIXEL },
            DataSpec::Idx { .. } => ScalingKind::PIXELS,
            DataSpec::Xor | DataSpec::Majority(_) | DataSpec::Parity(_) => ScalingKind::Identity,
        }
    }
}

impl FromStr for DataSpec {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self, DataError> {
        match text {
            "breast_cancer" => return Ok(DataSpec::BreastCancer),
            "digits" => return Ok(DataSpec::Digits),
            "xor" => return Ok(DataSpec::Xor),
            _ => {}
        }
        if let Some(bits) = text.strip_prefix("majority:") {
            return Ok(DataSpec::Majority(parse_bits(text, bits)?));
        }
        if let Some(bits) = text.strip_prefix("parity:") {
            return Ok(DataSpec::Parity(parse_bits(text, bits)?));
        }
        let path = Path::new(text);
        if let Some((images, labels)) = text.split_once(',').filter(|_| !path.is_file()) {
            return Ok(DataSpec::Idx { images: images.into(), labels: labels.into() });
        }
        let has_csv_name = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
        if has_csv_name || path.is_file() {
            return Ok(DataSpec::Csv(path.into()));
        }
        Err(DataError::UnknownName { given: text.into(), suggestion: nearest(text, NAMES).map(str::to_owned) })
    }
}

fn parse_bits(given: &str, bits: &str) -> Result<u32, DataError> {
    match bits.parse() {
        Ok(bits) if (1..=MAX_BITS).contains(&bits) => Ok(bits),
        _ => Err(DataError::BitCount { given: given.into() }),
    }
}

impl fmt::Display for DataSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DataSpec::BreastCancer => f.write_str("breast_cancer"),
            DataSpec::Digits => f.write_str("digits"),
            DataSpec::Xor => f.write_str("xor"),
            DataSpec::Majority(bits) => write!(f, "majority:{bits}"),
            DataSpec::Parity(bits) => write!(f, "parity:{bits}"),
            DataSpec::Csv(path) => path.display().fmt(f),
            DataSpec::Idx { images, labels } => write!(f, "{},{}", images.display(), labels.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_come_back() {
        for name in
            ["breast_cancer", "digits", "xor", "majority:1", "majority:16", "parity:4", "some/where.csv", "i.gz,l.gz"]
        {
            assert_eq!(name.parse::<DataSpec>().unwrap().to_string(), name);
        }
    }

    #[test]
    fn unknown_names_list_the_built_in_ones() {
        let message = "brest_cancer".parse::<DataSpec>().unwrap_err().to_string();
        assert!(message.contains("did you mean \"breast_cancer\"") && message.contains("parity:N"), "{message}");
        for text in ["", "Xor ", "majority", "no/such/file.tsv"] {
            assert!(text.parse::<DataSpec>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn impossible_sizes_are_refused() {
        for text in ["majority:0", "majority:17", "parity:", "parity:-1", "parity:4.5", "parity:99999999999"] {
            assert!(matches!(text.parse::<DataSpec>(), Err(DataError::BitCount { .. })), "{text}");
        }
    }

    #[test]
    fn an_existing_file_needs_no_csv_ending() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table");
        std::fs::write(&path, "a,kind\n1,x\n2,y\n").unwrap();
        let spec: DataSpec = path.to_str().unwrap().parse().unwrap();
        assert_eq!(spec.load("kind", 0).unwrap().classes(), 2);
        assert_eq!(spec.scaling(), ScalingKind::Standardise);
    }

    #[test]
    fn images_and_labels_are_named_together_and_an_existing_file_may_have_a_comma() {
        let folder = tempfile::tempdir().unwrap();
        let (images, labels) = (folder.path().join("i"), folder.path().join("l"));
        std::fs::write(&images, [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 10, 255]).unwrap();
        std::fs::write(&labels, [0, 0, 8, 1, 0, 0, 0, 2, 4, 3]).unwrap();
        let spec: DataSpec = format!("{},{}", images.display(), labels.display()).parse().unwrap();
        let data = spec.load("ignored", 0).unwrap();
        assert_eq!((data.labels.clone(), data.classes()), (vec![1, 0], 2));
        assert_eq!(
            crate::data::Scaler::fit(spec.scaling(), &data.table).unwrap().apply(&data.table).unwrap().values[1],
            1.0
        );
        assert_eq!(spec.load_first(Some(1), "ignored", 0).unwrap().rows(), 1);

        let alone: DataSpec = images.to_str().unwrap().parse().unwrap();
        let message = alone.load("label", 0).unwrap_err().to_string();
        assert!(message.contains("IMAGES,LABELS"), "{message}");
        let with_comma = folder.path().join("a,b");
        std::fs::write(&with_comma, "a,kind\n1,x\n2,y\n").unwrap();
        assert_eq!(with_comma.to_str().unwrap().parse::<DataSpec>().unwrap(), DataSpec::Csv(with_comma));
    }

    #[test]
    fn the_first_rows_keep_all_classes() {
        let first = DataSpec::Digits.load_first(Some(3), "label", 0).unwrap();
        assert_eq!((first.rows(), first.classes()), (3, 10));
        assert_eq!(DataSpec::Xor.load_first(Some(5000), "label", 0).unwrap(), DataSpec::Xor.load("label", 0).unwrap());
    }

    #[test]
    fn every_built_in_name_loads() {
        for name in NAMES {
            let data = name.parse::<DataSpec>().unwrap().load("ignored", 1).unwrap();
            assert_eq!(data.table.name, name);
            assert_eq!(data.table.values.len(), data.rows() * data.columns());
        }
    }

    proptest! {
        #[test]
        fn any_text_ends_in_an_answer(text in "\\PC{0,24}") {
            let _ = text.parse::<DataSpec>();
        }
    }
}
