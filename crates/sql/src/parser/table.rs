//! CREATE TABLE.

use super::{Parsed, Parser};
use crate::diagnostics::SqlError;
use crate::lexer::Symbol;
use crate::syntax::{
    ColumnDefinition, ColumnDefinitionKind, CreateTable, StatementKind, TableOption, WatermarkDefinition,
};

impl Parser<'_> {
    pub(super) fn create_table(&mut self, temporary: bool) -> Parsed<StatementKind> {
        self.next();
        let if_not_exists = self.take_keywords(&["IF", "NOT", "EXISTS"]);
        let name = self.table_name()?;
        let mut table = CreateTable {
            name,
            temporary,
            if_not_exists,
            columns: Vec::new(),
            watermark: None,
            primary_key: None,
            comment: None,
            options: Vec::new(),
        };
        if self.is_symbol(Symbol::LeftParenthesis) {
            self.next();
            self.table_elements(&mut table)?;
        }
        table.comment = self.comment()?;
        self.refuse_table_clauses()?;
        if self.take_keyword("WITH") {
            table.options = self.table_options()?;
        }
        self.refuse_table_clauses()?;
        if table.columns.is_empty() {
            return Err(SqlError::declaration(
                table.name.span,
                format!("the table '{}' has no columns", table.name.parts[table.name.parts.len() - 1].text),
            )
            .hint("CREATE TABLE name (column TYPE, …) WITH ('connector' = '…')"));
        }
        Ok(StatementKind::CreateTable(table))
    }

    fn table_elements(&mut self, table: &mut CreateTable) -> Parsed<()> {
        loop {
            if self.is_keyword("WATERMARK") && self.is_keyword_at(1, "FOR") {
                let watermark = self.watermark()?;
                if table.watermark.is_some() {
                    return Err(SqlError::declaration(watermark.span, "a table has one WATERMARK"));
                }
                table.watermark = Some(watermark);
            } else if self.is_keyword("PRIMARY") || self.is_keyword("CONSTRAINT") {
                self.table_constraint(table)?;
            } else if self.is_keyword("UNIQUE") {
                return Err(SqlError::unsupported(self.peek().span, "UNIQUE is not supported")
                    .hint("PRIMARY KEY (columns) NOT ENFORCED is"));
            } else {
                let column = self.column(table)?;
                table.columns.push(column);
            }
            if !self.take_symbol(Symbol::Comma) {
                self.expect_symbol(Symbol::RightParenthesis)?;
                return Ok(());
            }
        }
    }

    fn watermark(&mut self) -> Parsed<WatermarkDefinition> {
        let start = self.next().span;
        self.expect_keyword("FOR")?;
        let column = self.name("the name of a column")?;
        if self.is_symbol(Symbol::Dot) {
            return Err(SqlError::unsupported(
                self.peek().span,
                "a WATERMARK on a nested field is not supported yet",
            )
            .hint("declare a computed column: ts AS row.field, WATERMARK FOR ts AS …"));
        }
        self.expect_keyword("AS")?;
        let expression = self.expression()?;
        Ok(WatermarkDefinition { column, expression, span: self.span_from(start) })
    }

    fn table_constraint(&mut self, table: &mut CreateTable) -> Parsed<()> {
        let start = self.peek().span;
        if self.take_keyword("CONSTRAINT") {
            self.name("the name of a constraint")?;
        }
        self.expect_keyword("PRIMARY")?;
        self.expect_keyword("KEY")?;
        let columns = self.parenthesized_names("the name of a column")?;
        self.not_enforced()?;
        self.set_primary_key(table, columns, start)
    }

    fn set_primary_key(
        &self,
        table: &mut CreateTable,
        columns: Vec<crate::syntax::Name>,
        start: crate::diagnostics::Span,
    ) -> Parsed<()> {
        let span = self.span_from(start);
        if table.primary_key.is_some() {
            return Err(SqlError::declaration(span, "a table has one PRIMARY KEY"));
        }
        table.primary_key = Some((columns, span));
        Ok(())
    }

    fn not_enforced(&mut self) -> Parsed<()> {
        if self.take_keywords(&["NOT", "ENFORCED"]) {
            return Ok(());
        }
        Err(SqlError::declaration(
            self.peek().span,
            "a PRIMARY KEY cannot be enforced: the table does not own its data",
        )
        .hint("write PRIMARY KEY (…) NOT ENFORCED"))
    }

    fn column(&mut self, table: &mut CreateTable) -> Parsed<ColumnDefinition> {
        let name = self.name("the name of a column, WATERMARK or PRIMARY KEY")?;
        if self.take_keyword("AS") {
            let expression = self.expression()?;
            let comment = self.comment()?;
            return Ok(ColumnDefinition { name, kind: ColumnDefinitionKind::Computed(expression), comment });
        }
        let data_type = self.data_type()?;
        if self.take_keyword("METADATA") {
            let key =
                if self.take_keyword("FROM") { Some(self.string("the key of the metadata")?) } else { None };
            let is_virtual = self.take_keyword("VIRTUAL");
            let comment = self.comment()?;
            let kind = ColumnDefinitionKind::Metadata { data_type, key, is_virtual };
            return Ok(ColumnDefinition { name, kind, comment });
        }
        let start = self.peek().span;
        if self.take_keywords(&["PRIMARY", "KEY"]) {
            self.not_enforced()?;
            self.set_primary_key(table, vec![name.clone()], start)?;
        }
        let comment = self.comment()?;
        Ok(ColumnDefinition { name, kind: ColumnDefinitionKind::Physical(data_type), comment })
    }

    fn table_options(&mut self) -> Parsed<Vec<TableOption>> {
        self.expect_symbol(Symbol::LeftParenthesis)?;
        let options = self.comma_separated(|parser| {
            let (key, key_span) = parser.string("an option: 'key' = 'value'")?;
            parser.expect_symbol(Symbol::Equal)?;
            let (value, value_span) = parser.string("a value in quotes")?;
            Ok(TableOption { key, key_span, value, value_span })
        })?;
        self.expect_symbol(Symbol::RightParenthesis)?;
        for (index, option) in options.iter().enumerate() {
            if options[..index].iter().any(|earlier| earlier.key == option.key) {
                let message = format!("the option '{}' stands here twice", option.key);
                return Err(SqlError::declaration(option.key_span, message));
            }
        }
        Ok(options)
    }

    /// Clauses of Flink's CREATE TABLE that are not there yet.
    fn refuse_table_clauses(&self) -> Parsed<()> {
        let clauses: [(&[&str], &str); 5] = [
            (&["PARTITIONED", "BY"], "write the partitioning into the path of the table"),
            (
                &["DISTRIBUTED"],
                "set the number of a topic's partitions with SET 'millstream.topic.NAME.partitions'",
            ),
            (
                &["DISTRIBUTION"],
                "set the number of a topic's partitions with SET 'millstream.topic.NAME.partitions'",
            ),
            (&["LIKE"], "repeat the columns and options"),
            (&["AS"], "create the table, then INSERT INTO it"),
        ];
        for (keywords, hint) in clauses {
            if self.are_keywords(keywords) {
                let span = self.peek().span.to(self.peek_at(keywords.len() - 1).span);
                let message = format!("CREATE TABLE … {} is not supported yet", keywords.join(" "));
                return Err(SqlError::unsupported(span, message).hint(hint));
            }
        }
        Ok(())
    }
}
