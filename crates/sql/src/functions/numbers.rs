//! Functions of numbers.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Decimal128Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
};
use arrow_array::{Array, ArrayRef, Float64Array};
use arrow_schema::DataType;
use millstream_engine::expression::EvaluationError;

use super::{Function, FunctionCall, time};
use crate::binder::{Bound, coerce, operator};
use crate::expression::arithmetic::map_float;
use crate::expression::{Arguments, Expr, Kernel, decimal};
use crate::types::Kind;

pub(super) static FUNCTIONS: &[Function] = &[
    Function { name: "ABS", usage: "ABS(number)", bind: |call| same(call, &ABS) },
    Function { name: "SIGN", usage: "SIGN(number)", bind: |call| same(call, &SIGN) },
    Function {
        name: "FLOOR",
        usage: "FLOOR(number) or FLOOR(time TO unit)",
        bind: |call| floor_or_ceil(call, &FLOOR, false),
    },
    Function {
        name: "CEIL",
        usage: "CEIL(number) or CEIL(time TO unit)",
        bind: |call| floor_or_ceil(call, &CEIL, true),
    },
    Function {
        name: "CEILING",
        usage: "CEILING(number) or CEILING(time TO unit)",
        bind: |call| floor_or_ceil(call, &CEIL, true),
    },
    Function { name: "ROUND", usage: "ROUND(number[, digits])", bind: |call| digits(call, &ROUND) },
    Function { name: "TRUNCATE", usage: "TRUNCATE(number[, digits])", bind: |call| digits(call, &TRUNCATE) },
    Function { name: "MOD", usage: "MOD(number, divisor)", bind: modulo },
    Function { name: "POWER", usage: "POWER(base, exponent)", bind: |call| doubles(call, 2, &POWER) },
    Function { name: "SQRT", usage: "SQRT(number)", bind: |call| doubles(call, 1, &SQRT) },
    Function { name: "LN", usage: "LN(number)", bind: |call| doubles(call, 1, &LN) },
    Function { name: "LOG10", usage: "LOG10(number)", bind: |call| doubles(call, 1, &LOG10) },
    Function { name: "LOG2", usage: "LOG2(number)", bind: |call| doubles(call, 1, &LOG2) },
    Function { name: "LOG", usage: "LOG(number) or LOG(base, number)", bind: log },
    Function { name: "EXP", usage: "EXP(number)", bind: |call| doubles(call, 1, &EXP) },
    Function { name: "SIN", usage: "SIN(number)", bind: |call| doubles(call, 1, &SIN) },
    Function { name: "COS", usage: "COS(number)", bind: |call| doubles(call, 1, &COS) },
    Function { name: "TAN", usage: "TAN(number)", bind: |call| doubles(call, 1, &TAN) },
    Function { name: "DEGREES", usage: "DEGREES(radians)", bind: |call| doubles(call, 1, &DEGREES) },
    Function { name: "RADIANS", usage: "RADIANS(degrees)", bind: |call| doubles(call, 1, &RADIANS) },
    Function { name: "PI", usage: "PI()", bind: |call| constant(call, std::f64::consts::PI) },
    Function { name: "E", usage: "E()", bind: |call| constant(call, std::f64::consts::E) },
];

static ABS: Kernel = Kernel::total("ABS", abs);
static SIGN: Kernel = Kernel::total("SIGN", sign);
static FLOOR: Kernel = Kernel::total("FLOOR", |arguments| step(arguments, f64::floor, false));
static CEIL: Kernel = Kernel::total("CEIL", |arguments| step(arguments, f64::ceil, true));
static ROUND: Kernel = Kernel::total("ROUND", |arguments| to_digits(arguments, true));
static TRUNCATE: Kernel = Kernel::total("TRUNCATE", |arguments| to_digits(arguments, false));
static POWER: Kernel = Kernel::total("POWER", |arguments| pairs(arguments, f64::powf));
static LOG: Kernel = Kernel::total("LOG", |arguments| pairs(arguments, |base, value| value.ln() / base.ln()));
static SQRT: Kernel = Kernel::total("SQRT", |arguments| map_float(arguments, f64::sqrt));
static LN: Kernel = Kernel::total("LN", |arguments| map_float(arguments, f64::ln));
static LOG10: Kernel = Kernel::total("LOG10", |arguments| map_float(arguments, f64::log10));
static LOG2: Kernel = Kernel::total("LOG2", |arguments| map_float(arguments, f64::log2));
static EXP: Kernel = Kernel::total("EXP", |arguments| map_float(arguments, f64::exp));
static SIN: Kernel = Kernel::total("SIN", |arguments| map_float(arguments, f64::sin));
static COS: Kernel = Kernel::total("COS", |arguments| map_float(arguments, f64::cos));
static TAN: Kernel = Kernel::total("TAN", |arguments| map_float(arguments, f64::tan));
static DEGREES: Kernel = Kernel::total("DEGREES", |arguments| map_float(arguments, f64::to_degrees));
static RADIANS: Kernel = Kernel::total("RADIANS", |arguments| map_float(arguments, f64::to_radians));

/// A function whose result has its argument's type.
fn same(mut call: FunctionCall, kernel: &'static Kernel) -> Bound<Expr> {
    call.count(1..=1)?;
    let kind = call.number(0)?;
    call.returns(kernel, kind)
}

fn floor_or_ceil(mut call: FunctionCall, kernel: &'static Kernel, up: bool) -> Bound<Expr> {
    if call.count(1..=2)? == 2 {
        return time::floor_to_unit(call, up);
    }
    let kind = match call.number(0)? {
        kind if kind.is_integer() => return Ok(call.arguments.remove(0)),
        Kind::Decimal { precision, .. } => Kind::Decimal { precision, scale: 0 },
        kind => kind,
    };
    call.returns(kernel, kind)
}

/// ROUND and TRUNCATE: a DECIMAL's type follows from the number of digits.
fn digits(mut call: FunctionCall, kernel: &'static Kernel) -> Bound<Expr> {
    let kind = call.number(0)?;
    let wanted = if call.count(1..=2)? == 2 {
        call.cast(1, &Kind::Int)?;
        match &crate::binder::fold_constants(call.arguments[1].clone()).kind {
            crate::expression::ExprKind::Literal(value) if value.is_valid(0) => {
                Some(value.as_primitive::<Int32Type>().value(0))
            }
            _ => None,
        }
    } else {
        Some(0)
    };
    let kind = match (kind, wanted) {
        (Kind::Decimal { precision, scale }, Some(wanted)) if wanted < i32::from(scale) => {
            // As Flink's findRoundDecimalType: one digit more for the carry.
            let kept = u8::try_from(wanted.max(0)).unwrap_or(0);
            let integer = precision - scale + 1;
            Kind::Decimal {
                precision: (integer + kept).min(crate::types::DECIMAL_PRECISION_MAX),
                scale: kept,
            }
        }
        (kind, _) => kind,
    };
    call.returns(kernel, kind)
}

fn modulo(mut call: FunctionCall) -> Bound<Expr> {
    call.count(2..=2)?;
    let right = call.arguments.remove(1);
    operator::modulo(call.arguments.remove(0), right, call.span)
}

fn doubles(mut call: FunctionCall, count: usize, kernel: &'static Kernel) -> Bound<Expr> {
    call.count(count..=count)?;
    for index in 0..count {
        call.number(index)?;
        call.arguments[index] = coerce::convert(call.arguments[index].clone(), &Kind::Double);
    }
    call.returns(kernel, Kind::Double)
}

fn log(call: FunctionCall) -> Bound<Expr> {
    match call.count(1..=2)? {
        1 => doubles(call, 1, &LN),
        _ => doubles(call, 2, &LOG),
    }
}

fn constant(call: FunctionCall, value: f64) -> Bound<Expr> {
    call.count(0..=0)?;
    Ok(Expr::literal(Arc::new(Float64Array::from(vec![value])), Kind::Double.not_null(), call.span))
}

fn pairs(arguments: &Arguments<'_>, function: impl Fn(f64, f64) -> f64) -> Result<ArrayRef, EvaluationError> {
    let (left, right) = (arguments.values::<Float64Type>(0), arguments.values::<Float64Type>(1));
    let values: Float64Array =
        (0..arguments.rows).map(|row| Some(function(left.get(row)?, right.get(row)?))).collect();
    Ok(Arc::new(values))
}

fn map_integers<T: ArrowPrimitiveType>(
    array: &ArrayRef,
    function: impl Fn(T::Native) -> T::Native,
) -> ArrayRef {
    Arc::new(array.as_primitive::<T>().unary::<_, T>(function))
}

fn abs(arguments: &Arguments<'_>) -> Result<ArrayRef, EvaluationError> {
    let array = arguments.operands[0].array();
    Ok(match array.data_type() {
        DataType::Int8 => map_integers::<Int8Type>(array, i8::wrapping_abs),
        DataType::Int16 => map_integers::<Int16Type>(array, i16::wrapping_abs),
        DataType::Int32 => map_integers::<Int32Type>(array, i32::wrapping_abs),
        DataType::Int64 => map_integers::<Int64Type>(array, i64::wrapping_abs),
        DataType::Decimal128(..) => return map_decimal(arguments, |value, _| Some(value.abs())),
        _ => return map_float(arguments, f64::abs),
    })
}

fn sign(arguments: &Arguments<'_>) -> Result<ArrayRef, EvaluationError> {
    let array = arguments.operands[0].array();
    Ok(match array.data_type() {
        DataType::Int8 => map_integers::<Int8Type>(array, i8::signum),
        DataType::Int16 => map_integers::<Int16Type>(array, i16::signum),
        DataType::Int32 => map_integers::<Int32Type>(array, i32::signum),
        DataType::Int64 => map_integers::<Int64Type>(array, i64::signum),
        DataType::Decimal128(..) => {
            return map_decimal(arguments, |value, scale| {
                Some(value.signum() * decimal::small_power_of_ten(u32::from(scale)))
            });
        }
        _ => return map_float(arguments, |value| if value == 0.0 { value } else { value.signum() }),
    })
}

/// Maps the digits of DECIMALs, with their scale.
fn map_decimal(
    arguments: &Arguments<'_>,
    function: impl Fn(i128, u8) -> Option<i128>,
) -> Result<ArrayRef, EvaluationError> {
    let scale = arguments.types[0].kind.as_decimal().map_or(0, |(_, scale)| scale);
    let values = arguments.values::<Decimal128Type>(0);
    decimal::column(arguments, (0..arguments.rows).map(|row| function(values.get(row)?, scale)))
}

/// FLOOR and CEIL.
fn step(arguments: &Arguments<'_>, float: fn(f64) -> f64, up: bool) -> Result<ArrayRef, EvaluationError> {
    if !arguments.result.kind.is_decimal() {
        return map_float(arguments, float);
    }
    map_decimal(arguments, |value, scale| {
        let one = decimal::small_power_of_ten(u32::from(scale));
        let floor = value.div_euclid(one);
        Some(if up && value.rem_euclid(one) != 0 { floor + 1 } else { floor })
    })
}

/// ROUND (half away from zero) and TRUNCATE to some digits behind the point, or in front of it.
fn to_digits(arguments: &Arguments<'_>, round: bool) -> Result<ArrayRef, EvaluationError> {
    let wanted = |row: usize| -> Option<i32> {
        if arguments.operands.len() > 1 { arguments.values::<Int32Type>(1).get(row) } else { Some(0) }
    };
    let result = &arguments.result.kind;
    if let Kind::Decimal { scale, .. } = result {
        let from = arguments.types[0].kind.as_decimal().map_or(0, |(_, scale)| scale);
        let values = arguments.values::<Decimal128Type>(0);
        return decimal::column(
            arguments,
            (0..arguments.rows).map(|row| {
                let kept = cut(values.get(row)?, i32::from(from) - wanted(row)?, round);
                decimal::rescale(kept, from, *scale)
            }),
        );
    }
    let index = |row: usize| if arguments.operands[0].is_constant() { 0 } else { row };
    if result.is_approximate() {
        let wide = arrow_cast::cast(arguments.operands[0].array(), &DataType::Float64)?;
        let wide = wide.as_primitive::<Float64Type>();
        let values = (0..arguments.rows).map(|row| {
            let value = wide.is_valid(index(row)).then(|| wide.value(index(row)))?;
            Some(round_float(value, wanted(row)?, round))
        });
        return Ok(arrow_cast::cast(&values.collect::<Float64Array>(), &arguments.result_type())?);
    }
    let wide = coerce_long(arguments.operands[0].array());
    let values = (0..arguments.rows).map(|row| {
        let value = wide.is_valid(index(row)).then(|| wide.value(index(row)))?;
        i64::try_from(cut(i128::from(value), -wanted(row)?, round)).ok()
    });
    let longs: arrow_array::Int64Array = values.collect();
    Ok(match arguments.result_type() {
        DataType::Int64 => Arc::new(longs),
        other => arrow_cast::cast(&longs, &other)?,
    })
}

fn coerce_long(array: &ArrayRef) -> arrow_array::Int64Array {
    let wide = arrow_cast::cast(array, &DataType::Int64);
    wide.map(|array| array.as_primitive::<Int64Type>().clone())
        .unwrap_or_else(|_| arrow_array::Int64Array::new_null(array.len()))
}

/// Sets the last `places` digits to zero.
fn cut(value: i128, places: i32, round: bool) -> i128 {
    let Ok(places) = u32::try_from(places) else { return value };
    if places == 0 {
        return value;
    }
    if places > 38 {
        return 0;
    }
    let grain = decimal::small_power_of_ten(places);
    let quotient = if round { decimal::divide_half_up(value, grain) } else { value / grain };
    quotient.saturating_mul(grain)
}

/// As Java's BigDecimal over the number's shortest digits.
fn round_float(value: f64, digits: i32, round: bool) -> f64 {
    const SCALE: u8 = 18;
    if !value.is_finite() || digits > i32::from(SCALE) {
        return value;
    }
    match decimal::from_text(&format!("{value:e}"), 38, SCALE) {
        Ok(Some(exact)) => {
            let kept = cut(exact, i32::from(SCALE) - digits, round);
            decimal::to_text(kept, SCALE).parse().unwrap_or(value)
        }
        _ => value,
    }
}
