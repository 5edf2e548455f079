//! Members with a name of their own (KIP-345): they come back without a rebalance, and keep others of their name out.

use super::*;

/// A stable group of one static member.
fn stable_static() -> (Model, JoinAnswer) {
    let mut model = Model::new(limits());
    let joined = answered(&mut model.join_static("i"));
    answered(&mut model.sync(&joined, &[(&joined.member_id, "mine")]));
    (model, joined)
}

#[test]
fn a_static_member_comes_back_without_a_rebalance() {
    let (mut model, before) = stable_static();
    let after = answered(&mut model.join_static("i"));
    assert_ne!(after.member_id, before.member_id);
    assert_eq!((after.generation_id, after.skip_assignment), (1, true));
    assert_eq!(model.group.state(), State::Stable);
    assert_eq!(model.written.last().unwrap().members[0].member_id, after.member_id);
    assert_eq!(&answered(&mut model.sync(&after, &[])).assignment[..], b"mine");
    let fenced = model.group.heartbeat(&before.member_id, Some("i"), 1, model.now);
    assert_eq!(fenced, ErrorCode::FencedInstanceId);
    assert_eq!(model.heartbeat(&before), ErrorCode::UnknownMemberId);
}

#[test]
fn an_older_static_member_that_led_does_not_hear_that_it_leads() {
    // KIP-814: it would compute an assignment that nobody waits for.
    let (mut model, before) = stable_static();
    let mut request = model.request("");
    (request.group_instance_id, request.can_skip_assignment) = (Some("i".to_owned()), false);
    let after = answered(&mut model.join(request));
    assert_eq!((after.leader_id, after.members.len(), after.skip_assignment), (before.member_id, 0, false));
}

#[test]
fn a_static_member_with_other_protocols_makes_a_rebalance() {
    let (mut model, _) = stable_static();
    let mut request = model.request("");
    (request.group_instance_id, request.protocols) = (Some("i".to_owned()), protocols(&["sticky", "range"]));
    let rejoined = answered(&mut model.join(request));
    assert_eq!((rejoined.generation_id, rejoined.protocol_name.as_deref()), (2, Some("sticky")));
}

#[test]
fn a_second_static_member_of_the_same_name_fences_the_first() {
    let (mut model, _) = Model::stable(1);
    let mut first = model.join_static("i");
    assert!(waits(&mut first));
    let mut second = model.join_static("i");
    assert_eq!(answered(&mut first).error, ErrorCode::FencedInstanceId);
    assert!(waits(&mut second));
}

#[test]
fn an_absent_static_member_keeps_its_place_until_its_session_ends() {
    let (mut model, before) = stable_static();
    let (_, mut newcomer) = model.join_new();
    model.pass(Duration::from_secs(9));
    assert!(waits(&mut newcomer), "the static member is awaited");
    let back = answered(&mut model.rejoin_static(&before, "i"));
    assert_eq!((back.generation_id, answered(&mut newcomer).generation_id), (2, 2));
    model.pass(Duration::from_secs(30));
    assert_eq!(model.group.state(), State::Empty);
}

impl Model {
    fn rejoin_static(&mut self, joined: &JoinAnswer, instance: &str) -> Receiver<JoinAnswer> {
        let mut request = self.request(&joined.member_id);
        request.group_instance_id = Some(instance.to_owned());
        self.join(request)
    }
}

#[test]
fn an_administrator_removes_a_static_member_by_its_name() {
    let (mut model, _) = stable_static();
    let target = LeaveTarget { member_id: String::new(), group_instance_id: Some("i".to_owned()) };
    let (codes, write) = model.group.leave(std::slice::from_ref(&target), model.now);
    model.write(write, Ok(()));
    assert_eq!(codes, [ErrorCode::None]);
    assert_eq!(model.group.state(), State::Empty);
    assert_eq!(model.group.leave(&[target], model.now).0, [ErrorCode::UnknownMemberId]);
}
