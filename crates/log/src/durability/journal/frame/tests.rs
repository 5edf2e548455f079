//! Frames come back as they were written; what is torn, damaged or older ends them, and damage in the middle is seen.

use proptest::prelude::*;

use super::*;

fn entry(partition: i32, bytes: &[u8]) -> Entry<'_> {
    let topic_id = Uuid::from_u128(7);
    Entry { topic_id, partition, segment_base: 40, position: 9, end_offset: 50, bytes }
}

fn encode(generation: u64, sequence: u32, entries: &[Entry<'_>]) -> Vec<u8> {
    let mut frame = FrameBuilder::default();
    frame.begin();
    for entry in entries {
        let fill = |buffer: &mut [u8]| {
            buffer.copy_from_slice(entry.bytes);
            Ok::<(), ()>(())
        };
        frame.add(entry, entry.bytes.len() as u32, fill).unwrap();
    }
    frame.finish(generation, sequence).to_vec()
}

fn sequences(bytes: &[u8]) -> Vec<u32> {
    frames(bytes).map(|frame| frame.sequence).collect()
}

#[test]
fn a_frame_comes_back_with_its_entries() {
    let entries = [entry(0, b"first"), entry(1, b""), entry(2, &[9; 300])];
    let bytes = encode(3, 0, &entries);
    let frame = frames(&bytes).next().unwrap();
    assert_eq!((frame.generation, frame.sequence, frame.size), (3, 0, bytes.len()));
    assert_eq!(frame.entries().collect::<Vec<_>>(), entries);
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
fn frames_end_where_one_is_torn_or_of_an_older_generation() {
    let frame = |generation, sequence| encode(generation, sequence, &[entry(0, b"some bytes")]);
    let whole = [frame(5, 0), frame(5, 1), frame(5, 2)].concat();
    assert_eq!(sequences(&whole), [0, 1, 2]);
    for cut in 0..whole.len() {
        assert_eq!(sequences(&whole[..cut]).len(), cut / frame(5, 0).len(), "{cut}");
        assert!(!has_lost_frames(&whole[..cut]));
    }
    let older_behind = [frame(5, 0), frame(4, 1), frame(4, 2)].concat();
    assert_eq!(sequences(&older_behind), [0]);
    assert!(!has_lost_frames(&older_behind));
    assert_eq!(sequences(&frame(5, 1)), [0_u32; 0], "the first is missing");
    let zeros_behind = [frame(5, 0), vec![0; 64]].concat();
    assert_eq!(sequences(&zeros_behind), [0]);
}

#[test]
fn frames_behind_damage_are_missed() {
    let mut bytes = [0, 1, 2].map(|sequence| encode(5, sequence, &[entry(0, b"some bytes")])).concat();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    assert_eq!(sequences(&bytes), [0]);
    assert!(has_lost_frames(&bytes));
}

proptest! {
    #[test]
    fn any_bytes_are_frames_or_not(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0_usize..100) {
        // Headers that look like one, lengths that are not.
        if let Some(place) = bytes.get_mut(at..at + 4) {
            place.copy_from_slice(&MAGIC);
        }
        let total: usize = frames(&bytes).map(|frame| frame.entries().map(|entry| entry.bytes.len()).sum::<usize>()).sum();
        prop_assert!(total <= bytes.len());
        has_lost_frames(&bytes);
    }
}
