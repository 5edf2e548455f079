//! The record of the state topic.

use millstream_engine::element::{Epoch, TimestampMs};
use millstream_engine::epoch::{EpochRecord, SplitProgress};
use millstream_engine::sink::Committable;
use millstream_engine::source::{Position, SplitId};
use proptest::prelude::*;

use super::{decode_state, encode_state};

fn record() -> EpochRecord {
    EpochRecord {
        epoch: Epoch(7),
        splits: vec![SplitProgress {
            source: "weather_file".to_owned(),
            split: SplitId("examples/weather/\"quoted\".csv.gz".into()),
            position: Position(4711),
            reached: Position(4711),
            watermark: TimestampMs(i64::MIN),
            horizon: TimestampMs(i64::MAX),
            ended: true,
        }],
        committables: vec![Committable(vec![0, 255, 16].into())],
        finished: true,
    }
}

#[test]
fn what_is_written_is_read() {
    let record = record();
    let splits: Vec<_> = record.splits.iter().collect();
    assert_eq!(decode_state(encode_state(&record, &splits).as_bytes()), Some(record));
}

proptest! {
    #[test]
    fn damaged_records_are_refused_and_never_panic(at in 0usize..200, byte: u8) {
        let record = record();
        let mut bytes = encode_state(&record, &record.splits.iter().collect::<Vec<_>>()).into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = decode_state(&bytes);
        let _ = decode_state(&bytes[..at]);
    }
}
