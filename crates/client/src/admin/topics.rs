//! CreateTopics, DeleteTopics, CreatePartitions, and Metadata for listing.

use std::collections::BTreeMap;

use bytestring::ByteString;
use millstream_wire::messages::create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic};
use millstream_wire::messages::create_topics::{
    CreatableTopic, CreatableTopicConfig, CreatableTopicResult, CreateTopicsRequest,
};
use millstream_wire::messages::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use millstream_wire::messages::metadata::{MetadataRequest, MetadataRequestTopic};
use millstream_wire::{ApiKey, ErrorCode};
use uuid::Uuid;

use super::{Admin, timeout_ms, unanswered};
use crate::error::{ClientError, Result, Subject};
use crate::metadata::{TopicMetadata, topic_metadata};

/// A topic to be created.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// Number of partitions; the broker's `num.partitions` where none is given (KIP-464).
    pub partitions: Option<i32>,
    /// Number of replicas; the broker's `default.replication.factor` where none is given.
    pub replication_factor: Option<i16>,
    /// Configurations, by Kafka's names.
    pub configs: BTreeMap<String, String>,
}

impl NewTopic {
    /// A topic with the broker's defaults.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// The same topic with a number of partitions.
    #[must_use]
    pub fn with_partitions(mut self, partitions: i32) -> Self {
        self.partitions = Some(partitions);
        self
    }

    /// The same topic with a configuration.
    #[must_use]
    pub fn with_config(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.configs.insert(name.into(), value.into());
        self
    }
}

/// What became of a [`NewTopic`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedTopic {
    /// Its id; nil from brokers before 2.8.
    pub id: Uuid,
    /// Number of partitions, if the broker says so.
    pub partitions: Option<i32>,
    /// Number of replicas, if the broker says so.
    pub replication_factor: Option<i16>,
}

/// A topic in a list.
pub type TopicListing = TopicMetadata;

impl Admin {
    /// Creates topics; with `validate_only` nothing happens but the checks.
    ///
    /// A topic that was created may take a moment until every broker knows it: [`crate::Client::wait_for_topic`].
    ///
    /// # Errors
    /// Those of connecting. What is wrong with one topic stands beside its name.
    pub async fn create_topics(
        &self,
        topics: &[NewTopic],
        validate_only: bool,
    ) -> Result<Vec<(String, Result<CreatedTopic>)>> {
        let config = self.client.config();
        let creatable = |topic: &NewTopic| CreatableTopic {
            name: topic.name.clone(),
            num_partitions: topic.partitions.unwrap_or(-1),
            replication_factor: topic.replication_factor.unwrap_or(-1),
            configs: topic
                .configs
                .iter()
                .map(|(name, value)| CreatableTopicConfig { name: name.clone(), value: Some(value.clone()) })
                .collect(),
            ..CreatableTopic::default()
        };
        let request = CreateTopicsRequest {
            topics: topics.iter().map(creatable).collect(),
            timeout_ms: timeout_ms(config.request_timeout),
            validate_only,
        };
        let response = self
            .client
            .retry(config.api_timeout, async || {
                let connection = self.client.controller_connection().await?;
                let response = connection.call(&request, config.request_timeout).await?;
                let not_controller = ErrorCode::NotController.code();
                if response.topics.iter().any(|topic| topic.error_code == not_controller) {
                    self.client.refresh_metadata(self.client.metadata().version).await?;
                    let api = ApiKey::CreateTopics;
                    return Err(ClientError::broker(api, Subject::Request, not_controller, None));
                }
                Ok(response)
            })
            .await?;
        let mut results: BTreeMap<String, CreatableTopicResult> =
            response.topics.into_iter().map(|result| (result.name.clone(), result)).collect();
        let outcome = |topic: &NewTopic| {
            let result = results.remove(&topic.name);
            (topic.name.clone(), created(&topic.name, result))
        };
        Ok(topics.iter().map(outcome).collect())
    }

    /// Creates one topic.
    ///
    /// # Errors
    /// With kind [`crate::ErrorKind::AlreadyExists`] if it exists; what else the broker says.
    pub async fn create_topic(&self, topic: &NewTopic) -> Result<CreatedTopic> {
        let outcomes = self.create_topics(std::slice::from_ref(topic), false).await?;
        let only = outcomes.into_iter().next().map(|(_, outcome)| outcome);
        only.unwrap_or_else(|| Err(unanswered(ApiKey::CreateTopics, topic_subject(&topic.name))))
    }

    /// Deletes topics.
    ///
    /// # Errors
    /// Those of connecting. What is wrong with one topic stands beside its name.
    pub async fn delete_topics(&self, names: &[&str]) -> Result<Vec<(String, Result<()>)>> {
        let config = self.client.config();
        let response = self
            .client
            .retry(config.api_timeout, async || {
                let connection = self.client.controller_connection().await?;
                let mut request = DeleteTopicsRequest {
                    timeout_ms: timeout_ms(config.request_timeout),
                    ..Default::default()
                };
                // Version 6 names topics by name or id (KIP-516).
                if connection.version::<DeleteTopicsRequest>()? >= 6 {
                    let state = |name: &&str| DeleteTopicState {
                        name: Some((*name).to_owned()),
                        ..DeleteTopicState::default()
                    };
                    request.topics = names.iter().map(state).collect();
                } else {
                    request.topic_names = names.iter().map(|name| (*name).to_owned()).collect();
                }
                connection.call(&request, config.request_timeout).await
            })
            .await?;
        let outcome = |name: &&str| {
            let result = response.responses.iter().find(|result| result.name.as_deref() == Some(name));
            let outcome = match result {
                None => Err(unanswered(ApiKey::DeleteTopics, topic_subject(name))),
                Some(result) if result.error_code == 0 => Ok(()),
                Some(result) => {
                    let (code, message) = (result.error_code, result.error_message.as_deref());
                    Err(ClientError::broker(ApiKey::DeleteTopics, topic_subject(name), code, message))
                }
            };
            ((*name).to_owned(), outcome)
        };
        Ok(names.iter().map(outcome).collect())
    }

    /// Raises the number of a topic's partitions; with `validate_only` nothing happens but the checks.
    ///
    /// # Errors
    /// What the broker says.
    pub async fn create_partitions(&self, topic: &str, partitions: i32, validate_only: bool) -> Result<()> {
        let config = self.client.config();
        let wanted = CreatePartitionsTopic { name: topic.to_owned(), count: partitions, assignments: None };
        let request = CreatePartitionsRequest {
            topics: vec![wanted],
            timeout_ms: timeout_ms(config.request_timeout),
            validate_only,
        };
        self.client
            .retry(config.api_timeout, async || {
                let connection = self.client.controller_connection().await?;
                let response = connection.call(&request, config.request_timeout).await?;
                match response.results.into_iter().next() {
                    Some(result) if result.error_code == 0 => Ok(()),
                    Some(result) => Err(ClientError::broker(
                        ApiKey::CreatePartitions,
                        topic_subject(topic),
                        result.error_code,
                        result.error_message.as_deref(),
                    )),
                    None => Err(unanswered(ApiKey::CreatePartitions, topic_subject(topic))),
                }
            })
            .await
    }

    /// All topics that this client may see, by name.
    ///
    /// # Errors
    /// Those of connecting.
    pub async fn list_topics(&self) -> Result<Vec<TopicListing>> {
        let described = self.metadata_of(None).await?;
        let mut topics: Vec<_> = described.into_iter().filter_map(|(_, topic)| topic.ok()).collect();
        topics.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(topics)
    }

    /// Topics with their partitions, straight from a broker.
    ///
    /// # Errors
    /// Those of connecting. What is wrong with one topic stands beside its name.
    pub async fn describe_topics(&self, names: &[&str]) -> Result<Vec<(String, Result<TopicMetadata>)>> {
        let mut described = self.metadata_of(Some(names)).await?;
        let outcome = |name: &&str| {
            let place = described.iter().position(|(described, _)| described == name);
            let missing = || Err(unanswered(ApiKey::Metadata, topic_subject(name)));
            ((*name).to_owned(), place.map_or_else(missing, |place| described.swap_remove(place).1))
        };
        Ok(names.iter().map(outcome).collect())
    }

    async fn metadata_of(&self, names: Option<&[&str]>) -> Result<Vec<(ByteString, Result<TopicMetadata>)>> {
        let topic = |name: &&str| MetadataRequestTopic {
            name: Some(ByteString::from(*name)),
            ..MetadataRequestTopic::default()
        };
        let request = MetadataRequest {
            topics: names.map(|names| names.iter().map(topic).collect()),
            allow_auto_topic_creation: false,
            ..MetadataRequest::default()
        };
        let response =
            self.client.retry(self.client.config().api_timeout, || self.client.call_any(&request)).await?;
        let described = response.topics.into_iter().filter_map(|topic| {
            let name = ByteString::from(&**topic.name.as_ref()?);
            let outcome = match topic.error_code {
                0 => Ok(topic_metadata(name.clone(), &topic, None)),
                code => Err(ClientError::broker(ApiKey::Metadata, topic_subject(&name), code, None)),
            };
            Some((name, outcome))
        });
        Ok(described.collect())
    }
}

fn created(name: &str, result: Option<CreatableTopicResult>) -> Result<CreatedTopic> {
    let Some(result) = result else {
        return Err(unanswered(ApiKey::CreateTopics, topic_subject(name)));
    };
    if result.error_code != 0 {
        let (code, message) = (result.error_code, result.error_message.as_deref());
        return Err(ClientError::broker(ApiKey::CreateTopics, topic_subject(name), code, message));
    }
    Ok(CreatedTopic {
        id: result.topic_id,
        partitions: (result.num_partitions > 0).then_some(result.num_partitions),
        replication_factor: (result.replication_factor > 0).then_some(result.replication_factor),
    })
}

fn topic_subject(name: &str) -> Subject {
    Subject::Topic(ByteString::from(name))
}
