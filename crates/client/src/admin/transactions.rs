//! ListTransactions, DescribeTransactions (KIP-664), and aborting by fencing the producer (KIP-939's forced termination).

use std::collections::BTreeMap;

use millstream_wire::ApiKey;
use millstream_wire::messages::describe_transactions::{self, DescribeTransactionsRequest};
use millstream_wire::messages::init_producer_id::InitProducerIdRequest;
use millstream_wire::messages::list_transactions::ListTransactionsRequest;
use millstream_wire::protocol::Request;

use super::{Admin, coordinator, unanswered};
use crate::error::{ClientError, Result, Subject};
use crate::topic_partition::TopicPartition;

/// The shortest timeout that a transaction can have: the producer that fences another begins none.
const TIMEOUT_MS: i32 = 1;

/// A transactional id in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionListing {
    /// `transactional.id` of its producers.
    pub transactional_id: String,
    /// Id of the broker that coordinates it.
    pub coordinator: i32,
    /// The producer id that it has now.
    pub producer_id: i64,
    /// Kafka's name of its state, such as `Ongoing`.
    pub state: String,
}

/// A transactional id with its transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionDescription {
    /// `transactional.id` of its producers.
    pub transactional_id: String,
    /// Id of the broker that coordinates it.
    pub coordinator: i32,
    /// The producer id that it has now.
    pub producer_id: i64,
    /// The epoch of its producer; older ones are fenced.
    pub producer_epoch: i16,
    /// Kafka's name of its state, such as `Ongoing`.
    pub state: String,
    /// How long a transaction may take, in ms.
    pub timeout_ms: i32,
    /// When the transaction began, in ms since 1970; none where there is none.
    pub started_ms: Option<i64>,
    /// The partitions that take part.
    pub partitions: Vec<TopicPartition>,
}

fn subject(transactional_id: &str) -> Subject {
    Subject::Resource(format!("transactional id {transactional_id}"))
}

impl Admin {
    /// The transactional ids of all brokers, by id.
    ///
    /// # Errors
    /// Those of connecting, and of a broker.
    pub async fn list_transactions(&self) -> Result<Vec<TransactionListing>> {
        let cluster = self.describe_cluster().await?;
        let mut listings = BTreeMap::new();
        for (node, broker) in cluster.brokers {
            let response = self
                .client
                .retry(self.client.config().api_timeout, async || {
                    let connection = self.client.connection_to(node, &broker.address).await?;
                    // A duration below zero stands for any.
                    let request = ListTransactionsRequest { duration_filter: -1, ..Default::default() };
                    let response = connection.call(&request, self.client.config().request_timeout).await?;
                    ClientError::check(ApiKey::ListTransactions, || Subject::Request, response.error_code)?;
                    Ok(response)
                })
                .await?;
            for found in response.transaction_states {
                let listing = TransactionListing {
                    transactional_id: found.transactional_id.clone(),
                    coordinator: node,
                    producer_id: found.producer_id,
                    state: found.transaction_state,
                };
                listings.insert(found.transactional_id, listing);
            }
        }
        Ok(listings.into_values().collect())
    }

    /// Describes a transactional id.
    ///
    /// # Errors
    /// With kind [`crate::ErrorKind::NotFound`] if nobody has used it; what the coordinator says.
    pub async fn describe_transaction(&self, transactional_id: &str) -> Result<TransactionDescription> {
        let request = DescribeTransactionsRequest { transactional_ids: vec![transactional_id.to_owned()] };
        let api = ApiKey::DescribeTransactions;
        self.on_coordinator(transactional_id, &request, |node, response| {
            let found = response.transaction_states.into_iter().next();
            let found = found.ok_or_else(|| unanswered(api, subject(transactional_id)))?;
            ClientError::check(api, || subject(transactional_id), found.error_code)?;
            Ok(described(node, found))
        })
        .await
    }

    /// Aborts the open transaction of a transactional id, if there is one, and fences its producer: whoever uses the id has
    /// to start anew.
    ///
    /// # Errors
    /// With kind [`crate::ErrorKind::NotFound`] if nobody has used it; what the coordinator says.
    pub async fn abort_transaction(&self, transactional_id: &str) -> Result<()> {
        // InitProducerId would make up an id that is only mistyped.
        self.describe_transaction(transactional_id).await?;
        let request = InitProducerIdRequest {
            transactional_id: Some(transactional_id.to_owned()),
            transaction_timeout_ms: TIMEOUT_MS,
            producer_id: -1,
            producer_epoch: -1,
            ..InitProducerIdRequest::default()
        };
        self.on_coordinator(transactional_id, &request, |_, response| {
            ClientError::check(ApiKey::InitProducerId, || subject(transactional_id), response.error_code)
        })
        .await
    }

    /// Asks the coordinator of a transactional id, wherever it is by then, until `read` finds an answer that is no passing error.
    async fn on_coordinator<R: Request, T>(
        &self,
        transactional_id: &str,
        request: &R,
        read: impl Fn(i32, R::Response) -> Result<T>,
    ) -> Result<T> {
        self.client
            .retry(self.client.config().api_timeout, async || {
                let (node, address) =
                    coordinator::find_of_transaction(&self.client, transactional_id).await?;
                let connection = self.client.connection_to(node, &address).await?;
                let response = connection.call(request, self.client.config().request_timeout).await?;
                read(node, response)
            })
            .await
    }
}

fn described(coordinator: i32, found: describe_transactions::TransactionState) -> TransactionDescription {
    let partitions = found.topics.into_iter().flat_map(|topic| {
        let name = crate::ByteString::from(topic.topic);
        topic.partitions.into_iter().map(move |partition| TopicPartition::new(name.clone(), partition))
    });
    TransactionDescription {
        coordinator,
        partitions: partitions.collect(),
        transactional_id: found.transactional_id,
        producer_id: found.producer_id,
        producer_epoch: found.producer_epoch,
        state: found.transaction_state,
        timeout_ms: found.transaction_timeout_ms,
        started_ms: (found.transaction_start_time_ms >= 0).then_some(found.transaction_start_time_ms),
    }
}
