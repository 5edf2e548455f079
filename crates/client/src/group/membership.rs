//! The life of a member: the task behind [`super::GroupMember`].

use std::collections::BTreeMap;
use std::sync::Arc;

use millstream_wire::messages::heartbeat::HeartbeatRequest;
use millstream_wire::messages::leave_group::{LeaveGroupRequest, MemberIdentity as Leaving};
use millstream_wire::{ApiKey, ErrorCode};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::join::{self, Joined};
use super::{GroupEvent, Shared};
use crate::error::{ErrorKind, Result};

/// How a generation ended for the member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The group asks everybody to join again.
    Rebalance,
    /// The group has given the member up.
    Lost,
}

/// Runs until the membership fails for good or nobody listens.
pub(super) async fn run(
    shared: Arc<Shared>,
    events: mpsc::Sender<Result<GroupEvent>>,
    mut releases: mpsc::Receiver<()>,
) {
    loop {
        let joined = match join_until_done(&shared).await {
            Ok(joined) => joined,
            Err(error) => {
                // A receiver that is gone has lost interest.
                let _ = events.send(Err(error)).await;
                return;
            }
        };
        let Joined { generation, partitions, partition_counts } = joined;
        tracing::info!(group = shared.config.group_id, generation, partitions = partitions.len(), "joined");
        let assigned = GroupEvent::Assigned { generation, partitions: partitions.clone() };
        // Heartbeats do not wait for the caller.
        let mut generation_end = Box::pin(generation_end(&shared, partition_counts));
        let ended = tokio::select! {
            sent = events.send(Ok(assigned)) => {
                if sent.is_err() {
                    return;
                }
                generation_end.as_mut().await
            }
            ended = generation_end.as_mut() => ended,
        };
        drop(generation_end);
        let end = match ended {
            Ok(end) => end,
            Err(error) => {
                let _ = events.send(Err(error)).await;
                return;
            }
        };
        if release(&shared, &events, &mut releases, partitions, end).await.is_none() {
            return;
        }
    }
}

/// Tells the caller to let go and waits until it has, keeping the session alive.
async fn release(
    shared: &Shared,
    events: &mpsc::Sender<Result<GroupEvent>>,
    releases: &mut mpsc::Receiver<()>,
    partitions: Vec<crate::TopicPartition>,
    end: End,
) -> Option<()> {
    if end == End::Lost {
        let mut identity = shared.identity.lock();
        identity.member_id.clear();
        identity.generation = -1;
    }
    let revoked = GroupEvent::Revoked { partitions, is_lost: end == End::Lost };
    let released = async {
        events.send(Ok(revoked)).await.ok()?;
        releases.recv().await
    };
    let keep_alive = async {
        if end == End::Lost {
            std::future::pending::<()>().await;
        }
        loop {
            tokio::time::sleep(shared.config.heartbeat_interval).await;
            // What it says is known: the group is rebalancing, or has lost patience, which joining will show.
            let _ = heartbeat(shared).await;
        }
    };
    tokio::select! {
        released = released => released,
        never = keep_alive => never,
    }
}

/// Joins, again and again while the reasons for failure may pass.
async fn join_until_done(shared: &Shared) -> Result<Joined> {
    let mut failures = 0;
    loop {
        let error = match join::join(shared).await {
            Ok(joined) => return Ok(joined),
            Err(error) => error,
        };
        // The group moved on, or forgot the member: it joins anew at once.
        if error.kind() == ErrorKind::Rebalance {
            tracing::debug!(group = shared.config.group_id, %error, "joining again");
        } else if !error.is_retriable() {
            return Err(error);
        }
        failures += 1;
        let pause = shared.client.config().retry_backoff.random_delay(failures);
        tokio::time::sleep(pause).await;
    }
}

/// Sends heartbeats until the generation ends, or the topics of a leader have changed.
async fn generation_end(shared: &Shared, partition_counts: BTreeMap<String, usize>) -> Result<End> {
    let mut last_answer = Instant::now();
    let mut counted_at = Instant::now();
    loop {
        tokio::time::sleep(shared.config.heartbeat_interval).await;
        match heartbeat(shared).await {
            Ok(()) => last_answer = Instant::now(),
            Err(error) => match error.code() {
                Some(ErrorCode::RebalanceInProgress) => return Ok(End::Rebalance),
                Some(ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration) => return Ok(End::Lost),
                _ if error.is_retriable() => {
                    if last_answer.elapsed() >= shared.config.session_timeout {
                        return Ok(End::Lost);
                    }
                }
                _ => return Err(error),
            },
        }
        if counted_at.elapsed() >= shared.client.config().metadata_max_age && !partition_counts.is_empty() {
            counted_at = Instant::now();
            let now = join::partition_counts(shared, partition_counts.keys()).await;
            // An error is no change; the next heartbeat shows whether it matters.
            if now.is_ok_and(|now| now != partition_counts) {
                return Ok(End::Rebalance);
            }
        }
    }
}

async fn heartbeat(shared: &Shared) -> Result<()> {
    let group = &shared.config.group_id;
    let attempt = async {
        let connection = shared.client.coordinator_connection(group).await?;
        let version = connection.version::<HeartbeatRequest>()?;
        let identity = shared.identity.lock().clone();
        let request = HeartbeatRequest {
            group_id: group.clone(),
            generation_id: identity.generation,
            member_id: identity.member_id,
            group_instance_id: identity.instance_id.filter(|_| version >= 3),
        };
        let timeout = shared.client.config().request_timeout.min(shared.config.session_timeout);
        let response = connection.call(&request, timeout).await?;
        join::check(ApiKey::Heartbeat, group, response.error_code)
    };
    attempt.await.inspect_err(|error| shared.client.check_coordinator(group, error))
}

/// Leaves the group, unless the member is static or never joined.
pub(super) async fn leave(shared: &Shared) -> Result<()> {
    let identity = shared.identity.lock().clone();
    if identity.instance_id.is_some() || identity.member_id.is_empty() {
        return Ok(());
    }
    let group = &shared.config.group_id;
    let connection = shared.client.coordinator_connection(group).await?;
    let mut request = LeaveGroupRequest { group_id: group.clone(), ..LeaveGroupRequest::default() };
    // Version 3 lets several members leave at once (KIP-345).
    if connection.version::<LeaveGroupRequest>()? >= 3 {
        let member_id = identity.member_id;
        request.members = vec![Leaving { member_id, group_instance_id: None, reason: None }];
    } else {
        request.member_id = identity.member_id;
    }
    let response = connection.call(&request, shared.client.config().request_timeout).await?;
    let code = response.members.first().map_or(response.error_code, |member| member.error_code);
    match join::check(ApiKey::LeaveGroup, group, code) {
        Err(error) if error.kind() == ErrorKind::Rebalance => Ok(()),
        outcome => outcome,
    }
}
