//! The reader of one file: decodes chunks into batches on the worker's thread.

use std::ops::Range;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use millstream_engine::connector::ConnectorError;
use millstream_engine::source::{BadRow, Position, Read, SourceBatch, SplitId, SplitReader};
use millstream_formats::{BadRowReason, RecordSplitter, RowDecoder};

use super::chunk::{Chunk, Chunks};

/// The most rows of a batch.
const MAX_BATCH_ROWS: usize = 8192;

pub(super) struct FileReader {
    split: SplitId,
    decoder: RowDecoder,
    /// Whether rows that cannot be decoded are counted and passed over, as the format's option says.
    ignores_parse_errors: bool,
    chunks: Chunks,
    current: Option<Chunk>,
    /// The next record of the current chunk.
    next_in_chunk: usize,
    /// The number of the next record of the file.
    next_record: i64,
}

impl FileReader {
    pub(super) fn new(
        split: SplitId,
        decoder: RowDecoder,
        ignores_parse_errors: bool,
        chunks: Chunks,
    ) -> Self {
        let next_record = i64::try_from(chunks.first_record).unwrap_or(i64::MAX);
        Self { split, decoder, ignores_parse_errors, chunks, current: None, next_in_chunk: 0, next_record }
    }

    fn decode(&mut self, chunk: &Chunk) -> Result<SourceBatch, ConnectorError> {
        let first = Position(self.next_record);
        let mut bad_rows = Vec::new();
        let mut skipped_rows = 0;
        let start = range(chunk, self.next_in_chunk).start;
        self.decoder.share(&chunk.bytes);
        while self.next_in_chunk < chunk.ends.len() && self.decoder.len() < MAX_BATCH_ROWS {
            let record = trimmed(chunk, self.next_in_chunk);
            if let Err(bad) = self.decoder.push_range(record.clone()) {
                if bad.reason == BadRowReason::BatchFull && !self.decoder.is_empty() {
                    break;
                }
                if self.ignores_parse_errors {
                    skipped_rows += 1;
                } else {
                    bad_rows.push(self.bad_row(chunk, record, &bad.to_string()));
                }
            }
            self.next_in_chunk += 1;
            self.next_record += 1;
        }
        let end = range(chunk, self.next_in_chunk).start;
        let rows = self
            .decoder
            .finish()
            .map_err(|error| ConnectorError::Data { message: format!("{}: {error}", self.split) })?;
        let next = Position(self.next_record);
        Ok(SourceBatch { rows, first, next, bad_rows, skipped_rows, bytes: (end - start) as u64 })
    }

    fn bad_row(&self, chunk: &Chunk, record: Range<usize>, reason: &str) -> BadRow {
        BadRow {
            split: self.split.clone(),
            position: Position(self.next_record),
            key: None,
            raw: Some(chunk.bytes.slice(record)),
            reason: format!("{}, record {}: {reason}", self.split, self.next_record + 1),
        }
    }
}

/// Where a record lies in its chunk, with its line end; at the end of the chunk, nothing.
fn range(chunk: &Chunk, index: usize) -> Range<usize> {
    let start = index.checked_sub(1).and_then(|before| chunk.ends.get(before)).copied().unwrap_or_default();
    start..chunk.ends.get(index).copied().unwrap_or(start)
}

fn trimmed(chunk: &Chunk, index: usize) -> Range<usize> {
    let whole = range(chunk, index);
    let length = RecordSplitter::trim_line_end(&chunk.bytes[whole.clone()]).len();
    whole.start..whole.start + length
}

impl SplitReader for FileReader {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Read, ConnectorError>> {
        let chunk = match self.current.take() {
            Some(chunk) => chunk,
            None => match self.chunks.receiver.poll_recv(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(Ok(Read::End)),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                Poll::Ready(Some(Ok(chunk))) => {
                    self.next_in_chunk = 0;
                    chunk
                }
            },
        };
        let batch = self.decode(&chunk)?;
        if self.next_in_chunk < chunk.ends.len() {
            self.current = Some(chunk);
        }
        Poll::Ready(Ok(Read::Batch(batch)))
    }

    fn remaining(&self) -> Option<u64> {
        let read = self.chunks.read_bytes.load(Ordering::Relaxed).max(1);
        let left = self.chunks.file_bytes.saturating_sub(read);
        let records = (self.next_record.unsigned_abs()).saturating_sub(self.chunks.first_record);
        Some((u128::from(records) * u128::from(left) / u128::from(read)).try_into().unwrap_or(u64::MAX))
    }
}
