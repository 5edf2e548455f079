//! Arrow batches into rows of bytes, whatever the format.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use crate::csv::CsvEncoder;
use crate::error::FormatError;
use crate::json::JsonEncoder;
use crate::options::Format;
use crate::raw::RawEncoder;

/// Rows of bytes, one after the other in one buffer that is used again.
#[derive(Debug, Default)]
pub struct EncodedRows {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl EncodedRows {
    /// No rows.
    pub fn new() -> Self {
        EncodedRows::default()
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// All rows' bytes without anything between.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where each row ends in [`EncodedRows::bytes`].
    pub fn ends(&self) -> &[usize] {
        &self.ends
    }

    /// The rows in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let row = self.bytes.get(start..*end).unwrap_or_default();
            start = *end;
            row
        })
    }

    /// Forgets the rows and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    pub(crate) fn end_row(&mut self) {
        self.ends.push(self.bytes.len());
    }

    fn truncate(&mut self, rows: usize) {
        self.ends.truncate(rows);
        self.bytes.truncate(self.ends.last().copied().unwrap_or_default());
    }
}

/// Encodes the rows of batches.
///
/// ```
/// use std::sync::Arc;
/// use arrow_array::{Float64Array, RecordBatch};
/// use arrow_schema::{DataType, Field, Schema};
/// use millstream_formats::{EncodedRows, Format};
///
/// let schema = Arc::new(Schema::new(vec![Field::new("value", DataType::Float64, true)]));
/// let encoder = Format::from_options("json", [])?.encoder(&schema)?;
/// let batch = RecordBatch::try_new(schema, vec![Arc::new(Float64Array::from(vec![Some(39.02), None]))])?;
/// let mut rows = EncodedRows::new();
/// encoder.encode(&batch, &mut rows)?;
/// assert_eq!(rows.iter().collect::<Vec<_>>(), [&br#"{"value":39.02}"#[..], br#"{"value":null}"#]);
/// # Ok::<(), millstream_formats::FormatError>(())
/// ```
#[derive(Debug)]
pub struct RowEncoder(Inner);

#[derive(Debug)]
enum Inner {
    Json(JsonEncoder),
    Csv(CsvEncoder),
    Raw(RawEncoder),
}

impl Format {
    /// An encoder of batches with this schema.
    ///
    /// # Errors
    ///
    /// A type that the format cannot hold.
    pub fn encoder(&self, schema: &SchemaRef) -> Result<RowEncoder, FormatError> {
        Ok(RowEncoder(match self {
            Format::Json(options) => Inner::Json(JsonEncoder::new(schema, options)?),
            Format::Csv(options) => Inner::Csv(CsvEncoder::new(schema, options)?),
            Format::Raw(options) => Inner::Raw(RawEncoder::new(schema, *options)?),
        }))
    }
}

impl RowEncoder {
    /// Appends every row of `batch` to `out`. A CSV row has no line end.
    ///
    /// # Errors
    ///
    /// A batch of another schema, or a map key that is null; `out` is then as it was.
    pub fn encode(&self, batch: &RecordBatch, out: &mut EncodedRows) -> Result<(), FormatError> {
        let before = out.len();
        let result = match &self.0 {
            Inner::Json(encoder) => encoder.encode(batch, out),
            Inner::Csv(encoder) => encoder.encode(batch, out),
            Inner::Raw(encoder) => encoder.encode(batch, out),
        };
        if result.is_err() {
            out.truncate(before);
        }
        result
    }
}
