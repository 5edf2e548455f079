//! One consumer of all partitions, which asks again as soon as it was answered, and knows by its offset when each batch was due.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::ensure;
use bytestring::ByteString;
use millstream_wire::frame::{decode_response, encode_request};
use millstream_wire::messages::FetchRequest;
use millstream_wire::messages::fetch::{FetchPartition, FetchTopic};
use millstream_wire::records::BatchHeader;

use crate::kafka::check;
use crate::producers::histogram::Histogram;
use crate::producers::{Requests, Schedule, frame};

/// The last one that names topics by name.
const VERSION: i16 = 12;
const MAX_WAIT_MS: i32 = 500;
/// Little enough for the longest frame that is accepted.
const PARTITION_BYTES_MAX: i32 = 64 << 10;
const BYTES_MAX: i32 = 512 << 10;
/// How long after the last request was due everything has to be there.
const PATIENCE: Duration = Duration::from_secs(60);

/// Consumes all that the schedule produces. Returns how long after they were due batches arrived.
pub(super) fn consume(
    address: &str,
    topic: &str,
    requests: Requests,
    schedule: Schedule,
) -> anyhow::Result<Histogram> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let end = i64::from(schedule.requests) * requests.records as i64;
    let mut offsets = vec![0; schedule.producers as usize];
    let mut histogram = Histogram::default();
    let mut correlation_id = 0;
    while offsets.iter().any(|offset| *offset < end) {
        let overdue = Instant::now().saturating_duration_since(schedule.due(0, schedule.requests));
        ensure!(overdue < PATIENCE, "records are missing {overdue:?} after the last was due");
        correlation_id += 1;
        stream.write_all(&encode_request(&request(topic, &offsets), VERSION, correlation_id, None)?)?;
        let response = decode_response::<FetchRequest>(frame(&mut stream)?, VERSION, correlation_id)?;
        let now = Instant::now();
        for partition in response.responses.into_iter().flat_map(|topic| topic.partitions) {
            check(partition.error_code)?;
            let offset = &mut offsets[usize::try_from(partition.partition_index)?];
            let mut records = partition.records.unwrap_or_default();
            // The last batch may be cut off.
            while let Ok(header) = BatchHeader::parse(&records) {
                if header.size() > records.len() {
                    break;
                }
                let number = u32::try_from(header.base_offset)? / requests.records as u32;
                schedule.take_down(&mut histogram, u32::try_from(partition.partition_index)?, number, now);
                *offset = header.next_offset();
                records = records.slice(header.size()..);
            }
        }
    }
    Ok(histogram)
}

fn request(topic: &str, offsets: &[i64]) -> FetchRequest {
    let partition = |(index, offset): (usize, &i64)| FetchPartition {
        partition: index as i32,
        fetch_offset: *offset,
        partition_max_bytes: PARTITION_BYTES_MAX,
        ..FetchPartition::default()
    };
    let partitions = offsets.iter().enumerate().map(partition).collect();
    FetchRequest {
        replica_id: -1,
        max_wait_ms: MAX_WAIT_MS,
        min_bytes: 1,
        max_bytes: BYTES_MAX,
        session_epoch: -1,
        topics: vec![FetchTopic { topic: ByteString::from(topic), partitions, ..FetchTopic::default() }],
        ..FetchRequest::default()
    }
}
