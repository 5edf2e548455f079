//! Many producers that send requests made beforehand, each over a connection of its own: as fast as answers come, or at a fixed schedule.
//!
//! Requests are encoded once; only the correlation id of each is its own. What a client does with a record costs nothing here, so that a machine
//! with two cores can load a broker as many machines would.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, anyhow, ensure};
use bytes::Bytes;
use millstream_wire::compression::Compressor;
use millstream_wire::frame::{LENGTH_BYTES, decode_response, encode_request, frame_length};
use millstream_wire::messages::ProduceRequest;
use millstream_wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use millstream_wire::records::{BatchBuilder, FinishOptions};

use crate::kafka::check;
use histogram::Histogram;

pub(crate) mod histogram;

const PRODUCE_VERSION: i16 = 9;
/// Where the correlation id stands in a request: behind length, API key and version.
const CORRELATION_ID: std::ops::Range<usize> = 8..12;
const RESPONSE_BYTES_MAX: usize = 1 << 20;
const TIMEOUT_MS: i32 = 30_000;
/// `max.in.flight.requests.per.connection` of Java's producer.
const WINDOW: usize = 5;

/// What each producer sends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Requests {
    pub(crate) record_bytes: usize,
    /// Records of the one batch in each request.
    pub(crate) records: usize,
}

impl Requests {
    /// Bytes of records in a request.
    pub(crate) fn bytes(self) -> usize {
        self.record_bytes * self.records
    }

    /// A request to a partition, acknowledged when it is as durable as the broker makes it.
    fn to(self, topic: &str, partition: u32) -> anyhow::Result<Vec<u8>> {
        let mut builder = BatchBuilder::new(2 * self.bytes() + 1_024);
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as i64;
        let value = vec![b'x'; self.record_bytes];
        for _ in 0..self.records {
            ensure!(builder.append(now_ms, None, Some(&value), &[])?, "a request has one batch");
        }
        let batch = builder.finish(&FinishOptions::default(), &mut Compressor::default())?;
        let data = PartitionProduceData { index: partition.try_into()?, records: Some(batch) };
        let topic = TopicProduceData { name: topic.into(), partition_data: vec![data], ..Default::default() };
        let request = ProduceRequest {
            acks: -1,
            timeout_ms: TIMEOUT_MS,
            topic_data: vec![topic],
            ..Default::default()
        };
        Ok(encode_request(&request, PRODUCE_VERSION, 0, None)?.to_vec())
    }
}

/// When each request is due. Producers take turns.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    pub(crate) start: Instant,
    /// Between two requests of one producer.
    pub(crate) every: Duration,
    pub(crate) producers: u32,
    /// Of each producer.
    pub(crate) requests: u32,
    /// How many of them, the first ones, do not count.
    pub(crate) warm_up: u32,
}

impl Schedule {
    pub(crate) fn due(&self, producer: u32, request: u32) -> Instant {
        self.start + self.every * producer / self.producers + self.every * request
    }

    /// Takes down how late a request was finished at `now`, from when it was due: what had to wait because those before it were late counts
    /// in full.
    pub(crate) fn take_down(&self, histogram: &mut Histogram, producer: u32, request: u32, now: Instant) {
        if request >= self.warm_up {
            histogram.add(now.saturating_duration_since(self.due(producer, request)));
        }
    }
}

/// A connection that sends the same few requests again and again.
struct Producer {
    stream: TcpStream,
    requests: Vec<Vec<u8>>,
}

impl Producer {
    fn connect(address: &str, requests: Vec<Vec<u8>>) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, requests })
    }

    fn send(&mut self, number: u32) -> anyhow::Result<()> {
        let at = number as usize % self.requests.len();
        let request = &mut self.requests[at];
        request[CORRELATION_ID].copy_from_slice(&number.to_be_bytes());
        Ok(self.stream.write_all(request)?)
    }
}

/// Waits for the answer to a request, which has to be that all is well.
fn receive(stream: &mut TcpStream, number: u32) -> anyhow::Result<()> {
    let response = decode_response::<ProduceRequest>(frame(stream)?, PRODUCE_VERSION, number as i32)?;
    let mut partitions = response.responses.iter().flat_map(|topic| &topic.partition_responses);
    partitions.try_for_each(|partition| check(partition.error_code))
}

/// The next frame of a connection.
pub(crate) fn frame(stream: &mut TcpStream) -> anyhow::Result<Bytes> {
    let mut prefix = [0; LENGTH_BYTES];
    stream.read_exact(&mut prefix)?;
    let mut frame = vec![0; frame_length(prefix, RESPONSE_BYTES_MAX)?];
    stream.read_exact(&mut frame)?;
    Ok(frame.into())
}

/// Runs something for each producer on a thread of its own; all have to succeed.
fn on_threads<T: Send>(
    producers: u32,
    work: impl Fn(u32) -> anyhow::Result<T> + Sync,
) -> anyhow::Result<Vec<T>> {
    let work = &work;
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..producers).map(|producer| scope.spawn(move || work(producer))).collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| anyhow!("a producer panicked"))?).collect()
    })
}

/// Has producers send as fast as they are answered, five requests at a time each, over partitions which they share out among themselves.
/// Returns how many requests were answered.
pub(crate) fn saturate(
    address: &str,
    topic: &str,
    (producers, partitions): (u32, u32),
    requests: Requests,
    duration: Duration,
) -> anyhow::Result<u64> {
    let answered = on_threads(producers, |index| {
        let own = (index..partitions).step_by(producers as usize);
        let own: Vec<_> = own.map(|partition| requests.to(topic, partition)).collect::<Result<_, _>>()?;
        ensure!(!own.is_empty(), "there are more producers than partitions");
        let mut producer = Producer::connect(address, own)?;
        let end = Instant::now() + duration;
        let (mut sent, mut answered) = (0, 0);
        while Instant::now() < end {
            while sent < answered + WINDOW as u32 {
                producer.send(sent)?;
                sent += 1;
            }
            receive(&mut producer.stream, answered)?;
            answered += 1;
        }
        // Not counted, but waited for: the topic is about to go.
        (answered..sent).try_for_each(|number| receive(&mut producer.stream, number))?;
        Ok(u64::from(answered))
    })?;
    Ok(answered.into_iter().sum())
}

/// Has each producer send to a partition of its own when the schedule says so, whatever became of what it sent before. Returns how long after
/// they were due requests were acknowledged.
pub(crate) fn follow(
    address: &str,
    topic: &str,
    requests: Requests,
    schedule: Schedule,
) -> anyhow::Result<Histogram> {
    let histograms = on_threads(schedule.producers, |index| {
        let mut producer = Producer::connect(address, vec![requests.to(topic, index)?])?;
        let mut answers = producer.stream.try_clone()?;
        std::thread::scope(|scope| {
            let sender = scope.spawn(move || {
                (0..schedule.requests).try_for_each(|number| {
                    std::thread::sleep(schedule.due(index, number).saturating_duration_since(Instant::now()));
                    producer.send(number)
                })
            });
            let mut histogram = Histogram::default();
            for number in 0..schedule.requests {
                receive(&mut answers, number)?;
                schedule.take_down(&mut histogram, index, number, Instant::now());
            }
            sender.join().map_err(|_| anyhow!("a producer panicked"))?.context("cannot send")?;
            Ok(histogram)
        })
    })?;
    Ok(histograms.into_iter().fold(Histogram::default(), Histogram::with))
}
