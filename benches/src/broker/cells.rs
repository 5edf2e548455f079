//! The cells: what is produced, how, and what is aimed at.

use crate::comparison::Metric;
use crate::millstream::Fsync;

/// Kafka's own default of `batch.size`.
const DEFAULT_BATCH_BYTES: u32 = 16 << 10;
const LARGE_BATCH_BYTES: u32 = 256 << 10;
/// More partitions than this are not laid upon the floor, which keeps a file open for each.
const FLOOR_PARTITIONS_MAX: u32 = 1_000;

/// A named load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cell {
    pub(crate) name: &'static str,
    pub(crate) record_bytes: u64,
    /// `batch.size` of the producer: at 0 every batch has one record.
    pub(crate) batch_bytes: u32,
    pub(crate) compression: Compression,
    pub(crate) partitions: u32,
    pub(crate) fsync: Fsync,
    /// Of the amount that was asked for: what takes long needs no more.
    pub(crate) share: f64,
    /// The ratios aimed at when producing.
    pub(crate) goals: &'static [(&'static str, f64)],
}

/// `compression.type` of the producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Compression {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

impl Compression {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

/// Records of 1 KiB in large batches; the others differ from it.
pub(crate) const PLAIN: Cell = Cell {
    name: "1kib",
    record_bytes: 1_024,
    batch_bytes: LARGE_BATCH_BYTES,
    compression: Compression::None,
    partitions: 4,
    fsync: Fsync::None,
    share: 1.0,
    goals: &[("kafka", 1.0), ("floor", 0.75)],
};

const AT_LEAST_KAFKA: &[(&str, f64)] = &[("kafka", 1.0)];

/// All of them, in the order in which they are measured: many partitions last, because they stay.
pub(crate) const CELLS: [Cell; 12] = [
    Cell { name: "100b", record_bytes: 100, goals: &[("kafka", 3.5)], ..PLAIN },
    PLAIN,
    Cell { name: "100kib", record_bytes: 100 << 10, goals: AT_LEAST_KAFKA, ..PLAIN },
    Cell {
        name: "100b-lz4",
        record_bytes: 100,
        compression: Compression::Lz4,
        goals: AT_LEAST_KAFKA,
        ..PLAIN
    },
    Cell { name: "1kib-lz4", compression: Compression::Lz4, goals: AT_LEAST_KAFKA, ..PLAIN },
    SINGLE,
    Cell { name: "partitions-1", partitions: 1, goals: AT_LEAST_KAFKA, ..PLAIN },
    Cell {
        name: "partitions-100",
        partitions: 100,
        batch_bytes: DEFAULT_BATCH_BYTES,
        goals: AT_LEAST_KAFKA,
        ..PLAIN
    },
    Cell { name: "fsync-interval", fsync: Fsync::Interval, goals: AT_LEAST_KAFKA, ..PLAIN },
    Cell { name: "fsync-group", fsync: Fsync::Group, goals: AT_LEAST_KAFKA, ..PLAIN },
    Cell { name: "single-group", fsync: Fsync::Group, share: 0.05, goals: AT_LEAST_KAFKA, ..SINGLE },
    Cell {
        name: "partitions-10000",
        partitions: 10_000,
        batch_bytes: DEFAULT_BATCH_BYTES,
        goals: AT_LEAST_KAFKA,
        ..PLAIN
    },
];

/// A record in each batch.
pub(crate) const SINGLE: Cell =
    Cell { name: "single", record_bytes: 100, batch_bytes: 0, goals: &[("kafka", 5.0)], ..PLAIN };

impl Cell {
    /// The cell of that name.
    pub(crate) fn named(name: &str) -> Result<Self, String> {
        let known = || CELLS.map(|cell| cell.name).join(", ");
        CELLS.into_iter().find(|cell| cell.name == name).ok_or_else(|| format!("there are {}", known()))
    }

    /// Whether a batch holds one record: what counts then is requests, not bytes.
    pub(crate) fn is_single(&self) -> bool {
        self.batch_bytes == 0
    }

    /// A topic of many partitions is made once: making and deleting it would cost more than what is measured.
    pub(crate) fn keeps_topic(&self) -> bool {
        self.partitions > FLOOR_PARTITIONS_MAX
    }

    /// The floor syncs nothing, and keeps a file open for each partition.
    pub(crate) fn has_floor(&self) -> bool {
        self.fsync != Fsync::Group && self.partitions <= FLOOR_PARTITIONS_MAX
    }

    /// How many records stand for `amount`: megabytes, or thousands when each is a batch.
    pub(crate) fn records(&self, amount: u64) -> u64 {
        let amount = amount as f64 * self.share;
        let records = if self.is_single() { amount * 1e3 } else { amount * 1e6 / self.record_bytes as f64 };
        (records as u64).max(1)
    }

    pub(crate) fn title(&self) -> String {
        let size = match self.record_bytes {
            bytes if bytes >= 1_024 && bytes.is_multiple_of(1_024) => format!("{} KiB", bytes >> 10),
            bytes => format!("{bytes} bytes"),
        };
        let batches = match self.batch_bytes {
            0 => "one in a batch".to_owned(),
            bytes => format!("batches of {} KiB", bytes >> 10),
        };
        let (compression, partitions, fsync) = (self.compression.name(), self.partitions, self.fsync.name());
        format!(
            "broker {}: records of {size}, {batches}, compression {compression}, {partitions} partitions, fsync {fsync}",
            self.name
        )
    }

    /// In the order of what a subject measures.
    pub(crate) fn metrics(&self) -> Vec<Metric> {
        let unit = if self.is_single() { "thousand records per CPU-second" } else { "MB per CPU-second" };
        let mut produce = Metric::higher("produce", unit);
        produce.goals.extend_from_slice(self.goals);
        let mut metrics = vec![produce];
        if self.fsync != Fsync::None {
            let unit = if self.is_single() { "thousand records per second" } else { "MB per second" };
            metrics.push(Metric::higher("produce, wall", unit));
        }
        if !self.is_single() {
            metrics.push(Metric::higher("fetch", "MB per CPU-second").goal("kafka", 1.0).goal("floor", 0.95));
        }
        metrics
    }
}
