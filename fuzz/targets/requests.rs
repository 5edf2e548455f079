//! Requests that are well formed, of every API in every version that is offered, to a running broker with topics, groups and
//! transactions. The decoder itself says what is to come next ([`invent`]), so that what is sent is read to its end and what is
//! behind the decoders is tried. Two connections, answers taken or not; every answer must be readable, and the broker goes on serving.
#![no_main]
#![allow(clippy::expect_used, clippy::panic, reason = "what cannot fail and does is a finding")]

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use libfuzzer_sys::fuzz_target;
use millstream_broker::{Broker, BrokerConfig, FsyncPolicy, InProcessConnection};
use millstream_fuzz::Input;
use millstream_wire::compression::{Compression, Compressor};
use millstream_wire::messages::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use millstream_wire::messages::metadata::{MetadataRequest, MetadataRequestTopic};
use millstream_wire::messages::walk::{Walked, all};
use millstream_wire::protocol::{Reader, Request};
use millstream_wire::records::{BatchBuilder, FinishOptions, ProducerStamp};
use millstream_wire::{ApiKey, WireError, frame};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

/// Inputs after which a new broker is made, so that what was created does not pile up.
const INPUTS_PER_BROKER: u32 = 300;
/// Requests of one input.
const REQUESTS_MAX: usize = 12;
/// How long an answer is waited for: some requests wait for others that never come.
const PATIENCE: Duration = Duration::from_millis(10);
/// Values that a request is made of before it is given up.
const VALUES_MAX: usize = 400;
const BODY_BYTES_MAX: usize = 64 * 1024;
const TOPICS: [&str; 2] = ["t", "u"];

/// An API with the messages of its requests and answers.
struct Offered {
    key: ApiKey,
    versions: (i16, i16),
    request: Walked,
    response: Walked,
}

struct Fixture {
    runtime: Runtime,
    broker: Broker,
    offered: Vec<Offered>,
    topic_ids: Vec<[u8; 16]>,
    batches: Vec<Bytes>,
    _directory: tempfile::TempDir,
    inputs_left: u32,
}

static FIXTURE: Mutex<Option<Fixture>> = Mutex::new(None);

fn start() -> Fixture {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let directory = tempfile::tempdir().expect("a directory");
    let mut config = BrokerConfig::new(directory.path());
    config.fsync = FsyncPolicy::None;
    config.offsets_partitions = 2;
    config.transactions_partitions = 2;
    config.in_flight_bytes_max = 1 << 20;
    config.fetched_bytes_max = 1 << 20;
    config.group_initial_rebalance_delay = Duration::ZERO;
    let broker = runtime.block_on(Broker::start(config)).expect("a broker");
    let (offered, topic_ids) = runtime.block_on(async {
        let mut connection = broker.connect_in_process();
        let versions = ask(&mut connection, 0, &ApiVersionsRequest::default()).await;
        let named = |name: &&str| MetadataRequestTopic { name: Some((*name).into()), ..Default::default() };
        let topics = Some(TOPICS.iter().map(named).collect());
        let created = ask(&mut connection, 12, &MetadataRequest { topics, ..Default::default() }).await;
        let ids = created.topics.iter().map(|topic| topic.topic_id.into_bytes());
        (offered(&versions), ids.collect())
    });
    Fixture {
        runtime,
        broker,
        offered,
        topic_ids,
        batches: batches(),
        _directory: directory,
        inputs_left: INPUTS_PER_BROKER,
    }
}

async fn ask<R: Request>(connection: &mut InProcessConnection, version: i16, request: &R) -> R::Response {
    let mut bytes = frame::encode_request(request, version, 1, None).expect("a request");
    bytes.advance(frame::LENGTH_BYTES);
    connection.requests.send(bytes).await.expect("the broker takes requests");
    let answer = connection.responses.recv().await.expect("the broker answers");
    frame::decode_response::<R>(answer, version, 1).expect("an answer")
}

fn offered(versions: &ApiVersionsResponse) -> Vec<Offered> {
    let mut messages: HashMap<&str, Walked> = all().into_iter().map(|it| (it.name, it)).collect();
    let offered = versions.api_keys.iter().map(|api| {
        let key = ApiKey::all().find(|key| key.code() == api.api_key).expect("an API of Kafka's");
        let mut message = |kind| messages.remove(&*format!("{}{kind}", key.name())).expect("a message");
        let (request, response) = (message("Request"), message("Response"));
        Offered {
            key,
            versions: (request.versions.min.max(api.min_version), api.max_version),
            request,
            response,
        }
    });
    offered.collect()
}

/// Batches of every kind.
fn batches() -> Vec<Bytes> {
    let mut batches = Vec::new();
    let make = |options: FinishOptions, keyed: bool| {
        let mut builder = BatchBuilder::new(1 << 10);
        let key = keyed.then_some(&b"k"[..]);
        builder.append(1_700_000_000_000, key, Some(b"value"), &[]).expect("a record");
        builder.finish(&options, &mut Compressor::default()).expect("a batch")
    };
    for (keyed, compression) in [
        (true, Compression::None),
        (false, Compression::None),
        (true, Compression::Lz4),
        (true, Compression::Zstd),
    ] {
        batches.push(make(FinishOptions { compression, ..FinishOptions::default() }, keyed));
    }
    for producer_id in 0..3 {
        for (producer_epoch, base_sequence, transactional) in
            [(0, 0, true), (0, 1, true), (1, 0, true), (0, 0, false)]
        {
            let producer = ProducerStamp { producer_id, producer_epoch, base_sequence };
            let options = FinishOptions { producer, transactional, ..FinishOptions::default() };
            batches.push(make(options, true));
        }
    }
    batches
}

/// A body that the decoder reads to its end: whatever it lacks is put behind what there is, and what it does not like replaced.
fn invent(fixture: &Fixture, message: &Walked, version: i16, input: &mut Input<'_>) -> Option<Bytes> {
    let mut body = BytesMut::new();
    for _ in 0..VALUES_MAX {
        let (position, stopped) = (message.probe)(Bytes::copy_from_slice(&body), version);
        match stopped {
            Ok(()) => {
                body.truncate(position);
                return Some(body.freeze());
            }
            Err(WireError::Truncated { what, needed, available }) => {
                let missing = needed.saturating_sub(available);
                if body.len() + missing > BODY_BYTES_MAX {
                    return None;
                }
                append(fixture, what, needed, missing, input, &mut body);
            }
            // A null where there must be something, a length that cannot be: another value.
            Err(_) => {
                body.truncate(position.checked_sub(1)?);
                body.put_u8(1 + input.byte() % 3);
            }
        }
    }
    None
}

/// The next value, of a kind that says something to the broker more often than by chance.
fn append(
    fixture: &Fixture,
    what: &str,
    needed: usize,
    missing: usize,
    input: &mut Input<'_>,
    body: &mut BytesMut,
) {
    let choice = usize::from(input.byte());
    let batch = &fixture.batches[choice % fixture.batches.len()];
    match what {
        "int8" => body.put_u8([0, 1, 0, 1, 2, 0xff][choice % 6]),
        "int16" => body.put_i16([0, 1, 1, 2, -1, 5, i16::MAX, i16::MIN][choice % 8]),
        "int32" => match choice % 16 {
            15 => body.put_u32(u32::from_be_bytes([input.byte(), input.byte(), input.byte(), input.byte()])),
            12..15 => body.put_i32(i32::try_from(batch.len()).expect("small")),
            other => body.put_i32([0, 1, 1, 0, 2, -1, 3, 100, 60_000, 1 << 20, i32::MAX, i32::MIN][other]),
        },
        "int64" => match choice % 12 {
            11 => body.put_u64(u64::from(input.short()) << (choice / 12 * 3)),
            other => {
                body.put_i64([0, 0, 1, 2, -1, -2, -3, 60_000, 1_700_000_000_000, i64::MAX, i64::MIN][other])
            }
        },
        "uuid" => body.put_slice(&fixture.topic_ids[choice % fixture.topic_ids.len()]),
        "string" if needed == 1 => body.put_u8(b"tugabm"[choice % 6]),
        "unsigned varint" => match choice % 12 {
            11 => body.put_slice(&varint(batch.len() + 1)),
            other => body.put_u8([0, 1, 2, 2, 1, 0, 2, 3, 0, 2, 6][other]),
        },
        // Records and other bytes.
        _ => match fixture.batches.iter().filter(|batch| batch.len() == needed).nth(choice % 3) {
            Some(batch) if missing == needed => body.put_slice(batch),
            _ => (0..missing).for_each(|_| body.put_u8(1 + input.byte() % 3)),
        },
    }
}

fn varint(value: usize) -> Vec<u8> {
    let (low, high) = ((value & 0x7f) as u8, (value >> 7) as u8);
    if high == 0 { vec![low] } else { vec![low | 0x80, high & 0x7f] }
}

/// The request frame with the header that its API and version ask for.
fn request(key: ApiKey, version: i16, correlation_id: i32, body: &[u8]) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_i16(key.code());
    frame.put_i16(version);
    frame.put_i32(correlation_id);
    frame.put_i16(1);
    frame.put_u8(b'f');
    if key.request_header_version(version) == 2 {
        frame.put_u8(0);
    }
    frame.extend_from_slice(body);
    frame.freeze()
}

/// An answer belongs to its request and is read to its end.
fn check(api: &Offered, version: i16, correlation_id: i32, mut answer: Bytes) {
    let mut r = Reader::new(answer.clone());
    assert_eq!(r.i32().expect("a header"), correlation_id, "{}", api.key.name());
    if api.key.response_header_version(version) == 1 {
        r.skip_tagged_fields().expect("a header");
    }
    answer.advance(r.position());
    let length = answer.len();
    let (position, decoded) = (api.response.probe)(answer, version);
    assert!(decoded.is_ok() && position == length, "{} version {version}: {decoded:?}", api.key.name());
}

async fn send_all(fixture: &Fixture, data: &[u8]) {
    let mut connections = [(); 2].map(|()| (fixture.broker.connect_in_process(), true));
    let mut input = Input(data);
    for correlation_id in 0..REQUESTS_MAX {
        if input.is_empty() {
            break;
        }
        let api = &fixture.offered[usize::from(input.byte()) % fixture.offered.len()];
        let choice = input.byte();
        let (least, most) = api.versions;
        let version = least + i16::from(choice >> 1) % (most - least + 1);
        let (connection, is_in_step) = &mut connections[usize::from(choice & 1)];
        let Some(body) = invent(fixture, &api.request, version, &mut input) else { continue };
        let correlation_id = i32::try_from(correlation_id).expect("small");
        if connection.requests.send(request(api.key, version, correlation_id, &body)).await.is_err() {
            continue;
        }
        match timeout(PATIENCE, connection.responses.recv()).await {
            Ok(Some(answer)) if *is_in_step => check(api, version, correlation_id, answer),
            // The answer may come later, or never.
            Err(_) => *is_in_step = false,
            Ok(_) => {}
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let mut fixture = FIXTURE.lock().expect("no panic while it was held");
    if fixture.as_ref().is_some_and(|fixture| fixture.inputs_left == 0) {
        *fixture = None;
    }
    let fixture = fixture.get_or_insert_with(start);
    fixture.inputs_left -= 1;
    fixture.runtime.block_on(async {
        send_all(fixture, data).await;
        ask(&mut fixture.broker.connect_in_process(), 0, &ApiVersionsRequest::default()).await;
    });
});
