//! Reading the batches of a segment one behind the other, checked and uncompressed.
//!
//! What is rewritten gets a new checksum, so the old one is compared first: damage must not be made to look sound.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use millstream_wire::compression::{Compression, Decompressor};
use millstream_wire::records::{BATCH_LENGTH_PREFIX_LEN, BatchView, Batches, Records, Tail};

use crate::error::IoContext;
use crate::files::FileCache;
use crate::fs::read_exact_at;
use crate::segment::Segment;
use crate::{LogError, Result};

/// Bytes read at once, but for larger batches.
const CHUNK_LEN: u64 = 1 << 20;
/// Most bytes that the records of one batch may have uncompressed.
const BATCH_UNCOMPRESSED_BYTES_MAX: usize = 256 << 20;

/// Whether the walk goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Batch,
    Stop,
}

/// The records of one batch, uncompressed when they are asked for.
#[derive(Debug)]
pub(super) struct Body<'a> {
    view: BatchView<'a>,
    decompressor: &'a mut Decompressor,
    buffer: &'a mut Vec<u8>,
}

impl Body<'_> {
    pub(super) fn records(&mut self) -> Result<Records<'_>> {
        let header = self.view.header();
        let codec = header.attributes.compression();
        if header.record_count == 0 || codec == Compression::None {
            return Ok(Records::new(self.view.body(), header));
        }
        self.decompressor.decompress_into(
            codec,
            self.view.body(),
            BATCH_UNCOMPRESSED_BYTES_MAX,
            self.buffer,
        )?;
        Ok(Records::new(self.buffer, header))
    }
}

#[derive(Debug)]
pub(super) struct BatchReader<'a> {
    stop: &'a AtomicBool,
    chunk: Vec<u8>,
    body: Vec<u8>,
    decompressor: Decompressor,
}

impl<'a> BatchReader<'a> {
    pub(super) fn new(stop: &'a AtomicBool) -> Self {
        Self { stop, chunk: Vec::new(), body: Vec::new(), decompressor: Decompressor::default() }
    }

    /// Gives each batch of a segment from position `from` on to `act`; `None` when the run was told to stop.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] for a batch, or records in it, that are not sound; [`LogError::Io`]; those of `act`.
    pub(super) fn scan(
        &mut self,
        segment: &Segment,
        cache: &FileCache,
        from: u64,
        mut act: impl FnMut(&BatchView<'_>, &mut Body<'_>) -> Result<Next>,
    ) -> Result<Option<Next>> {
        let (path, end) = (segment.log_path(), segment.extent().size);
        let mut position = from;
        let mut wanted = CHUNK_LEN;
        while position < end {
            let file = segment.log_file(cache)?;
            self.chunk.resize(wanted.min(end - position) as usize, 0);
            read_exact_at(&*file, &mut self.chunk, position).context("read", &path)?;
            let (taken, flow) = self.take_chunk(&mut act).map_err(|error| match error {
                // Whatever a stored batch breaks, it is the file that is damaged.
                LogError::InvalidBatch(_) => {
                    LogError::Corrupt { what: "record batch", path: path.clone(), position }
                }
                other => other,
            })?;
            match flow {
                ControlFlow::Break(next) => return Ok(next),
                ControlFlow::Continue(()) if taken == 0 => {
                    wanted = self.first_batch_len();
                    if wanted <= self.chunk.len() as u64 || wanted > end - position {
                        return Err(LogError::Corrupt { what: "record batch", path, position });
                    }
                }
                ControlFlow::Continue(()) => wanted = CHUNK_LEN,
            }
            position += taken;
        }
        Ok(Some(Next::Batch))
    }

    /// Gives the whole batches of the chunk to `act`; says how many bytes they are.
    fn take_chunk(
        &mut self,
        act: &mut impl FnMut(&BatchView<'_>, &mut Body<'_>) -> Result<Next>,
    ) -> Result<(u64, ControlFlow<Option<Next>>)> {
        let mut batches = Batches::new(&self.chunk, Tail::MayBeCut);
        for view in batches.by_ref() {
            if self.stop.load(Ordering::Relaxed) {
                return Ok((0, ControlFlow::Break(None)));
            }
            let view = view?;
            view.check_crc()?;
            let mut body = Body { view, decompressor: &mut self.decompressor, buffer: &mut self.body };
            if act(&view, &mut body)? == Next::Stop {
                return Ok((0, ControlFlow::Break(Some(Next::Stop))));
            }
        }
        Ok((batches.position() as u64, ControlFlow::Continue(())))
    }

    /// Bytes of the batch at the chunk's front, as it says itself.
    fn first_batch_len(&self) -> u64 {
        let length = self.chunk.get(8..BATCH_LENGTH_PREFIX_LEN).and_then(|bytes| bytes.try_into().ok());
        let length = length.map_or(0, i32::from_be_bytes);
        u64::try_from(length).map_or(0, |length| length + BATCH_LENGTH_PREFIX_LEN as u64)
    }
}
