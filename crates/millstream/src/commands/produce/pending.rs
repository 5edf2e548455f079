//! Records that wait for their acknowledgement, to be given out in the order in which they came.
//!
//! Acknowledgements come in batches, per partition in the order of the appends, between partitions in any order.

use std::collections::{HashMap, VecDeque};

use millstream_client::producer::Delivery;

use crate::record_format::Record;

/// How many records may wait.
const RECORDS_MAX: usize = 1 << 16;
/// How many bytes their keys, values and headers may have.
const CONTENT_BYTES_MAX: usize = 32 << 20;

/// The records.
#[derive(Debug, Default)]
pub(super) struct Pending {
    records: VecDeque<Waiting>,
    /// The number of the first of `records`, counted from the first that was ever pushed.
    first: u64,
    /// The numbers of records that are not acknowledged, by partition.
    unacknowledged: HashMap<i32, VecDeque<u64>>,
    content_bytes: usize,
}

#[derive(Debug)]
struct Waiting {
    record: Record,
    is_acknowledged: bool,
}

impl Pending {
    /// Whether more may come; what came is never refused.
    pub(super) fn has_room(&self) -> bool {
        self.records.len() < RECORDS_MAX && self.content_bytes < CONTENT_BYTES_MAX
    }

    /// Whether every record was given out.
    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Takes a record that was appended to its partition.
    pub(super) fn push(&mut self, record: Record) {
        let number = self.first + self.records.len() as u64;
        self.unacknowledged.entry(record.partition).or_default().push_back(number);
        self.content_bytes += content_bytes(&record);
        self.records.push_back(Waiting { record, is_acknowledged: false });
    }

    /// Takes note of a batch that was acknowledged.
    pub(super) fn acknowledge(&mut self, delivery: &Delivery) {
        let Some(numbers) = self.unacknowledged.get_mut(&delivery.partition.partition) else { return };
        let count = numbers.len().min(delivery.records as usize);
        for (place, number) in numbers.drain(..count).enumerate() {
            let Some(waiting) = self.records.get_mut((number - self.first) as usize) else { continue };
            waiting.is_acknowledged = true;
            waiting.record.offset = delivery.base_offset.map_or(-1, |base| base + place as i64);
            waiting.record.timestamp_ms = delivery.append_time_ms.unwrap_or(waiting.record.timestamp_ms);
        }
    }

    /// The next record, if it is acknowledged.
    pub(super) fn pop(&mut self) -> Option<Record> {
        let waiting = self.records.pop_front_if(|waiting| waiting.is_acknowledged)?;
        self.first += 1;
        self.content_bytes -= content_bytes(&waiting.record);
        Some(waiting.record)
    }

    /// All that are acknowledged, also behind others that are not: for when those will never be.
    pub(super) fn into_acknowledged(self) -> impl Iterator<Item = Record> {
        self.records.into_iter().filter(|waiting| waiting.is_acknowledged).map(|waiting| waiting.record)
    }
}

fn content_bytes(record: &Record) -> usize {
    let of = |bytes: &Option<bytes::Bytes>| bytes.as_ref().map_or(0, bytes::Bytes::len);
    let headers = record.headers.iter().map(|(name, value)| name.len() + of(value));
    of(&record.key) + of(&record.value) + headers.sum::<usize>()
}

#[cfg(test)]
mod tests;
