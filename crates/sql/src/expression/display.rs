//! Expressions as a plan shows them.

use std::fmt;

use arrow_array::Array as _;
use millstream_engine::plan::WindowProperty;

use super::cast::print;
use super::operand::longs_of;
use super::{Expr, ExprKind, Notation};
use crate::types::Kind;

impl fmt::Display for Expr {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::Column { name, .. } => formatter.write_str(name),
            ExprKind::Literal(value) => {
                let text = print::value_text(value, &self.data_type, 0);
                if self.data_type.kind.is_string() && value.is_valid(0) {
                    return write!(formatter, "'{}'", text.replace('\'', "''"));
                }
                match &self.data_type.kind {
                    Kind::DayTimeInterval if value.is_valid(0) => {
                        let millis = longs_of(value).first().copied().unwrap_or(0);
                        let units =
                            [(86_400_000, "DAY"), (3_600_000, "HOUR"), (60_000, "MINUTE"), (1_000, "SECOND")];
                        match units.iter().find(|(size, _)| millis != 0 && millis % size == 0) {
                            Some((size, unit)) => write!(formatter, "INTERVAL '{}' {unit}", millis / size),
                            None => write!(formatter, "INTERVAL '{text}' DAY TO SECOND"),
                        }
                    }
                    Kind::YearMonthInterval => write!(formatter, "INTERVAL '{text}' YEAR TO MONTH"),
                    Kind::Timestamp(_) | Kind::TimestampLtz(_) => write!(formatter, "TIMESTAMP '{text}'"),
                    Kind::Date => write!(formatter, "DATE '{text}'"),
                    Kind::Time(_) => write!(formatter, "TIME '{text}'"),
                    _ => formatter.write_str(&text),
                }
            }
            ExprKind::Field { operand, index } => {
                let name = match &operand.data_type.kind {
                    Kind::Row(fields) => fields.get(*index).map_or("?", |field| field.name.as_str()),
                    _ => "?",
                };
                write!(formatter, "{operand}.{name}")
            }
            ExprKind::And(operands) => infix(formatter, operands, "AND"),
            ExprKind::Or(operands) => infix(formatter, operands, "OR"),
            ExprKind::Case { branches, otherwise } => {
                formatter.write_str("CASE")?;
                for (when, then) in branches {
                    write!(formatter, " WHEN {when} THEN {then}")?;
                }
                write!(formatter, " ELSE {otherwise} END")
            }
            ExprKind::Call { kernel, arguments } => match kernel.notation {
                Notation::Infix => infix(formatter, arguments, kernel.name),
                Notation::Prefix => write!(formatter, "{} {}", kernel.name, list(arguments)),
                Notation::Postfix => write!(formatter, "({} {})", list(arguments), kernel.name),
                Notation::Cast => {
                    write!(formatter, "{}({} AS {})", kernel.name, list(arguments), self.data_type.kind)
                }
                Notation::Function if kernel.name == "IN" && arguments.len() > 1 => {
                    write!(formatter, "({} IN ({}))", arguments[0], list(&arguments[1..]))
                }
                Notation::Function => write!(formatter, "{}({})", kernel.name, list(arguments)),
            },
            ExprKind::Window(bound) => {
                let name = match bound.property {
                    WindowProperty::Start => "TUMBLE_START",
                    WindowProperty::End => "TUMBLE_END",
                    WindowProperty::Time => "TUMBLE_TIME",
                };
                match &bound.time {
                    Some(time) => write!(formatter, "{name}({time}, {} ms)", bound.size_ms),
                    None => write!(formatter, "{name}(PROCTIME(), {} ms)", bound.size_ms),
                }
            }
        }
    }
}

impl fmt::Debug for Expr {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

fn infix(formatter: &mut fmt::Formatter<'_>, operands: &[Expr], operator: &str) -> fmt::Result {
    formatter.write_str("(")?;
    for (index, operand) in operands.iter().enumerate() {
        if index > 0 {
            write!(formatter, " {operator} ")?;
        }
        write!(formatter, "{operand}")?;
    }
    formatter.write_str(")")
}

fn list(arguments: &[Expr]) -> String {
    arguments.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
