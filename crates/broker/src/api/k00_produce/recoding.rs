//! Batches in the codec that their topic asks for (`compression.type`).
//!
//! It is done on the thread that appends them, which may take its time, in their turn; a batch that has the codec already stays as it
//! is. Records of a compressed batch are checked on this way, which Kafka always does and this broker only when it must open them.

use std::cell::RefCell;

use bytes::Bytes;
use millstream_log::LogError;
use millstream_log::config::{CompressionType, TopicConfig};
use millstream_wire::compression::{Compression, Compressor, Decompressor};
use millstream_wire::records::{BatchView, recompress};

use super::validation::UNCOMPRESSED_BYTES_MAX;

thread_local! {
    static CODERS: RefCell<(Compressor, Decompressor)> = RefCell::default();
}

/// A codec, with its level where it has any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Recoding {
    codec: Compression,
    level: Option<i32>,
}

impl Recoding {
    /// What has to be done to a batch for a topic; mostly nothing.
    pub(super) fn needed(config: &TopicConfig, found: Compression) -> Option<Self> {
        let (codec, level) = match config.compression_type {
            CompressionType::Producer => return None,
            CompressionType::Uncompressed => (Compression::None, None),
            // −1 stands for the codec's default.
            CompressionType::Gzip => {
                (Compression::Gzip, Some(config.compression_gzip_level).filter(|&level| level > 0))
            }
            CompressionType::Snappy => (Compression::Snappy, None),
            CompressionType::Lz4 => (Compression::Lz4, None),
            CompressionType::Zstd => (Compression::Zstd, Some(config.compression_zstd_level)),
        };
        (codec != found).then_some(Self { codec, level })
    }

    /// The batch in its topic's codec. It takes long: on disk threads only.
    pub(super) fn apply(self, batch: &[u8]) -> Result<Bytes, LogError> {
        let view = BatchView::parse(batch)?;
        CODERS.with_borrow_mut(|(compressor, decompressor)| {
            let coders = (compressor, decompressor);
            Ok(recompress(&view, self.codec, self.level, UNCOMPRESSED_BYTES_MAX, coders)?.into())
        })
    }
}
