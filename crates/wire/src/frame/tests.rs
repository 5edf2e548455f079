//! Frames: lengths that lie, headers of every version, and batches that are not copied.

use bytes::{BufMut as _, Bytes, BytesMut};
use bytestring::ByteString;
use proptest::prelude::*;
use uuid::Uuid;

use super::{
    Frame, Payload, RequestFrame, Segment, decode_response, encode_request, encode_response, frame_length,
    split_frame,
};
use crate::api_key::ApiKey;
use crate::error::WireError;
use crate::messages::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use crate::messages::fetch::FetchRequest;
use crate::messages::fetch_response::{FetchResponse, FetchableTopicResponse, PartitionData};
use crate::messages::metadata::{MetadataRequest, MetadataResponse};
use crate::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use crate::protocol::Message as _;

#[test]
fn a_length_is_checked_before_anything_is_reserved() {
    assert_eq!(frame_length([0, 0, 0, 100], 100), Ok(100));
    assert_eq!(frame_length([0, 0, 0, 101], 100), Err(WireError::TooLarge { what: "frame", limit: 100 }));
    assert_eq!(frame_length([0xff; 4], 100), Err(WireError::InvalidLength { what: "frame", length: -1 }));
    assert_eq!(frame_length([0; 4], 100), Err(WireError::InvalidLength { what: "frame", length: 0 }));
    // "GET " of an HTTP client that found the wrong port.
    assert!(matches!(frame_length(*b"GET ", 100 << 20), Err(WireError::TooLarge { .. })));
}

#[test]
fn frames_come_out_of_a_stream_whatever_its_pieces() {
    let mut stream = BytesMut::new();
    for body in [&b"first"[..], b"second frame"] {
        stream.put_i32(body.len() as i32);
        stream.put_slice(body);
    }
    let mut received = BytesMut::new();
    let mut frames = Vec::new();
    for byte in stream {
        received.put_u8(byte);
        while let Some(frame) = split_frame(&mut received, 100).unwrap() {
            frames.push(frame);
        }
    }
    assert_eq!(frames, [&b"first"[..], b"second frame"]);
    assert!(received.is_empty());
}

#[test]
fn a_request_comes_back_with_its_header_in_every_version() {
    let request = MetadataRequest { allow_auto_topic_creation: true, ..Default::default() };
    for client_id in [None, Some(ByteString::from_static("me"))] {
        for version in MetadataRequest::VERSIONS.min..=MetadataRequest::VERSIONS.max {
            let bytes = encode_request(&request, version, 7, client_id.as_ref()).unwrap();
            let frame = split_frame(&mut BytesMut::from(&bytes[..]), 1000).unwrap().unwrap();
            let received = RequestFrame::decode(frame).unwrap();
            assert_eq!(received.api_key, ApiKey::Metadata);
            assert_eq!((received.api_version, received.correlation_id), (version, 7));
            assert_eq!(received.client_id, client_id);
            assert_eq!(received.decode_body::<MetadataRequest>().unwrap(), request);
        }
    }
}

#[test]
fn the_client_id_keeps_its_two_byte_length_in_flexible_versions() {
    let client = ByteString::from_static("me");
    let bytes = encode_request(&ApiVersionsRequest::default(), 4, 1, Some(&client)).unwrap();
    assert_eq!(&bytes[..], [0, 0, 0, 16, 0, 18, 0, 4, 0, 0, 0, 1, 0, 2, b'm', b'e', 0, 1, 1, 0]);
}

#[test]
fn a_request_in_a_version_from_the_future_still_has_a_readable_header() {
    let header = Bytes::from_static(&[0, 18, 0, 99, 0, 0, 0, 5, 0, 1, b'c', 0, 0xde, 0xad]);
    let received = RequestFrame::decode(header).unwrap();
    assert_eq!((received.api_key, received.api_version), (ApiKey::ApiVersions, 99));
    assert_eq!(received.correlation_id, 5);
    assert_eq!(received.body, &[0xde, 0xad][..]);
    assert!(matches!(
        received.decode_body::<ApiVersionsRequest>(),
        Err(WireError::UnsupportedVersion { version: 99, .. })
    ));
    let unknown = Bytes::from_static(&[0x7f, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff]);
    assert_eq!(RequestFrame::decode(unknown), Err(WireError::UnknownApiKey { key: i16::MAX }));
}

#[test]
fn a_response_must_answer_its_request() {
    let response = MetadataResponse { controller_id: 3, ..Default::default() };
    for version in [1, 13] {
        let bytes = encode_response(&response, ApiKey::Metadata, version, 7).unwrap();
        let frame = bytes.slice(4..);
        assert_eq!(super::response_correlation_id(&frame), Ok(7));
        let decoded = decode_response::<MetadataRequest>(frame.clone(), version, 7).unwrap();
        assert_eq!(decoded, response);
        assert_eq!(
            decode_response::<MetadataRequest>(frame, version, 8),
            Err(WireError::CorrelationMismatch { found: 7, expected: 8 })
        );
    }
}

#[test]
fn the_response_to_api_versions_has_the_old_header() {
    let bytes = encode_response(&ApiVersionsResponse::default(), ApiKey::ApiVersions, 4, 7).unwrap();
    // Length, correlation id, then at once the error code: no tagged fields between.
    assert_eq!(&bytes[..], [0, 0, 0, 12, 0, 0, 0, 7, 0, 0, 1, 0, 0, 0, 0, 0]);
}

fn produce(version: i16, records: &[Option<Bytes>]) -> ProduceRequest {
    let mut topic = TopicProduceData::default();
    if version <= 12 {
        topic.name = "topic".into();
    } else {
        topic.topic_id = Uuid::from_u128(7);
    }
    topic.partition_data = records
        .iter()
        .zip(0..)
        .map(|(records, index)| PartitionProduceData { index, records: records.clone() })
        .collect();
    ProduceRequest { acks: -1, timeout_ms: 30, topic_data: vec![topic.clone(), topic], ..Default::default() }
}

#[test]
fn a_produce_request_goes_out_around_its_batches_and_comes_in_as_slices() {
    let batches =
        [Some(Bytes::from(vec![1; 1000])), None, Some(Bytes::new()), Some(Bytes::from(vec![2; 70]))];
    let client = ByteString::from_static("me");
    for version in ProduceRequest::VERSIONS.min..=ProduceRequest::VERSIONS.max {
        let request = produce(version, &batches);
        let frame = request.clone().into_frame(version, 7, Some(&client)).unwrap();
        let whole = frame.to_contiguous();
        assert_eq!(whole.len(), frame.size_bytes());
        assert_eq!(whole, encode_request(&request, version, 7, Some(&client)).unwrap());
        let sent: Vec<_> = frame
            .segments()
            .iter()
            .filter_map(|segment| match segment {
                Segment::Payload(payload) => Some(payload.as_ptr()),
                Segment::Bytes(_) => None,
            })
            .collect();
        let given = batches.iter().flatten().map(|batch| batch.as_ptr());
        assert_eq!(sent, given.clone().chain(given).collect::<Vec<_>>());

        let received =
            RequestFrame::decode(whole.slice(4..)).unwrap().decode_body::<ProduceRequest>().unwrap();
        assert_eq!(received, request);
        let first = received.topic_data[0].partition_data[0].records.as_ref().unwrap();
        assert!(whole.as_ptr_range().contains(&first.as_ptr()), "batches are slices of the frame");
    }
}

/// Batches that lie in a file, as a broker has them.
#[derive(Debug, Clone, PartialEq)]
struct FileRange {
    length_bytes: usize,
}

impl Payload for FileRange {
    fn size_bytes(&self) -> usize {
        self.length_bytes
    }
}

fn fetched<P: Clone>(version: i16, records: Option<P>) -> FetchResponse<P> {
    let mut topic = FetchableTopicResponse::default();
    if version <= 12 {
        topic.topic = "topic".into();
    } else {
        topic.topic_id = Uuid::from_u128(7);
    }
    topic.partitions = (0..3)
        .map(|index| PartitionData { partition_index: index, records: records.clone(), ..Default::default() })
        .collect();
    FetchResponse { responses: vec![topic], ..Default::default() }
}

#[test]
fn a_fetch_response_counts_batches_that_it_never_sees() {
    for version in FetchResponse::VERSIONS.min..=FetchResponse::VERSIONS.max {
        let in_memory = fetched(version, Some(Bytes::from(vec![9; 500])));
        let in_file = fetched(version, Some(FileRange { length_bytes: 500 }));
        let frame = in_file.into_frame(version, 7).unwrap();
        let same = in_memory.clone().into_frame(version, 7).unwrap();
        assert_eq!(frame.size_bytes(), same.size_bytes());
        let payloads = frame.segments().iter().filter(|segment| matches!(segment, Segment::Payload(_)));
        assert_eq!(payloads.count(), 3);
        let sizes: usize = frame.segments().iter().map(Segment::size_bytes).sum();
        assert_eq!(sizes, frame.size_bytes());

        let whole: Bytes = same.clone().into_chunks().flatten().collect();
        assert_eq!(whole, same.to_contiguous());
        assert_eq!(whole, encode_response(&in_memory, ApiKey::Fetch, version, 7).unwrap());
        assert_eq!(frame_length(*whole.first_chunk().unwrap(), 10_000), Ok(whole.len() - 4));
        let received = decode_response::<FetchRequest>(whole.slice(4..), version, 7).unwrap();
        assert_eq!(received, in_memory);
        let first = received.responses[0].partitions[0].records.as_ref().unwrap();
        assert!(whole.as_ptr_range().contains(&first.as_ptr()), "batches are slices of the frame");
    }
}

#[test]
fn a_frame_without_batches_is_one_segment() {
    let frame: Frame<Bytes> = fetched(12, None).into_frame(12, 7).unwrap();
    assert_eq!(frame.segments().len(), 1);
    assert_eq!(frame.into_segments().len(), 1);
}

#[test]
fn a_frame_larger_than_its_length_can_say_is_refused() {
    let huge = fetched(12, Some(FileRange { length_bytes: 1 << 30 }));
    assert!(matches!(huge.into_frame(12, 7), Err(WireError::TooLarge { what: "frame", .. })));
    assert!(matches!(
        FetchResponse::<Bytes>::default().into_frame(3, 7),
        Err(WireError::UnsupportedVersion { version: 3, .. })
    ));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), limit in 0..200_usize) {
        let mut received = BytesMut::from(&bytes[..]);
        while let Ok(Some(frame)) = split_frame(&mut received, limit) {
            prop_assert!(frame.len() <= limit);
        }
        let _ = RequestFrame::decode(bytes.into());
    }
}
