use millstream_wire::messages::metadata::MetadataResponseBroker;

use super::*;

fn response(id: u128, partitions: &[(i32, i32, i32)]) -> MetadataResponse {
    let partition = |&(partition_index, leader_id, leader_epoch): &(i32, i32, i32)| {
        MetadataResponsePartition { partition_index, leader_id, leader_epoch, ..Default::default() }
    };
    let topic = MetadataResponseTopic {
        name: Some(ByteString::from_static("t")),
        topic_id: Uuid::from_u128(id),
        partitions: partitions.iter().map(partition).collect(),
        ..MetadataResponseTopic::default()
    };
    let broker = |node_id| MetadataResponseBroker {
        node_id,
        host: ByteString::from_static("localhost"),
        port: 9092 + node_id,
        rack: None,
    };
    MetadataResponse {
        brokers: vec![broker(1), broker(2)],
        topics: vec![topic],
        ..MetadataResponse::default()
    }
}

#[test]
fn a_leader_never_goes_back_to_an_older_epoch_of_the_same_topic() {
    let first = ClusterMetadata::unknown().updated(response(7, &[(0, 1, 5), (1, 2, 5)]));
    let stale = first.updated(response(7, &[(1, 1, 4), (0, 2, 6)]));
    let leader = |view: &ClusterMetadata, partition| {
        let leader = view.leader("t", partition).unwrap();
        (leader.node, leader.epoch)
    };
    assert_eq!(leader(&stale, 0), (2, Some(6)));
    assert_eq!(leader(&stale, 1), (2, Some(5)));
    let recreated = stale.updated(response(8, &[(0, 1, 0), (1, 1, 0)]));
    assert_eq!(leader(&recreated, 0), (1, Some(0)));
    assert_eq!(recreated.version, 3);
}

#[test]
fn hostile_partition_indexes_neither_panic_nor_allocate() {
    let view = ClusterMetadata::unknown().updated(response(7, &[(i32::MAX, 1, 0), (-1, 1, 0), (0, -1, -1)]));
    assert_eq!(view.topic("t").unwrap().partitions.len(), 3);
    assert_eq!(view.leader("t", 0), None);
    assert_eq!(view.leader("t", i32::MAX), None);
    assert_eq!(view.leader("t", -1), None);
}
