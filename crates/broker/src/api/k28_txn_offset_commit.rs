//! TxnOffsetCommit (28), versions 0 to 5: a group's offsets become a part of a producer's transaction.
//!
//! Version 2 brings the leader epoch, 3 the member on whose behalf it is (KIP-447), 4 TRANSACTION_ABORTABLE, 5 implicit enrolment
//! (KIP-890): AddOffsetsToTxn is not needed before it.
//!
//! The offsets count once the transaction is committed; until then OffsetFetch answers those before, or UNSTABLE_OFFSET_COMMIT to those
//! who want stable ones.

use std::sync::Arc;

use millstream_wire::ErrorCode;
use millstream_wire::messages::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitResponse, TxnOffsetCommitResponsePartition,
    TxnOffsetCommitResponseTopic,
};

use super::{Api, Call, Reply, serve};
use crate::coordinator::transactions::{TopicPartitions, TransactionVersion, refusal_for_producer};
use crate::coordinator::{CommitOffset, ProducerIdentity, TransactionalCommit};
use crate::core::Core;
use crate::storage::topics::OFFSETS_TOPIC;

pub(super) const API: Api = Api::whole::<TxnOffsetCommitRequest>(|core, call| serve(core, call, handle));

/// The first version that knows COORDINATOR_LOAD_IN_PROGRESS.
const LOADING_SINCE: i16 = 2;
/// The first version that knows TRANSACTION_ABORTABLE.
const ABORTABLE_SINCE: i16 = 4;
/// The first version that enrols the group's partition.
const ENROLS_SINCE: i16 = 5;

fn handle(core: &Arc<Core>, call: &Call, request: TxnOffsetCommitRequest) -> Reply<TxnOffsetCommitResponse> {
    let (core, version) = (Arc::clone(core), call.version());
    Reply::later(async move {
        let (mut topics, offsets) = resolve(&core, &request);
        let outcome = match enrol(&core, version, &request).await {
            Ok(()) => commit(&core, request, offsets).await,
            Err(error) => Err(error),
        };
        fill_in(&mut topics, version, &outcome);
        TxnOffsetCommitResponse { throttle_time_ms: 0, topics }
    })
}

/// The response with those refused that do not exist, and the offsets to commit.
fn resolve(
    core: &Core,
    request: &TxnOffsetCommitRequest,
) -> (Vec<TxnOffsetCommitResponseTopic>, Vec<CommitOffset>) {
    let table = core.topics();
    let mut offsets = Vec::new();
    let topics = request.topics.iter().map(|asked| {
        let topic = table.by_name(&asked.name);
        let partitions = asked.partitions.iter().map(|partition| {
            let partition_index = partition.partition_index;
            let found = topic.filter(|topic| topic.partition(partition_index).is_some());
            let error = match found {
                None => ErrorCode::UnknownTopicOrPartition,
                Some(topic) => {
                    offsets.push(CommitOffset {
                        topic: topic.name.to_string(),
                        topic_id: topic.id,
                        partition: partition_index,
                        offset: partition.committed_offset,
                        leader_epoch: partition.committed_leader_epoch,
                        metadata: partition.committed_metadata.clone().unwrap_or_default(),
                    });
                    ErrorCode::None
                }
            };
            TxnOffsetCommitResponsePartition { partition_index, error_code: error.code() }
        });
        TxnOffsetCommitResponseTopic { name: asked.name.clone(), partitions: partitions.collect() }
    });
    (topics.collect(), offsets)
}

/// Makes sure that the partition that keeps the group is a part of the transaction.
async fn enrol(core: &Arc<Core>, version: i16, request: &TxnOffsetCommitRequest) -> Result<(), ErrorCode> {
    if request.group_id.is_empty() {
        return Err(ErrorCode::InvalidGroupId);
    }
    core.group_coordinator_ready(&request.group_id).await?;
    core.transaction_coordinator_ready().await?;
    let producer = ProducerIdentity { id: request.producer_id, epoch: request.producer_epoch };
    let id = &request.transactional_id;
    let partition = core.groups.partition_of(&request.group_id);
    let enrolled = if version >= ENROLS_SINCE {
        let partitions = TopicPartitions::from_iter([(OFFSETS_TOPIC, partition)]);
        core.transactions.add_partitions(id, producer, partitions, TransactionVersion::V2).await
    } else {
        core.transactions.verify(id, producer, OFFSETS_TOPIC, partition)
    };
    enrolled.map_err(|error| match refusal_for_producer(error) {
        ErrorCode::TransactionAbortable if version < ABORTABLE_SINCE => ErrorCode::InvalidTxnState,
        error => error,
    })
}

async fn commit(
    core: &Arc<Core>,
    request: TxnOffsetCommitRequest,
    offsets: Vec<CommitOffset>,
) -> Result<Vec<ErrorCode>, ErrorCode> {
    let producer = ProducerIdentity { id: request.producer_id, epoch: request.producer_epoch };
    let commit = TransactionalCommit {
        producer,
        member_id: request.member_id,
        group_instance_id: request.group_instance_id,
        generation_id: request.generation_id,
        offsets,
    };
    core.groups.commit_in_transaction(&request.group_id, commit).await
}

/// Puts the outcome into those partitions that were not refused already.
fn fill_in(
    topics: &mut [TxnOffsetCommitResponseTopic],
    version: i16,
    outcome: &Result<Vec<ErrorCode>, ErrorCode>,
) {
    let mut codes = outcome.as_ref().map(|codes| codes.iter());
    let partitions = topics.iter_mut().flat_map(|topic| topic.partitions.iter_mut());
    for partition in partitions.filter(|partition| partition.error_code == 0) {
        let error = match &mut codes {
            Ok(codes) => codes.next().copied().unwrap_or(ErrorCode::UnknownServerError),
            Err(ErrorCode::CoordinatorLoadInProgress) if version < LOADING_SINCE => {
                ErrorCode::CoordinatorNotAvailable
            }
            Err(error) => **error,
        };
        partition.error_code = error.code();
    }
}
