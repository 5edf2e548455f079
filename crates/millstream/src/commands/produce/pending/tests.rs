//! The order of acknowledged records.

use millstream_client::TopicPartition;
use millstream_client::producer::Delivery;

use super::Pending;
use crate::record_format::Record;

fn record(partition: i32, timestamp_ms: i64) -> Record {
    Record { partition, timestamp_ms, offset: -1, ..Record::default() }
}

fn delivery(partition: i32, base_offset: i64, records: u32) -> Delivery {
    let partition = TopicPartition::new("t", partition);
    Delivery { partition, base_offset: Some(base_offset), records, append_time_ms: None }
}

fn popped(pending: &mut Pending) -> Vec<(i32, i64, i64)> {
    std::iter::from_fn(|| pending.pop()).map(|r| (r.partition, r.offset, r.timestamp_ms)).collect()
}

#[test]
fn records_come_out_in_the_order_of_the_input() {
    let mut pending = Pending::default();
    for (partition, time) in [(0, 1), (1, 2), (0, 3), (1, 4), (0, 5)] {
        pending.push(record(partition, time));
    }
    pending.acknowledge(&delivery(1, 70, 2));
    assert_eq!(popped(&mut pending), []);
    pending.acknowledge(&delivery(0, 10, 2));
    assert_eq!(popped(&mut pending), [(0, 10, 1), (1, 70, 2), (0, 11, 3), (1, 71, 4)]);
    pending.push(record(1, 6));
    pending.acknowledge(&delivery(1, 72, 1));
    assert_eq!(popped(&mut pending), []);
    pending.acknowledge(&delivery(0, 12, 1));
    assert_eq!(popped(&mut pending), [(0, 12, 5), (1, 72, 6)]);
    assert!(pending.is_empty());
}

#[test]
fn the_brokers_time_replaces_the_clients_and_an_unknown_offset_is_minus_one() {
    let mut pending = Pending::default();
    pending.push(record(0, 1));
    pending.acknowledge(&Delivery { base_offset: None, append_time_ms: Some(9), ..delivery(0, 0, 1) });
    assert_eq!(popped(&mut pending), [(0, -1, 9)]);
}

#[test]
fn after_a_failure_what_is_acknowledged_is_still_given_out() {
    let mut pending = Pending::default();
    pending.push(record(0, 1));
    pending.push(record(1, 2));
    pending.acknowledge(&delivery(1, 5, 1));
    assert!(pending.pop().is_none());
    let offsets: Vec<i64> = pending.into_acknowledged().map(|record| record.offset).collect();
    assert_eq!(offsets, [5]);
}

#[test]
fn there_is_no_room_for_more_than_the_limits() {
    let mut pending = Pending::default();
    for _ in 0..super::RECORDS_MAX {
        assert!(pending.has_room());
        pending.push(record(0, 0));
    }
    assert!(!pending.has_room());
    pending.acknowledge(&delivery(0, 0, 1));
    assert!(pending.pop().is_some() && pending.has_room());

    let mut pending = Pending::default();
    let value = Some(vec![0; super::CONTENT_BYTES_MAX].into());
    pending.push(Record { value, ..record(0, 0) });
    assert!(!pending.has_room());
}
