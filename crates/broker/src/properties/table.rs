//! The configurations that are read at the start, some of them whenever they change as well, or have one value. Those that are defaults of topics stand in the log's table.

use std::ops::RangeInclusive;
use std::time::Duration;

use millstream_log::FsyncPolicy;
use millstream_log::config::{ConfigType, Valid};

use super::{Effect, Property, duration};
use crate::config::{BrokerConfig, GroupMigrationPolicy, ServerAssignor};
use crate::server::{MAX_CONNECTIONS, MAX_CONNECTIONS_PER_IP, MAX_CONNECTIONS_PER_IP_OVERRIDES};

const MILLISECOND: Duration = Duration::from_millis(1);
const MINUTE: Duration = Duration::from_secs(60);

/// Configurations that say in hours or minutes what another says in milliseconds, which has precedence: name, the other,
/// unit in ms. A finer unit stands before a coarser one.
pub(super) const IN_OTHER_UNITS: &[(&str, &str, i64)] = &[
    ("log.retention.minutes", "log.retention.ms", 60_000),
    ("log.retention.hours", "log.retention.ms", 3_600_000),
    ("log.roll.hours", "log.roll.ms", 3_600_000),
    ("log.roll.jitter.hours", "log.roll.jitter.ms", 3_600_000),
];

const fn at_start(
    name: &'static str,
    kind: ConfigType,
    valid: Valid,
    set: fn(&mut BrokerConfig, &str) -> Option<()>,
    get: fn(&BrokerConfig) -> String,
    documentation: &'static str,
) -> Property {
    Property { name, kind, valid, effect: Effect::AtStart { set, get }, documentation }
}

const fn live(
    name: &'static str,
    kind: ConfigType,
    valid: Valid,
    set: fn(&mut BrokerConfig, &str) -> Option<()>,
    get: fn(&BrokerConfig) -> String,
    documentation: &'static str,
) -> Property {
    Property { name, kind, valid, effect: Effect::Live { set, get }, documentation }
}

const fn dynamic(
    name: &'static str,
    kind: ConfigType,
    valid: Valid,
    default: &'static str,
    documentation: &'static str,
) -> Property {
    Property { name, kind, valid, effect: Effect::Dynamic(default), documentation }
}

const fn fixed(
    name: &'static str,
    kind: ConfigType,
    value: &'static str,
    documentation: &'static str,
) -> Property {
    Property { name, kind, valid: Valid::Any, effect: Effect::Fixed(value), documentation }
}

/// Gives a field the number in `value`.
fn put<T: std::str::FromStr>(field: &mut T, value: &str) -> Option<()> {
    *field = value.parse().ok()?;
    Some(())
}

fn put_ms(field: &mut Duration, value: &str) -> Option<()> {
    *field = duration(value, MILLISECOND)?;
    Some(())
}

fn ms(duration: Duration) -> String {
    duration.as_millis().to_string()
}

fn put_start(bounds: &mut RangeInclusive<Duration>, value: &str) -> Option<()> {
    *bounds = duration(value, MILLISECOND)?..=*bounds.end();
    Some(())
}

fn put_end(bounds: &mut RangeInclusive<Duration>, value: &str) -> Option<()> {
    *bounds = *bounds.start()..=duration(value, MILLISECOND)?;
    Some(())
}

/// Gives a field in milliseconds the seconds in `value`.
fn put_seconds(field_ms: &mut i64, value: &str) -> Option<()> {
    *field_ms = value.parse::<i64>().ok()?.checked_mul(1000)?;
    Some(())
}

fn seconds(value_ms: i64) -> String {
    (value_ms / 1000).to_string()
}

fn put_flag(field: &mut bool, value: &str) -> Option<()> {
    *field = value.eq_ignore_ascii_case("true");
    Some(())
}

fn put_data_dir(config: &mut BrokerConfig, value: &str) -> Option<()> {
    // Several directories would be several disks; there is one.
    if value.is_empty() || value.contains(',') {
        return None;
    }
    config.data_dir = value.into();
    Some(())
}

fn put_fsync(config: &mut BrokerConfig, value: &str) -> Option<()> {
    config.fsync = match value {
        "none" => FsyncPolicy::None,
        "interval" => FsyncPolicy::Interval,
        "group" => FsyncPolicy::Group,
        _ => return None,
    };
    Some(())
}

fn put_assignors(config: &mut BrokerConfig, value: &str) -> Option<()> {
    let assignors: Option<Vec<_>> =
        value.split(',').map(|name| ServerAssignor::from_name(name.trim())).collect();
    config.consumer_groups.assignors = assignors.filter(|assignors| !assignors.is_empty())?;
    Some(())
}

fn listeners(config: &BrokerConfig, address: fn(&crate::ListenerConfig) -> &str) -> String {
    let listeners =
        config.listeners.iter().map(|listener| format!("{}://{}", listener.name, address(listener)));
    listeners.collect::<Vec<_>>().join(",")
}

/// All of them.
#[rustfmt::skip]
pub(super) static PROPERTIES: &[Property] = {
    use ConfigType::{Boolean, Int, List, Long, Short, String};
    use Valid::{Any, AtLeast};
    &[
        at_start("advertised.listeners", List, Any, |_, _| Some(()),
            |c| listeners(c, |listener| listener.advertised.as_deref().unwrap_or(&listener.bind)),
            "What clients are told to connect to: NAME://HOST:PORT for names of listeners, separated by commas; the bound address unless given. An address that no client can connect to, such as 0.0.0.0, is refused."),
        at_start("auto.create.topics.enable", Boolean, Any,
            |c, value| put_flag(&mut c.auto_create_topics, value), |c| c.auto_create_topics.to_string(),
            "Whether asking for the metadata of a missing topic creates it."),
        at_start("broker.id", Int, AtLeast(0), |c, value| put(&mut c.node_id, value), |c| c.node_id.to_string(),
            "The id of this broker; another name of node.id."),
        at_start("connections.max.idle.ms", Long, AtLeast(1),
            |c, value| put_ms(&mut c.connections_max_idle, value), |c| ms(c.connections_max_idle),
            "A connection without requests for so long is closed."),
        at_start("controller.quota.window.num", Int, AtLeast(1),
            |c, value| put(&mut c.quota_windows.mutations.samples, value), |c| c.quota_windows.mutations.samples.to_string(),
            "Windows over which the partitions are counted that clients with a controller_mutation_rate create and delete."),
        at_start("controller.quota.window.size.seconds", Int, AtLeast(1),
            |c, value| put_seconds(&mut c.quota_windows.mutations.window_ms, value), |c| seconds(c.quota_windows.mutations.window_ms),
            "Length of such a window."),
        fixed("default.replication.factor", Int, "1",
            "Replicas of a topic that is created without saying how many; a single node has one."),
        fixed("delete.topic.enable", Boolean, "true", "Whether topics can be deleted."),
        at_start("disk.reserve.bytes", Long, AtLeast(0),
            |c, value| put(&mut c.disk_reserve_bytes, value), |c| c.disk_reserve_bytes.to_string(),
            "Bytes that records of clients leave on the disk, so that offsets can be committed, transactions end and segments be compacted; 0 for none. Not in Kafka."),
        at_start("fetch.max.bytes", Int, AtLeast(1),
            |c, value| put(&mut c.fetch_bytes_max, value), |c| c.fetch_bytes_max.to_string(),
            "Most bytes of records in one answer, its first batch excepted."),
        at_start("fsync", String, Any, put_fsync, |c| c.fsync.to_string(),
            "When appended records are synced: none, interval (every second) or group (before they are acknowledged)."),
        at_start("group.consumer.assignment.interval.ms", Int, AtLeast(0),
            |c, value| put_ms(&mut c.consumer_groups.assignment_interval, value), |c| ms(c.consumer_groups.assignment_interval),
            "Partitions of a consumer group are shared out no oftener."),
        at_start("group.consumer.assignors", List, Any, put_assignors,
            |c| c.consumer_groups.assignors.iter().map(|assignor| assignor.name()).collect::<Vec<_>>().join(","),
            "Assignors that members of consumer groups may ask for; the first is the default."),
        at_start("group.consumer.heartbeat.interval.ms", Int, AtLeast(1),
            |c, value| put_ms(&mut c.consumer_groups.heartbeat_interval, value), |c| ms(c.consumer_groups.heartbeat_interval),
            "How often members of consumer groups are told to send heartbeats."),
        at_start("group.consumer.max.assignment.interval.ms", Int, AtLeast(0),
            |c, value| put_end(&mut c.consumer_groups.assignment_interval_bounds, value), |c| ms(*c.consumer_groups.assignment_interval_bounds.end()),
            "Largest consumer.assignment.interval.ms that a group may set for itself."),
        at_start("group.consumer.max.heartbeat.interval.ms", Int, AtLeast(1),
            |c, value| put_end(&mut c.consumer_groups.heartbeat_interval_bounds, value), |c| ms(*c.consumer_groups.heartbeat_interval_bounds.end()),
            "Largest consumer.heartbeat.interval.ms that a group may set for itself."),
        at_start("group.consumer.max.session.timeout.ms", Int, AtLeast(1),
            |c, value| put_end(&mut c.consumer_groups.session_timeout_bounds, value), |c| ms(*c.consumer_groups.session_timeout_bounds.end()),
            "Largest consumer.session.timeout.ms that a group may set for itself."),
        at_start("group.consumer.max.size", Int, AtLeast(1),
            |c, value| put(&mut c.consumer_groups.members_max, value), |c| c.consumer_groups.members_max.to_string(),
            "Members of a consumer group at most."),
        at_start("group.consumer.migration.policy", String, Any,
            |c, value| { c.consumer_groups.migration_policy = GroupMigrationPolicy::from_name(value)?; Some(()) },
            |c| c.consumer_groups.migration_policy.name().to_owned(),
            "Whether groups change between the classic and the consumer protocol while members are in them: disabled, upgrade, downgrade or bidirectional."),
        at_start("group.consumer.min.assignment.interval.ms", Int, AtLeast(0),
            |c, value| put_start(&mut c.consumer_groups.assignment_interval_bounds, value), |c| ms(*c.consumer_groups.assignment_interval_bounds.start()),
            "Smallest consumer.assignment.interval.ms that a group may set for itself."),
        at_start("group.consumer.min.heartbeat.interval.ms", Int, AtLeast(1),
            |c, value| put_start(&mut c.consumer_groups.heartbeat_interval_bounds, value), |c| ms(*c.consumer_groups.heartbeat_interval_bounds.start()),
            "Smallest consumer.heartbeat.interval.ms that a group may set for itself."),
        at_start("group.consumer.min.session.timeout.ms", Int, AtLeast(1),
            |c, value| put_start(&mut c.consumer_groups.session_timeout_bounds, value), |c| ms(*c.consumer_groups.session_timeout_bounds.start()),
            "Smallest consumer.session.timeout.ms that a group may set for itself."),
        at_start("group.consumer.regex.refresh.interval.ms", Int, AtLeast(1),
            |c, value| put_ms(&mut c.consumer_groups.regex_refresh_interval, value), |c| ms(c.consumer_groups.regex_refresh_interval),
            "How old the topics that a regular expression matched may get."),
        at_start("group.consumer.session.timeout.ms", Int, AtLeast(1),
            |c, value| put_ms(&mut c.consumer_groups.session_timeout, value), |c| ms(c.consumer_groups.session_timeout),
            "A member of a consumer group that is not heard of for so long is put out."),
        at_start("group.initial.rebalance.delay.ms", Int, AtLeast(0),
            |c, value| put_ms(&mut c.group_initial_rebalance_delay, value), |c| ms(c.group_initial_rebalance_delay),
            "How long an empty group waits for more members before its first generation (Kafka: 3000)."),
        at_start("group.max.session.timeout.ms", Int, AtLeast(1),
            |c, value| put_ms(&mut c.group_session_timeout_max, value), |c| ms(c.group_session_timeout_max),
            "Longest session timeout that a member may ask for."),
        at_start("group.max.size", Int, AtLeast(1),
            |c, value| put(&mut c.group_members_max, value), |c| c.group_members_max.to_string(),
            "Members of a group at most."),
        at_start("group.min.session.timeout.ms", Int, AtLeast(1),
            |c, value| put_ms(&mut c.group_session_timeout_min, value), |c| ms(c.group_session_timeout_min),
            "Shortest session timeout that a member may ask for."),
        at_start("listeners", List, Any, |_, _| Some(()), |c| listeners(c, |listener| &listener.bind),
            "Where the broker listens: NAME://HOST:PORT separated by commas. Names in controller.listener.names are left out: there is no controller to talk to."),
        live("log.cleaner.backoff.ms", Long, AtLeast(0),
            |c, value| put_ms(&mut c.compaction.backoff, value), |c| ms(c.compaction.backoff),
            "Time between two looks for partitions to compact."),
        live("log.cleaner.dedupe.buffer.size", Long, AtLeast(0),
            |c, value| put(&mut c.compaction.map_bytes, value), |c| c.compaction.map_bytes.to_string(),
            "Most bytes for the keys of one compaction; a partition with more keys is compacted in several runs."),
        at_start("log.cleaner.enable", Boolean, Any,
            |c, value| put_flag(&mut c.compaction.enabled, value), |c| c.compaction.enabled.to_string(),
            "Whether topics with cleanup.policy=compact are compacted."),
        at_start("log.dir", List, Any, put_data_dir, |c| c.data_dir.display().to_string(),
            "Where everything is kept, unless log.dirs says it."),
        at_start("log.dirs", List, Any, put_data_dir, |c| c.data_dir.display().to_string(),
            "Where everything is kept: one directory."),
        at_start("log.flush.offset.checkpoint.interval.ms", Int, AtLeast(1),
            |c, value| put_ms(&mut c.checkpoint_interval, value), |c| ms(c.checkpoint_interval),
            "How often recovery points are written."),
        at_start("log.flush.scheduler.interval.ms", Long, AtLeast(1),
            |c, value| put_ms(&mut c.flush_check_interval, value), |c| ms(c.flush_check_interval),
            "How often partitions are looked for whose flush.ms is over (Kafka: never, so that it has no effect)."),
        at_start("log.retention.check.interval.ms", Long, AtLeast(1),
            |c, value| put_ms(&mut c.retention_check_interval, value), |c| ms(c.retention_check_interval),
            "How often old segments are looked for."),
        at_start("log.scrub.max.bytes.per.second", Long, AtLeast(0),
            |c, value| put(&mut c.scrub_bytes_per_second, value), |c| c.scrub_bytes_per_second.to_string(),
            "How fast stored segments are read, at most once a day, to find damage before a reader does; 0 for not at all. Not in Kafka."),
        at_start("max.incremental.fetch.session.cache.slots", Int, AtLeast(0),
            |c, value| put(&mut c.fetch_sessions_max, value), |c| c.fetch_sessions_max.to_string(),
            "Fetch sessions kept at a time."),
        dynamic(MAX_CONNECTIONS, Int, AtLeast(0), "2147483647",
            "Connections at a time, of all listeners; when there are as many, nobody is accepted until one has gone."),
        dynamic(MAX_CONNECTIONS_PER_IP, Int, AtLeast(0), "2147483647",
            "Connections at a time of one address; further ones are closed."),
        dynamic(MAX_CONNECTIONS_PER_IP_OVERRIDES, String, Any, "",
            "Connections at a time of single addresses: HOST:CONNECTIONS, several separated by commas."),
        at_start("node.id", Int, AtLeast(0), |c, value| put(&mut c.node_id, value), |c| c.node_id.to_string(),
            "The id of this broker."),
        at_start("num.io.threads", Int, AtLeast(1),
            |c, value| put(&mut c.disk_threads, value), |c| c.disk_threads.to_string(),
            "Threads that write files, and as many, but two at least, that read them (Kafka: 8, for requests of every kind)."),
        at_start("num.partitions", Int, AtLeast(1),
            |c, value| put(&mut c.num_partitions, value), |c| c.num_partitions.to_string(),
            "Partitions of a topic that is created without saying how many."),
        at_start("offset.metadata.max.bytes", Int, AtLeast(0),
            |c, value| put(&mut c.offset_metadata_bytes_max, value), |c| c.offset_metadata_bytes_max.to_string(),
            "Largest note that a client may leave with an offset."),
        at_start("offsets.retention.check.interval.ms", Long, AtLeast(1),
            |c, value| put_ms(&mut c.offsets_retention_check_interval, value), |c| ms(c.offsets_retention_check_interval),
            "How often old offsets are looked for."),
        at_start("offsets.retention.minutes", Int, AtLeast(1),
            |c, value| { c.offsets_retention = duration(value, MINUTE)?; Some(()) },
            |c| (c.offsets_retention.as_secs() / 60).to_string(),
            "How long offsets stay after a group has lost its last member."),
        at_start("offsets.topic.num.partitions", Int, AtLeast(1),
            |c, value| put(&mut c.offsets_partitions, value), |c| c.offsets_partitions.to_string(),
            "Partitions of __consumer_offsets when it is created."),
        fixed("offsets.topic.replication.factor", Short, "1", "Replicas of __consumer_offsets; a single node has one."),
        live("producer.id.expiration.ms", Int, AtLeast(1),
            |c, value| put_ms(&mut c.producer_id_expiration, value), |c| ms(c.producer_id_expiration),
            "How long a partition remembers a producer that writes nothing and has no open transaction."),
        at_start("queued.max.request.bytes", Long, AtLeast(1),
            |c, value| put(&mut c.in_flight_bytes_max, value), |c| c.in_flight_bytes_max.to_string(),
            "Request bytes over all connections, half for large requests on their way in and half for produce requests that are worked on; beyond it sockets are not read (Kafka: no limit)."),
        at_start("quota.window.num", Int, AtLeast(1),
            |c, value| put(&mut c.quota_windows.clients.samples, value), |c| c.quota_windows.clients.samples.to_string(),
            "Windows over which it is counted what clients with quotas produce, fetch and occupy."),
        at_start("quota.window.size.seconds", Int, AtLeast(1),
            |c, value| put_seconds(&mut c.quota_windows.clients.window_ms, value), |c| seconds(c.quota_windows.clients.window_ms),
            "Length of such a window."),
        at_start("socket.request.max.bytes", Int, AtLeast(1),
            |c, value| put(&mut c.request_bytes_max, value), |c| c.request_bytes_max.to_string(),
            "Largest request in bytes."),
        at_start("telemetry.max.bytes", Int, AtLeast(1),
            |c, value| put(&mut c.telemetry_bytes_max, value), |c| c.telemetry_bytes_max.to_string(),
            "Most bytes of metrics that a client may push at once, compressed and decompressed."),
        at_start("transaction.abort.timed.out.transaction.cleanup.interval.ms", Int, AtLeast(1),
            |c, value| put_ms(&mut c.transaction_abort_interval, value), |c| ms(c.transaction_abort_interval),
            "How often transactions are looked for that take too long."),
        at_start("transaction.max.timeout.ms", Int, AtLeast(1),
            |c, value| put_ms(&mut c.transaction_timeout_max, value), |c| ms(c.transaction_timeout_max),
            "Longest time that a producer may give its transactions."),
        at_start("transaction.remove.expired.transaction.cleanup.interval.ms", Int, AtLeast(1),
            |c, value| put_ms(&mut c.transactional_id_expiration_interval, value), |c| ms(c.transactional_id_expiration_interval),
            "How often transactional ids are looked for that nobody uses."),
        fixed("transaction.state.log.min.isr", Int, "1", "Replicas of __transaction_state that must have a record; a single node has one."),
        at_start("transaction.state.log.num.partitions", Int, AtLeast(1),
            |c, value| put(&mut c.transactions_partitions, value), |c| c.transactions_partitions.to_string(),
            "Partitions of __transaction_state when it is created."),
        fixed("transaction.state.log.replication.factor", Short, "1", "Replicas of __transaction_state; a single node has one."),
        at_start("transactional.id.expiration.ms", Int, AtLeast(1),
            |c, value| put_ms(&mut c.transactional_id_expiration, value), |c| ms(c.transactional_id_expiration),
            "How long a transactional id is remembered that nobody uses."),
    ]
};
