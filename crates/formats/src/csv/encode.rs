//! Batches into CSV records, as Flink's `csv` format writes them: without a line end.
//!
//! Jackson quotes a text when it is longer than 24 characters or holds anything up to its delimiter and quote in
//! character order (so also spaces); nothing else is quoted.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use crate::base64;
use crate::cells::{Cells, Values, entry, moment};
use crate::encoder::EncodedRows;
use crate::error::FormatError;
use crate::number::{self, DecimalStyle};
use crate::options::{CsvOptions, TimestampStandard};
use crate::time;

/// The longest text that is looked through before it is quoted, in UTF-16 units.
const UNQUOTED_LENGTH_MAX: usize = 24;

/// An encoder of CSV records.
#[derive(Debug)]
pub(crate) struct CsvEncoder {
    schema: SchemaRef,
    options: CsvOptions,
    /// Texts with a character below this are quoted.
    safe_from: u8,
}

/// How a value counts for quoting.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Written {
    Text,
    Number,
}

impl CsvEncoder {
    pub(crate) fn new(schema: &SchemaRef, options: &CsvOptions) -> Result<Self, FormatError> {
        options.check()?;
        for field in schema.fields() {
            super::convert::check(field, field.name(), false)?;
        }
        crate::decoder::columns(schema.fields(), "csv")?;
        let highest = options.field_delimiter.max(options.quote.unwrap_or(0)).max(b'\r');
        Ok(CsvEncoder { schema: schema.clone(), options: options.clone(), safe_from: highest + 1 })
    }

    pub(crate) fn encode(&self, batch: &RecordBatch, out: &mut EncodedRows) -> Result<(), FormatError> {
        let cells = Cells::of_batch(batch, &self.schema)?;
        let mut value = Vec::new();
        for row in 0..batch.num_rows() {
            for (index, cells) in cells.iter().enumerate() {
                if index > 0 {
                    out.buffer().push(self.options.field_delimiter);
                }
                self.column(cells, row, &mut value, out.buffer());
            }
            out.end_row();
        }
        Ok(())
    }

    fn column(&self, cells: &Cells<'_>, row: usize, value: &mut Vec<u8>, out: &mut Vec<u8>) {
        value.clear();
        if cells.is_null(row) {
            self.null(out);
            return;
        }
        let delimiter = self.options.array_element_delimiter.as_bytes();
        let written = match &cells.values {
            Values::Row(children) => {
                for (place, child) in children.iter().enumerate() {
                    if place > 0 {
                        value.extend_from_slice(delimiter);
                    }
                    self.element(child, row, value);
                }
                Written::Text
            }
            Values::Array { offsets, items } => {
                for (place, item) in entry(offsets, row).enumerate() {
                    if place > 0 {
                        value.extend_from_slice(delimiter);
                    }
                    self.element(items, item, value);
                }
                Written::Text
            }
            values => self.scalar(values, row, value),
        };
        if written == Written::Text { self.text(value, out) } else { out.extend_from_slice(value) }
    }

    fn element(&self, cells: &Cells<'_>, row: usize, value: &mut Vec<u8>) {
        if cells.is_null(row) {
            self.null(value);
        } else {
            self.scalar(&cells.values, row, value);
        }
    }

    fn null(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.options.null_literal.as_deref().unwrap_or_default().as_bytes());
    }

    fn scalar(&self, values: &Values<'_>, row: usize, out: &mut Vec<u8>) -> Written {
        let mut integer = itoa::Buffer::new();
        match values {
            Values::Boolean(values) => {
                out.extend_from_slice(if values.value(row) { b"true" } else { b"false" });
            }
            Values::Int8(values) => out.extend_from_slice(integer.format(values[row]).as_bytes()),
            Values::Int16(values) => out.extend_from_slice(integer.format(values[row]).as_bytes()),
            Values::Int32(values) => out.extend_from_slice(integer.format(values[row]).as_bytes()),
            Values::Int64(values) => out.extend_from_slice(integer.format(values[row]).as_bytes()),
            Values::Float32(values) => number::write_float(out, values[row]),
            Values::Float64(values) => number::write_double(out, values[row]),
            Values::Decimal(values, scale) => {
                let style = match self.options.write_decimal_in_scientific_notation {
                    true => DecimalStyle::Stripped,
                    false => DecimalStyle::Plain,
                };
                number::write_decimal(out, values[row], *scale, style);
            }
            Values::Text(values) => {
                out.extend_from_slice(values.value(row).as_bytes());
                return Written::Text;
            }
            Values::Bytes(values) => {
                base64::encode(values.value(row), out);
                return Written::Text;
            }
            Values::Date(values) => {
                time::write_date(out, i64::from(values[row]));
                return Written::Text;
            }
            Values::Time(values) => {
                time::write_time(out, values[row] as u64 * 1_000_000);
                return Written::Text;
            }
            Values::Timestamp { values, units_per_second, local_zone } => {
                let moment = moment(values[row], *units_per_second);
                time::write_timestamp(out, moment, TimestampStandard::Sql, *local_zone);
                return Written::Text;
            }
            // `check` lets none of these nest.
            Values::Row(_) | Values::Array { .. } | Values::Map { .. } => {}
        }
        Written::Number
    }

    fn text(&self, text: &[u8], out: &mut Vec<u8>) {
        let Some(quote) = self.options.quote.filter(|_| self.needs_quotes(text)) else {
            out.extend_from_slice(text);
            return;
        };
        out.push(quote);
        for byte in text {
            if *byte == quote || Some(*byte) == self.options.escape {
                out.push(*byte);
            }
            out.push(*byte);
        }
        out.push(quote);
    }

    fn needs_quotes(&self, text: &[u8]) -> bool {
        // Without an escape character Jackson takes backslashes for one here.
        let escape = self.options.escape.unwrap_or(b'\\');
        let units = || String::from_utf8_lossy(text).encode_utf16().count();
        (text.len() > UNQUOTED_LENGTH_MAX && (text.is_ascii() || units() > UNQUOTED_LENGTH_MAX))
            || text.iter().any(|byte| *byte < self.safe_from || *byte == escape)
    }
}
