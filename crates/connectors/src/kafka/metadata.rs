//! The columns beside key and value, collected record by record.

use std::sync::Arc;

use arrow_array::builder::{BinaryViewBuilder, MapBuilder, MapFieldNames, StringViewBuilder};
use arrow_array::{Array, ArrayRef, Int32Array, Int64Array, StringViewArray, TimestampMillisecondArray};
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType};
use millstream_wire::records::Headers;

use super::layout::Metadata;

/// What a batch of records has beside keys and values. Only what the scan takes is kept.
#[derive(Debug)]
pub(super) struct MetadataColumns {
    topic: String,
    partition: i32,
    wants_offsets: bool,
    wants_timestamps: bool,
    wants_timestamp_types: bool,
    wants_epochs: bool,
    offsets: Vec<i64>,
    timestamps: Vec<i64>,
    /// Whether the broker gave the timestamp.
    append_time: Vec<bool>,
    epochs: Vec<i32>,
    headers: Option<MapBuilder<StringViewBuilder, BinaryViewBuilder>>,
    rows: usize,
}

/// What is known of one record beside its key and value.
#[derive(Debug, Clone, Copy)]
pub(super) struct RecordPlace<'a> {
    pub(super) offset: i64,
    pub(super) timestamp_ms: i64,
    pub(super) is_append_time: bool,
    pub(super) leader_epoch: i32,
    pub(super) headers: Headers<'a>,
}

impl MetadataColumns {
    /// Empty columns for records of one partition.
    pub(super) fn new(topic: &str, partition: i32, wanted: &[Metadata]) -> Self {
        let wants = |metadata| wanted.contains(&metadata);
        Self {
            topic: topic.to_owned(),
            partition,
            wants_offsets: wants(Metadata::Offset),
            wants_timestamps: wants(Metadata::Timestamp),
            wants_timestamp_types: wants(Metadata::TimestampType),
            wants_epochs: wants(Metadata::LeaderEpoch),
            offsets: Vec::new(),
            timestamps: Vec::new(),
            append_time: Vec::new(),
            epochs: Vec::new(),
            headers: wants(Metadata::Headers).then(header_builder),
            rows: 0,
        }
    }

    /// Adds a record.
    ///
    /// # Errors
    /// A header whose name is not text, or headers that are cut off.
    pub(super) fn push(&mut self, place: &RecordPlace<'_>) -> Result<(), String> {
        if let Some(builder) = &mut self.headers {
            append_headers(builder, place.headers)?;
        }
        if self.wants_offsets {
            self.offsets.push(place.offset);
        }
        if self.wants_timestamps {
            self.timestamps.push(place.timestamp_ms);
        }
        if self.wants_timestamp_types {
            self.append_time.push(place.is_append_time);
        }
        if self.wants_epochs {
            self.epochs.push(place.leader_epoch);
        }
        self.rows += 1;
        Ok(())
    }

    /// One of the columns in `target`'s type.
    ///
    /// # Errors
    /// When the column's type cannot hold it.
    pub(super) fn column(&mut self, metadata: Metadata, target: &DataType) -> Result<ArrayRef, ArrowError> {
        let array: ArrayRef = match metadata {
            Metadata::Topic => {
                Arc::new(StringViewArray::from_iter_values(std::iter::repeat_n(&self.topic, self.rows)))
            }
            Metadata::Partition => Arc::new(Int32Array::from_value(self.partition, self.rows)),
            Metadata::Offset => Arc::new(Int64Array::from(self.offsets.clone())),
            Metadata::LeaderEpoch => Arc::new(Int32Array::from(self.epochs.clone())),
            Metadata::Timestamp => {
                Arc::new(TimestampMillisecondArray::from(self.timestamps.clone()).with_timezone("UTC"))
            }
            Metadata::TimestampType => {
                let name = |append: &bool| if *append { "LogAppendTime" } else { "CreateTime" };
                Arc::new(StringViewArray::from_iter_values(self.append_time.iter().map(name)))
            }
            Metadata::Headers => match &mut self.headers {
                Some(builder) => Arc::new(builder.finish()),
                None => Arc::new(header_builder().finish()),
            },
        };
        if array.data_type() == target { Ok(array) } else { cast(&array, target) }
    }

    /// Forgets the records.
    pub(super) fn clear(&mut self) {
        self.offsets.clear();
        self.timestamps.clear();
        self.append_time.clear();
        self.epochs.clear();
        self.rows = 0;
    }
}

fn header_builder() -> MapBuilder<StringViewBuilder, BinaryViewBuilder> {
    let names =
        MapFieldNames { entry: "entries".to_owned(), key: "key".to_owned(), value: "value".to_owned() };
    MapBuilder::new(Some(names), StringViewBuilder::new(), BinaryViewBuilder::new())
}

fn append_headers(
    builder: &mut MapBuilder<StringViewBuilder, BinaryViewBuilder>,
    headers: Headers<'_>,
) -> Result<(), String> {
    // All names are checked before anything is added, so that a refused record leaves nothing behind.
    let mut pairs = Vec::with_capacity(headers.len());
    for header in headers.iter() {
        let name = std::str::from_utf8(header.key).map_err(|_| "a header's name is not UTF-8".to_owned())?;
        pairs.push((name, header.value));
    }
    // As in Flink: of headers with one name the map has the last. The sort keeps their order.
    pairs.sort_by_key(|(name, _)| *name);
    let last = |index: usize| pairs.get(index + 1).is_none_or(|(next, _)| *next != pairs[index].0);
    for (name, value) in (0..pairs.len()).filter(|index| last(*index)).map(|index| pairs[index]) {
        builder.keys().append_value(name);
        builder.values().append_option(value);
    }
    builder.append(true).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
