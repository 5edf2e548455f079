//! Frames come back as they were written; what is torn, damaged or older ends them, and damage in the middle is seen.

use std::io::IoSlice;

use proptest::prelude::*;

use super::*;
use crate::fs::sim::SimFileSystem;
use crate::fs::{FileSystem, OpenMode, write_all_at};

fn of(generation: u64) -> Use {
    Use { generation, salt: 99 }
}

fn entry(partition: i32, bytes: &[u8]) -> Entry<'_> {
    let topic_id = Uuid::from_u128(7);
    Entry { topic_id, partition, segment_base: 40, position: 9, end_offset: 50, bytes }
}

fn encode(of: Use, sequence: u32, entries: &[Entry<'_>]) -> Vec<u8> {
    let mut frame = FrameBuilder::default();
    frame.begin();
    assert!(frame.is_empty());
    for entry in entries {
        let fill = |buffer: &mut [u8]| {
            buffer.copy_from_slice(entry.bytes);
            Ok::<(), ()>(())
        };
        frame.add(entry, entry.bytes.len() as u32, fill).unwrap();
    }
    frame.finish(of, sequence).to_vec()
}

/// A frame of one entry.
fn small(of: Use, sequence: u32) -> Vec<u8> {
    encode(of, sequence, &[entry(0, b"some bytes")])
}

/// Partitions and bytes.
type Parts = Vec<(i32, Vec<u8>)>;

/// The partitions of each frame's entries with their bytes, and whether frames are missed.
fn read(bytes: &[u8]) -> (Vec<Parts>, bool) {
    let fs = SimFileSystem::new(1);
    let path = Path::new("journal");
    let file = fs.open(path, OpenMode::OrCreate).unwrap();
    write_all_at(&*file, &mut [IoSlice::new(bytes)], 0).unwrap();
    let mut reader = FrameReader::new(&*file, path);
    let mut frames = Vec::new();
    while let Some(entries) = reader.next_frame().unwrap() {
        frames.push(entries.map(|entry| (entry.partition, entry.bytes.to_vec())).collect());
    }
    let lost = reader.has_lost_frames().unwrap();
    (frames, lost)
}

fn count(bytes: &[u8]) -> (usize, bool) {
    let (frames, lost) = read(bytes);
    (frames.len(), lost)
}

#[test]
fn a_frame_comes_back_with_its_entries() {
    let bytes = encode(of(3), 0, &[entry(0, b"first"), entry(1, b""), entry(2, &[9; 300])]);
    let expected = vec![(0, b"first".to_vec()), (1, Vec::new()), (2, vec![9; 300])];
    assert_eq!(read(&bytes), (vec![expected], false));
}

#[test]
fn an_entry_that_cannot_be_filled_leaves_the_frame_as_it_was() {
    let mut frame = FrameBuilder::default();
    frame.begin();
    let before = frame.len();
    assert_eq!(frame.add(&entry(0, b""), 10, |_| Err("unreadable")), Err("unreadable"));
    assert_eq!(frame.len(), before);
}

#[test]
fn frames_end_where_one_is_torn_or_of_another_use() {
    let whole = [small(of(5), 0), small(of(5), 1), small(of(5), 2)].concat();
    assert_eq!(count(&whole), (3, false));
    for cut in 0..whole.len() {
        assert_eq!(count(&whole[..cut]), (cut / small(of(5), 0).len(), false), "{cut}");
    }
    assert_eq!(count(&[small(of(5), 0), small(of(4), 1), small(of(4), 2)].concat()), (1, false));
    let forged = Use { generation: 5, salt: 98 };
    assert_eq!(count(&[small(of(5), 0), small(forged, 1), small(forged, 2)].concat()), (1, false));
    assert_eq!(count(&small(of(5), 1)), (0, false), "the first is missing");
    assert_eq!(count(&[small(of(5), 0), vec![0; 64]].concat()), (1, false));
}

#[test]
fn frames_behind_damage_are_missed() {
    let far = encode(of(5), 1, &[entry(0, &vec![7; 3 << 20])]);
    let mut bytes = [small(of(5), 0), far, small(of(5), 2)].concat();
    assert_eq!(count(&bytes), (3, false));
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    assert_eq!(count(&bytes), (1, true));
}

proptest! {
    #[test]
    fn any_bytes_are_frames_or_not(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0_usize..100) {
        // What looks like a header.
        if let Some(place) = bytes.get_mut(at..at + 4) {
            place.copy_from_slice(&MAGIC);
        }
        let read: usize = read(&bytes).0.concat().iter().map(|(_, bytes)| bytes.len()).sum();
        prop_assert!(read <= bytes.len());
    }
}
