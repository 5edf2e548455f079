//! Brings partitions to the loops of their leaders: finds the leader, resolves where to start, and checks a position
//! against the epochs of a leader that is new to it (KIP-320).

use std::collections::{BTreeMap, HashMap};
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
use crate::metadata::{Leader, TopicMetadata};
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

/// Turns times and ends of the log into offsets, all with one request per leader; returns the partitions that have one.
async fn resolve_starts(shared: &Arc<Shared>, due: Vec<Arc<Partition>>) -> Vec<Arc<Partition>> {
    let (mut ready, mut asked) = (Vec::new(), Vec::new());
    for partition in due {
        let start = partition.state.lock().start;
        match start {
            Some(start) => asked.push((partition, spec(start))),
            None => ready.push(partition),
        }
    }
    // The end of the log stands in where no record is as young as the time asked for.
    while !asked.is_empty() {
        let version = shared.client.metadata().version;
        let found = ask_offsets(shared, &asked).await;
        let mut again = Vec::new();
        for (partition, spec) in asked {
            match found.get(&(partition.name.clone(), spec)) {
                Some(Ok(ListedOffset { offset: None, .. })) if spec != OffsetSpec::Latest => {
                    again.push((partition, OffsetSpec::Latest));
                }
                Some(Ok(found)) => {
                    let mut state = partition.state.lock();
                    state.start = None;
                    state.fetch_offset = found.offset.unwrap_or(0);
                    state.start_offset = Some(state.fetch_offset);
                    state.fetched_epoch = found.leader_epoch;
                    wake(&mut state);
                    drop(state);
                    ready.push(partition);
                }
                Some(Err(error)) => retry_or_fail(shared, &partition, error.clone(), version),
                None => {
                    let code = ErrorCode::LeaderNotAvailable.code();
                    let subject = Subject::Partition(partition.name.clone());
                    let error = ClientError::broker(ApiKey::ListOffsets, subject, code, None);
                    retry_or_fail(shared, &partition, error, version);
                }
            }
        }
        asked = again;
    }
    ready
}

fn spec(start: Start) -> OffsetSpec {
    match start {
        Start::Earliest | Start::Offset { .. } => OffsetSpec::Earliest,
        Start::Latest => OffsetSpec::Latest,
        Start::Timestamp(timestamp_ms) => OffsetSpec::Timestamp(timestamp_ms),
    }
}

type Asked = (TopicPartition, OffsetSpec);

/// Asks the leaders. A topic that is not known fails its own partitions only.
async fn ask_offsets(
    shared: &Shared,
    asked: &[(Arc<Partition>, OffsetSpec)],
) -> HashMap<Asked, Result<ListedOffset>> {
    let mut found = HashMap::new();
    // A request names a partition once.
    let mut rounds: Vec<BTreeMap<TopicPartition, Asked>> = Vec::new();
    for (partition, spec) in asked {
        let one = (partition.name.clone(), *spec);
        let topic = shared.client.topic(&partition.name.topic).await;
        match topic.and_then(|topic| check_partition(&topic, &partition.name)) {
            Err(error) => drop(found.insert(one, Err(error))),
            Ok(()) => match rounds.iter_mut().find(|round| !round.contains_key(&partition.name)) {
                Some(round) => drop(round.insert(partition.name.clone(), one)),
                None => rounds.push(BTreeMap::from([(partition.name.clone(), one)])),
            },
        }
    }
    for round in rounds {
        let wanted: Vec<&Asked> = round.values().collect();
        match list_offsets_once(&shared.client, &wanted, shared.config.isolation).await {
            Ok(outcomes) => found.extend(outcomes.into_iter().filter_map(|(name, outcome)| {
                let spec = round.get(&name)?.1;
                Some(((name, spec), outcome))
            })),
            Err(error) => found.extend(round.into_values().map(|one| (one, Err(error.clone())))),
        }
    }
    found
}

fn check_partition(topic: &TopicMetadata, name: &TopicPartition) -> Result<()> {
    if usize::try_from(name.partition).is_ok_and(|index| index < topic.partitions.len()) {
        return Ok(());
    }
    let (topic, count) = (name.topic.clone(), topic.partitions.len());
    Err(ClientError::NoSuchPartition { topic, partition: name.partition, count })
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
    check_partition(&topic, name)?;
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
