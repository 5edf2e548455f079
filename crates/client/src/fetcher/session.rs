//! Fetch sessions, the client's side (KIP-227): after the first request only what changes is said.
//!
//! ```text
//!   Full (id 0 or the old one, epoch 0) ──answer with id ≠ 0──► Incremental (id, epoch 1, 2, …)
//!      ▲                                                            │ session unknown, epoch wrong,
//!      └────────────────────────────────────────────────────────────┘ connection lost, ids instead of names
//! ```
//!
//! A broker that grants no session (id 0) is sent full requests.

use std::collections::HashMap;

use bytestring::ByteString;
use millstream_wire::ErrorCode;
use millstream_wire::messages::FetchRequest;
use millstream_wire::messages::fetch::{FetchPartition, FetchTopic, ForgottenTopic};
use uuid::Uuid;

use crate::topic_partition::TopicPartition;

/// A partition as it is to be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) topic_id: Uuid,
    pub(super) leader_epoch: Option<i32>,
    pub(super) fetch_offset: i64,
    pub(super) max_bytes: i32,
}

/// A session with one broker.
#[derive(Debug, Default)]
pub(super) struct Session {
    id: i32,
    /// The epoch of the next request; 0 asks for a new session.
    epoch: i32,
    /// What the broker knows.
    known: HashMap<TopicPartition, Wanted>,
    by_id: bool,
}

impl Session {
    /// Forgets the session: the next request is full.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    /// Fills in a request for these partitions and no others.
    pub(super) fn fill(
        &mut self,
        request: &mut FetchRequest,
        wanted: HashMap<TopicPartition, Wanted>,
        by_id: bool,
    ) {
        if self.by_id != by_id {
            // A session cannot change how it names topics.
            (self.epoch, self.by_id) = (0, by_id);
        }
        let is_full = self.epoch == 0;
        if is_full {
            self.known.clear();
        }
        let mut topics: HashMap<(&ByteString, Uuid), Vec<FetchPartition>> = HashMap::new();
        for (partition, wanted) in &wanted {
            if self.known.get(partition) != Some(wanted) {
                let key = (&partition.topic, wanted.topic_id);
                topics.entry(key).or_default().push(fetch_partition(partition.partition, wanted));
            }
        }
        let mut forgotten: HashMap<(&ByteString, Uuid), Vec<i32>> = HashMap::new();
        for (partition, known) in &self.known {
            let replaced = wanted.get(partition).is_none_or(|wanted| wanted.topic_id != known.topic_id);
            if replaced {
                forgotten.entry((&partition.topic, known.topic_id)).or_default().push(partition.partition);
            }
        }
        request.session_id = self.id;
        request.session_epoch = self.epoch;
        request.topics = topics
            .into_iter()
            .map(|((topic, topic_id), partitions)| FetchTopic { topic: topic.clone(), topic_id, partitions })
            .collect();
        request.forgotten_topics_data = forgotten
            .into_iter()
            .map(|((topic, topic_id), partitions)| ForgottenTopic {
                topic: topic.clone(),
                topic_id,
                partitions,
            })
            .collect();
        self.known = wanted;
    }

    /// Takes note of an answer. False when it says that the session is lost and carries nothing else.
    pub(super) fn answered(&mut self, error_code: i16, session_id: i32) -> bool {
        match ErrorCode::from_code(error_code) {
            Some(ErrorCode::None) => {
                if session_id == 0 {
                    (self.id, self.epoch) = (0, 0);
                } else if self.id == session_id && self.epoch > 0 {
                    self.epoch = self.epoch.checked_add(1).unwrap_or(1);
                } else {
                    (self.id, self.epoch) = (session_id, 1);
                }
                true
            }
            Some(ErrorCode::FetchSessionIdNotFound) => {
                (self.id, self.epoch) = (0, 0);
                false
            }
            // The old session is closed by asking for a new one under its id.
            _ => {
                self.epoch = 0;
                false
            }
        }
    }
}

fn fetch_partition(partition: i32, wanted: &Wanted) -> FetchPartition {
    FetchPartition {
        partition,
        current_leader_epoch: wanted.leader_epoch.unwrap_or(-1),
        fetch_offset: wanted.fetch_offset,
        partition_max_bytes: wanted.max_bytes,
        ..FetchPartition::default()
    }
}

#[cfg(test)]
mod tests;
