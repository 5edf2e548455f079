//! Functions that choose: they become CASE, and so are as lazy as it is.

use super::{Function, FunctionCall};
use crate::binder::{Bound, boolean, coerce, operator};
use crate::diagnostics::SqlError;
use crate::expression::compare::{GREATEST, IS_NOT_NULL, LEAST};
use crate::expression::nested::CARDINALITY;
use crate::expression::{Expr, Kernel};
use crate::syntax::BinaryOperator;
use crate::types::Kind;

pub(super) static FUNCTIONS: &[Function] = &[
    Function { name: "COALESCE", usage: "COALESCE(value, …)", bind: coalesce },
    Function { name: "IFNULL", usage: "IFNULL(value, otherwise)", bind: if_null },
    Function { name: "NULLIF", usage: "NULLIF(value, null_value)", bind: null_if },
    Function { name: "IF", usage: "IF(condition, value, otherwise)", bind: if_else },
    Function { name: "GREATEST", usage: "GREATEST(value, …)", bind: |call| extreme(call, &GREATEST) },
    Function { name: "LEAST", usage: "LEAST(value, …)", bind: |call| extreme(call, &LEAST) },
    Function { name: "CARDINALITY", usage: "CARDINALITY(array_or_map)", bind: cardinality },
];

fn coalesce(call: FunctionCall) -> Bound<Expr> {
    call.count(1..=usize::MAX)?;
    let span = call.span;
    // The first value that cannot be null ends the list.
    let end = call.arguments.iter().position(|argument| !argument.data_type.nullable);
    let nullable = end.is_none();
    let conditions = call.arguments[..call.arguments.len() - 1]
        .iter()
        .map(|value| Expr::call(&IS_NOT_NULL, vec![value.clone()], Kind::Boolean.not_null(), value.span))
        .collect();
    let mut case = operator::case(conditions, call.arguments, "COALESCE", span)?;
    case.data_type.nullable = nullable;
    Ok(case)
}

fn if_null(call: FunctionCall) -> Bound<Expr> {
    call.count(2..=2)?;
    coalesce(call)
}

fn null_if(call: FunctionCall) -> Bound<Expr> {
    call.count(2..=2)?;
    let span = call.span;
    let value = call.arguments[0].clone();
    let equal = operator::binary(BinaryOperator::Equal, value.clone(), call.arguments[1].clone(), span)?;
    let null = coerce::null_of(&value.data_type.kind, span);
    operator::case(vec![equal], vec![null, value], "NULLIF", span)
}

fn if_else(call: FunctionCall) -> Bound<Expr> {
    call.count(3..=3)?;
    let span = call.span;
    let nullable = call.nullable();
    let mut arguments = call.arguments;
    let values = arguments.split_off(1);
    let condition = boolean(arguments.remove(0), "IF")?;
    let mut case = operator::case(vec![condition], values, "IF", span)?;
    case.data_type.nullable = nullable;
    Ok(case)
}

fn extreme(mut call: FunctionCall, kernel: &'static Kernel) -> Bound<Expr> {
    call.count(1..=usize::MAX)?;
    let kind = coerce::common_kind(call.arguments.iter().map(|argument| &argument.data_type.kind));
    let Some(kind) = kind.filter(|kind| *kind != Kind::Null) else {
        let message = format!("the arguments of {} have no common type", call.function.name);
        return Err(SqlError::types(call.span, message).hint("use CAST(… AS …)"));
    };
    call.arguments = call.arguments.into_iter().map(|argument| coerce::convert(argument, &kind)).collect();
    call.returns(kernel, kind)
}

fn cardinality(call: FunctionCall) -> Bound<Expr> {
    call.count(1..=1)?;
    if !matches!(call.kind(0), Kind::Array(_) | Kind::Map(..)) {
        let message = format!("CARDINALITY needs an ARRAY or a MAP, found {}", call.kind(0));
        return Err(SqlError::types(call.arguments[0].span, message));
    }
    call.returns(&CARDINALITY, Kind::Int)
}
