//! One page that needs nothing beside itself: style and charts stand inside, there is no script.

use super::charts::{Chart, Missing};
use super::collect::{Source, Sources};
use super::job::describe_job;
use super::table::{Table, escape};
use super::tables;
use crate::measure::Summary;

const STYLE: &str = include_str!("page.css");

/// What the times of primitives are compared with; below their table.
const RATIO_NOTE: &str = "The reference is GMP as the rug crate builds it, whatever the engine uses; both were timed in \
    turns in the same run, and the ratio is the reference's time over this row's, so that above 1 is faster than the \
    reference. The reference of decrypt is two mpz_powm_sec modulo p^2; of encrypt_public, key_bits/16 products and \
    remainders modulo n^2; of mul_plain_64, mpz_powm; of add, one product and remainder; of dot_term, mpz_powm and a \
    product. GMP built for the processor at hand can be faster than this reference.";

const SWEEP_NOTE: &str = "Times of a step include the making of its randomness; traffic is of both ways together; a round \
    trip is counted when P1 waits for bytes that it could not have had before its last send.";

const PEERS_NOTE: &str = "One thread and one core each, in turns in one run; every result was decrypted and compared with \
    plain integers. A column of ratios above 1 says how many times smlp's time the other library takes.";

/// The whole page.
pub fn page(sources: &Sources, charts: &[Chart], missing: &[Missing]) -> String {
    let mut sections: Vec<(&str, &str, String)> = Vec::new();
    if !sources.summaries.is_empty() {
        sections.push(("jobs", "Trainings", tables::jobs(&sources.summaries).to_html()));
    }
    sections.push(("charts", "Charts", charts.iter().map(figure).collect::<String>() + &missing_note(missing)));
    if !sources.histories.is_empty() {
        sections.push(("epochs", "Epochs", titled(&sources.histories, |rows| tables::history(rows))));
    }
    if !sources.sweeps.is_empty() {
        sections.push(("sweep", "Sweep", titled(&sources.sweeps, |rows| tables::sweep(rows)) + &footnote(SWEEP_NOTE)));
    }
    if !sources.primitives.is_empty() {
        let html = titled(&sources.primitives, |rows| tables::primitives(rows)) + &footnote(RATIO_NOTE);
        sections.push(("primitives", "Primitives", html));
    }
    if !sources.peers.is_empty() {
        let html = titled(&sources.peers, |rows| tables::peers(rows)) + &footnote(PEERS_NOTE);
        sections.push(("peers", "Other libraries", html));
    }
    if !sources.summaries.is_empty() {
        sections.push(("parameters", "Parameters and machine", parameters(sources)));
    }
    sections.push(("files", "Files", files(&sources.files)));
    assemble(&sections)
}

fn assemble(sections: &[(&str, &str, String)]) -> String {
    let links: String = sections.iter().map(|(id, title, _)| format!("<a href=\"#{id}\">{title}</a>")).collect();
    let body: String = sections
        .iter()
        .map(|(id, title, html)| format!("<section id=\"{id}\"><h2>{title}</h2>\n{html}</section>\n"))
        .collect();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>smlp report</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <h1>smlp report</h1>\n\
         <p class=\"muted\">Training a multilayer perceptron on Paillier-encrypted data with two servers. Made by smlp {}.</p>\n\
         <nav>{links}</nav>\n{body}</body>\n</html>\n",
        env!("CARGO_PKG_VERSION"),
    )
}

fn figure(chart: &Chart) -> String {
    format!(
        "<figure id=\"{}\">\n{}\n<figcaption>{}</figcaption>\n</figure>\n",
        escape(&chart.stem),
        accessible(chart),
        escape(&chart.caption),
    )
}

/// The chart's SVG with a name for those who do not see it.
fn accessible(chart: &Chart) -> String {
    chart.svg.replacen("<svg ", &format!("<svg role=\"img\" aria-label=\"{}\" ", escape(&chart.title)), 1)
}

fn missing_note(missing: &[Missing]) -> String {
    if missing.is_empty() {
        return String::new();
    }
    let items: String = missing
        .iter()
        .map(|chart| format!("<li>{}: needs {}</li>", escape(chart.title), escape(chart.needs)))
        .collect();
    format!("<p class=\"muted\">Charts without data in these folders:</p><ul class=\"muted\">{items}</ul>\n")
}

/// A table a source, each under its folder's name when there are several.
fn titled<T>(sources: &[Source<T>], table: impl Fn(&T) -> Table) -> String {
    let heading = |source: &Source<T>| match sources.len() {
        1 => String::new(),
        _ => format!("<h3>{}</h3>\n", escape(&source.label)),
    };
    sources.iter().map(|source| heading(source) + &table(&source.content).to_html()).collect()
}

fn parameters(sources: &Sources) -> String {
    let section = |Source { label, content: summary }: &Source<Summary>| {
        format!(
            "<h3>{}</h3>\n{}\n{}",
            escape(&describe_job(&summary.parameters, label)),
            tables::parameters(summary).to_html(),
            tables::machine(&summary.machine, &summary.commit).to_html(),
        )
    };
    sources.summaries.iter().map(section).collect()
}

fn files(names: &[String]) -> String {
    let items: String = names.iter().map(|name| format!("<li>{}</li>", escape(name))).collect();
    format!("<p class=\"muted\">Made from these files:</p><ul class=\"muted\">{items}</ul>\n")
}

fn footnote(text: &str) -> String {
    format!("<p class=\"footnote\">{}</p>\n", escape(text))
}
