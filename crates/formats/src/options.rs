//! The formats' options under Flink's names, checked once.
//!
//! Names are given without the format's prefix (`ignore-parse-errors`, not `json.ignore-parse-errors`): the connector
//! strips it, together with `key.` and `value.`.

use crate::error::FormatError;

/// How timestamps are written in text (`json.timestamp-format.standard`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimestampStandard {
    /// `2020-12-30 12:13:14.123`, with a `Z` after it for `TIMESTAMP_LTZ`.
    #[default]
    Sql,
    /// `2020-12-30T12:13:14.123`, with a `Z` after it for `TIMESTAMP_LTZ`.
    Iso8601,
}

/// What becomes of a map entry whose key is null (`json.map-null-key.mode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MapNullKeyMode {
    /// The row is refused.
    #[default]
    Fail,
    /// The entry is left out.
    Drop,
    /// The key is written as `json.map-null-key.literal`.
    Literal,
}

/// The options of format `json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonOptions {
    /// `json.fail-on-missing-field` (false): whether a row without one of the columns is bad; otherwise it is null.
    pub fail_on_missing_field: bool,
    /// `json.ignore-parse-errors` (false): values that do not fit become null, and malformed rows are skipped.
    pub ignore_parse_errors: bool,
    /// `json.timestamp-format.standard` (SQL).
    pub timestamp_standard: TimestampStandard,
    /// `json.map-null-key.mode` (FAIL).
    pub map_null_key_mode: MapNullKeyMode,
    /// `json.map-null-key.literal` (`null`).
    pub map_null_key_literal: String,
    /// `json.encode.decimal-as-plain-number` (false): `0.00000001` instead of `1E-8`.
    pub encode_decimal_as_plain_number: bool,
    /// `json.encode.ignore-null-fields` (false): fields that are null are left out.
    pub encode_ignore_null_fields: bool,
    /// `json.decode.json-parser.enabled` (true). As in Flink it decides what a repeated key means; see
    /// `docs/formats/json.md`. Nothing else depends on it here.
    pub decode_json_parser_enabled: bool,
}

impl Default for JsonOptions {
    fn default() -> Self {
        JsonOptions {
            fail_on_missing_field: false,
            ignore_parse_errors: false,
            timestamp_standard: TimestampStandard::Sql,
            map_null_key_mode: MapNullKeyMode::Fail,
            map_null_key_literal: "null".to_owned(),
            encode_decimal_as_plain_number: false,
            encode_ignore_null_fields: false,
            decode_json_parser_enabled: true,
        }
    }
}

/// The options of format `csv`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvOptions {
    /// `csv.field-delimiter` (`,`); `\t` and the other Java escapes are understood. One ASCII character.
    pub field_delimiter: u8,
    /// `csv.quote-character` (`"`), or none with `csv.disable-quote-character`.
    pub quote: Option<u8>,
    /// `csv.escape-character` (none).
    pub escape: Option<u8>,
    /// `csv.null-literal` (none): a value that reads exactly so, quoted or not, is null.
    pub null_literal: Option<String>,
    /// `csv.array-element-delimiter` (`;`), between the elements of ARRAY and ROW columns.
    pub array_element_delimiter: String,
    /// `csv.allow-comments` (false): lines that begin with `#` are no rows.
    pub allow_comments: bool,
    /// `csv.ignore-parse-errors` (false): values that do not fit and missing ones become null, malformed rows are
    /// skipped.
    pub ignore_parse_errors: bool,
    /// `csv.write-bigdecimal-in-scientific-notation` (false: Flink documents true, but writes plain numbers unless the
    /// option is given).
    pub write_decimal_in_scientific_notation: bool,
}

impl Default for CsvOptions {
    fn default() -> Self {
        CsvOptions {
            field_delimiter: b',',
            quote: Some(b'"'),
            escape: None,
            null_literal: None,
            array_element_delimiter: ";".to_owned(),
            allow_comments: false,
            ignore_parse_errors: false,
            write_decimal_in_scientific_notation: false,
        }
    }
}

impl CsvOptions {
    /// Refuses characters that could stand inside another one's UTF-8.
    pub(crate) fn check(&self) -> Result<(), FormatError> {
        let characters = [
            ("csv.field-delimiter", Some(self.field_delimiter)),
            ("csv.quote-character", self.quote),
            ("csv.escape-character", self.escape),
        ];
        for (option, byte) in characters {
            if let Some(byte) = byte.filter(|byte| !byte.is_ascii()) {
                return Err(FormatError::OptionValue {
                    option,
                    value: char::from(byte).to_string(),
                    expected: "a single ASCII character",
                });
            }
        }
        Ok(())
    }
}

/// The character sets of `raw.charset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RawCharset {
    /// UTF-8 (and its subset US-ASCII).
    #[default]
    Utf8,
    /// ISO 8859-1: a byte is a character.
    Latin1,
}

/// The options of format `raw`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RawOptions {
    /// `raw.charset` (UTF-8).
    pub charset: RawCharset,
    /// `raw.endianness` (`big-endian`).
    pub little_endian: bool,
}

/// An option of a format, as a reference lists it.
#[derive(Debug, Clone, Copy)]
pub struct FormatOption {
    /// Its name without the format's prefix.
    pub name: &'static str,
    /// What values are like: a type, or the choices.
    pub values: &'static str,
    /// The value without the option; empty for none.
    pub default: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

const fn option(
    name: &'static str,
    values: &'static str,
    default: &'static str,
    meaning: &'static str,
) -> FormatOption {
    FormatOption { name, values, default, meaning }
}

const BOOLEAN: &str = "`true`, `false`";

#[rustfmt::skip]
const JSON_OPTIONS: &[FormatOption] = &[
    option("fail-on-missing-field", BOOLEAN, "`false`", "Whether a row without one of the columns is bad; otherwise the column is null."),
    option("ignore-parse-errors", BOOLEAN, "`false`", "Whether values that do not fit become null, and malformed rows are counted and skipped."),
    option("timestamp-format.standard", "`SQL`, `ISO-8601`", "`SQL`", "`2013-01-01 06:00:00` or `2013-01-01T06:00:00`; TIMESTAMP_LTZ with `Z` behind it."),
    option("map-null-key.mode", "`FAIL`, `DROP`, `LITERAL`", "`FAIL`", "What becomes of a map's entry whose key is null when it is written."),
    option("map-null-key.literal", "text", "`null`", "The key that `LITERAL` writes."),
    option("encode.decimal-as-plain-number", BOOLEAN, "`false`", "Whether decimals are written as `0.00000001` instead of `1E-8`."),
    option("encode.ignore-null-fields", BOOLEAN, "`false`", "Whether fields that are null are left out."),
    option("decode.json-parser.enabled", BOOLEAN, "`true`", "As in Flink it decides what a repeated key means, and nothing else: see `docs/formats/json.md`."),
];
#[rustfmt::skip]
const CSV_OPTIONS: &[FormatOption] = &[
    option("field-delimiter", "a character", "`,`", "What stands between values; `\\t` and Java's other escapes are understood."),
    option("disable-quote-character", BOOLEAN, "`false`", "Whether values are never quoted."),
    option("quote-character", "a character", "`\"`", "What stands around values that hold delimiters or line ends."),
    option("allow-comments", BOOLEAN, "`false`", "Whether lines that begin with `#` are no rows."),
    option("ignore-parse-errors", BOOLEAN, "`false`", "Whether values that do not fit and missing ones become null, and malformed rows are counted and skipped."),
    option("array-element-delimiter", "a character", "`;`", "What stands between the elements of ARRAY and ROW columns."),
    option("escape-character", "a character", "", "What takes the meaning from the character behind it."),
    option("null-literal", "text", "", "A value that reads exactly so, quoted or not, is null."),
    option("write-bigdecimal-in-scientific-notation", BOOLEAN, "`false`", "Whether decimals are written as `1E-8`. (Flink documents `true`, but writes plain numbers unless the option is given.)"),
];
#[rustfmt::skip]
const RAW_OPTIONS: &[FormatOption] = &[
    option("charset", "`UTF-8`, `US-ASCII`, `ISO-8859-1`", "`UTF-8`", "The characters of a STRING."),
    option("endianness", "`big-endian`, `little-endian`", "`big-endian`", "The order of a number's bytes."),
];

/// A format with its options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// `json`: an object per row.
    Json(JsonOptions),
    /// `csv`: a line per row.
    Csv(CsvOptions),
    /// `raw`: a single column that is the row's bytes.
    Raw(RawOptions),
}

impl Format {
    /// The format of this name with these options, named without the format's prefix.
    ///
    /// # Errors
    ///
    /// Names and values that the format does not know, and options that exclude each other.
    pub fn from_options<'a>(
        name: &str,
        options: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, FormatError> {
        match name {
            "json" => json(options).map(Format::Json),
            "csv" => csv(options).map(Format::Csv),
            "raw" => raw(options).map(Format::Raw),
            _ => Err(FormatError::UnknownFormat { name: name.to_owned() }),
        }
    }

    /// The format's name.
    pub fn name(&self) -> &'static str {
        match self {
            Format::Json(_) => "json",
            Format::Csv(_) => "csv",
            Format::Raw(_) => "raw",
        }
    }

    /// The names of all formats.
    pub const NAMES: [&'static str; 3] = ["csv", "json", "raw"];

    /// The options of the format called `name`; none when there is no such format.
    pub fn options(name: &str) -> &'static [FormatOption] {
        match name {
            "json" => JSON_OPTIONS,
            "csv" => CSV_OPTIONS,
            "raw" => RAW_OPTIONS,
            _ => &[],
        }
    }

    /// Whether `ignore-parse-errors` is set: the caller then skips (and counts) the rows that are still refused.
    pub fn ignores_parse_errors(&self) -> bool {
        match self {
            Format::Json(options) => options.ignore_parse_errors,
            Format::Csv(options) => options.ignore_parse_errors,
            Format::Raw(_) => false,
        }
    }
}

fn json<'a>(given: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<JsonOptions, FormatError> {
    let mut options = JsonOptions::default();
    for (name, value) in given {
        match name {
            "fail-on-missing-field" => {
                options.fail_on_missing_field = boolean("json.fail-on-missing-field", value)?;
            }
            "ignore-parse-errors" => {
                options.ignore_parse_errors = boolean("json.ignore-parse-errors", value)?
            }
            "timestamp-format.standard" => options.timestamp_standard = standard(value)?,
            "map-null-key.mode" => options.map_null_key_mode = null_key_mode(value)?,
            "map-null-key.literal" => value.clone_into(&mut options.map_null_key_literal),
            "encode.decimal-as-plain-number" => {
                options.encode_decimal_as_plain_number =
                    boolean("json.encode.decimal-as-plain-number", value)?;
            }
            "encode.ignore-null-fields" => {
                options.encode_ignore_null_fields = boolean("json.encode.ignore-null-fields", value)?;
            }
            "decode.json-parser.enabled" => {
                options.decode_json_parser_enabled = boolean("json.decode.json-parser.enabled", value)?;
            }
            _ => return Err(unknown("json", name, JSON_OPTIONS)),
        }
    }
    if options.fail_on_missing_field && options.ignore_parse_errors {
        return Err(FormatError::OptionConflict {
            first: "json.fail-on-missing-field",
            second: "json.ignore-parse-errors",
        });
    }
    Ok(options)
}

fn standard(value: &str) -> Result<TimestampStandard, FormatError> {
    match value {
        "SQL" => Ok(TimestampStandard::Sql),
        "ISO-8601" => Ok(TimestampStandard::Iso8601),
        _ => Err(FormatError::OptionValue {
            option: "json.timestamp-format.standard",
            value: value.to_owned(),
            expected: "'SQL' or 'ISO-8601'",
        }),
    }
}

fn null_key_mode(value: &str) -> Result<MapNullKeyMode, FormatError> {
    match value.to_ascii_uppercase().as_str() {
        "FAIL" => Ok(MapNullKeyMode::Fail),
        "DROP" => Ok(MapNullKeyMode::Drop),
        "LITERAL" => Ok(MapNullKeyMode::Literal),
        _ => Err(FormatError::OptionValue {
            option: "json.map-null-key.mode",
            value: value.to_owned(),
            expected: "'FAIL', 'DROP' or 'LITERAL'",
        }),
    }
}

fn csv<'a>(given: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<CsvOptions, FormatError> {
    let mut options = CsvOptions::default();
    let (mut quote_given, mut quote_disabled) = (false, false);
    for (name, value) in given {
        match name {
            "field-delimiter" => {
                options.field_delimiter = character("csv.field-delimiter", value, &unescaped(value))?;
            }
            "disable-quote-character" => quote_disabled = boolean("csv.disable-quote-character", value)?,
            "quote-character" => {
                options.quote = Some(character("csv.quote-character", value, value)?);
                quote_given = true;
            }
            "allow-comments" => options.allow_comments = boolean("csv.allow-comments", value)?,
            "ignore-parse-errors" => options.ignore_parse_errors = boolean("csv.ignore-parse-errors", value)?,
            "array-element-delimiter" => {
                character("csv.array-element-delimiter", value, value)?;
                value.clone_into(&mut options.array_element_delimiter);
            }
            "escape-character" => options.escape = Some(character("csv.escape-character", value, value)?),
            "null-literal" => options.null_literal = Some(value.to_owned()),
            "write-bigdecimal-in-scientific-notation" => {
                options.write_decimal_in_scientific_notation =
                    boolean("csv.write-bigdecimal-in-scientific-notation", value)?;
            }
            _ => return Err(unknown("csv", name, CSV_OPTIONS)),
        }
    }
    if quote_disabled && quote_given {
        return Err(FormatError::OptionConflict {
            first: "csv.quote-character",
            second: "csv.disable-quote-character",
        });
    }
    if quote_disabled {
        options.quote = None;
    }
    Ok(options)
}

fn raw<'a>(given: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<RawOptions, FormatError> {
    let mut options = RawOptions::default();
    for (name, value) in given {
        match name {
            "charset" => {
                options.charset = match value.to_ascii_uppercase().as_str() {
                    "UTF-8" | "UTF8" | "US-ASCII" | "ASCII" => RawCharset::Utf8,
                    "ISO-8859-1" | "ISO8859-1" | "LATIN1" => RawCharset::Latin1,
                    _ => {
                        return Err(FormatError::OptionValue {
                            option: "raw.charset",
                            value: value.to_owned(),
                            expected: "'UTF-8', 'US-ASCII' or 'ISO-8859-1'",
                        });
                    }
                }
            }
            "endianness" => {
                options.little_endian = match value {
                    "big-endian" => false,
                    "little-endian" => true,
                    _ => {
                        return Err(FormatError::OptionValue {
                            option: "raw.endianness",
                            value: value.to_owned(),
                            expected: "'big-endian' or 'little-endian'",
                        });
                    }
                }
            }
            _ => return Err(unknown("raw", name, RAW_OPTIONS)),
        }
    }
    Ok(options)
}

fn boolean(option: &'static str, value: &str) -> Result<bool, FormatError> {
    match value.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(FormatError::OptionValue { option, value: value.to_owned(), expected: "'true' or 'false'" }),
    }
}

fn character(option: &'static str, given: &str, value: &str) -> Result<u8, FormatError> {
    match value.as_bytes() {
        [byte] if byte.is_ascii() => Ok(*byte),
        _ => Err(FormatError::OptionValue {
            option,
            value: given.to_owned(),
            expected: "a single ASCII character",
        }),
    }
}

/// Java's escapes, as far as one character can be written with them.
fn unescaped(value: &str) -> String {
    let Some(escape) = value.strip_prefix('\\') else { return value.to_owned() };
    let character = match escape {
        "t" => '\t',
        "n" => '\n',
        "r" => '\r',
        "b" => '\u{8}',
        "f" => '\u{c}',
        "\\" => '\\',
        "\"" => '"',
        "'" => '\'',
        _ => {
            let hex = escape.trim_start_matches('u');
            match u32::from_str_radix(hex, 16).ok().and_then(char::from_u32) {
                Some(character) if hex.len() == 4 && escape.starts_with('u') => character,
                _ => return value.to_owned(),
            }
        }
    };
    character.to_string()
}

fn unknown(format: &'static str, option: &str, known: &'static [FormatOption]) -> FormatError {
    let nearest = millstream_suggest::nearest(option, known.iter().map(|known| known.name));
    FormatError::UnknownOption { format, option: option.to_owned(), nearest }
}

#[cfg(test)]
mod tests;
