//! Finds leaders for lanes: for new ones, for those whose leader has moved or cannot be reached, and after pauses.
//!
//! One task per producer. Lanes arrive with what is to be done first: wait, fetch metadata newer than what they failed
//! with, get a new producer id. Refreshes are shared by all lanes that need one. Batches past the delivery timeout are given
//! up here and when they would be sent.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::identity::{self, Identity};
use super::lane::{Lane, LaneState, Place};
use super::verdict::give_up;
use super::{Shared, sender};
use crate::error::{ClientError, Result};

/// The router's inbox.
#[derive(Debug)]
pub(super) struct Router {
    pub(super) arrivals: Mutex<Vec<Arrival>>,
    pub(super) wake: Notify,
}

/// A lane that needs a leader.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) lane: Arc<Lane>,
    pub(super) not_before: Instant,
    /// The identity whose epochs are used up.
    pub(super) spent: Option<Identity>,
}

impl Router {
    /// Takes a lane in; its state must say so.
    pub(super) fn take_in(&self, arrival: Arrival) {
        self.arrivals.lock().push(arrival);
        self.wake.notify_one();
    }
}

/// Runs until the producer is closed.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut parked: Vec<Arrival> = Vec::new();
    while !shared.is_closed() {
        parked.append(&mut shared.router.arrivals.lock());
        let now = Instant::now();
        let (due, rest): (Vec<_>, Vec<_>) = parked.into_iter().partition(|arrival| arrival.not_before <= now);
        parked = rest;
        if !due.is_empty() {
            parked.extend(place_all(&shared, due).await);
        }
        let next = parked.iter().map(|arrival| arrival.not_before).min();
        let pause = async {
            match next {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = shared.router.wake.notified() => {}
            () = pause => {}
        }
    }
}

/// Hands lanes to the senders of their leaders; returns those that have to wait.
async fn place_all(shared: &Arc<Shared>, due: Vec<Arrival>) -> Vec<Arrival> {
    let stale = due.iter().filter_map(|arrival| arrival.lane.state.lock().stale_version).max();
    let refreshed = match stale {
        Some(version) => shared.client.refresh_metadata(version).await.map(drop),
        None => Ok(()),
    };
    let spent = due.iter().find_map(|arrival| arrival.spent);
    let renewed = match spent {
        Some(spent) => renew(shared, spent).await,
        None => Ok(()),
    };
    let mut waiting = Vec::new();
    for arrival in due {
        let is_stale = arrival.lane.state.lock().stale_version.is_some();
        let outcome = match (&refreshed, &renewed) {
            (Err(error), _) if is_stale => Err(error.clone()),
            (_, Err(error)) if arrival.spent.is_some() => Err(error.clone()),
            _ => leader_of(shared, &arrival.lane).await,
        };
        let mut state = arrival.lane.state.lock();
        expire(shared, &arrival.lane, &mut state);
        match outcome {
            Ok(node) => {
                (state.leader, state.stale_version) = (Some(node), None);
                state.place = Place::Idle;
                sender::schedule(shared, &arrival.lane, &mut state);
            }
            Err(error) if error.is_retriable() => {
                state.failures += 1;
                let not_before = Instant::now() + pause(shared, state.failures);
                state.stale_version = Some(shared.client.metadata().version);
                drop(state);
                waiting.push(Arrival { not_before, ..arrival });
            }
            Err(error) => {
                state.place = Place::Idle;
                let all = state.expire(Instant::now());
                all.iter().for_each(|batch| {
                    give_up(&arrival.lane.partition, &batch.info, batch.bytes.as_ref(), error.clone());
                });
            }
        }
    }
    waiting
}

async fn leader_of(shared: &Shared, lane: &Lane) -> Result<i32> {
    let topic = &lane.partition.topic;
    shared.client.topic(topic).await?;
    let leader = shared.client.metadata().leader(topic, lane.partition.partition);
    leader.map(|leader| leader.node).ok_or_else(|| {
        let subject = crate::error::Subject::Partition(lane.partition.clone());
        let code = millstream_wire::ErrorCode::LeaderNotAvailable.code();
        ClientError::broker(millstream_wire::ApiKey::Metadata, subject, code, None)
    })
}

async fn renew(shared: &Shared, spent: Identity) -> Result<()> {
    if shared.identity.current() == spent {
        shared.identity.replace(spent, identity::acquire(&shared.client).await?);
    }
    Ok(())
}

/// The pause before the next attempt.
pub(super) fn pause(shared: &Shared, failures: u32) -> Duration {
    shared.client.config().retry_backoff.random_delay(failures)
}

/// Gives up the batches of a lane that are past the delivery timeout and not under way.
pub(super) fn expire(shared: &Shared, lane: &Lane, state: &mut LaneState) {
    let timeout = shared.config.delivery_timeout;
    let Some(sealed_before) = Instant::now().checked_sub(timeout) else { return };
    for batch in state.expire(sealed_before) {
        let cause = ClientError::Timeout { what: "delivery", after: timeout };
        give_up(&lane.partition, &batch.info, batch.bytes.as_ref(), cause);
    }
}
