//! Topics and partitions.

use bytestring::ByteString;
use millstream_wire::messages::create_partitions::{
    CreatePartitionsAssignment, CreatePartitionsRequest, CreatePartitionsTopic,
};
use millstream_wire::messages::create_topics::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use millstream_wire::messages::delete_records::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic,
};
use millstream_wire::messages::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use millstream_wire::messages::describe_cluster::DescribeClusterRequest;
use millstream_wire::messages::describe_log_dirs::{DescribableLogDirTopic, DescribeLogDirsRequest};
use millstream_wire::messages::describe_topic_partitions::{
    DescribeTopicPartitionsRequest, DescribeTopicPartitionsRequestCursor, TopicRequest,
};
use millstream_wire::messages::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use millstream_wire::messages::metadata::{MetadataRequest, MetadataRequestTopic};
use uuid::Uuid;

use crate::connection::{Connection, until};

/// A topic as it is asked for.
pub(crate) fn topic(name: &str, partitions: i32) -> CreatableTopic {
    CreatableTopic {
        name: name.into(),
        num_partitions: partitions,
        replication_factor: 1,
        ..CreatableTopic::default()
    }
}

fn with_config(name: &str, config: &str, value: Option<&str>) -> CreatableTopic {
    let config = CreatableTopicConfig { name: config.into(), value: value.map(Into::into) };
    CreatableTopic { configs: vec![config], ..topic(name, 1) }
}

fn creating(topics: Vec<CreatableTopic>) -> CreateTopicsRequest {
    CreateTopicsRequest { topics, timeout_ms: 30_000, ..CreateTopicsRequest::default() }
}

/// Creates a topic of the given configurations without writing it down, and waits until it is known.
pub(crate) fn make(
    connection: &mut Connection,
    name: &str,
    partitions: i32,
    configs: &[(&str, &str)],
) -> Uuid {
    let config = |(name, value): &(&str, &str)| CreatableTopicConfig {
        name: (*name).into(),
        value: Some((*value).into()),
    };
    let configs = configs.iter().map(config).collect();
    let request = creating(vec![CreatableTopic { configs, ..topic(name, partitions) }]);
    let answer = connection.quiet(7, &request).unwrap();
    assert_eq!(answer.topics[0].error_code, 0, "{answer:?}");
    // Metadata names leaders before they lead: only the partitions' own answers tell.
    let partition =
        |partition_index| ListOffsetsPartition { partition_index, current_leader_epoch: -1, timestamp: -1 };
    let ends = ListOffsetsRequest {
        replica_id: -1,
        topics: vec![ListOffsetsTopic {
            name: name.into(),
            partitions: (0..partitions).map(partition).collect(),
        }],
        ..ListOffsetsRequest::default()
    };
    until(|| {
        let answer = connection.quiet(7, &ends).unwrap();
        answer.topics[0].partitions.iter().all(|partition| partition.error_code == 0)
    });
    let mut id = Uuid::nil();
    until(|| {
        let topic = connection.quiet(12, &metadata(&[name])).unwrap().topics.remove(0);
        id = topic.topic_id;
        topic.error_code == 0
    });
    id
}

fn metadata(names: &[&str]) -> MetadataRequest {
    let topic = |name: &&str| MetadataRequestTopic {
        name: Some(ByteString::from(*name)),
        ..MetadataRequestTopic::default()
    };
    MetadataRequest { topics: Some(names.iter().map(topic).collect()), ..MetadataRequest::default() }
}

fn creations(connection: &mut Connection) {
    let versions = [2, 4, 5, 6, 7];
    let manual = CreatableReplicaAssignment { partition_index: 0, broker_ids: vec![1] };
    let by_hand = CreatableTopic {
        num_partitions: -1,
        replication_factor: -1,
        assignments: vec![manual.clone()],
        ..topic("by-hand", 1)
    };
    let elsewhere = CreatableReplicaAssignment { partition_index: 0, broker_ids: vec![9] };
    let gap = CreatableReplicaAssignment { partition_index: 1, broker_ids: vec![1] };
    let odd = [
        ("an empty name", topic("", 1)),
        ("a name with a space", topic("a b", 1)),
        ("two dots", topic("..", 1)),
        ("a long name", topic(&"x".repeat(250), 1)),
        ("no partitions", topic("d-none", 0)),
        ("minus two partitions", topic("d-minus", -2)),
        ("three replicas", CreatableTopic { replication_factor: 3, ..topic("d-three", 1) }),
        ("no replicas", CreatableTopic { replication_factor: 0, ..topic("d-zero", 1) }),
        ("an unknown configuration", with_config("d-unknown", "no.such.config", Some("1"))),
        ("a configuration that is no number", with_config("d-nan", "retention.ms", Some("soon"))),
        ("a configuration out of range", with_config("d-range", "segment.bytes", Some("1"))),
        ("a null configuration", with_config("d-null", "retention.ms", None)),
        ("an unknown policy", with_config("d-policy", "cleanup.policy", Some("burn"))),
        ("both counts and assignment", CreatableTopic { assignments: vec![manual], ..topic("d-both", 1) }),
        (
            "an unknown broker",
            CreatableTopic {
                num_partitions: -1,
                replication_factor: -1,
                assignments: vec![elsewhere],
                ..topic("d-else", 1)
            },
        ),
        (
            "a gap in the assignment",
            CreatableTopic {
                num_partitions: -1,
                replication_factor: -1,
                assignments: vec![gap],
                ..topic("d-gap", 1)
            },
        ),
    ];
    for (what, topic) in odd {
        connection.ask_all(what, &versions, &creating(vec![topic]));
    }
    let check = CreateTopicsRequest { validate_only: true, ..creating(vec![topic("d-check", 3)]) };
    connection.ask_sorted("validate only", 6, &check, sort_configs);
    connection.ask_sorted("create", 7, &creating(vec![topic("d-a", 3)]), sort_configs);
    connection.ask_sorted(
        "create with defaults",
        6,
        &creating(vec![CreatableTopic { replication_factor: -1, ..topic("d-b", -1) }]),
        sort_configs,
    );
    connection.ask_sorted("create by hand", 7, &creating(vec![by_hand]), sort_configs);
    connection.ask("create again", 5, &creating(vec![topic("d-a", 1)]));
    connection.ask("the same twice", 5, &creating(vec![topic("d-c", 1), topic("d-c", 1)]));
    connection.ask_sorted("a name with a dot", 5, &creating(vec![topic("d.a", 1)]), sort_configs);
    connection.ask("a name that collides", 5, &creating(vec![topic("d_a", 1)]));
}

fn sort_configs(answer: &mut millstream_wire::messages::create_topics::CreateTopicsResponse) {
    for topic in &mut answer.topics {
        if let Some(configs) = &mut topic.configs {
            // Kafka with eligible leader replicas moves it into the cluster's dynamic defaults.
            configs.retain(|config| config.name != "min.insync.replicas");
            configs.sort_by(|one, other| one.name.cmp(&other.name));
        }
    }
}

/// Creating, describing, growing and deleting.
pub(crate) fn topics(connection: &mut Connection) {
    creations(connection);
    let id = make(connection, "known", 2, &[]);
    let every: Vec<i16> = (0..=13).collect();
    connection.ask_all("a topic", &every, &metadata(&["known"]));
    connection.ask_all(
        "a missing topic",
        &every,
        &MetadataRequest { allow_auto_topic_creation: false, ..metadata(&["missing"]) },
    );
    connection.ask_all("an invalid name", &[4, 12], &metadata(&["a b"]));
    connection.ask_all(
        "authorized operations",
        &[8, 10],
        &MetadataRequest {
            include_cluster_authorized_operations: true,
            include_topic_authorized_operations: true,
            ..metadata(&["known"])
        },
    );
    let by_id = |topic_id| MetadataRequest {
        topics: Some(vec![MetadataRequestTopic { topic_id, name: None }]),
        ..MetadataRequest::default()
    };
    connection.ask_all("by id", &[12, 13], &by_id(id));
    connection.ask_all("by an unknown id", &[12, 13], &by_id(Uuid::from_u128(7)));
    connection.ask_all("no topics", &[1, 9, 12], &metadata(&[]));
    connection.ask(
        "a topic comes into being",
        4,
        &MetadataRequest { allow_auto_topic_creation: true, ..metadata(&["auto"]) },
    );
    for operations in [false, true] {
        connection.ask_all(
            "cluster",
            &[0, 1, 2],
            &DescribeClusterRequest {
                include_cluster_authorized_operations: operations,
                endpoint_type: 1,
                ..Default::default()
            },
        );
    }
    connection.ask(
        "cluster of controllers",
        1,
        &DescribeClusterRequest { endpoint_type: 2, ..Default::default() },
    );
    partitions(connection);
    deletions(connection, id);
}

fn deletions(connection: &mut Connection, id: Uuid) {
    let gone = |name: &str| DeleteTopicsRequest {
        topics: vec![DeleteTopicState { name: Some(name.into()), ..Default::default() }],
        topic_names: Vec::new(),
        timeout_ms: 30_000,
    };
    connection.ask("delete a missing one", 6, &gone("missing"));
    connection.ask("delete", 6, &gone("d-b"));
    let by_id = |topic_id| DeleteTopicsRequest {
        topics: vec![DeleteTopicState { name: None, topic_id }],
        topic_names: Vec::new(),
        timeout_ms: 30_000,
    };
    connection.ask("delete by id", 6, &by_id(id));
    connection.ask("delete by an unknown id", 6, &by_id(Uuid::from_u128(7)));
    connection.ask("delete with neither", 6, &by_id(Uuid::nil()));
    connection.ask(
        "delete by names",
        5,
        &DeleteTopicsRequest {
            topics: Vec::new(),
            topic_names: vec!["d-a".into(), "d-a".into(), "missing".into()],
            timeout_ms: 30_000,
        },
    );
}

fn partitions(connection: &mut Connection) {
    let grow = |name: &str, count, assignments: Option<Vec<i32>>| CreatePartitionsRequest {
        topics: vec![CreatePartitionsTopic {
            name: name.into(),
            count,
            assignments: assignments.map(|brokers| {
                brokers.into_iter().map(|id| CreatePartitionsAssignment { broker_ids: vec![id] }).collect()
            }),
        }],
        timeout_ms: 30_000,
        validate_only: false,
    };
    connection.ask_all("as many partitions", &[0, 2, 3], &grow("known", 2, None));
    connection.ask_all("fewer partitions", &[0, 3], &grow("known", 1, None));
    connection.ask("no partitions", 3, &grow("known", 0, None));
    connection.ask("partitions of nothing", 3, &grow("missing", 4, None));
    connection.ask("too many assignments", 3, &grow("known", 3, Some(vec![1, 1])));
    connection.ask("an unknown broker", 3, &grow("known", 3, Some(vec![9])));
    connection.ask(
        "validate only",
        3,
        &CreatePartitionsRequest { validate_only: true, ..grow("known", 9, None) },
    );
    connection.ask("grow", 3, &grow("known", 3, Some(vec![1])));
    let describe = |names: &[&str], limit, cursor| DescribeTopicPartitionsRequest {
        topics: names.iter().map(|name| TopicRequest { name: (*name).into() }).collect(),
        response_partition_limit: limit,
        cursor,
    };
    until(|| {
        let grown = connection.quiet(0, &describe(&["known"], 2000, None)).unwrap();
        grown.topics[0].partitions.len() == 3
    });
    connection.ask("partitions", 0, &describe(&["known", "d-a"], 2000, None));
    connection.ask("two partitions", 0, &describe(&["known", "d-a"], 2, None));
    connection.ask("missing partitions", 0, &describe(&["missing"], 2, None));
    let cursor = DescribeTopicPartitionsRequestCursor { topic_name: "known".into(), partition_index: 1 };
    connection.ask("partitions from a cursor", 0, &describe(&["d-a", "known"], 2, Some(cursor)));
    let delete = |name: &str, partition_index, offset| DeleteRecordsRequest {
        topics: vec![DeleteRecordsTopic {
            name: name.into(),
            partitions: vec![DeleteRecordsPartition { partition_index, offset }],
        }],
        timeout_ms: 30_000,
    };
    connection.ask_all("delete records of an empty partition", &[0, 2], &delete("known", 0, 0));
    connection.ask("delete all records", 2, &delete("known", 0, -1));
    connection.ask("delete records that are not there", 2, &delete("known", 0, 5));
    connection.ask("delete before the beginning", 2, &delete("known", 0, -2));
    connection.ask("delete records of a missing partition", 2, &delete("known", 7, 0));
    connection.ask("delete records of a missing topic", 2, &delete("missing", 0, 0));
    let of = |topics| DescribeLogDirsRequest { topics };
    let known = DescribableLogDirTopic { topic: "known".into(), partitions: vec![0, 9] };
    connection.ask_all("log directories", &[1, 4], &of(Some(vec![known])));
    let missing = DescribableLogDirTopic { topic: "missing".into(), partitions: vec![0] };
    connection.ask_all("log directories of nothing", &[1, 4], &of(Some(vec![missing])));
}
