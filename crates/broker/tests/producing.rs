//! Connections that produce go to other threads and come back; what they wrote is fetched through sockets as it lies in the files.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bytes::Bytes;
use millstream_broker::{Broker, BrokerConfig, FsyncPolicy, ListenerConfig};
use millstream_wire::compression::Compressor;
use millstream_wire::frame;
use millstream_wire::messages::fetch::{FetchPartition, FetchRequest, FetchTopic};
use millstream_wire::messages::metadata::{MetadataRequest, MetadataRequestTopic};
use millstream_wire::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use millstream_wire::protocol::Request;
use millstream_wire::records::{BatchBuilder, Batches, FinishOptions, Tail};

const PATIENCE: Duration = Duration::from_secs(30);
const PARTITIONS: i32 = 5;

fn config(directory: &tempfile::TempDir, fsync: FsyncPolicy) -> BrokerConfig {
    let mut config = BrokerConfig::new(directory.path());
    config.fsync = fsync;
    config.num_partitions = PARTITIONS;
    config.disk_threads = 2;
    config.listeners.push(ListenerConfig::plaintext("127.0.0.1:0"));
    config
}

struct Client {
    stream: TcpStream,
    sent: i32,
    answered: i32,
}

impl Client {
    fn connect(broker: &Broker) -> Self {
        let stream = TcpStream::connect(broker.listeners()[0].address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream, sent: 0, answered: 0 }
    }

    fn send<R: Request>(&mut self, version: i16, request: &R) {
        self.stream.write_all(&frame::encode_request(request, version, self.sent, None).unwrap()).unwrap();
        self.sent += 1;
    }

    /// The next answer, which must be the one to the oldest request.
    fn receive<R: Request>(&mut self, version: i16) -> R::Response {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).unwrap();
        let mut body = vec![0; usize::try_from(i32::from_be_bytes(length)).unwrap()];
        self.stream.read_exact(&mut body).unwrap();
        self.answered += 1;
        frame::decode_response::<R>(body.into(), version, self.answered - 1).unwrap()
    }

    fn create_topic(&mut self) {
        let topic = MetadataRequestTopic { name: Some("t".into()), ..MetadataRequestTopic::default() };
        self.send(12, &MetadataRequest { topics: Some(vec![topic]), ..MetadataRequest::default() });
        assert_eq!(self.receive::<MetadataRequest>(12).topics[0].error_code, 0);
    }

    /// The first offset of each partition's batch.
    fn receive_offsets(&mut self) -> Vec<i64> {
        let response = self.receive::<ProduceRequest>(12);
        let partitions = &response.responses[0].partition_responses;
        assert!(partitions.iter().all(|partition| partition.error_code == 0), "{partitions:?}");
        partitions.iter().map(|partition| partition.base_offset).collect()
    }
}

/// A batch of one record of `value_bytes` bytes.
fn batch(value_bytes: usize) -> Bytes {
    let value: Vec<u8> = (0..value_bytes).map(|at| (at * 31 % 251) as u8).collect();
    let mut builder = BatchBuilder::new(value_bytes + 200);
    assert!(builder.append(1, None, Some(&value), &[]).unwrap());
    builder.finish(&FinishOptions::default(), &mut Compressor::default()).unwrap()
}

/// A request with the same batch for each of the partitions.
fn produce(batch: &Bytes, partitions: std::ops::Range<i32>) -> ProduceRequest {
    let partition = |index| PartitionProduceData { index, records: Some(batch.clone()) };
    let topic = TopicProduceData {
        name: "t".into(),
        partition_data: partitions.map(partition).collect(),
        ..TopicProduceData::default()
    };
    ProduceRequest { acks: -1, timeout_ms: 1000, topic_data: vec![topic], ..ProduceRequest::default() }
}

fn fetch(max_bytes: i32, partition_max_bytes: i32, offset: i64) -> FetchRequest {
    let partition = |partition| FetchPartition {
        partition,
        fetch_offset: offset,
        partition_max_bytes,
        ..FetchPartition::default()
    };
    let partitions = (0..PARTITIONS).map(partition).collect();
    let topic = FetchTopic { topic: "t".into(), partitions, ..FetchTopic::default() };
    FetchRequest { min_bytes: 1, max_bytes, topics: vec![topic], ..FetchRequest::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_between_threads_keeps_the_order_of_its_answers_and_appends() {
    for fsync in [FsyncPolicy::None, FsyncPolicy::Group] {
        let directory = tempfile::tempdir().unwrap();
        let broker = Broker::start(config(&directory, fsync)).await.unwrap();
        let mut clients = [Client::connect(&broker), Client::connect(&broker)];
        clients[0].create_topic();
        let small = batch(10);
        let mut offsets: Vec<Vec<i64>> = vec![Vec::new(); PARTITIONS as usize];
        // Long and short runs of produce requests with others between them, all under way at once.
        let runs = [30, 1, 9, 40, 2, 100];
        for client in &mut clients {
            for length in runs {
                for _ in 0..length {
                    client.send(12, &produce(&small, 0..PARTITIONS));
                }
                client.send(12, &MetadataRequest::default());
            }
        }
        for client in &mut clients {
            let mut last = vec![-1; PARTITIONS as usize];
            for length in runs {
                for _ in 0..length {
                    let answered = client.receive_offsets();
                    assert!(last.iter().zip(&answered).all(|(last, answered)| last < answered));
                    offsets.iter_mut().zip(&answered).for_each(|(all, answered)| all.push(*answered));
                    last = answered;
                }
                assert_eq!(client.receive::<MetadataRequest>(12).brokers.len(), 1);
            }
        }
        for mut offsets in offsets {
            offsets.sort_unstable();
            let count = i64::try_from(offsets.len()).unwrap();
            assert_eq!(offsets, (0..count).collect::<Vec<_>>(), "each offset is given once");
        }
        broker.shutdown().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_answers_are_the_bytes_of_the_files_whatever_their_cut() {
    let directory = tempfile::tempdir().unwrap();
    let broker = Broker::start(config(&directory, FsyncPolicy::None)).await.unwrap();
    let mut client = Client::connect(&broker);
    client.create_topic();
    let sizes = [100, 300_000, 5, 700_000, 40_000, 31_000, 1_000_000, 60_000, 33_000];
    for size in sizes {
        client.send(12, &produce(&batch(size), 0..PARTITIONS));
    }
    for _ in sizes {
        client.receive_offsets();
    }
    // More than one pipe takes, some partitions of an answer only, one batch alone, and all but the first batch.
    for (max_bytes, partition_max_bytes, from) in
        [(50 << 20, 50 << 20, 0), (3 << 20, 1 << 20, 0), (1, 1, 3), (50 << 20, 500_000, 1)]
    {
        client.send(12, &fetch(max_bytes, partition_max_bytes, from));
        let response = client.receive::<FetchRequest>(12);
        let partitions = &response.responses[0].partitions;
        assert_eq!(partitions.len(), PARTITIONS as usize);
        for partition in partitions {
            assert_eq!(partition.error_code, 0);
            let records = partition.records.clone().unwrap();
            let mut expected = usize::try_from(from).unwrap();
            for found in Batches::new(&records, Tail::MustBeWhole) {
                let found = found.unwrap();
                found.check_crc().unwrap();
                assert_eq!(found.header().base_offset, i64::try_from(expected).unwrap());
                assert_eq!(found.bytes().len(), batch(sizes[expected]).len());
                expected += 1;
            }
            if partition_max_bytes == 50 << 20 {
                assert_eq!(expected, sizes.len());
            }
        }
        assert!(partitions.iter().any(|partition| !partition.records.as_ref().unwrap().is_empty()));
    }
    broker.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_answers_what_a_producer_has_under_way() {
    let directory = tempfile::tempdir().unwrap();
    let broker = Broker::start(config(&directory, FsyncPolicy::Group)).await.unwrap();
    let mut client = Client::connect(&broker);
    client.create_topic();
    let small = batch(10);
    for _ in 0..20 {
        client.send(12, &produce(&small, 0..1));
        client.receive_offsets();
    }
    client.send(12, &produce(&small, 0..1));
    assert_eq!(client.receive_offsets(), [20]);
    broker.shutdown().await.unwrap();
    let mut rest = Vec::new();
    assert_eq!(client.stream.read_to_end(&mut rest).unwrap_or(0), 0, "the connection is closed");
}
