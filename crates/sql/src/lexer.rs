//! Text to tokens, each with its span.
//!
//! Keywords are words here: which words are reserved is the parser's affair. Comments (`--`, `/* */`) vanish; a hint
//! (`/*+ … */`) is refused, because ignoring an instruction would change what the statement means.

use crate::diagnostics::{Span, SqlError};

/// A token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) span: Span,
}

/// What a token is. The text stays in the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A keyword or an identifier without quotes.
    Word,
    /// `` `…` ``
    QuotedIdentifier,
    /// `'…'`
    String,
    /// `x'…'`
    Binary,
    /// `12`
    Integer,
    /// `1.5`
    Decimal,
    /// `1E0`
    Approximate,
    /// An operator or punctuation, one or two characters.
    Symbol(Symbol),
    /// After the last token.
    End,
}

macro_rules! symbols {
    ($($name:ident $text:literal,)*) => {
        /// Operators and punctuation.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Symbol { $(#[doc = $text] $name,)* }

        impl Symbol {
            /// In the order in which they are tried: the longer first.
            const ALL: &[(Self, &str)] = &[$((Self::$name, $text),)*];

            pub(crate) fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

symbols! {
    NotEqual "<>", BangEqual "!=", LessEqual "<=", GreaterEqual ">=", Concat "||", NamedArgument "=>",
    Equal "=", Less "<", Greater ">", Plus "+", Minus "-", Star "*", Slash "/", Percent "%",
    LeftParenthesis "(", RightParenthesis ")", LeftBracket "[", RightBracket "]", Comma ",", Dot ".", Semicolon ";",
    Colon ":", Question "?",
}

/// Splits a text into tokens; the last is [`TokenKind::End`].
///
/// # Errors
/// A quote or comment that is not closed, a malformed number, a character outside of the language, a hint.
pub(crate) fn tokens(text: &str) -> Result<Vec<Token>, SqlError> {
    let mut lexer = Lexer { text, position: 0 };
    let mut tokens = Vec::new();
    while let Some(token) = lexer.next()? {
        tokens.push(token);
    }
    tokens.push(Token { kind: TokenKind::End, span: Span::new(text.len(), text.len()) });
    Ok(tokens)
}

struct Lexer<'a> {
    text: &'a str,
    position: usize,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.text[self.position..]
    }

    fn next(&mut self) -> Result<Option<Token>, SqlError> {
        self.skip_blanks()?;
        let start = self.position;
        let mut characters = self.rest().chars();
        let Some(first) = characters.next() else { return Ok(None) };
        let second = characters.next();
        let kind = match first {
            '\'' => self.quoted(0, '\'', "string", TokenKind::String)?,
            '`' => self.quoted(0, '`', "quoted identifier", TokenKind::QuotedIdentifier)?,
            'x' | 'X' if second == Some('\'') => self.quoted(1, '\'', "binary literal", TokenKind::Binary)?,
            '"' => {
                return Err(SqlError::syntax(Span::new(start, start + 1), "double quotes mean nothing here")
                    .hint("names are quoted with backquotes (`name`), strings with single quotes ('text')"));
            }
            c if c.is_ascii_digit() => self.number()?,
            '.' if second.is_some_and(|c| c.is_ascii_digit()) => self.number()?,
            c if c == '_' || c.is_alphabetic() => {
                let length = self.rest().find(|c: char| !(c == '_' || c == '$' || c.is_alphanumeric()));
                self.position += length.unwrap_or(self.rest().len());
                TokenKind::Word
            }
            c => self.symbol(c)?,
        };
        Ok(Some(Token { kind, span: Span::new(start, self.position) }))
    }

    /// Blanks, a byte order mark and comments.
    fn skip_blanks(&mut self) -> Result<(), SqlError> {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
            let skipped = rest.len() - trimmed.len();
            let start = self.position + skipped;
            if trimmed.starts_with("--") {
                self.position = start + trimmed.find('\n').unwrap_or(trimmed.len());
            } else if trimmed.starts_with("/*+") {
                return Err(SqlError::unsupported(
                    Span::new(start, start + 3),
                    "hints are not supported yet",
                )
                .hint("remove the hint; table options can be written in the WITH clause of CREATE TABLE"));
            } else if let Some(body) = trimmed.strip_prefix("/*") {
                let Some(length) = body.find("*/") else {
                    return Err(SqlError::syntax(Span::new(start, start + 2), "the comment is not closed")
                        .hint("end it with */"));
                };
                self.position = start + length + 4;
            } else {
                self.position = start;
                return Ok(());
            }
        }
    }

    /// A quoted token whose opening quote stands `prefix` bytes on; a doubled quote stands for itself.
    fn quoted(
        &mut self,
        prefix: usize,
        quote: char,
        what: &str,
        kind: TokenKind,
    ) -> Result<TokenKind, SqlError> {
        let start = self.position;
        let mut end = start + prefix + 1;
        loop {
            let Some(length) = self.text[end..].find(quote) else {
                return Err(SqlError::syntax(
                    Span::new(start, start + prefix + 1),
                    format!("the {what} is not closed"),
                )
                .hint(format!("a {quote} inside of it is written twice")));
            };
            end += length + 1;
            if self.text[end..].starts_with(quote) {
                end += 1;
            } else {
                self.position = end;
                return Ok(kind);
            }
        }
    }

    fn number(&mut self) -> Result<TokenKind, SqlError> {
        let start = self.position;
        let bytes = self.text.as_bytes();
        let digits = |mut at: usize| {
            while bytes.get(at).is_some_and(u8::is_ascii_digit) {
                at += 1;
            }
            at
        };
        let mut kind = TokenKind::Integer;
        let mut end = digits(start);
        if bytes.get(end) == Some(&b'.') {
            kind = TokenKind::Decimal;
            end = digits(end + 1);
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            let exponent_end = digits(end + 1 + sign);
            if exponent_end > end + 1 + sign {
                kind = TokenKind::Approximate;
                end = exponent_end;
            }
        }
        self.position = end;
        let after = self.rest().chars().next();
        if after.is_some_and(|c| c == '_' || c.is_alphabetic()) {
            let length = self.rest().find(|c: char| !(c == '_' || c.is_alphanumeric()));
            let stop = end + length.unwrap_or(self.rest().len());
            return Err(SqlError::syntax(Span::new(start, stop), "neither a number nor a name").hint(
                "numbers are written 12, 1.5 or 1E3; a name that begins with a digit needs backquotes",
            ));
        }
        Ok(kind)
    }

    fn symbol(&mut self, first: char) -> Result<TokenKind, SqlError> {
        for &(symbol, text) in Symbol::ALL {
            if self.rest().starts_with(text) {
                self.position += text.len();
                return Ok(TokenKind::Symbol(symbol));
            }
        }
        let span = Span::new(self.position, self.position + first.len_utf8());
        Err(SqlError::syntax(span, format!("unexpected character '{}'", first.escape_default())))
    }
}

/// The content of a quoted token: quotes removed, doubled quotes single.
pub(crate) fn unquote(text: &str, quote: char) -> String {
    let inner = text.strip_prefix(quote).and_then(|t| t.strip_suffix(quote)).unwrap_or(text);
    let doubled: String = [quote, quote].iter().collect();
    inner.replace(&doubled, &quote.to_string())
}
