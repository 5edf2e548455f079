//! What is documented is what the client does.

use millstream_client::fetcher::FetcherConfig;
use millstream_client::producer::ProducerConfig;

use super::PROPERTIES;

#[test]
fn documented_defaults_are_the_clients() {
    let (fetcher, producer) = (FetcherConfig::default(), ProducerConfig::default());
    for (key, default) in [
        ("batch.size", producer.batch_size_bytes.to_string()),
        ("buffer.memory", producer.buffer_memory_bytes.to_string()),
        ("delivery.timeout.ms", producer.delivery_timeout.as_millis().to_string()),
        ("linger.ms", producer.linger.as_millis().to_string()),
        ("max.in.flight.requests.per.connection", producer.in_flight_requests_max.to_string()),
        ("max.request.size", producer.request_bytes_max.to_string()),
        ("request.timeout.ms", producer.request_timeout.as_millis().to_string()),
        ("fetch.max.bytes", fetcher.max_bytes.to_string()),
        ("fetch.max.wait.ms", fetcher.max_wait.as_millis().to_string()),
        ("fetch.min.bytes", fetcher.min_bytes.to_string()),
        ("max.partition.fetch.bytes", fetcher.max_partition_bytes.to_string()),
    ] {
        let documented =
            PROPERTIES.iter().find(|property| property.key == key).map(|property| property.default);
        assert_eq!(documented, Some(format!("`{default}`").as_str()), "{key}");
    }
}

#[test]
fn properties_are_in_order() {
    assert!(PROPERTIES.is_sorted_by_key(|property| property.key));
}
