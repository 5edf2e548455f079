//! Configurations of topics, of groups and of subscriptions to metrics.

use millstream_wire::messages::alter_configs::{self, AlterConfigsRequest};
use millstream_wire::messages::describe_configs::{DescribeConfigsRequest, DescribeConfigsResource};
use millstream_wire::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use millstream_wire::messages::list_config_resources::ListConfigResourcesRequest;

use crate::admin::make;
use crate::connection::Connection;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const CLIENT_METRICS: i8 = 16;
const GROUP: i8 = 32;

fn describing(resources: Vec<(i8, &str, Option<Vec<&str>>)>) -> DescribeConfigsRequest {
    let resource = |(resource_type, name, keys): (i8, &str, Option<Vec<&str>>)| DescribeConfigsResource {
        resource_type,
        resource_name: name.into(),
        configuration_keys: keys.map(|keys| keys.into_iter().map(Into::into).collect()),
    };
    DescribeConfigsRequest {
        resources: resources.into_iter().map(resource).collect(),
        include_synonyms: true,
        include_documentation: true,
    }
}

fn describe(connection: &mut Connection, what: &str, resources: Vec<(i8, &str, Option<Vec<&str>>)>) {
    for version in [1, 3, 4] {
        connection.ask_sorted(what, version, &describing(resources.clone()), |answer| {
            for result in &mut answer.results {
                result.configs.retain(|config| config.name != "min.insync.replicas");
                result.configs.sort_by(|one, other| one.name.cmp(&other.name));
            }
        });
    }
}

/// Configurations of topics.
pub(crate) fn configs(connection: &mut Connection) {
    make(connection, "c", 1, &[("retention.ms", "1000"), ("cleanup.policy", "compact")]);
    describe(connection, "all configurations", vec![(TOPIC, "c", None)]);
    describe(
        connection,
        "two configurations",
        vec![(TOPIC, "c", Some(vec!["retention.ms", "no.such.config"]))],
    );
    describe(connection, "no configurations", vec![(TOPIC, "c", Some(vec![]))]);
    describe(connection, "of a missing topic", vec![(TOPIC, "missing", None)]);
    describe(connection, "of an invalid name", vec![(TOPIC, "a b", None)]);
    describe(connection, "of an unknown broker", vec![(BROKER, "9", None)]);
    describe(connection, "of a broker without a number", vec![(BROKER, "x", None)]);
    describe(connection, "of an unknown kind", vec![(77, "x", None)]);
    changes(connection);
    replacements(connection);
    let kinds = |resource_types| ListConfigResourcesRequest { resource_types };
    connection.ask("resources of an unknown kind", 1, &kinds(vec![77]));
    connection.ask("brokers", 1, &kinds(vec![BROKER]));
}

/// Configurations of groups, of those that are here: Kafka has those of share and streams groups as well.
pub(crate) fn group_configs(connection: &mut Connection) {
    let names =
        ["consumer.assignment.interval.ms", "consumer.heartbeat.interval.ms", "consumer.session.timeout.ms"];
    let [assignments, heartbeats, sessions] = names;
    describe(connection, "of a group", vec![(GROUP, "g-configs", Some(names.to_vec()))]);
    describe(connection, "of a group without a name", vec![(GROUP, "", Some(names.to_vec()))]);
    let change = |name: &str, changes: &[Change]| alter(GROUP, name, changes);
    let (set, delete, append) = (0, 1, 2);
    let steps: &[(&str, &[Change])] = &[
        ("set", &[(heartbeats, set, Some("7000")), (sessions, set, Some("50000"))]),
        ("set nonsense", &[(heartbeats, set, Some("soon"))]),
        ("set nothing", &[(heartbeats, set, Some("0"))]),
        ("set too little", &[(heartbeats, set, Some("4999"))]),
        ("set too much", &[(sessions, set, Some("60001"))]),
        ("set least", &[(assignments, set, Some("0"))]),
        ("set an unknown one", &[("no.such.config", set, Some("1"))]),
        ("delete", &[(assignments, delete, None)]),
        ("delete what is not set", &[(assignments, delete, None)]),
        ("delete an unknown one", &[("no.such.config", delete, None)]),
        ("append", &[(heartbeats, append, Some("1"))]),
    ];
    for (what, changes) in steps {
        connection.ask(&format!("{what}, of a group"), 1, &change("g-configs", changes));
    }
    connection.ask("of a group without a name", 1, &change("", &[(heartbeats, set, Some("7000"))]));
    let groups = ListConfigResourcesRequest { resource_types: vec![GROUP] };
    connection
        .ask_until("groups with configurations", 1, &groups, |answer| !answer.config_resources.is_empty());
    describe(connection, "of a group that has some", vec![(GROUP, "g-configs", Some(names.to_vec()))]);
}

/// A configuration, what is done to it, and a value.
type Change = (&'static str, i8, Option<&'static str>);

fn alter(resource_type: i8, name: &str, changes: &[Change]) -> IncrementalAlterConfigsRequest {
    let configs = changes.iter().map(|(name, operation, value)| AlterableConfig {
        name: (*name).into(),
        config_operation: *operation,
        value: value.map(Into::into),
    });
    let resource_name = name.into();
    let resource = AlterConfigsResource { resource_type, resource_name, configs: configs.collect() };
    IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false }
}

/// Changes one by one.
fn changes(connection: &mut Connection) {
    let change = |name: &str, changes: &[Change]| alter(TOPIC, name, changes);
    let (set, delete, append, subtract) = (0, 1, 2, 3);
    let steps: &[(&str, &[Change])] = &[
        ("set", &[("retention.ms", set, Some("2000"))]),
        ("append", &[("cleanup.policy", append, Some("delete"))]),
        ("append what is there", &[("cleanup.policy", append, Some("delete"))]),
        ("subtract", &[("cleanup.policy", subtract, Some("compact"))]),
        ("subtract what is not there", &[("cleanup.policy", subtract, Some("compact"))]),
        ("append to a number", &[("retention.ms", append, Some("1"))]),
        ("delete", &[("retention.ms", delete, None)]),
        ("delete what is not set", &[("retention.ms", delete, None)]),
        ("set to null", &[("retention.ms", set, None)]),
        ("set nonsense", &[("retention.ms", set, Some("soon"))]),
        ("set out of range", &[("min.insync.replicas", set, Some("0"))]),
        ("set an unknown one", &[("no.such.config", set, Some("1"))]),
        ("delete an unknown one", &[("no.such.config", delete, None)]),
        ("an unknown operation", &[("retention.ms", 9, Some("1"))]),
        ("the same twice", &[("retention.ms", set, Some("1")), ("retention.ms", set, Some("2"))]),
        ("nothing", &[]),
    ];
    for (what, changes) in steps {
        connection.ask_all(what, &[0, 1], &change("c", changes));
    }
    connection.ask("change a missing topic", 1, &change("missing", &[("retention.ms", set, Some("1"))]));
    connection.ask("change a topic without a name", 1, &change("", &[("retention.ms", set, Some("1"))]));
    let checked = change("c", &[("retention.ms", set, Some("77"))]);
    connection.ask("check a change", 1, &IncrementalAlterConfigsRequest { validate_only: true, ..checked });
    describe(
        connection,
        "after the changes",
        vec![(TOPIC, "c", Some(vec!["retention.ms", "cleanup.policy"]))],
    );
}

/// All configurations at once.
fn replacements(connection: &mut Connection) {
    let replace = |name: &str, configs: &[(&str, Option<&str>)]| AlterConfigsRequest {
        resources: vec![alter_configs::AlterConfigsResource {
            resource_type: TOPIC,
            resource_name: name.into(),
            configs: configs
                .iter()
                .map(|(name, value)| alter_configs::AlterableConfig {
                    name: (*name).into(),
                    value: value.map(Into::into),
                })
                .collect(),
        }],
        validate_only: false,
    };
    connection.ask_all("replace", &[0, 2], &replace("c", &[("max.message.bytes", Some("5000"))]));
    connection.ask("replace with null", 2, &replace("c", &[("max.message.bytes", None)]));
    connection.ask("replace with an unknown one", 2, &replace("c", &[("no.such.config", Some("1"))]));
    connection.ask("replace those of a missing topic", 2, &replace("missing", &[]));
    describe(
        connection,
        "after the replacement",
        vec![(TOPIC, "c", Some(vec!["retention.ms", "max.message.bytes"]))],
    );
}

/// Subscriptions to metrics of clients.
pub(crate) fn client_metrics(connection: &mut Connection) {
    let everything = || vec![(CLIENT_METRICS, "m", None)];
    describe(connection, "of a subscription that is not there", everything());
    describe(connection, "of a subscription without a name", vec![(CLIENT_METRICS, "", None)]);
    let change = |name: &str, changes: &[Change]| alter(CLIENT_METRICS, name, changes);
    let (set, delete, append, subtract) = (0, 1, 2, 3);
    let steps: &[(&str, &[Change])] = &[
        ("set", &[("interval.ms", set, Some("1000")), ("metrics", set, Some("org.apache.kafka.producer."))]),
        ("set a match", &[("match", set, Some("client_id = a.*, client_software_name=b"))]),
        ("append", &[("metrics", append, Some("org.apache.kafka.consumer."))]),
        ("append what is there", &[("metrics", append, Some("org.apache.kafka.consumer."))]),
        ("subtract", &[("metrics", subtract, Some("org.apache.kafka.producer."))]),
        ("set too little", &[("interval.ms", set, Some("99"))]),
        ("set too much", &[("interval.ms", set, Some("3600001"))]),
        ("set nonsense", &[("interval.ms", set, Some("soon"))]),
        ("set a match without a value", &[("match", set, Some("client_id"))]),
        ("set a match with an empty value", &[("match", set, Some("client_id="))]),
        ("set a match with two values", &[("match", set, Some("client_id=a=b"))]),
        ("set a match of an unknown attribute", &[("match", set, Some("colour=red"))]),
        ("set a match that is no pattern", &[("match", set, Some("client_id=("))]),
        ("set the same metrics twice", &[("metrics", set, Some("a,a"))]),
        ("set to null", &[("interval.ms", set, None)]),
        ("set an unknown one", &[("no.such.config", set, Some("1"))]),
        ("delete an unknown one", &[("no.such.config", delete, None)]),
        ("append to a number", &[("interval.ms", append, Some("1"))]),
    ];
    for (what, changes) in steps {
        connection.ask(&format!("{what}, of a subscription"), 1, &change("m", changes));
    }
    connection.ask("of a subscription without a name", 1, &change("", &[("interval.ms", set, Some("1000"))]));
    let all = ListConfigResourcesRequest { resource_types: vec![CLIENT_METRICS] };
    connection.ask_until("subscriptions", 1, &all, |answer| !answer.config_resources.is_empty());
    connection.ask("subscriptions", 0, &ListConfigResourcesRequest::default());
    describe(connection, "of a subscription that is there", everything());
    let gone: &[Change] =
        &[("interval.ms", delete, None), ("metrics", delete, None), ("match", delete, None)];
    connection.ask("delete all, of a subscription", 1, &change("m", gone));
    connection.ask_until("subscriptions", 1, &all, |answer| answer.config_resources.is_empty());
}
