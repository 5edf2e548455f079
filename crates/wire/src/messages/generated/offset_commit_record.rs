//! A committed offset in `__consumer_offsets`.
//!
//! Generated from Apache Kafka's definitions by `cargo run -p xtask -- generate-messages`: change the
//! generator, never this file.

use uuid::Uuid;

use crate::error::Result;
use crate::protocol::{CoordinatorKey, Element, Message, Reader, VersionRange, Writer};

/// `LegacyOffsetCommitKey`, record type 0, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LegacyOffsetCommitKey {
    /// The consumer group id.
    pub group: String,
    /// The topic name.
    pub topic: String,
    /// The topic partition index.
    pub partition: i32,
}

impl Element for LegacyOffsetCommitKey {
    fn read(r: &mut Reader, _version: i16, flexible: bool) -> Result<Self> {
        Ok(Self { group: r.string(flexible)?, topic: r.string(flexible)?, partition: r.i32()? })
    }

    fn write(&self, w: &mut Writer, _version: i16, flexible: bool) -> Result<()> {
        w.string(&self.group, flexible)?;
        w.string(&self.topic, flexible)?;
        w.i32(self.partition);
        Ok(())
    }
}

impl Message for LegacyOffsetCommitKey {
    const NAME: &'static str = "LegacyOffsetCommitKey";
    const VERSIONS: VersionRange = VersionRange::new(0, 0);
    const FLEXIBLE_SINCE: Option<i16> = None;
}

impl CoordinatorKey for LegacyOffsetCommitKey {
    const TYPE: i16 = 0;
    type Value = LegacyOffsetCommitValue;
}

/// `LegacyOffsetCommitValue`, record type 0, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LegacyOffsetCommitValue {
    /// The offset that the consumer wants to store (for this partition).
    pub offset: i64,
    /// Any metadata the client wants to keep.
    pub metadata: String,
    /// The time at which the commit was added to the log.
    pub commit_timestamp: i64,
}

impl Element for LegacyOffsetCommitValue {
    fn read(r: &mut Reader, _version: i16, flexible: bool) -> Result<Self> {
        Ok(Self { offset: r.i64()?, metadata: r.string(flexible)?, commit_timestamp: r.i64()? })
    }

    fn write(&self, w: &mut Writer, _version: i16, flexible: bool) -> Result<()> {
        w.i64(self.offset);
        w.string(&self.metadata, flexible)?;
        w.i64(self.commit_timestamp);
        Ok(())
    }
}

impl Message for LegacyOffsetCommitValue {
    const NAME: &'static str = "LegacyOffsetCommitValue";
    const VERSIONS: VersionRange = VersionRange::new(0, 0);
    const FLEXIBLE_SINCE: Option<i16> = None;
}

/// `OffsetCommitKey`, record type 1, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetCommitKey {
    /// The consumer group id.
    pub group: String,
    /// The topic name.
    pub topic: String,
    /// The topic partition index.
    pub partition: i32,
}

impl Element for OffsetCommitKey {
    fn read(r: &mut Reader, _version: i16, flexible: bool) -> Result<Self> {
        Ok(Self { group: r.string(flexible)?, topic: r.string(flexible)?, partition: r.i32()? })
    }

    fn write(&self, w: &mut Writer, _version: i16, flexible: bool) -> Result<()> {
        w.string(&self.group, flexible)?;
        w.string(&self.topic, flexible)?;
        w.i32(self.partition);
        Ok(())
    }
}

impl Message for OffsetCommitKey {
    const NAME: &'static str = "OffsetCommitKey";
    const VERSIONS: VersionRange = VersionRange::new(0, 0);
    const FLEXIBLE_SINCE: Option<i16> = None;
}

impl CoordinatorKey for OffsetCommitKey {
    const TYPE: i16 = 1;
    type Value = OffsetCommitValue;
}

/// `OffsetCommitValue`, record type 1, versions 0 to 4.
#[derive(Debug, Clone, PartialEq)]
pub struct OffsetCommitValue {
    /// The offset that the consumer wants to store (for this partition).
    pub offset: i64,
    /// The leader epoch of the last consumed record (since version 3).
    pub leader_epoch: i32,
    /// Any metadata the client wants to keep.
    pub metadata: String,
    /// The time at which the commit was added to the log.
    pub commit_timestamp: i64,
    /// The time at which the offset will expire (version 1).
    pub expire_timestamp: i64,
    /// The topic id of the committed offset (version 4).
    pub topic_id: Uuid,
}

impl Default for OffsetCommitValue {
    fn default() -> Self {
        Self {
            offset: 0,
            leader_epoch: -1,
            metadata: String::new(),
            commit_timestamp: 0,
            expire_timestamp: -1,
            topic_id: Uuid::nil(),
        }
    }
}

impl Element for OffsetCommitValue {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let mut value = Self {
            offset: r.i64()?,
            leader_epoch: if version >= 3 { r.i32()? } else { -1 },
            metadata: r.string(flexible)?,
            commit_timestamp: r.i64()?,
            expire_timestamp: if version == 1 { r.i64()? } else { -1 },
            topic_id: Uuid::nil(),
        };
        if flexible {
            r.tagged_fields(&mut |tag, r| {
                match tag {
                    0 if version >= 4 => value.topic_id = r.uuid()?,
                    _ => return Ok(false),
                }
                Ok(true)
            })?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.i64(self.offset);
        if version >= 3 {
            w.i32(self.leader_epoch);
        }
        w.string(&self.metadata, flexible)?;
        w.i64(self.commit_timestamp);
        if version == 1 {
            w.i64(self.expire_timestamp);
        }
        if flexible {
            let has_topic_id = version >= 4 && !self.topic_id.is_nil();
            w.unsigned_varint(u32::from(has_topic_id));
            if has_topic_id {
                w.tagged_field(0, |w| {
                    w.uuid(self.topic_id);
                    Ok(())
                })?;
            }
        }
        Ok(())
    }
}

impl Message for OffsetCommitValue {
    const NAME: &'static str = "OffsetCommitValue";
    const VERSIONS: VersionRange = VersionRange::new(0, 4);
    const FLEXIBLE_SINCE: Option<i16> = Some(4);
}
