//! The store: a data directory with all its topics.
//!
//! Opening reads the metadata log and the checkpoints, nothing per partition: a partition is opened when it is used. The
//! store keeps the truth about topics in the metadata log and everything about records in the partitions; what lies in the
//! directory without a topic is removed if the metadata log says that it was deleted, and left alone otherwise.
//!
//! The store owns threads that sync (one, with helpers and one that frees the journal) and one that compacts. Retention, checkpoints and the removal of files are calls, so that whoever
//! runs the store decides when and where they happen ([`RETENTION_INTERVAL`], [`CHECKPOINT_INTERVAL`]).
//!
//! Locks, in order: administration, the metadata log's, the topics'.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use uuid::Uuid;

use crate::clock::{Clock, SystemClock};
use crate::config::{ConfigMap, TopicConfig};
use crate::context::Context;
use crate::data_directory::{DataDirectory, PreviousRun};
use crate::durability::{FsyncPolicy, SyncQueue, Syncer, is_in_files, replay};
use crate::error::IoContext;
use crate::files::FileCache;
use crate::fs::{FileSystem, RealFileSystem};
use crate::metadata::{MetadataLog, MetadataRecord, TopicMetadata};
use crate::partition::PartitionLog;
use crate::space::SpaceGuard;
use crate::topic_id::{id_text, random_id};
use crate::{LogError, Result};

mod compaction;
mod housekeeping;
mod rewrite;
mod scrub;
#[cfg(test)]
mod tests;
mod topics;

pub use compaction::CompactionOptions;
use compaction::CompactorSignal;
pub use topics::{NewTopic, PARTITIONS_MAX};

/// How often [`LogStore::apply_retention`] should run.
pub const RETENTION_INTERVAL: Duration = Duration::from_secs(300);
/// How often [`LogStore::write_checkpoints`] should run.
pub const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(60);
/// Kafka's `producer.id.expiration.ms`.
const PRODUCER_EXPIRATION_MS: i64 = 86_400_000;
/// What clients' records leave on the disk.
const DISK_RESERVE_BYTES: u64 = 64 << 20;
/// Of each file of the journal. Twice that is written again at most after a power cut.
const JOURNAL_BYTES: u64 = 64 << 20;
/// Most files that are held open for partitions, if the process may hold more.
const OPEN_FILES_MAX: usize = 8192;

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// When appended records are synced.
    pub fsync: FsyncPolicy,
    /// The broker's properties, by Kafka's names: they give topic configurations their defaults.
    pub broker_configs: ConfigMap,
    /// Id of a cluster that is created; made up where absent.
    pub cluster_id: Option<String>,
    /// Files held open for partitions; half of what the process may hold where absent.
    pub open_files_max: Option<usize>,
    /// Time in ms after which a silent producer is forgotten (`producer.id.expiration.ms`).
    pub producer_expiration_ms: i64,
    /// Bytes that clients' records leave on the disk for markers, the broker's own records and compaction; 0 for none.
    pub disk_reserve_bytes: u64,
    /// Most bytes of each of the two files of the journal that many partitions' syncs share under [`FsyncPolicy::Group`]; 0 for
    /// none: then each partition's files are synced.
    pub journal_bytes: u64,
    /// How compacted topics are compacted.
    pub compaction: CompactionOptions,
    /// Whether the store runs its own threads for syncs and compaction. Without, [`LogStore::sync_queued`] and
    /// [`LogStore::compact`] must be called.
    pub sync_thread: bool,
    /// The file system.
    pub fs: Arc<dyn FileSystem>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            fsync: FsyncPolicy::default(),
            broker_configs: ConfigMap::new(),
            cluster_id: None,
            open_files_max: None,
            producer_expiration_ms: PRODUCER_EXPIRATION_MS,
            disk_reserve_bytes: DISK_RESERVE_BYTES,
            journal_bytes: JOURNAL_BYTES,
            compaction: CompactionOptions::default(),
            sync_thread: true,
            fs: Arc::new(RealFileSystem),
            clock: Arc::new(SystemClock),
        }
    }
}

/// A topic as of one moment: a change makes a new one, with the same partitions.
#[derive(Debug)]
pub struct Topic {
    /// Name.
    pub name: Arc<str>,
    /// Id.
    pub id: Uuid,
    /// The partitions, by index.
    pub partitions: Arc<[Arc<PartitionLog>]>,
    /// Configurations that were set on the topic.
    pub overrides: ConfigMap,
    /// The configuration in force.
    pub config: Arc<TopicConfig>,
}

#[derive(Debug, Default)]
struct Topics {
    by_name: HashMap<Arc<str>, Arc<Topic>>,
    by_id: HashMap<Uuid, Arc<str>>,
}

impl Topics {
    fn insert(&mut self, topic: Arc<Topic>) {
        self.by_id.insert(topic.id, topic.name.clone());
        self.by_name.insert(topic.name.clone(), topic);
    }

    fn remove(&mut self, topic: &Topic) {
        self.by_id.remove(&topic.id);
        self.by_name.remove(&topic.name);
    }
}

/// A directory that waits for its removal.
#[derive(Debug)]
struct DiscardedDirectory {
    path: PathBuf,
    since_ms: i64,
    delay_ms: i64,
    /// The deleted topic that it belonged to, where known.
    topic_id: Option<Uuid>,
}

/// An open data directory.
#[derive(Debug)]
pub struct LogStore {
    context: Arc<Context>,
    directory: DataDirectory,
    metadata: MetadataLog,
    broker_configs: RwLock<ConfigMap>,
    topics: RwLock<Topics>,
    /// Held while topics change and while checkpoints are written.
    administration: Mutex<()>,
    discarded: Mutex<Vec<DiscardedDirectory>>,
    /// Syncs on the caller's thread where there is no thread of its own.
    syncer: Mutex<Option<Syncer>>,
    sync_thread: Mutex<Option<JoinHandle<()>>>,
    compactor: Arc<CompactorSignal>,
    compactor_thread: Mutex<Option<JoinHandle<()>>>,
    scrub: Mutex<scrub::ScrubProgress>,
}

impl LogStore {
    /// Opens the data directory `path`, which is created where it is missing.
    ///
    /// # Errors
    /// [`LogError::DirectoryLocked`], [`LogError::FormatTooNew`], [`LogError::ForeignDirectory`],
    /// [`LogError::UnknownMetadataRecord`], [`LogError::Corrupt`] (of the metadata log), [`LogError::Io`].
    pub fn open(path: &Path, options: StoreOptions) -> Result<Arc<Self>> {
        let (directory, mut previous_run) = DataDirectory::open(options.fs.clone(), path)?;
        let metadata = MetadataLog::open(options.fs.clone(), path, previous_run == PreviousRun::None)?;
        begin_run(&metadata, previous_run, options.cluster_id)?;
        if previous_run == PreviousRun::None {
            directory.initialise()?;
        }
        let mut checkpointed = housekeeping::read_checkpoints(&*options.fs, path, &metadata.state())?;
        if previous_run == PreviousRun::Killed
            && !is_in_files(&*options.fs, path, &metadata.state(), &mut checkpointed)?
        {
            tracing::warn!(path = %path.display(), "files are shorter than they were: the start goes on as after a power cut");
            previous_run = PreviousRun::PowerCut;
        }
        if previous_run == PreviousRun::SyncFailed {
            rewrite::rewrite_unsynced(&*options.fs, path, &checkpointed)?;
        }
        let whole = options.fs.whole(path).context("open", path)?;
        let failed_sync = directory.mark_running(previous_run)?;
        let open_files_max = options
            .open_files_max
            .unwrap_or_else(|| (options.fs.open_files_max() / 2).clamp(8, OPEN_FILES_MAX));
        let context = Arc::new(Context {
            root: path.to_owned(),
            cache: FileCache::new(options.fs.clone(), open_files_max),
            clock: options.clock,
            policy: options.fsync,
            sync_queue: SyncQueue::default(),
            previous_run,
            leader_epoch: metadata.state().broker_epoch,
            producer_expiration_ms: AtomicI64::new(options.producer_expiration_ms),
            space: SpaceGuard::new(options.disk_reserve_bytes),
            compacted: Mutex::new(housekeeping::read_compacted(&*options.fs, path, &metadata.state())?),
            swaps: AtomicU64::new(0),
            checkpointed: Mutex::new(checkpointed),
            leftovers_synced: Mutex::new(None),
            failed_sync,
            whole: Mutex::new(whole),
        });
        let store = Self {
            syncer: Mutex::new(Some(Syncer::new(context.clone(), options.journal_bytes))),
            context,
            directory,
            metadata,
            broker_configs: RwLock::new(options.broker_configs),
            topics: RwLock::default(),
            administration: Mutex::new(()),
            discarded: Mutex::default(),
            sync_thread: Mutex::new(None),
            compactor: Arc::new(compaction::CompactorSignal::new(options.compaction)),
            compactor_thread: Mutex::new(None),
            scrub: Mutex::default(),
        };
        store.load_topics()?;
        store.collect_leftovers()?;
        if previous_run.may_have_lost_bytes() {
            replay(&store.context, &store.metadata.state())?;
        }
        let store = Arc::new(store);
        if options.sync_thread {
            store.start_sync_thread()?;
            store.start_compactor()?;
        }
        tracing::info!(
            path = %path.display(), previous_run = ?previous_run, topics = store.topics.read().by_name.len(),
            fsync = %store.context.policy, leader_epoch = store.context.leader_epoch, "data directory is open"
        );
        Ok(store)
    }

    fn start_sync_thread(&self) -> Result<()> {
        let Some(syncer) = self.syncer.lock().take() else { return Ok(()) };
        let spawned = std::thread::Builder::new().name("log-sync".to_owned()).spawn(|| syncer.run());
        let thread = spawned.map_err(|source| LogError::Io {
            operation: "start a thread for",
            path: self.context.root.clone(),
            source,
        })?;
        *self.sync_thread.lock() = Some(thread);
        Ok(())
    }

    fn load_topics(&self) -> Result<()> {
        let state = self.metadata.state();
        let mut topics = self.topics.write();
        for topic in state.topics.values() {
            topics.insert(Arc::new(self.build_topic(topic, &[])?));
        }
        Ok(())
    }

    /// A topic with the partitions that exist, and new ones for the rest.
    fn build_topic(&self, topic: &TopicMetadata, existing: &[Arc<PartitionLog>]) -> Result<Topic> {
        let config = Arc::new(TopicConfig::resolve(&topic.configs, &self.broker_configs.read())?);
        let name: Arc<str> = topic.name.as_str().into();
        let mut partitions = existing.to_vec();
        partitions.iter().for_each(|partition| partition.set_config(config.clone()));
        for index in existing.len() as i32..topic.partitions {
            let partition =
                PartitionLog::new(self.context.clone(), name.clone(), topic.id, index, config.clone());
            partitions.push(Arc::new(partition));
        }
        Ok(Topic {
            name,
            id: topic.id,
            partitions: partitions.into(),
            overrides: topic.configs.clone(),
            config,
        })
    }

    /// Id of the cluster.
    pub fn cluster_id(&self) -> String {
        self.metadata.state().cluster_id.clone()
    }

    #[cfg(test)]
    pub(crate) fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// The leader epoch of every partition: raised by every start that does not follow a clean stop.
    pub fn leader_epoch(&self) -> i32 {
        self.context.leader_epoch
    }

    /// How the last process left the directory.
    pub fn previous_run(&self) -> PreviousRun {
        self.context.previous_run
    }

    /// When appended records are synced.
    pub fn fsync_policy(&self) -> FsyncPolicy {
        self.context.policy
    }

    /// Changes the time in ms after which a silent producer is forgotten.
    pub fn set_producer_expiration_ms(&self, expiration_ms: i64) {
        self.context.producer_expiration_ms.store(expiration_ms, Ordering::Relaxed);
    }

    /// The metadata log: producer ids, features, and the state that topics come from.
    pub fn metadata(&self) -> &MetadataLog {
        &self.metadata
    }

    /// The data directory.
    pub fn path(&self) -> &Path {
        &self.directory.path
    }

    /// Bytes that may still be written to the file system of the data directory.
    ///
    /// # Errors
    /// [`LogError::Io`].
    pub fn available_bytes(&self) -> Result<u64> {
        let root = self.context.root();
        self.context.fs().available_bytes(root).map_err(|source| LogError::Io {
            operation: "read the free space of",
            path: root.to_owned(),
            source,
        })
    }

    /// Runs a round of syncs over what was appended since the last, on the calling thread; says over how many partitions.
    /// For a store without its own thread.
    pub fn sync_queued(&self) -> usize {
        self.syncer.lock().as_mut().map_or(0, Syncer::run_queued)
    }

    fn stop_sync_thread(&self) {
        self.context.sync_queue.stop();
        if let Some(thread) = self.sync_thread.lock().take()
            && thread.join().is_err()
        {
            tracing::error!("the thread for syncs panicked");
        }
    }
}

impl Drop for LogStore {
    fn drop(&mut self) {
        // Its thread holds the store while it works: it is either over or this very thread.
        self.compactor.stop();
        self.stop_sync_thread();
    }
}

/// Gives a new cluster its id, and a start after a crash its epoch.
fn begin_run(metadata: &MetadataLog, previous_run: PreviousRun, cluster_id: Option<String>) -> Result<()> {
    metadata.change(|state| {
        let mut records = Vec::new();
        if state.cluster_id.is_empty() {
            let id = cluster_id.unwrap_or_else(|| id_text(random_id()));
            records.push(MetadataRecord::ClusterId { id });
        }
        if !matches!(previous_run, PreviousRun::None | PreviousRun::Clean) {
            records.push(MetadataRecord::BrokerEpoch { epoch: state.broker_epoch + 1 });
        }
        Ok((records, ()))
    })
}
