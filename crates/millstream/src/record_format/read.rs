//! Records from a stream of bytes, one after the other, without copying keys and values.

use std::io::Read;

use bytes::Bytes;

use super::Record;
use super::cursor::{Cursor, Problem, Stop};
use super::layout::Layout;

/// What is asked of the input at once, at least.
const READ_BYTES: usize = 64 << 10;

/// Why no record came.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// The input failed.
    #[error("standard input: {0}")]
    Input(#[from] std::io::Error),
    /// A record is not in the format.
    #[error("record {number} of standard input is not in the format: {problem}")]
    Record {
        /// Which one, from 1.
        number: u64,
        /// What is wrong with it.
        problem: Problem,
    },
}

/// Reads records in a format. Holds at most one record more than what was read at once.
#[derive(Debug)]
pub(crate) struct RecordReader<R> {
    input: R,
    layout: Layout,
    /// What was read and not yet given out.
    buffer: Bytes,
    is_end: bool,
    /// Records given out.
    count: u64,
    record_bytes_max: usize,
}

impl<R: Read> RecordReader<R> {
    /// Reads records of at most `record_bytes_max` bytes of input each.
    pub(crate) fn new(input: R, layout: Layout, record_bytes_max: usize) -> Self {
        Self { input, layout, buffer: Bytes::new(), is_end: false, count: 0, record_bytes_max }
    }

    /// The next record, waiting for input; none at its end.
    ///
    /// # Errors
    /// When the input fails or a record is not in the format; the reader is of no use after it.
    pub(crate) fn next(&mut self) -> Result<Option<Record>, ReadError> {
        loop {
            if let Some(record) = self.next_buffered()? {
                return Ok(Some(record));
            }
            if self.is_end {
                return Ok(None);
            }
            self.read_more()?;
        }
    }

    /// The next record if it has been read already.
    ///
    /// # Errors
    /// As [`RecordReader::next`].
    pub(crate) fn next_buffered(&mut self) -> Result<Option<Record>, ReadError> {
        if self.buffer.is_empty() {
            return Ok(None);
        }
        let mut cursor = Cursor::new(self.buffer.clone(), self.is_end);
        let problem = match self.layout.read(&mut cursor, true) {
            Ok(record) => {
                self.buffer = self.buffer.split_off(cursor.position());
                self.count += 1;
                return Ok(Some(record));
            }
            Err(Stop::More) if self.buffer.len() <= self.record_bytes_max => return Ok(None),
            Err(Stop::More) => Problem::TooLong { limit_bytes: self.record_bytes_max },
            Err(Stop::Problem(problem)) => problem,
        };
        Err(ReadError::Record { number: self.count + 1, problem })
    }

    /// Reads once, twice as much as before while a record does not end.
    fn read_more(&mut self) -> Result<(), ReadError> {
        let kept = self.buffer.len();
        let mut buffer = vec![0; kept + READ_BYTES.max(kept)];
        buffer[..kept].copy_from_slice(&self.buffer);
        let read = loop {
            match self.input.read(&mut buffer[kept..]) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        buffer.truncate(kept + read);
        self.is_end = read == 0;
        self.buffer = buffer.into();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
