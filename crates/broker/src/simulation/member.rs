//! Members of groups, one of each protocol: they join, beat, commit in their generation, and leave. Whoever was told that he is a member still is
//! one after every crash.

use bytes::Bytes;
use millstream_log::fs::sim::SplitMix;
use millstream_wire::ErrorCode;
use millstream_wire::messages::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest;
use millstream_wire::messages::heartbeat::HeartbeatRequest;
use millstream_wire::messages::join_group::{JoinGroupRequest, JoinGroupRequestProtocol};
use millstream_wire::messages::leave_group::{LeaveGroupRequest, MemberIdentity};
use millstream_wire::messages::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment};

use super::client::{Client, TOPIC, TRIES, assert_retriable, result};
use super::offset::CommittedOffset;

/// Of the classic member: who takes an instance's place waits for no session to end.
const INSTANCE: &str = "instance";

/// How a group's members talk to the coordinator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Classic,
    Consumer,
}

/// Something that a member does.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    Beat,
    Commit,
    Leave,
}

/// The only member of its group.
pub(super) struct Member {
    protocol: Protocol,
    group: String,
    random: SplitMix,
    /// Empty until it is given one.
    member_id: String,
    members: u32,
    /// The generation or epoch that it was told last; none once an answer is missing that may have changed it.
    joined: Option<i32>,
    offset: CommittedOffset,
}

impl Member {
    /// One of each protocol.
    pub(super) fn both(mut random: SplitMix) -> [Self; 2] {
        [Protocol::Classic, Protocol::Consumer].map(|protocol| {
            let group = format!("group-{protocol:?}");
            Self {
                protocol,
                random: SplitMix::new(random.next_u64()),
                member_id: String::new(),
                members: 0,
                joined: None,
                offset: CommittedOffset::new(group.clone(), TOPIC),
                group,
            }
        })
    }

    pub(super) async fn work(&mut self, client: &mut Client, steps: u64) {
        for _ in 0..steps {
            let step = match self.random.below(10) {
                0..=4 => Step::Beat,
                5..=8 => Step::Commit,
                _ => Step::Leave,
            };
            if self.take(step, client).await.is_none() {
                return;
            }
        }
    }

    /// Takes a step, for which it joins if need be; none when nobody answers any more.
    pub(super) async fn take(&mut self, step: Step, client: &mut Client) -> Option<()> {
        let Some(generation) = self.joined else {
            return match self.protocol {
                Protocol::Classic => self.join_classic(client).await,
                Protocol::Consumer => self.join_consumer(client).await,
            };
        };
        match step {
            Step::Beat => self.beat(generation, client).await.map(|beaten| {
                if let Err(error) = beaten {
                    assert_retriable(error);
                }
            }),
            Step::Commit => self.offset.commit(client, (&self.member_id, generation)).await,
            Step::Leave => self.leave(client).await,
        }
    }

    async fn join_classic(&mut self, client: &mut Client) -> Option<()> {
        let joined = client.ask(9, self.join_request()).await?;
        match result(joined.error_code) {
            Ok(()) => self.member_id = joined.member_id,
            // Somebody has taken its place, which was itself: it was not told.
            Err(ErrorCode::UnknownMemberId | ErrorCode::FencedInstanceId) => {
                self.member_id.clear();
                return Some(());
            }
            Err(error) => {
                assert_retriable(error);
                return Some(());
            }
        }
        let assignment = SyncGroupRequestAssignment {
            member_id: self.member_id.clone(),
            assignment: Bytes::from_static(b"everything"),
        };
        let request = SyncGroupRequest {
            group_id: self.group.clone(),
            generation_id: joined.generation_id,
            member_id: self.member_id.clone(),
            group_instance_id: Some(INSTANCE.into()),
            protocol_type: Some("consumer".into()),
            protocol_name: Some("range".into()),
            assignments: vec![assignment],
        };
        match result(client.ask(5, request).await?.error_code) {
            Ok(()) => self.joined = Some(joined.generation_id),
            // What could not be written begins the next generation.
            Err(ErrorCode::RebalanceInProgress) => {}
            Err(error) => assert_retriable(error),
        }
        Some(())
    }

    fn join_request(&self) -> JoinGroupRequest {
        let protocol =
            JoinGroupRequestProtocol { name: "range".into(), metadata: Bytes::from_static(b"topics") };
        JoinGroupRequest {
            group_id: self.group.clone(),
            member_id: self.member_id.clone(),
            group_instance_id: Some(INSTANCE.into()),
            session_timeout_ms: 1_800_000,
            rebalance_timeout_ms: 1_800_000,
            protocol_type: "consumer".into(),
            protocols: vec![protocol],
            ..JoinGroupRequest::default()
        }
    }

    async fn join_consumer(&mut self, client: &mut Client) -> Option<()> {
        if self.member_id.is_empty() {
            self.members += 1;
            self.member_id = format!("member-{}", self.members);
        }
        let request = ConsumerGroupHeartbeatRequest {
            rebalance_timeout_ms: 1_800_000,
            subscribed_topic_names: Some(vec![TOPIC.into()]),
            topic_partitions: Some(Vec::new()),
            ..self.consumer_request(0)
        };
        let response = client.ask(1, request).await?;
        match result(response.error_code) {
            Ok(()) => self.joined = Some(response.member_epoch),
            Err(error) => assert_retriable(error),
        }
        Some(())
    }

    fn consumer_request(&self, member_epoch: i32) -> ConsumerGroupHeartbeatRequest {
        ConsumerGroupHeartbeatRequest {
            group_id: self.group.clone(),
            member_id: self.member_id.clone(),
            member_epoch,
            ..ConsumerGroupHeartbeatRequest::default()
        }
    }

    /// A heartbeat; the error is the coordinator's.
    async fn beat(&mut self, generation: i32, client: &mut Client) -> Option<Result<(), ErrorCode>> {
        if self.protocol == Protocol::Classic {
            let request = HeartbeatRequest {
                group_id: self.group.clone(),
                generation_id: generation,
                member_id: self.member_id.clone(),
                group_instance_id: Some(INSTANCE.into()),
            };
            return Some(result(client.ask(4, request).await?.error_code));
        }
        // Its epoch may be raised by this.
        self.joined = None;
        let response = client.ask(1, self.consumer_request(generation)).await?;
        let outcome = result(response.error_code);
        if outcome.is_ok() {
            assert!(response.member_epoch >= generation, "{}: an epoch goes back: {response:?}", self.group);
            self.joined = Some(response.member_epoch);
        }
        Some(outcome)
    }

    async fn leave(&mut self, client: &mut Client) -> Option<()> {
        self.joined = None;
        let outcome = match self.protocol {
            Protocol::Classic => {
                let member =
                    MemberIdentity { member_id: self.member_id.clone(), ..MemberIdentity::default() };
                let request = LeaveGroupRequest {
                    group_id: self.group.clone(),
                    members: vec![member],
                    ..LeaveGroupRequest::default()
                };
                let response = client.ask(5, request).await?;
                result(response.error_code).and_then(|()| result(response.members[0].error_code))
            }
            Protocol::Consumer => result(client.ask(1, self.consumer_request(-1)).await?.error_code),
        };
        match outcome {
            Ok(()) => self.member_id.clear(),
            Err(error) => assert_retriable(error),
        }
        Some(())
    }

    /// After a start: it is a member still, in the generation that it knows, with the offset that it committed.
    pub(super) async fn check(&mut self, client: &mut Client, story: &str) {
        if let Some(generation) = self.joined {
            let mut beaten = None;
            for _ in 0..TRIES {
                beaten = self.beat(generation, client).await;
                if beaten != Some(Err(ErrorCode::CoordinatorLoadInProgress)) {
                    break;
                }
            }
            assert_eq!(beaten, Some(Ok(())), "{story}: {} of {} in {generation}", self.member_id, self.group);
        }
        self.offset.check(client, story).await;
    }
}
