//! Membership in a consumer group, by the classic protocol: join, sync, heartbeat, leave (KIP-62, KIP-345, KIP-394).
//!
//! ```text
//!             ┌────────────────── joined, synced ──────────────────┐
//!             │                                                    ▼
//!   next_event: Revoked ◄── rebalance, member lost ── heartbeats ◄─ next_event: Assigned
//!             │                                                    ▲
//!             └── next_event again: what was revoked is done with ─┘
//! ```
//!
//! Rebalances are eager: everything is given up before the group divides the partitions again. After a
//! [`GroupEvent::Revoked`] the caller finishes and commits; the next call of [`GroupMember::next_event`] says that it has, and only
//! then the member joins again. Heartbeats go on meanwhile. A task does all that, so that dropping a call of
//! `next_event` loses nothing.
//!
//! Not here: cooperative rebalances, the protocol of KIP-848.

mod assignor;
mod join;
mod membership;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::admin::{Admin, CommittedOffset, MemberIdentity, OffsetToCommit};
use crate::client::Client;
use crate::connections::Connections;
use crate::error::{ClientError, Result};
use crate::topic_partition::TopicPartition;

pub use assignor::Assignor;

/// Settings of a member, under Kafka's names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupConfig {
    /// `group.id`.
    pub group_id: String,
    /// `group.instance.id`: makes the member static, so that a restart within the session timeout moves no partitions.
    pub instance_id: Option<String>,
    /// The topics to read.
    pub topics: Vec<String>,
    /// `session.timeout.ms`: after how long without heartbeat the group gives the member up.
    pub session_timeout: Duration,
    /// `heartbeat.interval.ms`.
    pub heartbeat_interval: Duration,
    /// `max.poll.interval.ms`, which is also how long a rebalance waits for members to finish.
    pub rebalance_timeout: Duration,
    /// `partition.assignment.strategy`: in order of preference; the group uses the first that all members have.
    pub assignors: Vec<Assignor>,
}

impl GroupConfig {
    /// Kafka's defaults.
    pub fn new(group_id: impl Into<String>, topics: Vec<String>) -> Self {
        Self {
            group_id: group_id.into(),
            instance_id: None,
            topics,
            session_timeout: Duration::from_secs(45),
            heartbeat_interval: Duration::from_secs(3),
            rebalance_timeout: Duration::from_secs(300),
            assignors: vec![Assignor::Range, Assignor::RoundRobin],
        }
    }

    fn check(&self) -> Result<()> {
        let invalid = |what, found: &str, expected| {
            Err(ClientError::InvalidInput { what, found: format!("\"{found}\""), expected })
        };
        if self.group_id.is_empty() {
            return invalid("group.id", "", "a name");
        }
        if self.topics.is_empty() {
            return invalid("topics of a group member", "", "at least one");
        }
        if self.assignors.is_empty() {
            return invalid("partition.assignment.strategy", "", "range or roundrobin");
        }
        if self.heartbeat_interval >= self.session_timeout {
            let found = format!("{:?}", self.heartbeat_interval);
            return invalid("heartbeat.interval.ms", &found, "less than session.timeout.ms");
        }
        Ok(())
    }
}

/// What happens to a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupEvent {
    /// These partitions are the member's until the next event.
    Assigned {
        /// The group's generation.
        generation: i32,
        /// The partitions, sorted.
        partitions: Vec<TopicPartition>,
    },
    /// The member has to let go of its partitions: finish, commit, and ask for the next event.
    Revoked {
        /// The partitions.
        partitions: Vec<TopicPartition>,
        /// Whether the group has already given them to others: then a commit is refused.
        is_lost: bool,
    },
}

/// What the member's handle and its task have in common.
#[derive(Debug)]
struct Shared {
    client: Client,
    config: GroupConfig,
    /// For requests that the coordinator keeps waiting.
    connections: Connections,
    identity: Mutex<MemberIdentity>,
}

/// A member of a consumer group.
#[derive(Debug)]
pub struct GroupMember {
    shared: Arc<Shared>,
    events: mpsc::Receiver<Result<GroupEvent>>,
    released: mpsc::Sender<()>,
    has_to_release: bool,
    task: tokio::task::JoinHandle<()>,
}

impl GroupMember {
    /// Starts to join a group. The first event is what became of it.
    ///
    /// # Errors
    /// [`ClientError::InvalidInput`] for settings that cannot work.
    pub fn join(client: Client, config: GroupConfig) -> Result<Self> {
        config.check()?;
        let shared = Arc::new(Shared {
            connections: Connections::new(Arc::clone(client.config())),
            identity: Mutex::new(MemberIdentity {
                generation: -1,
                member_id: String::new(),
                instance_id: config.instance_id.clone(),
            }),
            client,
            config,
        });
        let (event_sender, events) = mpsc::channel(1);
        let (released, releases) = mpsc::channel(1);
        let task = tokio::spawn(membership::run(Arc::clone(&shared), event_sender, releases));
        Ok(Self { shared, events, released, has_to_release: false, task })
    }

    /// Waits for the next event. After [`GroupEvent::Revoked`], a call says that the caller is done with what was revoked.
    ///
    /// # Errors
    /// What ended the membership: missing permissions, another member under the same instance id (kind
    /// [`crate::ErrorKind::Fenced`]), assignors that do not fit the group.
    pub async fn next_event(&mut self) -> Result<GroupEvent> {
        if self.has_to_release {
            // The channel has room for the one release that can be outstanding.
            let _ = self.released.try_send(());
            self.has_to_release = false;
        }
        let event = self.events.recv().await;
        let event = event.unwrap_or(Err(ClientError::Closed { what: "group member" }));
        self.has_to_release = matches!(event, Ok(GroupEvent::Revoked { .. }));
        event
    }

    /// The generation and id under which the member commits now.
    pub fn identity(&self) -> MemberIdentity {
        self.shared.identity.lock().clone()
    }

    /// Commits positions as this member, in its generation.
    ///
    /// # Errors
    /// With kind [`crate::ErrorKind::Rebalance`] when the group has moved on without it; as
    /// [`Admin::commit_offsets`].
    pub async fn commit(&self, offsets: &HashMap<TopicPartition, OffsetToCommit>) -> Result<()> {
        let identity = self.identity();
        crate::admin::commit(&self.shared.client, &self.shared.config.group_id, &identity, offsets).await
    }

    /// The positions that the group has committed for these partitions.
    ///
    /// # Errors
    /// As [`Admin::committed_offsets`].
    pub async fn committed(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<HashMap<TopicPartition, CommittedOffset>> {
        let admin = Admin::new(self.shared.client.clone());
        admin.committed_offsets(&self.shared.config.group_id, Some(partitions), true).await
    }

    /// Leaves the group, so that it need not wait for the session timeout. A static member only stops: its partitions wait
    /// for it.
    ///
    /// # Errors
    /// What the coordinator says.
    pub async fn leave(self) -> Result<()> {
        self.task.abort();
        membership::leave(&self.shared).await
    }
}

impl Drop for GroupMember {
    fn drop(&mut self) {
        self.task.abort();
    }
}
