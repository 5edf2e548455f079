//! Consumer groups (KIP-848) through the protocol. The state machine has its own tests; these are about the requests, what is
//! written down, and groups that change their kind.

use millstream_wire::ErrorCode;
use millstream_wire::messages::consumer_group_describe::{
    ConsumerGroupDescribeRequest, DescribedGroup as DescribedConsumerGroup,
};
use millstream_wire::messages::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatRequestTopicPartitions,
    ConsumerGroupHeartbeatResponse,
};
use millstream_wire::messages::consumer_protocol::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription,
};
use millstream_wire::messages::delete_groups::DeleteGroupsRequest;
use millstream_wire::messages::describe_groups::DescribeGroupsRequest;
use millstream_wire::messages::heartbeat::HeartbeatRequest;
use millstream_wire::messages::join_group::{JoinGroupRequest, JoinGroupRequestProtocol};
use millstream_wire::messages::list_groups::ListGroupsRequest;
use millstream_wire::messages::metadata::{MetadataRequest, MetadataRequestTopic};
use millstream_wire::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use millstream_wire::messages::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};
use millstream_wire::messages::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment};
use uuid::Uuid;

use super::*;

fn join(member_id: &str) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        group_id: "g".into(),
        member_id: member_id.into(),
        member_epoch: 0,
        rebalance_timeout_ms: 60_000,
        subscribed_topic_names: Some(vec!["t".into()]),
        topic_partitions: Some(Vec::new()),
        ..ConsumerGroupHeartbeatRequest::default()
    }
}

fn beat(member_id: &str, member_epoch: i32) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        group_id: "g".into(),
        member_id: member_id.into(),
        member_epoch,
        ..ConsumerGroupHeartbeatRequest::default()
    }
}

fn owning(
    member_id: &str,
    member_epoch: i32,
    topic_id: Uuid,
    partitions: &[i32],
) -> ConsumerGroupHeartbeatRequest {
    let owned = ConsumerGroupHeartbeatRequestTopicPartitions { topic_id, partitions: partitions.to_vec() };
    ConsumerGroupHeartbeatRequest { topic_partitions: Some(vec![owned]), ..beat(member_id, member_epoch) }
}

/// The partitions of the only topic.
fn assigned(response: &ConsumerGroupHeartbeatResponse) -> Option<Vec<i32>> {
    assert_eq!(response.error_code, 0, "{:?}", response.error_message);
    let topics = &response.assignment.as_ref()?.topic_partitions;
    Some(topics.first().map(|topic| topic.partitions.clone()).unwrap_or_default())
}

/// A broker on which targets are computed at every heartbeat, and a topic with four partitions.
async fn start() -> (TestBroker, Uuid) {
    let mut test = TestBroker::start_with(|config| {
        config.consumer_groups.assignment_interval = std::time::Duration::ZERO;
        config.group_initial_rebalance_delay = std::time::Duration::ZERO;
    })
    .await;
    test.create_topic("t", 4, &[]).await;
    let topic = MetadataRequestTopic { name: Some("t".into()), ..MetadataRequestTopic::default() };
    let request = MetadataRequest { topics: Some(vec![topic]), ..MetadataRequest::default() };
    let topic_id = test.ask(12, request).await.topics[0].topic_id;
    (test, topic_id)
}

async fn describe(test: &mut TestBroker) -> DescribedConsumerGroup {
    let request =
        ConsumerGroupDescribeRequest { group_ids: vec!["g".into()], include_authorized_operations: true };
    test.ask(1, request).await.groups.remove(0)
}

/// Id, state and type of all groups of some types.
async fn list(test: &mut TestBroker, types: &[&str]) -> Vec<(String, String, String)> {
    let types_filter = types.iter().map(|&name| name.to_owned()).collect();
    let listed = test.ask(5, ListGroupsRequest { types_filter, ..ListGroupsRequest::default() }).await;
    listed.groups.into_iter().map(|group| (group.group_id, group.group_state, group.group_type)).collect()
}

fn listed(state: &str, kind: &str) -> Vec<(String, String, String)> {
    vec![("g".to_owned(), state.to_owned(), kind.to_owned())]
}

#[tokio::test]
async fn members_share_partitions_and_a_restart_changes_nothing() {
    let (mut test, topic_id) = start().await;
    let a = test.ask(1, join("a")).await;
    assert_eq!((a.member_id.as_deref(), a.member_epoch, a.heartbeat_interval_ms), (Some("a"), 1, 5000));
    assert_eq!(assigned(&a), Some(vec![0, 1, 2, 3]));
    assert_eq!(assigned(&test.ask(1, join("b")).await), Some(vec![]));
    assert_eq!(assigned(&test.ask(1, beat("a", 1)).await), Some(vec![0, 1]));
    assert_eq!(test.ask(1, owning("a", 1, topic_id, &[0, 1])).await.member_epoch, 2);
    assert_eq!(assigned(&test.ask(1, beat("b", 2)).await), Some(vec![2, 3]));

    let mut test = test.restart().await;
    let group = describe(&mut test).await;
    assert_eq!(
        (group.error_code, group.group_state.as_str(), group.assignor_name.as_str()),
        (0, "Stable", "uniform")
    );
    assert_eq!((group.group_epoch, group.assignment_epoch), (2, 2));
    let members: Vec<_> = group
        .members
        .iter()
        .map(|member| {
            let topic = &member.assignment.topic_partitions[0];
            assert_eq!(member.assignment, member.target_assignment);
            assert_eq!((member.client_id.as_str(), member.member_type), ("test", 1));
            (
                member.member_id.as_str(),
                member.member_epoch,
                topic.topic_name.as_str(),
                topic.partitions.clone(),
            )
        })
        .collect();
    assert_eq!(members, [("a", 2, "t", vec![0, 1]), ("b", 2, "t", vec![2, 3])]);
    for member_id in ["a", "b"] {
        let unchanged = test.ask(1, beat(member_id, 2)).await;
        assert_eq!((unchanged.error_code, unchanged.member_epoch, unchanged.assignment), (0, 2, None));
    }
}

#[tokio::test]
async fn a_new_partition_and_a_departure_are_shared_out() {
    use millstream_wire::messages::create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic};
    let (mut test, _) = start().await;
    test.ask(1, join("a")).await;
    let topic = CreatePartitionsTopic { name: "t".into(), count: 5, assignments: None };
    let request = CreatePartitionsRequest { topics: vec![topic], timeout_ms: 1000, validate_only: false };
    assert_eq!(test.ask(3, request).await.results[0].error_code, 0);
    let grown = test.ask(1, beat("a", 1)).await;
    assert_eq!((grown.member_epoch, assigned(&grown)), (2, Some(vec![0, 1, 2, 3, 4])));
    test.ask(1, join("b")).await;
    assert_eq!(test.ask(1, beat("a", -1)).await.member_epoch, -1);
    assert_eq!(assigned(&test.ask(1, beat("b", 3)).await), Some(vec![0, 1, 2, 3, 4]));
}

#[tokio::test]
async fn wrong_requests_are_refused_with_words() {
    let (mut test, _) = start().await;
    let invalid = [
        ConsumerGroupHeartbeatRequest { group_id: String::new(), ..join("a") },
        join(""),
        ConsumerGroupHeartbeatRequest { rebalance_timeout_ms: -1, ..join("a") },
        ConsumerGroupHeartbeatRequest { topic_partitions: None, ..join("a") },
        ConsumerGroupHeartbeatRequest { subscribed_topic_names: None, ..join("a") },
        ConsumerGroupHeartbeatRequest { instance_id: Some(String::new()), ..join("a") },
        ConsumerGroupHeartbeatRequest { rack_id: Some(String::new()), ..join("a") },
        beat("a", -2),
        beat("a", -3),
    ];
    for request in invalid {
        let response = test.ask(1, request.clone()).await;
        assert_eq!(response.error_code, ErrorCode::InvalidRequest.code(), "{request:?}");
        assert!(response.error_message.is_some());
    }
    let cases = [
        (
            ConsumerGroupHeartbeatRequest { server_assignor: Some("x".into()), ..join("a") },
            ErrorCode::UnsupportedAssignor,
        ),
        (beat("a", 1), ErrorCode::GroupIdNotFound),
        (beat("a", -1), ErrorCode::GroupIdNotFound),
        (
            ConsumerGroupHeartbeatRequest { subscribed_topic_regex: Some("(".into()), ..join("a") },
            ErrorCode::InvalidRegularExpression,
        ),
    ];
    for (request, error) in cases {
        assert_eq!(test.ask(1, request).await.error_code, error.code());
    }
    assert!(list(&mut test, &[]).await.is_empty(), "a refused member makes no group");
    // Before version 1 the coordinator makes up the id.
    let named = test.ask(0, join("")).await;
    assert!(named.error_code == 0 && !named.member_id.unwrap().is_empty());
    assert_eq!(test.ask(1, beat("a", 1)).await.error_code, ErrorCode::UnknownMemberId.code());
}

fn commit(member_id: &str, member_epoch: i32, partition_index: i32) -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition {
        partition_index,
        committed_offset: 7,
        ..OffsetCommitRequestPartition::default()
    };
    OffsetCommitRequest {
        group_id: "g".into(),
        member_id: member_id.into(),
        generation_id_or_member_epoch: member_epoch,
        topics: vec![OffsetCommitRequestTopic {
            name: "t".into(),
            partitions: vec![partition],
            ..OffsetCommitRequestTopic::default()
        }],
        ..OffsetCommitRequest::default()
    }
}

fn fetch(member_id: Option<&str>, member_epoch: i32) -> OffsetFetchRequest {
    let topic = OffsetFetchRequestTopics {
        name: "t".into(),
        partition_indexes: vec![0],
        ..OffsetFetchRequestTopics::default()
    };
    let group = OffsetFetchRequestGroup {
        group_id: "g".into(),
        member_id: member_id.map(str::to_owned),
        member_epoch,
        topics: Some(vec![topic]),
    };
    OffsetFetchRequest { groups: vec![group], ..OffsetFetchRequest::default() }
}

#[tokio::test]
async fn offsets_need_the_members_epoch() {
    let (mut test, _) = start().await;
    let code = |response: millstream_wire::messages::offset_commit::OffsetCommitResponse| {
        ErrorCode::from_code(response.topics[0].partitions[0].error_code).unwrap()
    };
    assert_eq!(code(test.ask(9, commit("a", 1, 0)).await), ErrorCode::GroupIdNotFound);
    assert_eq!(code(test.ask(8, commit("a", 1, 0)).await), ErrorCode::IllegalGeneration);
    test.ask(1, join("a")).await;
    assert_eq!(code(test.ask(9, commit("a", 1, 0)).await), ErrorCode::None);
    assert_eq!(code(test.ask(9, commit("a", 2, 0)).await), ErrorCode::StaleMemberEpoch);
    assert_eq!(code(test.ask(9, commit("x", 1, 0)).await), ErrorCode::UnknownMemberId);
    assert_eq!(code(test.ask(8, commit("a", 1, 0)).await), ErrorCode::UnsupportedVersion);
    for (member_id, epoch, error) in [
        (Some("a"), 1, ErrorCode::None),
        (None, -1, ErrorCode::None),
        (Some("a"), 0, ErrorCode::StaleMemberEpoch),
        (Some("x"), 1, ErrorCode::UnknownMemberId),
    ] {
        let group = test.ask(9, fetch(member_id, epoch)).await.groups.remove(0);
        assert_eq!(group.error_code, error.code());
        let offset = group.topics.first().map(|topic| topic.partitions[0].committed_offset);
        assert_eq!(offset, (error == ErrorCode::None).then_some(7));
    }
}

#[tokio::test]
async fn groups_are_listed_described_and_deleted_by_their_type() {
    let (mut test, _) = start().await;
    test.ask(1, join("a")).await;
    assert_eq!(list(&mut test, &["consumer"]).await, listed("Stable", "consumer"));
    assert!(list(&mut test, &["classic"]).await.is_empty());
    let request = DescribeGroupsRequest { groups: vec!["g".into()], ..DescribeGroupsRequest::default() };
    let described = test.ask(5, request.clone()).await.groups.remove(0);
    assert_eq!((described.error_code, described.group_state.as_str()), (0, "Dead"));
    let described = test.ask(6, request).await.groups.remove(0);
    assert_eq!(described.error_code, ErrorCode::GroupIdNotFound.code());
    assert_eq!(described.error_message.as_deref(), Some("Group g is not a classic group."));
    let delete = DeleteGroupsRequest { groups_names: vec!["g".into()] };
    let refused = test.ask(2, delete.clone()).await.results.remove(0);
    assert_eq!(refused.error_code, ErrorCode::NonEmptyGroup.code());
    test.ask(1, beat("a", -1)).await;
    assert_eq!(list(&mut test, &[]).await, listed("Empty", "consumer"));
    assert_eq!(test.ask(2, delete).await.results[0].error_code, 0);
    let mut test = test.restart().await;
    assert!(list(&mut test, &[]).await.is_empty());
    assert_eq!(describe(&mut test).await.error_code, ErrorCode::GroupIdNotFound.code());
}

fn classic_join(member_id: &str) -> JoinGroupRequest {
    let subscription =
        ConsumerProtocolSubscription { topics: vec!["t".into()], ..ConsumerProtocolSubscription::default() };
    let metadata = subscription.encode_with_version(1).unwrap();
    JoinGroupRequest {
        group_id: "g".into(),
        member_id: member_id.into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 60_000,
        protocol_type: "consumer".into(),
        protocols: vec![JoinGroupRequestProtocol { name: "range".into(), metadata }],
        ..JoinGroupRequest::default()
    }
}

fn classic_sync(member_id: &str, generation_id: i32, assignment: Option<Bytes>) -> SyncGroupRequest {
    let assignments =
        assignment.map(|assignment| SyncGroupRequestAssignment { member_id: member_id.into(), assignment });
    SyncGroupRequest {
        group_id: "g".into(),
        generation_id,
        member_id: member_id.into(),
        protocol_type: Some("consumer".into()),
        protocol_name: Some("range".into()),
        assignments: assignments.into_iter().collect(),
        ..SyncGroupRequest::default()
    }
}

/// The partitions in a classic assignment.
fn read_assignment(assignment: Bytes) -> Vec<i32> {
    let read = ConsumerProtocolAssignment::decode_with_version(assignment).unwrap();
    read.assigned_partitions.into_iter().flat_map(|topic| topic.partitions).collect()
}

#[tokio::test]
async fn a_classic_group_changes_over_and_back_while_its_member_stays() {
    use millstream_wire::messages::consumer_protocol::ConsumerProtocolAssignmentTopicPartition;
    let (mut test, _) = start().await;
    let member_id = test.ask(9, classic_join("")).await.member_id;
    let joined = test.ask(9, classic_join(&member_id)).await;
    let all = ConsumerProtocolAssignmentTopicPartition { topic: "t".into(), partitions: vec![0, 1, 2, 3] };
    let all = ConsumerProtocolAssignment { assigned_partitions: vec![all], user_data: None };
    let all = all.encode_with_version(1).unwrap();
    test.ask(5, classic_sync(&member_id, joined.generation_id, Some(all))).await;
    assert_eq!(list(&mut test, &[]).await, listed("Stable", "classic"));

    assert_eq!(assigned(&test.ask(1, join("new")).await), Some(vec![]));
    assert_eq!(list(&mut test, &["consumer"]).await, listed("Reconciling", "consumer"));
    let heartbeat = |generation_id| HeartbeatRequest {
        group_id: "g".into(),
        member_id: member_id.clone(),
        generation_id,
        ..HeartbeatRequest::default()
    };
    let asked = test.ask(4, heartbeat(joined.generation_id)).await;
    assert_eq!(asked.error_code, ErrorCode::RebalanceInProgress.code());
    // It has given everything up, as eager members do, and gets its half.
    let rejoined = test.ask(9, classic_join(&member_id)).await;
    assert_eq!((rejoined.error_code, rejoined.generation_id), (0, 2));
    let synced = test.ask(5, classic_sync(&member_id, 2, None)).await;
    assert_eq!(read_assignment(synced.assignment), [0, 1]);
    assert_eq!(assigned(&test.ask(1, beat("new", 2)).await), Some(vec![2, 3]));

    let mut test = test.restart().await;
    let kinds: Vec<i8> = describe(&mut test).await.members.iter().map(|member| member.member_type).collect();
    assert_eq!(kinds.iter().map(|kind| i32::from(*kind)).sum::<i32>(), 1, "one of each protocol");
    test.ask(1, beat("new", -1)).await;
    assert_eq!(list(&mut test, &[]).await, listed("PreparingRebalance", "classic"));
    let rejoined = test.ask(9, classic_join(&member_id)).await;
    assert_eq!((rejoined.error_code, rejoined.leader.as_str()), (0, member_id.as_str()));
    let mut test = test.restart().await;
    assert_eq!(list(&mut test, &[]).await[0].2, "classic");
}
