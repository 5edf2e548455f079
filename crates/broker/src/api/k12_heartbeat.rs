//! Heartbeat (12), versions 0 to 4: a member of a classic group is alive. Version 3 brings static members (KIP-345).

use std::sync::Arc;

use millstream_wire::messages::heartbeat::{HeartbeatRequest, HeartbeatResponse};

use super::{Api, Call, Reply, serve};
use crate::core::Core;

pub(super) const API: Api = Api::whole::<HeartbeatRequest>(|core, call| serve(core, call, handle));

fn handle(core: &Arc<Core>, _: &Call, request: HeartbeatRequest) -> Reply<HeartbeatResponse> {
    let core = Arc::clone(core);
    Reply::later(async move {
        let instance = request.group_instance_id.as_deref();
        let (group_id, member_id) = (&request.group_id, &request.member_id);
        let error = match core.membership_ready(group_id).await {
            Ok(()) => core.groups.heartbeat(group_id, member_id, instance, request.generation_id).await,
            Err(error) => error,
        };
        HeartbeatResponse { throttle_time_ms: 0, error_code: error.code() }
    })
}
