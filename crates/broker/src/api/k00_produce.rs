//! Produce (0), versions 0 to 13: appends record batches.
//!
//! Version 3 brings batches of magic 2 and transactions, 5 the log start offset, 7 zstd, 8 errors per record (KIP-467), 10 the
//! current leader (KIP-951), 12 implicit enrolment in transactions (KIP-890), 13 topic ids (KIP-516).
//!
//! Versions 0 to 2 are advertised and not served: librdkafka otherwise switches compression off (KAFKA-18659). A request in one
//! of them closes the connection, as in Kafka 4.
//!
//! Each partition's batch is checked here (`validation`), on the connection's task, while its bytes are in the cache; then it is
//! handed to the partition's disk thread before the next request of the connection is looked at. The answer comes when every
//! partition has answered. With `acks=0` there is none, and a failure closes the connection.
//!
//! A transactional batch is appended where its partition is a part of the producer's open transaction (`transaction`); a partition's log
//! makes sure of it once more.
//!
//! Where the topic's `compression.type` names another codec than a batch has, the disk thread that appends it gives it that one
//! (`recoding`).
//!
//! Deviation: `timeout.ms` has nothing to wait for on one node.

mod gather;
mod recoding;
mod transaction;
mod validation;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use bytestring::ByteString;
use millstream_log::{Appended, LogError, PartitionLog};
use millstream_wire::messages::fetch_response::LeaderIdAndEpoch;
use millstream_wire::messages::produce::{
    BatchIndexAndErrorMessage, PartitionProduceResponse, ProduceResponse, TopicProduceResponse,
};
use millstream_wire::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use millstream_wire::{ApiKey, ErrorCode, VersionRange, WireError, frame};

use super::{Api, Call};
use crate::coordinator::transactions::TransactionVersion;
use crate::core::Core;
use crate::error_code;
use crate::quotas::Metered;
use crate::server::{Answer, Handling};
use crate::storage::{Partition, Topic, TopicTable};
use gather::Gather;
use recoding::Recoding;
use transaction::Batches;
use validation::{BatchRules, Rejected};

pub(super) const API: Api =
    Api { key: ApiKey::Produce, other_versions: Some(VersionRange::new(0, 13)), handle };

/// The first version that names topics by id.
const TOPIC_IDS_SINCE: i16 = 13;
/// Kafka's administrative client may write to internal topics.
const ADMIN_CLIENT_ID: &str = "__admin_client";

fn handle(core: &Arc<Core>, call: Call) -> Result<Handling, WireError> {
    let request = call.frame.decode_body::<ProduceRequest>()?;
    let (version, correlation_id, acks) = (call.version(), call.frame.correlation_id, request.acks);
    let metered = call.metered.clone();
    let table = core.topics();
    let places = request.topic_data.iter().map(|topic| topic.partition_data.len()).sum();
    let gather = Gather::new(places);
    let transaction = Batches::new(core, version, request.transactional_id.clone(), acks);
    let refusal = refusal(&request);
    let now_ms = core.clock.now_ms();
    let targets = Vec::with_capacity(places);
    let mut work =
        Work { core, call: &call, now_ms, table: &table, gather: &gather, refusal, targets, transaction };
    let mut shapes = Vec::with_capacity(request.topic_data.len());
    let mut place = 0;
    for topic in request.topic_data {
        shapes.push(Shape {
            name: topic.name.clone(),
            topic_id: topic.topic_id,
            partitions: topic.partition_data.iter().map(|partition| partition.index).collect(),
        });
        work.check_topic(topic, &mut place);
    }
    let Work { targets, transaction, .. } = work;
    append_all(core, &gather, targets, acks);
    transaction.append(&gather);
    let core = Arc::clone(core);
    Ok(Handling::Later(Box::pin(async move {
        let outcomes = gather.outcomes().await;
        let throttle_time_ms = metered.map_or(0, |metered| throttle_time_ms(&metered, acks));
        let encode = |response: &_| encode(response, version, correlation_id);
        answer(&core, shapes, outcomes, acks, throttle_time_ms, encode)
    })))
}

/// Why nothing of the request can be done, if so.
fn refusal(request: &ProduceRequest) -> Option<Rejected> {
    if !matches!(request.acks, -1..=1) {
        return Some(Rejected::whole(ErrorCode::InvalidRequiredAcks, None));
    }
    None
}

/// What the response needs of the request after its batches have gone.
struct Shape {
    name: ByteString,
    topic_id: uuid::Uuid,
    partitions: Vec<i32>,
}

/// What became of one partition's batch.
enum Outcome {
    Appended(Appended),
    Rejected(Rejected),
    /// With the partition's first offset.
    Refused(Rejected, i64),
    Failed(LogError),
}

struct Work<'a> {
    core: &'a Arc<Core>,
    call: &'a Call,
    now_ms: i64,
    table: &'a TopicTable,
    gather: &'a Arc<Gather>,
    refusal: Option<Rejected>,
    /// What may be appended.
    targets: Vec<Target>,
    /// Those of the request that belong to a transaction.
    transaction: Batches<'a>,
}

impl Work<'_> {
    fn check_topic(&mut self, data: TopicProduceData, place: &mut usize) {
        let by_id = self.call.version() >= TOPIC_IDS_SINCE;
        let topic = if by_id { self.table.by_id(data.topic_id) } else { self.table.by_name(&data.name) };
        let topic = match topic {
            _ if self.refusal.is_some() => Err(self.refusal.clone()),
            None if by_id => Err(Some(Rejected::whole(ErrorCode::UnknownTopicId, None))),
            None => Err(Some(Rejected::whole(ErrorCode::UnknownTopicOrPartition, None))),
            Some(topic) if topic.is_internal() && self.call.client_id() != ADMIN_CLIENT_ID => {
                Err(Some(Rejected::whole(ErrorCode::InvalidTopicException, None)))
            }
            Some(topic) => Ok(topic),
        };
        for partition in data.partition_data {
            match &topic {
                Ok(topic) => self.check_partition(topic, partition, *place),
                Err(rejected) => {
                    if let Some(rejected) = rejected.clone() {
                        self.gather.set(*place, Outcome::Rejected(rejected));
                    }
                }
            }
            *place += 1;
        }
    }

    fn check_partition(&mut self, topic: &Arc<Topic>, data: PartitionProduceData, place: usize) {
        let Some(partition) = topic.partition(data.index) else {
            let rejected = Rejected::whole(ErrorCode::UnknownTopicOrPartition, None);
            return self.gather.set(place, Outcome::Rejected(rejected));
        };
        let batch = data.records.unwrap_or_default();
        let config = partition.log.config();
        let rules = BatchRules::new(&config, self.call.version(), self.now_ms);
        let batch = match validation::check(batch, &rules) {
            Ok(batch) => batch,
            Err(rejected) => {
                let start = if rejected.is_of_records { partition.log.log_start_offset() } else { -1 };
                return self.gather.set(place, Outcome::Refused(rejected, start));
            }
        };
        self.core.metrics.produced_bytes.inc_by(batch.bytes.len() as u64);
        self.core.metrics.produced_records.inc_by(u64::from(batch.record_count));
        partition.traffic.bytes_in.fetch_add(batch.bytes.len() as u64, Ordering::Relaxed);
        partition.traffic.records_in.fetch_add(u64::from(batch.record_count), Ordering::Relaxed);
        let recoding = Recoding::needed(&config, batch.compression);
        let version = transaction::version_of(self.call.version());
        let target =
            Target { partition: Arc::clone(partition), place, bytes: batch.bytes, recoding, version };
        match batch.transaction {
            None => self.targets.push(target),
            Some(producer) => {
                if let Err((place, rejected)) = self.transaction.put(producer, &topic.name, target) {
                    self.gather.set(place, Outcome::Rejected(rejected));
                }
            }
        }
    }
}

/// A batch that has been checked, and where it belongs.
struct Target {
    partition: Arc<Partition>,
    place: usize,
    bytes: Bytes,
    recoding: Option<Recoding>,
    version: TransactionVersion,
}

/// Appends batches after all that were given to their partitions before; those of one writer in one go.
fn append_all(core: &Core, gather: &Arc<Gather>, mut targets: Vec<Target>, acks: i16) {
    let writer_of = |target: &Target| target.partition.writer(&core.disks);
    // Stable: a partition that comes twice keeps its order.
    targets.sort_by_key(writer_of);
    while let Some(writer) = targets.last().map(writer_of) {
        let own = targets.split_off(targets.partition_point(|target| writer_of(target) < writer));
        let gather = Arc::clone(gather);
        let job = move || own.into_iter().for_each(|target| target.append(&gather, acks));
        core.disks.write(writer, Box::new(job));
    }
}

impl Target {
    /// Waits for the disk.
    fn append(self, gather: &Arc<Gather>, acks: i16) {
        let Self { partition, place, bytes, recoding, version } = self;
        let log = &partition.log;
        let appended = match recoding {
            None => partition.append(&bytes, version),
            Some(recoding) => recoding.apply(&bytes).and_then(|bytes| partition.append(&bytes, version)),
        };
        let outcome = match appended {
            Ok(appended) if acks != 0 && !matches!(appended.acknowledgement.is_due(log), Ok(true)) => {
                let (gather, log) = (Arc::clone(gather), Arc::clone(log));
                let done = move |acknowledged: Result<Appended, LogError>| {
                    gather
                        .set(place, acknowledged.map_or_else(|error| failed(error, &log), Outcome::Appended));
                };
                return partition.acknowledge(appended, Box::new(done));
            }
            Ok(appended) => Outcome::Appended(appended),
            Err(error) => failed(error, log),
        };
        gather.set(place, outcome);
    }
}

/// A producer that has lost its place is told where the partition begins: what it has forgotten may be deleted.
fn failed(error: LogError, log: &PartitionLog) -> Outcome {
    match error {
        LogError::OutOfOrderSequence { .. } | LogError::InvalidProducerEpoch { .. } => {
            let rejected = Rejected::whole(error_code::of_log(&error), Some(error.to_string()));
            Outcome::Refused(rejected, log.log_start_offset())
        }
        error => Outcome::Failed(error),
    }
}

/// Counts the request; gives how long its client is put off.
fn throttle_time_ms(metered: &Metered, acks: i16) -> i32 {
    metered.produced();
    // As in Kafka: without an answer, the time that it took is not counted.
    if acks == 0 { 0 } else { metered.settle() }
}

fn encode(response: &ProduceResponse, version: i16, correlation_id: i32) -> Answer {
    match frame::encode_response(response, ApiKey::Produce, version, correlation_id) {
        Ok(bytes) => Answer::Whole(bytes),
        Err(error) => {
            tracing::error!(%error, version, "produce response cannot be encoded");
            Answer::Close
        }
    }
}

fn answer(
    core: &Core,
    shapes: Vec<Shape>,
    outcomes: Vec<Outcome>,
    acks: i16,
    throttle_time_ms: i32,
    encode: impl FnOnce(&ProduceResponse) -> Answer,
) -> Answer {
    let mut outcomes = outcomes.into_iter();
    let mut failed = false;
    let mut responses = Vec::with_capacity(shapes.len());
    for shape in shapes {
        let mut partition_responses = Vec::with_capacity(shape.partitions.len());
        for index in shape.partitions {
            let Some(outcome) = outcomes.next() else { break };
            let response = partition_response(core, index, outcome);
            failed |= response.error_code != 0;
            partition_responses.push(response);
        }
        responses.push(TopicProduceResponse {
            name: shape.name,
            topic_id: shape.topic_id,
            partition_responses,
        });
    }
    if acks == 0 {
        return if failed { Answer::Close } else { Answer::Silent };
    }
    encode(&ProduceResponse { responses, throttle_time_ms, ..ProduceResponse::default() })
}

fn partition_response(core: &Core, index: i32, outcome: Outcome) -> PartitionProduceResponse {
    let (rejected, log_start_offset) = match outcome {
        Outcome::Appended(appended) => {
            return PartitionProduceResponse {
                index,
                error_code: 0,
                base_offset: appended.base_offset,
                log_append_time_ms: appended.log_append_time_ms,
                log_start_offset: appended.log_start_offset,
                ..PartitionProduceResponse::default()
            };
        }
        Outcome::Rejected(rejected) => (rejected, -1),
        Outcome::Refused(rejected, log_start_offset) => (rejected, log_start_offset),
        Outcome::Failed(error) => (Rejected::whole(error_code::of_log(&error), Some(error.to_string())), -1),
    };
    core.metrics.count_error(ApiKey::Produce, rejected.error);
    let record_errors = rejected.records.into_iter().map(|(batch_index, message)| {
        BatchIndexAndErrorMessage { batch_index, batch_index_error_message: Some(message.into()) }
    });
    PartitionProduceResponse {
        index,
        error_code: rejected.error.code(),
        base_offset: -1,
        log_append_time_ms: -1,
        log_start_offset,
        record_errors: record_errors.collect(),
        error_message: rejected.message.map(ByteString::from),
        current_leader: LeaderIdAndEpoch::default(),
    }
}
