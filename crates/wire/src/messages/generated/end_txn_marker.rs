//! The value of a transaction marker.
//!
//! Generated from Apache Kafka's definitions by `cargo run -p xtask -- generate-messages`: change the
//! generator, never this file.

use crate::error::Result;
use crate::protocol::{Element, Message, Reader, VersionRange, Writer};

/// `EndTxnMarker`, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EndTxnMarker {
    /// The coordinator epoch when appending the record.
    pub coordinator_epoch: i32,
}

impl Element for EndTxnMarker {
    fn read(r: &mut Reader, _version: i16, _flexible: bool) -> Result<Self> {
        Ok(Self { coordinator_epoch: r.i32()? })
    }

    fn write(&self, w: &mut Writer, _version: i16, _flexible: bool) -> Result<()> {
        w.i32(self.coordinator_epoch);
        Ok(())
    }
}

impl Message for EndTxnMarker {
    const NAME: &'static str = "EndTxnMarker";
    const VERSIONS: VersionRange = VersionRange::new(0, 0);
    const FLEXIBLE_SINCE: Option<i16> = None;
}
