//! Sends batches to one broker and hears what became of them.
//!
//! One task per broker. It takes one batch from each lane that has something to send, oldest lane first, puts them into one
//! Produce request up to `max.request.size`, and keeps up to five requests under way. It never waits for an answer
//! before it sends the next.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytestring::ByteString;
use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use millstream_wire::messages::ProduceResponse;
use millstream_wire::messages::produce::PartitionProduceResponse;
use millstream_wire::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use millstream_wire::{ApiKey, ErrorCode};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;
use uuid::Uuid;

use super::delivery::Delivery;
use super::lane::{Answered, Lane, LaneState, Outcome, Place, Stamped, Take};
use super::router::{self, Arrival};
use super::verdict::{Verdict, give_up, give_up_stamped, judge};
use super::{Acks, Shared, split};
use crate::connection::Connection;
use crate::connections::Node;
use crate::error::{ClientError, Result, Subject};

/// What a partition takes in a request besides its batch: names are written once per topic, so this is ample.
const PARTITION_OVERHEAD_BYTES: usize = 300;
/// The version of Produce that names topics by id.
const TOPIC_IDS_SINCE: i16 = 13;

/// The lanes that have something to send to a broker.
#[derive(Debug)]
pub(super) struct BrokerQueue {
    node: i32,
    ready: Mutex<VecDeque<Arc<Lane>>>,
    pub(super) wake: Notify,
}

impl BrokerQueue {
    pub(super) fn new(node: i32) -> Self {
        Self { node, ready: Mutex::default(), wake: Notify::new() }
    }
}

/// Puts a lane that has something to send, and is nowhere yet, where it belongs. The state is the lane's, locked.
pub(super) fn schedule(shared: &Arc<Shared>, lane: &Arc<Lane>, state: &mut LaneState) {
    if state.place != Place::Idle || !state.is_sendable(window_max(shared)) {
        return;
    }
    let Some(node) = state.leader else {
        return reroute(shared, lane, state);
    };
    state.place = Place::Broker;
    let queue = shared.broker(node);
    queue.ready.lock().push_back(Arc::clone(lane));
    queue.wake.notify_one();
}

/// Sends a lane to the router, at once or after a pause if it has failed.
fn reroute(shared: &Shared, lane: &Arc<Lane>, state: &mut LaneState) {
    let mut not_before = Instant::now();
    if state.failures > 0 {
        not_before += router::pause(shared, state.failures);
    }
    state.place = Place::Router;
    shared.router.take_in(Arrival { lane: Arc::clone(lane), not_before, spent: None });
}

/// The longest window of a lane: without sequence numbers only one batch at a time keeps the order.
fn window_max(shared: &Shared) -> usize {
    if shared.config.is_idempotent() { shared.config.in_flight_requests_max } else { 1 }
}

type Batches = Vec<(Arc<Lane>, Stamped)>;

/// A request that was answered or not, with what it carried.
struct Answer {
    batches: Batches,
    /// The version of the metadata that it was sent by.
    metadata_version: u64,
    response: Result<Option<ProduceResponse>>,
    names: HashMap<Uuid, ByteString>,
}

/// Runs until the producer is closed.
pub(super) async fn run(shared: Arc<Shared>, queue: Arc<BrokerQueue>) {
    let mut answers: FuturesUnordered<BoxFuture<'static, Answer>> = FuturesUnordered::new();
    let mut quiet_until: Option<Instant> = None;
    let requests_max = shared.config.in_flight_requests_max;
    while !shared.is_closed() {
        while answers.len() < requests_max && quiet_until.is_none() && !queue.ready.lock().is_empty() {
            let Some(connection) = connect(&shared, &queue).await else { break };
            // What a connection lost must be known before more goes out on the next one.
            while let Some(Some(answer)) = answers.next().now_or_never() {
                quiet_until = settle(&shared, answer).or(quiet_until);
            }
            let Some(batches) = collect(&shared, &queue) else { break };
            let answer = send(&shared, &connection, batches).await;
            answers.push(answer);
        }
        let quiet = async {
            match quiet_until {
                Some(until) => tokio::time::sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(answer) = answers.next(), if !answers.is_empty() => {
                quiet_until = settle(&shared, answer).or(quiet_until);
            }
            () = queue.wake.notified(), if answers.len() < requests_max => {}
            () = quiet => quiet_until = None,
        }
    }
}

/// The connection to the broker. When there is none to be had, the lanes that wait for it look for another leader.
async fn connect(shared: &Arc<Shared>, queue: &BrokerQueue) -> Option<Connection> {
    let metadata_version = shared.client.metadata().version;
    let connected = match shared.client.address_of(queue.node) {
        Some(address) => shared.connections.get(Node::Broker(queue.node), &address).await,
        None => {
            let subject = Subject::Resource(format!("broker {}", queue.node));
            let code = ErrorCode::BrokerNotAvailable.code();
            Err(ClientError::broker(ApiKey::Produce, subject, code, None))
        }
    };
    let error = match connected {
        Ok(connection) => return Some(connection),
        Err(error) => error,
    };
    tracing::debug!(node = queue.node, %error, "no connection to send on");
    // Not in the loop's head: the list would stay locked, and a lane is locked before it.
    let lanes = std::mem::take(&mut *queue.ready.lock());
    for lane in lanes {
        let mut state = lane.state.lock();
        state.failures += 1;
        (state.leader, state.stale_version) = (None, Some(metadata_version));
        reroute(shared, &lane, &mut state);
    }
    None
}

/// One batch of each lane that is ready, as many as fit into a request.
fn collect(shared: &Arc<Shared>, queue: &BrokerQueue) -> Option<Batches> {
    let mut batches = Vec::new();
    let mut room = shared.config.request_bytes_max;
    let mut lanes = std::mem::take(&mut *queue.ready.lock());
    let mut again = VecDeque::new();
    while let Some(lane) = lanes.pop_front() {
        let mut state = lane.state.lock();
        router::expire(shared, &lane, &mut state);
        // The first batch goes whatever its size: a record was checked when it was appended.
        let offered =
            if batches.is_empty() { usize::MAX } else { room.saturating_sub(PARTITION_OVERHEAD_BYTES) };
        let mut is_full = false;
        match take(shared, &lane, &mut state, offered) {
            Take::Batch(batch) => {
                room = room.saturating_sub(batch.bytes.len() + PARTITION_OVERHEAD_BYTES);
                batches.push((Arc::clone(&lane), batch));
            }
            Take::TooLarge => is_full = true,
            Take::Nothing | Take::NeedsIdentity(_) | Take::Broken(..) => {}
        }
        if state.place == Place::Broker {
            if is_full {
                drop(state);
                lanes.push_front(lane);
                break;
            }
            if state.is_sendable(window_max(shared)) {
                drop(state);
                again.push_back(lane);
            } else {
                state.place = Place::Idle;
            }
        }
    }
    // What had no turn comes first, then what has more to send, then what has arrived meanwhile.
    lanes.append(&mut again);
    let mut ready = queue.ready.lock();
    lanes.append(&mut ready);
    *ready = lanes;
    drop(ready);
    (!batches.is_empty()).then_some(batches)
}

/// The next batch of a lane; sees to lost sequences and batches that cannot be built.
fn take(shared: &Arc<Shared>, lane: &Arc<Lane>, state: &mut LaneState, offered: usize) -> Take {
    loop {
        match state.take(shared.identity.current(), offered, window_max(shared)) {
            Take::NeedsIdentity(lost) => {
                tracing::warn!(partition = %lane.partition, "sequence lost, the producer's epoch is raised");
                if !shared.identity.leave(lost) {
                    state.place = Place::Router;
                    shared.router.take_in(Arrival {
                        lane: Arc::clone(lane),
                        not_before: Instant::now(),
                        spent: Some(lost),
                    });
                    return Take::Nothing;
                }
            }
            Take::Broken(info, source) => {
                let cause = ClientError::protocol(&"this producer", ApiKey::Produce, source);
                give_up(&lane.partition, &info, None, cause);
            }
            taken => return taken,
        }
    }
}

/// Puts a request on the wire; the future is the answer.
async fn send(shared: &Arc<Shared>, connection: &Connection, batches: Batches) -> BoxFuture<'static, Answer> {
    let metadata = shared.client.metadata();
    let metadata_version = metadata.version;
    let mut names = HashMap::new();
    let sent = async {
        let ours = connection.version::<ProduceRequest>()?;
        let (request, version) = request(shared, &metadata, &batches, ours, &mut names);
        if shared.config.acks == Acks::None {
            connection.send_unanswered(request, version).await?;
            return Ok(None);
        }
        let timeout = shared.config.request_timeout;
        connection.send_produce(request, version, timeout).await.map(Some)
    };
    match sent.await {
        Ok(Some(response)) => Box::pin(async move {
            let response = response.wait::<ProduceRequest>().await.map(Some);
            Answer { batches, metadata_version, response, names }
        }),
        Ok(None) => {
            Box::pin(std::future::ready(Answer { batches, metadata_version, response: Ok(None), names }))
        }
        Err(error) => {
            Box::pin(std::future::ready(Answer { batches, metadata_version, response: Err(error), names }))
        }
    }
}

fn request(
    shared: &Shared,
    metadata: &crate::metadata::ClusterMetadata,
    batches: &Batches,
    version: i16,
    names: &mut HashMap<Uuid, ByteString>,
) -> (ProduceRequest, i16) {
    let mut topics: Vec<TopicProduceData> = Vec::new();
    let mut version = version;
    for (lane, batch) in batches {
        let name = &lane.partition.topic;
        let data =
            PartitionProduceData { index: lane.partition.partition, records: Some(batch.bytes.clone()) };
        match topics.iter_mut().find(|topic| topic.name == *name) {
            Some(topic) => topic.partition_data.push(data),
            None => {
                let topic_id = metadata.topic(name).map_or(Uuid::nil(), |topic| topic.id);
                if topic_id.is_nil() {
                    version = version.min(TOPIC_IDS_SINCE - 1);
                }
                names.insert(topic_id, name.clone());
                topics.push(TopicProduceData { name: name.clone(), topic_id, partition_data: vec![data] });
            }
        }
    }
    let timeout_ms = i32::try_from(shared.config.request_timeout.as_millis()).unwrap_or(i32::MAX);
    let acks = shared.config.acks.code();
    (ProduceRequest { transactional_id: None, acks, timeout_ms, topic_data: topics }, version)
}

/// Tells each lane what became of its batch. Returns until when the broker asks us to be quiet.
fn settle(shared: &Arc<Shared>, answer: Answer) -> Option<Instant> {
    let Answer { batches, metadata_version, response, names } = answer;
    let response = match response {
        Ok(Some(response)) => response,
        Ok(None) => {
            batches.into_iter().for_each(|(lane, batch)| acknowledged(shared, &lane, batch, None));
            return None;
        }
        Err(error) => {
            for (lane, batch) in batches {
                let verdict = if error.is_retriable() {
                    Verdict::Retry { stale_metadata: true }
                } else {
                    Verdict::Failed
                };
                answered(shared, &lane, batch, verdict, metadata_version, || error.clone());
            }
            return None;
        }
    };
    let throttle = u64::try_from(response.throttle_time_ms).unwrap_or(0);
    let mut answers = HashMap::with_capacity(batches.len());
    for topic in response.responses {
        let name = if topic.name.is_empty() { names.get(&topic.topic_id).cloned() } else { Some(topic.name) };
        let Some(name) = name else { continue };
        answers.extend(topic.partition_responses.into_iter().map(|p| ((name.clone(), p.index), p)));
    }
    for (lane, batch) in batches {
        let key = (lane.partition.topic.clone(), lane.partition.partition);
        match answers.remove(&key) {
            Some(answer) => partition_answered(shared, &lane, batch, &answer, metadata_version),
            None => answered(shared, &lane, batch, Verdict::Failed, metadata_version, || {
                let subject = Subject::Partition(lane.partition.clone());
                let code = ErrorCode::UnknownServerError.code();
                ClientError::broker(ApiKey::Produce, subject, code, Some("the response leaves it out"))
            }),
        }
    }
    (throttle > 0).then(|| Instant::now() + Duration::from_millis(throttle))
}

fn partition_answered(
    shared: &Arc<Shared>,
    lane: &Arc<Lane>,
    batch: Stamped,
    answer: &PartitionProduceResponse,
    metadata_version: u64,
) {
    let verdict = judge(answer.error_code, batch.stamp.producer_id >= 0);
    if verdict == Verdict::Acknowledged {
        return acknowledged(shared, lane, batch, Some(answer));
    }
    answered(shared, lane, batch, verdict, metadata_version, || {
        let first = answer.record_errors.first().and_then(|error| error.batch_index_error_message.as_deref());
        let message = answer.error_message.as_deref().or(first);
        let subject = Subject::Partition(lane.partition.clone());
        ClientError::broker(ApiKey::Produce, subject, answer.error_code, message)
    });
}

fn acknowledged(
    shared: &Arc<Shared>,
    lane: &Arc<Lane>,
    batch: Stamped,
    answer: Option<&PartitionProduceResponse>,
) {
    let mut state = lane.state.lock();
    let Answered::Done(batch) = state.answered(batch, Outcome::Acknowledged) else { return };
    schedule(shared, lane, &mut state);
    drop(state);
    batch.info.ticket.delivered(|| Delivery {
        partition: lane.partition.clone(),
        base_offset: answer.map(|answer| answer.base_offset).filter(|offset| *offset >= 0),
        records: batch.info.records,
        append_time_ms: answer.map(|answer| answer.log_append_time_ms).filter(|time| *time >= 0),
    });
}

fn answered(
    shared: &Arc<Shared>,
    lane: &Arc<Lane>,
    batch: Stamped,
    verdict: Verdict,
    metadata_version: u64,
    cause: impl Fn() -> ClientError,
) {
    let outcome = match verdict {
        Verdict::Acknowledged => Outcome::Acknowledged,
        Verdict::Retry { .. } => Outcome::Retry,
        Verdict::OutOfOrder => Outcome::OutOfOrder,
        Verdict::Failed => Outcome::Failed,
        Verdict::TooLarge => match split::halves(&batch) {
            Ok(Some(parts)) => Outcome::Split(parts),
            Ok(None) | Err(_) => Outcome::Failed,
        },
    };
    let mut state = lane.state.lock();
    if let Verdict::Retry { stale_metadata } = verdict {
        tracing::debug!(partition = %lane.partition, error = %cause(), "batch will be sent again");
        state.failures += 1;
        if stale_metadata {
            (state.leader, state.stale_version) = (None, Some(metadata_version));
        }
        if state.place == Place::Idle {
            reroute(shared, lane, &mut state);
        }
    }
    if let Answered::GivenUp(batch) = state.answered(batch, outcome) {
        give_up_stamped(&lane.partition, &batch, cause());
    }
    router::expire(shared, lane, &mut state);
    schedule(shared, lane, &mut state);
}
