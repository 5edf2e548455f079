//! SHOW, DESCRIBE and SET without a value: tables of text in Flink's form.

use super::TextTable;
use super::settings::SessionSettings;
use crate::binder::{Bound, Column, TimeAttribute};
use crate::catalog::{Catalog, Entry, Table, TableColumnKind};
use crate::planner::select::QueryBinder;
use crate::syntax::TableName;

pub(super) fn settings(settings: &SessionSettings) -> TextTable {
    let rows = settings.effective().into_iter().map(|(key, value)| vec![cell(key), cell(value)]).collect();
    table(&["key", "value"], rows)
}

pub(super) fn setting(settings: &SessionSettings, key: &str) -> TextTable {
    let value = settings.get(key).map(str::to_owned);
    table(&["key", "value"], vec![vec![cell(key), value]])
}

pub(super) fn names(catalog: &Catalog, views: bool) -> TextTable {
    let column = if views { "view name" } else { "table name" };
    table(&[column], catalog.names(views).map(|name| vec![cell(name)]).collect())
}

pub(super) fn describe(catalog: &Catalog, name: &TableName) -> Bound<TextTable> {
    let rows = match catalog.find(name)? {
        Entry::Table(table) => table
            .declared()
            .iter()
            .zip(&table.columns)
            .map(|(column, declared)| {
                let mut row = description(column);
                row[3] = table
                    .primary_key
                    .contains(&column.name)
                    .then(|| format!("PRI({})", table.primary_key.join(", ")));
                row[4] = match &declared.kind {
                    TableColumnKind::Physical => None,
                    TableColumnKind::Computed(text) => Some(format!("AS {text}")),
                    TableColumnKind::Metadata { key, is_virtual } => {
                        Some(metadata(&column.name, key, *is_virtual))
                    }
                };
                row[5] = table
                    .watermark
                    .as_ref()
                    .filter(|_| column.time == Some(TimeAttribute::Rowtime))
                    .map(|w| w.text.clone());
                row
            })
            .collect(),
        Entry::View(view) => {
            let relation = QueryBinder::new(catalog).view(view)?;
            relation.columns().iter().map(description).collect()
        }
    };
    Ok(table(&["name", "type", "null", "key", "extras", "watermark"], rows))
}

fn description(column: &Column) -> Vec<Option<String>> {
    let marker = match column.time {
        Some(TimeAttribute::Rowtime) => " *ROWTIME*",
        Some(TimeAttribute::Proctime) => " *PROCTIME*",
        None => "",
    };
    let nullable = if column.data_type.nullable { "TRUE" } else { "FALSE" };
    let data_type = format!("{}{marker}", column.data_type.kind);
    vec![cell(&column.name), Some(data_type), cell(nullable), None, None, None]
}

/// `METADATA FROM 'key' VIRTUAL`
fn metadata(name: &str, key: &str, is_virtual: bool) -> String {
    let from = if name == key { String::new() } else { format!(" FROM {}", quoted(key)) };
    format!("METADATA{from}{}", if is_virtual { " VIRTUAL" } else { "" })
}

pub(super) fn create(entry: &Entry) -> TextTable {
    let text = match entry {
        Entry::Table(table) => create_table(table),
        Entry::View(view) => view.source.slice(view.span).to_owned(),
    };
    table(&["result"], vec![vec![Some(text)]])
}

fn create_table(declared: &Table) -> String {
    let mut elements: Vec<String> = declared
        .columns
        .iter()
        .map(|column| {
            let name = identifier(&column.name);
            let comment =
                column.comment.as_ref().map_or(String::new(), |text| format!(" COMMENT {}", quoted(text)));
            let body = match &column.kind {
                TableColumnKind::Physical => column.data_type.to_string(),
                TableColumnKind::Computed(text) => format!("AS {text}"),
                TableColumnKind::Metadata { key, is_virtual } => {
                    format!("{} {}", column.data_type, metadata(&column.name, key, *is_virtual))
                }
            };
            format!("{name} {body}{comment}")
        })
        .collect();
    if let Some(watermark) = &declared.watermark {
        let name = &declared.leaf[watermark.column].name;
        elements.push(format!("WATERMARK FOR {} AS {}", identifier(name), watermark.text));
    }
    if !declared.primary_key.is_empty() {
        let names: Vec<String> = declared.primary_key.iter().map(|name| identifier(name)).collect();
        elements.push(format!("PRIMARY KEY ({}) NOT ENFORCED", names.join(", ")));
    }
    let options: Vec<String> = declared
        .options
        .iter()
        .map(|option| {
            format!("  {} = {}", quoted(&option.key), quoted(&redacted(&option.key, &option.value)))
        })
        .collect();
    let comment =
        declared.comment.as_ref().map_or(String::new(), |text| format!("COMMENT {}\n", quoted(text)));
    format!(
        "CREATE {}TABLE {} (\n  {}\n)\n{comment}WITH (\n{}\n)",
        if declared.is_temporary { "TEMPORARY " } else { "" },
        identifier(&declared.name),
        elements.join(",\n  "),
        options.join(",\n")
    )
}

/// Secrets are not shown.
fn redacted(key: &str, value: &str) -> String {
    let key = key.to_lowercase();
    let secret = ["password", "secret", "token", "jaas", "credential"].iter().any(|word| key.contains(word));
    if secret { "******".to_owned() } else { value.to_owned() }
}

fn identifier(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn cell(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn table(columns: &[&str], rows: Vec<Vec<Option<String>>>) -> TextTable {
    TextTable { columns: columns.iter().map(|&column| column.to_owned()).collect(), rows }
}
