//! A connection that writes down what it asks and what is answered.

use std::fmt::Debug;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use bytes::Bytes;
use millstream_wire::frame;
use millstream_wire::protocol::Request;

use crate::transcript::Transcript;

/// Long enough for any answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until something is so.
pub(crate) fn until(mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "it did not come to be within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub(crate) struct Connection {
    address: String,
    stream: TcpStream,
    correlation_id: i32,
    pub(crate) transcript: Transcript,
}

fn dial(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

impl Connection {
    pub(crate) fn open(address: &str) -> Self {
        let transcript = Transcript::default();
        Self { address: address.to_owned(), stream: dial(address), correlation_id: 0, transcript }
    }

    /// The answer to a request, without writing it down. `None`: the connection was closed, and is opened again, or the
    /// version cannot carry what is asked.
    pub(crate) fn quiet<R: Request>(&mut self, version: i16, request: &R) -> Option<R::Response> {
        self.correlation_id += 1;
        let bytes = frame::encode_request(request, version, self.correlation_id, None).ok()?;
        self.stream.write_all(&bytes).unwrap();
        let Some(answer) = self.read() else {
            self.stream = dial(&self.address);
            return None;
        };
        Some(frame::decode_response::<R>(answer, version, self.correlation_id).unwrap())
    }

    fn read(&mut self) -> Option<Bytes> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).ok()?;
        let mut body = vec![0; usize::try_from(i32::from_be_bytes(length)).unwrap()];
        self.stream.read_exact(&mut body).ok()?;
        Some(body.into())
    }

    /// As [`Self::ask_sorted`], where the order of the answer's parts means something.
    pub(crate) fn ask<R: Request>(&mut self, what: &str, version: i16, request: &R) -> Option<R::Response>
    where
        R::Response: Debug,
    {
        self.ask_sorted(what, version, request, |_| {})
    }

    /// Asks and writes the answer down after `sort` has brought it into an order.
    pub(crate) fn ask_sorted<R: Request>(
        &mut self,
        what: &str,
        version: i16,
        request: &R,
        sort: impl FnOnce(&mut R::Response),
    ) -> Option<R::Response>
    where
        R::Response: Debug,
    {
        let mut answer = self.quiet(version, request);
        if let Some(answer) = &mut answer {
            sort(answer);
        }
        let step = format!("{what} ({} v{version})", R::API_KEY.name());
        match &answer {
            Some(answer) => self.transcript.add(step, &format!("{answer:#?}")),
            None => self.transcript.add(step, "connection closed"),
        }
        answer
    }

    /// Writes down an answer that was asked for quietly.
    pub(crate) fn note(&mut self, what: &str, answer: &impl Debug) {
        self.transcript.add(what.to_owned(), &format!("{answer:#?}"));
    }

    /// Asks until the answer has settled, and writes that one down: for what a cluster has first to finish.
    pub(crate) fn ask_until<R: Request>(
        &mut self,
        what: &str,
        version: i16,
        request: &R,
        is_settled: impl Fn(&R::Response) -> bool,
    ) -> R::Response
    where
        R::Response: Debug,
    {
        let mut settled = None;
        until(|| {
            settled = self.quiet(version, request).filter(&is_settled);
            settled.is_some()
        });
        let settled = settled.unwrap();
        self.note(&format!("{what} ({} v{version})", R::API_KEY.name()), &settled);
        settled
    }

    /// Asks in each of the versions.
    pub(crate) fn ask_all<R: Request>(&mut self, what: &str, versions: &[i16], request: &R)
    where
        R::Response: Debug,
    {
        for version in versions {
            self.ask(what, *version, request);
        }
    }
}
