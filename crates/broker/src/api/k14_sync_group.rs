//! SyncGroup (14), versions 0 to 5: a member of a classic group asks for its assignment; the leader brings everybody's.
//!
//! Version 3 brings static members (KIP-345), 5 checks the protocol (KIP-559). The answer waits for the leader.

use std::sync::Arc;

use bytes::Bytes;
use millstream_wire::ErrorCode;
use millstream_wire::messages::sync_group::{SyncGroupRequest, SyncGroupResponse};

use super::{Api, Call, Reply, serve};
use crate::coordinator::classic::{SyncAnswer, SyncRequest};
use crate::core::Core;

pub(super) const API: Api = Api::whole::<SyncGroupRequest>(|core, call| serve(core, call, handle));

/// The first version in which a member must name the protocol.
const PROTOCOL_SINCE: i16 = 5;

fn handle(core: &Arc<Core>, call: &Call, request: SyncGroupRequest) -> Reply<SyncGroupResponse> {
    let core = Arc::clone(core);
    let unnamed = request.protocol_type.is_none() || request.protocol_name.is_none();
    if call.version() >= PROTOCOL_SINCE && unnamed {
        return Reply::Now(to_response(SyncAnswer::failed(ErrorCode::InconsistentGroupProtocol)));
    }
    let group_id = request.group_id;
    let assignments = request.assignments.into_iter().map(|assignment| {
        // The group must not keep the whole frame alive.
        (assignment.member_id, Bytes::copy_from_slice(&assignment.assignment))
    });
    let sync = SyncRequest {
        member_id: request.member_id,
        group_instance_id: request.group_instance_id,
        generation_id: request.generation_id,
        protocol_type: request.protocol_type,
        protocol_name: request.protocol_name,
        assignments: assignments.collect(),
    };
    Reply::later(async move {
        let answer = match core.membership_ready(&group_id).await {
            Ok(()) => core.groups.sync(&group_id, sync).await,
            Err(error) => SyncAnswer::failed(error),
        };
        to_response(answer)
    })
}

fn to_response(answer: SyncAnswer) -> SyncGroupResponse {
    SyncGroupResponse {
        throttle_time_ms: 0,
        error_code: answer.error.code(),
        protocol_type: answer.protocol_type,
        protocol_name: answer.protocol_name,
        assignment: answer.assignment,
    }
}
