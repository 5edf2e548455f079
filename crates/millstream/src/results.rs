//! Rows for people and for programs: a table, or a JSON object per line.

use std::io::Write;

use anyhow::Context;
use arrow_array::RecordBatch;
use arrow_cast::display::FormatOptions;
use arrow_cast::pretty::pretty_format_batches_with_options;
use arrow_schema::SchemaRef;
use millstream_engine::element::Batch;
use millstream_formats::{EncodedRows, Format};

use crate::cli::Output;

/// Writes rows.
///
/// # Errors
/// When a column has no JSON form; when the output is closed.
pub(crate) fn write(
    schema: &SchemaRef,
    batches: &[Batch],
    output: Output,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let rows: Vec<RecordBatch> = batches.iter().map(|batch| batch.rows.clone()).collect();
    match output {
        Output::Table => {
            let options = FormatOptions::new().with_null("NULL");
            let rows = if rows.is_empty() { vec![RecordBatch::new_empty(schema.clone())] } else { rows };
            writeln!(out, "{}", pretty_format_batches_with_options(&rows, &options)?)?;
        }
        Output::Json => {
            let format = Format::from_options("json", [("timestamp-format.standard", "ISO-8601")])?;
            let encoder = format.encoder(schema).context("the result has a column that JSON cannot hold")?;
            let mut encoded = EncodedRows::new();
            for batch in &rows {
                encoded.clear();
                encoder.encode(batch, &mut encoded)?;
                for row in encoded.iter() {
                    out.write_all(row)?;
                    out.write_all(b"\n")?;
                }
            }
        }
    }
    Ok(())
}
