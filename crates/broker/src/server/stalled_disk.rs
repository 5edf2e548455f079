//! A disk that takes no more writes of one partition: whoever writes there waits, and nobody else.
//!
//! The file system is the real one but for files below the directory of the partition, whose writes wait while the gate is shut. Two
//! connections wait behind it, one served by the sockets' threads and one by those that may append by themselves
//! (`docs/adr/0005-producers.md`).

use std::io::{self, IoSlice, Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use millstream_log::fs::{
    DirectoryEntry, File, FileSystem, LockGuard, OpenMode, RealFileSystem, WholeFileSystem,
};
use millstream_log::{FsyncPolicy, StoreOptions, SystemClock};
use millstream_wire::compression::Compressor;
use millstream_wire::frame;
use millstream_wire::messages::fetch::{FetchPartition, FetchRequest, FetchTopic};
use millstream_wire::messages::metadata::{MetadataRequest, MetadataRequestTopic};
use millstream_wire::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use millstream_wire::protocol::Request;
use millstream_wire::records::{BatchBuilder, FinishOptions};
use parking_lot::{Condvar, Mutex};

use crate::broker::open_store;
use crate::server::bind_all;
use crate::storage::DiskThreads;
use crate::{Broker, BrokerConfig, ListenerConfig};

const PATIENCE: Duration = Duration::from_secs(60);
/// Requests after which a connection that produces is served by other threads, and a few more.
const TO_MOVE: usize = 12;

/// What writes wait at.
#[derive(Debug, Default)]
struct Gate {
    /// Whether it is shut, and how many writes wait.
    state: Mutex<(bool, usize)>,
    changed: Condvar,
}

impl Gate {
    fn set_shut(&self, shut: bool) {
        self.state.lock().0 = shut;
        self.changed.notify_all();
    }

    fn pass(&self) {
        let mut state = self.state.lock();
        state.1 += 1;
        self.changed.notify_all();
        self.changed.wait_while(&mut state, |(shut, _)| *shut);
        state.1 -= 1;
    }

    fn until_somebody_waits(&self) {
        self.changed.wait_while(&mut self.state.lock(), |(_, waiting)| *waiting == 0);
    }
}

#[derive(Debug)]
struct GatedFile {
    file: Arc<dyn File>,
    gate: Arc<Gate>,
}

impl File for GatedFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.file.read_at(buffer, position)
    }

    fn read_cached_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.file.read_cached_at(buffer, position)
    }

    fn write_vectored_at(&self, buffers: &[IoSlice<'_>], position: u64) -> io::Result<usize> {
        self.gate.pass();
        self.file.write_vectored_at(buffers, position)
    }

    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        self.file.set_size(size)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.file.as_fd()
    }
}

/// The real file system with a gate before the partition `stalled-0`.
#[derive(Debug)]
struct GatedFileSystem(Arc<Gate>);

impl FileSystem for GatedFileSystem {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let file = RealFileSystem.open(path, mode)?;
        let is_gated = path.components().any(|part| part.as_os_str() == "stalled-0");
        Ok(if is_gated { Arc::new(GatedFile { file, gate: Arc::clone(&self.0) }) } else { file })
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        RealFileSystem.create_dir_all(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealFileSystem.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        RealFileSystem.remove_file(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        RealFileSystem.remove_dir_all(path)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirectoryEntry>> {
        RealFileSystem.read_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        RealFileSystem.sync_dir(path)
    }

    fn whole(&self, path: &Path) -> io::Result<Box<dyn WholeFileSystem>> {
        RealFileSystem.whole(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn LockGuard>> {
        RealFileSystem.lock(path)
    }

    fn available_bytes(&self, path: &Path) -> io::Result<u64> {
        RealFileSystem.available_bytes(path)
    }

    fn boot_id(&self) -> Option<String> {
        RealFileSystem.boot_id()
    }

    fn open_files_max(&self) -> usize {
        RealFileSystem.open_files_max()
    }
}

struct Client {
    stream: TcpStream,
    sent: i32,
    answered: i32,
}

impl Client {
    fn connect(broker: &Broker) -> Self {
        let stream = TcpStream::connect(broker.listeners()[0].address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream, sent: 0, answered: 0 }
    }

    fn send<R: Request>(&mut self, request: &R) {
        self.sent += 1;
        self.stream.write_all(&frame::encode_request(request, 12, self.sent, None).unwrap()).unwrap();
    }

    fn answer<R: Request>(&mut self) -> R::Response {
        self.answered += 1;
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).unwrap();
        let mut body = vec![0; usize::try_from(i32::from_be_bytes(length)).unwrap()];
        self.stream.read_exact(&mut body).unwrap();
        frame::decode_response::<R>(body.into(), 12, self.answered).unwrap()
    }

    fn ask<R: Request>(&mut self, request: &R) -> R::Response {
        self.send(request);
        self.answer::<R>()
    }

    /// The offset of an answered batch.
    fn appended(&mut self) -> i64 {
        let response = self.answer::<ProduceRequest>();
        let partition = &response.responses[0].partition_responses[0];
        assert_eq!(partition.error_code, 0);
        partition.base_offset
    }

    fn produce(&mut self, topic: &str) -> i64 {
        self.send(&produce(topic));
        self.appended()
    }

    /// How many bytes of records there are.
    fn fetch(&mut self, topic: &str, offset: i64) -> usize {
        let response = self.ask(&fetch(topic, offset));
        response.responses[0].partitions[0].records.as_ref().unwrap().len()
    }
}

fn produce(topic: &str) -> ProduceRequest {
    let mut builder = BatchBuilder::new(200);
    assert!(builder.append(1, None, Some(b"value"), &[]).unwrap());
    let records: Bytes = builder.finish(&FinishOptions::default(), &mut Compressor::default()).unwrap();
    let partition = PartitionProduceData { index: 0, records: Some(records) };
    let topic = TopicProduceData {
        name: topic.into(),
        partition_data: vec![partition],
        ..TopicProduceData::default()
    };
    ProduceRequest { acks: -1, timeout_ms: 1000, topic_data: vec![topic], ..ProduceRequest::default() }
}

fn fetch(topic: &str, fetch_offset: i64) -> FetchRequest {
    let partition =
        FetchPartition { fetch_offset, partition_max_bytes: 1 << 20, ..FetchPartition::default() };
    let topic = FetchTopic { topic: topic.into(), partitions: vec![partition], ..FetchTopic::default() };
    FetchRequest {
        min_bytes: 1,
        max_bytes: 1 << 20,
        max_wait_ms: 60_000,
        topics: vec![topic],
        ..FetchRequest::default()
    }
}

fn create(name: &str) -> MetadataRequest {
    let topic = MetadataRequestTopic { name: Some(name.into()), ..MetadataRequestTopic::default() };
    MetadataRequest { topics: Some(vec![topic]), ..MetadataRequest::default() }
}

async fn start(directory: &Path, gate: &Arc<Gate>) -> Broker {
    let mut config = BrokerConfig::new(directory);
    config.fsync = FsyncPolicy::None;
    config.disk_threads = 2;
    config.listeners.push(ListenerConfig::plaintext("127.0.0.1:0"));
    let platform =
        StoreOptions { fs: Arc::new(GatedFileSystem(Arc::clone(gate))), ..StoreOptions::default() };
    let store = open_store(&config, platform).unwrap();
    let bound = bind_all(&config.listeners).await.unwrap();
    let disks = DiskThreads::start(config.disk_threads).unwrap();
    Broker::run(config, bound, store, disks, Arc::new(SystemClock)).await.unwrap()
}

/// Makes topics until one belongs to the other writer than `stalled` does, as half of them do.
fn other_writers_topic(client: &mut Client) -> String {
    let mut writer_of = |name: &str| client.ask(&create(name)).topics[0].topic_id.as_u128() % 2;
    let stalled = writer_of("stalled");
    let mut names = (0..).map(|number| format!("free{number}"));
    names.find(|name| writer_of(name) != stalled).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_stalls_for_one_partition_holds_up_nobody_else() {
    let directory = tempfile::tempdir().unwrap();
    let gate = Arc::new(Gate::default());
    let broker = start(directory.path(), &gate).await;
    let free = &other_writers_topic(&mut Client::connect(&broker));
    let mut appending = Client::connect(&broker);
    for offset in 0..TO_MOVE {
        assert_eq!(appending.produce("stalled"), offset as i64);
    }
    let mut other = Client::connect(&broker);
    let mut reading = Client::connect(&broker);
    assert!(reading.fetch("stalled", 0) > 0);

    gate.set_shut(true);
    appending.send(&produce("stalled"));
    gate.until_somebody_waits();
    other.send(&produce("stalled"));
    // Whoever reads what is there, waits for more, or produces elsewhere by whichever threads, goes on.
    assert!(reading.fetch("stalled", 0) > 0);
    let mut waiting = Client::connect(&broker);
    waiting.send(&fetch(free, 0));
    let mut producing = Client::connect(&broker);
    for offset in 0..TO_MOVE {
        assert_eq!(producing.produce(free), offset as i64);
        assert_eq!(Client::connect(&broker).ask(&MetadataRequest::default()).brokers.len(), 1);
    }
    assert!(!waiting.answer::<FetchRequest>().responses.is_empty());
    assert!(reading.fetch(free, 0) > 0);

    gate.set_shut(false);
    let mut offsets = [appending.appended(), other.appended()];
    offsets.sort_unstable();
    assert_eq!(offsets, [TO_MOVE as i64, TO_MOVE as i64 + 1]);
    broker.shutdown().await.unwrap();
}
