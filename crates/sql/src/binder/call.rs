//! Calls by name: aggregates, window functions of GROUP BY, and the functions of [`crate::functions`].

use millstream_engine::plan::WindowProperty;

use super::aggregate;
use super::{Binder, Bound, TimeAttribute};
use crate::diagnostics::{Span, SqlError};
use crate::expression::window::WindowBound;
use crate::expression::{Expr, ExprKind};
use crate::functions::{self, FunctionCall};
use crate::syntax::{self, Call};
use crate::types::Kind;

impl Binder<'_> {
    pub(super) fn call(&mut self, call: &Call, span: Span) -> Bound<Expr> {
        let name = call.name.text.to_uppercase();
        if let Some(function) = aggregate::function(&name) {
            return self.aggregate(function, call, span);
        }
        if let Some(error) = aggregate::later(&name, call.name.span) {
            return Err(error);
        }
        if let Some(property) = window_property(&name) {
            return self.window_property(&name, property, call, span);
        }
        if call.star || call.distinct || call.filter.is_some() {
            let message = format!("{name} is not an aggregate: it takes no *, DISTINCT or FILTER");
            return Err(SqlError::semantic(span, message));
        }
        let Some(function) = functions::find(&name) else {
            return Err(unknown(call, &name));
        };
        let arguments =
            call.arguments.iter().map(|argument| self.expr(argument)).collect::<Bound<Vec<_>>>()?;
        (function.bind)(FunctionCall { function, arguments, span })
    }

    /// `TUMBLE_START(ts, size)` and the like.
    fn window_property(
        &mut self,
        name: &str,
        property: WindowProperty,
        call: &Call,
        span: Span,
    ) -> Bound<Expr> {
        if self.aggregates.is_none() && name != "TUMBLE" {
            return Err(SqlError::semantic(span, format!("{name} cannot stand in {}", self.clause))
                .hint("it belongs to a query with GROUP BY TUMBLE(ts, size)"));
        }
        if name == "TUMBLE" && self.clause != "GROUP BY" {
            return Err(SqlError::semantic(span, "TUMBLE(ts, size) stands in GROUP BY")
                .hint("the window's start and end are TUMBLE_START(ts, size) and TUMBLE_END(ts, size)"));
        }
        let (time, size_ms, offset_ms) = match call.arguments.as_slice() {
            [time, size] => (time, self.window_size(size)?, 0),
            [time, size, offset] => (time, self.window_size(size)?, self.interval_ms(offset)?),
            _ => {
                return Err(SqlError::semantic(span, format!("{name} takes a time column and a size"))
                    .hint(format!("{name}(ts, INTERVAL '1' MINUTE)")));
            }
        };
        let mut inner = Binder::scalar(self.scope, "the time of a window");
        let time = inner.expr(time)?;
        self.tumble(time, size_ms, offset_ms, property, span)
    }

    /// A property of the tumbling window of a time attribute.
    pub(crate) fn tumble(
        &self,
        time: Expr,
        size_ms: i64,
        offset_ms: i64,
        property: WindowProperty,
        span: Span,
    ) -> Bound<Expr> {
        let data_type = WindowBound::data_type(&time.data_type, property);
        let attribute = self.scope.time_attribute(&time);
        let time = match attribute {
            Some(TimeAttribute::Rowtime) => Some(Box::new(time)),
            Some(TimeAttribute::Proctime) => None,
            None => {
                let kind = &time.data_type.kind;
                return Err(SqlError::types(
                    time.span,
                    format!("a window needs a time attribute, and '{time}' is only a {kind}"),
                )
                .hint(if kind.is_timestamp() {
                    "declare WATERMARK FOR it in CREATE TABLE, and pass the column through views unchanged"
                } else {
                    "declare a TIMESTAMP(3) column with WATERMARK FOR it, or a column AS PROCTIME()"
                }));
            }
        };
        let bound = WindowBound { time, size_ms, offset_ms: offset_ms % size_ms, property };
        Ok(Expr { kind: ExprKind::Window(bound), data_type, span })
    }

    /// The size of a window in milliseconds.
    pub(crate) fn window_size(&mut self, expr: &syntax::Expr) -> Bound<i64> {
        let size = self.interval_ms(expr)?;
        if size <= 0 {
            return Err(SqlError::semantic(expr.span, "the size of a window must be positive"));
        }
        Ok(size)
    }

    /// A constant interval in milliseconds.
    pub(crate) fn interval_ms(&mut self, expr: &syntax::Expr) -> Bound<i64> {
        use crate::expression::operand::longs_of;
        let bound = self.bind(expr)?;
        let hint = "INTERVAL '10' SECOND, INTERVAL '1' DAY";
        match (&bound.kind, &bound.data_type.kind) {
            (ExprKind::Literal(value), Kind::DayTimeInterval) => {
                Ok(longs_of(value).first().copied().unwrap_or(0))
            }
            (_, Kind::YearMonthInterval) => Err(SqlError::unsupported(
                expr.span,
                "windows of months are not supported: they have no fixed size",
            )
            .hint(hint)),
            (_, kind) => {
                Err(SqlError::types(expr.span, format!("expected a constant interval, found {kind}"))
                    .hint(hint))
            }
        }
    }
}

fn window_property(name: &str) -> Option<WindowProperty> {
    match name {
        "TUMBLE" | "TUMBLE_START" => Some(WindowProperty::Start),
        "TUMBLE_END" => Some(WindowProperty::End),
        "TUMBLE_ROWTIME" | "TUMBLE_PROCTIME" => Some(WindowProperty::Time),
        _ => None,
    }
}

/// The error for a name that is no function here.
fn unknown(call: &Call, name: &str) -> SqlError {
    let windows = ["HOP", "SESSION", "CUMULATE"];
    if windows
        .iter()
        .any(|window| name.strip_prefix(window).is_some_and(|rest| rest.is_empty() || rest.starts_with('_')))
    {
        return SqlError::unsupported(call.name.span, format!("{name} is not supported yet"))
            .hint("tumbling windows are: TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE))");
    }
    if functions::LATER.contains(&name) {
        return SqlError::unsupported(call.name.span, format!("the function {name} is not supported yet"));
    }
    let names = functions::names().chain(["COUNT", "SUM", "AVG", "MIN", "MAX"]);
    let error = SqlError::name(call.name.span, format!("unknown function '{}'", call.name.text));
    match millstream_suggest::nearest(name, names) {
        Some(near) => error.hint(format!("did you mean {near}?")),
        None => error,
    }
}
