//! Tokens to syntax trees, by recursive descent.
//!
//! One file per kind of statement or clause. This one holds the cursor over the tokens and the bound on nesting:
//! every recursive rule passes [`Parser::nested`], so that hostile input ends in an error and never in a full stack.

mod expression;
mod literal;
mod query;
mod reserved;
mod special_call;
mod statement;
mod table;
mod types;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::diagnostics::{SourceText, Span, SqlError};
use crate::lexer::{self, Symbol, Token, TokenKind, unquote};
use crate::syntax::{Name, Statement, TableName};

/// The deepest nesting of parentheses, subqueries, types and chained operators. At this depth every pass over a tree
/// fits a thread's stack of 2 MiB in an unoptimised build.
pub(crate) const NESTING_MAX: usize = 96;

/// Reads a text of statements.
///
/// # Errors
/// The first mistake in the text.
pub fn parse_script(text: &str, name: &str) -> Result<Vec<Statement>, SqlError> {
    let source = Arc::new(SourceText { name: name.to_owned(), text: text.to_owned() });
    let parsed = lexer::tokens(text).and_then(|tokens| Parser::new(&source, tokens).script());
    parsed.map_err(|error| error.within(&source))
}

pub(crate) struct Parser<'a> {
    source: &'a Arc<SourceText>,
    tokens: Vec<Token>,
    position: usize,
    depth: usize,
}

type Parsed<T> = Result<T, SqlError>;

impl<'a> Parser<'a> {
    fn new(source: &'a Arc<SourceText>, tokens: Vec<Token>) -> Self {
        Self { source, tokens, position: 0, depth: 0 }
    }

    fn text_of(&self, token: Token) -> &'a str {
        self.source.slice(token.span)
    }

    fn peek(&self) -> Token {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> Token {
        let last = self.tokens.len() - 1;
        self.tokens[(self.position + ahead).min(last)]
    }

    fn next(&mut self) -> Token {
        let token = self.peek();
        self.position = (self.position + 1).min(self.tokens.len() - 1);
        token
    }

    /// The end of the token before the cursor.
    fn end_of_previous(&self) -> usize {
        self.position.checked_sub(1).map_or(0, |previous| self.tokens[previous].span.end)
    }

    /// The span from `start` to the end of the token before the cursor.
    fn span_from(&self, start: Span) -> Span {
        Span::new(start.start, self.end_of_previous().max(start.end))
    }

    fn is_keyword_at(&self, ahead: usize, keyword: &str) -> bool {
        let token = self.peek_at(ahead);
        token.kind == TokenKind::Word && self.text_of(token).eq_ignore_ascii_case(keyword)
    }

    fn is_keyword(&self, keyword: &str) -> bool {
        self.is_keyword_at(0, keyword)
    }

    /// Whether the cursor stands at these keywords in a row.
    fn are_keywords(&self, keywords: &[&str]) -> bool {
        keywords.iter().enumerate().all(|(ahead, keyword)| self.is_keyword_at(ahead, keyword))
    }

    fn take_keyword(&mut self, keyword: &str) -> bool {
        let found = self.is_keyword(keyword);
        if found {
            self.next();
        }
        found
    }

    fn take_keywords(&mut self, keywords: &[&str]) -> bool {
        let found = self.are_keywords(keywords);
        if found {
            self.position += keywords.len();
        }
        found
    }

    fn expect_keyword(&mut self, keyword: &str) -> Parsed<Span> {
        if self.is_keyword(keyword) { Ok(self.next().span) } else { Err(self.expected(keyword)) }
    }

    fn is_symbol_at(&self, ahead: usize, symbol: Symbol) -> bool {
        self.peek_at(ahead).kind == TokenKind::Symbol(symbol)
    }

    fn is_symbol(&self, symbol: Symbol) -> bool {
        self.is_symbol_at(0, symbol)
    }

    fn take_symbol(&mut self, symbol: Symbol) -> bool {
        let found = self.is_symbol(symbol);
        if found {
            self.next();
        }
        found
    }

    fn expect_symbol(&mut self, symbol: Symbol) -> Parsed<Span> {
        if self.is_symbol(symbol) {
            Ok(self.next().span)
        } else {
            Err(self.expected(&format!("'{}'", symbol.text())))
        }
    }

    /// The error that something else was expected at the cursor.
    fn expected(&self, what: &str) -> SqlError {
        let token = self.peek();
        let found = match token.kind {
            TokenKind::End => "the text ends".to_owned(),
            TokenKind::String => "found a string".to_owned(),
            _ => format!("found '{}'", self.text_of(token)),
        };
        let error = SqlError::syntax(token.span, format!("expected {what}, {found}"));
        if token.kind == TokenKind::Word && what.contains("name") && self.is_reserved(token) {
            let text = self.text_of(token);
            return error.hint(format!(
                "{} is a reserved word: as a name it is written `{text}`",
                text.to_uppercase()
            ));
        }
        error
    }

    /// Runs a rule one level deeper.
    fn nested<T>(&mut self, rule: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.deepen(1)?;
        let result = rule(self);
        self.depth -= 1;
        result
    }

    fn deepen(&mut self, levels: usize) -> Parsed<()> {
        if self.depth + levels > NESTING_MAX {
            return Err(SqlError::syntax(
                self.peek().span,
                format!("nested more than {NESTING_MAX} levels deep"),
            )
            .hint("split the statement with views or WITH"));
        }
        self.depth += levels;
        Ok(())
    }

    fn is_reserved(&self, token: Token) -> bool {
        reserved::is_reserved(self.text_of(token))
    }

    /// Whether the token can be a name: quoted, or a word that is not reserved.
    fn is_name_at(&self, ahead: usize) -> bool {
        let token = self.peek_at(ahead);
        match token.kind {
            TokenKind::QuotedIdentifier => true,
            TokenKind::Word => !self.is_reserved(token),
            _ => false,
        }
    }

    fn name(&mut self, what: &str) -> Parsed<Name> {
        if !self.is_name_at(0) {
            return Err(self.expected(what));
        }
        self.any_word(what)
    }

    /// A name, reserved words included (behind a dot nothing else can be meant).
    fn any_word(&mut self, what: &str) -> Parsed<Name> {
        let token = self.peek();
        let text = match token.kind {
            TokenKind::QuotedIdentifier => unquote(self.text_of(token), '`'),
            TokenKind::Word => self.text_of(token).to_owned(),
            _ => return Err(self.expected(what)),
        };
        if text.is_empty() {
            return Err(SqlError::syntax(token.span, "a name cannot be empty"));
        }
        self.next();
        Ok(Name { text, span: token.span })
    }

    fn table_name(&mut self) -> Parsed<TableName> {
        let first = self.name("the name of a table")?;
        let start = first.span;
        let mut parts = vec![first];
        while self.take_symbol(Symbol::Dot) {
            parts.push(self.name("the name of a table")?);
        }
        if parts.len() > 3 {
            return Err(SqlError::syntax(self.span_from(start), "a table's name has at most three parts")
                .hint("catalog.database.table"));
        }
        Ok(TableName { parts, span: self.span_from(start) })
    }

    fn string(&mut self, what: &str) -> Parsed<(String, Span)> {
        let token = self.peek();
        if token.kind != TokenKind::String {
            return Err(self.expected(what));
        }
        self.next();
        Ok((unquote(self.text_of(token), '\''), token.span))
    }

    /// An integer without a sign.
    fn unsigned(&mut self, what: &str) -> Parsed<(u64, Span)> {
        let token = self.peek();
        if token.kind != TokenKind::Integer {
            return Err(self.expected(what));
        }
        self.next();
        match self.text_of(token).parse() {
            Ok(value) => Ok((value, token.span)),
            Err(_) => Err(SqlError::syntax(token.span, "the number is too large")),
        }
    }

    /// `rule [, rule]…`
    fn comma_separated<T>(&mut self, mut rule: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        let mut items = vec![rule(self)?];
        while self.take_symbol(Symbol::Comma) {
            items.push(rule(self)?);
        }
        Ok(items)
    }

    /// `(name [, name]…)`
    fn parenthesized_names(&mut self, what: &str) -> Parsed<Vec<Name>> {
        self.expect_symbol(Symbol::LeftParenthesis)?;
        let names = self.comma_separated(|parser| parser.name(what))?;
        self.expect_symbol(Symbol::RightParenthesis)?;
        Ok(names)
    }
}
