//! Entries have Kafka's bytes, and a search gives the same answer wherever the entries are.

use std::io::IoSlice;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::fs::sim::SimFileSystem;
use crate::fs::{FileSystem, OpenMode, write_all_at};

#[test]
fn entries_have_kafkas_bytes() {
    let mut bytes = Vec::new();
    OffsetEntry { offset: 1005, position: 4097 }.encode(1000, &mut bytes);
    assert_eq!(bytes, [0, 0, 0, 5, 0, 0, 0x10, 1]);
    assert_eq!(OffsetEntry::decode(&bytes, 1000), Some(OffsetEntry { offset: 1005, position: 4097 }));
    bytes.clear();
    TimeEntry { timestamp_ms: 258, offset: 1007 }.encode(1000, &mut bytes);
    assert_eq!(bytes, [0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 7]);
    assert_eq!(TimeEntry::decode(&bytes, 1000), Some(TimeEntry { timestamp_ms: 258, offset: 1007 }));
    assert_eq!(OffsetEntry::decode(&[0, 0, 0, 1, 0xff, 0, 0, 0], 0), None);
}

proptest! {
    #[test]
    fn a_search_finds_the_floor_in_memory_and_in_the_file(
        gaps in prop::collection::vec(1_i64..5, 0..1500),
        flush_every in 1_usize..600,
        wanted in 0_i64..6000,
    ) {
        let fs = SimFileSystem::new(0);
        let file = fs.open(Path::new("index"), OpenMode::OrCreate).unwrap();
        let mut index = SparseIndex::new(0, 0);
        let mut entries = Vec::new();
        let mut offset = 0;
        for gap in gaps {
            offset += gap;
            let entry = OffsetEntry { offset, position: offset as u64 * 10 };
            entries.push(entry);
            index.push(entry);
            if index.unwritten() >= flush_every {
                let (bytes, position) = index.encode_unwritten();
                write_all_at(&*file, &mut [IoSlice::new(&bytes)], position).unwrap();
                index.mark_written(index.unwritten());
            }
        }
        prop_assert_eq!(index.len(), entries.len());
        let expected = entries.iter().rfind(|entry| entry.offset <= wanted).copied();
        let is_before = |entry: &OffsetEntry| entry.offset <= wanted;
        let found = match index.floor(is_before) {
            Floor::Known(found) => found,
            Floor::InFile(count) => floor_in_file(&*file, 0, count, is_before).unwrap(),
        };
        prop_assert_eq!(found, expected);
    }
}
