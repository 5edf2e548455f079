//! The Fetch response, by hand: record batches are segments of the frame on the way out, and slices of the received
//! frame on the way in.
//!
//! Versions 4 to 18 of Kafka 4.3. Version 12 is the first flexible one; 13 names topics by id.

use bytes::Bytes;
use bytestring::ByteString;
use uuid::Uuid;

use crate::api_key::ApiKey;
use crate::error::Result;
use crate::frame::{self, Frame, Payload};
pub use crate::messages::produce::{LeaderIdAndEpoch, NodeEndpoint};
use crate::protocol::{Element, Message, Reader, VersionRange, Writer, check_version, unsupported_field};

/// `FetchResponse`, API key 1, versions 4 to 18. Received batches are [`Bytes`]; those to be sent can be any
/// [`Payload`].
#[derive(Debug, Clone, PartialEq)]
pub struct FetchResponse<P = Bytes> {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the
    /// request did not violate any quota.
    pub throttle_time_ms: i32,
    /// The top level response error code (since version 7).
    pub error_code: i16,
    /// The fetch session ID, or 0 if this is not part of a fetch session (since version 7).
    pub session_id: i32,
    /// The response topics.
    pub responses: Vec<FetchableTopicResponse<P>>,
    /// Endpoints for all current leaders enumerated in `PartitionData`, with errors NOT_LEADER_OR_FOLLOWER and
    /// FENCED_LEADER_EPOCH (since version 16).
    pub node_endpoints: Vec<NodeEndpoint>,
}

impl<P> Default for FetchResponse<P> {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            error_code: 0,
            session_id: 0,
            responses: Vec::new(),
            node_endpoints: Vec::new(),
        }
    }
}

/// `FetchableTopicResponse`: The response topics.
#[derive(Debug, Clone, PartialEq)]
pub struct FetchableTopicResponse<P = Bytes> {
    /// The topic name (up to version 12).
    pub topic: ByteString,
    /// The unique topic ID (since version 13).
    pub topic_id: Uuid,
    /// The topic partitions.
    pub partitions: Vec<PartitionData<P>>,
}

impl<P> Default for FetchableTopicResponse<P> {
    fn default() -> Self {
        Self { topic: ByteString::new(), topic_id: Uuid::nil(), partitions: Vec::new() }
    }
}

/// `PartitionData`: The topic partitions.
#[derive(Debug, Clone, PartialEq)]
pub struct PartitionData<P = Bytes> {
    /// The partition index.
    pub partition_index: i32,
    /// The error code, or 0 if there was no fetch error.
    pub error_code: i16,
    /// The current high water mark.
    pub high_watermark: i64,
    /// The last stable offset: all transactional records below it have been decided.
    pub last_stable_offset: i64,
    /// The current log start offset (since version 5).
    pub log_start_offset: i64,
    /// In case divergence is detected based on the `LastFetchedEpoch` and `FetchOffset` in the request, the largest
    /// epoch and its end offset such that subsequent records are known to diverge (since version 12).
    pub diverging_epoch: EpochEndOffset,
    /// The current leader of the partition (since version 12).
    pub current_leader: LeaderIdAndEpoch,
    /// In the case of fetching an offset less than the log start offset, the end offset and epoch to be used in the
    /// FetchSnapshot request (since version 12).
    pub snapshot_id: SnapshotId,
    /// The aborted transactions, by ascending first offset; null for read_uncommitted, and by default.
    pub aborted_transactions: Option<Vec<AbortedTransaction>>,
    /// The preferred read replica for the consumer to use on its next fetch request (since version 11).
    pub preferred_read_replica: i32,
    /// The record data: whole batches. Kafka's broker sends none as empty bytes, never as null.
    pub records: Option<P>,
}

impl<P> Default for PartitionData<P> {
    fn default() -> Self {
        Self {
            partition_index: 0,
            error_code: 0,
            high_watermark: 0,
            last_stable_offset: -1,
            log_start_offset: -1,
            diverging_epoch: EpochEndOffset::default(),
            current_leader: LeaderIdAndEpoch::default(),
            snapshot_id: SnapshotId::default(),
            aborted_transactions: None,
            preferred_read_replica: -1,
            records: None,
        }
    }
}

/// `EpochEndOffset`: a leader epoch and where it ends.
#[derive(Debug, Clone, PartialEq)]
pub struct EpochEndOffset {
    /// The largest epoch.
    pub epoch: i32,
    /// The end offset of the epoch.
    pub end_offset: i64,
}

impl Default for EpochEndOffset {
    fn default() -> Self {
        Self { epoch: -1, end_offset: -1 }
    }
}

/// `SnapshotId`: where a snapshot ends.
#[derive(Debug, Clone, PartialEq)]
pub struct SnapshotId {
    /// The end offset of the epoch.
    pub end_offset: i64,
    /// The largest epoch.
    pub epoch: i32,
}

impl Default for SnapshotId {
    fn default() -> Self {
        Self { end_offset: -1, epoch: -1 }
    }
}

/// `AbortedTransaction`: The aborted transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AbortedTransaction {
    /// The producer id associated with the aborted transaction.
    pub producer_id: i64,
    /// The first offset in the aborted transaction.
    pub first_offset: i64,
}

impl<P: Payload> FetchResponse<P> {
    /// The response as a frame around its batches, which are not copied.
    ///
    /// # Errors
    /// As [`Message::encode`], and [`crate::WireError::TooLarge`].
    pub fn into_frame(self, version: i16, correlation_id: i32) -> Result<Frame<P>> {
        check_version(<FetchResponse>::NAME, <FetchResponse>::VERSIONS, version)?;
        let mut w = frame::begin_response(ApiKey::Fetch, version, correlation_id)?;
        let mut cuts = Vec::new();
        self.write_around(&mut w, <FetchResponse>::is_flexible(version), version, &mut |w, _| {
            cuts.push(w.len());
        })?;
        let partitions = self.responses.into_iter().flat_map(|topic| topic.partitions);
        Frame::assemble(w, &cuts, partitions.filter_map(|partition| partition.records))
    }

    /// Writes everything but the batches, for which it calls `records` where they belong.
    fn write_around(
        &self,
        w: &mut Writer,
        flexible: bool,
        version: i16,
        records: &mut dyn FnMut(&mut Writer, &P),
    ) -> Result<()> {
        w.i32(self.throttle_time_ms);
        if version >= 7 {
            w.i16(self.error_code);
            w.i32(self.session_id);
        } else if self.session_id != 0 {
            return Err(unsupported_field("FetchResponse.SessionId", version));
        }
        w.length(Some(self.responses.len()), flexible, "array")?;
        for topic in &self.responses {
            topic.write_around(w, flexible, version, records)?;
        }
        let has_endpoints = !self.node_endpoints.is_empty();
        if has_endpoints && version < 16 {
            return Err(unsupported_field("FetchResponse.NodeEndpoints", version));
        }
        if flexible {
            w.unsigned_varint(u32::from(has_endpoints));
            if has_endpoints {
                w.tagged_field(0, |w| w.array(&self.node_endpoints, version, true))?;
            }
        }
        Ok(())
    }
}

impl<P: Payload> FetchableTopicResponse<P> {
    fn write_around(
        &self,
        w: &mut Writer,
        flexible: bool,
        version: i16,
        records: &mut dyn FnMut(&mut Writer, &P),
    ) -> Result<()> {
        if version <= 12 {
            w.string(&self.topic, flexible)?;
        } else {
            w.uuid(self.topic_id);
        }
        w.length(Some(self.partitions.len()), flexible, "array")?;
        for partition in &self.partitions {
            partition.write_around(w, flexible, version, records)?;
        }
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

impl<P: Payload> PartitionData<P> {
    fn write_around(
        &self,
        w: &mut Writer,
        flexible: bool,
        version: i16,
        records: &mut dyn FnMut(&mut Writer, &P),
    ) -> Result<()> {
        w.i32(self.partition_index);
        w.i16(self.error_code);
        w.i64(self.high_watermark);
        w.i64(self.last_stable_offset);
        if version >= 5 {
            w.i64(self.log_start_offset);
        }
        w.nullable_array(self.aborted_transactions.as_deref(), version, flexible)?;
        if version >= 11 {
            w.i32(self.preferred_read_replica);
        } else if self.preferred_read_replica != -1 {
            return Err(unsupported_field("FetchResponse.PartitionData.PreferredReadReplica", version));
        }
        w.length(self.records.as_ref().map(Payload::size_bytes), flexible, "records")?;
        if let Some(batches) = &self.records {
            records(w, batches);
        }
        let has_diverging_epoch = self.diverging_epoch != EpochEndOffset::default();
        let has_current_leader = self.current_leader != LeaderIdAndEpoch::default();
        let has_snapshot_id = self.snapshot_id != SnapshotId::default();
        if !flexible {
            return match (has_diverging_epoch, has_current_leader, has_snapshot_id) {
                (false, false, false) => Ok(()),
                (true, _, _) => Err(unsupported_field("FetchResponse.PartitionData.DivergingEpoch", version)),
                (_, true, _) => Err(unsupported_field("FetchResponse.PartitionData.CurrentLeader", version)),
                (_, _, true) => Err(unsupported_field("FetchResponse.PartitionData.SnapshotId", version)),
            };
        }
        w.unsigned_varint(
            u32::from(has_diverging_epoch) + u32::from(has_current_leader) + u32::from(has_snapshot_id),
        );
        if has_diverging_epoch {
            w.tagged_field(0, |w| self.diverging_epoch.write(w, version, true))?;
        }
        if has_current_leader {
            w.tagged_field(1, |w| self.current_leader.write(w, version, true))?;
        }
        if has_snapshot_id {
            w.tagged_field(2, |w| self.snapshot_id.write(w, version, true))?;
        }
        Ok(())
    }
}

impl Element for FetchResponse {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let mut value = Self {
            throttle_time_ms: r.i32()?,
            error_code: if version >= 7 { r.i16()? } else { 0 },
            session_id: if version >= 7 { r.i32()? } else { 0 },
            responses: r.array(version, flexible)?,
            node_endpoints: Vec::new(),
        };
        if flexible {
            r.tagged_fields(&mut |tag, r| {
                match tag {
                    0 if version >= 16 => value.node_endpoints = r.array(version, true)?,
                    _ => return Ok(false),
                }
                Ok(true)
            })?;
        }
        Ok(value)
    }

    /// Copies the batches; [`FetchResponse::into_frame`] does not.
    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        self.write_around(w, flexible, version, &mut |w, batches| w.raw(batches))
    }
}

impl Element for FetchableTopicResponse {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let by_name = version <= 12;
        let value = Self {
            topic: if by_name { r.byte_string(flexible)? } else { ByteString::new() },
            topic_id: if by_name { Uuid::nil() } else { r.uuid()? },
            partitions: r.array(version, flexible)?,
        };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        self.write_around(w, flexible, version, &mut |w, batches| w.raw(batches))
    }
}

impl Element for PartitionData {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let mut value = Self {
            partition_index: r.i32()?,
            error_code: r.i16()?,
            high_watermark: r.i64()?,
            last_stable_offset: r.i64()?,
            log_start_offset: if version >= 5 { r.i64()? } else { -1 },
            diverging_epoch: EpochEndOffset::default(),
            current_leader: LeaderIdAndEpoch::default(),
            snapshot_id: SnapshotId::default(),
            aborted_transactions: r.nullable_array(version, flexible)?,
            preferred_read_replica: if version >= 11 { r.i32()? } else { -1 },
            records: r.nullable_bytes(flexible)?,
        };
        if flexible {
            r.tagged_fields(&mut |tag, r| {
                match tag {
                    0 => value.diverging_epoch = EpochEndOffset::read(r, version, true)?,
                    1 => value.current_leader = LeaderIdAndEpoch::read(r, version, true)?,
                    2 => value.snapshot_id = SnapshotId::read(r, version, true)?,
                    _ => return Ok(false),
                }
                Ok(true)
            })?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        self.write_around(w, flexible, version, &mut |w, batches| w.raw(batches))
    }
}

impl Element for EpochEndOffset {
    fn read(r: &mut Reader, _version: i16, _flexible: bool) -> Result<Self> {
        let value = Self { epoch: r.i32()?, end_offset: r.i64()? };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, _version: i16, _flexible: bool) -> Result<()> {
        w.i32(self.epoch);
        w.i64(self.end_offset);
        w.no_tagged_fields();
        Ok(())
    }
}

impl Element for SnapshotId {
    fn read(r: &mut Reader, _version: i16, _flexible: bool) -> Result<Self> {
        let value = Self { end_offset: r.i64()?, epoch: r.i32()? };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, _version: i16, _flexible: bool) -> Result<()> {
        w.i64(self.end_offset);
        w.i32(self.epoch);
        w.no_tagged_fields();
        Ok(())
    }
}

impl Element for AbortedTransaction {
    fn read(r: &mut Reader, _version: i16, flexible: bool) -> Result<Self> {
        let value = Self { producer_id: r.i64()?, first_offset: r.i64()? };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, _version: i16, flexible: bool) -> Result<()> {
        w.i64(self.producer_id);
        w.i64(self.first_offset);
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

impl Message for FetchResponse {
    const NAME: &'static str = "FetchResponse";
    const VERSIONS: VersionRange = VersionRange::new(4, 18);
    const FLEXIBLE_SINCE: Option<i16> = Some(12);
}
