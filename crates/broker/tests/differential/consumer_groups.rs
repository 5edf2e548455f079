//! Groups of the new protocol (KIP-848).

use millstream_wire::messages::consumer_group_describe::ConsumerGroupDescribeRequest;
use millstream_wire::messages::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatRequestTopicPartitions,
};
use millstream_wire::messages::heartbeat::HeartbeatRequest;
use millstream_wire::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};

use crate::admin::make;
use crate::connection::Connection;
use crate::groups;

const MEMBER: &str = "AAAAAAAAAAAAAAAAAAAAAA";

fn joining(group: &str) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        group_id: group.into(),
        member_id: MEMBER.into(),
        rebalance_timeout_ms: 60_000,
        subscribed_topic_names: Some(vec!["k".into()]),
        topic_partitions: Some(Vec::new()),
        ..ConsumerGroupHeartbeatRequest::default()
    }
}

fn beating(group: &str, member_epoch: i32) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        group_id: group.into(),
        member_id: MEMBER.into(),
        member_epoch,
        rebalance_timeout_ms: -1,
        ..ConsumerGroupHeartbeatRequest::default()
    }
}

/// What counts group epochs from the first join on: Apache Kafka begins at 2, this broker at 1.
struct Epochs(i32);

impl Epochs {
    fn count(&self, epoch: &mut i32) {
        *epoch -= if *epoch > 0 { self.0 } else { 0 };
    }

    fn beat(&self, connection: &mut Connection, what: &str, request: &ConsumerGroupHeartbeatRequest) {
        connection.ask_sorted(what, 1, request, |answer| self.count(&mut answer.member_epoch));
    }

    fn describe(&self, connection: &mut Connection, what: &str, version: i16) {
        let request = ConsumerGroupDescribeRequest {
            group_ids: vec!["kip".into()],
            include_authorized_operations: false,
        };
        connection.ask_sorted(what, version, &request, |answer| {
            for group in &mut answer.groups {
                self.count(&mut group.group_epoch);
                self.count(&mut group.assignment_epoch);
                group.members.iter_mut().for_each(|member| self.count(&mut member.member_epoch));
            }
        });
    }
}

/// One member from its first heartbeat to its last.
pub(crate) fn consumer_groups(connection: &mut Connection) {
    groups::ready(connection);
    let topic_id = make(connection, "k", 3, &[]);
    refusals(connection);
    let first = connection.quiet(1, &joining("kip")).unwrap().member_epoch;
    let epochs = Epochs(first);
    epochs.beat(connection, "join again", &joining("kip"));
    epochs.beat(connection, "beat", &beating("kip", first));
    let more = vec!["k".to_owned(), "missing".to_owned()];
    let subscribing =
        ConsumerGroupHeartbeatRequest { subscribed_topic_names: Some(more), ..beating("kip", first) };
    epochs.beat(connection, "subscribe to more", &subscribing);
    let epoch = first + 1;
    epochs.beat(connection, "the epoch that was left is known still", &beating("kip", first));
    let owned = ConsumerGroupHeartbeatRequestTopicPartitions { topic_id, partitions: vec![0, 1, 2] };
    let owning =
        ConsumerGroupHeartbeatRequest { topic_partitions: Some(vec![owned]), ..beating("kip", epoch) };
    epochs.beat(connection, "say what is owned", &owning);
    epochs.describe(connection, "describe", 0);
    epochs.describe(connection, "describe", 1);
    let missing = ConsumerGroupDescribeRequest { group_ids: vec!["missing".into()], ..Default::default() };
    connection.ask("describe a missing one", 1, &missing);
    epochs.beat(connection, "a newer epoch", &beating("kip", epoch + 5));
    let nobody = ConsumerGroupHeartbeatRequest { member_id: "nobody".into(), ..beating("kip", epoch) };
    epochs.beat(connection, "another member", &nobody);
    commits(connection, epoch);
    let classic = HeartbeatRequest {
        group_id: "kip".into(),
        generation_id: epoch,
        member_id: MEMBER.into(),
        ..Default::default()
    };
    connection.ask("a classic heartbeat", 4, &classic);
    epochs.beat(connection, "leave", &beating("kip", -1));
    epochs.beat(connection, "leave again", &beating("kip", -1));
    epochs.describe(connection, "describe an empty one", 1);
}

fn commits(connection: &mut Connection, epoch: i32) {
    let commit = |member: &str, epoch| OffsetCommitRequest {
        group_id: "kip".into(),
        generation_id_or_member_epoch: epoch,
        member_id: member.into(),
        retention_time_ms: -1,
        topics: vec![OffsetCommitRequestTopic {
            name: "k".into(),
            partitions: vec![OffsetCommitRequestPartition { committed_offset: 0, ..Default::default() }],
            ..OffsetCommitRequestTopic::default()
        }],
        ..OffsetCommitRequest::default()
    };
    connection.ask_all("commit", &[8, 9], &commit(MEMBER, epoch));
    connection.ask_all("commit in an old epoch", &[8, 9], &commit(MEMBER, epoch - 1));
    connection.ask_all("commit of nobody", &[8, 9], &commit("nobody", epoch));
}

fn refusals(connection: &mut Connection) {
    let join = || joining("kip-refused");
    let cases = [
        ("no group", ConsumerGroupHeartbeatRequest { group_id: String::new(), ..join() }),
        ("no member id", ConsumerGroupHeartbeatRequest { member_id: String::new(), ..join() }),
        ("no rebalance timeout", ConsumerGroupHeartbeatRequest { rebalance_timeout_ms: -1, ..join() }),
        ("no owned partitions", ConsumerGroupHeartbeatRequest { topic_partitions: None, ..join() }),
        ("no subscription", ConsumerGroupHeartbeatRequest { subscribed_topic_names: None, ..join() }),
        (
            "an unknown assignor",
            ConsumerGroupHeartbeatRequest { server_assignor: Some("best".into()), ..join() },
        ),
        (
            "an empty assignor",
            ConsumerGroupHeartbeatRequest { server_assignor: Some(String::new()), ..join() },
        ),
        ("an empty instance", ConsumerGroupHeartbeatRequest { instance_id: Some(String::new()), ..join() }),
        ("an empty rack", ConsumerGroupHeartbeatRequest { rack_id: Some(String::new()), ..join() }),
        (
            "a bad expression",
            ConsumerGroupHeartbeatRequest { subscribed_topic_regex: Some("[".into()), ..join() },
        ),
        ("a nonsensical epoch", ConsumerGroupHeartbeatRequest { member_epoch: -7, ..join() }),
        ("a missing group", beating("kip-missing", 3)),
    ];
    for (what, request) in cases {
        connection.ask(what, 1, &request);
    }
    let nameless = ConsumerGroupHeartbeatRequest { member_id: String::new(), ..joining("kip-first") };
    connection.ask_sorted("no member id, as it once was", 0, &nameless, |answer| answer.member_epoch = 1);
}
