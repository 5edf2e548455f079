//! InitProducerId (22), versions 0 to 5: an id for an idempotent producer.
//!
//! Version 3 may resume an epoch (KIP-360). Ids are never given twice, across restarts
//! as well.
//!
//! Deviation: a transactional id is refused with UNSUPPORTED_VERSION until there is a transaction coordinator.

use std::sync::Arc;

use millstream_wire::ErrorCode;
use millstream_wire::messages::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};

use super::{Api, Call, Reply, serve};
use crate::core::Core;
use crate::error_code;

pub(super) const API: Api = Api::whole::<InitProducerIdRequest>(|core, call| serve(core, call, handle));

fn handle(core: &Arc<Core>, _: &Call, request: InitProducerIdRequest) -> Reply<InitProducerIdResponse> {
    match request.transactional_id.as_deref() {
        None => {}
        Some("") => return Reply::Now(refused(ErrorCode::InvalidRequest)),
        Some(_) => return Reply::Now(refused(ErrorCode::UnsupportedVersion)),
    }
    let core = Arc::clone(core);
    Reply::later(async move {
        // Every thousandth id is a synced write.
        let store = Arc::clone(&core.store);
        match core.disks.run(move || store.metadata().next_producer_id()).await {
            Ok(Ok(producer_id)) => {
                InitProducerIdResponse { producer_id, producer_epoch: 0, ..InitProducerIdResponse::default() }
            }
            Ok(Err(error)) => refused(error_code::of_log(&error)),
            Err(_) => refused(ErrorCode::UnknownServerError),
        }
    })
}

fn refused(error: ErrorCode) -> InitProducerIdResponse {
    InitProducerIdResponse {
        error_code: error.code(),
        producer_id: -1,
        producer_epoch: -1,
        ..InitProducerIdResponse::default()
    }
}
