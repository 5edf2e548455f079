//! Topics, configurations, metadata, cluster and directories.

use millstream_wire::ErrorCode;
use millstream_wire::messages::alter_configs::{self, AlterConfigsRequest};
use millstream_wire::messages::create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic};
use millstream_wire::messages::create_topics::CreatableReplicaAssignment;
use millstream_wire::messages::delete_records::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic,
};
use millstream_wire::messages::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use millstream_wire::messages::describe_cluster::DescribeClusterRequest;
use millstream_wire::messages::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
};
use millstream_wire::messages::describe_log_dirs::DescribeLogDirsRequest;
use millstream_wire::messages::describe_topic_partitions::{
    DescribeTopicPartitionsRequest, DescribeTopicPartitionsRequestCursor,
};
use millstream_wire::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use millstream_wire::messages::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};

use super::*;

pub(super) async fn delete_topic(test: &mut TestBroker, name: &str) {
    let topic = DeleteTopicState { name: Some(name.to_owned()), ..DeleteTopicState::default() };
    let request = DeleteTopicsRequest { topics: vec![topic], ..DeleteTopicsRequest::default() };
    assert_eq!(test.ask(6, request).await.responses[0].error_code, 0);
}

async fn metadata(test: &mut TestBroker, names: Option<&[&str]>, may_create: bool) -> MetadataResponse {
    let topics = names.map(|names| {
        let named = |name: &&str| MetadataRequestTopic { name: Some((*name).into()), ..Default::default() };
        names.iter().map(named).collect()
    });
    let request = MetadataRequest { topics, allow_auto_topic_creation: may_create, ..Default::default() };
    test.ask(12, request).await
}

#[tokio::test]
async fn metadata_tells_all_from_none_and_creates_what_it_may() {
    let mut test = TestBroker::start().await;
    test.create_topic("a", 3, &[]).await;
    let all = metadata(&mut test, None, false).await;
    assert_eq!((all.brokers.len(), all.controller_id, all.topics.len()), (1, 1, 1));
    assert_eq!(all.cluster_id.as_deref(), Some(test.broker.cluster_id()));
    assert_eq!(all.topics[0].partitions.len(), 3);
    let partition = &all.topics[0].partitions[2];
    assert_eq!(
        (partition.leader_id, &*partition.replica_nodes, &*partition.isr_nodes),
        (1, &[1][..], &[1][..])
    );
    assert!(partition.leader_epoch >= 0);
    assert!(metadata(&mut test, Some(&[]), true).await.topics.is_empty());
    let none_is_all = MetadataRequest { topics: Some(Vec::new()), ..MetadataRequest::default() };
    assert_eq!(test.ask(0, none_is_all).await.topics.len(), 1);
    let missing = metadata(&mut test, Some(&["b", "bad name"]), false).await;
    let codes: Vec<_> = missing.topics.iter().map(|topic| topic.error_code).collect();
    assert_eq!(codes, [3, 17]);
    let created = metadata(&mut test, Some(&["b", "b"]), true).await;
    assert!(created.topics.iter().all(|topic| topic.error_code == 0 && topic.partitions.len() == 1));
    let mut test = test.restart().await;
    assert_eq!(metadata(&mut test, None, false).await.topics.len(), 2);
}

#[tokio::test]
async fn auto_creation_can_be_switched_off() {
    let mut test = TestBroker::start_with(|config| config.auto_create_topics = false).await;
    assert_eq!(metadata(&mut test, Some(&["b"]), true).await.topics[0].error_code, 3);
}

fn topic(name: &str, num_partitions: i32, replication_factor: i16) -> CreatableTopic {
    CreatableTopic { name: name.to_owned(), num_partitions, replication_factor, ..CreatableTopic::default() }
}

#[tokio::test]
async fn topics_are_created_as_kafka_would_or_refused_with_its_codes() {
    let mut test = TestBroker::start().await;
    test.create_topic("taken.one", 1, &[]).await;
    let config = |name: &str, value: Option<&str>| CreatableTopicConfig {
        name: name.to_owned(),
        value: value.map(str::to_owned),
    };
    let with = |configs: Vec<CreatableTopicConfig>| CreatableTopic { configs, ..topic("x", 1, 1) };
    let assigned = |index, broker, count| CreatableTopic {
        assignments: vec![CreatableReplicaAssignment { partition_index: index, broker_ids: vec![broker] }],
        ..topic("x", count, -1)
    };
    let cases = [
        (topic("taken.one", 1, 1), ErrorCode::TopicAlreadyExists),
        (topic("taken_one", 1, 1), ErrorCode::InvalidTopicException),
        (topic("bad name", 1, 1), ErrorCode::InvalidTopicException),
        (topic("", 1, 1), ErrorCode::InvalidTopicException),
        (topic("..", 1, 1), ErrorCode::InvalidTopicException),
        (topic("x", 0, 1), ErrorCode::InvalidPartitions),
        (topic("x", -2, 1), ErrorCode::InvalidPartitions),
        (topic("x", 1, 3), ErrorCode::InvalidReplicationFactor),
        (topic("x", 1, 0), ErrorCode::InvalidReplicationFactor),
        (with(vec![config("no.such.config", Some("1"))]), ErrorCode::InvalidConfig),
        (with(vec![config("retention.ms", Some("soon"))]), ErrorCode::InvalidConfig),
        (with(vec![config("retention.ms", None)]), ErrorCode::InvalidConfig),
        (assigned(1, 1, -1), ErrorCode::InvalidReplicaAssignment),
        (assigned(0, 2, -1), ErrorCode::InvalidReplicaAssignment),
        (assigned(0, 1, 1), ErrorCode::InvalidRequest),
    ];
    for (topic, expected) in cases {
        let request = CreateTopicsRequest { topics: vec![topic.clone()], ..CreateTopicsRequest::default() };
        let refused = test.ask(7, request).await.topics.remove(0);
        assert_eq!(ErrorCode::from_code(refused.error_code), Some(expected), "{topic:?}");
        assert!(refused.error_message.is_some_and(|message| !message.is_empty()), "{topic:?}");
    }
    let twice =
        CreateTopicsRequest { topics: vec![topic("y", 1, 1), topic("y", 2, 1)], ..Default::default() };
    let refused = test.ask(7, twice).await.topics;
    assert_eq!((refused.len(), refused[0].error_code), (1, ErrorCode::InvalidRequest.code()));
    let dry =
        CreateTopicsRequest { topics: vec![topic("z", 4, 1)], validate_only: true, ..Default::default() };
    let checked = test.ask(7, dry).await.topics.remove(0);
    assert_eq!((checked.error_code, checked.num_partitions, checked.replication_factor), (0, 4, 1));
    let defaults = CreateTopicsRequest { topics: vec![topic("d", -1, -1)], ..Default::default() };
    let created = test.ask(7, defaults).await.topics.remove(0);
    assert_eq!((created.error_code, created.num_partitions), (0, 1));
    assert!(created.configs.unwrap().len() > 20 && !created.topic_id.is_nil());
    let names = metadata(&mut test, None, false).await.topics;
    let names: Vec<_> = names.iter().map(|topic| topic.name.as_deref().unwrap()).collect();
    assert_eq!(names, ["d", "taken.one"], "nothing refused was created");
}

/// A client that hung up while its topic was being created left a topic that was in the log and nowhere else:
/// "already exists" and "unknown topic" at once. Found by killing brokers and clients in a loop.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_leaves_no_half_made_topic() {
    let mut test = TestBroker::start().await;
    for number in 0..50 {
        let name = format!("t{number}");
        let request = || CreateTopicsRequest { topics: vec![topic(&name, 1, 1)], ..Default::default() };
        let mut hasty = TestClient::connect(&test.broker);
        hasty.send(7, request()).await;
        drop(hasty);
        let code = test.ask(7, request()).await.topics[0].error_code;
        assert!([0, ErrorCode::TopicAlreadyExists.code()].contains(&code));
        assert_eq!(test.produce(&name, 0, batch(&[(None, "v")])).await.error_code, 0, "{name}");
    }
}

#[tokio::test]
async fn deleted_topics_are_gone_and_unknown_ones_are_said() {
    let mut test = TestBroker::start().await;
    test.create_topic("t", 1, &[]).await;
    delete_topic(&mut test, "t").await;
    let request = DeleteTopicsRequest { topic_names: vec!["t".into()], ..DeleteTopicsRequest::default() };
    assert_eq!(test.ask(5, request).await.responses[0].error_code, 3);
    let both = DeleteTopicState { name: Some("t".into()), topic_id: uuid::Uuid::new_v4() };
    let unknown = DeleteTopicState { name: None, topic_id: uuid::Uuid::new_v4() };
    let neither = DeleteTopicState::default();
    let request = DeleteTopicsRequest { topics: vec![both, unknown, neither], ..Default::default() };
    let codes: Vec<_> = test.ask(6, request).await.responses.iter().map(|topic| topic.error_code).collect();
    assert_eq!(codes, [42, 100, 42]);
}

#[tokio::test]
async fn partitions_grow_and_never_shrink() {
    let mut test = TestBroker::start().await;
    test.create_topic("t", 2, &[]).await;
    test.produce("t", 1, batch(&[(None, "v")])).await;
    let mut grow = async |count| {
        let topic = CreatePartitionsTopic { name: "t".into(), count, assignments: None };
        let request = CreatePartitionsRequest { topics: vec![topic], ..Default::default() };
        test.ask(3, request).await.results[0].error_code
    };
    assert_eq!(grow(1).await, ErrorCode::InvalidPartitions.code());
    assert_eq!(grow(2).await, ErrorCode::InvalidPartitions.code());
    assert_eq!(grow(4).await, 0);
    assert_eq!(test.produce("t", 3, batch(&[(None, "v")])).await.error_code, 0);
    assert_eq!(test.produce("t", 1, batch(&[(None, "v")])).await.base_offset, 1);
}

async fn describe(test: &mut TestBroker, name: &str) -> Vec<DescribeConfigsResourceResult> {
    let resource = DescribeConfigsResource {
        resource_type: 2,
        resource_name: name.to_owned(),
        configuration_keys: None,
    };
    let request = DescribeConfigsRequest {
        resources: vec![resource],
        include_synonyms: true,
        include_documentation: true,
    };
    test.ask(4, request).await.results.remove(0).configs
}

fn find<'a>(configs: &'a [DescribeConfigsResourceResult], name: &str) -> &'a DescribeConfigsResourceResult {
    configs.iter().find(|config| config.name == name).expect(name)
}

#[tokio::test]
async fn configurations_say_where_they_come_from() {
    let mut test = TestBroker::start_with(|config| {
        config.topic_defaults.insert("log.retention.ms".into(), "1000".into());
    })
    .await;
    test.create_topic("t", 1, &[("cleanup.policy", "compact")]).await;
    let configs = describe(&mut test, "t").await;
    let own = find(&configs, "cleanup.policy");
    assert_eq!((own.value.as_deref(), own.config_source, own.synonyms.len()), (Some("compact"), 1, 2));
    let of_broker = find(&configs, "retention.ms");
    assert_eq!((of_broker.value.as_deref(), of_broker.config_source), (Some("1000"), 4));
    assert_eq!(of_broker.synonyms.len(), 1, "the default is that of log.retention.hours");
    let default = find(&configs, "segment.bytes");
    assert_eq!((default.value.as_deref(), default.config_source), (Some("1073741824"), 5));
    assert!(configs.iter().all(|config| config.documentation.is_some() && config.config_type > 0));
}

async fn alter(test: &mut TestBroker, topic: &str, changes: &[(&str, i8, Option<&str>)]) -> ErrorCode {
    let configs = changes.iter().map(|&(name, config_operation, value)| AlterableConfig {
        name: name.to_owned(),
        config_operation,
        value: value.map(str::to_owned),
    });
    let resource = AlterConfigsResource {
        resource_type: 2,
        resource_name: topic.to_owned(),
        configs: configs.collect(),
    };
    let request = IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false };
    let response = test.ask(1, request).await;
    ErrorCode::from_code(response.responses[0].error_code).unwrap()
}

#[tokio::test]
async fn configurations_change_bit_by_bit_and_take_effect() {
    let mut test = TestBroker::start().await;
    test.create_topic("t", 1, &[]).await;
    assert_eq!(alter(&mut test, "t", &[("cleanup.policy", 2, Some("compact"))]).await, ErrorCode::None);
    let value = |configs: &[DescribeConfigsResourceResult]| find(configs, "cleanup.policy").value.clone();
    assert_eq!(value(&describe(&mut test, "t").await).as_deref(), Some("delete,compact"));
    let refused = test.produce("t", 0, batch(&[(None, "v")])).await;
    assert_eq!(refused.error_code, ErrorCode::InvalidRecord.code(), "compaction needs keys from now on");
    assert_eq!(alter(&mut test, "t", &[("cleanup.policy", 3, Some("delete"))]).await, ErrorCode::None);
    assert_eq!(value(&describe(&mut test, "t").await).as_deref(), Some("compact"));
    assert_eq!(alter(&mut test, "t", &[("cleanup.policy", 1, None)]).await, ErrorCode::None);
    assert_eq!(value(&describe(&mut test, "t").await).as_deref(), Some("delete"));
    assert_eq!(alter(&mut test, "t", &[("retention.ms", 2, Some("1"))]).await, ErrorCode::InvalidConfig);
    assert_eq!(alter(&mut test, "t", &[("retention.ms", 0, None)]).await, ErrorCode::InvalidRequest);
    assert_eq!(alter(&mut test, "t", &[("no.such", 0, Some("1"))]).await, ErrorCode::InvalidConfig);
    let missing = alter(&mut test, "missing", &[("retention.ms", 0, Some("1"))]).await;
    assert_eq!(missing, ErrorCode::UnknownTopicOrPartition);
    let twice = [("retention.ms", 0, Some("1")), ("retention.ms", 0, Some("2"))];
    assert_eq!(alter(&mut test, "t", &twice).await, ErrorCode::InvalidRequest);
    alter(&mut test, "t", &[("retention.ms", 0, Some("77"))]).await;
    let replace = alter_configs::AlterableConfig { name: "segment.ms".into(), value: Some("88".into()) };
    let resource = alter_configs::AlterConfigsResource {
        resource_type: 2,
        resource_name: "t".into(),
        configs: vec![replace],
    };
    let request = AlterConfigsRequest { resources: vec![resource], validate_only: false };
    assert_eq!(test.ask(2, request).await.responses[0].error_code, 0);
    let mut test = test.restart().await;
    let configs = describe(&mut test, "t").await;
    assert_eq!(find(&configs, "retention.ms").config_source, 5, "the old way replaces everything");
    assert_eq!(find(&configs, "segment.ms").value.as_deref(), Some("88"));
}

#[tokio::test]
async fn the_broker_describes_itself() {
    let mut test = TestBroker::start().await;
    test.create_topic("t", 1, &[]).await;
    test.produce("t", 0, batch(&[(None, "v")])).await;
    let cluster = test.ask(2, DescribeClusterRequest { endpoint_type: 1, ..Default::default() }).await;
    assert_eq!((cluster.error_code, cluster.brokers.len(), cluster.controller_id), (0, 1, 1));
    let controllers = test.ask(2, DescribeClusterRequest { endpoint_type: 2, ..Default::default() }).await;
    assert_eq!(controllers.error_code, ErrorCode::MismatchedEndpointType.code());
    let resource = DescribeConfigsResource {
        resource_type: 4,
        resource_name: "1".into(),
        configuration_keys: Some(vec!["num.partitions".into(), "message.max.bytes".into()]),
    };
    let request = DescribeConfigsRequest { resources: vec![resource], ..Default::default() };
    let configs = test.ask(4, request).await.results.remove(0).configs;
    let values: Vec<_> = configs.iter().map(|config| config.value.as_deref().unwrap()).collect();
    assert_eq!(values, ["1048588", "1"]);
    let directories = test.ask(4, DescribeLogDirsRequest { topics: None }).await;
    let directory = &directories.results[0];
    assert!(directory.topics[0].partitions[0].partition_size > 0);
    assert!(directory.total_bytes > directory.usable_bytes && directory.usable_bytes > 0);
}

#[tokio::test]
async fn partitions_are_described_page_by_page() {
    let mut test = TestBroker::start().await;
    test.create_topic("a", 3, &[]).await;
    test.create_topic("b", 2, &[]).await;
    let mut cursor = None;
    let mut seen = Vec::new();
    loop {
        let request = DescribeTopicPartitionsRequest {
            response_partition_limit: 2,
            cursor: cursor.take(),
            ..DescribeTopicPartitionsRequest::default()
        };
        let page = test.ask(0, request).await;
        for topic in &page.topics {
            let name = topic.name.clone().unwrap();
            seen.extend(topic.partitions.iter().map(|partition| (name.clone(), partition.partition_index)));
        }
        let Some(next) = page.next_cursor else { break };
        cursor = Some(DescribeTopicPartitionsRequestCursor {
            topic_name: next.topic_name,
            partition_index: next.partition_index,
        });
    }
    let expected = [("a", 0), ("a", 1), ("a", 2), ("b", 0), ("b", 1)];
    assert_eq!(seen, expected.map(|(name, index)| (name.to_owned(), index)));
}

#[tokio::test]
async fn records_are_deleted_up_to_an_offset() {
    let mut test = TestBroker::start().await;
    test.create_topic("t", 1, &[]).await;
    for _ in 0..3 {
        test.produce("t", 0, batch(&[(None, "v")])).await;
    }
    let mut delete = async |offset| {
        let partition = DeleteRecordsPartition { partition_index: 0, offset };
        let topic = DeleteRecordsTopic { name: "t".into(), partitions: vec![partition] };
        let request = DeleteRecordsRequest { topics: vec![topic], timeout_ms: 1000 };
        let response = test.ask(2, request).await;
        let result = &response.topics[0].partitions[0];
        (result.error_code, result.low_watermark)
    };
    assert_eq!(delete(2).await, (0, 2));
    assert_eq!(delete(9).await.0, ErrorCode::OffsetOutOfRange.code());
    let early = test.ask(12, fetch_request("t", &[(0, 0)])).await;
    assert_eq!(partition_of(&early, 0, 0).error_code, ErrorCode::OffsetOutOfRange.code());
    let mut test = test.restart().await;
    assert_eq!(test.fetch("t", 0, 2).await.log_start_offset, 2);
}
