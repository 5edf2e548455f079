//! From fetched bytes to records: CRC, decompression, the walk, and what a consumer must not see.
//!
//! Left out are records outside of the read's range, control batches, and with read_committed the batches of
//! aborted transactions. Nothing is copied: a [`DecodedBatch`] shares the fetched buffer, or owns the decompressed
//! one.

use std::collections::HashSet;

use bytes::Bytes;
use millstream_wire::WireError;
use millstream_wire::compression::Decompressor;
use millstream_wire::messages::fetch_response::AbortedTransaction;
use millstream_wire::records::{
    Batch, BatchHeader, ControlRecord, Headers, Records, SharedBatches, Tail, parse_control,
};

use super::partition::FetchedBatches;
use crate::error::{ClientError, Result};
use crate::topic_partition::TopicPartition;

/// What a batch may decompress to, by default.
const DECOMPRESSED_BYTES_MAX: usize = 256 << 20;

/// Decodes batches; keeps the decompressors' memory between them. One per thread.
#[derive(Debug)]
pub struct RecordDecoder {
    decompressor: Decompressor,
    check_crcs: bool,
    decompressed_bytes_max: usize,
}

impl Default for RecordDecoder {
    fn default() -> Self {
        Self {
            decompressor: Decompressor::default(),
            check_crcs: true,
            decompressed_bytes_max: DECOMPRESSED_BYTES_MAX,
        }
    }
}

impl RecordDecoder {
    /// A decoder that checks CRCs and lets a batch decompress to at most 256 MiB.
    pub fn new() -> Self {
        Self::default()
    }

    /// `check.crcs`: whether each batch's checksum is compared.
    #[must_use]
    pub fn with_check_crcs(mut self, check_crcs: bool) -> Self {
        self.check_crcs = check_crcs;
        self
    }

    /// Another limit for what a batch decompresses to.
    #[must_use]
    pub fn with_decompressed_bytes_max(mut self, bytes: usize) -> Self {
        self.decompressed_bytes_max = bytes;
        self
    }

    /// Walks the batches that a consumer sees. After an error the walk ends.
    pub fn batches<'a>(&'a mut self, fetched: &'a FetchedBatches) -> DecodedBatches<'a> {
        DecodedBatches {
            decoder: self,
            fetched,
            batches: SharedBatches::new(fetched.records.clone(), Tail::MustBeWhole),
            aborted: Aborted::new(&fetched.aborted_transactions),
            has_failed: false,
        }
    }

    fn decode(&mut self, batch: &Batch) -> Result<Bytes, WireError> {
        if self.check_crcs {
            batch.view().check_crc()?;
        }
        batch.body(&mut self.decompressor, self.decompressed_bytes_max)
    }
}

/// Iterator over the batches of one [`FetchedBatches`] that a consumer sees.
#[derive(Debug)]
pub struct DecodedBatches<'a> {
    decoder: &'a mut RecordDecoder,
    fetched: &'a FetchedBatches,
    batches: SharedBatches,
    aborted: Aborted<'a>,
    has_failed: bool,
}

impl DecodedBatches<'_> {
    fn bad_batch(&mut self, offset: i64, source: WireError) -> ClientError {
        self.has_failed = true;
        ClientError::BadBatch { partition: self.fetched.partition.clone(), offset, source }
    }

    fn next_visible(&mut self) -> Result<Option<DecodedBatch>> {
        while let Some(batch) = self.batches.next() {
            let batch = batch.map_err(|source| self.bad_batch(self.fetched.position, source))?;
            let header = *batch.header();
            let is_before = header.next_offset() <= self.fetched.position;
            let is_behind = self.fetched.stop.is_some_and(|stop| header.base_offset >= stop);
            let is_visible = self.aborted.is_visible(&header);
            let is_control = header.attributes.is_control();
            if is_before || is_behind || !(is_visible || is_control) {
                continue;
            }
            let body = self.decoder.decode(&batch);
            let body = body.map_err(|source| self.bad_batch(header.base_offset, source))?;
            if is_control {
                self.aborted.control(&header, &body);
                continue;
            }
            if header.record_count > 0 {
                let from = self.fetched.position;
                let until = self.fetched.stop.unwrap_or(i64::MAX);
                return Ok(Some(DecodedBatch { header, body, from, until }));
            }
        }
        Ok(None)
    }
}

impl Iterator for DecodedBatches<'_> {
    type Item = Result<DecodedBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_failed { None } else { self.next_visible().transpose() }
    }
}

/// Which batches belong to aborted transactions, along one fetch.
#[derive(Debug)]
struct Aborted<'a> {
    /// Those to come, by first offset.
    upcoming: &'a [AbortedTransaction],
    /// The producers whose current transaction was aborted.
    producers: HashSet<i64>,
}

impl<'a> Aborted<'a> {
    fn new(upcoming: &'a [AbortedTransaction]) -> Self {
        Self { upcoming, producers: HashSet::new() }
    }

    fn is_visible(&mut self, header: &BatchHeader) -> bool {
        while let Some((first, rest)) = self.upcoming.split_first()
            && first.first_offset <= header.last_offset()
        {
            self.producers.insert(first.producer_id);
            self.upcoming = rest;
        }
        let is_aborted = header.attributes.is_transactional() && self.producers.contains(&header.producer_id);
        !is_aborted && !header.attributes.is_control()
    }

    /// An abort marker ends the aborted transaction of its producer; what follows may be of another one.
    fn control(&mut self, header: &BatchHeader, body: &[u8]) {
        if let Some(Ok(record)) = Records::new(body, header).next()
            && let Ok(ControlRecord::EndTransaction { committed: false, .. }) = parse_control(&record)
        {
            self.producers.remove(&header.producer_id);
        }
    }
}

/// A batch that was checked and decompressed.
#[derive(Debug, Clone)]
pub struct DecodedBatch {
    header: BatchHeader,
    body: Bytes,
    from: i64,
    until: i64,
}

impl DecodedBatch {
    /// Its header.
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// Its records, uncompressed, one behind the other; keys and values of [`DecodedBatch::records`] are slices of it
    /// (`millstream_wire::records::range_in` gives their place).
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The records within the read's range.
    pub fn records(&self) -> DecodedRecords<'_> {
        DecodedRecords {
            records: Records::new(&self.body, &self.header),
            header: &self.header,
            from: self.from,
            until: self.until,
        }
    }

    /// Turns a failure within the records into this crate's error.
    pub fn bad_record(&self, partition: &TopicPartition, source: WireError) -> ClientError {
        ClientError::BadBatch { partition: partition.clone(), offset: self.header.base_offset, source }
    }
}

/// A record with its absolute offset and timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodedRecord<'a> {
    /// Its offset.
    pub offset: i64,
    /// Its timestamp in ms; −1 for none.
    pub timestamp_ms: i64,
    /// Its key, `None` for null.
    pub key: Option<&'a [u8]>,
    /// Its value, `None` for null.
    pub value: Option<&'a [u8]>,
    /// Its headers.
    pub headers: Headers<'a>,
}

/// Iterator over the records of one batch. After an error it ends.
#[derive(Debug, Clone)]
pub struct DecodedRecords<'a> {
    records: Records<'a>,
    header: &'a BatchHeader,
    from: i64,
    until: i64,
}

impl<'a> Iterator for DecodedRecords<'a> {
    type Item = Result<DecodedRecord<'a>, WireError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let record = match self.records.next()? {
                Ok(record) => record,
                Err(error) => return Some(Err(error)),
            };
            let offset = self.header.base_offset.wrapping_add(i64::from(record.offset_delta));
            if offset < self.from || offset >= self.until {
                continue;
            }
            return Some(Ok(DecodedRecord {
                offset,
                timestamp_ms: self.header.record_timestamp(record.timestamp_delta),
                key: record.key,
                value: record.value,
                headers: record.headers,
            }));
        }
    }
}

#[cfg(test)]
mod tests;
