//! The newest offset of each key, within a bound of memory.
//!
//! Keys are not kept but 128 bits of two keyed hashes: as in Kafka, whose map keeps MD5, two keys of the same hash would count
//! as one. The hashes' keys are random, so nobody can look for such a pair.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

/// Bytes of an entry in the table, with its control byte.
const ENTRY_LEN: u64 = 25;
/// Fewest entries, whatever the bound says.
const ENTRIES_MIN: u64 = 1 << 10;

/// Hashes of a key are their own hash.
#[derive(Debug, Default, Clone, Copy)]
struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        debug_assert!(false, "only whole hashes are looked up");
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 ^= hash;
    }
}

#[derive(Debug, Default, Clone, Copy)]
struct BuildAlreadyHashed;

impl BuildHasher for BuildAlreadyHashed {
    type Hasher = AlreadyHashed;

    fn build_hasher(&self) -> AlreadyHashed {
        AlreadyHashed::default()
    }
}

#[derive(Debug)]
pub(super) struct OffsetMap {
    offsets: HashMap<(u64, u64), i64, BuildAlreadyHashed>,
    hashers: [RandomState; 2],
    entries_max: usize,
    first_offset: i64,
    latest_offset: i64,
}

impl OffsetMap {
    /// A map of at most `bytes_max` bytes, in which nothing up to `latest_offset` is.
    pub(super) fn new(bytes_max: u64, latest_offset: i64) -> Self {
        // A table that grows is there twice for a moment, the old one half as large; it is filled to seven eighths.
        let buckets = (bytes_max * 2 / (3 * ENTRY_LEN)).max(ENTRIES_MIN);
        let buckets = 1_u64 << buckets.ilog2();
        Self {
            offsets: HashMap::with_hasher(BuildAlreadyHashed),
            hashers: [RandomState::new(), RandomState::new()],
            entries_max: (buckets / 8 * 7) as usize,
            first_offset: latest_offset,
            latest_offset,
        }
    }

    /// Whether a batch of so many records can be taken in. The first one always can, or there would be no progress.
    pub(super) fn has_room_for(&self, records: usize) -> bool {
        self.offsets.len() + records <= self.entries_max || self.latest_offset == self.first_offset
    }

    pub(super) fn put(&mut self, key: &[u8], offset: i64) {
        let hash = self.hash(key);
        self.offsets.insert(hash, offset);
    }

    /// Takes note that everything up to `offset` was looked at.
    pub(super) fn advance(&mut self, offset: i64) {
        self.latest_offset = self.latest_offset.max(offset);
    }

    /// Offset up to which the map knows the newest of every key.
    pub(super) fn latest_offset(&self) -> i64 {
        self.latest_offset
    }

    /// Whether a record of this key, at or below the latest offset, is superseded.
    pub(super) fn is_superseded(&self, key: &[u8], offset: i64) -> bool {
        self.offsets.get(&self.hash(key)).is_some_and(|&newest| newest > offset)
    }

    fn hash(&self, key: &[u8]) -> (u64, u64) {
        let [first, second] = &self.hashers;
        (first.hash_one(key), second.hash_one(key))
    }
}

#[cfg(test)]
mod tests {
    //! Bounds, and what counts as newest.
    use super::*;

    #[test]
    fn the_newest_offset_of_a_key_counts() {
        let mut map = OffsetMap::new(1 << 20, -1);
        map.put(b"a", 1);
        map.put(b"b", 2);
        map.put(b"a", 3);
        assert!(map.is_superseded(b"a", 1) && !map.is_superseded(b"a", 3));
        assert!(!map.is_superseded(b"b", 2) && !map.is_superseded(b"c", 0));
    }

    #[test]
    fn a_full_map_takes_one_batch_and_no_more() {
        let mut map = OffsetMap::new(0, 9);
        assert!(map.has_room_for(1 << 20));
        for key in 0..5000_u32 {
            map.put(&key.to_be_bytes(), 10);
        }
        map.advance(10);
        assert!(!map.has_room_for(1));
        assert_eq!(OffsetMap::new(128 << 20, 0).entries_max, (1 << 21) / 8 * 7);
    }
}
