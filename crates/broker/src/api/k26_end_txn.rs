//! EndTxn (26), versions 0 to 5: a producer commits or aborts its transaction.
//!
//! Version 2 brings PRODUCER_FENCED, 4 TRANSACTION_ABORTABLE, 5 a new epoch with each transaction (KIP-890), which makes a repeated request
//! harmless. The answer comes when the decision is written and as safe as the fsync policy asks; the markers follow.

use std::sync::Arc;

use millstream_wire::ErrorCode;
use millstream_wire::messages::end_txn::{EndTxnRequest, EndTxnResponse};

use super::{Api, Call, Reply, serve};
use crate::coordinator::ProducerIdentity;
use crate::coordinator::transactions::TransactionVersion;
use crate::core::Core;

pub(super) const API: Api = Api::whole::<EndTxnRequest>(|core, call| serve(core, call, handle));

/// The first version that knows PRODUCER_FENCED.
const FENCED_SINCE: i16 = 2;
/// The first version of clients that want a new epoch.
const EPOCHS_SINCE: i16 = 5;

fn handle(core: &Arc<Core>, call: &Call, request: EndTxnRequest) -> Reply<EndTxnResponse> {
    let (core, version) = (Arc::clone(core), call.version());
    Reply::later(async move {
        let error = match end(&core, version, &request).await {
            Ok(producer) if version >= EPOCHS_SINCE => {
                return EndTxnResponse {
                    producer_id: producer.id,
                    producer_epoch: producer.epoch,
                    ..EndTxnResponse::default()
                };
            }
            Ok(_) => ErrorCode::None,
            Err(ErrorCode::ProducerFenced) if version < FENCED_SINCE => ErrorCode::InvalidProducerEpoch,
            Err(error) => error,
        };
        EndTxnResponse {
            error_code: error.code(),
            producer_id: -1,
            producer_epoch: -1,
            ..EndTxnResponse::default()
        }
    })
}

async fn end(core: &Arc<Core>, version: i16, request: &EndTxnRequest) -> Result<ProducerIdentity, ErrorCode> {
    core.transaction_coordinator_ready().await?;
    let transaction_version =
        if version >= EPOCHS_SINCE { TransactionVersion::V2 } else { TransactionVersion::V0 };
    let producer = ProducerIdentity { id: request.producer_id, epoch: request.producer_epoch };
    let id = &request.transactional_id;
    core.transactions.end(id, producer, request.committed, transaction_version).await
}
