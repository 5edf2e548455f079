//! What clusters of many brokers need, as one broker answers it.

use millstream_wire::ErrorCode as E;
use millstream_wire::messages::alter_partition_reassignments::{
    AlterPartitionReassignmentsRequest, ReassignablePartition, ReassignableTopic,
};
use millstream_wire::messages::alter_replica_log_dirs::{
    AlterReplicaLogDir, AlterReplicaLogDirTopic, AlterReplicaLogDirsRequest,
};
use millstream_wire::messages::describe_quorum::{
    DescribeQuorumRequest, DescribeQuorumRequestPartitionData, DescribeQuorumRequestTopicData,
};
use millstream_wire::messages::elect_leaders::{ElectLeadersRequest, TopicPartitions};
use millstream_wire::messages::list_partition_reassignments::ListPartitionReassignmentsRequest;
use millstream_wire::messages::update_features::{FeatureUpdateKey, UpdateFeaturesRequest};

use super::*;

#[tokio::test]
async fn no_election_is_needed() {
    let mut test = TestBroker::start().await;
    test.create_topic("t", 2, &[]).await;
    let wanted = |topic: &str, partitions: &[i32]| TopicPartitions {
        topic: topic.into(),
        partitions: partitions.into(),
    };
    let request = ElectLeadersRequest {
        topic_partitions: Some(vec![wanted("t", &[1, 2]), wanted("missing", &[0])]),
        ..ElectLeadersRequest::default()
    };
    let answer = test.ask(2, request).await;
    let codes = answer.replica_election_results.iter().flat_map(|topic| &topic.partition_result);
    let codes: Vec<i16> = codes.map(|result| result.error_code).collect();
    assert_eq!(
        (answer.error_code, codes),
        (
            0,
            vec![
                E::ElectionNotNeeded.code(),
                E::UnknownTopicOrPartition.code(),
                E::UnknownTopicOrPartition.code()
            ]
        )
    );
    let all = ElectLeadersRequest { topic_partitions: None, ..ElectLeadersRequest::default() };
    assert!(test.ask(2, all).await.replica_election_results.is_empty());
    let odd = ElectLeadersRequest { election_type: 7, ..ElectLeadersRequest::default() };
    assert_eq!(test.ask(2, odd).await.error_code, E::InvalidRequest.code());
}

#[tokio::test]
async fn partitions_stay_where_they_are() {
    let mut test = TestBroker::start().await;
    test.create_topic("t", 1, &[]).await;
    for (topic, partition, replicas, code) in [
        ("t", 0, Some(vec![1]), E::None),
        ("t", 0, None, E::NoReassignmentInProgress),
        ("t", 0, Some(vec![2]), E::InvalidReplicaAssignment),
        ("t", 0, Some(vec![1, 1]), E::InvalidReplicaAssignment),
        ("t", 0, Some(vec![]), E::InvalidReplicaAssignment),
        ("t", 1, Some(vec![1]), E::UnknownTopicOrPartition),
        ("missing", 0, Some(vec![1]), E::UnknownTopicOrPartition),
    ] {
        let partitions =
            vec![ReassignablePartition { partition_index: partition, replicas: replicas.clone() }];
        let topics = vec![ReassignableTopic { name: topic.into(), partitions }];
        let request =
            AlterPartitionReassignmentsRequest { topics, ..AlterPartitionReassignmentsRequest::default() };
        let answer = test.ask(1, request).await;
        let found = answer.responses[0].partitions[0].error_code;
        assert_eq!((answer.error_code, found), (0, code.code()), "{topic} {partition} {replicas:?}");
    }
    let request = ListPartitionReassignmentsRequest { topics: None, ..Default::default() };
    assert!(test.ask(0, request).await.topics.is_empty());
}

#[tokio::test]
async fn partitions_are_in_the_one_directory() {
    let mut test = TestBroker::start().await;
    test.create_topic("t", 1, &[]).await;
    let own = test.directory.path().display().to_string();
    for (path, partition, code) in [
        (own.as_str(), 0, E::None),
        (own.as_str(), 1, E::UnknownTopicOrPartition),
        ("/elsewhere", 0, E::LogDirNotFound),
    ] {
        let topics = vec![AlterReplicaLogDirTopic { name: "t".into(), partitions: vec![partition] }];
        let request =
            AlterReplicaLogDirsRequest { dirs: vec![AlterReplicaLogDir { path: path.into(), topics }] };
        let answer = test.ask(2, request).await;
        assert_eq!(answer.results[0].partitions[0].error_code, code.code(), "{path}");
    }
}

#[tokio::test]
async fn the_broker_is_the_quorum() {
    let mut test = TestBroker::start().await;
    let ask = |topic: &str| DescribeQuorumRequest {
        topics: vec![DescribeQuorumRequestTopicData {
            topic_name: topic.into(),
            partitions: vec![DescribeQuorumRequestPartitionData { partition_index: 0 }],
        }],
    };
    let before = test.ask(2, ask("__cluster_metadata")).await;
    test.create_topic("t", 1, &[]).await;
    let after = test.ask(2, ask("__cluster_metadata")).await;
    let quorum = &after.topics[0].partitions[0];
    assert_eq!((after.error_code, quorum.error_code, quorum.leader_id, after.nodes.len()), (0, 0, 1, 1));
    assert_eq!((quorum.current_voters.len(), quorum.current_voters[0].replica_id), (1, 1));
    assert!(quorum.high_watermark > before.topics[0].partitions[0].high_watermark);
    let other = test.ask(2, ask("t")).await;
    assert_eq!(other.topics[0].partitions[0].error_code, E::UnknownTopicOrPartition.code());
}

#[tokio::test]
async fn features_stay_at_their_highest_level() {
    let mut test = TestBroker::start().await;
    for (feature, level, upgrade_type, part) in [
        ("transaction.version", 2, 1, ""),
        ("transaction.version", 1, 1, "without setting the upgrade type"),
        ("transaction.version", 1, 2, "highest level"),
        ("transaction.version", 9, 1, "only supports versions 0-2"),
        ("no.such", 1, 1, "does not support this feature"),
    ] {
        let update = FeatureUpdateKey {
            feature: feature.into(),
            max_version_level: level,
            upgrade_type,
            ..FeatureUpdateKey::default()
        };
        let request =
            UpdateFeaturesRequest { feature_updates: vec![update], ..UpdateFeaturesRequest::default() };
        let whole = test.ask(2, request.clone()).await;
        let message = whole.error_message.unwrap_or_default();
        let code = if part.is_empty() { 0 } else { E::InvalidUpdateVersion.code() };
        assert!(whole.error_code == code && message.contains(part), "{feature} {level}: {message}");
        let each = test.ask(1, request).await;
        assert_eq!((each.error_code, each.results[0].error_code), (0, code), "{feature} {level}");
    }
}
