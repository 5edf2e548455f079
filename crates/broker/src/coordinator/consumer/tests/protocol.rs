//! What single heartbeats do.

use super::*;

fn partitions(topics: &FakeTopics, name: &str, partitions: std::ops::Range<i32>) -> Assignment {
    Assignment::from([(topics.id(name), partitions.collect())])
}

#[test]
fn the_first_member_gets_everything_at_once() {
    let mut world = World::new(&[("t", 3)]);
    assert_eq!(world.group.state_name(), "Empty");
    let answer = world.heartbeat(&join("a", &["t"])).unwrap();
    assert_eq!((answer.member_epoch, answer.heartbeat_interval_ms), (1, 5000));
    assert_eq!(answer.assignment, Some(partitions(&world.topics, "t", 0..3)));
    assert_eq!(world.group.state_name(), "Stable");
    // Nothing is new, nothing is written.
    let written = world.log.len();
    assert_eq!(world.heartbeat(&beat("a", 1)).unwrap().assignment, None);
    assert_eq!(world.log.len(), written);
}

#[test]
fn partitions_are_given_up_before_others_get_them() {
    let mut world = World::new(&[("t", 4)]);
    world.heartbeat(&join("a", &["t"])).unwrap();
    let b = world.heartbeat(&join("b", &["t"])).unwrap();
    assert_eq!((b.member_epoch, b.assignment), (2, Some(Assignment::new())), "everything is still with a");
    assert_eq!(world.group.state_name(), "Reconciling");
    // a hears what it may keep, at its old epoch, and is asked until it has given up the rest.
    let a = world.heartbeat(&beat("a", 1)).unwrap();
    let kept = partitions(&world.topics, "t", 0..2);
    assert_eq!((a.member_epoch, a.assignment), (1, Some(kept.clone())));
    let all = partitions(&world.topics, "t", 0..4);
    assert_eq!(world.heartbeat(&owning("a", 1, &all)).unwrap().member_epoch, 1);
    assert_eq!(world.heartbeat(&beat("b", 2)).unwrap().assignment, None);
    assert_eq!(world.heartbeat(&owning("a", 1, &kept)).unwrap().member_epoch, 2);
    let b = world.heartbeat(&beat("b", 2)).unwrap();
    assert_eq!(b.assignment, Some(partitions(&world.topics, "t", 2..4)));
    assert_eq!(world.group.state_name(), "Stable");
}

#[test]
fn who_does_not_give_up_in_time_is_put_out() {
    let mut world = World::new(&[("t", 2)]);
    world.heartbeat(&HeartbeatRequest { rebalance_timeout_ms: Some(60_000), ..join("a", &["t"]) }).unwrap();
    world.heartbeat(&join("b", &["t"])).unwrap();
    world.heartbeat(&beat("a", 1)).unwrap();
    for _ in 0..3 {
        world.pass(Duration::from_secs(20));
        for (member_id, epoch) in [("a", 1), ("b", 2)] {
            drop(world.heartbeat(&beat(member_id, epoch)));
        }
    }
    assert_eq!(refused(world.heartbeat(&beat("a", 1))), ErrorCode::UnknownMemberId);
    assert_eq!(world.assigned("b"), partitions(&world.topics, "t", 0..2));
}

#[test]
fn a_silent_member_is_put_out_after_its_session() {
    let mut world = World::new(&[("t", 2)]);
    world.heartbeat(&join("a", &["t"])).unwrap();
    world.pass(Duration::from_secs(44));
    world.heartbeat(&beat("a", 1)).unwrap();
    world.pass(Duration::from_secs(44));
    assert_eq!(world.group.members().len(), 1);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.group.state_name(), "Empty");
    world.restart();
    assert_eq!(world.group.members().len(), 0);
}

#[test]
fn a_wrong_epoch_is_fenced_and_a_lost_answer_is_not() {
    let mut world = World::new(&[("t", 2)]);
    world.heartbeat(&join("a", &["t"])).unwrap();
    assert_eq!(refused(world.heartbeat(&beat("a", 2))), ErrorCode::FencedMemberEpoch);
    assert_eq!(refused(world.heartbeat(&beat("x", 1))), ErrorCode::UnknownMemberId);
    // A change of the subscription that leads to a new epoch, whose answer is lost.
    world.topics.set("t", 3);
    let lost = world.heartbeat(&beat("a", 1)).unwrap();
    assert_eq!(lost.member_epoch, 2);
    assert_eq!(refused(world.heartbeat(&beat("a", 1))), ErrorCode::FencedMemberEpoch);
    let own = partitions(&world.topics, "t", 0..2);
    let full = HeartbeatRequest { member_epoch: 1, owned: Some(own), ..join("a", &["t"]) };
    let again = world.heartbeat(&full).unwrap();
    assert_eq!((again.member_epoch, again.assignment), (2, Some(partitions(&world.topics, "t", 0..3))));
    let foreign = partitions(&world.topics, "t", 0..9);
    assert_eq!(refused(world.heartbeat(&owning("a", 1, &foreign))), ErrorCode::FencedMemberEpoch);
}

#[test]
fn a_fenced_member_comes_back_with_epoch_0() {
    let mut world = World::new(&[("t", 2)]);
    world.heartbeat(&join("a", &["t"])).unwrap();
    let back = world.heartbeat(&join("a", &["t"])).unwrap();
    assert_eq!((back.member_epoch, back.assignment), (1, Some(partitions(&world.topics, "t", 0..2))));
}

#[test]
fn a_group_has_a_largest_size() {
    let mut world = World::new(&[("t", 2)]);
    world.settings.members_max = 1;
    world.heartbeat(&join("a", &["t"])).unwrap();
    assert_eq!(refused(world.heartbeat(&join("b", &["t"]))), ErrorCode::GroupMaxSizeReached);
    world.heartbeat(&beat("a", 1)).unwrap();
}

#[test]
fn a_static_member_that_comes_back_keeps_its_partitions() {
    let mut world = World::new(&[("t", 4)]);
    let fixed = |member_id| HeartbeatRequest { instance_id: Some("i".to_owned()), ..join(member_id, &["t"]) };
    world.heartbeat(&fixed("a")).unwrap();
    assert_eq!(refused(world.heartbeat(&fixed("a2"))), ErrorCode::UnreleasedInstanceId);
    let leave = HeartbeatRequest { instance_id: Some("i".to_owned()), ..beat("a", -2) };
    assert_eq!(world.heartbeat(&leave).unwrap().member_epoch, -2);
    world.heartbeat(&join("b", &["t"])).unwrap();
    let group_epoch = world.group.epoch;
    let back = world.heartbeat(&fixed("a2")).unwrap();
    assert_eq!(back.member_epoch, group_epoch, "no rebalance because of it");
    assert_eq!(back.assignment, Some(partitions(&world.topics, "t", 0..2)));
    assert_eq!(refused(world.heartbeat(&leave)), ErrorCode::FencedInstanceId);
    let unknown = HeartbeatRequest { instance_id: Some("x".to_owned()), ..beat("a2", 1) };
    assert_eq!(refused(world.heartbeat(&unknown)), ErrorCode::UnknownMemberId);
    world.restart();
    assert_eq!(world.group.static_members.get("i").map(String::as_str), Some("a2"));
}

#[test]
fn a_static_member_that_stays_away_is_put_out() {
    let mut world = World::new(&[("t", 4)]);
    let instance_id = Some("i".to_owned());
    world.heartbeat(&HeartbeatRequest { instance_id: instance_id.clone(), ..join("a", &["t"]) }).unwrap();
    world.heartbeat(&HeartbeatRequest { instance_id, ..beat("a", -2) }).unwrap();
    world.pass(Duration::from_secs(45));
    assert!(world.group.is_empty() && world.group.static_members.is_empty());
}

#[test]
fn an_expression_follows_the_topics() {
    let mut world = World::new(&[("a-1", 1), ("b-1", 1)]);
    let by_regex = |member_id: &str, regex: &str| HeartbeatRequest {
        topic_names: None,
        topic_regex: Some(regex.to_owned()),
        ..join(member_id, &[])
    };
    let bad = refused(world.heartbeat(&by_regex("m", "a-(")));
    assert_eq!(bad, ErrorCode::InvalidRegularExpression);
    assert!(world.group.is_empty());
    world.heartbeat(&by_regex("m", "a-.*")).unwrap();
    assert_eq!(world.assigned("m"), partitions(&world.topics, "a-1", 0..1));
    world.topics.set("a-2", 2);
    let answer = world.heartbeat(&beat("m", 1)).unwrap();
    assert_eq!(answer.assignment.map(|assignment| assignment.len()), Some(2));
    world.restart();
    assert!(world.group.is_subscribed("a-2") && !world.group.is_subscribed("b-1"));
    let epoch = world.epoch_of("m");
    assert_eq!(
        world.heartbeat(&beat("m", epoch)).unwrap().member_epoch,
        epoch,
        "a restart alone changes nothing"
    );
    // Without the expression only the name stays, and what the expression brought has to be given up.
    let renamed = HeartbeatRequest { topic_regex: Some(String::new()), ..beat("m", epoch) };
    let renamed = HeartbeatRequest { topic_names: Some(vec!["b-1".to_owned()]), ..renamed };
    assert_eq!(world.heartbeat(&renamed).unwrap().assignment, Some(Assignment::new()));
    let answer = world.heartbeat(&owning("m", epoch, &Assignment::new())).unwrap();
    assert_eq!(answer.assignment, Some(partitions(&world.topics, "b-1", 0..1)));
    assert!(world.group.regexes.is_empty());
}

#[test]
fn expressions_match_whole_names_and_know_quotes() {
    let matches = |expression, name| regex::compile(expression).unwrap().is_match(name);
    assert!(matches("a|ab", "ab") && !matches("a", "ab") && !matches("b", "ab"));
    assert!(matches(r"\Qa.b\E.", "a.bc") && !matches(r"\Qa.b\E.", "axbc"));
    assert!(matches(r"(?i)T[[:digit:]]+", "t12"));
    assert!(regex::compile(r"a\").is_err() && regex::compile("(a{1000}){1000}").is_err());
}

#[test]
fn a_deleted_topic_is_taken_away() {
    let mut world = World::new(&[("t", 1), ("u", 1)]);
    world.heartbeat(&join("a", &["t", "u"])).unwrap();
    let left = partitions(&world.topics, "t", 0..1);
    world.topics.remove("u");
    assert_eq!(world.heartbeat(&beat("a", 1)).unwrap().assignment, Some(left.clone()));
    assert_eq!(world.heartbeat(&owning("a", 1, &left)).unwrap().member_epoch, 2);
}

#[test]
fn members_choose_the_assignor_by_majority() {
    let mut world = World::new(&[("t", 1)]);
    let with = |member_id, name: Option<&str>| HeartbeatRequest {
        server_assignor: name.map(str::to_owned),
        ..join(member_id, &["t"])
    };
    world.heartbeat(&with("a", None)).unwrap();
    assert_eq!(world.group.describe(&world.settings).assignor, "uniform");
    world.heartbeat(&with("b", Some("range"))).unwrap();
    assert_eq!(world.group.describe(&world.settings).assignor, "range");
}

#[test]
fn targets_are_computed_no_oftener_than_configured() {
    let mut world = World::new(&[("t", 2)]);
    world.settings.assignment_interval = Duration::from_secs(1);
    world.heartbeat(&join("a", &["t"])).unwrap();
    let b = world.heartbeat(&join("b", &["t"])).unwrap();
    assert_eq!((b.member_epoch, b.assignment), (1, Some(Assignment::new())));
    assert_eq!(world.group.state_name(), "Assigning");
    world.pass(Duration::from_secs(1));
    assert_eq!(world.heartbeat(&beat("b", 1)).unwrap().member_epoch, 2);
}

#[test]
fn what_was_not_written_is_written_with_the_next_change() {
    let mut world = World::new(&[("t", 2)]);
    world.heartbeat(&join("a", &["t"])).unwrap();
    let context = Context { settings: &world.settings, topics: &world.topics, now: world.now };
    world.group.heartbeat(&join("b", &["t"]), &context).unwrap();
    let (changes, _) = world.group.take_changes("g");
    world.group.written(changes, false);
    world.heartbeat(&beat("a", 1)).unwrap();
    let before = world.group.describe(&world.settings);
    world.restart();
    assert_eq!(
        format!("{before:?}").replace("Instant", ""),
        format!("{:?}", {
            let mut after = world.group.describe(&world.settings);
            for (after, before) in after.members.iter_mut().zip(&before.members) {
                after.member.deadlines = before.member.deadlines;
            }
            after
        })
        .replace("Instant", "")
    );
}

#[test]
fn commits_name_the_epoch_or_one_since_which_the_partition_is_held() {
    let mut world = World::new(&[("t", 2)]);
    let id = world.topics.id("t");
    world.heartbeat(&join("a", &["t"])).unwrap();
    world.heartbeat(&join("b", &["t"])).unwrap();
    world.heartbeat(&beat("a", 1)).unwrap();
    world.heartbeat(&owning("a", 1, &partitions(&world.topics, "t", 0..1))).unwrap();
    world.heartbeat(&beat("b", 2)).unwrap();
    let check = |member_id, epoch, version, partition| {
        let commit = Commit { member_id, instance_id: None, epoch, version };
        world.group.check_offset_commit(&commit, [(id, partition)].into_iter())
    };
    assert_eq!(check("a", 2, Some(9), 0), Ok(()));
    assert_eq!(check("a", 1, Some(9), 0), Ok(()), "held since epoch 1");
    assert_eq!(check("a", 1, Some(9), 1), Err(ErrorCode::StaleMemberEpoch), "given away");
    assert_eq!(check("b", 1, Some(9), 1), Err(ErrorCode::StaleMemberEpoch), "held since epoch 2");
    assert_eq!(check("a", 3, Some(9), 0), Err(ErrorCode::StaleMemberEpoch));
    assert_eq!(check("a", 2, Some(8), 0), Err(ErrorCode::UnsupportedVersion));
    assert_eq!(check("x", 2, Some(9), 0), Err(ErrorCode::UnknownMemberId));
    assert_eq!(check("", -1, Some(9), 0), Err(ErrorCode::UnknownMemberId), "the group is not empty");
    assert_eq!(check("", -1, None, 0), Ok(()), "a transaction outside the group's management");
    assert_eq!(world.group.check_offset_fetch(None, -1), Ok(()));
    assert_eq!(world.group.check_offset_fetch(Some("a"), 2), Ok(()));
    assert_eq!(world.group.check_offset_fetch(Some("a"), 1), Err(ErrorCode::StaleMemberEpoch));
    assert_eq!(world.group.check_offset_fetch(Some("x"), 1), Err(ErrorCode::UnknownMemberId));
}
