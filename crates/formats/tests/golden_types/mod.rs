//! SQL types as the golden table writes them, and values as it renders them.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use millstream_formats as formats;

/// The columns of `ROW<…>`.
pub(crate) fn columns(sql: &str) -> SchemaRef {
    let mut rest = sql;
    let DataType::Struct(fields) = data_type(&mut rest).0 else { panic!("{sql} is no row") };
    assert!(rest.is_empty(), "left of {sql}: {rest}");
    Arc::new(Schema::new(fields))
}

fn eat(rest: &mut &str, token: &str) -> bool {
    *rest = rest.trim_start();
    match rest.strip_prefix(token) {
        Some(after) => {
            *rest = after;
            true
        }
        None => false,
    }
}

fn name(rest: &mut &str) -> String {
    if eat(rest, "`") {
        let (name, after) = rest.split_once('`').unwrap();
        *rest = after;
        return name.to_owned();
    }
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    let (name, after) = rest.split_at(end);
    *rest = after;
    name.to_owned()
}

/// A type, and its precision.
fn data_type(rest: &mut &str) -> (DataType, Option<u8>) {
    let name = name(rest);
    let mut arguments = Vec::new();
    if eat(rest, "(") {
        let (inside, after) = rest.split_once(')').unwrap();
        arguments = inside.split(',').map(|n| n.trim().parse::<u8>().unwrap()).collect();
        *rest = after;
    }
    let precision = arguments.first().copied();
    let found = match name.as_str() {
        "BOOLEAN" => DataType::Boolean,
        "TINYINT" => DataType::Int8,
        "SMALLINT" => DataType::Int16,
        "INT" => DataType::Int32,
        "BIGINT" => DataType::Int64,
        "FLOAT" => DataType::Float32,
        "DOUBLE" => DataType::Float64,
        "DECIMAL" => DataType::Decimal128(arguments[0], arguments[1] as i8),
        "STRING" => DataType::Utf8View,
        "BYTES" => DataType::BinaryView,
        "DATE" => DataType::Date32,
        "TIME" => DataType::Time32(TimeUnit::Millisecond),
        "TIMESTAMP" => formats::timestamp(arguments[0]),
        "TIMESTAMP_LTZ" => formats::timestamp_ltz(arguments[0]),
        "ARRAY" => {
            assert!(eat(rest, "<"));
            let item = data_type(rest).0;
            assert!(eat(rest, ">"));
            formats::array(item)
        }
        "MAP" => {
            assert!(eat(rest, "<"));
            let key = data_type(rest).0;
            assert!(eat(rest, ","));
            let value = data_type(rest).0;
            assert!(eat(rest, ">"));
            formats::map(key, value)
        }
        "ROW" => {
            let mut fields = Vec::new();
            assert!(eat(rest, "<"));
            loop {
                eat(rest, "");
                let field = self::name(rest);
                eat(rest, "");
                let (inner, precision) = data_type(rest);
                let metadata = match (&inner, precision) {
                    (DataType::Time32(_), Some(precision)) => {
                        HashMap::from([(formats::PRECISION_METADATA.to_owned(), precision.to_string())])
                    }
                    _ => HashMap::new(),
                };
                fields.push(Field::new(field, inner, true).with_metadata(metadata));
                if !eat(rest, ",") {
                    break;
                }
            }
            assert!(eat(rest, ">"));
            DataType::Struct(fields.into())
        }
        other => panic!("type {other}"),
    };
    (found, precision)
}

/// A row as the table writes it.
pub(crate) fn render(batch: &RecordBatch, row: usize) -> String {
    let cells: Vec<String> = batch.columns().iter().map(|column| cell(column.as_ref(), row)).collect();
    format!("({})", cells.join(", "))
}

fn items(array: &dyn Array) -> Vec<String> {
    (0..array.len()).map(|row| cell(array, row)).collect()
}

fn cell(array: &dyn Array, row: usize) -> String {
    if array.is_null(row) {
        return "null".to_owned();
    }
    match array.data_type() {
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Int8 => array.as_primitive::<Int8Type>().value(row).to_string(),
        DataType::Int16 => array.as_primitive::<Int16Type>().value(row).to_string(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).to_string(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Float32 => {
            let value = array.as_primitive::<Float32Type>().value(row);
            format!("f:{:x}", if value.is_nan() { 0x7fc0_0000 } else { value.to_bits() })
        }
        DataType::Float64 => {
            let value = array.as_primitive::<Float64Type>().value(row);
            format!("d:{:x}", if value.is_nan() { 0x7ff8_0000_0000_0000 } else { value.to_bits() })
        }
        DataType::Decimal128(_, scale) => decimal(array.as_primitive::<Decimal128Type>().value(row), *scale),
        DataType::Date32 => array.as_primitive::<Date32Type>().value(row).to_string(),
        DataType::Time32(_) => array.as_primitive::<Time32MillisecondType>().value(row).to_string(),
        DataType::Timestamp(unit, _) => timestamp(array, *unit, row),
        DataType::Utf8View => serde_json::to_string(array.as_string_view().value(row)).unwrap(),
        DataType::BinaryView => {
            let hex: String = array.as_binary_view().value(row).iter().map(|b| format!("{b:02x}")).collect();
            format!("x{hex}")
        }
        DataType::Struct(_) => {
            let cells: Vec<String> =
                array.as_struct().columns().iter().map(|c| cell(c.as_ref(), row)).collect();
            format!("({})", cells.join(", "))
        }
        DataType::List(_) => format!("[{}]", items(array.as_list::<i32>().value(row).as_ref()).join(", ")),
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            let (keys, values) = (items(entries.column(0).as_ref()), items(entries.column(1).as_ref()));
            let mut pairs: Vec<String> = keys.iter().zip(values).map(|(k, v)| format!("{k}={v}")).collect();
            pairs.sort();
            format!("{{{}}}", pairs.join(", "))
        }
        other => panic!("type {other}"),
    }
}

fn decimal(value: i128, scale: i8) -> String {
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = scale as usize + 1);
    let sign = if value < 0 { "-" } else { "" };
    let (whole, fraction) = digits.split_at(digits.len() - scale as usize);
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// Milliseconds, and the nanoseconds of the last one.
fn timestamp(array: &dyn Array, unit: TimeUnit, row: usize) -> String {
    let (value, per_milli) = match unit {
        TimeUnit::Millisecond => (array.as_primitive::<TimestampMillisecondType>().value(row), 1),
        TimeUnit::Microsecond => (array.as_primitive::<TimestampMicrosecondType>().value(row), 1_000),
        _ => (array.as_primitive::<TimestampNanosecondType>().value(row), 1_000_000),
    };
    let nanos = value.rem_euclid(per_milli) * (1_000_000 / per_milli);
    format!("{}.{nanos}", value.div_euclid(per_milli))
}
