//! What a filter makes known: behind `event_type = 2`, `CASE WHEN event_type = 0 …` is decided when the query is planned.
//!
//! This spares more than the comparison: fields that only the other branches read are never decoded.

use std::sync::Arc;

use arrow_array::{Array as _, BooleanArray};

use crate::expression::{Expr, ExprKind, compare};

/// Rewrites an expression that is evaluated for the rows of a filter alone.
pub(super) fn apply(expr: Expr, predicate: &Expr) -> Expr {
    let conjuncts: Vec<&Expr> = match &predicate.kind {
        ExprKind::And(operands) => operands.iter().collect(),
        _ => vec![predicate],
    };
    let facts: Vec<(&Expr, &Expr)> = conjuncts.into_iter().filter_map(equality).collect();
    if facts.is_empty() { expr } else { rewrite(expr, &facts) }
}

/// `path = constant`, in either order.
fn equality(expr: &Expr) -> Option<(&Expr, &Expr)> {
    let ExprKind::Call { kernel, arguments } = &expr.kind else { return None };
    let [left, right] = arguments.as_slice() else { return None };
    if !std::ptr::eq(*kernel, &raw const compare::EQUAL) || left.data_type.kind.is_approximate() {
        return None;
    }
    let constant = |expr: &Expr| matches!(&expr.kind, ExprKind::Literal(value) if value.is_valid(0));
    match (left.as_path().is_some(), right.as_path().is_some()) {
        (true, false) if constant(right) => Some((left, right)),
        (false, true) if constant(left) => Some((right, left)),
        _ => None,
    }
}

fn rewrite(expr: Expr, facts: &[(&Expr, &Expr)]) -> Expr {
    if let Some((path, value)) = equality(&expr)
        && let Some((_, known)) = facts.iter().find(|(known, _)| known.is_same(path))
        && let (ExprKind::Literal(value), ExprKind::Literal(known)) = (&value.kind, &known.kind)
    {
        let truth: Arc<BooleanArray> = Arc::new(BooleanArray::from(vec![value.as_ref() == known.as_ref()]));
        return Expr { kind: ExprKind::Literal(truth), ..expr };
    }
    let expr = expr.map_children(&mut |child| rewrite(child, facts));
    match expr.kind {
        ExprKind::Case { branches, otherwise } => decided(branches, otherwise, expr.data_type, expr.span),
        _ => expr,
    }
}

/// A CASE without the branches that are never taken; the first that always is ends it.
fn decided(
    branches: Vec<(Expr, Expr)>,
    otherwise: Box<Expr>,
    data_type: crate::types::SqlType,
    span: crate::diagnostics::Span,
) -> Expr {
    use arrow_array::cast::AsArray as _;
    let mut kept = Vec::new();
    let mut otherwise = otherwise;
    for (when, then) in branches {
        match &when.kind {
            ExprKind::Literal(value) => {
                let value = value.as_boolean();
                if value.is_valid(0) && value.value(0) {
                    otherwise = Box::new(then);
                    break;
                }
            }
            _ => kept.push((when, then)),
        }
    }
    if kept.is_empty() {
        // The type stays the CASE's, which may allow nulls that this branch does not have.
        return Expr { data_type, span, ..*otherwise };
    }
    Expr { kind: ExprKind::Case { branches: kept, otherwise }, data_type, span }
}
