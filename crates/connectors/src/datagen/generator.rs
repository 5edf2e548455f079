//! One column's generator: what the options say of it, and the arrays that it makes.

use std::sync::Arc;
use std::time::Duration;

use arrow_array::builder::StringViewBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, BooleanArray, Float64Array, Int64Array, StructArray};
use arrow_buffer::NullBuffer;
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields, TimeUnit};
use millstream_engine::connector::ConnectorError;
use rand::rngs::StdRng;
use rand::{Rng, RngExt};

use super::FIELD_OPTIONS;
use crate::options::{Options, invalid};

/// What a column is filled with.
#[derive(Debug, Clone)]
pub(super) struct ColumnPlan {
    values: Values,
    /// The share of nulls, 0 to 1.
    null_rate: f64,
    data_type: DataType,
}

#[derive(Debug, Clone)]
enum Values {
    Boolean,
    /// Whole numbers within bounds, both included.
    Integers {
        min: i64,
        max: i64,
    },
    Doubles {
        min: f64,
        max: f64,
    },
    /// Hexadecimal text of this many characters.
    Text {
        length: usize,
    },
    /// The wall clock less up to this much.
    Past {
        max_past: Duration,
    },
    /// `start` to `end`, then no more.
    Sequence {
        start: i64,
        end: i64,
    },
    Row(Fields, Vec<ColumnPlan>),
}

/// Checks that every `fields.NAME.…` option speaks of a column.
pub(super) fn check_names(options: &Options, columns: &[FieldRef]) -> Result<(), ConnectorError> {
    for key in options.with_prefix("fields.").keys() {
        let path = key.rsplit_once('.').map_or(key.as_str(), |(path, _)| path);
        let name = path.split('.').next().unwrap_or(path);
        let known: Vec<&str> = FIELD_OPTIONS.iter().map(|option| option.key).collect();
        let last = key.rsplit('.').next().unwrap_or_default();
        if !known.contains(&last) {
            return Err(ConnectorError::Declaration {
                option: Some(format!("fields.{key}")),
                column: None,
                message: format!(
                    "'{last}' is not an option of a generated column: there are {}",
                    known.join(", ")
                ),
            });
        }
        if !columns.iter().any(|column| column.name() == name) {
            return Err(ConnectorError::Declaration {
                option: Some(format!("fields.{key}")),
                column: None,
                message: format!("the table has no column `{name}`"),
            });
        }
    }
    Ok(())
}

impl ColumnPlan {
    /// Reads the options of the column at `path` (dots between nested names).
    pub(super) fn new(field: &Field, path: &str, options: &Options) -> Result<Self, ConnectorError> {
        let key = |option: &str| format!("fields.{path}.{option}");
        let null_rate = decimal(options, &key("null-rate"), 0.0)?;
        if !(0.0..=1.0).contains(&null_rate) {
            return Err(invalid(&key("null-rate"), &null_rate.to_string(), "a number from 0 to 1"));
        }
        let is_sequence = options.choice(&key("kind"), &[("random", false), ("sequence", true)], false)?;
        let values =
            if is_sequence { sequence(field, path, options)? } else { random(field, path, options)? };
        Ok(Self { values, null_rate, data_type: field.data_type().clone() })
    }

    /// The number of rows after which the column has nothing left.
    pub(super) fn rows(&self) -> Option<i64> {
        match &self.values {
            Values::Sequence { start, end } => Some(end.saturating_sub(*start).saturating_add(1)),
            Values::Row(_, children) => children.iter().filter_map(Self::rows).min(),
            _ => None,
        }
    }

    /// Makes the values of rows `first` to `first + count - 1`.
    pub(super) fn generate(
        &self,
        first: i64,
        count: usize,
        now_ms: i64,
        random: &mut StdRng,
    ) -> Result<ArrayRef, ArrowError> {
        let numbers = |values: Vec<i64>| -> Result<ArrayRef, ArrowError> {
            cast(&(Arc::new(Int64Array::from(values)) as ArrayRef), &self.data_type)
        };
        let values: ArrayRef = match &self.values {
            Values::Boolean => {
                Arc::new(BooleanArray::from_iter((0..count).map(|_| Some(random.random::<bool>()))))
            }
            Values::Integers { min, max } => {
                numbers((0..count).map(|_| random.random_range(*min..=*max)).collect())?
            }
            Values::Doubles { min, max } => {
                let doubles = (0..count).map(|_| min + (max - min) * random.random::<f64>());
                cast(&(Arc::new(Float64Array::from_iter_values(doubles)) as ArrayRef), &self.data_type)?
            }
            Values::Text { length } => text(count, *length, random),
            Values::Past { max_past } => {
                let bound = i64::try_from(max_past.as_millis()).unwrap_or(i64::MAX);
                let times = (0..count).map(|_| now_ms.saturating_sub(random.random_range(0..=bound)));
                milliseconds(times.collect(), &self.data_type)?
            }
            Values::Sequence { start, .. } => {
                let from = start + first;
                numbers((0..count as i64).map(|row| from + row).collect())?
            }
            Values::Row(fields, children) => {
                let columns = children.iter().map(|child| child.generate(first, count, now_ms, random));
                Arc::new(StructArray::try_new(fields.clone(), columns.collect::<Result<_, _>>()?, None)?)
            }
        };
        self.with_nulls(values, random)
    }

    fn with_nulls(&self, values: ArrayRef, random: &mut StdRng) -> Result<ArrayRef, ArrowError> {
        if self.null_rate == 0.0 {
            return Ok(values);
        }
        let nulls =
            NullBuffer::from_iter((0..values.len()).map(|_| random.random::<f64>() >= self.null_rate));
        let data = values.to_data().into_builder().nulls(Some(nulls)).build()?;
        Ok(arrow_array::make_array(data))
    }
}

fn sequence(field: &Field, path: &str, options: &Options) -> Result<Values, ConnectorError> {
    let bound = |option: &str| {
        let key = format!("fields.{path}.{option}");
        options.required(&key, "1")?;
        options.integer(&key, 0, i64::MIN)
    };
    if !(field.data_type().is_integer() || field.data_type().is_floating() || field.data_type().is_string()) {
        return Err(unsupported(field, "a sequence"));
    }
    let (start, end) = (bound("start")?, bound("end")?);
    if end < start {
        return Err(invalid(
            &format!("fields.{path}.end"),
            &end.to_string(),
            "a number that is not below the start",
        ));
    }
    Ok(Values::Sequence { start, end })
}

fn random(field: &Field, path: &str, options: &Options) -> Result<Values, ConnectorError> {
    let key = |option: &str| format!("fields.{path}.{option}");
    let integers = |least: i64, most: i64| {
        let min = options.integer(&key("min"), least, least)?;
        let max = options.integer(&key("max"), most, min)?;
        if max > most {
            return Err(invalid(&key("max"), &max.to_string(), &format!("a whole number of at most {most}")));
        }
        Ok(Values::Integers { min, max })
    };
    match field.data_type() {
        DataType::Boolean => Ok(Values::Boolean),
        DataType::Int8 => integers(i8::MIN.into(), i8::MAX.into()),
        DataType::Int16 => integers(i16::MIN.into(), i16::MAX.into()),
        DataType::Int32 => integers(i32::MIN.into(), i32::MAX.into()),
        DataType::Int64 => integers(i64::MIN, i64::MAX),
        DataType::Float32 | DataType::Float64 | DataType::Decimal128(..) => {
            let min = decimal(options, &key("min"), 0.0)?;
            Ok(Values::Doubles { min, max: decimal(options, &key("max"), min.max(1.0))? })
        }
        DataType::Utf8View => {
            let length = options.integer(&key("length"), 100, 1)?;
            let length = usize::try_from(length).ok().filter(|length| *length <= MAX_TEXT_LENGTH);
            let length =
                length.ok_or_else(|| invalid(&key("length"), "", &format!("at most {MAX_TEXT_LENGTH}")))?;
            Ok(Values::Text { length })
        }
        DataType::Timestamp(..) | DataType::Date32 => {
            Ok(Values::Past { max_past: options.duration(&key("max-past"), Duration::ZERO)? })
        }
        DataType::Struct(children) => {
            let plans = children
                .iter()
                .map(|child| ColumnPlan::new(child, &format!("{path}.{}", child.name()), options));
            Ok(Values::Row(children.clone(), plans.collect::<Result<_, _>>()?))
        }
        _ => Err(unsupported(field, "random values")),
    }
}

/// The longest text that a column can be asked to hold, in characters.
const MAX_TEXT_LENGTH: usize = 1 << 20;

fn text(count: usize, length: usize, random: &mut StdRng) -> ArrayRef {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut builder = StringViewBuilder::with_capacity(count);
    let mut value = String::with_capacity(length);
    for _ in 0..count {
        value.clear();
        let mut bits = 0u64;
        for position in 0..length {
            if position % 16 == 0 {
                bits = random.next_u64();
            }
            value.push(char::from(DIGITS[(bits & 15) as usize]));
            bits >>= 4;
        }
        builder.append_value(&value);
    }
    Arc::new(builder.finish())
}

fn milliseconds(values: Vec<i64>, target: &DataType) -> Result<ArrayRef, ArrowError> {
    let milliseconds: ArrayRef = Arc::new(Int64Array::from(values));
    let zone = match target {
        DataType::Timestamp(_, zone) => zone.clone(),
        _ => None,
    };
    let instants = cast(&milliseconds, &DataType::Timestamp(TimeUnit::Millisecond, zone))?;
    debug_assert_eq!(milliseconds.as_primitive::<Int64Type>().len(), instants.len());
    cast(&instants, target)
}

fn decimal(options: &Options, key: &str, default: f64) -> Result<f64, ConnectorError> {
    match options.text(key) {
        None => Ok(default),
        Some(text) => {
            let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
            number.ok_or_else(|| invalid(key, text, "a number"))
        }
    }
}

fn unsupported(field: &Field, what: &str) -> ConnectorError {
    ConnectorError::Declaration {
        option: None,
        column: Some(field.name().clone()),
        message: format!("'datagen' cannot make {what} for the column `{}`", field.name()),
    }
}
