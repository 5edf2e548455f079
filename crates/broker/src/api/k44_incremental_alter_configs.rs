//! IncrementalAlterConfigs (44), versions 0 to 1: sets, deletes, appends to and subtracts from configurations of topics
//! (KIP-339).
//!
//! Deviation: the broker's configurations cannot be changed at run time yet.

use std::collections::HashSet;
use std::sync::Arc;

use millstream_log::config::ConfigMap;
use millstream_wire::ErrorCode;
use millstream_wire::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterConfigsResourceResponse, AlterableConfig, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
};

use super::configs::{self, Change, changeable_topic};
use super::{Api, Call, Refusal, Reply, serve};
use crate::core::Core;

pub(super) const API: Api =
    Api::whole::<IncrementalAlterConfigsRequest>(|core, call| serve(core, call, handle));

const OPERATION_SET: i8 = 0;
const OPERATION_DELETE: i8 = 1;
const OPERATION_APPEND: i8 = 2;
const OPERATION_SUBTRACT: i8 = 3;

fn handle(
    core: &Arc<Core>,
    _: &Call,
    request: IncrementalAlterConfigsRequest,
) -> Reply<IncrementalAlterConfigsResponse> {
    let core = Arc::clone(core);
    Reply::later(async move {
        let mut seen = HashSet::new();
        let mut responses = Vec::with_capacity(request.resources.len());
        for resource in request.resources {
            let (resource_type, resource_name) = (resource.resource_type, resource.resource_name.clone());
            let outcome = if seen.insert((resource_type, resource_name.clone())) {
                alter(&core, resource, request.validate_only).await
            } else {
                let message = "Each resource must appear at most once.";
                Err(Refusal::new(ErrorCode::InvalidRequest, message))
            };
            let (error_code, error_message) = outcome.err().map_or((0, None), Refusal::into_parts);
            responses.push(AlterConfigsResourceResponse {
                error_code,
                error_message,
                resource_type,
                resource_name,
            });
        }
        IncrementalAlterConfigsResponse { throttle_time_ms: 0, responses }
    })
}

async fn alter(core: &Core, resource: AlterConfigsResource, validate_only: bool) -> Result<(), Refusal> {
    let topic = changeable_topic(core, resource.resource_type, &resource.resource_name)?;
    let broker = core.store.broker_configs();
    let mut names = HashSet::new();
    if !resource.configs.iter().all(|config| names.insert(config.name.clone())) {
        let message = "Error due to duplicate config keys";
        return Err(Refusal::new(ErrorCode::InvalidRequest, message));
    }
    let change = move |overrides: &mut ConfigMap| {
        for config in resource.configs {
            let name = config.name.clone();
            configs::apply(overrides, &broker, &name, to_change(config)?)?;
        }
        Ok(())
    };
    core.change_topic_configs(topic, validate_only, change).await
}

fn to_change(config: AlterableConfig) -> Result<Change, Refusal> {
    let AlterableConfig { name, config_operation, value } = config;
    if config_operation == OPERATION_DELETE {
        return Ok(Change::Delete);
    }
    let Some(value) = value else {
        let message = format!("Null value not supported for : {name}");
        return Err(Refusal::new(ErrorCode::InvalidRequest, message));
    };
    match config_operation {
        OPERATION_SET => Ok(Change::Set(value)),
        OPERATION_APPEND => Ok(Change::Append(value)),
        OPERATION_SUBTRACT => Ok(Change::Subtract(value)),
        other => {
            Err(Refusal::new(ErrorCode::InvalidRequest, format!("Unknown operation type {other} for {name}")))
        }
    }
}
