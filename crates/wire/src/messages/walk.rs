//! Every message with its codec, for tests and fuzzing.

use bytes::Bytes;

use super::generated::all_messages::with_all_messages;
use super::*;
use crate::error::Result;
use crate::protocol::{Message, Reader, VersionRange, Writer};

/// Decodes a message and encodes it again; also says how many bytes were left over.
pub type Recode = fn(Bytes, i16) -> Result<(Bytes, usize)>;

/// How far a decoder comes with bytes, in bytes, and what stops it.
pub type Probe = fn(Bytes, i16) -> (usize, Result<()>);

/// One message.
#[derive(Debug)]
pub struct Walked {
    /// Kafka's name for it.
    pub name: &'static str,
    /// The versions that it has.
    pub versions: VersionRange,
    /// Decodes and encodes.
    pub recode: Recode,
    /// Decodes.
    pub probe: Probe,
    /// Encodes the message that has nothing but defaults.
    pub encode_default: fn(i16) -> Result<Bytes>,
}

fn recode<M: Message + Clone + PartialEq>(bytes: Bytes, version: i16) -> Result<(Bytes, usize)> {
    let mut r = Reader::new(bytes);
    let message = M::decode(&mut r, version)?;
    Ok((encode(&message, version)?, r.remaining()))
}

fn probe<M: Message>(bytes: Bytes, version: i16) -> (usize, Result<()>) {
    let mut r = Reader::new(bytes);
    let decoded = M::decode(&mut r, version);
    (r.position(), decoded.map(drop))
}

pub(super) fn encode<M: Message>(message: &M, version: i16) -> Result<Bytes> {
    let mut w = Writer::new();
    message.encode(&mut w, version)?;
    Ok(w.finish())
}

macro_rules! walked {
    ($($message:ident,)*) => {
        vec![$(Walked {
            name: <$message>::NAME,
            versions: <$message>::VERSIONS,
            recode: recode::<$message>,
            probe: probe::<$message>,
            encode_default: |version| encode(&<$message>::default(), version),
        }),*]
    };
}

/// All messages, in the order of their names.
pub fn all() -> Vec<Walked> {
    with_all_messages!(walked)
}
