//! One connection of a client, and what all clients share.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use millstream_wire::ErrorCode;
use millstream_wire::compression::Compressor;
use millstream_wire::frame;
use millstream_wire::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use millstream_wire::protocol::Request;
use millstream_wire::records::{BatchBuilder, FinishOptions, ProducerStamp};
use parking_lot::Mutex;

use crate::{Broker, InProcessConnection};

/// The topic that everybody writes to, of two partitions.
pub(super) const TOPIC: &str = "t";

/// How often a question is repeated after a start until what was decided before is done.
pub(super) const TRIES: usize = 100;

pub(super) struct Client {
    connection: InProcessConnection,
    correlation_id: i32,
}

impl Client {
    pub(super) fn connect(broker: &Broker) -> Self {
        Self { connection: broker.connect_in_process(), correlation_id: 0 }
    }

    /// Sends a request and waits for its answer; none once the broker has given the connection up.
    pub(super) async fn ask<R: Request>(&mut self, version: i16, request: R) -> Option<R::Response> {
        self.correlation_id += 1;
        let client = Some("test".into());
        let bytes = frame::encode_request(&request, version, self.correlation_id, client.as_ref()).unwrap();
        self.connection.requests.send(bytes.slice(frame::LENGTH_BYTES..)).await.ok()?;
        let request = std::any::type_name::<R>();
        tracing::debug!(request, number = self.correlation_id, connection = ?std::ptr::from_ref(self), "is asked");
        let answer = self.connection.responses.recv().await?;
        tracing::debug!(request, number = self.correlation_id, connection = ?std::ptr::from_ref(self), "is answered");
        Some(frame::decode_response::<R>(answer, version, self.correlation_id).unwrap())
    }

    /// Produces a batch; gives its base offset, or the error.
    pub(super) async fn produce(
        &mut self,
        topic: &str,
        partition: i32,
        transactional_id: Option<&str>,
        batch: Bytes,
    ) -> Option<Result<i64, ErrorCode>> {
        let request = ProduceRequest {
            acks: -1,
            timeout_ms: 1000,
            transactional_id: transactional_id.map(Into::into),
            topic_data: vec![TopicProduceData {
                name: topic.into(),
                partition_data: vec![PartitionProduceData { index: partition, records: Some(batch) }],
                ..TopicProduceData::default()
            }],
        };
        let response = self.ask(12, request).await?;
        let partition = &response.responses[0].partition_responses[0];
        Some(result(partition.error_code).map(|()| partition.base_offset))
    }
}

/// A code of an answer.
pub(super) fn result(code: i16) -> Result<(), ErrorCode> {
    match ErrorCode::from_code(code).unwrap() {
        ErrorCode::None => Ok(()),
        error => Err(error),
    }
}

/// What a client may hear when a disk fails: to try again, here or elsewhere.
#[track_caller]
pub(super) fn assert_retriable(error: ErrorCode) {
    let expected = [
        ErrorCode::KafkaStorageError,
        ErrorCode::NotLeaderOrFollower,
        ErrorCode::NotEnoughReplicas,
        ErrorCode::NotCoordinator,
        ErrorCode::NotController,
        ErrorCode::CoordinatorNotAvailable,
        ErrorCode::CoordinatorLoadInProgress,
        ErrorCode::ConcurrentTransactions,
        ErrorCode::UnknownServerError,
    ];
    assert!(expected.contains(&error), "a failed disk is answered with {error}");
}

/// A batch of one record that is like no other.
pub(super) fn batch(serial: u64, producer: ProducerStamp, transactional: bool) -> Bytes {
    let mut builder = BatchBuilder::new(1 << 10);
    let value = vec![serial as u8; serial as usize % 90];
    assert!(
        builder
            .append(1_700_000_000_000 + serial as i64, Some(&serial.to_be_bytes()), Some(&value), &[])
            .unwrap()
    );
    let options = FinishOptions { producer, transactional, ..FinishOptions::default() };
    builder.finish(&options, &mut Compressor::default()).unwrap()
}

/// Whose producer ids are, and which epochs were given.
#[derive(Default)]
pub(super) struct Identities(Mutex<Given>);

#[derive(Default)]
struct Given {
    owners: BTreeMap<i64, String>,
    epochs: BTreeSet<(i64, i16)>,
}

impl Identities {
    /// Takes note that `owner` was given an epoch of a producer id, which nobody may have been given before.
    pub(super) fn claim(&self, owner: &str, id: i64, epoch: i16) {
        let mut given = self.0.lock();
        let known = given.owners.entry(id).or_insert_with(|| owner.to_owned());
        assert_eq!(known, owner, "producer id {id} was given twice");
        assert!(given.epochs.insert((id, epoch)), "epoch {epoch} of producer id {id} was given twice");
    }
}
