//! Real sockets: pipelining, half-open and hostile clients, several listeners, and what a stop does.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use bytes::Bytes;
use millstream_broker::{Broker, BrokerConfig, BrokerError, FsyncPolicy, ListenerConfig};
use millstream_wire::frame;
use millstream_wire::messages::api_versions::ApiVersionsRequest;
use millstream_wire::messages::fetch::{FetchPartition, FetchRequest, FetchTopic};
use millstream_wire::messages::metadata::{MetadataRequest, MetadataRequestTopic};
use millstream_wire::protocol::Request;

/// Long enough for any answer, short enough for a test that fails.
const PATIENCE: Duration = Duration::from_secs(30);

fn config(directory: &tempfile::TempDir) -> BrokerConfig {
    let mut config = BrokerConfig::new(directory.path());
    config.fsync = FsyncPolicy::None;
    config.listeners.push(ListenerConfig::plaintext("127.0.0.1:0"));
    config
}

fn connect(broker: &Broker) -> TcpStream {
    let stream = TcpStream::connect(broker.listeners()[0].address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn request<R: Request>(version: i16, correlation_id: i32, request: &R) -> Bytes {
    frame::encode_request(request, version, correlation_id, None).unwrap()
}

fn read_frame(stream: &mut TcpStream) -> Bytes {
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut body = vec![0; usize::try_from(i32::from_be_bytes(length)).unwrap()];
    stream.read_exact(&mut body).unwrap();
    body.into()
}

fn create(topic: &str) -> MetadataRequest {
    let topic = MetadataRequestTopic { name: Some(topic.into()), ..MetadataRequestTopic::default() };
    MetadataRequest { topics: Some(vec![topic]), ..MetadataRequest::default() }
}

fn long_poll(topic: &str) -> FetchRequest {
    let partition = FetchPartition { partition_max_bytes: 1 << 20, ..FetchPartition::default() };
    let topic = FetchTopic { topic: topic.into(), partitions: vec![partition], ..FetchTopic::default() };
    FetchRequest {
        max_wait_ms: 600_000,
        min_bytes: 1,
        max_bytes: 1 << 20,
        topics: vec![topic],
        ..FetchRequest::default()
    }
}

/// Whether a connection is still served.
fn is_served(stream: &mut TcpStream) -> bool {
    let asked = request(0, 77, &ApiVersionsRequest::default());
    stream.write_all(&asked).unwrap();
    frame::response_correlation_id(&read_frame(stream)).unwrap() == 77
}

#[tokio::test(flavor = "multi_thread")]
async fn many_requests_in_one_write_are_answered_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let broker = Broker::start(config(&directory)).await.unwrap();
    let mut stream = connect(&broker);
    let mut sent = Vec::new();
    for correlation_id in 0..1000 {
        sent.extend(request(12, correlation_id, &create("t")));
    }
    let mut writing = stream.try_clone().unwrap();
    let writer = std::thread::spawn(move || {
        // Cut anywhere: frames do not end where writes do.
        for part in sent.chunks(777) {
            writing.write_all(part).unwrap();
        }
    });
    for expected in 0..1000 {
        assert_eq!(frame::response_correlation_id(&read_frame(&mut stream)).unwrap(), expected);
    }
    writer.join().unwrap();
    broker.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_bytes_close_their_connection_and_harm_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let broker = Broker::start(config(&directory)).await.unwrap();
    let mut neighbour = connect(&broker);
    let whole = request(12, 1, &create("t"));
    let mut damaged = whole.to_vec();
    damaged[4..8].copy_from_slice(&[0x55; 4]);
    let hostile: [&[u8]; 8] = [
        &i32::MAX.to_be_bytes(),
        &(100 * 1024 * 1024 + 1_i32).to_be_bytes(),
        &(-1_i32).to_be_bytes(),
        &0_i32.to_be_bytes(),
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\x00\x00\x00\x0a\x00\x03\x00\x0c\x00\x00\x00\x01\xff\xff",
        &damaged,
    ];
    for bytes in hostile {
        let mut stream = connect(&broker);
        stream.write_all(bytes).unwrap();
        // A TLS greeting announces a frame of 369 MB: refused by its length. All others are refused as well.
        let mut rest = Vec::new();
        assert_eq!(stream.read_to_end(&mut rest).unwrap_or(0), 0, "{bytes:?} got {rest:?}");
        assert!(is_served(&mut neighbour));
    }
    broker.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn half_requests_and_silent_clients_hold_nobody_up() {
    let directory = tempfile::tempdir().unwrap();
    let broker = Broker::start(config(&directory)).await.unwrap();
    let whole = request(12, 1, &create("t"));
    let mut half: Vec<TcpStream> = (0..50).map(|_| connect(&broker)).collect();
    for (cut, stream) in half.iter_mut().enumerate() {
        stream.write_all(&whole[..cut % whole.len()]).unwrap();
    }
    // One that shuts its side down before its request is whole is closed.
    let mut closing = connect(&broker);
    closing.write_all(&whole[..whole.len() - 1]).unwrap();
    closing.shutdown(Shutdown::Write).unwrap();
    assert_eq!(closing.read(&mut [0; 1]).unwrap(), 0);
    assert!(is_served(&mut connect(&broker)));
    // The half ones go on where they stopped.
    for (cut, stream) in half.iter_mut().enumerate() {
        stream.write_all(&whole[cut % whole.len()..]).unwrap();
        assert_eq!(frame::response_correlation_id(&read_frame(stream)).unwrap(), 1);
    }
    broker.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_is_closed_and_one_that_waits_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(&directory);
    config.connections_max_idle = Duration::from_millis(50);
    let broker = Broker::start(config).await.unwrap();
    let mut waiting = connect(&broker);
    waiting.write_all(&request(12, 1, &create("t"))).unwrap();
    read_frame(&mut waiting);
    waiting.write_all(&request(12, 2, &long_poll("t"))).unwrap();
    let mut idle = connect(&broker);
    assert_eq!(idle.read(&mut [0; 1]).unwrap(), 0);
    waiting.set_nonblocking(true).unwrap();
    let still_open = waiting.read(&mut [0; 1]).unwrap_err();
    assert_eq!(still_open.kind(), std::io::ErrorKind::WouldBlock);
    broker.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn in_flight_bytes_are_bounded_and_large_requests_still_pass() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(&directory);
    config.in_flight_bytes_max = 1000;
    config.connection_in_flight_bytes_max = 500;
    let broker = Broker::start(config).await.unwrap();
    let topics = (0..200).map(|number| MetadataRequestTopic {
        name: Some(format!("missing topic {number}").into()),
        ..MetadataRequestTopic::default()
    });
    let large = MetadataRequest { topics: Some(topics.collect()), ..MetadataRequest::default() };
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let mut stream = connect(&broker);
            let large = large.clone();
            std::thread::spawn(move || {
                for correlation_id in 0..20 {
                    stream.write_all(&request(12, correlation_id, &large)).unwrap();
                }
                for expected in 0..20 {
                    assert_eq!(frame::response_correlation_id(&read_frame(&mut stream)).unwrap(), expected);
                }
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
    broker.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_answers_a_long_poll_and_closes_every_connection() {
    let directory = tempfile::tempdir().unwrap();
    let broker = Broker::start(config(&directory)).await.unwrap();
    let mut waiting = connect(&broker);
    waiting.write_all(&request(12, 1, &create("t"))).unwrap();
    read_frame(&mut waiting);
    waiting.write_all(&request(12, 2, &long_poll("t"))).unwrap();
    let mut idle = connect(&broker);
    assert!(is_served(&mut idle));
    broker.shutdown().await.unwrap();
    let mut rest = Vec::new();
    // A poll that the broker had not read when it stopped is closed with a reset: the system says so for unread bytes.
    let closed = waiting.read_to_end(&mut rest);
    assert!(closed.as_ref().err().is_none_or(|error| error.kind() == std::io::ErrorKind::ConnectionReset));
    if closed.is_ok() && !rest.is_empty() {
        let frame = Bytes::from(rest).slice(frame::LENGTH_BYTES..);
        frame::decode_response::<FetchRequest>(frame, 12, 2).unwrap();
    }
    assert_eq!(idle.read(&mut [0; 1]).unwrap_or(0), 0);
    let again = Broker::start(config(&directory)).await.unwrap();
    let mut stream = connect(&again);
    stream
        .write_all(&request(12, 1, &MetadataRequest { topics: None, ..MetadataRequest::default() }))
        .unwrap();
    let all = frame::decode_response::<MetadataRequest>(read_frame(&mut stream), 12, 1).unwrap();
    assert_eq!(all.topics.len(), 1);
    again.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_listener_advertises_its_own_address() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(&directory);
    config.listeners.push(ListenerConfig {
        name: "DOCKER".into(),
        bind: "127.0.0.1:0".into(),
        advertised: Some("kafka.example:1234".into()),
    });
    let broker = Broker::start(config).await.unwrap();
    let own = broker.listeners()[0].address;
    for (place, expected) in [(0, ("127.0.0.1", own.port())), (1, ("kafka.example", 1234))] {
        let mut stream = TcpStream::connect(broker.listeners()[place].address).unwrap();
        stream.write_all(&request(12, 1, &MetadataRequest::default())).unwrap();
        let answer = frame::decode_response::<MetadataRequest>(read_frame(&mut stream), 12, 1).unwrap();
        let told = (&*answer.brokers[0].host, u16::try_from(answer.brokers[0].port).unwrap());
        assert_eq!(told, expected);
    }
    broker.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_directory_and_impossible_settings_are_said() {
    let directory = tempfile::tempdir().unwrap();
    let broker = Broker::start(config(&directory)).await.unwrap();
    let refused = Broker::start(config(&directory)).await.unwrap_err();
    assert!(matches!(refused, BrokerError::Log(_)), "{refused}");
    assert!(refused.to_string().contains("in use by another process; stop that one"), "{refused}");
    let mut impossible = config(&directory);
    impossible.num_partitions = 0;
    let refused = Broker::start(impossible).await.unwrap_err();
    assert_eq!(refused.to_string(), "num.partitions = 0 is not possible: it must be at least 1");
    broker.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_tell_requests_offsets_and_lag() {
    let directory = tempfile::tempdir().unwrap();
    let broker = Broker::start(config(&directory)).await.unwrap();
    let mut stream = connect(&broker);
    stream.write_all(&request(12, 1, &create("t"))).unwrap();
    read_frame(&mut stream);
    // The first reader opens the partition.
    stream.write_all(&request(12, 2, &FetchRequest { max_wait_ms: 0, ..long_poll("t") })).unwrap();
    read_frame(&mut stream);
    let mut registry = prometheus_client::registry::Registry::default();
    broker.register_metrics(&mut registry);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    for expected in [
        "millstream_broker_requests_total{api=\"Metadata\"} 1",
        "millstream_broker_request_latency_seconds_count{api=\"Metadata\"} 1",
        "millstream_broker_connections 1",
        "kafka_brokers 1",
        "kafka_topic_partitions{topic=\"t\"} 1",
        "kafka_topic_partition_current_offset{topic=\"t\",partition=\"0\"} 0",
        "kafka_topic_partition_leader{topic=\"t\",partition=\"0\"} 1",
    ] {
        assert!(text.contains(expected), "{expected} is not in\n{text}");
    }
    broker.shutdown().await.unwrap();
}
