//! The broker around the transaction coordinator: the partitions that take part in transactions, and the groups whose offsets do.

use std::sync::{Arc, OnceLock, Weak};

use millstream_log::LogError;
use millstream_wire::ErrorCode;

use crate::coordinator::ProducerIdentity;
use crate::coordinator::transactions::{Marker, MarkerDone, MarkerOutcome, NewProducerId, TransactionHost};
use crate::core::Core;
use crate::error_code;
use crate::storage::topics::OFFSETS_TOPIC;

/// Whoever takes part in transactions.
#[derive(Default)]
pub(crate) struct Participants {
    core: OnceLock<Weak<Core>>,
}

impl Participants {
    /// Ties them to their broker.
    pub(crate) fn attach(&self, core: &Arc<Core>) {
        // The first one counts, and there is one.
        drop(self.core.set(Arc::downgrade(core)));
    }

    fn core(&self) -> Option<Arc<Core>> {
        self.core.get().and_then(Weak::upgrade)
    }
}

impl TransactionHost for Participants {
    fn new_producer_id(&self) -> NewProducerId {
        let core = self.core();
        Box::pin(async move {
            let core = core.ok_or(ErrorCode::CoordinatorNotAvailable)?;
            core.new_producer_id().await
        })
    }

    fn enrol(&self, topic: &str, partition: i32, producer: ProducerIdentity) {
        let Some(core) = self.core() else { return };
        // A topic that is gone needs no transaction; its producer hears of it when it appends.
        if let Some(topic) = core.topics().by_name(topic)
            && let Some(partition) = topic.partition(partition)
        {
            partition.enrol(&core.disks, producer);
        }
    }

    fn write_marker(&self, topic: &str, partition: i32, marker: Marker, done: MarkerDone) {
        match self.core() {
            Some(core) => write_marker(&core, topic, partition, marker, done),
            // The broker has ended; the next one goes on.
            None => drop(done),
        }
    }
}

/// Ends a producer's transaction in a partition, and what groups have in it.
pub(crate) fn write_marker(core: &Arc<Core>, topic: &str, partition: i32, marker: Marker, done: MarkerDone) {
    let found = core.topics().by_name(topic).and_then(|topic| topic.partition(partition).cloned());
    let Some(target) = found else { return done(MarkerOutcome::Gone) };
    if topic != OFFSETS_TOPIC {
        let done = move |appended: Result<_, LogError>| done(outcome_of(appended.err().as_ref()));
        return target.append_marker(&core.disks, marker, Box::new(done));
    }
    let context = Arc::clone(core);
    core.spawn(async move {
        // Groups that are still being loaded must not miss what becomes of their offsets.
        context.groups.shard_loaded(partition).await;
        let groups = Arc::clone(&context.groups);
        let done = move |appended: Result<_, LogError>| {
            if appended.is_ok() {
                groups.transaction_ended(partition, marker.producer.id, marker.committed);
            }
            done(outcome_of(appended.err().as_ref()));
        };
        target.append_marker(&context.disks, marker, Box::new(done));
    });
}

fn outcome_of(error: Option<&LogError>) -> MarkerOutcome {
    match error {
        None => MarkerOutcome::Written,
        Some(LogError::PartitionDeleted { .. }) => MarkerOutcome::Gone,
        Some(LogError::InvalidProducerEpoch { .. }) => MarkerOutcome::Fenced,
        Some(error) => MarkerOutcome::Failed(error_code::of_log(error)),
    }
}
