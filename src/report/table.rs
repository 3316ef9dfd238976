//! A table of text, as HTML. Everything that comes from a file is escaped here.

/// Rows of cells under a header.
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

/// A column's name and how its cells stand.
#[derive(Clone, Copy)]
pub struct Column {
    name: &'static str,
    class: &'static str,
}

impl Column {
    pub const fn text(name: &'static str) -> Self {
        Column { name, class: "" }
    }

    /// Stands at the right, so that digits line up.
    pub const fn number(name: &'static str) -> Self {
        Column { name, class: "number" }
    }

    /// Longer text, broken into lines.
    pub const fn long_text(name: &'static str) -> Self {
        Column { name, class: "wrap" }
    }
}

impl Table {
    pub fn new(columns: &[Column]) -> Self {
        Table { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row with a cell for each column, as plain text.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table as HTML, in a box that scrolls sideways when the page is too narrow.
    pub fn to_html(&self) -> String {
        let mut html = String::from("<div class=\"scroll\"><table><thead><tr>");
        for column in &self.columns {
            html.push_str(&format!("<th class=\"{}\">{}</th>", column.class, escape(column.name)));
        }
        html.push_str("</tr></thead><tbody>\n");
        for row in &self.rows {
            html.push_str("<tr>");
            for (cell, column) in row.iter().zip(&self.columns) {
                html.push_str(&format!("<td class=\"{}\">{}</td>", column.class, escape(cell)));
            }
            html.push_str("</tr>\n");
        }
        html.push_str("</tbody></table></div>\n");
        html
    }
}

/// Text that stands for itself in HTML, in an element or in a quoted attribute.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_cannot_leave_their_table() {
        let mut table = Table::new(&[Column::text("name"), Column::number("value")]);
        table.row(["</td><script>alert('x')</script>".to_owned(), "1".to_owned()]);
        let html = table.to_html();
        assert!(html.contains("&lt;/td&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"), "{html}");
        assert!(!html.contains("<script>"));
        assert_eq!(escape("\"a\" & b"), "&quot;a&quot; &amp; b");
    }
}
