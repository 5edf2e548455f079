//! A broker that acknowledges everything, keeps nothing, and serves the same records for ever.
//!
//! It lives on a thread of its own, so that what it uses can be told from what its client uses.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::{Bytes, BytesMut};
use millstream_client::transport::{Dialer, FrameChannel, InProcessDialer};
use millstream_wire::api_key::ApiKey;
use millstream_wire::compression::Compressor;
use millstream_wire::frame::{LENGTH_BYTES, RequestFrame, encode_response};
use millstream_wire::messages::api_versions::ApiVersionsResponse;
use millstream_wire::messages::fetch_response::{FetchResponse, FetchableTopicResponse, PartitionData};
use millstream_wire::messages::metadata::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use millstream_wire::messages::produce::{PartitionProduceResponse, ProduceResponse, TopicProduceResponse};
use millstream_wire::messages::produce_request::ProduceRequest;
use millstream_wire::messages::{FetchRequest, InitProducerIdResponse};
use millstream_wire::negotiation::offer;
use millstream_wire::protocol::Message;
use millstream_wire::records::{BatchBuilder, BatchHeader, FinishOptions, assign_offset};
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::PARTITIONS;

/// The only topic.
pub(super) const TOPIC: &str = "null";
/// Requests and responses of a connection that may be under way.
const FRAMES_MAX: usize = 16;
/// Records of a partition in one answer.
const FETCH_BYTES: usize = 1 << 20;
const SESSION_ID: i32 = 1;
const HIGH_WATERMARK: i64 = i64::MAX / 2;

enum Order {
    Serve { requests: mpsc::Receiver<Bytes>, responses: mpsc::Sender<Bytes> },
    TellCpu(oneshot::Sender<Duration>),
}

/// A handle on the broker's thread, which ends with it.
pub(super) struct NullBroker {
    orders: mpsc::UnboundedSender<Order>,
}

impl NullBroker {
    pub(super) fn start(record_bytes: usize, batch_bytes: usize) -> Result<Self> {
        let records = Arc::new(Prepared::new(record_bytes, batch_bytes)?);
        let (orders, mut inbox) = mpsc::unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name("null broker".to_owned()).spawn(move || {
            runtime.block_on(async {
                while let Some(order) = inbox.recv().await {
                    match order {
                        Order::Serve { requests, responses } => {
                            tokio::spawn(serve(requests, responses, Arc::clone(&records)));
                        }
                        Order::TellCpu(reply) => {
                            let used = clock_gettime(ClockId::ThreadCPUTime);
                            // Whoever asked may be gone.
                            let _ = reply.send(Duration::try_from(used).unwrap_or_default());
                        }
                    }
                }
            });
        })?;
        Ok(Self { orders })
    }

    pub(super) fn dialer(&self) -> Arc<dyn Dialer> {
        let orders = self.orders.clone();
        Arc::new(InProcessDialer(move |_: &_| {
            let (request_sender, requests) = mpsc::channel(FRAMES_MAX);
            let (responses, response_receiver) = mpsc::channel(FRAMES_MAX);
            orders
                .send(Order::Serve { requests, responses })
                .map_err(|_| io::Error::from(io::ErrorKind::ConnectionRefused))?;
            Ok(FrameChannel { requests: request_sender, responses: response_receiver })
        }))
    }

    /// What the broker's thread has used.
    pub(super) fn cpu(&self) -> Result<Duration> {
        let (reply, answer) = oneshot::channel();
        self.orders.send(Order::TellCpu(reply)).ok().context("the null broker has ended")?;
        Ok(answer.blocking_recv()?)
    }
}

/// Batches for one answer of one partition, with offsets from 0.
struct Prepared {
    batches: BytesMut,
    /// Where each begins.
    starts: Vec<usize>,
    records: i64,
}

impl Prepared {
    fn new(record_bytes: usize, batch_bytes: usize) -> Result<Self> {
        let mut prepared = Self { batches: BytesMut::new(), starts: Vec::new(), records: 0 };
        let mut builder = BatchBuilder::new(batch_bytes);
        let value = vec![b'x'; record_bytes];
        let mut compressor = Compressor::default();
        while prepared.batches.len() + batch_bytes <= FETCH_BYTES || prepared.starts.is_empty() {
            let mut record = 0;
            while builder.append(1_700_000_000_000 + record, None, Some(&value), &[])? {
                record += 1;
            }
            prepared.starts.push(prepared.batches.len());
            let batch = builder.finish(&FinishOptions::default(), &mut compressor)?;
            prepared.batches.extend_from_slice(&batch);
            prepared.records += record;
        }
        Ok(prepared)
    }

    fn at(&self, offset: i64) -> Result<Bytes> {
        let mut batches = self.batches.clone();
        let mut next = offset;
        for start in &self.starts {
            let count = BatchHeader::parse(&batches[*start..])?.record_count;
            assign_offset(&mut batches[*start..], next, 0)?;
            next += i64::from(count);
        }
        Ok(batches.freeze())
    }
}

async fn serve(
    mut requests: mpsc::Receiver<Bytes>,
    responses: mpsc::Sender<Bytes>,
    prepared: Arc<Prepared>,
) -> Result<()> {
    while let Some(frame) = requests.recv().await {
        let response = answer(&RequestFrame::decode(frame)?, &prepared)?;
        if responses.send(response.slice(LENGTH_BYTES..)).await.is_err() {
            break;
        }
    }
    Ok(())
}

fn answer(request: &RequestFrame, prepared: &Prepared) -> Result<Bytes> {
    match request.api_key {
        ApiKey::ApiVersions => {
            let offered = ApiKey::all().filter_map(|api| Some(offer(api, api.versions()?))).collect();
            encode(request, &ApiVersionsResponse { api_keys: offered, ..Default::default() })
        }
        ApiKey::Metadata => encode(request, &metadata()),
        ApiKey::InitProducerId => {
            encode(request, &InitProducerIdResponse { producer_id: 1, ..Default::default() })
        }
        ApiKey::Produce => {
            let partition = |index| PartitionProduceResponse { index, ..Default::default() };
            let topics = request.decode_body::<ProduceRequest>()?.topic_data.into_iter();
            let responses = topics.map(|topic| TopicProduceResponse {
                name: topic.name,
                topic_id: topic.topic_id,
                partition_responses: topic.partition_data.iter().map(|data| partition(data.index)).collect(),
            });
            encode(request, &ProduceResponse { responses: responses.collect(), ..Default::default() })
        }
        ApiKey::Fetch => fetch(request, prepared),
        other => anyhow::bail!("the null broker does not know {}", other.name()),
    }
}

fn fetch(request: &RequestFrame, prepared: &Prepared) -> Result<Bytes> {
    let mut responses = Vec::new();
    for topic in request.decode_body::<FetchRequest>()?.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for wanted in topic.partitions {
            partitions.push(PartitionData {
                partition_index: wanted.partition,
                high_watermark: HIGH_WATERMARK,
                last_stable_offset: HIGH_WATERMARK,
                log_start_offset: 0,
                records: Some(prepared.at(wanted.fetch_offset)?),
                ..PartitionData::default()
            });
        }
        responses.push(FetchableTopicResponse { topic: topic.topic, topic_id: topic.topic_id, partitions });
    }
    let response = FetchResponse { session_id: SESSION_ID, responses, ..FetchResponse::default() };
    Ok(response.into_frame(request.api_version, request.correlation_id)?.to_contiguous())
}

fn metadata() -> MetadataResponse {
    let partition = |partition_index| MetadataResponsePartition {
        partition_index,
        leader_id: 1,
        leader_epoch: 0,
        ..Default::default()
    };
    let topic = MetadataResponseTopic {
        name: Some(TOPIC.into()),
        topic_id: Uuid::from_u128(1),
        partitions: (0..PARTITIONS).map(partition).collect(),
        ..Default::default()
    };
    let broker = MetadataResponseBroker { node_id: 1, host: TOPIC.into(), port: 1, rack: None };
    MetadataResponse { brokers: vec![broker], controller_id: 1, topics: vec![topic], ..Default::default() }
}

fn encode<M: Message>(request: &RequestFrame, response: &M) -> Result<Bytes> {
    Ok(encode_response(response, request.api_key, request.api_version, request.correlation_id)?)
}
