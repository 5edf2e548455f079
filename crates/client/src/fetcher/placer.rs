//! Brings partitions to the loops of their leaders: finds the leader, resolves where to start, and checks a position
//! against the epochs of a leader that is new to it (KIP-320).

use std::sync::Arc;

use millstream_wire::messages::OffsetForLeaderEpochRequest;
use millstream_wire::messages::offset_for_leader_epoch::{OffsetForLeaderPartition, OffsetForLeaderTopic};
use millstream_wire::{ApiKey, ErrorCode};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::Shared;
use super::config::Start;
use super::outcome::retry_or_fail;
use super::partition::{Partition, wake};
use crate::admin::{ListedOffset, OffsetSpec, list_offsets_once};
use crate::error::{ClientError, Result, Subject};
use crate::metadata::Leader;
use crate::topic_partition::TopicPartition;

/// A consumer, as opposed to a broker that replicates.
const CONSUMER: i32 = -1;

/// The placer's inbox.
#[derive(Debug)]
pub(super) struct Placer {
    pub(super) arrivals: Mutex<Vec<Arc<Partition>>>,
    pub(super) wake: Notify,
}

impl Placer {
    /// Takes a partition in; its state says what is to be done first.
    pub(super) fn take_in(&self, partition: Arc<Partition>) {
        self.arrivals.lock().push(partition);
        self.wake.notify_one();
    }
}

/// Runs until the fetcher is closed.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut parked: Vec<Arc<Partition>> = Vec::new();
    while !shared.is_closed() {
        parked.append(&mut shared.placer.arrivals.lock());
        parked.retain(|partition| !partition.state.lock().is_dropped);
        let now = Instant::now();
        let is_due = |partition: &Arc<Partition>| {
            partition.state.lock().not_before.is_none_or(|not_before| not_before <= now)
        };
        let (due, rest): (Vec<_>, Vec<_>) = parked.into_iter().partition(is_due);
        parked = rest;
        if !due.is_empty() {
            place_all(&shared, due).await;
            continue;
        }
        let next = parked.iter().filter_map(|partition| partition.state.lock().not_before).min();
        let pause = async {
            match next {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = shared.placer.wake.notified() => {}
            () = pause => {}
        }
    }
}

async fn place_all(shared: &Arc<Shared>, due: Vec<Arc<Partition>>) {
    let stale = due.iter().filter_map(|partition| partition.state.lock().stale_version).max();
    let version = shared.client.metadata().version;
    if let Some(stale) = stale
        && let Err(error) = shared.client.refresh_metadata(stale).await
    {
        return due.iter().for_each(|p| retry_or_fail(shared, p, error.clone(), version));
    }
    let due = resolve_starts(shared, due).await;
    for partition in due {
        let version = shared.client.metadata().version;
        match place(shared, &partition).await {
            Ok(leader) => {
                let mut state = partition.state.lock();
                (state.stale_version, state.not_before) = (None, None);
                drop(state);
                shared.broker_loop(leader.node).take_in(partition);
            }
            Err(error) => retry_or_fail(shared, &partition, error, version),
        }
    }
}

/// Turns times and ends of the log into offsets; returns the partitions that have one.
async fn resolve_starts(shared: &Arc<Shared>, due: Vec<Arc<Partition>>) -> Vec<Arc<Partition>> {
    let spec = |start| match start {
        Start::Earliest | Start::Offset { .. } => OffsetSpec::Earliest,
        Start::Latest => OffsetSpec::Latest,
        Start::Timestamp(timestamp_ms) => OffsetSpec::Timestamp(timestamp_ms),
    };
    let (mut ready, mut asked, mut specs) = (Vec::new(), Vec::new(), Vec::new());
    for partition in due {
        let start = partition.state.lock().start;
        match start {
            Some(start) => {
                specs.push((partition.name.clone(), spec(start)));
                asked.push(partition);
            }
            None => ready.push(partition),
        }
    }
    for partition in asked {
        let version = shared.client.metadata().version;
        let Some((name, spec)) = specs.iter().find(|(name, _)| *name == partition.name) else { continue };
        match start_offset(shared, name, *spec).await {
            Ok(offset) => {
                let mut state = partition.state.lock();
                state.start = None;
                state.fetch_offset = offset.offset.unwrap_or(0);
                state.fetched_epoch = offset.leader_epoch;
                wake(&mut state);
                drop(state);
                ready.push(partition);
            }
            Err(error) => retry_or_fail(shared, &partition, error, version),
        }
    }
    ready
}

async fn start_offset(shared: &Shared, name: &TopicPartition, spec: OffsetSpec) -> Result<ListedOffset> {
    let found = ask_offset(shared, name, spec).await?;
    if found.offset.is_some() || matches!(spec, OffsetSpec::Latest) {
        return Ok(found);
    }
    // No record is that young: behind the last one.
    ask_offset(shared, name, OffsetSpec::Latest).await
}

async fn ask_offset(shared: &Shared, name: &TopicPartition, spec: OffsetSpec) -> Result<ListedOffset> {
    let wanted = (name.clone(), spec);
    let outcomes = list_offsets_once(&shared.client, &[&wanted], shared.config.isolation).await?;
    let first = outcomes.into_iter().next().map(|(_, outcome)| outcome);
    first.unwrap_or_else(|| {
        let code = ErrorCode::LeaderNotAvailable.code();
        Err(ClientError::broker(ApiKey::ListOffsets, Subject::Partition(name.clone()), code, None))
    })
}

/// Finds the leader and makes sure that the position is one of its log.
async fn place(shared: &Shared, partition: &Partition) -> Result<Leader> {
    let name = &partition.name;
    let topic = shared.client.topic(&name.topic).await?;
    {
        let mut state = partition.state.lock();
        if state.topic_id.is_nil() {
            state.topic_id = topic.id;
        } else if state.topic_id != topic.id {
            return Err(ClientError::TopicRecreated { topic: name.topic.clone() });
        }
    }
    if usize::try_from(name.partition).map_or(true, |index| index >= topic.partitions.len()) {
        let (topic_name, count) = (name.topic.clone(), topic.partitions.len());
        return Err(ClientError::NoSuchPartition { topic: topic_name, partition: name.partition, count });
    }
    let leader = shared.client.metadata().leader(&name.topic, name.partition).ok_or_else(|| {
        let code = ErrorCode::LeaderNotAvailable.code();
        ClientError::broker(ApiKey::Metadata, Subject::Partition(name.clone()), code, None)
    })?;
    let (position, fetched_epoch, validated_epoch) = {
        let state = partition.state.lock();
        (state.fetch_offset, state.fetched_epoch, state.validated_epoch)
    };
    if let Some(epoch) = fetched_epoch
        && leader.epoch.is_some()
        && leader.epoch != validated_epoch
    {
        validate(shared, name, &leader, position, epoch).await?;
    }
    partition.state.lock().validated_epoch = leader.epoch;
    Ok(leader)
}

/// Asks the leader where the epoch of a position ends in its log.
async fn validate(
    shared: &Shared,
    name: &TopicPartition,
    leader: &Leader,
    position: i64,
    epoch: i32,
) -> Result<()> {
    let connection = shared.client.connection_to(leader.node, &leader.address).await?;
    if connection.version::<OffsetForLeaderEpochRequest>().is_err() {
        return Ok(());
    }
    let wanted = OffsetForLeaderPartition {
        partition: name.partition,
        current_leader_epoch: leader.epoch.unwrap_or(-1),
        leader_epoch: epoch,
    };
    let topic = OffsetForLeaderTopic { topic: name.topic.to_string(), partitions: vec![wanted] };
    let request = OffsetForLeaderEpochRequest { replica_id: CONSUMER, topics: vec![topic] };
    let response = connection.call(&request, shared.client.config().request_timeout).await?;
    let answer = response.topics.iter().flat_map(|topic| &topic.partitions).next();
    let Some(answer) = answer else { return Ok(()) };
    let subject = || Subject::Partition(name.clone());
    ClientError::check(ApiKey::OffsetForLeaderEpoch, subject, answer.error_code)?;
    // Without an epoch of its own the log says nothing: Kafka's consumer goes on as well.
    let is_undefined = answer.end_offset < 0 || answer.leader_epoch < 0;
    if !is_undefined && answer.end_offset < position {
        return Err(ClientError::Truncated {
            partition: name.clone(),
            position,
            epoch,
            end_offset: answer.end_offset,
        });
    }
    Ok(())
}
