//! Divides a batch that a broker finds too large into two of half as many records each.
//!
//! The halves take the sequence numbers that the whole had, so nothing behind them needs other numbers.

use millstream_wire::WireError;
use millstream_wire::compression::{Compressor, Decompressor};
use millstream_wire::records::{Batch, BatchBuilder, FinishOptions, Header, ProducerStamp, Records};

use super::lane::{Stamped, advance};

/// What one batch may decompress to; far above `max.request.size` and any ratio that a sane batch has.
const DECOMPRESSED_BYTES_MAX: usize = 1 << 30;

/// The two halves, or none for a batch that cannot be divided.
pub(super) fn halves(whole: &Stamped) -> millstream_wire::Result<Option<Vec<Stamped>>> {
    let batch = Batch::parse(&whole.bytes)?;
    let header = batch.header();
    let Some(first_half @ 1..) = u32::try_from(header.record_count).ok().map(|count| count / 2) else {
        return Ok(None);
    };
    if whole.order_span < 2 {
        return Ok(None);
    }
    let body = batch.body(&mut Decompressor::default(), DECOMPRESSED_BYTES_MAX)?;
    let mut compressor = Compressor::default();
    let mut parts = Vec::with_capacity(2);
    let mut base_sequence = whole.stamp.base_sequence;
    // Room for all records even where other base timestamps make every delta longer.
    let limit_bytes = body.len() * 3 + 1024;
    let mut builder = BatchBuilder::new(limit_bytes);
    let mut close = |builder: &mut BatchBuilder, first_timestamp_ms: i64| {
        let stamp = ProducerStamp { base_sequence, ..whole.stamp };
        let options = FinishOptions {
            compression: header.attributes.compression(),
            level: None,
            producer: stamp,
            transactional: header.attributes.is_transactional(),
        };
        let mut info = whole.info.clone();
        (info.records, info.first_timestamp_ms) = (builder.record_count(), first_timestamp_ms);
        if base_sequence >= 0 {
            base_sequence = advance(base_sequence, info.records);
        }
        let bytes = builder.finish(&options, &mut compressor)?;
        let order_span = whole.order_span / 2;
        let order = whole.order + order_span * parts.len() as u64;
        parts.push(Stamped { bytes, stamp, info, restamps: whole.restamps, order, order_span });
        Ok::<_, millstream_wire::WireError>(())
    };
    let mut first_timestamp_ms = 0;
    for (index, record) in (0u32..).zip(Records::new(&body, header)) {
        let record = record?;
        if index == first_half {
            close(&mut builder, first_timestamp_ms)?;
        }
        let timestamp_ms = header.record_timestamp(record.timestamp_delta);
        if builder.is_empty() {
            first_timestamp_ms = timestamp_ms;
        }
        let headers: Vec<Header<'_>> = record.headers.iter().collect();
        if !builder.append(timestamp_ms, record.key, record.value, &headers)? {
            return Err(WireError::TooLarge { what: "half of a record batch", limit: limit_bytes });
        }
    }
    close(&mut builder, first_timestamp_ms)?;
    Ok(Some(parts))
}
