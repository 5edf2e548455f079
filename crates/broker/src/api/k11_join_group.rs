//! JoinGroup (11), versions 0 to 9: a member of a classic group takes part in the next generation.
//!
//! Version 1 brings the rebalance timeout, 4 MEMBER_ID_REQUIRED (KIP-394), 5 static members (KIP-345), 7 the protocol type
//! (KIP-559), 8 the reason (KIP-800), 9 skipping the assignment (KIP-814). Versions 0 and 1 stay offered, as in Kafka (KAFKA-19444).
//!
//! Only the leader gets the members. The answer waits for the join phase to end.

use std::sync::Arc;

use bytes::Bytes;
use millstream_wire::ErrorCode;
use millstream_wire::messages::join_group::{JoinGroupRequest, JoinGroupResponse, JoinGroupResponseMember};
use uuid::Uuid;

use super::{Api, Call, Reply, serve};
use crate::coordinator::classic::{JoinAnswer, JoinRequest, Protocol, duration_from_ms};
use crate::core::Core;

pub(super) const API: Api = Api::whole::<JoinGroupRequest>(|core, call| serve(core, call, handle));

const REBALANCE_TIMEOUT_SINCE: i16 = 1;
const KNOWN_MEMBER_ID_SINCE: i16 = 4;
const PROTOCOL_TYPE_SINCE: i16 = 7;
const SKIP_ASSIGNMENT_SINCE: i16 = 9;

fn handle(core: &Arc<Core>, call: &Call, request: JoinGroupRequest) -> Reply<JoinGroupResponse> {
    let core = Arc::clone(core);
    let version = call.version();
    let group_id = request.group_id.clone();
    let member_id = request.member_id.clone();
    let join = to_join(call, request);
    Reply::later(async move {
        let answer = match core.membership_ready(&group_id).await {
            Ok(()) => core.groups.join(&group_id, join).await,
            Err(error) => JoinAnswer::failed(error, member_id),
        };
        to_response(version, answer)
    })
}

fn to_join(call: &Call, request: JoinGroupRequest) -> JoinRequest {
    let version = call.version();
    let rebalance_timeout_ms = if version >= REBALANCE_TIMEOUT_SINCE {
        request.rebalance_timeout_ms
    } else {
        request.session_timeout_ms
    };
    let protocols = request.protocols.into_iter().map(|protocol| Protocol {
        name: protocol.name,
        // The group must not keep the whole frame alive.
        metadata: Bytes::copy_from_slice(&protocol.metadata),
    });
    JoinRequest {
        member_id: request.member_id,
        new_id_suffix: Uuid::new_v4().to_string(),
        group_instance_id: request.group_instance_id,
        client_id: call.client_id().to_owned(),
        client_host: format!("/{}", call.caller.host),
        protocol_type: request.protocol_type,
        protocols: protocols.collect(),
        rebalance_timeout: duration_from_ms(rebalance_timeout_ms),
        session_timeout: duration_from_ms(request.session_timeout_ms),
        requires_known_member_id: version >= KNOWN_MEMBER_ID_SINCE,
        can_skip_assignment: version >= SKIP_ASSIGNMENT_SINCE,
    }
}

fn to_response(version: i16, answer: JoinAnswer) -> JoinGroupResponse {
    let protocol_name = match answer.protocol_name {
        // Before version 7 the name cannot be null.
        None if version < PROTOCOL_TYPE_SINCE => Some(String::new()),
        name => name,
    };
    let members = answer.members.into_iter().map(|member| JoinGroupResponseMember {
        member_id: member.member_id,
        group_instance_id: member.group_instance_id,
        metadata: member.metadata,
    });
    debug_assert!(answer.error == ErrorCode::None || members.len() == 0, "only success names members");
    JoinGroupResponse {
        throttle_time_ms: 0,
        error_code: answer.error.code(),
        generation_id: answer.generation_id,
        protocol_type: answer.protocol_type.filter(|_| version >= PROTOCOL_TYPE_SINCE),
        protocol_name,
        leader: answer.leader_id,
        skip_assignment: answer.skip_assignment,
        member_id: answer.member_id,
        members: members.collect(),
    }
}
