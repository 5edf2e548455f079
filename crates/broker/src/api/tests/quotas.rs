//! Quotas over the protocol, with a clock that stands still: what answers say can be reckoned.

use millstream_log::Clock as _;
use millstream_wire::messages::alter_client_quotas::{
    AlterClientQuotasRequest, AlterClientQuotasRequestEntityData, AlterClientQuotasRequestEntryData, OpData,
};
use millstream_wire::messages::describe_client_quotas::{ComponentData, DescribeClientQuotasRequest};
use millstream_wire::messages::find_coordinator::FindCoordinatorRequest;

use super::*;

/// An entity's part: its type, and its name if it is not the default.
type Part<'a> = (&'a str, Option<&'a str>);

fn altering(entity: &[Part<'_>], operations: &[(&str, Option<f64>)]) -> AlterClientQuotasRequestEntryData {
    let part = |(entity_type, name): &Part<'_>| AlterClientQuotasRequestEntityData {
        entity_type: (*entity_type).to_owned(),
        entity_name: name.map(str::to_owned),
    };
    let operation = |(key, value): &(&str, Option<f64>)| OpData {
        key: (*key).to_owned(),
        value: value.unwrap_or_default(),
        remove: value.is_none(),
    };
    AlterClientQuotasRequestEntryData {
        entity: entity.iter().map(part).collect(),
        ops: operations.iter().map(operation).collect(),
    }
}

impl TestBroker {
    /// Sets quotas of an entity, or removes them; gives the error.
    async fn alter_quotas(&mut self, entity: &[Part<'_>], operations: &[(&str, Option<f64>)]) -> i16 {
        let request =
            AlterClientQuotasRequest { entries: vec![altering(entity, operations)], validate_only: false };
        self.ask(1, request).await.entries[0].error_code
    }

    /// All quotas of users, as `user/client-id key=value`.
    async fn quotas(&mut self) -> Vec<String> {
        let answer = self.ask(1, DescribeClientQuotasRequest::default()).await;
        let mut lines = Vec::new();
        for entry in answer.entries.unwrap() {
            let name = |kind: &str| {
                let part = entry.entity.iter().find(|part| part.entity_type == kind);
                part.map_or("-".to_owned(), |part| part.entity_name.clone().unwrap_or("*".to_owned()))
            };
            for value in &entry.values {
                lines.push(format!("{}/{} {}={}", name("user"), name("client-id"), value.key, value.value));
            }
        }
        lines
    }

    /// Does something on a connection of its own, which nothing has muted.
    async fn ask_fresh<R: Request>(&mut self, version: i16, request: R) -> R::Response {
        TestClient::connect(&self.broker).ask(version, request).await
    }
}

#[tokio::test]
async fn quotas_are_kept_and_found_by_what_they_are_for() {
    let mut test = TestBroker::start().await;
    let (ann, any_user) = (("user", Some("ann")), ("user", None));
    let app = ("client-id", Some("app"));
    assert_eq!(test.alter_quotas(&[ann], &[("producer_byte_rate", Some(1024.0))]).await, 0);
    assert_eq!(test.alter_quotas(&[ann, app], &[("request_percentage", Some(12.5))]).await, 0);
    assert_eq!(test.alter_quotas(&[any_user], &[("consumer_byte_rate", Some(1.0))]).await, 0);
    assert_eq!(test.alter_quotas(&[any_user], &[("consumer_byte_rate", None)]).await, 0);
    for (entity, key, value) in [
        (vec![ann], "producer_byte_rate", 0.0),
        (vec![ann], "producer_byte_rate", 1.5),
        (vec![ann], "producer_byte_rate", f64::NAN),
        (vec![ann], "connection_creation_rate", 1.0),
        (vec![("ip", Some("127.0.0.1"))], "connection_creation_rate", 1.0),
        (vec![("user", Some(""))], "producer_byte_rate", 1.0),
        (vec![("planet", Some("x"))], "producer_byte_rate", 1.0),
        (vec![], "producer_byte_rate", 1.0),
    ] {
        assert_eq!(test.alter_quotas(&entity, &[(key, Some(value))]).await, 42, "{entity:?} {key}={value}");
    }
    let expected = ["ann/- producer_byte_rate=1024", "ann/app request_percentage=12.5"];
    assert_eq!(test.quotas().await, expected);
    let mut test = test.restart().await;
    assert_eq!(test.quotas().await, expected);
    let filter = |match_type, name: Option<&str>, strict| DescribeClientQuotasRequest {
        components: vec![ComponentData {
            entity_type: "user".to_owned(),
            match_type,
            r#match: name.map(str::to_owned),
        }],
        strict,
    };
    for (filter, found) in [
        (filter(0, Some("ann"), false), 2),
        (filter(0, Some("ann"), true), 1),
        (filter(0, Some("bob"), false), 0),
        (filter(1, None, false), 0),
        (filter(2, None, false), 2),
        (filter(2, None, true), 1),
    ] {
        let answer = test.ask(1, filter.clone()).await;
        assert_eq!(answer.entries.unwrap().len(), found, "{filter:?}");
    }
}

#[tokio::test]
async fn a_check_changes_nothing() {
    let mut test = TestBroker::start().await;
    let entries = vec![altering(&[("user", None)], &[("producer_byte_rate", Some(1.0))])];
    let answer = test.ask(1, AlterClientQuotasRequest { entries, validate_only: true }).await;
    assert_eq!(answer.entries[0].error_code, 0);
    assert!(test.quotas().await.is_empty());
}

/// A producer that sends as fast as it may has, by its answers' throttle times, the rate of its quota.
#[tokio::test]
async fn a_producer_comes_down_to_its_quota() {
    const RATE: f64 = 10_000.0;
    let (mut test, clock) = TestBroker::start_held().await;
    test.create_topic("t", 1, &[]).await;
    assert_eq!(test.alter_quotas(&[("client-id", None)], &[("producer_byte_rate", Some(RATE))]).await, 0);
    let value = "x".repeat(3000);
    let start_ms = clock.now_ms();
    let mut sent_bytes = 0;
    let mut was_put_off = 0;
    for _ in 0..200 {
        let request = produce_request("t", 0, batch(&[(None, &value)]), 1);
        let size_bytes = frame::encode_request(&request, 9, 1, None).unwrap().len();
        let answer = test.ask_fresh(9, request).await;
        assert_eq!(answer.responses[0].partition_responses[0].error_code, 0);
        sent_bytes += size_bytes;
        was_put_off += i32::from(answer.throttle_time_ms > 0);
        clock.advance_ms(i64::from(answer.throttle_time_ms) + 10);
    }
    let seconds = (clock.now_ms() - start_ms) as f64 / 1000.0;
    let per_second = sent_bytes as f64 / seconds;
    // What was saved up before the first request, ten seconds of it, is spent in 60 seconds.
    assert!((RATE * 0.8..RATE * 1.3).contains(&per_second), "{per_second} bytes/s over {seconds} s");
    assert!((5..200).contains(&was_put_off), "{was_put_off}");
}

#[tokio::test]
async fn a_fetch_that_exceeds_the_quota_is_answered_empty_and_again_in_full() {
    let (mut test, clock) = TestBroker::start_held().await;
    test.create_topic("t", 1, &[]).await;
    for _ in 0..4 {
        test.produce("t", 0, batch(&[(None, &"x".repeat(3000))])).await;
    }
    assert_eq!(test.alter_quotas(&[("user", None)], &[("consumer_byte_rate", Some(1000.0))]).await, 0);
    let first = test.ask_fresh(12, fetch_request("t", &[(0, 0)])).await;
    let got_bytes = partition_of(&first, 0, 0).records.as_ref().unwrap().len();
    assert_eq!(first.throttle_time_ms, 0);
    assert!((8000..=10_000).contains(&got_bytes), "what the windows hold at most: {got_bytes}");
    let second = test.ask_fresh(12, fetch_request("t", &[(0, 3)])).await;
    assert!(second.responses.is_empty(), "nothing is sent");
    let both_bytes = got_bytes as f64 + 3000.0;
    let expected_ms = (both_bytes - 10_000.0) as i32;
    assert!(
        (expected_ms..expected_ms + 150).contains(&second.throttle_time_ms),
        "{}",
        second.throttle_time_ms
    );
    clock.advance_ms(11_000);
    let third = test.ask_fresh(12, fetch_request("t", &[(0, 3)])).await;
    assert_eq!(third.throttle_time_ms, 0);
    assert_eq!(values(partition_of(&third, 0, 0)).len(), 1);
}

/// A produce request that puts its client off for so many seconds, by the quota that is set for it.
async fn exceed(test: &mut TestBroker, client: &mut TestClient, seconds: f64) -> i32 {
    let request = produce_request("t", 0, batch(&[(None, &"x".repeat(4000))]), 1);
    let size_bytes = frame::encode_request(&request, 9, 1, None).unwrap().len();
    // Ten seconds are there before the first request.
    let rate = (size_bytes as f64 / (seconds + 10.0)).floor();
    assert_eq!(test.alter_quotas(&[("user", None)], &[("producer_byte_rate", Some(rate))]).await, 0);
    client.ask(9, request).await.throttle_time_ms
}

#[tokio::test]
async fn a_connection_that_exceeded_a_quota_is_muted() {
    let (mut test, _) = TestBroker::start_held().await;
    test.create_topic("t", 1, &[]).await;
    let mut muted = TestClient::connect(&test.broker);
    assert!(exceed(&mut test, &mut muted, 3600.0).await > 1_000_000, "the answer itself comes at once");
    muted.send(4, FindCoordinatorRequest::default()).await;
    for _ in 0..50 {
        test.ask_fresh(4, FindCoordinatorRequest::default()).await;
    }
    assert!(muted.connection.responses.try_recv().is_err(), "others are served, this one waits");
}

#[tokio::test]
async fn a_connection_that_was_muted_is_served_again() {
    let (mut test, _) = TestBroker::start_held().await;
    test.create_topic("t", 1, &[]).await;
    let mut muted = TestClient::connect(&test.broker);
    assert!(exceed(&mut test, &mut muted, 0.1).await > 0);
    muted.ask(4, FindCoordinatorRequest::default()).await;
}

#[tokio::test]
async fn topics_beyond_the_quota_are_refused_and_older_clients_put_off() {
    let (mut test, _) = TestBroker::start_held().await;
    assert_eq!(test.alter_quotas(&[("user", None)], &[("controller_mutation_rate", Some(1.0))]).await, 0);
    let creating = |name: &str, partitions| CreateTopicsRequest {
        topics: vec![CreatableTopic {
            name: name.to_owned(),
            num_partitions: partitions,
            replication_factor: 1,
            ..CreatableTopic::default()
        }],
        ..CreateTopicsRequest::default()
    };
    // Eleven are saved up, and the request that overdraws is let through.
    let first = test.ask_fresh(7, creating("a", 14)).await;
    assert_eq!((first.topics[0].error_code, first.throttle_time_ms), (0, 0));
    let second = test.ask_fresh(7, creating("b", 1)).await;
    assert_eq!((second.topics[0].error_code, second.throttle_time_ms), (89, 3000));
    let older = test.ask_fresh(5, creating("b", 1)).await;
    assert_eq!((older.topics[0].error_code, older.throttle_time_ms), (0, 4000));
    let mut registry = prometheus_client::registry::Registry::default();
    test.broker.register_metrics(&mut registry);
    let mut usage = String::new();
    prometheus_client::encoding::text::encode(&mut usage, &registry).unwrap();
    assert!(
        usage.contains("kafka_server_quota_tokens{resource=\"ControllerMutation\",user=\"ANONYMOUS\"} -4"),
        "{usage}"
    );
}
