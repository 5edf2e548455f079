//! A broker for tests whose answers are written in the test. It speaks through the in-process transport.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use bytestring::ByteString;
use millstream_wire::ApiKey;
use millstream_wire::frame::{LENGTH_BYTES, RequestFrame, encode_response};
use millstream_wire::messages::api_versions::ApiVersionsResponse;
use millstream_wire::messages::metadata::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use millstream_wire::negotiation::offer;
use millstream_wire::protocol::Message;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::backoff::Backoff;
use crate::config::ClientConfig;
use crate::transport::{BrokerAddress, FrameChannel, InProcessDialer};

/// What the broker does with a request.
pub(crate) enum Reaction {
    /// Answers with this frame.
    Answer(Bytes),
    /// Answers some time after never.
    Silence,
    /// Ends the connection.
    HangUp,
}

/// Answers a request, in the version that it was asked in.
pub(crate) fn answer<M: Message>(request: &RequestFrame, response: &M) -> Reaction {
    let version = request.api_version;
    let frame = encode_response(response, request.api_key, version, request.correlation_id).unwrap();
    Reaction::Answer(frame.slice(LENGTH_BYTES..))
}

/// All of Kafka's versions.
pub(crate) fn api_versions() -> ApiVersionsResponse {
    let offered = ApiKey::all().filter_map(|api| Some(offer(api, api.versions()?)));
    ApiVersionsResponse { api_keys: offered.collect(), ..Default::default() }
}

/// A cluster of broker 1 that leads all partitions of topic `t`.
pub(crate) fn metadata(partitions: i32, leader_epoch: i32) -> MetadataResponse {
    let partition = |partition_index| MetadataResponsePartition {
        partition_index,
        leader_id: 1,
        leader_epoch,
        ..Default::default()
    };
    let topic = MetadataResponseTopic {
        name: Some(ByteString::from_static("t")),
        topic_id: Uuid::from_u128(7),
        partitions: (0..partitions).map(partition).collect(),
        ..Default::default()
    };
    let host = ByteString::from_static("scripted");
    let broker = MetadataResponseBroker { node_id: 1, host, port: 9092, rack: None };
    MetadataResponse { brokers: vec![broker], controller_id: 1, topics: vec![topic], ..Default::default() }
}

/// Settings of a client of a broker that does as `script` says; what it says nothing about is answered as a sound
/// broker with one partition would.
pub(crate) fn config(
    script: impl Fn(&RequestFrame) -> Option<Reaction> + Send + Sync + 'static,
) -> ClientConfig {
    let script = Arc::new(script);
    let dialer = InProcessDialer(move |_: &BrokerAddress| {
        let (request_sender, requests) = mpsc::channel(16);
        let (responses, response_receiver) = mpsc::channel(16);
        tokio::spawn(serve(requests, responses, Arc::clone(&script)));
        Ok::<_, io::Error>(FrameChannel { requests: request_sender, responses: response_receiver })
    });
    let mut config =
        ClientConfig::new(vec![BrokerAddress::new("scripted", 9092)]).with_dialer(Arc::new(dialer));
    config.retry_backoff =
        Backoff { initial: std::time::Duration::from_millis(1), max: std::time::Duration::from_millis(5) };
    config.reconnect_backoff = config.retry_backoff;
    config
}

async fn serve(
    mut requests: mpsc::Receiver<Bytes>,
    responses: mpsc::Sender<Bytes>,
    script: Arc<impl Fn(&RequestFrame) -> Option<Reaction>>,
) {
    while let Some(frame) = requests.recv().await {
        let request = RequestFrame::decode(frame).unwrap();
        let reaction = script(&request).unwrap_or_else(|| match request.api_key {
            ApiKey::ApiVersions => answer(&request, &api_versions()),
            ApiKey::Metadata => answer(&request, &metadata(1, 0)),
            other => panic!("the script does not know {}", other.name()),
        });
        match reaction {
            Reaction::Answer(frame) => {
                if responses.send(frame).await.is_err() {
                    return;
                }
            }
            Reaction::Silence => {}
            Reaction::HangUp => return,
        }
    }
}
