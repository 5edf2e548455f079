//! LeaveGroup (13), versions 0 to 5: members leave a classic group. Version 3 takes several, static ones included
//! (KIP-345); 5 a reason (KIP-800).

use std::sync::Arc;

use millstream_wire::ErrorCode;
use millstream_wire::messages::leave_group::{LeaveGroupRequest, LeaveGroupResponse, MemberResponse};

use super::{Api, Call, Reply, serve};
use crate::coordinator::classic::LeaveTarget;
use crate::core::Core;

pub(super) const API: Api = Api::whole::<LeaveGroupRequest>(|core, call| serve(core, call, handle));

/// The first version with several members.
const MEMBERS_SINCE: i16 = 3;

fn handle(core: &Arc<Core>, call: &Call, request: LeaveGroupRequest) -> Reply<LeaveGroupResponse> {
    let core = Arc::clone(core);
    let version = call.version();
    Reply::later(async move {
        let targets: Vec<LeaveTarget> = if version < MEMBERS_SINCE {
            vec![LeaveTarget { member_id: request.member_id, group_instance_id: None }]
        } else {
            let members = request.members.into_iter().map(|member| LeaveTarget {
                member_id: member.member_id,
                group_instance_id: member.group_instance_id,
            });
            members.collect()
        };
        let outcome = match core.membership_ready(&request.group_id).await {
            Ok(()) => core.groups.leave(&request.group_id, &targets).await,
            Err(error) => Err(error),
        };
        respond(version, targets, outcome)
    })
}

fn respond(
    version: i16,
    targets: Vec<LeaveTarget>,
    outcome: Result<Vec<ErrorCode>, ErrorCode>,
) -> LeaveGroupResponse {
    let codes = match outcome {
        Ok(codes) => codes,
        Err(error) => {
            return LeaveGroupResponse { error_code: error.code(), ..LeaveGroupResponse::default() };
        }
    };
    if version < MEMBERS_SINCE {
        let error_code = codes.first().map_or(0, |code| code.code());
        return LeaveGroupResponse { error_code, ..LeaveGroupResponse::default() };
    }
    let members = targets.into_iter().zip(codes).map(|(target, code)| MemberResponse {
        member_id: target.member_id,
        group_instance_id: target.group_instance_id,
        error_code: code.code(),
    });
    LeaveGroupResponse { throttle_time_ms: 0, error_code: 0, members: members.collect() }
}
