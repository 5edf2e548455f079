//! The inputs are what they claim to be: valid JSON, the published shares and sizes, bounded disorder, the same at every run.

use std::collections::HashSet;

use serde_json::Value;

use super::sensors::{DISORDER_MS, SENSORS};
use super::{FIRST_EVENT_MS, Generator, NexmarkEvents, SensorReadings, Workload};

fn json(generator: &mut dyn Generator) -> (usize, Value) {
    let record = generator.next_record();
    (record.value.len(), serde_json::from_slice(record.value).unwrap())
}

#[test]
fn nexmark_events_have_the_suites_shares_and_size() {
    let mut events = NexmarkEvents::new();
    let (mut counts, mut bytes) = ([0usize; 3], 0);
    let mut hot_bidders = 0;
    for _ in 0..100_000 {
        let (length, event) = json(&mut events);
        bytes += length;
        counts[event["event_type"].as_u64().unwrap() as usize] += 1;
        // The hot bidder is the second of the current hundred persons.
        hot_bidders += usize::from(event["bid"]["bidder"].as_u64().is_some_and(|id| id % 100 == 1));
    }
    assert_eq!(counts, [2_000, 6_000, 92_000]);
    assert!((68_000..71_000).contains(&hot_bidders), "{hot_bidders}");
    assert!((330..336).contains(&(bytes / 100_000)), "{}", bytes / 100_000);
}

#[test]
fn nexmark_events_have_the_suites_fields() {
    let mut events = NexmarkEvents::new();
    let (_, person) = json(&mut events);
    let fields =
        |event: &Value, kind: &str| event[kind].as_object().unwrap().keys().cloned().collect::<HashSet<_>>();
    let names = |names: &str| names.split(' ').map(str::to_owned).collect::<HashSet<_>>();
    assert_eq!(fields(&person, "person"), names("id name emailAddress creditCard city state dateTime extra"));
    assert_eq!((&person["auction"], &person["bid"]), (&Value::Null, &Value::Null));
    let (_, auction) = json(&mut events);
    assert_eq!(
        fields(&auction, "auction"),
        names("id itemName description initialBid reserve dateTime expires seller category extra")
    );
    let bid = (0..3).map(|_| json(&mut events).1).last().unwrap();
    assert_eq!(fields(&bid, "bid"), names("auction bidder price channel url dateTime extra"));
}

#[test]
fn nexmark_time_is_a_hundred_thousand_events_a_second() {
    let mut events = NexmarkEvents::new();
    let mut time_of = |skip: usize| {
        let event = (0..=skip).map(|_| json(&mut events).1).last().unwrap();
        ["person", "auction", "bid"]
            .iter()
            .find_map(|kind| event[kind]["dateTime"].as_str().map(str::to_owned))
            .unwrap()
    };
    assert_eq!(time_of(0), "2026-01-01 00:00:00.000");
    assert_eq!(time_of(98), "2026-01-01 00:00:00.000");
    assert_eq!(time_of(0), "2026-01-01 00:00:00.001");
    assert_eq!(time_of(123_455 - 100), "2026-01-01 00:00:01.234");
}

#[test]
fn readings_are_keyed_and_at_most_two_seconds_out_of_order() {
    let mut readings = SensorReadings::new(0);
    let (mut newest, mut sensors, mut behind_max) = (0, HashSet::new(), 0);
    for _ in 0..100_000 {
        let record = readings.next_record();
        let (key, value) = (record.key.unwrap().to_vec(), record.value.to_vec());
        let reading: Value = serde_json::from_slice(&value).unwrap();
        assert_eq!(reading["sensor_id"].as_str().unwrap().as_bytes(), key);
        let ts = reading["ts"].as_u64().unwrap();
        newest = newest.max(ts);
        behind_max = behind_max.max(newest - ts);
        let temperature = reading["temperature"].as_f64().unwrap();
        assert!((10.0..40.0).contains(&temperature));
        sensors.insert(key);
    }
    assert_eq!(sensors.len() as u64, SENSORS);
    assert!((DISORDER_MS - 100..=DISORDER_MS).contains(&behind_max), "{behind_max}");
    assert!((FIRST_EVENT_MS + 11_000..=FIRST_EVENT_MS + 12_000).contains(&newest));
}

#[test]
fn a_reading_looks_like_the_documented_one() {
    let mut readings = SensorReadings::new(0);
    let text = String::from_utf8(readings.next_record().value.to_vec()).unwrap();
    let (head, tail) = (r#"{"sensor_id": "s-"#, r#", "temperature": "#);
    assert!(text.starts_with(head) && text.contains(r#"", "ts": 17672256"#) && text.contains(tail), "{text}");
}

#[test]
fn inputs_repeat() {
    for workload in [Workload::Nexmark, Workload::Sensors] {
        let (mut first, mut second) = (workload.generator(), workload.generator());
        for _ in 0..1_000 {
            assert_eq!(first.next_record(), second.next_record());
        }
    }
    let (mut zero, mut one) = (SensorReadings::new(0), SensorReadings::new(1));
    assert_ne!(zero.next_record(), one.next_record());
}
