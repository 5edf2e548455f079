//! The few requests that measurements send themselves: topics, end offsets, whether a broker is ready.
//!
//! Blocking and over one connection, so that a start-up is timed finely and nothing of it competes with what is measured. The brokers are single nodes on this machine: no metadata, no retries; an error ends the measurement. Request versions are
//! fixed to ones that Apache Kafka 4.x and Millstream both have.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use millstream_wire::ErrorCode;
use millstream_wire::frame::{LENGTH_BYTES, decode_response, encode_request, frame_length};
use millstream_wire::messages::create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use millstream_wire::messages::delete_topics::DeleteTopicsRequest;
use millstream_wire::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsTopic,
};
use millstream_wire::messages::metadata::{MetadataRequest, MetadataRequestTopic};
use millstream_wire::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use millstream_wire::protocol::Request;

const RESPONSE_BYTES_MAX: usize = 1 << 20;
const TIMEOUT_MS: i32 = 30_000;
const PARTITIONS_PER_REQUEST: usize = 1_000;
const POLL_EVERY: Duration = Duration::from_millis(10);
/// Asks ListOffsets for the end of the log.
const LATEST: i64 = -1;

/// A connection to one broker.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    next_correlation_id: i32,
}

impl Connection {
    pub(crate) fn open(address: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address)
            .with_context(|| format!("cannot connect to the broker at {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, next_correlation_id: 0 })
    }

    fn receive(&mut self) -> anyhow::Result<Bytes> {
        let mut prefix = [0; LENGTH_BYTES];
        self.stream.read_exact(&mut prefix)?;
        let mut frame = vec![0; frame_length(prefix, RESPONSE_BYTES_MAX)?];
        self.stream.read_exact(&mut frame)?;
        Ok(frame.into())
    }

    /// Sends a request and waits for its answer.
    fn request<R: Request>(&mut self, request: &R, version: i16) -> anyhow::Result<R::Response> {
        let id = self.next_correlation_id;
        self.next_correlation_id += 1;
        self.stream.write_all(&encode_request(request, version, id, None)?)?;
        Ok(decode_response::<R>(self.receive()?, version, id)?)
    }

    /// Whether the broker answers and counts itself among the living: Kafka's port opens long before it does.
    pub(crate) fn is_ready(&mut self) -> anyhow::Result<bool> {
        let request = MetadataRequest { topics: Some(Vec::new()), ..MetadataRequest::default() };
        Ok(!self.request(&request, 12)?.brokers.is_empty())
    }

    /// Produces one record to each of the first `partitions` partitions, many in one request.
    pub(crate) fn produce_to_each(
        &mut self,
        topic: &str,
        partitions: u32,
        record: &Bytes,
    ) -> anyhow::Result<()> {
        let indexes: Vec<i32> = (0..partitions.try_into()?).collect();
        for indexes in indexes.chunks(PARTITIONS_PER_REQUEST) {
            let data = |index: &i32| PartitionProduceData { index: *index, records: Some(record.clone()) };
            let partition_data = indexes.iter().map(data).collect();
            let topic =
                TopicProduceData { name: topic.into(), partition_data, ..TopicProduceData::default() };
            let request = ProduceRequest {
                acks: -1,
                timeout_ms: TIMEOUT_MS,
                topic_data: vec![topic],
                ..ProduceRequest::default()
            };
            for response in self.request(&request, 9)?.responses {
                response.partition_responses.iter().try_for_each(|answer| check(answer.error_code))?;
            }
        }
        Ok(())
    }

    /// Makes a topic and waits until its partitions can be written to.
    pub(crate) fn create_topic(&mut self, topic: &str, partitions: u32) -> anyhow::Result<()> {
        self.create_topic_with(topic, partitions, &[])
    }

    /// As [`Connection::create_topic`], with settings of the topic.
    pub(crate) fn create_topic_with(
        &mut self,
        topic: &str,
        partitions: u32,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<()> {
        let setting = |(name, value): &(&str, &str)| CreatableTopicConfig {
            name: (*name).to_owned(),
            value: Some((*value).to_owned()),
        };
        let creatable = CreatableTopic {
            name: topic.to_owned(),
            num_partitions: partitions.try_into()?,
            replication_factor: 1,
            configs: settings.iter().map(setting).collect(),
            ..CreatableTopic::default()
        };
        let request = CreateTopicsRequest { topics: vec![creatable], ..CreateTopicsRequest::default() };
        for result in self.request(&request, 5)?.topics {
            check(result.error_code).with_context(|| format!("cannot create the topic {topic}"))?;
        }
        // Metadata names leaders before they lead: only the partitions' own answers tell.
        loop {
            let ends = self.end_offsets(topic)?;
            if ends.len() == partitions as usize && ends.iter().all(|end| end.error_code == 0) {
                return Ok(());
            }
            std::thread::sleep(POLL_EVERY);
        }
    }

    /// How many partitions with a leader the topic has; none when it does not exist.
    pub(crate) fn partitions(&mut self, topic: &str) -> anyhow::Result<Option<u32>> {
        let request = MetadataRequest {
            topics: Some(vec![MetadataRequestTopic { name: Some(topic.into()), ..Default::default() }]),
            allow_auto_topic_creation: false,
            ..MetadataRequest::default()
        };
        let response = self.request(&request, 12)?;
        let found = response.topics.first().filter(|topic| topic.error_code == 0);
        Ok(found
            .map(|topic| topic.partitions.iter().filter(|partition| partition.leader_id >= 0).count() as u32))
    }

    pub(crate) fn delete_topic(&mut self, topic: &str) -> anyhow::Result<()> {
        let request = DeleteTopicsRequest {
            topic_names: vec![topic.to_owned()],
            timeout_ms: TIMEOUT_MS,
            ..DeleteTopicsRequest::default()
        };
        for result in self.request(&request, 5)?.responses {
            check(result.error_code).with_context(|| format!("cannot delete the topic {topic}"))?;
        }
        Ok(())
    }

    /// The number of records that a topic without deletions holds; none when it does not exist.
    pub(crate) fn record_count(&mut self, topic: &str) -> anyhow::Result<Option<u64>> {
        if self.partitions(topic)?.is_none() {
            return Ok(None);
        }
        let mut records = 0;
        for partition in self.end_offsets(topic)? {
            check(partition.error_code)?;
            records += u64::try_from(partition.offset)?;
        }
        Ok(Some(records))
    }

    /// Where each partition ends; none when the topic does not exist.
    pub(crate) fn end_offsets(&mut self, topic: &str) -> anyhow::Result<Vec<ListOffsetsPartitionResponse>> {
        let partition = |index: u32| ListOffsetsPartition {
            partition_index: index as i32,
            timestamp: LATEST,
            ..ListOffsetsPartition::default()
        };
        let partitions = (0..self.partitions(topic)?.unwrap_or(0)).map(partition).collect();
        let request = ListOffsetsRequest {
            replica_id: -1,
            topics: vec![ListOffsetsTopic { name: topic.to_owned(), partitions }],
            ..ListOffsetsRequest::default()
        };
        let response = self.request(&request, 6)?;
        Ok(response.topics.into_iter().flat_map(|topic| topic.partitions).collect())
    }
}

/// Fails with what an error code means.
pub(crate) fn check(code: i16) -> anyhow::Result<()> {
    match (code, ErrorCode::from_code(code)) {
        (0, _) => Ok(()),
        (_, Some(known)) => bail!("{}: {}", known.name(), known.message()),
        (_, None) => bail!("the broker answers with error {code}"),
    }
}
