//! `produce`: records from standard input to a topic, each printed once it is acknowledged, in the order of the input.
//!
//! Nothing of it grows with the input: the reader waits while chunks wait to be appended, and they wait while too many
//! records wait to be acknowledged. When the input pauses, what was read is sent at once. The end of the input and the
//! first signal end the command after everything read was acknowledged.

mod input;
mod pending;

use std::future::poll_fn;
use std::time::Duration;

use bytes::Bytes;
use millstream_client::producer::{Acks, FlushMark};
use millstream_client::{BatchWriter, Client, ErrorKind, Producer, ProducerConfig};
use millstream_wire::compression::Compression;
use millstream_wire::records::Header;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use self::input::Chunk;
use self::pending::Pending;
use super::{invalid, print};
use crate::cli::{CompressionName, Produce};
use crate::cluster::{self, runtime};
use crate::exit::{Failure, FailureKind};
use crate::record_format::{ReadError, Record};
use crate::signals;

/// How long a topic may take to be created by the broker.
const TOPIC_TIMEOUT: Duration = Duration::from_secs(3);
/// What a record's text may have besides its bytes, and how much longer text may be than bytes (hexadecimal).
const TEXT_OVERHEAD_BYTES: usize = 64 << 10;
const TEXT_PER_BYTE: usize = 2;
/// What a request has besides a record of the largest size.
const REQUEST_OVERHEAD_BYTES: usize = 1024;

/// `produce`.
pub(crate) fn execute(command: &Produce) -> anyhow::Result<()> {
    runtime()?.block_on(async {
        let mut session = Session::open(command).await?;
        let text_bytes_max = command.max_message_bytes as usize * TEXT_PER_BYTE + TEXT_OVERHEAD_BYTES;
        let chunks = input::read(std::io::stdin(), command.format.clone(), text_bytes_max)?;
        let sent = session.send_all(chunks, tokio::spawn(signals::stop_requested())).await;
        // What came before an error is still delivered.
        let flushed = session.flush().await;
        let unread = sent?;
        flushed?;
        unread.map_or(Ok(()), |error| Err(unreadable(error)))
    })
}

fn unreadable(error: ReadError) -> anyhow::Error {
    match error {
        ReadError::Input(_) => error.into(),
        ReadError::Record { .. } => invalid(error.to_string()),
    }
}

async fn connect(command: &Produce) -> anyhow::Result<Client> {
    let mut config = cluster::config(&command.cluster.bootstrap_server);
    config.allow_auto_create_topics = true;
    let client = Client::connect(config).await?;
    match client.wait_for_topic(&command.topic, TOPIC_TIMEOUT).await {
        Ok(_) => Ok(client),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(Failure::new(
            FailureKind::NotFound,
            format!(
                "topic {topic} does not exist and the cluster does not create it: run `millstream topic create {topic}`",
                topic = command.topic
            ),
        )
        .into()),
        Err(error) => Err(error.into()),
    }
}

fn config(command: &Produce) -> ProducerConfig {
    ProducerConfig {
        acks: match command.acks {
            0 => Acks::None,
            1 => Acks::Leader,
            _ => Acks::All,
        },
        compression: match command.compression {
            CompressionName::None => Compression::None,
            CompressionName::Gzip => Compression::Gzip,
            CompressionName::Snappy => Compression::Snappy,
            CompressionName::Lz4 => Compression::Lz4,
            CompressionName::Zstd => Compression::Zstd,
        },
        request_bytes_max: command.max_message_bytes as usize + REQUEST_OVERHEAD_BYTES,
        ..ProducerConfig::default()
    }
}

/// One run of the command.
struct Session<'a> {
    command: &'a Produce,
    writer: BatchWriter,
    pending: Pending,
    /// A line behind which nothing was sent when it was drawn.
    mark: Option<FlushMark>,
    /// Whether printing needs keys, values or headers.
    keeps_content: bool,
    has_timestamp: bool,
    has_partition: bool,
    /// The key of records that have none.
    key: Option<Bytes>,
    topic: String,
    printed: u64,
    out: Vec<u8>,
}

impl<'a> Session<'a> {
    async fn open(command: &'a Produce) -> anyhow::Result<Self> {
        let producer = Producer::new(connect(command).await?, config(command)).await?;
        let mut writer = producer.writer(&command.topic).await?;
        writer.keep_deliveries();
        Ok(Self {
            command,
            writer,
            pending: Pending::default(),
            mark: None,
            keeps_content: command.output_format.has_content(),
            has_timestamp: command.format.has_timestamp(),
            has_partition: command.format.has_partition(),
            key: command.key.as_ref().map(|key| Bytes::copy_from_slice(key.as_bytes())),
            topic: command.topic.clone(),
            printed: 0,
            out: Vec::new(),
        })
    }

    /// Sends until the input ends or a stop is requested; gives the error that ended the input early.
    async fn send_all(
        &mut self,
        mut chunks: mpsc::Receiver<Chunk>,
        mut stop: JoinHandle<anyhow::Result<()>>,
    ) -> anyhow::Result<Option<ReadError>> {
        let mut is_stopping = false;
        loop {
            let has_room = self.pending.has_room();
            if self.mark.is_none() && !self.pending.is_empty() && (chunks.is_empty() || !has_room) {
                self.mark = Some(self.writer.seal()?);
            }
            let (writer, mark) = (&mut self.writer, self.mark);
            tokio::select! {
                stopped = &mut stop, if !is_stopping => {
                    stopped??;
                    is_stopping = true;
                    // What was read still comes, then the end.
                    chunks.close();
                }
                chunk = chunks.recv(), if has_room => match chunk {
                    Some(Ok(records)) => self.append(records).await?,
                    Some(Err(error)) => return Ok(Some(error)),
                    None => return Ok(None),
                },
                flushed = flushed(writer, mark) => {
                    flushed?;
                    self.mark = None;
                }
            }
            self.print_acknowledged()?;
        }
    }

    async fn append(&mut self, records: Vec<Record>) -> anyhow::Result<()> {
        self.writer.ready().await?;
        let now_ms = chrono::Utc::now().timestamp_millis();
        let command = self.command;
        let mut appender = self.writer.appender();
        for mut record in records {
            if let Some(key) = &self.key
                && record.key.as_ref().is_none_or(Bytes::is_empty)
            {
                record.key = Some(key.clone());
            }
            if command.tombstone && record.value.as_ref().is_some_and(Bytes::is_empty) {
                record.value = None;
            }
            if !self.has_timestamp {
                record.timestamp_ms = now_ms;
            }
            let (key, value) = (record.key.as_deref(), record.value.as_deref());
            if command.partition >= 0 {
                record.partition = command.partition;
            } else if !self.has_partition {
                let size = key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len);
                record.partition = appender.partition_for(key, size);
            }
            let read = record.headers.iter().map(|(name, value)| (&name[..], value.as_deref()));
            let fixed = command.headers.iter().map(|(name, value)| (name.as_bytes(), Some(value.as_bytes())));
            let headers: Vec<_> = read.chain(fixed).map(|(key, value)| Header { key, value }).collect();
            appender.append(record.partition, record.timestamp_ms, key, value, &headers)?;
            if !self.keeps_content {
                (record.key, record.value, record.headers) = (None, None, Vec::new());
            }
            self.pending.push(record);
        }
        Ok(())
    }

    /// Sends what is open and prints every acknowledgement that comes.
    async fn flush(&mut self) -> anyhow::Result<()> {
        let flushed = self.writer.flush().await;
        self.print_acknowledged()?;
        if flushed.is_err() {
            let pending = std::mem::take(&mut self.pending);
            pending.into_acknowledged().for_each(|record| self.render(record));
            self.write_out()?;
        }
        Ok(flushed?)
    }

    fn print_acknowledged(&mut self) -> anyhow::Result<()> {
        for delivery in self.writer.take_deliveries() {
            self.pending.acknowledge(&delivery);
        }
        while let Some(record) = self.pending.pop() {
            self.render(record);
        }
        self.write_out()
    }

    fn render(&mut self, mut record: Record) {
        self.printed += 1;
        std::mem::swap(&mut record.topic, &mut self.topic);
        self.command.output_format.render(&record, self.printed, &mut self.out);
        self.topic = record.topic;
    }

    fn write_out(&mut self) -> anyhow::Result<()> {
        if !self.out.is_empty() {
            print(|out| out.write_all(&self.out))?;
            self.out.clear();
        }
        Ok(())
    }
}

/// Waits until everything before the mark is acknowledged; for ever if there is none.
async fn flushed(writer: &mut BatchWriter, mark: Option<FlushMark>) -> millstream_client::Result<()> {
    match mark {
        Some(mark) => poll_fn(|context| writer.poll_flushed(mark, context)).await,
        None => std::future::pending().await,
    }
}
