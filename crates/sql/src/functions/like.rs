//! LIKE. Flink has no escape character unless ESCAPE names one; Arrow's kernel always has the backslash. Patterns are
//! translated, once for a constant one.

use std::sync::Arc;

use arrow_array::{ArrayRef, StringViewArray};
use millstream_engine::expression::EvaluationError;

use crate::expression::{Arguments, Operand};

pub(super) fn like(arguments: &Arguments<'_>) -> Result<ArrayRef, EvaluationError> {
    let patterns = arguments.strings(1);
    let escapes = (arguments.operands.len() > 2).then(|| arguments.strings(2));
    let constant = arguments.operands[1..].iter().all(Operand::is_constant);
    let rows = if constant { 1 } else { arguments.rows };
    let translated = (0..rows)
        .map(|row| {
            let escape = match &escapes {
                Some(escapes) => match escapes.get(row) {
                    Some(text) => Some(single(text)?),
                    None => return Ok(None),
                },
                None => None,
            };
            patterns.get(row).map(|pattern| translate(pattern, escape)).transpose()
        })
        .collect::<Result<StringViewArray, EvaluationError>>()?;
    let translated: ArrayRef = Arc::new(translated);
    let pattern = if constant { Operand::Constant(translated) } else { Operand::Column(translated) };
    let values = match (&arguments.operands[0], constant) {
        (Operand::Constant(_), false) => {
            Operand::Column(arguments.operands[0].clone().into_column(arguments.rows)?)
        }
        (values, _) => values.clone(),
    };
    Ok(Arc::new(arrow_string::like::like(&values, &pattern)?))
}

fn undefined(reason: String) -> EvaluationError {
    EvaluationError::Undefined { operation: "LIKE".to_owned(), reason }
}

fn single(text: &str) -> Result<char, EvaluationError> {
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(escape), None) => Ok(escape),
        _ => Err(undefined("ESCAPE must be one character".to_owned())),
    }
}

/// The pattern with the backslash as its escape character.
fn translate(pattern: &str, escape: Option<char>) -> Result<String, EvaluationError> {
    let mut translated = String::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    while let Some(c) = characters.next() {
        if Some(c) == escape {
            match characters.next() {
                Some(next @ ('%' | '_')) => translated.extend(['\\', next]),
                Some(next) if Some(next) == escape => push_plain(&mut translated, next),
                _ => {
                    return Err(undefined(format!(
                        "'{c}' must be followed by %, _ or itself in '{pattern}'"
                    )));
                }
            }
        } else if c == '\\' {
            translated.push_str("\\\\");
        } else {
            translated.push(c);
        }
    }
    Ok(translated)
}

/// A character that stands for itself, whatever it is.
fn push_plain(translated: &mut String, c: char) {
    if matches!(c, '%' | '_' | '\\') {
        translated.push('\\');
    }
    translated.push(c);
}
