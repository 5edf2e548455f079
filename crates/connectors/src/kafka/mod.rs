//! `kafka`: topics, read by partition and written at least once, under Flink's options.
//!
//! A table's columns are divided between the record's key, its value and what stands beside them ([`layout`]). Everything
//! that waits for the network lives in `millstream-client`; what is decoded and encoded here is so on the worker's
//! thread, batch by batch.

mod claims;
mod cluster;
mod dead_letters;
mod epochs;
mod layout;
mod metadata;
pub(crate) mod options;
mod progress;
pub(crate) mod properties;
mod reader;
mod sink;
mod source;

use std::sync::Arc;

use arrow_schema::DataType;
use millstream_engine::connector::{Connector, ConnectorError, Scan, Settings, TableSpec};
use millstream_engine::sink::Sink;
use millstream_engine::source::Source;
use parking_lot::Mutex;
use tokio::runtime::Handle;

pub use cluster::Clusters;
pub use epochs::{KafkaEpochs, STATE_TOPIC};
pub use source::KafkaSource;

use cluster::Connections;

/// The connector.
#[derive(Debug, Clone)]
pub struct Kafka {
    connections: Arc<Connections>,
}

impl Kafka {
    /// Makes the connector for tables on these clusters; `runtime` does the I/O.
    pub fn new(clusters: Clusters, runtime: Handle) -> Self {
        Self { connections: Arc::new(Connections::new(clusters, runtime)) }
    }

    /// Where a pipeline that resumes keeps its epochs: see [`KafkaEpochs`]. `sources` are the plan's, `name` is the
    /// group of a pipeline whose tables name none, `statement` tells pipelines of one group apart.
    ///
    /// # Errors
    /// When the tables name different groups, or there is no cluster.
    pub fn epochs(
        &self,
        sources: &[(String, Arc<dyn Source>)],
        name: &str,
        statement: &str,
    ) -> Result<KafkaEpochs, ConnectorError> {
        KafkaEpochs::new(&self.connections, sources, name, statement)
    }

    /// A topic for the bad rows of a pipeline, on the cluster of `source` or else on the one that keeps what belongs to
    /// no table.
    ///
    /// # Errors
    /// When there is no cluster.
    pub fn dead_letters(
        &self,
        topic: &str,
        pipeline: &str,
        source: &Arc<dyn Source>,
        settings: &Settings,
    ) -> Result<Arc<dyn Sink>, ConnectorError> {
        let own = source::downcast(source);
        if own.is_some_and(|source| source.topics().iter().any(|own| own == topic)) {
            return Err(ConnectorError::Declaration {
                option: Some("errors.deadletterqueue.topic.name".to_owned()),
                column: None,
                message: format!(
                    "bad rows of the topic {topic} cannot go to {topic} itself, where they would be read again: name another topic"
                ),
            });
        }
        let own = own.map(|source| source.client().clone());
        let client = own.or(self.connections.home()?).ok_or_else(|| ConnectorError::Declaration {
            option: Some("errors.deadletterqueue.topic.name".to_owned()),
            column: None,
            message: "a dead-letter topic needs a cluster".to_owned(),
        })?;
        Ok(Arc::new(dead_letters::DeadLetters {
            topic: topic.to_owned(),
            partitions: cluster::wanted_partitions(topic, settings)?,
            pipeline: pipeline.to_owned(),
            client,
            runtime: self.connections.runtime().clone(),
            producer: Mutex::default(),
        }))
    }
}

impl Connector for Kafka {
    fn name(&self) -> &'static str {
        "kafka"
    }

    fn metadata(&self) -> Vec<(&'static str, DataType, bool)> {
        layout::metadata()
    }

    fn source(
        &self,
        table: &TableSpec,
        scan: &Scan,
        settings: &Settings,
    ) -> Result<Arc<dyn Source>, ConnectorError> {
        Ok(Arc::new(KafkaSource::new(table, scan, settings, &self.connections)?))
    }

    fn sink(&self, table: &TableSpec, settings: &Settings) -> Result<Arc<dyn Sink>, ConnectorError> {
        Ok(Arc::new(sink::KafkaSink::new(table, settings, &self.connections)?))
    }
}
