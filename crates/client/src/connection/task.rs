//! The task that moves a connection's bytes, both directions at once.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use millstream_wire::frame;

use super::Shared;
use crate::error::{ClientError, Result};
use crate::transport::{FrameReader, FrameWriter};

/// Runs until either direction ends, then tells everybody who waits.
pub(super) async fn run(shared: Arc<Shared>, mut reader: FrameReader, mut writer: FrameWriter) {
    let ended = tokio::select! {
        ended = read(&shared, &mut reader) => ended,
        ended = write(&shared, &mut writer) => ended,
    };
    if let Err(error) = ended {
        if shared.queue.lock().closed.is_none() {
            tracing::debug!(address = %shared.address, %error, "connection lost");
        }
        shared.close(error);
    }
}

async fn read(shared: &Shared, reader: &mut FrameReader) -> Result<()> {
    let lost = |cause| ClientError::disconnected(&shared.address, cause);
    loop {
        let Some(frame) = reader.next().await.map_err(lost)? else {
            return Err(lost(io::ErrorKind::ConnectionAborted.into()));
        };
        let correlation_id =
            frame::response_correlation_id(&frame).map_err(io::Error::other).map_err(lost)?;
        let request = shared.queue.lock().pending.pop_front();
        match request {
            Some(request) if request.correlation_id == correlation_id => {
                // A receiver that is gone has lost interest.
                let _ = request.reply.send(Ok(frame));
            }
            request => {
                let expected = request.as_ref().map_or(-1, |request| request.correlation_id);
                let cause = io::Error::other(millstream_wire::WireError::CorrelationMismatch {
                    found: correlation_id,
                    expected,
                });
                let error = lost(cause);
                if let Some(request) = request {
                    let _ = request.reply.send(Err(error.clone()));
                }
                return Err(error);
            }
        }
    }
}

async fn write(shared: &Shared, writer: &mut FrameWriter) -> Result<()> {
    let mut frames = VecDeque::new();
    loop {
        let waiting;
        {
            let mut queue = shared.queue.lock();
            if queue.closed.is_some() {
                return Ok(());
            }
            std::mem::swap(&mut queue.outgoing, &mut frames);
            waiting = std::mem::take(&mut queue.written);
        }
        if frames.is_empty() {
            shared.wake.notified().await;
        } else {
            let written = writer.write(&mut frames).await;
            written.map_err(|cause| ClientError::disconnected(&shared.address, cause))?;
            for sender in waiting {
                // A receiver that is gone has lost interest.
                let _ = sender.send(());
            }
        }
    }
}
