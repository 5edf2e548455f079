//! The bytes of the journal: frames, one a round, and the entries in them.
//!
//! A frame is written and synced before the next one is begun, so only the last can be torn. Frames of an older use of the same file
//! may lie behind it: their generation tells them apart. Drawn in `docs/formats/journal.md`.

use uuid::Uuid;

const MAGIC: [u8; 4] = *b"MSJL";
/// Magic, CRC-32C of everything behind it, length of the entries, sequence number, generation.
const FRAME_HEADER_LEN: usize = 24;
/// Where what the checksum covers begins.
const CHECKED_FROM: usize = 8;
/// Topic id, partition, length of the bytes, base offset of the segment, position in it, offset behind the bytes.
const ENTRY_HEADER_LEN: usize = 48;

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
    pub(super) fn finish(&mut self, generation: u64, sequence: u32) -> &[u8] {
        let length = (self.bytes.len() - FRAME_HEADER_LEN) as u32;
        self.bytes[..4].copy_from_slice(&MAGIC);
        self.bytes[8..12].copy_from_slice(&length.to_be_bytes());
        self.bytes[12..16].copy_from_slice(&sequence.to_be_bytes());
        self.bytes[16..24].copy_from_slice(&generation.to_be_bytes());
        let crc = millstream_wire::crc32c(&self.bytes[CHECKED_FROM..]);
        self.bytes[4..8].copy_from_slice(&crc.to_be_bytes());
        &self.bytes
    }
}

/// A sound frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) generation: u64,
    pub(super) sequence: u32,
    pub(super) size: usize,
    entries: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The frame at the front of `bytes`; `None` when there is no sound one.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let header = bytes.get(..FRAME_HEADER_LEN)?;
        let length = u32::from_be_bytes(header[8..12].try_into().ok()?) as usize;
        let size = FRAME_HEADER_LEN.checked_add(length)?;
        let frame = bytes.get(..size).filter(|_| header.starts_with(&MAGIC))?;
        let crc = u32::from_be_bytes(header[4..8].try_into().ok()?);
        (millstream_wire::crc32c(&frame[CHECKED_FROM..]) == crc).then_some(())?;
        Some(Self {
            generation: u64::from_be_bytes(header[16..24].try_into().ok()?),
            sequence: u32::from_be_bytes(header[12..16].try_into().ok()?),
            size,
            entries: &frame[FRAME_HEADER_LEN..],
        })
    }

    /// The entries, up to one that is none.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry<'a>> + use<'a> {
        let mut rest = self.entries;
        std::iter::from_fn(move || {
            let (entry, behind) = split_entry(rest)?;
            rest = behind;
            Some(entry)
        })
    }
}

fn split_entry(bytes: &[u8]) -> Option<(Entry<'_>, &[u8])> {
    let (header, rest) = bytes.split_at_checked(ENTRY_HEADER_LEN)?;
    let length = u32::from_be_bytes(header[20..24].try_into().ok()?) as usize;
    let (bytes, behind) = rest.split_at_checked(length)?;
    let entry = Entry {
        topic_id: Uuid::from_slice(&header[..16]).ok()?,
        partition: i32::from_be_bytes(header[16..20].try_into().ok()?),
        segment_base: i64::from_be_bytes(header[24..32].try_into().ok()?),
        position: u64::from_be_bytes(header[32..40].try_into().ok()?),
        end_offset: i64::from_be_bytes(header[40..48].try_into().ok()?),
        bytes,
    };
    Some((entry, behind))
}

/// The frames of one file in order, as far as one follows the other.
pub(super) fn frames(bytes: &[u8]) -> impl Iterator<Item = Frame<'_>> {
    let (mut position, mut last): (usize, Option<Frame<'_>>) = (0, None);
    std::iter::from_fn(move || {
        let frame = Frame::parse(bytes.get(position..)?)?;
        let follows = match last {
            None => frame.sequence == 0,
            Some(last) => frame.generation == last.generation && frame.sequence == last.sequence + 1,
        };
        position += frame.size;
        last = Some(frame);
        follows.then_some(frame)
    })
}

/// Whether frames of a generation lie behind the end of those that follow one another: then something between them was damaged.
pub(super) fn has_lost_frames(bytes: &[u8]) -> bool {
    let (end, generation) =
        frames(bytes).fold((0, None), |(end, _), frame| (end + frame.size, Some(frame.generation)));
    let Some(generation) = generation else { return false };
    let rest = &bytes[end..];
    rest.windows(MAGIC.len()).enumerate().filter(|(_, magic)| *magic == MAGIC).any(|(position, _)| {
        Frame::parse(&rest[position..]).is_some_and(|frame| frame.generation == generation)
    })
}

#[cfg(test)]
mod tests;
