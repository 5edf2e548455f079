//! AddPartitionsToTxn (24), versions 0 to 5: a producer says where it is going to write in its transaction.
//!
//! Version 2 brings PRODUCER_FENCED, 4 many transactions at once and questions only (KIP-890), 5 TRANSACTION_ABORTABLE. Brokers ask in
//! versions 4 and 5, clients in earlier ones; a producer of transaction version 2 does not ask at all, its Produce does.
//!
//! A request is done as a whole: where one partition does not exist, the others are answered with OPERATION_NOT_ATTEMPTED.
//! Where Kafka answers CONCURRENT_TRANSACTIONS because the last transaction is still being ended, this broker waits for that.

use std::sync::Arc;

use millstream_wire::ErrorCode;
use millstream_wire::messages::add_partitions_to_txn::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse,
    AddPartitionsToTxnResult, AddPartitionsToTxnTopic, AddPartitionsToTxnTopicResult,
    AddPartitionsToTxnTransaction,
};

use super::{Api, Call, Reply, serve};
use crate::coordinator::ProducerIdentity;
use crate::coordinator::transactions::{TopicPartitions, TransactionVersion};
use crate::core::Core;
use crate::storage::topics::is_internal;

pub(super) const API: Api = Api::whole::<AddPartitionsToTxnRequest>(|core, call| serve(core, call, handle));

/// The first version that knows PRODUCER_FENCED.
const FENCED_SINCE: i16 = 2;
/// The first version for brokers.
const BATCHED_SINCE: i16 = 4;

fn handle(
    core: &Arc<Core>,
    call: &Call,
    request: AddPartitionsToTxnRequest,
) -> Reply<AddPartitionsToTxnResponse> {
    let (core, version) = (Arc::clone(core), call.version());
    Reply::later(async move {
        if let Err(error) = core.transaction_coordinator_ready().await {
            return refused(version, request, error);
        }
        if version >= BATCHED_SINCE {
            let mut results = Vec::with_capacity(request.transactions.len());
            for transaction in request.transactions {
                results.push(batched(&core, transaction).await);
            }
            let results_by_transaction = results;
            return AddPartitionsToTxnResponse {
                results_by_transaction,
                ..AddPartitionsToTxnResponse::default()
            };
        }
        let transaction = single(request);
        let added = add(&core, &transaction, version, TransactionVersion::V0).await;
        AddPartitionsToTxnResponse {
            results_by_topic_v3_and_below: added,
            ..AddPartitionsToTxnResponse::default()
        }
    })
}

/// The transaction of a request for one.
fn single(request: AddPartitionsToTxnRequest) -> AddPartitionsToTxnTransaction {
    AddPartitionsToTxnTransaction {
        transactional_id: request.v3_and_below_transactional_id,
        producer_id: request.v3_and_below_producer_id,
        producer_epoch: request.v3_and_below_producer_epoch,
        verify_only: false,
        topics: request.v3_and_below_topics,
    }
}

async fn batched(core: &Arc<Core>, transaction: AddPartitionsToTxnTransaction) -> AddPartitionsToTxnResult {
    let topic_results = if transaction.verify_only {
        let producer = ProducerIdentity { id: transaction.producer_id, epoch: transaction.producer_epoch };
        respond(&transaction.topics, |topic, partition| {
            let verified =
                core.transactions.verify(&transaction.transactional_id, producer, topic, partition);
            verified.err().unwrap_or(ErrorCode::None)
        })
    } else {
        add(core, &transaction, BATCHED_SINCE, TransactionVersion::V2).await
    };
    AddPartitionsToTxnResult { transactional_id: transaction.transactional_id, topic_results }
}

async fn add(
    core: &Arc<Core>,
    transaction: &AddPartitionsToTxnTransaction,
    version: i16,
    transaction_version: TransactionVersion,
) -> Vec<AddPartitionsToTxnTopicResult> {
    let table = core.topics();
    let check = |topic: &str, partition| {
        if is_internal(topic) && version < BATCHED_SINCE {
            // Clients reach the offsets of groups by AddOffsetsToTxn.
            return ErrorCode::TopicAuthorizationFailed;
        }
        match table.by_name(topic).and_then(|topic| topic.partition(partition)) {
            Some(_) => ErrorCode::None,
            None => ErrorCode::UnknownTopicOrPartition,
        }
    };
    let partitions: TopicPartitions = places(&transaction.topics).collect();
    if partitions.iter().any(|(topic, partition)| check(topic, partition) != ErrorCode::None) {
        return respond(&transaction.topics, |topic, partition| match check(topic, partition) {
            ErrorCode::None => ErrorCode::OperationNotAttempted,
            error => error,
        });
    }
    let producer = ProducerIdentity { id: transaction.producer_id, epoch: transaction.producer_epoch };
    let id = &transaction.transactional_id;
    let added = core.transactions.add_partitions(id, producer, partitions, transaction_version).await;
    let error = match added {
        Ok(()) => ErrorCode::None,
        Err(ErrorCode::ProducerFenced) if version < FENCED_SINCE => ErrorCode::InvalidProducerEpoch,
        Err(error) => error,
    };
    respond(&transaction.topics, |_, _| error)
}

fn places(topics: &[AddPartitionsToTxnTopic]) -> impl Iterator<Item = (&str, i32)> {
    topics.iter().flat_map(|topic| topic.partitions.iter().map(|&partition| (topic.name.as_str(), partition)))
}

/// Answers for each partition that was asked for.
fn respond(
    topics: &[AddPartitionsToTxnTopic],
    outcome: impl Fn(&str, i32) -> ErrorCode,
) -> Vec<AddPartitionsToTxnTopicResult> {
    let results = topics.iter().map(|topic| {
        let results = topic.partitions.iter().map(|&partition_index| AddPartitionsToTxnPartitionResult {
            partition_index,
            partition_error_code: outcome(&topic.name, partition_index).code(),
        });
        AddPartitionsToTxnTopicResult { name: topic.name.clone(), results_by_partition: results.collect() }
    });
    results.collect()
}

fn refused(version: i16, request: AddPartitionsToTxnRequest, error: ErrorCode) -> AddPartitionsToTxnResponse {
    if version >= BATCHED_SINCE {
        let error_code = error.code();
        return AddPartitionsToTxnResponse { error_code, ..AddPartitionsToTxnResponse::default() };
    }
    AddPartitionsToTxnResponse {
        results_by_topic_v3_and_below: respond(&request.v3_and_below_topics, |_, _| error),
        ..AddPartitionsToTxnResponse::default()
    }
}
