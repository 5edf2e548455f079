use std::sync::atomic::{AtomicU32, Ordering};

use millstream_wire::messages::{ApiVersionsResponse, ListGroupsRequest, MetadataRequest};
use millstream_wire::negotiation::offer;
use millstream_wire::{ErrorCode, VersionRange};

use super::*;
use crate::error::ErrorKind;
use crate::scripted_broker::{Reaction, answer, config, metadata};

const ADDRESS_PORT: u16 = 9092;

async fn open(config: &ClientConfig) -> Result<Connection> {
    Connection::open(&BrokerAddress::new("scripted", ADDRESS_PORT), config).await
}

#[tokio::test]
async fn answers_find_their_requests() {
    let connection = open(&config(|_| None)).await.unwrap();
    let timeout = Duration::from_secs(5);
    let mut responses = Vec::new();
    for _ in 0..10 {
        responses.push(connection.send(&MetadataRequest::default(), timeout).await.unwrap());
    }
    for response in responses {
        assert_eq!(response.wait::<MetadataRequest>().await.unwrap().controller_id, 1);
    }
}

/// KIP-511: a broker that does not know our version of ApiVersions answers in version 0 and says which it knows.
#[tokio::test]
async fn an_older_broker_is_asked_again_in_its_version() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let versions = Arc::clone(&asked);
    let script = move |request: &frame::RequestFrame| {
        if request.api_key != ApiKey::ApiVersions {
            return None;
        }
        versions.lock().push(request.api_version);
        if request.api_version <= 2 {
            let range = offer(ApiKey::Metadata, VersionRange::new(0, 5));
            return Some(answer(
                request,
                &ApiVersionsResponse { api_keys: vec![range], ..Default::default() },
            ));
        }
        let range = VersionRange::new(0, 2);
        let frame = millstream_wire::negotiation::unsupported_api_versions(request.correlation_id, range);
        Some(Reaction::Answer(frame.unwrap().slice(frame::LENGTH_BYTES..)))
    };
    let connection = open(&config(script)).await.unwrap();
    assert_eq!(*asked.lock(), [4, 2]);
    assert_eq!(connection.version::<MetadataRequest>().unwrap(), 5);
    let unknown = connection.version::<ListGroupsRequest>().unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::Unsupported, "{unknown}");
}

#[tokio::test]
async fn an_overdue_answer_ends_the_connection_for_everybody() {
    let script =
        |request: &frame::RequestFrame| (request.api_key == ApiKey::Metadata).then_some(Reaction::Silence);
    let connection = open(&config(script)).await.unwrap();
    let request = MetadataRequest::default();
    let (hurried, patient) = tokio::join!(
        connection.call(&request, Duration::from_millis(20)),
        connection.call(&request, Duration::from_secs(600)),
    );
    assert_eq!(hurried.unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(patient.unwrap_err().kind(), ErrorKind::Timeout);
    assert!(connection.is_closed());
    assert!(connection.call(&request, Duration::from_secs(600)).await.is_err());
}

#[tokio::test]
async fn a_lost_connection_and_a_wrong_answer_fail_all_that_wait() {
    let hang_up =
        |request: &frame::RequestFrame| (request.api_key == ApiKey::Metadata).then_some(Reaction::HangUp);
    let wrong_id = |request: &frame::RequestFrame| {
        let other = frame::RequestFrame { correlation_id: request.correlation_id + 1, ..request.clone() };
        (request.api_key == ApiKey::Metadata).then(|| answer(&other, &metadata(1, 0)))
    };
    for config in [config(hang_up), config(wrong_id)] {
        let connection = open(&config).await.unwrap();
        let request = MetadataRequest::default();
        let calls = (0..3).map(|_| connection.call(&request, Duration::from_secs(600)));
        for answer in futures_util::future::join_all(calls).await {
            let error = answer.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
            assert!(error.is_retriable());
        }
    }
}

#[tokio::test]
async fn requests_beyond_the_bound_wait_for_answers() {
    let config = config(|_| None);
    let connection = open(&config).await.unwrap();
    let request = MetadataRequest::default();
    let mut responses = Vec::new();
    for _ in 0..IN_FLIGHT_MAX {
        responses.push(connection.send(&request, Duration::from_secs(5)).await.unwrap());
    }
    // Answers that nobody has looked at yet have made room all the same.
    connection.call(&request, Duration::from_secs(5)).await.unwrap();
    assert!(connection.handle.shared.queue.lock().pending.len() <= IN_FLIGHT_MAX);
}

#[tokio::test]
async fn a_broker_that_refuses_versions_is_an_error_with_its_code() {
    let attempts = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&attempts);
    let script = move |request: &frame::RequestFrame| {
        count.fetch_add(1, Ordering::Relaxed);
        let error_code = ErrorCode::ClusterAuthorizationFailed.code();
        Some(answer(request, &ApiVersionsResponse { error_code, ..Default::default() }))
    };
    let error = open(&config(script)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert_eq!(attempts.load(Ordering::Relaxed), 1);
}
