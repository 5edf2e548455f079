//! DescribeProducers and WriteTxnMarkers (KIP-664): what partitions remember of producers, and ending a transaction that hangs in one.

use millstream_wire::messages::describe_producers::{DescribeProducersRequest, TopicRequest};
use millstream_wire::messages::write_txn_markers::{
    WritableTxnMarker, WritableTxnMarkerTopic, WriteTxnMarkersRequest,
};
use millstream_wire::protocol::Request;
use millstream_wire::{ApiKey, ErrorCode};

use super::{Admin, unanswered};
use crate::error::{ClientError, Result, Subject};
use crate::topic_partition::TopicPartition;

/// A producer that a partition remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionProducer {
    /// Its id.
    pub producer_id: i64,
    /// The newest epoch that the partition has seen.
    pub producer_epoch: i16,
    /// When it last wrote there, in ms since 1970.
    pub last_timestamp_ms: i64,
    /// Epoch of the coordinator that ended its last transaction there; −1 for none.
    pub coordinator_epoch: i32,
    /// Where its open transaction began; none where none is open.
    pub transaction_start_offset: Option<i64>,
}

impl Admin {
    /// The producers that a partition remembers.
    ///
    /// # Errors
    /// What the partition's leader says.
    pub async fn describe_producers(&self, partition: &TopicPartition) -> Result<Vec<PartitionProducer>> {
        let api = ApiKey::DescribeProducers;
        let subject = || Subject::Partition(partition.clone());
        let topic =
            TopicRequest { name: partition.topic.to_string(), partition_indexes: vec![partition.partition] };
        let request = DescribeProducersRequest { topics: vec![topic] };
        self.on_leader(partition, &request, |response| {
            let found = response.topics.into_iter().flat_map(|topic| topic.partitions).next();
            let found = found.ok_or_else(|| unanswered(api, subject()))?;
            ClientError::check(api, subject, found.error_code)?;
            let producers = found.active_producers.into_iter().map(|producer| PartitionProducer {
                producer_id: producer.producer_id,
                // The message has more room than epochs have.
                producer_epoch: i16::try_from(producer.producer_epoch).unwrap_or(i16::MAX),
                last_timestamp_ms: producer.last_timestamp,
                coordinator_epoch: producer.coordinator_epoch,
                transaction_start_offset: Some(producer.current_txn_start_offset)
                    .filter(|&offset| offset >= 0),
            });
            Ok(producers.collect())
        })
        .await
    }

    /// Aborts a producer's transaction in one partition, without its coordinator: for one that hangs there. Where the coordinator
    /// still knows the transaction it would go on in the other partitions; [`Admin::abort_transaction`] is for that.
    ///
    /// # Errors
    /// What the partition's leader says; INVALID_PRODUCER_EPOCH when the producer has gone on meanwhile.
    pub async fn abort_in_partition(
        &self,
        partition: &TopicPartition,
        producer: &PartitionProducer,
    ) -> Result<()> {
        let api = ApiKey::WriteTxnMarkers;
        let subject = || Subject::Partition(partition.clone());
        let topic = WritableTxnMarkerTopic {
            name: partition.topic.to_string(),
            partition_indexes: vec![partition.partition],
        };
        let marker = WritableTxnMarker {
            producer_id: producer.producer_id,
            producer_epoch: producer.producer_epoch,
            transaction_result: false,
            topics: vec![topic],
            coordinator_epoch: producer.coordinator_epoch.max(0),
            transaction_version: 0,
        };
        let request = WriteTxnMarkersRequest { markers: vec![marker] };
        self.on_leader(partition, &request, |response| {
            let topics = response.markers.into_iter().flat_map(|marker| marker.topics);
            let found = topics.flat_map(|topic| topic.partitions).next();
            let found = found.ok_or_else(|| unanswered(api, subject()))?;
            ClientError::check(api, subject, found.error_code)
        })
        .await
    }

    /// Asks the leader of a partition, whoever it is by then, until `read` finds an answer that is no passing error.
    async fn on_leader<R: Request, T>(
        &self,
        partition: &TopicPartition,
        request: &R,
        read: impl Fn(R::Response) -> Result<T>,
    ) -> Result<T> {
        let config = self.client.config();
        self.client
            .retry(config.api_timeout, async || {
                self.client.topic(&partition.topic).await?;
                let leader = self.client.metadata().leader(&partition.topic, partition.partition);
                let leader = leader.ok_or_else(|| {
                    let code = ErrorCode::LeaderNotAvailable.code();
                    ClientError::broker(R::API_KEY, Subject::Partition(partition.clone()), code, None)
                })?;
                let connection = self.client.connection_to(leader.node, &leader.address).await?;
                read(connection.call(request, config.request_timeout).await?)
            })
            .await
    }
}
