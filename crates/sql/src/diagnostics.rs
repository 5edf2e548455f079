//! Errors that point into the user's file: where, the line with a caret, and what to do next.
//!
//! The parser and the binder know only byte spans. A [`SqlError`] is given its [`SourceText`] once, by the innermost
//! caller that knows which text the span counts in ([`SqlError::within`]): a view may stem from another text than
//! the query that reads it.

use std::fmt;
use std::sync::Arc;

/// A range of bytes of a [`SourceText`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

impl Span {
    /// The range from `start` up to, not including, `end`.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// The smallest range that holds both.
    pub fn to(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// A text of statements and the name that messages call it by.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceText {
    /// The file's name, or something like `<command line>`.
    pub name: String,
    /// The text.
    pub text: String,
}

impl SourceText {
    /// The line and column of a byte, both counted from 1; columns count characters.
    pub fn line_and_column(&self, byte: usize) -> (usize, usize) {
        let before = self.before(byte);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.bytes().filter(|&b| b == b'\n').count() + 1;
        (line, before[line_start..].chars().count() + 1)
    }

    /// The text of a span; empty when the span does not fit.
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    fn before(&self, byte: usize) -> &str {
        let mut end = byte.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        &self.text[..end]
    }

    fn line_at(&self, byte: usize) -> &str {
        let start = self.before(byte).rfind('\n').map_or(0, |newline| newline + 1);
        self.text[start..].lines().next().unwrap_or_default()
    }
}

/// What kind of mistake it is, by what the user has to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SqlErrorKind {
    /// The text is not a statement of the dialect.
    Syntax,
    /// The dialect has it; this version does not.
    Unsupported,
    /// A table, view, column, function, field or setting does not exist, or exists already.
    Name,
    /// Types do not fit.
    Type,
    /// A table's declaration, or the value of a setting, is wrong.
    Declaration,
    /// The statement is well formed and has no meaning, such as a column outside of GROUP BY.
    Semantic,
    /// A connector could not be reached or refused.
    Connector,
}

/// What is wrong with a text of SQL, where, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlError(Box<Details>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Details {
    kind: SqlErrorKind,
    message: String,
    hint: Option<String>,
    span: Span,
    source: Option<Arc<SourceText>>,
}

impl SqlError {
    /// An error at `span`.
    pub(crate) fn new(kind: SqlErrorKind, span: Span, message: impl Into<String>) -> Self {
        Self(Box::new(Details { kind, message: message.into(), hint: None, span, source: None }))
    }

    pub(crate) fn syntax(span: Span, message: impl Into<String>) -> Self {
        Self::new(SqlErrorKind::Syntax, span, message)
    }

    pub(crate) fn unsupported(span: Span, message: impl Into<String>) -> Self {
        Self::new(SqlErrorKind::Unsupported, span, message)
    }

    pub(crate) fn name(span: Span, message: impl Into<String>) -> Self {
        Self::new(SqlErrorKind::Name, span, message)
    }

    pub(crate) fn types(span: Span, message: impl Into<String>) -> Self {
        Self::new(SqlErrorKind::Type, span, message)
    }

    pub(crate) fn declaration(span: Span, message: impl Into<String>) -> Self {
        Self::new(SqlErrorKind::Declaration, span, message)
    }

    pub(crate) fn semantic(span: Span, message: impl Into<String>) -> Self {
        Self::new(SqlErrorKind::Semantic, span, message)
    }

    /// Adds the next thing to do.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds "did you mean" when one of `names` is near to `wanted`, else what there is.
    pub(crate) fn suggest<'a>(
        self,
        wanted: &str,
        names: impl IntoIterator<Item = &'a str>,
        plural: &str,
    ) -> Self {
        let names: Vec<&str> = names.into_iter().collect();
        match millstream_suggest::nearest(wanted, names.iter().copied()) {
            Some(name) => self.hint(format!("did you mean '{name}'?")),
            None if names.is_empty() => {
                self.hint(format!("there are no {plural} here: CREATE what is meant before this statement"))
            }
            None if names.len() <= 16 => self.hint(format!("{plural}: {}", names.join(", "))),
            None => self,
        }
    }

    /// Says which text the span counts in, unless that is known already.
    pub(crate) fn within(mut self, source: &Arc<SourceText>) -> Self {
        if self.0.source.is_none() {
            self.0.source = Some(Arc::clone(source));
        }
        self
    }

    /// What the user has to change.
    pub fn kind(&self) -> SqlErrorKind {
        self.0.kind
    }

    /// What is wrong, without the place.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What to do next.
    pub fn next_step(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Where: the name of the text, the line and the column, counted from 1.
    pub fn place(&self) -> Option<(&str, usize, usize)> {
        let source = self.0.source.as_ref()?;
        let (line, column) = source.line_and_column(self.0.span.start);
        Some((&source.name, line, column))
    }

    /// The bytes of the text that it is about.
    pub fn span(&self) -> Span {
        self.0.span
    }
}

impl std::error::Error for SqlError {}

impl fmt::Display for SqlError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let details = &self.0;
        if let Some(source) = &details.source {
            let (line, column) = source.line_and_column(details.span.start);
            writeln!(formatter, "{}:{line}:{column}: {}", source.name, details.message)?;
            write_excerpt(formatter, source, details.span, line, column)?;
        } else {
            write!(formatter, "{}", details.message)?;
        }
        match &details.hint {
            Some(hint) => write!(formatter, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

/// The longest piece of a line that an excerpt shows, in characters.
const EXCERPT_WIDTH_MAX: usize = 110;

/// Writes the line with carets below the span. A long line is cut around the place.
fn write_excerpt(
    formatter: &mut fmt::Formatter<'_>,
    source: &SourceText,
    span: Span,
    line: usize,
    column: usize,
) -> fmt::Result {
    let full: Vec<char> = source.line_at(span.start).chars().collect();
    let offset = if full.len() > EXCERPT_WIDTH_MAX { (column - 1).saturating_sub(30) } else { 0 };
    let shown: String = full
        .iter()
        .skip(offset)
        .take(EXCERPT_WIDTH_MAX)
        .map(|&c| if c.is_control() { ' ' } else { c })
        .collect();
    let width = source.slice(span).lines().next().unwrap_or_default().chars().count();
    let indent = column - 1 - offset;
    let room = EXCERPT_WIDTH_MAX.saturating_sub(indent).max(1);
    let carets = "^".repeat(width.clamp(1, room));
    let gutter = " ".repeat(line.to_string().len());
    write!(formatter, "{gutter} |\n{line} | {}\n{gutter} | {}{carets}", shown.trim_end(), " ".repeat(indent))
}
