//! What is found without waiting is what is found with it.

use proptest::prelude::*;

use super::*;
use crate::LogError;
use crate::durability::FsyncPolicy;
use crate::testing::{Bench, batch, batches};

/// What happens to a log that is read.
#[derive(Debug, Clone)]
enum Step {
    /// Records, and the size of their values in bytes.
    Append(usize, usize),
    Sync,
    Restart,
    /// By the consumer of this number, up to so many bytes.
    Read(usize, u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1_usize..5, prop_oneof![Just(10_usize), Just(60_000)]).prop_map(|(count, size)| Step::Append(count, size)),
        2 => Just(Step::Sync),
        1 => Just(Step::Restart),
        8 => (0_usize..3, prop_oneof![Just(100_u64), Just(100_000), Just(u64::MAX)])
            .prop_map(|(consumer, max_bytes)| Step::Read(consumer, max_bytes)),
    ];
    prop::collection::vec(step, 1..80)
}

fn places(found: &ReadSlices) -> Vec<(u64, u64, i64, i64, i64)> {
    let slices = found.slices.iter();
    let last_stable_offset = found.last_stable_offset;
    slices
        .map(|slice| {
            (slice.position, slice.length, found.log_start_offset, found.high_watermark, last_stable_offset)
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_read_without_waiting_is_the_read_with_it(steps in steps(), group in any::<bool>()) {
        let policy = if group { FsyncPolicy::Group } else { FsyncPolicy::None };
        let bench = Bench::new(31, policy);
        let (mut store, mut partition) = bench.with_topic([("segment.bytes", "1048576")]);
        let mut offsets = [0; 3];
        for step in steps {
            match step {
                Step::Append(count, size) => _ = partition.append(&batch(count, size)).unwrap(),
                Step::Sync => _ = store.sync_queued(),
                Step::Restart => {
                    store.close().unwrap();
                    drop(store);
                    store = bench.open().unwrap();
                    partition = store.partition("t", 0).unwrap();
                }
                Step::Read(consumer, max_bytes) => {
                    let request = ReadRequest {
                        offset: offsets[consumer],
                        max_bytes,
                        at_least_one_batch: false,
                        bound: ReadBound::HighWatermark,
                    };
                    let following = partition.read_following(&request);
                    let found = partition.read(&request).unwrap();
                    if let Some(following) = following {
                        prop_assert_eq!(places(&following), places(&found));
                        let read = following.read().unwrap();
                        prop_assert_eq!(&read, &found.read().unwrap());
                    }
                    let read = found.read().unwrap();
                    if let Some(last) = batches(&read).last() {
                        offsets[consumer] = last.header().next_offset();
                    }
                }
            }
        }
    }
}

#[test]
fn who_follows_the_log_needs_no_file() {
    let bench = Bench::new(32, FsyncPolicy::None);
    let (_store, partition) = bench.with_topic([]);
    let request = |offset| ReadRequest {
        offset,
        max_bytes: 1_000,
        at_least_one_batch: false,
        bound: ReadBound::LastStableOffset,
    };
    for offset in 0..10 {
        partition.append(&batch(1, 10)).unwrap();
        let found = partition.read_following(&request(offset)).expect("it follows");
        assert_eq!(batches(&found.read().unwrap())[0].header().base_offset, offset);
        let nothing = partition.read_following(&request(offset + 1)).expect("it has read all");
        assert!(nothing.slices.is_empty());
    }
    assert!(partition.read_following(&request(1)).is_none(), "nobody's read has ended there lately");
    assert!(partition.read_following(&request(11)).is_none(), "behind the end");
    let small = ReadRequest { max_bytes: 10, ..request(9) };
    assert!(partition.read_following(&small).is_none(), "more than is wanted");
}

#[test]
fn known_damage_is_not_served_to_followers() {
    let bench = Bench::new(33, FsyncPolicy::None);
    let (_store, partition) = bench.with_topic([]);
    let request = |offset| ReadRequest {
        offset,
        max_bytes: 1_000,
        at_least_one_batch: false,
        bound: ReadBound::HighWatermark,
    };
    partition.append(&batch(1, 10)).unwrap();
    assert!(partition.read_following(&request(0)).is_some());
    let segment = partition.view.read().segments[0].clone();
    let position = segment.extent().size;
    partition.append(&batch(1, 10)).unwrap();
    partition.report_damage(&LogError::Corrupt { what: "record batch", path: segment.log_path(), position });
    assert!(partition.read_following(&request(1)).is_none(), "it is damaged");
    assert!(partition.read(&request(1)).is_err());
}
