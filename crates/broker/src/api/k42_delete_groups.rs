//! DeleteGroups (42), versions 0 to 2: deletes groups without members, their offsets with them.

use std::sync::Arc;

use millstream_wire::ErrorCode;
use millstream_wire::messages::delete_groups::{
    DeletableGroupResult, DeleteGroupsRequest, DeleteGroupsResponse,
};

use super::{Api, Call, Reply, serve};
use crate::core::Core;

pub(super) const API: Api = Api::whole::<DeleteGroupsRequest>(|core, call| serve(core, call, handle));

fn handle(core: &Arc<Core>, _: &Call, request: DeleteGroupsRequest) -> Reply<DeleteGroupsResponse> {
    let core = Arc::clone(core);
    Reply::later(async move {
        let mut results = Vec::with_capacity(request.groups_names.len());
        for group_id in request.groups_names {
            let outcome = match core.group_coordinator_ready(&group_id).await {
                Ok(()) => core.groups.delete_group(&group_id).await,
                Err(error) => Err(error),
            };
            let error_code = outcome.err().unwrap_or(ErrorCode::None).code();
            results.push(DeletableGroupResult { group_id, error_code });
        }
        DeleteGroupsResponse { throttle_time_ms: 0, results }
    })
}
