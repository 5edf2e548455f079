//! Rows of bytes into Arrow batches, whatever the format.

use std::ops::Range;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{Fields, SchemaRef};
use bytes::Bytes;

use crate::column::{Arena, Column};
use crate::csv::CsvDecoder;
use crate::error::{BadRow, BadRowReason, FormatError};
use crate::json::JsonDecoder;
use crate::options::Format;
use crate::projection::Projection;
use crate::raw::RawDecoder;

/// Decodes rows into columns until [`RowDecoder::finish`] makes a batch of them.
///
/// A row that is refused leaves nothing behind. Decoders of keys and of values can work side by side: when the value
/// is bad, [`RowDecoder::truncate`] takes back the key.
///
/// ```
/// use std::sync::Arc;
/// use arrow_schema::{DataType, Field, Schema};
/// use millstream_formats::{Format, Projection};
///
/// let schema = Arc::new(Schema::new(vec![Field::new("value", DataType::Float64, true)]));
/// let format = Format::from_options("json", [])?;
/// let mut decoder = format.decoder(&schema, &Projection::all())?;
/// assert_eq!(decoder.push(br#"{"value": 39.02}"#).unwrap(), 1);
/// assert!(decoder.push(br#"{"value": "warm"}"#).is_err());
/// assert_eq!(decoder.finish()?.num_rows(), 1);
/// # Ok::<(), millstream_formats::FormatError>(())
/// ```
#[derive(Debug)]
pub struct RowDecoder(Inner);

#[derive(Debug)]
enum Inner {
    Json(Box<JsonDecoder>),
    Csv(Box<CsvDecoder>),
    Raw(Box<RawDecoder>),
}

macro_rules! each {
    ($decoder:expr, $d:ident => $body:expr) => {
        match $decoder {
            Inner::Json($d) => $body,
            Inner::Csv($d) => $body,
            Inner::Raw($d) => $body,
        }
    };
}

impl Format {
    /// A decoder of rows of a table with the columns `declared`, of which it decodes those in `projection`.
    ///
    /// # Errors
    ///
    /// A projection that names no field, or a type that the format cannot hold.
    pub fn decoder(&self, declared: &SchemaRef, projection: &Projection) -> Result<RowDecoder, FormatError> {
        Ok(RowDecoder(match self {
            Format::Json(options) => Inner::Json(Box::new(JsonDecoder::new(declared, projection, options)?)),
            Format::Csv(options) => Inner::Csv(Box::new(CsvDecoder::new(declared, projection, options)?)),
            Format::Raw(options) => Inner::Raw(Box::new(RawDecoder::new(declared, projection, *options)?)),
        }))
    }
}

impl RowDecoder {
    /// The schema of the batches: the declared one without what the projection leaves out.
    pub fn schema(&self) -> &SchemaRef {
        each!(&self.0, decoder => decoder.schema())
    }

    /// Decodes one message and says how many rows it held: usually 1; 0 for an empty JSON message or a CSV comment,
    /// which Flink passes over; more for a JSON array of objects.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the row, of which nothing is kept. [`BadRowReason::BatchFull`] asks to finish the
    /// batch and push the row again.
    #[inline]
    pub fn push(&mut self, row: &[u8]) -> Result<usize, BadRow> {
        each!(&mut self.0, decoder => decoder.push(row))
    }

    /// Gives the buffer that [`RowDecoder::push_range`] reads from, until the next call or the end of the batch. The
    /// batch may keep it alive, because long texts stay where they stand in it.
    pub fn share(&mut self, buffer: &Bytes) {
        each!(&mut self.0, decoder => decoder.share(buffer));
    }

    /// As [`RowDecoder::push`], for the message that lies at `range` in the shared buffer.
    ///
    /// # Errors
    ///
    /// As [`RowDecoder::push`]; a range outside the buffer is an unexpected end.
    #[inline]
    pub fn push_range(&mut self, range: Range<usize>) -> Result<usize, BadRow> {
        each!(&mut self.0, decoder => decoder.push_range(range))
    }

    /// Appends a row of nulls: for a record without a value.
    ///
    /// # Errors
    ///
    /// [`BadRowReason::NullNotAllowed`] when a column is `NOT NULL`.
    pub fn push_null(&mut self) -> Result<(), BadRow> {
        if let Some(field) = self.schema().fields().iter().find(|field| !field.is_nullable()) {
            let path = field.name().clone();
            return Err(BadRow { reason: BadRowReason::NullNotAllowed, path, position: 0 });
        }
        each!(&mut self.0, decoder => decoder.push_null());
        Ok(())
    }

    /// Takes back all rows past the first `rows`.
    pub fn truncate(&mut self, rows: usize) {
        each!(&mut self.0, decoder => decoder.truncate(rows));
    }

    /// Takes back the last row, if there is one.
    pub fn pop(&mut self) {
        self.truncate(self.len().saturating_sub(1));
    }

    /// How many rows have been decoded since the last batch.
    pub fn len(&self) -> usize {
        each!(&self.0, decoder => decoder.len())
    }

    /// Whether no row has been decoded since the last batch.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes a batch of the rows; the decoder is empty afterwards, knows no shared buffer, and remembers what the rows
    /// looked like.
    ///
    /// # Errors
    ///
    /// [`FormatError::Assemble`], which would be a bug here.
    pub fn finish(&mut self) -> Result<RecordBatch, FormatError> {
        each!(&mut self.0, decoder => decoder.finish())
    }
}

/// Empty columns for these fields.
pub(crate) fn columns(fields: &Fields, format: &'static str) -> Result<Vec<Column>, FormatError> {
    fields
        .iter()
        .map(|field| {
            Column::new(field.data_type()).ok_or_else(|| FormatError::UnsupportedType {
                column: field.name().clone(),
                format,
                data_type: Box::new(field.data_type().clone()),
                hint: "use one of the types of the mapping in the crate's documentation",
            })
        })
        .collect()
}

/// Makes a batch of the columns, which are empty afterwards.
pub(crate) fn finish(
    schema: &SchemaRef,
    columns: &mut [Column],
    arena: &mut Arena,
    rows: usize,
) -> Result<RecordBatch, FormatError> {
    arena.seal();
    let arrays = columns.iter_mut().map(|column| column.finish(arena)).collect::<Result<Vec<_>, _>>()?;
    arena.reset();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(schema.clone(), arrays, &options)?)
}

/// The answer to a range outside the shared buffer.
#[cold]
pub(crate) fn outside(position: usize) -> BadRow {
    BadRow { reason: BadRowReason::UnexpectedEnd, path: String::new(), position }
}
