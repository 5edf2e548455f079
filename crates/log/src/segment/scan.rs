//! The walk over the batches of a segment file, by their headers alone or with their checksums.

use std::path::PathBuf;

use millstream_wire::records::{BATCH_HEADER_LEN, BatchHeader, BatchView, ControlRecord, parse_control};

use crate::error::IoContext;
use crate::fs::{File, read_up_to};
use crate::{LogError, Result};

/// Bytes read at once while batches are small.
const CHUNK_LEN: usize = 8 << 10;
/// Bytes read at once while checksums are computed.
const CHECK_CHUNK_LEN: usize = 64 << 10;
/// Largest control batch that is looked into: a marker has 78 bytes.
const CONTROL_BATCH_LEN_MAX: usize = 4 << 10;
/// First byte that the CRC covers.
const CHECKED_FROM: u64 = 21;

/// A batch and its place in the file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ScannedBatch {
    pub(crate) position: u64,
    pub(crate) header: BatchHeader,
}

impl ScannedBatch {
    pub(crate) fn end_position(&self) -> u64 {
        self.position + self.header.size() as u64
    }
}

/// What ends a walk.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scanned {
    Batch(ScannedBatch),
    /// The walk reached its end exactly.
    End,
    /// The bytes from here on are no sound batch.
    Unsound(u64),
}

/// Walks batches from one position of a file to another.
pub(crate) struct BatchScan<'a> {
    file: &'a dyn File,
    path: PathBuf,
    position: u64,
    end: u64,
    buffer: Vec<u8>,
    buffer_position: u64,
    chunk_len: usize,
}

impl<'a> BatchScan<'a> {
    pub(crate) fn new(file: &'a dyn File, path: PathBuf, position: u64, end: u64) -> Self {
        Self { file, path, position, end, buffer: Vec::new(), buffer_position: 0, chunk_len: CHUNK_LEN }
    }

    /// The next batch. Its body is not looked at.
    pub(crate) fn step(&mut self) -> Result<Scanned> {
        if self.position == self.end {
            return Ok(Scanned::End);
        }
        let unsound = Scanned::Unsound(self.position);
        if self.end - self.position < BATCH_HEADER_LEN as u64 {
            return Ok(unsound);
        }
        let Some(head) = self.peek_header()? else { return Ok(unsound) };
        let Ok(header) = BatchHeader::parse(head) else { return Ok(unsound) };
        let batch = ScannedBatch { position: self.position, header };
        if batch.end_position() > self.end {
            return Ok(unsound);
        }
        // Beyond large batches only headers are read, beyond small ones a chunk serves many.
        self.chunk_len = if header.size() > CHUNK_LEN { BATCH_HEADER_LEN } else { CHUNK_LEN };
        self.position = batch.end_position();
        Ok(Scanned::Batch(batch))
    }

    /// Whether the walk has come past `position`.
    pub(crate) fn is_behind(&self, position: u64) -> bool {
        self.position > position
    }

    /// As [`Self::step`], where every batch must be sound.
    ///
    /// # Errors
    /// [`LogError::Corrupt`].
    pub(crate) fn next_sound(&mut self) -> Result<Option<ScannedBatch>> {
        match self.step()? {
            Scanned::Batch(batch) => Ok(Some(batch)),
            Scanned::End => Ok(None),
            Scanned::Unsound(position) => {
                Err(LogError::Corrupt { what: "record batch", path: self.path.clone(), position })
            }
        }
    }

    /// Reads the body of `batch` and compares its checksum.
    pub(crate) fn check_crc(&mut self, batch: &ScannedBatch) -> Result<bool> {
        let mut position = batch.position + CHECKED_FROM;
        let end = batch.end_position();
        let mut crc = 0;
        let buffered = self.buffer_position + self.buffer.len() as u64;
        if position >= self.buffer_position && position < buffered {
            let from = (position - self.buffer_position) as usize;
            let until = (end.min(buffered) - self.buffer_position) as usize;
            crc = millstream_wire::crc32c(&self.buffer[from..until]);
            position = end.min(buffered);
        }
        if position < end {
            let mut chunk = vec![0; CHECK_CHUNK_LEN.min((end - position) as usize)];
            while position < end {
                let length = chunk.len().min((end - position) as usize);
                let read =
                    read_up_to(self.file, &mut chunk[..length], position).context("read", &self.path)?;
                if read < length {
                    return Ok(false);
                }
                crc = millstream_wire::crc32c_append(crc, &chunk[..length]);
                position += length as u64;
            }
        }
        Ok(crc == batch.header.crc)
    }

    /// The record of a control batch; `None` for one without (compaction leaves such), and for one that is none of ours.
    pub(crate) fn read_control(&self, batch: &ScannedBatch) -> Result<Option<ControlRecord>> {
        if batch.header.size() > CONTROL_BATCH_LEN_MAX || batch.header.record_count == 0 {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        read_batch(self.file, &self.path, batch, &mut bytes)?;
        let record = BatchView::parse(&bytes).and_then(|view| view.records()?.next().transpose());
        Ok(record.ok().flatten().and_then(|record| parse_control(&record).ok()))
    }

    fn peek_header(&mut self) -> Result<Option<&[u8]>> {
        let buffered = self.buffer_position + self.buffer.len() as u64;
        let inside =
            self.position >= self.buffer_position && self.position + BATCH_HEADER_LEN as u64 <= buffered;
        if !inside {
            let length = self.chunk_len.min((self.end - self.position) as usize).max(BATCH_HEADER_LEN);
            self.buffer.resize(length, 0);
            let read = read_up_to(self.file, &mut self.buffer, self.position).context("read", &self.path)?;
            self.buffer.truncate(read);
            self.buffer_position = self.position;
        }
        let from = (self.position - self.buffer_position) as usize;
        Ok(self.buffer.get(from..from + BATCH_HEADER_LEN))
    }
}

/// Reads one whole batch into `buffer`.
///
/// # Errors
/// [`LogError::Corrupt`] when the file ends within it; [`LogError::Io`].
pub(crate) fn read_batch(
    file: &dyn File,
    path: &std::path::Path,
    batch: &ScannedBatch,
    buffer: &mut Vec<u8>,
) -> Result<()> {
    buffer.resize(batch.header.size(), 0);
    let read = read_up_to(file, buffer, batch.position).context("read", path)?;
    if read < buffer.len() {
        let path = path.to_owned();
        return Err(LogError::Corrupt { what: "record batch", path, position: batch.position });
    }
    Ok(())
}
