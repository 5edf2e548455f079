//! What administrators and clients are told of transactions.

use millstream_wire::ErrorCode;
use millstream_wire::messages::add_partitions_to_txn::{
    AddPartitionsToTxnRequest, AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction,
};
use millstream_wire::messages::api_versions::ApiVersionsRequest;
use millstream_wire::messages::describe_transactions::DescribeTransactionsRequest;
use millstream_wire::messages::find_coordinator::FindCoordinatorRequest;
use millstream_wire::messages::list_transactions::ListTransactionsRequest;
use millstream_wire::messages::write_txn_markers::{
    WritableTxnMarker, WritableTxnMarkerTopic, WriteTxnMarkersRequest,
};

use super::*;

#[tokio::test]
async fn administrators_see_transactions_and_end_those_that_hang() {
    let mut test = broker().await;
    let mut producer = Producer::init(&mut test, "a").await;
    assert_eq!(producer.produce(&mut test, WRITING, 0, "v").await, 0);
    let request = DescribeTransactionsRequest { transactional_ids: vec!["a".into(), "b".into()] };
    let described = test.ask(0, request).await.transaction_states;
    assert_eq!((described[0].transaction_state.as_str(), described[0].producer_id), ("Ongoing", producer.id));
    assert_eq!((described[0].topics[0].topic.as_str(), &described[0].topics[0].partitions), ("t", &vec![0]));
    assert_eq!(described[1].error_code, ErrorCode::TransactionalIdNotFound.code());
    let listed = test.ask(2, ListTransactionsRequest::default()).await;
    assert_eq!(listed.transaction_states[0].transactional_id, "a");
    let odd = ListTransactionsRequest { state_filters: vec!["Odd".into()], ..Default::default() };
    assert_eq!(test.ask(2, odd).await.unknown_state_filters, ["Odd"]);
    // A transaction that the coordinator knows nothing of.
    let marker = |topic: &str| WriteTxnMarkersRequest {
        markers: vec![WritableTxnMarker {
            producer_id: producer.id,
            producer_epoch: producer.epoch,
            transaction_result: false,
            topics: vec![WritableTxnMarkerTopic { name: topic.into(), partition_indexes: vec![0] }],
            ..WritableTxnMarker::default()
        }],
    };
    let (hanging, missing) = (marker("t"), marker("missing"));
    let written = test.ask(1, hanging).await;
    assert_eq!(written.markers[0].topics[0].partitions[0].error_code, 0);
    let written = test.ask(1, missing).await;
    let code = written.markers[0].topics[0].partitions[0].error_code;
    assert_eq!(code, ErrorCode::UnknownTopicOrPartition.code());
    assert_eq!(producers(&mut test, 0).await[0].current_txn_start_offset, -1);
    assert_eq!(committed_values(&mut test, 0, 2).await, [""; 0]);
}

#[tokio::test]
async fn partitions_that_do_not_exist_spoil_the_whole_request() {
    let mut test = broker().await;
    let producer = Producer::init(&mut test, "a").await;
    let topics = vec![
        AddPartitionsToTxnTopic { name: "t".into(), partitions: vec![0, 9] },
        AddPartitionsToTxnTopic { name: "__consumer_offsets".into(), partitions: vec![0] },
    ];
    let transaction = AddPartitionsToTxnTransaction {
        transactional_id: "a".into(),
        producer_id: producer.id,
        producer_epoch: producer.epoch,
        verify_only: true,
        topics: topics.clone(),
    };
    let request = AddPartitionsToTxnRequest {
        v3_and_below_transactional_id: "a".into(),
        v3_and_below_producer_id: producer.id,
        v3_and_below_producer_epoch: producer.epoch,
        v3_and_below_topics: topics,
        ..AddPartitionsToTxnRequest::default()
    };
    let response = test.ask(3, request).await.results_by_topic_v3_and_below;
    let codes = response.iter().flat_map(|topic| &topic.results_by_partition);
    let codes: Vec<_> =
        codes.map(|result| ErrorCode::from_code(result.partition_error_code).unwrap()).collect();
    let expected = [
        ErrorCode::OperationNotAttempted,
        ErrorCode::UnknownTopicOrPartition,
        ErrorCode::TopicAuthorizationFailed,
    ];
    assert_eq!(codes, expected);
    let request = AddPartitionsToTxnRequest { transactions: vec![transaction], ..Default::default() };
    let verified = test.ask(5, request).await.results_by_transaction;
    let code = verified[0].topic_results[0].results_by_partition[0].partition_error_code;
    assert_eq!(code, ErrorCode::TransactionAbortable.code());
}

#[tokio::test]
async fn clients_are_told_of_the_coordinator_and_of_version_2() {
    let mut test = broker().await;
    let request =
        FindCoordinatorRequest { key_type: 1, coordinator_keys: vec!["a".into()], ..Default::default() };
    let found = test.ask(4, request).await;
    assert_eq!((found.coordinators[0].error_code, found.coordinators[0].node_id), (0, 1));
    for (version, supported) in [(3, 0), (4, 1)] {
        let request =
            ApiVersionsRequest { client_software_name: "test".into(), client_software_version: "1".into() };
        let offered = test.ask(version, request).await;
        let is_transactions = |name: &str| name == "transaction.version";
        let found = offered.finalized_features.iter().find(|feature| is_transactions(&feature.name)).unwrap();
        assert_eq!((found.min_version_level, found.max_version_level), (2, 2));
        assert!(offered.finalized_features_epoch >= 0);
        let count =
            offered.supported_features.iter().filter(|feature| is_transactions(&feature.name)).count();
        assert_eq!(count, supported, "version {version}");
    }
}
