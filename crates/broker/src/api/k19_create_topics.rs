//! CreateTopics (19), versions 2 to 7: creates topics.
//!
//! Version 4 allows −1 for the broker's defaults (KIP-464), 5 answers the configuration (KIP-525), 7 the topic's id. Partitions live on
//! this broker, so a replication factor other than 1 (or −1) is refused as a cluster of one node does.

use std::collections::HashSet;
use std::sync::Arc;

use millstream_log::NewTopic;
use millstream_log::config::ConfigMap;
use millstream_wire::ErrorCode;
use millstream_wire::messages::create_topics::{
    CreatableTopic, CreatableTopicConfigs, CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse,
};
use uuid::Uuid;

use super::{Api, Call, Refusal, Reply, configs, serve};
use crate::core::Core;
use crate::error_code;
use crate::quotas::Mutations;

pub(super) const API: Api = Api::whole::<CreateTopicsRequest>(|core, call| serve(core, call, handle));

/// The first version that is refused what exceeds `controller_mutation_rate` (KIP-599); with others the client is put off.
const REFUSED_SINCE: i16 = 6;

fn handle(core: &Arc<Core>, call: &Call, request: CreateTopicsRequest) -> Reply<CreateTopicsResponse> {
    let core = Arc::clone(core);
    let mutations = Mutations::new(call.metered.clone(), call.version() >= REFUSED_SINCE);
    Reply::later(async move {
        let mut names = HashSet::new();
        let twice: HashSet<String> = request
            .topics
            .iter()
            .filter(|topic| !names.insert(topic.name.as_str()))
            .map(|topic| topic.name.clone())
            .collect();
        let mut topics = Vec::with_capacity(request.topics.len());
        let mut answered_twice = HashSet::new();
        for topic in request.topics {
            let name = topic.name.clone();
            let outcome = if twice.contains(&name) {
                if !answered_twice.insert(name.clone()) {
                    continue;
                }
                Err(Refusal::new(ErrorCode::InvalidRequest, "Duplicate topic name."))
            } else {
                create(&core, &mutations, topic, request.validate_only).await
            };
            topics.push(outcome.unwrap_or_else(|refusal| refused(name, refusal)));
        }
        CreateTopicsResponse { throttle_time_ms: 0, topics }
    })
}

fn refused(name: String, refusal: Refusal) -> CreatableTopicResult {
    let (error_code, error_message) = refusal.into_parts();
    CreatableTopicResult {
        name,
        error_code,
        error_message,
        num_partitions: -1,
        replication_factor: -1,
        configs: Some(Vec::new()),
        ..CreatableTopicResult::default()
    }
}

async fn create(
    core: &Arc<Core>,
    mutations: &Mutations,
    topic: CreatableTopic,
    validate_only: bool,
) -> Result<CreatableTopicResult, Refusal> {
    let name = topic.name.clone();
    let new = check(core, topic)?;
    let overrides = new.configs.clone();
    let num_partitions = new.partitions;
    if validate_only || mutations.are_counted() {
        core.store.check_new_topic(&new).map_err(|error| from_log(&error))?;
    }
    mutations.take(usize::try_from(num_partitions).unwrap_or(0))?;
    // As in Kafka, one that is never used.
    let topic_id = if validate_only { Uuid::new_v4() } else { core.create_topic(new).await?.id };
    let broker = core.broker_layers();
    let configs = configs::topic_entries(&overrides, &broker).map(|entry| CreatableTopicConfigs {
        name: entry.name.to_owned(),
        value: Some(entry.value),
        read_only: false,
        config_source: entry.source,
        is_sensitive: false,
    });
    Ok(CreatableTopicResult {
        name,
        topic_id,
        error_message: None,
        num_partitions,
        replication_factor: 1,
        configs: Some(configs.collect()),
        ..CreatableTopicResult::default()
    })
}

fn from_log(error: &millstream_log::LogError) -> Refusal {
    Refusal::new(error_code::of_log(error), error.to_string())
}

/// What the request asks for, checked as far as the log does not do it.
fn check(core: &Core, topic: CreatableTopic) -> Result<NewTopic, Refusal> {
    millstream_log::check_topic_name(&topic.name).map_err(|error| from_log(&error))?;
    if core.topics().by_name(&topic.name).is_some() {
        let message = format!("Topic '{}' already exists.", topic.name);
        return Err(Refusal::new(ErrorCode::TopicAlreadyExists, message));
    }
    let partitions =
        if topic.assignments.is_empty() { partition_count(core, &topic)? } else { assigned(core, &topic)? };
    let mut configs = ConfigMap::new();
    for config in topic.configs {
        match config.value {
            Some(value) => _ = configs.insert(config.name, value),
            None => {
                let message = format!("Null value not supported for topic configs: {}", config.name);
                return Err(Refusal::new(ErrorCode::InvalidConfig, message));
            }
        }
    }
    Ok(NewTopic { name: topic.name, partitions, configs })
}

fn partition_count(core: &Core, topic: &CreatableTopic) -> Result<i32, Refusal> {
    match topic.replication_factor {
        1 | -1 => {}
        factor if factor < 1 => {
            let message = "Replication factor must be larger than 0, or -1 to use the default value.";
            return Err(Refusal::new(ErrorCode::InvalidReplicationFactor, message));
        }
        factor => {
            let message = format!(
                "Unable to replicate the partition {factor} time(s): The target replication factor of {factor} \
                 cannot be reached because only 1 broker(s) are registered."
            );
            return Err(Refusal::new(ErrorCode::InvalidReplicationFactor, message));
        }
    }
    match topic.num_partitions {
        -1 => Ok(core.config.num_partitions),
        count if count < 1 => {
            let message = "Number of partitions was set to an invalid non-positive value.";
            Err(Refusal::new(ErrorCode::InvalidPartitions, message))
        }
        count => Ok(count),
    }
}

/// The number of partitions that the request places by hand: all of them on this broker.
fn assigned(core: &Core, topic: &CreatableTopic) -> Result<i32, Refusal> {
    let refuse = |error, message: &str| Err(Refusal::new(error, message));
    if topic.replication_factor != -1 {
        let message =
            "A manual partition assignment was specified, but replication factor was not set to -1.";
        return refuse(ErrorCode::InvalidRequest, message);
    }
    if topic.num_partitions != -1 {
        let message = "A manual partition assignment was specified, but numPartitions was not set to -1.";
        return refuse(ErrorCode::InvalidRequest, message);
    }
    let mut indexes: Vec<i32> = topic.assignments.iter().map(|assigned| assigned.partition_index).collect();
    indexes.sort_unstable();
    if !indexes.iter().zip(0..).all(|(&index, expected)| index == expected) {
        let message = "partitions should be a consecutive 0-based integer sequence";
        return refuse(ErrorCode::InvalidReplicaAssignment, message);
    }
    if topic.assignments.iter().any(|assigned| assigned.broker_ids != [core.config.node_id]) {
        let message = "The manual partition assignment includes brokers that are not registered.";
        return refuse(ErrorCode::InvalidReplicaAssignment, message);
    }
    Ok(i32::try_from(indexes.len()).unwrap_or(i32::MAX))
}
