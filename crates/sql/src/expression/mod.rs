//! Bound expressions: typed, cast, and ready to be evaluated.
//!
//! An [`Expr`] is the tree that the binder makes, that the planner rewrites, and that the engine evaluates: there is
//! no second, compiled form. Evaluation is vectorised, one match per node and batch; constants stay single values
//! ([`Operand::Constant`]) until a kernel or the result needs a column. What has no effect on laziness, folding or
//! pruning is a [`Kernel`], a named function over columns.

pub(crate) mod arithmetic;
pub(crate) mod cast;
pub(crate) mod compare;
pub(crate) mod decimal;
mod display;
mod evaluate;
mod logic;
pub(crate) mod nested;
pub(crate) mod not_null;
pub(crate) mod operand;
pub(crate) mod window;

use std::fmt;
use std::sync::Arc;

use arrow_array::ArrayRef;
use millstream_engine::expression::EvaluationError;

pub(crate) use operand::{Arguments, Operand};

use crate::diagnostics::Span;
use crate::types::SqlType;
use window::WindowBound;

/// A typed expression over the columns of a relation. Both of its texts are SQL's.
#[derive(Clone)]
pub(crate) struct Expr {
    pub(crate) kind: ExprKind,
    pub(crate) data_type: SqlType,
    pub(crate) span: Span,
}

#[derive(Clone)]
pub(crate) enum ExprKind {
    /// A column of the input.
    Column { index: usize, name: Arc<str> },
    /// A constant, as an array of one value.
    Literal(ArrayRef),
    /// A field of a ROW; null where the ROW is null.
    Field { operand: Box<Expr>, index: usize },
    /// All of them; later operands are evaluated only where the earlier ones leave it open.
    And(Vec<Expr>),
    /// Any of them, with the same laziness.
    Or(Vec<Expr>),
    /// The first branch whose condition is true; values are evaluated only where they are chosen.
    Case { branches: Vec<(Expr, Expr)>, otherwise: Box<Expr> },
    /// A function of its arguments.
    Call { kernel: &'static Kernel, arguments: Vec<Expr> },
    /// A property of the tumbling window that a row falls into.
    Window(WindowBound),
}

/// A function over columns.
pub(crate) struct Kernel {
    /// How SQL names it.
    pub(crate) name: &'static str,
    /// How a plan shows it.
    pub(crate) notation: Notation,
    /// Whether some arguments have no result, so that it must not be evaluated where it is not asked for.
    pub(crate) fallible: bool,
    /// Whether equal arguments can have different results, so that it is never folded.
    pub(crate) volatile: bool,
    pub(crate) evaluate: fn(&Arguments<'_>) -> Result<ArrayRef, EvaluationError>,
}

/// How a plan shows a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notation {
    /// `NAME(a, b)`
    Function,
    /// `(a NAME b)`
    Infix,
    /// `NAME a`
    Prefix,
    /// `a NAME`
    Postfix,
    /// `NAME(a AS type)`
    Cast,
}

impl Kernel {
    /// A function that has a result for every argument.
    pub(crate) const fn total(
        name: &'static str,
        evaluate: fn(&Arguments<'_>) -> Result<ArrayRef, EvaluationError>,
    ) -> Self {
        Self { name, notation: Notation::Function, fallible: false, volatile: false, evaluate }
    }

    /// A function that has no result for some arguments.
    pub(crate) const fn partial(
        name: &'static str,
        evaluate: fn(&Arguments<'_>) -> Result<ArrayRef, EvaluationError>,
    ) -> Self {
        Self { name, notation: Notation::Function, fallible: true, volatile: false, evaluate }
    }

    /// The same, shown otherwise.
    pub(crate) const fn shown(mut self, notation: Notation) -> Self {
        self.notation = notation;
        self
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)
    }
}

impl Expr {
    pub(crate) fn column(index: usize, name: &str, data_type: SqlType, span: Span) -> Self {
        Self { kind: ExprKind::Column { index, name: Arc::from(name) }, data_type, span }
    }

    pub(crate) fn literal(value: ArrayRef, data_type: SqlType, span: Span) -> Self {
        Self { kind: ExprKind::Literal(value), data_type, span }
    }

    pub(crate) fn call(
        kernel: &'static Kernel,
        arguments: Vec<Self>,
        data_type: SqlType,
        span: Span,
    ) -> Self {
        Self { kind: ExprKind::Call { kernel, arguments }, data_type, span }
    }

    /// The direct parts.
    pub(crate) fn children(&self) -> Vec<&Self> {
        match &self.kind {
            ExprKind::Column { .. } | ExprKind::Literal(_) => Vec::new(),
            ExprKind::Field { operand, .. } => vec![operand],
            ExprKind::And(operands) | ExprKind::Or(operands) => operands.iter().collect(),
            ExprKind::Case { branches, otherwise } => {
                let mut children: Vec<&Self> =
                    branches.iter().flat_map(|(when, then)| [when, then]).collect();
                children.push(otherwise);
                children
            }
            ExprKind::Call { arguments, .. } => arguments.iter().collect(),
            ExprKind::Window(bound) => bound.time.iter().map(AsRef::as_ref).collect(),
        }
    }

    /// The same tree with each direct part replaced.
    pub(crate) fn map_children(self, change: &mut dyn FnMut(Self) -> Self) -> Self {
        let kind = match self.kind {
            kind @ (ExprKind::Column { .. } | ExprKind::Literal(_)) => kind,
            ExprKind::Field { operand, index } => {
                ExprKind::Field { operand: Box::new(change(*operand)), index }
            }
            ExprKind::And(operands) => ExprKind::And(operands.into_iter().map(change).collect()),
            ExprKind::Or(operands) => ExprKind::Or(operands.into_iter().map(change).collect()),
            ExprKind::Case { branches, otherwise } => ExprKind::Case {
                branches: branches.into_iter().map(|(when, then)| (change(when), change(then))).collect(),
                otherwise: Box::new(change(*otherwise)),
            },
            ExprKind::Call { kernel, arguments } => {
                ExprKind::Call { kernel, arguments: arguments.into_iter().map(change).collect() }
            }
            ExprKind::Window(bound) => ExprKind::Window(WindowBound {
                time: bound.time.map(|time| Box::new(change(*time))),
                ..bound
            }),
        };
        Self { kind, ..self }
    }

    /// Whether `test` holds for some node of the tree.
    pub(crate) fn any(&self, test: &dyn Fn(&Self) -> bool) -> bool {
        test(self) || self.children().into_iter().any(|child| child.any(test))
    }

    /// The number of levels of the tree.
    pub(crate) fn depth(&self) -> usize {
        1 + self.children().into_iter().map(Self::depth).max().unwrap_or(0)
    }

    /// Whether some rows may have no value.
    pub(crate) fn is_fallible(&self) -> bool {
        self.any(&|expr| matches!(&expr.kind, ExprKind::Call { kernel, .. } if kernel.fallible))
    }

    /// Whether it has the same value for every row and batch.
    pub(crate) fn is_constant(&self) -> bool {
        !self.any(&|expr| match &expr.kind {
            ExprKind::Column { .. } | ExprKind::Window(_) => true,
            ExprKind::Call { kernel, .. } => kernel.volatile,
            _ => false,
        })
    }

    /// Whether computing it twice costs next to nothing: columns, fields of columns, constants, window bounds.
    pub(crate) fn is_trivial(&self) -> bool {
        match &self.kind {
            ExprKind::Column { .. } | ExprKind::Literal(_) | ExprKind::Window(_) => true,
            ExprKind::Field { operand, .. } => operand.is_trivial(),
            ExprKind::Call { kernel, arguments } => kernel.volatile && arguments.is_empty(),
            _ => false,
        }
    }

    /// The column and the field indices below it, if the expression is nothing else.
    pub(crate) fn as_path(&self) -> Option<(usize, Vec<usize>)> {
        match &self.kind {
            ExprKind::Column { index, .. } => Some((*index, Vec::new())),
            ExprKind::Field { operand, index } => {
                let (column, mut fields) = operand.as_path()?;
                fields.push(*index);
                Some((column, fields))
            }
            _ => None,
        }
    }

    /// Whether both compute the same, places in the text aside.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        if self.data_type != other.data_type {
            return false;
        }
        let same_node = match (&self.kind, &other.kind) {
            (ExprKind::Column { index, .. }, ExprKind::Column { index: other, .. }) => index == other,
            (ExprKind::Literal(value), ExprKind::Literal(other)) => value.as_ref() == other.as_ref(),
            (ExprKind::Field { index, .. }, ExprKind::Field { index: other, .. }) => index == other,
            (ExprKind::And(_), ExprKind::And(_))
            | (ExprKind::Or(_), ExprKind::Or(_))
            | (ExprKind::Case { .. }, ExprKind::Case { .. }) => true,
            (ExprKind::Call { kernel, .. }, ExprKind::Call { kernel: other, .. }) => {
                std::ptr::eq(*kernel, *other)
            }
            (ExprKind::Window(bound), ExprKind::Window(other)) => bound.is_same_property(other),
            _ => false,
        };
        let (children, others) = (self.children(), other.children());
        same_node
            && children.len() == others.len()
            && children.iter().zip(others).all(|(child, other)| child.is_same(other))
    }

    /// Replaces every column by an expression.
    pub(crate) fn substitute(self, replacements: &[Self]) -> Self {
        match self.kind {
            // The place stays that of the reading: it is what the user wrote last.
            ExprKind::Column { index, .. } => match replacements.get(index) {
                Some(replacement) => Self { span: self.span, ..replacement.clone() },
                None => self,
            },
            _ => self.map_children(&mut |child| child.substitute(replacements)),
        }
    }

    /// Adds how often each column is read.
    pub(crate) fn count_columns(&self, counts: &mut [usize]) {
        if let ExprKind::Column { index, .. } = self.kind
            && let Some(count) = counts.get_mut(index)
        {
            *count += 1;
        }
        for child in self.children() {
            child.count_columns(counts);
        }
    }
}
