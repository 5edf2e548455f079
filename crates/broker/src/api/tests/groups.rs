//! Classic groups and offsets through the protocol. The state machine has its own tests; these are about the requests.

use millstream_wire::ErrorCode;
use millstream_wire::messages::delete_groups::DeleteGroupsRequest;
use millstream_wire::messages::describe_groups::DescribeGroupsRequest;
use millstream_wire::messages::find_coordinator::FindCoordinatorRequest;
use millstream_wire::messages::heartbeat::HeartbeatRequest;
use millstream_wire::messages::join_group::{JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse};
use millstream_wire::messages::leave_group::{LeaveGroupRequest, MemberIdentity};
use millstream_wire::messages::list_groups::ListGroupsRequest;
use millstream_wire::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use millstream_wire::messages::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use millstream_wire::messages::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use millstream_wire::messages::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment};

use super::*;

pub(super) fn find_request(group: &str) -> FindCoordinatorRequest {
    FindCoordinatorRequest { key: group.to_owned(), ..FindCoordinatorRequest::default() }
}

fn join_request(member_id: &str) -> JoinGroupRequest {
    let protocol = JoinGroupRequestProtocol { name: "range".into(), metadata: Bytes::from_static(b"topics") };
    JoinGroupRequest {
        group_id: "g".into(),
        member_id: member_id.to_owned(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 60_000,
        protocol_type: "consumer".into(),
        protocols: vec![protocol],
        ..JoinGroupRequest::default()
    }
}

/// Joins as a client does: first without an id, then with the one it is given.
async fn join(client: &mut TestClient) -> JoinGroupResponse {
    let first = client.ask(9, join_request("")).await;
    assert_eq!(first.error_code, ErrorCode::MemberIdRequired.code());
    assert!(first.member_id.starts_with("test-"), "{}", first.member_id);
    client.ask(9, join_request(&first.member_id)).await
}

fn sync_request(joined: &JoinGroupResponse, assignments: &[(&str, &'static str)]) -> SyncGroupRequest {
    let assignments = assignments.iter().map(|(member_id, assignment)| SyncGroupRequestAssignment {
        member_id: (*member_id).to_owned(),
        assignment: Bytes::from_static(assignment.as_bytes()),
    });
    SyncGroupRequest {
        group_id: "g".into(),
        generation_id: joined.generation_id,
        member_id: joined.member_id.clone(),
        protocol_type: Some("consumer".into()),
        protocol_name: Some("range".into()),
        assignments: assignments.collect(),
        ..SyncGroupRequest::default()
    }
}

fn commit_request(member_id: &str, generation: i32, offsets: &[(&str, i32, i64)]) -> OffsetCommitRequest {
    let topics = offsets.iter().map(|&(topic, partition_index, committed_offset)| OffsetCommitRequestTopic {
        name: topic.to_owned(),
        partitions: vec![OffsetCommitRequestPartition {
            partition_index,
            committed_offset,
            committed_leader_epoch: 0,
            committed_metadata: Some("note".into()),
        }],
        ..OffsetCommitRequestTopic::default()
    });
    OffsetCommitRequest {
        group_id: "g".into(),
        member_id: member_id.to_owned(),
        generation_id_or_member_epoch: generation,
        topics: topics.collect(),
        ..OffsetCommitRequest::default()
    }
}

async fn commit(
    test: &mut TestBroker,
    member_id: &str,
    generation: i32,
    offsets: &[(&str, i32, i64)],
) -> Vec<i16> {
    let response = test.ask(9, commit_request(member_id, generation, offsets)).await;
    response.topics.iter().map(|topic| topic.partitions[0].error_code).collect()
}

async fn committed(test: &mut TestBroker, topic: &str, partitions: &[i32]) -> Vec<i64> {
    let topics = OffsetFetchRequestTopic { name: topic.to_owned(), partition_indexes: partitions.to_vec() };
    let request = OffsetFetchRequest {
        group_id: "g".into(),
        topics: Some(vec![topics]),
        require_stable: true,
        ..OffsetFetchRequest::default()
    };
    let response = test.ask(7, request).await;
    assert_eq!(response.error_code, 0);
    response.topics[0].partitions.iter().map(|partition| partition.committed_offset).collect()
}

#[tokio::test]
async fn this_broker_coordinates_every_group_and_transaction() {
    let mut test = TestBroker::start().await;
    let found = test.ask(3, find_request("g")).await;
    assert_eq!((found.error_code, found.node_id), (0, 1));
    let request =
        FindCoordinatorRequest { coordinator_keys: vec!["a".into(), "b".into()], ..Default::default() };
    let found = test.ask(4, request).await;
    assert_eq!(found.coordinators.len(), 2);
    let request = FindCoordinatorRequest { key_type: 1, ..find_request("t") };
    let found = test.ask(3, request).await;
    assert_eq!((found.error_code, found.node_id), (0, 1));
}

#[tokio::test]
async fn two_members_share_and_one_goes() {
    let mut test = TestBroker::start().await;
    let mut other = TestClient::connect(&test.broker);
    let first = join(&mut test.client).await;
    assert_eq!((first.error_code, first.generation_id), (0, 1));
    assert_eq!((first.leader.as_str(), first.members.len()), (first.member_id.as_str(), 1));
    let synced = test.ask(5, sync_request(&first, &[(&first.member_id, "all")])).await;
    assert_eq!((synced.error_code, &synced.assignment[..]), (0, &b"all"[..]));

    let newcomer = other.ask(9, join_request("")).await.member_id;
    let waiting = other.send(9, join_request(&newcomer)).await;
    let heartbeat = HeartbeatRequest {
        group_id: "g".into(),
        generation_id: 1,
        member_id: first.member_id.clone(),
        ..HeartbeatRequest::default()
    };
    // The other's request is under way on its own connection: ask until it has taken effect.
    while test.ask(4, heartbeat.clone()).await.error_code != ErrorCode::RebalanceInProgress.code() {}
    let again = test.ask(9, join_request(&first.member_id)).await;
    let second = other.answer::<JoinGroupRequest>(9, waiting).await;
    assert_eq!((again.generation_id, again.members.len(), second.members.len()), (2, 2, 0));
    assert_eq!(second.leader, first.member_id);
    let waiting = other.send(5, sync_request(&second, &[])).await;
    let assignments = [(first.member_id.as_str(), "left"), (newcomer.as_str(), "right")];
    assert_eq!(&test.ask(5, sync_request(&again, &assignments)).await.assignment[..], b"left");
    assert_eq!(&other.answer::<SyncGroupRequest>(5, waiting).await.assignment[..], b"right");

    let request = DescribeGroupsRequest { groups: vec!["g".into(), "none".into()], ..Default::default() };
    let described = test.ask(6, request).await.groups;
    assert_eq!((described[0].group_state.as_str(), described[0].members.len()), ("Stable", 2));
    assert_eq!(described[0].protocol_data, "range");
    assert_eq!(described[1].error_code, ErrorCode::GroupIdNotFound.code());

    let leaving = MemberIdentity { member_id: newcomer, ..MemberIdentity::default() };
    let ghost = MemberIdentity { member_id: "ghost".into(), ..MemberIdentity::default() };
    let request =
        LeaveGroupRequest { group_id: "g".into(), members: vec![leaving, ghost], ..Default::default() };
    let codes: Vec<_> = test.ask(5, request).await.members.iter().map(|member| member.error_code).collect();
    assert_eq!(codes, [0, ErrorCode::UnknownMemberId.code()]);
    let again = test.ask(9, join_request(&first.member_id)).await;
    assert_eq!((again.generation_id, again.members.len()), (3, 1));
    let stale = test.ask(5, sync_request(&first, &[])).await;
    assert_eq!(stale.error_code, ErrorCode::IllegalGeneration.code());
}

#[tokio::test]
async fn commits_are_fetched_and_survive_a_restart() {
    let mut test = TestBroker::start().await;
    test.create_topic("t", 2, &[]).await;
    let codes = commit(&mut test, "", -1, &[("t", 0, 5), ("t", 9, 1), ("missing", 0, 1)]).await;
    assert_eq!(codes, [0, 3, 3]);
    assert_eq!(committed(&mut test, "t", &[0, 1]).await, [5, -1]);
    commit(&mut test, "", -1, &[("t", 0, 6), ("t", 1, 7)]).await;
    let mut test = test.restart().await;
    assert_eq!(committed(&mut test, "t", &[0, 1]).await, [6, 7]);
    let all = OffsetFetchRequest {
        groups: vec![OffsetFetchRequestGroup { group_id: "g".into(), topics: None, ..Default::default() }],
        ..OffsetFetchRequest::default()
    };
    let all = test.ask(8, all).await;
    let partitions = &all.groups[0].topics[0].partitions;
    assert_eq!(partitions.len(), 2);
    assert_eq!((partitions[0].metadata.as_deref(), partitions[0].committed_leader_epoch), (Some("note"), 0));
}

#[tokio::test]
async fn commits_are_refused_for_their_reasons() {
    let mut test = TestBroker::start().await;
    test.create_topic("t", 1, &[]).await;
    let place = [("t", 0, 1)];
    assert_eq!(commit(&mut test, "m", 3, &place).await, [ErrorCode::GroupIdNotFound.code()]);
    let joined = join(&mut test.client).await;
    let member = joined.member_id.clone();
    assert_eq!(commit(&mut test, &member, 1, &place).await, [ErrorCode::RebalanceInProgress.code()]);
    test.ask(5, sync_request(&joined, &[])).await;
    assert_eq!(commit(&mut test, &member, 1, &place).await, [0]);
    assert_eq!(commit(&mut test, &member, 2, &place).await, [ErrorCode::IllegalGeneration.code()]);
    assert_eq!(commit(&mut test, "ghost", 1, &place).await, [ErrorCode::UnknownMemberId.code()]);
    assert_eq!(commit(&mut test, "", -1, &place).await, [ErrorCode::UnknownMemberId.code()]);
    let mut long = commit_request(&member, 1, &place);
    long.topics[0].partitions[0].committed_metadata = Some("x".repeat(4097));
    let refused = test.ask(9, long).await;
    assert_eq!(refused.topics[0].partitions[0].error_code, ErrorCode::OffsetMetadataTooLarge.code());
}

#[tokio::test]
async fn offsets_can_be_committed_and_fetched_by_topic_id() {
    let mut test = TestBroker::start().await;
    test.create_topic("t", 1, &[]).await;
    let id = test.ask(12, millstream_wire::messages::metadata::MetadataRequest::default()).await;
    let topic_id = match id.topics.first() {
        Some(topic) => topic.topic_id,
        None => {
            let all =
                millstream_wire::messages::metadata::MetadataRequest { topics: None, ..Default::default() };
            test.ask(12, all).await.topics[0].topic_id
        }
    };
    let mut request = commit_request("", -1, &[("", 0, 4)]);
    request.topics[0].topic_id = topic_id;
    assert_eq!(test.ask(10, request.clone()).await.topics[0].partitions[0].error_code, 0);
    request.topics[0].topic_id = uuid::Uuid::new_v4();
    let refused = test.ask(10, request).await.topics[0].partitions[0].error_code;
    assert_eq!(refused, ErrorCode::UnknownTopicId.code());
    let wanted = |topic_id| OffsetFetchRequestTopics {
        topic_id,
        partition_indexes: vec![0],
        ..OffsetFetchRequestTopics::default()
    };
    let unknown = uuid::Uuid::new_v4();
    let group = OffsetFetchRequestGroup {
        group_id: "g".into(),
        topics: Some(vec![wanted(topic_id), wanted(unknown)]),
        ..OffsetFetchRequestGroup::default()
    };
    let request = OffsetFetchRequest { groups: vec![group], ..OffsetFetchRequest::default() };
    let topics = test.ask(10, request).await.groups.remove(0).topics;
    assert_eq!((topics[0].topic_id, topics[0].partitions[0].committed_offset), (topic_id, 4));
    assert_eq!(topics[1].partitions[0].error_code, ErrorCode::UnknownTopicId.code());
}

#[tokio::test]
async fn before_the_first_group_the_list_is_empty() {
    let mut test = TestBroker::start().await;
    let listed = test.ask(5, ListGroupsRequest::default()).await;
    assert_eq!((listed.error_code, listed.groups.len()), (0, 0));
    let mut test = test.restart().await;
    assert!(test.ask(5, ListGroupsRequest::default()).await.groups.is_empty());
    commit(&mut test, "", -1, &[("t", 0, 5)]).await;
    assert_eq!(test.ask(5, ListGroupsRequest::default()).await.groups.len(), 1);
}

#[tokio::test]
async fn groups_are_listed_and_deleted_with_their_offsets() {
    let mut test = TestBroker::start().await;
    test.create_topic("t", 2, &[]).await;
    commit(&mut test, "", -1, &[("t", 0, 5), ("t", 1, 5)]).await;
    let listed = test.ask(5, ListGroupsRequest::default()).await.groups;
    assert_eq!((listed[0].group_id.as_str(), listed[0].group_state.as_str()), ("g", "Empty"));
    let stable = ListGroupsRequest { states_filter: vec!["Stable".into()], ..Default::default() };
    assert!(test.ask(4, stable).await.groups.is_empty());
    let partition = OffsetDeleteRequestPartition { partition_index: 0 };
    let topic = OffsetDeleteRequestTopic { name: "t".into(), partitions: vec![partition] };
    let request = OffsetDeleteRequest { group_id: "g".into(), topics: vec![topic] };
    assert_eq!(test.ask(0, request).await.topics[0].partitions[0].error_code, 0);
    assert_eq!(committed(&mut test, "t", &[0, 1]).await, [-1, 5]);

    join(&mut test.client).await;
    let delete = DeleteGroupsRequest { groups_names: vec!["g".into(), "none".into()] };
    let codes = |results: Vec<millstream_wire::messages::delete_groups::DeletableGroupResult>| {
        results.iter().map(|result| result.error_code).collect::<Vec<_>>()
    };
    let not_found = ErrorCode::GroupIdNotFound.code();
    let refused = test.ask(2, delete.clone()).await.results;
    assert_eq!(codes(refused), [ErrorCode::NonEmptyGroup.code(), not_found]);
    // Restored from its records, the group is still there; its member, which was never synced, is not.
    let mut test = test.restart().await;
    assert_eq!(codes(test.ask(2, delete.clone()).await.results), [0, not_found]);
    assert_eq!(committed(&mut test, "t", &[0, 1]).await, [-1, -1]);
    let mut test = test.restart().await;
    assert!(test.ask(5, ListGroupsRequest::default()).await.groups.is_empty());
}

#[tokio::test]
async fn a_deleted_topic_takes_its_offsets_along() {
    let mut test = TestBroker::start().await;
    test.create_topic("t", 1, &[]).await;
    commit(&mut test, "", -1, &[("t", 0, 5)]).await;
    super::admin::delete_topic(&mut test, "t").await;
    let mut test = test.restart().await;
    assert_eq!(committed(&mut test, "t", &[0]).await, [-1]);
}

#[tokio::test]
async fn a_member_without_a_group_name_is_refused() {
    let mut test = TestBroker::start().await;
    let request = JoinGroupRequest { group_id: String::new(), ..join_request("") };
    assert_eq!(test.ask(9, request).await.error_code, ErrorCode::InvalidGroupId.code());
    let heartbeat = HeartbeatRequest::default();
    assert_eq!(test.ask(4, heartbeat).await.error_code, ErrorCode::InvalidGroupId.code());
}
