//! Producing, fetching and offsets.

use bytes::Bytes;
use bytestring::ByteString;
use millstream_wire::compression::{Compression, Compressor};
use millstream_wire::messages::delete_records::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic,
};
use millstream_wire::messages::fetch::{FetchPartition, FetchRequest, FetchTopic, ForgottenTopic};
use millstream_wire::messages::init_producer_id::InitProducerIdRequest;
use millstream_wire::messages::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use millstream_wire::messages::offset_for_leader_epoch::{
    OffsetForLeaderEpochRequest, OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use millstream_wire::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use millstream_wire::records::{Attributes, BatchBuilder, FinishOptions, ProducerStamp};
use uuid::Uuid;

use crate::admin::make;
use crate::connection::Connection;

/// Some days ago: neither expired nor in the future.
pub(crate) fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    // To the second, so that both clusters see the same.
    i64::try_from(since.as_secs()).unwrap() / 100_000 * 100_000_000
}

pub(crate) fn batch(keys: &[Option<&str>], timestamp_ms: i64, options: &FinishOptions) -> Bytes {
    let mut builder = BatchBuilder::new(1 << 20);
    for (index, key) in keys.iter().enumerate() {
        let timestamp_ms = timestamp_ms + i64::try_from(index).unwrap();
        assert!(builder.append(timestamp_ms, key.map(str::as_bytes), Some(b"value"), &[]).unwrap());
    }
    builder.finish(options, &mut Compressor::default()).unwrap()
}

fn plain(count: usize) -> Bytes {
    batch(&vec![Some("key"); count], now_ms(), &FinishOptions::default())
}

/// Sets a byte and makes the checksum fit again.
fn with_byte(batch: &Bytes, place: usize, value: u8) -> Bytes {
    let mut bytes = batch.to_vec();
    bytes[place] = value;
    let crc = millstream_wire::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    bytes.into()
}

pub(crate) fn producing(topic: &str, index: i32, records: Bytes) -> ProduceRequest {
    ProduceRequest {
        acks: -1,
        timeout_ms: 10_000,
        topic_data: vec![TopicProduceData {
            name: topic.into(),
            partition_data: vec![PartitionProduceData { index, records: Some(records) }],
            ..TopicProduceData::default()
        }],
        ..ProduceRequest::default()
    }
}

/// Produces without writing it down.
fn append(connection: &mut Connection, request: &ProduceRequest) {
    let answer = connection.quiet(9, request).unwrap();
    assert_eq!(answer.responses[0].partition_responses[0].error_code, 0, "{answer:?}");
}

/// Producing what is sound and what is not.
pub(crate) fn produce(connection: &mut Connection) {
    let id = make(connection, "p", 1, &[("max.message.bytes", "2000")]);
    make(connection, "p-compacted", 1, &[("cleanup.policy", "compact")]);
    make(connection, "p-appended", 1, &[("message.timestamp.type", "LogAppendTime")]);
    make(connection, "p-lz4", 1, &[("compression.type", "lz4")]);
    for topic in ["p", "p-compacted", "p-appended", "p-lz4"] {
        append(connection, &producing(topic, 0, plain(1)));
    }
    connection.ask_all("three records", &[3, 5, 7, 8, 9, 11, 12], &producing("p", 0, plain(3)));
    let by_id = |topic_id| {
        let mut request = producing("", 0, plain(3));
        request.topic_data[0].topic_id = topic_id;
        request
    };
    connection.ask("by id", 13, &by_id(id));
    connection.ask("by an unknown id", 13, &by_id(Uuid::from_u128(7)));
    connection.ask("acks 1", 9, &ProduceRequest { acks: 1, ..producing("p", 0, plain(1)) });
    connection.ask_all("acks 2", &[7, 9], &ProduceRequest { acks: 2, ..producing("p", 0, plain(1)) });
    connection.ask("a missing topic", 9, &producing("missing", 0, plain(1)));
    connection.ask("a missing partition", 9, &producing("p", 5, plain(1)));
    for codec in [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd] {
        let options = FinishOptions { compression: codec, ..FinishOptions::default() };
        let records = batch(&[Some("a"), Some("b")], now_ms(), &options);
        connection.ask(&format!("compressed with {}", codec.name()), 9, &producing("p", 0, records));
    }
    let good = plain(2);
    let twice: Bytes = [&good[..], &good[..]].concat().into();
    let mut damaged = good.to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    let control = Attributes::new(Compression::None).with_control(true).bits();
    let large = batch(&[Some(&"k".repeat(3_000))], now_ms(), &FinishOptions::default());
    let future = batch(&[Some("k")], now_ms() + 30 * 86_400_000, &FinishOptions::default());
    let untimed = batch(&[Some("k")], -1, &FinishOptions::default());
    let cases = [
        ("nothing", Bytes::new()),
        ("cut short", good.slice(..good.len() - 1)),
        ("a cut header", good.slice(..40)),
        ("two batches", twice),
        ("damaged", damaged.into()),
        ("magic 1", with_byte(&good, 16, 1)),
        ("magic 3", with_byte(&good, 16, 3)),
        ("an unknown codec", with_byte(&good, 22, 7)),
        ("a control batch", with_byte(&good, 22, u8::try_from(control).unwrap())),
        ("a wrong count", with_byte(&good, 60, 3)),
        ("a wrong last offset", with_byte(&good, 26, 5)),
        ("too large", large),
        ("from the future", future),
        ("without a timestamp", untimed),
    ];
    for (what, records) in cases {
        connection.ask_all(what, &[7, 9], &producing("p", 0, records));
    }
    let unkeyed = batch(&[Some("k"), None], now_ms(), &FinishOptions::default());
    connection.ask_all("no key on a compacted topic", &[7, 9], &producing("p-compacted", 0, unkeyed));
    connection.ask("time of the append", 9, &producing("p-appended", 0, plain(1)));
    connection.ask("recompressed", 9, &producing("p-lz4", 0, plain(2)));
    idempotent(connection);
}

fn idempotent(connection: &mut Connection) {
    make(connection, "i", 1, &[]);
    let request = InitProducerIdRequest {
        transactional_id: None,
        transaction_timeout_ms: 60_000,
        producer_id: -1,
        producer_epoch: -1,
        ..Default::default()
    };
    for version in [0, 2, 4, 5] {
        connection.ask_until("a producer id", version, &request, |answer| answer.error_code == 0);
    }
    let producer_id = connection.quiet(4, &request).unwrap().producer_id;
    assert!(producer_id >= 0);
    let numbered = |producer_epoch, base_sequence, count| {
        let producer = ProducerStamp { producer_id, producer_epoch, base_sequence };
        let options = FinishOptions { producer, ..FinishOptions::default() };
        producing("i", 0, batch(&vec![Some("k"); count], now_ms(), &options))
    };
    let steps = [
        ("the first", 0, 0, 2),
        ("the next", 0, 2, 3),
        ("the next again", 0, 2, 3),
        ("the first again", 0, 0, 2),
        ("a gap", 0, 9, 1),
        ("an overlap", 0, 3, 3),
        ("a newer epoch", 1, 0, 1),
        ("an older epoch", 0, 5, 1),
        ("a newer epoch that does not begin", 2, 4, 1),
    ];
    for (what, epoch, sequence, count) in steps {
        connection.ask(what, 9, &numbered(epoch, sequence, count));
    }
    for sequence in 1..7 {
        append(connection, &numbered(1, sequence, 1));
    }
    connection.ask("one that is forgotten", 9, &numbered(1, 0, 1));
    connection.ask("one that is remembered", 9, &numbered(1, 3, 1));
    let unknown = ProducerStamp { producer_id: 999_999, producer_epoch: 0, base_sequence: 5 };
    let options = FinishOptions { producer: unknown, ..FinishOptions::default() };
    connection.ask(
        "an unknown producer in the middle",
        9,
        &producing("i", 0, batch(&[Some("k")], now_ms(), &options)),
    );
}

pub(crate) fn part(partition: i32, fetch_offset: i64) -> FetchPartition {
    FetchPartition {
        partition,
        current_leader_epoch: -1,
        fetch_offset,
        last_fetched_epoch: -1,
        log_start_offset: -1,
        partition_max_bytes: 1 << 20,
        ..FetchPartition::default()
    }
}

pub(crate) fn fetching(topic: &str, partitions: Vec<FetchPartition>) -> FetchRequest {
    FetchRequest {
        replica_id: -1,
        min_bytes: 1,
        max_bytes: 1 << 20,
        session_epoch: -1,
        topics: vec![FetchTopic { topic: topic.into(), partitions, ..FetchTopic::default() }],
        ..FetchRequest::default()
    }
}

/// Fetching with and without a session.
pub(crate) fn fetch(connection: &mut Connection) {
    let id = make(connection, "f", 2, &[]);
    for _ in 0..3 {
        append(connection, &producing("f", 0, plain(4)));
    }
    let every = [4, 5, 7, 8, 9, 10, 11, 12];
    connection.ask_all("from the start", &every, &fetching("f", vec![part(0, 0)]));
    connection.ask("within a batch", 12, &fetching("f", vec![part(0, 5)]));
    connection.ask("at the end", 12, &fetching("f", vec![part(0, 12)]));
    connection.ask_all("behind the end", &[4, 12], &fetching("f", vec![part(0, 13)]));
    connection.ask("before the start", 12, &fetching("f", vec![part(0, -1)]));
    connection.ask("an empty partition", 12, &fetching("f", vec![part(1, 0)]));
    connection.ask("a missing partition", 12, &fetching("f", vec![part(7, 0)]));
    connection.ask_all("a missing topic", &[4, 12], &fetching("missing", vec![part(0, 0)]));
    let small = FetchPartition { partition_max_bytes: 1, ..part(0, 4) };
    connection.ask("fewer bytes than a batch", 12, &fetching("f", vec![small.clone()]));
    connection.ask("fewer bytes than a batch, twice", 12, &fetching("f", vec![small.clone(), part(1, 0)]));
    connection.ask("few bytes in all", 12, &FetchRequest { max_bytes: 1, ..fetching("f", vec![part(0, 0)]) });
    connection.ask("no bytes", 12, &FetchRequest { max_bytes: 0, ..fetching("f", vec![part(0, 0)]) });
    connection.ask(
        "committed only",
        12,
        &FetchRequest { isolation_level: 1, ..fetching("f", vec![part(0, 0)]) },
    );
    let newer = FetchPartition { current_leader_epoch: 99, ..part(0, 0) };
    connection.ask("a newer epoch", 12, &fetching("f", vec![newer]));
    let by_id = |topic_id| {
        let mut request = fetching("", vec![part(0, 8)]);
        request.topics[0].topic_id = topic_id;
        request
    };
    connection.ask_all("by id", &[13, 15, 16, 17, 18], &by_id(id));
    connection.ask("by an unknown id", 13, &by_id(Uuid::from_u128(7)));
    sessions(connection);
}

fn sessions(connection: &mut Connection) {
    let open = FetchRequest { session_epoch: 0, ..fetching("f", vec![part(0, 12), part(1, 0)]) };
    let Some(opened) = connection.ask("a session", 12, &open) else { return };
    let follow = |session_epoch, topics| FetchRequest {
        session_id: opened.session_id,
        session_epoch,
        topics,
        ..fetching("f", vec![])
    };
    connection.ask("nothing new", 12, &follow(1, vec![]));
    append(connection, &producing("f", 1, plain(1)));
    connection.ask("something new", 12, &follow(2, vec![]));
    connection.ask("an epoch again", 12, &follow(2, vec![]));
    let moved = fetching("f", vec![part(0, 8)]).topics;
    connection.ask("a partition moves", 12, &follow(3, moved));
    let forgotten =
        ForgottenTopic { topic: ByteString::from("f"), partitions: vec![0], ..Default::default() };
    connection.ask(
        "a partition is forgotten",
        12,
        &FetchRequest { forgotten_topics_data: vec![forgotten], ..follow(4, vec![]) },
    );
    connection.ask("the session ends", 12, &follow(-1, vec![]));
    connection.ask("an ended session", 12, &follow(5, vec![]));
    connection.ask(
        "a session that never was",
        12,
        &FetchRequest { session_id: 1_234_567, session_epoch: 1, ..fetching("f", vec![]) },
    );
}

/// Offsets by time, special ones, and the ends of epochs.
pub(crate) fn offsets(connection: &mut Connection) {
    make(connection, "o", 2, &[]);
    for count in [3, 2] {
        append(connection, &producing("o", 0, plain(count)));
    }
    let list = |topic: &str, partition_index, timestamp| ListOffsetsRequest {
        replica_id: -1,
        topics: vec![ListOffsetsTopic {
            name: topic.into(),
            partitions: vec![ListOffsetsPartition { partition_index, current_leader_epoch: -1, timestamp }],
        }],
        ..ListOffsetsRequest::default()
    };
    let every = [1, 2, 4, 5, 6, 7, 8, 9, 10, 11];
    for (what, timestamp) in [
        ("latest", -1),
        ("earliest", -2),
        ("largest timestamp", -3),
        ("earliest local", -4),
        ("latest tiered", -5),
        ("earliest to upload", -6),
        ("nonsense", -9),
        ("by time", now_ms() + 1),
        ("by an early time", 0),
        ("by a late time", now_ms() + 86_400_000),
    ] {
        connection.ask_all(what, &every, &list("o", 0, timestamp));
        connection.ask(&format!("{what} of an empty partition"), 9, &list("o", 1, timestamp));
    }
    connection.ask("of a missing topic", 7, &list("missing", 0, -1));
    connection.ask("of a missing partition", 7, &list("o", 9, -1));
    let delete = DeleteRecordsRequest {
        topics: vec![DeleteRecordsTopic {
            name: "o".into(),
            partitions: vec![DeleteRecordsPartition { partition_index: 0, offset: 4 }],
        }],
        timeout_ms: 30_000,
    };
    connection.ask("records are deleted", 2, &delete);
    connection.ask("records are deleted again", 2, &delete);
    connection.ask("earliest after it", 7, &list("o", 0, -2));
    connection.ask("by time after it", 7, &list("o", 0, 0));
    connection.ask("fetch deleted records", 12, &fetching("o", vec![part(0, 2)]));
    connection.ask("fetch what is left of a batch", 12, &fetching("o", vec![part(0, 4)]));
    let end = |topic: &str, partition, leader_epoch| OffsetForLeaderEpochRequest {
        replica_id: -1,
        topics: vec![OffsetForLeaderTopic {
            topic: topic.into(),
            partitions: vec![OffsetForLeaderPartition { partition, current_leader_epoch: -1, leader_epoch }],
        }],
    };
    connection.ask("the end of a newer epoch", 4, &end("o", 0, 99));
    connection.ask("the end of an epoch of a missing topic", 4, &end("missing", 0, 0));
    connection.ask("the end of an epoch of a missing partition", 4, &end("o", 9, 0));
}
