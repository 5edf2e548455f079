//! A topic of the broker's own as the log of a coordinator: `__consumer_offsets` for groups, `__transaction_state` for
//! transactions.

use std::sync::{Arc, OnceLock, Weak};

use bytes::Bytes;
use millstream_log::{PartitionLog, ReadBound, ReadRequest};
use millstream_wire::compression::{Compression, Compressor, Decompressor};
use millstream_wire::records::{
    BATCH_HEADER_LEN, BatchBuilder, BatchView, Batches, ControlRecord, FinishOptions, NO_SEQUENCE,
    ProducerStamp, Records, Tail, parse_control,
};
use millstream_wire::{ErrorCode, WireError};

use super::{Topic, TopicTable};
use crate::coordinator::topics::{TopicSource, Topics};
use crate::coordinator::{AppendDone, CoordinatorBatch, CoordinatorLog, EncodedRecord, Replayed};
use crate::core::Core;
use crate::error_code;

/// Bytes read at once when a partition is replayed (`offsets.load.buffer.size`).
const LOAD_BYTES: u64 = 5 * 1024 * 1024;
/// More than what a record takes besides its key and value.
const RECORD_OVERHEAD_BYTES: usize = 64;
/// Most bytes that a batch of coordinator records may have uncompressed.
const UNCOMPRESSED_BYTES_MAX: usize = 256 * 1024 * 1024;

/// The topic, once there is one.
#[derive(Default)]
pub(crate) struct CoordinatorTopic {
    core: OnceLock<Weak<Core>>,
    topic: OnceLock<Arc<Topic>>,
}

impl CoordinatorTopic {
    /// Ties the topic to the broker whose disks it uses.
    pub(crate) fn attach(&self, core: &Arc<Core>) {
        // The first one counts, and there is one.
        drop(self.core.set(Arc::downgrade(core)));
    }

    pub(crate) fn set(&self, topic: Arc<Topic>) {
        // The topic cannot be deleted, so the first one counts.
        drop(self.topic.set(topic));
    }

    pub(crate) fn exists(&self) -> bool {
        self.topic.get().is_some()
    }
}

impl CoordinatorLog for CoordinatorTopic {
    fn append(&self, partition: i32, batch: CoordinatorBatch, done: AppendDone) {
        let core = self.core.get().and_then(Weak::upgrade);
        let target = self.topic.get().and_then(|topic| topic.partition(partition));
        let (Some(core), Some(target)) = (core, target) else {
            // Only a broker that has ended has no disks. Nobody waits any more.
            return drop(done);
        };
        match build(&batch) {
            Ok(bytes) => {
                // Whoever is told that these records are written may append at once: behind what came before them.
                core.disks.release();
                let done = move |appended: Result<_, millstream_log::LogError>| {
                    done(appended.map(|_| ()).map_err(|error| refusal(&error)));
                };
                target.append_own(&core.disks, bytes, Box::new(done));
            }
            Err(error) => {
                tracing::error!(partition, %error, "coordinator records fit into no batch");
                core.disks.read(Box::new(move || done(Err(ErrorCode::InvalidCommitOffsetSize))));
            }
        }
    }

    fn replay(&self, partition: i32, visit: &mut dyn FnMut(Replayed<'_>)) -> Result<(), ErrorCode> {
        let Some(target) = self.topic.get().and_then(|topic| topic.partition(partition)) else {
            return Ok(());
        };
        replay(&target.log, visit)
    }
}

impl TopicSource for CoordinatorTopic {
    fn topics(&self) -> Arc<dyn Topics> {
        match self.core.get().and_then(Weak::upgrade) {
            Some(core) => core.topics(),
            // The broker has ended.
            None => Arc::new(TopicTable::default()),
        }
    }
}

/// What a client of the coordinator hears when a write fails, as in Kafka: mostly something it tries again.
fn refusal(error: &millstream_log::LogError) -> ErrorCode {
    match error_code::of_log(error) {
        ErrorCode::MessageTooLarge | ErrorCode::RecordListTooLarge => ErrorCode::InvalidCommitOffsetSize,
        ErrorCode::KafkaStorageError | ErrorCode::CorruptMessage => ErrorCode::NotCoordinator,
        // The producer has lost its transaction, which it must know.
        error @ (ErrorCode::InvalidProducerEpoch | ErrorCode::InvalidTxnState) => error,
        _ => ErrorCode::CoordinatorNotAvailable,
    }
}

fn build(batch: &CoordinatorBatch) -> Result<Bytes, WireError> {
    // Room for all of them, so that they become one batch.
    let content = |record: &EncodedRecord| record.key.len() + record.value.as_ref().map_or(0, Bytes::len);
    let size_bytes =
        batch.records.iter().map(|record| content(record) + RECORD_OVERHEAD_BYTES).sum::<usize>();
    let mut builder = BatchBuilder::new(BATCH_HEADER_LEN + size_bytes);
    for record in &batch.records {
        builder.append(batch.timestamp_ms, Some(&record.key), record.value.as_deref(), &[])?;
    }
    // Coordinators do not number their batches: each is appended once, by this process.
    let transaction = batch.transaction.map(|producer| ProducerStamp {
        producer_id: producer.id,
        producer_epoch: producer.epoch,
        base_sequence: NO_SEQUENCE,
    });
    let options = FinishOptions {
        transactional: transaction.is_some(),
        producer: transaction.unwrap_or(ProducerStamp::NONE),
        ..FinishOptions::default()
    };
    builder.finish(&options, &mut Compressor::default())
}

fn replay(log: &PartitionLog, visit: &mut dyn FnMut(Replayed<'_>)) -> Result<(), ErrorCode> {
    let storage = |error: &millstream_log::LogError| {
        tracing::error!(topic = log.topic(), partition = log.index(), %error, "partition cannot be read");
        match error_code::of_log(error) {
            // The batch is not the client's.
            ErrorCode::CorruptMessage => ErrorCode::KafkaStorageError,
            error => error,
        }
    };
    log.open().map_err(|error| storage(&error))?;
    let mut decompressor = Decompressor::default();
    let mut offset = log.log_start_offset();
    while offset < log.log_end_offset() {
        let request =
            ReadRequest { offset, max_bytes: LOAD_BYTES, at_least_one_batch: true, bound: ReadBound::LogEnd };
        let slices = log.read(&request).map_err(|error| storage(&error))?;
        let bytes = slices.read().map_err(|error| {
            tracing::error!(topic = log.topic(), partition = log.index(), %error, "partition cannot be read");
            ErrorCode::KafkaStorageError
        })?;
        let before = offset;
        for batch in Batches::new(&bytes, Tail::MustBeWhole) {
            let batch = batch.map_err(|_| ErrorCode::CorruptMessage)?;
            offset = batch.header().next_offset();
            replay_batch(&batch, &mut decompressor, visit).map_err(|error| {
                tracing::error!(topic = log.topic(), partition = log.index(), %error, "batch cannot be read");
                ErrorCode::CorruptMessage
            })?;
        }
        if offset == before {
            break;
        }
    }
    Ok(())
}

fn replay_batch(
    batch: &BatchView<'_>,
    decompressor: &mut Decompressor,
    visit: &mut dyn FnMut(Replayed<'_>),
) -> Result<(), WireError> {
    let header = batch.header();
    let transaction = header.attributes.is_transactional().then_some(header.producer_id);
    let decompressed = match header.attributes.compression() {
        Compression::None => None,
        codec => Some(decompressor.decompress(codec, batch.body(), UNCOMPRESSED_BYTES_MAX)?),
    };
    let body = decompressed.as_deref().unwrap_or(batch.body());
    for entry in Records::new(body, header) {
        let entry = entry?;
        if header.attributes.is_control() {
            if let ControlRecord::EndTransaction { committed, .. } = parse_control(&entry)? {
                visit(Replayed::EndOfTransaction { producer_id: header.producer_id, committed });
            }
        } else if let Some(key) = entry.key {
            visit(Replayed::Record { key, value: entry.value, transaction });
        }
    }
    Ok(())
}
