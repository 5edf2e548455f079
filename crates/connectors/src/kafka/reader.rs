//! The reader of one partition: fetched batches become columns on the worker's thread.

use std::ops::Range;
use std::sync::Arc;
use std::task::{Context, Poll};

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use bytes::Bytes;
use millstream_client::fetcher::{DecodedRecord, FetchedBatches, PartitionReader, RecordDecoder};
use millstream_engine::connector::ConnectorError;
use millstream_engine::source::{BadRow, Position, Read, SourceBatch, SplitId, SplitReader};
use millstream_formats::{BadRowReason, RowDecoder};
use millstream_wire::records::{TimestampType, range_in};

use super::cluster::outside;
use super::layout::{Metadata, Origin, SourceLayout};
use super::metadata::{MetadataColumns, RecordPlace};

/// The rows after which a batch is handed on, at the next record.
const BATCH_ROWS: usize = 8192;

#[derive(Debug)]
pub(super) struct KafkaReader {
    split: SplitId,
    layout: SourceLayout,
    reader: PartitionReader,
    records: RecordDecoder,
    rows: RowColumns,
    /// What was fetched and is not decoded yet.
    pending: Option<FetchedBatches>,
    /// Whether the engine knows where the read stands. Without that an epoch leaves the partition out, and a restart would
    /// begin where `scan.startup.mode` points by then: at another `latest-offset`, behind records that were never read.
    has_told: bool,
}

/// The columns of the rows decoded so far.
#[derive(Debug)]
struct RowColumns {
    value: RowDecoder,
    key: Option<RowDecoder>,
    metadata: Option<MetadataColumns>,
    ignores_parse_errors: bool,
    /// Whether a record without a value is a row: one with a null.
    null_is_row: bool,
    bad_rows: Vec<BadRow>,
    skipped_rows: u64,
}

/// What became of a record.
#[derive(Debug, PartialEq, Eq)]
enum Taken {
    /// It is in the columns, or among the bad rows.
    Yes,
    /// There is no room for it in this batch.
    Full,
}

impl KafkaReader {
    pub(super) fn new(
        split: SplitId,
        layout: SourceLayout,
        reader: PartitionReader,
    ) -> Result<Self, ConnectorError> {
        let (value, key) = layout.decoders()?;
        let wanted: Vec<Metadata> = layout.metadata().collect();
        let partition = reader.partition();
        let metadata = (!wanted.is_empty())
            .then(|| MetadataColumns::new(&partition.topic, partition.partition, &wanted));
        let rows = RowColumns {
            value,
            key,
            metadata,
            ignores_parse_errors: layout.ignores_parse_errors(),
            null_is_row: layout.value_is_raw(),
            bad_rows: Vec::new(),
            skipped_rows: 0,
        };
        let records = RecordDecoder::new();
        Ok(Self { split, layout, reader, records, rows, pending: None, has_told: false })
    }

    /// Says with a batch without rows where the read stands, once and as soon as that is known.
    fn tell(&mut self) -> Poll<Result<Read, ConnectorError>> {
        let Some(offset) = self.reader.start_offset().filter(|_| !self.has_told) else {
            return Poll::Pending;
        };
        self.has_told = true;
        let position = Position(offset);
        Poll::Ready(self.assemble().map(|rows| {
            let (bad_rows, skipped_rows, bytes) = (Vec::new(), 0, 0);
            Read::Batch(SourceBatch { rows, first: position, next: position, bad_rows, skipped_rows, bytes })
        }))
    }

    /// Decodes what was fetched, up to the rows of a batch. What is left stays pending.
    fn decode(&mut self, mut fetched: FetchedBatches) -> Result<SourceBatch, ConnectorError> {
        let first = Position(fetched.position);
        let rest = self.take_records(&fetched).map_err(|message| ConnectorError::Data { message })?;
        let next = Position(rest.unwrap_or(fetched.next_position));
        let batch = SourceBatch {
            rows: self.assemble()?,
            first,
            next,
            bad_rows: std::mem::take(&mut self.rows.bad_rows),
            skipped_rows: std::mem::take(&mut self.rows.skipped_rows),
            bytes: if rest.is_none() { fetched.records.len() as u64 } else { 0 },
        };
        if let Some(offset) = rest {
            fetched.position = offset;
            self.pending = Some(fetched);
        }
        Ok(batch)
    }

    /// Puts records into the columns; the offset of the first one that had no room, if there was one.
    fn take_records(&mut self, fetched: &FetchedBatches) -> Result<Option<i64>, String> {
        // A walk that is taken up again would not know which transactions it had seen end.
        let may_stop = fetched.aborted_transactions.is_empty();
        for batch in self.records.batches(fetched) {
            let batch = batch.map_err(|error| error.to_string())?;
            let header = *batch.header();
            if may_stop && self.rows.value.len() >= BATCH_ROWS {
                return Ok(Some(header.base_offset.max(fetched.position)));
            }
            let is_append_time = header.attributes.timestamp_type() == TimestampType::LogAppendTime;
            self.rows.share(batch.body());
            for record in batch.records() {
                let record =
                    record.map_err(|error| batch.bad_record(&fetched.partition, error).to_string())?;
                let place = RecordPlace {
                    offset: record.offset,
                    timestamp_ms: record.timestamp_ms,
                    is_append_time,
                    leader_epoch: header.partition_leader_epoch,
                    headers: record.headers,
                };
                if self.rows.push(batch.body(), &record, &place, &self.split) == Taken::Full {
                    return Ok(Some(record.offset));
                }
            }
        }
        Ok(None)
    }

    /// Makes a batch of the columns.
    fn assemble(&mut self) -> Result<RecordBatch, ConnectorError> {
        let split = &self.split;
        let failed =
            |error: &dyn std::fmt::Display| ConnectorError::Data { message: format!("{split}: {error}") };
        let value = self.rows.value.finish().map_err(|error| failed(&error))?;
        let key =
            self.rows.key.as_mut().map(RowDecoder::finish).transpose().map_err(|error| failed(&error))?;
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.layout.origins.len());
        for (origin, field) in self.layout.origins.iter().zip(self.layout.schema.fields()) {
            let column = match (origin, &key, &mut self.rows.metadata) {
                (Origin::Value(index), ..) => Some(Arc::clone(value.column(*index))),
                (Origin::Key(index), Some(key), _) => Some(Arc::clone(key.column(*index))),
                (Origin::Metadata(wanted), _, Some(metadata)) => {
                    Some(metadata.column(*wanted, field.data_type()).map_err(|error| failed(&error))?)
                }
                _ => None,
            };
            columns.extend(column);
        }
        if let Some(metadata) = &mut self.rows.metadata {
            metadata.clear();
        }
        let options = RecordBatchOptions::new().with_row_count(Some(value.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.layout.schema), columns, &options)
            .map_err(|error| failed(&error))
    }
}

impl RowColumns {
    fn share(&mut self, body: &Bytes) {
        self.value.share(body);
        if let Some(key) = &mut self.key {
            key.share(body);
        }
    }

    #[inline]
    fn push(
        &mut self,
        body: &Bytes,
        record: &DecodedRecord<'_>,
        place: &RecordPlace<'_>,
        split: &SplitId,
    ) -> Taken {
        let before = self.value.len();
        let Some(value) = record.value else {
            // As in Flink: a tombstone means nothing to a table that only grows, except where the value is one column of
            // bytes and may be null.
            if self.null_is_row {
                self.push_null(body, record, place, split);
            }
            return Taken::Yes;
        };
        match self.value.push_range(range(body, value)) {
            Err(bad) if bad.reason == BadRowReason::BatchFull && before > 0 => return Taken::Full,
            Err(bad) => self.refuse(body, record, split, &bad.to_string()),
            Ok(rows) if self.key.is_none() && self.metadata.is_none() => _ = rows,
            Ok(rows) => {
                if let Err(reason) = self.push_beside(body, record, place, rows) {
                    self.value.truncate(before);
                    self.refuse(body, record, split, &reason);
                }
            }
        }
        Taken::Yes
    }

    /// Adds a row whose value is null.
    fn push_null(
        &mut self,
        body: &Bytes,
        record: &DecodedRecord<'_>,
        place: &RecordPlace<'_>,
        split: &SplitId,
    ) {
        let before = self.value.len();
        let pushed = self.value.push_null().map_err(|bad| bad.to_string());
        if let Err(reason) = pushed.and_then(|()| self.push_beside(body, record, place, 1)) {
            self.value.truncate(before);
            self.refuse(body, record, split, &reason);
        }
    }

    /// Adds key and metadata for each row that the value gave; nothing of them stays if one is refused.
    fn push_beside(
        &mut self,
        body: &Bytes,
        record: &DecodedRecord<'_>,
        place: &RecordPlace<'_>,
        rows: usize,
    ) -> Result<(), String> {
        if let Some(decoder) = &mut self.key {
            let before = decoder.len();
            for _ in 0..rows {
                let pushed = match record.key {
                    Some(key) => decoder.push_range(range(body, key)).map(drop),
                    None => decoder.push_null(),
                };
                if let Err(bad) = pushed {
                    decoder.truncate(before);
                    return Err(format!("key: {bad}"));
                }
            }
        }
        if let Some(metadata) = &mut self.metadata {
            for _ in 0..rows {
                if let Err(reason) = metadata.push(place) {
                    if let Some(decoder) = &mut self.key {
                        decoder.truncate(decoder.len() - rows);
                    }
                    return Err(reason);
                }
            }
        }
        Ok(())
    }

    #[cold]
    fn refuse(&mut self, body: &Bytes, record: &DecodedRecord<'_>, split: &SplitId, reason: &str) {
        if self.ignores_parse_errors {
            self.skipped_rows += 1;
            return;
        }
        self.bad_rows.push(BadRow {
            split: split.clone(),
            position: Position(record.offset),
            key: record.key.map(|key| body.slice_ref(key)),
            raw: record.value.map(|value| body.slice_ref(value)),
            reason: reason.to_owned(),
        });
    }
}

/// Where a slice of the body lies in it.
fn range(body: &Bytes, part: &[u8]) -> Range<usize> {
    range_in(body, part).unwrap_or(0..0)
}

impl SplitReader for KafkaReader {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Read, ConnectorError>> {
        let fetched = match self.pending.take() {
            Some(fetched) => fetched,
            None => match self.reader.poll_next(context).map_err(|error| outside(&error))? {
                Poll::Ready(Some(fetched)) => fetched,
                Poll::Ready(None) if self.has_told => return Poll::Ready(Ok(Read::End)),
                Poll::Ready(None) | Poll::Pending => return self.tell(),
            },
        };
        self.has_told = true;
        Poll::Ready(self.decode(fetched).map(Read::Batch))
    }

    fn remaining(&self) -> Option<u64> {
        self.reader.remaining()
    }
}
