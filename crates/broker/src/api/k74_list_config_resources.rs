//! ListConfigResources (74), versions 0 to 1: names of what can have configurations (KIP-1142). Version 0 lists subscriptions
//! to clients' metrics only (KIP-714).

use std::sync::Arc;

use millstream_wire::ErrorCode;
use millstream_wire::messages::list_config_resources::{
    ConfigResource, ListConfigResourcesRequest, ListConfigResourcesResponse,
};

use super::configs::{
    RESOURCE_BROKER, RESOURCE_BROKER_LOGGER, RESOURCE_CLIENT_METRICS, RESOURCE_GROUP, RESOURCE_TOPIC,
};
use super::{Api, Call, Reply, serve};
use crate::core::Core;

pub(super) const API: Api = Api::whole::<ListConfigResourcesRequest>(|core, call| serve(core, call, handle));

fn handle(
    core: &Arc<Core>,
    call: &Call,
    request: ListConfigResourcesRequest,
) -> Reply<ListConfigResourcesResponse> {
    let known =
        [RESOURCE_TOPIC, RESOURCE_BROKER, RESOURCE_BROKER_LOGGER, RESOURCE_CLIENT_METRICS, RESOURCE_GROUP];
    let wanted = match request.resource_types {
        _ if call.version() == 0 => vec![RESOURCE_CLIENT_METRICS],
        types if types.is_empty() => known.to_vec(),
        types => types,
    };
    if wanted.iter().any(|kind| !known.contains(kind)) {
        let error_code = ErrorCode::UnsupportedVersion.code();
        return Reply::Now(ListConfigResourcesResponse { error_code, ..Default::default() });
    }
    let mut config_resources = Vec::new();
    for resource_type in wanted {
        match resource_type {
            RESOURCE_TOPIC => config_resources.extend(
                core.topics()
                    .iter()
                    .map(|topic| ConfigResource { resource_name: topic.name.to_string(), resource_type }),
            ),
            RESOURCE_BROKER | RESOURCE_BROKER_LOGGER => config_resources
                .push(ConfigResource { resource_name: core.config.node_id.to_string(), resource_type }),
            RESOURCE_GROUP | RESOURCE_CLIENT_METRICS => {
                let state = core.store.metadata().state();
                let set = state.resource_configs.keys().filter(|resource| resource.kind == resource_type);
                let named = set.map(|set| ConfigResource { resource_name: set.name.clone(), resource_type });
                config_resources.extend(named);
            }
            _ => {}
        }
    }
    Reply::Now(ListConfigResourcesResponse { throttle_time_ms: 0, error_code: 0, config_resources })
}
