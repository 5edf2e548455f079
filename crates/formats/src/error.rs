//! The two ways this crate refuses: a configuration that cannot work ([`FormatError`]) and a row that cannot be
//! decoded ([`BadRow`]).
//!
//! A `BadRow` holds no copy of the row: the caller has the bytes and decides by its policy what becomes of them
//! (fail, skip, dead-letter topic). Building one allocates only for the name of the field.

use arrow_schema::{ArrowError, DataType};

/// What is wrong with a format's configuration, or with a batch handed to an encoder.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// No format has this name.
    #[error("unknown format '{name}'; the formats are json, csv and raw")]
    UnknownFormat {
        /// The name as given.
        name: String,
    },
    /// The format has no option of this name.
    #[error("format '{format}' has no option '{format}.{option}'{}", suggestion(format, *nearest))]
    UnknownOption {
        /// The format's name.
        format: &'static str,
        /// The option's name without the format's prefix.
        option: String,
        /// The option that may have been meant.
        nearest: Option<&'static str>,
    },
    /// An option's value is not one of those it can have.
    #[error("option '{option}' cannot be '{value}': it must be {expected}")]
    OptionValue {
        /// The option's name, with the format's prefix.
        option: &'static str,
        /// The value as given.
        value: String,
        /// What the option takes.
        expected: &'static str,
    },
    /// Two options exclude each other.
    #[error("options '{first}' and '{second}' cannot both be set")]
    OptionConflict {
        /// One option's name, with the format's prefix.
        first: &'static str,
        /// The other option's name.
        second: &'static str,
    },
    /// The format cannot hold a column of this type.
    #[error("column '{column}': format '{format}' does not support the type {data_type}; {hint}")]
    UnsupportedType {
        /// The column's dotted path.
        column: String,
        /// The format's name.
        format: &'static str,
        /// The column's type.
        data_type: Box<DataType>,
        /// What to do instead.
        hint: &'static str,
    },
    /// The format holds another number of columns.
    #[error("format '{format}' takes exactly one column, but the table gives it {found}")]
    SingleColumn {
        /// The format's name.
        format: &'static str,
        /// How many columns there are.
        found: usize,
    },
    /// A projection names a field that the schema lacks.
    #[error("the projection names '{path}', which the schema does not have")]
    UnknownField {
        /// The dotted path as given.
        path: String,
    },
    /// A batch does not have the schema that the encoder was built for.
    #[error("column '{column}' of the batch is missing or not of the type the encoder was built for")]
    BatchMismatch {
        /// The column's name.
        column: String,
    },
    /// A map has a null key, and `json.map-null-key.mode` is `FAIL`.
    #[error(
        "column '{column}': a map key is null; set 'json.map-null-key.mode' to 'DROP' or 'LITERAL' to write it"
    )]
    MapNullKey {
        /// The name of the column or field.
        column: String,
    },
    /// Decoded columns did not fit together. It is a bug when it happens.
    #[error("decoded columns do not form a batch: {0}")]
    Assemble(#[from] ArrowError),
}

fn suggestion(format: &str, nearest: Option<&str>) -> String {
    nearest.map(|name| format!("; did you mean '{format}.{name}'?")).unwrap_or_default()
}

/// What the caller does about a [`FormatError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormatErrorKind {
    /// The user's statement is wrong: report it at its place.
    Configuration,
    /// A value cannot be written: treat it as a bad row.
    Value,
    /// A bug in this program: report it.
    Internal,
}

impl FormatError {
    /// What the caller does about it.
    pub fn kind(&self) -> FormatErrorKind {
        match self {
            FormatError::MapNullKey { .. } => FormatErrorKind::Value,
            FormatError::BatchMismatch { .. } | FormatError::Assemble(_) => FormatErrorKind::Internal,
            _ => FormatErrorKind::Configuration,
        }
    }
}

/// A row that cannot be decoded, and why. Nothing of it was appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// What is wrong.
    pub reason: BadRowReason,
    /// The dotted path of the field at fault; empty when the row as a whole is.
    pub path: String,
    /// Where in the row's bytes the fault lies, counted from 0.
    pub position: usize,
}

impl std::error::Error for BadRow {}

impl std::fmt::Display for BadRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at byte {}", self.reason, self.position)?;
        if self.path.is_empty() { Ok(()) } else { write!(f, " in field '{}'", self.path) }
    }
}

/// Why a row cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadRowReason {
    /// The bytes end inside a value.
    #[error("the row ends too early")]
    UnexpectedEnd,
    /// A byte that the format's grammar has no place for.
    #[error("unexpected byte 0x{0:02x}")]
    UnexpectedByte(u8),
    /// A number that the grammar refuses (a leading zero, a missing digit).
    #[error("malformed number")]
    MalformedNumber,
    /// An unknown escape, or one cut short.
    #[error("malformed escape sequence")]
    MalformedEscape,
    /// Bytes that are not UTF-8.
    #[error("text is not UTF-8")]
    InvalidUtf8,
    /// Objects and arrays nested deeper than 1,000 levels.
    #[error("nested deeper than 1000 levels")]
    TooDeep,
    /// A quoted CSV value that is never closed.
    #[error("a quoted value has no closing quote")]
    UnclosedQuote,
    /// The row is not an object (JSON).
    #[error("expected a JSON object, found {0}")]
    NotAnObject(ValueKind),
    /// A value of a kind that the column's type cannot take.
    #[error("{found} cannot be read as {expected}")]
    WrongKind {
        /// The kind of value found.
        found: ValueKind,
        /// The column's type in SQL.
        expected: &'static str,
    },
    /// A text that does not spell a value of the column's type.
    #[error("the text does not spell a {0}")]
    MalformedText(&'static str),
    /// A value beyond the column's type.
    #[error("the value is out of the range of {0}")]
    OutOfRange(&'static str),
    /// A field is missing and `fail-on-missing-field` is set.
    #[error("the field is missing")]
    MissingField,
    /// The column is declared `NOT NULL`.
    #[error("null in a column that is NOT NULL")]
    NullNotAllowed,
    /// A CSV row has another number of values than the table has columns.
    #[error("expected {expected} values, found {found}")]
    ValueCount {
        /// The table's columns.
        expected: usize,
        /// The values in the row; one more than `expected` stands for "more".
        found: usize,
    },
    /// A fixed-width value of another width (raw).
    #[error("expected {expected} bytes, found {found}")]
    Width {
        /// The type's width in bytes.
        expected: usize,
        /// The row's length in bytes.
        found: usize,
    },
    /// The batch can hold no more of this column: finish it and push the row again.
    #[error("the batch is full: a column would pass 2 GiB")]
    BatchFull,
}

/// What a caller may want to tell apart in a [`BadRow`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadRowKind {
    /// The bytes are not the format.
    Malformed,
    /// The bytes are the format, but a value does not fit its column.
    Unconvertible,
    /// Nothing is wrong with the row: the batch is full.
    BatchFull,
}

/// The kinds of value a row can hold, as errors name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// JSON's `null`.
    Null,
    /// `true` or `false`.
    Boolean,
    /// A number.
    Number,
    /// A string.
    String,
    /// An object.
    Object,
    /// An array.
    Array,
}

impl std::fmt::Display for ValueKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            ValueKind::Null => "null",
            ValueKind::Boolean => "a boolean",
            ValueKind::Number => "a number",
            ValueKind::String => "a string",
            ValueKind::Object => "an object",
            ValueKind::Array => "an array",
        })
    }
}

impl BadRow {
    /// Whether the bytes are malformed, a value does not fit, or only the batch is full.
    pub fn kind(&self) -> BadRowKind {
        use BadRowReason as R;
        match self.reason {
            R::UnexpectedEnd
            | R::UnexpectedByte(_)
            | R::MalformedNumber
            | R::MalformedEscape
            | R::InvalidUtf8
            | R::TooDeep
            | R::UnclosedQuote
            | R::NotAnObject(_) => BadRowKind::Malformed,
            R::BatchFull => BadRowKind::BatchFull,
            _ => BadRowKind::Unconvertible,
        }
    }
}

/// The inner form of a [`BadRow`]: small enough to return from every step. The path is added on the way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) reason: BadRowReason,
    pub(crate) position: usize,
}

impl Fault {
    #[cold]
    pub(crate) fn new(reason: BadRowReason, position: usize) -> Self {
        Fault { reason, position }
    }

    /// Whether only a value is at fault, so that `ignore-parse-errors` reads it as null and goes on.
    pub(crate) fn is_conversion(self) -> bool {
        use BadRowReason as R;
        matches!(
            self.reason,
            R::WrongKind { .. }
                | R::MalformedText(_)
                | R::OutOfRange(_)
                | R::MissingField
                | R::ValueCount { .. }
        )
    }
}
