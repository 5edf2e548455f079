//! The coordinators' topics: created when they are first needed, and read again at the start.

use std::sync::Arc;

use millstream_log::NewTopic;
use millstream_wire::ErrorCode;

use super::Core;
use crate::error::Result as BrokerResult;
use crate::storage::Topic;
use crate::storage::topics::{OFFSETS_TOPIC, TRANSACTIONS_TOPIC};

impl Core {
    /// Makes sure that there is a coordinator for groups: creates `__consumer_offsets` where it is missing.
    pub(crate) async fn group_coordinator_ready(self: &Arc<Self>, _group_id: &str) -> Result<(), ErrorCode> {
        if self.offsets_topic.exists() {
            return Ok(());
        }
        let _creating = self.groups.creating_topic.lock().await;
        if self.offsets_topic.exists() {
            return Ok(());
        }
        self.offsets_topic.set(self.coordinator_topic(OFFSETS_TOPIC).await?);
        Ok(())
    }

    /// Makes sure that there is a coordinator for transactions: creates `__transaction_state` where it is missing.
    pub(crate) async fn transaction_coordinator_ready(self: &Arc<Self>) -> Result<(), ErrorCode> {
        if self.transactions_topic.exists() {
            return Ok(());
        }
        let _creating = self.transactions.creating_topic.lock().await;
        if !self.transactions_topic.exists() {
            self.transactions_topic.set(self.coordinator_topic(TRANSACTIONS_TOPIC).await?);
        }
        Ok(())
    }

    /// A coordinator's topic, created where it is missing.
    async fn coordinator_topic(self: &Arc<Self>, name: &'static str) -> Result<Arc<Topic>, ErrorCode> {
        if let Some(topic) = self.topics().by_name(name) {
            return Ok(Arc::clone(topic));
        }
        self.create_topic(self.internal_topic(name)).await.map_err(|refusal| {
            tracing::error!(topic = name, error = %refusal.error, message = ?refusal.message, "cannot create a topic");
            ErrorCode::CoordinatorNotAvailable
        })
    }

    /// As [`Core::group_coordinator_ready`], for requests of members, whose group must have a name.
    pub(crate) async fn membership_ready(self: &Arc<Self>, group_id: &str) -> Result<(), ErrorCode> {
        if group_id.is_empty() {
            return Err(ErrorCode::InvalidGroupId);
        }
        self.group_coordinator_ready(group_id).await
    }

    /// Begins to load what groups there are.
    pub(crate) fn load_groups(self: &Arc<Self>) {
        let Some(topic) = self.topics().by_name(OFFSETS_TOPIC).cloned() else {
            // Whoever asks for groups before the first of them hears that there are none.
            return self.groups.start_empty();
        };
        self.offsets_topic.set(Arc::clone(&topic));
        for partition in &topic.partitions {
            let groups = Arc::clone(&self.groups);
            let index = partition.log.index();
            self.disks.read(Box::new(move || groups.load_shard(index)));
        }
    }

    /// Loads what transactions there are, and goes on with those that the last process did not finish. Returns when
    /// everything that was decided is visible.
    pub(crate) async fn load_transactions(self: &Arc<Self>) -> BrokerResult<()> {
        let Some(topic) = self.topics().by_name(TRANSACTIONS_TOPIC).cloned() else { return Ok(()) };
        self.transactions_topic.set(topic);
        let transactions = Arc::clone(&self.transactions);
        self.disks
            .run(move || {
                transactions.load();
                transactions.roll_forward();
            })
            .await?;
        self.transactions.markers_settled().await;
        Ok(())
    }

    /// A topic of the broker's own, as Apache Kafka creates it.
    pub(super) fn internal_topic(&self, name: &str) -> NewTopic {
        let configs =
            [("cleanup.policy", "compact"), ("compression.type", "producer"), ("segment.bytes", "104857600")];
        let configs = configs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned()));
        NewTopic {
            name: name.to_owned(),
            partitions: match name {
                TRANSACTIONS_TOPIC => self.config.transactions_partitions,
                _ => self.config.offsets_partitions,
            },
            configs: configs.collect(),
        }
    }
}
