//! From text to a [`Format`].

use super::{Format, NumberEncoding, NumberField, Piece, TextEncoding, TextField};

/// How deep headers may stand in headers: once.
const MAX_DEPTH: usize = 1;

impl Format {
    /// Reads a format.
    ///
    /// # Errors
    /// What is not understood, and what would be.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        parse(text, 0)
    }
}

fn parse(text: &str, depth: usize) -> Result<Format, String> {
    let mut pieces = Vec::new();
    let mut literal = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '\\' => rest = escape(rest, &mut literal)?,
            '%' => {
                let (piece, after) = token(rest, depth)?;
                rest = after;
                match piece {
                    Token::Byte(byte) => literal.push(byte),
                    Token::Piece(piece) => {
                        if !literal.is_empty() {
                            pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                        }
                        pieces.push(piece);
                    }
                }
            }
            _ => literal.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    Ok(Format { pieces })
}

fn escape<'a>(rest: &'a str, literal: &mut Vec<u8>) -> Result<&'a str, String> {
    let c = rest.chars().next().ok_or("a format cannot end in `\\`: write `\\\\` for the sign itself")?;
    let after = &rest[c.len_utf8()..];
    match c {
        'n' => literal.push(b'\n'),
        't' => literal.push(b'\t'),
        'r' => literal.push(b'\r'),
        '\\' => literal.push(b'\\'),
        'x' => {
            let digits = after.get(..2).ok_or("`\\x` takes two hexadecimal digits")?;
            let byte =
                u8::from_str_radix(digits, 16).map_err(|_| format!("`\\x{digits}` is not hexadecimal"))?;
            literal.push(byte);
            return Ok(&after[2..]);
        }
        other => return Err(format!("`\\{other}` is not known: there are \\n, \\t, \\r, \\\\ and \\xHH")),
    }
    Ok(after)
}

enum Token {
    Byte(u8),
    Piece(Piece),
}

fn token(rest: &str, depth: usize) -> Result<(Token, &str), String> {
    let letter = rest.chars().next().ok_or("a format cannot end in `%`: write `%%` for the sign itself")?;
    let after = &rest[letter.len_utf8()..];
    if let '%' | '{' | '}' = letter {
        return Ok((Token::Byte(letter as u8), after));
    }
    let (modifier, after) = modifier(after)?;
    let piece = match letter {
        't' => Piece::Text(TextField::Topic, text_encoding(modifier)?),
        'k' => Piece::Text(TextField::Key, text_encoding(modifier)?),
        'v' => Piece::Text(TextField::Value, text_encoding(modifier)?),
        'd' => match modifier.and_then(|text| text.strip_prefix("strftime[")) {
            Some(layout) => Piece::Time(layout.trim_end_matches(']').to_owned()),
            None => Piece::Number(NumberField::Timestamp, number_encoding(modifier)?),
        },
        'h' if depth < MAX_DEPTH => {
            let within = modifier.ok_or("`%h` takes the form of a header, such as `%h{%k=%v }`")?;
            Piece::Headers(parse(within, depth + 1)?)
        }
        _ => Piece::Number(number_field(letter)?, number_encoding(modifier)?),
    };
    Ok((Token::Piece(piece), after))
}

fn number_field(letter: char) -> Result<NumberField, String> {
    Ok(match letter {
        'T' => NumberField::TopicLength,
        'K' => NumberField::KeyLength,
        'V' => NumberField::ValueLength,
        'H' => NumberField::HeaderCount,
        'p' => NumberField::Partition,
        'o' => NumberField::Offset,
        'e' => NumberField::LeaderEpoch,
        'i' => NumberField::Sequence,
        _ => return Err(format!("`%{letter}` is not known: see `millstream consume --help`")),
    })
}

/// The text between the braces that may follow a letter; braces within are balanced, `%{` and `%}` do not count.
fn modifier(rest: &str) -> Result<(Option<&str>, &str), String> {
    let Some(within) = rest.strip_prefix('{') else { return Ok((None, rest)) };
    let (mut depth, mut after_percent) = (1usize, false);
    for (index, c) in within.char_indices() {
        match c {
            '{' if !after_percent => depth += 1,
            '}' if !after_percent => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Ok((Some(&within[..index]), &within[index + 1..]));
        }
        after_percent = c == '%' && !after_percent;
    }
    Err(format!("`{{{within}` lacks its `}}`"))
}

fn text_encoding(modifier: Option<&str>) -> Result<TextEncoding, String> {
    match modifier {
        None => Ok(TextEncoding::Plain),
        Some("hex") => Ok(TextEncoding::Hex),
        Some("base64") => Ok(TextEncoding::Base64 { padded: true }),
        Some("base64raw") => Ok(TextEncoding::Base64 { padded: false }),
        Some(other) => {
            Err(format!("`{{{other}}}` is not a form of text: there are hex, base64 and base64raw"))
        }
    }
}

fn number_encoding(modifier: Option<&str>) -> Result<NumberEncoding, String> {
    let Some(text) = modifier else { return Ok(NumberEncoding::Decimal) };
    let digits = text.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    let bytes = match digits {
        "8" => 1,
        "16" => 2,
        "32" => 4,
        "" | "64" => 8,
        _ => 0,
    };
    match (&text[..text.len() - digits.len()], bytes) {
        ("ascii" | "number", 8) => Ok(NumberEncoding::Decimal),
        ("hex", bytes @ 1..) => Ok(NumberEncoding::Hex { bytes }),
        ("big", bytes @ 1..) => Ok(NumberEncoding::Big { bytes }),
        ("little", bytes @ 1..) => Ok(NumberEncoding::Little { bytes }),
        _ => Err(format!("`{{{text}}}` is not a form of a number: there are ascii, hexN, bigN and littleN")),
    }
}
