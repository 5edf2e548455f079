//! What a client has to be able to do with any broker of Kafka 4.

use std::collections::HashMap;
use std::time::Duration;

use millstream_client::admin::*;
use millstream_client::*;
use millstream_wire::compression::Compression;

use super::*;

/// All of it.
pub(crate) async fn everything(client: &Client) {
    produce_and_fetch(client).await;
    topics_and_configs(client).await;
    offsets_and_commits(client).await;
    groups(client).await;
    transactions(client).await;
}

async fn produce_and_fetch(client: &Client) {
    for compression in Compression::ALL {
        let topic = fresh_topic(client, "round-trip", 3).await;
        let settings = ProducerConfig { compression, batch_size_bytes: 4096, ..ProducerConfig::default() };
        let mut writer = writer(client, &topic, settings).await;
        writer.keep_deliveries();
        append_numbered(&mut writer, 0..20_000).await;
        writer.flush().await.unwrap();
        let deliveries = writer.take_deliveries();
        assert_eq!(deliveries.iter().map(|delivery| u64::from(delivery.records)).sum::<u64>(), 20_000);
        let mut next = HashMap::new();
        for delivery in deliveries {
            let next = next.entry(delivery.partition).or_insert(0);
            assert_eq!(delivery.base_offset, Some(*next));
            *next += i64::from(delivery.records);
        }
        assert_all_once(client, &topic, 3, 20_000).await;
    }
}

async fn topics_and_configs(client: &Client) {
    let admin = Admin::new(client.clone());
    let name = format!("admin-{}", uuid::Uuid::new_v4());
    let topic = NewTopic::new(&name).with_partitions(2).with_config("retention.ms", "12345");
    let created = admin.create_topic(&topic).await.unwrap();
    assert_eq!(created.partitions, Some(2));
    let again = admin.create_topic(&topic).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::AlreadyExists, "{again}");
    client.wait_for_topic(&name, Duration::from_secs(20)).await.unwrap();

    let resource = ConfigResource::Topic(name.clone());
    let retention = async || {
        let configs = admin.describe_configs(&resource).await.unwrap();
        configs.into_iter().find(|entry| entry.name == "retention.ms").unwrap()
    };
    let entry = retention().await;
    assert_eq!((entry.value.as_deref(), entry.source), (Some("12345"), ConfigSource::DynamicTopic));
    let change = [("retention.ms".to_owned(), ConfigChange::Set("54321".to_owned()))];
    admin.incremental_alter_configs(&resource, &change, false).await.unwrap();
    // The broker that is asked may not have heard of it yet.
    eventually(async || retention().await.value.as_deref() == Some("54321")).await;
    let change = [("retention.ms".to_owned(), ConfigChange::Set("often".to_owned()))];
    let refused = admin.incremental_alter_configs(&resource, &change, false).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{refused}");

    assert!(admin.list_topics().await.unwrap().iter().any(|topic| *topic.name == name));
    let missing = "no-such-topic";
    let described = admin.describe_topics(&[&name, missing]).await.unwrap();
    assert_eq!(described[0].1.as_ref().unwrap().partitions.len(), 2);
    assert_eq!(described[1].1.as_ref().unwrap_err().kind(), ErrorKind::NotFound);
    let cluster = admin.describe_cluster().await.unwrap();
    assert_eq!(cluster.brokers.len(), 1);
    admin.create_partitions(&name, 3, false).await.unwrap();
    let deleted = admin.delete_topics(&[&name, missing]).await.unwrap();
    assert!(deleted[0].1.is_ok());
    assert_eq!(deleted[1].1.as_ref().unwrap_err().kind(), ErrorKind::NotFound);
}

async fn offsets_and_commits(client: &Client) {
    let admin = Admin::new(client.clone());
    let topic = fresh_topic(client, "offsets", 2).await;
    let mut writer = writer(client, &topic, ProducerConfig::default()).await;
    append_numbered(&mut writer, 0..1000).await;
    writer.flush().await.unwrap();

    let one = TopicPartition::new(topic.as_str(), 1);
    let ask = async |spec| {
        let found = admin.list_offsets(&[(one.clone(), spec)], IsolationLevel::ReadUncommitted).await;
        found.unwrap()[&one].offset
    };
    assert_eq!(ask(OffsetSpec::Earliest).await, Some(0));
    assert_eq!(ask(OffsetSpec::Latest).await, Some(500));
    assert_eq!(ask(OffsetSpec::Timestamp(first_timestamp_ms() + 500)).await, Some(250));
    assert_eq!(ask(OffsetSpec::Timestamp(first_timestamp_ms() + 5000)).await, None);
    assert_eq!(ask(OffsetSpec::MaxTimestamp).await, Some(499));

    let group = format!("group-{topic}");
    let commit = OffsetToCommit { offset: 17, leader_epoch: Some(0), metadata: "x".repeat(4096) };
    admin.commit_offsets(&group, &HashMap::from([(one.clone(), commit.clone())])).await.unwrap();
    for partitions in [None, Some(&[TopicPartition::new(topic.as_str(), 0), one.clone()][..])] {
        let committed = admin.committed_offsets(&group, partitions, true).await.unwrap();
        assert_eq!(committed.len(), 1);
        let found = &committed[&one];
        assert_eq!((found.offset, found.leader_epoch, &found.metadata), (17, Some(0), &commit.metadata));
    }
    let too_long = OffsetToCommit { metadata: "x".repeat(4097), ..commit };
    assert!(admin.commit_offsets(&group, &HashMap::from([(one.clone(), too_long)])).await.is_err());
    let listings = admin.list_groups().await.unwrap();
    let listing = listings.iter().find(|listing| listing.group_id == group).unwrap();
    assert_eq!((listing.group_type.as_str(), listing.coordinator), ("classic", 1));
    let described = admin.describe_group(&group).await.unwrap();
    assert_eq!(
        (described.state.as_str(), described.group_type, described.coordinator),
        ("Empty", "classic", 1)
    );
    let deleted = admin.delete_committed_offsets(&group, std::slice::from_ref(&one)).await.unwrap();
    assert!(matches!(&deleted[..], [(partition, Ok(()))] if *partition == one), "{deleted:?}");
    assert!(admin.committed_offsets(&group, None, true).await.unwrap().is_empty());
    admin.delete_group(&group).await.unwrap();
    assert_eq!(admin.describe_group(&group).await.unwrap_err().kind(), ErrorKind::NotFound);

    assert_eq!(admin.delete_records(&HashMap::from([(one.clone(), 100)])).await.unwrap()[&one], 100);
    assert_eq!(ask(OffsetSpec::Earliest).await, Some(100));
    out_of_range(client, &one).await;
}

async fn out_of_range(client: &Client, partition: &TopicPartition) {
    let fetcher = Fetcher::new(client.clone(), FetcherConfig::default()).unwrap();
    let error = fetcher.read(partition.clone(), Start::at(5), None).next().await.unwrap_err();
    assert_eq!(error.code(), Some(millstream_wire::ErrorCode::OffsetOutOfRange), "{error}");
    let settings = FetcherConfig { reset: OffsetReset::Earliest, ..FetcherConfig::default() };
    let fetcher = Fetcher::new(client.clone(), settings).unwrap();
    let mut reader = fetcher.read(partition.clone(), Start::at(5), Some(500));
    let values = drain(&mut reader).await;
    assert_eq!((values.len(), values[0].as_str()), (400, "value-201"));
    assert_eq!((reader.position(), reader.remaining()), (Some(500), Some(0)));
    let error =
        fetcher.read(TopicPartition::new(partition.topic.clone(), 9), Start::Earliest, None).next().await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::NotFound);
    let mut reader = fetcher.read(partition.clone(), Start::Timestamp(first_timestamp_ms() + 991), None);
    let fetched = reader.next().await.unwrap().unwrap();
    assert_eq!(fetched.position, 495);
}

async fn groups(client: &Client) {
    let topic = fresh_topic(client, "group", 4).await;
    let group = format!("members-of-{topic}");
    let settings = GroupConfig {
        heartbeat_interval: Duration::from_millis(100),
        ..GroupConfig::new(&group, vec![topic.clone()])
    };
    let mut first = GroupMember::join(client.clone(), settings.clone()).unwrap();
    let GroupEvent::Assigned { partitions: all, generation } = first.next_event().await.unwrap() else {
        panic!("the first event is an assignment")
    };
    assert_eq!((all.len(), generation), (4, 1));
    first.commit(&HashMap::from([(all[1].clone(), OffsetToCommit::new(7))])).await.unwrap();

    let mut second = GroupMember::join(client.clone(), settings).unwrap();
    let revoked = first.next_event().await.unwrap();
    assert_eq!(revoked, GroupEvent::Revoked { partitions: all.clone(), is_lost: false });
    // While the group waits for it, the first member may still commit.
    first.commit(&HashMap::from([(all[0].clone(), OffsetToCommit::new(8))])).await.unwrap();
    let (one, two) = tokio::join!(first.next_event(), second.next_event());
    let mut shares = Vec::new();
    for event in [one, two] {
        let GroupEvent::Assigned { partitions, generation: 2 } = event.unwrap() else { panic!("assigned") };
        assert_eq!(partitions.len(), 2);
        shares.extend(partitions);
    }
    shares.sort();
    assert_eq!(shares, all);
    let committed = second.committed(&all).await.unwrap();
    assert_eq!((committed[&all[0]].offset, committed[&all[1]].offset, committed.len()), (8, 7, 2));

    second.leave().await.unwrap();
    assert!(matches!(first.next_event().await.unwrap(), GroupEvent::Revoked { .. }));
    let GroupEvent::Assigned { partitions, .. } = first.next_event().await.unwrap() else {
        panic!("assigned")
    };
    assert_eq!(partitions, all);
    let described = Admin::new(client.clone()).describe_group(&group).await.unwrap();
    assert_eq!((described.state.as_str(), described.protocol.as_str()), ("Stable", "range"));
    assert_eq!(described.members[0].assignment, all);
    first.leave().await.unwrap();
}

/// A transaction that its producer has left open is found, and aborted by fencing the producer.
async fn transactions(client: &Client) {
    use millstream_wire::messages::add_partitions_to_txn::{
        AddPartitionsToTxnRequest, AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction,
    };
    use millstream_wire::messages::init_producer_id::InitProducerIdRequest;
    let admin = Admin::new(client.clone());
    let topic = fresh_topic(client, "transaction", 1).await;
    let id = format!("id-{topic}");
    let missing = admin.describe_transaction(&id).await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound, "{missing}");
    assert_eq!(admin.abort_transaction(&id).await.unwrap_err().kind(), ErrorKind::NotFound);

    let timeout = Duration::from_secs(20);
    let address = admin.describe_cluster().await.unwrap().brokers[&1].address.clone();
    let connection = Connection::open(&address, client.config()).await.unwrap();
    let start = InitProducerIdRequest {
        transactional_id: Some(id.clone()),
        transaction_timeout_ms: 60_000,
        producer_id: -1,
        producer_epoch: -1,
        ..InitProducerIdRequest::default()
    };
    let producer = connection.call(&start, timeout).await.unwrap();
    assert_eq!(producer.error_code, 0);
    let enrol = AddPartitionsToTxnRequest {
        transactions: vec![AddPartitionsToTxnTransaction {
            transactional_id: id.clone(),
            producer_id: producer.producer_id,
            producer_epoch: producer.producer_epoch,
            verify_only: false,
            topics: vec![AddPartitionsToTxnTopic { name: topic.clone(), partitions: vec![0] }],
        }],
        ..AddPartitionsToTxnRequest::default()
    };
    let enrolled = connection.call(&enrol, timeout).await.unwrap();
    let result = &enrolled.results_by_transaction[0].topic_results[0].results_by_partition[0];
    assert_eq!(result.partition_error_code, 0);

    let listed = admin.list_transactions().await.unwrap();
    let listed = listed.iter().find(|listing| listing.transactional_id == id).unwrap();
    assert_eq!((listed.state.as_str(), listed.producer_id), ("Ongoing", producer.producer_id));
    let described = admin.describe_transaction(&id).await.unwrap();
    assert_eq!((described.timeout_ms, described.producer_epoch), (60_000, producer.producer_epoch));
    assert_eq!(described.partitions, [TopicPartition::new(topic.as_str(), 0)]);
    assert!(described.started_ms.is_some());
    admin.abort_transaction(&id).await.unwrap();
    let after = admin.describe_transaction(&id).await.unwrap();
    assert!(after.partitions.is_empty() && after.state != "Ongoing", "{after:?}");
    let fenced = connection.call(&enrol, timeout).await.unwrap();
    assert_ne!(
        fenced.results_by_transaction[0].topic_results[0].results_by_partition[0].partition_error_code,
        0
    );
}
