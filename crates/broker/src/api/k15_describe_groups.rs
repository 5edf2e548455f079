//! DescribeGroups (15), versions 0 to 6: classic groups with their members.
//!
//! Version 3 may ask for authorized operations, 4 names static members, 6 says GROUP_ID_NOT_FOUND (KIP-1043); before, a group that
//! does not exist is `Dead`. A group of another kind does not exist here.

use std::sync::Arc;

use millstream_wire::ErrorCode;
use millstream_wire::messages::describe_groups::{
    DescribeGroupsRequest, DescribeGroupsResponse, DescribedGroup, DescribedGroupMember,
};

use super::{Api, Call, OPERATIONS_NOT_ASKED, Refusal, Reply, operations, serve};
use crate::coordinator::GroupDescription;
use crate::core::Core;

pub(super) const API: Api = Api::whole::<DescribeGroupsRequest>(|core, call| serve(core, call, handle));

/// The first version that says that there is no such group.
const NOT_FOUND_SINCE: i16 = 6;

fn handle(core: &Arc<Core>, call: &Call, request: DescribeGroupsRequest) -> Reply<DescribeGroupsResponse> {
    let core = Arc::clone(core);
    let version = call.version();
    let authorized_operations =
        if request.include_authorized_operations { operations::GROUP } else { OPERATIONS_NOT_ASKED };
    Reply::later(async move {
        let mut groups = Vec::with_capacity(request.groups.len());
        for group_id in request.groups {
            let found = match core.group_coordinator_ready(&group_id).await {
                Ok(()) => core.groups.describe(&group_id).await,
                Err(error) => Err(error.into()),
            };
            groups.push(DescribedGroup { authorized_operations, ..describe(version, group_id, found) });
        }
        DescribeGroupsResponse { throttle_time_ms: 0, groups }
    })
}

fn describe(version: i16, group_id: String, found: Result<GroupDescription, Refusal>) -> DescribedGroup {
    let empty = DescribedGroup { group_id, ..DescribedGroup::default() };
    let group = match found {
        Ok(group) => group,
        Err(refusal) if refusal.error == ErrorCode::GroupIdNotFound => {
            let group_state = "Dead".to_owned();
            if version < NOT_FOUND_SINCE {
                return DescribedGroup { group_state, ..empty };
            }
            let (error_code, error_message) = refusal.into_parts();
            return DescribedGroup { error_code, error_message, group_state, ..empty };
        }
        Err(refusal) => return DescribedGroup { error_code: refusal.error.code(), ..empty },
    };
    let members = group.members.into_iter().map(|member| DescribedGroupMember {
        member_id: member.member_id,
        group_instance_id: member.group_instance_id,
        client_id: member.client_id,
        client_host: member.client_host,
        member_metadata: member.metadata,
        member_assignment: member.assignment,
    });
    DescribedGroup {
        group_state: group.state.to_owned(),
        protocol_type: group.protocol_type,
        protocol_data: group.protocol_name,
        members: members.collect(),
        ..empty
    }
}
