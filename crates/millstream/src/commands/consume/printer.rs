//! From fetched batches to standard output.

use std::collections::HashMap;

use bytes::Bytes;
use millstream_client::fetcher::{DecodedBatch, DecodedRecord};
use millstream_client::{FetchedBatches, RecordDecoder, TopicPartition};
use millstream_wire::records::range_in;

use super::json;
use super::plan::Span;
use crate::cli::{Consume, RecordForm};
use crate::commands::print;
use crate::record_format::Record;

/// How much output may wait to be written.
const OUT_BYTES_MAX: usize = 64 << 10;

/// Prints records.
pub(super) struct Printer<'a> {
    command: &'a Consume,
    decoder: RecordDecoder,
    /// The first offset to print, where that is not the first that is read.
    firsts: HashMap<TopicPartition, i64>,
    printed: u64,
    out: Vec<u8>,
}

/// How far printing got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Printed {
    /// The position behind the last record that was printed.
    pub(super) position: i64,
    /// Whether no more records are wanted.
    pub(super) is_complete: bool,
}

impl<'a> Printer<'a> {
    pub(super) fn new(command: &'a Consume) -> Self {
        let (decoder, firsts) = (RecordDecoder::new(), HashMap::new());
        Self { command, decoder, firsts, printed: 0, out: Vec::new() }
    }

    /// Leaves out records of the span's partition that come before its first.
    pub(super) fn leave_out_before(&mut self, span: Span) {
        if span.start != millstream_client::Start::at(span.first) {
            self.firsts.insert(span.partition, span.first);
        }
    }

    /// Prints the records of these batches, up to the number that was asked for.
    ///
    /// # Errors
    /// When a batch is damaged or the output cannot be written.
    pub(super) fn print(&mut self, fetched: &FetchedBatches) -> anyhow::Result<Printed> {
        let mut decoder = std::mem::take(&mut self.decoder);
        let printed = self.print_batches(&mut decoder, fetched);
        self.decoder = decoder;
        printed
    }

    fn print_batches(
        &mut self,
        decoder: &mut RecordDecoder,
        fetched: &FetchedBatches,
    ) -> anyhow::Result<Printed> {
        let first = self.firsts.get(&fetched.partition).copied().unwrap_or(i64::MIN);
        let mut shown = Record {
            topic: fetched.partition.topic.to_string(),
            partition: fetched.partition.partition,
            ..Record::default()
        };
        for batch in decoder.batches(fetched) {
            let batch = batch?;
            shown.leader_epoch = batch.header().partition_leader_epoch;
            for record in batch.records() {
                let record = record.map_err(|source| batch.bad_record(&fetched.partition, source))?;
                if record.offset < first {
                    continue;
                }
                fill(&mut shown, &batch, &record);
                self.printed += 1;
                self.render(&shown);
                if self.out.len() >= OUT_BYTES_MAX {
                    self.flush()?;
                }
                if self.printed == self.command.count {
                    return Ok(Printed { position: record.offset + 1, is_complete: true });
                }
            }
        }
        Ok(Printed { position: fetched.next_position, is_complete: false })
    }

    fn render(&mut self, record: &Record) {
        let command = self.command;
        match &command.format {
            RecordForm::Format(format) => format.render(record, self.printed, &mut self.out),
            RecordForm::Json => json::render(record, command.meta_only, command.pretty_print, &mut self.out),
        }
    }

    /// Writes what was printed.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub(super) fn flush(&mut self) -> anyhow::Result<()> {
        if !self.out.is_empty() {
            print(|out| out.write_all(&self.out))?;
            self.out.clear();
        }
        Ok(())
    }
}

/// Puts a record in place of the one before, sharing the batch's memory.
fn fill(shown: &mut Record, batch: &DecodedBatch, record: &DecodedRecord<'_>) {
    let shared = |part: &[u8]| match range_in(batch.body(), part) {
        Some(range) => batch.body().slice(range),
        None => Bytes::copy_from_slice(part),
    };
    shown.offset = record.offset;
    shown.timestamp_ms = record.timestamp_ms;
    shown.key = record.key.map(shared);
    shown.value = record.value.map(shared);
    shown.headers.clear();
    shown.headers.extend(record.headers.iter().map(|header| (shared(header.key), header.value.map(shared))));
}
