//! AlterConfigs (33), versions 0 to 2: replaces all configurations that were set on topics or the broker. IncrementalAlterConfigs
//! has taken its place in clients.

use std::sync::Arc;

use millstream_wire::ErrorCode;
use millstream_wire::messages::alter_configs::{
    AlterConfigsRequest, AlterConfigsResource, AlterConfigsResourceResponse, AlterConfigsResponse,
};

use super::configs::{self, Change};
use super::{Api, Call, Refusal, Reply, serve};
use crate::core::Core;

pub(super) const API: Api = Api::whole::<AlterConfigsRequest>(|core, call| serve(core, call, handle));

fn handle(core: &Arc<Core>, _: &Call, request: AlterConfigsRequest) -> Reply<AlterConfigsResponse> {
    let core = Arc::clone(core);
    Reply::later(async move {
        let mut responses = Vec::with_capacity(request.resources.len());
        for resource in request.resources {
            let (resource_type, resource_name) = (resource.resource_type, resource.resource_name.clone());
            let outcome = alter(&core, resource, request.validate_only).await;
            let (error_code, error_message) = outcome.err().map_or((0, None), Refusal::into_parts);
            responses.push(AlterConfigsResourceResponse {
                error_code,
                error_message,
                resource_type,
                resource_name,
            });
        }
        AlterConfigsResponse { throttle_time_ms: 0, responses }
    })
}

async fn alter(core: &Arc<Core>, resource: AlterConfigsResource, validate_only: bool) -> Result<(), Refusal> {
    let target = configs::changeable(core, resource.resource_type, &resource.resource_name)?;
    let mut changes = Vec::with_capacity(resource.configs.len());
    for config in resource.configs {
        let Some(value) = config.value else {
            let message = format!("Null value not supported for : {}", config.name);
            return Err(Refusal::new(ErrorCode::InvalidRequest, message));
        };
        changes.push((config.name, Change::Set(value)));
    }
    configs::alter(core, target, changes, true, validate_only).await
}
