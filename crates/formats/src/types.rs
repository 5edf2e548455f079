//! SQL's types as Arrow's: the one mapping that every crate of the project uses. The table stands in the crate's
//! documentation; the functions here build the types that take more than a name.

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Fields, TimeUnit};

/// The zone that marks `TIMESTAMP_LTZ` in an Arrow timestamp type.
pub const LOCAL_ZONE: &str = "UTC";

/// Field metadata: the precision that a `TIME` or `TIMESTAMP` column was declared with, in decimal digits, where
/// the Arrow type alone does not tell (`TIMESTAMP(0)` is held in milliseconds).
pub const PRECISION_METADATA: &str = "millstream.precision";

/// The unit that holds `precision` decimal digits of a second: milliseconds up to 3, microseconds up to 6, else
/// nanoseconds.
pub fn timestamp_unit(precision: u8) -> TimeUnit {
    match precision {
        0..=3 => TimeUnit::Millisecond,
        4..=6 => TimeUnit::Microsecond,
        _ => TimeUnit::Nanosecond,
    }
}

/// `TIMESTAMP(precision)`.
pub fn timestamp(precision: u8) -> DataType {
    DataType::Timestamp(timestamp_unit(precision), None)
}

/// `TIMESTAMP_LTZ(precision)`.
pub fn timestamp_ltz(precision: u8) -> DataType {
    DataType::Timestamp(timestamp_unit(precision), Some(LOCAL_ZONE.into()))
}

/// `ARRAY<item>`.
pub fn array(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("item", item, true)))
}

/// `MAP<key, value>`.
pub fn map(key: DataType, value: DataType) -> DataType {
    let entries = vec![Field::new("key", key, false), Field::new("value", value, true)];
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries.into()), false)), false)
}

/// `ROW<fields>`.
pub fn row(fields: impl Into<Fields>) -> DataType {
    DataType::Struct(fields.into())
}

/// The key and value fields of a map's `entries` field.
pub(crate) fn map_entry(entries: &FieldRef) -> Option<(&FieldRef, &FieldRef)> {
    match entries.data_type() {
        DataType::Struct(fields) => match fields.as_ref() {
            [key, value] => Some((key, value)),
            _ => None,
        },
        _ => None,
    }
}
