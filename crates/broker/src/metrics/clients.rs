//! Metrics that clients have pushed (KIP-714), and what the broker counts of the pushing under the names that the JMX exporter gives Kafka's.

use std::collections::BTreeMap;
use std::fmt::Error;

use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::core::Core;
use crate::telemetry::{Series, SeriesLabels};

/// What a gauge's name gets where a counter has that.
const GAUGE_SUFFIX: &str = "_gauge";

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
    let mut by_name: BTreeMap<(String, bool), Vec<(&SeriesLabels, &Series)>> = BTreeMap::new();
    for (client, series) in &series {
        by_name.entry((series.name.clone(), series.is_counter)).or_default().push((client, series));
    }
    for ((name, is_counter), series) in &by_name {
        // A name is of one type. Where a client takes it for a gauge and another for a counter, the gauge gets another name.
        if *is_counter || !by_name.contains_key(&(name.clone(), true)) {
            encode_pushed(encoder, name, *is_counter, series)?;
        } else {
            let other_name = format!("{name}{GAUGE_SUFFIX}");
            let is_taken =
                [true, false].iter().any(|kind| by_name.contains_key(&(other_name.clone(), *kind)));
            if !is_taken {
                encode_pushed(encoder, &other_name, false, series)?;
            }
        }
    }
    Ok(())
}

/// One name with the values of all clients.
fn encode_pushed(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    is_counter: bool,
    series: &[(&SeriesLabels, &Series)],
) -> Result<(), Error> {
    let kind = if is_counter { MetricType::Counter } else { MetricType::Gauge };
    let mut metric = encoder.encode_descriptor(name, "Pushed by clients (KIP-714)", None, kind)?;
    for (client, series) in series {
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
