//! DescribeProducers (61), version 0: the producers that partitions remember, with their open transactions (KIP-664).

use std::sync::Arc;

use millstream_wire::ErrorCode;
use millstream_wire::messages::describe_producers::{
    DescribeProducersRequest, DescribeProducersResponse, PartitionResponse, ProducerState, TopicRequest,
    TopicResponse,
};

use super::{Api, Call, Reply, error_with_message, serve};
use crate::core::Core;
use crate::error_code;
use crate::storage::TopicTable;

pub(super) const API: Api = Api::whole::<DescribeProducersRequest>(|core, call| serve(core, call, handle));

fn handle(core: &Arc<Core>, _: &Call, request: DescribeProducersRequest) -> Reply<DescribeProducersResponse> {
    let core = Arc::clone(core);
    Reply::attempt(async move {
        let table = core.topics();
        let described = core
            .disks
            .run(move || request.topics.iter().map(|topic| describe(&table, topic)).collect())
            .await?;
        Ok(DescribeProducersResponse { throttle_time_ms: 0, topics: described })
    })
}

/// Waits for the disk where a partition was not opened yet.
fn describe(table: &TopicTable, asked: &TopicRequest) -> TopicResponse {
    let topic = table.by_name(&asked.name);
    let partitions = asked.partition_indexes.iter().map(|&partition_index| {
        let found = topic.and_then(|topic| topic.partition(partition_index));
        let producers = match found {
            Some(partition) => partition.log.producers().map_err(|error| error_code::of_log(&error)),
            None => Err(ErrorCode::UnknownTopicOrPartition),
        };
        let error = producers.as_ref().err().copied().unwrap_or(ErrorCode::None);
        let (error_code, error_message) = error_with_message(error, None);
        let active_producers = producers.unwrap_or_default().into_iter().map(|producer| ProducerState {
            producer_id: producer.producer_id,
            producer_epoch: i32::from(producer.producer_epoch),
            last_sequence: producer.last_sequence,
            last_timestamp: producer.last_timestamp_ms,
            coordinator_epoch: producer.coordinator_epoch,
            current_txn_start_offset: producer.current_transaction_start_offset,
        });
        PartitionResponse {
            partition_index,
            error_code,
            error_message,
            active_producers: active_producers.collect(),
        }
    });
    TopicResponse { name: asked.name.clone(), partitions: partitions.collect() }
}
