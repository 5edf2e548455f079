//! Aggregate calls: their types, and the list of a query's.

use millstream_engine::plan::AggregateFunction;

use super::{AGGREGATES, Binder, Bound, coerce};
use crate::diagnostics::{Span, SqlError};
use crate::expression::Expr;
use crate::syntax::Call;
use crate::types::{DECIMAL_PRECISION_MAX, Kind, SqlType};

/// The aggregates of a query, each once.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    pub(crate) calls: Vec<Aggregate>,
}

/// An aggregate over the rows of a group.
#[derive(Debug, Clone)]
pub(crate) struct Aggregate {
    pub(crate) function: AggregateFunction,
    /// Its argument, of the result's type where the engine computes in it; `None` for `COUNT(*)`.
    pub(crate) argument: Option<Expr>,
    pub(crate) filter: Option<Expr>,
    pub(crate) data_type: SqlType,
    /// As a plan names it.
    pub(crate) text: String,
}

/// Aggregates of Flink that are not there yet.
const LATER: &[&str] = &[
    "ARRAY_AGG",
    "COLLECT",
    "CUME_DIST",
    "DENSE_RANK",
    "FIRST_VALUE",
    "JSON_ARRAYAGG",
    "JSON_OBJECTAGG",
    "LAG",
    "LAST_VALUE",
    "LEAD",
    "LISTAGG",
    "NTILE",
    "PERCENTILE",
    "PERCENT_RANK",
    "RANK",
    "ROW_NUMBER",
    "STDDEV",
    "STDDEV_POP",
    "STDDEV_SAMP",
    "VARIANCE",
    "VAR_POP",
    "VAR_SAMP",
];

/// The aggregate of a name.
pub(crate) fn function(name: &str) -> Option<AggregateFunction> {
    match name {
        "COUNT" => Some(AggregateFunction::Count),
        "SUM" => Some(AggregateFunction::Sum),
        "AVG" => Some(AggregateFunction::Avg),
        "MIN" => Some(AggregateFunction::Min),
        "MAX" => Some(AggregateFunction::Max),
        _ => None,
    }
}

/// The error for an aggregate that is known and not there yet.
pub(crate) fn later(name: &str, span: Span) -> Option<SqlError> {
    LATER.contains(&name).then(|| {
        SqlError::unsupported(span, format!("{name} is not supported yet"))
            .hint("the aggregates are COUNT, SUM, AVG, MIN and MAX")
    })
}

impl Binder<'_> {
    pub(super) fn aggregate(&mut self, function: AggregateFunction, call: &Call, span: Span) -> Bound<Expr> {
        let name = call.name.text.to_uppercase();
        if call.distinct {
            let message = format!("{name}(DISTINCT …) is not supported yet");
            return Err(SqlError::unsupported(span, message).hint("aggregates without DISTINCT are"));
        }
        if self.aggregates.is_none() {
            return Err(SqlError::semantic(
                span,
                format!("{name} is an aggregate: it cannot stand in {}", self.clause),
            )
            .hint("aggregates stand in SELECT and HAVING of a query with GROUP BY"));
        }
        // Arguments and filters hold no aggregates themselves.
        let mut inner = Binder::scalar(self.scope, "the argument of an aggregate");
        let filter = match &call.filter {
            Some(filter) => {
                inner.clause = "FILTER";
                Some(inner.condition(filter)?)
            }
            None => None,
        };
        let argument = match call.arguments.as_slice() {
            [] if call.star && function == AggregateFunction::Count => None,
            [argument] => Some(inner.bind(argument)?),
            _ => {
                let hint =
                    if name == "COUNT" { "COUNT(*) or COUNT(x)".to_owned() } else { format!("{name}(x)") };
                return Err(SqlError::semantic(span, format!("{name} takes one argument")).hint(hint));
            }
        };
        let (argument, data_type) = typed(function, &name, argument)?;
        let text = match (&argument, &filter) {
            (None, None) => "COUNT(*)".to_owned(),
            (Some(argument), None) => format!("{name}({argument})"),
            (None, Some(filter)) => format!("COUNT(*) FILTER (WHERE {filter})"),
            (Some(argument), Some(filter)) => format!("{name}({argument}) FILTER (WHERE {filter})"),
        };
        let aggregate =
            Aggregate { function, argument, filter, data_type: data_type.clone(), text: text.clone() };
        let Some(collector) = self.aggregates.as_deref_mut() else {
            return Err(SqlError::semantic(span, "no aggregate may stand here"));
        };
        let index = match collector.calls.iter().position(|earlier| earlier.is_same(&aggregate)) {
            Some(index) => index,
            None => {
                collector.calls.push(aggregate);
                collector.calls.len() - 1
            }
        };
        Ok(Expr::column(AGGREGATES + index, &text, data_type, span))
    }
}

impl Aggregate {
    fn is_same(&self, other: &Self) -> bool {
        fn same(left: Option<&Expr>, right: Option<&Expr>) -> bool {
            match (left, right) {
                (Some(left), Some(right)) => left.is_same(right),
                (None, None) => true,
                _ => false,
            }
        }
        self.function == other.function
            && same(self.argument.as_ref(), other.argument.as_ref())
            && same(self.filter.as_ref(), other.filter.as_ref())
    }
}

/// The argument, cast as the engine wants it, and the type of the result: Flink's. Windows with rows alone exist, but
/// a filter or nulls can leave a group without values: all but COUNT can be null.
fn typed(function: AggregateFunction, name: &str, argument: Option<Expr>) -> Bound<(Option<Expr>, SqlType)> {
    let Some(argument) = argument else { return Ok((None, Kind::BigInt.not_null())) };
    let kind = argument.data_type.kind.clone();
    let span = argument.span;
    let result = match function {
        AggregateFunction::Count => {
            return Ok(if argument.data_type.nullable {
                (Some(argument), Kind::BigInt.not_null())
            } else {
                (None, Kind::BigInt.not_null()) // as COUNT(*)
            });
        }
        AggregateFunction::Sum | AggregateFunction::Avg => match kind {
            Kind::Decimal { scale, .. } => {
                let scale = if function == AggregateFunction::Avg { scale.max(6) } else { scale };
                Kind::Decimal { precision: DECIMAL_PRECISION_MAX, scale }
            }
            kind if kind.is_numeric() => kind,
            other => return Err(SqlError::types(span, format!("{name} needs a number, found {other}"))),
        },
        AggregateFunction::Min | AggregateFunction::Max => {
            let ordered = !matches!(kind, Kind::Row(_) | Kind::Array(_) | Kind::Map(..) | Kind::Null);
            if !ordered || kind.is_bytes() {
                return Err(SqlError::types(span, format!("{name} cannot order {kind}")));
            }
            kind
        }
    };
    Ok((Some(coerce::convert(argument, &result)), result.nullable()))
}
