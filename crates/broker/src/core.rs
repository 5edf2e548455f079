//! What all parts of a running broker share.
//!
//! What changes topics stands in `topics`, what configures groups and subscriptions to metrics in `resource_configs`, and what makes the
//! coordinators ready in `coordinators`.

mod coordinators;
mod resource_configs;
mod topics;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use millstream_log::config::ConfigMap;
use millstream_log::metadata::{ConfigResource, MetadataRecord, QuotaEntity};
use millstream_log::{Clock, LogStore};
use millstream_wire::ErrorCode;
use parking_lot::{Mutex, RwLock};
use tokio::runtime::Handle;
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot, watch};

use crate::api::configs::{BrokerLayers, RESOURCE_BROKER};
use crate::api::{FetchSessions, Refusal};
use crate::config::BrokerConfig;
use crate::coordinator::GroupCoordinator;
use crate::coordinator::classic::Now;
use crate::coordinator::transactions::TransactionCoordinator;
use crate::error_code;
use crate::metrics::Metrics;
use crate::quotas::Quotas;
use crate::server::{ByteBudget, ConnectionLimits};
use crate::storage::coordinator_topic::CoordinatorTopic;
use crate::storage::participants::Participants;
use crate::storage::{DiskThreads, RecordBuffers, TopicTable};
use crate::telemetry::Telemetry;

/// Where clients of a listener are told to connect to.
#[derive(Debug, Clone)]
pub(crate) struct Advertised {
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// A running broker.
pub(crate) struct Core {
    pub(crate) config: BrokerConfig,
    pub(crate) cluster_id: String,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) store: Arc<LogStore>,
    pub(crate) disks: DiskThreads,
    pub(crate) groups: Arc<GroupCoordinator>,
    pub(crate) transactions: Arc<TransactionCoordinator>,
    pub(crate) fetch_sessions: FetchSessions,
    pub(crate) metrics: Metrics,
    pub(crate) quotas: Arc<Quotas>,
    pub(crate) telemetry: Telemetry,
    pub(crate) buffers: RecordBuffers,
    pub(crate) connection_limits: Arc<ConnectionLimits>,
    /// Bytes of large requests on their way in.
    pub(crate) receiving_budget: Arc<ByteBudget>,
    /// Bytes of produce requests that are worked on.
    pub(crate) request_budget: Arc<ByteBudget>,
    /// True once the broker stops.
    pub(crate) stopping: watch::Sender<bool>,
    /// True once it waits for nobody any more.
    aborting: watch::Sender<bool>,
    advertised: Vec<Advertised>,
    offsets_topic: Arc<CoordinatorTopic>,
    transactions_topic: Arc<CoordinatorTopic>,
    topics: RwLock<Arc<TopicTable>>,
    /// Held while topics change.
    administration: AsyncMutex<()>,
    runtime: Handle,
    /// Held by every task; gone when all have ended.
    alive: Mutex<Option<mpsc::Sender<()>>>,
}

/// The right to run a task.
pub(crate) struct TaskPermit(mpsc::Sender<()>);

/// The coordinators, with the topics they keep their records in.
pub(crate) struct Coordinators {
    pub(crate) groups: Arc<GroupCoordinator>,
    pub(crate) offsets_topic: Arc<CoordinatorTopic>,
    pub(crate) transactions: Arc<TransactionCoordinator>,
    pub(crate) transactions_topic: Arc<CoordinatorTopic>,
    pub(crate) participants: Arc<Participants>,
}

/// What [`Core`] is made of.
pub(crate) struct Parts {
    pub(crate) config: BrokerConfig,
    pub(crate) store: Arc<LogStore>,
    pub(crate) disks: DiskThreads,
    pub(crate) coordinators: Coordinators,
    pub(crate) advertised: Vec<Advertised>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) alive: mpsc::Sender<()>,
}

impl Core {
    /// Puts the parts together. Called within a runtime, which then runs the broker's tasks.
    pub(crate) fn new(parts: Parts) -> Arc<Self> {
        let Parts { config, store, disks, coordinators, advertised, clock, alive } = parts;
        let Coordinators { groups, offsets_topic, transactions, transactions_topic, participants } =
            coordinators;
        let mut table = TopicTable::default();
        for topic in store.topics() {
            table.insert(topics::adopt(&topic, None));
        }
        let quotas = Arc::new(Quotas::new(config.quota_windows, Arc::clone(&clock)));
        quotas.set(&store.metadata().state().client_quotas);
        let core = Arc::new(Self {
            cluster_id: store.cluster_id(),
            fetch_sessions: FetchSessions::new(config.fetch_sessions_max),
            metrics: Metrics::new(),
            quotas,
            telemetry: Telemetry::new(config.telemetry_bytes_max, Arc::clone(&clock)),
            buffers: RecordBuffers::new(config.fetched_bytes_max),
            connection_limits: Arc::default(),
            receiving_budget: ByteBudget::new(config.in_flight_bytes_max / 2),
            request_budget: ByteBudget::new(config.in_flight_bytes_max / 2),
            stopping: watch::Sender::new(false),
            aborting: watch::Sender::new(false),
            topics: RwLock::new(Arc::new(table)),
            administration: AsyncMutex::default(),
            runtime: Handle::current(),
            alive: Mutex::new(Some(alive)),
            config,
            clock,
            store,
            disks,
            groups,
            transactions,
            offsets_topic,
            transactions_topic,
            advertised,
        });
        core.offsets_topic.attach(&core);
        core.transactions_topic.attach(&core);
        participants.attach(&core);
        core.put_resource_configs_in_force();
        core
    }

    /// Runs a task of the broker. Once the broker stops no new ones begin.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        if let Some(permit) = self.permit() {
            self.spawn_on(&self.runtime, permit, task);
        }
    }

    /// The right to run a task; none once the broker stops.
    pub(crate) fn permit(&self) -> Option<TaskPermit> {
        self.alive.lock().clone().map(TaskPermit)
    }

    /// The runtime of the broker's tasks.
    pub(crate) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// As [`Core::spawn`], on another runtime.
    pub(crate) fn spawn_on(
        &self,
        runtime: &Handle,
        TaskPermit(alive): TaskPermit,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let mut aborting = self.aborting.subscribe();
        runtime.spawn(async move {
            tokio::select! {
                () = task => {}
                _ = aborting.wait_for(|aborting| *aborting) => {}
            }
            drop(alive);
        });
    }

    /// Lets no new task begin.
    pub(crate) fn close_tasks(&self) {
        *self.alive.lock() = None;
    }

    /// Ends all tasks wherever they are.
    pub(crate) fn abort_tasks(&self) {
        self.aborting.send_replace(true);
    }

    /// The address that clients of a listener are told. Without listeners, as in an embedded broker, it says so.
    pub(crate) fn advertised(&self, listener: usize) -> (&str, u16) {
        self.advertised
            .get(listener)
            .map_or(("in-process", 0), |advertised| (&advertised.host, advertised.port))
    }

    /// The topics as of now.
    pub(crate) fn topics(&self) -> Arc<TopicTable> {
        Arc::clone(&self.topics.read())
    }

    /// A producer id that was never given. Every thousandth is a synced write.
    pub(crate) async fn new_producer_id(&self) -> Result<i64, ErrorCode> {
        let store = Arc::clone(&self.store);
        match self.disks.run(move || store.metadata().next_producer_id()).await {
            Ok(outcome) => outcome.map_err(|error| error_code::of_log(&error)),
            Err(_) => Err(ErrorCode::UnknownServerError),
        }
    }

    /// Does something with the log on a disk thread.
    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&LogStore) -> millstream_log::Result<T> + Send + 'static,
    ) -> Result<T, Refusal> {
        let store = Arc::clone(&self.store);
        match self.disks.run(move || work(&store)).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(Refusal::new(error_code::of_log(&error), error.to_string())),
            Err(error) => Err(Refusal::new(ErrorCode::UnknownServerError, error.to_string())),
        }
    }

    /// Does a change to its end, whatever becomes of the client that asked for it: the log and the table of topics must
    /// not part because somebody hung up in between.
    async fn to_its_end<T: Send + 'static>(
        &self,
        change: impl Future<Output = Result<T, Refusal>> + Send + 'static,
    ) -> Result<T, Refusal> {
        let (done, outcome) = oneshot::channel();
        self.spawn(async move { _ = done.send(change.await) });
        // Only a broker that stops does not finish it.
        outcome.await.unwrap_or_else(|_| Err(ErrorCode::NotController.into()))
    }

    /// What the broker's configurations are set to.
    pub(crate) fn broker_layers(&self) -> BrokerLayers {
        let state = self.store.metadata().state();
        BrokerLayers::read(&state, self.config.node_id, &self.config.topic_defaults)
    }

    /// Changes what is set on the broker of that id, or with an empty name on all brokers. `change` sees it as it is, and
    /// everything that is set anywhere. It is in force and durable when this returns.
    pub(crate) async fn change_broker_configs(
        self: &Arc<Self>,
        name: String,
        validate_only: bool,
        change: impl FnOnce(&mut ConfigMap, &BrokerLayers) -> Result<(), Refusal> + Send + 'static,
    ) -> Result<(), Refusal> {
        let core = Arc::clone(self);
        self.to_its_end(async move {
            let _administration = core.administration.lock().await;
            let before = core.broker_layers();
            let mut after = before.clone();
            let set = if name.is_empty() { &mut after.all } else { &mut after.own };
            change(set, &before)?;
            let configs = set.clone();
            let resource = ConfigResource { kind: RESOURCE_BROKER, name };
            let merged = after.merged();
            let limits = Arc::clone(&core.connection_limits);
            let changed = core.config.changed_by(&merged);
            core.on_disk(move |store| {
                store.check_broker_configs(&merged)?;
                if validate_only {
                    return Ok(());
                }
                let record = MetadataRecord::ResourceConfigs { resource, configs };
                store.metadata().change(|_| Ok((vec![record], ())))?;
                limits.set(&merged);
                put_in_force(store, &changed);
                store.set_broker_configs(merged)
            })
            .await
        })
        .await
    }

    /// Changes quotas of clients, all that `change` gives. They hold and are durable when this returns.
    pub(crate) async fn change_quotas(
        self: &Arc<Self>,
        change: impl FnOnce(&BTreeMap<QuotaEntity, ConfigMap>) -> Vec<(QuotaEntity, ConfigMap)> + Send + 'static,
    ) -> Result<(), Refusal> {
        let core = Arc::clone(self);
        self.to_its_end(async move {
            let _administration = core.administration.lock().await;
            let changed = change(&core.store.metadata().state().client_quotas);
            let records = changed
                .into_iter()
                .map(|(entity, quotas)| MetadataRecord::ClientQuotas { entity, quotas })
                .collect();
            core.on_disk(move |store| store.metadata().change(|_| Ok((records, ())))).await?;
            core.quotas.set(&core.store.metadata().state().client_quotas);
            Ok(())
        })
        .await
    }
}

/// Tells the log what of its options has changed while the broker runs.
pub(crate) fn put_in_force(store: &LogStore, config: &BrokerConfig) {
    store.set_compaction(config.compaction);
    store.set_producer_expiration_ms(producer_expiration_ms(config));
}

pub(crate) fn producer_expiration_ms(config: &BrokerConfig) -> i64 {
    i64::try_from(config.producer_id_expiration.as_millis()).unwrap_or(i64::MAX)
}

/// The time, as the coordinator wants it.
pub(crate) fn now(clock: &dyn Clock) -> Now {
    Now { instant: Instant::now(), wall_ms: clock.now_ms() }
}
