//! WriteTxnMarkers (27), versions 1 and 2: ends transactions in partitions without their coordinator.
//!
//! Version 2 names the transaction version of a marker (KIP-1228): from transaction version 2 on it does not end a transaction of its own epoch. The coordinator of this broker writes its markers itself; this is for
//! administrators who end a transaction that hangs (`kafka-transactions.sh abort`, KIP-664).

use std::sync::Arc;

use millstream_wire::ErrorCode;
use millstream_wire::messages::write_txn_markers::{
    WritableTxnMarker, WritableTxnMarkerPartitionResult, WritableTxnMarkerResult,
    WritableTxnMarkerTopicResult, WriteTxnMarkersRequest, WriteTxnMarkersResponse,
};
use tokio::sync::oneshot;

use super::{Api, Call, Reply, serve};
use crate::coordinator::ProducerIdentity;
use crate::coordinator::transactions::{Marker, MarkerOutcome};
use crate::core::Core;
use crate::storage::participants::write_marker;

/// The transaction version in which every transaction has an epoch of its own.
const EPOCH_PER_TRANSACTION_SINCE: i8 = 2;

pub(super) const API: Api = Api::whole::<WriteTxnMarkersRequest>(|core, call| serve(core, call, handle));

fn handle(core: &Arc<Core>, _: &Call, request: WriteTxnMarkersRequest) -> Reply<WriteTxnMarkersResponse> {
    let core = Arc::clone(core);
    Reply::later(async move {
        let mut markers = Vec::with_capacity(request.markers.len());
        for marker in request.markers {
            markers.push(write(&core, marker).await);
        }
        WriteTxnMarkersResponse { markers }
    })
}

async fn write(core: &Arc<Core>, request: WritableTxnMarker) -> WritableTxnMarkerResult {
    let marker = Marker {
        producer: ProducerIdentity { id: request.producer_id, epoch: request.producer_epoch },
        committed: request.transaction_result,
        coordinator_epoch: request.coordinator_epoch,
        is_next_epoch: request.transaction_version >= EPOCH_PER_TRANSACTION_SINCE,
    };
    // All are under way before the first is waited for.
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let under_way = topic.partition_indexes.into_iter().map(|index| {
            let (done, outcome) = oneshot::channel();
            let done = move |outcome| _ = done.send(outcome);
            write_marker(core, &topic.name, index, marker, Box::new(done));
            (index, outcome)
        });
        let under_way: Vec<_> = under_way.collect();
        topics.push((topic.name, under_way));
    }
    let mut results = Vec::with_capacity(topics.len());
    for (name, under_way) in topics {
        let mut partitions = Vec::with_capacity(under_way.len());
        for (partition_index, outcome) in under_way {
            let error_code = code_of(outcome.await).code();
            partitions.push(WritableTxnMarkerPartitionResult { partition_index, error_code });
        }
        results.push(WritableTxnMarkerTopicResult { name, partitions });
    }
    WritableTxnMarkerResult { producer_id: request.producer_id, topics: results }
}

fn code_of(outcome: Result<MarkerOutcome, oneshot::error::RecvError>) -> ErrorCode {
    match outcome {
        Ok(MarkerOutcome::Written) => ErrorCode::None,
        Ok(MarkerOutcome::Gone) => ErrorCode::UnknownTopicOrPartition,
        Ok(MarkerOutcome::Fenced) => ErrorCode::InvalidProducerEpoch,
        Ok(MarkerOutcome::Failed(error)) => error,
        // The broker stops.
        Err(_) => ErrorCode::NotLeaderOrFollower,
    }
}
