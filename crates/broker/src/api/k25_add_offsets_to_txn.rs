//! AddOffsetsToTxn (25), versions 0 to 4: a producer is going to commit a group's offsets in its transaction.
//!
//! Version 2 brings PRODUCER_FENCED, 4 TRANSACTION_ABORTABLE (KIP-890). It is AddPartitionsToTxn for the partition of `__consumer_offsets`
//! that keeps the group. A producer of transaction version 2 does not ask, its TxnOffsetCommit does.

use std::sync::Arc;

use millstream_wire::ErrorCode;
use millstream_wire::messages::add_offsets_to_txn::{AddOffsetsToTxnRequest, AddOffsetsToTxnResponse};

use super::{Api, Call, Reply, serve};
use crate::coordinator::ProducerIdentity;
use crate::coordinator::transactions::{TopicPartitions, TransactionVersion};
use crate::core::Core;
use crate::storage::topics::OFFSETS_TOPIC;

pub(super) const API: Api = Api::whole::<AddOffsetsToTxnRequest>(|core, call| serve(core, call, handle));

/// The first version that knows PRODUCER_FENCED.
const FENCED_SINCE: i16 = 2;

fn handle(core: &Arc<Core>, call: &Call, request: AddOffsetsToTxnRequest) -> Reply<AddOffsetsToTxnResponse> {
    let (core, version) = (Arc::clone(core), call.version());
    Reply::later(async move {
        let error = match add(&core, &request).await {
            Ok(()) => ErrorCode::None,
            Err(ErrorCode::ProducerFenced) if version < FENCED_SINCE => ErrorCode::InvalidProducerEpoch,
            Err(error) => error,
        };
        AddOffsetsToTxnResponse { throttle_time_ms: 0, error_code: error.code() }
    })
}

async fn add(core: &Arc<Core>, request: &AddOffsetsToTxnRequest) -> Result<(), ErrorCode> {
    core.group_coordinator_ready(&request.group_id).await?;
    core.transaction_coordinator_ready().await?;
    let partition = core.groups.partition_of(&request.group_id);
    let partitions = TopicPartitions::from_iter([(OFFSETS_TOPIC, partition)]);
    let producer = ProducerIdentity { id: request.producer_id, epoch: request.producer_epoch };
    let id = &request.transactional_id;
    core.transactions.add_partitions(id, producer, partitions, TransactionVersion::V0).await
}
