//! Rows in JSON, CSV and raw bytes to and from Arrow, without I/O.
//!
//! A [`Format`] is a format's name and options, as a table's `WITH` clause gives them. It makes a [`RowDecoder`]
//! (bytes in, batches out, only the columns that a [`Projection`] names) and a [`RowEncoder`] (batches in, bytes
//! out). [`RecordSplitter`] cuts the bytes of a file into rows. Conversions, defaults and refusals are those of Flink
//! 2.2, tested against a table of what Flink itself answers.
//!
//! # The mapping of types
//!
//! Every crate of the project holds a column of SQL in this Arrow type, and in no other:
//!
//! | SQL | Arrow |
//! |---|---|
//! | `BOOLEAN` | `Boolean` |
//! | `TINYINT`, `SMALLINT`, `INT`, `BIGINT` | `Int8`, `Int16`, `Int32`, `Int64` |
//! | `FLOAT`, `DOUBLE` | `Float32`, `Float64` |
//! | `DECIMAL(p, s)` | `Decimal128(p, s)` |
//! | `CHAR(n)`, `VARCHAR(n)`, `STRING` | `Utf8View` |
//! | `BINARY(n)`, `VARBINARY(n)`, `BYTES` | `BinaryView` |
//! | `DATE` | `Date32` |
//! | `TIME(p)` | `Time32(Millisecond)` |
//! | `TIMESTAMP(p)` | `Timestamp(unit, None)`: milliseconds for p ≤ 3, microseconds for p ≤ 6, else nanoseconds |
//! | `TIMESTAMP_LTZ(p)` | the same with the zone `UTC` |
//! | `ROW<…>` | `Struct` |
//! | `ARRAY<t>` | `List`, its field named `item` |
//! | `MAP<k, v>` | `Map`, its fields named `entries`, `key` and `value`, unsorted |
//!
//! [`timestamp`], [`timestamp_ltz`], [`array()`], [`map`] and [`row`] build the compound ones. Where a declared precision
//! matters beyond the unit it stands in the field's metadata under [`PRECISION_METADATA`].
//!
//! # Invariants
//!
//! No bytes make a decoder panic, and a refused row leaves nothing behind. Nothing is allocated per row on the common
//! paths. This crate knows no file, socket or clock.

mod base64;
mod cells;
mod column;
mod csv;
mod decoder;
mod encoder;
mod error;
mod json;
mod number;
mod options;
mod projection;
mod raw;
mod time;
mod types;

pub use csv::RecordSplitter;
pub use decoder::RowDecoder;
pub use encoder::{EncodedRows, RowEncoder};
pub use error::{BadRow, BadRowKind, BadRowReason, FormatError, FormatErrorKind, ValueKind};
pub use options::{
    CsvOptions, Format, FormatOption, JsonOptions, MapNullKeyMode, RawCharset, RawOptions, TimestampStandard,
};
pub use projection::{FieldPath, Projection};
pub use types::{LOCAL_ZONE, PRECISION_METADATA, array, map, row, timestamp, timestamp_ltz, timestamp_unit};
