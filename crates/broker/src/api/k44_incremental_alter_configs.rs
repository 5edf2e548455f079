//! IncrementalAlterConfigs (44), versions 0 to 1: sets, deletes, appends to and subtracts from configurations of topics
//! and of the broker (KIP-339).
//!
//! Deviations: configurations of Kafka's broker that do nothing here are refused, and so are unknown ones; Kafka keeps both. Log
//! levels (broker loggers) cannot be changed.

use std::collections::HashSet;
use std::sync::Arc;

use millstream_wire::ErrorCode;
use millstream_wire::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterConfigsResourceResponse, AlterableConfig, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
};

use super::configs::{self, Change};
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

async fn alter(core: &Arc<Core>, resource: AlterConfigsResource, validate_only: bool) -> Result<(), Refusal> {
    let target = configs::changeable(core, resource.resource_type, &resource.resource_name)?;
    let mut names = HashSet::new();
    if !resource.configs.iter().all(|config| names.insert(config.name.clone())) {
        let message = "Error due to duplicate config keys";
        return Err(Refusal::new(ErrorCode::InvalidRequest, message));
    }
    let changes = resource.configs.into_iter().map(|config| Ok((config.name.clone(), to_change(config)?)));
    let changes = changes.collect::<Result<Vec<_>, Refusal>>()?;
    configs::alter(core, target, changes, false, validate_only).await
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
