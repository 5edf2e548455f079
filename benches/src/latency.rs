//! How long records take under load: until they are acknowledged, and until a consumer has them. Ours beside Apache Kafka.
//!
//! The load is open: producers send when a schedule says so, whatever became of what they sent before, and a latency counts from
//! when its request was due. A broker that stops for a while therefore pays for all that should have been sent meanwhile, not only for
//! what was (the correction for coordinated omission). The loads are shares of what Kafka takes at most with the same requests,
//! producers and durability, measured first; both brokers get the same.

mod consumer;

use std::time::{Duration, Instant};

use anyhow::ensure;
use clap::Args;

use crate::comparison::{Metric, Rounds, Side, compare_to_rows};
use crate::kafka::Connection;
use crate::millstream::{Binary, Fsync, Server};
use crate::peers::Kafka;
use crate::producers::{Requests, Schedule, follow, saturate};

/// Between connecting and the first request.
const LEAD: Duration = Duration::from_millis(200);
const WARM_UP: Duration = Duration::from_secs(1);
const QUANTILES: [(&str, f64); 3] = [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)];

/// Latency of produce and end to end at a fixed schedule, beside Apache Kafka
#[derive(Debug, Args)]
pub(crate) struct Latency {
    /// The loads, in percent of what Kafka takes at most
    #[arg(long, value_delimiter = ',', default_values_t = [10, 50, 80])]
    loads: Vec<u32>,
    /// When both brokers sync
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["none", "group"])]
    fsync: Vec<Fsync>,
    /// How long a load lasts, after a second of warm-up
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How long Kafka takes as much as it can before anything is measured: it has a lot to compile
    #[arg(long, default_value_t = 30)]
    warm_up_seconds: u64,
    /// Connections that produce, each to a partition of its own
    #[arg(long, default_value_t = 8)]
    producers: u32,
    /// Records in a request
    #[arg(long, default_value_t = 10)]
    records: usize,
    /// Size of a record's value
    #[arg(long, default_value_t = 100)]
    record_bytes: usize,
    #[command(flatten)]
    rounds: Rounds,
    #[command(flatten)]
    binary: Binary,
}

/// A broker, and the settings of its topics.
struct Subject {
    address: String,
    settings: Vec<(&'static str, &'static str)>,
    topics: u32,
}

impl Subject {
    fn new(address: &str, settings: Vec<(&'static str, &'static str)>) -> Self {
        Self { address: address.to_owned(), settings, topics: 0 }
    }

    /// Does something with a new topic, which it deletes.
    fn with_topic<T>(
        &mut self,
        partitions: u32,
        work: impl FnOnce(&str, &str) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        self.topics += 1;
        let topic = format!("latency-{}", self.topics);
        let mut connection = Connection::open(&self.address)?;
        connection.create_topic_with(&topic, partitions, &self.settings)?;
        let done = work(&self.address, &topic)?;
        connection.delete_topic(&topic)?;
        Ok(done)
    }
}

impl Latency {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        ensure!(self.producers > 0, "there is no load without producers");
        let directory = tempfile::tempdir()?;
        let kafka = Kafka::start()?;
        let mut rows = Vec::new();
        let warm_up = Duration::from_secs(self.warm_up_seconds);
        self.most(&mut Subject::new(kafka.address(), Kafka::topic_settings(Fsync::None)), warm_up)?;
        for fsync in &self.fsync {
            let data = directory.path().join(fsync.name());
            let ours = Server::start_with_fsync(&self.binary, &data, *fsync)?;
            let mut peer = Subject::new(kafka.address(), Kafka::topic_settings(*fsync));
            let duration = Duration::from_secs(self.seconds);
            self.most(&mut Subject::new(ours.address(), Vec::new()), duration)?;
            let most = self.most(&mut peer, duration)?;
            println!("fsync {}: Apache Kafka takes {most:.0} requests per second at most", fsync.name());
            for load in &self.loads {
                rows.push(self.compare_at(*fsync, *load, most, ours.address(), &kafka)?);
            }
        }
        println!("\n{}", rows.concat());
        Ok(())
    }

    fn requests(&self) -> Requests {
        Requests { record_bytes: self.record_bytes, records: self.records }
    }

    /// Requests per second that a broker takes at most.
    fn most(&self, subject: &mut Subject, duration: Duration) -> anyhow::Result<f64> {
        let answered = subject.with_topic(self.producers, |address, topic| {
            saturate(address, topic, (self.producers, self.producers), self.requests(), duration)
        })?;
        Ok(answered as f64 / duration.as_secs_f64())
    }

    fn compare_at(
        &self,
        fsync: Fsync,
        load: u32,
        most: f64,
        ours: &str,
        kafka: &Kafka,
    ) -> anyhow::Result<String> {
        let per_second = most * f64::from(load) / 100.0;
        let side =
            |name, mut subject: Subject| Side::new(name, move || self.measure(&mut subject, per_second));
        let sides = vec![
            side("millstream", Subject::new(ours, Vec::new())),
            side("kafka", Subject::new(kafka.address(), Kafka::topic_settings(fsync))),
        ];
        let metric = |what: &str, quantile: &str| {
            let metric = Metric::lower(format!("{what} {quantile}"), "ms");
            if quantile == "p99" { metric.goal("kafka", 1.0) } else { metric }
        };
        let of = |what| QUANTILES.map(|(name, _)| metric(what, name));
        let metrics = [of("produce"), of("end to end")].concat();
        let (fsync, megabytes) = (fsync.name(), per_second * self.requests().bytes() as f64 / 1e6);
        let title = format!(
            "latency, fsync {fsync}, {load} % of Kafka's most: {per_second:.0} requests, {megabytes:.1} MB a second"
        );
        compare_to_rows(&format!("{fsync}, {load} %"), &title, self.rounds, metrics, sides)
    }

    fn schedule(&self, per_second: f64) -> anyhow::Result<Schedule> {
        let every = Duration::from_secs_f64(f64::from(self.producers) / per_second);
        let count = |duration: Duration| duration.div_duration_f64(every).ceil() as u32;
        let warm_up = count(WARM_UP);
        let requests = warm_up + count(Duration::from_secs(self.seconds));
        ensure!(requests > warm_up, "nothing is measured in no time");
        let start = Instant::now() + LEAD;
        Ok(Schedule { start, every, producers: self.producers, requests, warm_up })
    }

    /// The quantiles of both latencies, in milliseconds.
    fn measure(&self, subject: &mut Subject, per_second: f64) -> anyhow::Result<Vec<f64>> {
        let requests = self.requests();
        let (acknowledged, consumed) = subject.with_topic(self.producers, |address, topic| {
            let schedule = self.schedule(per_second)?;
            std::thread::scope(|scope| {
                let consumer = scope.spawn(|| consumer::consume(address, topic, requests, schedule));
                let acknowledged = follow(address, topic, requests, schedule)?;
                let consumed = consumer.join().map_err(|_| anyhow::anyhow!("the consumer panicked"))??;
                Ok((acknowledged, consumed))
            })
        })?;
        let of = |histogram: &crate::producers::histogram::Histogram| {
            QUANTILES.map(|(_, share)| histogram.quantile_ms(share))
        };
        Ok([of(&acknowledged), of(&consumed)].concat())
    }
}
