//! Frames through channels, for a broker in the same process.

use std::collections::VecDeque;
use std::fmt;
use std::io;

use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use millstream_wire::frame::LENGTH_BYTES;
use tokio::sync::mpsc;

use super::{BrokerAddress, Dialer, FrameChannel, OutgoingFrame, Transport};

/// Connects through a function that opens a connection to the broker in this process.
pub struct InProcessDialer<F>(pub F);

impl<F> Dialer for InProcessDialer<F>
where
    F: Fn(&BrokerAddress) -> io::Result<FrameChannel> + Send + Sync,
{
    fn dial<'a>(&'a self, address: &'a BrokerAddress) -> BoxFuture<'a, io::Result<Transport>> {
        let opened = (self.0)(address).map(Transport::InProcess);
        Box::pin(std::future::ready(opened))
    }
}

impl<F> fmt::Debug for InProcessDialer<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InProcessDialer").finish_non_exhaustive()
    }
}

/// Sends frames without their length. A frame of several chunks is copied into one: what the broker's append would
/// otherwise read from several places.
pub(super) async fn write(
    requests: &mpsc::Sender<Bytes>,
    frames: &mut VecDeque<OutgoingFrame>,
) -> io::Result<()> {
    while let Some(OutgoingFrame { mut head, rest }) = frames.pop_front() {
        let mut frame = head.split_off(LENGTH_BYTES);
        if !rest.is_empty() {
            let size_bytes = frame.len() + rest.iter().map(Bytes::len).sum::<usize>();
            let mut whole = BytesMut::with_capacity(size_bytes);
            whole.extend_from_slice(&frame);
            rest.iter().for_each(|chunk| whole.extend_from_slice(chunk));
            frame = whole.freeze();
        }
        requests.send(frame).await.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
    }
    Ok(())
}
