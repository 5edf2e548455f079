//! The record of the state topic, and commits that are interrupted.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use millstream_client::BrokerAddress;
use millstream_client::transport::{Dialer, Transport};
use millstream_engine::element::{Epoch, TimestampMs};
use millstream_engine::epoch::{EpochRecord, SplitProgress};
use millstream_engine::sink::Committable;
use millstream_engine::source::{Position, SplitId};
use proptest::prelude::*;

use super::super::cluster::{Clusters, Connections};
use super::{ConnectorError, EpochStore, KafkaEpochs, decode_state, encode_state};

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

/// A broker that never answers; it says when somebody wants it.
#[derive(Debug)]
struct Silent(Sender<()>);

impl Dialer for Silent {
    fn dial<'a>(
        &'a self,
        _: &'a BrokerAddress,
    ) -> Pin<Box<dyn Future<Output = io::Result<Transport>> + Send + 'a>> {
        // The test may have ended.
        let _ = self.0.send(());
        Box::pin(std::future::pending())
    }
}

#[test]
fn a_commit_that_nobody_answers_can_be_interrupted() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (dialled, dials) = channel();
    let clusters = Clusters { bootstrap_servers: None, embedded: Some(Arc::new(Silent(dialled))) };
    let connections = Connections::new(clusters, runtime.handle().clone());
    let mut epochs = KafkaEpochs::new(&connections, &[], "group", "statement").unwrap();
    let interrupt = epochs.interrupter().unwrap();
    let committing = std::thread::spawn(move || epochs.commit(&record()));
    dials.recv().unwrap();
    interrupt();
    let error = committing.join().unwrap().unwrap_err();
    assert!(matches!(&error, ConnectorError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("interrupted"), "{error}");
}
