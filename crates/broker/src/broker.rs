//! Starting, running and stopping a broker.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use millstream_log::{Clock, LogStore, StoreOptions, SystemClock};
use prometheus_client::registry::Registry;
use tokio::sync::mpsc;

use crate::api::configs::BrokerLayers;
use crate::config::BrokerConfig;
use crate::coordinator::classic::GroupLimits;
use crate::coordinator::consumer::ConsumerSettings;
use crate::coordinator::transactions::{TransactionConfig, TransactionCoordinator, TransactionHost};
use crate::coordinator::{CoordinatorConfig, CoordinatorLog, GroupCoordinator};
use crate::core::{self, Advertised, Coordinators, Core, Parts};
use crate::error::Result;
use crate::metrics::Exporter;
use crate::server::{self, BoundListener, InProcessConnection};
use crate::storage::DiskThreads;
use crate::storage::coordinator_topic::CoordinatorTopic;
use crate::storage::participants::Participants;
use crate::storage::topics::{OFFSETS_TOPIC, TRANSACTIONS_TOPIC};

/// How often memory that nobody uses is given back.
const TRIM_INTERVAL: Duration = Duration::from_secs(10);

/// How often the scrub reads a little.
const SCRUB_INTERVAL: Duration = Duration::from_secs(5);

/// An address that a broker listens at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerAddress {
    /// The listener's name.
    pub name: String,
    /// The address it is bound to, with the port that was picked if it was 0.
    pub address: SocketAddr,
    /// The host that clients are told.
    pub advertised_host: String,
    /// The port that clients are told.
    pub advertised_port: u16,
}

/// A running broker. Dropping it without [`Broker::shutdown`] is like a crash: nothing acknowledged under
/// [`millstream_log::FsyncPolicy::Group`] is lost, and the next start checks the tails of the logs.
pub struct Broker {
    pub(crate) core: Arc<Core>,
    listeners: Vec<ListenerAddress>,
    /// Ends when all tasks have.
    tasks: mpsc::Receiver<()>,
}

impl std::fmt::Debug for Broker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Broker").field("listeners", &self.listeners).finish_non_exhaustive()
    }
}

/// Opens connections without a socket; cheap to clone. Once the broker has stopped, connections end at once.
#[derive(Clone)]
pub struct InProcess {
    core: Arc<Core>,
}

impl InProcess {
    /// As [`Broker::connect_in_process`].
    pub fn connect(&self) -> InProcessConnection {
        server::connect_in_process(&self.core)
    }
}

impl fmt::Debug for InProcess {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("InProcess")
    }
}

impl Broker {
    /// Opens the data directory, binds the listeners and serves. Must be called within a tokio runtime with time and
    /// I/O enabled, which then runs the broker.
    ///
    /// # Errors
    /// [`crate::BrokerError`]; its message says what is wrong and the next step. Nothing is left running.
    pub async fn start(config: BrokerConfig) -> Result<Self> {
        Self::start_with_clock(config, Arc::new(SystemClock)).await
    }

    /// As [`Broker::start`], with the wall clock passed in.
    ///
    /// # Errors
    /// As [`Broker::start`].
    pub async fn start_with_clock(config: BrokerConfig, clock: Arc<dyn Clock>) -> Result<Self> {
        config.check()?;
        let bound = server::bind_all(&config.listeners).await?;
        let disks = DiskThreads::start(config.disk_threads)?;
        let options = StoreOptions { clock: Arc::clone(&clock), ..StoreOptions::default() };
        let for_store = config.clone();
        let store = disks.run(move || open_store(&for_store, options)).await??;
        Self::run(config, bound, store, disks, clock).await
    }

    /// Serves what an open data directory holds.
    pub(crate) async fn run(
        config: BrokerConfig,
        bound: Vec<BoundListener>,
        store: Arc<LogStore>,
        disks: DiskThreads,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let coordinators = new_coordinators(&config, &store, &clock);
        let advertised = bound.iter().map(|listener| Advertised {
            host: listener.advertised_host.clone(),
            port: listener.advertised_port,
        });
        let advertised = advertised.collect();
        let (alive, tasks) = mpsc::channel(1);
        let parts = Parts { config, store, disks, coordinators, advertised, clock, alive };
        let core = Core::new(parts);
        let (limits, configs) = (Arc::clone(&core.connection_limits), core.broker_layers().merged());
        core.disks.run(move || limits.set(&configs)).await?;
        core.load_groups();
        core.load_transactions().await?;
        start_background(&core);
        let mut listeners = Vec::with_capacity(bound.len());
        for (index, listener) in bound.into_iter().enumerate() {
            listeners.push(ListenerAddress {
                name: listener.name.clone(),
                address: listener.address,
                advertised_host: listener.advertised_host.clone(),
                advertised_port: listener.advertised_port,
            });
            core.spawn(server::serve(listener, index, Arc::clone(&core)));
        }
        Ok(Self { core, listeners, tasks })
    }

    /// The addresses that the broker listens at, in the order of the configuration.
    pub fn listeners(&self) -> &[ListenerAddress] {
        &self.listeners
    }

    /// Id of the cluster, made up when the data directory was created.
    pub fn cluster_id(&self) -> &str {
        &self.core.cluster_id
    }

    /// Opens a connection without a socket: the same protocol, the same handlers.
    pub fn connect_in_process(&self) -> InProcessConnection {
        server::connect_in_process(&self.core)
    }

    /// The way in for clients in this process that outlive the borrow of the broker.
    pub fn in_process(&self) -> InProcess {
        InProcess { core: Arc::clone(&self.core) }
    }

    /// Adds the broker's metrics to a registry: its own (`millstream_broker_…`) and those that dashboards for
    /// kafka_exporter expect (`kafka_topic_partition_current_offset`, `kafka_consumergroup_lag`, …).
    pub fn register_metrics(&self, registry: &mut Registry) {
        self.core.metrics.register(registry);
        registry.register_collector(Box::new(Exporter::new(&self.core)));
    }

    /// Stops in order: takes no more connections and requests, answers what is under way (for up to
    /// [`BrokerConfig::shutdown_timeout`]), syncs everything and marks the data directory as cleanly closed.
    ///
    /// # Errors
    /// [`crate::BrokerError::Log`] when something could not be synced: the next start then recovers as after a crash.
    pub async fn shutdown(mut self) -> Result<()> {
        let core = Arc::clone(&self.core);
        core.stopping.send_replace(true);
        core.groups.stop();
        core.close_tasks();
        let drained = tokio::time::timeout(core.config.shutdown_timeout, self.tasks.recv()).await;
        if drained.is_err() {
            tracing::warn!("connections did not end in time and are cut");
        }
        core.abort_tasks();
        // Every task ends at its next turn; what they had appended is in the disk threads' queues.
        while self.tasks.recv().await.is_some() {}
        let closing = Arc::clone(&core);
        let closed = tokio::task::spawn_blocking(move || {
            closing.disks.stop();
            closing.store.close()
        });
        match closed.await {
            Ok(outcome) => Ok(outcome?),
            Err(_) => Err(crate::BrokerError::DiskThreadLost),
        }
    }
}

/// Opens the data directory. `platform` says where it lies and who syncs it; what the configuration has counts for the rest.
pub(crate) fn open_store(
    config: &BrokerConfig,
    platform: StoreOptions,
) -> millstream_log::Result<Arc<LogStore>> {
    let options = StoreOptions {
        fsync: config.fsync,
        broker_configs: config.topic_defaults.clone(),
        compaction: config.compaction,
        disk_reserve_bytes: config.disk_reserve_bytes,
        producer_expiration_ms: core::producer_expiration_ms(config),
        ..platform
    };
    let store = LogStore::open(&config.data_dir, options)?;
    // What was set while the broker ran before holds on.
    let merged =
        BrokerLayers::read(&store.metadata().state(), config.node_id, &config.topic_defaults).merged();
    if merged != config.topic_defaults {
        core::put_in_force(&store, &config.changed_by(&merged));
        store.set_broker_configs(merged)?;
    }
    Ok(store)
}

impl Drop for Broker {
    fn drop(&mut self) {
        // After a shutdown nobody hears this.
        self.core.stopping.send_replace(true);
        self.core.close_tasks();
        self.core.abort_tasks();
    }
}

fn new_coordinators(config: &BrokerConfig, store: &LogStore, clock: &Arc<dyn Clock>) -> Coordinators {
    let offsets_topic = Arc::new(CoordinatorTopic::default());
    let transactions_topic = Arc::new(CoordinatorTopic::default());
    let participants = Arc::new(Participants::default());
    Coordinators {
        groups: new_group_coordinator(config, store, &offsets_topic, clock),
        transactions: new_transaction_coordinator(config, store, &transactions_topic, &participants, clock),
        offsets_topic,
        transactions_topic,
        participants,
    }
}

/// The number of partitions of a coordinator's topic decides what is kept where: that of an existing one counts.
fn shard_count(store: &LogStore, topic: &str, configured: i32) -> i32 {
    let existing = store.topic(topic).and_then(|topic| i32::try_from(topic.partitions.len()).ok());
    existing.unwrap_or(configured)
}

fn new_transaction_coordinator(
    config: &BrokerConfig,
    store: &LogStore,
    transactions_topic: &Arc<CoordinatorTopic>,
    participants: &Arc<Participants>,
    clock: &Arc<dyn Clock>,
) -> Arc<TransactionCoordinator> {
    let clock = Arc::clone(clock);
    TransactionCoordinator::new(
        TransactionConfig {
            timeout_max: config.transaction_timeout_max,
            id_expiration: config.transactional_id_expiration,
            coordinator_epoch: store.leader_epoch(),
        },
        shard_count(store, TRANSACTIONS_TOPIC, config.transactions_partitions),
        Arc::clone(transactions_topic) as Arc<dyn CoordinatorLog>,
        Arc::clone(participants) as Arc<dyn TransactionHost>,
        Arc::new(move || core::now(&*clock)),
    )
}

fn new_group_coordinator(
    config: &BrokerConfig,
    store: &LogStore,
    offsets_topic: &Arc<CoordinatorTopic>,
    clock: &Arc<dyn Clock>,
) -> Arc<GroupCoordinator> {
    let limits = GroupLimits {
        initial_rebalance_delay: config.group_initial_rebalance_delay,
        members_max: config.group_members_max,
        session_timeout_min: config.group_session_timeout_min,
        session_timeout_max: config.group_session_timeout_max,
    };
    let groups = &config.consumer_groups;
    let consumer = ConsumerSettings {
        session_timeout: groups.session_timeout,
        heartbeat_interval: groups.heartbeat_interval,
        members_max: groups.members_max,
        assignors: groups.assignors.clone(),
        migration_policy: groups.migration_policy,
        assignment_interval: groups.assignment_interval,
        regex_refresh_interval: groups.regex_refresh_interval,
    };
    let coordinator = CoordinatorConfig {
        limits,
        consumer,
        metadata_bytes_max: config.offset_metadata_bytes_max,
        offsets_retention: config.offsets_retention,
    };
    let clock = Arc::clone(clock);
    GroupCoordinator::new(
        coordinator,
        shard_count(store, OFFSETS_TOPIC, config.offsets_partitions),
        Arc::clone(offsets_topic) as Arc<dyn CoordinatorLog>,
        Arc::clone(offsets_topic) as Arc<dyn crate::coordinator::topics::TopicSource>,
        Arc::new(move || core::now(&*clock)),
    )
}

/// What the broker does by itself, until it stops.
fn start_background(core: &Arc<Core>) {
    let config = &core.config;
    let groups = Arc::clone(&core.groups);
    spawn_until_stop(core, groups.keep_time());
    every(core, config.retention_check_interval, |core| {
        match core.store.apply_retention() {
            Ok(0) => {}
            Ok(segments) => tracing::info!(segments, "retention removed segments"),
            Err(error) => tracing::warn!(%error, "retention failed"),
        }
        if let Err(error) = core.store.remove_discarded() {
            tracing::warn!(%error, "removed segments' files are left");
        }
    });
    if config.fsync != millstream_log::FsyncPolicy::Group {
        every(core, config.flush_check_interval, |core| _ = core.store.flush_overdue());
    }
    every(core, config.checkpoint_interval, |core| {
        if let Err(error) = core.store.write_checkpoints() {
            tracing::warn!(%error, "checkpoints were not written");
        }
    });
    every(core, config.offsets_retention_check_interval, |core| core.groups.expire());
    every(core, config.transaction_abort_interval, |core| core.transactions.on_time());
    every(core, config.transactional_id_expiration_interval, |core| core.transactions.expire());
    every(core, TRIM_INTERVAL, |core| core.buffers.trim());
    let scrub_bytes = config.scrub_bytes_per_second.saturating_mul(SCRUB_INTERVAL.as_secs());
    if scrub_bytes > 0 {
        every(core, SCRUB_INTERVAL, move |core| _ = core.store.scrub(scrub_bytes));
    }
}

fn spawn_until_stop(core: &Arc<Core>, task: impl Future<Output = ()> + Send + 'static) {
    let mut stopping = core.stopping.subscribe();
    core.spawn(async move {
        tokio::select! {
            () = task => {}
            _ = stopping.wait_for(|stopping| *stopping) => {}
        }
    });
}

/// Does something on a disk thread that no request waits for, again and again.
fn every(core: &Arc<Core>, interval: Duration, work: impl Fn(&Core) + Clone + Send + 'static) {
    let weak = Arc::downgrade(core);
    spawn_until_stop(core, async move {
        loop {
            tokio::time::sleep(interval).await;
            let Some(core) = weak.upgrade() else { return };
            let (work, context) = (work.clone(), Arc::clone(&core));
            if core.disks.keep(move || work(&context)).await.is_err() {
                tracing::error!("a periodic job failed");
            }
        }
    });
}
