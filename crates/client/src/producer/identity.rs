//! Who a producer is to the brokers: its id and epoch (KIP-98, KIP-360).
//!
//! ```text
//!              acquire                     bump (a partition lost its sequence)
//!   (nothing) ─────────► id, epoch 0 ─────────────────────────────► id, epoch n + 1 … up to 32767
//!                            ▲                                                │ exhausted
//!                            └────────────────────────────────────────────────┘
//! ```
//!
//! A producer without transactions raises its epoch by itself, as Kafka's does: a partition takes the higher epoch
//! with sequence 0 and refuses what may still come under the lower one. Each lane moves to the current identity on its
//! own once nothing of it is under way. A transactional producer will ask its coordinator instead.

use millstream_wire::ApiKey;
use millstream_wire::messages::InitProducerIdRequest;
use millstream_wire::records::{NO_PRODUCER_EPOCH, NO_PRODUCER_ID, NO_SEQUENCE, ProducerStamp};
use parking_lot::Mutex;

use crate::client::Client;
use crate::error::{ClientError, Result, Subject};

/// A producer id with its epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) producer_id: i64,
    pub(super) epoch: i16,
}

impl Identity {
    /// That of producers without idempotence.
    pub(super) const NONE: Self = Self { producer_id: NO_PRODUCER_ID, epoch: NO_PRODUCER_EPOCH };

    pub(super) fn is_some(self) -> bool {
        self.producer_id != NO_PRODUCER_ID
    }

    /// Whether a stamp is of this identity.
    pub(super) fn made(self, stamp: ProducerStamp) -> bool {
        self.producer_id == stamp.producer_id && self.epoch == stamp.producer_epoch
    }

    pub(super) fn stamp(self, base_sequence: i32) -> ProducerStamp {
        let base_sequence = if self.is_some() { base_sequence } else { NO_SEQUENCE };
        ProducerStamp { producer_id: self.producer_id, producer_epoch: self.epoch, base_sequence }
    }
}

/// The identity that batches are stamped with now.
#[derive(Debug)]
pub(super) struct IdentityCell {
    current: Mutex<Identity>,
}

impl IdentityCell {
    pub(super) fn new(identity: Identity) -> Self {
        Self { current: Mutex::new(identity) }
    }

    pub(super) fn none() -> Self {
        Self::new(Identity::NONE)
    }

    pub(super) fn current(&self) -> Identity {
        *self.current.lock()
    }

    /// Makes sure that the identity is another than `lost`, under which a partition lost its sequence. False when its
    /// epochs are used up and a new id must be asked for.
    pub(super) fn leave(&self, lost: Identity) -> bool {
        let mut current = self.current.lock();
        if *current == lost {
            match current.epoch.checked_add(1) {
                Some(epoch) => current.epoch = epoch,
                None => return false,
            }
        }
        true
    }

    /// Takes a new identity, unless somebody else has left `lost` meanwhile.
    pub(super) fn replace(&self, lost: Identity, fresh: Identity) {
        let mut current = self.current.lock();
        if *current == lost {
            *current = fresh;
        }
    }
}

/// Asks any broker for a producer id.
pub(super) async fn acquire(client: &Client) -> Result<Identity> {
    let request = InitProducerIdRequest {
        transactional_id: None,
        transaction_timeout_ms: i32::MAX,
        ..InitProducerIdRequest::default()
    };
    client
        .retry(client.config().api_timeout, async || {
            let response = client.call_any(&request).await?;
            ClientError::check(ApiKey::InitProducerId, || Subject::Request, response.error_code)?;
            Ok(Identity { producer_id: response.producer_id, epoch: response.producer_epoch })
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_that_lose_their_sequence_together_raise_the_epoch_once() {
        let first = Identity { producer_id: 7, epoch: 3 };
        let cell = IdentityCell::new(first);
        assert!(cell.leave(first) && cell.leave(first));
        assert_eq!(cell.current(), Identity { producer_id: 7, epoch: 4 });
        let last = Identity { producer_id: 7, epoch: i16::MAX };
        let cell = IdentityCell::new(last);
        assert!(!cell.leave(last));
        let fresh = Identity { producer_id: 8, epoch: 0 };
        cell.replace(last, fresh);
        cell.replace(last, Identity { producer_id: 9, epoch: 0 });
        assert_eq!(cell.current(), fresh);
    }
}
