//! Functions of times: their types. The kernels are in [`super::time_kernels`].

use super::time_kernels as kernels;
use super::{Function, FunctionCall, calendar};
use crate::binder::{Bound, coerce};
use crate::diagnostics::{Span, SqlError};
use crate::expression::{Expr, Kernel};
use crate::syntax::TimeUnit;
use crate::types::{Kind, SqlType};

pub(crate) use super::time_kernels::NEGATE_INTERVAL;

pub(super) static FUNCTIONS: &[Function] = &[
    Function { name: "EXTRACT", usage: "EXTRACT(unit FROM time)", bind: extract },
    Function { name: "YEAR", usage: "YEAR(time)", bind: |call| part(call, "YEAR") },
    Function { name: "QUARTER", usage: "QUARTER(time)", bind: |call| part(call, "QUARTER") },
    Function { name: "MONTH", usage: "MONTH(time)", bind: |call| part(call, "MONTH") },
    Function { name: "WEEK", usage: "WEEK(time)", bind: |call| part(call, "WEEK") },
    Function { name: "DAYOFYEAR", usage: "DAYOFYEAR(time)", bind: |call| part(call, "DOY") },
    Function { name: "DAYOFMONTH", usage: "DAYOFMONTH(time)", bind: |call| part(call, "DAY") },
    Function { name: "DAYOFWEEK", usage: "DAYOFWEEK(time)", bind: |call| part(call, "DOW") },
    Function { name: "HOUR", usage: "HOUR(time)", bind: |call| part(call, "HOUR") },
    Function { name: "MINUTE", usage: "MINUTE(time)", bind: |call| part(call, "MINUTE") },
    Function { name: "SECOND", usage: "SECOND(time)", bind: |call| part(call, "SECOND") },
    Function { name: "TIMESTAMPADD", usage: "TIMESTAMPADD(unit, count, time)", bind: timestamp_add },
    Function { name: "TIMESTAMPDIFF", usage: "TIMESTAMPDIFF(unit, from, to)", bind: timestamp_diff },
    Function { name: "DATE_FORMAT", usage: "DATE_FORMAT(time, 'yyyy-MM-dd')", bind: date_format },
    Function {
        name: "TO_TIMESTAMP",
        usage: "TO_TIMESTAMP(text[, 'yyyy-MM-dd HH:mm:ss'])",
        bind: to_timestamp,
    },
    Function { name: "TO_TIMESTAMP_LTZ", usage: "TO_TIMESTAMP_LTZ(number, 0 | 3)", bind: to_timestamp_ltz },
    Function { name: "TO_DATE", usage: "TO_DATE(text[, 'yyyy-MM-dd'])", bind: to_date },
    Function { name: "FROM_UNIXTIME", usage: "FROM_UNIXTIME(seconds[, 'yyyy-MM-dd'])", bind: from_unixtime },
    Function {
        name: "UNIX_TIMESTAMP",
        usage: "UNIX_TIMESTAMP([text[, 'yyyy-MM-dd']])",
        bind: unix_timestamp,
    },
    Function {
        name: "NOW",
        usage: "NOW()",
        bind: |call| now(call, Kind::TimestampLtz(3), &kernels::CURRENT_TIMESTAMP),
    },
    Function {
        name: "CURRENT_TIMESTAMP",
        usage: "CURRENT_TIMESTAMP",
        bind: |call| now(call, Kind::TimestampLtz(3), &kernels::CURRENT_TIMESTAMP),
    },
    Function {
        name: "CURRENT_ROW_TIMESTAMP",
        usage: "CURRENT_ROW_TIMESTAMP()",
        bind: |call| now(call, Kind::TimestampLtz(3), &kernels::CURRENT_TIMESTAMP),
    },
    Function {
        name: "LOCALTIMESTAMP",
        usage: "LOCALTIMESTAMP",
        bind: |call| now(call, Kind::Timestamp(3), &kernels::LOCALTIMESTAMP),
    },
    Function {
        name: "CURRENT_DATE",
        usage: "CURRENT_DATE",
        bind: |call| now(call, Kind::Date, &kernels::CURRENT_DATE),
    },
    Function {
        name: "CURRENT_TIME",
        usage: "CURRENT_TIME",
        bind: |call| now(call, Kind::Time(0), &kernels::CURRENT_TIME),
    },
    Function {
        name: "LOCALTIME",
        usage: "LOCALTIME",
        bind: |call| now(call, Kind::Time(0), &kernels::CURRENT_TIME),
    },
    Function {
        name: "PROCTIME",
        usage: "PROCTIME()",
        bind: |call| now(call, Kind::TimestampLtz(3), &kernels::PROCTIME),
    },
];

fn is_time(kind: &Kind) -> bool {
    kind.is_timestamp() || matches!(kind, Kind::Date | Kind::Time(_))
}

/// The unit that an argument names, if it is one.
fn unit(call: &FunctionCall, index: usize) -> Bound<TimeUnit> {
    call.constant_text(index).as_deref().and_then(TimeUnit::from_name).ok_or_else(|| {
        SqlError::semantic(call.arguments[index].span, "expected a unit of time").hint(call.function.usage)
    })
}

fn time_error(call: &FunctionCall, index: usize) -> SqlError {
    let argument = &call.arguments[index];
    let message = format!("{} needs a date or a time, found {}", call.function.name, argument.data_type.kind);
    SqlError::types(argument.span, message)
        .hint("TO_TIMESTAMP(text) and TO_TIMESTAMP_LTZ(number, 3) make timestamps")
}

fn extract(call: FunctionCall) -> Bound<Expr> {
    call.count(2..=2)?;
    unit(&call, 0)?;
    let kind = call.kind(1);
    if !is_time(kind) && !kind.is_interval() {
        return Err(time_error(&call, 1));
    }
    call.returns(&kernels::EXTRACT, Kind::BigInt)
}

/// `YEAR(x)` is `EXTRACT(YEAR FROM x)`.
fn part(mut call: FunctionCall, unit: &str) -> Bound<Expr> {
    call.count(1..=1)?;
    call.arguments.insert(0, text(unit, call.span));
    extract(call)
}

fn text(value: &str, span: Span) -> Expr {
    use arrow_array::StringViewArray;
    Expr::literal(std::sync::Arc::new(StringViewArray::from(vec![value])), Kind::STRING.not_null(), span)
}

/// `FLOOR(time TO unit)` and CEIL.
pub(super) fn floor_to_unit(call: FunctionCall, up: bool) -> Bound<Expr> {
    let kind = call.kind(0).clone();
    if !is_time(&kind) {
        return Err(time_error(&call, 0));
    }
    let unit = unit(&call, 1)?;
    if calendar::fixed_ms(unit).is_none() && calendar::months(unit).is_none() {
        let message = format!("{} cannot cut to {}", call.function.name, unit.name());
        return Err(SqlError::semantic(call.span, message));
    }
    let kernel: &'static Kernel = if up { &kernels::CEIL_TO } else { &kernels::FLOOR_TO };
    call.returns(kernel, kind)
}

fn timestamp_add(mut call: FunctionCall) -> Bound<Expr> {
    call.count(3..=3)?;
    let unit = unit(&call, 0)?;
    let count = call.arguments[1].clone();
    if !count.data_type.kind.is_integer() {
        return Err(
            SqlError::types(count.span, "TIMESTAMPADD needs a whole number").hint(call.function.usage)
        );
    }
    let span = call.span;
    let moved = call.arguments.remove(2);
    let interval = if let Some(months) = calendar::months(unit) {
        interval_of(count, months, &Kind::YearMonthInterval, span)
    } else if let Some(unit_ms) = calendar::fixed_ms(unit) {
        interval_of(count, unit_ms, &Kind::DayTimeInterval, span)
    } else {
        return Err(SqlError::semantic(span, format!("TIMESTAMPADD cannot add {}", unit.name())));
    };
    let found = moved.data_type.kind.to_string();
    interval_arithmetic("+", moved, interval, span)
        .ok_or_else(|| SqlError::types(span, format!("TIMESTAMPADD needs a date or a time, found {found}")))
}

/// A number of units as an interval.
fn interval_of(count: Expr, unit: i64, kind: &Kind, span: Span) -> Expr {
    use crate::expression::arithmetic::MULTIPLY;
    use arrow_array::Int64Array;
    let factor =
        Expr::literal(std::sync::Arc::new(Int64Array::from(vec![unit])), Kind::BigInt.not_null(), span);
    let count = coerce::convert(count, &Kind::BigInt);
    let nullable = count.data_type.nullable;
    let product = Expr::call(&MULTIPLY, vec![count, factor], Kind::BigInt.with_nullability(nullable), span);
    coerce::convert(product, kind)
}

fn timestamp_diff(mut call: FunctionCall) -> Bound<Expr> {
    call.count(3..=3)?;
    unit(&call, 0)?;
    for index in 1..3 {
        let kind = call.kind(index).clone();
        if kind == Kind::Date {
            call.arguments[index] = coerce::convert(call.arguments[index].clone(), &Kind::Timestamp(3));
        } else if !kind.is_timestamp() {
            return Err(time_error(&call, index));
        }
    }
    call.returns(&kernels::TIMESTAMPDIFF, Kind::Int)
}

/// Checks a constant pattern at once.
fn pattern(call: &mut FunctionCall, index: usize) -> Bound<()> {
    if index >= call.arguments.len() {
        return Ok(());
    }
    call.string(index)?;
    if let Some(text) = call.constant_text(index)
        && let Err(reason) = super::pattern::Pattern::parse(&text)
    {
        return Err(SqlError::semantic(call.arguments[index].span, reason)
            .hint("letters are y M d H h m s S a E D; text stands in quotes: 'yyyy-MM-dd''T''HH:mm:ss'"));
    }
    Ok(())
}

fn date_format(mut call: FunctionCall) -> Bound<Expr> {
    call.count(2..=2)?;
    if call.kind(0).is_string() {
        call.arguments[0] = coerce::convert(call.arguments[0].clone(), &Kind::Timestamp(3));
        call.arguments[0].data_type.nullable = true; // as Flink has it
    }
    if !call.kind(0).is_timestamp() {
        return Err(time_error(&call, 0));
    }
    pattern(&mut call, 1)?;
    call.returns(&kernels::DATE_FORMAT, Kind::STRING)
}

fn to_timestamp(mut call: FunctionCall) -> Bound<Expr> {
    call.count(1..=2)?;
    call.string(0)?;
    pattern(&mut call, 1)?;
    call.returns_type(&kernels::TO_TIMESTAMP, Kind::Timestamp(3).nullable())
}

fn to_date(mut call: FunctionCall) -> Bound<Expr> {
    call.count(1..=2)?;
    call.string(0)?;
    pattern(&mut call, 1)?;
    call.returns_type(&kernels::TO_DATE, Kind::Date.nullable())
}

fn to_timestamp_ltz(mut call: FunctionCall) -> Bound<Expr> {
    let count = call.count(1..=2)?;
    if call.kind(0).is_string() {
        return Err(SqlError::unsupported(call.span, "TO_TIMESTAMP_LTZ of a text is not supported yet")
            .hint("CAST(TO_TIMESTAMP(text, pattern) AS TIMESTAMP_LTZ(3))"));
    }
    let kind = call.number(0)?;
    if kind.is_decimal() {
        call.arguments[0] = coerce::convert(call.arguments[0].clone(), &Kind::Double);
    } else if kind.is_integer() {
        call.cast(0, &Kind::BigInt)?;
    } else {
        call.cast(0, &Kind::Double)?;
    }
    if count == 2 {
        call.cast(1, &Kind::Int)?;
        use arrow_array::cast::AsArray as _;
        if let crate::expression::ExprKind::Literal(value) = &call.arguments[1].kind
            && let Some(precision) = value.as_primitive_opt::<arrow_array::types::Int32Type>()
            && !matches!(precision.iter().next().flatten(), Some(0 | 3))
        {
            return Err(SqlError::semantic(
                call.arguments[1].span,
                "the precision is 0 (seconds) or 3 (milliseconds)",
            ));
        }
    }
    call.returns_type(&kernels::TO_TIMESTAMP_LTZ, Kind::TimestampLtz(3).nullable())
}

fn from_unixtime(mut call: FunctionCall) -> Bound<Expr> {
    call.count(1..=2)?;
    call.cast(0, &Kind::BigInt)?;
    pattern(&mut call, 1)?;
    call.returns_type(&kernels::FROM_UNIXTIME, Kind::STRING.nullable())
}

fn unix_timestamp(mut call: FunctionCall) -> Bound<Expr> {
    if call.count(0..=2)? == 0 {
        return call.returns_type(&kernels::UNIX_NOW, Kind::BigInt.not_null());
    }
    call.string(0)?;
    pattern(&mut call, 1)?;
    call.returns(&kernels::UNIX_TIMESTAMP, Kind::BigInt)
}

fn now(call: FunctionCall, kind: Kind, kernel: &'static Kernel) -> Bound<Expr> {
    call.count(0..=0)?;
    call.returns_type(kernel, kind.not_null())
}

/// `+`, `-` and `*` with an interval; `None` when the types do not fit.
pub(crate) fn interval_arithmetic(operator: &str, left: Expr, right: Expr, span: Span) -> Option<Expr> {
    let nullable = left.data_type.nullable || right.data_type.nullable;
    let (a, b) = (left.data_type.kind.clone(), right.data_type.kind.clone());
    let typed = |kind: Kind| -> SqlType { kind.with_nullability(nullable) };
    match (operator, &a, &b) {
        ("+" | "-", a, b) if a == b && a.is_interval() => {
            let kernel = if operator == "+" { &kernels::ADD_INTERVALS } else { &kernels::SUBTRACT_INTERVALS };
            Some(Expr::call(kernel, vec![left, right], typed(a.clone()), span))
        }
        ("+" | "-", time, interval) if is_time(time) && interval.is_interval() => {
            let kernel = if operator == "+" { &kernels::ADD } else { &kernels::SUBTRACT };
            Some(Expr::call(kernel, vec![left, right], typed(time.clone()), span))
        }
        ("+", interval, time) if interval.is_interval() && is_time(time) => {
            Some(Expr::call(&kernels::ADD, vec![right, left], typed(time.clone()), span))
        }
        ("*", interval, number) if interval.is_interval() && number.is_integer() => {
            let number = coerce::convert(right, &Kind::BigInt);
            Some(Expr::call(&kernels::MULTIPLY_INTERVAL, vec![left, number], typed(interval.clone()), span))
        }
        ("*", number, interval) if interval.is_interval() && number.is_integer() => {
            let number = coerce::convert(left, &Kind::BigInt);
            Some(Expr::call(&kernels::MULTIPLY_INTERVAL, vec![right, number], typed(interval.clone()), span))
        }
        _ => None,
    }
}
