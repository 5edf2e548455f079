//! Producer snapshots: Kafka's `.snapshot` file, with our own part behind it.
//!
//! Kafka's part holds the last batch of each producer. It is enough for Kafka, which then refuses the retry of an older
//! one that a crash left unanswered; ours keeps the other four in a part behind Kafka's entries, inside the checksum, where
//! Kafka's readers do not look. Both are drawn in `docs/formats/log-directory.md`. A snapshot without it is read all the same.

use super::{BATCHES_MAX, ProducerBatch, ProducerEntry, ProducerState};

const VERSION: i16 = 1;
/// Version and checksum.
const PREFIX_LEN: usize = 6;
/// Opens our part.
const EXTENSION: [u8; 4] = *b"MSPB";
const NO_TRANSACTION: i64 = -1;

/// The file's bytes.
pub(crate) fn encode(state: &ProducerState) -> Vec<u8> {
    let mut bytes = VERSION.to_be_bytes().to_vec();
    bytes.extend([0; 4]);
    bytes.extend((state.len() as i32).to_be_bytes());
    for (producer_id, entry) in state.iter() {
        let none = ProducerBatch { last_sequence: -1, last_offset: -1, offset_delta: 0, timestamp_ms: -1 };
        let last = entry.last_batch().unwrap_or(&none);
        bytes.extend(producer_id.to_be_bytes());
        bytes.extend(entry.epoch.to_be_bytes());
        bytes.extend(last.last_sequence.to_be_bytes());
        bytes.extend(last.last_offset.to_be_bytes());
        bytes.extend(last.offset_delta.to_be_bytes());
        bytes.extend(entry.last_seen_ms.to_be_bytes());
        bytes.extend(entry.coordinator_epoch.to_be_bytes());
        bytes.extend(entry.transaction_first_offset.unwrap_or(NO_TRANSACTION).to_be_bytes());
    }
    bytes.extend(EXTENSION);
    bytes.extend((state.len() as i32).to_be_bytes());
    for (producer_id, entry) in state.iter() {
        bytes.extend(producer_id.to_be_bytes());
        bytes.push(entry.batches().len() as u8);
        for batch in entry.batches() {
            bytes.extend(batch.last_sequence.to_be_bytes());
            bytes.extend(batch.last_offset.to_be_bytes());
            bytes.extend(batch.offset_delta.to_be_bytes());
            bytes.extend(batch.timestamp_ms.to_be_bytes());
        }
    }
    let crc = millstream_wire::crc32c(&bytes[PREFIX_LEN..]);
    bytes[2..PREFIX_LEN].copy_from_slice(&crc.to_be_bytes());
    bytes
}

/// Reads a snapshot; `None` when it is damaged or of another version.
pub(crate) fn decode(bytes: &[u8]) -> Option<ProducerState> {
    let mut reader = Reader(bytes);
    let version = i16::from_be_bytes(reader.array()?);
    let crc = u32::from_be_bytes(reader.array()?);
    if version != VERSION || crc != millstream_wire::crc32c(reader.0) {
        return None;
    }
    let mut state = ProducerState::default();
    for _ in 0..reader.count()? {
        let producer_id = reader.i64()?;
        let epoch = i16::from_be_bytes(reader.array()?);
        let last = ProducerBatch {
            last_sequence: reader.i32()?,
            last_offset: reader.i64()?,
            offset_delta: reader.i32()?,
            timestamp_ms: 0,
        };
        let last_seen_ms = reader.i64()?;
        let mut entry = ProducerEntry::new(epoch, last_seen_ms);
        if last.last_sequence >= 0 {
            entry.push(ProducerBatch { timestamp_ms: last_seen_ms, ..last });
        }
        entry.coordinator_epoch = reader.i32()?;
        entry.transaction_first_offset = Some(reader.i64()?).filter(|&first| first != NO_TRANSACTION);
        state.insert(producer_id, entry);
    }
    if !reader.0.is_empty() {
        decode_extension(&mut reader, &mut state)?;
    }
    Some(state)
}

fn decode_extension(reader: &mut Reader<'_>, state: &mut ProducerState) -> Option<()> {
    if reader.array()? != EXTENSION {
        return None;
    }
    for _ in 0..reader.count()? {
        let producer_id = reader.i64()?;
        let known = state.get(producer_id)?;
        let mut entry = ProducerEntry { batch_count: 0, ..*known };
        let [count] = reader.array()?;
        if usize::from(count) > BATCHES_MAX {
            return None;
        }
        for _ in 0..count {
            entry.push(ProducerBatch {
                last_sequence: reader.i32()?,
                last_offset: reader.i64()?,
                offset_delta: reader.i32()?,
                timestamp_ms: reader.i64()?,
            });
        }
        state.insert(producer_id, entry);
    }
    reader.0.is_empty().then_some(())
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn i32(&mut self) -> Option<i32> {
        self.array().map(i32::from_be_bytes)
    }

    fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_be_bytes)
    }

    fn count(&mut self) -> Option<u32> {
        u32::try_from(self.i32()?).ok()
    }
}
