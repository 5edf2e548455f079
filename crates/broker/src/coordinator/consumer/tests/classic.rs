//! Members with the classic protocol in consumer groups, and groups that change their kind.

use bytes::Bytes;
use millstream_wire::messages::consumer_protocol::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription, ConsumerProtocolSubscriptionTopicPartition,
};
use millstream_wire::protocol::Message as _;

use super::*;
use crate::coordinator::classic::{
    ClassicGroup, GroupLimits, JoinAnswer, JoinRequest, LeaveTarget, Protocol, StoredGroup, StoredMember,
    SyncAnswer, SyncRequest,
};

fn subscription(topics: &[&str], owned: &[(&str, &[i32])]) -> Bytes {
    let owned = owned.iter().map(|(topic, partitions)| ConsumerProtocolSubscriptionTopicPartition {
        topic: (*topic).to_owned(),
        partitions: partitions.to_vec(),
    });
    let subscription = ConsumerProtocolSubscription {
        topics: topics.iter().map(|&topic| topic.to_owned()).collect(),
        owned_partitions: owned.collect(),
        ..ConsumerProtocolSubscription::default()
    };
    subscription.encode_with_version(1).unwrap()
}

fn classic_join(member_id: &str, metadata: Bytes) -> JoinRequest {
    JoinRequest {
        member_id: member_id.to_owned(),
        new_id_suffix: "new".to_owned(),
        group_instance_id: None,
        client_id: "client".to_owned(),
        client_host: "/host".to_owned(),
        protocol_type: "consumer".to_owned(),
        protocols: vec![Protocol { name: "cooperative-sticky".to_owned(), metadata }],
        rebalance_timeout: Duration::from_secs(60),
        session_timeout: Duration::from_secs(10),
        requires_known_member_id: true,
        can_skip_assignment: true,
    }
}

impl World {
    fn join_classic(&mut self, member_id: &str, owned: &[(&str, &[i32])]) -> JoinAnswer {
        let request = classic_join(member_id, subscription(&["t"], owned));
        self.work(|group, context| group.join_classic(&request, context))
    }

    fn sync_classic(&mut self, member_id: &str, generation_id: i32) -> SyncAnswer {
        let request = SyncRequest {
            member_id: member_id.to_owned(),
            group_instance_id: None,
            generation_id,
            protocol_type: Some("consumer".to_owned()),
            protocol_name: Some("cooperative-sticky".to_owned()),
            assignments: HashMap::new(),
        };
        self.work(|group, context| group.sync_classic(&request, context))
    }

    fn heartbeat_classic(&mut self, member_id: &str, generation_id: i32) -> ErrorCode {
        self.work(|group, context| group.heartbeat_classic(member_id, None, generation_id, context))
    }
}

fn read_assignment(assignment: Bytes) -> Vec<(String, Vec<i32>)> {
    let read = ConsumerProtocolAssignment::decode_with_version(assignment).unwrap();
    read.assigned_partitions.into_iter().map(|topic| (topic.topic, topic.partitions)).collect()
}

/// A classic group of two with all four partitions of t.
fn classic_group(now: Now) -> ClassicGroup {
    let limits = GroupLimits {
        initial_rebalance_delay: Duration::ZERO,
        members_max: 10,
        session_timeout_min: Duration::from_secs(6),
        session_timeout_max: Duration::from_secs(1800),
    };
    let member = |member_id: &str, partitions: &[i32]| {
        let assigned =
            millstream_wire::messages::consumer_protocol::ConsumerProtocolAssignmentTopicPartition {
                topic: "t".to_owned(),
                partitions: partitions.to_vec(),
            };
        let assignment = ConsumerProtocolAssignment { assigned_partitions: vec![assigned], user_data: None };
        StoredMember {
            member_id: member_id.to_owned(),
            group_instance_id: None,
            client_id: "client".to_owned(),
            client_host: "/host".to_owned(),
            rebalance_timeout_ms: 60_000,
            session_timeout_ms: 10_000,
            subscription: subscription(&["t"], &[]),
            assignment: assignment.encode_with_version(1).unwrap(),
        }
    };
    let stored = StoredGroup {
        protocol_type: "consumer".to_owned(),
        generation_id: 7,
        protocol_name: Some("cooperative-sticky".to_owned()),
        leader_id: Some("c1".to_owned()),
        state_since_ms: 0,
        members: vec![member("c1", &[0, 1]), member("c2", &[2, 3])],
    };
    ClassicGroup::restore(stored, limits, now)
}

fn upgraded() -> World {
    let mut world = World::new(&[("t", 4)]);
    let context = Context { settings: &world.settings, topics: &world.topics, now: world.now };
    world.group = ConsumerGroup::from_classic(&classic_group(world.now), &context).unwrap();
    world
}

#[test]
fn a_classic_member_takes_part() {
    let mut world = World::new(&[("t", 2)]);
    world.heartbeat(&join("a", &["t"])).unwrap();
    let required = world.join_classic("", &[]);
    assert_eq!((required.error, required.member_id.as_str()), (ErrorCode::MemberIdRequired, "new"));
    let joined = world.join_classic("new", &[]);
    assert_eq!((joined.error, joined.generation_id, joined.leader_id.as_str()), (ErrorCode::None, 2, ""));
    let synced = world.sync_classic("new", 2);
    assert_eq!((synced.error, read_assignment(synced.assignment)), (ErrorCode::None, Vec::new()));
    assert_eq!(world.heartbeat_classic("new", 2), ErrorCode::None, "its partition is still with a");
    world.heartbeat(&beat("a", 1)).unwrap();
    let kept = world.assigned("a");
    world.heartbeat(&owning("a", 1, &kept)).unwrap();
    assert_eq!(world.heartbeat_classic("new", 2), ErrorCode::RebalanceInProgress);
    assert_eq!(world.join_classic("new", &[]).generation_id, 2);
    let synced = world.sync_classic("new", 2);
    assert_eq!(read_assignment(synced.assignment), [("t".to_owned(), vec![1])]);
    assert_eq!(world.heartbeat_classic("new", 1), ErrorCode::IllegalGeneration);
    assert_eq!(world.heartbeat_classic("a", 2), ErrorCode::UnknownMemberId, "it uses the new protocol");
    world.restart();
    assert_eq!(world.group.describe(&world.settings).members.len(), 2);
    assert!(world.group.members["new"].is_classic() && !world.group.members["a"].is_classic());
}

#[test]
fn a_classic_member_gives_up_before_it_goes_on() {
    let mut world = World::new(&[("t", 2)]);
    world.join_classic("c", &[]);
    assert_eq!(world.sync_classic("c", 1).error, ErrorCode::None);
    world.heartbeat(&join("a", &["t"])).unwrap();
    assert_eq!(world.heartbeat_classic("c", 1), ErrorCode::RebalanceInProgress);
    assert_eq!(world.sync_classic("c", 1).error, ErrorCode::RebalanceInProgress);
    // It joins with what it owns and hears what is left to it, then without the rest.
    assert_eq!(world.join_classic("c", &[("t", &[0, 1])]).generation_id, 1);
    assert_eq!(read_assignment(world.sync_classic("c", 1).assignment), [("t".to_owned(), vec![0])]);
    assert_eq!(world.heartbeat_classic("c", 1), ErrorCode::RebalanceInProgress);
    assert_eq!(world.heartbeat(&beat("a", 2)).unwrap().assignment, None);
    assert_eq!(world.join_classic("c", &[("t", &[0])]).generation_id, 2);
    assert_eq!(world.sync_classic("c", 2).error, ErrorCode::None);
    assert!(world.heartbeat(&beat("a", 2)).unwrap().assignment.is_some());
}

#[test]
fn a_classic_member_that_does_not_come_again_is_put_out() {
    let mut world = World::new(&[("t", 2)]);
    world.join_classic("c", &[]);
    world.sync_classic("c", 1);
    world.heartbeat(&join("a", &["t"])).unwrap();
    for _ in 0..7 {
        assert_eq!(world.heartbeat_classic("c", 1), ErrorCode::RebalanceInProgress);
        world.heartbeat(&beat("a", world.epoch_of("a"))).unwrap();
        world.pass(Duration::from_secs(9));
    }
    assert_eq!(world.heartbeat_classic("c", 1), ErrorCode::UnknownMemberId);
}

#[test]
fn members_leave_by_the_classic_request_too() {
    let mut world = upgraded();
    world.heartbeat(&HeartbeatRequest { instance_id: Some("i".to_owned()), ..join("a", &["t"]) }).unwrap();
    let target = |member_id: &str, instance_id: Option<&str>| LeaveTarget {
        member_id: member_id.to_owned(),
        group_instance_id: instance_id.map(str::to_owned),
    };
    let targets = [
        target("c2", None),
        target("x", None),
        target("x", Some("i")),
        target("", Some("j")),
        target("", Some("i")),
    ];
    let codes = world.work(|group, context| group.leave_classic(&targets, context));
    let expected = [
        ErrorCode::None,
        ErrorCode::UnknownMemberId,
        ErrorCode::FencedInstanceId,
        ErrorCode::UnknownMemberId,
        ErrorCode::None,
    ];
    assert_eq!(codes, expected);
    assert_eq!(world.group.members().keys().collect::<Vec<_>>(), ["c1"]);
    assert_eq!(world.work(|group, context| group.leave_classic(&targets[1..2], context)), expected[1..2]);
    assert_eq!(world.group.epoch, 9, "nobody left: nothing to share");
}

#[test]
fn a_classic_group_becomes_a_consumer_group_with_what_it_has() {
    let mut world = upgraded();
    assert_eq!((world.group.epoch, world.group.state_name()), (7, "Stable"));
    let a = world.heartbeat(&join("a", &["t"])).unwrap();
    assert_eq!((a.member_epoch, a.assignment), (8, Some(Assignment::new())));
    assert_eq!(world.heartbeat_classic("c1", 7), ErrorCode::RebalanceInProgress);
    for (member_id, before, after) in [("c1", &[0, 1], &[0, 1][..]), ("c2", &[2, 3], &[2])] {
        world.join_classic(member_id, &[("t", before)]);
        assert_eq!(world.join_classic(member_id, &[("t", after)]).generation_id, 8);
        assert_eq!(
            read_assignment(world.sync_classic(member_id, 8).assignment),
            [("t".to_owned(), after.to_vec())]
        );
    }
    let answer = world.heartbeat(&beat("a", 8)).unwrap();
    assert_eq!(answer.assignment, Some(Assignment::from([(world.topics.id("t"), BTreeSet::from([3]))])));
    world.restart();
    assert_eq!((world.group.members().len(), world.group.state_name()), (3, "Stable"));
}

#[test]
fn not_every_classic_group_can_become_a_consumer_group() {
    let mut world = World::new(&[("t", 4)]);
    let classic = classic_group(world.now);
    world.settings.migration_policy = GroupMigrationPolicy::Downgrade;
    let context = Context { settings: &world.settings, topics: &world.topics, now: world.now };
    let refusal = ConsumerGroup::from_classic(&classic, &context).unwrap_err();
    assert_eq!(refusal.error, ErrorCode::GroupIdNotFound);
    world.settings.migration_policy = GroupMigrationPolicy::Upgrade;
    world.settings.members_max = 1;
    let context = Context { settings: &world.settings, topics: &world.topics, now: world.now };
    assert!(ConsumerGroup::from_classic(&classic, &context).is_err());
}

#[test]
fn the_last_of_the_new_protocol_leaves_a_classic_group_behind() {
    let mut world = upgraded();
    world.heartbeat(&join("a", &["t"])).unwrap();
    assert!(!world.group.is_to_be_classic(world.settings.migration_policy, 10));
    world.heartbeat(&beat("a", -1)).unwrap();
    assert!(world.group.has_lost_members());
    assert!(world.group.is_to_be_classic(world.settings.migration_policy, 10));
    assert!(!world.group.is_to_be_classic(GroupMigrationPolicy::Upgrade, 10));
    assert!(!world.group.is_to_be_classic(world.settings.migration_policy, 1));
    let context = Context { settings: &world.settings, topics: &world.topics, now: world.now };
    let stored = world.group.to_classic(&context).unwrap();
    assert_eq!((stored.generation_id, stored.members.len()), (9, 2));
    assert_eq!(stored.protocol_name.as_deref(), Some("cooperative-sticky"));
    world.work(|group, _| group.end());
    world.restart();
    assert!(!world.group.is_stored());
}
