//! ListTransactions (66), versions 0 to 2: transactional ids by state, producer, duration (KIP-994) and pattern (KIP-1152).
//!
//! Patterns are RE2's, as in Kafka, and have to match the whole id.

use std::sync::Arc;

use millstream_wire::ErrorCode;
use millstream_wire::messages::list_transactions::{
    ListTransactionsRequest, ListTransactionsResponse, TransactionState,
};

use super::{Api, Call, Reply, serve};
use crate::coordinator::transactions::TransactionFilter;
use crate::core::Core;

pub(super) const API: Api = Api::whole::<ListTransactionsRequest>(|core, call| serve(core, call, handle));

fn handle(core: &Arc<Core>, _: &Call, request: ListTransactionsRequest) -> Reply<ListTransactionsResponse> {
    Reply::Now(list(core, request).unwrap_or_else(|error| ListTransactionsResponse {
        error_code: error.code(),
        ..ListTransactionsResponse::default()
    }))
}

fn list(core: &Core, request: ListTransactionsRequest) -> Result<ListTransactionsResponse, ErrorCode> {
    let filter = TransactionFilter::new(
        request.producer_id_filters,
        request.state_filters,
        request.duration_filter,
        request.transactional_id_pattern.as_deref(),
    )?;
    let listed = core.transactions.list(&filter)?.into_iter().map(|(id, producer_id, state)| {
        TransactionState { transactional_id: id, producer_id, transaction_state: state.to_owned() }
    });
    Ok(ListTransactionsResponse {
        transaction_states: listed.collect(),
        unknown_state_filters: filter.unknown_states(),
        ..ListTransactionsResponse::default()
    })
}
