//! A transactional id in `__transaction_state`.
//!
//! Generated from Apache Kafka's definitions by `cargo run -p xtask -- generate-messages`: change the
//! generator, never this file.

use crate::error::Result;
use crate::protocol::{CoordinatorKey, Element, Message, Reader, VersionRange, Writer, unsupported_field};

/// `TransactionLogKey`, record type 0, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TransactionLogKey {
    /// The transactional id of the transaction.
    pub transactional_id: String,
}

impl Element for TransactionLogKey {
    fn read(r: &mut Reader, _version: i16, flexible: bool) -> Result<Self> {
        Ok(Self { transactional_id: r.string(flexible)? })
    }

    fn write(&self, w: &mut Writer, _version: i16, flexible: bool) -> Result<()> {
        w.string(&self.transactional_id, flexible)?;
        Ok(())
    }
}

impl Message for TransactionLogKey {
    const NAME: &'static str = "TransactionLogKey";
    const VERSIONS: VersionRange = VersionRange::new(0, 0);
    const FLEXIBLE_SINCE: Option<i16> = None;
}

impl CoordinatorKey for TransactionLogKey {
    const TYPE: i16 = 0;
    type Value = TransactionLogValue;
}

/// `TransactionLogValue`, record type 0, versions 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct TransactionLogValue {
    /// Producer id in use by the transactional id.
    pub producer_id: i64,
    /// Producer id used by the last committed transaction (version 1).
    pub previous_producer_id: i64,
    /// Latest producer ID sent to the producer for the given transactional id (version 1).
    pub next_producer_id: i64,
    /// Epoch associated with the producer id.
    pub producer_epoch: i16,
    /// Producer epoch associated with the NextProducerId (version 1).
    pub next_producer_epoch: i16,
    /// Transaction timeout in milliseconds.
    pub transaction_timeout_ms: i32,
    /// TransactionState the transaction is in.
    pub transaction_status: i8,
    /// Partitions involved in the transaction.
    pub transaction_partitions: Option<Vec<PartitionsSchema>>,
    /// Time the transaction was last updated.
    pub transaction_last_update_timestamp_ms: i64,
    /// Time the transaction was started.
    pub transaction_start_timestamp_ms: i64,
    /// The transaction version used by the client (version 1).
    pub client_transaction_version: i16,
}

impl Default for TransactionLogValue {
    fn default() -> Self {
        Self {
            producer_id: 0,
            previous_producer_id: -1,
            next_producer_id: -1,
            producer_epoch: 0,
            next_producer_epoch: -1,
            transaction_timeout_ms: 0,
            transaction_status: 0,
            transaction_partitions: Some(Vec::new()),
            transaction_last_update_timestamp_ms: 0,
            transaction_start_timestamp_ms: 0,
            client_transaction_version: 0,
        }
    }
}

impl Element for TransactionLogValue {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let mut value = Self {
            producer_id: r.i64()?,
            previous_producer_id: -1,
            next_producer_id: -1,
            producer_epoch: r.i16()?,
            next_producer_epoch: -1,
            transaction_timeout_ms: r.i32()?,
            transaction_status: r.i8()?,
            transaction_partitions: r.nullable_array(version, flexible)?,
            transaction_last_update_timestamp_ms: r.i64()?,
            transaction_start_timestamp_ms: r.i64()?,
            client_transaction_version: 0,
        };
        if flexible {
            r.tagged_fields(&mut |tag, r| {
                match tag {
                    0 if version >= 1 => value.previous_producer_id = r.i64()?,
                    1 if version >= 1 => value.next_producer_id = r.i64()?,
                    2 if version >= 1 => value.client_transaction_version = r.i16()?,
                    3 if version >= 1 => value.next_producer_epoch = r.i16()?,
                    _ => return Ok(false),
                }
                Ok(true)
            })?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.i64(self.producer_id);
        if version < 1 && self.previous_producer_id != -1 {
            return Err(unsupported_field("TransactionLogValue.PreviousProducerId", version));
        }
        if version < 1 && self.next_producer_id != -1 {
            return Err(unsupported_field("TransactionLogValue.NextProducerId", version));
        }
        w.i16(self.producer_epoch);
        if version < 1 && self.next_producer_epoch != -1 {
            return Err(unsupported_field("TransactionLogValue.NextProducerEpoch", version));
        }
        w.i32(self.transaction_timeout_ms);
        w.i8(self.transaction_status);
        w.nullable_array(self.transaction_partitions.as_deref(), version, flexible)?;
        w.i64(self.transaction_last_update_timestamp_ms);
        w.i64(self.transaction_start_timestamp_ms);
        if version < 1 && self.client_transaction_version != 0 {
            return Err(unsupported_field("TransactionLogValue.ClientTransactionVersion", version));
        }
        if flexible {
            let has_previous_producer_id = version >= 1 && self.previous_producer_id != -1;
            let has_next_producer_id = version >= 1 && self.next_producer_id != -1;
            let has_client_transaction_version = version >= 1 && self.client_transaction_version != 0;
            let has_next_producer_epoch = version >= 1 && self.next_producer_epoch != -1;
            w.unsigned_varint(
                u32::from(has_previous_producer_id)
                    + u32::from(has_next_producer_id)
                    + u32::from(has_client_transaction_version)
                    + u32::from(has_next_producer_epoch),
            );
            if has_previous_producer_id {
                w.tagged_field(0, |w| {
                    w.i64(self.previous_producer_id);
                    Ok(())
                })?;
            }
            if has_next_producer_id {
                w.tagged_field(1, |w| {
                    w.i64(self.next_producer_id);
                    Ok(())
                })?;
            }
            if has_client_transaction_version {
                w.tagged_field(2, |w| {
                    w.i16(self.client_transaction_version);
                    Ok(())
                })?;
            }
            if has_next_producer_epoch {
                w.tagged_field(3, |w| {
                    w.i16(self.next_producer_epoch);
                    Ok(())
                })?;
            }
        }
        Ok(())
    }
}

impl Message for TransactionLogValue {
    const NAME: &'static str = "TransactionLogValue";
    const VERSIONS: VersionRange = VersionRange::new(0, 1);
    const FLEXIBLE_SINCE: Option<i16> = Some(1);
}

/// `PartitionsSchema`: Partitions involved in the transaction.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PartitionsSchema {
    /// Topic involved in the transaction.
    pub topic: String,
    /// Partition ids involved in the transaction.
    pub partition_ids: Vec<i32>,
}

impl Element for PartitionsSchema {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self { topic: r.string(flexible)?, partition_ids: r.array(version, flexible)? };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.string(&self.topic, flexible)?;
        w.array(&self.partition_ids, version, flexible)?;
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}
