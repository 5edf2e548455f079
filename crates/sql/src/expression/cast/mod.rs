//! CAST and TRY_CAST with Flink's semantics.
//!
//! Numbers narrow as Java's do (integers wrap, floats saturate); a DECIMAL that does not fit is null; text that does
//! not read is an error, or null with TRY_CAST. One file per target family.

mod number;
pub(crate) mod print;
mod text;
pub(crate) mod time;

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BinaryViewArray, ListArray, MapArray, StringViewArray, StructArray};
use arrow_schema::{ArrowError, DataType};
use millstream_engine::expression::EvaluationError;

use super::operand::Arguments;
use super::{Kernel, Notation};
use crate::types::Kind;

pub(crate) static CAST: Kernel = Kernel::partial("CAST", strict).shown(Notation::Cast);
/// A cast that always has a result.
pub(crate) static WIDEN: Kernel = Kernel::total("CAST", strict).shown(Notation::Cast);
pub(crate) static TRY_CAST: Kernel = Kernel::total("TRY_CAST", safe).shown(Notation::Cast);

fn strict(arguments: &Arguments<'_>) -> Result<ArrayRef, EvaluationError> {
    let cast = Cast { safe: false };
    cast.apply(arguments.operands[0].array(), &arguments.types[0].kind, &arguments.result.kind)
}

fn safe(arguments: &Arguments<'_>) -> Result<ArrayRef, EvaluationError> {
    let cast = Cast { safe: true };
    cast.apply(arguments.operands[0].array(), &arguments.types[0].kind, &arguments.result.kind)
}

/// How a cast is done.
struct Cast {
    /// Whether a value that has no counterpart becomes null.
    safe: bool,
}

/// Whether Flink has a cast between two types.
pub(crate) fn is_supported(from: &Kind, to: &Kind) -> bool {
    let time = |kind: &Kind| matches!(kind, Kind::Date | Kind::Time(_)) || kind.is_timestamp();
    match (from, to) {
        (Kind::Null, _) => true,
        (from, to) if from == to => true,
        (Kind::Row(from), Kind::Row(to)) => {
            from.len() == to.len()
                && from.iter().zip(to).all(|(f, t)| is_supported(&f.data_type.kind, &t.data_type.kind))
        }
        (Kind::Array(from), Kind::Array(to)) => is_supported(&from.kind, &to.kind),
        (Kind::Map(fk, fv), Kind::Map(tk, tv)) => {
            is_supported(&fk.kind, &tk.kind) && is_supported(&fv.kind, &tv.kind)
        }
        (_, to) if to.is_string() => true,
        (from, to) if from.is_string() => {
            to.is_numeric() || to.is_bytes() || time(to) || *to == Kind::Boolean
        }
        (from, to) if from.is_numeric() => to.is_numeric() || *to == Kind::Boolean,
        (Kind::Boolean, to) => to.is_numeric(),
        (Kind::Date, to) => to.is_timestamp(),
        (Kind::Time(_), to) => to.is_timestamp() || matches!(to, Kind::Time(_)),
        (from, to) if from.is_timestamp() => time(to),
        (from, to) if from.is_interval() => from == to || *to == Kind::BigInt,
        (from, to) => from.is_bytes() && to.is_bytes(),
    }
}

/// Whether a supported cast has a result for every value.
pub(crate) fn is_total(from: &Kind, to: &Kind) -> bool {
    match (from, to) {
        (Kind::Row(from), Kind::Row(to)) => {
            from.iter().zip(to).all(|(f, t)| is_total(&f.data_type.kind, &t.data_type.kind))
        }
        (Kind::Array(from), Kind::Array(to)) => is_total(&from.kind, &to.kind),
        (Kind::Map(fk, fv), Kind::Map(tk, tv)) => {
            is_total(&fk.kind, &tk.kind) && is_total(&fv.kind, &tv.kind)
        }
        (from, to) => !from.is_string() || to.is_string() || to.is_bytes(),
    }
}

impl Cast {
    fn apply(&self, array: &ArrayRef, from: &Kind, to: &Kind) -> Result<ArrayRef, EvaluationError> {
        if from == to {
            return Ok(ArrayRef::clone(array));
        }
        match (from, to) {
            (Kind::Null, to) => Ok(arrow_array::new_null_array(&to.to_arrow(), array.len())),
            (Kind::Row(from), Kind::Row(to)) => {
                let rows = array.as_struct();
                let columns = rows
                    .columns()
                    .iter()
                    .zip(from.iter().zip(to))
                    .map(|(column, (from, to))| self.apply(column, &from.data_type.kind, &to.data_type.kind))
                    .collect::<Result<Vec<_>, _>>()?;
                let DataType::Struct(fields) = Kind::Row(to.clone()).to_arrow() else {
                    return Err(impossible(from_name(array)));
                };
                Ok(Arc::new(StructArray::try_new_with_length(
                    fields,
                    columns,
                    rows.nulls().cloned(),
                    rows.len(),
                )?))
            }
            (Kind::Array(from), Kind::Array(element)) => {
                let lists = array.as_list::<i32>();
                let values = self.apply(lists.values(), &from.kind, &element.kind)?;
                let DataType::List(field) = to.to_arrow() else { return Err(impossible(from_name(array))) };
                Ok(Arc::new(ListArray::try_new(
                    field,
                    lists.offsets().clone(),
                    values,
                    lists.nulls().cloned(),
                )?))
            }
            (Kind::Map(from_key, from_value), Kind::Map(key, value)) => {
                let maps = array.as_map();
                let keys = self.apply(maps.keys(), &from_key.kind, &key.kind)?;
                let values = self.apply(maps.values(), &from_value.kind, &value.kind)?;
                let DataType::Map(entries, sorted) = to.to_arrow() else {
                    return Err(impossible(from_name(array)));
                };
                let DataType::Struct(fields) = entries.data_type() else {
                    return Err(impossible(from_name(array)));
                };
                let structs = StructArray::try_new(fields.clone(), vec![keys, values], None)?;
                let nulls = maps.nulls().cloned();
                Ok(Arc::new(MapArray::try_new(entries, maps.offsets().clone(), structs, nulls, sorted)?))
            }
            (_, to) if to.is_string() => print::to_strings(array, from, to),
            (from, to) if from.is_string() => self.strings(array.as_string_view(), to),
            (from, to) if from.is_bytes() && to.is_bytes() => Ok(sized_bytes(array.as_binary_view(), to)),
            (from, to)
                if from.is_numeric() || *from == Kind::Boolean || from.is_interval() || to.is_interval() =>
            {
                number::cast(array, from, to)
            }
            _ => time::cast(array, from, to),
        }
    }

    fn strings(&self, strings: &StringViewArray, to: &Kind) -> Result<ArrayRef, EvaluationError> {
        if to.is_bytes() {
            let bytes: BinaryViewArray = strings.iter().map(|text| text.map(str::as_bytes)).collect();
            return Ok(sized_bytes(&bytes, to));
        }
        text::read(strings, to, self.safe)
    }
}

/// BINARY(n) is filled up with zeros; both kinds are cut at n.
fn sized_bytes(bytes: &BinaryViewArray, to: &Kind) -> ArrayRef {
    let fit = |value: &[u8]| -> Vec<u8> {
        let (length, fill) = match to {
            Kind::Binary(length) => (*length as usize, true),
            Kind::VarBinary(length) => (*length as usize, false),
            _ => (usize::MAX, false),
        };
        let mut value = value[..value.len().min(length)].to_vec();
        if fill {
            value.resize(length, 0);
        }
        value
    };
    if *to == Kind::BYTES {
        return Arc::new(bytes.clone());
    }
    Arc::new(bytes.iter().map(|value| value.map(fit)).collect::<BinaryViewArray>())
}

fn from_name(array: &ArrayRef) -> String {
    array.data_type().to_string()
}

/// A cast that the binder does not make.
fn impossible(what: String) -> EvaluationError {
    EvaluationError::Kernel(ArrowError::CastError(format!("no cast from {what}")))
}
