//! Columns of fixed-width values.

use std::sync::Arc;

use arrow_array::types::{
    ArrowPrimitiveType, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
};
use arrow_array::{ArrayRef, PrimitiveArray};
use arrow_buffer::NullBufferBuilder;
use arrow_schema::{ArrowError, DataType, TimeUnit};

/// A column of one primitive type.
#[derive(Debug)]
pub(crate) struct Numbers<T: ArrowPrimitiveType> {
    values: Vec<T::Native>,
    nulls: NullBufferBuilder,
    data_type: DataType,
}

impl<T: ArrowPrimitiveType> Numbers<T> {
    pub(crate) fn new(data_type: &DataType) -> Self {
        Numbers { values: Vec::new(), nulls: NullBufferBuilder::new(0), data_type: data_type.clone() }
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, value: T::Native) {
        self.values.push(value);
        self.nulls.append_non_null();
    }

    pub(crate) fn push_null(&mut self) {
        self.values.push(T::Native::default());
        self.nulls.append_null();
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        self.values.truncate(len);
        self.nulls.truncate(len);
    }

    pub(crate) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let (values, nulls) = take(&mut self.values, &mut self.nulls);
        let array = PrimitiveArray::<T>::try_new(values.into(), nulls)?;
        Ok(Arc::new(array.with_data_type(self.data_type.clone())))
    }
}

/// The values so far; what takes their place has room for as many again.
fn take<V>(values: &mut Vec<V>, nulls: &mut NullBufferBuilder) -> (Vec<V>, Option<arrow_buffer::NullBuffer>) {
    let next = Vec::with_capacity(values.len());
    let built = nulls.finish();
    *nulls = NullBufferBuilder::new(values.len());
    (std::mem::replace(values, next), built)
}

/// A column of timestamps in one of the three units.
#[derive(Debug)]
pub(crate) struct Timestamps {
    values: Vec<i64>,
    nulls: NullBufferBuilder,
    unit: TimeUnit,
    zone: Option<Arc<str>>,
}

impl Timestamps {
    /// `None` for seconds, which the mapping does not use.
    pub(crate) fn new(unit: TimeUnit, zone: Option<Arc<str>>) -> Option<Self> {
        if unit == TimeUnit::Second {
            return None;
        }
        Some(Timestamps { values: Vec::new(), nulls: NullBufferBuilder::new(0), unit, zone })
    }

    pub(crate) fn is_local_zone(&self) -> bool {
        self.zone.is_some()
    }

    /// The type as SQL names it, for errors.
    pub(crate) fn sql_type(&self) -> &'static str {
        if self.is_local_zone() { "TIMESTAMP_LTZ" } else { "TIMESTAMP" }
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// Appends the instant `nanos` after midnight of the day `days` after 1970-01-01, cut to the column's unit;
    /// `false` when it lies beyond what 64 bits of the unit hold.
    #[inline]
    pub(crate) fn push(&mut self, days: i64, nanos: u64) -> bool {
        let (per_day, nanos_per_unit) = match self.unit {
            TimeUnit::Second | TimeUnit::Millisecond => (86_400_000, 1_000_000),
            TimeUnit::Microsecond => (86_400_000_000, 1_000),
            TimeUnit::Nanosecond => (86_400_000_000_000, 1),
        };
        let value = days.checked_mul(per_day).and_then(|v| v.checked_add((nanos / nanos_per_unit) as i64));
        match value {
            Some(value) => {
                self.values.push(value);
                self.nulls.append_non_null();
                true
            }
            None => false,
        }
    }

    pub(crate) fn push_null(&mut self) {
        self.values.push(0);
        self.nulls.append_null();
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        self.values.truncate(len);
        self.nulls.truncate(len);
    }

    pub(crate) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let (values, nulls) = take(&mut self.values, &mut self.nulls);
        let zone = self.zone.clone();
        let values = values.into();
        Ok(match self.unit {
            TimeUnit::Second | TimeUnit::Millisecond => Arc::new(
                PrimitiveArray::<TimestampMillisecondType>::try_new(values, nulls)?.with_timezone_opt(zone),
            ),
            TimeUnit::Microsecond => Arc::new(
                PrimitiveArray::<TimestampMicrosecondType>::try_new(values, nulls)?.with_timezone_opt(zone),
            ),
            TimeUnit::Nanosecond => Arc::new(
                PrimitiveArray::<TimestampNanosecondType>::try_new(values, nulls)?.with_timezone_opt(zone),
            ),
        })
    }
}
