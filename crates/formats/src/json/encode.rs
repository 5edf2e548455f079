//! Batches into JSON objects, byte for byte as Flink's `json` format writes them.

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, Fields, SchemaRef};

use super::text::{Escapes, write_json_double, write_string};
use crate::base64;
use crate::cells::{Cells, Values, entry, moment};
use crate::encoder::EncodedRows;
use crate::error::FormatError;
use crate::number::{self, DecimalStyle};
use crate::options::{JsonOptions, MapNullKeyMode};
use crate::time;
use crate::types::map_entry;

/// An encoder of JSON objects.
#[derive(Debug)]
pub(crate) struct JsonEncoder {
    schema: SchemaRef,
    shape: Shape,
    options: JsonOptions,
}

/// The names inside a type, ready to be written.
#[derive(Debug)]
enum Shape {
    Leaf,
    /// For each field its name, quoted and with the colon, and its shape.
    Row(Vec<(Vec<u8>, Shape)>),
    Array(Box<Shape>),
    /// The values' shape, and the column's name for errors.
    Map(Box<Shape>, String),
}

impl Shape {
    fn of_row(fields: &Fields) -> Result<Self, FormatError> {
        let named = |field: &Field| {
            let mut name = Vec::new();
            write_string(&mut name, field.name().as_bytes(), Escapes::Supplementary);
            name.push(b':');
            Ok((name, Shape::new(field)?))
        };
        fields.iter().map(|field| named(field)).collect::<Result<_, FormatError>>().map(Shape::Row)
    }

    fn new(field: &Field) -> Result<Self, FormatError> {
        let unsupported = |hint| FormatError::UnsupportedType {
            column: field.name().clone(),
            format: "json",
            data_type: Box::new(field.data_type().clone()),
            hint,
        };
        Ok(match field.data_type() {
            DataType::Struct(fields) => Shape::of_row(fields)?,
            DataType::List(item) => Shape::Array(Box::new(Shape::new(item)?)),
            DataType::Map(entries, _) => match map_entry(entries) {
                Some((key, value)) if *key.data_type() == DataType::Utf8View => {
                    Shape::Map(Box::new(Shape::new(value)?), field.name().clone())
                }
                _ => return Err(unsupported("a MAP's keys must be STRING")),
            },
            other if crate::column::Column::new(other).is_some() => Shape::Leaf,
            _ => return Err(unsupported("use one of the types of the mapping in the crate's documentation")),
        })
    }
}

impl JsonEncoder {
    pub(crate) fn new(schema: &SchemaRef, options: &JsonOptions) -> Result<Self, FormatError> {
        let shape = Shape::of_row(schema.fields())?;
        Ok(JsonEncoder { schema: schema.clone(), shape, options: options.clone() })
    }

    pub(crate) fn encode(&self, batch: &RecordBatch, out: &mut EncodedRows) -> Result<(), FormatError> {
        let cells = Cells::of_batch(batch, &self.schema)?;
        let Shape::Row(names) = &self.shape else { return Ok(()) };
        for row in 0..batch.num_rows() {
            self.object(names, &cells, row, out.buffer())?;
            out.end_row();
        }
        Ok(())
    }

    fn object(
        &self,
        names: &[(Vec<u8>, Shape)],
        cells: &[Cells<'_>],
        row: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        let mut separator = b'{';
        for ((name, shape), cells) in names.iter().zip(cells) {
            if self.options.encode_ignore_null_fields && cells.is_null(row) {
                continue;
            }
            out.push(separator);
            separator = b',';
            out.extend_from_slice(name);
            self.value(shape, cells, row, out)?;
        }
        if separator == b'{' {
            out.push(b'{');
        }
        out.push(b'}');
        Ok(())
    }

    #[inline]
    fn value(
        &self,
        shape: &Shape,
        cells: &Cells<'_>,
        row: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        if cells.is_null(row) {
            out.extend_from_slice(b"null");
            return Ok(());
        }
        match (&cells.values, shape) {
            (Values::Row(children), Shape::Row(names)) => self.object(names, children, row, out)?,
            (Values::Array { offsets, items }, Shape::Array(shape)) => {
                out.push(b'[');
                for (place, item) in entry(offsets, row).enumerate() {
                    if place > 0 {
                        out.push(b',');
                    }
                    self.value(shape, items, item, out)?;
                }
                out.push(b']');
            }
            (Values::Map { offsets, keys, values }, Shape::Map(shape, column)) => {
                self.map((shape, column), (keys, values), entry(offsets, row), out)?;
            }
            (values, _) => self.scalar(values, row, out),
        }
        Ok(())
    }

    fn map(
        &self,
        (shape, column): (&Shape, &str),
        (keys, values): (&Cells<'_>, &Cells<'_>),
        entries: std::ops::Range<usize>,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        let mut separator = b'{';
        for index in entries {
            let key = match &keys.values {
                Values::Text(texts) if !keys.is_null(index) => texts.value(index),
                _ => match self.options.map_null_key_mode {
                    MapNullKeyMode::Fail => {
                        return Err(FormatError::MapNullKey { column: column.to_owned() });
                    }
                    MapNullKeyMode::Drop => continue,
                    MapNullKeyMode::Literal => &self.options.map_null_key_literal,
                },
            };
            out.push(separator);
            separator = b',';
            write_string(out, key.as_bytes(), Escapes::Supplementary);
            out.push(b':');
            self.value(shape, values, index, out)?;
        }
        if separator == b'{' {
            out.push(b'{');
        }
        out.push(b'}');
        Ok(())
    }

    #[inline]
    fn scalar(&self, values: &Values<'_>, row: usize, out: &mut Vec<u8>) {
        let mut integer = itoa::Buffer::new();
        match values {
            Values::Boolean(values) => {
                out.extend_from_slice(if values.value(row) { b"true" } else { b"false" });
            }
            Values::Int8(values) => out.extend_from_slice(integer.format(values[row]).as_bytes()),
            Values::Int16(values) => out.extend_from_slice(integer.format(values[row]).as_bytes()),
            Values::Int32(values) => out.extend_from_slice(integer.format(values[row]).as_bytes()),
            Values::Int64(values) => out.extend_from_slice(integer.format(values[row]).as_bytes()),
            Values::Float32(values) => write_json_float(out, values[row]),
            Values::Float64(values) => write_json_double(out, values[row]),
            Values::Decimal(values, scale) => {
                let style = match self.options.encode_decimal_as_plain_number {
                    true => DecimalStyle::Plain,
                    false => DecimalStyle::Stripped,
                };
                number::write_decimal(out, values[row], *scale, style);
            }
            Values::Text(values) => write_string(out, values.value(row).as_bytes(), Escapes::Supplementary),
            Values::Bytes(values) => quoted(out, |out| base64::encode(values.value(row), out)),
            Values::Date(values) => quoted(out, |out| time::write_date(out, i64::from(values[row]))),
            // Flink's JSON writes whole seconds.
            Values::Time(values) => {
                quoted(out, |out| time::write_time(out, (values[row] / 1_000) as u64 * 1_000_000_000));
            }
            Values::Timestamp { values, units_per_second, local_zone } => {
                let moment = moment(values[row], *units_per_second);
                let standard = self.options.timestamp_standard;
                quoted(out, |out| time::write_timestamp(out, moment, standard, *local_zone));
            }
            // `value` has dealt with these; a shape that does not fit them cannot be made.
            Values::Row(_) | Values::Array { .. } | Values::Map { .. } => out.extend_from_slice(b"null"),
        }
    }
}

#[inline]
fn quoted(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    write(out);
    out.push(b'"');
}

fn write_json_float(out: &mut Vec<u8>, value: f32) {
    if value.is_finite() {
        number::write_float(out, value);
    } else {
        quoted(out, |out| number::write_float(out, value));
    }
}
