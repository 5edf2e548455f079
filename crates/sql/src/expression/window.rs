//! The bounds of tumbling windows as expressions.
//!
//! `TUMBLE(TABLE t, …)` adds `window_start`, `window_end` and `window_time` to a relation: expressions over its time
//! column. The planner knows a window aggregation by them: whoever groups by the start and the end of one window.

use arrow_array::types::Int64Type;
use arrow_array::{Array, Int64Array};
use millstream_engine::expression::EvaluationError;
use millstream_engine::plan::WindowProperty;

use super::evaluate::Rows;
use super::operand::{longs_of, longs_to, ticks_per_second};
use super::{Expr, Operand};
use crate::types::{Kind, SqlType};

/// A property of the window of a row.
#[derive(Debug, Clone)]
pub(crate) struct WindowBound {
    /// The event time; `None` stands for the wall clock, which only an aggregation can window by.
    pub(crate) time: Option<Box<Expr>>,
    pub(crate) size_ms: i64,
    pub(crate) offset_ms: i64,
    pub(crate) property: WindowProperty,
}

impl WindowBound {
    /// Whether both are of the same window, its time column aside.
    pub(crate) fn is_same_window(&self, other: &Self) -> bool {
        self.size_ms == other.size_ms
            && self.offset_ms == other.offset_ms
            && self.time.is_some() == other.time.is_some()
    }

    pub(crate) fn is_same_property(&self, other: &Self) -> bool {
        self.is_same_window(other) && self.property == other.property
    }

    /// The type of the property: start and end are plain timestamps; the window's time is of its time column's type.
    pub(crate) fn data_type(time: &SqlType, property: WindowProperty) -> SqlType {
        match property {
            WindowProperty::Start | WindowProperty::End => Kind::Timestamp(3).not_null(),
            WindowProperty::Time if matches!(time.kind, Kind::TimestampLtz(_)) => {
                Kind::TimestampLtz(3).not_null()
            }
            WindowProperty::Time => Kind::Timestamp(3).not_null(),
        }
    }

    /// The property in milliseconds for an event time in milliseconds.
    pub(crate) fn of(&self, time_ms: i64) -> i64 {
        let start =
            time_ms.saturating_sub((time_ms.wrapping_sub(self.offset_ms)).rem_euclid(self.size_ms.max(1)));
        match self.property {
            WindowProperty::Start => start,
            WindowProperty::End => start.saturating_add(self.size_ms),
            WindowProperty::Time => start.saturating_add(self.size_ms - 1),
        }
    }
}

pub(super) fn evaluate(bound: &WindowBound, rows: &Rows<'_>) -> Result<Operand, EvaluationError> {
    let Some(time) = &bound.time else {
        return Err(EvaluationError::Undefined {
            operation: "TUMBLE".to_owned(),
            reason: "a processing-time window exists only inside of an aggregation".to_owned(),
        });
    };
    let array = time.operand(rows)?.into_column(rows.count)?;
    let per_ms = ticks_per_second(array.data_type()) / 1_000;
    let times = Int64Array::new(longs_of(&array).to_vec().into(), array.logical_nulls());
    let bounds = times.unary::<_, Int64Type>(|ticks| bound.of(ticks.div_euclid(per_ms)));
    let data_type = WindowBound::data_type(&time.data_type, bound.property).kind.to_arrow();
    Ok(Operand::Column(longs_to(bounds, &data_type)))
}
