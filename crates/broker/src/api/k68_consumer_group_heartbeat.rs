//! ConsumerGroupHeartbeat (68), versions 0 to 1: members of a consumer group join, stay, learn what is theirs, and leave (KIP-848).
//!
//! Version 1 has clients make up their member ids, and brings subscriptions by regular expression (KIP-1082).
//!
//! What is wrong with a request by itself is answered here; the rest is the group's (`coordinator::consumer`). The answer comes when
//! the state that it tells of is in `__consumer_offsets` and as safe as the fsync policy asks.

use std::sync::Arc;

use millstream_wire::ErrorCode;
use millstream_wire::messages::consumer_group_heartbeat::{
    Assignment, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
    ConsumerGroupHeartbeatResponseTopicPartitions,
};
use uuid::Uuid;

use super::{Api, Call, Refusal, Reply, serve};
use crate::config::ServerAssignor;
use crate::coordinator::consumer::assignment;
use crate::coordinator::consumer::{HeartbeatAnswer, HeartbeatRequest};
use crate::core::Core;

pub(super) const API: Api =
    Api::whole::<ConsumerGroupHeartbeatRequest>(|core, call| serve(core, call, handle));

/// The first version in which clients make up their ids.
const OWN_MEMBER_ID_SINCE: i16 = 1;
/// The smallest member epoch: a static member that will be back.
const MEMBER_EPOCH_MIN: i32 = -2;

fn handle(
    core: &Arc<Core>,
    call: &Call,
    request: ConsumerGroupHeartbeatRequest,
) -> Reply<ConsumerGroupHeartbeatResponse> {
    let core = Arc::clone(core);
    let checked = check(&request, call.version(), &core.config.consumer_groups.assignors);
    let group_id = request.group_id.clone();
    let heartbeat = to_heartbeat(call, request);
    Reply::later(async move {
        let outcome = match checked {
            Ok(()) => match core.group_coordinator_ready(&group_id).await {
                Ok(()) => core.groups.consumer_heartbeat(&group_id, heartbeat).await,
                Err(error) => Err(error.into()),
            },
            Err(refusal) => Err(refusal),
        };
        outcome.map_or_else(failed, succeeded)
    })
}

fn check(
    request: &ConsumerGroupHeartbeatRequest,
    version: i16,
    assignors: &[ServerAssignor],
) -> Result<(), Refusal> {
    let invalid = |message: &str| Err(Refusal::new(ErrorCode::InvalidRequest, message));
    let epoch = request.member_epoch;
    if request.member_id.is_empty() && (version >= OWN_MEMBER_ID_SINCE || epoch > 0 || epoch == -1) {
        return invalid("MemberId can't be empty.");
    }
    if request.group_id.is_empty() {
        return invalid("GroupId can't be empty.");
    }
    if request.instance_id.as_deref() == Some("") {
        return invalid("InstanceId can't be empty.");
    }
    if request.rack_id.as_deref() == Some("") {
        return invalid("RackId can't be empty.");
    }
    if epoch == 0 {
        if request.rebalance_timeout_ms == -1 {
            return invalid("RebalanceTimeoutMs must be provided in first request.");
        }
        if request.topic_partitions.as_ref().is_none_or(|owned| !owned.is_empty()) {
            return invalid("TopicPartitions must be empty when (re-)joining.");
        }
        if request.subscribed_topic_names.is_none() && request.subscribed_topic_regex.is_none() {
            return invalid(
                "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.",
            );
        }
    } else if epoch == MEMBER_EPOCH_MIN && request.instance_id.is_none() {
        return invalid("InstanceId can't be null.");
    } else if epoch < MEMBER_EPOCH_MIN {
        return invalid("MemberEpoch is invalid.");
    }
    match &request.server_assignor {
        Some(name) if !assignors.iter().any(|assignor| assignor.name() == name) => {
            let names: Vec<&str> = assignors.iter().map(|assignor| assignor.name()).collect();
            let names = names.join(", ");
            let message = format!("ServerAssignor {name} is not supported. Supported assignors: {names}.");
            Err(Refusal::new(ErrorCode::UnsupportedAssignor, message))
        }
        _ => Ok(()),
    }
}

fn to_heartbeat(call: &Call, request: ConsumerGroupHeartbeatRequest) -> HeartbeatRequest {
    let owned = request.topic_partitions.map(|topics| {
        let mut owned = assignment::Assignment::new();
        for topic in topics.into_iter().filter(|topic| !topic.partitions.is_empty()) {
            owned.entry(topic.topic_id).or_default().extend(topic.partitions);
        }
        owned
    });
    let member_id = if request.member_id.is_empty() { Uuid::new_v4().to_string() } else { request.member_id };
    HeartbeatRequest {
        member_id,
        member_epoch: request.member_epoch,
        instance_id: request.instance_id,
        rack_id: request.rack_id,
        rebalance_timeout_ms: (request.rebalance_timeout_ms != -1).then_some(request.rebalance_timeout_ms),
        topic_names: request.subscribed_topic_names,
        topic_regex: request.subscribed_topic_regex,
        server_assignor: request.server_assignor,
        owned,
        client_id: call.client_id().to_owned(),
        client_host: format!("/{}", call.caller.host),
    }
}

fn succeeded(answer: HeartbeatAnswer) -> ConsumerGroupHeartbeatResponse {
    let assignment = answer.assignment.map(|assignment| {
        let topics = assignment.into_iter().map(|(topic_id, partitions)| {
            ConsumerGroupHeartbeatResponseTopicPartitions {
                topic_id,
                partitions: partitions.into_iter().collect(),
            }
        });
        Assignment { topic_partitions: topics.collect() }
    });
    ConsumerGroupHeartbeatResponse {
        member_id: Some(answer.member_id),
        member_epoch: answer.member_epoch,
        heartbeat_interval_ms: answer.heartbeat_interval_ms,
        assignment,
        ..ConsumerGroupHeartbeatResponse::default()
    }
}

fn failed(refusal: Refusal) -> ConsumerGroupHeartbeatResponse {
    let (error_code, error_message) = refusal.into_parts();
    ConsumerGroupHeartbeatResponse { error_code, error_message, ..ConsumerGroupHeartbeatResponse::default() }
}
