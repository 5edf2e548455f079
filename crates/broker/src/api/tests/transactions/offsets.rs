//! Offsets that are committed in a transaction.

use millstream_wire::ErrorCode;
use millstream_wire::messages::add_offsets_to_txn::AddOffsetsToTxnRequest;
use millstream_wire::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use millstream_wire::messages::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};
use millstream_wire::messages::txn_offset_commit::TxnOffsetCommitRequest;

use super::*;

/// What a group has committed for partition 0, and the error, with stable offsets wanted or not.
pub(super) async fn group_offset(test: &mut TestBroker, require_stable: bool) -> (i64, i16) {
    let request = OffsetFetchRequest {
        groups: vec![OffsetFetchRequestGroup {
            group_id: "g".into(),
            topics: Some(vec![OffsetFetchRequestTopics {
                name: "t".into(),
                partition_indexes: vec![0],
                ..OffsetFetchRequestTopics::default()
            }]),
            ..OffsetFetchRequestGroup::default()
        }],
        require_stable,
        ..OffsetFetchRequest::default()
    };
    let response = test.ask(8, request).await;
    let partition = &response.groups[0].topics[0].partitions[0];
    (partition.committed_offset, partition.error_code)
}

/// Waits until a group's offset is stable, and gives it.
pub(super) async fn stable_offset(test: &mut TestBroker) -> i64 {
    loop {
        match group_offset(test, true).await {
            (offset, 0) => return offset,
            (_, error) => assert_eq!(error, ErrorCode::UnstableOffsetCommit.code()),
        }
    }
}

#[tokio::test]
async fn offsets_in_a_transaction_count_when_it_is_committed() {
    let mut test = broker().await;
    let mut producer = Producer::init(&mut test, "a").await;
    for (version, committed, offset, then) in [(5, true, 10, 10), (5, false, 20, 10), (3, true, 30, 30)] {
        while state(&mut test, "a").await.starts_with("Prepare") {}
        if version < 5 {
            let early = test.ask(version, producer.offsets("g", offset)).await;
            assert_eq!(early.topics[0].partitions[0].error_code, ErrorCode::InvalidTxnState.code());
            let request = AddOffsetsToTxnRequest {
                transactional_id: "a".into(),
                producer_id: producer.id,
                producer_epoch: producer.epoch,
                group_id: "g".into(),
            };
            assert_eq!(test.ask(3, request).await.error_code, 0);
        }
        let before = stable_offset(&mut test).await;
        let response = test.ask(version, producer.offsets("g", offset)).await;
        assert_eq!(response.topics[0].partitions[0].error_code, 0);
        assert_eq!(group_offset(&mut test, false).await, (before, 0));
        assert_eq!(group_offset(&mut test, true).await, (-1, ErrorCode::UnstableOffsetCommit.code()));
        producer.end(&mut test, 5, committed).await;
        assert_eq!(stable_offset(&mut test).await, then);
    }
    let mut test = test.restart().await;
    assert_eq!(stable_offset(&mut test).await, 30);
}

#[tokio::test]
async fn a_commit_outside_overtakes_what_an_open_transaction_has_committed() {
    let mut test = broker().await;
    let mut producer = Producer::init(&mut test, "a").await;
    test.ask(5, producer.offsets("g", 10)).await;
    let partition = OffsetCommitRequestPartition {
        partition_index: 0,
        committed_offset: 99,
        ..OffsetCommitRequestPartition::default()
    };
    let topic = OffsetCommitRequestTopic {
        name: "t".into(),
        partitions: vec![partition],
        ..OffsetCommitRequestTopic::default()
    };
    let outside = OffsetCommitRequest {
        group_id: "g".into(),
        generation_id_or_member_epoch: -1,
        topics: vec![topic],
        ..OffsetCommitRequest::default()
    };
    assert_eq!(test.ask(8, outside).await.topics[0].partitions[0].error_code, 0);
    producer.end(&mut test, 5, true).await;
    assert_eq!(stable_offset(&mut test).await, 99);
    assert_eq!(stable_offset(&mut test.restart().await).await, 99);
}

#[tokio::test]
async fn offsets_of_a_generation_that_is_over_are_refused() {
    let mut test = broker().await;
    let producer = Producer::init(&mut test, "a").await;
    let request =
        TxnOffsetCommitRequest { generation_id: 3, member_id: "m".into(), ..producer.offsets("g", 1) };
    let response = test.ask(5, request).await;
    assert_eq!(response.topics[0].partitions[0].error_code, ErrorCode::IllegalGeneration.code());
    let missing = TxnOffsetCommitRequest { group_id: String::new(), ..producer.offsets("g", 1) };
    let response = test.ask(5, missing).await;
    assert_eq!(response.topics[0].partitions[0].error_code, ErrorCode::InvalidGroupId.code());
}

/// Two transactions committed offsets of one partition, and the earlier commit's transaction ended last. Compaction keeps the later commit,
/// so the group must not go back to the earlier one while the broker runs.
#[tokio::test]
async fn of_two_open_transactions_the_later_commit_counts_whichever_ends_last() {
    let mut test = broker().await;
    let mut earlier = Producer::init(&mut test, "earlier").await;
    let mut later = Producer::init(&mut test, "later").await;
    test.ask(5, earlier.offsets("g", 10)).await;
    test.ask(5, later.offsets("g", 20)).await;
    later.end(&mut test, 5, true).await;
    while group_offset(&mut test, false).await.0 != 20 {}
    earlier.end(&mut test, 5, true).await;
    assert_eq!(stable_offset(&mut test).await, 20);
    assert_eq!(stable_offset(&mut test.restart().await).await, 20);
}
