//! A connection of the floor: frames in, answers out, in order.
//!
//! What was received together is answered together. Record batches leave the page cache by `sendfile`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use anyhow::ensure;
use bytes::{Bytes, BytesMut};
use millstream_wire::frame::{Frame, LENGTH_BYTES, RequestFrame, Segment, frame_length};

use super::answers::{Answer, Host, answer};
use super::log::{Log, Stretch};

/// Small requests are received many at a time; of a large one, as much as this is copied once more.
const INPUT_BYTES: usize = 16 << 10;
const REQUEST_BYTES_MAX: usize = 100 << 20;

pub(super) struct Session {
    input: BufReader<TcpStream>,
    /// Answers that wait until nothing is left of what was received.
    output: Vec<u8>,
    /// The last frame's memory, for the next one.
    frame: BytesMut,
    host: Host,
}

impl Session {
    pub(super) fn new(stream: TcpStream, port: u16, log: Arc<Log>) -> anyhow::Result<Self> {
        stream.set_nodelay(true)?;
        let input = BufReader::with_capacity(INPUT_BYTES, stream);
        Ok(Self { input, output: Vec::new(), frame: BytesMut::new(), host: Host { port, log } })
    }

    /// Serves the connection until the client closes it.
    pub(super) fn run(&mut self) -> anyhow::Result<()> {
        while let Some(frame) = self.receive()? {
            let request = RequestFrame::decode(frame.clone())?;
            match answer(&request, &self.host)? {
                Answer::Small(bytes) => self.output.extend_from_slice(&bytes),
                Answer::Records(records) => self.send_records(records)?,
            }
            drop(request);
            // Nothing holds on to it: what was received stays memory of this connection.
            self.frame = frame.try_into_mut().unwrap_or_default();
            if !self.has_whole_frame() {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// The next frame; none at the end.
    fn receive(&mut self) -> anyhow::Result<Option<Bytes>> {
        if self.input.fill_buf()?.is_empty() {
            return Ok(None);
        }
        let mut prefix = [0; LENGTH_BYTES];
        self.input.read_exact(&mut prefix)?;
        let mut frame = std::mem::take(&mut self.frame);
        // Only what is longer than the one before is zeroed.
        frame.resize(frame_length(prefix, REQUEST_BYTES_MAX)?, 0);
        self.input.read_exact(&mut frame)?;
        Ok(Some(frame.freeze()))
    }

    fn has_whole_frame(&self) -> bool {
        let received = self.input.buffer();
        received.first_chunk().is_some_and(|prefix: &[u8; LENGTH_BYTES]| {
            frame_length(*prefix, REQUEST_BYTES_MAX)
                .is_ok_and(|length| received.len() - LENGTH_BYTES >= length)
        })
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        self.input.get_ref().write_all(&self.output)?;
        self.output.clear();
        Ok(())
    }

    fn send_records(&mut self, frame: Frame<Stretch>) -> anyhow::Result<()> {
        for segment in frame.into_segments() {
            match segment {
                Segment::Bytes(bytes) => self.output.extend_from_slice(&bytes),
                Segment::Payload(stretch) if stretch.length == 0 => {}
                Segment::Payload(stretch) => {
                    self.flush()?;
                    self.send_file(&stretch)?;
                }
            }
        }
        Ok(())
    }

    fn send_file(&self, stretch: &Stretch) -> anyhow::Result<()> {
        let (mut offset, mut left) = (stretch.start, stretch.length);
        while left > 0 {
            let sent = rustix::fs::sendfile(self.input.get_ref(), &stretch.file, Some(&mut offset), left)?;
            ensure!(sent > 0, "a file has become shorter");
            left -= sent;
        }
        Ok(())
    }
}
