//! The bytes of the journal: frames, and the entries in them.
//!
//! A frame is written and synced before the next one is begun, so only the last can be torn. Frames of an older use of the same file
//! may lie behind it: their generation tells them apart. What clients have sent lies in the frames, so nothing that they could guess
//! may make a frame: a random number of the process is in each header. Drawn in `docs/formats/journal.md`.

use std::path::Path;

use uuid::Uuid;

use crate::Result;
use crate::error::IoContext;
use crate::fs::{File, read_up_to};

const MAGIC: [u8; 4] = *b"MSJL";
/// Magic, CRC-32C of everything behind it, length of the entries, sequence number, generation, salt.
const FRAME_HEADER_LEN: usize = 32;
/// Where what the checksum covers begins.
const CHECKED_FROM: usize = 8;
/// Topic id, partition, length of the bytes, base offset of the segment, position in it, offset behind the bytes.
const ENTRY_HEADER_LEN: usize = 48;
/// Most bytes of a frame; the reader takes none that says it has more.
pub(super) const FRAME_BYTES_MAX: usize = 4 << 20;
/// What a search for frames reads at once.
const SEARCH_BYTES: usize = 1 << 20;

/// Bytes of one segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    pub(super) topic_id: Uuid,
    pub(super) partition: i32,
    pub(super) segment_base: i64,
    /// Where in the segment's log file the bytes belong.
    pub(super) position: u64,
    /// Offset behind the last record.
    pub(super) end_offset: i64,
    pub(super) bytes: &'a [u8],
}

/// Which frames belong together: those of one file, from when it was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Use {
    /// How often the process had begun a file.
    pub(super) generation: u64,
    /// A random number of the process.
    pub(super) salt: u64,
}

/// A frame in the making; its memory is used again for the next.
#[derive(Debug, Default)]
pub(super) struct FrameBuilder {
    bytes: Vec<u8>,
}

impl FrameBuilder {
    pub(super) fn begin(&mut self) {
        self.bytes.clear();
        self.bytes.resize(FRAME_HEADER_LEN, 0);
    }

    /// Whether there is an entry.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.len() <= FRAME_HEADER_LEN
    }

    /// Whether entries for so many ranges with so many bytes in all still fit.
    pub(super) fn has_room_for(&self, ranges: usize, bytes: u64) -> bool {
        (self.bytes.len() + ranges * ENTRY_HEADER_LEN) as u64 + bytes <= FRAME_BYTES_MAX as u64
    }

    /// Adds an entry, whose bytes `fill` writes where they go. Without them, the frame is as before.
    pub(super) fn add<E>(
        &mut self,
        entry: &Entry<'_>,
        length: u32,
        fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let before = self.bytes.len();
        self.bytes.extend_from_slice(entry.topic_id.as_bytes());
        self.bytes.extend_from_slice(&entry.partition.to_be_bytes());
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.extend_from_slice(&entry.segment_base.to_be_bytes());
        self.bytes.extend_from_slice(&entry.position.to_be_bytes());
        self.bytes.extend_from_slice(&entry.end_offset.to_be_bytes());
        let from = self.bytes.len();
        self.bytes.resize(from + length as usize, 0);
        fill(&mut self.bytes[from..]).inspect_err(|_| self.bytes.truncate(before))
    }

    /// Takes back what was added behind `len`.
    pub(super) fn truncate(&mut self, len: usize) {
        self.bytes.truncate(len);
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The whole frame.
    pub(super) fn finish(&mut self, of: Use, sequence: u32) -> &[u8] {
        let length = (self.bytes.len() - FRAME_HEADER_LEN) as u32;
        self.bytes[..4].copy_from_slice(&MAGIC);
        self.bytes[8..12].copy_from_slice(&length.to_be_bytes());
        self.bytes[12..16].copy_from_slice(&sequence.to_be_bytes());
        self.bytes[16..24].copy_from_slice(&of.generation.to_be_bytes());
        self.bytes[24..32].copy_from_slice(&of.salt.to_be_bytes());
        let crc = millstream_wire::crc32c(&self.bytes[CHECKED_FROM..]);
        self.bytes[4..8].copy_from_slice(&crc.to_be_bytes());
        &self.bytes
    }
}

#[derive(Debug, Clone, Copy)]
struct Header {
    crc: u32,
    /// Size of the frame.
    size: usize,
    sequence: u32,
    of: Use,
}

impl Header {
    /// The header at the front of `bytes`, if there is one.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let header = bytes.get(..FRAME_HEADER_LEN)?.strip_prefix(&MAGIC)?;
        let uint32 = |at: usize| header.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
        let uint64 = |at: usize| header.get(at..at + 8)?.try_into().ok().map(u64::from_be_bytes);
        let size = FRAME_HEADER_LEN + uint32(4)? as usize;
        let of = Use { generation: uint64(12)?, salt: uint64(20)? };
        (size <= FRAME_BYTES_MAX).then_some(Self { crc: uint32(0)?, size, sequence: uint32(8)?, of })
    }
}

/// Reads the frames of one file in order, as far as one follows the other.
#[derive(Debug)]
pub(super) struct FrameReader<'a> {
    file: &'a dyn File,
    path: &'a Path,
    position: u64,
    of: Option<Use>,
    next_sequence: u32,
    frame: Vec<u8>,
}

impl<'a> FrameReader<'a> {
    pub(super) fn new(file: &'a dyn File, path: &'a Path) -> Self {
        Self { file, path, position: 0, of: None, next_sequence: 0, frame: Vec::new() }
    }

    /// What the frames that were read belong to.
    pub(super) fn of(&self) -> Option<Use> {
        self.of
    }

    /// The entries of the next frame, up to one that is none; `None` when there is no sound one.
    pub(super) fn next_frame(&mut self) -> Result<Option<Entries<'_>>> {
        self.read(FRAME_HEADER_LEN)?;
        let Some(header) = Header::parse(&self.frame) else { return Ok(None) };
        let follows = header.sequence == self.next_sequence && self.of.is_none_or(|of| of == header.of);
        if !follows {
            return Ok(None);
        }
        self.read(header.size)?;
        let sound = self.frame.len() == header.size
            && millstream_wire::crc32c(&self.frame[CHECKED_FROM..]) == header.crc;
        if !sound {
            return Ok(None);
        }
        self.position += header.size as u64;
        self.next_sequence += 1;
        self.of = Some(header.of);
        Ok(Some(Entries { rest: &self.frame[FRAME_HEADER_LEN..] }))
    }

    /// Whether frames lie behind the end of those that follow one another: then something between them was damaged.
    pub(super) fn has_lost_frames(&mut self) -> Result<bool> {
        let Some(of) = self.of else { return Ok(false) };
        loop {
            self.read(SEARCH_BYTES)?;
            let is_lost = |at: usize| {
                let header = Header::parse(&self.frame[at..]);
                header.is_some_and(|header| header.of == of && header.sequence > self.next_sequence)
            };
            if memchr::memmem::find_iter(&self.frame, &MAGIC).any(is_lost) {
                return Ok(true);
            }
            if self.frame.len() < SEARCH_BYTES {
                return Ok(false);
            }
            self.position += (SEARCH_BYTES - FRAME_HEADER_LEN) as u64;
        }
    }

    /// Reads as much of `length` bytes as there is.
    fn read(&mut self, length: usize) -> Result<()> {
        self.frame.resize(length, 0);
        let found = read_up_to(self.file, &mut self.frame, self.position).context("read", self.path)?;
        self.frame.truncate(found);
        Ok(())
    }
}

/// The entries of a frame.
#[derive(Debug)]
pub(super) struct Entries<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        let (header, rest) = self.rest.split_at_checked(ENTRY_HEADER_LEN)?;
        let length = u32::from_be_bytes(header[20..24].try_into().ok()?) as usize;
        let (bytes, behind) = rest.split_at_checked(length)?;
        self.rest = behind;
        Some(Entry {
            topic_id: Uuid::from_slice(&header[..16]).ok()?,
            partition: i32::from_be_bytes(header[16..20].try_into().ok()?),
            segment_base: i64::from_be_bytes(header[24..32].try_into().ok()?),
            position: u64::from_be_bytes(header[32..40].try_into().ok()?),
            end_offset: i64::from_be_bytes(header[40..48].try_into().ok()?),
            bytes,
        })
    }
}

#[cfg(test)]
mod tests;
