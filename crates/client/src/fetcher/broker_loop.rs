//! Fetches from one broker: one session, one long poll after the other.
//!
//! Each round asks for the partitions that have room. Answers on a connection come in order, so a partition that gets room
//! while others are polled has to wait for that poll: while any partition is left out, polls are short.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use bytestring::ByteString;
use millstream_wire::messages::FetchRequest;
use millstream_wire::messages::fetch_response::FetchResponse;
use millstream_wire::{ApiKey, ErrorCode};
use parking_lot::Mutex;
use tokio::sync::Notify;
use uuid::Uuid;

use super::partition::Partition;
use super::session::{Session, Wanted};
use super::{Shared, outcome};
use crate::connections::Node;
use crate::error::{ClientError, Result, Subject};
use crate::topic_partition::TopicPartition;

/// The longest poll while a partition is left out for lack of room.
const SHORT_WAIT: Duration = Duration::from_millis(2);
/// The version of Fetch that names topics by id.
const TOPIC_IDS_SINCE: i16 = 13;
/// A small part of a frame larger than this is copied out, so that a slow partition does not keep the whole frame in
/// memory. Frames up to this size are never copied.
const PINNED_FRAME_BYTES_MAX: usize = 4 << 20;
/// What counts as a small part.
const PINNED_RATIO_MAX: usize = 8;

/// The partitions that a broker leads.
#[derive(Debug)]
pub(super) struct BrokerLoop {
    node: i32,
    partitions: Mutex<Vec<Arc<Partition>>>,
    pub(super) wake: Arc<Notify>,
}

impl BrokerLoop {
    pub(super) fn new(node: i32) -> Self {
        Self { node, partitions: Mutex::default(), wake: Arc::default() }
    }

    /// Takes a partition over from the placer.
    pub(super) fn take_in(&self, partition: Arc<Partition>) {
        self.partitions.lock().push(partition);
        self.wake.notify_one();
    }

    fn remove(&self, id: u64) {
        self.partitions.lock().retain(|partition| partition.id != id);
    }
}

/// What one round asks for.
#[derive(Debug, Default)]
struct Round {
    partitions: HashMap<TopicPartition, Arc<Partition>>,
    wanted: HashMap<TopicPartition, Wanted>,
    names: HashMap<Uuid, ByteString>,
    /// Whether every topic has an id.
    by_id: bool,
    is_anything_left_out: bool,
}

/// Runs until the fetcher is closed.
pub(super) async fn run(shared: Arc<Shared>, broker: Arc<BrokerLoop>) {
    let mut session = Session::default();
    while !shared.is_closed() {
        let round = plan(&shared, &broker);
        if round.wanted.is_empty() {
            broker.wake.notified().await;
            continue;
        }
        let metadata_version = shared.client.metadata().version;
        match fetch(&shared, broker.node, &mut session, &round).await {
            Ok((response, frame_bytes)) => {
                if !session.answered(response.error_code, response.session_id) {
                    tracing::debug!(node = broker.node, code = response.error_code, "fetch session lost");
                    continue;
                }
                let throttle = u64::try_from(response.throttle_time_ms).unwrap_or(0);
                settle(&shared, &broker, round, response, frame_bytes, metadata_version);
                if throttle > 0 {
                    tokio::time::sleep(Duration::from_millis(throttle)).await;
                }
            }
            Err(error) => {
                session.reset();
                for (_, partition) in round.partitions {
                    broker.remove(partition.id);
                    outcome::retry_or_fail(&shared, &partition, error.clone(), metadata_version);
                }
            }
        }
    }
}

/// Drops partitions that are over, and asks for those that have room.
fn plan(shared: &Shared, broker: &BrokerLoop) -> Round {
    let mut round = Round { by_id: true, ..Round::default() };
    let config = &shared.config;
    let mut partitions = broker.partitions.lock();
    partitions.retain(|partition| {
        let mut state = partition.state.lock();
        if partition.is_over(&state) {
            return false;
        }
        if !partition.has_room(&state, config.partition_buffer_bytes)
            || round.partitions.contains_key(&partition.name)
        {
            state.left_out_by = Some(Arc::clone(&broker.wake));
            round.is_anything_left_out = true;
            return true;
        }
        round.by_id &= !state.topic_id.is_nil();
        round.names.insert(state.topic_id, partition.name.topic.clone());
        let wanted = Wanted {
            topic_id: state.topic_id,
            leader_epoch: state.validated_epoch,
            fetch_offset: state.fetch_offset,
            max_bytes: config.max_partition_bytes,
        };
        round.wanted.insert(partition.name.clone(), wanted);
        round.partitions.insert(partition.name.clone(), Arc::clone(partition));
        true
    });
    // Reads of the same partition take turns, and every partition is asked for first once.
    if !partitions.is_empty() {
        partitions.rotate_left(1);
    }
    drop(partitions);
    round
}

/// One fetch; the answer with the size of its frame.
async fn fetch(
    shared: &Shared,
    node: i32,
    session: &mut Session,
    round: &Round,
) -> Result<(FetchResponse, usize)> {
    let address = shared.client.address_of(node).ok_or_else(|| {
        let subject = Subject::Resource(format!("broker {node}"));
        // Retried with fresh metadata, unlike BROKER_NOT_AVAILABLE.
        ClientError::broker(ApiKey::Fetch, subject, ErrorCode::NotLeaderOrFollower.code(), None)
    })?;
    let connection = shared.connections.get(Node::Broker(node), &address).await?;
    let config = &shared.config;
    let version = connection.version::<FetchRequest>()?;
    let by_id = round.by_id && version >= TOPIC_IDS_SINCE;
    let version = if by_id { version } else { version.min(TOPIC_IDS_SINCE - 1) };
    let max_wait = if round.is_anything_left_out { config.max_wait.min(SHORT_WAIT) } else { config.max_wait };
    let mut request = FetchRequest {
        max_wait_ms: i32::try_from(max_wait.as_millis()).unwrap_or(i32::MAX),
        min_bytes: config.min_bytes,
        max_bytes: config.max_bytes,
        isolation_level: config.isolation.code(),
        ..FetchRequest::default()
    };
    session.fill(&mut request, round.wanted.clone(), by_id);
    let timeout = max_wait + shared.client.config().request_timeout;
    let response = connection.send_as(&request, version, timeout).await?.wait::<FetchRequest>().await?;
    let parts = response.responses.iter().flat_map(|topic| &topic.partitions);
    let frame_bytes = parts.filter_map(|part| part.records.as_ref().map(Bytes::len)).sum();
    Ok((response, frame_bytes))
}

/// Gives each partition what the answer says about it.
fn settle(
    shared: &Arc<Shared>,
    broker: &BrokerLoop,
    round: Round,
    response: FetchResponse,
    frame_bytes: usize,
    metadata_version: u64,
) {
    for topic in response.responses {
        let name = if topic.topic.is_empty() {
            round.names.get(&topic.topic_id).cloned()
        } else {
            Some(topic.topic)
        };
        let Some(name) = name else { continue };
        for mut data in topic.partitions {
            let key = TopicPartition { topic: name.clone(), partition: data.partition_index };
            let (Some(partition), Some(wanted)) = (round.partitions.get(&key), round.wanted.get(&key)) else {
                continue;
            };
            if let Some(records) = &mut data.records
                && frame_bytes > PINNED_FRAME_BYTES_MAX
                && records.len() * PINNED_RATIO_MAX < frame_bytes
            {
                *records = Bytes::copy_from_slice(records);
            }
            if !outcome::settle(shared, partition, data, wanted.fetch_offset, metadata_version) {
                broker.remove(partition.id);
            }
        }
    }
}
