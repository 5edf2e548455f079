//! Functions of strings. Positions and lengths count characters.

use std::sync::Arc;

use arrow_array::builder::StringViewBuilder;
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, BooleanArray, Int32Array};
use millstream_engine::expression::EvaluationError;

use super::{Function, FunctionCall};
use crate::binder::Bound;
use crate::expression::{Arguments, Expr, Kernel, Notation};
use crate::types::Kind;

pub(super) static FUNCTIONS: &[Function] = &[
    Function { name: "UPPER", usage: "UPPER(text)", bind: |call| same(call, &UPPER) },
    Function { name: "LOWER", usage: "LOWER(text)", bind: |call| same(call, &LOWER) },
    Function { name: "INITCAP", usage: "INITCAP(text)", bind: |call| same(call, &INITCAP) },
    Function { name: "TRIM", usage: "TRIM([BOTH | LEADING | TRAILING] [characters FROM] text)", bind: trim },
    Function { name: "LTRIM", usage: "LTRIM(text[, characters])", bind: |call| trim_side(call, &LTRIM) },
    Function { name: "RTRIM", usage: "RTRIM(text[, characters])", bind: |call| trim_side(call, &RTRIM) },
    Function {
        name: "BTRIM",
        usage: "BTRIM(text[, characters])",
        bind: |call| to_string(call, 1..=2, &BTRIM),
    },
    Function { name: "SUBSTRING", usage: "SUBSTRING(text FROM start [FOR length])", bind: substring },
    Function { name: "SUBSTR", usage: "SUBSTR(text, start[, length])", bind: substring },
    Function { name: "LEFT", usage: "LEFT(text, length)", bind: |call| part(call, &LEFT) },
    Function { name: "RIGHT", usage: "RIGHT(text, length)", bind: |call| part(call, &RIGHT) },
    Function {
        name: "CHAR_LENGTH",
        usage: "CHAR_LENGTH(text)",
        bind: |call| to_int(call, 1..=1, &CHAR_LENGTH),
    },
    Function {
        name: "CHARACTER_LENGTH",
        usage: "CHARACTER_LENGTH(text)",
        bind: |call| to_int(call, 1..=1, &CHAR_LENGTH),
    },
    Function { name: "ASCII", usage: "ASCII(text)", bind: |call| to_int(call, 1..=1, &ASCII) },
    Function {
        name: "POSITION",
        usage: "POSITION(needle IN text)",
        bind: |call| to_int(call, 2..=2, &POSITION),
    },
    Function { name: "LOCATE", usage: "LOCATE(needle, text[, start])", bind: locate },
    Function { name: "INSTR", usage: "INSTR(text, needle)", bind: |call| to_int(call, 2..=2, &INSTR) },
    Function {
        name: "CONCAT",
        usage: "CONCAT(text, …)",
        bind: |call| to_string(call, 1..=usize::MAX, &CONCAT),
    },
    Function { name: "CONCAT_WS", usage: "CONCAT_WS(separator, text, …)", bind: concat_ws },
    Function {
        name: "REPLACE",
        usage: "REPLACE(text, search, replacement)",
        bind: |call| to_string(call, 3..=3, &REPLACE),
    },
    Function { name: "REPEAT", usage: "REPEAT(text, count)", bind: repeat },
    Function { name: "REVERSE", usage: "REVERSE(text)", bind: reverse },
    Function { name: "LPAD", usage: "LPAD(text, length, filler)", bind: |call| pad(call, &LPAD) },
    Function { name: "RPAD", usage: "RPAD(text, length, filler)", bind: |call| pad(call, &RPAD) },
    Function { name: "SPLIT_INDEX", usage: "SPLIT_INDEX(text, separator, index)", bind: split_index },
    Function {
        name: "STARTSWITH",
        usage: "STARTSWITH(text, prefix)",
        bind: |call| to_boolean(call, &STARTSWITH),
    },
    Function { name: "ENDSWITH", usage: "ENDSWITH(text, suffix)", bind: |call| to_boolean(call, &ENDSWITH) },
];

pub(crate) static CONCAT_OPERATOR: Kernel = Kernel::total("||", concat).shown(Notation::Infix);
pub(crate) static LIKE: Kernel = Kernel::partial("LIKE", super::like::like).shown(Notation::Infix);
static CONCAT: Kernel = Kernel::total("CONCAT", concat);
static UPPER: Kernel =
    Kernel::total("UPPER", |arguments| map(arguments, |text, out| out.push_str(&text.to_uppercase())));
static LOWER: Kernel =
    Kernel::total("LOWER", |arguments| map(arguments, |text, out| out.push_str(&text.to_lowercase())));
static INITCAP: Kernel = Kernel::total("INITCAP", |arguments| map(arguments, initcap));
static REVERSE: Kernel =
    Kernel::total("REVERSE", |arguments| map(arguments, |text, out| out.extend(text.chars().rev())));
static TRIM: Kernel = Kernel::total("TRIM", trim_from);
static LTRIM: Kernel = Kernel::total("LTRIM", |arguments| trim_ends(arguments, true, false));
static RTRIM: Kernel = Kernel::total("RTRIM", |arguments| trim_ends(arguments, false, true));
static BTRIM: Kernel = Kernel::total("BTRIM", |arguments| trim_ends(arguments, true, true));
static SUBSTRING: Kernel = Kernel::total("SUBSTRING", substring_kernel);
static LEFT: Kernel = Kernel::total("LEFT", |arguments| ends(arguments, true));
static RIGHT: Kernel = Kernel::total("RIGHT", |arguments| ends(arguments, false));
static CHAR_LENGTH: Kernel = Kernel::total("CHAR_LENGTH", |arguments| {
    let texts = arguments.strings(0);
    integers(arguments, |row| Some(length(texts.get(row)?)))
});
static ASCII: Kernel = Kernel::total("ASCII", |arguments| {
    let texts = arguments.strings(0);
    integers(arguments, |row| Some(texts.get(row)?.bytes().next().map_or(0, i32::from)))
});
static POSITION: Kernel = Kernel::total("POSITION", |arguments| find(arguments, 0, 1));
static LOCATE: Kernel = Kernel::total("LOCATE", |arguments| find(arguments, 0, 1));
static INSTR: Kernel = Kernel::total("INSTR", |arguments| find(arguments, 1, 0));
static CONCAT_WS: Kernel = Kernel::total("CONCAT_WS", concat_separated);
static REPLACE: Kernel = Kernel::total("REPLACE", replace);
static REPEAT: Kernel = Kernel::partial("REPEAT", repeat_kernel);
static LPAD: Kernel = Kernel::partial("LPAD", |arguments| pad_kernel(arguments, true));
static RPAD: Kernel = Kernel::partial("RPAD", |arguments| pad_kernel(arguments, false));
static SPLIT_INDEX: Kernel = Kernel::total("SPLIT_INDEX", split_kernel);
static STARTSWITH: Kernel =
    Kernel::total("STARTSWITH", |arguments| test(arguments, |text, part| text.starts_with(part)));
static ENDSWITH: Kernel =
    Kernel::total("ENDSWITH", |arguments| test(arguments, |text, part| text.ends_with(part)));

/// The longest text that a function makes out of a shorter one, in bytes.
const TEXT_BYTES_MAX: usize = 16 << 20;

fn same(mut call: FunctionCall, kernel: &'static Kernel) -> Bound<Expr> {
    call.count(1..=1)?;
    call.string(0)?;
    let kind = call.kind(0).clone();
    call.returns(kernel, kind)
}

/// The argument's length, as a VARCHAR.
fn varchar(kind: &Kind) -> Kind {
    match kind {
        Kind::Char(length) | Kind::VarChar(length) => Kind::VarChar(*length),
        _ => Kind::STRING,
    }
}

fn to_string(
    mut call: FunctionCall,
    count: std::ops::RangeInclusive<usize>,
    kernel: &'static Kernel,
) -> Bound<Expr> {
    call.count(count)?;
    call.strings_from(0)?;
    call.returns(kernel, Kind::STRING)
}

fn to_int(
    mut call: FunctionCall,
    count: std::ops::RangeInclusive<usize>,
    kernel: &'static Kernel,
) -> Bound<Expr> {
    call.count(count)?;
    call.strings_from(0)?;
    call.returns(kernel, Kind::Int)
}

fn to_boolean(mut call: FunctionCall, kernel: &'static Kernel) -> Bound<Expr> {
    call.count(2..=2)?;
    call.strings_from(0)?;
    call.returns(kernel, Kind::Boolean)
}

fn trim(mut call: FunctionCall) -> Bound<Expr> {
    call.count(3..=3)?;
    call.strings_from(1)?;
    let kind = varchar(call.kind(2));
    call.returns(&TRIM, kind)
}

fn trim_side(mut call: FunctionCall, kernel: &'static Kernel) -> Bound<Expr> {
    call.count(1..=2)?;
    call.strings_from(0)?;
    let kind = varchar(call.kind(0));
    call.returns(kernel, kind)
}

fn substring(mut call: FunctionCall) -> Bound<Expr> {
    let count = call.count(2..=3)?;
    call.string(0)?;
    for index in 1..count {
        call.cast(index, &Kind::Int)?;
    }
    let kind = varchar(call.kind(0));
    call.returns_type(&SUBSTRING, kind.nullable())
}

fn part(mut call: FunctionCall, kernel: &'static Kernel) -> Bound<Expr> {
    call.count(2..=2)?;
    call.string(0)?;
    call.cast(1, &Kind::Int)?;
    let kind = varchar(call.kind(0));
    call.returns_type(kernel, kind.nullable())
}

fn locate(mut call: FunctionCall) -> Bound<Expr> {
    if call.count(2..=3)? == 3 {
        call.cast(2, &Kind::Int)?;
    }
    call.string(0)?;
    call.string(1)?;
    call.returns(&LOCATE, Kind::Int)
}

fn concat_ws(mut call: FunctionCall) -> Bound<Expr> {
    call.count(1..=usize::MAX)?;
    call.strings_from(0)?;
    let nullable = call.arguments[0].data_type.nullable;
    call.returns_type(&CONCAT_WS, Kind::STRING.with_nullability(nullable))
}

fn repeat(mut call: FunctionCall) -> Bound<Expr> {
    call.count(2..=2)?;
    call.string(0)?;
    call.cast(1, &Kind::Int)?;
    call.returns(&REPEAT, Kind::STRING)
}

fn reverse(mut call: FunctionCall) -> Bound<Expr> {
    call.count(1..=1)?;
    call.string(0)?;
    call.returns_type(&REVERSE, Kind::STRING.nullable())
}

fn pad(mut call: FunctionCall, kernel: &'static Kernel) -> Bound<Expr> {
    call.count(3..=3)?;
    call.string(0)?;
    call.cast(1, &Kind::Int)?;
    call.string(2)?;
    call.returns(kernel, Kind::STRING)
}

fn split_index(mut call: FunctionCall) -> Bound<Expr> {
    call.count(3..=3)?;
    call.string(0)?;
    call.string(1)?;
    call.cast(2, &Kind::Int)?;
    call.returns_type(&SPLIT_INDEX, Kind::STRING.nullable())
}

/// A column of texts that a function writes row by row; it returns whether there is a value.
fn texts(
    arguments: &Arguments<'_>,
    mut write: impl FnMut(usize, &mut String) -> Result<Option<()>, EvaluationError>,
) -> Result<ArrayRef, EvaluationError> {
    let mut builder = StringViewBuilder::with_capacity(arguments.rows);
    let mut text = String::new();
    for row in 0..arguments.rows {
        text.clear();
        match write(row, &mut text)? {
            Some(()) => builder.append_value(&text),
            None => builder.append_null(),
        }
    }
    Ok(Arc::new(builder.finish()))
}

fn map(arguments: &Arguments<'_>, function: impl Fn(&str, &mut String)) -> Result<ArrayRef, EvaluationError> {
    let values = arguments.strings(0);
    texts(arguments, |row, out| Ok(values.get(row).map(|text| function(text, out))))
}

fn integers(
    arguments: &Arguments<'_>,
    function: impl Fn(usize) -> Option<i32>,
) -> Result<ArrayRef, EvaluationError> {
    Ok(Arc::new((0..arguments.rows).map(function).collect::<Int32Array>()))
}

fn test(
    arguments: &Arguments<'_>,
    function: impl Fn(&str, &str) -> bool,
) -> Result<ArrayRef, EvaluationError> {
    let (left, right) = (arguments.strings(0), arguments.strings(1));
    let values: BooleanArray =
        (0..arguments.rows).map(|row| Some(function(left.get(row)?, right.get(row)?))).collect();
    Ok(Arc::new(values))
}

fn length(text: &str) -> i32 {
    let count = if text.is_ascii() { text.len() } else { text.chars().count() };
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn initcap(text: &str, out: &mut String) {
    let mut begins = true;
    for c in text.chars() {
        if begins {
            out.extend(c.to_uppercase());
        } else {
            out.extend(c.to_lowercase());
        }
        begins = !c.is_alphanumeric();
    }
}

fn concat(arguments: &Arguments<'_>) -> Result<ArrayRef, EvaluationError> {
    let parts: Vec<_> = (0..arguments.operands.len()).map(|index| arguments.strings(index)).collect();
    texts(arguments, |row, out| {
        for part in &parts {
            match part.get(row) {
                Some(text) => out.push_str(text),
                None => return Ok(None),
            }
        }
        Ok(Some(()))
    })
}

fn concat_separated(arguments: &Arguments<'_>) -> Result<ArrayRef, EvaluationError> {
    let separators = arguments.strings(0);
    let parts: Vec<_> = (1..arguments.operands.len()).map(|index| arguments.strings(index)).collect();
    texts(arguments, |row, out| {
        let Some(separator) = separators.get(row) else { return Ok(None) };
        for (index, text) in parts.iter().filter_map(|part| part.get(row)).enumerate() {
            if index > 0 {
                out.push_str(separator);
            }
            out.push_str(text);
        }
        Ok(Some(()))
    })
}

fn trim_from(arguments: &Arguments<'_>) -> Result<ArrayRef, EvaluationError> {
    let (sides, sets, values) = (arguments.strings(0), arguments.strings(1), arguments.strings(2));
    texts(arguments, |row, out| {
        let (Some(side), Some(set), Some(text)) = (sides.get(row), sets.get(row), values.get(row)) else {
            return Ok(None);
        };
        out.push_str(trimmed(text, set, side != "TRAILING", side != "LEADING"));
        Ok(Some(()))
    })
}

fn trim_ends(arguments: &Arguments<'_>, left: bool, right: bool) -> Result<ArrayRef, EvaluationError> {
    let values = arguments.strings(0);
    let sets = (arguments.operands.len() > 1).then(|| arguments.strings(1));
    texts(arguments, |row, out| {
        let set = sets.as_ref().map_or(Some(" "), |sets| sets.get(row));
        let (Some(text), Some(set)) = (values.get(row), set) else { return Ok(None) };
        out.push_str(trimmed(text, set, left, right));
        Ok(Some(()))
    })
}

fn trimmed<'a>(text: &'a str, set: &str, left: bool, right: bool) -> &'a str {
    let text = if left { text.trim_start_matches(|c| set.contains(c)) } else { text };
    if right { text.trim_end_matches(|c| set.contains(c)) } else { text }
}

/// `count` characters from the `start`th on, counted from 0.
fn characters(text: &str, start: usize, count: usize) -> &str {
    if text.is_ascii() {
        return text
            .get(start.min(text.len())..start.saturating_add(count).min(text.len()))
            .unwrap_or_default();
    }
    let byte = |index| text.char_indices().nth(index).map_or(text.len(), |(byte, _)| byte);
    &text[byte(start)..byte(start.saturating_add(count))]
}

fn substring_kernel(arguments: &Arguments<'_>) -> Result<ArrayRef, EvaluationError> {
    let (values, starts) = (arguments.strings(0), arguments.values::<Int32Type>(1));
    let counts = (arguments.operands.len() > 2).then(|| arguments.values::<Int32Type>(2));
    texts(arguments, |row, out| {
        let count = counts.as_ref().map_or(Some(i32::MAX), |counts| counts.get(row));
        let (Some(text), Some(start), Some(count)) = (values.get(row), starts.get(row), count) else {
            return Ok(None);
        };
        let Ok(count) = usize::try_from(count) else { return Ok(None) };
        // A start of 0 means the first character; a negative one counts from the end.
        let start = match start {
            0 => 0,
            start if start > 0 => start - 1,
            start => match length(text) + start {
                before if before < 0 => return Ok(Some(())),
                from => from,
            },
        };
        out.push_str(characters(text, usize::try_from(start).unwrap_or(0), count));
        Ok(Some(()))
    })
}

fn ends(arguments: &Arguments<'_>, left: bool) -> Result<ArrayRef, EvaluationError> {
    let (values, counts) = (arguments.strings(0), arguments.values::<Int32Type>(1));
    texts(arguments, |row, out| {
        let (Some(text), Some(count)) = (values.get(row), counts.get(row)) else { return Ok(None) };
        let count = usize::try_from(count).unwrap_or(0);
        let total = usize::try_from(length(text)).unwrap_or(0);
        let start = if left { 0 } else { total.saturating_sub(count) };
        out.push_str(characters(text, start, count));
        Ok(Some(()))
    })
}

/// The position of a needle, counted from 1; 0 when it is not there.
fn find(arguments: &Arguments<'_>, needle: usize, text: usize) -> Result<ArrayRef, EvaluationError> {
    let (needles, values) = (arguments.strings(needle), arguments.strings(text));
    let starts = (arguments.operands.len() > 2).then(|| arguments.values::<Int32Type>(2));
    integers(arguments, |row| {
        let (needle, text) = (needles.get(row)?, values.get(row)?);
        let start = starts.as_ref().map_or(Some(1), |starts| starts.get(row))?;
        let Ok(skipped) = usize::try_from(start.saturating_sub(1)) else { return Some(0) };
        let rest = characters(text, skipped, usize::MAX);
        let found = rest.find(needle).map(|byte| length(&rest[..byte]) + start);
        Some(found.unwrap_or(0))
    })
}

fn replace(arguments: &Arguments<'_>) -> Result<ArrayRef, EvaluationError> {
    let (values, searches, replacements) = (arguments.strings(0), arguments.strings(1), arguments.strings(2));
    texts(arguments, |row, out| {
        let parts = (values.get(row), searches.get(row), replacements.get(row));
        let (Some(text), Some(search), Some(replacement)) = parts else { return Ok(None) };
        out.push_str(&text.replace(search, replacement));
        Ok(Some(()))
    })
}

fn too_long(operation: &str) -> EvaluationError {
    let reason = format!("the result is longer than {TEXT_BYTES_MAX} bytes");
    EvaluationError::Undefined { operation: operation.to_owned(), reason }
}

fn repeat_kernel(arguments: &Arguments<'_>) -> Result<ArrayRef, EvaluationError> {
    let (values, counts) = (arguments.strings(0), arguments.values::<Int32Type>(1));
    texts(arguments, |row, out| {
        let (Some(text), Some(count)) = (values.get(row), counts.get(row)) else { return Ok(None) };
        let count = usize::try_from(count).unwrap_or(0);
        if text.len().saturating_mul(count) > TEXT_BYTES_MAX {
            return Err(too_long("REPEAT"));
        }
        out.push_str(&text.repeat(count));
        Ok(Some(()))
    })
}

/// Fills a text up with a filler, or cuts it, to a length; null for a negative length or an empty filler.
fn pad_kernel(arguments: &Arguments<'_>, left: bool) -> Result<ArrayRef, EvaluationError> {
    let (values, lengths, fillers) =
        (arguments.strings(0), arguments.values::<Int32Type>(1), arguments.strings(2));
    texts(arguments, |row, out| {
        let parts = (values.get(row), lengths.get(row), fillers.get(row));
        let (Some(text), Some(wanted), Some(filler)) = parts else { return Ok(None) };
        let Ok(wanted) = usize::try_from(wanted) else { return Ok(None) };
        if filler.is_empty() {
            return Ok(None);
        }
        if wanted > TEXT_BYTES_MAX {
            return Err(too_long(if left { "LPAD" } else { "RPAD" }));
        }
        let missing = wanted.saturating_sub(text.chars().count());
        let fill: String = filler.chars().cycle().take(missing).collect();
        let kept = characters(text, 0, wanted);
        out.push_str(if left { &fill } else { kept });
        out.push_str(if left { kept } else { &fill });
        Ok(Some(()))
    })
}

fn split_kernel(arguments: &Arguments<'_>) -> Result<ArrayRef, EvaluationError> {
    let (values, separators, indices) =
        (arguments.strings(0), arguments.strings(1), arguments.values::<Int32Type>(2));
    texts(arguments, |row, out| {
        let parts = (values.get(row), separators.get(row), indices.get(row));
        let (Some(text), Some(separator), Some(index)) = parts else { return Ok(None) };
        let Ok(index) = usize::try_from(index) else { return Ok(None) };
        Ok(text.split(separator).nth(index).map(|part| out.push_str(part)))
    })
}
