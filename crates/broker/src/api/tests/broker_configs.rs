//! Configurations of the broker that change while it runs.

use millstream_wire::messages::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
};
use millstream_wire::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};

use super::*;

const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;

/// Changes one configuration of a broker, or with an empty name of all.
async fn alter(
    test: &mut TestBroker,
    broker: &str,
    name: &str,
    operation: i8,
    value: Option<&str>,
) -> (i16, String) {
    let config = AlterableConfig {
        name: name.to_owned(),
        config_operation: operation,
        value: value.map(str::to_owned),
    };
    let resource =
        AlterConfigsResource { resource_type: 4, resource_name: broker.to_owned(), configs: vec![config] };
    let request = IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false };
    let answer = test.ask(1, request).await.responses.remove(0);
    (answer.error_code, answer.error_message.unwrap_or_default())
}

/// One configuration of a resource.
async fn describe(
    test: &mut TestBroker,
    resource: (i8, &str),
    name: &str,
) -> Option<DescribeConfigsResourceResult> {
    let resource = DescribeConfigsResource {
        resource_type: resource.0,
        resource_name: resource.1.to_owned(),
        configuration_keys: Some(vec![name.to_owned()]),
    };
    let request = DescribeConfigsRequest {
        resources: vec![resource],
        include_synonyms: true,
        ..DescribeConfigsRequest::default()
    };
    test.ask(4, request).await.results.remove(0).configs.pop()
}

#[tokio::test]
async fn a_change_takes_effect_at_once_and_survives_a_restart() {
    let mut test = TestBroker::start().await;
    test.create_topic("t", 1, &[]).await;
    let large = "x".repeat(4000);
    assert_eq!(test.produce("t", 0, batch(&[(None, &large)])).await.error_code, 0);
    assert_eq!(alter(&mut test, "", "message.max.bytes", SET, Some("1000")).await.0, 0);
    let too_large = test.produce("t", 0, batch(&[(None, &large)])).await;
    assert_eq!(too_large.error_code, millstream_wire::ErrorCode::MessageTooLarge.code());
    // What is set on the broker itself stands above what is set on all.
    assert_eq!(alter(&mut test, "1", "message.max.bytes", SET, Some("9000")).await.0, 0);
    assert_eq!(test.produce("t", 0, batch(&[(None, &large)])).await.error_code, 0);

    let mut test = test.restart().await;
    let found = describe(&mut test, (4, "1"), "message.max.bytes").await.unwrap();
    assert_eq!((found.value.as_deref(), found.config_source, found.read_only), (Some("9000"), 2, false));
    let synonyms: Vec<_> =
        found.synonyms.iter().map(|it| (it.source, it.value.as_deref().unwrap())).collect();
    assert_eq!(synonyms, [(2, "9000"), (3, "1000"), (5, "1048588")]);
    let of_topic = describe(&mut test, (2, "t"), "max.message.bytes").await.unwrap();
    assert_eq!((of_topic.value.as_deref(), of_topic.config_source), (Some("9000"), 2));
    let of_all = describe(&mut test, (4, ""), "message.max.bytes").await.unwrap();
    assert_eq!((of_all.value.as_deref(), of_all.config_source), (Some("1000"), 3));
    assert_eq!(describe(&mut test, (4, ""), "log.retention.ms").await, None);

    assert_eq!(alter(&mut test, "1", "message.max.bytes", DELETE, None).await.0, 0);
    let too_large = test.produce("t", 0, batch(&[(None, &large)])).await;
    assert_eq!(too_large.error_code, millstream_wire::ErrorCode::MessageTooLarge.code());
    assert_eq!(alter(&mut test, "", "message.max.bytes", DELETE, None).await.0, 0);
    let found = describe(&mut test, (4, "1"), "message.max.bytes").await.unwrap();
    assert_eq!((found.value.as_deref(), found.config_source), (Some("1048588"), 5));
}

#[tokio::test]
async fn lists_grow_from_what_is_in_force() {
    let mut test = TestBroker::start().await;
    assert_eq!(alter(&mut test, "1", "log.cleanup.policy", APPEND, Some("compact")).await.0, 0);
    let found = describe(&mut test, (4, "1"), "log.cleanup.policy").await.unwrap();
    assert_eq!(found.value.as_deref(), Some("delete,compact"));
}

#[tokio::test]
async fn what_cannot_change_is_refused() {
    use millstream_wire::ErrorCode::{InvalidConfig, InvalidRequest};
    let mut test = TestBroker::start().await;
    for (broker, name, value, code, part) in [
        ("1", "num.partitions", "3", InvalidRequest, "Cannot update these configs dynamically"),
        ("1", "log.retention.ms", "soon", InvalidConfig, "log.retention.ms"),
        ("1", "num.network.threads", "3", InvalidConfig, "no effect"),
        ("1", "log.retention.millis", "3", InvalidConfig, "log.retention.ms"),
        ("7", "log.retention.ms", "3", InvalidRequest, "Unexpected broker id"),
    ] {
        let (found, message) = alter(&mut test, broker, name, SET, Some(value)).await;
        assert_eq!(found, code.code(), "{name}: {message}");
        assert!(message.contains(part), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn compaction_goes_by_what_is_set_meanwhile() {
    let mut test =
        TestBroker::start_with(|config| config.compaction.backoff = std::time::Duration::from_secs(3600))
            .await;
    records::fill_compacted(&mut test).await;
    assert_eq!(alter(&mut test, "", "log.cleaner.backoff.ms", SET, Some("10")).await.0, 0);
    records::until_compacted(&mut test).await;
    let found = describe(&mut test, (4, "1"), "log.cleaner.backoff.ms").await.unwrap();
    let synonyms: Vec<_> =
        found.synonyms.iter().map(|it| (it.source, it.value.as_deref().unwrap())).collect();
    assert_eq!((synonyms, found.read_only), (vec![(3, "10"), (4, "3600000"), (5, "15000")], false));
    assert_eq!(alter(&mut test, "", "log.cleaner.enable", SET, Some("false")).await.0, 42, "as in Kafka");
}

#[tokio::test]
async fn silent_producers_are_forgotten_by_what_is_set_meanwhile() {
    let (mut test, clock) = TestBroker::start_held().await;
    test.create_topic("t", 1, &[]).await;
    let expiration = "producer.id.expiration.ms";
    assert_eq!(alter(&mut test, "1", expiration, SET, Some("0")).await.0, 40);
    assert_eq!(alter(&mut test, "1", expiration, SET, Some("3600000")).await.0, 0);
    assert_eq!(test.produce("t", 0, idempotent("v", 7, 0, 0)).await.error_code, 0);
    clock.advance_ms(60_000);
    for (value, known) in [(None, 1), (Some("30000"), 0)] {
        let operation = if value.is_some() { SET } else { DELETE };
        assert_eq!(alter(&mut test, "1", expiration, operation, value).await.0, 0);
        test.broker.core.store.write_checkpoints().unwrap();
        assert_eq!(transactions::producers(&mut test, 0).await.len(), known, "{value:?}");
    }
}
