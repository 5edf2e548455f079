//! A broker that is sent frames: `API, version, length, body` again and again over one connection. It may refuse and
//! it may hang up, but it goes on serving others.
#![no_main]
#![allow(clippy::expect_used, reason = "what cannot fail and does is a finding")]

use std::sync::Mutex;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use libfuzzer_sys::fuzz_target;
use millstream_broker::{Broker, BrokerConfig, FsyncPolicy};
use millstream_fuzz::Input;
use millstream_wire::ApiKey;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

/// Inputs after which a new broker is made, so that what was created does not pile up.
const INPUTS_PER_BROKER: u32 = 500;
/// How long an answer is waited for: some requests wait for others that never come.
const PATIENCE: Duration = Duration::from_millis(10);

struct Fixture {
    runtime: Runtime,
    broker: Broker,
    _directory: tempfile::TempDir,
    inputs_left: u32,
}

static FIXTURE: Mutex<Option<Fixture>> = Mutex::new(None);

fn start() -> Fixture {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let directory = tempfile::tempdir().expect("a directory");
    let mut config = BrokerConfig::new(directory.path());
    config.fsync = FsyncPolicy::None;
    config.offsets_partitions = 2;
    let broker = runtime.block_on(Broker::start(config)).expect("a broker");
    Fixture { runtime, broker, _directory: directory, inputs_left: INPUTS_PER_BROKER }
}

/// The request frame with the header that its API and version ask for.
fn frame(key: ApiKey, version: i16, correlation_id: i32, body: &[u8]) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_i16(key.code());
    frame.put_i16(version);
    frame.put_i32(correlation_id);
    frame.put_i16(1);
    frame.put_u8(b'f');
    if key.request_header_version(version) == 2 {
        frame.put_u8(0);
    }
    frame.extend_from_slice(body);
    frame.freeze()
}

async fn send_all(broker: &Broker, data: &[u8]) {
    let keys: Vec<ApiKey> = ApiKey::all().filter(|key| key.versions().is_some()).collect();
    let mut connection = broker.connect_in_process();
    let mut input = Input(data);
    for correlation_id in 0..8 {
        if input.is_empty() {
            break;
        }
        let key = keys[usize::from(input.byte()) % keys.len()];
        let version = i16::from(input.byte() % 20);
        let request = frame(key, version, correlation_id, input.piece());
        if connection.requests.send(request).await.is_err() {
            return;
        }
        if let Ok(None) = timeout(PATIENCE, connection.responses.recv()).await {
            return;
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let mut fixture = FIXTURE.lock().expect("no panic while it was held");
    if fixture.as_ref().is_some_and(|fixture| fixture.inputs_left == 0) {
        *fixture = None;
    }
    let fixture = fixture.get_or_insert_with(start);
    fixture.inputs_left -= 1;
    fixture.runtime.block_on(async {
        send_all(&fixture.broker, data).await;
        let mut connection = fixture.broker.connect_in_process();
        let asked = frame(ApiKey::ApiVersions, 0, 1, &[]);
        connection.requests.send(asked).await.expect("the broker takes requests");
        assert!(connection.responses.recv().await.is_some(), "the broker answers");
    });
});
