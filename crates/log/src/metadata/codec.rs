//! Records of the metadata log and their bytes.
//!
//! A record is its type, its version, the length of its body, and the body; integers are big-endian, texts and maps carry
//! their length. A release that meets a type or version that it does not know refuses the whole log: skipping one could
//! bring back a deleted topic or forget a credential. New kinds get new type numbers; the ones of removed kinds stay taken.

use uuid::Uuid;

use super::{ConfigResource, DeletedTopic, QuotaEntity, QuotaName, TopicMetadata};
use crate::config::ConfigMap;

/// One fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetadataRecord {
    /// The cluster's id.
    ClusterId {
        /// Text as Kafka's clients see it.
        id: String,
    },
    /// The broker's epoch, which is the leader epoch of every partition.
    BrokerEpoch {
        /// Never less than before.
        epoch: i32,
    },
    /// A topic was created, or its partitions or configurations changed.
    Topic(TopicMetadata),
    /// A topic was deleted; files may be left.
    TopicDeleted {
        /// Its id.
        id: Uuid,
    },
    /// A topic was deleted earlier, and files may still be left (in the first frame of a file).
    TopicLeftOver {
        /// Its id.
        id: Uuid,
        /// What it was.
        topic: DeletedTopic,
    },
    /// The last file of a deleted topic is gone.
    TopicFilesRemoved {
        /// Its id.
        id: Uuid,
    },
    /// Producer ids below this one may have been given.
    ProducerIds {
        /// First id that was not.
        next: i64,
    },
    /// A feature was finalized at a level; 0 takes it back.
    Feature {
        /// Kafka's name, such as `transaction.version`.
        name: String,
        /// Level.
        level: i16,
    },
    /// Records of a partition were deleted.
    LogStart {
        /// The topic's id.
        topic_id: Uuid,
        /// The partition's index.
        partition: i32,
        /// First offset that is left.
        offset: i64,
    },
    /// Configurations of something other than a topic that were set at run time, all of them; none takes it back.
    ResourceConfigs {
        /// What has them.
        resource: ConfigResource,
        /// By name.
        configs: ConfigMap,
    },
    /// Quotas of a client, all of them; none takes them back.
    ClientQuotas {
        /// Whose.
        entity: QuotaEntity,
        /// Numbers as text, by name.
        quotas: ConfigMap,
    },
}

/// Why a record cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DecodeError {
    Malformed,
    Unknown { record_type: u16, version: u16 },
}

const CLUSTER_ID: u16 = 1;
const BROKER_EPOCH: u16 = 2;
const TOPIC: u16 = 3;
const TOPIC_DELETED: u16 = 4;
const TOPIC_LEFT_OVER: u16 = 5;
const TOPIC_FILES_REMOVED: u16 = 6;
const PRODUCER_IDS: u16 = 7;
const FEATURE: u16 = 8;
// 9 is taken: it was a record of early development.
const LOG_START: u16 = 10;
const RESOURCE_CONFIGS: u16 = 11;
const CLIENT_QUOTAS: u16 = 12;
/// Version of every record so far.
const VERSION: u16 = 0;

impl MetadataRecord {
    fn record_type(&self) -> u16 {
        match self {
            Self::ClusterId { .. } => CLUSTER_ID,
            Self::BrokerEpoch { .. } => BROKER_EPOCH,
            Self::Topic(_) => TOPIC,
            Self::TopicDeleted { .. } => TOPIC_DELETED,
            Self::TopicLeftOver { .. } => TOPIC_LEFT_OVER,
            Self::TopicFilesRemoved { .. } => TOPIC_FILES_REMOVED,
            Self::ProducerIds { .. } => PRODUCER_IDS,
            Self::Feature { .. } => FEATURE,
            Self::ResourceConfigs { .. } => RESOURCE_CONFIGS,
            Self::ClientQuotas { .. } => CLIENT_QUOTAS,
            Self::LogStart { .. } => LOG_START,
        }
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.record_type().to_be_bytes());
        out.extend(VERSION.to_be_bytes());
        let length_at = out.len();
        out.extend([0; 4]);
        match self {
            Self::ClusterId { id } => put_text(out, id),
            Self::BrokerEpoch { epoch } => out.extend(epoch.to_be_bytes()),
            Self::Topic(topic) => {
                put_text(out, &topic.name);
                out.extend(topic.id.as_bytes());
                out.extend(topic.partitions.to_be_bytes());
                put_map(out, &topic.configs);
            }
            Self::TopicDeleted { id } | Self::TopicFilesRemoved { id } => out.extend(id.as_bytes()),
            Self::TopicLeftOver { id, topic } => {
                out.extend(id.as_bytes());
                put_text(out, &topic.name);
                out.extend(topic.partitions.to_be_bytes());
            }
            Self::ProducerIds { next } => out.extend(next.to_be_bytes()),
            Self::Feature { name, level } => {
                put_text(out, name);
                out.extend(level.to_be_bytes());
            }
            Self::ResourceConfigs { resource, configs } => {
                out.extend(resource.kind.to_be_bytes());
                put_text(out, &resource.name);
                put_map(out, configs);
            }
            Self::ClientQuotas { entity, quotas } => {
                for part in [&entity.user, &entity.client_id] {
                    put_quota_name(out, part.as_ref());
                }
                put_map(out, quotas);
            }
            Self::LogStart { topic_id, partition, offset } => {
                out.extend(topic_id.as_bytes());
                out.extend(partition.to_be_bytes());
                out.extend(offset.to_be_bytes());
            }
        }
        let length = (out.len() - length_at - 4) as u32;
        out[length_at..length_at + 4].copy_from_slice(&length.to_be_bytes());
    }

    /// Reads all the records of a frame.
    pub(super) fn decode_all(bytes: &[u8]) -> Result<Vec<Self>, DecodeError> {
        let mut reader = Reader(bytes);
        let mut records = Vec::new();
        while !reader.0.is_empty() {
            let (record_type, version) =
                (u16::from_be_bytes(reader.array()?), u16::from_be_bytes(reader.array()?));
            let length = u32::from_be_bytes(reader.array()?) as usize;
            let mut body = Reader(reader.take(length)?);
            if version != VERSION {
                return Err(DecodeError::Unknown { record_type, version });
            }
            records.push(Self::decode(record_type, version, &mut body)?);
            if !body.0.is_empty() {
                return Err(DecodeError::Malformed);
            }
        }
        Ok(records)
    }

    fn decode(record_type: u16, version: u16, body: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match record_type {
            CLUSTER_ID => Self::ClusterId { id: body.text()? },
            BROKER_EPOCH => Self::BrokerEpoch { epoch: i32::from_be_bytes(body.array()?) },
            TOPIC => Self::Topic(TopicMetadata {
                name: body.text()?,
                id: Uuid::from_bytes(body.array()?),
                partitions: i32::from_be_bytes(body.array()?),
                configs: body.map()?,
            }),
            TOPIC_DELETED => Self::TopicDeleted { id: Uuid::from_bytes(body.array()?) },
            TOPIC_LEFT_OVER => Self::TopicLeftOver {
                id: Uuid::from_bytes(body.array()?),
                topic: DeletedTopic { name: body.text()?, partitions: i32::from_be_bytes(body.array()?) },
            },
            TOPIC_FILES_REMOVED => Self::TopicFilesRemoved { id: Uuid::from_bytes(body.array()?) },
            PRODUCER_IDS => Self::ProducerIds { next: i64::from_be_bytes(body.array()?) },
            FEATURE => Self::Feature { name: body.text()?, level: i16::from_be_bytes(body.array()?) },
            RESOURCE_CONFIGS => Self::ResourceConfigs {
                resource: ConfigResource { kind: i8::from_be_bytes(body.array()?), name: body.text()? },
                configs: body.map()?,
            },
            CLIENT_QUOTAS => Self::ClientQuotas {
                entity: QuotaEntity { user: body.quota_name()?, client_id: body.quota_name()? },
                quotas: body.map()?,
            },
            LOG_START => Self::LogStart {
                topic_id: Uuid::from_bytes(body.array()?),
                partition: i32::from_be_bytes(body.array()?),
                offset: i64::from_be_bytes(body.array()?),
            },
            _ => return Err(DecodeError::Unknown { record_type, version }),
        })
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u32).to_be_bytes());
    out.extend(text.as_bytes());
}

/// Whether a part of a quota's entity is absent (0), the default (1) or named (2), and the name.
fn put_quota_name(out: &mut Vec<u8>, part: Option<&QuotaName>) {
    match part {
        None => out.push(0),
        Some(QuotaName::Default) => out.push(1),
        Some(QuotaName::Named(name)) => {
            out.push(2);
            put_text(out, name);
        }
    }
}

fn put_map(out: &mut Vec<u8>, map: &ConfigMap) {
    out.extend((map.len() as u32).to_be_bytes());
    for (key, value) in map {
        put_text(out, key);
        put_text(out, value);
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(DecodeError::Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        self.take(N)?.try_into().map_err(|_| DecodeError::Malformed)
    }

    fn text(&mut self) -> Result<String, DecodeError> {
        let length = u32::from_be_bytes(self.array()?) as usize;
        String::from_utf8(self.take(length)?.to_vec()).map_err(|_| DecodeError::Malformed)
    }

    fn quota_name(&mut self) -> Result<Option<QuotaName>, DecodeError> {
        match u8::from_be_bytes(self.array()?) {
            0 => Ok(None),
            1 => Ok(Some(QuotaName::Default)),
            2 => Ok(Some(QuotaName::Named(self.text()?))),
            _ => Err(DecodeError::Malformed),
        }
    }

    fn map(&mut self) -> Result<ConfigMap, DecodeError> {
        let count = u32::from_be_bytes(self.array()?);
        (0..count).map(|_| Ok((self.text()?, self.text()?))).collect()
    }
}
