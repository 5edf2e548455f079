//! How a broker is set up, under Kafka's names and defaults.
//!
//! Only what has an effect is here. Deviations from Kafka's defaults, each for a reason:
//! - `group.initial.rebalance.delay.ms` is 250 (Kafka: 3 s): members that start together share their first generation, and
//!   a client that is still asking for its topics' metadata when it joins (kafka-python does) knows it when it has to
//!   assign;
//! - `queued.max.request.bytes` is 256 MiB (Kafka: no limit): memory is bounded by default;
//! - `fsync` exists (Kafka: never, a replica has the data).

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use millstream_log::{CompactionOptions, FsyncPolicy};

use crate::error::{BrokerError, Result};
use crate::quotas::{QuotaWindows, Windows};

/// A socket that clients connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerConfig {
    /// Its name (`PLAINTEXT`, `INTERNAL`), unique among the listeners.
    pub name: String,
    /// `HOST:PORT` to listen at; port 0 picks a free one.
    pub bind: String,
    /// `HOST:PORT` that clients who come through this listener are told to connect to; `None` for the bound one. Port 0
    /// stands for the bound port.
    pub advertised: Option<String>,
}

impl ListenerConfig {
    /// A listener without TLS at `bind`, advertised as it is bound.
    pub fn plaintext(bind: impl Into<String>) -> Self {
        Self { name: "PLAINTEXT".to_owned(), bind: bind.into(), advertised: None }
    }
}

/// An assignor that the coordinator runs itself for consumer groups (KIP-848).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerAssignor {
    /// Equal numbers for everybody, and few moves.
    Uniform,
    /// Of each topic a run of neighbouring partitions, the same of all topics where they are equally many.
    Range,
}

impl ServerAssignor {
    /// The name that clients ask for it by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Range => "range",
        }
    }

    /// The assignor of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Uniform, Self::Range].into_iter().find(|assignor| assignor.name() == name)
    }
}

/// Whether groups change between the classic protocol and KIP-848's while members are in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupMigrationPolicy {
    /// Only groups without members change.
    Disabled,
    /// From the classic protocol to the new one.
    Upgrade,
    /// Back to the classic protocol.
    Downgrade,
    /// Both ways.
    Bidirectional,
}

impl GroupMigrationPolicy {
    const ALL: [Self; 4] = [Self::Disabled, Self::Upgrade, Self::Downgrade, Self::Bidirectional];

    /// The name in configurations.
    pub fn name(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Upgrade => "upgrade",
            Self::Downgrade => "downgrade",
            Self::Bidirectional => "bidirectional",
        }
    }

    /// The policy of a name, in upper or lower case as in Kafka.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.name().eq_ignore_ascii_case(name))
    }

    pub(crate) fn allows_upgrade(self) -> bool {
        matches!(self, Self::Upgrade | Self::Bidirectional)
    }

    pub(crate) fn allows_downgrade(self) -> bool {
        matches!(self, Self::Downgrade | Self::Bidirectional)
    }
}

/// Configuration of consumer groups (KIP-848).
#[derive(Debug, Clone)]
pub struct ConsumerGroupConfig {
    /// `group.consumer.session.timeout.ms`: a member that is not heard of for so long is put out.
    pub session_timeout: Duration,
    /// `group.consumer.heartbeat.interval.ms`: how often members are told to send heartbeats. Short ones make rebalances quick.
    pub heartbeat_interval: Duration,
    /// `group.consumer.min.session.timeout.ms` to `group.consumer.max.session.timeout.ms`: what single groups may set.
    pub session_timeout_bounds: RangeInclusive<Duration>,
    /// `group.consumer.min.heartbeat.interval.ms` to `group.consumer.max.heartbeat.interval.ms`: what single groups may set.
    pub heartbeat_interval_bounds: RangeInclusive<Duration>,
    /// `group.consumer.min.assignment.interval.ms` to `group.consumer.max.assignment.interval.ms`: what single groups may set.
    pub assignment_interval_bounds: RangeInclusive<Duration>,
    /// `group.consumer.max.size`: members of a group.
    pub members_max: usize,
    /// `group.consumer.assignors`: those that members may ask for; the first is the default.
    pub assignors: Vec<ServerAssignor>,
    /// `group.consumer.migration.policy`.
    pub migration_policy: GroupMigrationPolicy,
    /// `group.consumer.assignment.interval.ms`: partitions of a group are shared out no oftener.
    pub assignment_interval: Duration,
    /// `group.consumer.regex.refresh.interval.ms`: how old the topics that an expression matched may get. Changes of topics
    /// are seen at once.
    pub regex_refresh_interval: Duration,
}

impl Default for ConsumerGroupConfig {
    fn default() -> Self {
        Self {
            session_timeout_bounds: Duration::from_secs(45)..=Duration::from_secs(60),
            heartbeat_interval_bounds: Duration::from_secs(5)..=Duration::from_secs(15),
            assignment_interval_bounds: Duration::ZERO..=Duration::from_secs(15),
            session_timeout: Duration::from_secs(45),
            heartbeat_interval: Duration::from_secs(5),
            members_max: usize::try_from(i32::MAX).unwrap_or(usize::MAX),
            assignors: vec![ServerAssignor::Uniform, ServerAssignor::Range],
            migration_policy: GroupMigrationPolicy::Bidirectional,
            assignment_interval: Duration::from_secs(1),
            regex_refresh_interval: Duration::from_secs(10 * 60),
        }
    }
}

/// Configuration of a broker. [`BrokerConfig::new`] gives Kafka's defaults, with the deviations that the module names.
#[derive(Debug, Clone)]
pub struct BrokerConfig {
    /// `log.dirs`: where everything is kept. One process at a time.
    pub data_dir: PathBuf,
    /// When appended records are synced: a trade between latency and what a power cut takes. `Group` loses nothing that was
    /// acknowledged.
    pub fsync: FsyncPolicy,
    /// `listeners` and `advertised.listeners`. None is fine for an embedded broker.
    pub listeners: Vec<ListenerConfig>,
    /// `node.id`.
    pub node_id: i32,
    /// `num.partitions`: partitions of a topic that is created without saying how many.
    pub num_partitions: i32,
    /// `auto.create.topics.enable`: whether asking for the metadata of a missing topic creates it.
    pub auto_create_topics: bool,
    /// Configurations that change while the broker runs, as they are at the start: broker-wide values of topic configurations under
    /// the broker's names (`log.retention.ms`, `message.max.bytes`, …), which topics override, and others (`max.connections`).
    pub topic_defaults: BTreeMap<String, String>,
    /// `socket.request.max.bytes`: largest request, checked before anything is reserved for it.
    pub request_bytes_max: usize,
    /// `queued.max.request.bytes`: request bytes over all connections, half for large requests on their way in and half for produce
    /// requests that are worked on. Beyond it sockets are not read.
    pub in_flight_bytes_max: usize,
    /// Bytes of produce requests in flight on one connection. Beyond it its socket is not read.
    pub connection_in_flight_bytes_max: usize,
    /// `fetch.max.bytes`: most bytes of records in one answer (its first batch excepted).
    pub fetch_bytes_max: usize,
    /// Bytes of fetched records waiting for slow readers, over all connections. Beyond it answers shrink to a batch.
    pub fetched_bytes_max: usize,
    /// `connections.max.idle.ms`: a connection without requests for so long is closed.
    pub connections_max_idle: Duration,
    /// `max.incremental.fetch.session.cache.slots`: fetch sessions (KIP-227) kept at a time.
    pub fetch_sessions_max: usize,
    /// `group.initial.rebalance.delay.ms`: how long an empty group waits for more members before its first generation.
    pub group_initial_rebalance_delay: Duration,
    /// `group.min.session.timeout.ms`.
    pub group_session_timeout_min: Duration,
    /// `group.max.session.timeout.ms`.
    pub group_session_timeout_max: Duration,
    /// `group.max.size`: members of a group.
    pub group_members_max: usize,
    /// `group.consumer.*`.
    pub consumer_groups: ConsumerGroupConfig,
    /// `offsets.topic.num.partitions`: partitions of `__consumer_offsets` when it is created.
    pub offsets_partitions: i32,
    /// `offsets.retention.minutes`: how long offsets stay after the group has lost its last member.
    pub offsets_retention: Duration,
    /// `offsets.retention.check.interval.ms`.
    pub offsets_retention_check_interval: Duration,
    /// `offset.metadata.max.bytes`: largest note a client may leave with an offset.
    pub offset_metadata_bytes_max: usize,
    /// `transaction.state.log.num.partitions`: partitions of `__transaction_state` when it is created.
    pub transactions_partitions: i32,
    /// `transaction.max.timeout.ms`: longest time that a producer may give its transactions.
    pub transaction_timeout_max: Duration,
    /// `transaction.abort.timed.out.transaction.cleanup.interval.ms`: how often transactions are looked for that take too long.
    pub transaction_abort_interval: Duration,
    /// `transactional.id.expiration.ms`: how long a transactional id is remembered that nobody uses.
    pub transactional_id_expiration: Duration,
    /// `transaction.remove.expired.transaction.cleanup.interval.ms`: how often such ids are looked for.
    pub transactional_id_expiration_interval: Duration,
    /// `log.flush.scheduler.interval.ms`: how often partitions are looked for whose `flush.ms` is over.
    pub flush_check_interval: Duration,
    /// `log.retention.check.interval.ms`: how often old segments are looked for.
    pub retention_check_interval: Duration,
    /// `disk.reserve.bytes`: what clients' records leave on the disk for offsets, transactions and compaction.
    pub disk_reserve_bytes: u64,
    /// `log.scrub.max.bytes.per.second`: how fast segments that nobody reads are read to compare their checksums; 0 for not at all.
    pub scrub_bytes_per_second: u64,
    /// `log.cleaner.enable`, `log.cleaner.backoff.ms`, `log.cleaner.dedupe.buffer.size`.
    pub compaction: CompactionOptions,
    /// `producer.id.expiration.ms`: how long a partition remembers a producer that writes nothing.
    pub producer_id_expiration: Duration,
    /// `log.flush.offset.checkpoint.interval.ms`: how often recovery points are written; what lies behind them is checked
    /// after a crash.
    pub checkpoint_interval: Duration,
    /// `num.io.threads`: threads that write and read files. A partition is written by one of them.
    pub disk_threads: usize,
    /// `quota.window.num`, `quota.window.size.seconds` and those of `controller.quota.window`: over which time it is reckoned what
    /// clients with quotas use.
    pub quota_windows: QuotaWindows,
    /// `telemetry.max.bytes`: most bytes of metrics that a client may push at once, compressed and decompressed.
    pub telemetry_bytes_max: usize,
    /// How long a stopping broker waits for its connections.
    pub shutdown_timeout: Duration,
}

impl BrokerConfig {
    /// The defaults, with everything kept in `data_dir` and no listener.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        const MIB: usize = 1024 * 1024;
        const QUOTA_WINDOWS: Windows = Windows { samples: 11, window_ms: 1000 };
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            data_dir: data_dir.into(),
            fsync: FsyncPolicy::default(),
            listeners: Vec::new(),
            node_id: 1,
            num_partitions: 1,
            auto_create_topics: true,
            topic_defaults: BTreeMap::new(),
            request_bytes_max: 100 * MIB,
            in_flight_bytes_max: 256 * MIB,
            connection_in_flight_bytes_max: 64 * MIB,
            fetch_bytes_max: 55 * MIB,
            fetched_bytes_max: 256 * MIB,
            connections_max_idle: Duration::from_secs(10 * 60),
            fetch_sessions_max: 1000,
            group_initial_rebalance_delay: Duration::from_millis(250),
            group_session_timeout_min: Duration::from_secs(6),
            group_session_timeout_max: Duration::from_secs(30 * 60),
            group_members_max: usize::try_from(i32::MAX).unwrap_or(usize::MAX),
            consumer_groups: ConsumerGroupConfig::default(),
            offsets_partitions: 50,
            offsets_retention: Duration::from_secs(7 * 24 * 60 * 60),
            offsets_retention_check_interval: Duration::from_secs(10 * 60),
            offset_metadata_bytes_max: 4096,
            transactions_partitions: 50,
            transaction_timeout_max: Duration::from_secs(15 * 60),
            transaction_abort_interval: Duration::from_secs(10),
            transactional_id_expiration: Duration::from_secs(7 * 24 * 60 * 60),
            transactional_id_expiration_interval: Duration::from_secs(60 * 60),
            flush_check_interval: Duration::from_secs(1),
            retention_check_interval: Duration::from_secs(5 * 60),
            disk_reserve_bytes: 64 << 20,
            scrub_bytes_per_second: 1 << 20,
            compaction: CompactionOptions::default(),
            producer_id_expiration: Duration::from_secs(24 * 60 * 60),
            checkpoint_interval: Duration::from_secs(60),
            disk_threads: (cores / 2).clamp(1, 8),
            quota_windows: QuotaWindows { clients: QUOTA_WINDOWS, mutations: QUOTA_WINDOWS },
            telemetry_bytes_max: MIB,
            shutdown_timeout: Duration::from_secs(5),
        }
    }

    /// Checks what cannot be seen from the types.
    pub(crate) fn check(&self) -> Result<()> {
        let positive = |name, value: i64| {
            if value > 0 {
                return Ok(());
            }
            Err(BrokerError::InvalidConfig { name, value: value.to_string(), expected: "at least 1" })
        };
        positive("num.partitions", i64::from(self.num_partitions))?;
        positive("offsets.topic.num.partitions", i64::from(self.offsets_partitions))?;
        positive("transaction.state.log.num.partitions", i64::from(self.transactions_partitions))?;
        positive("num.io.threads", i64::try_from(self.disk_threads).unwrap_or(i64::MAX))?;
        if self.node_id < 0 {
            let value = self.node_id.to_string();
            return Err(BrokerError::InvalidConfig { name: "node.id", value, expected: "at least 0" });
        }
        Ok(())
    }
}
