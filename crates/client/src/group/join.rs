//! JoinGroup and SyncGroup: one attempt to get an assignment.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use millstream_wire::messages::consumer_protocol::{
    ConsumerProtocolAssignment, ConsumerProtocolAssignmentTopicPartition, ConsumerProtocolSubscription,
};
use millstream_wire::messages::join_group::{JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse};
use millstream_wire::messages::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment};
use millstream_wire::protocol::Message as _;
use millstream_wire::{ApiKey, ErrorCode};

use super::Shared;
use super::assignor::{Assignor, Subscriber};
use crate::connection::Connection;
use crate::connections::Node;
use crate::error::{ClientError, Result, Subject};
use crate::topic_partition::TopicPartition;

const PROTOCOL_TYPE: &str = "consumer";
/// The version in which subscriptions and assignments are written; every consumer reads it.
const CONSUMER_PROTOCOL_VERSION: i16 = 1;
/// What a coordinator may take beyond the rebalance timeout.
const GRACE: std::time::Duration = std::time::Duration::from_secs(5);

/// What the group has agreed on.
#[derive(Debug)]
pub(super) struct Joined {
    pub(super) generation: i32,
    pub(super) partitions: Vec<TopicPartition>,
    /// The leader's view of the topics, to notice when they grow; empty for other members.
    pub(super) partition_counts: BTreeMap<String, usize>,
}

/// Joins and waits for the assignment. The identity is kept up to date on the way, whatever the outcome.
pub(super) async fn join(shared: &Shared) -> Result<Joined> {
    let group = &shared.config.group_id;
    let (node, address) = shared.client.coordinator(group).await?;
    let attempt = async {
        let connection = shared.connections.get(Node::Broker(node), &address).await?;
        let response = join_group(shared, &connection).await?;
        let generation = response.generation_id;
        let protocol = response.protocol_name.clone().unwrap_or_default();
        let is_leader = response.leader == response.member_id && !response.skip_assignment;
        let mut partition_counts = BTreeMap::new();
        let mut assignments = Vec::new();
        if is_leader {
            let assigned = assign(shared, &protocol, response).await?;
            (assignments, partition_counts) = assigned;
        }
        let assignment = sync_group(shared, &connection, generation, protocol, assignments).await?;
        let mut partitions = decode_assignment(group, assignment)?;
        partitions.sort();
        Ok(Joined { generation, partitions, partition_counts })
    };
    attempt.await.inspect_err(|error| {
        shared.client.check_coordinator(group, error);
        let mut identity = shared.identity.lock();
        match error.code() {
            Some(ErrorCode::UnknownMemberId) => identity.member_id.clear(),
            Some(ErrorCode::IllegalGeneration) => identity.generation = -1,
            _ => {}
        }
    })
}

async fn join_group(shared: &Shared, connection: &Connection) -> Result<JoinGroupResponse> {
    let config = &shared.config;
    let protocols = config.assignors.iter().map(|assignor| {
        let subscription =
            ConsumerProtocolSubscription { topics: config.topics.clone(), ..Default::default() };
        let metadata = subscription
            .encode_with_version(CONSUMER_PROTOCOL_VERSION)
            .map_err(|source| ClientError::protocol(connection.address(), ApiKey::JoinGroup, source))?;
        Ok(JoinGroupRequestProtocol { name: assignor.name().to_owned(), metadata })
    });
    let protocols: Vec<_> = protocols.collect::<Result<_>>()?;
    let milliseconds = |d: std::time::Duration| i32::try_from(d.as_millis()).unwrap_or(i32::MAX);
    let version = connection.version::<JoinGroupRequest>()?;
    loop {
        let request = JoinGroupRequest {
            group_id: config.group_id.clone(),
            session_timeout_ms: milliseconds(config.session_timeout),
            rebalance_timeout_ms: milliseconds(config.rebalance_timeout),
            member_id: shared.identity.lock().member_id.clone(),
            group_instance_id: config.instance_id.clone().filter(|_| version >= 5),
            protocol_type: PROTOCOL_TYPE.to_owned(),
            protocols: protocols.clone(),
            reason: None,
        };
        let response = connection.call(&request, config.rebalance_timeout + GRACE).await?;
        if response.error_code == ErrorCode::MemberIdRequired.code() && !response.member_id.is_empty() {
            shared.identity.lock().member_id = response.member_id;
            continue;
        }
        check(ApiKey::JoinGroup, &config.group_id, response.error_code)?;
        let mut identity = shared.identity.lock();
        identity.member_id.clone_from(&response.member_id);
        identity.generation = response.generation_id;
        return Ok(response);
    }
}

/// The leader's part: gives every member its partitions.
async fn assign(
    shared: &Shared,
    protocol: &str,
    response: JoinGroupResponse,
) -> Result<(Vec<SyncGroupRequestAssignment>, BTreeMap<String, usize>)> {
    let group = &shared.config.group_id;
    let assignor = Assignor::from_name(protocol).ok_or_else(|| {
        let code = ErrorCode::InconsistentGroupProtocol.code();
        ClientError::broker(ApiKey::JoinGroup, Subject::Group(group.clone()), code, None)
    })?;
    let members = response.members.into_iter().map(|member| {
        let subscription = ConsumerProtocolSubscription::decode_with_version(member.metadata);
        // A member whose wishes cannot be read gets nothing, as if it had none.
        let topics: BTreeSet<String> =
            subscription.map(|s| s.topics.into_iter().collect()).unwrap_or_default();
        Subscriber { member_id: member.member_id, instance_id: member.group_instance_id, topics }
    });
    let members: Vec<Subscriber> = members.collect();
    let wanted: BTreeSet<&String> = members.iter().flat_map(|member| &member.topics).collect();
    let partition_counts = partition_counts(shared, wanted.into_iter()).await?;
    let assignments =
        assignor.assign(&members, &partition_counts).into_iter().map(|(member_id, partitions)| {
            let assignment = encode_assignment(partitions)
                .map_err(|source| ClientError::protocol(&"this member", ApiKey::SyncGroup, source))?;
            Ok(SyncGroupRequestAssignment { member_id, assignment })
        });
    Ok((assignments.collect::<Result<_>>()?, partition_counts))
}

/// The number of partitions of each topic; topics that do not exist are left out.
pub(super) async fn partition_counts(
    shared: &Shared,
    topics: impl Iterator<Item = &String>,
) -> Result<BTreeMap<String, usize>> {
    let topics: Vec<&str> = topics.map(String::as_str).collect();
    let described = crate::Admin::new(shared.client.clone()).describe_topics(&topics).await?;
    let known = described.into_iter().filter_map(|(name, topic)| Some((name, topic.ok()?.partitions.len())));
    Ok(known.collect())
}

async fn sync_group(
    shared: &Shared,
    connection: &Connection,
    generation_id: i32,
    protocol: String,
    assignments: Vec<SyncGroupRequestAssignment>,
) -> Result<Bytes> {
    let config = &shared.config;
    let version = connection.version::<SyncGroupRequest>()?;
    let request = SyncGroupRequest {
        group_id: config.group_id.clone(),
        generation_id,
        member_id: shared.identity.lock().member_id.clone(),
        group_instance_id: config.instance_id.clone().filter(|_| version >= 3),
        protocol_type: Some(PROTOCOL_TYPE.to_owned()).filter(|_| version >= 5),
        protocol_name: Some(protocol).filter(|_| version >= 5),
        assignments,
    };
    let response = connection.call(&request, config.rebalance_timeout + GRACE).await?;
    check(ApiKey::SyncGroup, &config.group_id, response.error_code)?;
    Ok(response.assignment)
}

fn encode_assignment(partitions: Vec<TopicPartition>) -> millstream_wire::Result<Bytes> {
    let mut topics: HashMap<String, Vec<i32>> = HashMap::new();
    for partition in partitions {
        topics.entry(partition.topic.to_string()).or_default().push(partition.partition);
    }
    let topic = |(topic, partitions)| ConsumerProtocolAssignmentTopicPartition { topic, partitions };
    let assigned_partitions = topics.into_iter().map(topic).collect();
    let assignment = ConsumerProtocolAssignment { assigned_partitions, user_data: None };
    assignment.encode_with_version(CONSUMER_PROTOCOL_VERSION)
}

/// Reads an assignment; a member that got nothing may be sent no bytes at all.
fn decode_assignment(group: &str, assignment: Bytes) -> Result<Vec<TopicPartition>> {
    if assignment.is_empty() {
        return Ok(Vec::new());
    }
    let assignment = ConsumerProtocolAssignment::decode_with_version(assignment)
        .map_err(|source| ClientError::protocol(&format!("group {group}"), ApiKey::SyncGroup, source))?;
    let topics = assignment.assigned_partitions.into_iter();
    let partitions = topics.flat_map(|topic| {
        let name = crate::ByteString::from(topic.topic);
        topic.partitions.into_iter().map(move |partition| TopicPartition::new(name.clone(), partition))
    });
    Ok(partitions.collect())
}

pub(super) fn check(api: ApiKey, group: &str, code: i16) -> Result<()> {
    ClientError::check(api, || Subject::Group(group.to_owned()), code)
}
