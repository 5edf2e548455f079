//! Calls: the plain form, and those with keywords between their arguments, which become plain ones.

use super::{Parsed, Parser};
use crate::diagnostics::{Span, SqlError};
use crate::lexer::{Symbol, TokenKind};
use crate::syntax::{Call, Expr, ExprKind, Literal, Name};

/// Functions of SQL that are called without parentheses.
const WITHOUT_PARENTHESES: &[&str] =
    &["CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "LOCALTIME", "LOCALTIMESTAMP"];

impl Parser<'_> {
    /// CASE, CAST, ROW, ARRAY, MAP, EXTRACT, FLOOR … TO and the like, if one stands at the cursor.
    pub(super) fn special_form(&mut self) -> Parsed<Option<Expr>> {
        let start = self.peek().span;
        let word = self.text_of(self.peek()).to_uppercase();
        let opens = self.is_symbol_at(1, Symbol::LeftParenthesis);
        let kind = match word.as_str() {
            "CASE" => self.case()?,
            "CAST" | "TRY_CAST" if opens => self.cast(word == "TRY_CAST")?,
            "ROW" if opens => {
                self.position += 2;
                let fields = self.comma_separated(Self::expression)?;
                self.expect_symbol(Symbol::RightParenthesis)?;
                ExprKind::Row(fields)
            }
            "ARRAY" | "MAP" if self.is_symbol_at(1, Symbol::LeftBracket) => {
                self.position += 2;
                let items = if self.is_symbol(Symbol::RightBracket) {
                    Vec::new()
                } else {
                    self.comma_separated(Self::expression)?
                };
                self.expect_symbol(Symbol::RightBracket)?;
                if word == "ARRAY" { ExprKind::Array(items) } else { ExprKind::Map(items) }
            }
            "EXISTS" | "UNIQUE" if opens => {
                return Err(SqlError::unsupported(start, format!("{word} is not supported yet"))
                    .hint("a subquery may stand in FROM"));
            }
            "EXTRACT" | "CEIL" | "CEILING" | "FLOOR" | "TIMESTAMPADD" | "TIMESTAMPDIFF" | "TRIM"
            | "POSITION" | "SUBSTRING" | "OVERLAY"
                if opens =>
            {
                self.keyword_call(&word)?
            }
            other if WITHOUT_PARENTHESES.contains(&other) => {
                let name = self.any_word("a function")?;
                if self.take_symbol(Symbol::LeftParenthesis) {
                    self.expect_symbol(Symbol::RightParenthesis)?;
                }
                call(name, Vec::new())
            }
            _ => return Ok(None),
        };
        Ok(Some(Expr { kind, span: self.span_from(start) }))
    }

    fn case(&mut self) -> Parsed<ExprKind> {
        self.next();
        let operand = if self.is_keyword("WHEN") { None } else { Some(Box::new(self.expression()?)) };
        let mut branches = Vec::new();
        while self.take_keyword("WHEN") {
            let when = self.expression()?;
            self.expect_keyword("THEN")?;
            branches.push((when, self.expression()?));
        }
        if branches.is_empty() {
            return Err(self.expected("WHEN"));
        }
        let otherwise = if self.take_keyword("ELSE") { Some(Box::new(self.expression()?)) } else { None };
        self.expect_keyword("END")?;
        Ok(ExprKind::Case { operand, branches, otherwise })
    }

    fn cast(&mut self, safe: bool) -> Parsed<ExprKind> {
        self.position += 2;
        let operand = Box::new(self.expression()?);
        self.expect_keyword("AS")?;
        let mut target = self.data_type()?;
        target.nullable = true;
        self.expect_symbol(Symbol::RightParenthesis)?;
        Ok(ExprKind::Cast { operand, target, safe })
    }

    /// Functions with keywords between their arguments.
    fn keyword_call(&mut self, function: &str) -> Parsed<ExprKind> {
        let name = self.any_word("a function")?;
        self.expect_symbol(Symbol::LeftParenthesis)?;
        let arguments = match function {
            "EXTRACT" => {
                let unit = self.unit_symbol()?;
                self.expect_keyword("FROM")?;
                vec![unit, self.expression()?]
            }
            "TIMESTAMPADD" | "TIMESTAMPDIFF" => {
                let mut arguments = vec![self.unit_symbol()?];
                while self.take_symbol(Symbol::Comma) {
                    arguments.push(self.expression()?);
                }
                arguments
            }
            "TRIM" => self.trim_arguments()?,
            _ => {
                let separators: &[&str] = match function {
                    "POSITION" => &["IN", "FROM"],
                    "SUBSTRING" => &["FROM", "FOR"],
                    "OVERLAY" => &["PLACING", "FROM", "FOR"],
                    _ => &["TO"],
                };
                self.separated_arguments(separators)?
            }
        };
        self.expect_symbol(Symbol::RightParenthesis)?;
        Ok(call(name, arguments))
    }

    fn unit_symbol(&mut self) -> Parsed<Expr> {
        let (unit, span) = self.time_unit()?;
        Ok(symbol(unit.name(), span))
    }

    /// `[BOTH | LEADING | TRAILING] [characters] FROM text`, or `text`: always side, characters, text.
    fn trim_arguments(&mut self) -> Parsed<Vec<Expr>> {
        let span = self.peek().span;
        let side = ["BOTH", "LEADING", "TRAILING"].into_iter().find(|side| self.take_keyword(side));
        let blank = || Expr { kind: ExprKind::Literal(Literal::String(" ".to_owned())), span };
        let characters = if side.is_some() && self.is_keyword("FROM") { blank() } else { self.expression()? };
        let side = symbol(side.unwrap_or("BOTH"), span);
        if self.take_keyword("FROM") {
            let text = self.expression()?;
            return Ok(vec![side, characters, text]);
        }
        Ok(vec![side, blank(), characters])
    }

    /// Arguments between which commas or certain keywords stand. Behind TO stands a unit of time. `POSITION(a IN b)`
    /// needs its first argument to end before IN.
    fn separated_arguments(&mut self, separators: &[&str]) -> Parsed<Vec<Expr>> {
        let first = if separators.contains(&"IN") { self.position_needle()? } else { self.expression()? };
        let mut arguments = vec![first];
        loop {
            if self.take_symbol(Symbol::Comma) {
                arguments.push(self.expression()?);
                continue;
            }
            let Some(keyword) = separators.iter().find(|keyword| self.is_keyword(keyword)) else {
                return Ok(arguments);
            };
            self.next();
            arguments.push(if *keyword == "TO" { self.unit_symbol()? } else { self.expression()? });
        }
    }

    pub(super) fn call(&mut self) -> Parsed<Expr> {
        let start = self.peek().span;
        let name = self.any_word("the name of a function")?;
        self.expect_symbol(Symbol::LeftParenthesis)?;
        let mut parts = Call { name, arguments: Vec::new(), distinct: false, star: false, filter: None };
        if self.is_symbol(Symbol::Star) && self.is_symbol_at(1, Symbol::RightParenthesis) {
            self.next();
            parts.star = true;
        } else if !self.is_symbol(Symbol::RightParenthesis) {
            parts.distinct = self.take_keyword("DISTINCT");
            if !parts.distinct {
                self.take_keyword("ALL");
            }
            parts.arguments = self.comma_separated(Self::expression)?;
        }
        self.expect_symbol(Symbol::RightParenthesis)?;
        if self.is_keyword("FILTER") && self.is_symbol_at(1, Symbol::LeftParenthesis) {
            self.position += 2;
            self.expect_keyword("WHERE")?;
            parts.filter = Some(self.expression()?);
            self.expect_symbol(Symbol::RightParenthesis)?;
        }
        if self.peek().kind == TokenKind::Word && (self.is_keyword("OVER") || self.is_keyword("WITHIN")) {
            let message = format!("{} is not supported yet", self.text_of(self.peek()).to_uppercase());
            return Err(SqlError::unsupported(self.peek().span, message)
                .hint("aggregates over tumbling windows are: TABLE(TUMBLE(…)) with GROUP BY window_start, window_end"));
        }
        Ok(Expr { kind: ExprKind::Call(Box::new(parts)), span: self.span_from(start) })
    }
}

fn symbol(text: &str, span: Span) -> Expr {
    Expr { kind: ExprKind::Literal(Literal::Symbol(text.to_owned())), span }
}

fn call(name: Name, arguments: Vec<Expr>) -> ExprKind {
    ExprKind::Call(Box::new(Call { name, arguments, distinct: false, star: false, filter: None }))
}
