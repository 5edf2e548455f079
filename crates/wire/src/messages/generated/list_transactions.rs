//! The API ListTransactions.
//!
//! Generated from Apache Kafka's definitions by `cargo run -p xtask -- generate-messages`: change the
//! generator, never this file.

use crate::api_key::ApiKey;
use crate::error::Result;
use crate::protocol::{Element, Message, Reader, Request, VersionRange, Writer, unsupported_field};

/// `ListTransactionsRequest`, API key 66, versions 0 to 2.
#[derive(Debug, Clone, PartialEq)]
pub struct ListTransactionsRequest {
    /// The transaction states to filter by: if empty, all transactions are returned; if non-empty, then
    /// only transactions matching one of the filtered states will be returned.
    pub state_filters: Vec<String>,
    /// The producerIds to filter by: if empty, all transactions will be returned; if non-empty, only
    /// transactions which match one of the filtered producerIds will be returned.
    pub producer_id_filters: Vec<i64>,
    /// Duration (in millis) to filter by: if \< 0, all transactions will be returned; otherwise, only
    /// transactions running longer than this duration will be returned (since version 1).
    pub duration_filter: i64,
    /// The transactional ID regular expression pattern to filter by: if it is empty or null, all
    /// transactions are returned; Otherwise then only the transactions matching the given regular
    /// expression will be returned (version 2).
    pub transactional_id_pattern: Option<String>,
}

impl Default for ListTransactionsRequest {
    fn default() -> Self {
        Self {
            state_filters: Vec::new(),
            producer_id_filters: Vec::new(),
            duration_filter: -1,
            transactional_id_pattern: None,
        }
    }
}

impl Element for ListTransactionsRequest {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            state_filters: r.array(version, flexible)?,
            producer_id_filters: r.array(version, flexible)?,
            duration_filter: if version >= 1 { r.i64()? } else { -1 },
            transactional_id_pattern: if version >= 2 { r.nullable_string(flexible)? } else { None },
        };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.array(&self.state_filters, version, flexible)?;
        w.array(&self.producer_id_filters, version, flexible)?;
        if version >= 1 {
            w.i64(self.duration_filter);
        } else if self.duration_filter != -1 {
            return Err(unsupported_field("ListTransactionsRequest.DurationFilter", version));
        }
        if version >= 2 {
            w.nullable_string(self.transactional_id_pattern.as_deref(), flexible)?;
        } else if self.transactional_id_pattern.is_some() {
            return Err(unsupported_field("ListTransactionsRequest.TransactionalIdPattern", version));
        }
        w.no_tagged_fields();
        Ok(())
    }
}

impl Message for ListTransactionsRequest {
    const NAME: &'static str = "ListTransactionsRequest";
    const VERSIONS: VersionRange = VersionRange::new(0, 2);
    const FLEXIBLE_SINCE: Option<i16> = Some(0);
}

impl Request for ListTransactionsRequest {
    const API_KEY: ApiKey = ApiKey::ListTransactions;
    type Response = ListTransactionsResponse;
}

/// `ListTransactionsResponse`, API key 66, versions 0 to 2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ListTransactionsResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero
    /// if the request did not violate any quota.
    pub throttle_time_ms: i32,
    /// The error code, or 0 if there was no error.
    pub error_code: i16,
    /// Set of state filters provided in the request which were unknown to the transaction coordinator.
    pub unknown_state_filters: Vec<String>,
    /// The current state of the transaction for the transactional id.
    pub transaction_states: Vec<TransactionState>,
}

impl Element for ListTransactionsResponse {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            throttle_time_ms: r.i32()?,
            error_code: r.i16()?,
            unknown_state_filters: r.array(version, flexible)?,
            transaction_states: r.array(version, flexible)?,
        };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.i32(self.throttle_time_ms);
        w.i16(self.error_code);
        w.array(&self.unknown_state_filters, version, flexible)?;
        w.array(&self.transaction_states, version, flexible)?;
        w.no_tagged_fields();
        Ok(())
    }
}

impl Message for ListTransactionsResponse {
    const NAME: &'static str = "ListTransactionsResponse";
    const VERSIONS: VersionRange = VersionRange::new(0, 2);
    const FLEXIBLE_SINCE: Option<i16> = Some(0);

    fn set_throttle_time_ms(&mut self, throttle_time_ms: i32) {
        self.throttle_time_ms = throttle_time_ms;
    }
}

/// `TransactionState`: The current state of the transaction for the transactional id.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TransactionState {
    /// The transactional id.
    pub transactional_id: String,
    /// The producer id.
    pub producer_id: i64,
    /// The current transaction state of the producer.
    pub transaction_state: String,
}

impl Element for TransactionState {
    fn read(r: &mut Reader, _version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            transactional_id: r.string(flexible)?,
            producer_id: r.i64()?,
            transaction_state: r.string(flexible)?,
        };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, _version: i16, flexible: bool) -> Result<()> {
        w.string(&self.transactional_id, flexible)?;
        w.i64(self.producer_id);
        w.string(&self.transaction_state, flexible)?;
        w.no_tagged_fields();
        Ok(())
    }
}
