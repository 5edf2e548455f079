//! Which column of a table stands where in a record: in its key, in its value, or beside them.

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};
use millstream_engine::connector::{ColumnKind, ColumnSpec, ConnectorError, FieldPath, TableSpec};
use millstream_formats::{Format, Projection, RowDecoder, RowEncoder};

use super::options::KafkaOptions;
use crate::format::declaration;

/// What stands beside key and value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Metadata {
    Topic,
    Partition,
    Headers,
    LeaderEpoch,
    Offset,
    Timestamp,
    TimestampType,
}

impl Metadata {
    const ALL: [Self; 7] = [
        Self::Topic,
        Self::Partition,
        Self::Headers,
        Self::LeaderEpoch,
        Self::Offset,
        Self::Timestamp,
        Self::TimestampType,
    ];

    fn key(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::Partition => "partition",
            Self::Headers => "headers",
            Self::LeaderEpoch => "leader-epoch",
            Self::Offset => "offset",
            Self::Timestamp => "timestamp",
            Self::TimestampType => "timestamp-type",
        }
    }

    /// The type it comes in; a column of another type is cast.
    pub(super) fn data_type(self) -> DataType {
        match self {
            Self::Topic | Self::TimestampType => DataType::Utf8View,
            Self::Partition | Self::LeaderEpoch => DataType::Int32,
            Self::Offset => DataType::Int64,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
            Self::Headers => {
                let key = Field::new("key", DataType::Utf8View, false);
                let value = Field::new("value", DataType::BinaryView, true);
                let entries = DataType::Struct(vec![key, value].into());
                DataType::Map(Arc::new(Field::new("entries", entries, false)), false)
            }
        }
    }

    fn is_writable(self) -> bool {
        matches!(self, Self::Headers | Self::Timestamp)
    }

    fn of(column: &ColumnSpec, key: &str) -> Result<Self, ConnectorError> {
        Self::ALL.into_iter().find(|metadata| metadata.key() == key).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|metadata| metadata.key()).collect();
            column_error(
                column,
                format!("'{key}' is not metadata of a record: there are {}", names.join(", ")),
            )
        })
    }
}

/// The metadata columns of a table: name, type, and whether one may be written.
pub(super) fn metadata() -> Vec<(&'static str, DataType, bool)> {
    Metadata::ALL
        .iter()
        .map(|metadata| (metadata.key(), metadata.data_type(), metadata.is_writable()))
        .collect()
}

/// A table's columns divided.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// The columns of the value.
    value: SchemaRef,
    /// The columns of the key under the names that they have there, and its format.
    key: Option<(SchemaRef, Format)>,
    /// The key's columns under their names in the table.
    key_columns: Vec<String>,
    value_format: Format,
}

impl Layout {
    /// Divides the columns.
    ///
    /// # Errors
    /// A key column that the table lacks; a type that a format cannot hold.
    pub(super) fn new(table: &TableSpec, options: &KafkaOptions) -> Result<Self, ConnectorError> {
        let physical: Vec<&FieldRef> = table
            .columns
            .iter()
            .filter(|column| column.kind == ColumnKind::Physical)
            .map(|column| &column.field)
            .collect();
        let key_columns = options.key.as_ref().map(|key| key.fields.clone()).unwrap_or_default();
        let mut key_fields = Vec::new();
        for name in &key_columns {
            let prefix = options.key.as_ref().map(|key| key.prefix.as_str()).unwrap_or_default();
            let field = physical.iter().find(|field| field.name() == name).ok_or_else(|| {
                let message = format!("the table has no column `{name}` to be its key");
                ConnectorError::Declaration { option: Some("key.fields".to_owned()), column: None, message }
            })?;
            let stripped = name.strip_prefix(prefix).unwrap_or(name);
            key_fields.push(field.as_ref().clone().with_name(stripped));
        }
        let in_value = |field: &&&FieldRef| options.value_includes_key || !key_columns.contains(field.name());
        let value: Vec<FieldRef> = physical.iter().filter(in_value).map(|field| (*field).clone()).collect();
        let key = options.key.as_ref().map(|key| (Arc::new(Schema::new(key_fields)), key.format.clone()));
        Ok(Self {
            value: Arc::new(Schema::new(value)),
            key,
            key_columns,
            value_format: options.value.clone(),
        })
    }

    /// Whether a null in the key's only column means no key.
    pub(super) fn key_is_raw(&self) -> bool {
        matches!(self.key, Some((_, Format::Raw(_))))
    }

    /// Whether a null in the value's only column means a tombstone.
    pub(super) fn value_is_raw(&self) -> bool {
        matches!(self.value_format, Format::Raw(_))
    }

    /// The encoders of value and key.
    ///
    /// # Errors
    /// A type that a format cannot hold.
    pub(super) fn encoders(&self) -> Result<(RowEncoder, Option<RowEncoder>), ConnectorError> {
        let value = self.value_format.encoder(&self.value).map_err(|error| declaration(&error))?;
        let key = self.key.as_ref().map(|(schema, format)| format.encoder(schema)).transpose();
        Ok((value, key.map_err(|error| declaration(&error))?))
    }
}

/// Where an output column of a source is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The value decoder's column of this index.
    Value(usize),
    /// The key decoder's column of this index.
    Key(usize),
    /// Beside both.
    Metadata(Metadata),
}

/// What a scan takes of a record.
#[derive(Debug, Clone)]
pub(super) struct SourceLayout {
    /// The output's columns.
    pub(super) schema: SchemaRef,
    /// Where each of them is taken from.
    pub(super) origins: Vec<Origin>,
    layout: Layout,
    value: Projection,
    /// `None` when no column is taken from the key alone.
    key: Option<Projection>,
}

impl SourceLayout {
    /// Divides the paths of a scan between key, value and metadata.
    ///
    /// # Errors
    /// As [`Layout::new`]; a metadata key that does not exist.
    pub(super) fn new(
        table: &TableSpec,
        options: &KafkaOptions,
        paths: &[FieldPath],
    ) -> Result<Self, ConnectorError> {
        let layout = Layout::new(table, options)?;
        let in_value = |name: &str| layout.value.field_with_name(name).is_ok();
        let (mut value_paths, mut key_paths) = (Vec::new(), Vec::new());
        for path in paths {
            let Some(first) = path.0.first() else { continue };
            if in_value(first) {
                value_paths.push(path.0.clone());
            } else if let Some(position) = layout.key_columns.iter().position(|name| name == first) {
                let mut inner = path.0.clone();
                inner[0] = layout.key_name(position);
                key_paths.push(inner);
            }
        }
        let key = (!key_paths.is_empty()).then(|| Projection::of(key_paths));
        let value = Projection::of(value_paths);
        let mut scan = Self { schema: Arc::new(Schema::empty()), origins: Vec::new(), layout, value, key };
        let (value, key) = scan.decoders()?;
        let mut fields = Vec::new();
        for column in &table.columns {
            if paths.iter().any(|path| path.0.first() == Some(column.field.name())) {
                let (field, origin) = scan.origin(column, &value, key.as_ref())?;
                fields.push(field);
                scan.origins.push(origin);
            }
        }
        scan.schema = Arc::new(Schema::new(fields));
        Ok(scan)
    }

    /// Decoders of value and, if it is read, key.
    ///
    /// # Errors
    /// A type that a format cannot hold.
    pub(super) fn decoders(&self) -> Result<(RowDecoder, Option<RowDecoder>), ConnectorError> {
        let layout = &self.layout;
        let value =
            layout.value_format.decoder(&layout.value, &self.value).map_err(|error| declaration(&error))?;
        let key = match (&layout.key, &self.key) {
            (Some((schema, format)), Some(projection)) => {
                Some(format.decoder(schema, projection).map_err(|error| declaration(&error))?)
            }
            _ => None,
        };
        Ok((value, key))
    }

    /// Whether records that the value's format cannot read are passed over.
    pub(super) fn ignores_parse_errors(&self) -> bool {
        self.layout.value_format.ignores_parse_errors()
    }

    /// Whether the value is one column of bytes.
    pub(super) fn value_is_raw(&self) -> bool {
        self.layout.value_is_raw()
    }

    /// The metadata that the scan takes.
    pub(super) fn metadata(&self) -> impl Iterator<Item = Metadata> {
        self.origins.iter().filter_map(|origin| match origin {
            Origin::Metadata(metadata) => Some(*metadata),
            _ => None,
        })
    }

    fn origin(
        &self,
        column: &ColumnSpec,
        value: &RowDecoder,
        key: Option<&RowDecoder>,
    ) -> Result<(FieldRef, Origin), ConnectorError> {
        if let ColumnKind::Metadata { key, .. } = &column.kind {
            return Ok((column.field.clone(), Origin::Metadata(Metadata::of(column, key)?)));
        }
        let name = column.field.name();
        if let Some((index, field)) = value.schema().column_with_name(name) {
            return Ok((Arc::new(field.clone()), Origin::Value(index)));
        }
        let position = self.layout.key_columns.iter().position(|key| key == name);
        let inner = position.map(|position| self.layout.key_name(position)).unwrap_or_default();
        let found = key.and_then(|key| key.schema().column_with_name(&inner));
        let (index, field) = found.ok_or_else(|| {
            column_error(column, format!("the column `{name}` is in neither key nor value"))
        })?;
        Ok((Arc::new(field.clone().with_name(name)), Origin::Key(index)))
    }
}

impl Layout {
    /// The name in the key of the key column at `position`.
    fn key_name(&self, position: usize) -> String {
        self.key.as_ref().map(|(schema, _)| schema.field(position).name().clone()).unwrap_or_default()
    }
}

/// What a sink puts where: indices into its input, the table's persisted columns.
#[derive(Debug, Clone)]
pub(super) struct SinkLayout {
    pub(super) layout: Layout,
    /// The input's columns that make the value, in its order.
    pub(super) value: Vec<usize>,
    /// The input's columns that make the key, in its order.
    pub(super) key: Vec<usize>,
    /// The input's column with the record's timestamp.
    pub(super) timestamp: Option<usize>,
    /// The input's column with the record's headers.
    pub(super) headers: Option<usize>,
}

impl SinkLayout {
    /// Divides the persisted columns.
    ///
    /// # Errors
    /// As [`Layout::new`]; a metadata column that cannot be written and is not `VIRTUAL`.
    pub(super) fn new(table: &TableSpec, options: &KafkaOptions) -> Result<Self, ConnectorError> {
        let layout = Layout::new(table, options)?;
        layout.encoders()?;
        let (mut timestamp, mut headers, mut names) = (None, None, Vec::new());
        for column in &table.columns {
            match &column.kind {
                ColumnKind::Metadata { is_virtual: true, .. } => continue,
                ColumnKind::Metadata { key, .. } => match Metadata::of(column, key)? {
                    Metadata::Timestamp => timestamp = Some(names.len()),
                    Metadata::Headers => headers = Some(names.len()),
                    _ => {
                        let message =
                            format!("'{key}' of a record cannot be written: declare the column VIRTUAL");
                        return Err(column_error(column, message));
                    }
                },
                ColumnKind::Physical => {}
            }
            names.push(column.field.name().as_str());
        }
        let index = |name: &str| names.iter().position(|known| *known == name);
        let value = layout.value.fields().iter().filter_map(|field| index(field.name())).collect();
        let key = layout.key_columns.iter().filter_map(|name| index(name)).collect();
        Ok(Self { layout, value, key, timestamp, headers })
    }
}

fn column_error(column: &ColumnSpec, message: String) -> ConnectorError {
    ConnectorError::Declaration { option: None, column: Some(column.field.name().clone()), message }
}
