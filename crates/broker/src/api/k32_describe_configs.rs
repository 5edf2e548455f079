//! DescribeConfigs (32), versions 1 to 4: configurations of topics, of groups, of subscriptions to clients' metrics and of this broker. Version 3 brings types and documentation
//! (KIP-569).
//!
//! All values are listed, defaults included, each with its source and, if asked for, synonyms. Of the broker's, those are
//! read-only that are set at its start.
//!
//! Deviation: configurations of Kafka's broker that do nothing here are not listed.

use std::sync::Arc;

use millstream_wire::ErrorCode;
use millstream_wire::messages::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult, DescribeConfigsResponse,
    DescribeConfigsResult, DescribeConfigsSynonym,
};

use super::configs::{
    self, Entry, RESOURCE_BROKER, RESOURCE_BROKER_LOGGER, RESOURCE_CLIENT_METRICS, RESOURCE_GROUP,
    RESOURCE_TOPIC,
};
use super::{Api, Call, Refusal, Reply, client_metrics_configs, group_configs, serve};
use crate::core::Core;

pub(super) const API: Api = Api::whole::<DescribeConfigsRequest>(|core, call| serve(core, call, handle));

fn handle(core: &Arc<Core>, _: &Call, request: DescribeConfigsRequest) -> Reply<DescribeConfigsResponse> {
    let (synonyms, documentation) = (request.include_synonyms, request.include_documentation);
    let results = request.resources.into_iter().map(|resource| {
        let entries = entries(core, &resource);
        let (error_code, error_message, configs) = match entries {
            Ok(entries) => {
                let is_wanted = |name: &str| match &resource.configuration_keys {
                    Some(keys) if !keys.is_empty() => keys.iter().any(|key| key == name),
                    _ => true,
                };
                let wanted = entries.into_iter().filter(|entry| is_wanted(entry.name));
                (
                    0,
                    Some(String::new()),
                    wanted.map(|entry| describe(entry, synonyms, documentation)).collect(),
                )
            }
            Err(refusal) => {
                let (code, message) = refusal.into_parts();
                (code, message, Vec::new())
            }
        };
        DescribeConfigsResult {
            error_code,
            error_message,
            resource_type: resource.resource_type,
            resource_name: resource.resource_name,
            configs,
        }
    });
    Reply::Now(DescribeConfigsResponse { throttle_time_ms: 0, results: results.collect() })
}

fn entries(core: &Core, resource: &DescribeConfigsResource) -> Result<Vec<Entry>, Refusal> {
    let name = &resource.resource_name;
    match resource.resource_type {
        RESOURCE_TOPIC => {
            millstream_log::check_topic_name(name)
                .map_err(|error| Refusal::new(ErrorCode::InvalidTopicException, error.to_string()))?;
            let topic = core.store.topic(name).ok_or(ErrorCode::UnknownTopicOrPartition)?;
            Ok(configs::topic_entries(&topic.overrides, &core.broker_layers()).collect())
        }
        // The empty name stands for all brokers: what was set on them while they ran.
        RESOURCE_BROKER if name.is_empty() => Ok(configs::default_broker_entries(core)),
        RESOURCE_BROKER => check_node(core, name).map(|()| configs::broker_entries(core)),
        RESOURCE_BROKER_LOGGER => check_node(core, name).map(|()| Vec::new()),
        RESOURCE_GROUP if name.is_empty() => {
            Err(Refusal::new(ErrorCode::InvalidRequest, "Group name must not be empty"))
        }
        RESOURCE_GROUP => {
            let set = core.resource_configs(RESOURCE_GROUP, name);
            Ok(group_configs::entries(&set, &core.config.consumer_groups))
        }
        RESOURCE_CLIENT_METRICS if name.is_empty() => {
            Err(Refusal::new(ErrorCode::InvalidRequest, "Client metrics subscription name must not be empty"))
        }
        RESOURCE_CLIENT_METRICS => {
            Ok(client_metrics_configs::entries(&core.resource_configs(RESOURCE_CLIENT_METRICS, name)))
        }
        other => Err(Refusal::new(ErrorCode::InvalidRequest, format!("Unsupported resource type: {other}"))),
    }
}

fn check_node(core: &Core, name: &str) -> Result<(), Refusal> {
    let node = core.config.node_id;
    if name.parse() == Ok(node) {
        return Ok(());
    }
    let message = format!("Unexpected broker id, expected {node} or empty string, but received {name}");
    Err(Refusal::new(ErrorCode::InvalidRequest, message))
}

fn describe(entry: Entry, synonyms: bool, documentation: bool) -> DescribeConfigsResourceResult {
    let synonyms = entry.synonyms.into_iter().filter(|_| synonyms).map(|synonym| DescribeConfigsSynonym {
        name: synonym.name.to_owned(),
        value: Some(synonym.value),
        source: synonym.source,
    });
    DescribeConfigsResourceResult {
        name: entry.name.to_owned(),
        value: Some(entry.value),
        read_only: entry.read_only,
        config_source: entry.source,
        is_sensitive: false,
        synonyms: synonyms.collect(),
        config_type: entry.config_type,
        documentation: documentation.then(|| entry.documentation.to_owned()),
    }
}
