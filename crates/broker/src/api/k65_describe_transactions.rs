//! DescribeTransactions (65), version 0: transactional ids as their coordinator knows them (KIP-664).

use std::sync::Arc;

use millstream_wire::ErrorCode;
use millstream_wire::messages::describe_transactions::{
    DescribeTransactionsRequest, DescribeTransactionsResponse, TopicData, TransactionState,
};

use super::{Api, Call, Reply, serve};
use crate::core::Core;

pub(super) const API: Api = Api::whole::<DescribeTransactionsRequest>(|core, call| serve(core, call, handle));

fn handle(
    core: &Arc<Core>,
    _: &Call,
    request: DescribeTransactionsRequest,
) -> Reply<DescribeTransactionsResponse> {
    let states = request.transactional_ids.into_iter().map(|id| describe(core, id));
    Reply::Now(DescribeTransactionsResponse { throttle_time_ms: 0, transaction_states: states.collect() })
}

fn describe(core: &Core, transactional_id: String) -> TransactionState {
    match core.transactions.describe(&transactional_id) {
        Ok(transaction) => {
            let topics = transaction.partitions.topics().map(|(topic, partitions)| TopicData {
                topic: topic.to_owned(),
                partitions: partitions.iter().copied().collect(),
            });
            TransactionState {
                error_code: ErrorCode::None.code(),
                transactional_id,
                transaction_state: transaction.state.name().to_owned(),
                transaction_timeout_ms: transaction.timeout_ms,
                transaction_start_time_ms: transaction.start_ms,
                producer_id: transaction.producer.id,
                producer_epoch: transaction.producer.epoch,
                topics: topics.collect(),
            }
        }
        Err(error) => {
            TransactionState { error_code: error.code(), transactional_id, ..TransactionState::default() }
        }
    }
}
