//! Writing rows to a topic: encoded on the worker's thread straight into record batches, at least once.

use std::collections::VecDeque;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMillisecondType;
use arrow_array::{Array, ArrayRef, RecordBatch, StructArray, TimestampMillisecondArray};
use arrow_buffer::NullBuffer;
use arrow_cast::cast;
use millstream_client::producer::{Acks, BatchWriter, FlushMark, Producer, ProducerConfig};
use millstream_client::{Client, ClientError};
use millstream_engine::connector::{ConnectorError, Settings, TableSpec};
use millstream_engine::element::{Batch, Epoch};
use millstream_engine::sink::{ChangelogMode, Committable, Sink, SinkWriter, WriterIndex};
use millstream_formats::{EncodedRows, RowEncoder};
use millstream_wire::compression::Compression;
use millstream_wire::records::Header;
use parking_lot::Mutex;
use tokio::runtime::Handle;

use super::cluster::{self, Connections, outside, property};
use super::layout::{Metadata, SinkLayout};
use super::options::{Guarantee, KafkaOptions, Partitioner};

/// A topic that is written.
#[derive(Debug)]
pub(super) struct KafkaSink {
    topic: String,
    layout: SinkLayout,
    partitioner: Partitioner,
    guarantee: Guarantee,
    producer_config: ProducerConfig,
    partitions: Option<i32>,
    client: Client,
    runtime: Handle,
    /// One for all writers, opened with the first.
    producer: Mutex<Option<Producer>>,
}

impl KafkaSink {
    pub(super) fn new(
        table: &TableSpec,
        settings: &Settings,
        connections: &Connections,
    ) -> Result<Self, ConnectorError> {
        let options = KafkaOptions::read(table)?;
        cluster::check_properties(&options)?;
        let [topic] = options.topics.as_slice() else {
            return Err(ConnectorError::Declaration {
                option: Some("topic".to_owned()),
                column: None,
                message: "a table that is written to has one topic".to_owned(),
            });
        };
        Ok(Self {
            topic: topic.clone(),
            layout: SinkLayout::new(table, &options)?,
            partitioner: options.partitioner,
            guarantee: options.guarantee,
            producer_config: producer_config(&options)?,
            partitions: cluster::wanted_partitions(topic, settings)?,
            client: connections.client(&options.bootstrap_servers)?,
            runtime: connections.runtime().clone(),
            producer: Mutex::default(),
        })
    }

    async fn writer(&self) -> Result<BatchWriter, ClientError> {
        let known = self.producer.lock().clone();
        let producer = match known {
            Some(producer) => producer,
            None => {
                cluster::ensure_topic(&self.client, &self.topic, self.partitions).await?;
                let producer = Producer::new(self.client.clone(), self.producer_config.clone()).await?;
                self.producer.lock().get_or_insert(producer).clone()
            }
        };
        producer.writer(&self.topic).await
    }
}

fn producer_config(options: &KafkaOptions) -> Result<ProducerConfig, ConnectorError> {
    let properties = &options.properties;
    let mut config = ProducerConfig::default();
    let milliseconds = |key| property::<u64>(properties, key).map(|value| value.map(Duration::from_millis));
    let invalid = |key: &str, expected: &str| ConnectorError::Declaration {
        option: Some(format!("properties.{key}")),
        column: None,
        message: format!("'properties.{key}' takes {expected}"),
    };
    match properties.get("acks").map(String::as_str) {
        None | Some("all" | "-1") => {}
        Some("1") => config.acks = Acks::Leader,
        Some("0") => config.acks = Acks::None,
        Some(_) => return Err(invalid("acks", "'all', '1' or '0'")),
    }
    if let Some(name) = properties.get("compression.type") {
        config.compression = Compression::from_name(name)
            .ok_or_else(|| invalid("compression.type", "'none', 'gzip', 'snappy', 'lz4' or 'zstd'"))?;
    }
    config.idempotence = property(properties, "enable.idempotence")?;
    config.linger = milliseconds("linger.ms")?.unwrap_or(config.linger);
    config.delivery_timeout = milliseconds("delivery.timeout.ms")?.unwrap_or(config.delivery_timeout);
    config.request_timeout = milliseconds("request.timeout.ms")?.unwrap_or(config.request_timeout);
    config.batch_size_bytes = property(properties, "batch.size")?.unwrap_or(config.batch_size_bytes);
    config.buffer_memory_bytes = property(properties, "buffer.memory")?.unwrap_or(config.buffer_memory_bytes);
    config.request_bytes_max = property(properties, "max.request.size")?.unwrap_or(config.request_bytes_max);
    config.in_flight_requests_max = property(properties, "max.in.flight.requests.per.connection")?
        .unwrap_or(config.in_flight_requests_max);
    Ok(config)
}

impl Sink for KafkaSink {
    fn accepts(&self) -> ChangelogMode {
        ChangelogMode::Append
    }

    fn open(&self, writer: WriterIndex) -> Result<Box<dyn SinkWriter>, ConnectorError> {
        let batches = self.runtime.block_on(self.writer()).map_err(|error| outside(&error))?;
        let (value, key) = self.layout.layout.encoders()?;
        Ok(Box::new(KafkaWriter {
            topic: self.topic.clone(),
            rows: RowsOut {
                layout: self.layout.clone(),
                value,
                key,
                values: EncodedRows::new(),
                keys: EncodedRows::new(),
            },
            chooser: Chooser::new(self.partitioner, writer, batches.partition_count()),
            batches,
            waits: self.guarantee == Guarantee::AtLeastOnce,
            marks: VecDeque::new(),
        }))
    }
}

/// Chooses partitions where the key does not.
#[derive(Debug)]
enum Chooser {
    ByKey,
    Fixed(i32),
    RoundRobin { next: i32, count: i32 },
}

impl Chooser {
    fn new(partitioner: Partitioner, writer: WriterIndex, partitions: usize) -> Self {
        let count = i32::try_from(partitions).unwrap_or(i32::MAX).max(1);
        match partitioner {
            Partitioner::Default => Self::ByKey,
            Partitioner::Fixed => Self::Fixed(i32::try_from(writer.index).unwrap_or_default() % count),
            Partitioner::RoundRobin => Self::RoundRobin { next: 0, count },
        }
    }
}

#[derive(Debug)]
struct KafkaWriter {
    topic: String,
    batches: BatchWriter,
    rows: RowsOut,
    chooser: Chooser,
    /// Whether an epoch waits for acknowledgements.
    waits: bool,
    marks: VecDeque<FlushMark>,
}

impl SinkWriter for KafkaWriter {
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), ConnectorError>> {
        self.batches.poll_ready(context).map_err(|error| outside(&error))
    }

    fn write(&mut self, batch: &Batch) -> Result<(), ConnectorError> {
        let topic = &self.topic;
        let beside = self
            .rows
            .encode(&batch.rows)
            .map_err(|error| ConnectorError::Data { message: format!("topic {topic}: {error}") })?;
        let mut appender = self.batches.appender();
        for (row, (key, value)) in self.rows.keys().zip(self.rows.values.iter()).enumerate() {
            let key = key.filter(|_| beside.has_key(row));
            let value = Some(value).filter(|_| beside.has_value(row));
            let partition = match &mut self.chooser {
                Chooser::ByKey => {
                    let size = key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len);
                    appender.partition_for(key, size)
                }
                Chooser::Fixed(partition) => *partition,
                Chooser::RoundRobin { next, count } => {
                    *next = (*next + 1) % *count;
                    *next
                }
            };
            let timestamp_ms = beside.timestamp_ms(row);
            if timestamp_ms < 0 {
                return Err(before_1970(topic, timestamp_ms));
            }
            let appended = match beside.headers(row) {
                None => appender.append(partition, timestamp_ms, key, value, &[]),
                Some(entries) => appender.append(partition, timestamp_ms, key, value, &header_list(&entries)),
            };
            appended.map_err(|error| outside(&error))?;
        }
        Ok(())
    }

    fn seal(&mut self, _: Epoch) -> Result<(), ConnectorError> {
        let mark = self.batches.seal().map_err(|error| outside(&error))?;
        self.marks.push_back(mark);
        Ok(())
    }

    fn poll_prepared(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Committable>, ConnectorError>> {
        if let (Some(mark), true) = (self.marks.front(), self.waits) {
            ready!(self.batches.poll_flushed(*mark, context)).map_err(|error| outside(&error))?;
        }
        self.marks.pop_front();
        Poll::Ready(Ok(None))
    }
}

/// Kafka's clients refuse such a time, and −1 stands for none.
#[cold]
fn before_1970(topic: &str, timestamp_ms: i64) -> ConnectorError {
    let message =
        format!("topic {topic}: a record cannot have the timestamp {timestamp_ms} ms, which is before 1970");
    ConnectorError::Data { message }
}

/// Encodes batches into keys and values.
#[derive(Debug)]
struct RowsOut {
    layout: SinkLayout,
    value: RowEncoder,
    key: Option<RowEncoder>,
    values: EncodedRows,
    keys: EncodedRows,
}

/// What a batch's records have beside their encoded keys and values.
struct Beside {
    /// The time of each record, or of all of them.
    timestamps: Option<TimestampMillisecondArray>,
    now_ms: i64,
    headers: Option<ArrayRef>,
    /// Rows whose key is no key at all.
    null_keys: Option<NullBuffer>,
    /// Rows whose value is a tombstone.
    null_values: Option<NullBuffer>,
}

impl RowsOut {
    fn encode(&mut self, rows: &RecordBatch) -> Result<Beside, String> {
        let value = rows.project(&self.layout.value).map_err(|error| error.to_string())?;
        self.values.clear();
        self.value.encode(&value, &mut self.values).map_err(|error| error.to_string())?;
        let key = rows.project(&self.layout.key).map_err(|error| error.to_string())?;
        self.keys.clear();
        if let Some(encoder) = &self.key {
            encoder.encode(&key, &mut self.keys).map_err(|error| error.to_string())?;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Beside {
            timestamps: self.layout.timestamp.map(|column| timestamps(rows.column(column))).transpose()?,
            now_ms: i64::try_from(now.as_millis()).unwrap_or(i64::MAX),
            headers: self.layout.headers.map(|column| rows.column(column).clone()),
            null_keys: self.layout.layout.key_is_raw().then(|| nulls(&key)).flatten(),
            null_values: self.layout.layout.value_is_raw().then(|| nulls(&value)).flatten(),
        })
    }

    /// The keys of the encoded rows: none of them has one without a key format.
    fn keys(&self) -> impl Iterator<Item = Option<&[u8]>> {
        let rows = if self.key.is_some() { 0 } else { self.values.len() };
        self.keys.iter().map(Some).chain(std::iter::repeat_n(None, rows))
    }
}

impl Beside {
    fn timestamp_ms(&self, row: usize) -> i64 {
        match &self.timestamps {
            Some(timestamps) if timestamps.is_valid(row) => timestamps.value(row),
            _ => self.now_ms,
        }
    }

    fn has_key(&self, row: usize) -> bool {
        self.null_keys.as_ref().is_none_or(|nulls| nulls.is_valid(row))
    }

    fn has_value(&self, row: usize) -> bool {
        self.null_values.as_ref().is_none_or(|nulls| nulls.is_valid(row))
    }

    /// The headers of a row, as an array of names and one of values.
    fn headers(&self, row: usize) -> Option<StructArray> {
        let maps = self.headers.as_ref()?.as_map_opt()?;
        maps.is_valid(row).then(|| maps.value(row))
    }
}

/// The headers of one record as the protocol has them; names and values that are no text and no bytes are left out.
fn header_list(entries: &StructArray) -> Vec<Header<'_>> {
    let (Some(names), Some(values)) =
        (entries.column(0).as_string_view_opt(), entries.column(1).as_binary_view_opt())
    else {
        return Vec::new();
    };
    let pairs = names.iter().zip(values.iter());
    pairs.filter_map(|(name, value)| Some(Header { key: name?.as_bytes(), value })).collect()
}

/// The nulls of a format's only column.
fn nulls(columns: &RecordBatch) -> Option<NullBuffer> {
    columns.columns().first().and_then(|column| column.nulls().cloned())
}

fn timestamps(column: &ArrayRef) -> Result<TimestampMillisecondArray, String> {
    let cast = cast(column, &Metadata::Timestamp.data_type()).map_err(|error| error.to_string())?;
    Ok(cast.as_primitive::<TimestampMillisecondType>().clone())
}
