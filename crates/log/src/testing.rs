//! What tests of several files share: batches, and a store on a simulated file system.

use std::path::Path;
use std::sync::Arc;

use millstream_wire::compression::Compressor;
use millstream_wire::records::{
    BatchBuilder, BatchView, Batches, FinishOptions, ProducerStamp, Tail, set_producer,
};

use crate::clock::HeldClock;
use crate::config::ConfigMap;
use crate::durability::FsyncPolicy;
use crate::fs::sim::SimFileSystem;
use crate::{LogStore, NewTopic, PartitionLog, ReadBound, ReadRequest, ReadSlices, Result, StoreOptions};

/// The moment at which held clocks begin.
pub(crate) const NOW_MS: i64 = 1_700_000_000_000;

/// A batch of records with the given timestamps and values of `value_len` bytes.
pub(crate) fn batch_at(timestamps_ms: &[i64], value_len: usize, producer: ProducerStamp) -> Vec<u8> {
    let mut builder = BatchBuilder::new(1 << 24);
    for (index, &timestamp_ms) in timestamps_ms.iter().enumerate() {
        let value = vec![index as u8; value_len];
        assert!(builder.append(timestamp_ms, Some(b"key"), Some(&value), &[]).unwrap());
    }
    let options = FinishOptions { producer, ..FinishOptions::default() };
    builder.finish(&options, &mut Compressor::default()).unwrap().to_vec()
}

/// A batch of `count` records.
pub(crate) fn batch(count: usize, value_len: usize) -> Vec<u8> {
    batch_at(&vec![NOW_MS; count], value_len, ProducerStamp::NONE)
}

/// A batch of one record from an idempotent producer.
pub(crate) fn numbered(producer_id: i64, producer_epoch: i16, base_sequence: i32) -> Vec<u8> {
    batch_at(&[NOW_MS], 10, ProducerStamp { producer_id, producer_epoch, base_sequence })
}

/// A transactional batch of one record; a negative sequence is a coordinator's.
pub(crate) fn transactional(producer_id: i64, producer_epoch: i16, base_sequence: i32) -> Vec<u8> {
    let mut bytes = numbered(producer_id, producer_epoch, base_sequence);
    set_producer(&mut bytes, ProducerStamp { producer_id, producer_epoch, base_sequence }, true).unwrap();
    bytes
}

/// A store, its file system and its clock.
pub(crate) struct Bench {
    pub(crate) fs: SimFileSystem,
    pub(crate) clock: Arc<HeldClock>,
    pub(crate) fsync: FsyncPolicy,
    pub(crate) journal_bytes: u64,
}

impl Bench {
    pub(crate) fn new(seed: u64, fsync: FsyncPolicy) -> Self {
        let clock = Arc::new(HeldClock::new(NOW_MS));
        Self { fs: SimFileSystem::new(seed), clock, fsync, journal_bytes: 1 << 20 }
    }

    /// Where each group's sync is one of the partition's own files.
    pub(crate) fn without_journal(seed: u64) -> Self {
        Self { journal_bytes: 0, ..Self::new(seed, FsyncPolicy::Group) }
    }

    pub(crate) fn options(&self) -> StoreOptions {
        StoreOptions {
            fsync: self.fsync,
            journal_bytes: self.journal_bytes,
            sync_thread: false,
            cluster_id: Some("cluster".to_owned()),
            fs: Arc::new(self.fs.clone()),
            clock: self.clock.clone(),
            ..StoreOptions::default()
        }
    }

    pub(crate) fn open(&self) -> Result<Arc<LogStore>> {
        LogStore::open(Path::new("data"), self.options())
    }

    /// A store with the topic `t` of one partition.
    pub(crate) fn with_topic<const N: usize>(
        &self,
        configs: [(&str, &str); N],
    ) -> (Arc<LogStore>, Arc<PartitionLog>) {
        let store = self.open().unwrap();
        create(&store, "t", 1, configs).unwrap();
        let partition = store.partition("t", 0).unwrap();
        (store, partition)
    }
}

pub(crate) fn create<const N: usize>(
    store: &LogStore,
    name: &str,
    partitions: i32,
    configs: [(&str, &str); N],
) -> Result<()> {
    let configs: ConfigMap =
        configs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    store.create_topic(NewTopic { name: name.to_owned(), partitions, configs }).map(drop)
}

/// A read from `offset` that ends at the high watermark or after `max_bytes`.
pub(crate) fn read(partition: &PartitionLog, offset: i64, max_bytes: u64) -> Result<ReadSlices> {
    partition.read(&ReadRequest {
        offset,
        max_bytes,
        at_least_one_batch: true,
        bound: ReadBound::HighWatermark,
    })
}

/// Base and last offsets of the batches in `bytes`, which must be sound.
pub(crate) fn offsets(bytes: &[u8]) -> Vec<(i64, i64)> {
    batches(bytes).iter().map(|batch| (batch.header().base_offset, batch.header().last_offset())).collect()
}

/// The batches in `bytes`, which must be sound.
pub(crate) fn batches(bytes: &[u8]) -> Vec<BatchView<'_>> {
    let views = Batches::new(bytes, Tail::MustBeWhole);
    views
        .map(|view| {
            let view = view.unwrap();
            view.check_crc().unwrap();
            view
        })
        .collect()
}
