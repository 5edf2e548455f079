//! Which fields of a schema a query reads: a set of paths, into nested ROWs as well.
//!
//! A path that names a ROW takes all of it. Order and nullability are the schema's, whatever the paths' order.
//! Paths do not reach into ARRAY and MAP.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef};

use crate::error::FormatError;

/// The steps from a row to one of its fields: `["bid", "price"]`.
pub type FieldPath = Vec<String>;

/// A set of field paths, or everything.
///
/// ```
/// use std::sync::Arc;
/// use arrow_schema::{DataType, Field, Schema};
/// use millstream_formats::Projection;
///
/// let bid = DataType::Struct(
///     vec![Field::new("auction", DataType::Int64, true), Field::new("price", DataType::Int64, true)].into(),
/// );
/// let schema = Arc::new(Schema::new(vec![Field::new("kind", DataType::Int32, true), Field::new("bid", bid, true)]));
/// let read = Projection::of([vec!["bid".to_owned(), "price".to_owned()]]).apply(&schema)?;
/// assert_eq!(read.fields().len(), 1);
/// # Ok::<(), millstream_formats::FormatError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Projection(Option<Node>);

/// The children that are read; without any, the whole field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Node {
    whole: bool,
    children: BTreeMap<String, Node>,
}

impl Projection {
    /// Every field.
    pub fn all() -> Self {
        Projection(None)
    }

    /// These fields only; none at all gives rows without columns.
    pub fn of(paths: impl IntoIterator<Item = FieldPath>) -> Self {
        let mut root = Node::default();
        for path in paths {
            let mut node = &mut root;
            for step in path {
                node = node.children.entry(step).or_default();
            }
            node.whole = true;
        }
        Projection(Some(root))
    }

    /// The schema of what is read: `schema` without the fields that no path reaches.
    ///
    /// # Errors
    ///
    /// [`FormatError::UnknownField`] when a path does not lead to a field.
    pub fn apply(&self, schema: &SchemaRef) -> Result<SchemaRef, FormatError> {
        let Some(root) = &self.0 else { return Ok(schema.clone()) };
        let fields = prune(schema.fields(), root, "")?;
        Ok(Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone())))
    }
}

fn prune(fields: &[FieldRef], node: &Node, prefix: &str) -> Result<Vec<FieldRef>, FormatError> {
    if let Some(name) = node.children.keys().find(|name| !fields.iter().any(|f| f.name() == *name)) {
        return Err(FormatError::UnknownField { path: format!("{prefix}{name}") });
    }
    let mut kept = Vec::new();
    for field in fields {
        match node.children.get(field.name()) {
            None => {}
            Some(child) if child.whole => kept.push(field.clone()),
            Some(child) => {
                let prefix = format!("{prefix}{}.", field.name());
                let nested = match field.data_type() {
                    DataType::Struct(nested) => prune(nested, child, &prefix)?,
                    _ => prune(&[], child, &prefix)?,
                };
                kept.push(Arc::new(narrowed(field, nested)));
            }
        }
    }
    Ok(kept)
}

fn narrowed(field: &Field, nested: Vec<FieldRef>) -> Field {
    field.clone().with_data_type(DataType::Struct(nested.into()))
}

#[cfg(test)]
mod tests;
