//! What a row costs to decode and to encode, in nanoseconds of CPU time, beside serde_json into typed structs.
//!
//! Rows are Nexmark events as the suite's Kafka table wants them (nested, about 333 bytes, five columns read) and the
//! sensor job's readings (65 bytes, three columns). They lie in 1 MiB buffers as fetched batches would.

use std::hint::black_box;
use std::ops::Range;
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use bytes::Bytes;
use millstream_formats::{EncodedRows, Format, Projection, RowDecoder, row, timestamp};
use rustix::time::{ClockId, clock_gettime};
use serde::Deserialize;

use crate::generate::Workload;

/// What a row costs to decode and to encode, beside serde_json
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Rows of each kind.
    #[arg(long, default_value_t = 200_000)]
    rows: usize,
    /// Only what has this in its name.
    #[arg(long)]
    only: Option<String>,
    /// Rounds; the median and the best are printed.
    #[arg(long, default_value_t = 9)]
    rounds: usize,
}

const BUFFER_BYTES: usize = 1 << 20;
const BATCH_ROWS: usize = 4_096;

/// Rows of one kind in buffers.
struct Rows {
    buffers: Vec<(Bytes, Vec<Range<usize>>)>,
    count: usize,
    bytes: usize,
}

impl Rows {
    fn of(workload: Workload, count: usize) -> Self {
        let mut generator = workload.generator();
        Self::new(count, |out| out.extend_from_slice(generator.next_record().value))
    }

    fn new(count: usize, mut next: impl FnMut(&mut Vec<u8>)) -> Self {
        let mut rows = Rows { buffers: Vec::new(), count, bytes: 0 };
        let (mut text, mut ranges) = (Vec::new(), Vec::new());
        for index in 0..count {
            let start = text.len();
            next(&mut text);
            ranges.push(start..text.len());
            rows.bytes += text.len() - start;
            if text.len() >= BUFFER_BYTES || index + 1 == count {
                rows.buffers.push((Bytes::from(std::mem::take(&mut text)), std::mem::take(&mut ranges)));
            }
        }
        rows
    }
}

/// Nexmark's events as the suite's Kafka table declares them.
pub(crate) fn nexmark_schema() -> SchemaRef {
    let big = |name: &str| Field::new(name, DataType::Int64, true);
    let text = |name: &str| Field::new(name, DataType::Utf8View, true);
    let time = |name: &str| Field::new(name, timestamp(3), true);
    let person = vec![
        big("id"),
        text("name"),
        text("emailAddress"),
        text("creditCard"),
        text("city"),
        text("state"),
        time("dateTime"),
        text("extra"),
    ];
    let auction = vec![
        big("id"),
        text("itemName"),
        text("description"),
        big("initialBid"),
        big("reserve"),
        time("dateTime"),
        time("expires"),
        big("seller"),
        big("category"),
        text("extra"),
    ];
    let bid = vec![
        big("auction"),
        big("bidder"),
        big("price"),
        text("channel"),
        text("url"),
        time("dateTime"),
        text("extra"),
    ];
    Arc::new(Schema::new(vec![
        Field::new("event_type", DataType::Int32, true),
        Field::new("person", row(person), true),
        Field::new("auction", row(auction), true),
        Field::new("bid", row(bid), true),
    ]))
}

fn bid(fields: &[&str]) -> Projection {
    Projection::of(fields.iter().map(|field| vec!["bid".to_owned(), (*field).to_owned()]))
}

fn sensor_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("sensor_id", DataType::Utf8View, true),
        Field::new("ts", DataType::Int64, true),
        Field::new("temperature", DataType::Float64, true),
    ]))
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "decoding the fields is the work that is measured")]
struct Bid {
    auction: i64,
    bidder: i64,
    price: i64,
    #[serde(rename = "dateTime")]
    date_time: String,
    extra: String,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "decoding the fields is the work that is measured")]
struct BidEvent {
    bid: Option<Bid>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "decoding the fields is the work that is measured")]
struct Reading {
    sensor_id: String,
    ts: i64,
    temperature: f64,
}

fn decode(decoder: &mut RowDecoder, rows: &Rows) -> Result<usize> {
    let mut decoded = 0;
    for (buffer, ranges) in &rows.buffers {
        for batch in ranges.chunks(BATCH_ROWS) {
            decoder.share(buffer);
            for range in batch {
                decoder.push_range(range.clone())?;
            }
            decoded += black_box(decoder.finish()?).num_rows();
        }
    }
    Ok(decoded)
}

fn typed<'a, T: Deserialize<'a>>(rows: &'a Rows) -> Result<usize> {
    let mut decoded = 0;
    for (buffer, ranges) in &rows.buffers {
        for range in ranges {
            let row = buffer.get(range.clone()).context("range")?;
            black_box(serde_json::from_slice::<T>(row)?);
            decoded += 1;
        }
    }
    Ok(decoded)
}

/// The CPU time of this thread, in nanoseconds: other work on the machine then only costs what it does to the caches.
fn cpu_nanos() -> i64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// One thing that is measured.
struct Measured<'a> {
    name: String,
    rows: &'a Rows,
    work: Box<dyn FnMut() -> Result<usize> + 'a>,
    nanos: Vec<f64>,
}

impl<'a> Measured<'a> {
    fn new(name: &str, rows: &'a Rows, work: impl FnMut() -> Result<usize> + 'a) -> Self {
        Measured { name: name.to_owned(), rows, work: Box::new(work), nanos: Vec::new() }
    }

    fn decoding(
        name: &str,
        rows: &'a Rows,
        schema: &SchemaRef,
        projection: &Projection,
        format: &Format,
    ) -> Result<Self> {
        let mut decoder = format.decoder(schema, projection)?;
        Ok(Measured::new(name, rows, move || decode(&mut decoder, rows)))
    }

    fn round(&mut self) -> Result<()> {
        let start = cpu_nanos();
        let decoded = (self.work)()?;
        let nanos = (cpu_nanos() - start) as f64 / decoded as f64;
        anyhow::ensure!(decoded == self.rows.count, "{}: {decoded} rows", self.name);
        self.nanos.push(nanos);
        Ok(())
    }

    fn print(&mut self) {
        self.nanos.sort_by(f64::total_cmp);
        let (best, median) = (self.nanos.first(), self.nanos.get(self.nanos.len() / 2));
        let (best, median) = (best.copied().unwrap_or_default(), median.copied().unwrap_or_default());
        let size = self.rows.bytes as f64 / self.rows.count as f64;
        println!(
            "{:<44} {size:>6.0} B  best {best:>7.1} ns  median {median:>7.1} ns  {:>6.2} M rows/s",
            self.name,
            1_000.0 / best
        );
    }
}

fn batches(
    rows: &Rows,
    schema: &SchemaRef,
    projection: &Projection,
    format: &Format,
) -> Result<Vec<RecordBatch>> {
    let mut decoder = format.decoder(schema, projection)?;
    let mut batches = Vec::new();
    for (buffer, ranges) in &rows.buffers {
        decoder.share(buffer);
        for range in ranges {
            decoder.push_range(range.clone())?;
        }
        batches.push(decoder.finish()?);
    }
    Ok(batches)
}

fn encoding<'a>(
    name: &str,
    rows: &'a Rows,
    batches: Vec<RecordBatch>,
    format: &Format,
) -> Result<Measured<'a>> {
    let schema = batches.first().context("no rows")?.schema();
    let encoder = format.encoder(&schema)?;
    let mut out = EncodedRows::new();
    Ok(Measured::new(name, rows, move || {
        let mut encoded = 0;
        for batch in &batches {
            out.clear();
            encoder.encode(batch, &mut out)?;
            encoded += black_box(&out).len();
        }
        Ok(encoded)
    }))
}

/// Measures everything in turn, round by round.
pub(crate) fn run(options: &Options) -> Result<()> {
    let json = Format::from_options("json", [])?;
    let csv = Format::from_options("csv", [])?;
    let (events, readings) =
        (Rows::of(Workload::Nexmark, options.rows), Rows::of(Workload::Sensors, options.rows));
    let (event, reading) = (nexmark_schema(), sensor_schema());
    let five = bid(&["auction", "bidder", "price", "dateTime", "extra"]);
    let all = Projection::all();
    let lines = {
        let batches = batches(&readings, &reading, &all, &json)?;
        let encoder = csv.encoder(&reading)?;
        let mut written = EncodedRows::new();
        for batch in &batches {
            encoder.encode(batch, &mut written)?;
        }
        let mut lines = written.iter().map(<[u8]>::to_vec);
        Rows::new(options.rows, |out| {
            out.extend_from_slice(&lines.next().unwrap_or_default());
        })
    };
    let none = Projection::of([]);
    let price = bid(&["price"]);
    let event_batches = batches(&events, &event, &five, &json)?;
    let reading_batches = batches(&readings, &reading, &all, &json)?;
    let mut measured = vec![
        Measured::decoding("nexmark json, 5 of 26 columns", &events, &event, &five, &json)?,
        Measured::new("  the same, serde_json typed", &events, || typed::<BidEvent>(&events)),
        Measured::decoding("nexmark json, 1 column", &events, &event, &price, &json)?,
        Measured::decoding("nexmark json, no column", &events, &event, &none, &json)?,
        Measured::decoding("nexmark json, all columns", &events, &event, &all, &json)?,
        Measured::decoding("sensor json, 3 columns", &readings, &reading, &all, &json)?,
        Measured::new("  the same, serde_json typed", &readings, || typed::<Reading>(&readings)),
        Measured::decoding("sensor csv, 3 columns", &lines, &reading, &all, &csv)?,
        encoding("nexmark bids to json, 5 columns", &events, event_batches, &json)?,
        encoding("sensor to json, 3 columns", &readings, reading_batches.clone(), &json)?,
        encoding("sensor to csv, 3 columns", &readings, reading_batches, &csv)?,
    ];
    if let Some(only) = &options.only {
        measured.retain(|measured| measured.name.contains(only.as_str()));
    }
    for _ in 0..options.rounds {
        measured.iter_mut().try_for_each(Measured::round)?;
    }
    measured.iter_mut().for_each(Measured::print);
    Ok(())
}
