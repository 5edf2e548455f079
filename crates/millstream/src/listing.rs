//! Lists on standard output: aligned columns under capital headings as `rpk` prints them, or a JSON object per row.

use std::io::Write;

use serde_json::{Map, Value};

use crate::cli::Output;

/// Rows under headings.
#[derive(Debug)]
pub(crate) struct Listing {
    headings: Vec<String>,
    rows: Vec<Vec<Value>>,
}

impl Listing {
    /// An empty list; headings are lower-case words with `_` between them, as JSON has them.
    pub(crate) fn new(headings: &[&str]) -> Self {
        Self { headings: headings.iter().map(|name| (*name).to_owned()).collect(), rows: Vec::new() }
    }

    /// Adds a row: a value per heading.
    pub(crate) fn push(&mut self, row: Vec<Value>) {
        debug_assert_eq!(row.len(), self.headings.len());
        self.rows.push(row);
    }

    /// Writes it.
    ///
    /// # Errors
    /// When the output is closed.
    pub(crate) fn write(&self, output: Output, out: &mut dyn Write) -> std::io::Result<()> {
        match output {
            Output::Table => self.write_table(out),
            Output::Json => self.write_json(out),
        }
    }

    fn write_table(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let headings: Vec<String> =
            self.headings.iter().map(|name| name.to_ascii_uppercase().replace('_', "-")).collect();
        let cells: Vec<Vec<String>> = self.rows.iter().map(|row| row.iter().map(cell).collect()).collect();
        let width = |column: usize| {
            let lengths = cells.iter().map(|row| row[column].chars().count());
            lengths.chain([headings[column].chars().count()]).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..headings.len()).map(width).collect();
        for row in std::iter::once(&headings).chain(&cells) {
            let padded = row.iter().zip(&widths).map(|(text, width)| format!("{text:<width$}"));
            let line = padded.collect::<Vec<_>>().join("  ");
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }

    /// The rows as JSON objects, to be part of a larger one.
    pub(crate) fn to_objects(&self) -> Vec<Value> {
        let object = |row: &Vec<Value>| -> Map<String, Value> {
            self.headings.iter().cloned().zip(row.iter().cloned()).collect()
        };
        self.rows.iter().map(|row| Value::Object(object(row))).collect()
    }

    fn write_json(&self, out: &mut dyn Write) -> std::io::Result<()> {
        self.to_objects().iter().try_for_each(|object| writeln!(out, "{object}"))
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::Listing;
    use crate::cli::Output;

    #[test]
    fn columns_are_aligned_and_json_keeps_types() {
        let mut listing = Listing::new(&["name", "log_start"]);
        listing.push(vec!["raw-temperature".into(), 0.into()]);
        listing.push(vec!["t".into(), serde_json::Value::Null]);
        let mut text = Vec::new();
        listing.write(Output::Table, &mut text).unwrap();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "NAME             LOG-START\nraw-temperature  0\nt                -\n"
        );
        let mut json = Vec::new();
        listing.write(Output::Json, &mut json).unwrap();
        let first = String::from_utf8(json).unwrap();
        assert!(first.starts_with("{\"log_start\":0,\"name\":\"raw-temperature\"}\n"), "{first}");
    }
}
