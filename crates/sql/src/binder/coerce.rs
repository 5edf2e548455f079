//! Conversions: what types have in common, which casts happen by themselves, and which INSERT makes.

use super::Bound;
use crate::diagnostics::{Span, SqlError};
use crate::expression::cast::{self, CAST, TRY_CAST, WIDEN};
use crate::expression::{Expr, ExprKind, Notation, decimal};
use crate::types::{Kind, RowField, SqlType};

/// The type that two types have in common for CASE, COALESCE and comparisons.
fn common_pair(left: &Kind, right: &Kind) -> Option<Kind> {
    let same = |left: &SqlType, right: &SqlType| {
        Some(common_pair(&left.kind, &right.kind)?.with_nullability(left.nullable || right.nullable))
    };
    Some(match (left, right) {
        (left, right) if left == right => left.clone(),
        (Kind::Null, other) | (other, Kind::Null) => other.clone(),
        (Kind::Float, other) | (other, Kind::Float) if other.is_integer() => Kind::Float,
        (left, right) if left.is_numeric() && right.is_numeric() => {
            if left.is_approximate() || right.is_approximate() {
                Kind::Double
            } else if left.is_decimal() || right.is_decimal() {
                decimal::common_kind(left.as_decimal()?, right.as_decimal()?)
            } else {
                [Kind::BigInt, Kind::Int, Kind::SmallInt]
                    .into_iter()
                    .find(|kind| left == kind || right == kind)?
            }
        }
        (Kind::Char(left) | Kind::VarChar(left), Kind::Char(right) | Kind::VarChar(right)) => {
            Kind::VarChar(*left.max(right))
        }
        (Kind::Binary(left) | Kind::VarBinary(left), Kind::Binary(right) | Kind::VarBinary(right)) => {
            Kind::VarBinary(*left.max(right))
        }
        (Kind::Time(left), Kind::Time(right)) => Kind::Time(*left.max(right)),
        (Kind::Timestamp(left), Kind::Timestamp(right)) => Kind::Timestamp(*left.max(right)),
        (Kind::TimestampLtz(left), Kind::TimestampLtz(right) | Kind::Timestamp(right))
        | (Kind::Timestamp(left), Kind::TimestampLtz(right)) => Kind::TimestampLtz(*left.max(right)),
        (Kind::Array(left), Kind::Array(right)) => Kind::Array(Box::new(same(left, right)?)),
        (Kind::Map(lk, lv), Kind::Map(rk, rv)) => Kind::Map(Box::new(same(lk, rk)?), Box::new(same(lv, rv)?)),
        (Kind::Row(left), Kind::Row(right)) if left.len() == right.len() => Kind::Row(
            left.iter()
                .zip(right)
                .map(|(left, right)| {
                    let data_type = same(&left.data_type, &right.data_type)?;
                    Some(RowField { name: left.name.clone(), data_type })
                })
                .collect::<Option<_>>()?,
        ),
        _ => return None,
    })
}

/// The type that all have in common; `Null` when all are NULL.
pub(crate) fn common_kind<'a>(kinds: impl IntoIterator<Item = &'a Kind>) -> Option<Kind> {
    kinds.into_iter().try_fold(Kind::Null, |common, kind| common_pair(&common, kind))
}

/// Casts without asking whether that is allowed. Literals are cast at once; a change of a string's length alone
/// changes no value.
pub(crate) fn convert(expr: Expr, kind: &Kind) -> Expr {
    if expr.data_type.kind == *kind {
        return expr;
    }
    let data_type = kind.clone().with_nullability(expr.data_type.nullable);
    let longer = match (&expr.data_type.kind, kind) {
        (Kind::Char(from) | Kind::VarChar(from), Kind::VarChar(to)) => from <= to,
        (Kind::Binary(from) | Kind::VarBinary(from), Kind::VarBinary(to)) => from <= to,
        _ => false,
    };
    // A cast is evaluated by its type, so that its own type must stay.
    let is_cast = matches!(&expr.kind, ExprKind::Call { kernel, .. } if kernel.notation == Notation::Cast);
    if longer && !is_cast {
        return Expr { data_type, ..expr };
    }
    let kernel = if cast::is_total(&expr.data_type.kind, kind) { &WIDEN } else { &CAST };
    let span = expr.span;
    let is_literal = matches!(expr.kind, ExprKind::Literal(_));
    let call = Expr::call(kernel, vec![expr], data_type, span);
    if is_literal && let Ok(value) = call.fold() {
        return Expr { kind: ExprKind::Literal(value), ..call };
    }
    call
}

/// `CAST(operand AS target)`
pub(super) fn explicit_cast(operand: Expr, target: &SqlType, safe: bool, span: Span) -> Bound<Expr> {
    let kind = match &target.kind {
        Kind::Time(_) => Kind::Time(0), // Flink's CAST knows no other
        other => other.clone(),
    };
    if !cast::is_supported(&operand.data_type.kind, &kind) {
        let message = format!("{} cannot be cast to {kind}", operand.data_type.kind);
        let error = SqlError::types(span, message);
        return Err(match (&operand.data_type.kind, &kind) {
            (from, to) if from.is_numeric() && to.is_timestamp() => error
                .hint("TO_TIMESTAMP_LTZ(number, 0) reads seconds, TO_TIMESTAMP_LTZ(number, 3) milliseconds"),
            (from, to) if from.is_timestamp() && to.is_numeric() => {
                error.hint("EXTRACT(EPOCH FROM ts) gives seconds")
            }
            _ => error,
        });
    }
    if operand.data_type.kind == kind {
        return Ok(Expr { span, ..operand });
    }
    let nullable = operand.data_type.nullable || safe;
    let kernel = match (safe, cast::is_total(&operand.data_type.kind, &kind)) {
        (true, _) => &TRY_CAST,
        (false, true) => &WIDEN,
        (false, false) => &CAST,
    };
    Ok(Expr::call(kernel, vec![operand], kind.with_nullability(nullable), span))
}

/// Casts a function's argument where the types are of one family.
pub(crate) fn implicit_cast(expr: Expr, kind: &Kind, what: &str) -> Bound<Expr> {
    let from = &expr.data_type.kind;
    let fits = from == kind
        || *from == Kind::Null
        || from.is_numeric() && (kind.is_approximate() || kind.is_decimal())
        || from.is_integer() && kind.is_integer()
        || from.is_string() && (kind.is_string() || kind.is_timestamp() || *kind == Kind::Date)
        || from.is_timestamp() && kind.is_timestamp();
    if !fits {
        return Err(SqlError::types(expr.span, format!("{what} needs {kind}, found {from}"))
            .hint(format!("write CAST({expr} AS {kind})")));
    }
    Ok(convert(expr, kind))
}

/// Both sides of a comparison, cast to one type.
pub(super) fn comparable(left: Expr, right: Expr, operator: &str, span: Span) -> Bound<(Expr, Expr)> {
    let (a, b) = (&left.data_type.kind, &right.data_type.kind);
    let time = |kind: &Kind| kind.is_timestamp() || matches!(kind, Kind::Date | Kind::Time(_));
    let kind = match (a, b) {
        (Kind::Null, Kind::Null) => Some(Kind::Boolean),
        (text, other) | (other, text) if text.is_string() && time(other) => Some(other.clone()),
        _ => common_pair(a, b),
    };
    let Some(kind) = kind else {
        let error = SqlError::types(span, format!("{a} and {b} cannot be compared with {operator}"));
        let numbers = a.is_numeric() && b.is_string() || a.is_string() && b.is_numeric();
        return Err(if numbers {
            error.hint("numbers and strings are not converted by themselves: use CAST(… AS …)")
        } else {
            error.hint("use CAST(… AS …)")
        });
    };
    Ok((convert(left, &kind), convert(right, &kind)))
}

/// Whether INSERT converts by itself, as Flink's implicit casts.
fn assignable(from: &Kind, to: &Kind) -> bool {
    let rank = |kind: &Kind| match kind {
        Kind::TinyInt => Some(1),
        Kind::SmallInt => Some(2),
        Kind::Int => Some(3),
        Kind::BigInt => Some(4),
        _ => None,
    };
    match (from, to) {
        (from, to) if from == to => true,
        (Kind::Null, _) => true,
        (from, to) if from.is_string() && to.is_string() || from.is_bytes() && to.is_bytes() => true,
        (from, to) if from.is_numeric() && to.is_decimal() => true,
        (from, Kind::Double) => from.is_numeric(),
        (from, Kind::Float) => from.is_integer() || from.is_decimal(),
        (from, to) if rank(to).is_some() => rank(from).is_some_and(|from| Some(from) <= rank(to)),
        (Kind::Timestamp(_), Kind::Date | Kind::Time(_)) | (Kind::Time(_), Kind::Time(_)) => true,
        (from, to) if from.is_timestamp() && to.is_timestamp() => true,
        (Kind::Row(from), Kind::Row(to)) => {
            from.len() == to.len()
                && from.iter().zip(to).all(|(from, to)| assignable(&from.data_type.kind, &to.data_type.kind))
        }
        (Kind::Array(from), Kind::Array(to)) => assignable(&from.kind, &to.kind),
        (Kind::Map(fk, fv), Kind::Map(tk, tv)) => {
            assignable(&fk.kind, &tk.kind) && assignable(&fv.kind, &tv.kind)
        }
        _ => false,
    }
}

/// A value for a column of a sink.
///
/// # Errors
/// When the types do not fit, naming both and the column.
pub(crate) fn assign(expr: Expr, target: &SqlType, column: &str, table: &str) -> Bound<Expr> {
    let from = &expr.data_type.kind;
    if !assignable(from, &target.kind) {
        let error = SqlError::types(
            expr.span,
            format!("the column '{column}' of '{table}' is {}, the query gives {from}", target.kind),
        );
        return Err(if cast::is_supported(from, &target.kind) {
            error.hint(format!("write CAST({expr} AS {})", target.kind))
        } else {
            error
        });
    }
    if *from == Kind::Null && !target.nullable {
        return Err(SqlError::types(expr.span, format!("the column '{column}' of '{table}' is NOT NULL")));
    }
    Ok(convert(expr, &target.kind))
}

/// NULL of a type.
pub(crate) fn null_of(kind: &Kind, span: Span) -> Expr {
    Expr::literal(arrow_array::new_null_array(&kind.to_arrow(), 1), kind.clone().nullable(), span)
}
