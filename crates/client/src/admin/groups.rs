//! ListGroups, DescribeGroups, DeleteGroups.

use std::collections::BTreeMap;

use bytes::Bytes;
use millstream_wire::ApiKey;
use millstream_wire::messages::{
    ConsumerProtocolAssignment, DeleteGroupsRequest, DescribeGroupsRequest, ListGroupsRequest,
};
use millstream_wire::protocol::Message as _;

use super::{Admin, unanswered};
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
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupDescription {
    /// Its id.
    pub group_id: String,
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
                let (protocol_type, state) = (group.protocol_type, group.group_state);
                let listing = GroupListing { group_id: group.group_id.clone(), protocol_type, state };
                listings.insert(group.group_id, listing);
            }
        }
        Ok(listings.into_values().collect())
    }

    /// Describes a group of the classic protocol. One that does not exist is in the state `Dead`.
    ///
    /// # Errors
    /// Those of connecting, and of the coordinator.
    pub async fn describe_group(&self, group: &str) -> Result<GroupDescription> {
        let request = DescribeGroupsRequest { groups: vec![group.to_owned()], ..Default::default() };
        self.with_coordinator(group, async || {
            let connection = self.client.coordinator_connection(group).await?;
            let response = connection.call(&request, self.client.config().request_timeout).await?;
            let described = response.groups.into_iter().next();
            let described =
                described.ok_or_else(|| unanswered(ApiKey::DescribeGroups, Subject::Group(group.into())))?;
            if described.error_code != 0 {
                let (code, message) = (described.error_code, described.error_message.as_deref());
                let subject = Subject::Group(group.to_owned());
                return Err(ClientError::broker(ApiKey::DescribeGroups, subject, code, message));
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
                state: described.group_state,
                protocol_type: described.protocol_type,
                protocol: described.protocol_data,
                members: described.members.into_iter().map(member).collect(),
            })
        })
        .await
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
