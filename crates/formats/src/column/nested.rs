//! Columns of ROW, ARRAY and MAP.
//!
//! The fields of a ROW are as long as the ROW itself between rows: while one is decoded its fields run ahead, and
//! the ROW's own entry is appended last. The items of an ARRAY and MAP run free; `close` ends the entry.

use std::sync::Arc;

use arrow_array::{ArrayRef, ListArray, MapArray, StructArray};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{ArrowError, DataType, FieldRef, Fields};

use super::{Arena, Column, Nulls};
use crate::types::map_entry;

/// A ROW column.
#[derive(Debug)]
pub(crate) struct RowColumn {
    pub(crate) children: Vec<Column>,
    fields: Fields,
    nulls: Nulls,
}

impl RowColumn {
    pub(crate) fn new(fields: &Fields) -> Option<Self> {
        let children =
            fields.iter().map(|field| Column::new(field.data_type())).collect::<Option<Vec<_>>>()?;
        Some(RowColumn { children, fields: fields.clone(), nulls: Nulls::new() })
    }

    pub(crate) fn len(&self) -> usize {
        self.nulls.len()
    }

    /// The fields as declared, one for each child.
    pub(crate) fn declared(&self) -> impl Iterator<Item = &arrow_schema::Field> {
        self.fields.iter().map(AsRef::as_ref)
    }

    /// Ends an entry whose fields have all been appended.
    #[inline]
    pub(crate) fn close(&mut self) {
        self.nulls.push_valid();
    }

    pub(crate) fn push_null(&mut self) {
        for child in &mut self.children {
            child.push_null();
        }
        self.nulls.push_null();
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        for child in &mut self.children {
            child.truncate(len);
        }
        self.nulls.truncate(len);
    }

    pub(crate) fn finish(&mut self, arena: &Arena) -> Result<ArrayRef, ArrowError> {
        let len = self.len();
        let nulls = self.nulls.finish();
        let arrays =
            self.children.iter_mut().map(|child| child.finish(arena)).collect::<Result<Vec<_>, _>>()?;
        Ok(Arc::new(StructArray::try_new_with_length(self.fields.clone(), arrays, nulls, len)?))
    }
}

/// The ends of variable-length entries, in items.
#[derive(Debug)]
struct Entries {
    /// Begins with 0.
    offsets: Vec<i32>,
    nulls: Nulls,
}

impl Entries {
    fn new() -> Self {
        Entries { offsets: vec![0], nulls: Nulls::new() }
    }

    fn end(&self) -> usize {
        self.offsets.last().copied().unwrap_or_default() as usize
    }

    /// Ends an entry at `end` items; `false` when 32 bits do not hold it.
    fn close(&mut self, end: usize) -> bool {
        match i32::try_from(end) {
            Ok(end) => {
                self.offsets.push(end);
                self.nulls.push_valid();
                true
            }
            Err(_) => false,
        }
    }

    fn push_null(&mut self) {
        self.offsets.push(self.offsets.last().copied().unwrap_or_default());
        self.nulls.push_null();
    }

    fn truncate(&mut self, len: usize) {
        self.offsets.truncate(len + 1);
        self.nulls.truncate(len);
    }

    fn take(&mut self) -> (OffsetBuffer<i32>, Option<arrow_buffer::NullBuffer>) {
        let offsets = std::mem::replace(&mut self.offsets, vec![0]);
        (OffsetBuffer::new(offsets.into()), self.nulls.finish())
    }
}

/// An ARRAY column.
#[derive(Debug)]
pub(crate) struct ArrayColumn {
    pub(crate) items: Box<Column>,
    field: FieldRef,
    entries: Entries,
}

impl ArrayColumn {
    pub(crate) fn new(field: &FieldRef) -> Option<Self> {
        let items = Box::new(Column::new(field.data_type())?);
        Some(ArrayColumn { items, field: field.clone(), entries: Entries::new() })
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.nulls.len()
    }

    pub(crate) fn items_nullable(&self) -> bool {
        self.field.is_nullable()
    }

    /// Ends an entry whose items have all been appended; `false` when the batch can hold no more.
    pub(crate) fn close(&mut self) -> bool {
        self.entries.close(self.items.len())
    }

    pub(crate) fn push_null(&mut self) {
        self.entries.push_null();
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        self.entries.truncate(len);
        self.items.truncate(self.entries.end());
    }

    pub(crate) fn finish(&mut self, arena: &Arena) -> Result<ArrayRef, ArrowError> {
        let (offsets, nulls) = self.entries.take();
        let items = self.items.finish(arena)?;
        Ok(Arc::new(ListArray::try_new(self.field.clone(), offsets, items, nulls)?))
    }
}

/// A MAP column. Keys are text and not null.
#[derive(Debug)]
pub(crate) struct MapColumn {
    pub(crate) keys: Box<Column>,
    pub(crate) values: Box<Column>,
    field: FieldRef,
    ordered: bool,
    values_nullable: bool,
    entries: Entries,
}

impl MapColumn {
    pub(crate) fn new(field: &FieldRef, ordered: bool) -> Option<Self> {
        let (key, value) = map_entry(field)?;
        Some(MapColumn {
            keys: Box::new(Column::new(key.data_type())?),
            values: Box::new(Column::new(value.data_type())?),
            field: field.clone(),
            ordered,
            values_nullable: value.is_nullable(),
            entries: Entries::new(),
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.nulls.len()
    }

    pub(crate) fn values_nullable(&self) -> bool {
        self.values_nullable
    }

    /// Ends an entry whose keys and values have all been appended; `false` when the batch can hold no more.
    pub(crate) fn close(&mut self) -> bool {
        self.entries.close(self.keys.len())
    }

    pub(crate) fn push_null(&mut self) {
        self.entries.push_null();
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        self.entries.truncate(len);
        let end = self.entries.end();
        self.keys.truncate(end);
        self.values.truncate(end);
    }

    pub(crate) fn finish(&mut self, arena: &Arena) -> Result<ArrayRef, ArrowError> {
        let (offsets, nulls) = self.entries.take();
        let keys = self.keys.finish(arena)?;
        let values = self.values.finish(arena)?;
        let DataType::Struct(fields) = self.field.data_type() else {
            return Err(ArrowError::InvalidArgumentError("a map's entries are no struct".to_owned()));
        };
        let entries = StructArray::try_new(fields.clone(), vec![keys, values], None)?;
        Ok(Arc::new(MapArray::try_new(self.field.clone(), offsets, entries, nulls, self.ordered)?))
    }
}
