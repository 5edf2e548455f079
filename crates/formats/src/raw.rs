//! The `raw` format: a row's bytes are the value of a single column, as in Flink.
//!
//! Numbers have their fixed width in the byte order of `raw.endianness`; a `BOOLEAN` is one byte, false when 0.

use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, SchemaRef};
use bytes::Bytes;

use crate::column::{Arena, Column, Place};
use crate::encoder::EncodedRows;
use crate::error::{BadRow, BadRowReason, Fault, FormatError};
use crate::options::{RawCharset, RawOptions};
use crate::projection::Projection;

/// A decoder of single values.
#[derive(Debug)]
pub(crate) struct RawDecoder {
    schema: SchemaRef,
    /// One, or none when the query does not read it.
    columns: Vec<Column>,
    rows: usize,
    options: RawOptions,
    arena: Arena,
    shared: Bytes,
    shareable: bool,
}

fn check(schema: &SchemaRef) -> Result<(), FormatError> {
    let [field] = schema.fields().as_ref() else {
        return Err(FormatError::SingleColumn { format: "raw", found: schema.fields().len() });
    };
    use DataType as T;
    match field.data_type() {
        T::Boolean | T::Int8 | T::Int16 | T::Int32 | T::Int64 | T::Float32 | T::Float64 => Ok(()),
        T::Utf8View | T::BinaryView => Ok(()),
        other => Err(FormatError::UnsupportedType {
            column: field.name().clone(),
            format: "raw",
            data_type: Box::new(other.clone()),
            hint: "raw holds STRING, BYTES, BOOLEAN, the integers, FLOAT and DOUBLE",
        }),
    }
}

impl RawDecoder {
    pub(crate) fn new(
        declared: &SchemaRef,
        projection: &Projection,
        options: RawOptions,
    ) -> Result<Self, FormatError> {
        check(declared)?;
        let schema = projection.apply(declared)?;
        let columns = crate::decoder::columns(schema.fields(), "raw")?;
        Ok(RawDecoder {
            schema,
            columns,
            rows: 0,
            options,
            arena: Arena::default(),
            shared: Bytes::new(),
            shareable: false,
        })
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    pub(crate) fn share(&mut self, buffer: &Bytes) {
        self.shareable = self.arena.share(buffer);
        self.shared = buffer.clone();
    }

    pub(crate) fn push_range(&mut self, range: Range<usize>) -> Result<usize, BadRow> {
        let shared = self.shared.clone();
        let Some(row) = shared.get(range.clone()) else {
            return Err(crate::decoder::outside(range.start));
        };
        let place = if self.shareable { Place::Shared(range.start as u32) } else { Place::Elsewhere };
        self.push_at(row, place)
    }

    pub(crate) fn push(&mut self, row: &[u8]) -> Result<usize, BadRow> {
        self.push_at(row, Place::Elsewhere)
    }

    fn push_at(&mut self, row: &[u8], place: Place) -> Result<usize, BadRow> {
        let arena = &mut self.arena;
        let result = self.columns.first_mut().map(|column| value(column, row, place, self.options, arena));
        if let Some(Err(fault)) = result {
            let path = self.schema.fields().first().map(|f| f.name().clone()).unwrap_or_default();
            return Err(BadRow { reason: fault.reason, path, position: fault.position });
        }
        self.rows += 1;
        Ok(1)
    }

    pub(crate) fn push_null(&mut self) {
        for column in &mut self.columns {
            column.push_null();
        }
        self.rows += 1;
    }

    pub(crate) fn truncate(&mut self, rows: usize) {
        if rows < self.rows {
            for column in &mut self.columns {
                column.truncate(rows);
            }
            self.rows = rows;
        }
    }

    pub(crate) fn finish(&mut self) -> Result<RecordBatch, FormatError> {
        let rows = std::mem::take(&mut self.rows);
        self.shared = Bytes::new();
        crate::decoder::finish(&self.schema, &mut self.columns, &mut self.arena, rows)
    }
}

fn value(
    column: &mut Column,
    row: &[u8],
    place: Place,
    options: RawOptions,
    arena: &mut Arena,
) -> Result<(), Fault> {
    let little = options.little_endian;
    match column {
        Column::Boolean(values) => values.push(fixed::<1>(row, little)? != [0]),
        Column::Int8(numbers) => numbers.push(i8::from_be_bytes(fixed(row, little)?)),
        Column::Int16(numbers) => numbers.push(i16::from_be_bytes(fixed(row, little)?)),
        Column::Int32(numbers) => numbers.push(i32::from_be_bytes(fixed(row, little)?)),
        Column::Int64(numbers) => numbers.push(i64::from_be_bytes(fixed(row, little)?)),
        Column::Float32(numbers) => numbers.push(f32::from_be_bytes(fixed(row, little)?)),
        Column::Float64(numbers) => numbers.push(f64::from_be_bytes(fixed(row, little)?)),
        Column::Text(views) => {
            let pushed = match options.charset {
                RawCharset::Utf8 => {
                    if let Err(error) = simdutf8::compat::from_utf8(row) {
                        return Err(Fault::new(BadRowReason::InvalidUtf8, error.valid_up_to()));
                    }
                    views.push(row, place, arena)
                }
                RawCharset::Latin1 if row.is_ascii() => views.push(row, place, arena),
                RawCharset::Latin1 => {
                    let text: String = row.iter().map(|byte| char::from(*byte)).collect();
                    views.push(text.as_bytes(), Place::Elsewhere, arena)
                }
            };
            return full_unless(pushed);
        }
        Column::Bytes(views) => return full_unless(views.push(row, place, arena)),
        // `check` lets no other type in.
        other => return Err(Fault::new(BadRowReason::MalformedText(other.sql_type()), 0)),
    }
    Ok(())
}

fn full_unless(pushed: bool) -> Result<(), Fault> {
    if pushed { Ok(()) } else { Err(Fault::new(BadRowReason::BatchFull, 0)) }
}

/// A value of `N` bytes, the highest first.
fn fixed<const N: usize>(row: &[u8], little_endian: bool) -> Result<[u8; N], Fault> {
    let Ok(mut bytes) = <[u8; N]>::try_from(row) else {
        return Err(Fault::new(BadRowReason::Width { expected: N, found: row.len() }, 0));
    };
    if little_endian {
        bytes.reverse();
    }
    Ok(bytes)
}

/// An encoder of single values. A null value has no bytes; the caller decides whether that is a tombstone.
#[derive(Debug)]
pub(crate) struct RawEncoder {
    schema: SchemaRef,
    options: RawOptions,
}

impl RawEncoder {
    pub(crate) fn new(schema: &SchemaRef, options: RawOptions) -> Result<Self, FormatError> {
        check(schema)?;
        Ok(RawEncoder { schema: schema.clone(), options })
    }

    pub(crate) fn encode(&self, batch: &RecordBatch, out: &mut EncodedRows) -> Result<(), FormatError> {
        let field = self.schema.field(0);
        let column = batch.columns().first().filter(|column| column.data_type() == field.data_type());
        let Some(column) = column else {
            return Err(FormatError::BatchMismatch { column: field.name().clone() });
        };
        for row in 0..column.len() {
            if column.is_valid(row) {
                self.write(column.as_ref(), row, out.buffer());
            }
            out.end_row();
        }
        Ok(())
    }

    fn write(&self, column: &dyn Array, row: usize, out: &mut Vec<u8>) {
        match column.data_type() {
            DataType::Boolean => out.push(u8::from(column.as_boolean().value(row))),
            DataType::Int8 => out.push(column.as_primitive::<Int8Type>().value(row) as u8),
            DataType::Int16 => self.fixed(column.as_primitive::<Int16Type>().value(row).to_be_bytes(), out),
            DataType::Int32 => self.fixed(column.as_primitive::<Int32Type>().value(row).to_be_bytes(), out),
            DataType::Int64 => self.fixed(column.as_primitive::<Int64Type>().value(row).to_be_bytes(), out),
            DataType::Float32 => {
                self.fixed(column.as_primitive::<Float32Type>().value(row).to_be_bytes(), out);
            }
            DataType::Float64 => {
                self.fixed(column.as_primitive::<Float64Type>().value(row).to_be_bytes(), out);
            }
            DataType::BinaryView => out.extend_from_slice(column.as_binary_view().value(row)),
            _ => {
                let text = column.as_string_view().value(row);
                match self.options.charset {
                    RawCharset::Utf8 => out.extend_from_slice(text.as_bytes()),
                    // As in Java, what the set does not have becomes a question mark.
                    RawCharset::Latin1 => {
                        out.extend(text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')));
                    }
                }
            }
        }
    }

    fn fixed<const N: usize>(&self, mut bytes: [u8; N], out: &mut Vec<u8>) {
        if self.options.little_endian {
            bytes.reverse();
        }
        out.extend_from_slice(&bytes);
    }
}

#[cfg(test)]
mod tests;
