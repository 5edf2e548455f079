//! From times to offsets: ListOffsets.

use millstream_wire::compression::{Compression, Decompressor};
use millstream_wire::records::{BATCH_HEADER_LEN, Records, TimestampType};

use super::{PartitionLog, ReadBound};
use crate::segment::Segment;
use crate::segment::scan::{BatchScan, ScannedBatch, read_batch};
use crate::{LogError, Result};

/// Most bytes that the records of one batch may have uncompressed.
const BATCH_UNCOMPRESSED_BYTES_MAX: usize = 256 << 20;

/// Which offset is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetSpec {
    /// The first one (−2 on the wire).
    Earliest,
    /// That after the last visible one (−1).
    Latest(ReadBound),
    /// That of the first record among those with the largest timestamp (−3).
    MaxTimestamp,
    /// That of the first record whose timestamp, in ms, is not smaller.
    Timestamp(i64),
}

/// An offset that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundOffset {
    /// The offset.
    pub offset: i64,
    /// Timestamp of the record in ms; −1 where the offset was not found by time.
    pub timestamp_ms: i64,
    /// Leader epoch of the record, or of the partition at its end; `None` where unknown.
    pub leader_epoch: Option<i32>,
}

impl PartitionLog {
    /// Finds an offset; `None` where no visible record satisfies the wish.
    ///
    /// # Errors
    /// [`LogError::Corrupt`]; [`LogError::Io`]; as [`Self::open`].
    pub fn find_offset(&self, spec: OffsetSpec) -> Result<Option<FoundOffset>> {
        self.open()?;
        let visible = |found: &FoundOffset| found.offset < self.high_watermark();
        match spec {
            OffsetSpec::Earliest => {
                let offset = self.log_start_offset();
                let leader_epoch = self.writer()?.epochs.epoch_of(offset);
                Ok(Some(FoundOffset { offset, timestamp_ms: -1, leader_epoch }))
            }
            OffsetSpec::Latest(bound) => {
                let offset = match bound {
                    ReadBound::HighWatermark => self.high_watermark(),
                    ReadBound::LastStableOffset => self.last_stable_offset(),
                    ReadBound::LogEnd => self.log_end_offset(),
                };
                Ok(Some(FoundOffset { offset, timestamp_ms: -1, leader_epoch: Some(self.leader_epoch()) }))
            }
            OffsetSpec::MaxTimestamp => {
                let found = self.find_max_timestamp().inspect_err(|error| self.report_damage(error))?;
                Ok(found.filter(visible))
            }
            OffsetSpec::Timestamp(timestamp_ms) => {
                let found =
                    self.find_timestamp(timestamp_ms).inspect_err(|error| self.report_damage(error))?;
                Ok(found.filter(visible))
            }
        }
    }

    fn find_timestamp(&self, timestamp_ms: i64) -> Result<Option<FoundOffset>> {
        let view = self.view.read().clone();
        for segment in &view.segments {
            if segment.max_timestamp(&self.context.cache)?.timestamp_ms < timestamp_ms {
                continue;
            }
            let from = segment.floor_by_time(&self.context.cache, timestamp_ms)?;
            if let Some(found) = self.first_not_before(segment, from, timestamp_ms)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn find_max_timestamp(&self) -> Result<Option<FoundOffset>> {
        let view = self.view.read().clone();
        let mut newest: Option<(i64, &Segment)> = None;
        for segment in &view.segments {
            let timestamp_ms = segment.max_timestamp(&self.context.cache)?.timestamp_ms;
            if timestamp_ms >= 0 && newest.is_none_or(|(newest, _)| timestamp_ms > newest) {
                newest = Some((timestamp_ms, segment));
            }
        }
        let Some((timestamp_ms, segment)) = newest else { return Ok(None) };
        let from = segment.floor_by_time(&self.context.cache, timestamp_ms - 1)?;
        self.first_not_before(segment, from, timestamp_ms)
    }

    /// The first record from position `from` on whose timestamp is at least `timestamp_ms`.
    fn first_not_before(
        &self,
        segment: &Segment,
        from: u64,
        timestamp_ms: i64,
    ) -> Result<Option<FoundOffset>> {
        let file = segment.log_file(&self.context.cache)?;
        let (path, end) = (segment.log_path(), segment.extent().size);
        let mut scan = BatchScan::new(&*file, path.clone(), from, end);
        let mut bytes = Vec::new();
        while let Some(batch) = scan.next_sound()? {
            if batch.header.max_timestamp < timestamp_ms
                || batch.header.record_count == 0
                || batch.header.last_offset() < self.log_start_offset()
            {
                continue;
            }
            segment.verify(&self.context.cache, batch.position, batch.end_position())?;
            read_batch(&*file, &path, &batch, &mut bytes)?;
            let corrupt =
                || LogError::Corrupt { what: "record", path: path.clone(), position: batch.position };
            let found = first_in_batch(&batch, &bytes, timestamp_ms, self.log_start_offset())
                .map_err(|_| corrupt())?;
            if let Some((offset, timestamp_ms)) = found {
                let leader_epoch = Some(batch.header.partition_leader_epoch).filter(|&epoch| epoch >= 0);
                return Ok(Some(FoundOffset { offset, timestamp_ms, leader_epoch }));
            }
        }
        Ok(None)
    }
}

/// Offset and timestamp of the first record in a batch that is new enough.
fn first_in_batch(
    batch: &ScannedBatch,
    bytes: &[u8],
    timestamp_ms: i64,
    log_start_offset: i64,
) -> Result<Option<(i64, i64)>> {
    let header = &batch.header;
    if header.attributes.timestamp_type() == TimestampType::LogAppendTime {
        let offset = header.base_offset.max(log_start_offset);
        return Ok(Some((offset, header.max_timestamp)));
    }
    let body = &bytes[BATCH_HEADER_LEN..];
    let uncompressed = match header.attributes.compression() {
        Compression::None => None,
        codec => Some(Decompressor::default().decompress(codec, body, BATCH_UNCOMPRESSED_BYTES_MAX)?),
    };
    for record in Records::new(uncompressed.as_deref().unwrap_or(body), header) {
        let record = record?;
        let (offset, timestamp) =
            (header.base_offset + i64::from(record.offset_delta), record.timestamp_delta);
        let timestamp = header.record_timestamp(timestamp);
        if timestamp >= timestamp_ms && offset >= log_start_offset {
            return Ok(Some((offset, timestamp)));
        }
    }
    Ok(None)
}
