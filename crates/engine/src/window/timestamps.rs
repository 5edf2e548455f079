//! Timestamps in any unit as milliseconds, and back.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use arrow_array::{Array, ArrayRef, Int64Array, PrimitiveArray};
use arrow_schema::{DataType, TimeUnit};

use crate::error::EngineError;

/// The milliseconds of a timestamp column, rounded down; free for a column that already has them.
pub(crate) fn milliseconds(array: &dyn Array, operation: &'static str) -> Result<Int64Array, EngineError> {
    Ok(match array.data_type() {
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            let array = array.as_primitive::<TimestampMillisecondType>();
            Int64Array::new(array.values().clone(), array.nulls().cloned())
        }
        DataType::Timestamp(TimeUnit::Second, _) => array
            .as_primitive::<TimestampSecondType>()
            .unary::<_, Int64Type>(|seconds| seconds.saturating_mul(1_000)),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            array
                .as_primitive::<TimestampMicrosecondType>()
                .unary::<_, Int64Type>(|micros| micros.div_euclid(1_000))
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            array
                .as_primitive::<TimestampNanosecondType>()
                .unary::<_, Int64Type>(|nanos| nanos.div_euclid(1_000_000))
        }
        other => return Err(EngineError::column_type(operation, "TIMESTAMP", other)),
    })
}

/// A column of type `data_type`, a timestamp, from milliseconds.
pub(crate) fn timestamp_column(
    millis: Vec<i64>,
    data_type: &DataType,
    operation: &'static str,
) -> Result<ArrayRef, EngineError> {
    let DataType::Timestamp(unit, zone) = data_type else {
        return Err(EngineError::column_type(operation, "TIMESTAMP", data_type));
    };
    let zone = zone.clone();
    let scaled = |factor: i64| millis.iter().map(|ms| ms.saturating_mul(factor)).collect::<Vec<i64>>();
    Ok(match unit {
        TimeUnit::Second => {
            let seconds = millis.iter().map(|ms| ms.div_euclid(1_000)).collect::<Vec<i64>>();
            Arc::new(PrimitiveArray::<TimestampSecondType>::from(seconds).with_timezone_opt(zone))
        }
        TimeUnit::Millisecond => {
            Arc::new(PrimitiveArray::<TimestampMillisecondType>::from(millis).with_timezone_opt(zone))
        }
        TimeUnit::Microsecond => {
            Arc::new(PrimitiveArray::<TimestampMicrosecondType>::from(scaled(1_000)).with_timezone_opt(zone))
        }
        TimeUnit::Nanosecond => Arc::new(
            PrimitiveArray::<TimestampNanosecondType>::from(scaled(1_000_000)).with_timezone_opt(zone),
        ),
    })
}
