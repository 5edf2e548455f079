//! The settings of Kafka's clients that `properties.*` gives to ours, with our defaults.

use crate::options::{OptionSpec, option};

/// Those that have an effect, without their prefix. Any other is accepted and reported as having none, so that a declaration that was
/// written for Flink is understood.
#[rustfmt::skip]
pub(crate) const PROPERTIES: &[OptionSpec] = &[
    option("acks", "`all`, `1`, `0`", "`all`", "Whose acknowledgement a written batch waits for."),
    option("auto.offset.reset", "`earliest`, `latest`, `none`", "`none`",
        "Where to begin where the group has committed no offset, and to go on where an offset is no longer in the log."),
    option("batch.size", "bytes", "`131072`", "Bytes at which a batch is sent."),
    option("bootstrap.servers", "`HOST:PORT`, separated by commas", "required", "See above."),
    option("buffer.memory", "bytes", "`33554432`", "Written bytes that may wait to be sent; beyond it the pipeline waits."),
    option("compression.type", "`none`, `gzip`, `snappy`, `lz4`, `zstd`", "`none`", "How written batches are compressed."),
    option("delivery.timeout.ms", "milliseconds", "`120000`", "How long a batch is tried before the pipeline fails."),
    option("enable.idempotence", "`true`, `false`", "`true` with `acks` = `all`", "Whether the broker drops what a retry repeats."),
    option("fetch.max.bytes", "bytes", "`52428800`", "Most bytes of one fetch."),
    option("fetch.max.wait.ms", "milliseconds", "`500`", "How long a fetch waits for `fetch.min.bytes`."),
    option("fetch.min.bytes", "bytes", "`1`", "Bytes that a fetch waits for."),
    option("group.id", "text", "`pipeline.name`", "See above."),
    option("isolation.level", "`read_uncommitted`, `read_committed`", "`read_uncommitted`", "Whether to read records of transactions that are open or were aborted."),
    option("linger.ms", "milliseconds", "`5`", "How long a batch that is not full waits for more."),
    option("max.in.flight.requests.per.connection", "a whole number", "`5`", "Requests that are sent before the first is answered."),
    option("max.partition.fetch.bytes", "bytes", "`1048576`", "Most bytes of one partition in a fetch."),
    option("max.request.size", "bytes", "`1048576`", "Largest request, and so the largest record, before compression."),
    option("request.timeout.ms", "milliseconds", "`30000`", "How long an answer is waited for."),
    option("security.protocol", "`PLAINTEXT`", "`PLAINTEXT`", "Others are refused, as long as there is neither TLS nor SASL."),
];

/// Whether a property, named without its prefix, changes anything.
pub(super) fn has_effect(key: &str) -> bool {
    PROPERTIES.iter().any(|property| property.key == key)
}

#[cfg(test)]
mod tests;
