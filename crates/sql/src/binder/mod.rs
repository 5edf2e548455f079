//! Syntax to typed expressions: names get their columns, operators their types, and operands the casts that Flink
//! would insert.
//!
//! A [`Binder`] works over one [`Scope`], the columns of the relation that FROM names. In a query with GROUP BY it
//! also collects aggregate calls: each becomes a column past [`AGGREGATES`], which the planner resolves.

pub(crate) mod aggregate;
mod call;
pub(crate) mod coerce;
mod literal;
pub(crate) mod operator;

use crate::diagnostics::{Span, SqlError};
use crate::expression::nested::{ARRAY, ITEM, MAP, ROW};
use crate::expression::{Expr, ExprKind, compare};
use crate::syntax::{self, IsTest, LogicalOperator, Name};
use crate::types::{Kind, RowField, SqlType};
use aggregate::Collector;

pub(crate) type Bound<T> = Result<T, SqlError>;

/// The index of the first aggregate among the columns of a bound expression.
pub(crate) const AGGREGATES: usize = usize::MAX / 2;

/// Whether a column carries the time of its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeAttribute {
    /// Event time, with a watermark.
    Rowtime,
    /// The wall clock.
    Proctime,
}

/// A column of a relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) data_type: SqlType,
    pub(crate) time: Option<TimeAttribute>,
}

/// What names mean: the columns of one relation, and the name it goes by.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    pub(crate) alias: Option<String>,
    pub(crate) columns: Vec<Column>,
}

impl Scope {
    /// The column of a name.
    pub(crate) fn find(&self, name: &Name) -> Bound<usize> {
        let mut found = self.columns.iter().enumerate().filter(|(_, column)| column.name == name.text);
        match (found.next(), found.next()) {
            (Some((index, _)), None) => Ok(index),
            (Some(_), Some(_)) => {
                Err(SqlError::name(name.span, format!("the column '{}' is ambiguous", name.text))
                    .hint("give the columns of the subquery different names with AS"))
            }
            (None, _) => Err(SqlError::name(name.span, format!("unknown column '{}'", name.text)).suggest(
                &name.text,
                self.columns.iter().map(|column| column.name.as_str()),
                "columns",
            )),
        }
    }

    /// An expression for a column.
    pub(crate) fn column(&self, index: usize, span: Span) -> Expr {
        let column = &self.columns[index];
        Expr::column(index, &column.name, column.data_type.clone(), span)
    }

    /// Whether an expression is a time attribute, by being nothing but its column.
    pub(crate) fn time_attribute(&self, expr: &Expr) -> Option<TimeAttribute> {
        match &expr.kind {
            ExprKind::Column { index, .. } => self.columns.get(*index)?.time,
            ExprKind::Window(bound) if bound.property == millstream_engine::plan::WindowProperty::Time => {
                Some(if bound.time.is_some() { TimeAttribute::Rowtime } else { TimeAttribute::Proctime })
            }
            ExprKind::Call { kernel, .. } if kernel.name == crate::functions::PROCTIME_NAME => {
                Some(TimeAttribute::Proctime)
            }
            _ => None,
        }
    }
}

/// Binds expressions over a scope.
pub(crate) struct Binder<'a> {
    pub(crate) scope: &'a Scope,
    /// Where aggregates go; `None` where none may stand, with the clause's name for the message.
    pub(crate) aggregates: Option<&'a mut Collector>,
    pub(crate) clause: &'static str,
}

impl<'a> Binder<'a> {
    /// A binder of expressions without aggregates.
    pub(crate) fn scalar(scope: &'a Scope, clause: &'static str) -> Self {
        Self { scope, aggregates: None, clause }
    }

    /// Binds an expression and computes what is constant.
    pub(crate) fn bind(&mut self, expr: &syntax::Expr) -> Bound<Expr> {
        Ok(fold_constants(self.expr(expr)?))
    }

    /// Binds a condition.
    pub(crate) fn condition(&mut self, expr: &syntax::Expr) -> Bound<Expr> {
        let bound = self.bind(expr)?;
        boolean(bound, self.clause)
    }

    fn expr(&mut self, expr: &syntax::Expr) -> Bound<Expr> {
        let span = expr.span;
        match &expr.kind {
            syntax::ExprKind::Name(parts) => self.name(parts, span),
            syntax::ExprKind::Literal(value) => literal::bind(value, span),
            syntax::ExprKind::Unary { operator, operand } => {
                if let Some(folded) = literal::negative(*operator, operand, span)? {
                    return Ok(folded);
                }
                let operand = self.expr(operand)?;
                operator::unary(*operator, operand, span)
            }
            syntax::ExprKind::Binary { operator, left, right } => {
                let (left, right) = (self.expr(left)?, self.expr(right)?);
                operator::binary(*operator, left, right, span)
            }
            syntax::ExprKind::Logical { operator, operands } => self.logical(*operator, operands, span),
            syntax::ExprKind::Is { operand, test, negated } => {
                let operand = self.expr(operand)?;
                is_test(operand, *test, *negated, span)
            }
            syntax::ExprKind::IsDistinct { left, right, negated } => {
                let (left, right) = (self.expr(left)?, self.expr(right)?);
                let (left, right) = coerce::comparable(left, right, "IS DISTINCT FROM", span)?;
                let kernel = if *negated { &compare::NOT_DISTINCT } else { &compare::DISTINCT };
                Ok(Expr::call(kernel, vec![left, right], Kind::Boolean.not_null(), span))
            }
            syntax::ExprKind::Between { operand, low, high, negated } => {
                let operand = self.expr(operand)?;
                let (low, high) = (self.expr(low)?, self.expr(high)?);
                operator::between(&operand, low, high, *negated, span)
            }
            syntax::ExprKind::In { operand, list, negated } => {
                let mut operands = vec![self.expr(operand)?];
                for item in list {
                    operands.push(self.expr(item)?);
                }
                operator::is_in(operands, *negated, span)
            }
            syntax::ExprKind::Like { operand, pattern, escape, negated } => {
                let mut arguments = vec![self.expr(operand)?, self.expr(pattern)?];
                if let Some(escape) = escape {
                    arguments.push(self.expr(escape)?);
                }
                operator::like(arguments, *negated, span)
            }
            syntax::ExprKind::Case { operand, branches, otherwise } => {
                self.case(operand.as_deref(), branches, otherwise.as_deref(), span)
            }
            syntax::ExprKind::Cast { operand, target, safe } => {
                let operand = self.expr(operand)?;
                coerce::explicit_cast(operand, target, *safe, span)
            }
            syntax::ExprKind::Call(call) => self.call(call, span),
            _ => self.nested(expr),
        }
    }

    /// Access to and construction of ROWs, ARRAYs and MAPs.
    fn nested(&mut self, expr: &syntax::Expr) -> Bound<Expr> {
        let span = expr.span;
        match &expr.kind {
            syntax::ExprKind::Field { operand, name } => {
                let operand = self.expr(operand)?;
                field(operand, name)
            }
            syntax::ExprKind::Item { operand, index } => {
                let (operand, index) = (self.expr(operand)?, self.expr(index)?);
                item(operand, index, span)
            }
            syntax::ExprKind::Row(items) => {
                let fields = items.iter().map(|item| self.typed(item)).collect::<Bound<Vec<_>>>()?;
                Ok(row(fields, span))
            }
            syntax::ExprKind::Array(items) => {
                let items = items.iter().map(|item| self.expr(item)).collect::<Bound<Vec<_>>>()?;
                let (items, element) = elements(items, "ARRAY", span)?;
                Ok(Expr::call(&ARRAY, items, Kind::Array(Box::new(element)).not_null(), span))
            }
            syntax::ExprKind::Map(items) => self.map(items, span),
            _ => Err(SqlError::semantic(span, "this expression has no meaning here")),
        }
    }

    /// An expression whose type is known.
    fn typed(&mut self, expr: &syntax::Expr) -> Bound<Expr> {
        let bound = self.expr(expr)?;
        if bound.data_type.kind == Kind::Null {
            return Err(SqlError::types(bound.span, "the type of NULL is not known here")
                .hint("write CAST(NULL AS type)"));
        }
        Ok(bound)
    }

    fn map(&mut self, items: &[syntax::Expr], span: Span) -> Bound<Expr> {
        if !items.len().is_multiple_of(2) {
            return Err(
                SqlError::syntax(span, "MAP takes pairs of key and value").hint("MAP['a', 1, 'b', 2]")
            );
        }
        let mut keys = Vec::new();
        let mut values = Vec::new();
        for pair in items.chunks(2) {
            keys.push(self.expr(&pair[0])?);
            values.push(self.expr(&pair[1])?);
        }
        let (keys, key) = elements(keys, "MAP", span)?;
        let (values, value) = elements(values, "MAP", span)?;
        let arguments = keys.into_iter().zip(values).flat_map(|(key, value)| [key, value]).collect();
        Ok(Expr::call(&MAP, arguments, Kind::Map(Box::new(key), Box::new(value)).not_null(), span))
    }

    /// `a.b.c`: a table's alias in front is optional; what follows the column are fields.
    fn name(&self, parts: &[Name], span: Span) -> Bound<Expr> {
        let is_column = self.scope.columns.iter().any(|column| column.name == parts[0].text);
        let qualified =
            parts.len() > 1 && self.scope.alias.as_deref() == Some(parts[0].text.as_str()) && !is_column;
        let parts = if qualified { &parts[1..] } else { parts };
        if !is_column && !qualified && parts.len() > 1 && self.scope.alias.is_some() {
            let table = self.scope.alias.as_deref().unwrap_or_default();
            let mut names: Vec<&str> = self.scope.columns.iter().map(|column| column.name.as_str()).collect();
            names.push(table);
            return Err(SqlError::name(
                parts[0].span,
                format!("unknown table or column '{}'", parts[0].text),
            )
            .suggest(&parts[0].text, names, "names"));
        }
        let index = self.scope.find(&parts[0])?;
        let mut expr = self.scope.column(index, span);
        for part in &parts[1..] {
            expr = field(expr, part)?;
        }
        expr.span = span;
        Ok(expr)
    }

    fn logical(&mut self, operator: LogicalOperator, operands: &[syntax::Expr], span: Span) -> Bound<Expr> {
        let name = if operator == LogicalOperator::And { "AND" } else { "OR" };
        let operands =
            operands.iter().map(|operand| boolean(self.expr(operand)?, name)).collect::<Bound<Vec<_>>>()?;
        let nullable = operands.iter().any(|operand| operand.data_type.nullable);
        let kind = match operator {
            LogicalOperator::And => ExprKind::And(operands),
            LogicalOperator::Or => ExprKind::Or(operands),
        };
        Ok(Expr { kind, data_type: Kind::Boolean.with_nullability(nullable), span })
    }

    fn case(
        &mut self,
        operand: Option<&syntax::Expr>,
        branches: &[(syntax::Expr, syntax::Expr)],
        otherwise: Option<&syntax::Expr>,
        span: Span,
    ) -> Bound<Expr> {
        let operand = operand.map(|operand| self.expr(operand)).transpose()?;
        let mut conditions = Vec::new();
        let mut values = Vec::new();
        for (when, then) in branches {
            let when_span = when.span;
            let when = self.expr(when)?;
            conditions.push(match &operand {
                Some(operand) => {
                    operator::binary(syntax::BinaryOperator::Equal, operand.clone(), when, when_span)?
                }
                None => boolean(when, "CASE")?,
            });
            values.push(self.expr(then)?);
        }
        values.push(match otherwise {
            Some(otherwise) => self.expr(otherwise)?,
            None => literal::null(span),
        });
        operator::case(conditions, values, "CASE", span)
    }
}

/// A field of a ROW.
pub(crate) fn field(operand: Expr, name: &Name) -> Bound<Expr> {
    let Kind::Row(fields) = &operand.data_type.kind else {
        let message = format!("'{}' is {}: it has no fields", operand, operand.data_type.kind);
        return Err(SqlError::types(name.span, message));
    };
    let Some(index) = fields.iter().position(|field| field.name == name.text) else {
        return Err(SqlError::name(name.span, format!("the ROW has no field '{}'", name.text)).suggest(
            &name.text,
            fields.iter().map(|field| field.name.as_str()),
            "fields",
        ));
    };
    let field = &fields[index].data_type;
    let data_type = field.with_nullability(field.nullable || operand.data_type.nullable);
    let span = operand.span.to(name.span);
    Ok(Expr { kind: ExprKind::Field { operand: Box::new(operand), index }, data_type, span })
}

fn item(operand: Expr, index: Expr, span: Span) -> Bound<Expr> {
    let (key, value) = match &operand.data_type.kind {
        Kind::Array(element) => (Kind::Int, element.kind.clone()),
        Kind::Map(key, value) => (key.kind.clone(), value.kind.clone()),
        other => {
            return Err(SqlError::types(operand.span, format!("[] needs an ARRAY or a MAP, found {other}")));
        }
    };
    let index = coerce::implicit_cast(index, &key, "[]")?;
    Ok(Expr::call(&ITEM, vec![operand, index], value.nullable(), span))
}

/// A ROW of values; its fields are named as Flink names them.
fn row(values: Vec<Expr>, span: Span) -> Expr {
    let fields = values
        .iter()
        .enumerate()
        .map(|(index, value)| RowField { name: format!("EXPR${index}"), data_type: value.data_type.clone() })
        .collect();
    Expr::call(&ROW, values, Kind::Row(fields).not_null(), span)
}

/// Elements cast to their common type.
fn elements(items: Vec<Expr>, what: &str, span: Span) -> Bound<(Vec<Expr>, SqlType)> {
    if items.is_empty() {
        return Err(SqlError::types(span, format!("the type of an empty {what} is not known"))
            .hint("write at least one element"));
    }
    let kind = coerce::common_kind(items.iter().map(|item| &item.data_type.kind))
        .filter(|kind| *kind != Kind::Null)
        .ok_or_else(|| SqlError::types(span, format!("the elements of the {what} have no common type")))?;
    let nullable = items.iter().any(|item| item.data_type.nullable);
    let items = items.into_iter().map(|item| coerce::convert(item, &kind)).collect();
    Ok((items, kind.with_nullability(nullable)))
}

fn is_test(operand: Expr, test: IsTest, negated: bool, span: Span) -> Bound<Expr> {
    let operand = if test == IsTest::Null { operand } else { boolean(operand, "IS")? };
    let kernel = match (test, negated) {
        (IsTest::Null | IsTest::Unknown, false) => &compare::IS_NULL,
        (IsTest::Null | IsTest::Unknown, true) => &compare::IS_NOT_NULL,
        (IsTest::True, false) => &compare::IS_TRUE,
        (IsTest::True, true) => &compare::IS_NOT_TRUE,
        (IsTest::False, false) => &compare::IS_FALSE,
        (IsTest::False, true) => &compare::IS_NOT_FALSE,
    };
    Ok(Expr::call(kernel, vec![operand], Kind::Boolean.not_null(), span))
}

/// The expression, if it is a BOOLEAN; NULL becomes one.
pub(crate) fn boolean(expr: Expr, clause: &str) -> Bound<Expr> {
    match expr.data_type.kind {
        Kind::Boolean => Ok(expr),
        Kind::Null => Ok(coerce::convert(expr, &Kind::Boolean)),
        _ => {
            let message = format!("{clause} needs a BOOLEAN, found {}", expr.data_type.kind);
            Err(SqlError::types(expr.span, message))
        }
    }
}

/// Replaces constant parts by their values. A part without a value is left to its rows.
pub(crate) fn fold_constants(expr: Expr) -> Expr {
    if matches!(expr.kind, ExprKind::Literal(_)) {
        return expr;
    }
    let expr = expr.map_children(&mut fold_constants);
    if !expr.is_constant() {
        return expr;
    }
    match expr.fold() {
        Ok(value) => Expr { kind: ExprKind::Literal(value), ..expr },
        Err(_) => expr,
    }
}
