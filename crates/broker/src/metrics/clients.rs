//! Metrics that clients have pushed (KIP-714), and what the broker counts of the pushing under the names that the JMX exporter gives Kafka's.

use std::collections::BTreeMap;
use std::fmt::Error;

use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::core::Core;
use crate::telemetry::{Series, SeriesLabels};

/// Encodes all of them.
pub(super) fn encode(core: &Core, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
    let (instances, series) = core.telemetry.collect();
    let counts = &core.telemetry.counts;
    let instances = u64::try_from(instances).unwrap_or(u64::MAX);
    for (name, help, value) in [
        ("instance", "Clients that push metrics or have asked for subscriptions", instances),
        (
            "unknown_subscription_request",
            "Pushes for a subscription that has changed",
            counts.unknown_subscriptions.get(),
        ),
        ("throttle", "Requests for subscriptions and pushes that came too soon", counts.throttled.get()),
        ("plugin_export", "Pushes that were taken in", counts.exported.get()),
        ("plugin_error", "Pushes that could not be read", counts.failed.get()),
    ] {
        super::coordinators::number(
            encoder,
            &format!("kafka_server_client_metrics_{name}_count"),
            help,
            value,
        )?;
    }
    let help = "Values pushed by clients for which there was no room";
    let name = "millstream_broker_client_metrics_dropped";
    let metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    ConstCounter::new(counts.dropped.get()).encode(metric)?;
    let mut by_name: BTreeMap<&str, Vec<(&SeriesLabels, &Series)>> = BTreeMap::new();
    for (client, series) in &series {
        by_name.entry(&series.name).or_default().push((client, series));
    }
    by_name.into_iter().try_for_each(|(name, series)| encode_pushed(encoder, name, &series))
}

/// One name with the values of all clients. Where some take it for a counter and others do not, the first is right.
fn encode_pushed(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    series: &[(&SeriesLabels, &Series)],
) -> Result<(), Error> {
    let is_counter = series.first().is_some_and(|(_, first)| first.is_counter);
    let kind = if is_counter { MetricType::Counter } else { MetricType::Gauge };
    let mut metric = encoder.encode_descriptor(name, "Pushed by clients (KIP-714)", None, kind)?;
    for (client, series) in series.iter().filter(|(_, series)| series.is_counter == is_counter) {
        let own = client.iter().map(|(name, value)| (*name, value.as_str()));
        let labels: Vec<(&str, &str)> =
            own.chain(series.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()))).collect();
        let place = metric.encode_family(&labels)?;
        if is_counter {
            ConstCounter::new(series.value()).encode(place)?;
        } else {
            ConstGauge::new(series.value()).encode(place)?;
        }
    }
    Ok(())
}
