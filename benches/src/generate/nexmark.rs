//! Nexmark's events as the suite's Kafka table wants them: one topic of nested JSON,
//! `{"event_type":2,"person":null,"auction":null,"bid":{…}}`, 333 bytes on average.
//!
//! The events are those of the crate `nexmark`, which seeds its generator with each event's number: persons, auctions and bids as
//! 1 : 3 : 46, half of the bids for the hot auction, three quarters by the hot bidder, the published sizes. Only their time is our
//! own, because that crate computes it in single precision: 100,000 events a second, in order. No string of the crate holds a character
//! that JSON escapes (a test looks), so they are copied as they are.

use chrono::DateTime;
use nexmark::EventGenerator;
use nexmark::config::NexmarkConfig;
use nexmark::event::{Auction, Bid, Event, Person};

use super::{FIRST_EVENT_MS, Generator, Record};

const EVENTS_PER_SECOND: u64 = 100_000;
const DAY_MS: u64 = 86_400_000;

/// The events from the first.
pub(crate) struct NexmarkEvents {
    events: EventGenerator,
    value: Vec<u8>,
    clock: SqlClock,
}

impl NexmarkEvents {
    pub(crate) fn new() -> Self {
        let rate = EVENTS_PER_SECOND as usize;
        let config = NexmarkConfig {
            base_time: FIRST_EVENT_MS,
            first_rate: rate,
            next_rate: rate,
            ..NexmarkConfig::default()
        };
        Self { events: EventGenerator::new(config), value: Vec::new(), clock: SqlClock::default() }
    }
}

impl Generator for NexmarkEvents {
    fn next_record(&mut self) -> Record<'_> {
        let time_ms = FIRST_EVENT_MS + self.events.offset() * 1_000 / EVENTS_PER_SECOND;
        // The generator is endless.
        if let Some(event) = self.events.next() {
            self.value.clear();
            let mut json = Json { out: &mut self.value, clock: &mut self.clock };
            match event {
                Event::Person(person) => json.person(&person, time_ms),
                Event::Auction(auction) => json.auction(&auction, time_ms),
                Event::Bid(bid) => json.bid(&bid, time_ms),
            }
        }
        Record { key: None, value: &self.value }
    }
}

/// Writes one event.
struct Json<'a> {
    out: &'a mut Vec<u8>,
    clock: &'a mut SqlClock,
}

impl Json<'_> {
    fn person(&mut self, person: &Person, time_ms: u64) {
        self.raw(r#"{"event_type":0,"person":{"id":"#);
        self.number(person.id);
        self.string("name", &person.name);
        self.string("emailAddress", &person.email_address);
        self.string("creditCard", &person.credit_card);
        self.string("city", &person.city);
        self.string("state", &person.state);
        self.time("dateTime", time_ms);
        self.string("extra", &person.extra);
        self.raw(r#"},"auction":null,"bid":null}"#);
    }

    fn auction(&mut self, auction: &Auction, time_ms: u64) {
        self.raw(r#"{"event_type":1,"person":null,"auction":{"id":"#);
        self.number(auction.id);
        self.string("itemName", &auction.item_name);
        self.string("description", &auction.description);
        self.raw(r#","initialBid":"#);
        self.number(auction.initial_bid);
        self.raw(r#","reserve":"#);
        self.number(auction.reserve);
        self.time("dateTime", time_ms);
        self.time("expires", time_ms + (auction.expires - auction.date_time));
        self.raw(r#","seller":"#);
        self.number(auction.seller);
        self.raw(r#","category":"#);
        self.number(auction.category);
        self.string("extra", &auction.extra);
        self.raw(r#"},"bid":null}"#);
    }

    fn bid(&mut self, bid: &Bid, time_ms: u64) {
        self.raw(r#"{"event_type":2,"person":null,"auction":null,"bid":{"auction":"#);
        self.number(bid.auction);
        self.raw(r#","bidder":"#);
        self.number(bid.bidder);
        self.raw(r#","price":"#);
        self.number(bid.price);
        self.string("channel", &bid.channel);
        self.string("url", &bid.url);
        self.time("dateTime", time_ms);
        self.string("extra", &bid.extra);
        self.raw("}}");
    }

    fn raw(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn number(&mut self, number: usize) {
        self.raw(itoa::Buffer::new().format(number));
    }

    fn name(&mut self, name: &str) {
        self.raw(",\"");
        self.raw(name);
        self.raw("\":\"");
    }

    fn string(&mut self, name: &str, value: &str) {
        self.name(name);
        self.raw(value);
        self.raw("\"");
    }

    fn time(&mut self, name: &str, time_ms: u64) {
        self.name(name);
        self.out.extend_from_slice(self.clock.format(time_ms));
        self.raw("\"");
    }
}

/// Writes times as SQL does, `2026-01-01 00:00:00.000`; the date is made anew only when the day changes.
#[derive(Debug, Default)]
struct SqlClock {
    day: Option<u64>,
    text: Vec<u8>,
}

impl SqlClock {
    fn format(&mut self, time_ms: u64) -> &[u8] {
        let day = time_ms / DAY_MS;
        if self.day != Some(day) {
            let midnight = DateTime::from_timestamp_millis((day * DAY_MS) as i64).unwrap_or_default();
            self.text = format!("{} 00:00:00.000", midnight.format("%Y-%m-%d")).into_bytes();
            self.day = Some(day);
        }
        let time = time_ms % DAY_MS;
        let start = self.text.len() - "00:00:00.000".len();
        let parts = [
            (0, 2, time / 3_600_000),
            (3, 2, time / 60_000 % 60),
            (6, 2, time / 1_000 % 60),
            (9, 3, time % 1_000),
        ];
        for (at, digits, mut value) in parts {
            for place in (0..digits).rev() {
                self.text[start + at + place] = b'0' + (value % 10) as u8;
                value /= 10;
            }
        }
        &self.text
    }
}
