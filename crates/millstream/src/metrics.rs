//! What the pipelines of the process count, read when somebody asks for `/metrics`.
//!
//! The engine counts anyway; nothing is counted twice on the way of a row. A pipeline that has ended stays listed, so that
//! its counters do not vanish. Pipelines may share a name (`SET 'pipeline.name'` holds for every INSERT that follows), so
//! `statement` numbers them.

use std::fmt::Error;

use millstream_engine::element::TimestampMs;
use millstream_engine::pipeline::Progress;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::stop::Stop;

/// Reads the progress of every pipeline that was started.
#[derive(Debug)]
pub(crate) struct PipelineCollector {
    stop: Stop,
}

impl PipelineCollector {
    /// A collector of the pipelines that `stop` watches.
    pub(crate) fn new(stop: Stop) -> Self {
        Self { stop }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PipelineLabels {
    pipeline: String,
    /// 1 is the first INSERT or statement set.
    statement: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SourceLabels {
    pipeline: String,
    statement: u64,
    source: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SinkLabels {
    pipeline: String,
    statement: u64,
    sink: String,
}

/// Encodes one metric of all pipelines. `values` are labels with values; nothing is said of a metric without any.
fn encode<L: EncodeLabelSet, M: EncodeMetric>(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help): (&str, &str),
    values: impl Iterator<Item = (L, M)>,
) -> Result<(), Error> {
    let mut values = values.peekable();
    let Some((_, first)) = values.peek() else { return Ok(()) };
    let mut metric = encoder.encode_descriptor(name, help, None, first.metric_type())?;
    for (labels, value) in values {
        value.encode(metric.encode_family(&labels)?)?;
    }
    Ok(())
}

impl Collector for PipelineCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let pipelines: Vec<(PipelineLabels, Progress)> = (1..)
            .zip(self.stop.pipelines())
            .map(|(statement, watched)| {
                (PipelineLabels { pipeline: watched.name, statement }, watched.handle.progress())
            })
            .collect();
        encode_sources(&mut encoder, &pipelines)?;
        encode_sinks(&mut encoder, &pipelines)?;
        let late = pipelines.iter().map(|(labels, it)| (labels.clone(), ConstCounter::new(it.late_rows)));
        let help = "Rows that came too late for their window";
        encode(&mut encoder, ("millstream_engine_late_rows", help), late)?;
        let bad = pipelines.iter().map(|(labels, it)| (labels.clone(), ConstCounter::new(it.bad_rows)));
        let help = "Records that could not be decoded and rows without a value";
        encode(&mut encoder, ("millstream_engine_bad_rows", help), bad)?;
        let epochs = pipelines.iter().filter_map(|(labels, it)| Some((labels.clone(), gauge(it.epoch?.0))));
        encode(&mut encoder, ("millstream_engine_epoch", "The last committed epoch"), epochs)
    }
}

fn encode_sources(
    encoder: &mut DescriptorEncoder<'_>,
    pipelines: &[(PipelineLabels, Progress)],
) -> Result<(), Error> {
    let sources = || {
        pipelines.iter().flat_map(|(labels, progress)| {
            progress.sources.iter().map(|source| {
                let PipelineLabels { pipeline, statement } = labels.clone();
                (SourceLabels { pipeline, statement, source: source.name.clone() }, source)
            })
        })
    };
    let rows = sources().map(|(labels, source)| (labels, ConstCounter::new(source.rows)));
    encode(encoder, ("millstream_engine_source_rows", "Rows read"), rows)?;
    let bytes = sources().map(|(labels, source)| (labels, ConstCounter::new(source.bytes)));
    encode(encoder, ("millstream_engine_source_bytes", "Bytes taken from the outside"), bytes)?;
    let remaining = sources().filter_map(|(labels, source)| Some((labels, gauge(source.remaining?))));
    let help = "About how many records are left to the end, or to the end as of the last read";
    encode(encoder, ("millstream_engine_source_remaining_records", help), remaining)?;
    let watermarks = sources()
        .filter(|(_, source)| {
            source.watermark != TimestampMs::MIN && source.watermark != TimestampMs(i64::MAX)
        })
        .map(|(labels, source)| (labels, ConstGauge::new(source.watermark.0 as f64 / 1000.0)));
    let help =
        "The smallest watermark of the source's splits, in seconds since 1970; absent until one has any";
    encode(encoder, ("millstream_engine_source_watermark_seconds", help), watermarks)
}

fn encode_sinks(
    encoder: &mut DescriptorEncoder<'_>,
    pipelines: &[(PipelineLabels, Progress)],
) -> Result<(), Error> {
    let rows = pipelines.iter().flat_map(|(labels, progress)| {
        progress.sinks.iter().map(|sink| {
            let PipelineLabels { pipeline, statement } = labels.clone();
            (SinkLabels { pipeline, statement, sink: sink.name.clone() }, ConstCounter::new(sink.rows))
        })
    });
    encode(encoder, ("millstream_engine_sink_rows", "Rows written"), rows)
}

fn gauge(value: u64) -> ConstGauge<i64> {
    ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX))
}
