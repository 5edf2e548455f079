//! InitProducerId (22), versions 0 to 5: an id and an epoch for an idempotent or transactional producer.
//!
//! Version 3 may resume an epoch (KIP-360), 4 brings PRODUCER_FENCED, 5 TRANSACTION_ABORTABLE (KIP-890). Ids are never given twice,
//! across restarts as well. What another producer of the same transactional id has open is aborted first; it is answered with
//! CONCURRENT_TRANSACTIONS until that is over.

use std::sync::Arc;

use millstream_wire::ErrorCode;
use millstream_wire::messages::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};

use super::{Api, Call, Reply, serve};
use crate::coordinator::ProducerIdentity;
use crate::core::Core;

pub(super) const API: Api = Api::whole::<InitProducerIdRequest>(|core, call| serve(core, call, handle));

/// The first version that knows PRODUCER_FENCED.
const FENCED_SINCE: i16 = 4;

fn handle(core: &Arc<Core>, call: &Call, request: InitProducerIdRequest) -> Reply<InitProducerIdResponse> {
    let (core, version) = (Arc::clone(core), call.version());
    Reply::later(async move {
        match init(&core, request).await {
            Ok(producer) => InitProducerIdResponse {
                producer_id: producer.id,
                producer_epoch: producer.epoch,
                ..InitProducerIdResponse::default()
            },
            Err(ErrorCode::ProducerFenced) if version < FENCED_SINCE => {
                refused(ErrorCode::InvalidProducerEpoch)
            }
            Err(error) => refused(error),
        }
    })
}

async fn init(core: &Arc<Core>, request: InitProducerIdRequest) -> Result<ProducerIdentity, ErrorCode> {
    let expected = match (request.producer_id, request.producer_epoch) {
        (-1, -1) => None,
        (-1, _) | (_, -1) => return Err(ErrorCode::InvalidRequest),
        (id, epoch) => Some(ProducerIdentity { id, epoch }),
    };
    let Some(transactional_id) = request.transactional_id else {
        return Ok(ProducerIdentity { id: core.new_producer_id().await?, epoch: 0 });
    };
    if transactional_id.is_empty() {
        return Err(ErrorCode::InvalidRequest);
    }
    core.transaction_coordinator_ready().await?;
    let timeout_ms = request.transaction_timeout_ms;
    core.transactions.init_producer_id(&transactional_id, timeout_ms, expected).await
}

fn refused(error: ErrorCode) -> InitProducerIdResponse {
    InitProducerIdResponse {
        error_code: error.code(),
        producer_id: -1,
        producer_epoch: -1,
        ..InitProducerIdResponse::default()
    }
}
