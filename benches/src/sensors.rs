//! The sensor job beside Quix Streams: count, minimum, maximum and mean per sensor and 10 s of event time, from topic to topic, in
//! events per CPU-second of the process that does it. Same broker, same input.

use clap::Args;

use crate::comparison::{Metric, Rounds, Side, compare};
use crate::generate::Workload;
use crate::load::ensure_loaded;
use crate::millstream::Binary;
use crate::nexmark::figures;
use crate::peers::{Broker, Flink, quix_sensors, repository};

const PARTITIONS: u32 = 4;

/// Windows over sensor readings beside Quix Streams, in events per CPU-second
#[derive(Debug, Args)]
pub(crate) struct Sensors {
    /// How many readings the topic holds; 10,000 are a second of event time
    #[arg(long, default_value_t = 2_000_000)]
    events: u64,
    /// How many of them Quix processes; it does some 27,000 per CPU-second, and its figure does not depend on the number
    #[arg(long, default_value_t = 500_000)]
    quix_events: u64,
    /// A broker to use instead of an Apache Kafka of our own; a topic `sensors` it has must hold that many readings
    #[arg(long, value_name = "HOST:PORT")]
    bootstrap_server: Option<String>,
    /// Measure Apache Flink as well, with the same SQL file
    #[arg(long)]
    flink: bool,
    /// Leave our side out
    #[arg(long)]
    peer_only: bool,
    #[command(flatten)]
    rounds: Rounds,
    #[command(flatten)]
    binary: Binary,
}

impl Sensors {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        if !self.peer_only {
            self.binary.path()?;
        }
        let broker = Broker::at(self.bootstrap_server.clone())?;
        let address = broker.address();
        ensure_loaded(address, Workload::Sensors, self.events, PARTITIONS)?;
        let flink = if self.flink { Some(Flink::start()?) } else { None };
        let sql = repository("benches/sql/sensors.sql");
        let quix_events = self.quix_events.min(self.events);

        let mut sides = Vec::new();
        if !self.peer_only {
            sides.push(Side::new("millstream", || {
                Ok(figures(self.events, self.binary.run(&sql, address, self.events)?))
            }));
        }
        sides.push(Side::new("quixstreams", || {
            let usage = quix_sensors(address, quix_events)?;
            Ok(vec![quix_events as f64 / usage.cpu_seconds / 1e3, usage.resident_bytes_max as f64 / 1e6])
        }));
        if let Some(flink) = &flink {
            sides.push(Side::new("flink", || Ok(figures(self.events, flink.run(&sql, address)?))));
        }
        let metrics = vec![
            Metric::higher("throughput", "thousand events per CPU-second").goal("quixstreams", 100.0),
            Metric::lower("largest resident memory", "MB"),
        ];
        compare(&format!("sensors, {} events", self.events), self.rounds, metrics, sides)
    }
}
