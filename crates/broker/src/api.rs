//! The APIs, one file each, and the table that ApiVersions answers and dispatch goes by.
//!
//! A handler gets a decoded request and gives back a response, at once ([`Reply::Now`]) or as a future ([`Reply::Later`]).
//! It never waits for the disk itself. What is common to all (decoding, encoding, the version check) happens here. An API
//! that is not in the table is not offered, and a request for it closes the connection, as in Apache Kafka.

pub(crate) mod client_metrics_configs;
pub(crate) mod configs;
pub(crate) mod group_configs;
mod k00_produce;
mod k01_fetch;
mod k02_list_offsets;
mod k03_metadata;
mod k08_offset_commit;
mod k09_offset_fetch;
mod k10_find_coordinator;
mod k11_join_group;
mod k12_heartbeat;
mod k13_leave_group;
mod k14_sync_group;
mod k15_describe_groups;
mod k16_list_groups;
mod k18_api_versions;
mod k19_create_topics;
mod k20_delete_topics;
mod k21_delete_records;
mod k22_init_producer_id;
mod k23_offset_for_leader_epoch;
mod k24_add_partitions_to_txn;
mod k25_add_offsets_to_txn;
mod k26_end_txn;
mod k27_write_txn_markers;
mod k28_txn_offset_commit;
mod k32_describe_configs;
mod k33_alter_configs;
mod k34_alter_replica_log_dirs;
mod k35_describe_log_dirs;
mod k37_create_partitions;
mod k42_delete_groups;
mod k43_elect_leaders;
mod k44_incremental_alter_configs;
mod k45_alter_partition_reassignments;
mod k46_list_partition_reassignments;
mod k47_offset_delete;
mod k48_describe_client_quotas;
mod k49_alter_client_quotas;
mod k55_describe_quorum;
mod k57_update_features;
mod k60_describe_cluster;
mod k61_describe_producers;
mod k65_describe_transactions;
mod k66_list_transactions;
mod k68_consumer_group_heartbeat;
mod k69_consumer_group_describe;
mod k71_get_telemetry_subscriptions;
mod k72_push_telemetry;
mod k74_list_config_resources;
mod k75_describe_topic_partitions;
mod operations;

pub(crate) use k01_fetch::FetchSessions;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use millstream_wire::frame::{self, RequestFrame};
use millstream_wire::protocol::{Message as _, Request};
use millstream_wire::{ApiKey, ErrorCode, VersionRange, WireError};

use crate::core::Core;
use crate::error::Result;
use crate::quotas::Metered;
use crate::server::{Answer, Handling};
use crate::telemetry::{Client, Software};

/// What "not asked for" looks like where a response has authorized operations.
const OPERATIONS_NOT_ASKED: i32 = i32::MIN;

/// Who sends requests on a connection.
#[derive(Debug)]
pub(crate) struct Caller {
    /// The client's address, without its port.
    pub(crate) host: String,
    /// The port; 0 without a socket.
    pub(crate) port: u16,
    /// The listener it came through: metadata names that listener's advertised address.
    pub(crate) listener: usize,
    /// What it said of its library, if it has.
    pub(crate) software: OnceLock<Software>,
}

impl Caller {
    pub(crate) fn new(host: String, port: u16, listener: usize) -> Self {
        Self { host, port, listener, software: OnceLock::new() }
    }

    /// The user's name: Kafka's for one who has not said who it is, since nobody can yet.
    #[expect(clippy::unused_self, reason = "every connection will have its own user once they authenticate")]
    pub(crate) fn user(&self) -> &str {
        "ANONYMOUS"
    }
}

/// A request with where it came from.
pub(crate) struct Call {
    pub(crate) frame: RequestFrame,
    pub(crate) caller: Arc<Caller>,
    /// What counts for it, if anybody has a quota.
    pub(crate) metered: Option<Arc<Metered>>,
}

impl Call {
    pub(crate) fn version(&self) -> i16 {
        self.frame.api_version
    }

    /// Who sends it, as a source of metrics.
    fn client(&self) -> Client<'_> {
        Client { client_id: self.client_id(), caller: &self.caller }
    }

    pub(crate) fn client_id(&self) -> &str {
        self.frame.client_id.as_deref().unwrap_or_default()
    }
}

/// What a handler gives back.
pub(crate) enum Reply<T> {
    /// The response.
    Now(T),
    /// The response comes; without it, the connection ends.
    Later(Pin<Box<dyn Future<Output = Result<T>> + Send>>),
}

impl<T> Reply<T> {
    fn later(future: impl Future<Output = T> + Send + 'static) -> Self {
        Self::Later(Box::pin(async { Ok(future.await) }))
    }

    /// A response for which something of the broker's own may be missing.
    fn attempt(future: impl Future<Output = Result<T>> + Send + 'static) -> Self {
        Self::Later(Box::pin(future))
    }
}

/// An API in the versions that are offered.
pub(crate) struct Api {
    pub(crate) key: ApiKey,
    /// The versions that are offered, where not those of Kafka 4.3.
    other_versions: Option<VersionRange>,
    handle: fn(&Arc<Core>, Call) -> Result<Handling, WireError>,
}

impl Api {
    /// An API in all versions that Kafka 4.3 has of it.
    const fn whole<R: Request>(handle: fn(&Arc<Core>, Call) -> Result<Handling, WireError>) -> Self {
        Self { key: R::API_KEY, other_versions: None, handle }
    }

    /// What ApiVersions says: the stable versions of Kafka 4.3, where nothing else is offered.
    pub(crate) fn versions(&self) -> VersionRange {
        self.other_versions.or(self.key.versions()).unwrap_or(VersionRange::new(0, -1))
    }
}

/// Every API that is offered, by key. `docs/protocol.md` says why others are not.
pub(crate) const APIS: &[Api] = &[
    k00_produce::API,
    k01_fetch::API,
    k02_list_offsets::API,
    k03_metadata::API,
    k08_offset_commit::API,
    k09_offset_fetch::API,
    k10_find_coordinator::API,
    k11_join_group::API,
    k12_heartbeat::API,
    k13_leave_group::API,
    k14_sync_group::API,
    k15_describe_groups::API,
    k16_list_groups::API,
    k18_api_versions::API,
    k19_create_topics::API,
    k20_delete_topics::API,
    k21_delete_records::API,
    k22_init_producer_id::API,
    k23_offset_for_leader_epoch::API,
    k24_add_partitions_to_txn::API,
    k25_add_offsets_to_txn::API,
    k26_end_txn::API,
    k27_write_txn_markers::API,
    k28_txn_offset_commit::API,
    k32_describe_configs::API,
    k33_alter_configs::API,
    k34_alter_replica_log_dirs::API,
    k35_describe_log_dirs::API,
    k37_create_partitions::API,
    k42_delete_groups::API,
    k43_elect_leaders::API,
    k44_incremental_alter_configs::API,
    k45_alter_partition_reassignments::API,
    k46_list_partition_reassignments::API,
    k47_offset_delete::API,
    k48_describe_client_quotas::API,
    k49_alter_client_quotas::API,
    k55_describe_quorum::API,
    k57_update_features::API,
    k60_describe_cluster::API,
    k61_describe_producers::API,
    k65_describe_transactions::API,
    k66_list_transactions::API,
    k68_consumer_group_heartbeat::API,
    k69_consumer_group_describe::API,
    k71_get_telemetry_subscriptions::API,
    k72_push_telemetry::API,
    k74_list_config_resources::API,
    k75_describe_topic_partitions::API,
];

/// Begins a request.
///
/// # Errors
/// When it cannot be read, or asks for an API or version that is not offered: the connection has to be closed.
pub(crate) fn dispatch(core: &Arc<Core>, call: Call) -> Result<Handling, WireError> {
    let key = call.frame.api_key;
    let api = APIS.iter().find(|api| api.key == key).ok_or(WireError::ApiNotOffered { api: key.name() })?;
    (api.handle)(core, call)
}

/// Refuses versions that Kafka defines and has not released.
fn check_offered(key: ApiKey, version: i16) -> Result<(), WireError> {
    match key.versions() {
        Some(supported) if !supported.contains(version) => {
            Err(WireError::UnsupportedVersion { message: key.name(), version, supported })
        }
        _ => Ok(()),
    }
}

/// Decodes a request, has `handle` work on it, and encodes what comes back.
fn serve<R: Request>(
    core: &Arc<Core>,
    call: Call,
    handle: impl FnOnce(&Arc<Core>, &Call, R) -> Reply<R::Response>,
) -> Result<Handling, WireError>
where
    R::Response: Send + 'static,
{
    check_offered(R::API_KEY, call.version())?;
    let request = call.frame.decode_body::<R>()?;
    let (version, correlation_id) = (call.version(), call.frame.correlation_id);
    // Between brokers, as in Kafka, no quota holds.
    let metered = call.metered.clone().filter(|_| R::API_KEY != ApiKey::WriteTxnMarkers);
    let encode = move |mut response: R::Response| {
        if let Some(metered) = &metered {
            response.set_throttle_time_ms(metered.settle());
        }
        match frame::encode_response(&response, R::API_KEY, version, correlation_id) {
            Ok(bytes) => Answer::Whole(bytes),
            Err(error) => {
                tracing::error!(api = R::API_KEY.name(), version, %error, "response cannot be encoded");
                Answer::Close
            }
        }
    };
    Ok(match handle(core, &call, request) {
        Reply::Now(response) => Handling::Done(encode(response)),
        Reply::Later(response) => Handling::Later(Box::pin(async move {
            response.await.map_or_else(
                |error| {
                    tracing::error!(api = R::API_KEY.name(), %error, "request has no answer, its connection ends");
                    Answer::Close
                },
                encode,
            )
        })),
    })
}

/// The code and Kafka's words for it.
fn error_with_message(error: ErrorCode, message: Option<String>) -> (i16, Option<String>) {
    let default = || (error != ErrorCode::None).then(|| error.message().to_owned());
    (error.code(), message.or_else(default))
}

/// What an administrator is told: a code, and words where Kafka's own do not suffice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) error: ErrorCode,
    pub(crate) message: Option<String>,
}

impl Refusal {
    pub(crate) fn new(error: ErrorCode, message: impl Into<String>) -> Self {
        Self { error, message: Some(message.into()) }
    }

    fn into_parts(self) -> (i16, Option<String>) {
        error_with_message(self.error, self.message)
    }
}

impl From<ErrorCode> for Refusal {
    fn from(error: ErrorCode) -> Self {
        Self { error, message: None }
    }
}

#[cfg(test)]
mod tests;
