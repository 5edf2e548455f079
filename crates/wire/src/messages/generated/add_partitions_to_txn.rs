//! The API AddPartitionsToTxn.
//!
//! Generated from Apache Kafka's definitions by `cargo run -p xtask -- generate-messages`: change the
//! generator, never this file.

use crate::api_key::ApiKey;
use crate::error::Result;
use crate::protocol::{Element, Message, Reader, Request, VersionRange, Writer, unsupported_field};

/// `AddPartitionsToTxnRequest`, API key 24, versions 0 to 5.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AddPartitionsToTxnRequest {
    /// List of transactions to add partitions to (since version 4).
    pub transactions: Vec<AddPartitionsToTxnTransaction>,
    /// The transactional id corresponding to the transaction (up to version 3).
    pub v3_and_below_transactional_id: String,
    /// Current producer id in use by the transactional id (up to version 3).
    pub v3_and_below_producer_id: i64,
    /// Current epoch associated with the producer id (up to version 3).
    pub v3_and_below_producer_epoch: i16,
    /// The partitions to add to the transaction (up to version 3).
    pub v3_and_below_topics: Vec<AddPartitionsToTxnTopic>,
}

impl Element for AddPartitionsToTxnRequest {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            transactions: if version >= 4 { r.array(version, flexible)? } else { Vec::new() },
            v3_and_below_transactional_id: if version <= 3 { r.string(flexible)? } else { String::new() },
            v3_and_below_producer_id: if version <= 3 { r.i64()? } else { 0 },
            v3_and_below_producer_epoch: if version <= 3 { r.i16()? } else { 0 },
            v3_and_below_topics: if version <= 3 { r.array(version, flexible)? } else { Vec::new() },
        };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        if version >= 4 {
            w.array(&self.transactions, version, flexible)?;
        } else if !self.transactions.is_empty() {
            return Err(unsupported_field("AddPartitionsToTxnRequest.Transactions", version));
        }
        if version <= 3 {
            w.string(&self.v3_and_below_transactional_id, flexible)?;
        } else if !self.v3_and_below_transactional_id.is_empty() {
            return Err(unsupported_field("AddPartitionsToTxnRequest.V3AndBelowTransactionalId", version));
        }
        if version <= 3 {
            w.i64(self.v3_and_below_producer_id);
        } else if self.v3_and_below_producer_id != 0 {
            return Err(unsupported_field("AddPartitionsToTxnRequest.V3AndBelowProducerId", version));
        }
        if version <= 3 {
            w.i16(self.v3_and_below_producer_epoch);
        } else if self.v3_and_below_producer_epoch != 0 {
            return Err(unsupported_field("AddPartitionsToTxnRequest.V3AndBelowProducerEpoch", version));
        }
        if version <= 3 {
            w.array(&self.v3_and_below_topics, version, flexible)?;
        } else if !self.v3_and_below_topics.is_empty() {
            return Err(unsupported_field("AddPartitionsToTxnRequest.V3AndBelowTopics", version));
        }
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

impl Message for AddPartitionsToTxnRequest {
    const NAME: &'static str = "AddPartitionsToTxnRequest";
    const VERSIONS: VersionRange = VersionRange::new(0, 5);
    const FLEXIBLE_SINCE: Option<i16> = Some(3);
}

impl Request for AddPartitionsToTxnRequest {
    const API_KEY: ApiKey = ApiKey::AddPartitionsToTxn;
    type Response = AddPartitionsToTxnResponse;
}

/// `AddPartitionsToTxnTransaction`: List of transactions to add partitions to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AddPartitionsToTxnTransaction {
    /// The transactional id corresponding to the transaction.
    pub transactional_id: String,
    /// Current producer id in use by the transactional id.
    pub producer_id: i64,
    /// Current epoch associated with the producer id.
    pub producer_epoch: i16,
    /// Boolean to signify if we want to check if the partition is in the transaction rather than add it.
    pub verify_only: bool,
    /// The partitions to add to the transaction.
    pub topics: Vec<AddPartitionsToTxnTopic>,
}

impl Element for AddPartitionsToTxnTransaction {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            transactional_id: r.string(flexible)?,
            producer_id: r.i64()?,
            producer_epoch: r.i16()?,
            verify_only: r.bool()?,
            topics: r.array(version, flexible)?,
        };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.string(&self.transactional_id, flexible)?;
        w.i64(self.producer_id);
        w.i16(self.producer_epoch);
        w.bool(self.verify_only);
        w.array(&self.topics, version, flexible)?;
        w.no_tagged_fields();
        Ok(())
    }
}

/// `AddPartitionsToTxnTopic` of `AddPartitionsToTxnRequest`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AddPartitionsToTxnTopic {
    /// The name of the topic.
    pub name: String,
    /// The partition indexes to add to the transaction.
    pub partitions: Vec<i32>,
}

impl Element for AddPartitionsToTxnTopic {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self { name: r.string(flexible)?, partitions: r.array(version, flexible)? };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.string(&self.name, flexible)?;
        w.array(&self.partitions, version, flexible)?;
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

/// `AddPartitionsToTxnResponse`, API key 24, versions 0 to 5.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AddPartitionsToTxnResponse {
    /// Duration in milliseconds for which the request was throttled due to a quota violation, or zero if
    /// the request did not violate any quota.
    pub throttle_time_ms: i32,
    /// The response top level error code (since version 4).
    pub error_code: i16,
    /// Results categorized by transactional ID (since version 4).
    pub results_by_transaction: Vec<AddPartitionsToTxnResult>,
    /// The results for each topic (up to version 3).
    pub results_by_topic_v3_and_below: Vec<AddPartitionsToTxnTopicResult>,
}

impl Element for AddPartitionsToTxnResponse {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            throttle_time_ms: r.i32()?,
            error_code: if version >= 4 { r.i16()? } else { 0 },
            results_by_transaction: if version >= 4 { r.array(version, flexible)? } else { Vec::new() },
            results_by_topic_v3_and_below: if version <= 3 {
                r.array(version, flexible)?
            } else {
                Vec::new()
            },
        };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.i32(self.throttle_time_ms);
        if version >= 4 {
            w.i16(self.error_code);
        }
        if version >= 4 {
            w.array(&self.results_by_transaction, version, flexible)?;
        } else if !self.results_by_transaction.is_empty() {
            return Err(unsupported_field("AddPartitionsToTxnResponse.ResultsByTransaction", version));
        }
        if version <= 3 {
            w.array(&self.results_by_topic_v3_and_below, version, flexible)?;
        } else if !self.results_by_topic_v3_and_below.is_empty() {
            return Err(unsupported_field("AddPartitionsToTxnResponse.ResultsByTopicV3AndBelow", version));
        }
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

impl Message for AddPartitionsToTxnResponse {
    const NAME: &'static str = "AddPartitionsToTxnResponse";
    const VERSIONS: VersionRange = VersionRange::new(0, 5);
    const FLEXIBLE_SINCE: Option<i16> = Some(3);

    fn set_throttle_time_ms(&mut self, throttle_time_ms: i32) {
        self.throttle_time_ms = throttle_time_ms;
    }
}

/// `AddPartitionsToTxnResult`: Results categorized by transactional ID.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AddPartitionsToTxnResult {
    /// The transactional id corresponding to the transaction.
    pub transactional_id: String,
    /// The results for each topic.
    pub topic_results: Vec<AddPartitionsToTxnTopicResult>,
}

impl Element for AddPartitionsToTxnResult {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value =
            Self { transactional_id: r.string(flexible)?, topic_results: r.array(version, flexible)? };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.string(&self.transactional_id, flexible)?;
        w.array(&self.topic_results, version, flexible)?;
        w.no_tagged_fields();
        Ok(())
    }
}

/// `AddPartitionsToTxnTopicResult` of `AddPartitionsToTxnResponse`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AddPartitionsToTxnTopicResult {
    /// The topic name.
    pub name: String,
    /// The results for each partition.
    pub results_by_partition: Vec<AddPartitionsToTxnPartitionResult>,
}

impl Element for AddPartitionsToTxnTopicResult {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self { name: r.string(flexible)?, results_by_partition: r.array(version, flexible)? };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.string(&self.name, flexible)?;
        w.array(&self.results_by_partition, version, flexible)?;
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

/// `AddPartitionsToTxnPartitionResult` of `AddPartitionsToTxnResponse`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AddPartitionsToTxnPartitionResult {
    /// The partition indexes.
    pub partition_index: i32,
    /// The response error code.
    pub partition_error_code: i16,
}

impl Element for AddPartitionsToTxnPartitionResult {
    fn read(r: &mut Reader, _version: i16, flexible: bool) -> Result<Self> {
        let value = Self { partition_index: r.i32()?, partition_error_code: r.i16()? };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, _version: i16, flexible: bool) -> Result<()> {
        w.i32(self.partition_index);
        w.i16(self.partition_error_code);
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}
