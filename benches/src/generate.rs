//! The inputs of the measurements: pure functions of an event's number, so that every run and every machine sees the same bytes.

mod nexmark;
mod sensors;
#[cfg(test)]
mod tests;

use clap::ValueEnum;

pub(crate) use nexmark::NexmarkEvents;
pub(crate) use sensors::SensorReadings;

/// Event time of the first event: 2026-01-01 00:00:00 UTC, in ms since the epoch.
pub(crate) const FIRST_EVENT_MS: u64 = 1_767_225_600_000;

/// A record's bytes as they go into a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: &'a [u8],
}

/// An endless sequence of records. Each is lent until the next one is asked for: no allocation per record.
pub(crate) trait Generator {
    fn next_record(&mut self) -> Record<'_>;
}

/// What a topic can be filled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Workload {
    /// Nexmark's persons, auctions and bids as nested JSON without keys; 100,000 events are a second of event time
    Nexmark,
    /// Readings of 1,000 sensors, keyed, up to 2 s out of order; 10,000 readings are a second of event time
    Sensors,
}

impl Workload {
    /// The topic that the SQL files read.
    pub(crate) fn topic(self) -> &'static str {
        match self {
            Self::Nexmark => "nexmark",
            Self::Sensors => "sensors",
        }
    }

    pub(crate) fn generator(self) -> Box<dyn Generator> {
        match self {
            Self::Nexmark => Box::new(NexmarkEvents::new()),
            Self::Sensors => Box::new(SensorReadings::new(0)),
        }
    }
}
