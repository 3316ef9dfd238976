//! What does one operation cost, and how does it grow with the key?

use super::{Chart, distinct, in_order};
use crate::measure::rows::PrimitiveRow;
use crate::measure::units::format_tick_ns;
use crate::report::axis::Axis;
use crate::report::error::ReportError;
use crate::report::line_chart::{LineChart, Panel, Point, Series, x_values, y_values};
use crate::report::style::{Look, Marker, colour};

/// The batch that one row stands for where several were measured: large enough to fill every engine's lanes.
const USUAL_BATCH: u64 = 64;

/// Operations that are read together.
struct Group {
    title: &'static str,
    stem: &'static str,
    operations: &'static [&'static str],
}

const GROUPS: [Group; 4] = [
    Group {
        title: "Encryption and re-randomisation against key length",
        stem: "primitives_encryption",
        operations: &["encrypt_rn", "encrypt_public", "encrypt_owner", "encrypt_pooled", "rerandomize"],
    },
    Group {
        title: "Key generation, decryption and powers against key length",
        stem: "primitives_powers",
        operations: &["keygen", "decrypt", "decrypt_no_crt", "modexp_n2_1024", "modexp_p2_1024"],
    },
    Group {
        title: "Arithmetic on ciphertexts against key length",
        stem: "primitives_arithmetic",
        operations: &["add", "mul_plain_64", "dot_term_64", "dot_term_32", "pack"],
    },
    Group {
        title: "Operations of the two servers against key length",
        stem: "primitives_two_servers",
        operations: &["mul_enc", "div_enc", "max_enc", "compare_blinded", "compare_dgk"],
    },
];

/// A chart for each group of operations of which some were measured, and one for operations that no group knows.
pub fn draw(rows: &[PrimitiveRow], suffix: &str) -> Result<Vec<Chart>, ReportError> {
    let rows = usual(rows);
    let known = |row: &PrimitiveRow| GROUPS.iter().any(|group| group.operations.contains(&row.operation.as_str()));
    let mut charts = Vec::new();
    for group in GROUPS {
        let own = rows.iter().filter(|row| group.operations.contains(&row.operation.as_str()));
        charts.extend(draw_group(own.copied().collect(), group.title, group.stem, suffix)?);
    }
    let others = rows.iter().copied().filter(|row| !known(row)).collect();
    charts.extend(draw_group(others, "Further operations against key length", "primitives_further", suffix)?);
    Ok(charts)
}

fn draw_group(rows: Vec<&PrimitiveRow>, title: &str, stem: &str, suffix: &str) -> Result<Option<Chart>, ReportError> {
    if rows.is_empty() {
        return Ok(None);
    }
    let operations = in_order(rows.iter().map(|row| row.operation.as_str()));
    let variants = Variants::of(&rows);
    let mut series = Vec::new();
    for (index, operation) in operations.iter().enumerate() {
        let own: Vec<&PrimitiveRow> = rows.iter().copied().filter(|row| row.operation == *operation).collect();
        for variant in in_order(own.iter().map(|row| variants.of_row(row))) {
            let mut points: Vec<Point> =
                own.iter().filter(|row| variants.of_row(row) == variant).map(|row| point(row)).collect();
            points.sort_by(|a, b| a.x.total_cmp(&b.x));
            let look = variants.look(index, &variant);
            series.push(Series { name: variants.name(operation, &variant), look, points });
        }
    }
    let y = Axis::for_magnitudes(&y_values(&series), format_tick_ns);
    let panel = Panel {
        x_label: "Key length (bits)".to_owned(),
        y_label: y.title("Time of one operation"),
        x: Axis::at_values(&x_values(&series), |bits| format!("{bits}")),
        y,
        series,
    };
    let title = format!("{title}{suffix}");
    let svg = LineChart { title: title.clone(), subtitle: conditions(&rows), panels: vec![panel] }.draw()?;
    let caption = "Time of a single operation, amortised over its batch; the result of each was checked before it was \
                   timed. Points are medians, whiskers reach from the smallest to the largest sample."
        .to_owned();
    Ok(Some(Chart { stem: stem.to_owned(), title, caption, svg }))
}

fn point(row: &PrimitiveRow) -> Point {
    Point { x: f64::from(row.key_bits), y: row.median_ns, spread: Some((row.min_ns, row.max_ns)) }
}

/// One row for each operation, engine, timing class and key length: fewest threads, then the usual batch or, without it,
/// the largest.
pub fn usual(rows: &[PrimitiveRow]) -> Vec<&PrimitiveRow> {
    let same = |a: &PrimitiveRow, b: &PrimitiveRow| {
        (&a.operation, &a.engine, &a.timing_class, a.key_bits) == (&b.operation, &b.engine, &b.timing_class, b.key_bits)
    };
    let rank = |row: &PrimitiveRow| (std::cmp::Reverse(row.threads), row.batch == USUAL_BATCH, row.batch);
    let mut chosen: Vec<&PrimitiveRow> = Vec::new();
    for row in rows.iter().filter(|row| row.median_ns.is_finite() && row.median_ns > 0.0) {
        match chosen.iter_mut().find(|other| same(other, row)) {
            Some(other) if rank(row) > rank(other) => *other = row,
            Some(_) => {}
            None => chosen.push(row),
        }
    }
    chosen
}

/// Batch and threads that rows were taken at, in words.
pub fn conditions(rows: &[&PrimitiveRow]) -> String {
    let list = |values: Vec<u64>| values.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    let batches = distinct(rows.iter().map(|row| row.batch));
    let threads = distinct(rows.iter().map(|row| row.threads));
    let engines = in_order(rows.iter().map(|row| row.engine.as_str())).join(", ");
    format!(
        "Engine {engines}; batch {}; {} {}; median, whiskers from smallest to largest sample",
        list(batches),
        list(threads.clone()),
        if threads == [1] { "thread" } else { "threads" },
    )
}

/// What, beside the operation, tells the rows of a chart apart: the engine and the timing class, where they differ.
pub struct Variants {
    several_engines: bool,
    several_classes: bool,
    all: Vec<Variant>,
}

type Variant = (String, String);

impl Variants {
    pub fn of(rows: &[&PrimitiveRow]) -> Variants {
        let several_engines = distinct(rows.iter().map(|row| row.engine.as_str())).len() > 1;
        // A class only needs a name where one operation on one engine was measured in two of them.
        let several_classes = rows.iter().any(|row| {
            let twin = |other: &&PrimitiveRow| {
                (&other.operation, &other.engine) == (&row.operation, &row.engine)
                    && other.timing_class != row.timing_class
            };
            rows.iter().any(twin)
        });
        let mut variants = Variants { several_engines, several_classes, all: Vec::new() };
        variants.all = in_order(rows.iter().map(|row| variants.of_row(row)));
        variants
    }

    pub fn of_row(&self, row: &PrimitiveRow) -> Variant {
        (row.engine.clone(), if self.several_classes { row.timing_class.clone() } else { String::new() })
    }

    pub fn all(&self) -> &[Variant] {
        &self.all
    }

    /// The look of the n-th operation in a variant: the operation has the colour, the variant marker and line; with one
    /// variant only, the operation has its own marker as well.
    pub fn look(&self, index: usize, variant: &Variant) -> Look {
        let number = self.all.iter().position(|other| other == variant).unwrap_or(0);
        let marker = Marker::nth(if self.all.len() > 1 { number } else { index });
        Look { colour: colour(index), marker, dashed: number % 2 == 1 }
    }

    /// The name of a series.
    pub fn name(&self, what: &str, (engine, class): &Variant) -> String {
        let mut name = what.to_owned();
        if self.several_engines {
            name.push_str(&format!(", {engine}"));
        }
        if self.several_classes {
            name.push_str(&format!(", {class}"));
        }
        name
    }
}
