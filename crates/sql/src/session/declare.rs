//! CREATE and DROP.

use std::sync::Arc;

use super::{Outcome, Session};
use crate::binder::{Binder, Bound, Column, Scope, TimeAttribute, coerce};
use crate::catalog::{Catalog, Entry, Table, TableColumn, TableColumnKind, View, Watermark};
use crate::diagnostics::{Span, SqlError};
use crate::expression::{Expr, ExprKind};
use crate::planner::select::{QueryBinder, check_types};
use crate::syntax::{
    ColumnDefinition, ColumnDefinitionKind, CreateTable, CreateView, Statement, TableName,
    WatermarkDefinition,
};
use crate::types::{Kind, SqlType};

impl Session {
    /// Whether a name is free; an error if it is not and must be.
    fn is_free(&self, name: &TableName, if_not_exists: bool) -> Bound<bool> {
        let bare = Catalog::resolve(name)?;
        if self.catalog.get(bare).is_none() {
            return Ok(true);
        }
        if if_not_exists {
            return Ok(false);
        }
        Err(SqlError::name(name.span, format!("'{bare}' exists already"))
            .hint("CREATE … IF NOT EXISTS leaves it as it is; DROP TABLE removes it"))
    }

    pub(super) fn create_table(&mut self, definition: &CreateTable, statement: &Statement) -> Bound<Outcome> {
        if self.is_free(&definition.name, definition.if_not_exists)? {
            let table = TableBuilder { session: self, definition }.build(statement)?;
            self.catalog.insert(table.name.clone(), Entry::Table(Arc::new(table)));
        }
        Ok(Outcome::Done { notice: None })
    }

    pub(super) fn create_view(&mut self, definition: &CreateView, statement: &Statement) -> Bound<Outcome> {
        if !self.is_free(&definition.name, definition.if_not_exists)? {
            return Ok(Outcome::Done { notice: None });
        }
        let view = View {
            name: Catalog::resolve(&definition.name)?.to_owned(),
            definition: definition.clone(),
            source: Arc::clone(&statement.source),
            span: statement.span,
        };
        // Binding it now finds mistakes where they were made.
        let relation = QueryBinder::new(&self.catalog).view(&view)?;
        check_types(&relation, definition.query.span)?;
        self.catalog.insert(view.name.clone(), Entry::View(Arc::new(view)));
        Ok(Outcome::Done { notice: None })
    }

    pub(super) fn drop_entry(&mut self, view: bool, if_exists: bool, name: &TableName) -> Bound<Outcome> {
        let bare = Catalog::resolve(name)?.to_owned();
        let what = if view { "view" } else { "table" };
        match self.catalog.get(&bare) {
            None if if_exists => {}
            None => {
                self.catalog.find(name)?;
            }
            Some(entry) if matches!(entry, Entry::View(_)) != view => {
                let other = if view { "table" } else { "view" };
                return Err(SqlError::semantic(name.span, format!("'{bare}' is a {other}, not a {what}"))
                    .hint(format!("DROP {} {bare}", other.to_uppercase())));
            }
            Some(_) => {
                self.catalog.remove(&bare);
            }
        }
        Ok(Outcome::Done { notice: None })
    }

    /// The type that a connector gives a metadata column, and checks of its key.
    fn metadata_type(
        &self,
        definition: &CreateTable,
        key: &str,
        span: Span,
    ) -> Bound<Option<(SqlType, bool)>> {
        let connector = definition.options.iter().find(|option| option.key == "connector");
        let Some(connector) = connector
            .and_then(|option| self.connectors.iter().find(|connector| connector.name() == option.value))
        else {
            return Ok(None); // said where the table is used
        };
        let offered = connector.metadata();
        match offered.iter().find(|(name, ..)| *name == key) {
            Some((_, data_type, writable)) => {
                Ok(SqlType::from_arrow(data_type, true).map(|data_type| (data_type, *writable)))
            }
            None => Err(SqlError::name(
                span,
                format!("the connector '{}' has no metadata '{key}'", connector.name()),
            )
            .suggest(key, offered.iter().map(|(name, ..)| *name), "metadata keys")),
        }
    }
}

struct TableBuilder<'a> {
    session: &'a Session,
    definition: &'a CreateTable,
}

/// A column while the table is built.
struct Draft<'a> {
    definition: &'a ColumnDefinition,
    kind: TableColumnKind,
    data_type: SqlType,
    stored_type: SqlType,
    /// Over the scope of physical and metadata columns.
    expression: Expr,
    time: Option<TimeAttribute>,
}

impl TableBuilder<'_> {
    fn build(&self, statement: &Statement) -> Bound<Table> {
        let definition = self.definition;
        self.check_names()?;
        let (stored, access) = self.stored_columns()?;
        let scope = Scope { alias: None, columns: stored.clone() };
        let mut drafts = Vec::new();
        for column in &definition.columns {
            drafts.push(self.draft(column, &scope, &access, statement)?);
        }
        let name = Catalog::resolve(&definition.name)?.to_owned();
        let primary_key = self.primary_key(&mut drafts)?;
        let mut leaf: Vec<Column> = stored;
        for (index, draft) in
            drafts.iter().filter(|draft| !matches!(draft.kind, TableColumnKind::Computed(_))).enumerate()
        {
            leaf[index].data_type = draft.stored_type.clone();
        }
        let mut rowtime = None;
        let watermark = match &definition.watermark {
            Some(watermark) => {
                Some(self.watermark(watermark, &mut drafts, &mut leaf, &mut rowtime, statement)?)
            }
            None => None,
        };
        let columns = drafts
            .into_iter()
            .map(|draft| TableColumn {
                name: draft.definition.name.text.clone(),
                data_type: draft.data_type,
                kind: draft.kind,
                time: draft.time,
                expression: draft.expression,
                stored_type: draft.stored_type,
                comment: draft.definition.comment.clone(),
                span: draft.definition.name.span,
            })
            .collect();
        Ok(Table {
            name,
            columns,
            leaf,
            rowtime,
            watermark,
            primary_key,
            options: definition.options.clone(),
            comment: definition.comment.clone(),
            source: Arc::clone(&statement.source),
            is_temporary: definition.temporary,
            name_span: definition.name.span,
        })
    }

    fn check_names(&self) -> Bound<()> {
        let columns = &self.definition.columns;
        for (index, column) in columns.iter().enumerate() {
            if columns[..index].iter().any(|earlier| earlier.name.text == column.name.text) {
                let message = format!("the column '{}' is declared twice", column.name.text);
                return Err(SqlError::name(column.name.span, message));
            }
        }
        Ok(())
    }

    /// The physical and metadata columns with their declared types, and how each is read from what is stored.
    fn stored_columns(&self) -> Bound<(Vec<Column>, Vec<Expr>)> {
        let mut columns = Vec::new();
        let mut access = Vec::new();
        for column in &self.definition.columns {
            let (declared, stored) = match &column.kind {
                ColumnDefinitionKind::Physical(data_type) => (data_type.clone(), data_type.clone()),
                ColumnDefinitionKind::Metadata { data_type, .. } => {
                    (data_type.clone(), self.stored_type(column, data_type)?)
                }
                ColumnDefinitionKind::Computed(_) => continue,
            };
            let span = column.name.span;
            let raw = Expr::column(columns.len(), &column.name.text, stored, span);
            let mut read = coerce::convert(raw, &declared.kind);
            read.data_type.nullable = declared.nullable;
            access.push(read);
            columns.push(Column { name: column.name.text.clone(), data_type: declared, time: None });
        }
        Ok((columns, access))
    }

    fn stored_type(&self, column: &ColumnDefinition, declared: &SqlType) -> Bound<SqlType> {
        let ColumnDefinitionKind::Metadata { key, is_virtual, .. } = &column.kind else {
            return Ok(declared.clone());
        };
        let (key, span) = match key {
            Some((key, span)) => (key.as_str(), *span),
            None => (column.name.text.as_str(), column.name.span),
        };
        let Some((stored, writable)) = self.session.metadata_type(self.definition, key, span)? else {
            return Ok(declared.clone());
        };
        if !writable && !is_virtual {
            return Err(SqlError::declaration(span, format!("the metadata '{key}' can only be read"))
                .hint("declare the column METADATA … VIRTUAL"));
        }
        if !crate::expression::cast::is_supported(&stored.kind, &declared.kind) {
            let message =
                format!("the metadata '{key}' is {}: it cannot be read as {}", stored.kind, declared.kind);
            return Err(SqlError::types(column.name.span, message));
        }
        // A string's or byte string's length is the declaration's affair.
        let same = stored.kind.to_arrow() == declared.kind.to_arrow();
        Ok(if same { declared.clone() } else { stored.with_nullability(declared.nullable) })
    }

    fn draft<'d>(
        &self,
        column: &'d ColumnDefinition,
        scope: &Scope,
        access: &[Expr],
        statement: &Statement,
    ) -> Bound<Draft<'d>> {
        if let ColumnDefinitionKind::Computed(expression) = &column.kind {
            let bound = Binder::scalar(scope, "a computed column").bind(expression)?;
            if bound.data_type.kind == Kind::Null {
                return Err(SqlError::types(bound.span, "the type of NULL is not known here")
                    .hint("write CAST(NULL AS type)"));
            }
            let time = scope.time_attribute(&bound);
            let text = statement.source.slice(expression.span).to_owned();
            let data_type = bound.data_type.clone();
            return Ok(Draft {
                definition: column,
                kind: TableColumnKind::Computed(text),
                data_type: data_type.clone(),
                stored_type: data_type,
                expression: bound.substitute(access),
                time,
            });
        }
        let index = scope.find(&column.name)?;
        let kind = match &column.kind {
            ColumnDefinitionKind::Metadata { key, is_virtual, .. } => TableColumnKind::Metadata {
                key: key.as_ref().map_or_else(|| column.name.text.clone(), |(key, _)| key.clone()),
                is_virtual: *is_virtual,
            },
            _ => TableColumnKind::Physical,
        };
        let data_type = scope.columns[index].data_type.clone();
        let stored_type = match &column.kind {
            ColumnDefinitionKind::Metadata { .. } => self.stored_type(column, &data_type)?,
            _ => data_type.clone(),
        };
        Ok(Draft {
            definition: column,
            kind,
            data_type,
            stored_type,
            expression: access[index].clone(),
            time: None,
        })
    }

    /// The columns of the primary key, which become NOT NULL.
    fn primary_key(&self, drafts: &mut [Draft<'_>]) -> Bound<Vec<String>> {
        let Some((names, _)) = &self.definition.primary_key else { return Ok(Vec::new()) };
        for name in names {
            let known: Vec<String> = drafts.iter().map(|draft| draft.definition.name.text.clone()).collect();
            let Some(draft) = drafts.iter_mut().find(|draft| draft.definition.name.text == name.text) else {
                return Err(SqlError::name(name.span, format!("unknown column '{}'", name.text)).suggest(
                    &name.text,
                    known.iter().map(String::as_str),
                    "columns",
                ));
            };
            if draft.kind != TableColumnKind::Physical {
                return Err(SqlError::declaration(
                    name.span,
                    format!("the key column '{}' is not physical", name.text),
                ));
            }
            draft.data_type.nullable = false;
            draft.stored_type.nullable = false;
            draft.expression.data_type.nullable = false;
        }
        Ok(names.iter().map(|name| name.text.clone()).collect())
    }

    /// The watermark over the leaf's columns; a time column that is not stored becomes one of them.
    fn watermark(
        &self,
        definition: &WatermarkDefinition,
        drafts: &mut [Draft<'_>],
        leaf: &mut Vec<Column>,
        rowtime: &mut Option<Expr>,
        statement: &Statement,
    ) -> Bound<Watermark> {
        let columns: Vec<Column> = drafts
            .iter()
            .map(|draft| Column {
                name: draft.definition.name.text.clone(),
                data_type: draft.data_type.clone(),
                time: draft.time,
            })
            .collect();
        let scope = Scope { alias: None, columns };
        let index = scope.find(&definition.column)?;
        let kind = scope.columns[index].data_type.kind.clone();
        if !matches!(kind, Kind::Timestamp(0..=3) | Kind::TimestampLtz(0..=3)) {
            let message = format!("the time column '{}' is {kind}", definition.column.text);
            return Err(SqlError::types(definition.column.span, message).hint(
                "a WATERMARK needs a TIMESTAMP(3) or TIMESTAMP_LTZ(3): compute one, such as ts AS TO_TIMESTAMP(text)",
            ));
        }
        if scope.columns[index].time == Some(TimeAttribute::Proctime) {
            return Err(SqlError::declaration(
                definition.column.span,
                "a processing time needs no WATERMARK",
            ));
        }
        let bound = Binder::scalar(&scope, "WATERMARK").bind(&definition.expression)?;
        let result = &bound.data_type.kind;
        if !matches!(
            (&kind, result),
            (Kind::Timestamp(_), Kind::Timestamp(_)) | (Kind::TimestampLtz(_), Kind::TimestampLtz(_))
        ) {
            let message = format!("the watermark is {result}, its time column {kind}");
            return Err(
                SqlError::types(bound.span, message).hint("both are of one kind: ts - INTERVAL '5' SECOND")
            );
        }
        let draft = &mut drafts[index];
        let column = match draft.expression.as_path() {
            Some((column, path)) if path.is_empty() => column,
            _ => {
                leaf.push(Column {
                    name: draft.definition.name.text.clone(),
                    data_type: draft.data_type.clone(),
                    time: None,
                });
                let computed = Expr::column(
                    leaf.len() - 1,
                    &draft.definition.name.text,
                    draft.data_type.clone(),
                    draft.definition.name.span,
                );
                *rowtime = Some(std::mem::replace(&mut draft.expression, computed));
                leaf.len() - 1
            }
        };
        leaf[column].time = Some(TimeAttribute::Rowtime);
        draft.time = Some(TimeAttribute::Rowtime);
        let replacements: Vec<Expr> = drafts.iter().map(|draft| draft.expression.clone()).collect();
        let expression = bound.substitute(&replacements);
        debug_assert!(!matches!(expression.kind, ExprKind::Window(_)), "a table has no windows");
        let text = statement.source.slice(definition.expression.span).to_owned();
        Ok(Watermark { column, expression, text })
    }
}
