//! FindCoordinator (10), versions 0 to 6: which broker coordinates groups or transactions.
//!
//! Version 1 adds key types and messages, 4 several keys at once (KIP-699), 5 nothing but retriable transaction errors
//! (KIP-890), 6 share groups.
//!
//! It is this broker for every group and transactional id. Deviation: share groups are answered with INVALID_REQUEST, because there is
//! no coordinator for them yet. Apache Kafka creates `__consumer_offsets` and `__transaction_state` on the first request for one, and
//! so does this broker.

use std::sync::Arc;

use millstream_wire::ErrorCode;
use millstream_wire::messages::find_coordinator::{
    Coordinator, FindCoordinatorRequest, FindCoordinatorResponse,
};

use super::{Api, Call, Reply, error_with_message, serve};
use crate::core::Core;

pub(super) const API: Api = Api::whole::<FindCoordinatorRequest>(|core, call| serve(core, call, handle));

/// The first version with several keys.
const KEYS_SINCE: i16 = 4;
const KEY_TYPE_GROUP: i8 = 0;
const KEY_TYPE_TRANSACTION: i8 = 1;
const NO_NODE: i32 = -1;

fn handle(core: &Arc<Core>, call: &Call, request: FindCoordinatorRequest) -> Reply<FindCoordinatorResponse> {
    let core = Arc::clone(core);
    let (version, listener) = (call.version(), call.caller.listener);
    Reply::later(async move {
        let keys = if version < KEYS_SINCE { vec![request.key] } else { request.coordinator_keys };
        // What Apache Kafka says where all is well.
        let message = if version < KEYS_SINCE { "NONE" } else { "" };
        let mut coordinators = Vec::with_capacity(keys.len());
        for key in keys {
            coordinators.push(find(&core, listener, request.key_type, key, message).await);
        }
        if version >= KEYS_SINCE {
            return FindCoordinatorResponse { coordinators, ..FindCoordinatorResponse::default() };
        }
        let found = coordinators.pop().unwrap_or_default();
        FindCoordinatorResponse {
            error_code: found.error_code,
            error_message: found.error_message,
            node_id: found.node_id,
            host: found.host,
            port: found.port,
            ..FindCoordinatorResponse::default()
        }
    })
}

async fn find(core: &Arc<Core>, listener: usize, key_type: i8, key: String, message: &str) -> Coordinator {
    let outcome = match key_type {
        KEY_TYPE_GROUP => core.group_coordinator_ready(&key).await,
        KEY_TYPE_TRANSACTION => core.transaction_coordinator_ready().await,
        _ => Err(ErrorCode::InvalidRequest),
    };
    match outcome {
        Ok(()) => {
            let (host, port) = core.advertised(listener);
            Coordinator {
                key,
                node_id: core.config.node_id,
                host: host.to_owned(),
                port: i32::from(port),
                error_code: 0,
                error_message: Some(message.to_owned()),
            }
        }
        Err(error) => {
            let (error_code, error_message) = error_with_message(error, None);
            Coordinator { key, node_id: NO_NODE, host: String::new(), port: -1, error_code, error_message }
        }
    }
}
