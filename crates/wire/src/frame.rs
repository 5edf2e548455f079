//! Frames and headers: what stands around every message on a connection.
//!
//! ```text
//! frame:    length int32 | header | body             length counts what follows it
//! request:  api_key int16 | api_version int16 | correlation_id int32 | client_id | tagged fields (header 2)
//! response: correlation_id int32 | tagged fields (header 1)
//! ```
//!
//! `client_id` keeps its two-byte length even in header 2. The header's version follows from the API and its
//! version (see [`ApiKey`]). A length is checked against the caller's limit before anything is reserved for it.
//! Reading from and writing to sockets is the caller's.

use bytes::{Buf as _, Bytes, BytesMut};
use bytestring::ByteString;

mod payload;

pub use payload::{Frame, Payload, Segment};

use crate::api_key::ApiKey;
use crate::error::{Result, WireError};
use crate::messages::header::{RequestHeader, ResponseHeader};
use crate::protocol::{Message, Reader, Request, Writer};

/// The size of the length in front of a frame.
pub const LENGTH_BYTES: usize = 4;

/// The least that a frame can hold: a response without a body is its correlation id.
const FRAME_BYTES_MIN: usize = 4;

/// The length that a frame's first four bytes announce, checked.
///
/// # Errors
/// [`WireError::InvalidLength`] when it is negative or too small for any header, [`WireError::TooLarge`] past
/// `frame_bytes_max`. Neither can be recovered from: the connection has to be closed.
pub fn frame_length(prefix: [u8; LENGTH_BYTES], frame_bytes_max: usize) -> Result<usize> {
    let announced = i32::from_be_bytes(prefix);
    match usize::try_from(announced) {
        Ok(length) if length > frame_bytes_max => {
            Err(WireError::TooLarge { what: "frame", limit: frame_bytes_max })
        }
        Ok(length) if length >= FRAME_BYTES_MIN => Ok(length),
        _ => Err(WireError::InvalidLength { what: "frame", length: i64::from(announced) }),
    }
}

/// Takes the first frame off `received`, without its length; none while it is incomplete.
///
/// Nothing is reserved for the part that is still to come. A caller that wants to can: [`frame_length`] of the first
/// four bytes says how much it is.
///
/// # Errors
/// As [`frame_length`].
pub fn split_frame(received: &mut BytesMut, frame_bytes_max: usize) -> Result<Option<Bytes>> {
    let Some(prefix) = received.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
    let length = frame_length(*prefix, frame_bytes_max)?;
    if received.len() < LENGTH_BYTES + length {
        return Ok(None);
    }
    received.advance(LENGTH_BYTES);
    Ok(Some(received.split_to(length).freeze()))
}

/// What the header of a request says, checked as far as the API: its version may be one that nobody knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestFrame {
    /// The API.
    pub api_key: ApiKey,
    /// The version of the body, as the client wrote it.
    pub api_version: i16,
    /// The number by which the client finds the answer.
    pub correlation_id: i32,
    /// The client's name for itself; a slice of the frame.
    pub client_id: Option<ByteString>,
    /// What follows the header.
    pub body: Bytes,
}

impl RequestFrame {
    /// Reads the header of a request.
    ///
    /// # Errors
    /// [`WireError::UnknownApiKey`], or what is wrong with the bytes. Kafka closes the connection on either.
    pub fn decode(frame: Bytes) -> Result<Self> {
        let mut peek = Reader::new(frame.clone());
        let (key, api_version) = (peek.i16()?, peek.i16()?);
        let api_key = ApiKey::from_code(key).ok_or(WireError::UnknownApiKey { key })?;
        let mut r = Reader::new(frame);
        let header = RequestHeader::decode(&mut r, api_key.request_header_version(api_version))?;
        Ok(Self {
            api_key,
            api_version,
            correlation_id: header.correlation_id,
            client_id: header.client_id,
            body: r.rest(),
        })
    }

    /// Reads the body as the request it should be.
    ///
    /// # Errors
    /// [`WireError::UnsupportedVersion`], or what is wrong with the bytes.
    pub fn decode_body<R: Request>(&self) -> Result<R> {
        debug_assert_eq!(R::API_KEY, self.api_key);
        R::decode(&mut Reader::new(self.body.clone()), self.api_version)
    }
}

/// Starts a request: room for the length, then the header.
pub(crate) fn begin_request(
    api_key: ApiKey,
    version: i16,
    correlation_id: i32,
    client_id: Option<&ByteString>,
) -> Result<Writer> {
    let mut w = Writer::with_capacity(256);
    w.i32(0);
    let header = RequestHeader {
        request_api_key: api_key.code(),
        request_api_version: version,
        correlation_id,
        client_id: client_id.cloned(),
    };
    header.encode(&mut w, api_key.request_header_version(version))?;
    Ok(w)
}

/// Starts a response: room for the length, then the header.
pub(crate) fn begin_response(api_key: ApiKey, version: i16, correlation_id: i32) -> Result<Writer> {
    let mut w = Writer::with_capacity(256);
    w.i32(0);
    ResponseHeader { correlation_id }.encode(&mut w, api_key.response_header_version(version))?;
    Ok(w)
}

/// Puts the length in front of what was begun.
fn finish(mut w: Writer) -> Result<Bytes> {
    let length = i32::try_from(w.len() - LENGTH_BYTES)
        .map_err(|_| WireError::TooLarge { what: "frame", limit: i32::MAX as usize })?;
    w.patch_i32(0, length);
    Ok(w.finish())
}

/// A request as one frame, in one piece. Produce requests with their batches are better sent with
/// [`crate::messages::produce_request::ProduceRequest::into_frame`], which does not copy them.
///
/// # Errors
/// As [`Message::encode`], and [`WireError::TooLarge`].
pub fn encode_request<R: Request>(
    request: &R,
    version: i16,
    correlation_id: i32,
    client_id: Option<&ByteString>,
) -> Result<Bytes> {
    let mut w = begin_request(R::API_KEY, version, correlation_id, client_id)?;
    request.encode(&mut w, version)?;
    finish(w)
}

/// A response to `api_key` as one frame, in one piece. Fetch responses with their batches are better sent with
/// [`crate::messages::fetch_response::FetchResponse::into_frame`], which does not copy them.
///
/// # Errors
/// As [`Message::encode`], and [`WireError::TooLarge`].
pub fn encode_response<M: Message>(
    response: &M,
    api_key: ApiKey,
    version: i16,
    correlation_id: i32,
) -> Result<Bytes> {
    let mut w = begin_response(api_key, version, correlation_id)?;
    response.encode(&mut w, version)?;
    finish(w)
}

/// The correlation id of a response, whatever it answers.
///
/// # Errors
/// [`WireError::Truncated`].
pub fn response_correlation_id(frame: &Bytes) -> Result<i32> {
    Reader::new(frame.clone()).i32()
}

/// Reads the response to a request `R` of `version` that was sent with `correlation_id`.
///
/// # Errors
/// [`WireError::CorrelationMismatch`], or what is wrong with the bytes.
pub fn decode_response<R: Request>(frame: Bytes, version: i16, correlation_id: i32) -> Result<R::Response> {
    let mut r = Reader::new(frame);
    let header = ResponseHeader::decode(&mut r, R::API_KEY.response_header_version(version))?;
    if header.correlation_id != correlation_id {
        return Err(WireError::CorrelationMismatch {
            found: header.correlation_id,
            expected: correlation_id,
        });
    }
    R::Response::decode(&mut r, version)
}

#[cfg(test)]
mod tests;
