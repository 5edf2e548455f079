//! Fetch (1), versions 4 to 18: reads record batches.
//!
//! Version 5 brings the log start offset, 7 sessions (KIP-227), 9 leader epochs (KIP-320), 10 zstd, 11 racks (KIP-392), 12 divergence
//! (KIP-595), 13 topic ids (KIP-516), 15 replica state (KIP-903), 16 endpoints (KIP-951), 17 directory ids (KIP-853), 18 high
//! watermarks of followers (KIP-1166).
//!
//! Whole batches are served as they lie in the files; the first one of an answer is given whatever its size (KIP-74). An answer waits
//! until `min_bytes` are there, `max_wait_ms` have passed, a partition has an error or the broker stops. Files are only
//! touched on the disk threads; a request that finds nothing new waits without touching any.
//!
//! Deviations: follower fields are ignored, there are no followers; the preferred replica is never named.

mod read;
mod session;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytestring::ByteString;
use millstream_log::ReadBound;
use millstream_wire::messages::fetch::FetchRequest;
use millstream_wire::messages::fetch_response::{FetchResponse, FetchableTopicResponse, PartitionData};
use millstream_wire::{ApiKey, ErrorCode, WireError};
use tokio::time::Instant;
use uuid::Uuid;

use super::{Api, Call};
use crate::core::Core;
use crate::server::{Answer, Handling, Records};
use crate::storage::{Partition, TopicTable, Watched, Watcher};
use read::Round;
pub(crate) use session::FetchSessions;
use session::{Begun, SessionUse};

pub(super) const API: Api = Api::whole::<FetchRequest>(handle);

/// The first version that names topics by id.
const TOPIC_IDS_SINCE: i16 = 13;
/// The first version that wants the last fetched epoch checked, and may hear where it diverges.
const DIVERGENCE_SINCE: i16 = 12;
/// Longest time that a request may wait, whatever it asks for.
const WAIT_MAX: Duration = Duration::from_secs(10 * 60);
const READ_COMMITTED: i8 = 1;

/// A topic as the client names it: by name before version 13, by id since.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct TopicKey {
    pub(super) name: ByteString,
    pub(super) id: Uuid,
}

/// A partition to read.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) topic: TopicKey,
    pub(super) index: i32,
    pub(super) offset: i64,
    pub(super) max_bytes: i32,
    pub(super) current_leader_epoch: i32,
    pub(super) last_fetched_epoch: i32,
}

/// A partition to read, found or not.
pub(super) struct Target {
    pub(super) wanted: Wanted,
    pub(super) found: Result<Arc<Partition>, ErrorCode>,
}

/// What one request asks for.
pub(super) struct Plan {
    pub(super) targets: Vec<Target>,
    pub(super) min_bytes: u64,
    pub(super) max_bytes: u64,
    pub(super) read_committed: bool,
    pub(super) version: i16,
}

impl Plan {
    pub(super) fn bound(&self) -> ReadBound {
        if self.read_committed { ReadBound::LastStableOffset } else { ReadBound::HighWatermark }
    }
}

fn handle(core: &Arc<Core>, call: Call) -> Result<Handling, WireError> {
    let request = call.frame.decode_body::<FetchRequest>()?;
    let (version, correlation_id) = (call.version(), call.frame.correlation_id);
    let (session, wanted) = match core.fetch_sessions.begin(&request, version) {
        Ok(Begun { session, wanted }) => (session, wanted),
        Err(error) => {
            core.metrics.count_error(ApiKey::Fetch, error);
            let response = FetchResponse::<Records> { error_code: error.code(), ..FetchResponse::default() };
            return Ok(Handling::Done(encode(response, version, correlation_id)));
        }
    };
    let max_wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0)).min(WAIT_MAX);
    let mut plan = plan(core, &request, version, wanted);
    let metered = call.metered.clone();
    if let Some(metered) = &metered {
        // More could never be sent, whatever was fetched before.
        plan.max_bytes = plan.max_bytes.min(metered.fetchable_bytes_max());
        plan.min_bytes = plan.min_bytes.min(plan.max_bytes);
    }
    let core = Arc::clone(core);
    Ok(Handling::Later(Box::pin(async move {
        let (partitions, plan) = fetch(&core, plan, max_wait).await;
        let throttle_time_ms = metered.map_or(0, |metered| metered.fetched(bytes_of(&partitions)));
        let response = if throttle_time_ms > 0 {
            // What exceeds the quota is asked for again, later.
            let session_id = core.fetch_sessions.unchanged(&session);
            FetchResponse { throttle_time_ms, session_id, ..FetchResponse::default() }
        } else {
            respond(&core, session, plan, partitions)
        };
        encode(response, version, correlation_id)
    })))
}

fn plan(core: &Core, request: &FetchRequest, version: i16, wanted: Vec<Wanted>) -> Plan {
    let table = core.topics();
    let targets = wanted.into_iter().map(|wanted| {
        let found = find(&table, version, &wanted);
        Target { wanted, found }
    });
    let limit = u64::try_from(core.config.fetch_bytes_max).unwrap_or(u64::MAX);
    Plan {
        targets: targets.collect(),
        min_bytes: u64::try_from(request.min_bytes).unwrap_or(0),
        max_bytes: u64::try_from(request.max_bytes).unwrap_or(0).min(limit),
        read_committed: request.isolation_level == READ_COMMITTED,
        version,
    }
}

fn find(table: &TopicTable, version: i16, wanted: &Wanted) -> Result<Arc<Partition>, ErrorCode> {
    let topic = if version >= TOPIC_IDS_SINCE {
        table.by_id(wanted.topic.id).ok_or(ErrorCode::UnknownTopicId)?
    } else {
        table.by_name(&wanted.topic.name).ok_or(ErrorCode::UnknownTopicOrPartition)?
    };
    let partition = topic.partition(wanted.index).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let (asked, current) = (wanted.current_leader_epoch, partition.log.leader_epoch());
    match asked {
        asked if asked < 0 || asked == current => Ok(Arc::clone(partition)),
        asked if asked < current => Err(ErrorCode::FencedLeaderEpoch),
        _ => Err(ErrorCode::UnknownLeaderEpoch),
    }
}

/// Reads until there is enough, or waiting is over. The answers are in the order of the plan's targets.
async fn fetch(core: &Arc<Core>, plan: Plan, max_wait: Duration) -> (Vec<PartitionData<Records>>, Plan) {
    let deadline = Instant::now() + max_wait;
    let mut stopping = core.stopping.subscribe();
    let mut round = read::round(core, plan, max_wait.is_zero() || *stopping.borrow()).await;
    let mut watch: Option<Watch> = None;
    loop {
        let plan = match round {
            Round::Done(partitions, plan) => return (partitions, plan),
            Round::TooLittle(plan) => plan,
        };
        // Between the last look and the first watch something may have come: look again before waiting.
        let mut is_last = false;
        match &watch {
            None => watch = Some(Watch::new(&plan)),
            Some(watch) => {
                tokio::select! {
                    () = watch.watcher.grown() => {}
                    () = tokio::time::sleep_until(deadline) => is_last = true,
                    _ = stopping.wait_for(|stopping| *stopping) => is_last = true,
                }
            }
        }
        round = read::round(core, plan, is_last).await;
    }
}

/// Hears of all partitions of a request for as long as it lives.
struct Watch {
    watcher: Arc<Watcher>,
    _partitions: Vec<Watched>,
}

impl Watch {
    fn new(plan: &Plan) -> Self {
        let watcher = Arc::new(Watcher::default());
        let found = plan.targets.iter().filter_map(|target| target.found.as_ref().ok());
        let partitions = found.map(|partition| partition.watch(&watcher)).collect();
        Self { watcher, _partitions: partitions }
    }
}

fn bytes_of(partitions: &[PartitionData<Records>]) -> u64 {
    let records = partitions.iter().filter_map(|partition| partition.records.as_ref());
    records.map(|records| records.len() as u64).sum()
}

fn respond(
    core: &Core,
    session: SessionUse,
    plan: Plan,
    partitions: Vec<PartitionData<Records>>,
) -> FetchResponse<Records> {
    let mut bytes = 0;
    for (target, partition) in plan.targets.iter().zip(&partitions) {
        let size_bytes = partition.records.as_ref().map_or(0, |records| records.len() as u64);
        bytes += size_bytes;
        if let Ok(found) = &target.found {
            found.traffic.bytes_out.fetch_add(size_bytes, Ordering::Relaxed);
        }
        if let Some(error) =
            ErrorCode::from_code(partition.error_code).filter(|&error| error != ErrorCode::None)
        {
            core.metrics.count_error(ApiKey::Fetch, error);
        }
    }
    core.metrics.fetched_bytes.inc_by(bytes);
    let answered = plan.targets.into_iter().map(|target| target.wanted).zip(partitions);
    let (session_id, answered) = core.fetch_sessions.end(session, answered.collect());
    let mut places: HashMap<TopicKey, usize> = HashMap::new();
    let mut responses: Vec<FetchableTopicResponse<Records>> = Vec::new();
    for (wanted, partition) in answered {
        // Requests name a topic once, so its partitions mostly follow each other.
        let is_last = responses
            .last()
            .is_some_and(|topic| topic.topic == wanted.topic.name && topic.topic_id == wanted.topic.id);
        let place = if is_last {
            responses.len() - 1
        } else {
            *places.entry(wanted.topic.clone()).or_insert_with(|| {
                responses.push(FetchableTopicResponse {
                    topic: wanted.topic.name,
                    topic_id: wanted.topic.id,
                    partitions: Vec::new(),
                });
                responses.len() - 1
            })
        };
        responses[place].partitions.push(partition);
    }
    FetchResponse { session_id, responses, ..FetchResponse::default() }
}

fn encode(response: FetchResponse<Records>, version: i16, correlation_id: i32) -> Answer {
    match response.into_frame(version, correlation_id) {
        Ok(frame) => Answer::Parts(frame),
        Err(error) => {
            tracing::error!(%error, version, "fetch response cannot be encoded");
            Answer::Close
        }
    }
}
