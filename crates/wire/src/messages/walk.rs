//! Every message with its codec, for tests and fuzzing.

use bytes::Bytes;

use super::generated::all_messages::with_all_messages;
use super::*;
use crate::error::Result;
use crate::protocol::{Message, Reader, VersionRange, Writer};

/// Decodes a message and encodes it again; also says how many bytes were left over.
pub type Recode = fn(Bytes, i16) -> Result<(Bytes, usize)>;

/// One message.
#[derive(Debug)]
pub struct Walked {
    /// Kafka's name for it.
    pub name: &'static str,
    /// The versions that it has.
    pub versions: VersionRange,
    /// Decodes and encodes.
    pub recode: Recode,
    /// Encodes the message that has nothing but defaults.
    pub encode_default: fn(i16) -> Result<Bytes>,
}

fn recode<M: Message + Clone + PartialEq>(bytes: Bytes, version: i16) -> Result<(Bytes, usize)> {
    let mut r = Reader::new(bytes);
    let message = M::decode(&mut r, version)?;
    Ok((encode(&message, version)?, r.remaining()))
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
            encode_default: |version| encode(&<$message>::default(), version),
        }),*]
    };
}

/// All messages, in the order of their names.
pub fn all() -> Vec<Walked> {
    with_all_messages!(walked)
}
