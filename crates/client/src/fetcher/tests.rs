use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use millstream_wire::compression::Compressor;
use millstream_wire::frame::RequestFrame;
use millstream_wire::messages::fetch_response::{FetchResponse, FetchableTopicResponse, PartitionData};
use millstream_wire::messages::list_offsets::{
    ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopicResponse,
};
use millstream_wire::messages::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderEpochResponse, OffsetForLeaderTopicResult,
};
use millstream_wire::messages::{FetchRequest, MetadataResponse};
use millstream_wire::records::{BatchBuilder, FinishOptions, assign_offset};
use millstream_wire::{ApiKey, ErrorCode};
use uuid::Uuid;

use super::*;
use crate::error::ErrorKind;
use crate::scripted_broker::{Reaction, answer, config, metadata};

/// A batch of records `base_offset..base_offset + count`, written in an epoch.
fn batch(base_offset: i64, count: i64, epoch: i32) -> Bytes {
    let mut builder = BatchBuilder::new(1 << 16);
    for offset in base_offset..base_offset + count {
        builder.append(offset, None, Some(&[b'v'; 100]), &[]).unwrap();
    }
    let bytes = builder.finish(&FinishOptions::default(), &mut Compressor::default()).unwrap();
    let mut bytes = BytesMut::from(&bytes[..]);
    assign_offset(&mut bytes, base_offset, epoch).unwrap();
    bytes.freeze()
}

/// An answer with something for each partition, by index.
fn fetched(request: &RequestFrame, session_id: i32, partitions: BTreeMap<i32, PartitionData>) -> Reaction {
    let partition = |(partition_index, data)| PartitionData { partition_index, ..data };
    let topic = FetchableTopicResponse {
        topic_id: Uuid::from_u128(7),
        partitions: partitions.into_iter().map(partition).collect(),
        ..Default::default()
    };
    answer(request, &FetchResponse { session_id, responses: vec![topic], ..Default::default() })
}

fn data(records: Bytes, high_watermark: i64) -> PartitionData {
    PartitionData { high_watermark, records: Some(records), ..PartitionData::default() }
}

fn error(code: ErrorCode) -> PartitionData {
    PartitionData { error_code: code.code(), ..PartitionData::default() }
}

/// The offsets that a request asks for, by partition.
fn asked(request: &RequestFrame) -> BTreeMap<i32, i64> {
    let request = request.decode_body::<FetchRequest>().unwrap();
    let partitions = request.topics.iter().flat_map(|topic| &topic.partitions);
    partitions.map(|partition| (partition.partition, partition.fetch_offset)).collect()
}

async fn fetcher(
    settings: FetcherConfig,
    script: impl Fn(&RequestFrame) -> Option<Reaction> + Send + Sync + 'static,
) -> Fetcher {
    Fetcher::new(Client::connect(config(script)).await.unwrap(), settings).unwrap()
}

fn partition(index: i32) -> TopicPartition {
    TopicPartition::new("t", index)
}

#[tokio::test]
async fn a_full_partition_is_left_out_and_the_others_go_on() {
    let requests = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&requests);
    let settings = FetcherConfig { partition_buffer_bytes: 3_000, ..FetcherConfig::default() };
    let fetcher = fetcher(settings, move |request| match request.api_key {
        ApiKey::Metadata => Some(answer(request, &metadata(2, 0))),
        ApiKey::Fetch => {
            let asked = asked(request);
            log.lock().push(asked.clone());
            let batches = asked.into_iter().map(|(index, offset)| (index, data(batch(offset, 10, 0), 1_000)));
            Some(fetched(request, 0, batches.collect()))
        }
        _ => None,
    })
    .await;
    let mut slow = fetcher.read(partition(0), Start::at(0), None);
    let mut fast = fetcher.read(partition(1), Start::at(0), Some(200));
    let mut records = 0;
    while let Some(batches) = fast.next().await.unwrap() {
        assert_eq!(batches.position, records);
        records = batches.next_position;
    }
    assert_eq!((records, fast.remaining()), (200, Some(0)));
    let held = requests.lock().iter().filter_map(|asked| asked.get(&0)).max().copied().unwrap();
    assert!(held <= 30, "the slow partition's queue was full at offset {held}");
    for expected in 0..30 {
        assert_eq!(slow.next().await.unwrap().unwrap().position, expected * 10);
    }
    assert_eq!(slow.high_watermark(), Some(1_000));
}

#[tokio::test]
async fn all_queues_together_are_bounded_and_reading_makes_room() {
    let settings = FetcherConfig { buffer_bytes_max: 3_000, ..FetcherConfig::default() };
    let served = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&served);
    let fetcher = fetcher(settings, move |request| match request.api_key {
        ApiKey::Metadata => Some(answer(request, &metadata(8, 0))),
        ApiKey::Fetch => {
            let asked = asked(request);
            count.fetch_add(asked.len() as u64, Ordering::Relaxed);
            let batches = asked.into_iter().map(|(index, offset)| (index, data(batch(offset, 10, 0), 1_000)));
            Some(fetched(request, 0, batches.collect()))
        }
        _ => None,
    })
    .await;
    let readers = (0..8).map(|index| fetcher.read(partition(index), Start::at(0), Some(500))).collect();
    let mut readers = ReaderSet::new(readers);
    let mut taken = 0;
    while let Some(batches) = readers.next().await.unwrap() {
        assert!(!batches.records.is_empty());
        taken += 1;
        // One fetch of eight partitions may be queued beyond the bound, and one be under way.
        let ahead = served.load(Ordering::Relaxed) - taken;
        assert!(ahead <= 24, "{ahead} batches ahead");
    }
    assert_eq!(taken, 8 * 50);
}

#[tokio::test]
async fn a_position_is_checked_against_a_new_leader_before_it_is_read() {
    let epoch = Arc::new(std::sync::atomic::AtomicI32::new(4));
    let current = Arc::clone(&epoch);
    let fetcher = fetcher(FetcherConfig::default(), move |request| match request.api_key {
        ApiKey::Metadata => Some(answer(request, &metadata(1, current.load(Ordering::Relaxed)))),
        ApiKey::Fetch => {
            let asked = request.decode_body::<FetchRequest>().unwrap();
            let first = asked.topics[0].partitions[0].clone();
            // The epoch of the answer to the first fetch is the last thing that this leader says.
            let answer = if first.current_leader_epoch < current.load(Ordering::Relaxed) {
                error(ErrorCode::FencedLeaderEpoch)
            } else {
                current.store(5, Ordering::Relaxed);
                data(batch(first.fetch_offset, 10, 4), 10)
            };
            Some(fetched(request, 0, BTreeMap::from([(0, answer)])))
        }
        ApiKey::OffsetForLeaderEpoch => {
            let partition = EpochEndOffset { leader_epoch: 4, end_offset: 7, ..Default::default() };
            let topic = OffsetForLeaderTopicResult { topic: "t".to_owned(), partitions: vec![partition] };
            Some(answer(request, &OffsetForLeaderEpochResponse { topics: vec![topic], ..Default::default() }))
        }
        _ => None,
    })
    .await;
    let mut reader = fetcher.read(partition(0), Start::at(0), None);
    assert_eq!(reader.next().await.unwrap().unwrap().next_position, 10);
    let error = reader.next().await.unwrap_err();
    let ClientError::Truncated { position: 10, epoch: 4, end_offset: 7, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(error.kind(), ErrorKind::Data);
    assert!(reader.next().await.is_err(), "an error stays");
}

#[tokio::test]
async fn an_offset_out_of_range_is_an_error_or_a_new_start_as_the_policy_says() {
    for reset in [OffsetReset::Error, OffsetReset::Earliest] {
        let settings = FetcherConfig { reset, ..FetcherConfig::default() };
        let fetcher = fetcher(settings, |request| match request.api_key {
            ApiKey::Fetch => {
                let offset = asked(request)[&0];
                let answer = if offset < 50 {
                    error(ErrorCode::OffsetOutOfRange)
                } else {
                    data(batch(offset, 10, 0), 60)
                };
                Some(fetched(request, 0, BTreeMap::from([(0, answer)])))
            }
            ApiKey::ListOffsets => {
                let asked = request.decode_body::<ListOffsetsRequest>().unwrap();
                assert_eq!(asked.topics[0].partitions[0].timestamp, -2);
                let found = ListOffsetsPartitionResponse { offset: 50, ..Default::default() };
                let topic = ListOffsetsTopicResponse { name: "t".to_owned(), partitions: vec![found] };
                Some(answer(request, &ListOffsetsResponse { topics: vec![topic], ..Default::default() }))
            }
            _ => None,
        })
        .await;
        let first = fetcher.read(partition(0), Start::at(5), None).next().await;
        match reset {
            OffsetReset::Error => {
                assert_eq!(first.unwrap_err().code(), Some(ErrorCode::OffsetOutOfRange));
            }
            _ => assert_eq!(first.unwrap().unwrap().position, 50),
        }
    }
}

#[tokio::test]
async fn a_topic_that_was_created_anew_is_noticed() {
    let id = Arc::new(AtomicU64::new(7));
    let current = Arc::clone(&id);
    let fetcher = fetcher(FetcherConfig::default(), move |request| match request.api_key {
        ApiKey::Metadata => {
            let mut response: MetadataResponse = metadata(1, 0);
            response.topics[0].topic_id = Uuid::from_u128(u128::from(current.load(Ordering::Relaxed)));
            Some(answer(request, &response))
        }
        ApiKey::Fetch => {
            current.store(8, Ordering::Relaxed);
            Some(fetched(request, 0, BTreeMap::from([(0, error(ErrorCode::UnknownTopicId))])))
        }
        _ => None,
    })
    .await;
    let error = fetcher.read(partition(0), Start::at(0), None).next().await.unwrap_err();
    assert!(matches!(error, ClientError::TopicRecreated { .. }), "{error}");
}

/// Offsets that do not move on would be fetched for ever; a batch that is cut short is none.
#[tokio::test]
async fn hostile_answers_end_the_read_with_an_error() {
    let cut = batch(0, 10, 0).slice(..300);
    for records in [batch(0, 10, 0), cut, Bytes::from_static(&[0; 200])] {
        let fetcher = fetcher(FetcherConfig::default(), move |request| {
            let records = records.clone();
            (request.api_key == ApiKey::Fetch)
                .then(|| fetched(request, 0, BTreeMap::from([(0, data(records, 60))])))
        })
        .await;
        let error = fetcher.read(partition(0), Start::at(10), None).next().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data, "{error}");
    }
}

#[tokio::test]
async fn a_broker_that_hangs_up_is_tried_again() {
    let fetches = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&fetches);
    let fetcher = fetcher(FetcherConfig::default(), move |request| {
        if request.api_key != ApiKey::Fetch {
            return None;
        }
        Some(match count.fetch_add(1, Ordering::Relaxed) {
            turn if turn % 2 == 0 => Reaction::HangUp,
            _ => fetched(request, 9, BTreeMap::from([(0, data(batch(asked(request)[&0], 10, 0), 60))])),
        })
    })
    .await;
    let mut reader = fetcher.read(partition(0), Start::at(0), Some(30));
    for position in [0, 10, 20] {
        assert_eq!(reader.next().await.unwrap().unwrap().position, position);
    }
    assert!(reader.next().await.unwrap().is_none());
}
