//! ListGroups, DescribeGroups, ConsumerGroupDescribe (KIP-848), DeleteGroups, OffsetDelete (KIP-496).

use std::collections::BTreeMap;

use bytes::Bytes;
use millstream_wire::messages::consumer_group_describe::{self, ConsumerGroupDescribeRequest};
use millstream_wire::messages::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use millstream_wire::messages::{
    ConsumerProtocolAssignment, DeleteGroupsRequest, DescribeGroupsRequest, ListGroupsRequest,
};
use millstream_wire::protocol::Message as _;
use millstream_wire::{ApiKey, ErrorCode};

use super::{Admin, unanswered};
use crate::connection::Connection;
use crate::error::{ClientError, Result, Subject};
use crate::topic_partition::TopicPartition;

/// A group in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupListing {
    /// Its id.
    pub group_id: String,
    /// `consumer` for consumer groups.
    pub protocol_type: String,
    /// Kafka's name of its state, such as `Stable`; empty from brokers before 2.6.
    pub state: String,
    /// Which protocol its members speak: `classic`, `consumer` (KIP-848), `share`, `streams`; empty from brokers before 3.8.
    pub group_type: String,
    /// Id of the broker that coordinates it.
    pub coordinator: i32,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupDescription {
    /// Its id.
    pub group_id: String,
    /// Id of the broker that coordinates it.
    pub coordinator: i32,
    /// Which protocol its members speak: `classic`, or `consumer` (KIP-848).
    pub group_type: &'static str,
    /// Kafka's name of its state, such as `Stable`.
    pub state: String,
    /// `consumer` for consumer groups.
    pub protocol_type: String,
    /// The assignor in use.
    pub protocol: String,
    /// Its members.
    pub members: Vec<GroupMemberDescription>,
}

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMemberDescription {
    /// The id that the coordinator gave it.
    pub member_id: String,
    /// `group.instance.id` of a static member.
    pub instance_id: Option<String>,
    /// The client's name for itself.
    pub client_id: String,
    /// Where it connects from.
    pub client_host: String,
    /// The partitions that it was given.
    pub assignment: Vec<TopicPartition>,
}

impl Admin {
    /// The groups of all brokers, by id.
    ///
    /// # Errors
    /// Those of connecting, and of a broker.
    pub async fn list_groups(&self) -> Result<Vec<GroupListing>> {
        let timeout = self.client.config().api_timeout;
        let cluster = self.describe_cluster().await?;
        let mut listings = BTreeMap::new();
        for (node, broker) in cluster.brokers {
            let response = self
                .client
                .retry(timeout, async || {
                    let connection = self.client.connection_to(node, &broker.address).await?;
                    let timeout = self.client.config().request_timeout;
                    let response = connection.call(&ListGroupsRequest::default(), timeout).await?;
                    ClientError::check(ApiKey::ListGroups, || Subject::Request, response.error_code)?;
                    Ok(response)
                })
                .await?;
            for group in response.groups {
                let listing = GroupListing {
                    group_id: group.group_id.clone(),
                    protocol_type: group.protocol_type,
                    state: group.group_state,
                    group_type: group.group_type,
                    coordinator: node,
                };
                listings.insert(group.group_id, listing);
            }
        }
        Ok(listings.into_values().collect())
    }

    /// Describes a consumer group of either protocol.
    ///
    /// # Errors
    /// With kind [`crate::ErrorKind::NotFound`] if it does not exist; brokers before 4.0 describe such a group as `Dead`. Those of
    /// connecting, and of the coordinator.
    pub async fn describe_group(&self, group: &str) -> Result<GroupDescription> {
        self.with_coordinator(group, async || {
            let (coordinator, _) = self.client.coordinator(group).await?;
            let connection = self.client.coordinator_connection(group).await?;
            if connection.version::<ConsumerGroupDescribeRequest>().is_ok() {
                match self.describe_consumer_group(&connection, coordinator, group).await {
                    // A group of the classic protocol, or none.
                    Err(error)
                        if matches!(
                            error.code(),
                            Some(ErrorCode::GroupIdNotFound | ErrorCode::UnsupportedVersion)
                        ) => {}
                    described => return described,
                }
            }
            self.describe_classic_group(&connection, coordinator, group).await
        })
        .await
    }

    async fn describe_classic_group(
        &self,
        connection: &Connection,
        coordinator: i32,
        group: &str,
    ) -> Result<GroupDescription> {
        let request = DescribeGroupsRequest { groups: vec![group.to_owned()], ..Default::default() };
        let response = connection.call(&request, self.client.config().request_timeout).await?;
        let subject = || Subject::Group(group.to_owned());
        let described = response.groups.into_iter().next();
        let described = described.ok_or_else(|| unanswered(ApiKey::DescribeGroups, subject()))?;
        if described.error_code != 0 {
            let (code, message) = (described.error_code, described.error_message.as_deref());
            return Err(ClientError::broker(ApiKey::DescribeGroups, subject(), code, message));
        }
        let member = |member: millstream_wire::messages::describe_groups::DescribedGroupMember| {
            GroupMemberDescription {
                assignment: partitions_of(member.member_assignment),
                member_id: member.member_id,
                instance_id: member.group_instance_id,
                client_id: member.client_id,
                client_host: member.client_host,
            }
        };
        Ok(GroupDescription {
            group_id: described.group_id,
            coordinator,
            group_type: "classic",
            state: described.group_state,
            protocol_type: described.protocol_type,
            protocol: described.protocol_data,
            members: described.members.into_iter().map(member).collect(),
        })
    }

    async fn describe_consumer_group(
        &self,
        connection: &Connection,
        coordinator: i32,
        group: &str,
    ) -> Result<GroupDescription> {
        let request =
            ConsumerGroupDescribeRequest { group_ids: vec![group.to_owned()], ..Default::default() };
        let response = connection.call(&request, self.client.config().request_timeout).await?;
        let (api, subject) = (ApiKey::ConsumerGroupDescribe, || Subject::Group(group.to_owned()));
        let described = response.groups.into_iter().next().ok_or_else(|| unanswered(api, subject()))?;
        if described.error_code != 0 {
            let (code, message) = (described.error_code, described.error_message.as_deref());
            return Err(ClientError::broker(api, subject(), code, message));
        }
        let member = |member: consumer_group_describe::Member| GroupMemberDescription {
            assignment: assigned_partitions(member.assignment),
            member_id: member.member_id,
            instance_id: member.instance_id,
            client_id: member.client_id,
            client_host: member.client_host,
        };
        Ok(GroupDescription {
            group_id: described.group_id,
            coordinator,
            group_type: "consumer",
            state: described.group_state,
            protocol_type: "consumer".to_owned(),
            protocol: described.assignor_name,
            members: described.members.into_iter().map(member).collect(),
        })
    }

    /// Deletes a group without members, with its committed offsets.
    ///
    /// # Errors
    /// What the coordinator says.
    pub async fn delete_group(&self, group: &str) -> Result<()> {
        let request = DeleteGroupsRequest { groups_names: vec![group.to_owned()] };
        let subject = || Subject::Group(group.to_owned());
        self.with_coordinator(group, async || {
            let connection = self.client.coordinator_connection(group).await?;
            let response = connection.call(&request, self.client.config().request_timeout).await?;
            let result = response.results.first();
            let result = result.ok_or_else(|| unanswered(ApiKey::DeleteGroups, subject()))?;
            ClientError::check(ApiKey::DeleteGroups, subject, result.error_code)
        })
        .await
    }

    /// Deletes what a group has committed for partitions of topics that its members do not read.
    ///
    /// # Errors
    /// Those of the group. What is wrong with one partition stands beside it.
    pub async fn delete_committed_offsets(
        &self,
        group: &str,
        partitions: &[TopicPartition],
    ) -> Result<Vec<(TopicPartition, Result<()>)>> {
        let mut topics: BTreeMap<&str, Vec<OffsetDeleteRequestPartition>> = BTreeMap::new();
        for partition in partitions {
            let wanted = OffsetDeleteRequestPartition { partition_index: partition.partition };
            topics.entry(&partition.topic).or_default().push(wanted);
        }
        let topics = topics
            .into_iter()
            .map(|(name, partitions)| OffsetDeleteRequestTopic { name: name.to_owned(), partitions });
        let request = OffsetDeleteRequest { group_id: group.to_owned(), topics: topics.collect() };
        let api = ApiKey::OffsetDelete;
        let response = self
            .with_coordinator(group, async || {
                let connection = self.client.coordinator_connection(group).await?;
                let response = connection.call(&request, self.client.config().request_timeout).await?;
                ClientError::check(api, || Subject::Group(group.to_owned()), response.error_code)?;
                Ok(response)
            })
            .await?;
        let outcomes = response.topics.into_iter().flat_map(|topic| {
            let name = crate::ByteString::from(topic.name);
            topic.partitions.into_iter().map(move |answer| {
                let partition = TopicPartition::new(name.clone(), answer.partition_index);
                let subject = || Subject::Partition(partition.clone());
                let outcome = ClientError::check(api, subject, answer.error_code);
                (partition, outcome)
            })
        });
        Ok(outcomes.collect())
    }

    async fn with_coordinator<T, O>(&self, group: &str, mut operation: impl FnMut() -> O) -> Result<T>
    where
        O: Future<Output = Result<T>>,
    {
        self.client
            .retry(self.client.config().api_timeout, || {
                let attempt = operation();
                async move { attempt.await.inspect_err(|error| self.client.check_coordinator(group, error)) }
            })
            .await
    }
}

/// The partitions in a member's assignment; none where it is not a consumer's.
fn partitions_of(assignment: Bytes) -> Vec<TopicPartition> {
    let Ok(assignment) = ConsumerProtocolAssignment::decode_with_version(assignment) else {
        return Vec::new();
    };
    let topics = assignment.assigned_partitions.into_iter();
    topics
        .flat_map(|topic| {
            let name = crate::ByteString::from(topic.topic);
            topic.partitions.into_iter().map(move |partition| TopicPartition::new(name.clone(), partition))
        })
        .collect()
}

/// The partitions that a member of the KIP-848 protocol has now.
fn assigned_partitions(assignment: consumer_group_describe::Assignment) -> Vec<TopicPartition> {
    let topics = assignment.topic_partitions.into_iter();
    topics
        .flat_map(|topic| {
            let name = crate::ByteString::from(topic.topic_name);
            topic.partitions.into_iter().map(move |partition| TopicPartition::new(name.clone(), partition))
        })
        .collect()
}
