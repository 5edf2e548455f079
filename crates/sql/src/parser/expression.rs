//! Expressions, by operator precedence (Calcite's): OR, AND, NOT, IS, comparison, BETWEEN/IN/LIKE, + -, * / % ||,
//! sign, `.` and `[]`.

use super::{Parsed, Parser};
use crate::diagnostics::{Span, SqlError};
use crate::lexer::{Symbol, TokenKind};
use crate::syntax::{BinaryOperator, Expr, ExprKind, IsTest, LogicalOperator, UnaryOperator};

/// How tightly operators bind.
mod power {
    pub(super) const OR: u8 = 22;
    pub(super) const AND: u8 = 24;
    pub(super) const NOT: u8 = 26;
    pub(super) const IS: u8 = 28;
    pub(super) const COMPARISON: u8 = 30;
    pub(super) const RANGE: u8 = 32;
    pub(super) const SUM: u8 = 40;
    pub(super) const PRODUCT: u8 = 60;
    pub(super) const SIGN: u8 = 80;
}

/// What follows an operand: it takes it and gives the whole.
type Rule<'a> = fn(&mut Parser<'a>, Expr) -> Parsed<Expr>;

impl<'a> Parser<'a> {
    pub(super) fn expression(&mut self) -> Parsed<Expr> {
        self.operators(0)
    }

    /// An expression of operators that bind at least as tightly as `minimum`.
    fn operators(&mut self, minimum: u8) -> Parsed<Expr> {
        let depth = self.depth;
        self.deepen(1)?;
        let mut left = self.prefix()?;
        loop {
            match self.infix(left, minimum)? {
                Infix::Applied(expr) => {
                    // A chain becomes a tree that is as deep as the chain is long, except for AND and OR.
                    if !matches!(expr.kind, ExprKind::Logical { .. }) {
                        self.deepen(1)?;
                    }
                    left = expr;
                }
                Infix::Done(expr) => {
                    left = expr;
                    break;
                }
            }
        }
        self.depth = depth;
        Ok(left)
    }

    /// The first argument of `POSITION(needle IN text)`: what binds more tightly than IN.
    pub(super) fn position_needle(&mut self) -> Parsed<Expr> {
        self.operators(power::RANGE + 1)
    }

    fn prefix(&mut self) -> Parsed<Expr> {
        let start = self.peek().span;
        let (operator, bound) = if self.take_keyword("NOT") {
            (UnaryOperator::Not, power::NOT)
        } else if self.take_symbol(Symbol::Minus) {
            (UnaryOperator::Minus, power::SIGN)
        } else if self.take_symbol(Symbol::Plus) {
            (UnaryOperator::Plus, power::SIGN)
        } else {
            let primary = self.primary()?;
            return self.suffixes(primary);
        };
        let operand = Box::new(self.operators(bound)?);
        Ok(Expr { kind: ExprKind::Unary { operator, operand }, span: self.span_from(start) })
    }

    /// Applies the operator at the cursor to `left`, if it binds tightly enough.
    fn infix(&mut self, left: Expr, minimum: u8) -> Parsed<Infix> {
        let token = self.peek();
        let kind = token.kind;
        if let TokenKind::Symbol(symbol) = kind {
            if symbol == Symbol::BangEqual {
                return Err(
                    SqlError::syntax(token.span, "!= is no operator of this dialect").hint("write <>")
                );
            }
            if let Some((operator, bound)) = binary_operator(symbol) {
                if bound < minimum {
                    return Ok(Infix::Done(left));
                }
                self.next();
                let right = self.operators(bound + 1)?;
                return Ok(Infix::Applied(binary(operator, left, right)));
            }
            return Ok(Infix::Done(left));
        }
        if kind != TokenKind::Word {
            return Ok(Infix::Done(left));
        }
        let (bound, rule): (u8, Rule<'a>) = if self.is_keyword("OR") {
            (power::OR, |parser, left| parser.logical(LogicalOperator::Or, "OR", power::OR, left))
        } else if self.is_keyword("AND") {
            (power::AND, |parser, left| parser.logical(LogicalOperator::And, "AND", power::AND, left))
        } else if self.is_keyword("IS") {
            (power::IS, Self::is_test)
        } else if ["BETWEEN", "IN", "LIKE"].iter().any(|keyword| {
            self.is_keyword(keyword) || self.is_keyword("NOT") && self.is_keyword_at(1, keyword)
        }) {
            (power::RANGE, Self::range)
        } else {
            return match self.unsupported_operator() {
                Some(error) => Err(error),
                None => Ok(Infix::Done(left)),
            };
        };
        if bound < minimum {
            return Ok(Infix::Done(left));
        }
        Ok(Infix::Applied(rule(self, left)?))
    }

    fn unsupported_operator(&self) -> Option<SqlError> {
        let ahead = usize::from(self.is_keyword("NOT"));
        let names = ["SIMILAR", "RLIKE", "ILIKE", "OVERLAPS", "MEMBER", "SUBMULTISET", "COLLATE", "AT"];
        let name = names.iter().find(|name| self.is_keyword_at(ahead, name))?;
        Some(SqlError::unsupported(self.peek_at(ahead).span, format!("{name} is not supported yet")))
    }

    fn logical(&mut self, operator: LogicalOperator, keyword: &str, bound: u8, left: Expr) -> Parsed<Expr> {
        let start = left.span;
        let mut operands = match left.kind {
            ExprKind::Logical { operator: inner, operands } if inner == operator => operands,
            _ => vec![left],
        };
        while self.take_keyword(keyword) {
            operands.push(self.operators(bound + 1)?);
        }
        Ok(Expr { kind: ExprKind::Logical { operator, operands }, span: self.span_from(start) })
    }

    fn is_test(&mut self, left: Expr) -> Parsed<Expr> {
        self.next();
        let start = left.span;
        let negated = self.take_keyword("NOT");
        if self.take_keywords(&["DISTINCT", "FROM"]) {
            let right = Box::new(self.operators(power::COMPARISON + 1)?);
            let kind = ExprKind::IsDistinct { left: Box::new(left), right, negated };
            return Ok(Expr { kind, span: self.span_from(start) });
        }
        let test = if self.take_keyword("NULL") {
            IsTest::Null
        } else if self.take_keyword("TRUE") {
            IsTest::True
        } else if self.take_keyword("FALSE") {
            IsTest::False
        } else if self.take_keyword("UNKNOWN") {
            IsTest::Unknown
        } else if self.is_keyword("JSON") {
            return Err(SqlError::unsupported(self.peek().span, "IS JSON is not supported yet"));
        } else {
            return Err(self.expected("NULL, TRUE, FALSE, UNKNOWN or DISTINCT FROM"));
        };
        Ok(Expr {
            kind: ExprKind::Is { operand: Box::new(left), test, negated },
            span: self.span_from(start),
        })
    }

    /// `[NOT] BETWEEN`, `[NOT] IN`, `[NOT] LIKE`
    fn range(&mut self, left: Expr) -> Parsed<Expr> {
        let start = left.span;
        let negated = self.take_keyword("NOT");
        let operand = Box::new(left);
        let kind = if self.take_keyword("BETWEEN") {
            if self.is_keyword("SYMMETRIC") {
                return Err(SqlError::unsupported(
                    self.peek().span,
                    "BETWEEN SYMMETRIC is not supported yet",
                ));
            }
            self.take_keyword("ASYMMETRIC");
            let low = Box::new(self.operators(power::RANGE + 1)?);
            self.expect_keyword("AND")?;
            let high = Box::new(self.operators(power::RANGE + 1)?);
            ExprKind::Between { operand, low, high, negated }
        } else if self.take_keyword("LIKE") {
            let pattern = Box::new(self.operators(power::RANGE + 1)?);
            let escape = if self.take_keyword("ESCAPE") {
                Some(Box::new(self.operators(power::RANGE + 1)?))
            } else {
                None
            };
            ExprKind::Like { operand, pattern, escape, negated }
        } else {
            self.expect_keyword("IN")?;
            self.expect_symbol(Symbol::LeftParenthesis)?;
            if self.opens_query(0) {
                return Err(subquery_error(self.peek().span));
            }
            let list = self.comma_separated(Self::expression)?;
            self.expect_symbol(Symbol::RightParenthesis)?;
            ExprKind::In { operand, list, negated }
        };
        Ok(Expr { kind, span: self.span_from(start) })
    }

    fn primary(&mut self) -> Parsed<Expr> {
        if let Some(literal) = self.literal()? {
            return Ok(literal);
        }
        let token = self.peek();
        match token.kind {
            TokenKind::Symbol(Symbol::LeftParenthesis) => self.parenthesized(),
            TokenKind::QuotedIdentifier => self.path_or_call(),
            TokenKind::Word => self.word(),
            TokenKind::Symbol(Symbol::Question) => {
                Err(SqlError::unsupported(token.span, "parameters (?) are not supported"))
            }
            _ => Err(self.expected("an expression")),
        }
    }

    /// `(expression)` or the row `(a, b)`.
    fn parenthesized(&mut self) -> Parsed<Expr> {
        let start = self.expect_symbol(Symbol::LeftParenthesis)?;
        if self.opens_query(0) {
            return Err(subquery_error(self.peek().span));
        }
        let mut items = self.comma_separated(Self::expression)?;
        self.expect_symbol(Symbol::RightParenthesis)?;
        let span = self.span_from(start);
        match items.len() {
            1 => Ok(Expr { span, ..items.remove(0) }),
            _ => Ok(Expr { kind: ExprKind::Row(items), span }),
        }
    }

    /// What begins with a word: syntax of its own, a call, or a name.
    fn word(&mut self) -> Parsed<Expr> {
        let token = self.peek();
        if let Some(expr) = self.special_form()? {
            return Ok(expr);
        }
        if self.is_symbol_at(1, Symbol::LeftParenthesis) && callable(self.text_of(token)) {
            return self.call();
        }
        if self.is_reserved(token) && !callable(self.text_of(token)) {
            return Err(self.expected("an expression"));
        }
        if self.is_reserved(token) {
            return Err(self.expected("an expression").hint(format!(
                "{} is a reserved word: as a name it is written `{}`",
                self.text_of(token).to_uppercase(),
                self.text_of(token)
            )));
        }
        self.path_or_call()
    }

    fn path_or_call(&mut self) -> Parsed<Expr> {
        if self.is_symbol_at(1, Symbol::LeftParenthesis) {
            return self.call();
        }
        let start = self.peek().span;
        let mut parts = vec![self.name("a name")?];
        while self.is_symbol(Symbol::Dot) {
            self.next();
            parts.push(self.any_word("the name of a field")?);
            if parts.len() > super::NESTING_MAX {
                return Err(SqlError::syntax(self.span_from(start), "the name has too many parts"));
            }
        }
        Ok(Expr { kind: ExprKind::Name(parts), span: self.span_from(start) })
    }

    /// `.field` and `[index]` behind an expression.
    fn suffixes(&mut self, mut expr: Expr) -> Parsed<Expr> {
        loop {
            let start = expr.span;
            let kind = if self.is_symbol(Symbol::Dot) {
                self.next();
                ExprKind::Field { operand: Box::new(expr), name: self.any_word("the name of a field")? }
            } else if self.take_symbol(Symbol::LeftBracket) {
                let index = Box::new(self.expression()?);
                self.expect_symbol(Symbol::RightBracket)?;
                ExprKind::Item { operand: Box::new(expr), index }
            } else {
                return Ok(expr);
            };
            self.deepen(1)?;
            expr = Expr { kind, span: self.span_from(start) };
        }
    }
}

enum Infix {
    Applied(Expr),
    Done(Expr),
}

/// Whether a word in front of a parenthesis can be a function; reserved words that are syntax cannot.
fn callable(word: &str) -> bool {
    const SYNTAX: &[&str] = &[
        "AND", "AS", "BY", "CASE", "ELSE", "END", "EXISTS", "FROM", "GROUP", "HAVING", "IN", "INSERT",
        "INTO", "IS", "JOIN", "LIKE", "NOT", "ON", "OR", "SELECT", "SET", "TABLE", "THEN", "UNION", "VALUES",
        "WHEN", "WHERE", "WITH",
    ];
    !SYNTAX.iter().any(|keyword| keyword.eq_ignore_ascii_case(word))
}

fn subquery_error(span: Span) -> SqlError {
    SqlError::unsupported(span, "subqueries inside of expressions are not supported yet")
        .hint("a subquery may stand in FROM")
}

fn binary_operator(symbol: Symbol) -> Option<(BinaryOperator, u8)> {
    Some(match symbol {
        Symbol::Equal => (BinaryOperator::Equal, power::COMPARISON),
        Symbol::NotEqual => (BinaryOperator::NotEqual, power::COMPARISON),
        Symbol::Less => (BinaryOperator::Less, power::COMPARISON),
        Symbol::LessEqual => (BinaryOperator::LessEqual, power::COMPARISON),
        Symbol::Greater => (BinaryOperator::Greater, power::COMPARISON),
        Symbol::GreaterEqual => (BinaryOperator::GreaterEqual, power::COMPARISON),
        Symbol::Plus => (BinaryOperator::Plus, power::SUM),
        Symbol::Minus => (BinaryOperator::Minus, power::SUM),
        Symbol::Star => (BinaryOperator::Multiply, power::PRODUCT),
        Symbol::Slash => (BinaryOperator::Divide, power::PRODUCT),
        Symbol::Percent => (BinaryOperator::Modulo, power::PRODUCT),
        Symbol::Concat => (BinaryOperator::Concat, power::PRODUCT),
        _ => return None,
    })
}

fn binary(operator: BinaryOperator, left: Expr, right: Expr) -> Expr {
    let span = left.span.to(right.span);
    Expr { kind: ExprKind::Binary { operator, left: Box::new(left), right: Box::new(right) }, span }
}
