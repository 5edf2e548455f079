//! DescribeConfigs and IncrementalAlterConfigs (KIP-339).

use millstream_wire::ApiKey;
use millstream_wire::messages::describe_configs::{DescribeConfigsRequest, DescribeConfigsResource};
use millstream_wire::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};

use super::{Admin, unanswered};
use crate::error::{ClientError, Result, Subject};

/// Something that has configurations.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ConfigResource {
    /// A topic, by name.
    Topic(String),
    /// A broker, by id.
    Broker(i32),
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConfigSource {
    /// Set for the topic.
    DynamicTopic,
    /// Set for the broker while it runs.
    DynamicBroker,
    /// Set for all brokers while they run.
    DynamicDefaultBroker,
    /// Set in the broker's configuration file.
    StaticBroker,
    /// Kafka's default.
    Default,
    /// Set for the loggers of a broker.
    DynamicBrokerLogger,
    /// One that this client does not know.
    Other(i8),
}

impl ConfigSource {
    fn from_code(code: i8) -> Self {
        match code {
            1 => Self::DynamicTopic,
            2 => Self::DynamicBroker,
            3 => Self::DynamicDefaultBroker,
            4 => Self::StaticBroker,
            5 => Self::Default,
            6 => Self::DynamicBrokerLogger,
            other => Self::Other(other),
        }
    }
}

/// A configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigEntry {
    /// Kafka's name.
    pub name: String,
    /// The value; none where it is sensitive.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: ConfigSource,
    /// Whether it cannot be changed.
    pub is_read_only: bool,
    /// Whether its value is kept from us.
    pub is_sensitive: bool,
    /// What it is for, if the broker says so.
    pub documentation: Option<String>,
}

/// A change to one configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigChange {
    /// Gives it a value.
    Set(String),
    /// Gives it its default again.
    Delete,
    /// Adds values to a list.
    Append(String),
    /// Takes values from a list.
    Subtract(String),
}

impl ConfigChange {
    fn operation(&self) -> (i8, Option<String>) {
        match self {
            Self::Set(value) => (0, Some(value.clone())),
            Self::Delete => (1, None),
            Self::Append(value) => (2, Some(value.clone())),
            Self::Subtract(value) => (3, Some(value.clone())),
        }
    }
}

impl ConfigResource {
    fn key(&self) -> (i8, String) {
        match self {
            Self::Topic(name) => (2, name.clone()),
            Self::Broker(id) => (4, id.to_string()),
        }
    }

    fn subject(&self) -> Subject {
        match self {
            Self::Topic(name) => Subject::Topic(name.as_str().into()),
            Self::Broker(id) => Subject::Resource(format!("broker {id}")),
        }
    }
}

impl Admin {
    /// All configurations of a topic or broker, by name.
    ///
    /// # Errors
    /// Those of connecting, and of the broker.
    pub async fn describe_configs(&self, resource: &ConfigResource) -> Result<Vec<ConfigEntry>> {
        let (resource_type, resource_name) = resource.key();
        let wanted = DescribeConfigsResource { resource_type, resource_name, configuration_keys: None };
        let request = DescribeConfigsRequest {
            resources: vec![wanted],
            include_synonyms: false,
            include_documentation: true,
        };
        let result = self
            .client
            .retry(self.client.config().api_timeout, async || {
                let connection = self.connection_for(resource).await?;
                let mut request = request.clone();
                request.include_documentation = connection.version::<DescribeConfigsRequest>()? >= 3;
                let response = connection.call(&request, self.client.config().request_timeout).await?;
                let api = ApiKey::DescribeConfigs;
                let result = response.results.into_iter().next();
                let result = result.ok_or_else(|| unanswered(api, resource.subject()))?;
                if result.error_code != 0 {
                    let (code, message) = (result.error_code, result.error_message.as_deref());
                    return Err(ClientError::broker(api, resource.subject(), code, message));
                }
                Ok(result)
            })
            .await?;
        let entry = |config: millstream_wire::messages::describe_configs::DescribeConfigsResourceResult| {
            ConfigEntry {
                source: ConfigSource::from_code(config.config_source),
                is_read_only: config.read_only,
                is_sensitive: config.is_sensitive,
                documentation: config.documentation,
                name: config.name,
                value: config.value,
            }
        };
        let mut entries: Vec<_> = result.configs.into_iter().map(entry).collect();
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(entries)
    }

    /// Changes configurations of a topic or broker; all of them or none.
    ///
    /// # Errors
    /// Those of connecting, and of the broker.
    pub async fn incremental_alter_configs(
        &self,
        resource: &ConfigResource,
        changes: &[(String, ConfigChange)],
        validate_only: bool,
    ) -> Result<()> {
        let (resource_type, resource_name) = resource.key();
        let config = |(name, change): &(String, ConfigChange)| {
            let (config_operation, value) = change.operation();
            AlterableConfig { name: name.clone(), config_operation, value }
        };
        let configs = changes.iter().map(config).collect();
        let request = IncrementalAlterConfigsRequest {
            resources: vec![AlterConfigsResource { resource_type, resource_name, configs }],
            validate_only,
        };
        self.client
            .retry(self.client.config().api_timeout, async || {
                let connection = self.connection_for(resource).await?;
                let response = connection.call(&request, self.client.config().request_timeout).await?;
                let api = ApiKey::IncrementalAlterConfigs;
                match response.responses.into_iter().next() {
                    Some(result) if result.error_code == 0 => Ok(()),
                    Some(result) => {
                        let (code, message) = (result.error_code, result.error_message.as_deref());
                        Err(ClientError::broker(api, resource.subject(), code, message))
                    }
                    None => Err(unanswered(api, resource.subject())),
                }
            })
            .await
    }

    /// A broker answers for itself; topics are anybody's.
    async fn connection_for(&self, resource: &ConfigResource) -> Result<crate::Connection> {
        match resource {
            ConfigResource::Topic(_) => self.client.controller_connection().await,
            ConfigResource::Broker(id) => {
                if self.client.address_of(*id).is_none() {
                    self.client.refresh_metadata(self.client.metadata().version).await?;
                }
                match self.client.address_of(*id) {
                    Some(address) => self.client.connection_to(*id, &address).await,
                    None => Err(ClientError::InvalidInput {
                        what: "broker id",
                        found: id.to_string(),
                        expected: "the id of a broker of this cluster",
                    }),
                }
            }
        }
    }
}
