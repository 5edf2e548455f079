//! Classic groups: members, assignments and committed offsets.

use bytes::Bytes;
use millstream_wire::messages::delete_groups::DeleteGroupsRequest;
use millstream_wire::messages::describe_groups::DescribeGroupsRequest;
use millstream_wire::messages::find_coordinator::FindCoordinatorRequest;
use millstream_wire::messages::heartbeat::HeartbeatRequest;
use millstream_wire::messages::join_group::{JoinGroupRequest, JoinGroupRequestProtocol};
use millstream_wire::messages::leave_group::{LeaveGroupRequest, MemberIdentity};
use millstream_wire::messages::list_groups::ListGroupsRequest;
use millstream_wire::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use millstream_wire::messages::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use millstream_wire::messages::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use millstream_wire::messages::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment};

use crate::admin::make;
use crate::connection::{Connection, until};

/// Version 0, the topic `g`, no user data.
const SUBSCRIPTION: Bytes = Bytes::from_static(b"\0\0\0\0\0\x01\0\x01g\0\0\0\0");

fn joining(group: &str, member: &str) -> JoinGroupRequest {
    let protocol = JoinGroupRequestProtocol { name: "range".into(), metadata: SUBSCRIPTION };
    JoinGroupRequest {
        group_id: group.into(),
        session_timeout_ms: 30_000,
        rebalance_timeout_ms: 60_000,
        member_id: member.into(),
        protocol_type: "consumer".into(),
        protocols: vec![protocol],
        ..JoinGroupRequest::default()
    }
}

fn syncing(group: &str, generation_id: i32, member: &str) -> SyncGroupRequest {
    let assignment = Bytes::from_static(b"assignment");
    SyncGroupRequest {
        group_id: group.into(),
        generation_id,
        member_id: member.into(),
        assignments: vec![SyncGroupRequestAssignment { member_id: member.into(), assignment }],
        ..SyncGroupRequest::default()
    }
}

fn beating(group: &str, generation_id: i32, member: &str) -> HeartbeatRequest {
    HeartbeatRequest { group_id: group.into(), generation_id, member_id: member.into(), ..Default::default() }
}

/// Waits until the coordinator serves groups.
pub(crate) fn ready(connection: &mut Connection) {
    let request = FindCoordinatorRequest { coordinator_keys: vec!["g".into()], ..Default::default() };
    until(|| connection.quiet(4, &request).unwrap().coordinators[0].error_code == 0);
    // UNKNOWN_MEMBER_ID: the group was looked for.
    until(|| connection.quiet(4, &beating("warm-up", 0, "m")).unwrap().error_code == 25);
}

/// Coordinators, joining, leaving, and what is refused.
pub(crate) fn membership(connection: &mut Connection) {
    ready(connection);
    let find =
        |key: &str, key_type| FindCoordinatorRequest { key: key.into(), key_type, ..Default::default() };
    connection.ask_all("a coordinator", &[0, 1, 2, 3], &find("g", 0));
    let find = |keys: &[&str], key_type| FindCoordinatorRequest {
        key_type,
        coordinator_keys: keys.iter().map(|key| (*key).into()).collect(),
        ..Default::default()
    };
    connection.ask_all("coordinators", &[4, 6], &find(&["g", "h"], 0));
    connection.ask("a coordinator of no name", 4, &find(&[""], 0));
    connection.ask("a coordinator of an unknown kind", 4, &find(&["g"], 9));
    let every: Vec<i16> = (2..=9).collect();
    let refused = [
        ("a group without a name", joining("", "")),
        ("a short session", JoinGroupRequest { session_timeout_ms: 1, ..joining("r", "") }),
        ("a long session", JoinGroupRequest { session_timeout_ms: i32::MAX, ..joining("r", "") }),
        ("an unknown member", joining("r", "nobody")),
        ("no protocols", JoinGroupRequest { protocols: vec![], ..joining("r", "") }),
        ("no protocol type", JoinGroupRequest { protocol_type: String::new(), ..joining("r", "") }),
    ];
    for (what, request) in refused {
        connection.ask_all(what, &every, &request);
    }
    connection.ask_all("a member needs an id", &[4, 9], &joining("n", ""));
    connection.ask("heartbeat of nobody", 4, &beating("g", 1, "nobody"));
    connection.ask("heartbeat of nobody in particular", 4, &beating("g", 1, ""));
    connection.ask("sync of nobody", 5, &syncing("g", 1, "nobody"));
    life(connection);
    instances(connection);
}

/// One member from its first request to the end of its group.
fn life(connection: &mut Connection) {
    let id = connection.quiet(9, &joining("g", "")).unwrap().member_id;
    let Some(joined) = connection.ask("join", 9, &joining("g", &id)) else { return };
    let generation = joined.generation_id;
    connection.ask("heartbeat before the sync", 4, &beating("g", generation, &id));
    connection.ask("commit before the sync", 8, &committing("g", generation, &id));
    connection.ask("sync in a wrong generation", 5, &syncing("g", generation + 1, &id));
    let odd = SyncGroupRequest { protocol_type: Some("other".into()), ..syncing("g", generation, &id) };
    connection.ask("sync of another kind", 5, &odd);
    connection.ask("sync", 5, &syncing("g", generation, &id));
    connection.ask("sync again", 5, &syncing("g", generation, &id));
    connection.ask_all("heartbeat", &[0, 1, 3, 4], &beating("g", generation, &id));
    connection.ask("heartbeat in a wrong generation", 4, &beating("g", generation + 1, &id));
    connection.ask("heartbeat of another", 4, &beating("g", generation, "nobody"));
    connection.ask(
        "another protocol",
        9,
        &JoinGroupRequest {
            protocols: vec![JoinGroupRequestProtocol { name: "sticky".into(), metadata: Bytes::new() }],
            ..joining("g", "")
        },
    );
    connection.ask(
        "another kind",
        9,
        &JoinGroupRequest { protocol_type: "connect".into(), ..joining("g", "") },
    );
    let describe = |groups: &[&str]| DescribeGroupsRequest {
        groups: groups.iter().map(|group| (*group).into()).collect(),
        include_authorized_operations: false,
    };
    connection.ask_all("describe", &[0, 3, 4, 5, 6], &describe(&["g"]));
    connection.ask_all("describe a missing one", &[0, 5, 6], &describe(&["missing"]));
    connection.ask("describe one without a name", 6, &describe(&[""]));
    connection.ask(
        "describe with operations",
        5,
        &DescribeGroupsRequest { include_authorized_operations: true, ..describe(&["g"]) },
    );
    for states in [vec![], vec!["Stable".to_owned()], vec!["empty".to_owned()], vec!["Nonsense".to_owned()]] {
        let list = ListGroupsRequest { states_filter: states.clone(), ..Default::default() };
        let sort = |answer: &mut millstream_wire::messages::list_groups::ListGroupsResponse| {
            answer.groups.retain(|group| group.group_id == "g");
        };
        connection.ask_sorted(&format!("list {states:?}"), 4, &list, sort);
        connection.ask_sorted(&format!("list {states:?}"), 5, &list, sort);
    }
    let gone = |group: &str| DeleteGroupsRequest { groups_names: vec![group.into()] };
    connection.ask("delete a group with members", 2, &gone("g"));
    connection.ask("delete a missing group", 2, &gone("missing"));
    connection.ask("delete a group without a name", 2, &gone(""));
    let leave = |group: &str, member: &str| LeaveGroupRequest {
        group_id: group.into(),
        members: vec![MemberIdentity { member_id: member.into(), ..Default::default() }],
        ..Default::default()
    };
    connection.ask_all("somebody else leaves", &[3, 5], &leave("g", "nobody"));
    connection.ask("somebody leaves a missing group", 5, &leave("missing", &id));
    connection.ask("leave", 5, &leave("g", &id));
    connection.ask("leave again", 5, &leave("g", &id));
    connection.ask("describe an empty one", 5, &describe(&["g"]));
    connection.ask("delete", 2, &gone("g"));
    connection.ask("describe a deleted one", 5, &describe(&["g"]));
}

/// Static members (KIP-345).
fn instances(connection: &mut Connection) {
    let named =
        |member: &str| JoinGroupRequest { group_instance_id: Some("i".into()), ..joining("s", member) };
    let Some(first) = connection.ask("a static member", 9, &named("")) else { return };
    connection.ask(
        "its sync",
        5,
        &SyncGroupRequest {
            group_instance_id: Some("i".into()),
            ..syncing("s", first.generation_id, &first.member_id)
        },
    );
    let Some(second) = connection.ask("it comes back", 9, &named("")) else { return };
    connection.ask("its old self joins", 9, &named(&first.member_id));
    connection.ask(
        "its old self beats",
        4,
        &HeartbeatRequest {
            group_instance_id: Some("i".into()),
            ..beating("s", first.generation_id, &first.member_id)
        },
    );
    connection.ask(
        "its old self syncs",
        5,
        &SyncGroupRequest {
            group_instance_id: Some("i".into()),
            ..syncing("s", first.generation_id, &first.member_id)
        },
    );
    connection.ask(
        "its new self beats",
        4,
        &HeartbeatRequest {
            group_instance_id: Some("i".into()),
            ..beating("s", second.generation_id, &second.member_id)
        },
    );
    let leave = |instance: &str| LeaveGroupRequest {
        group_id: "s".into(),
        members: vec![MemberIdentity { group_instance_id: Some(instance.into()), ..Default::default() }],
        ..Default::default()
    };
    connection.ask("another instance is removed", 5, &leave("j"));
    connection.ask("it is removed", 5, &leave("i"));
}

fn committing(group: &str, generation: i32, member: &str) -> OffsetCommitRequest {
    let partition = |partition_index, committed_offset| OffsetCommitRequestPartition {
        partition_index,
        committed_offset,
        committed_leader_epoch: -1,
        committed_metadata: Some("note".into()),
    };
    OffsetCommitRequest {
        group_id: group.into(),
        generation_id_or_member_epoch: generation,
        member_id: member.into(),
        retention_time_ms: -1,
        topics: vec![OffsetCommitRequestTopic {
            name: "g".into(),
            partitions: vec![partition(0, 7), partition(9, 7)],
            ..OffsetCommitRequestTopic::default()
        }],
        ..OffsetCommitRequest::default()
    }
}

/// Commits of groups without members, and what becomes of them.
pub(crate) fn offsets(connection: &mut Connection) {
    ready(connection);
    let id = make(connection, "g", 1, &[]);
    connection.ask_all("commit", &[2, 3, 5, 6, 7, 8, 9], &committing("simple", -1, ""));
    connection.ask("commit of a member", 8, &committing("simple", 1, "nobody"));
    connection.ask("commit of a generation", 8, &committing("simple", 1, ""));
    connection.ask("commit to a group without a name", 8, &committing("", -1, ""));
    let mut missing = committing("simple", -1, "");
    missing.topics[0].name = "missing".into();
    connection.ask("commit for a missing topic", 8, &missing);
    let mut long = committing("simple", -1, "");
    long.topics[0].partitions[0].committed_metadata = Some("n".repeat(5_000));
    connection.ask("commit with a long note", 8, &long);
    let mut negative = committing("simple", -1, "");
    negative.topics[0].partitions[0].committed_offset = -5;
    connection.ask("commit of a negative offset", 8, &negative);
    let mut by_id = committing("simple", -1, "");
    by_id.topics[0].topic_id = id;
    by_id.topics[0].name = String::new();
    connection.ask("commit by id", 10, &by_id);
    by_id.topics[0].topic_id = uuid::Uuid::from_u128(7);
    connection.ask("commit by an unknown id", 10, &by_id);
    let of = |group: &str, topics: Option<Vec<(&str, Vec<i32>)>>| OffsetFetchRequest {
        group_id: group.into(),
        topics: topics.map(|topics| {
            let topic = |(name, partition_indexes): (&str, Vec<i32>)| OffsetFetchRequestTopic {
                name: name.into(),
                partition_indexes,
            };
            topics.into_iter().map(topic).collect()
        }),
        ..OffsetFetchRequest::default()
    };
    connection.ask_all(
        "committed offsets",
        &[1, 2, 3, 5, 6, 7],
        &of("simple", Some(vec![("g", vec![0, 1, 9])])),
    );
    connection.ask_all("all committed offsets", &[2, 5, 7], &of("simple", None));
    connection.ask_all("offsets of a missing group", &[1, 5], &of("missing", Some(vec![("g", vec![0])])));
    connection.ask("offsets of a missing topic", 5, &of("simple", Some(vec![("missing", vec![0])])));
    let groups = |names: &[&str], by_id: bool| OffsetFetchRequest {
        groups: names
            .iter()
            .map(|name| OffsetFetchRequestGroup {
                group_id: (*name).into(),
                member_epoch: -1,
                topics: Some(vec![OffsetFetchRequestTopics {
                    name: if by_id { String::new() } else { "g".into() },
                    topic_id: if by_id { id } else { uuid::Uuid::nil() },
                    partition_indexes: vec![0],
                }]),
                ..OffsetFetchRequestGroup::default()
            })
            .collect(),
        ..OffsetFetchRequest::default()
    };
    connection.ask_all("offsets of two groups", &[8, 9], &groups(&["simple", "missing"], false));
    connection.ask("offsets by id", 10, &groups(&["simple"], true));
    let delete = |group: &str, topic: &str| OffsetDeleteRequest {
        group_id: group.into(),
        topics: vec![OffsetDeleteRequestTopic {
            name: topic.into(),
            partitions: vec![OffsetDeleteRequestPartition { partition_index: 0 }],
        }],
    };
    connection.ask("delete offsets of a missing group", 0, &delete("missing", "g"));
    connection.ask("delete offsets of a missing topic", 0, &delete("simple", "missing"));
    connection.ask("delete offsets", 0, &delete("simple", "g"));
    connection.ask("deleted offsets", 5, &of("simple", Some(vec![("g", vec![0])])));
}
