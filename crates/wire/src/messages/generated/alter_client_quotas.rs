//! The API AlterClientQuotas.
//!
//! Generated from Apache Kafka's definitions by `cargo run -p xtask -- generate-messages`: change the
//! generator, never this file.

use crate::api_key::ApiKey;
use crate::error::Result;
use crate::protocol::{Element, Message, Reader, Request, VersionRange, Writer};

/// `AlterClientQuotasRequest`, API key 49, versions 0 to 1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlterClientQuotasRequest {
    /// The quota configuration entries to alter.
    pub entries: Vec<AlterClientQuotasRequestEntryData>,
    /// Whether the alteration should be validated, but not performed.
    pub validate_only: bool,
}

impl Element for AlterClientQuotasRequest {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self { entries: r.array(version, flexible)?, validate_only: r.bool()? };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.array(&self.entries, version, flexible)?;
        w.bool(self.validate_only);
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

impl Message for AlterClientQuotasRequest {
    const NAME: &'static str = "AlterClientQuotasRequest";
    const VERSIONS: VersionRange = VersionRange::new(0, 1);
    const FLEXIBLE_SINCE: Option<i16> = Some(1);
}

impl Request for AlterClientQuotasRequest {
    const API_KEY: ApiKey = ApiKey::AlterClientQuotas;
    type Response = AlterClientQuotasResponse;
}

/// `EntryData`: The quota configuration entries to alter.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlterClientQuotasRequestEntryData {
    /// The quota entity to alter.
    pub entity: Vec<AlterClientQuotasRequestEntityData>,
    /// An individual quota configuration entry to alter.
    pub ops: Vec<OpData>,
}

impl Element for AlterClientQuotasRequestEntryData {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self { entity: r.array(version, flexible)?, ops: r.array(version, flexible)? };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.array(&self.entity, version, flexible)?;
        w.array(&self.ops, version, flexible)?;
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

/// `EntityData`: The quota entity to alter.
#[derive(Debug, Clone, PartialEq)]
pub struct AlterClientQuotasRequestEntityData {
    /// The entity type.
    pub entity_type: String,
    /// The name of the entity, or null if the default.
    pub entity_name: Option<String>,
}

impl Default for AlterClientQuotasRequestEntityData {
    fn default() -> Self {
        Self { entity_type: String::new(), entity_name: Some(String::new()) }
    }
}

impl Element for AlterClientQuotasRequestEntityData {
    fn read(r: &mut Reader, _version: i16, flexible: bool) -> Result<Self> {
        let value = Self { entity_type: r.string(flexible)?, entity_name: r.nullable_string(flexible)? };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, _version: i16, flexible: bool) -> Result<()> {
        w.string(&self.entity_type, flexible)?;
        w.nullable_string(self.entity_name.as_deref(), flexible)?;
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

/// `OpData`: An individual quota configuration entry to alter.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OpData {
    /// The quota configuration key.
    pub key: String,
    /// The value to set, otherwise ignored if the value is to be removed.
    pub value: f64,
    /// Whether the quota configuration value should be removed, otherwise set.
    pub remove: bool,
}

impl Element for OpData {
    fn read(r: &mut Reader, _version: i16, flexible: bool) -> Result<Self> {
        let value = Self { key: r.string(flexible)?, value: r.f64()?, remove: r.bool()? };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, _version: i16, flexible: bool) -> Result<()> {
        w.string(&self.key, flexible)?;
        w.f64(self.value);
        w.bool(self.remove);
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

/// `AlterClientQuotasResponse`, API key 49, versions 0 to 1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlterClientQuotasResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero
    /// if the request did not violate any quota.
    pub throttle_time_ms: i32,
    /// The quota configuration entries to alter.
    pub entries: Vec<AlterClientQuotasResponseEntryData>,
}

impl Element for AlterClientQuotasResponse {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self { throttle_time_ms: r.i32()?, entries: r.array(version, flexible)? };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.i32(self.throttle_time_ms);
        w.array(&self.entries, version, flexible)?;
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

impl Message for AlterClientQuotasResponse {
    const NAME: &'static str = "AlterClientQuotasResponse";
    const VERSIONS: VersionRange = VersionRange::new(0, 1);
    const FLEXIBLE_SINCE: Option<i16> = Some(1);

    fn set_throttle_time_ms(&mut self, throttle_time_ms: i32) {
        self.throttle_time_ms = throttle_time_ms;
    }
}

/// `EntryData`: The quota configuration entries to alter.
#[derive(Debug, Clone, PartialEq)]
pub struct AlterClientQuotasResponseEntryData {
    /// The error code, or `0` if the quota alteration succeeded.
    pub error_code: i16,
    /// The error message, or `null` if the quota alteration succeeded.
    pub error_message: Option<String>,
    /// The quota entity to alter.
    pub entity: Vec<AlterClientQuotasResponseEntityData>,
}

impl Default for AlterClientQuotasResponseEntryData {
    fn default() -> Self {
        Self { error_code: 0, error_message: Some(String::new()), entity: Vec::new() }
    }
}

impl Element for AlterClientQuotasResponseEntryData {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            error_code: r.i16()?,
            error_message: r.nullable_string(flexible)?,
            entity: r.array(version, flexible)?,
        };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.i16(self.error_code);
        w.nullable_string(self.error_message.as_deref(), flexible)?;
        w.array(&self.entity, version, flexible)?;
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

/// `EntityData`: The quota entity to alter.
#[derive(Debug, Clone, PartialEq)]
pub struct AlterClientQuotasResponseEntityData {
    /// The entity type.
    pub entity_type: String,
    /// The name of the entity, or null if the default.
    pub entity_name: Option<String>,
}

impl Default for AlterClientQuotasResponseEntityData {
    fn default() -> Self {
        Self { entity_type: String::new(), entity_name: Some(String::new()) }
    }
}

impl Element for AlterClientQuotasResponseEntityData {
    fn read(r: &mut Reader, _version: i16, flexible: bool) -> Result<Self> {
        let value = Self { entity_type: r.string(flexible)?, entity_name: r.nullable_string(flexible)? };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, _version: i16, flexible: bool) -> Result<()> {
        w.string(&self.entity_type, flexible)?;
        w.nullable_string(self.entity_name.as_deref(), flexible)?;
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}
