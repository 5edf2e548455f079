//! The dead-letter topic: records that could not be read, byte for byte, with what was wrong in their headers.
//!
//! Headers have the names of Kafka Connect's dead-letter queue, so that whoever redrives those can redrive these.

use std::collections::VecDeque;
use std::task::{Context, Poll, ready};
use std::time::{SystemTime, UNIX_EPOCH};

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, BinaryViewArray};
use millstream_client::producer::{BatchWriter, FlushMark, Producer, ProducerConfig};
use millstream_client::{Client, ClientError};
use millstream_engine::connector::ConnectorError;
use millstream_engine::element::{Batch, Epoch};
use millstream_engine::sink::{ChangelogMode, Committable, Sink, SinkWriter, WriterIndex};
use millstream_engine::source::SplitId;
use millstream_wire::records::Header;
use parking_lot::Mutex;
use tokio::runtime::Handle;

use super::cluster::{ensure_topic, outside};
use super::source::partition_of;

/// A topic that takes bad rows, in the engine's schema of them.
#[derive(Debug)]
pub(super) struct DeadLetters {
    pub(super) topic: String,
    /// The partitions that the session wants if it does not exist.
    pub(super) partitions: Option<i32>,
    pub(super) pipeline: String,
    pub(super) client: Client,
    pub(super) runtime: Handle,
    /// One for all writers, opened with the first.
    pub(super) producer: Mutex<Option<Producer>>,
}

impl DeadLetters {
    async fn writer(&self) -> Result<BatchWriter, ClientError> {
        let known = self.producer.lock().clone();
        let producer = match known {
            Some(producer) => producer,
            None => {
                ensure_topic(&self.client, &self.topic, self.partitions).await?;
                let producer = Producer::new(self.client.clone(), ProducerConfig::default()).await?;
                self.producer.lock().get_or_insert(producer).clone()
            }
        };
        producer.writer(&self.topic).await
    }
}

impl Sink for DeadLetters {
    fn accepts(&self) -> ChangelogMode {
        ChangelogMode::Append
    }

    fn open(&self, _: WriterIndex) -> Result<Box<dyn SinkWriter>, ConnectorError> {
        let batches = self.runtime.block_on(self.writer()).map_err(|error| outside(&error))?;
        Ok(Box::new(DeadLetterWriter { batches, pipeline: self.pipeline.clone(), marks: VecDeque::new() }))
    }
}

#[derive(Debug)]
struct DeadLetterWriter {
    batches: BatchWriter,
    pipeline: String,
    marks: VecDeque<FlushMark>,
}

impl SinkWriter for DeadLetterWriter {
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), ConnectorError>> {
        self.batches.poll_ready(context).map_err(|error| outside(&error))
    }

    fn write(&mut self, batch: &Batch) -> Result<(), ConnectorError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now_ms = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        let rows = &batch.rows;
        let (splits, reasons) = (rows.column(0).as_string_view(), rows.column(4).as_string_view());
        let positions = rows.column(1).as_primitive::<Int64Type>();
        let (keys, raws) = (rows.column(2).as_binary_view(), rows.column(3).as_binary_view());
        for row in 0..rows.num_rows() {
            let place = partition_of(&SplitId(splits.value(row).into()));
            // A file has a name in the topic's stead and no partitions.
            let (topic, partition) = match &place {
                Some(place) => (&*place.topic, Some(place.partition.to_string())),
                None => (splits.value(row), None),
            };
            let position = positions.value(row).to_string();
            let header =
                |key: &'static str, value| Header { key: key.as_bytes(), value: Some(str::as_bytes(value)) };
            let mut headers = vec![header("__connect.errors.topic", topic)];
            headers.extend(partition.as_deref().map(|text| header("__connect.errors.partition", text)));
            headers.extend([
                header("__connect.errors.offset", &position),
                header("__connect.errors.connector.name", &self.pipeline),
                header("__connect.errors.stage", "VALUE_CONVERTER"),
                header("__connect.errors.exception.message", reasons.value(row)),
            ]);
            let key = bytes(keys, row);
            let partition = self.batches.partition_for(key, bytes(raws, row).map_or(0, <[u8]>::len));
            let appended = self.batches.append(partition, now_ms, key, bytes(raws, row), &headers);
            appended.map_err(|error| outside(&error))?;
        }
        Ok(())
    }

    fn seal(&mut self, _: Epoch) -> Result<(), ConnectorError> {
        self.marks.push_back(self.batches.seal().map_err(|error| outside(&error))?);
        Ok(())
    }

    fn poll_prepared(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Committable>, ConnectorError>> {
        if let Some(mark) = self.marks.front() {
            ready!(self.batches.poll_flushed(*mark, context)).map_err(|error| outside(&error))?;
        }
        self.marks.pop_front();
        Poll::Ready(Ok(None))
    }
}

fn bytes(column: &BinaryViewArray, row: usize) -> Option<&[u8]> {
    column.is_valid(row).then(|| column.value(row))
}
