//! Flink's SQL types, how they are written, and the Arrow types that carry them.
//!
//! | SQL | Arrow |
//! |---|---|
//! | CHAR, VARCHAR, STRING | `Utf8View` |
//! | BINARY, VARBINARY, BYTES | `BinaryView` |
//! | TIMESTAMP(p), TIMESTAMP_LTZ(p) | `Timestamp` in ms (p ≤ 3), µs (p ≤ 6) or ns; LTZ in the zone "UTC" |
//! | TIME(p) | `Time32` in ms |
//! | DECIMAL(p, s) | `Decimal128` |
//! | INTERVAL … YEAR/MONTH, … DAY/SECOND | `Interval(YearMonth)`, `Duration` in ms |
//! | ROW, ARRAY, MAP | `Struct`, `List`, `Map` |
//!
//! The rest are the types of the same name.

use std::fmt;
use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, IntervalUnit, TimeUnit};

/// The length of STRING and BYTES.
pub const LENGTH_MAX: u32 = i32::MAX as u32;
/// The greatest precision of a DECIMAL.
pub const DECIMAL_PRECISION_MAX: u8 = 38;
/// The type of TIMESTAMP_LTZ's zone in Arrow.
pub const LTZ_ZONE: &str = "UTC";

/// A type with its nullability.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SqlType {
    /// The type.
    pub kind: Kind,
    /// Whether null is a value of it.
    pub nullable: bool,
}

/// A type without its nullability.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Of the literal NULL.
    Null,
    /// BOOLEAN
    Boolean,
    /// TINYINT
    TinyInt,
    /// SMALLINT
    SmallInt,
    /// INT
    Int,
    /// BIGINT
    BigInt,
    /// FLOAT
    Float,
    /// DOUBLE
    Double,
    /// DECIMAL(precision, scale)
    Decimal {
        /// Digits in total.
        precision: u8,
        /// Digits behind the point.
        scale: u8,
    },
    /// CHAR(n)
    Char(u32),
    /// VARCHAR(n); STRING is VARCHAR([`LENGTH_MAX`]).
    VarChar(u32),
    /// BINARY(n)
    Binary(u32),
    /// VARBINARY(n); BYTES is VARBINARY([`LENGTH_MAX`]).
    VarBinary(u32),
    /// DATE
    Date,
    /// TIME(p)
    Time(u8),
    /// TIMESTAMP(p)
    Timestamp(u8),
    /// TIMESTAMP_LTZ(p)
    TimestampLtz(u8),
    /// INTERVAL of years and months, in months.
    YearMonthInterval,
    /// INTERVAL of days to seconds, in milliseconds.
    DayTimeInterval,
    /// ROW<…>
    Row(Vec<RowField>),
    /// ARRAY<…>
    Array(Box<SqlType>),
    /// MAP<…, …>
    Map(Box<SqlType>, Box<SqlType>),
}

/// A field of a ROW.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RowField {
    /// Its name.
    pub name: String,
    /// Its type.
    pub data_type: SqlType,
}

impl Kind {
    /// STRING
    pub const STRING: Self = Self::VarChar(LENGTH_MAX);
    /// BYTES
    pub const BYTES: Self = Self::VarBinary(LENGTH_MAX);

    /// The type with nulls.
    pub fn nullable(self) -> SqlType {
        SqlType { kind: self, nullable: true }
    }

    /// The type without nulls.
    pub fn not_null(self) -> SqlType {
        SqlType { kind: self, nullable: false }
    }

    /// The type with or without nulls.
    pub fn with_nullability(self, nullable: bool) -> SqlType {
        SqlType { kind: self, nullable }
    }

    pub(crate) fn is_integer(&self) -> bool {
        matches!(self, Self::TinyInt | Self::SmallInt | Self::Int | Self::BigInt)
    }

    pub(crate) fn is_approximate(&self) -> bool {
        matches!(self, Self::Float | Self::Double)
    }

    pub(crate) fn is_decimal(&self) -> bool {
        matches!(self, Self::Decimal { .. })
    }

    pub(crate) fn is_numeric(&self) -> bool {
        self.is_integer() || self.is_approximate() || self.is_decimal()
    }

    pub(crate) fn is_string(&self) -> bool {
        matches!(self, Self::Char(_) | Self::VarChar(_))
    }

    pub(crate) fn is_bytes(&self) -> bool {
        matches!(self, Self::Binary(_) | Self::VarBinary(_))
    }

    pub(crate) fn is_timestamp(&self) -> bool {
        matches!(self, Self::Timestamp(_) | Self::TimestampLtz(_))
    }

    pub(crate) fn is_interval(&self) -> bool {
        matches!(self, Self::YearMonthInterval | Self::DayTimeInterval)
    }

    /// DECIMAL's precision and scale of an exact number.
    pub(crate) fn as_decimal(&self) -> Option<(u8, u8)> {
        match self {
            Self::TinyInt => Some((3, 0)),
            Self::SmallInt => Some((5, 0)),
            Self::Int => Some((10, 0)),
            Self::BigInt => Some((19, 0)),
            Self::Decimal { precision, scale } => Some((*precision, *scale)),
            _ => None,
        }
    }

    /// The Arrow type that carries it.
    pub fn to_arrow(&self) -> DataType {
        match self {
            Self::Null => DataType::Null,
            Self::Boolean => DataType::Boolean,
            Self::TinyInt => DataType::Int8,
            Self::SmallInt => DataType::Int16,
            Self::Int => DataType::Int32,
            Self::BigInt => DataType::Int64,
            Self::Float => DataType::Float32,
            Self::Double => DataType::Float64,
            Self::Decimal { precision, scale } => {
                DataType::Decimal128(*precision, i8::try_from(*scale).unwrap_or(0))
            }
            Self::Char(_) | Self::VarChar(_) => DataType::Utf8View,
            Self::Binary(_) | Self::VarBinary(_) => DataType::BinaryView,
            Self::Date => DataType::Date32,
            Self::Time(_) => DataType::Time32(TimeUnit::Millisecond),
            Self::Timestamp(precision) => DataType::Timestamp(unit_of_precision(*precision), None),
            Self::TimestampLtz(precision) => {
                DataType::Timestamp(unit_of_precision(*precision), Some(Arc::from(LTZ_ZONE)))
            }
            Self::YearMonthInterval => DataType::Interval(IntervalUnit::YearMonth),
            Self::DayTimeInterval => DataType::Duration(TimeUnit::Millisecond),
            Self::Row(fields) => {
                DataType::Struct(fields.iter().map(|f| f.data_type.to_field(&f.name)).collect())
            }
            Self::Array(element) => DataType::List(element.to_field(Field::LIST_FIELD_DEFAULT_NAME)),
            Self::Map(key, value) => {
                let key = Arc::new(Field::new("key", key.kind.to_arrow(), false));
                let entries = DataType::Struct([key, value.to_field("value")].into_iter().collect());
                DataType::Map(Arc::new(Field::new("entries", entries, false)), false)
            }
        }
    }
}

fn unit_of_precision(precision: u8) -> TimeUnit {
    match precision {
        0..=3 => TimeUnit::Millisecond,
        4..=6 => TimeUnit::Microsecond,
        _ => TimeUnit::Nanosecond,
    }
}

impl SqlType {
    /// The Arrow field that carries a value of this type under a name.
    pub fn to_field(&self, name: &str) -> FieldRef {
        Arc::new(Field::new(name, self.kind.to_arrow(), self.nullable))
    }

    /// The same type, nullable or not.
    pub fn with_nullability(&self, nullable: bool) -> Self {
        Self { kind: self.kind.clone(), nullable }
    }

    /// The widest SQL type that an Arrow type carries; `None` when none does.
    pub fn from_arrow(data_type: &DataType, nullable: bool) -> Option<Self> {
        let kind = match data_type {
            DataType::Boolean => Kind::Boolean,
            DataType::Int8 => Kind::TinyInt,
            DataType::Int16 => Kind::SmallInt,
            DataType::Int32 => Kind::Int,
            DataType::Int64 => Kind::BigInt,
            DataType::Float32 => Kind::Float,
            DataType::Float64 => Kind::Double,
            DataType::Decimal128(precision, scale) => {
                Kind::Decimal { precision: *precision, scale: u8::try_from(*scale).ok()? }
            }
            DataType::Utf8View => Kind::STRING,
            DataType::BinaryView => Kind::BYTES,
            DataType::Date32 => Kind::Date,
            DataType::Time32(TimeUnit::Millisecond) => Kind::Time(3),
            DataType::Timestamp(unit, zone) => {
                let precision = match unit {
                    TimeUnit::Millisecond => 3,
                    TimeUnit::Microsecond => 6,
                    TimeUnit::Nanosecond => 9,
                    TimeUnit::Second => return None,
                };
                if zone.is_some() { Kind::TimestampLtz(precision) } else { Kind::Timestamp(precision) }
            }
            DataType::Struct(fields) => Kind::Row(
                fields
                    .iter()
                    .map(|field| {
                        let data_type = Self::from_arrow(field.data_type(), field.is_nullable())?;
                        Some(RowField { name: field.name().clone(), data_type })
                    })
                    .collect::<Option<_>>()?,
            ),
            DataType::List(element) => {
                Kind::Array(Box::new(Self::from_arrow(element.data_type(), element.is_nullable())?))
            }
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(fields) if fields.len() == 2 => Kind::Map(
                    Box::new(Self::from_arrow(fields[0].data_type(), fields[0].is_nullable())?),
                    Box::new(Self::from_arrow(fields[1].data_type(), fields[1].is_nullable())?),
                ),
                _ => return None,
            },
            _ => return None,
        };
        Some(Self { kind, nullable })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => formatter.write_str("NULL"),
            Self::Boolean => formatter.write_str("BOOLEAN"),
            Self::TinyInt => formatter.write_str("TINYINT"),
            Self::SmallInt => formatter.write_str("SMALLINT"),
            Self::Int => formatter.write_str("INT"),
            Self::BigInt => formatter.write_str("BIGINT"),
            Self::Float => formatter.write_str("FLOAT"),
            Self::Double => formatter.write_str("DOUBLE"),
            Self::Decimal { precision, scale } => write!(formatter, "DECIMAL({precision}, {scale})"),
            Self::Char(length) => write!(formatter, "CHAR({length})"),
            Self::VarChar(LENGTH_MAX) => formatter.write_str("STRING"),
            Self::VarChar(length) => write!(formatter, "VARCHAR({length})"),
            Self::Binary(length) => write!(formatter, "BINARY({length})"),
            Self::VarBinary(LENGTH_MAX) => formatter.write_str("BYTES"),
            Self::VarBinary(length) => write!(formatter, "VARBINARY({length})"),
            Self::Date => formatter.write_str("DATE"),
            Self::Time(precision) => write!(formatter, "TIME({precision})"),
            Self::Timestamp(precision) => write!(formatter, "TIMESTAMP({precision})"),
            Self::TimestampLtz(precision) => write!(formatter, "TIMESTAMP_LTZ({precision})"),
            Self::YearMonthInterval => formatter.write_str("INTERVAL MONTH"),
            Self::DayTimeInterval => formatter.write_str("INTERVAL SECOND(3)"),
            Self::Row(fields) => {
                formatter.write_str("ROW<")?;
                for (index, field) in fields.iter().enumerate() {
                    let separator = if index == 0 { "" } else { ", " };
                    write!(formatter, "{separator}`{}` {}", field.name, field.data_type)?;
                }
                formatter.write_str(">")
            }
            Self::Array(element) => write!(formatter, "ARRAY<{element}>"),
            Self::Map(key, value) => write!(formatter, "MAP<{key}, {value}>"),
        }
    }
}

impl fmt::Display for SqlType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", self.kind, if self.nullable { "" } else { " NOT NULL" })
    }
}
