//! Metrics of clients: subscriptions, who is asked for what, and what becomes of what they push.

use millstream_wire::ErrorCode;
use millstream_wire::messages::api_versions::ApiVersionsRequest;
use millstream_wire::messages::get_telemetry_subscriptions::{
    GetTelemetrySubscriptionsRequest, GetTelemetrySubscriptionsResponse,
};
use millstream_wire::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use millstream_wire::messages::push_telemetry::PushTelemetryRequest;
use prometheus_client::registry::Registry;
use uuid::Uuid;

use super::*;

const CLIENT_METRICS: i8 = 16;
const ALL: &[(&str, Option<&str>)] = &[("metrics", Some("*")), ("interval.ms", Some("1000"))];

impl TestBroker {
    /// Sets configurations of a subscription, or removes them; gives the error.
    async fn subscribe(&mut self, name: &str, configs: &[(&str, Option<&str>)]) -> i16 {
        let config = |(name, value): &(&str, Option<&str>)| AlterableConfig {
            name: (*name).to_owned(),
            config_operation: i8::from(value.is_none()),
            value: value.map(str::to_owned),
        };
        let resource = AlterConfigsResource {
            resource_type: CLIENT_METRICS,
            resource_name: name.to_owned(),
            configs: configs.iter().map(config).collect(),
        };
        let request = IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false };
        self.ask(1, request).await.responses[0].error_code
    }

    async fn subscription(&mut self, client_instance_id: Uuid) -> GetTelemetrySubscriptionsResponse {
        self.ask(0, GetTelemetrySubscriptionsRequest { client_instance_id }).await
    }

    /// Asks for a subscription, which is granted.
    async fn granted(&mut self) -> GetTelemetrySubscriptionsResponse {
        let granted = self.subscription(Uuid::nil()).await;
        assert_eq!(granted.error_code, 0);
        granted
    }

    async fn push(&mut self, request: PushTelemetryRequest) -> i16 {
        self.ask(0, request).await.error_code
    }

    /// The lines of the metrics page that begin so.
    fn lines(&self, start: &str) -> Vec<String> {
        let mut registry = Registry::default();
        self.broker.register_metrics(&mut registry);
        let mut page = String::new();
        prometheus_client::encoding::text::encode(&mut page, &registry).unwrap();
        page.lines().filter(|line| line.starts_with(start)).map(str::to_owned).collect()
    }
}

fn field(number: u8, content: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, u8::try_from(content.len()).unwrap()], content].concat()
}

/// One point of a gauge, or of a sum since the last push or since the start, with the attribute `node-id`.
fn metric(name: &str, sum: Option<bool>, value: f64) -> Vec<u8> {
    let attribute = [field(1, b"node-id"), field(2, &field(1, b"1\"\n"))].concat();
    let point = [&[4 << 3 | 1], value.to_le_bytes().as_slice(), &field(7, &attribute)].concat();
    let data = match sum {
        None => field(5, &field(1, &point)),
        Some(is_delta) => {
            field(7, &[field(1, &point), vec![2 << 3, 2 - u8::from(is_delta), 3 << 3, 1]].concat())
        }
    };
    let metric = [field(1, name.as_bytes()), data].concat();
    let resource = field(1, &[field(1, b"group_id"), field(2, &field(1, b"readers"))].concat());
    field(1, &[field(1, &resource), field(2, &field(2, &metric))].concat())
}

fn pushing(to: &GetTelemetrySubscriptionsResponse, metrics: Vec<u8>) -> PushTelemetryRequest {
    PushTelemetryRequest {
        client_instance_id: to.client_instance_id,
        subscription_id: to.subscription_id,
        metrics: metrics.into(),
        ..PushTelemetryRequest::default()
    }
}

#[tokio::test]
async fn what_a_client_pushes_is_on_the_metrics_page() {
    let (mut test, clock) = TestBroker::start_held().await;
    assert_eq!(test.subscribe("all", ALL).await, 0);
    let granted = test.granted().await;
    assert_eq!(granted.requested_metrics, ["*"]);
    assert_eq!((granted.push_interval_ms, granted.telemetry_max_bytes), (1000, 1 << 20));
    assert_eq!(granted.accepted_compression_types, [4, 3, 1, 2]);
    let total = "org.apache.kafka.producer.connection.creation.total";
    let points = [metric(total, Some(true), 3.0), metric("org.apache.kafka.lag-max", None, 2.5)].concat();
    let mut compressed = Vec::new();
    Compressor::default().compress(Compression::Zstd, None, &points, &mut compressed).unwrap();
    let push = PushTelemetryRequest { compression_type: 4, ..pushing(&granted, compressed) };
    assert_eq!(test.push(push).await, 0);
    // Increments add up, sums since the start replace each other.
    for (sum, expected) in [(Some(true), "10"), (Some(false), "7")] {
        clock.advance_ms(1000);
        assert_eq!(test.push(pushing(&granted, metric(total, sum, 7.0))).await, 0);
        let id = millstream_log::id_text(granted.client_instance_id);
        let labels = format!(
            r#"{{client_instance_id="{id}",client_id="test",client_software_name="unknown",client_software_version="unknown",group_id="readers",node_id="1\"\n"}}"#
        );
        assert_eq!(
            test.lines("kafka_client_"),
            [
                format!("kafka_client_lag_max{labels} 2.5"),
                format!("kafka_client_producer_connection_creation_total{labels} {expected}.0"),
            ]
        );
    }
    assert_eq!(
        test.lines("kafka_server_client_metrics_instance_count"),
        ["kafka_server_client_metrics_instance_count 1"]
    );
    // It has said nothing for more than a minute.
    clock.advance_ms(60_001);
    assert_eq!(test.lines("kafka_client_"), [""; 0]);
    assert_eq!(
        test.lines("kafka_server_client_metrics_instance_count"),
        ["kafka_server_client_metrics_instance_count 0"]
    );
}

#[tokio::test]
async fn clients_are_asked_for_what_matches_them_and_hear_of_changes() {
    let (mut test, clock) = TestBroker::start_held().await;
    let software =
        ApiVersionsRequest { client_software_name: "lib".into(), client_software_version: "1.2".into() };
    test.ask(3, software).await;
    let matching = |pattern, metrics| [("match", Some(pattern)), ("metrics", Some(metrics))];
    assert_eq!(
        test.subscribe("id", &matching("client_id=te.*,client_software_version=1[.]2", "b,a")).await,
        0
    );
    assert_eq!(test.subscribe("other", &matching("client_id=te", "c")).await, 0);
    assert_eq!(test.subscribe("name", &matching("client_software_name=lib", "a,d")).await, 0);
    let granted = test.granted().await;
    assert_eq!(
        (granted.requested_metrics.clone(), granted.push_interval_ms),
        (vec!["a".into(), "b".into(), "d".into()], 300_000)
    );
    // What it pushes beyond that is not taken.
    assert_eq!(
        test.push(pushing(&granted, [metric("other", None, 1.0), metric("about", None, 1.0)].concat())).await,
        0
    );
    assert_eq!(test.lines("kafka_client_").len(), 1);
    assert_eq!(test.lines("kafka_client_about{").len(), 1);
    assert_eq!(test.subscribe("name", &[("match", None), ("metrics", None)]).await, 0);
    // It hears of it when it pushes, and may ask at once.
    let stale = test.push(pushing(&granted, Vec::new())).await;
    assert_eq!(stale, ErrorCode::UnknownSubscriptionId.code());
    let changed = test.subscription(granted.client_instance_id).await;
    assert_eq!(changed.requested_metrics, ["a", "b"]);
    assert_ne!(changed.subscription_id, granted.subscription_id);
    clock.advance_ms(300_000);
    assert_eq!(test.push(pushing(&changed, Vec::new())).await, 0);
}

#[tokio::test]
async fn who_comes_too_soon_is_put_off() {
    let (mut test, clock) = TestBroker::start_held().await;
    test.subscribe("all", ALL).await;
    let granted = test.granted().await;
    let soon = ErrorCode::ThrottlingQuotaExceeded.code();
    assert_eq!(test.subscription(granted.client_instance_id).await.error_code, soon);
    assert_eq!(test.push(pushing(&granted, Vec::new())).await, 0);
    clock.advance_ms(999);
    assert_eq!(test.push(pushing(&granted, Vec::new())).await, soon);
    assert_eq!(test.subscription(granted.client_instance_id).await.error_code, soon);
    clock.advance_ms(1);
    assert_eq!(test.push(pushing(&granted, Vec::new())).await, 0);
    // Who ends may push once more, and then nothing.
    let last = || PushTelemetryRequest { terminating: true, ..pushing(&granted, Vec::new()) };
    assert_eq!(test.push(last()).await, 0);
    assert_eq!(test.push(last()).await, ErrorCode::InvalidRequest.code());
    // Over another connection, once the first is gone, it begins anew.
    test.client = TestClient::connect(&test.broker);
    while test.lines("millstream_broker_connections ") != ["millstream_broker_connections 1"] {
        tokio::task::yield_now().await;
    }
    assert_eq!(test.push(pushing(&granted, Vec::new())).await, 0);
}

#[tokio::test]
async fn refused_pushes_get_the_codes_of_kafka() {
    let mut test = TestBroker::start_with(|config| config.telemetry_bytes_max = 100).await;
    test.subscribe("all", ALL).await;
    type Damage = fn(PushTelemetryRequest) -> PushTelemetryRequest;
    let cases: [(ErrorCode, Damage); 6] = [
        (ErrorCode::InvalidRequest, |push| PushTelemetryRequest {
            client_instance_id: Uuid::from_u128(99),
            ..push
        }),
        (ErrorCode::UnknownSubscriptionId, |push| PushTelemetryRequest {
            subscription_id: push.subscription_id.wrapping_add(1),
            compression_type: 9,
            ..push
        }),
        (ErrorCode::UnsupportedCompressionType, |push| PushTelemetryRequest { compression_type: 5, ..push }),
        (ErrorCode::TelemetryTooLarge, |push| PushTelemetryRequest { metrics: vec![0; 101].into(), ..push }),
        // Few bytes that become many.
        (ErrorCode::TelemetryTooLarge, |push| {
            let mut metrics = Vec::new();
            Compressor::default().compress(Compression::Gzip, None, &[0; 5000], &mut metrics).unwrap();
            assert!(metrics.len() <= 100);
            PushTelemetryRequest { compression_type: 1, metrics: metrics.into(), ..push }
        }),
        (ErrorCode::InvalidRecord, |push| PushTelemetryRequest { metrics: vec![0xff; 10].into(), ..push }),
    ];
    for (expected, damage) in cases {
        let granted = test.granted().await;
        assert_eq!(test.push(damage(pushing(&granted, Vec::new()))).await, expected.code(), "{expected:?}");
    }
    assert_eq!(test.lines("kafka_client_"), [""; 0]);
}

#[tokio::test]
async fn a_hostile_client_takes_no_more_than_its_room_and_no_name_of_the_broker() {
    let (mut test, clock) = TestBroker::start_held().await;
    test.subscribe("all", ALL).await;
    let granted = test.granted().await;
    let dropped = "millstream_broker_client_metrics_dropped_total";
    for round in 0..3 {
        let many = (0..4_000).flat_map(|name| metric(&format!("{round}-{name}"), None, 1.0));
        assert_eq!(test.push(pushing(&granted, many.collect())).await, 0);
        clock.advance_ms(1000);
    }
    let shown = test.lines("kafka_client_").len();
    assert!((1000..5000).contains(&shown), "{shown}");
    assert_eq!(test.lines(dropped), [format!("{dropped} {}", 12_000 - shown)]);
    let other = test.granted().await;
    let stolen =
        [metric("x_total", None, 1.0), metric("x", Some(false), 2.0), metric("a\nb{", None, 3.0)].concat();
    assert_eq!(test.push(pushing(&other, stolen)).await, 0);
    let names = ["kafka_client_x", "kafka_client_a_b_"].map(|name| test.lines(name).len());
    assert_eq!(names, [2, 1]);
    assert_eq!(
        (test.lines("kafka_client_x_gauge{").len(), test.lines("kafka_client_x_total{").len()),
        (1, 1)
    );
}

#[tokio::test]
async fn a_value_that_is_measured_no_more_goes_and_gives_its_room_back() {
    let (mut test, clock) = TestBroker::start_held().await;
    test.subscribe("all", ALL).await;
    let granted = test.granted().await;
    for round in 0..12 {
        let many = (0..400).flat_map(|name| metric(&format!("{round}-{name}"), None, 1.0));
        let pushed = [metric("always", None, 1.0), many.collect()].concat();
        assert_eq!(test.push(pushing(&granted, pushed)).await, 0);
        clock.advance_ms(1000);
    }
    assert_eq!(test.lines("kafka_client_always").len(), 1);
    assert_eq!(test.lines("kafka_client_").len(), 3 * 400 + 1);
    let dropped = "millstream_broker_client_metrics_dropped_total";
    assert_eq!(test.lines(dropped), [format!("{dropped} 0")]);
}

#[tokio::test]
async fn subscriptions_survive_a_restart_and_go_when_they_are_empty() {
    let mut test = TestBroker::start().await;
    assert_eq!(test.subscribe("all", &[("metrics", Some("*"))]).await, 0);
    assert_eq!(
        test.subscribe("bad", &[("match", Some("client_id=("))]).await,
        ErrorCode::InvalidConfig.code()
    );
    let mut test = test.restart().await;
    assert_eq!(test.granted().await.requested_metrics, ["*"]);
    assert_eq!(test.subscribe("all", &[("metrics", None)]).await, 0);
    assert_eq!(test.granted().await.requested_metrics, [""; 0]);
}
