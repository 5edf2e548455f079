//! The API DeleteTopics.
//!
//! Generated from Apache Kafka's definitions by `cargo run -p xtask -- generate-messages`: change the
//! generator, never this file.

use uuid::Uuid;

use crate::api_key::ApiKey;
use crate::error::Result;
use crate::protocol::{
    Element, Message, Reader, Request, VersionRange, Writer, check_null, non_null, unsupported_field,
};

/// `DeleteTopicsRequest`, API key 20, versions 1 to 6.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DeleteTopicsRequest {
    /// The name or topic ID of the topic (version 6).
    pub topics: Vec<DeleteTopicState>,
    /// The names of the topics to delete (up to version 5).
    pub topic_names: Vec<String>,
    /// The length of time in milliseconds to wait for the deletions to complete.
    pub timeout_ms: i32,
}

impl Element for DeleteTopicsRequest {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            topics: if version >= 6 { r.array(version, flexible)? } else { Vec::new() },
            topic_names: if version <= 5 { r.array(version, flexible)? } else { Vec::new() },
            timeout_ms: r.i32()?,
        };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        if version >= 6 {
            w.array(&self.topics, version, flexible)?;
        } else if !self.topics.is_empty() {
            return Err(unsupported_field("DeleteTopicsRequest.Topics", version));
        }
        if version <= 5 {
            w.array(&self.topic_names, version, flexible)?;
        }
        w.i32(self.timeout_ms);
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

impl Message for DeleteTopicsRequest {
    const NAME: &'static str = "DeleteTopicsRequest";
    const VERSIONS: VersionRange = VersionRange::new(1, 6);
    const FLEXIBLE_SINCE: Option<i16> = Some(4);
}

impl Request for DeleteTopicsRequest {
    const API_KEY: ApiKey = ApiKey::DeleteTopics;
    type Response = DeleteTopicsResponse;
}

/// `DeleteTopicState`: The name or topic ID of the topic.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DeleteTopicState {
    /// The topic name.
    pub name: Option<String>,
    /// The unique topic ID.
    pub topic_id: Uuid,
}

impl Element for DeleteTopicState {
    fn read(r: &mut Reader, _version: i16, flexible: bool) -> Result<Self> {
        let value = Self { name: r.nullable_string(flexible)?, topic_id: r.uuid()? };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, _version: i16, flexible: bool) -> Result<()> {
        w.nullable_string(self.name.as_deref(), flexible)?;
        w.uuid(self.topic_id);
        w.no_tagged_fields();
        Ok(())
    }
}

/// `DeleteTopicsResponse`, API key 20, versions 1 to 6.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DeleteTopicsResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero
    /// if the request did not violate any quota.
    pub throttle_time_ms: i32,
    /// The results for each topic we tried to delete.
    pub responses: Vec<DeletableTopicResult>,
}

impl Element for DeleteTopicsResponse {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self { throttle_time_ms: r.i32()?, responses: r.array(version, flexible)? };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.i32(self.throttle_time_ms);
        w.array(&self.responses, version, flexible)?;
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

impl Message for DeleteTopicsResponse {
    const NAME: &'static str = "DeleteTopicsResponse";
    const VERSIONS: VersionRange = VersionRange::new(1, 6);
    const FLEXIBLE_SINCE: Option<i16> = Some(4);

    fn set_throttle_time_ms(&mut self, throttle_time_ms: i32) {
        self.throttle_time_ms = throttle_time_ms;
    }
}

/// `DeletableTopicResult`: The results for each topic we tried to delete.
#[derive(Debug, Clone, PartialEq)]
pub struct DeletableTopicResult {
    /// The topic name.
    pub name: Option<String>,
    /// The unique topic ID (version 6).
    pub topic_id: Uuid,
    /// The deletion error, or 0 if the deletion succeeded.
    pub error_code: i16,
    /// The error message, or null if there was no error (since version 5).
    pub error_message: Option<String>,
}

impl Default for DeletableTopicResult {
    fn default() -> Self {
        Self { name: Some(String::new()), topic_id: Uuid::nil(), error_code: 0, error_message: None }
    }
}

impl Element for DeletableTopicResult {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            name: non_null(
                r.nullable_string(flexible)?,
                version >= 6,
                "DeleteTopicsResponse.DeletableTopicResult.Name",
            )?,
            topic_id: if version >= 6 { r.uuid()? } else { Uuid::nil() },
            error_code: r.i16()?,
            error_message: if version >= 5 { r.nullable_string(flexible)? } else { None },
        };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        check_null(self.name.is_none(), version >= 6, "DeleteTopicsResponse.DeletableTopicResult.Name")?;
        w.nullable_string(self.name.as_deref(), flexible)?;
        if version >= 6 {
            w.uuid(self.topic_id);
        }
        w.i16(self.error_code);
        if version >= 5 {
            w.nullable_string(self.error_message.as_deref(), flexible)?;
        }
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}
