//! What is offered is answered: every API in every version, and the table that ApiVersions gives.

use std::collections::BTreeMap;

use millstream_wire::messages::api_versions::ApiVersionsRequest;
use millstream_wire::protocol::Reader;
use millstream_wire::{ApiKey, VersionRange};

use super::*;
use crate::api::{APIS, Api};

/// An empty request must be answered in every version: a field that a version does not have would fail to encode.
async fn sweep<R: Request + Default>(client: &mut TestClient) {
    let offered = APIS.iter().find(|api| api.key == R::API_KEY).expect("offered").versions();
    for version in R::VERSIONS.min.max(offered.min)..=offered.max {
        client.ask(version, R::default()).await;
    }
}

#[tokio::test]
async fn every_version_of_every_api_answers_an_empty_request() {
    use millstream_wire::messages as m;
    let mut test = TestBroker::start().await;
    let client = &mut test.client;
    sweep::<m::list_offsets::ListOffsetsRequest>(client).await;
    sweep::<m::metadata::MetadataRequest>(client).await;
    sweep::<m::offset_commit::OffsetCommitRequest>(client).await;
    sweep::<m::offset_fetch::OffsetFetchRequest>(client).await;
    sweep::<m::find_coordinator::FindCoordinatorRequest>(client).await;
    sweep::<m::join_group::JoinGroupRequest>(client).await;
    sweep::<m::heartbeat::HeartbeatRequest>(client).await;
    sweep::<m::leave_group::LeaveGroupRequest>(client).await;
    sweep::<m::sync_group::SyncGroupRequest>(client).await;
    sweep::<m::describe_groups::DescribeGroupsRequest>(client).await;
    sweep::<m::list_groups::ListGroupsRequest>(client).await;
    sweep::<ApiVersionsRequest>(client).await;
    sweep::<CreateTopicsRequest>(client).await;
    sweep::<m::delete_topics::DeleteTopicsRequest>(client).await;
    sweep::<m::delete_records::DeleteRecordsRequest>(client).await;
    sweep::<m::init_producer_id::InitProducerIdRequest>(client).await;
    sweep::<m::offset_for_leader_epoch::OffsetForLeaderEpochRequest>(client).await;
    sweep::<m::add_partitions_to_txn::AddPartitionsToTxnRequest>(client).await;
    sweep::<m::add_offsets_to_txn::AddOffsetsToTxnRequest>(client).await;
    sweep::<m::end_txn::EndTxnRequest>(client).await;
    sweep::<m::write_txn_markers::WriteTxnMarkersRequest>(client).await;
    sweep::<m::txn_offset_commit::TxnOffsetCommitRequest>(client).await;
    sweep::<m::describe_producers::DescribeProducersRequest>(client).await;
    sweep::<m::describe_transactions::DescribeTransactionsRequest>(client).await;
    sweep::<m::list_transactions::ListTransactionsRequest>(client).await;
    sweep::<m::describe_configs::DescribeConfigsRequest>(client).await;
    sweep::<m::alter_configs::AlterConfigsRequest>(client).await;
    sweep::<m::alter_replica_log_dirs::AlterReplicaLogDirsRequest>(client).await;
    sweep::<m::elect_leaders::ElectLeadersRequest>(client).await;
    sweep::<m::alter_partition_reassignments::AlterPartitionReassignmentsRequest>(client).await;
    sweep::<m::list_partition_reassignments::ListPartitionReassignmentsRequest>(client).await;
    sweep::<m::describe_quorum::DescribeQuorumRequest>(client).await;
    sweep::<m::update_features::UpdateFeaturesRequest>(client).await;
    sweep::<m::describe_log_dirs::DescribeLogDirsRequest>(client).await;
    sweep::<m::create_partitions::CreatePartitionsRequest>(client).await;
    sweep::<m::delete_groups::DeleteGroupsRequest>(client).await;
    sweep::<m::incremental_alter_configs::IncrementalAlterConfigsRequest>(client).await;
    sweep::<m::offset_delete::OffsetDeleteRequest>(client).await;
    sweep::<m::describe_client_quotas::DescribeClientQuotasRequest>(client).await;
    sweep::<m::alter_client_quotas::AlterClientQuotasRequest>(client).await;
    sweep::<m::describe_cluster::DescribeClusterRequest>(client).await;
    sweep::<m::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest>(client).await;
    sweep::<m::consumer_group_describe::ConsumerGroupDescribeRequest>(client).await;
    sweep::<m::get_telemetry_subscriptions::GetTelemetrySubscriptionsRequest>(client).await;
    sweep::<m::push_telemetry::PushTelemetryRequest>(client).await;
    sweep::<m::list_config_resources::ListConfigResourcesRequest>(client).await;
    sweep::<m::describe_topic_partitions::DescribeTopicPartitionsRequest>(client).await;
    for version in FetchRequest::VERSIONS.min..=FetchRequest::VERSIONS.max {
        client.ask(version, FetchRequest::default()).await;
    }
    for version in ProduceRequest::<Bytes>::VERSIONS.min..=ProduceRequest::<Bytes>::VERSIONS.max {
        client.ask(version, ProduceRequest { acks: 1, ..ProduceRequest::default() }).await;
    }
}

#[tokio::test]
async fn filled_answers_fit_every_version() {
    let mut test = TestBroker::start().await;
    test.create_topic("t", 1, &[]).await;
    test.produce("t", 0, batch(&[(None, "v")])).await;
    for version in FetchRequest::VERSIONS.min..=12 {
        let response = test.ask(version, fetch_request("t", &[(0, 0), (7, 0)])).await;
        assert_eq!(values(partition_of(&response, 0, 0)), [(0, "v".to_owned())], "version {version}");
        assert_eq!(partition_of(&response, 0, 1).error_code, 3, "version {version}");
    }
    for version in ProduceRequest::<Bytes>::VERSIONS.min..=12 {
        let response = test.ask(version, produce_request("t", 0, batch(&[(None, "v")]), 1)).await;
        assert_eq!(response.responses[0].partition_responses[0].error_code, 0, "version {version}");
        let response = test.ask(version, produce_request("t", 7, batch(&[(None, "v")]), 1)).await;
        assert_eq!(response.responses[0].partition_responses[0].error_code, 3, "version {version}");
    }
}

#[tokio::test]
async fn api_versions_answers_the_table() {
    let mut test = TestBroker::start().await;
    let request =
        ApiVersionsRequest { client_software_name: "test".into(), client_software_version: "1.0".into() };
    let response = test.ask(4, request).await;
    let answered: BTreeMap<i16, (i16, i16)> =
        response.api_keys.iter().map(|api| (api.api_key, (api.min_version, api.max_version))).collect();
    let table = APIS.iter().map(|api| (api.key.code(), (api.versions().min, api.versions().max)));
    assert_eq!(answered, table.collect());
    assert!(APIS.is_sorted_by_key(|api| api.key.code()));
    let features: Vec<_> = response
        .finalized_features
        .iter()
        .map(|feature| (feature.name.as_str(), feature.max_version_level))
        .collect();
    assert_eq!(features, [("group.version", 1), ("transaction.version", 2)]);
    let bad = ApiVersionsRequest { client_software_name: "-x".into(), client_software_version: "1".into() };
    assert_eq!(test.ask(3, bad).await.error_code, 42);
}

#[tokio::test]
async fn an_unknown_version_of_api_versions_is_answered_in_version_0() {
    // KIP-511: the Java 4 client starts with the newest version it knows, whatever the broker has.
    let mut test = TestBroker::start().await;
    let mut frame = vec![0, 18, 0, 99, 0, 0, 0, 7, 0xff, 0xff, 0];
    frame.extend([2, b'x', 2, b'1', 0]);
    test.client.connection.requests.send(frame.into()).await.unwrap();
    let answer = test.client.connection.responses.recv().await.unwrap();
    let mut r = Reader::new(answer);
    assert_eq!((r.i32().unwrap(), r.i16().unwrap(), r.i32().unwrap()), (7, 35, 1));
    assert_eq!((r.i16().unwrap(), r.i16().unwrap(), r.i16().unwrap(), r.remaining()), (18, 0, 4, 0));
}

/// The table in `docs/protocol.md`: `| key | name | ours | Kafka's | why |`.
#[test]
fn the_document_lists_what_is_offered_and_why_not() {
    let document = include_str!("../../../../../docs/protocol.md");
    let mut documented = BTreeMap::new();
    for line in document.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        if let [_, key, name, ours, kafka, why, _] = cells[..]
            && let Ok(key) = key.parse::<i16>()
        {
            documented.insert(key, (name, ours, kafka, why));
        }
    }
    let range = |versions: Option<VersionRange>| {
        versions.map_or("–".to_owned(), |versions| format!("{}–{}", versions.min, versions.max))
    };
    for key in ApiKey::all() {
        let kafka = key.versions();
        let ours = APIS.iter().find(|api| api.key == key).map(Api::versions);
        let Some(&(name, documented_ours, documented_kafka, why)) = documented.get(&key.code()) else {
            assert!(ours.is_none() && kafka.is_none(), "{} is not in docs/protocol.md", key.name());
            continue;
        };
        assert_eq!(name, key.name());
        assert_eq!(documented_ours, range(ours), "our versions of {name}");
        assert_eq!(documented_kafka, range(kafka), "Kafka's versions of {name}");
        assert!(ours == kafka || !why.is_empty(), "why are the versions of {name} not Kafka's?");
    }
}
