//! The functions of the dialect: a table per family, each entry with its types and its kernel.

mod calendar;
mod conditional;
mod like;
mod numbers;
mod pattern;
pub(crate) mod strings;
pub(crate) mod time;
mod time_kernels;

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::binder::{Bound, coerce};
use crate::diagnostics::{Span, SqlError};
use crate::expression::{Expr, Kernel};
use crate::types::{Kind, SqlType};

/// The kernel name of `PROCTIME()`, by which columns become processing-time attributes.
pub(crate) const PROCTIME_NAME: &str = "PROCTIME";

/// Functions of Flink that are known and not there yet.
pub(crate) const LATER: &[&str] = &[
    "ARRAY_CONTAINS",
    "CHR",
    "CONVERT_TZ",
    "CURRENT_WATERMARK",
    "DECODE",
    "ENCODE",
    "FROM_BASE64",
    "JSON_ARRAY",
    "JSON_EXISTS",
    "JSON_OBJECT",
    "JSON_QUERY",
    "JSON_STRING",
    "JSON_VALUE",
    "MD5",
    "OVERLAY",
    "PARSE_URL",
    "RAND",
    "RAND_INTEGER",
    "REGEXP",
    "REGEXP_EXTRACT",
    "REGEXP_REPLACE",
    "SHA1",
    "SHA224",
    "SHA256",
    "SHA384",
    "SHA512",
    "STR_TO_MAP",
    "TO_BASE64",
    "TRANSLATE",
    "UUID",
];

/// A function by name.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    /// How it is called, for hints.
    pub(crate) usage: &'static str,
    /// Checks and casts the arguments and gives the call its type.
    pub(crate) bind: fn(FunctionCall) -> Bound<Expr>,
}

/// A call whose arguments are bound.
pub(crate) struct FunctionCall {
    pub(crate) function: &'static Function,
    pub(crate) arguments: Vec<Expr>,
    pub(crate) span: Span,
}

static ALL: LazyLock<HashMap<&'static str, &'static Function>> = LazyLock::new(|| {
    [conditional::FUNCTIONS, numbers::FUNCTIONS, strings::FUNCTIONS, time::FUNCTIONS]
        .into_iter()
        .flatten()
        .map(|function| (function.name, function))
        .collect()
});

/// The function of a name in capitals.
pub(crate) fn find(name: &str) -> Option<&'static Function> {
    ALL.get(name).copied()
}

/// All names.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    let mut names: Vec<&'static str> = ALL.keys().copied().collect();
    names.sort_unstable();
    names.into_iter()
}

impl FunctionCall {
    /// Checks the number of arguments.
    fn count(&self, allowed: std::ops::RangeInclusive<usize>) -> Bound<usize> {
        let count = self.arguments.len();
        if allowed.contains(&count) {
            return Ok(count);
        }
        let arguments = if count == 1 { "argument" } else { "arguments" };
        let message = format!("{} cannot be called with {count} {arguments}", self.function.name);
        Err(SqlError::semantic(self.span, message).hint(self.function.usage))
    }

    /// Casts an argument to a type, where that happens by itself.
    fn cast(&mut self, index: usize, kind: &Kind) -> Bound<()> {
        let argument = self.arguments[index].clone();
        let usage = self.function.usage;
        self.arguments[index] = coerce::implicit_cast(argument, kind, self.function.name)
            .map_err(|error| if error.next_step().is_none() { error.hint(usage) } else { error })?;
        Ok(())
    }

    /// Checks that an argument is a string.
    fn string(&mut self, index: usize) -> Bound<()> {
        let argument = &self.arguments[index];
        if argument.data_type.kind.is_string() {
            return Ok(());
        }
        if argument.data_type.kind == Kind::Null {
            return self.cast(index, &Kind::STRING);
        }
        let message = format!("{} needs a string, found {}", self.function.name, argument.data_type.kind);
        Err(SqlError::types(argument.span, message).hint(format!("write CAST({argument} AS STRING)")))
    }

    /// Checks that all arguments from `first` on are strings.
    fn strings_from(&mut self, first: usize) -> Bound<()> {
        (first..self.arguments.len()).try_for_each(|index| self.string(index))
    }

    /// Checks that an argument is a number.
    fn number(&mut self, index: usize) -> Bound<Kind> {
        let argument = &self.arguments[index];
        if argument.data_type.kind.is_numeric() {
            return Ok(argument.data_type.kind.clone());
        }
        let message = format!("{} needs a number, found {}", self.function.name, argument.data_type.kind);
        Err(SqlError::types(argument.span, message).hint(self.function.usage))
    }

    fn kind(&self, index: usize) -> &Kind {
        &self.arguments[index].data_type.kind
    }

    /// Whether some argument can be null.
    fn nullable(&self) -> bool {
        self.arguments.iter().any(|argument| argument.data_type.nullable)
    }

    /// The call, null where an argument is.
    fn returns(self, kernel: &'static Kernel, kind: Kind) -> Bound<Expr> {
        let nullable = self.nullable();
        self.returns_type(kernel, kind.with_nullability(nullable))
    }

    fn returns_type(self, kernel: &'static Kernel, data_type: SqlType) -> Bound<Expr> {
        Ok(Expr::call(kernel, self.arguments, data_type, self.span))
    }

    /// The text of an argument that must be a constant string.
    fn constant_text(&self, index: usize) -> Option<String> {
        use arrow_array::cast::AsArray as _;
        let folded = crate::binder::fold_constants(self.arguments.get(index)?.clone());
        match &folded.kind {
            crate::expression::ExprKind::Literal(value) => {
                let strings = value.as_string_view_opt()?;
                strings.iter().next().flatten().map(str::to_owned)
            }
            _ => None,
        }
    }
}
