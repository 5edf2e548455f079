//! Metadata (3), versions 0 to 13: the brokers (this one) and topics.
//!
//! Version 1 tells null (all topics) from empty (none), which version 0 takes for all; 4 may forbid auto-creation, 5 offline
//! replicas, 7 leader epochs, 8 authorized operations (KIP-430), 10 topic ids (KIP-516), 12 asks by id, 13 an error at the top
//! (KIP-1102).
//!
//! A missing topic that may be created is there in the answer already; Apache Kafka says LEADER_NOT_AVAILABLE first and has the
//! client ask again.

use std::sync::Arc;

use bytestring::ByteString;
use millstream_wire::ErrorCode;
use millstream_wire::messages::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseBroker,
    MetadataResponsePartition, MetadataResponseTopic,
};
use uuid::Uuid;

use super::{Api, Call, OPERATIONS_NOT_ASKED, Reply, operations, serve};
use crate::core::Core;
use crate::storage::Topic;
use crate::storage::topics::is_internal;

pub(super) const API: Api = Api::whole::<MetadataRequest>(|core, call| serve(core, call, handle));

fn handle(core: &Arc<Core>, call: &Call, request: MetadataRequest) -> Reply<MetadataResponse> {
    let version = call.version();
    let listener = call.caller.listener;
    let topics = match request.topics {
        Some(topics) if version == 0 && topics.is_empty() => None,
        topics => topics,
    };
    let may_create = request.allow_auto_topic_creation && core.config.auto_create_topics;
    let missing =
        if may_create { missing_topics(core, topics.as_deref().unwrap_or_default()) } else { Vec::new() };
    let core = Arc::clone(core);
    let asks_topic_operations = request.include_topic_authorized_operations;
    let asks_cluster_operations = request.include_cluster_authorized_operations && version <= 10;
    let respond = move |core: &Core, failed: &[(String, ErrorCode)]| {
        let mut response = describe(core, listener, topics.as_deref(), asks_topic_operations, failed);
        if asks_cluster_operations {
            response.cluster_authorized_operations = operations::CLUSTER;
        }
        response
    };
    if missing.is_empty() {
        return Reply::Now(respond(&core, &[]));
    }
    Reply::later(async move {
        let mut failed = Vec::new();
        for name in missing {
            let created = core.create_topic(core.auto_topic(&name)).await;
            match created {
                Ok(_) => {}
                // Another client was faster.
                Err(refusal) if refusal.error == ErrorCode::TopicAlreadyExists => {}
                Err(refusal) => failed.push((name, refusal.error)),
            }
        }
        respond(&core, &failed)
    })
}

/// Names that are asked for, could be topics, and are not.
fn missing_topics(core: &Core, topics: &[MetadataRequestTopic]) -> Vec<String> {
    let table = core.topics();
    let mut missing: Vec<String> = Vec::new();
    for name in topics.iter().filter_map(name_of) {
        let is_new = table.by_name(name).is_none() && !missing.iter().any(|other| other.as_str() == &**name);
        if is_new && millstream_log::check_topic_name(name).is_ok() {
            missing.push(name.to_string());
        }
    }
    missing
}

/// The name by which a topic is asked for. The Java client leaves an empty name beside an id.
fn name_of(asked: &MetadataRequestTopic) -> Option<&ByteString> {
    asked.name.as_ref().filter(|_| asked.topic_id.is_nil())
}

fn describe(
    core: &Core,
    listener: usize,
    asked: Option<&[MetadataRequestTopic]>,
    asks_operations: bool,
    failed: &[(String, ErrorCode)],
) -> MetadataResponse {
    let table = core.topics();
    let topic_operations = if asks_operations { operations::TOPIC } else { OPERATIONS_NOT_ASKED };
    let describe = |topic: &Topic| describe_topic(core, topic, topic_operations);
    let topics = match asked {
        None => table.iter().map(|topic| describe(topic)).collect(),
        Some(asked) => {
            let topics = asked.iter().map(|asked| match name_of(asked) {
                Some(name) => match table.by_name(name) {
                    Some(topic) => describe(topic),
                    None => missing_by_name(name, failed),
                },
                None => match table.by_id(asked.topic_id) {
                    Some(topic) => describe(topic),
                    None => missing_topic(None, asked.topic_id, ErrorCode::UnknownTopicId),
                },
            });
            topics.collect()
        }
    };
    let (host, port) = core.advertised(listener);
    let broker = MetadataResponseBroker {
        node_id: core.config.node_id,
        host: ByteString::from(host),
        port: i32::from(port),
        rack: None,
    };
    MetadataResponse {
        throttle_time_ms: 0,
        brokers: vec![broker],
        cluster_id: Some(ByteString::from(core.cluster_id.as_str())),
        controller_id: core.config.node_id,
        topics,
        cluster_authorized_operations: OPERATIONS_NOT_ASKED,
        error_code: 0,
    }
}

fn missing_by_name(name: &ByteString, failed: &[(String, ErrorCode)]) -> MetadataResponseTopic {
    let error = if millstream_log::check_topic_name(name).is_err() {
        ErrorCode::InvalidTopicException
    } else {
        let refused = failed.iter().find(|(refused, _)| refused.as_str() == &**name);
        refused.map_or(ErrorCode::UnknownTopicOrPartition, |(_, error)| *error)
    };
    missing_topic(Some(name.clone()), Uuid::nil(), error)
}

fn missing_topic(name: Option<ByteString>, topic_id: Uuid, error: ErrorCode) -> MetadataResponseTopic {
    let is_internal = name.as_deref().is_some_and(is_internal);
    // Versions before 12 cannot carry a missing name.
    let name = name.or_else(|| Some(ByteString::new()).filter(|_| topic_id.is_nil()));
    MetadataResponseTopic {
        error_code: error.code(),
        name,
        topic_id,
        is_internal,
        partitions: Vec::new(),
        topic_authorized_operations: OPERATIONS_NOT_ASKED,
    }
}

fn describe_topic(core: &Core, topic: &Topic, topic_authorized_operations: i32) -> MetadataResponseTopic {
    let node = core.config.node_id;
    let partitions = topic.partitions.iter().map(|partition| {
        let is_offline = partition.log.is_offline();
        let error = if is_offline { ErrorCode::LeaderNotAvailable } else { ErrorCode::None };
        MetadataResponsePartition {
            error_code: error.code(),
            partition_index: partition.log.index(),
            leader_id: if is_offline { -1 } else { node },
            leader_epoch: partition.log.leader_epoch(),
            replica_nodes: vec![node],
            isr_nodes: vec![node],
            offline_replicas: if is_offline { vec![node] } else { Vec::new() },
        }
    });
    MetadataResponseTopic {
        error_code: 0,
        name: Some(ByteString::from(&*topic.name)),
        topic_id: topic.id,
        is_internal: topic.is_internal(),
        partitions: partitions.collect(),
        topic_authorized_operations,
    }
}
