//! What an epoch keeps of a sink's committable: the sink's name before the sink's own bytes.
//!
//! ```text
//!   1  u8   the version, 1
//!   2  u16  the length of the name, little-endian
//!   n       the sink's name in the plan, UTF-8
//!   …       the sink's bytes
//! ```

use bytes::{BufMut, Bytes, BytesMut};

use crate::sink::Committable;

const VERSION: u8 = 1;

/// Puts the name before the bytes. A name longer than 65,535 bytes is cut; the lowering refuses such names.
pub(crate) fn wrap(sink: &str, committable: &Committable) -> Committable {
    let length = u16::try_from(sink.len()).unwrap_or(u16::MAX);
    let mut bytes = BytesMut::with_capacity(3 + usize::from(length) + committable.0.len());
    bytes.put_u8(VERSION);
    bytes.put_u16_le(length);
    bytes.put_slice(&sink.as_bytes()[..usize::from(length)]);
    bytes.put_slice(&committable.0);
    Committable(bytes.freeze())
}

/// The sink's name and its bytes; `None` if they are not of this format.
pub(crate) fn unwrap(committable: &Committable) -> Option<(String, Committable)> {
    let bytes: &Bytes = &committable.0;
    let (header, rest) = bytes.split_first_chunk::<3>()?;
    let length = usize::from(u16::from_le_bytes([header[1], header[2]]));
    let name = rest.get(..length).filter(|_| header[0] == VERSION)?;
    let name = std::str::from_utf8(name).ok()?.to_owned();
    Some((name, Committable(bytes.slice(3 + length..))))
}
