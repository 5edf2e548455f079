//! Whatever members do, in whatever order, with lost answers, expiry and restarts: no partition is owned by two of them at a
//! time, and once they keep still everything is with somebody.

use super::*;

/// A member as its client sees it.
#[derive(Debug, Clone)]
struct Client {
    member_id: String,
    instance_id: Option<String>,
    epoch: i32,
    topics: Vec<String>,
    /// What it works on. It gives things up before it takes up others.
    owned: Assignment,
    /// What the coordinator has told it to have.
    told: Assignment,
    subscription_changed: bool,
    has_to_say_everything: bool,
}

#[derive(Debug, Clone)]
enum Action {
    Join(Vec<u8>),
    JoinStatic(u8),
    Leave(u8),
    LeaveForAWhile(u8),
    /// A heartbeat; its answer may be lost.
    Beat(u8, bool),
    Subscribe(u8, Vec<u8>),
    /// The client has stopped using what it was told to give up.
    Revoke(u8),
    /// A client is gone without a word.
    Die(u8),
    Pass(u8),
    Grow(u8),
    Restart,
}

const TOPICS: [&str; 3] = ["t0", "t1", "t2"];

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let topics = || proptest::collection::vec(0..3_u8, 1..3);
    let who = || 0..6_u8;
    let action = prop_oneof![
        2 => topics().prop_map(Action::Join),
        1 => (0..2_u8).prop_map(Action::JoinStatic),
        1 => who().prop_map(Action::Leave),
        1 => who().prop_map(Action::LeaveForAWhile),
        8 => (who(), proptest::bool::weighted(0.2)).prop_map(|(who, is_lost)| Action::Beat(who, is_lost)),
        1 => (who(), topics()).prop_map(|(who, topics)| Action::Subscribe(who, topics)),
        6 => who().prop_map(Action::Revoke),
        1 => who().prop_map(Action::Die),
        1 => (1..40_u8).prop_map(Action::Pass),
        1 => (0..3_u8).prop_map(Action::Grow),
        1 => Just(Action::Restart),
    ];
    proptest::collection::vec(action, 1..80)
}

struct Play {
    world: World,
    clients: Vec<Client>,
    /// Distinguishes members that come one after another in one place.
    next_id: u32,
}

impl Play {
    fn client(&mut self, who: u8) -> Option<usize> {
        let count = self.clients.len();
        (count > 0).then(|| usize::from(who) % count)
    }

    fn add(&mut self, instance_id: Option<String>, topics: &[u8]) {
        self.next_id += 1;
        let topics: BTreeSet<&str> = topics.iter().map(|&topic| TOPICS[usize::from(topic)]).collect();
        self.clients.push(Client {
            member_id: format!("m{}", self.next_id),
            instance_id,
            epoch: JOIN,
            topics: topics.into_iter().map(str::to_owned).collect(),
            owned: Assignment::new(),
            told: Assignment::new(),
            subscription_changed: false,
            has_to_say_everything: true,
        });
        let last = self.clients.len() - 1;
        self.beat(last, false);
    }

    fn beat(&mut self, index: usize, is_lost: bool) {
        let client = &mut self.clients[index];
        let says_everything = client.has_to_say_everything;
        let says_topics = says_everything || client.subscription_changed;
        let request = HeartbeatRequest {
            member_id: client.member_id.clone(),
            member_epoch: client.epoch,
            instance_id: client.instance_id.clone(),
            rebalance_timeout_ms: says_everything.then_some(60_000),
            topic_names: says_topics.then(|| client.topics.clone()),
            owned: Some(client.owned.clone()),
            ..HeartbeatRequest::default()
        };
        let outcome = self.world.heartbeat(&request);
        let client = &mut self.clients[index];
        if is_lost {
            client.has_to_say_everything = true;
            return;
        }
        match outcome {
            Ok(answer) => {
                client.epoch = answer.member_epoch;
                client.subscription_changed = false;
                client.has_to_say_everything = false;
                if let Some(assignment) = answer.assignment {
                    client.told = assignment;
                    client.take_up();
                }
            }
            Err(refusal) if refusal.error == ErrorCode::UnreleasedInstanceId => {}
            // Fenced: it drops everything and comes anew.
            Err(_) => {
                (client.owned, client.told) = (Assignment::new(), Assignment::new());
                (client.epoch, client.has_to_say_everything) = (JOIN, true);
            }
        }
    }

    fn leave(&mut self, index: usize, epoch: i32) {
        let client = self.clients.remove(index);
        let epoch = if client.instance_id.is_some() { epoch } else { -1 };
        let request = HeartbeatRequest { instance_id: client.instance_id, ..beat(&client.member_id, epoch) };
        drop(self.world.heartbeat(&request));
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::Join(topics) if self.clients.len() < 6 => self.add(None, topics),
            Action::JoinStatic(number) => {
                let instance_id = Some(format!("i{number}"));
                if !self.clients.iter().any(|client| client.instance_id == instance_id) {
                    self.add(instance_id, &[0, 1]);
                }
            }
            Action::Join(..) => {}
            Action::Grow(topic) => {
                let name = TOPICS[usize::from(*topic)];
                let count = self.world.topics.topics[name].1;
                self.world.topics.set(name, count + 1);
            }
            Action::Pass(seconds) => self.pass(Duration::from_secs(u64::from(*seconds))),
            Action::Restart => self.world.restart(),
            Action::Leave(who)
            | Action::LeaveForAWhile(who)
            | Action::Beat(who, _)
            | Action::Subscribe(who, _)
            | Action::Revoke(who)
            | Action::Die(who) => {
                if let Some(index) = self.client(*who) {
                    self.act_as(index, action);
                }
            }
        }
    }

    fn act_as(&mut self, index: usize, action: &Action) {
        match action {
            Action::Leave(_) => self.leave(index, -1),
            Action::LeaveForAWhile(_) => self.leave(index, -2),
            Action::Beat(_, is_lost) => self.beat(index, *is_lost),
            Action::Revoke(_) => self.clients[index].revoke(),
            Action::Die(_) => _ = self.clients.remove(index),
            Action::Subscribe(_, topics) => {
                let topics: BTreeSet<&str> = topics.iter().map(|&topic| TOPICS[usize::from(topic)]).collect();
                let client = &mut self.clients[index];
                client.topics = topics.into_iter().map(str::to_owned).collect();
                client.subscription_changed = true;
            }
            _ => {}
        }
    }

    /// Time passes, in steps in which clients would have sent heartbeats: one that has not been able to is a dead one and stops.
    fn pass(&mut self, time: Duration) {
        self.world.pass(time);
        let known = &self.world.group.members;
        for client in self.clients.iter_mut().filter(|client| !known.contains_key(&client.member_id)) {
            (client.owned, client.told) = (Assignment::new(), Assignment::new());
            (client.epoch, client.has_to_say_everything) = (JOIN, true);
        }
    }

    fn check(&self) {
        let mut owners: BTreeMap<(Uuid, i32), &str> = BTreeMap::new();
        for client in &self.clients {
            for (&topic, partitions) in &client.owned {
                for &partition in partitions {
                    let other = owners.insert((topic, partition), &client.member_id);
                    assert!(
                        other.is_none(),
                        "{topic} {partition} is with {other:?} and {}",
                        client.member_id
                    );
                }
            }
        }
    }

    /// Clients do what they are told and nothing else until nothing changes.
    fn settle(&mut self) {
        // Who is gone without a word loses its place, others send their heartbeats.
        for _ in 0..8 {
            self.pass(Duration::from_secs(20));
            for index in 0..self.clients.len() {
                self.clients[index].revoke();
                self.beat(index, false);
                self.check();
            }
        }
        for _ in 0..8 {
            for index in 0..self.clients.len() {
                self.clients[index].revoke();
                self.beat(index, false);
                self.check();
            }
        }
    }

    fn check_settled(&self) {
        let state = self.world.group.state_name();
        assert_eq!(state, if self.clients.is_empty() { "Empty" } else { "Stable" });
        for (name, (topic, count)) in &self.world.topics.topics {
            let is_wanted = self.clients.iter().any(|client| client.topics.contains(name));
            for partition in 0..*count {
                let has =
                    |client: &&Client| client.owned.get(topic).is_some_and(|own| own.contains(&partition));
                let owners = self.clients.iter().filter(has).count();
                assert_eq!(owners, usize::from(is_wanted), "{name} {partition} in {:#?}", self.world.group);
            }
        }
    }
}

impl Client {
    /// Stops using what it is to give up, then uses the rest.
    fn revoke(&mut self) {
        self.owned = self.told.clone();
    }

    /// What is new is used at once if nothing has to be given up before.
    fn take_up(&mut self) {
        let keeps_all = self
            .owned
            .iter()
            .all(|(topic, partitions)| self.told.get(topic).is_some_and(|told| partitions.is_subset(told)));
        if keeps_all {
            self.revoke();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_partition_has_two_owners_and_in_the_end_all_have_one(actions in actions(), interval_s in 0..3_u64) {
        let mut world = World::new(&[("t0", 3), ("t1", 1), ("t2", 5)]);
        world.settings.assignment_interval = Duration::from_secs(interval_s);
        let mut play = Play { world, clients: Vec::new(), next_id: 0 };
        for action in &actions {
            play.act(action);
            play.check();
        }
        play.settle();
        play.check_settled();
    }
}
