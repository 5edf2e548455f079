use std::sync::atomic::{AtomicU32, Ordering};

use millstream_wire::frame::RequestFrame;
use millstream_wire::{ApiKey, ErrorCode};

use super::*;
use crate::error::ErrorKind;
use crate::scripted_broker::{Reaction, answer, config, metadata};

#[tokio::test]
async fn tasks_that_want_fresh_metadata_share_one_question() {
    let questions = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&questions);
    let client = Client::connect(config(move |request: &RequestFrame| {
        if request.api_key == ApiKey::Metadata {
            count.fetch_add(1, Ordering::Relaxed);
        }
        None
    }))
    .await
    .unwrap();
    assert_eq!(questions.load(Ordering::Relaxed), 1);
    let seen = client.metadata().version;
    let refreshes = (0..20).map(|_| client.refresh_metadata(seen));
    for view in futures_util::future::join_all(refreshes).await {
        assert_eq!(view.unwrap().version, seen + 1);
    }
    assert_eq!(questions.load(Ordering::Relaxed), 2);
    client.topic("t").await.unwrap();
    client.topic("t").await.unwrap();
    assert_eq!(questions.load(Ordering::Relaxed), 2, "what is known is not asked");
}

#[tokio::test]
async fn a_topic_that_does_not_exist_is_said_at_once_and_one_without_leader_is_waited_for() {
    let questions = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&questions);
    let client = Client::connect(config(move |request: &RequestFrame| {
        if request.api_key != ApiKey::Metadata {
            return None;
        }
        let mut response = metadata(1, 0);
        if count.fetch_add(1, Ordering::Relaxed) < 4 {
            response.topics[0].partitions[0].leader_id = -1;
        }
        let mut unknown = response.topics[0].clone();
        unknown.name = Some("unknown".into());
        unknown.error_code = ErrorCode::UnknownTopicOrPartition.code();
        response.topics.push(unknown);
        Some(answer(request, &response))
    }))
    .await
    .unwrap();
    let error = client.topic("unknown").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    let topic = client.wait_for_topic("t", Duration::from_secs(20)).await.unwrap();
    assert_eq!(topic.partitions[0].leader, Some(1));
}

#[tokio::test]
async fn a_cluster_that_cannot_be_reached_is_said_with_its_address() {
    let mut unreachable = config(|_: &RequestFrame| Some(Reaction::HangUp));
    unreachable.bootstrap_timeout = Duration::from_millis(30);
    let error = Client::connect(unreachable).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    let mut refused = ClientConfig::new(vec![BrokerAddress::new("127.0.0.1", 1)]);
    refused.bootstrap_timeout = Duration::from_millis(30);
    let error = Client::connect(refused).await.unwrap_err();
    assert!(error.to_string().contains("cannot connect to 127.0.0.1:1"), "{error}");
    let none = Client::connect(ClientConfig::new(Vec::new())).await.unwrap_err();
    assert_eq!(none.kind(), ErrorKind::InvalidInput);
}
