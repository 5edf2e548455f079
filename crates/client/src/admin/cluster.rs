//! DescribeCluster, or Metadata where a broker does not have it.

use std::collections::BTreeMap;

use millstream_wire::ApiKey;
use millstream_wire::messages::DescribeClusterRequest;
use millstream_wire::messages::metadata::MetadataRequest;

use super::Admin;
use crate::error::{ClientError, Result, Subject};
use crate::metadata::{self, BrokerMetadata};
use crate::transport::BrokerAddress;

/// The brokers of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterDescription {
    /// The cluster's id.
    pub cluster_id: Option<String>,
    /// The broker that takes administrative requests, if there is one now.
    pub controller_id: Option<i32>,
    /// The brokers by id.
    pub brokers: BTreeMap<i32, BrokerMetadata>,
}

/// Endpoint type of brokers, as opposed to controllers (KIP-919).
const BROKERS: i8 = 1;

impl Admin {
    /// Describes the cluster.
    ///
    /// # Errors
    /// Those of connecting, and of the broker.
    pub async fn describe_cluster(&self) -> Result<ClusterDescription> {
        self.client.retry(self.client.config().api_timeout, || self.describe_cluster_once()).await
    }

    async fn describe_cluster_once(&self) -> Result<ClusterDescription> {
        let connection = self.client.any_connection().await?;
        let timeout = self.client.config().request_timeout;
        if connection.version::<DescribeClusterRequest>().is_err() {
            let response = connection.call(&MetadataRequest::default(), timeout).await?;
            return Ok(ClusterDescription {
                cluster_id: response.cluster_id.as_deref().map(str::to_owned),
                controller_id: (response.controller_id >= 0).then_some(response.controller_id),
                brokers: metadata::brokers(&response.brokers),
            });
        }
        let request = DescribeClusterRequest { endpoint_type: BROKERS, ..Default::default() };
        let response = connection.call(&request, timeout).await?;
        if response.error_code != 0 {
            let message = response.error_message.as_deref();
            let code = response.error_code;
            return Err(ClientError::broker(ApiKey::DescribeCluster, Subject::Request, code, message));
        }
        let known = response.brokers.iter().filter_map(|broker| {
            let address = BrokerAddress::new(&broker.host, u16::try_from(broker.port).ok()?);
            let rack = broker.rack.as_deref().map(crate::ByteString::from);
            Some((broker.broker_id, BrokerMetadata { address, rack }))
        });
        Ok(ClusterDescription {
            cluster_id: Some(response.cluster_id),
            controller_id: (response.controller_id >= 0).then_some(response.controller_id),
            brokers: known.collect(),
        })
    }
}
