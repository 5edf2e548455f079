//! DeleteRecords: moves the start of partitions forward (KIP-107).

use std::collections::HashMap;

use millstream_wire::messages::delete_records::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic,
};
use millstream_wire::{ApiKey, ErrorCode};

use super::{Admin, timeout_ms, unanswered};
use crate::error::{ClientError, Result, Subject};
use crate::topic_partition::TopicPartition;

impl Admin {
    /// Deletes the records before the given offsets (−1: all of them) and returns where each partition now begins.
    ///
    /// # Errors
    /// The first partition's error that does not pass within the API timeout.
    pub async fn delete_records(
        &self,
        before: &HashMap<TopicPartition, i64>,
    ) -> Result<HashMap<TopicPartition, i64>> {
        let mut starts = HashMap::with_capacity(before.len());
        for (partition, offset) in before {
            let timeout = self.client.config().api_timeout;
            let start = self.client.retry(timeout, || self.delete_before(partition, *offset)).await?;
            starts.insert(partition.clone(), start);
        }
        Ok(starts)
    }

    async fn delete_before(&self, partition: &TopicPartition, offset: i64) -> Result<i64> {
        let api = ApiKey::DeleteRecords;
        let subject = || Subject::Partition(partition.clone());
        self.client.topic(&partition.topic).await?;
        let leader = self.client.metadata().leader(&partition.topic, partition.partition);
        let leader = leader
            .ok_or_else(|| ClientError::broker(api, subject(), ErrorCode::LeaderNotAvailable.code(), None))?;
        let timeout = self.client.config().request_timeout;
        let request = DeleteRecordsRequest {
            topics: vec![DeleteRecordsTopic {
                name: partition.topic.to_string(),
                partitions: vec![DeleteRecordsPartition { partition_index: partition.partition, offset }],
            }],
            timeout_ms: timeout_ms(timeout),
        };
        let connection = self.client.connection_to(leader.node, &leader.address).await?;
        let response = connection.call(&request, timeout).await?;
        let result = response.topics.iter().flat_map(|topic| &topic.partitions).next();
        let result = result.ok_or_else(|| unanswered(api, subject()))?;
        ClientError::check(api, subject, result.error_code)?;
        Ok(result.low_watermark)
    }
}
