//! What the floor answers: just enough for Kafka's producer and a consumer that is alone in its group.
//!
//! One node, no errors: what is not expected ends the connection. A group has one member, whom it always tells that it leads, and no
//! committed offsets. Fetches have no sessions. One that finds nothing sleeps its time: nothing that is measured waits for
//! records here.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use millstream_wire::api_key::ApiKey;
use millstream_wire::frame::{Frame, RequestFrame, encode_response};
use millstream_wire::messages::api_versions::ApiVersionsResponse;
use millstream_wire::messages::create_topics::{
    CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse,
};
use millstream_wire::messages::delete_topics::{
    DeletableTopicResult, DeleteTopicsRequest, DeleteTopicsResponse,
};
use millstream_wire::messages::fetch_response::{FetchResponse, FetchableTopicResponse, PartitionData};
use millstream_wire::messages::list_offsets::{
    ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopicResponse,
};
use millstream_wire::messages::metadata::{
    MetadataRequest, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition,
    MetadataResponseTopic,
};
use millstream_wire::messages::produce::{PartitionProduceResponse, ProduceResponse, TopicProduceResponse};
use millstream_wire::messages::produce_request::ProduceRequest;
use millstream_wire::messages::{FetchRequest, HeartbeatResponse, LeaveGroupResponse};
use millstream_wire::negotiation::{offer, unsupported_api_versions};
use millstream_wire::protocol::{Message, VersionRange};

use super::log::{Log, Stretch};

mod group;

const NODE_ID: i32 = 1;
/// ListOffsets asks for the beginning of the log.
const EARLIEST: i64 = -2;
/// What is offered: the versions of today's clients.
const OFFERED: [(ApiKey, i16, i16); 13] = [
    (ApiKey::Produce, 9, 13),
    (ApiKey::Fetch, 12, 18),
    (ApiKey::ListOffsets, 6, 9),
    (ApiKey::Metadata, 12, 13),
    (ApiKey::OffsetCommit, 8, 9),
    (ApiKey::OffsetFetch, 8, 9),
    (ApiKey::FindCoordinator, 4, 6),
    (ApiKey::JoinGroup, 5, 9),
    (ApiKey::Heartbeat, 3, 4),
    (ApiKey::LeaveGroup, 3, 5),
    (ApiKey::SyncGroup, 3, 5),
    (ApiKey::CreateTopics, 5, 7),
    (ApiKey::DeleteTopics, 5, 5),
];

/// Where the floor is and what it holds.
pub(super) struct Host {
    pub(super) port: u16,
    pub(super) log: Arc<Log>,
}

/// A frame to send.
pub(super) enum Answer {
    Small(Bytes),
    Records(Frame<Stretch>),
}

pub(super) fn answer(request: &RequestFrame, host: &Host) -> Result<Answer> {
    let log = &host.log;
    let small = match request.api_key {
        ApiKey::Produce => encode(request, &produce(&request.decode_body()?, log)?),
        ApiKey::Fetch => {
            let response = fetch(&request.decode_body()?, log)?;
            return Ok(Answer::Records(response.into_frame(request.api_version, request.correlation_id)?));
        }
        ApiKey::ListOffsets => encode(request, &list_offsets(request.decode_body()?, log)?),
        ApiKey::Metadata => encode(request, &metadata(request.decode_body()?, host)),
        ApiKey::CreateTopics => encode(request, &create_topics(request.decode_body()?, log)?),
        ApiKey::DeleteTopics => encode(request, &delete_topics(request.decode_body()?, log)?),
        ApiKey::FindCoordinator => encode(request, &group::find(request.decode_body()?, host)),
        ApiKey::JoinGroup => encode(request, &group::join(request.decode_body()?)?),
        ApiKey::SyncGroup => encode(request, &group::sync(request.decode_body()?)?),
        ApiKey::OffsetFetch => encode(request, &group::offsets(request.decode_body()?)),
        ApiKey::OffsetCommit => encode(request, &group::commit(request.decode_body()?)),
        ApiKey::Heartbeat => encode(request, &HeartbeatResponse::default()),
        ApiKey::LeaveGroup => encode(request, &LeaveGroupResponse::default()),
        ApiKey::ApiVersions => api_versions(request),
        other => bail!("the floor does not know {}", other.name()),
    };
    Ok(Answer::Small(small?))
}

fn encode<M: Message>(request: &RequestFrame, response: &M) -> Result<Bytes> {
    Ok(encode_response(response, request.api_key, request.api_version, request.correlation_id)?)
}

fn api_versions(request: &RequestFrame) -> Result<Bytes> {
    let supported = ApiKey::ApiVersions.versions().context("no versions of ApiVersions")?;
    if !(supported.min..=supported.max).contains(&request.api_version) {
        return Ok(unsupported_api_versions(request.correlation_id, supported)?);
    }
    let mut api_keys = vec![offer(ApiKey::ApiVersions, supported)];
    api_keys.extend(OFFERED.map(|(api, least, most)| offer(api, VersionRange::new(least, most))));
    encode(request, &ApiVersionsResponse { api_keys, ..Default::default() })
}

fn produce(request: &ProduceRequest, log: &Log) -> Result<ProduceResponse> {
    let mut responses = Vec::with_capacity(request.topic_data.len());
    for data in &request.topic_data {
        let topic = log.find(&data.name, data.topic_id).context("produced to no topic")?;
        let mut partition_responses = Vec::with_capacity(data.partition_data.len());
        for partition in &data.partition_data {
            let batch = partition.records.as_ref().context("produced no records")?;
            let base_offset = topic.partition(partition.index)?.append(batch)?;
            let index = partition.index;
            partition_responses.push(PartitionProduceResponse { index, base_offset, ..Default::default() });
        }
        let (name, topic_id) = (data.name.clone(), data.topic_id);
        responses.push(TopicProduceResponse { name, topic_id, partition_responses });
    }
    Ok(ProduceResponse { responses, ..ProduceResponse::default() })
}

fn fetch(request: &FetchRequest, log: &Log) -> Result<FetchResponse<Stretch>> {
    let mut left = usize::try_from(request.max_bytes)?;
    let mut responses = Vec::with_capacity(request.topics.len());
    let mut found = false;
    for wanted in &request.topics {
        let topic = log.find(&wanted.topic, wanted.topic_id).context("fetched from no topic")?;
        let mut partitions = Vec::with_capacity(wanted.partitions.len());
        for wanted in &wanted.partitions {
            let partition = topic.partition(wanted.partition)?;
            let bytes_max = left.min(usize::try_from(wanted.partition_max_bytes)?);
            let records = if left > 0 { partition.read(wanted.fetch_offset, bytes_max) } else { None };
            left = left.saturating_sub(records.as_ref().map_or(0, |records| records.length));
            found |= records.is_some();
            partitions.push(PartitionData {
                partition_index: wanted.partition,
                high_watermark: partition.end_offset,
                last_stable_offset: partition.end_offset,
                log_start_offset: 0,
                records: Some(records.unwrap_or_else(|| partition.nothing())),
                ..PartitionData::default()
            });
        }
        let (topic, topic_id) = (wanted.topic.clone(), wanted.topic_id);
        responses.push(FetchableTopicResponse { topic, topic_id, partitions });
    }
    if !found {
        std::thread::sleep(Duration::from_millis(u64::try_from(request.max_wait_ms)?));
    }
    Ok(FetchResponse { responses, ..FetchResponse::default() })
}

fn list_offsets(request: ListOffsetsRequest, log: &Log) -> Result<ListOffsetsResponse> {
    let mut topics = Vec::with_capacity(request.topics.len());
    for wanted in request.topics {
        let topic = log.find(&wanted.name, uuid::Uuid::nil()).context("offsets of no topic")?;
        let mut partitions = Vec::with_capacity(wanted.partitions.len());
        for partition in wanted.partitions {
            let end = topic.partition(partition.partition_index)?.end_offset;
            partitions.push(ListOffsetsPartitionResponse {
                partition_index: partition.partition_index,
                offset: if partition.timestamp == EARLIEST { 0 } else { end },
                ..Default::default()
            });
        }
        topics.push(ListOffsetsTopicResponse { name: wanted.name, partitions });
    }
    Ok(ListOffsetsResponse { topics, ..ListOffsetsResponse::default() })
}

fn metadata(request: MetadataRequest, host: &Host) -> MetadataResponse {
    let partition = |partition_index| MetadataResponsePartition {
        partition_index,
        leader_id: NODE_ID,
        leader_epoch: 0,
        replica_nodes: vec![NODE_ID],
        isr_nodes: vec![NODE_ID],
        ..Default::default()
    };
    let wanted = request.topics.unwrap_or_default().into_iter();
    let topics = wanted.filter_map(|topic| host.log.find(&topic.name.unwrap_or_default(), topic.topic_id));
    let topics = topics.map(|topic| MetadataResponseTopic {
        name: Some(topic.name.clone()),
        topic_id: topic.id,
        partitions: (0..topic.partition_count() as i32).map(partition).collect(),
        ..Default::default()
    });
    let (address, port) = (Ipv4Addr::LOCALHOST.to_string(), i32::from(host.port));
    let broker = MetadataResponseBroker { node_id: NODE_ID, host: address.into(), port, rack: None };
    MetadataResponse {
        brokers: vec![broker],
        controller_id: NODE_ID,
        topics: topics.collect(),
        ..Default::default()
    }
}

fn create_topics(request: CreateTopicsRequest, log: &Log) -> Result<CreateTopicsResponse> {
    let mut topics = Vec::new();
    for topic in request.topics {
        log.create(&topic.name, usize::try_from(topic.num_partitions)?)?;
        topics.push(CreatableTopicResult { name: topic.name, ..Default::default() });
    }
    Ok(CreateTopicsResponse { topics, ..CreateTopicsResponse::default() })
}

fn delete_topics(request: DeleteTopicsRequest, log: &Log) -> Result<DeleteTopicsResponse> {
    let mut responses = Vec::new();
    for name in request.topic_names {
        log.delete(&name)?;
        responses.push(DeletableTopicResult { name: Some(name), ..Default::default() });
    }
    Ok(DeleteTopicsResponse { responses, ..DeleteTopicsResponse::default() })
}
