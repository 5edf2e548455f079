//! Literals, and the units of time that they and some functions name.

use super::{Parsed, Parser};
use crate::diagnostics::{Span, SqlError};
use crate::lexer::{Symbol, TokenKind, unquote};
use crate::syntax::{Expr, ExprKind, Literal, TimeUnit};

const UNITS: &[(&str, TimeUnit)] = &[
    ("MILLENNIUM", TimeUnit::Millennium),
    ("CENTURY", TimeUnit::Century),
    ("DECADE", TimeUnit::Decade),
    ("YEAR", TimeUnit::Year),
    ("QUARTER", TimeUnit::Quarter),
    ("MONTH", TimeUnit::Month),
    ("WEEK", TimeUnit::Week),
    ("DAY", TimeUnit::Day),
    ("HOUR", TimeUnit::Hour),
    ("MINUTE", TimeUnit::Minute),
    ("SECOND", TimeUnit::Second),
    ("MILLISECOND", TimeUnit::Millisecond),
    ("MICROSECOND", TimeUnit::Microsecond),
    ("NANOSECOND", TimeUnit::Nanosecond),
    ("DOW", TimeUnit::DayOfWeek),
    ("ISODOW", TimeUnit::IsoDayOfWeek),
    ("DOY", TimeUnit::DayOfYear),
    ("ISOYEAR", TimeUnit::IsoYear),
    ("EPOCH", TimeUnit::Epoch),
];

impl TimeUnit {
    /// The unit of a name, in the singular or the plural.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let upper = name.to_uppercase();
        let singular = upper.strip_suffix('S').unwrap_or(&upper);
        let unit = UNITS.iter().find(|(name, _)| *name == upper || *name == singular);
        unit.map(|&(_, unit)| unit)
    }

    /// Its name in SQL.
    pub(crate) fn name(self) -> &'static str {
        UNITS.iter().find(|(_, unit)| *unit == self).map_or("", |(name, _)| name)
    }
}

impl Parser<'_> {
    pub(super) fn time_unit(&mut self) -> Parsed<(TimeUnit, Span)> {
        let token = self.peek();
        match TimeUnit::from_name(self.text_of(token)) {
            Some(unit) if token.kind == TokenKind::Word => {
                self.next();
                Ok((unit, token.span))
            }
            _ => Err(self.expected("a unit of time").hint("YEAR, MONTH, DAY, HOUR, MINUTE, SECOND")),
        }
    }

    /// A literal, if one stands at the cursor.
    pub(super) fn literal(&mut self) -> Parsed<Option<Expr>> {
        let token = self.peek();
        let text = self.text_of(token);
        let literal = match token.kind {
            TokenKind::Integer => Literal::Integer(text.to_owned()),
            TokenKind::Decimal => Literal::Decimal(text.to_owned()),
            TokenKind::Approximate => Literal::Approximate(text.to_owned()),
            TokenKind::String => Literal::String(unquote(text, '\'')),
            TokenKind::Binary => Literal::Binary(binary(text, token.span)?),
            TokenKind::Word => return self.word_literal(),
            _ => return Ok(None),
        };
        self.next();
        Ok(Some(Expr { kind: ExprKind::Literal(literal), span: token.span }))
    }

    fn word_literal(&mut self) -> Parsed<Option<Expr>> {
        let start = self.peek().span;
        let literal = if self.take_keyword("NULL") {
            Literal::Null
        } else if self.take_keyword("TRUE") {
            Literal::Boolean(true)
        } else if self.take_keyword("FALSE") {
            Literal::Boolean(false)
        } else if self.is_keyword("UNKNOWN") {
            self.next();
            Literal::Null
        } else if self.is_keyword("INTERVAL") {
            self.next();
            self.interval()?
        } else if self.peek_at(1).kind == TokenKind::String {
            let make: fn(String) -> Literal = match self.text_of(self.peek()).to_uppercase().as_str() {
                "DATE" => Literal::Date,
                "TIME" => Literal::Time,
                "TIMESTAMP" => Literal::Timestamp,
                _ => return Ok(None),
            };
            self.next();
            make(self.string("a text in quotes")?.0)
        } else {
            return Ok(None);
        };
        Ok(Some(Expr { kind: ExprKind::Literal(literal), span: self.span_from(start) }))
    }

    /// What follows INTERVAL: `[-] 'text' unit [(p)] [TO unit [(p)]]`
    fn interval(&mut self) -> Parsed<Literal> {
        let negative = self.take_symbol(Symbol::Minus);
        let (text, _) = self
            .string("a quoted interval")
            .map_err(|error| error.hint("INTERVAL '10' SECOND, INTERVAL '1 02:30' DAY TO MINUTE"))?;
        let (from, _) = self.time_unit()?;
        self.precision(0)?;
        let to = if self.take_keyword("TO") {
            let (unit, _) = self.time_unit()?;
            self.precision(0)?;
            Some(unit)
        } else {
            None
        };
        Ok(Literal::Interval { text, from, to, negative })
    }
}

fn binary(text: &str, span: Span) -> Parsed<Vec<u8>> {
    let digits = unquote(&text[1..], '\'');
    let wrong = || SqlError::syntax(span, "a binary literal holds pairs of hexadecimal digits");
    if !digits.len().is_multiple_of(2) || !digits.is_ascii() {
        return Err(wrong());
    }
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).map_err(|_| wrong()))
        .collect()
}
