//! What is produced to the floor is checked, kept and sent back with its offsets.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use bytes::Bytes;
use bytestring::ByteString;
use millstream_wire::compression::Compressor;
use millstream_wire::frame::{LENGTH_BYTES, decode_response, encode_request, frame_length};
use millstream_wire::messages::FetchRequest;
use millstream_wire::messages::fetch::{FetchPartition, FetchTopic};
use millstream_wire::records::{BatchBuilder, BatchHeader, FinishOptions};

use super::*;
use crate::kafka::Connection;

const TOPIC: &str = "topic";
const FETCH_VERSION: i16 = 12;

/// A floor on a thread of the test, and its address.
fn floor(directory: &Path) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let log = Arc::new(Log::new(directory.to_owned()));
    std::thread::spawn(move || serve(&listener, &log));
    address
}

fn batch(records: usize) -> Bytes {
    let mut builder = BatchBuilder::new(1 << 10);
    for _ in 0..records {
        assert!(builder.append(0, None, Some(b"value"), &[]).unwrap());
    }
    builder.finish(&FinishOptions::default(), &mut Compressor::default()).unwrap()
}

/// What one fetch finds in each of the first two partitions.
fn fetch(address: &str, offset: i64, bytes_max: i32) -> Vec<Bytes> {
    let partition = |partition| FetchPartition {
        partition,
        fetch_offset: offset,
        partition_max_bytes: bytes_max,
        ..FetchPartition::default()
    };
    let partitions = vec![partition(0), partition(1)];
    let topic = FetchTopic { topic: ByteString::from_static(TOPIC), partitions, ..FetchTopic::default() };
    let request = FetchRequest { max_bytes: 1 << 20, topics: vec![topic], ..FetchRequest::default() };
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(&encode_request(&request, FETCH_VERSION, 7, None).unwrap()).unwrap();
    let mut prefix = [0; LENGTH_BYTES];
    stream.read_exact(&mut prefix).unwrap();
    let mut frame = vec![0; frame_length(prefix, 1 << 20).unwrap()];
    stream.read_exact(&mut frame).unwrap();
    let response = decode_response::<FetchRequest>(frame.into(), FETCH_VERSION, 7).unwrap();
    let partitions = response.responses.into_iter().flat_map(|topic| topic.partitions);
    partitions.map(|partition| partition.records.unwrap_or_default()).collect()
}

#[test]
fn batches_come_back_whole_and_with_their_offsets() {
    let directory = tempfile::tempdir().unwrap();
    let address = floor(directory.path());
    let mut connection = Connection::open(&address).unwrap();
    connection.create_topic(TOPIC, 2).unwrap();
    let produced = batch(3);
    connection.produce_to_each(TOPIC, 2, &produced).unwrap();
    connection.produce_to_each(TOPIC, 2, &produced).unwrap();
    assert_eq!(connection.record_count(TOPIC).unwrap(), Some(12));

    let both = fetch(&address, 0, 1 << 20);
    for records in &both {
        assert_eq!(records.len(), 2 * produced.len());
        let (first, second) = records.split_at(produced.len());
        assert_eq!(BatchHeader::parse(first).unwrap().base_offset, 0);
        assert_eq!(BatchHeader::parse(second).unwrap().base_offset, 3);
        assert_eq!(first[8..], produced[8..]);
    }
    // A limit within the second batch; one within the first; an offset within the second.
    let limit = produced.len() as i32 + 1;
    assert_eq!(fetch(&address, 0, limit)[0].len(), produced.len());
    assert_eq!(fetch(&address, 0, 1)[1].len(), produced.len());
    assert_eq!(fetch(&address, 4, 1 << 20)[0], both[0].slice(produced.len()..));
    assert!(fetch(&address, 6, 1 << 20).iter().all(Bytes::is_empty));

    connection.delete_topic(TOPIC).unwrap();
    assert_eq!(connection.record_count(TOPIC).unwrap(), None);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn a_damaged_batch_ends_the_connection() {
    let directory = tempfile::tempdir().unwrap();
    let address = floor(directory.path());
    let mut connection = Connection::open(&address).unwrap();
    connection.create_topic(TOPIC, 1).unwrap();
    let mut damaged = batch(1).to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    connection.produce_to_each(TOPIC, 1, &damaged.into()).unwrap_err();
    let count = Connection::open(&address).unwrap().record_count(TOPIC).unwrap();
    assert_eq!(count, Some(0));
}
