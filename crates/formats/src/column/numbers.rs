//! Columns of fixed-width values.

use std::sync::Arc;

use arrow_array::types::{
    ArrowPrimitiveType, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
};
use arrow_array::{ArrayRef, PrimitiveArray};
use arrow_schema::{ArrowError, DataType, TimeUnit};

use super::Nulls;

/// A column of one primitive type.
#[derive(Debug)]
pub(crate) struct Numbers<T: ArrowPrimitiveType> {
    values: Vec<T::Native>,
    nulls: Nulls,
    data_type: DataType,
}

impl<T: ArrowPrimitiveType> Numbers<T> {
    pub(crate) fn new(data_type: &DataType) -> Self {
        Numbers { values: Vec::new(), nulls: Nulls::new(), data_type: data_type.clone() }
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, value: T::Native) {
        self.values.push(value);
        self.nulls.push_valid();
    }

    pub(crate) fn push_null(&mut self) {
        self.values.push(T::Native::default());
        self.nulls.push_null();
    }

    pub(crate) fn ends_in_null(&self) -> bool {
        self.nulls.ends_in_null()
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
fn take<V>(values: &mut Vec<V>, nulls: &mut Nulls) -> (Vec<V>, Option<arrow_buffer::NullBuffer>) {
    let next = Vec::with_capacity(values.len());
    (std::mem::replace(values, next), nulls.finish())
}

/// A column of timestamps in one of the three units.
#[derive(Debug)]
pub(crate) struct Timestamps {
    values: Vec<i64>,
    nulls: Nulls,
    unit: TimeUnit,
    zone: Option<Arc<str>>,
}

impl Timestamps {
    /// `None` for seconds, which the mapping does not use.
    pub(crate) fn new(unit: TimeUnit, zone: Option<Arc<str>>) -> Option<Self> {
        if unit == TimeUnit::Second {
            return None;
        }
        Some(Timestamps { values: Vec::new(), nulls: Nulls::new(), unit, zone })
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
        // Divisors known at compile time make multiplications of the divisions.
        let (start, rest) = match self.unit {
            TimeUnit::Second | TimeUnit::Millisecond => (days.checked_mul(86_400_000), nanos / 1_000_000),
            TimeUnit::Microsecond => (days.checked_mul(86_400_000_000), nanos / 1_000),
            TimeUnit::Nanosecond => (days.checked_mul(86_400_000_000_000), nanos),
        };
        match start.and_then(|start| start.checked_add(rest as i64)) {
            Some(value) => {
                self.values.push(value);
                self.nulls.push_valid();
                true
            }
            None => false,
        }
    }

    pub(crate) fn push_null(&mut self) {
        self.values.push(0);
        self.nulls.push_null();
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
