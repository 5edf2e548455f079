//! A file as chunks of whole records, made on a blocking thread a few chunks ahead of the decoder.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use millstream_engine::connector::ConnectorError;
use millstream_formats::{Format, RecordSplitter};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::not_readable;

/// How much of the file, decompressed, a chunk holds unless one record is larger.
const CHUNK_BYTES: usize = 1 << 20;

/// How many chunks lie between the thread that reads and the worker that decodes.
const CHUNKS_AHEAD: usize = 4;

/// The longest record; a longer one is taken for a file of another format.
const MAX_RECORD_BYTES: usize = 64 << 20;

/// Whole records, one after the other.
#[derive(Debug)]
pub(super) struct Chunk {
    /// Their bytes, line ends included.
    pub(super) bytes: Bytes,
    /// Where each ends in `bytes`.
    pub(super) ends: Vec<usize>,
}

/// The chunks of one file as they come.
#[derive(Debug)]
pub(super) struct Chunks {
    /// The chunks; closed after the last.
    pub(super) receiver: mpsc::Receiver<Result<Chunk, ConnectorError>>,
    /// The file's size in bytes.
    pub(super) file_bytes: u64,
    /// How much of it has been read.
    pub(super) read_bytes: Arc<AtomicU64>,
    /// The number of the first record that the chunks hold.
    pub(super) first_record: u64,
}

/// Starts to read a file from its record number `skip`.
pub(super) fn start(
    path: &Path,
    format: &Format,
    skip: u64,
    runtime: &Handle,
) -> Result<Chunks, ConnectorError> {
    let file = File::open(path).map_err(|error| not_readable(path, &error))?;
    let file_bytes = file.metadata().map_err(|error| not_readable(path, &error))?.len();
    let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD);
    let read_bytes = Arc::new(AtomicU64::new(0));
    let counted = Counted { file, read_bytes: read_bytes.clone() };
    let is_gzip = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
    let reader: Box<dyn Read + Send> =
        if is_gzip { Box::new(MultiGzDecoder::new(counted)) } else { Box::new(counted) };
    let mut cutter = Cutter {
        path: path.to_owned(),
        reader,
        splitter: RecordSplitter::new(format),
        rest: Vec::new(),
        skip,
    };
    runtime.spawn_blocking(move || {
        while let Some(chunk) = cutter.next().transpose() {
            let failed = chunk.is_err();
            if sender.blocking_send(chunk).is_err() || failed {
                return;
            }
        }
    });
    Ok(Chunks { receiver, file_bytes, read_bytes, first_record: skip })
}

/// Counts what is read of the file itself, compressed as it is.
struct Counted {
    file: File,
    read_bytes: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.read_bytes.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

struct Cutter {
    path: PathBuf,
    reader: Box<dyn Read + Send>,
    splitter: RecordSplitter,
    /// The beginning of a record whose end has not been read, already seen by the splitter.
    rest: Vec<u8>,
    /// Records still to be passed over.
    skip: u64,
}

impl Cutter {
    /// The next chunk with at least one record, or nothing at the end of the file.
    fn next(&mut self) -> Result<Option<Chunk>, ConnectorError> {
        loop {
            let mut bytes = std::mem::take(&mut self.rest);
            let (seen, mut ends) = (bytes.len(), Vec::new());
            let read = self.fill(&mut bytes)?;
            self.splitter.split(&bytes[seen..], &mut ends);
            ends.iter_mut().for_each(|end| *end += seen);
            if read == 0 {
                // The last record may lack its line end.
                if bytes.len() > ends.last().copied().unwrap_or_default() {
                    ends.push(bytes.len());
                }
                return Ok(self.skipped(bytes.into(), ends));
            }
            let whole = ends.last().copied().unwrap_or_default();
            self.rest = bytes.split_off(whole);
            if self.rest.len() > MAX_RECORD_BYTES {
                let message = format!(
                    "{}: a record is longer than {MAX_RECORD_BYTES} bytes: is this a file of another format?",
                    self.path.display()
                );
                return Err(ConnectorError::Data { message });
            }
            if let Some(chunk) = self.skipped(bytes.into(), ends) {
                return Ok(Some(chunk));
            }
        }
    }

    /// Reads up to a chunk's length behind what is in `bytes`; 0 at the end of the file.
    fn fill(&mut self, bytes: &mut Vec<u8>) -> Result<usize, ConnectorError> {
        let before = bytes.len();
        let limit = CHUNK_BYTES as u64;
        self.reader.by_ref().take(limit).read_to_end(bytes).map_err(|error| ConnectorError::Data {
            message: format!("cannot read {}: {error}", self.path.display()),
        })?;
        Ok(bytes.len() - before)
    }

    /// The chunk without the records that are to be passed over; nothing when none is left.
    fn skipped(&mut self, bytes: Bytes, mut ends: Vec<usize>) -> Option<Chunk> {
        let passed = usize::try_from(self.skip).unwrap_or(usize::MAX).min(ends.len());
        self.skip -= passed as u64;
        if passed == 0 {
            return (!ends.is_empty()).then_some(Chunk { bytes, ends });
        }
        let start = ends[passed - 1];
        ends.drain(..passed);
        ends.iter_mut().for_each(|end| *end -= start);
        (!ends.is_empty()).then(|| Chunk { bytes: bytes.slice(start..), ends })
    }
}
