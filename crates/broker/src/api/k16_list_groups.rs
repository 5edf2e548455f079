//! ListGroups (16), versions 0 to 5: all groups. Version 4 filters by state (KIP-518), 5 by type (KIP-848).

use std::sync::Arc;

use millstream_wire::messages::list_groups::{ListGroupsRequest, ListGroupsResponse, ListedGroup};

use super::{Api, Call, Reply, serve};
use crate::core::Core;

pub(super) const API: Api = Api::whole::<ListGroupsRequest>(|core, call| serve(core, call, handle));

fn handle(core: &Arc<Core>, call: &Call, request: ListGroupsRequest) -> Reply<ListGroupsResponse> {
    let core = Arc::clone(core);
    let version = call.version();
    Reply::later(async move {
        let listings = match core.groups.list().await {
            Ok(listings) => listings,
            Err(error) => {
                return ListGroupsResponse { error_code: error.code(), ..ListGroupsResponse::default() };
            }
        };
        let matches = |filter: &[String], value: &str| {
            filter.is_empty() || filter.iter().any(|wanted| wanted.eq_ignore_ascii_case(value))
        };
        let wanted = listings.into_iter().filter(|group| {
            matches(&request.states_filter, group.state) && matches(&request.types_filter, group.type_name)
        });
        let groups = wanted.map(|group| ListedGroup {
            group_id: group.group_id,
            protocol_type: group.protocol_type,
            group_state: if version >= 4 { group.state.to_owned() } else { String::new() },
            group_type: if version >= 5 { group.type_name.to_owned() } else { String::new() },
        });
        ListGroupsResponse { throttle_time_ms: 0, error_code: 0, groups: groups.collect() }
    })
}
