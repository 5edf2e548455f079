//! Standard input, read on a thread of its own: a read from a terminal or a pipe cannot be interrupted.

use std::io::Read;

use tokio::sync::mpsc;

use crate::record_format::{Layout, ReadError, Record, RecordReader};

/// Records that are handed over at once, at most.
const CHUNK_RECORDS_MAX: usize = 4096;
/// Chunks that may wait.
const CHUNKS_MAX: usize = 4;

/// Records as they were read, or why no more come.
pub(super) type Chunk = Result<Vec<Record>, ReadError>;

/// Starts to read. The channel closes at the end of the input, or behind the first error.
///
/// # Errors
/// When the system refuses a thread.
pub(super) fn read(
    input: impl Read + Send + 'static,
    layout: Layout,
    record_bytes_max: usize,
) -> std::io::Result<mpsc::Receiver<Chunk>> {
    let (sender, receiver) = mpsc::channel(CHUNKS_MAX);
    let mut reader = RecordReader::new(input, layout, record_bytes_max);
    let thread = std::thread::Builder::new().name("stdin".to_owned());
    thread.spawn(move || {
        loop {
            let (records, error) = next_chunk(&mut reader);
            let is_over = error.is_some() || records.is_empty();
            if !records.is_empty() && sender.blocking_send(Ok(records)).is_err() {
                return;
            }
            if let Some(error) = error {
                // Nobody waits for it when the command has ended.
                drop(sender.blocking_send(Err(error)));
            }
            if is_over {
                return;
            }
        }
    })?;
    Ok(receiver)
}

/// Waits for one record and takes what was read with it; nothing at the end.
fn next_chunk(reader: &mut RecordReader<impl Read>) -> (Vec<Record>, Option<ReadError>) {
    let mut records = Vec::new();
    loop {
        let next = if records.is_empty() { reader.next() } else { reader.next_buffered() };
        match next {
            Ok(Some(record)) => records.push(record),
            Ok(None) => return (records, None),
            Err(error) => return (records, Some(error)),
        }
        if records.len() == CHUNK_RECORDS_MAX {
            return (records, None);
        }
    }
}

#[cfg(test)]
mod tests;
