//! Operators: which kernel, over which types, with which result.

use super::{Bound, boolean, coerce};
use crate::diagnostics::{Span, SqlError};
use crate::expression::arithmetic::{DIVIDE, MINUS, MODULO, MULTIPLY, NEGATE, PLUS};
use crate::expression::{Expr, ExprKind, Kernel, compare, decimal};
use crate::functions::{strings, time};
use crate::syntax::{BinaryOperator, UnaryOperator};
use crate::types::{Kind, LENGTH_MAX};

pub(super) fn unary(operator: UnaryOperator, operand: Expr, span: Span) -> Bound<Expr> {
    match operator {
        UnaryOperator::Not => {
            let operand = boolean(operand, "NOT")?;
            let data_type = operand.data_type.clone();
            Ok(Expr::call(&compare::NOT, vec![operand], data_type, span))
        }
        UnaryOperator::Plus | UnaryOperator::Minus => {
            let kind = &operand.data_type.kind;
            if !kind.is_numeric() && !kind.is_interval() {
                let message = format!("a sign needs a number or an interval, found {kind}");
                return Err(SqlError::types(operand.span, message));
            }
            if operator == UnaryOperator::Plus {
                return Ok(Expr { span, ..operand });
            }
            let kernel: &'static Kernel = if kind.is_interval() { &time::NEGATE_INTERVAL } else { &NEGATE };
            let data_type = operand.data_type.clone();
            Ok(Expr::call(kernel, vec![operand], data_type, span))
        }
    }
}

fn symbol(operator: BinaryOperator) -> &'static str {
    match operator {
        BinaryOperator::Equal => "=",
        BinaryOperator::NotEqual => "<>",
        BinaryOperator::Less => "<",
        BinaryOperator::LessEqual => "<=",
        BinaryOperator::Greater => ">",
        BinaryOperator::GreaterEqual => ">=",
        BinaryOperator::Plus => "+",
        BinaryOperator::Minus => "-",
        BinaryOperator::Multiply => "*",
        BinaryOperator::Divide => "/",
        BinaryOperator::Modulo => "%",
        BinaryOperator::Concat => "||",
    }
}

pub(crate) fn binary(operator: BinaryOperator, left: Expr, right: Expr, span: Span) -> Bound<Expr> {
    let comparison: &'static Kernel = match operator {
        BinaryOperator::Equal => &compare::EQUAL,
        BinaryOperator::NotEqual => &compare::NOT_EQUAL,
        BinaryOperator::Less => &compare::LESS,
        BinaryOperator::LessEqual => &compare::LESS_EQUAL,
        BinaryOperator::Greater => &compare::GREATER,
        BinaryOperator::GreaterEqual => &compare::GREATER_EQUAL,
        BinaryOperator::Concat => return concat(left, right, span),
        _ => return arithmetic(operator, left, right, span),
    };
    let (left, right) = coerce::comparable(left, right, symbol(operator), span)?;
    let nullable = left.data_type.nullable || right.data_type.nullable;
    Ok(Expr::call(comparison, vec![left, right], Kind::Boolean.with_nullability(nullable), span))
}

fn concat(left: Expr, right: Expr, span: Span) -> Bound<Expr> {
    for operand in [&left, &right] {
        if !operand.data_type.kind.is_string() && operand.data_type.kind != Kind::Null {
            let message = format!("|| needs strings, found {}", operand.data_type.kind);
            return Err(
                SqlError::types(operand.span, message).hint(format!("write CAST({operand} AS STRING)"))
            );
        }
    }
    let nullable = left.data_type.nullable || right.data_type.nullable;
    let length = |kind: &Kind| match kind {
        Kind::Char(length) | Kind::VarChar(length) => *length,
        _ => 1,
    };
    let total = length(&left.data_type.kind).saturating_add(length(&right.data_type.kind)).min(LENGTH_MAX);
    let kind = match (&left.data_type.kind, &right.data_type.kind) {
        (Kind::Char(_), Kind::Char(_)) => Kind::Char(total),
        _ => Kind::VarChar(total),
    };
    let operands = [left, right].into_iter().map(|operand| {
        if operand.data_type.kind == Kind::Null { coerce::convert(operand, &Kind::STRING) } else { operand }
    });
    Ok(Expr::call(&strings::CONCAT_OPERATOR, operands.collect(), kind.with_nullability(nullable), span))
}

fn arithmetic(operator: BinaryOperator, left: Expr, right: Expr, span: Span) -> Bound<Expr> {
    let (a, b) = (left.data_type.kind.clone(), right.data_type.kind.clone());
    let refused = || SqlError::types(span, format!("{a} {} {b} is not defined", symbol(operator)));
    if (a.is_interval() || b.is_interval()) && !(a == Kind::Null || b == Kind::Null) {
        return time::interval_arithmetic(symbol(operator), left, right, span).ok_or_else(refused);
    }
    let number = |kind: &Kind| kind.is_numeric() || *kind == Kind::Null;
    if !number(&a) || !number(&b) || a == Kind::Null && b == Kind::Null {
        let error = refused();
        let time = a.is_timestamp() || b.is_timestamp() || a == Kind::Date || b == Kind::Date;
        return Err(if time {
            error.hint("times are moved by intervals (ts + INTERVAL '1' DAY) and compared with TIMESTAMPDIFF(unit, a, b)")
        } else {
            error.hint("arithmetic needs numbers: use CAST(… AS …)")
        });
    }
    let kernel: &'static Kernel = match operator {
        BinaryOperator::Plus => &PLUS,
        BinaryOperator::Minus => &MINUS,
        BinaryOperator::Multiply => &MULTIPLY,
        BinaryOperator::Divide => &DIVIDE,
        _ => &MODULO,
    };
    let nullable = left.data_type.nullable || right.data_type.nullable;
    let (left, right) = match (&a, &b) {
        (Kind::Null, other) => (coerce::convert(left, other), right),
        (other, Kind::Null) => (left, coerce::convert(right, other)),
        _ => (left, right),
    };
    let (a, b) = (&left.data_type.kind, &right.data_type.kind);
    if operator == BinaryOperator::Modulo && (a.is_approximate() || b.is_approximate()) {
        return Err(refused().hint("% needs exact numbers: use CAST(… AS DECIMAL(p, s))"));
    }
    let approximate = a.is_approximate() || b.is_approximate();
    if let (false, Some(exact_a), Some(exact_b)) = (approximate, a.as_decimal(), b.as_decimal())
        && (a.is_decimal() || b.is_decimal())
    {
        let kind = decimal::result_kind(symbol(operator).chars().next().unwrap_or('+'), exact_a, exact_b);
        let digits = |(precision, scale)| Kind::Decimal { precision, scale };
        let operands =
            vec![coerce::convert(left, &digits(exact_a)), coerce::convert(right, &digits(exact_b))];
        return Ok(Expr::call(kernel, operands, kind.with_nullability(nullable), span));
    }
    let kind = if operator == BinaryOperator::Modulo {
        b.clone()
    } else if a.is_approximate() && b.is_approximate() {
        a.clone() // as Flink: FLOAT * DOUBLE is FLOAT
    } else {
        coerce::common_kind([a, b]).ok_or_else(refused)?
    };
    let wide = coerce::common_kind([a, b]).ok_or_else(refused)?;
    let computed = if operator == BinaryOperator::Modulo { wide } else { kind.clone() };
    let operands = vec![coerce::convert(left, &computed), coerce::convert(right, &computed)];
    let call = Expr::call(kernel, operands, computed.with_nullability(nullable), span);
    Ok(coerce::convert(call, &kind))
}

/// `MOD(a, b)`
pub(crate) fn modulo(left: Expr, right: Expr, span: Span) -> Bound<Expr> {
    arithmetic(BinaryOperator::Modulo, left, right, span)
}

pub(super) fn between(operand: &Expr, low: Expr, high: Expr, negated: bool, span: Span) -> Bound<Expr> {
    let low = binary(BinaryOperator::GreaterEqual, operand.clone(), low, span)?;
    let high = binary(BinaryOperator::LessEqual, operand.clone(), high, span)?;
    let nullable = low.data_type.nullable || high.data_type.nullable;
    let data_type = Kind::Boolean.with_nullability(nullable);
    let both = Expr { kind: ExprKind::And(vec![low, high]), data_type: data_type.clone(), span };
    Ok(if negated { Expr::call(&compare::NOT, vec![both], data_type, span) } else { both })
}

pub(super) fn is_in(operands: Vec<Expr>, negated: bool, span: Span) -> Bound<Expr> {
    let time = |kind: &Kind| kind.is_timestamp() || matches!(kind, Kind::Date | Kind::Time(_));
    let needle = operands[0].data_type.kind.clone();
    let strings = operands[1..].iter().all(|item| item.data_type.kind.is_string());
    let kind = if strings && time(&needle) {
        Some(needle)
    } else {
        coerce::common_kind(operands.iter().map(|operand| &operand.data_type.kind))
    };
    let Some(kind) = kind.filter(|kind| *kind != Kind::Null) else {
        return Err(SqlError::types(span, "the values of IN have no common type").hint("use CAST(… AS …)"));
    };
    let nullable = operands.iter().any(|operand| operand.data_type.nullable);
    let operands = operands.into_iter().map(|operand| coerce::convert(operand, &kind)).collect();
    let data_type = Kind::Boolean.with_nullability(nullable);
    let call = Expr::call(&compare::IN, operands, data_type.clone(), span);
    Ok(if negated { Expr::call(&compare::NOT, vec![call], data_type, span) } else { call })
}

pub(super) fn like(arguments: Vec<Expr>, negated: bool, span: Span) -> Bound<Expr> {
    for argument in &arguments {
        if !argument.data_type.kind.is_string() {
            let message = format!("LIKE needs strings, found {}", argument.data_type.kind);
            return Err(SqlError::types(argument.span, message));
        }
    }
    let data_type =
        Kind::Boolean.with_nullability(arguments.iter().any(|argument| argument.data_type.nullable));
    let call = Expr::call(&strings::LIKE, arguments, data_type.clone(), span);
    Ok(if negated { Expr::call(&compare::NOT, vec![call], data_type, span) } else { call })
}

/// CASE over bound conditions; the last value is ELSE's.
pub(crate) fn case(conditions: Vec<Expr>, values: Vec<Expr>, what: &str, span: Span) -> Bound<Expr> {
    let Some(kind) = coerce::common_kind(values.iter().map(|value| &value.data_type.kind)) else {
        let kinds: Vec<String> = values.iter().map(|value| value.data_type.kind.to_string()).collect();
        let message = format!("the values of {what} have no common type: {}", kinds.join(", "));
        return Err(SqlError::types(span, message).hint("use CAST(… AS …)"));
    };
    if kind == Kind::Null {
        return Err(
            SqlError::types(span, format!("every value of {what} is NULL")).hint("write CAST(NULL AS type)")
        );
    }
    let nullable = values.iter().any(|value| value.data_type.nullable);
    let mut values: Vec<Expr> = values.into_iter().map(|value| coerce::convert(value, &kind)).collect();
    let Some(otherwise) = values.pop() else {
        return Err(SqlError::semantic(span, format!("{what} has no values")));
    };
    let branches = conditions.into_iter().zip(values).collect();
    let data_type = kind.with_nullability(nullable);
    Ok(Expr { kind: ExprKind::Case { branches, otherwise: Box::new(otherwise) }, data_type, span })
}
