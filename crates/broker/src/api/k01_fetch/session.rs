//! Fetch sessions (KIP-227): a client names its partitions once, and hears only of those that have news.
//!
//! A session is a list of partitions with what the client knows of each. Requests carry its epoch, which makes lost and
//! repeated ones visible. The cache is bounded; when it is full of sessions in use, new clients get none and send full requests,
//! which is always right.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use millstream_wire::ErrorCode;
use millstream_wire::messages::fetch::FetchRequest;
use millstream_wire::messages::fetch_response::PartitionData;
use parking_lot::Mutex;

use super::{TOPIC_IDS_SINCE, TopicKey, Wanted};
use crate::server::Records;

/// A session that was not used for so long may be replaced (Kafka's `min.incremental.fetch.session.eviction.ms`).
const EVICTABLE_AFTER: Duration = Duration::from_secs(120);
/// The epoch of a request that begins a session.
const INITIAL_EPOCH: i32 = 0;
/// The epoch of a request that wants none, or ends one.
const FINAL_EPOCH: i32 = -1;
/// The id of no session.
const NO_SESSION: i32 = 0;

/// All fetch sessions.
pub(crate) struct FetchSessions {
    sessions_max: usize,
    sessions: Mutex<Sessions>,
}

#[derive(Default)]
struct Sessions {
    by_id: HashMap<i32, Slot>,
}

struct Slot {
    session: Arc<Mutex<Session>>,
    used: Instant,
}

struct Session {
    /// The epoch that the next request must have.
    epoch: i32,
    by_id: bool,
    partitions: Vec<Cached>,
    places: HashMap<(TopicKey, i32), usize>,
    /// Where the next answer begins, so that a limit on bytes starves no partition.
    start: usize,
}

struct Cached {
    wanted: Wanted,
    /// As last answered; none before the first time.
    answered: Option<Known>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Known {
    high_watermark: i64,
    log_start_offset: i64,
}

/// How a request uses a session.
pub(super) struct SessionUse(Kind);

enum Kind {
    /// No session: everything is answered.
    None,
    /// A session begins with this answer.
    Full(FetchRequestShape),
    /// Only news are answered.
    Incremental { id: i32, session: Arc<Mutex<Session>> },
}

/// What a new session starts from.
struct FetchRequestShape {
    wanted: Vec<Wanted>,
    by_id: bool,
}

/// A request as the session turns it into work.
pub(super) struct Begun {
    pub(super) session: SessionUse,
    pub(super) wanted: Vec<Wanted>,
}

impl FetchSessions {
    pub(crate) fn new(sessions_max: usize) -> Self {
        Self { sessions_max, sessions: Mutex::default() }
    }

    /// Finds out what a request wants, its session considered.
    ///
    /// # Errors
    /// The code for the whole response where the session does not fit.
    pub(super) fn begin(&self, request: &FetchRequest, version: i16) -> Result<Begun, ErrorCode> {
        let (id, epoch) = (request.session_id, request.session_epoch);
        let by_id = version >= TOPIC_IDS_SINCE;
        if epoch == INITIAL_EPOCH || epoch == FINAL_EPOCH {
            if id != NO_SESSION {
                self.sessions.lock().by_id.remove(&id);
            }
            let wanted = wanted(request);
            let kind = if epoch == FINAL_EPOCH || wanted.is_empty() {
                Kind::None
            } else {
                Kind::Full(FetchRequestShape { wanted: wanted.clone(), by_id })
            };
            return Ok(Begun { session: SessionUse(kind), wanted });
        }
        let session = {
            let mut sessions = self.sessions.lock();
            let slot = sessions.by_id.get_mut(&id).ok_or(ErrorCode::FetchSessionIdNotFound)?;
            slot.used = Instant::now();
            Arc::clone(&slot.session)
        };
        let wanted = {
            let mut session = session.lock();
            if session.epoch != epoch {
                return Err(ErrorCode::InvalidFetchSessionEpoch);
            }
            if session.by_id != by_id {
                return Err(ErrorCode::FetchSessionTopicIdError);
            }
            session.epoch = next_epoch(epoch);
            session.update(request);
            session.in_turn()
        };
        Ok(Begun { session: SessionUse(Kind::Incremental { id, session }), wanted })
    }

    /// Keeps what the client will know, and leaves out what it knows already. Gives the session's id.
    pub(super) fn end(
        &self,
        session: SessionUse,
        answered: Vec<(Wanted, PartitionData<Records>)>,
    ) -> (i32, Vec<(Wanted, PartitionData<Records>)>) {
        match session.0 {
            Kind::None => (NO_SESSION, answered),
            Kind::Full(shape) => {
                let mut session = Session::new(shape);
                for (wanted, partition) in &answered {
                    session.note(wanted, partition);
                }
                (self.keep(session), answered)
            }
            Kind::Incremental { id, session } => {
                let mut session = session.lock();
                let news = answered.into_iter().filter(|(wanted, partition)| session.note(wanted, partition));
                (id, news.collect())
            }
        }
    }

    /// The session's id for an answer that says nothing of its partitions.
    #[expect(clippy::unused_self, reason = "sessions belong to the cache")]
    pub(super) fn unchanged(&self, session: &SessionUse) -> i32 {
        match session.0 {
            Kind::Incremental { id, .. } => id,
            Kind::None | Kind::Full(_) => NO_SESSION,
        }
    }

    /// Puts a session into the cache, if there is room or can be made.
    fn keep(&self, session: Session) -> i32 {
        let now = Instant::now();
        let mut sessions = self.sessions.lock();
        if sessions.by_id.len() >= self.sessions_max {
            let oldest = sessions.by_id.iter().min_by_key(|(_, slot)| slot.used);
            match oldest.filter(|(_, slot)| now.duration_since(slot.used) >= EVICTABLE_AFTER) {
                Some((&id, _)) => _ = sessions.by_id.remove(&id),
                None => return NO_SESSION,
            }
        }
        loop {
            let id = random_session_id();
            if let std::collections::hash_map::Entry::Vacant(place) = sessions.by_id.entry(id) {
                place.insert(Slot { session: Arc::new(Mutex::new(session)), used: now });
                return id;
            }
        }
    }
}

/// A random id other than 0, so that an id of an earlier run of the broker is hardly ever valid.
fn random_session_id() -> i32 {
    let random = uuid::Uuid::new_v4().as_u64_pair().0;
    i32::try_from(random >> 33).unwrap_or(0).max(1)
}

fn next_epoch(epoch: i32) -> i32 {
    if epoch == i32::MAX { 1 } else { epoch + 1 }
}

/// The partitions that a request names.
fn wanted(request: &FetchRequest) -> Vec<Wanted> {
    let mut wanted = Vec::new();
    for topic in &request.topics {
        let key = TopicKey { name: topic.topic.clone(), id: topic.topic_id };
        wanted.extend(topic.partitions.iter().map(|partition| Wanted {
            topic: key.clone(),
            index: partition.partition,
            offset: partition.fetch_offset,
            max_bytes: partition.partition_max_bytes,
            current_leader_epoch: partition.current_leader_epoch,
            last_fetched_epoch: partition.last_fetched_epoch,
        }));
    }
    wanted
}

impl Session {
    fn new(shape: FetchRequestShape) -> Self {
        let mut session = Self {
            epoch: next_epoch(INITIAL_EPOCH),
            by_id: shape.by_id,
            partitions: Vec::new(),
            places: HashMap::new(),
            start: 0,
        };
        for wanted in shape.wanted {
            session.set(wanted);
        }
        session
    }

    fn set(&mut self, mut wanted: Wanted) {
        // A session outlives the frames of its requests and must not keep them.
        wanted.topic.name = wanted.topic.name.to_string().into();
        let key = (wanted.topic.clone(), wanted.index);
        match self.places.get(&key) {
            Some(&place) => self.partitions[place].wanted = wanted,
            None => {
                self.places.insert(key, self.partitions.len());
                self.partitions.push(Cached { wanted, answered: None });
            }
        }
    }

    /// Adds, changes and forgets what the request says.
    fn update(&mut self, request: &FetchRequest) {
        for wanted in wanted(request) {
            self.set(wanted);
        }
        let mut forgot = false;
        for topic in &request.forgotten_topics_data {
            let key = TopicKey { name: topic.topic.clone(), id: topic.topic_id };
            for &index in &topic.partitions {
                forgot |= self.places.remove(&(key.clone(), index)).is_some();
            }
        }
        if forgot {
            let places = std::mem::take(&mut self.places);
            self.partitions
                .retain(|cached| places.contains_key(&(cached.wanted.topic.clone(), cached.wanted.index)));
            let keys =
                self.partitions.iter().map(|cached| (cached.wanted.topic.clone(), cached.wanted.index));
            self.places = keys.enumerate().map(|(place, key)| (key, place)).collect();
            self.start = 0;
        }
    }

    /// All partitions, beginning behind the one that had records last.
    fn in_turn(&self) -> Vec<Wanted> {
        let (before, from) = self.partitions.split_at(self.start.min(self.partitions.len()));
        from.iter().chain(before).map(|cached| cached.wanted.clone()).collect()
    }

    /// Keeps what is answered for a partition; says whether the client does not know it yet.
    fn note(&mut self, wanted: &Wanted, partition: &PartitionData<Records>) -> bool {
        let key = (wanted.topic.clone(), wanted.index);
        let Some(&place) = self.places.get(&key) else { return true };
        let known =
            Known { high_watermark: partition.high_watermark, log_start_offset: partition.log_start_offset };
        let has_records = partition.records.as_ref().is_some_and(|records| !records.is_empty());
        if has_records {
            self.start = place + 1;
        }
        let cached = &mut self.partitions[place];
        if partition.error_code != 0 {
            // An error is told every time.
            cached.answered = None;
            return true;
        }
        let diverges = partition.diverging_epoch.epoch >= 0;
        let is_news = has_records || diverges || cached.answered != Some(known);
        cached.answered = Some(known);
        is_news
    }
}
