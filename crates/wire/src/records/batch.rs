//! Whole batches, borrowed ([`BatchView`]) or sharing a buffer ([`Batch`]), and the walk over batches that lie one
//! behind the other.
//!
//! A view is made by reading the header; the body's bytes are known to be there but nothing about them is. The CRC
//! ([`BatchView::check_crc`]) and the records ([`super::Records`]) are checked by explicit steps, because each caller needs
//! them at another time: a broker before it appends, a log once after opening, a consumer before it decodes.

use bytes::Bytes;

use super::header::{BATCH_HEADER_LEN, BATCH_LENGTH_PREFIX_LEN, BatchHeader, at};
use super::record::Records;
use crate::compression::{Compression, Decompressor};
use crate::crc::crc32c;
use crate::{Result, WireError};

/// One whole record batch, borrowed.
#[derive(Debug, Clone, Copy)]
pub struct BatchView<'a> {
    header: BatchHeader,
    bytes: &'a [u8],
}

impl<'a> BatchView<'a> {
    /// Reads the batch at the front of `bytes`; what follows it is left alone.
    ///
    /// # Errors
    /// As [`BatchHeader::parse`], and [`WireError::Truncated`] when the batch does not end within `bytes`.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let header = BatchHeader::parse(bytes)?;
        match bytes.get(..header.size()) {
            Some(bytes) => Ok(Self { header, bytes }),
            None => Err(WireError::Truncated {
                what: "record batch",
                needed: header.size(),
                available: bytes.len(),
            }),
        }
    }

    /// Reads `bytes` as exactly one batch, which is what a partition of a Produce request of version 3 or later holds.
    ///
    /// # Errors
    /// As [`BatchView::parse`], and [`WireError::InvalidLength`] when bytes follow the batch.
    pub fn parse_only(bytes: &'a [u8]) -> Result<Self> {
        let view = Self::parse(bytes)?;
        if view.bytes.len() != bytes.len() {
            return Err(WireError::InvalidLength {
                what: "what follows the only record batch",
                length: (bytes.len() - view.bytes.len()) as i64,
            });
        }
        Ok(view)
    }

    /// The decoded header.
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The whole batch, header included.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The records, compressed as the attributes say.
    pub fn body(&self) -> &'a [u8] {
        &self.bytes[BATCH_HEADER_LEN..]
    }

    /// Compares the stored CRC with that of the bytes.
    ///
    /// # Errors
    /// [`WireError::BadCrc`].
    pub fn check_crc(&self) -> Result<()> {
        let computed = crc32c(&self.bytes[at::ATTRIBUTES..]);
        if computed == self.header.crc {
            return Ok(());
        }
        Err(WireError::BadCrc { stored: self.header.crc, computed })
    }

    /// The records of an uncompressed batch.
    ///
    /// # Errors
    /// [`WireError::InvalidValue`] when the batch is compressed: decompress the body and use [`Records::new`].
    pub fn records(&self) -> Result<Records<'a>> {
        let compression = self.header.attributes.compression();
        if compression != Compression::None {
            return Err(WireError::InvalidValue {
                what: "codec of a batch to be read as it is",
                found: i64::from(compression.code()),
                expected: 0,
            });
        }
        Ok(Records::new(self.body(), &self.header))
    }
}

/// One whole record batch that shares its buffer with others.
#[derive(Debug, Clone)]
pub struct Batch {
    header: BatchHeader,
    bytes: Bytes,
}

impl Batch {
    /// Takes the batch at the front of `bytes` without copying it.
    ///
    /// # Errors
    /// As [`BatchView::parse`].
    pub fn parse(bytes: &Bytes) -> Result<Self> {
        let header = *BatchView::parse(bytes)?.header();
        Ok(Self { header, bytes: bytes.slice(..header.size()) })
    }

    /// The decoded header.
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The whole batch, header included.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The batch as a borrowed view.
    pub fn view(&self) -> BatchView<'_> {
        BatchView { header: self.header, bytes: &self.bytes }
    }

    /// The uncompressed records, to be walked with [`Records::new`]: a slice of the shared buffer where the
    /// batch is not compressed, a new buffer of at most `max_bytes` where it is.
    ///
    /// # Errors
    /// As [`Decompressor::decompress`].
    pub fn body(&self, decompressor: &mut Decompressor, max_bytes: usize) -> Result<Bytes> {
        match self.header.attributes.compression() {
            Compression::None => Ok(self.bytes.slice(BATCH_HEADER_LEN..)),
            codec => decompressor.decompress(codec, &self.bytes[BATCH_HEADER_LEN..], max_bytes),
        }
    }
}

/// What a walk over batches makes of bytes at the end that are no whole batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// They are an error: the sender promised whole batches (Produce, a log below its recovery point).
    MustBeWhole,
    /// They end the walk: a Fetch response is cut at its byte limit, a log after a crash anywhere.
    MayBeCut,
}

/// Iterator over batches that lie one behind the other. After an error it ends.
#[derive(Debug, Clone)]
pub struct Batches<'a> {
    bytes: &'a [u8],
    position: usize,
    tail: Tail,
    failed: bool,
}

impl<'a> Batches<'a> {
    /// Walks the batches in `bytes`.
    pub fn new(bytes: &'a [u8], tail: Tail) -> Self {
        Self { bytes, position: 0, tail, failed: false }
    }

    /// Bytes before the next batch, and after the end before the cut or broken one.
    pub fn position(&self) -> usize {
        self.position
    }

    fn at_cut(&self, rest: &[u8]) -> bool {
        let Some(prefix) = rest.first_chunk::<BATCH_LENGTH_PREFIX_LEN>() else { return true };
        let length = i32::from_be_bytes([prefix[8], prefix[9], prefix[10], prefix[11]]);
        usize::try_from(length).is_ok_and(|length| rest.len() - BATCH_LENGTH_PREFIX_LEN < length)
    }
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<BatchView<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = &self.bytes[self.position..];
        if rest.is_empty() || self.failed || (self.tail == Tail::MayBeCut && self.at_cut(rest)) {
            return None;
        }
        let view = BatchView::parse(rest);
        match &view {
            Ok(view) => self.position += view.bytes.len(),
            Err(_) => self.failed = true,
        }
        Some(view)
    }
}

/// As [`Batches`], giving batches that share the buffer.
#[derive(Debug, Clone)]
pub struct SharedBatches {
    bytes: Bytes,
    position: usize,
    tail: Tail,
    failed: bool,
}

impl SharedBatches {
    /// Walks the batches in `bytes`.
    pub fn new(bytes: Bytes, tail: Tail) -> Self {
        Self { bytes, position: 0, tail, failed: false }
    }
}

impl Iterator for SharedBatches {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        let Self { ref bytes, position, tail, failed } = *self;
        let mut walk = Batches { bytes, position, tail, failed };
        let item = walk.next()?;
        let Batches { position: end, failed, .. } = walk;
        (self.position, self.failed) = (end, failed);
        Some(item.map(|view| Batch { header: view.header, bytes: self.bytes.slice(position..end) }))
    }
}
