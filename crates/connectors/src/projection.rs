//! Pruning a declaration to the field paths that a query needs.

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use millstream_engine::connector::{ConnectorError, FieldPath};

/// The schema of `columns` with only what `paths` name: whole columns, and ROWs down to the fields that are reached,
/// in the declaration's order.
///
/// # Errors
/// When a path names a field that does not exist.
pub(crate) fn project(columns: &[FieldRef], paths: &[FieldPath]) -> Result<SchemaRef, ConnectorError> {
    let paths: Vec<&[String]> = paths.iter().map(|path| path.0.as_slice()).collect();
    Ok(Arc::new(Schema::new(prune(columns, &paths)?)))
}

fn prune(fields: &[FieldRef], paths: &[&[String]]) -> Result<Fields, ConnectorError> {
    for path in paths {
        let known = |name: &String| fields.iter().any(|field| field.name() == name);
        if !path.first().is_some_and(known) {
            return Err(ConnectorError::Declaration {
                option: None,
                column: path.first().cloned(),
                message: format!("the table has no field `{}`", path.join(".")),
            });
        }
    }
    let kept = fields.iter().filter_map(|field| keep(field, paths).transpose());
    kept.collect::<Result<Vec<_>, _>>().map(Fields::from)
}

fn keep(field: &FieldRef, paths: &[&[String]]) -> Result<Option<FieldRef>, ConnectorError> {
    let below: Vec<&[String]> =
        paths.iter().filter(|path| &path[0] == field.name()).map(|path| &path[1..]).collect();
    if below.is_empty() {
        return Ok(None);
    }
    match field.data_type() {
        DataType::Struct(children) if below.iter().all(|path| !path.is_empty()) => {
            let children = prune(children, &below)?;
            let pruned = Field::new(field.name(), DataType::Struct(children), field.is_nullable());
            Ok(Some(Arc::new(pruned.with_metadata(field.metadata().clone()))))
        }
        _ => Ok(Some(field.clone())),
    }
}
