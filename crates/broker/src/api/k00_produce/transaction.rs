//! The batches of a request that belong to a transaction.
//!
//! A producer of transaction version 2 (Produce 12 and later, KIP-890) enrols partitions by writing to them. Where one is new to the
//! transaction, the batches are handed to the disk threads when it is enrolled, behind everything that came before for the same
//! transactional id: so a producer with many requests in flight keeps its order. Others have enrolled their partitions
//! before, and are checked at once.

use std::sync::Arc;

use bytestring::ByteString;
use millstream_wire::ErrorCode;

use super::gather::Gather;
use super::validation::Rejected;
use super::{Outcome, Target, append_all};
use crate::coordinator::ProducerIdentity;
use crate::coordinator::transactions::{TopicPartitions, TransactionVersion, refusal_for_producer};
use crate::core::Core;

/// The first version that knows TRANSACTION_ABORTABLE.
const ABORTABLE_SINCE: i16 = 11;
/// The first version that enrols partitions.
const ENROLS_SINCE: i16 = 12;

/// How a client works with transactions that uses a version of Produce.
pub(super) fn version_of(produce_version: i16) -> TransactionVersion {
    if produce_version < ENROLS_SINCE { TransactionVersion::V0 } else { TransactionVersion::V2 }
}

/// Batches that wait for their partitions to be enrolled.
pub(super) struct Batches<'a> {
    core: &'a Arc<Core>,
    version: i16,
    id: Option<ByteString>,
    acks: i16,
    producer: Option<ProducerIdentity>,
    partitions: TopicPartitions,
    targets: Vec<Target>,
}

impl<'a> Batches<'a> {
    pub(super) fn new(core: &'a Arc<Core>, version: i16, id: Option<ByteString>, acks: i16) -> Self {
        let partitions = TopicPartitions::default();
        Self { core, version, id, acks, producer: None, partitions, targets: Vec::new() }
    }

    /// Takes in a batch, or says why it may not be appended.
    pub(super) fn put(
        &mut self,
        producer: ProducerIdentity,
        topic: &str,
        target: Target,
    ) -> Result<(), (usize, Rejected)> {
        let index = target.partition.log.index();
        let refused = |error| (target.place, rejected(error));
        let Some(id) = &self.id else { return Err(refused(ErrorCode::TransactionalIdAuthorizationFailed)) };
        if *self.producer.get_or_insert(producer) != producer {
            return Err(refused(ErrorCode::InvalidProducerIdMapping));
        }
        if self.version < ENROLS_SINCE {
            let verified = self.core.transactions.verify(id, producer, topic, index);
            verified.map_err(|error| refused(code_for(self.version, error)))?;
        } else {
            self.partitions.insert(topic, index);
        }
        self.targets.push(target);
        Ok(())
    }

    /// Appends the batches, at once or when their partitions are enrolled.
    pub(super) fn append(self, gather: &Arc<Gather>) {
        let (Some(id), Some(producer)) = (self.id, self.producer) else { return };
        let (core, acks, version) = (Arc::clone(self.core), self.acks, self.version);
        if version < ENROLS_SINCE {
            return append_all(&core, gather, self.targets, acks);
        }
        let (gather, targets) = (Arc::clone(gather), self.targets);
        let then = move |enrolled: Result<(), ErrorCode>| match enrolled {
            Ok(()) => append_all(&core, &gather, targets, acks),
            Err(error) => {
                for target in targets {
                    gather.set(target.place, Outcome::Rejected(rejected(code_for(version, error))));
                }
            }
        };
        let version = TransactionVersion::V2;
        self.core.transactions.enrol(&id, producer, self.partitions, version, Box::new(then));
    }
}

fn rejected(error: ErrorCode) -> Rejected {
    Rejected::whole(error, Some(error.message().to_owned()))
}

/// What the producer hears instead of what coordinators tell each other; old ones hear something that makes them try again.
fn code_for(version: i16, error: ErrorCode) -> ErrorCode {
    match refusal_for_producer(error) {
        ErrorCode::ConcurrentTransactions if version < ENROLS_SINCE => ErrorCode::NotEnoughReplicas,
        ErrorCode::CoordinatorLoadInProgress
        | ErrorCode::CoordinatorNotAvailable
        | ErrorCode::NotCoordinator => ErrorCode::NotEnoughReplicas,
        ErrorCode::TransactionAbortable if version < ABORTABLE_SINCE => ErrorCode::InvalidTxnState,
        error => error,
    }
}
