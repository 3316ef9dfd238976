//! What do the forms of encryption, decryption and comparison gain or cost?

use super::primitives::{Variants, conditions, usual};
use super::{Chart, distinct};
use crate::measure::rows::PrimitiveRow;
use crate::measure::units::{format_ns, format_tick_ns};
use crate::report::error::ReportError;
use crate::report::group_chart::{GroupChart, GroupSeries, SpreadValue};

/// An operation and what a reader calls it.
type Named = (&'static str, &'static str);

const FORMS: [Named; 4] = [
    ("encrypt_rn", "r^n (encrypt_rn)"),
    ("encrypt_public", "fixed-base table (encrypt_public)"),
    ("encrypt_owner", "key owner, CRT (encrypt_owner)"),
    ("encrypt_pooled", "from the pool (encrypt_pooled)"),
];

const DECRYPTIONS: [Named; 2] = [("decrypt", "with CRT (decrypt)"), ("decrypt_no_crt", "without CRT (decrypt_no_crt)")];

const COMPARISONS: [Named; 2] =
    [("compare_blinded", "blinded (compare_blinded)"), ("compare_dgk", "leaks nothing (compare_dgk)")];

/// Encryption by r^n, from the table, by the owner and from the pool.
pub fn encryption(rows: &[PrimitiveRow], suffix: &str) -> Result<Vec<Chart>, ReportError> {
    let caption = "A pooled encryption leaves out the making of its randomiser, which background threads do; its \
                   throughput over longer times is the producers'.";
    draw(rows, &FORMS, &format!("Forms of encryption{suffix}"), "encryption_forms", "Time of one encryption", caption)
}

/// Decryption with and without the Chinese remainder theorem.
pub fn decryption(rows: &[PrimitiveRow], suffix: &str) -> Result<Vec<Chart>, ReportError> {
    let title = format!("Decryption with and without CRT{suffix}");
    let caption = "With the Chinese remainder theorem two powers modulo p^2 and q^2 take the place of one modulo n^2.";
    draw(rows, &DECRYPTIONS, &title, "decryption_crt", "Time of one decryption", caption)
}

/// One comparison by either way, where both were measured.
pub fn comparison(rows: &[PrimitiveRow], suffix: &str) -> Result<Vec<Chart>, ReportError> {
    if COMPARISONS.iter().any(|(operation, _)| rows.iter().all(|row| row.operation != *operation)) {
        return Ok(Vec::new());
    }
    let title = format!("Cost of one comparison{suffix}");
    let caption = "The work of both servers for the sign of one shared number, without the network. The blinded \
                   comparison packs many numbers into a ciphertext and shows the key server noisy magnitudes; the other \
                   has a ciphertext for every bit, under a key of its own, and shows a random bit.";
    draw(rows, &COMPARISONS, &title, "comparison_cost", "Time of one comparison", caption)
}

fn draw(
    rows: &[PrimitiveRow],
    operations: &[Named],
    title: &str,
    stem: &str,
    y_label: &str,
    caption: &str,
) -> Result<Vec<Chart>, ReportError> {
    let mut rows = usual(rows);
    rows.retain(|row| operations.iter().any(|(operation, _)| row.operation == *operation));
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let key_lengths = distinct(rows.iter().map(|row| row.key_bits));
    let variants = Variants::of(&rows);
    let mut series = Vec::new();
    for variant in variants.all() {
        for (index, (operation, name)) in operations.iter().enumerate() {
            let own = |row: &&&PrimitiveRow| row.operation == *operation && variants.of_row(row) == *variant;
            let own: Vec<&PrimitiveRow> = rows.iter().filter(own).copied().collect();
            if own.is_empty() {
                continue;
            }
            let look = variants.look(index, variant);
            let value = |bits: &u32| own.iter().find(|row| row.key_bits == *bits).map(|row| spread(row));
            let values = key_lengths.iter().map(value).collect();
            series.push(GroupSeries { name: variants.name(name, variant), look, values });
        }
    }
    let chart = GroupChart {
        title: title.to_owned(),
        subtitle: conditions(&rows),
        x_label: "Key length (bits)".to_owned(),
        y_label: y_label.to_owned(),
        groups: key_lengths.iter().map(u32::to_string).collect(),
        series,
        format: format_ns,
        format_tick: format_tick_ns,
    };
    let svg = chart.draw()?;
    Ok(vec![Chart { stem: stem.to_owned(), title: title.to_owned(), caption: caption.to_owned(), svg }])
}

fn spread(row: &PrimitiveRow) -> SpreadValue {
    SpreadValue { median: row.median_ns, min: row.min_ns, max: row.max_ns }
}
