//! Statements other than CREATE TABLE and queries, and the script that holds them.

use std::sync::Arc;

use super::{Parsed, Parser};
use crate::diagnostics::SqlError;
use crate::lexer::{Symbol, TokenKind};
use crate::syntax::{CreateView, Insert, Statement, StatementKind};

/// Statements of Flink's dialect that are known and not there yet.
const LATER: &[&str] = &[
    "ALTER", "ANALYZE", "CALL", "COMPILE", "DELETE", "LOAD", "MERGE", "REPLACE", "STOP", "TRUNCATE",
    "UNLOAD", "UPDATE", "USE",
];

/// What a statement can begin with.
const STATEMENTS: &str = "statements begin with CREATE, DROP, INSERT, EXECUTE, SELECT, WITH, VALUES, EXPLAIN, DESCRIBE, SHOW, SET or RESET";

impl Parser<'_> {
    /// Statements that end in semicolons; the last may do without.
    pub(super) fn script(mut self) -> Parsed<Vec<Statement>> {
        let mut statements = Vec::new();
        loop {
            while self.take_symbol(Symbol::Semicolon) {}
            if self.peek().kind == TokenKind::End {
                return Ok(statements);
            }
            let start = self.peek().span;
            let kind = self.statement()?;
            let span = self.span_from(start);
            if self.peek().kind != TokenKind::End && !self.take_symbol(Symbol::Semicolon) {
                return Err(self.after_statement());
            }
            statements.push(Statement { kind, span, source: Arc::clone(self.source) });
        }
    }

    /// The error that a statement goes on where it should end.
    fn after_statement(&self) -> SqlError {
        match self.unsupported_clause() {
            Some(error) => error,
            None => self.expected("';'").hint("statements end in a semicolon"),
        }
    }

    fn statement(&mut self) -> Parsed<StatementKind> {
        let token = self.peek();
        let word =
            if token.kind == TokenKind::Word { self.text_of(token).to_uppercase() } else { String::new() };
        match word.as_str() {
            "CREATE" => self.create(),
            "DROP" => self.drop_statement(),
            "INSERT" => Ok(StatementKind::Insert(self.insert()?)),
            "EXECUTE" => self.execute(),
            "BEGIN" => {
                self.next();
                self.expect_keyword("STATEMENT")?;
                self.expect_keyword("SET")?;
                self.expect_symbol(Symbol::Semicolon)?;
                self.statement_set()
            }
            "EXPLAIN" => self.explain(),
            "DESCRIBE" | "DESC" => {
                self.next();
                Ok(StatementKind::Describe(self.table_name()?))
            }
            "SHOW" => self.show(),
            "SET" => self.set(),
            "RESET" => {
                self.next();
                let key =
                    if self.peek().kind == TokenKind::String { Some(self.string("a key")?) } else { None };
                Ok(StatementKind::Reset(key))
            }
            "QUIT" | "EXIT" => {
                self.next();
                Ok(StatementKind::Quit)
            }
            "SELECT" | "WITH" | "VALUES" => Ok(StatementKind::Query(self.query()?)),
            _ if self.is_symbol(Symbol::LeftParenthesis) => Ok(StatementKind::Query(self.query()?)),
            "END" => Err(self.expected("a statement").hint("END closes EXECUTE STATEMENT SET BEGIN … END")),
            other if LATER.contains(&other) => {
                Err(SqlError::unsupported(token.span, format!("{other} is not supported yet"))
                    .hint(STATEMENTS))
            }
            _ => {
                let names =
                    ["CREATE", "DROP", "INSERT", "EXECUTE", "SELECT", "EXPLAIN", "DESCRIBE", "SHOW", "RESET"];
                let error = self.expected("a statement");
                Err(match millstream_suggest::nearest(&word, names) {
                    Some(name) => error.hint(format!("did you mean {name}?")),
                    None => error.hint(STATEMENTS),
                })
            }
        }
    }

    fn create(&mut self) -> Parsed<StatementKind> {
        self.next();
        let temporary = self.take_keyword("TEMPORARY");
        if self.is_keyword("TABLE") {
            return self.create_table(temporary);
        }
        if self.is_keyword("VIEW") {
            return self.create_view();
        }
        let token = self.peek();
        let what = self.text_of(token).to_uppercase();
        if ["CATALOG", "CONNECTION", "DATABASE", "FUNCTION", "MATERIALIZED", "MODEL", "OR", "SYSTEM"]
            .contains(&what.as_str())
        {
            return Err(SqlError::unsupported(token.span, format!("CREATE {what} is not supported yet"))
                .hint("CREATE [TEMPORARY] TABLE and CREATE [TEMPORARY] VIEW are"));
        }
        Err(self.expected("TABLE or VIEW"))
    }

    fn create_view(&mut self) -> Parsed<StatementKind> {
        self.next();
        let if_not_exists = self.take_keywords(&["IF", "NOT", "EXISTS"]);
        let name = self.table_name()?;
        let columns = if self.is_symbol(Symbol::LeftParenthesis) {
            self.parenthesized_names("the name of a column")?
        } else {
            Vec::new()
        };
        self.comment()?;
        self.expect_keyword("AS")?;
        let query = self.query()?;
        Ok(StatementKind::CreateView(CreateView { name, if_not_exists, columns, query }))
    }

    pub(super) fn comment(&mut self) -> Parsed<Option<String>> {
        if self.take_keyword("COMMENT") { Ok(Some(self.string("a comment in quotes")?.0)) } else { Ok(None) }
    }

    fn drop_statement(&mut self) -> Parsed<StatementKind> {
        self.next();
        self.take_keyword("TEMPORARY");
        let view = self.take_keyword("VIEW");
        if !view && !self.take_keyword("TABLE") {
            return Err(self.expected("TABLE or VIEW"));
        }
        let if_exists = self.take_keywords(&["IF", "EXISTS"]);
        Ok(StatementKind::Drop { view, if_exists, name: self.table_name()? })
    }

    pub(super) fn insert(&mut self) -> Parsed<Insert> {
        let start = self.expect_keyword("INSERT")?;
        if self.is_keyword("OVERWRITE") {
            return Err(SqlError::unsupported(self.peek().span, "INSERT OVERWRITE is not supported yet")
                .hint("INSERT INTO appends"));
        }
        self.expect_keyword("INTO")?;
        let table = self.table_name()?;
        if self.is_keyword("PARTITION") {
            return Err(SqlError::unsupported(
                self.peek().span,
                "INSERT INTO … PARTITION is not supported yet",
            ));
        }
        let columns = if self.is_symbol(Symbol::LeftParenthesis) && !self.opens_query(1) {
            self.parenthesized_names("the name of a column")?
        } else {
            Vec::new()
        };
        let query = self.query()?;
        Ok(Insert { table, columns, query, span: self.span_from(start) })
    }

    /// Whether a query begins `ahead` tokens on, parentheses passed over.
    pub(super) fn opens_query(&self, mut ahead: usize) -> bool {
        while self.is_symbol_at(ahead, Symbol::LeftParenthesis) {
            ahead += 1;
        }
        ["SELECT", "WITH", "VALUES"].iter().any(|keyword| self.is_keyword_at(ahead, keyword))
    }

    fn execute(&mut self) -> Parsed<StatementKind> {
        self.next();
        if self.is_keyword("INSERT") {
            return Ok(StatementKind::Insert(self.insert()?));
        }
        if self.opens_query(0) {
            return Ok(StatementKind::Query(self.query()?));
        }
        if self.is_keyword("PLAN") {
            return Err(SqlError::unsupported(self.peek().span, "EXECUTE PLAN is not supported yet"));
        }
        self.expect_keyword("STATEMENT")?;
        self.expect_keyword("SET")?;
        self.expect_keyword("BEGIN")?;
        self.statement_set()
    }

    /// `INSERT …; INSERT …; END`
    fn statement_set(&mut self) -> Parsed<StatementKind> {
        let mut inserts = Vec::new();
        while !self.take_keyword("END") {
            if !self.is_keyword("INSERT") {
                return Err(self
                    .expected("INSERT or END")
                    .hint("a statement set holds INSERT statements alone"));
            }
            inserts.push(self.insert()?);
            if !self.take_symbol(Symbol::Semicolon) {
                return Err(self.after_statement());
            }
        }
        if inserts.is_empty() {
            let span = self.tokens[self.position - 1].span;
            return Err(SqlError::semantic(span, "the statement set is empty")
                .hint("put at least one INSERT between BEGIN and END"));
        }
        Ok(StatementKind::StatementSet(inserts))
    }

    fn explain(&mut self) -> Parsed<StatementKind> {
        self.next();
        if !self.take_keywords(&["PLAN", "FOR"]) {
            for detail in ["ESTIMATED_COST", "CHANGELOG_MODE", "JSON_EXECUTION_PLAN", "PLAN_ADVICE"] {
                if self.is_keyword(detail) {
                    return Err(SqlError::unsupported(
                        self.peek().span,
                        format!("EXPLAIN {detail} is not supported yet"),
                    )
                    .hint("EXPLAIN [PLAN FOR] shows the plan"));
                }
            }
        }
        let kind = if self.is_keyword("STATEMENT") || self.is_keyword("EXECUTE") {
            self.take_keyword("EXECUTE");
            self.expect_keyword("STATEMENT")?;
            self.expect_keyword("SET")?;
            self.expect_keyword("BEGIN")?;
            self.statement_set()?
        } else if self.is_keyword("INSERT") {
            StatementKind::Insert(self.insert()?)
        } else {
            StatementKind::Query(self.query()?)
        };
        Ok(StatementKind::Explain(Box::new(kind)))
    }

    fn show(&mut self) -> Parsed<StatementKind> {
        self.next();
        if self.take_keyword("TABLES") {
            return Ok(StatementKind::ShowTables);
        }
        if self.take_keyword("VIEWS") {
            return Ok(StatementKind::ShowViews);
        }
        if self.take_keyword("CREATE") {
            if !self.take_keyword("TABLE") && !self.take_keyword("VIEW") {
                return Err(self.expected("TABLE or VIEW"));
            }
            return Ok(StatementKind::ShowCreate(self.table_name()?));
        }
        Err(SqlError::unsupported(
            self.peek().span,
            format!("SHOW {} is not supported yet", self.text_of(self.peek())),
        )
        .hint("SHOW TABLES, SHOW VIEWS, SHOW CREATE TABLE and SHOW CREATE VIEW are"))
    }

    fn set(&mut self) -> Parsed<StatementKind> {
        self.next();
        if self.peek().kind == TokenKind::End || self.is_symbol(Symbol::Semicolon) {
            return Ok(StatementKind::Set { key: None, value: None });
        }
        if self.peek().kind == TokenKind::Word {
            return Err(self.expected("a key in quotes").hint("SET 'key' = 'value'"));
        }
        let key = Some(self.string("a key in quotes")?);
        let value = if self.take_symbol(Symbol::Equal) {
            if self.peek().kind != TokenKind::String {
                return Err(self.expected("a value in quotes").hint("SET 'key' = 'value'"));
            }
            Some(self.string("a value in quotes")?)
        } else {
            None
        };
        Ok(StatementKind::Set { key, value })
    }
}
