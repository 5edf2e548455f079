//! What an operator asks of a cluster: topics, configurations, offsets, committed offsets, groups.
//!
//! Each call repeats itself on errors that pass, within the client's API timeout. Calls over several topics or
//! partitions answer for each of them: one that fails does not hide the others.

mod cluster;
mod committed;
mod configs;
pub(crate) mod coordinator;
mod groups;
mod offsets;
mod producers;
mod records;
mod topics;
mod transactions;

use millstream_wire::ApiKey;

use crate::client::Client;
use crate::error::{ClientError, Result, Subject};

pub use cluster::ClusterDescription;
pub(crate) use committed::commit;
pub use committed::{CommittedOffset, MemberIdentity, OFFSET_METADATA_BYTES_MAX, OffsetToCommit};
pub use configs::{ConfigChange, ConfigEntry, ConfigResource, ConfigSource};
pub use groups::{GroupDescription, GroupListing, GroupMemberDescription};
pub(crate) use offsets::list_once as list_offsets_once;
pub use offsets::{IsolationLevel, ListedOffset, OffsetSpec};
pub use producers::PartitionProducer;
pub use topics::{CreatedTopic, NewTopic, TopicListing};
pub use transactions::{TransactionDescription, TransactionListing};

/// Administrative calls; cheap to clone.
#[derive(Debug, Clone)]
pub struct Admin {
    client: Client,
}

impl Admin {
    /// Calls through `client`.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// The client that the calls go through.
    pub fn client(&self) -> &Client {
        &self.client
    }
}

/// The answer was for something that was not asked, or is missing what was.
fn unanswered(api: ApiKey, subject: Subject) -> ClientError {
    let code = millstream_wire::ErrorCode::UnknownServerError.code();
    ClientError::broker(api, subject, code, Some("the response leaves it out"))
}

/// The milliseconds of a timeout as requests carry them.
fn timeout_ms(timeout: std::time::Duration) -> i32 {
    i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX)
}

/// The first error of per-item answers whose code makes the whole request worth repeating.
fn first_retriable<T>(answers: &[(T, Result<()>)]) -> Option<ClientError> {
    let mut errors = answers.iter().filter_map(|(_, answer)| answer.as_ref().err());
    errors.find(|error| error.is_retriable()).cloned()
}
