//! A CSV value's text into a column.

use arrow_schema::Field;

use crate::base64;
use crate::column::{Arena, Column, Place};
use crate::error::{BadRowReason, Fault, FormatError};
use crate::number::{self, NumberFault};
use crate::options::TimestampStandard;
use crate::time;
use crate::types::PRECISION_METADATA;

/// What conversions need besides the text.
#[derive(Debug)]
pub(super) struct Converter {
    pub(super) arena: Arena,
    pub(super) null_literal: Option<Vec<u8>>,
    pub(super) element_delimiter: Vec<u8>,
    pub(super) ignore_parse_errors: bool,
}

/// What the column's declaration says beyond its type.
#[derive(Debug, Clone, Copy)]
pub(super) struct Declared {
    pub(super) nullable: bool,
    /// A `TIME` is cut to this many milliseconds.
    time_step_millis: i32,
}

impl Declared {
    pub(super) fn new(field: &Field) -> Self {
        let precision =
            field.metadata().get(PRECISION_METADATA).and_then(|digits| digits.parse::<u32>().ok());
        let time_step_millis = 10i32.pow(3 - precision.unwrap_or(3).min(3));
        Declared { nullable: field.is_nullable(), time_step_millis }
    }
}

/// Refuses what a CSV value cannot hold: maps, and anything nested below an ARRAY or ROW.
pub(super) fn check(field: &Field, path: &str, nested: bool) -> Result<(), FormatError> {
    use arrow_schema::DataType as T;
    let refused = |hint| {
        Err(FormatError::UnsupportedType {
            column: path.to_owned(),
            format: "csv",
            data_type: Box::new(field.data_type().clone()),
            hint,
        })
    };
    match field.data_type() {
        T::Map(..) => refused("use format json for a table with a MAP"),
        T::List(_) | T::Struct(_) if nested => refused("ARRAY and ROW may hold only simple types in csv"),
        T::List(item) => check(item, path, true),
        T::Struct(fields) => {
            fields.iter().try_for_each(|inner| check(inner, &format!("{path}.{}", inner.name()), true))
        }
        _ => Ok(()),
    }
}

impl Converter {
    /// Appends the value that `text` spells, or null for the null literal and for errors that are to be ignored.
    pub(super) fn push(
        &mut self,
        column: &mut Column,
        declared: Declared,
        text: &[u8],
        place: Place,
        position: usize,
    ) -> Result<(), Fault> {
        if self.null_literal.as_deref() == Some(text) {
            return push_null(column, declared, position);
        }
        let base = column.len();
        match self.convert(column, declared, text, place, position) {
            Err(fault) if self.ignore_parse_errors && fault.is_conversion() => {
                column.truncate(base);
                push_null(column, declared, position)
            }
            // A DECIMAL that its precision does not hold is null.
            Ok(()) if !declared.nullable && column.ends_in_null() => {
                Err(Fault::new(BadRowReason::NullNotAllowed, position))
            }
            result => result,
        }
    }

    fn convert(
        &mut self,
        column: &mut Column,
        declared: Declared,
        text: &[u8],
        place: Place,
        position: usize,
    ) -> Result<(), Fault> {
        let sql_type = column.sql_type();
        let malformed = |()| Fault::new(BadRowReason::MalformedText(sql_type), position);
        let number_fault = |fault| match fault {
            NumberFault::OutOfRange => Fault::new(BadRowReason::OutOfRange(sql_type), position),
            NumberFault::Malformed => malformed(()),
        };
        // Spaces around a number are passed over, but not around a DECIMAL.
        let spelling = if let Column::Decimal { .. } = column { text } else { number::trim(text) };
        if let Some(result) = column.push_number(spelling, false) {
            return result.map_err(number_fault);
        }
        match column {
            Column::Boolean(values) => values.push(number::trim(text).eq_ignore_ascii_case(b"true")),
            Column::Date(numbers) => {
                let days = time::parse_date_leniently(text).ok_or(()).map_err(malformed)?;
                numbers.push(i32::try_from(days).map_err(|_| number_fault(NumberFault::OutOfRange))?);
            }
            Column::Time(numbers) => {
                let nanos = time::parse_iso_time(text).ok_or(()).map_err(malformed)?;
                let step = declared.time_step_millis;
                numbers.push((nanos / 1_000_000) as i32 / step * step);
            }
            Column::Timestamp(timestamps) => {
                let local = timestamps.is_local_zone();
                let moment = time::parse_timestamp(number::trim(text), TimestampStandard::Sql, local);
                let moment = moment.ok_or(()).map_err(malformed)?;
                if !timestamps.push(moment.days, moment.nanos) {
                    return Err(number_fault(NumberFault::OutOfRange));
                }
            }
            Column::Text(views) => return full_unless(views.push(text, place, &mut self.arena), position),
            Column::Bytes(views) => {
                let mut bytes = Vec::new();
                base64::decode(text, &mut bytes).ok_or(()).map_err(malformed)?;
                return full_unless(views.push(&bytes, Place::Elsewhere, &mut self.arena), position);
            }
            _ => return self.convert_nested(column, declared, text, position),
        }
        Ok(())
    }

    /// Elements of an ARRAY, or the fields of a ROW by position.
    fn convert_nested(
        &mut self,
        column: &mut Column,
        declared: Declared,
        text: &[u8],
        position: usize,
    ) -> Result<(), Fault> {
        let delimiter = std::mem::take(&mut self.element_delimiter);
        let result = match column {
            Column::Array(array) => {
                let declared = Declared { nullable: array.items_nullable(), time_step_millis: 1 };
                // No text is no element, not one empty element.
                let mut elements = split(text, &delimiter).filter(|_| !text.is_empty());
                elements
                    .try_for_each(|element| {
                        self.push(&mut array.items, declared, element, Place::Elsewhere, position)
                    })
                    .and_then(|()| full_unless(array.close(), position))
            }
            Column::Row(row) => {
                let expected = row.children.len();
                let found = split(text, &delimiter).count();
                if text.is_empty() {
                    return self.restore(delimiter, push_null(column, declared, position));
                }
                // Elements past the last field are passed over, as in Flink.
                if found >= expected || self.ignore_parse_errors {
                    let declared: Vec<Declared> = row.declared().map(Declared::new).collect();
                    let mut elements = split(text, &delimiter);
                    row.children
                        .iter_mut()
                        .zip(declared)
                        .try_for_each(|(child, declared)| match elements.next() {
                            Some(element) => self.push(child, declared, element, Place::Elsewhere, position),
                            None => push_null(child, declared, position),
                        })
                        .map(|()| row.close())
                } else {
                    Err(Fault::new(BadRowReason::ValueCount { expected, found }, position))
                }
            }
            _ => Err(Fault::new(BadRowReason::MalformedText(column.sql_type()), position)),
        };
        self.restore(delimiter, result)
    }

    /// Puts the delimiter back that [`Converter::convert_nested`] took to be free to convert elements.
    fn restore(&mut self, delimiter: Vec<u8>, result: Result<(), Fault>) -> Result<(), Fault> {
        self.element_delimiter = delimiter;
        result
    }
}

/// Appends null where the declaration allows it.
pub(super) fn push_null(column: &mut Column, declared: Declared, position: usize) -> Result<(), Fault> {
    if !declared.nullable {
        return Err(Fault::new(BadRowReason::NullNotAllowed, position));
    }
    column.push_null();
    Ok(())
}

fn full_unless(pushed: bool, position: usize) -> Result<(), Fault> {
    if pushed { Ok(()) } else { Err(Fault::new(BadRowReason::BatchFull, position)) }
}

/// The pieces between delimiters of any length.
fn split<'a>(text: &'a [u8], delimiter: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        match memchr::memmem::find(text, delimiter).filter(|_| !delimiter.is_empty()) {
            Some(at) => {
                rest = Some(&text[at + delimiter.len()..]);
                Some(&text[..at])
            }
            None => {
                rest = None;
                Some(text)
            }
        }
    })
}
