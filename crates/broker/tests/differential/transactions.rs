//! Transactional producers: KIP-98, and the second version of the protocol (KIP-890).

use bytes::Bytes;
use millstream_wire::messages::add_offsets_to_txn::AddOffsetsToTxnRequest;
use millstream_wire::messages::add_partitions_to_txn::{AddPartitionsToTxnRequest, AddPartitionsToTxnTopic};
use millstream_wire::messages::describe_producers::{self, DescribeProducersRequest};
use millstream_wire::messages::describe_transactions::DescribeTransactionsRequest;
use millstream_wire::messages::end_txn::EndTxnRequest;
use millstream_wire::messages::fetch::FetchRequest;
use millstream_wire::messages::find_coordinator::FindCoordinatorRequest;
use millstream_wire::messages::init_producer_id::InitProducerIdRequest;
use millstream_wire::messages::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use millstream_wire::messages::list_transactions::ListTransactionsRequest;
use millstream_wire::messages::offset_fetch::{OffsetFetchRequest, OffsetFetchRequestTopic};
use millstream_wire::messages::produce_request::ProduceRequest;
use millstream_wire::messages::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use millstream_wire::messages::write_txn_markers::{
    WritableTxnMarker, WritableTxnMarkerTopic, WriteTxnMarkersRequest,
};
use millstream_wire::records::{Batches, FinishOptions, ProducerStamp, Tail};

use crate::admin::make;
use crate::connection::{Connection, until};
use crate::groups;
use crate::records::{batch, fetching, now_ms, part, producing};

/// CONCURRENT_TRANSACTIONS: the last transaction is being ended.
const CONCURRENT: i16 = 51;
/// COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE and NOT_COORDINATOR.
const NOT_READY: std::ops::RangeInclusive<i16> = 14..=16;

fn is_settled(code: i16) -> bool {
    code != CONCURRENT && !NOT_READY.contains(&code)
}

/// A producer as the coordinator knows it.
#[derive(Debug, Clone, Copy)]
struct Producer<'a> {
    name: &'a str,
    id: i64,
    epoch: i16,
}

fn initializing(name: &str) -> InitProducerIdRequest {
    InitProducerIdRequest {
        transactional_id: Some(name.into()),
        transaction_timeout_ms: 60_000,
        producer_id: -1,
        producer_epoch: -1,
        ..InitProducerIdRequest::default()
    }
}

fn initialize<'a>(connection: &mut Connection, what: &str, name: &'a str) -> Producer<'a> {
    let answer = connection.ask_until(what, 4, &initializing(name), |answer| is_settled(answer.error_code));
    Producer { name, id: answer.producer_id, epoch: answer.producer_epoch }
}

impl Producer<'_> {
    fn batch(&self, topic: &str, base_sequence: i32) -> ProduceRequest {
        let producer = ProducerStamp { producer_id: self.id, producer_epoch: self.epoch, base_sequence };
        let options = FinishOptions { producer, transactional: true, ..FinishOptions::default() };
        let records = batch(&[Some("k"), Some("l")], now_ms(), &options);
        ProduceRequest { transactional_id: Some(self.name.into()), ..producing(topic, 0, records) }
    }

    fn adding(&self, topics: &[(&str, i32)]) -> AddPartitionsToTxnRequest {
        let topic = |(name, partition): &(&str, i32)| AddPartitionsToTxnTopic {
            name: (*name).into(),
            partitions: vec![*partition],
        };
        AddPartitionsToTxnRequest {
            v3_and_below_transactional_id: self.name.into(),
            v3_and_below_producer_id: self.id,
            v3_and_below_producer_epoch: self.epoch,
            v3_and_below_topics: topics.iter().map(topic).collect(),
            ..AddPartitionsToTxnRequest::default()
        }
    }

    fn ending(&self, committed: bool) -> EndTxnRequest {
        EndTxnRequest {
            transactional_id: self.name.into(),
            producer_id: self.id,
            producer_epoch: self.epoch,
            committed,
        }
    }

    fn committing(&self, group: &str) -> TxnOffsetCommitRequest {
        let partition = TxnOffsetCommitRequestPartition {
            committed_offset: 7,
            committed_leader_epoch: -1,
            committed_metadata: Some("note".into()),
            ..TxnOffsetCommitRequestPartition::default()
        };
        TxnOffsetCommitRequest {
            transactional_id: self.name.into(),
            group_id: group.into(),
            producer_id: self.id,
            producer_epoch: self.epoch,
            generation_id: -1,
            topics: vec![TxnOffsetCommitRequestTopic { name: "t".into(), partitions: vec![partition] }],
            ..TxnOffsetCommitRequest::default()
        }
    }

    /// Adds a partition without writing it down, as soon as the last transaction is over.
    fn add(&self, connection: &mut Connection, topic: &str) {
        let code = |connection: &mut Connection| {
            let answer = connection.quiet(3, &self.adding(&[(topic, 0)])).unwrap();
            answer.results_by_topic_v3_and_below[0].results_by_partition[0].partition_error_code
        };
        until(|| is_settled(code(connection)));
    }
}

fn described(name: &str) -> DescribeTransactionsRequest {
    DescribeTransactionsRequest { transactional_ids: vec![name.into()] }
}

/// Waits until a transaction is not open and not being ended.
fn wait(connection: &mut Connection, name: &str) {
    until(|| {
        let state =
            connection.quiet(0, &described(name)).unwrap().transaction_states.remove(0).transaction_state;
        state.starts_with("Complete") || state == "Empty"
    });
}

/// Where a batch keeps its checksum, its first and its largest timestamp.
const CRC: std::ops::Range<usize> = 17..21;
const TIMESTAMPS: std::ops::Range<usize> = 27..43;

/// Takes the moment of the end out of markers.
fn without_time(records: &Bytes) -> Bytes {
    let mut timeless = Vec::new();
    for batch in Batches::new(records, Tail::MustBeWhole) {
        let batch = batch.unwrap();
        let begin = timeless.len();
        timeless.extend_from_slice(batch.bytes());
        if batch.header().attributes.is_control() {
            for range in [CRC, TIMESTAMPS] {
                timeless[begin + range.start..begin + range.end].fill(0);
            }
        }
    }
    timeless.into()
}

/// What readers of committed and of all records see.
fn look(connection: &mut Connection, what: &str, topic: &str) {
    for isolation_level in [0, 1] {
        let fetch = FetchRequest { isolation_level, ..fetching(topic, vec![part(0, 0)]) };
        connection.ask_sorted(&format!("{what}: isolation {isolation_level}"), 12, &fetch, |answer| {
            let partition = &mut answer.responses[0].partitions[0];
            partition.records = partition.records.as_ref().map(without_time);
        });
        let partition = ListOffsetsPartition { partition_index: 0, current_leader_epoch: -1, timestamp: -1 };
        let list = ListOffsetsRequest {
            replica_id: -1,
            isolation_level,
            topics: vec![ListOffsetsTopic { name: topic.into(), partitions: vec![partition] }],
            ..ListOffsetsRequest::default()
        };
        connection.ask(&format!("{what}: the end, isolation {isolation_level}"), 7, &list);
    }
}

fn coordinator(connection: &mut Connection) {
    let request =
        FindCoordinatorRequest { key_type: 1, coordinator_keys: vec!["x".into()], ..Default::default() };
    connection.ask_until("coordinator", 4, &request, |answer| answer.coordinators[0].error_code == 0);
}

/// Partitions are added by hand, markers carry the producer's epoch.
pub(crate) fn first_version(connection: &mut Connection) {
    coordinator(connection);
    groups::ready(connection);
    make(connection, "t", 2, &[]);
    let long = InitProducerIdRequest { transaction_timeout_ms: i32::MAX, ..initializing("refused") };
    connection.ask_all("a timeout that is too long", &[0, 4], &long);
    let never = InitProducerIdRequest { transaction_timeout_ms: 0, ..initializing("refused") };
    connection.ask("no timeout", 4, &never);
    connection.ask("no name", 4, &initializing(""));
    connection.ask(
        "an epoch without an id",
        4,
        &InitProducerIdRequest { producer_epoch: 3, ..initializing("refused") },
    );
    let old = initialize(connection, "a producer", "x");
    let x = initialize(connection, "it comes again", "x");
    connection.ask("describe before the first", 0, &described("x"));
    connection.ask("describe a missing one", 0, &described("missing"));
    refusals(connection, old, x);
    connection.ask_all("add", &[0, 2, 3], &x.adding(&[("t", 0)]));
    connection.ask("produce", 9, &x.batch("t", 0));
    look(connection, "open", "t");
    connection.ask_sorted("describe", 0, &described("x"), |answer| {
        answer.transaction_states[0].transaction_start_time_ms = 0;
    });
    connection.ask("commit", 2, &x.ending(true));
    wait(connection, "x");
    connection.ask("commit again", 2, &x.ending(true));
    connection.ask("abort what was committed", 2, &x.ending(false));
    look(connection, "committed", "t");
    x.add(connection, "t");
    connection.ask("produce", 9, &x.batch("t", 2));
    connection.ask("abort", 2, &x.ending(false));
    wait(connection, "x");
    connection.ask("abort again", 2, &x.ending(false));
    look(connection, "aborted", "t");
    connection.ask("produce outside", 9, &x.batch("t", 4));
    offsets(connection, x);
    describe(connection);
}

fn refusals(connection: &mut Connection, old: Producer<'_>, x: Producer<'_>) {
    connection.ask("commit nothing", 2, &x.ending(true));
    connection.ask("an old epoch adds", 3, &old.adding(&[("t", 0)]));
    connection.ask("an old epoch adds, before fencing had a name", 1, &old.adding(&[("t", 0)]));
    connection.ask("an old epoch ends", 2, &old.ending(true));
    connection.ask("an old epoch ends, before fencing had a name", 1, &old.ending(true));
    connection.ask("another producer adds", 3, &Producer { id: x.id + 9_999, ..x }.adding(&[("t", 0)]));
    connection.ask("a missing producer adds", 3, &Producer { name: "missing", ..x }.adding(&[("t", 0)]));
    connection.ask("no name adds", 3, &Producer { name: "", ..x }.adding(&[("t", 0)]));
    connection.ask("add a missing topic", 3, &x.adding(&[("missing", 0)]));
    connection.ask("add a missing and a known one", 3, &x.adding(&[("missing", 0), ("t", 0)]));
    connection.ask("add a missing partition", 3, &x.adding(&[("t", 9)]));
    connection.ask("produce without adding", 9, &x.batch("t", 0));
    let unnamed = ProduceRequest { transactional_id: None, ..x.batch("t", 0) };
    connection.ask("produce without a name", 9, &unnamed);
}

/// Offsets within transactions.
fn offsets(connection: &mut Connection, x: Producer<'_>) {
    let adding = |group: &str| AddOffsetsToTxnRequest {
        transactional_id: x.name.into(),
        producer_id: x.id,
        producer_epoch: x.epoch,
        group_id: group.into(),
    };
    let of = |require_stable| OffsetFetchRequest {
        group_id: "txn-group".into(),
        topics: Some(vec![OffsetFetchRequestTopic { name: "t".into(), partition_indexes: vec![0] }]),
        require_stable,
        ..OffsetFetchRequest::default()
    };
    connection.ask("offsets of a group without a name", 3, &adding(""));
    connection
        .ask_until("offsets of a group", 3, &adding("txn-group"), |answer| is_settled(answer.error_code));
    connection.ask("commit offsets", 3, &x.committing("txn-group"));
    connection.ask("pending offsets", 7, &of(false));
    connection.ask("stable offsets", 7, &of(true));
    let fenced =
        TxnOffsetCommitRequest { generation_id: 5, member_id: "nobody".into(), ..x.committing("txn-group") };
    connection.ask("commit offsets of a member", 3, &fenced);
    connection.ask("commit", 2, &x.ending(true));
    wait(connection, "x");
    connection.ask_until("committed offsets", 7, &of(true), |answer| {
        answer.topics[0].partitions[0].error_code == 0 && answer.topics[0].partitions[0].committed_offset == 7
    });
    connection.ask_until("offsets of a group again", 3, &adding("txn-group"), |answer| {
        is_settled(answer.error_code)
    });
    connection.ask("commit other offsets", 3, &x.committing("txn-other"));
    connection.ask("abort", 2, &x.ending(false));
    wait(connection, "x");
}

fn describe(connection: &mut Connection) {
    let list = |states: &[&str], ids: &[i64]| ListTransactionsRequest {
        state_filters: states.iter().map(|state| (*state).into()).collect(),
        producer_id_filters: ids.to_vec(),
        duration_filter: -1,
        transactional_id_pattern: None,
    };
    let sort = |answer: &mut millstream_wire::messages::list_transactions::ListTransactionsResponse| {
        answer.transaction_states.sort_by(|one, other| one.transactional_id.cmp(&other.transactional_id));
    };
    connection.ask_sorted("list", 0, &list(&[], &[]), sort);
    connection.ask_sorted("list open ones", 1, &list(&["Ongoing"], &[]), sort);
    connection.ask_sorted("list nonsense", 1, &list(&["Nonsense", "CompleteAbort"], &[]), sort);
    connection.ask_sorted("list of a producer", 1, &list(&[], &[123_456]), sort);
    let producers = |topic: &str, partition| DescribeProducersRequest {
        topics: vec![describe_producers::TopicRequest {
            name: topic.into(),
            partition_indexes: vec![partition],
        }],
    };
    let timeless = |answer: &mut millstream_wire::messages::describe_producers::DescribeProducersResponse| {
        for producer in answer
            .topics
            .iter_mut()
            .flat_map(|topic| &mut topic.partitions)
            .flat_map(|p| &mut p.active_producers)
        {
            producer.last_timestamp = 0;
        }
    };
    connection.ask_sorted("producers", 0, &producers("t", 0), timeless);
    connection.ask_sorted("producers of a missing partition", 0, &producers("t", 9), timeless);
    connection.ask_sorted("producers of a missing topic", 0, &producers("missing", 0), timeless);
}

/// Producing adds the partition, every end counts the epoch up.
pub(crate) fn second_version(connection: &mut Connection) {
    coordinator(connection);
    groups::ready(connection);
    make(connection, "u", 1, &[]);
    let mut y = initialize(connection, "a producer", "y");
    connection.ask("end nothing", 5, &y.ending(true));
    let settled = |answer: &millstream_wire::messages::produce::ProduceResponse| {
        is_settled(answer.responses[0].partition_responses[0].error_code)
    };
    connection.ask_until("the second batch comes first", 12, &y.batch("u", 2), settled);
    connection.ask_until("produce", 12, &y.batch("u", 0), settled);
    connection.ask_sorted("describe", 0, &described("y"), |answer| {
        answer.transaction_states[0].transaction_start_time_ms = 0;
    });
    let Some(ended) = connection.ask("commit", 5, &y.ending(true)) else { return };
    wait(connection, "y");
    connection.ask("commit again", 5, &y.ending(true));
    connection.ask("produce with the old epoch", 12, &y.batch("u", 2));
    y = Producer { id: ended.producer_id, epoch: ended.producer_epoch, ..y };
    connection.ask_until("produce with the new epoch", 12, &y.batch("u", 0), settled);
    connection.ask_until("commit offsets", 5, &y.committing("txn-group-2"), |answer| {
        is_settled(answer.topics[0].partitions[0].error_code)
    });
    let Some(ended) = connection.ask("abort", 5, &y.ending(false)) else { return };
    wait(connection, "y");
    look(connection, "after both", "u");
    y = Producer { id: ended.producer_id, epoch: ended.producer_epoch, ..y };
    connection.ask("abort nothing", 5, &y.ending(false));
}

/// Which of several commits of one offset counts, and what is told to a producer whose time is over.
pub(crate) fn order_and_time(connection: &mut Connection) {
    coordinator(connection);
    groups::ready(connection);
    make(connection, "v", 1, &[]);
    let earlier = initialize(connection, "a producer", "earlier");
    let later = initialize(connection, "another", "later");
    let is_in = |answer: &millstream_wire::messages::txn_offset_commit::TxnOffsetCommitResponse| {
        is_settled(answer.topics[0].partitions[0].error_code)
    };
    let offset = |producer: Producer<'_>, offset| {
        let mut request = producer.committing("txn-order");
        request.topics[0].partitions[0].committed_offset = offset;
        request
    };
    connection.ask_until("commit an offset", 5, &offset(earlier, 10), is_in);
    connection.ask_until("commit a later one", 5, &offset(later, 20), is_in);
    connection.ask("commit the later transaction", 5, &later.ending(true));
    wait(connection, "later");
    connection.ask("commit the earlier transaction", 5, &earlier.ending(true));
    wait(connection, "earlier");
    let of_group = OffsetFetchRequest {
        group_id: "txn-order".into(),
        topics: Some(vec![OffsetFetchRequestTopic { name: "t".into(), partition_indexes: vec![0] }]),
        require_stable: true,
        ..OffsetFetchRequest::default()
    };
    connection.ask_until("the offset that counts", 7, &of_group, |answer| {
        answer.topics[0].partitions[0].error_code == 0
    });
    for (name, version) in [("slow, named", 2), ("slow", 5)] {
        late(connection, name, version);
    }
}

/// The transaction takes longer than its producer said that it would.
fn late(connection: &mut Connection, name: &str, version: i16) {
    let short = InitProducerIdRequest { transaction_timeout_ms: 500, ..initializing(name) };
    let answer = connection.ask_until(name, 4, &short, |answer| is_settled(answer.error_code));
    let slow = Producer { name, id: answer.producer_id, epoch: answer.producer_epoch };
    if version < 5 {
        slow.add(connection, "v");
    }
    let produce = if version < 5 { 9 } else { 12 };
    connection.ask_until("produce", produce, &slow.batch("v", 0), |answer| {
        is_settled(answer.responses[0].partition_responses[0].error_code)
    });
    until(|| {
        let mut answer = connection.quiet(0, &described(name)).unwrap();
        answer.transaction_states.remove(0).transaction_state == "CompleteAbort"
    });
    connection.ask("commit too late", version, &slow.ending(true));
    connection.ask("produce too late", produce, &slow.batch("v", 2));
    connection.ask("abort too late", version, &slow.ending(false));
    connection.ask_until("begin again", 4, &initializing(name), |answer| is_settled(answer.error_code));
}

/// Markers that administrators write. The stricter rule for epochs is that of transaction version 2 (KIP-1228).
pub(crate) fn markers(connection: &mut Connection) {
    coordinator(connection);
    groups::ready(connection);
    make(connection, "m", 1, &[]);
    initialize(connection, "a producer", "z");
    let z = initialize(connection, "again", "z");
    let marking = |transaction_version, topic: &str, epoch, coordinator_epoch| WriteTxnMarkersRequest {
        markers: vec![WritableTxnMarker {
            producer_id: z.id,
            producer_epoch: epoch,
            transaction_result: false,
            topics: vec![WritableTxnMarkerTopic { name: topic.into(), partition_indexes: vec![0] }],
            coordinator_epoch,
            transaction_version,
        }],
    };
    connection.ask_until("produce", 12, &z.batch("m", 0), |answer| {
        is_settled(answer.responses[0].partition_responses[0].error_code)
    });
    connection.ask_all("a marker for a missing topic", &[1, 2], &marking(0, "missing", z.epoch, 0));
    connection.ask_all("a marker of an older epoch", &[1, 2], &marking(0, "m", z.epoch - 1, 0));
    connection.ask("a marker of the same epoch in version 2", 2, &marking(2, "m", z.epoch, 0));
    look(connection, "open", "m");
    connection.ask("a marker of the next epoch in version 2", 2, &marking(2, "m", z.epoch + 1, 4));
    look(connection, "ended", "m");
    connection.ask("the same marker in version 2", 2, &marking(2, "m", z.epoch + 1, 4));
    look(connection, "ended twice", "m");
    connection.ask("the same marker", 1, &marking(0, "m", z.epoch + 1, 4));
    look(connection, "ended three times", "m");
    connection.ask("a marker of an older coordinator", 1, &marking(0, "m", z.epoch + 1, 3));
    connection.ask("produce after markers", 12, &z.batch("m", 2));
}
