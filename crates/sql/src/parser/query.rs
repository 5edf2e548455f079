//! Queries: WITH, SELECT, VALUES, FROM, and clear answers to the clauses that are not there yet.

use super::{Parsed, Parser};
use crate::diagnostics::{Span, SqlError};
use crate::lexer::{Symbol, TokenKind};
use crate::syntax::{
    CommonTable, Expr, Name, Query, QueryBody, Select, SelectItem, TableReference, TableReferenceKind, Tumble,
};

impl Parser<'_> {
    pub(super) fn query(&mut self) -> Parsed<Query> {
        self.nested(Self::query_inside)
    }

    fn query_inside(&mut self) -> Parsed<Query> {
        let start = self.peek().span;
        let with = if self.take_keyword("WITH") {
            if self.is_keyword("RECURSIVE") {
                return Err(SqlError::unsupported(self.peek().span, "WITH RECURSIVE is not supported"));
            }
            self.comma_separated(Self::common_table)?
        } else {
            Vec::new()
        };
        let body = self.query_body()?;
        if let Some(error) = self.unsupported_clause() {
            return Err(error);
        }
        let limit = if self.take_keyword("LIMIT") { Some(self.unsigned("a number of rows")?) } else { None };
        if let Some(error) = self.unsupported_clause() {
            return Err(error);
        }
        Ok(Query { with, body, limit, span: self.span_from(start) })
    }

    fn common_table(&mut self) -> Parsed<CommonTable> {
        let name = self.name("the name of a common table")?;
        let columns = if self.is_symbol(Symbol::LeftParenthesis) {
            self.parenthesized_names("the name of a column")?
        } else {
            Vec::new()
        };
        self.expect_keyword("AS")?;
        self.expect_symbol(Symbol::LeftParenthesis)?;
        let query = self.query()?;
        self.expect_symbol(Symbol::RightParenthesis)?;
        Ok(CommonTable { name, columns, query })
    }

    fn query_body(&mut self) -> Parsed<QueryBody> {
        if self.take_symbol(Symbol::LeftParenthesis) {
            let query = self.query()?;
            self.expect_symbol(Symbol::RightParenthesis)?;
            return Ok(QueryBody::Nested(Box::new(query)));
        }
        if self.take_keyword("VALUES") {
            return Ok(QueryBody::Values(self.comma_separated(Self::values_row)?));
        }
        Ok(QueryBody::Select(Box::new(self.select()?)))
    }

    /// `(a, b)`, `ROW(a, b)` or `a`
    fn values_row(&mut self) -> Parsed<Vec<Expr>> {
        if self.is_keyword("ROW") && self.is_symbol_at(1, Symbol::LeftParenthesis) {
            self.next();
        }
        if !self.take_symbol(Symbol::LeftParenthesis) {
            return Ok(vec![self.expression()?]);
        }
        let row = self.comma_separated(Self::expression)?;
        self.expect_symbol(Symbol::RightParenthesis)?;
        Ok(row)
    }

    fn select(&mut self) -> Parsed<Select> {
        let start = self
            .expect_keyword("SELECT")
            .map_err(|error| error.hint("a query begins with SELECT, VALUES or WITH"))?;
        if self.is_keyword("DISTINCT") {
            return Err(SqlError::unsupported(self.peek().span, "SELECT DISTINCT is not supported yet")
                .hint("group by the columns in a window"));
        }
        self.take_keyword("ALL");
        let items = self.comma_separated(Self::select_item)?;
        let from = if self.take_keyword("FROM") {
            let table = self.table_reference()?;
            if self.is_symbol(Symbol::Comma) {
                return Err(join_error(self.peek().span));
            }
            Some(table)
        } else {
            None
        };
        let filter = if self.take_keyword("WHERE") { Some(self.expression()?) } else { None };
        let group_by = if self.take_keywords(&["GROUP", "BY"]) { self.group_by()? } else { Vec::new() };
        let having = if self.take_keyword("HAVING") { Some(self.expression()?) } else { None };
        Ok(Select { items, from, filter, group_by, having, span: self.span_from(start) })
    }

    fn select_item(&mut self) -> Parsed<SelectItem> {
        let start = self.peek().span;
        if self.take_symbol(Symbol::Star) {
            return Ok(SelectItem::All { qualifier: None, span: start });
        }
        if self.is_name_at(0) && self.is_symbol_at(1, Symbol::Dot) && self.is_symbol_at(2, Symbol::Star) {
            let qualifier = Some(self.name("a name")?);
            self.position += 2;
            return Ok(SelectItem::All { qualifier, span: self.span_from(start) });
        }
        let expression = self.expression()?;
        let alias = self.alias()?;
        Ok(SelectItem::Expression { expression, alias })
    }

    fn alias(&mut self) -> Parsed<Option<Name>> {
        if self.take_keyword("AS") {
            return Ok(Some(self.name("the name of a column")?));
        }
        if self.is_name_at(0) { Ok(Some(self.name("a name")?)) } else { Ok(None) }
    }

    fn group_by(&mut self) -> Parsed<Vec<Expr>> {
        for (keywords, name) in [
            (&["GROUPING", "SETS"][..], "GROUPING SETS"),
            (&["ROLLUP"][..], "ROLLUP"),
            (&["CUBE"][..], "CUBE"),
        ] {
            if self.are_keywords(keywords) {
                let message = format!("{name} is not supported yet");
                return Err(SqlError::unsupported(self.peek().span, message)
                    .hint("write one INSERT per grouping in a statement set"));
            }
        }
        self.comma_separated(|parser| {
            // GROUP BY (a, b) groups by both.
            if parser.is_symbol(Symbol::LeftParenthesis) && parser.is_symbol_at(1, Symbol::RightParenthesis) {
                return Err(SqlError::unsupported(
                    parser.peek().span,
                    "the empty grouping set is not supported yet",
                ));
            }
            parser.expression()
        })
    }

    fn table_reference(&mut self) -> Parsed<TableReference> {
        let reference = self.nested(Self::table_primary)?;
        let joins = ["JOIN", "INNER", "LEFT", "RIGHT", "FULL", "CROSS", "NATURAL"];
        if let Some(keyword) = joins.iter().find(|keyword| self.is_keyword(keyword)) {
            let _ = keyword;
            return Err(join_error(self.peek().span));
        }
        Ok(reference)
    }

    fn table_primary(&mut self) -> Parsed<TableReference> {
        let start = self.peek().span;
        let kind = if self.is_keyword("TABLE") && self.is_symbol_at(1, Symbol::LeftParenthesis) {
            self.position += 2;
            let tumble = self.window_function()?;
            self.expect_symbol(Symbol::RightParenthesis)?;
            TableReferenceKind::Tumble(Box::new(tumble))
        } else if self.is_keyword("TUMBLE") && self.is_symbol_at(1, Symbol::LeftParenthesis) {
            TableReferenceKind::Tumble(Box::new(self.window_function()?))
        } else if self.is_keyword("LATERAL") || self.is_keyword("UNNEST") {
            let message = format!("{} is not supported yet", self.text_of(self.peek()).to_uppercase());
            return Err(SqlError::unsupported(start, message));
        } else if self.is_symbol(Symbol::LeftParenthesis) {
            if !self.opens_query(0) {
                self.next();
                let inner = self.table_reference()?;
                self.expect_symbol(Symbol::RightParenthesis)?;
                return Ok(inner);
            }
            self.next();
            let query = self.query()?;
            self.expect_symbol(Symbol::RightParenthesis)?;
            TableReferenceKind::Query(Box::new(query))
        } else {
            self.take_keyword("TABLE");
            TableReferenceKind::Table(self.table_name()?)
        };
        if let Some(error) = self.unsupported_table_suffix() {
            return Err(error);
        }
        let alias = if self.take_keyword("AS") {
            Some(self.name("the name of a table")?)
        } else if self.is_name_at(0) {
            Some(self.name("a name")?)
        } else {
            None
        };
        let columns = if alias.is_some() && self.is_symbol(Symbol::LeftParenthesis) {
            self.parenthesized_names("the name of a column")?
        } else {
            Vec::new()
        };
        Ok(TableReference { kind, alias, columns, span: self.span_from(start) })
    }

    /// `TUMBLE(TABLE t, DESCRIPTOR(ts), size [, offset])`, also with named arguments.
    fn window_function(&mut self) -> Parsed<Tumble> {
        let token = self.peek();
        let name = self.text_of(token).to_uppercase();
        if token.kind != TokenKind::Word || name != "TUMBLE" {
            let message = match name.as_str() {
                "HOP" | "CUMULATE" | "SESSION" => format!("{name} windows are not supported yet"),
                _ => format!("the table function '{}' is not known", self.text_of(token)),
            };
            return Err(SqlError::unsupported(token.span, message)
                .hint("TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) is"));
        }
        self.next();
        self.expect_symbol(Symbol::LeftParenthesis)?;
        let mut data = None;
        let mut time_column = None;
        let mut size = None;
        let mut offset = None;
        for position in 0.. {
            let parameter = self.window_parameter(position)?;
            match parameter {
                "DATA" => data = Some(self.window_input()?),
                "TIMECOL" => time_column = Some(self.descriptor()?),
                "SIZE" => size = Some(self.expression()?),
                _ => offset = Some(self.expression()?),
            }
            if !self.take_symbol(Symbol::Comma) {
                break;
            }
        }
        let close = self.expect_symbol(Symbol::RightParenthesis)?;
        let (Some(data), Some(time_column), Some(size)) = (data, time_column, size) else {
            return Err(SqlError::syntax(token.span.to(close), "TUMBLE needs DATA, TIMECOL and SIZE")
                .hint("TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE)"));
        };
        Ok(Tumble { data, time_column, size, offset })
    }

    /// Which parameter comes: by name when written so, else by position.
    fn window_parameter(&mut self, position: usize) -> Parsed<&'static str> {
        const PARAMETERS: [&str; 4] = ["DATA", "TIMECOL", "SIZE", "OFFSET"];
        if self.is_symbol_at(1, Symbol::NamedArgument) {
            let token = self.next();
            let text = self.text_of(token);
            let Some(parameter) = PARAMETERS.into_iter().find(|name| name.eq_ignore_ascii_case(text)) else {
                return Err(SqlError::name(token.span, format!("TUMBLE has no parameter '{text}'")).suggest(
                    text,
                    PARAMETERS,
                    "parameters",
                ));
            };
            self.next();
            return Ok(parameter);
        }
        PARAMETERS.get(position).copied().ok_or_else(|| {
            SqlError::syntax(self.peek().span, "TUMBLE takes at most four arguments")
                .hint("TUMBLE(TABLE t, DESCRIPTOR(ts), size, offset)")
        })
    }

    fn window_input(&mut self) -> Parsed<TableReference> {
        let start = self.peek().span;
        if self.is_symbol(Symbol::LeftParenthesis) {
            return self.nested(Self::table_primary);
        }
        self.expect_keyword("TABLE").map_err(|error| error.hint("TUMBLE(TABLE t, DESCRIPTOR(ts), size)"))?;
        let kind = if self.is_symbol(Symbol::LeftParenthesis) {
            return self.nested(Self::table_primary);
        } else {
            TableReferenceKind::Table(self.table_name()?)
        };
        if self.is_keyword("PARTITION") {
            return Err(SqlError::unsupported(self.peek().span, "PARTITION BY means nothing to TUMBLE"));
        }
        Ok(TableReference { kind, alias: None, columns: Vec::new(), span: self.span_from(start) })
    }

    fn descriptor(&mut self) -> Parsed<Name> {
        self.expect_keyword("DESCRIPTOR")
            .map_err(|error| error.hint("the time column is written DESCRIPTOR(ts)"))?;
        self.expect_symbol(Symbol::LeftParenthesis)?;
        let name = self.name("the name of a column")?;
        self.expect_symbol(Symbol::RightParenthesis)?;
        Ok(name)
    }

    /// Clauses behind a table that are not there yet.
    fn unsupported_table_suffix(&self) -> Option<SqlError> {
        let span = self.peek().span;
        let (name, hint) = if self.is_keyword("MATCH_RECOGNIZE") {
            ("MATCH_RECOGNIZE", "patterns over rows come in a later version")
        } else if self.are_keywords(&["FOR", "SYSTEM_TIME"]) {
            ("FOR SYSTEM_TIME AS OF", "temporal joins come in a later version")
        } else if self.is_keyword("TABLESAMPLE") {
            ("TABLESAMPLE", "filter the rows with WHERE")
        } else if self.is_keyword("PIVOT") || self.is_keyword("UNPIVOT") {
            ("PIVOT", "write aggregates with FILTER (WHERE …)")
        } else {
            return None;
        };
        Some(SqlError::unsupported(span, format!("{name} is not supported yet")).hint(hint))
    }

    /// A clause at the cursor that Flink has behind a query and this version has not.
    pub(super) fn unsupported_clause(&self) -> Option<SqlError> {
        const CLAUSES: &[(&[&str], &str)] = &[
            (&["UNION"], "write one INSERT per query into the same table, in EXECUTE STATEMENT SET"),
            (&["INTERSECT"], "joins and set operations come in a later version"),
            (&["EXCEPT"], "joins and set operations come in a later version"),
            (&["MINUS"], "joins and set operations come in a later version"),
            (&["ORDER", "BY"], "a stream has no end to sort by; sort where the result is read"),
            (&["OFFSET"], "LIMIT alone is"),
            (&["FETCH"], "LIMIT is"),
            (&["WINDOW"], "OVER windows come in a later version"),
            (&["QUALIFY"], "OVER windows come in a later version"),
        ];
        let (keywords, hint) = CLAUSES.iter().find(|(keywords, _)| self.are_keywords(keywords))?;
        let span = self.peek().span.to(self.peek_at(keywords.len() - 1).span);
        Some(SqlError::unsupported(span, format!("{} is not supported yet", keywords.join(" "))).hint(*hint))
    }
}

fn join_error(span: Span) -> SqlError {
    SqlError::unsupported(span, "joins are not supported yet")
        .hint("a query reads one table, view or subquery")
}
