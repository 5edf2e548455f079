//! What one window aggregation computes, checked against the schemas of its input and output.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, SchemaRef};

use crate::accumulator::{self, Accumulator};
use crate::key::KeyCodec;
use crate::plan::{AggregateCall, AggregateFunction, Window, WindowKind, WindowProperty, WindowTime};
use crate::window::Tumble;

/// A window aggregation, shared by its tasks.
#[derive(Debug)]
pub(crate) struct AggregateSpec {
    pub(crate) tumble: Tumble,
    /// The column with the event time; `None` for processing time.
    pub(crate) time_column: Option<usize>,
    pub(crate) key_columns: Vec<usize>,
    pub(crate) codec: KeyCodec,
    pub(crate) calls: Vec<AggregateCall>,
    pub(crate) properties: Vec<WindowProperty>,
    pub(crate) input: SchemaRef,
    pub(crate) output: SchemaRef,
    /// Whether rows of weight −1 may come.
    pub(crate) retracting: bool,
}

/// The states of one aggregate.
#[derive(Debug)]
pub(crate) enum StateColumn {
    /// `COUNT(*)` without a filter: the weights that the operator keeps anyway.
    Weights,
    /// Anything else.
    Function(Box<dyn Accumulator>),
}

impl AggregateSpec {
    /// Checks a plan node; the error is the message to its author.
    pub(crate) fn new(
        window: &Window,
        keys: &[usize],
        calls: &[AggregateCall],
        properties: &[WindowProperty],
        input: &SchemaRef,
        output: &SchemaRef,
    ) -> Result<Self, String> {
        let WindowKind::Tumble { size_ms, offset_ms } = window.kind;
        if size_ms <= 0 {
            return Err(format!("a window's size must be positive, not {size_ms} ms"));
        }
        let type_of = |column: usize| {
            let field = input.fields().get(column);
            field
                .map(|field| field.data_type().clone())
                .ok_or_else(|| format!("there is no input column {column}"))
        };
        let time_column = match window.time {
            WindowTime::Event { column } => {
                let data_type = type_of(column)?;
                if !matches!(data_type, DataType::Timestamp(_, _)) {
                    return Err(format!("the window's time must be a TIMESTAMP, not {data_type}"));
                }
                Some(column)
            }
            WindowTime::Processing => None,
        };
        let key_types = keys.iter().map(|column| type_of(*column)).collect::<Result<Vec<_>, _>>()?;
        let codec = KeyCodec::new(key_types)
            .map_err(|unfit| format!("rows cannot be grouped by a column of type {unfit}"))?;
        for call in calls {
            call.input.map(type_of).transpose()?;
            if let Some(filter) = call.filter
                && type_of(filter)? != DataType::Boolean
            {
                return Err("the FILTER of an aggregate must be a BOOLEAN".to_owned());
            }
        }
        let expected = keys.len() + calls.len() + properties.len();
        if output.fields().len() != expected {
            return Err(format!("its schema has {} columns instead of {expected}", output.fields().len()));
        }
        let spec = Self {
            tumble: Tumble { size_ms, offset_ms },
            time_column,
            key_columns: keys.to_vec(),
            codec,
            calls: calls.to_vec(),
            properties: properties.to_vec(),
            input: Arc::clone(input),
            output: Arc::clone(output),
            retracting: false,
        };
        spec.states()?;
        Ok(spec)
    }

    /// Empty states, one per aggregate.
    pub(crate) fn states(&self) -> Result<Vec<StateColumn>, String> {
        let fields = self.output.fields().iter().skip(self.key_columns.len());
        let states = self.calls.iter().zip(fields).map(|(call, field)| {
            let is_row_count =
                call.function == AggregateFunction::Count && call.input.is_none() && call.filter.is_none();
            if is_row_count && *field.data_type() == DataType::Int64 {
                return Ok(StateColumn::Weights);
            }
            let input = call.input.map(|column| self.input.field(column).data_type());
            accumulator::create(call.function, input, field.data_type(), self.retracting)
                .map(StateColumn::Function)
                .ok_or_else(|| {
                    let input = input.map_or_else(|| "*".to_owned(), ToString::to_string);
                    format!(
                        "{:?}({input}) with a result of type {} is not supported",
                        call.function,
                        field.data_type()
                    )
                })
        });
        states.collect()
    }

    /// The key columns of a batch.
    pub(crate) fn keys_of(&self, rows: &RecordBatch) -> Vec<ArrayRef> {
        self.key_columns.iter().map(|column| Arc::clone(rows.column(*column))).collect()
    }
}
