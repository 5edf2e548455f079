//! The names of types.

use super::{Parsed, Parser};
use crate::diagnostics::{Span, SqlError};
use crate::lexer::{Symbol, TokenKind};
use crate::types::{DECIMAL_PRECISION_MAX, Kind, LENGTH_MAX, RowField, SqlType};

/// The types, for suggestions.
const NAMES: &[&str] = &[
    "BOOLEAN",
    "TINYINT",
    "SMALLINT",
    "INT",
    "INTEGER",
    "BIGINT",
    "FLOAT",
    "DOUBLE",
    "DECIMAL",
    "NUMERIC",
    "CHAR",
    "VARCHAR",
    "STRING",
    "BINARY",
    "VARBINARY",
    "BYTES",
    "DATE",
    "TIME",
    "TIMESTAMP",
    "TIMESTAMP_LTZ",
    "INTERVAL",
    "ROW",
    "ARRAY",
    "MAP",
];

impl Parser<'_> {
    /// A type with `NULL` or `NOT NULL` behind it; nullable by default.
    pub(super) fn data_type(&mut self) -> Parsed<SqlType> {
        let depth = self.depth;
        let mut data_type = self.nested(|parser| parser.base_type())?.nullable();
        loop {
            if self.take_keywords(&["NOT", "NULL"]) {
                data_type.nullable = false;
            } else if self.take_keyword("NULL") {
                data_type.nullable = true;
            } else if self.take_keyword("ARRAY") {
                self.deepen(1)?;
                data_type = Kind::Array(Box::new(data_type)).nullable();
            } else {
                self.depth = depth;
                return Ok(data_type);
            }
        }
    }

    fn base_type(&mut self) -> Parsed<Kind> {
        let token = self.peek();
        if token.kind != TokenKind::Word {
            return Err(self.expected("a type"));
        }
        self.next();
        let name = self.text_of(token).to_uppercase();
        match name.as_str() {
            "BOOLEAN" => Ok(Kind::Boolean),
            "TINYINT" => Ok(Kind::TinyInt),
            "SMALLINT" => Ok(Kind::SmallInt),
            "INT" | "INTEGER" => Ok(Kind::Int),
            "BIGINT" => Ok(Kind::BigInt),
            "FLOAT" => Ok(Kind::Float),
            "DOUBLE" => {
                self.take_keyword("PRECISION");
                Ok(Kind::Double)
            }
            "DECIMAL" | "DEC" | "NUMERIC" => self.decimal(),
            "CHAR" => Ok(Kind::Char(self.length(1)?)),
            "VARCHAR" => Ok(Kind::VarChar(self.length(1)?)),
            "STRING" => Ok(Kind::STRING),
            "BINARY" => Ok(Kind::Binary(self.length(1)?)),
            "VARBINARY" => Ok(Kind::VarBinary(self.length(1)?)),
            "BYTES" => Ok(Kind::BYTES),
            "DATE" => Ok(Kind::Date),
            "TIME" => {
                let precision = self.precision(0)?;
                self.take_keywords(&["WITHOUT", "TIME", "ZONE"]);
                Ok(Kind::Time(precision))
            }
            "TIMESTAMP" => self.timestamp(token.span),
            "TIMESTAMP_LTZ" => Ok(Kind::TimestampLtz(self.precision(6)?)),
            "INTERVAL" => self.interval_type(),
            "ROW" => self.row_type(),
            "ARRAY" => {
                self.expect_symbol(Symbol::Less)?;
                let element = self.data_type()?;
                self.expect_symbol(Symbol::Greater)?;
                Ok(Kind::Array(Box::new(element)))
            }
            "MAP" => {
                self.expect_symbol(Symbol::Less)?;
                let key = self.data_type()?;
                self.expect_symbol(Symbol::Comma)?;
                let value = self.data_type()?;
                self.expect_symbol(Symbol::Greater)?;
                Ok(Kind::Map(Box::new(key), Box::new(value)))
            }
            "MULTISET" | "RAW" | "VARIANT" | "BITMAP" => {
                Err(SqlError::unsupported(token.span, format!("the type {name} is not supported yet")))
            }
            _ => Err(SqlError::name(token.span, format!("unknown type '{}'", self.text_of(token))).suggest(
                &name,
                NAMES.iter().copied(),
                "types",
            )),
        }
    }

    fn length(&mut self, default: u32) -> Parsed<u32> {
        if !self.take_symbol(Symbol::LeftParenthesis) {
            return Ok(default);
        }
        let (value, span) = self.unsigned("a length")?;
        self.expect_symbol(Symbol::RightParenthesis)?;
        match u32::try_from(value) {
            Ok(length) if (1..=LENGTH_MAX).contains(&length) => Ok(length),
            _ => Err(SqlError::types(span, format!("a length lies between 1 and {LENGTH_MAX}"))),
        }
    }

    /// `(p)` of a type of time.
    pub(super) fn precision(&mut self, default: u8) -> Parsed<u8> {
        if !self.take_symbol(Symbol::LeftParenthesis) {
            return Ok(default);
        }
        let (value, span) = self.unsigned("a precision")?;
        self.expect_symbol(Symbol::RightParenthesis)?;
        match u8::try_from(value) {
            Ok(precision @ 0..=9) => Ok(precision),
            _ => Err(SqlError::types(span, "the precision of a time lies between 0 and 9")),
        }
    }

    fn decimal(&mut self) -> Parsed<Kind> {
        if !self.take_symbol(Symbol::LeftParenthesis) {
            return Ok(Kind::Decimal { precision: 10, scale: 0 });
        }
        let (precision, span) = self.unsigned("a precision")?;
        let (scale, scale_span) =
            if self.take_symbol(Symbol::Comma) { self.unsigned("a scale")? } else { (0, span) };
        self.expect_symbol(Symbol::RightParenthesis)?;
        let precision = match u8::try_from(precision) {
            Ok(precision) if (1..=DECIMAL_PRECISION_MAX).contains(&precision) => precision,
            _ => {
                return Err(SqlError::types(
                    span,
                    format!("the precision of a DECIMAL lies between 1 and {DECIMAL_PRECISION_MAX}"),
                ));
            }
        };
        match u8::try_from(scale) {
            Ok(scale) if scale <= precision => Ok(Kind::Decimal { precision, scale }),
            _ => Err(SqlError::types(scale_span, "the scale of a DECIMAL lies between 0 and its precision")),
        }
    }

    fn timestamp(&mut self, start: Span) -> Parsed<Kind> {
        let precision = self.precision(6)?;
        if self.take_keywords(&["WITH", "LOCAL", "TIME", "ZONE"]) {
            return Ok(Kind::TimestampLtz(precision));
        }
        if self.are_keywords(&["WITH", "TIME", "ZONE"]) {
            self.position += 3;
            return Err(SqlError::unsupported(
                self.span_from(start),
                "TIMESTAMP WITH TIME ZONE is not supported",
            )
            .hint("TIMESTAMP_LTZ (WITH LOCAL TIME ZONE) is a point in time"));
        }
        self.take_keywords(&["WITHOUT", "TIME", "ZONE"]);
        Ok(Kind::Timestamp(precision))
    }

    fn interval_type(&mut self) -> Parsed<Kind> {
        let (from, _) = self.time_unit()?;
        self.precision(0)?;
        let to = if self.take_keyword("TO") {
            let unit = self.time_unit()?;
            self.precision(0)?;
            Some(unit)
        } else {
            None
        };
        let months = |unit| matches!(unit, crate::syntax::TimeUnit::Year | crate::syntax::TimeUnit::Month);
        match to {
            Some((unit, span)) if months(unit) != months(from) => {
                Err(SqlError::types(span, "an interval is of years and months, or of days and times"))
            }
            _ if months(from) => Ok(Kind::YearMonthInterval),
            _ => Ok(Kind::DayTimeInterval),
        }
    }

    /// `ROW<a INT, b STRING>` or `ROW(a INT, b STRING)`
    fn row_type(&mut self) -> Parsed<Kind> {
        let close = if self.take_symbol(Symbol::Less) {
            Symbol::Greater
        } else {
            self.expect_symbol(Symbol::LeftParenthesis)?;
            Symbol::RightParenthesis
        };
        if self.is_symbol(Symbol::NotEqual) || self.is_symbol(close) {
            return Err(self.expected("the name of a field"));
        }
        let mut fields: Vec<RowField> = Vec::new();
        loop {
            let name = self.name("the name of a field")?;
            if fields.iter().any(|field| field.name == name.text) {
                return Err(SqlError::name(name.span, format!("the ROW has two fields '{}'", name.text)));
            }
            let data_type = self.data_type()?;
            if self.peek().kind == TokenKind::String {
                self.next(); // a field's comment
            }
            fields.push(RowField { name: name.text, data_type });
            if !self.take_symbol(Symbol::Comma) {
                break;
            }
        }
        self.expect_symbol(close)?;
        Ok(Kind::Row(fields))
    }
}
