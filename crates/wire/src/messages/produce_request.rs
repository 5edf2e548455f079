//! The Produce request, by hand: record batches are slices of the received frame on the way in, and segments of the
//! frame on the way out.
//!
//! Versions 3 to 13 of Kafka 4.3 (0 to 2 are advertised by brokers for the sake of librdkafka, but rejected:
//! KAFKA-18659). Version 9 is the first flexible one; 13 names topics by id.

use bytes::Bytes;
use bytestring::ByteString;
use uuid::Uuid;

use crate::api_key::ApiKey;
use crate::error::Result;
use crate::frame::{self, Frame, Payload};
use crate::messages::produce::ProduceResponse;
use crate::protocol::{Element, Message, Reader, Request, VersionRange, Writer};

/// `ProduceRequest`, API key 0, versions 3 to 13. Received batches are [`Bytes`]; those to be sent can be any
/// [`Payload`].
#[derive(Debug, Clone, PartialEq)]
pub struct ProduceRequest<P = Bytes> {
    /// The transactional ID, or null if the producer is not transactional.
    pub transactional_id: Option<ByteString>,
    /// The number of acknowledgments the producer requires the leader to have received before considering a request
    /// complete: 0 for none, 1 for only the leader, -1 for the full ISR.
    pub acks: i16,
    /// The timeout to await a response in milliseconds.
    pub timeout_ms: i32,
    /// Each topic to produce to.
    pub topic_data: Vec<TopicProduceData<P>>,
}

impl<P> Default for ProduceRequest<P> {
    fn default() -> Self {
        Self { transactional_id: None, acks: 0, timeout_ms: 0, topic_data: Vec::new() }
    }
}

/// `TopicProduceData`: Each topic to produce to.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicProduceData<P = Bytes> {
    /// The topic name (up to version 12).
    pub name: ByteString,
    /// The unique topic ID (since version 13).
    pub topic_id: Uuid,
    /// Each partition to produce to.
    pub partition_data: Vec<PartitionProduceData<P>>,
}

impl<P> Default for TopicProduceData<P> {
    fn default() -> Self {
        Self { name: ByteString::new(), topic_id: Uuid::nil(), partition_data: Vec::new() }
    }
}

/// `PartitionProduceData`: Each partition to produce to.
#[derive(Debug, Clone, PartialEq)]
pub struct PartitionProduceData<P = Bytes> {
    /// The partition index.
    pub index: i32,
    /// The record data to be produced: one batch.
    pub records: Option<P>,
}

impl<P> Default for PartitionProduceData<P> {
    fn default() -> Self {
        Self { index: 0, records: None }
    }
}

impl<P: Payload> ProduceRequest<P> {
    /// The request as a frame around its batches, which are not copied.
    ///
    /// # Errors
    /// As [`Message::encode`], and [`crate::WireError::TooLarge`].
    pub fn into_frame(
        self,
        version: i16,
        correlation_id: i32,
        client_id: Option<&ByteString>,
    ) -> Result<Frame<P>> {
        crate::protocol::check_version(<ProduceRequest>::NAME, <ProduceRequest>::VERSIONS, version)?;
        let mut w = frame::begin_request(ApiKey::Produce, version, correlation_id, client_id)?;
        let mut cuts = Vec::new();
        self.write_around(&mut w, <ProduceRequest>::is_flexible(version), version, &mut |w, _| {
            cuts.push(w.len());
        })?;
        let partitions = self.topic_data.into_iter().flat_map(|topic| topic.partition_data);
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
        w.nullable_string(self.transactional_id.as_deref(), flexible)?;
        w.i16(self.acks);
        w.i32(self.timeout_ms);
        w.length(Some(self.topic_data.len()), flexible, "array")?;
        for topic in &self.topic_data {
            topic.write_around(w, flexible, version, records)?;
        }
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

impl<P: Payload> TopicProduceData<P> {
    fn write_around(
        &self,
        w: &mut Writer,
        flexible: bool,
        version: i16,
        records: &mut dyn FnMut(&mut Writer, &P),
    ) -> Result<()> {
        if version <= 12 {
            w.string(&self.name, flexible)?;
        } else {
            w.uuid(self.topic_id);
        }
        w.length(Some(self.partition_data.len()), flexible, "array")?;
        for partition in &self.partition_data {
            partition.write_around(w, flexible, records)?;
        }
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

impl<P: Payload> PartitionProduceData<P> {
    fn write_around(
        &self,
        w: &mut Writer,
        flexible: bool,
        records: &mut dyn FnMut(&mut Writer, &P),
    ) -> Result<()> {
        w.i32(self.index);
        w.length(self.records.as_ref().map(Payload::size_bytes), flexible, "records")?;
        if let Some(batch) = &self.records {
            records(w, batch);
        }
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

impl Element for ProduceRequest {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            transactional_id: r.nullable_byte_string(flexible)?,
            acks: r.i16()?,
            timeout_ms: r.i32()?,
            topic_data: r.array(version, flexible)?,
        };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    /// Copies the batches; [`ProduceRequest::into_frame`] does not.
    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        self.write_around(w, flexible, version, &mut |w, batch| w.raw(batch))
    }
}

impl Element for TopicProduceData {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let by_name = version <= 12;
        let value = Self {
            name: if by_name { r.byte_string(flexible)? } else { ByteString::new() },
            topic_id: if by_name { Uuid::nil() } else { r.uuid()? },
            partition_data: r.array(version, flexible)?,
        };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        self.write_around(w, flexible, version, &mut |w, batch| w.raw(batch))
    }
}

impl Element for PartitionProduceData {
    fn read(r: &mut Reader, _version: i16, flexible: bool) -> Result<Self> {
        let value = Self { index: r.i32()?, records: r.nullable_bytes(flexible)? };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, _version: i16, flexible: bool) -> Result<()> {
        self.write_around(w, flexible, &mut |w, batch| w.raw(batch))
    }
}

impl Message for ProduceRequest {
    const NAME: &'static str = "ProduceRequest";
    const VERSIONS: VersionRange = VersionRange::new(3, 13);
    const FLEXIBLE_SINCE: Option<i16> = Some(9);
}

impl Request for ProduceRequest {
    const API_KEY: ApiKey = ApiKey::Produce;
    type Response = ProduceResponse;
}
