//! The state machine, with time held still.
//!
//! A [`Model`] plays the clients of one group: it keeps the receivers of their answers and moves the clock. Writes are carried
//! out at once unless a test holds them back.

use tokio::sync::oneshot::Receiver;
use tokio::sync::oneshot::error::TryRecvError;

use super::*;

mod static_members;

const SESSION: Duration = Duration::from_secs(10);
const REBALANCE: Duration = Duration::from_secs(60);

struct Model {
    group: ClassicGroup,
    now: Now,
    ids: u32,
    written: Vec<StoredGroup>,
}

fn limits() -> GroupLimits {
    GroupLimits {
        initial_rebalance_delay: Duration::ZERO,
        members_max: 5,
        session_timeout_min: Duration::from_secs(6),
        session_timeout_max: Duration::from_secs(1800),
    }
}

impl Model {
    fn new(limits: GroupLimits) -> Self {
        let now = Now { instant: Instant::now(), wall_ms: 1_000_000 };
        Self { group: ClassicGroup::new(limits, now), now, ids: 0, written: Vec::new() }
    }

    fn request(&mut self, member_id: &str) -> JoinRequest {
        self.ids += 1;
        JoinRequest {
            member_id: member_id.to_owned(),
            new_id_suffix: self.ids.to_string(),
            group_instance_id: None,
            client_id: "c".to_owned(),
            client_host: "/host".to_owned(),
            protocol_type: "consumer".to_owned(),
            protocols: protocols(&["range"]),
            rebalance_timeout: REBALANCE,
            session_timeout: SESSION,
            requires_known_member_id: true,
            can_skip_assignment: true,
        }
    }

    fn join(&mut self, request: JoinRequest) -> Receiver<JoinAnswer> {
        let (reply, answer) = oneshot::channel();
        let write = self.group.join(request, reply, self.now);
        self.write(write, Ok(()));
        answer
    }

    /// Joins as a new dynamic member, with the id it is given first.
    fn join_new(&mut self) -> (String, Receiver<JoinAnswer>) {
        let request = self.request("");
        let given = answered(&mut self.join(request));
        assert_eq!(given.error, ErrorCode::MemberIdRequired);
        let request = self.request(&given.member_id);
        (given.member_id, self.join(request))
    }

    fn rejoin(&mut self, member_id: &str) -> Receiver<JoinAnswer> {
        let request = self.request(member_id);
        self.join(request)
    }

    fn join_static(&mut self, instance: &str) -> Receiver<JoinAnswer> {
        let mut request = self.request("");
        request.group_instance_id = Some(instance.to_owned());
        self.join(request)
    }

    fn sync(&mut self, joined: &JoinAnswer, assignments: &[(&str, &'static str)]) -> Receiver<SyncAnswer> {
        let (answer, write) = self.sync_unwritten(joined, assignments);
        self.write(write, Ok(()));
        answer
    }

    fn sync_unwritten(
        &mut self,
        joined: &JoinAnswer,
        assignments: &[(&str, &'static str)],
    ) -> (Receiver<SyncAnswer>, Option<Write>) {
        let assignments = assignments
            .iter()
            .map(|(member, assignment)| ((*member).to_owned(), Bytes::from_static(assignment.as_bytes())));
        let request = SyncRequest {
            member_id: joined.member_id.clone(),
            group_instance_id: None,
            generation_id: joined.generation_id,
            protocol_type: Some("consumer".to_owned()),
            protocol_name: joined.protocol_name.clone(),
            assignments: assignments.collect(),
        };
        let (reply, answer) = oneshot::channel();
        (answer, self.group.sync(request, reply, self.now))
    }

    fn heartbeat(&mut self, joined: &JoinAnswer) -> ErrorCode {
        self.group.heartbeat(&joined.member_id, None, joined.generation_id, self.now)
    }

    fn write(&mut self, write: Option<Write>, outcome: Result<(), ErrorCode>) {
        let mut write = write;
        while let Some(Write { group, then }) = write {
            if outcome.is_ok() {
                self.written.push(group);
            }
            write = self.group.written(then, outcome, self.now);
        }
    }

    /// Moves the clock, stopping at every deadline on the way.
    fn pass(&mut self, time: Duration) {
        let end = self.now.instant + time;
        loop {
            let due = self.group.deadline().filter(|&deadline| deadline <= end);
            let next = due.map_or(end, |deadline| deadline.max(self.now.instant));
            let passed = next - self.now.instant;
            self.now.wall_ms += i64::try_from(passed.as_millis()).unwrap();
            self.now.instant = next;
            let write = self.group.on_time(self.now);
            self.write(write, Ok(()));
            if due.is_none() {
                return;
            }
        }
    }

    /// A stable group of as many dynamic members; the first one leads.
    fn stable(members: usize) -> (Self, Vec<JoinAnswer>) {
        let mut model = Self::new(limits());
        let mut joined: Vec<JoinAnswer> = Vec::new();
        for _ in 0..members {
            let (_, mut newest) = model.join_new();
            let mut waiting: Vec<_> = joined.iter().map(|member| model.rejoin(&member.member_id)).collect();
            joined = waiting.iter_mut().map(answered).collect();
            joined.push(answered(&mut newest));
        }
        let mut synced: Vec<_> = joined[1..].iter().map(|member| model.sync(member, &[])).collect();
        let ids: Vec<_> = joined.iter().map(|member| (member.member_id.as_str(), "mine")).collect();
        synced.push(model.sync(&joined[0].clone(), &ids));
        assert!(synced.iter_mut().all(|synced| &answered(synced).assignment[..] == b"mine"));
        assert_eq!(model.group.state(), State::Stable);
        (model, joined)
    }
}

fn protocols(names: &[&str]) -> Vec<Protocol> {
    let named = |name: &&str| Protocol { name: (*name).to_owned(), metadata: Bytes::from_static(b"m") };
    names.iter().map(named).collect()
}

fn answered<T>(receiver: &mut Receiver<T>) -> T {
    receiver.try_recv().expect("an answer is there")
}

fn waits<T>(receiver: &mut Receiver<T>) -> bool {
    matches!(receiver.try_recv(), Err(TryRecvError::Empty))
}

#[test]
fn a_new_member_gets_an_id_first_and_joins_with_it() {
    let mut model = Model::new(limits());
    let (id, mut joined) = model.join_new();
    let joined = answered(&mut joined);
    assert_eq!((joined.error, joined.generation_id, &joined.leader_id), (ErrorCode::None, 1, &id));
    assert_eq!(joined.members.len(), 1);
    assert_eq!(model.group.state(), State::CompletingRebalance);
}

#[test]
fn an_older_client_and_a_static_member_join_at_once() {
    let mut model = Model::new(limits());
    let request = JoinRequest { requires_known_member_id: false, ..model.request("") };
    assert_eq!(answered(&mut model.join(request)).error, ErrorCode::None);
    let mut model = Model::new(limits());
    let joined = answered(&mut model.join_static("i"));
    assert_eq!(joined.error, ErrorCode::None);
    assert!(joined.member_id.starts_with("i-"));
}

#[test]
fn an_id_that_was_given_and_not_used_expires() {
    let mut model = Model::new(limits());
    let request = model.request("");
    let given = answered(&mut model.join(request)).member_id;
    assert!(!model.group.is_idle());
    model.pass(SESSION);
    assert!(model.group.is_idle());
    assert_eq!(answered(&mut model.rejoin(&given)).error, ErrorCode::UnknownMemberId);
}

#[test]
fn an_empty_group_waits_for_more_members_within_bounds() {
    let delay = Duration::from_secs(3);
    let mut model = Model::new(GroupLimits { initial_rebalance_delay: delay, ..limits() });
    let (_, mut first) = model.join_new();
    model.pass(Duration::from_secs(2));
    let (_, mut second) = model.join_new();
    model.pass(Duration::from_secs(2));
    assert!(waits(&mut first), "a newcomer prolongs the wait");
    model.pass(Duration::from_secs(2));
    assert_eq!(answered(&mut first).members.len() + answered(&mut second).members.len(), 2);
}

#[test]
fn the_wait_for_more_members_ends_with_the_rebalance_timeout() {
    let delay = Duration::from_secs(3);
    let mut limits = GroupLimits { initial_rebalance_delay: delay, ..limits() };
    limits.members_max = 1000;
    let mut model = Model::new(limits);
    let (_, mut first) = model.join_new();
    for _ in 0..59 {
        model.pass(Duration::from_secs(1));
        assert!(waits(&mut first));
        model.join_new();
    }
    model.pass(Duration::from_secs(1));
    assert_eq!(answered(&mut first).generation_id, 1);
}

#[test]
fn only_the_leader_hears_of_the_members_and_followers_wait_for_it() {
    let (mut model, members) = Model::stable(2);
    assert_eq!((members[0].members.len(), members[1].members.len()), (2, 0));
    assert_eq!(model.heartbeat(&members[1]), ErrorCode::None);
    let stored = model.written.last().unwrap();
    assert_eq!((stored.generation_id, stored.members.len()), (2, 2));
    assert!(stored.members.iter().all(|member| &member.assignment[..] == b"mine"));
}

#[test]
fn a_sync_before_the_leaders_waits() {
    let mut model = Model::new(limits());
    let (_, mut first) = model.join_new();
    let first = answered(&mut first);
    let (_, mut second) = model.join_new();
    let again = answered(&mut model.rejoin(&first.member_id));
    let second = answered(&mut second);
    let mut waiting = model.sync(&second, &[]);
    assert!(waits(&mut waiting));
    let (mut own, write) = model.sync_unwritten(&again, &[(&second.member_id, "yours")]);
    assert!(waits(&mut own), "nobody gets what is not written yet");
    model.write(write, Ok(()));
    assert_eq!(&answered(&mut waiting).assignment[..], b"yours");
    assert!(answered(&mut own).assignment.is_empty(), "the leader gave itself nothing");
}

#[test]
fn an_assignment_that_cannot_be_written_starts_over() {
    let mut model = Model::new(limits());
    let (_, mut joined) = model.join_new();
    let joined = answered(&mut joined);
    let (mut synced, write) = model.sync_unwritten(&joined, &[]);
    model.write(write, Err(ErrorCode::NotCoordinator));
    assert_eq!(answered(&mut synced).error, ErrorCode::NotCoordinator);
    assert_eq!(model.group.state(), State::PreparingRebalance);
    assert_eq!(answered(&mut model.rejoin(&joined.member_id)).generation_id, 2);
}

#[test]
fn a_write_that_a_rebalance_overtook_changes_nothing() {
    let mut model = Model::new(limits());
    let (_, mut joined) = model.join_new();
    let joined = answered(&mut joined);
    let (mut synced, write) = model.sync_unwritten(&joined, &[(&joined.member_id, "old")]);
    let (_, mut newcomer) = model.join_new();
    assert_eq!(answered(&mut synced).error, ErrorCode::RebalanceInProgress);
    model.write(write, Ok(()));
    assert_eq!(model.group.state(), State::PreparingRebalance);
    answered(&mut model.rejoin(&joined.member_id));
    assert_eq!(answered(&mut newcomer).generation_id, 2);
}

#[test]
fn a_newcomer_makes_everybody_join_again() {
    let (mut model, members) = Model::stable(1);
    let (_, mut newcomer) = model.join_new();
    assert!(waits(&mut newcomer));
    assert_eq!(model.heartbeat(&members[0]), ErrorCode::RebalanceInProgress);
    let again = answered(&mut model.rejoin(&members[0].member_id));
    let newcomer = answered(&mut newcomer);
    assert_eq!((again.generation_id, newcomer.generation_id), (2, 2));
    assert_eq!(newcomer.leader_id, members[0].member_id);
    assert_eq!(model.heartbeat(&members[0]), ErrorCode::IllegalGeneration);
}

#[test]
fn who_does_not_join_in_time_is_out() {
    let (mut model, members) = Model::stable(2);
    let mut rejoined = model.rejoin(&members[0].member_id);
    assert!(waits(&mut rejoined));
    for _ in 0..12 {
        // The other one lives, but does not join.
        assert_eq!(model.heartbeat(&members[1]), ErrorCode::RebalanceInProgress);
        model.pass(Duration::from_secs(5));
    }
    let rejoined = answered(&mut rejoined);
    assert_eq!((rejoined.generation_id, rejoined.members.len()), (3, 1));
    assert_eq!(model.heartbeat(&members[1]), ErrorCode::UnknownMemberId);
}

#[test]
fn who_is_silent_for_a_session_is_out() {
    let (mut model, members) = Model::stable(2);
    model.pass(Duration::from_secs(9));
    assert_eq!(model.heartbeat(&members[0]), ErrorCode::None);
    model.pass(Duration::from_secs(2));
    assert_eq!(model.heartbeat(&members[1]), ErrorCode::UnknownMemberId);
    assert_eq!(model.heartbeat(&members[0]), ErrorCode::RebalanceInProgress);
    model.pass(Duration::from_secs(30));
    assert_eq!(model.group.state(), State::Empty);
    assert_eq!(model.written.last().unwrap().members, [], "an empty group is written down as such");
}

#[test]
fn who_waits_for_an_answer_does_not_expire() {
    let (mut model, members) = Model::stable(2);
    let mut rejoined = model.rejoin(&members[0].member_id);
    for _ in 0..11 {
        model.pass(Duration::from_secs(5));
        model.heartbeat(&members[1]);
    }
    assert!(waits(&mut rejoined), "55 seconds, and a session of 10");
    let mut last = model.rejoin(&members[1].member_id);
    assert_eq!(answered(&mut rejoined).generation_id, 3);
    let last = answered(&mut last);
    let mut synced = model.sync(&last, &[]);
    model.pass(Duration::from_secs(9));
    assert!(waits(&mut synced));
}

#[test]
fn who_joined_and_never_syncs_is_out_after_the_rebalance_timeout() {
    let mut model = Model::new(limits());
    let (_, mut first) = model.join_new();
    let first = answered(&mut first);
    model.sync(&first, &[]);
    let (_, mut second) = model.join_new();
    let again = answered(&mut model.rejoin(&first.member_id));
    let second = answered(&mut second);
    model.sync(&again, &[]);
    for _ in 0..12 {
        model.heartbeat(&again);
        model.heartbeat(&second);
        model.pass(Duration::from_secs(5));
    }
    assert_eq!(model.heartbeat(&second), ErrorCode::UnknownMemberId);
    assert_eq!(model.heartbeat(&again), ErrorCode::RebalanceInProgress);
}

#[test]
fn who_leaves_is_out_at_once() {
    let (mut model, members) = Model::stable(2);
    let target = |member_id: &str| LeaveTarget { member_id: member_id.to_owned(), group_instance_id: None };
    let (codes, write) = model.group.leave(&[target(&members[0].member_id), target("ghost")], model.now);
    model.write(write, Ok(()));
    assert_eq!(codes, [ErrorCode::None, ErrorCode::UnknownMemberId]);
    let rejoined = answered(&mut model.rejoin(&members[1].member_id));
    assert_eq!((rejoined.generation_id, rejoined.leader_id), (3, members[1].member_id.clone()));
    let (_, write) = model.group.leave(&[target(&members[1].member_id)], model.now);
    model.write(write, Ok(()));
    assert_eq!(model.group.state(), State::Empty);
}

#[test]
fn a_lost_answer_is_given_again_and_a_leader_may_ask_for_a_rebalance() {
    let (mut model, members) = Model::stable(2);
    let follower = answered(&mut model.rejoin(&members[1].member_id));
    assert_eq!(follower.generation_id, 2, "nothing changed for a follower");
    assert_eq!(model.group.state(), State::Stable);
    let mut leader = model.rejoin(&members[0].member_id);
    assert!(waits(&mut leader));
    assert_eq!(model.group.state(), State::PreparingRebalance);
    let mut leader_again = model.rejoin(&members[0].member_id);
    assert!(matches!(leader.try_recv(), Err(TryRecvError::Closed)), "the newer request is answered");
    let mut changed = model.request(&members[1].member_id);
    changed.protocols = protocols(&["range", "roundrobin"]);
    assert_eq!(answered(&mut model.join(changed)).generation_id, 3);
    assert_eq!(answered(&mut leader_again).generation_id, 3);
}

#[test]
fn the_protocol_is_one_that_all_support_and_most_want() {
    let mut model = Model::new(GroupLimits { initial_rebalance_delay: REBALANCE, ..limits() });
    let wants = [&["a", "b", "c"][..], &["b", "c"], &["c", "b"]];
    let mut waiting = Vec::new();
    for names in wants {
        let mut request = model.request("");
        (request.requires_known_member_id, request.protocols) = (false, protocols(names));
        waiting.push(model.join(request));
    }
    let mut request = model.request("");
    (request.requires_known_member_id, request.protocols) = (false, protocols(&["d"]));
    assert_eq!(answered(&mut model.join(request)).error, ErrorCode::InconsistentGroupProtocol);
    let other_type = JoinRequest { protocol_type: "connect".to_owned(), ..model.request("") };
    assert_eq!(answered(&mut model.join(other_type)).error, ErrorCode::InconsistentGroupProtocol);
    model.pass(REBALANCE);
    assert!(waiting.iter_mut().all(|answer| answered(answer).protocol_name.as_deref() == Some("b")));
}

#[test]
fn a_full_group_takes_nobody_else() {
    let (mut model, _) = Model::stable(5);
    let request = model.request("");
    assert_eq!(answered(&mut model.join(request)).error, ErrorCode::GroupMaxSizeReached);
}

#[test]
fn session_timeouts_have_bounds() {
    let mut model = Model::new(limits());
    for seconds in [5, 1801] {
        let request = JoinRequest { session_timeout: Duration::from_secs(seconds), ..model.request("") };
        assert_eq!(answered(&mut model.join(request)).error, ErrorCode::InvalidSessionTimeout);
    }
}

#[test]
fn a_restored_group_goes_on_and_expires_as_if_just_heard_of() {
    let (model, members) = Model::stable(2);
    let stored = model.written.last().unwrap().clone();
    let group = ClassicGroup::restore(stored, limits(), model.now);
    let mut restored = Model { group, ..Model::new(limits()) };
    restored.now = model.now;
    assert_eq!(restored.group.state(), State::Stable);
    restored.pass(Duration::from_secs(9));
    assert_eq!(restored.heartbeat(&members[0]), ErrorCode::None);
    assert_eq!(&answered(&mut restored.sync(&members[1], &[])).assignment[..], b"mine");
    restored.pass(Duration::from_secs(11));
    assert_eq!(restored.heartbeat(&members[1]), ErrorCode::UnknownMemberId);
}

#[test]
fn a_deleted_group_sends_everybody_to_look_again() {
    let (mut model, members) = Model::stable(1);
    let (_, mut newcomer) = model.join_new();
    model.group.kill(model.now);
    assert_eq!(answered(&mut newcomer).error, ErrorCode::NotCoordinator);
    assert_eq!(model.heartbeat(&members[0]), ErrorCode::CoordinatorNotAvailable);
    let request = model.request("");
    assert_eq!(answered(&mut model.join(request)).error, ErrorCode::CoordinatorNotAvailable);
}

#[test]
fn commits_need_the_right_member_generation_and_moment() {
    let (mut model, members) = Model::stable(1);
    let check = |model: &Model, member: &str, generation| {
        model.group.check_offset_commit(member, None, generation, false)
    };
    let member = members[0].member_id.as_str();
    assert_eq!(check(&model, member, 1), Ok(()));
    assert_eq!(check(&model, member, 2), Err(ErrorCode::IllegalGeneration));
    assert_eq!(check(&model, "ghost", 1), Err(ErrorCode::UnknownMemberId));
    assert_eq!(check(&model, "", -1), Err(ErrorCode::UnknownMemberId));
    let (_, mut newcomer) = model.join_new();
    assert_eq!(check(&model, member, 1), Ok(()), "a member may still commit before it joins again");
    answered(&mut model.rejoin(member));
    answered(&mut newcomer);
    assert_eq!(check(&model, member, 2), Err(ErrorCode::RebalanceInProgress));
    let empty = Model::new(limits());
    assert_eq!(check(&empty, "", -1), Ok(()));
}
