//! The built binary's `topic`, `produce` and `consume` against the built binary's broker: what users of `rpk` type, what
//! they see, and the exit codes that their scripts look at.

#[cfg(test)]
mod support;

use std::io::Write;

use serde_json::Value;

use support::broker::Broker;
use support::process::run;

fn lines(range: std::ops::Range<usize>) -> String {
    range.map(|number| format!("{number}\n")).collect()
}

#[test]
fn topics_are_created_listed_described_and_deleted() {
    let broker = Broker::start();
    let created = broker.output(&["topic", "create", "raw", "agg", "-p", "4", "-c", "retention.ms=1000"]);
    assert!(created.contains("raw") && created.contains("OK"), "{created}");
    let again = broker.run(&["topic", "create", "raw"]);
    assert_eq!(again.code, Some(1), "{}", again.stderr);
    broker.output(&["topic", "create", "raw", "--if-not-exists"]);

    let list = broker.output(&["topic", "list", "--output", "json"]);
    let names: Vec<Value> = list.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(names.iter().map(|row| row["name"].as_str().unwrap()).collect::<Vec<_>>(), ["agg", "raw"]);

    let described = broker.output(&["topic", "describe", "raw"]);
    assert!(described.contains("retention.ms"), "{described}");
    broker.output_with(&["topic", "produce", "raw", "-p", "2"], b"x\n");
    let partitions = broker.output(&["topic", "describe", "raw", "-p", "--output", "json"]);
    let ends: Vec<Value> = partitions.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ends: Vec<_> = ends.iter().map(|row| row["high_watermark"].as_i64().unwrap()).collect();
    assert_eq!(ends, [0, 0, 1, 0]);

    broker.output(&["topic", "delete", "raw"]);
    assert_eq!(broker.run(&["topic", "describe", "raw"]).code, Some(4));
    assert_eq!(broker.run(&["topic", "delete", "raw"]).code, Some(4));
}

#[test]
fn settings_are_changed_and_partitions_added() {
    let broker = Broker::start();
    broker.output(&["topic", "create", "raw", "agg", "-c", "retention.ms=1000"]);
    let setting = |topic: &str, key: &str| -> (String, String) {
        let described = broker.output(&["topic", "describe", topic, "-c", "--output", "json"]);
        let rows = described.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let row = rows.into_iter().find(|row| row["key"] == key).unwrap();
        (row["value"].as_str().unwrap().to_owned(), row["source"].as_str().unwrap().to_owned())
    };
    let alter = ["topic", "alter", "raw", "agg", "--set", "segment.ms=60000", "-d", "retention.ms"];
    let dry = broker.output(&[&alter[..], &["--dry-run"]].concat());
    assert_eq!(dry, "TOPIC  STATUS\nraw    OK\nagg    OK\n");
    assert_eq!(setting("raw", "retention.ms").0, "1000");
    broker.output(&[&alter[..], &["--append", "cleanup.policy=compact"]].concat());
    for topic in ["raw", "agg"] {
        assert_eq!(setting(topic, "segment.ms"), ("60000".to_owned(), "DYNAMIC_TOPIC_CONFIG".to_owned()));
        assert_eq!(setting(topic, "retention.ms"), ("604800000".to_owned(), "DEFAULT_CONFIG".to_owned()));
        assert_eq!(setting(topic, "cleanup.policy").0, "delete,compact");
    }
    broker.output(&["topic", "alter-config", "raw", "--subtract", "cleanup.policy=delete"]);
    assert_eq!(setting("raw", "cleanup.policy").0, "compact");

    // All of it or nothing.
    let refused = broker.run(&["topic", "alter", "raw", "-s", "segment.ms=often", "-p", "3"]);
    assert_eq!(refused.code, Some(3), "{}", refused.stderr);
    let partitions =
        || broker.output(&["topic", "describe", "raw", "-p", "--output", "json"]).lines().count();
    assert_eq!(partitions(), 1);
    broker.output(&["topic", "alter", "raw", "-p", "3"]);
    assert_eq!(partitions(), 3);
    broker.output(&["topic", "add-partitions", "raw", "-n", "2"]);
    assert_eq!(partitions(), 5);
    assert_eq!(broker.run(&["topic", "alter", "raw", "-p", "2"]).code, Some(3));
    assert_eq!(broker.run(&["topic", "alter", "missing", "-p", "2"]).code, Some(4));
    assert_eq!(broker.run(&["topic", "alter", "raw"]).code, Some(2));
}

#[test]
fn records_are_acknowledged_in_the_order_of_the_input() {
    let broker = Broker::start();
    broker.output(&["topic", "create", "t", "-p", "3"]);
    let count = 20_000;
    let input: String = (0..count).map(|number| format!("k{}\tv{number}\n", number % 17)).collect();
    let format = "%i %p@%o %k=%v\\n";
    let printed = broker
        .output_with(&["produce", "t", "-f", "%k\\t%v\\n", "-o", format, "-z", "zstd"], input.as_bytes());
    let mut places: Vec<Vec<(i64, String)>> = vec![Vec::new(); 3];
    for (number, line) in printed.lines().enumerate() {
        let (place, record) =
            line.strip_prefix(&format!("{} ", number + 1)).unwrap().split_once(' ').unwrap();
        assert_eq!(record, format!("k{}=v{number}", number % 17));
        let (partition, offset) = place.split_once('@').unwrap();
        places[partition.parse::<usize>().unwrap()].push((offset.parse().unwrap(), record.to_owned()));
    }
    assert_eq!(places.iter().map(Vec::len).sum::<usize>(), count);
    for (partition, expected) in places.iter().enumerate() {
        assert!(!expected.is_empty());
        let partition = partition.to_string();
        let read = broker.output(&["consume", "t", "-p", &partition, "-o", ":end", "-f", "%o %k=%v\\n"]);
        let read = read.lines().map(|line| line.split_once(' ').unwrap());
        let read: Vec<(i64, String)> =
            read.map(|(offset, record)| (offset.parse().unwrap(), record.to_owned())).collect();
        assert_eq!(&read, expected);
    }
}

#[test]
fn an_unknown_topic_is_created_by_producing_but_not_by_consuming() {
    let broker = Broker::start();
    let absent = broker.run(&["consume", "t", "-o", ":end"]);
    assert_eq!((absent.code, absent.stdout.as_str()), (Some(4), ""));
    assert!(absent.stderr.contains("topic t"), "{}", absent.stderr);
    let printed = broker.output_with(&["produce", "t"], b"a\nb");
    assert!(printed.starts_with("Produced to partition 0 at offset 0 with timestamp 1"), "{printed}");
    assert!(printed.contains("Produced to partition 0 at offset 1 with timestamp "), "{printed}");
    assert_eq!(broker.output(&["topic", "consume", "t", "-o", ":end", "-f", "%v;"]), "a;b;");
}

#[test]
fn consume_starts_and_stops_where_it_is_told() {
    let broker = Broker::start();
    let input: String =
        (0..10).map(|number| format!("{} {number}\n", 1_357_000_000_000_i64 + number * 1000)).collect();
    broker.output_with(&["produce", "t", "-f", "%d %v\\n"], input.as_bytes());
    for (range, expected) in [
        (":end", "0123456789"),
        ("3:6", "345"),
        (":2", "01"),
        ("8:end", "89"),
        ("+7:end", "789"),
        ("-2:end", "89"),
        ("-50:end", "0123456789"),
        ("20:end", ""),
        ("end:end", ""),
        ("@1357000005000:end", "56789"),
        ("@1357000005000:1357000008000", "567"),
        ("@1357000005000:2s", "56"),
        ("@:2013-01-01T00:26:43Z", "012"),
        ("@2013-01-01T00:26:48Z:end", "89"),
        ("@-1h:end", ""),
    ] {
        assert_eq!(broker.output(&["consume", "t", "-f", "%v", "-o", range]), expected, "{range}");
    }
    assert_eq!(broker.output(&["consume", "t", "-f", "%v", "-o", "4", "-n", "3"]), "456");
    assert_eq!(broker.output(&["consume", "t", "-f", "%v", "-o", "-3", "-n", "2"]), "78");
}

#[test]
fn json_shows_what_was_produced() {
    let broker = Broker::start();
    let format = "%d %k %h{%k:%v,}\\t%v\\n";
    let input = "1357020000000 EWR unit:F,\t39.02\n1357020000001  \t\n";
    let arguments = ["produce", "t", "-f", format, "-H", "from:test", "-k", "none", "-Z"];
    broker.output_with(&arguments, input.as_bytes());
    let expected = r#"{
  "topic": "t",
  "key": "EWR",
  "value": "39.02",
  "headers": [
    {
      "key": "unit",
      "value": "F"
    },
    {
      "key": "from",
      "value": "test"
    }
  ],
  "timestamp": 1357020000000,
  "partition": 0,
  "offset": 0
}
"#;
    assert_eq!(broker.output(&["consume", "t", "-n", "1"]), expected);
    let second = broker.output(&["consume", "t", "-o", "1:end", "--pretty-print=false"]);
    let record: Value = serde_json::from_str(second.strip_suffix('\n').unwrap()).unwrap();
    assert_eq!((&record["key"], &record["value"]), (&"none".into(), &Value::Null));
    let meta = broker.output(&["consume", "t", "-o", ":1", "--meta-only", "--pretty-print=false"]);
    let record: Value = serde_json::from_str(&meta).unwrap();
    assert_eq!((record.get("value"), &record["value_size"]), (None, &5.into()));
}

#[test]
fn consume_prints_records_as_they_come_until_it_is_interrupted() {
    let broker = Broker::start();
    broker.output_with(&["produce", "t"], b"0\n");
    let mut consumer = broker.spawn(&["consume", "t", "-f", "%o %v\\n"]);
    assert_eq!(consumer.next_line(), "0 0\n");
    broker.output_with(&["produce", "t"], b"1\n");
    assert_eq!(consumer.next_line(), "1 1\n");
    let ended = consumer.interrupt();
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "0 0\n1 1\n"));
}

#[test]
fn produce_acknowledges_while_its_input_is_open_and_stops_when_it_is_interrupted() {
    let broker = Broker::start();
    let mut producer = broker.spawn(&["produce", "t", "-o", "%o\\n"]);
    producer.stdin.as_mut().unwrap().write_all(b"a\nb\n").unwrap();
    assert_eq!((producer.next_line(), producer.next_line()), ("0\n".to_owned(), "1\n".to_owned()));
    producer.stdin.as_mut().unwrap().write_all(b"c\n").unwrap();
    assert_eq!(producer.next_line(), "2\n");
    let ended = producer.interrupt();
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "0\n1\n2\n"));
    assert_eq!(broker.output(&["consume", "t", "-o", ":end", "-f", "%v"]), "abc");
}

#[test]
fn a_group_resumes_behind_what_its_members_printed() {
    let broker = Broker::start();
    broker.output(&["topic", "create", "t", "-p", "2"]);
    broker.output_with(&["produce", "t", "-p", "1"], lines(0..6).as_bytes());
    let of_group = ["consume", "t", "-g", "readers", "-f", "%v\\n"];
    assert_eq!(broker.output(&[&of_group[..], &["-n", "2"]].concat()), lines(0..2));
    let mut member = broker.spawn(&of_group);
    for number in 2..6 {
        assert_eq!(member.next_line(), format!("{number}\n"));
    }
    let ended = member.interrupt();
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), lines(2..6).as_str()));
    broker.output_with(&["produce", "t", "-p", "1"], b"6\n");
    assert_eq!(broker.output(&[&of_group[..], &["-n", "1"]].concat()), "6\n");
}

#[test]
fn a_group_starts_where_the_command_line_says_without_a_commit() {
    let broker = Broker::start();
    broker.output_with(&["produce", "t"], lines(0..4).as_bytes());
    let of_group = |range| ["consume", "t", "-g", "g", "-f", "%v\\n", "-n", "1", "-o", range];
    assert_eq!(broker.output(&of_group("-2")), "2\n");
    assert_eq!(broker.output(&of_group("start")), "3\n");
    let ended = broker.run(&of_group(":end"));
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
}

#[test]
fn exit_codes_tell_what_kind_of_failure_it_was() {
    let broker = Broker::start();
    broker.output(&["topic", "create", "t"]);
    for (arguments, input, code, hint) in [
        (&["consume", "t", "-o", "x"][..], "", 2, "not a range of offsets"),
        (&["consume", "t", "-f", "%q"], "", 2, "`%q` is not known"),
        (&["produce", "t", "-f", "%k%v\\n"], "", 2, "`%k` has no end"),
        (&["produce", "t", "-f", "%t %v\\n"], "", 2, "leave `%t` out"),
        (&["produce", "t", "--acks", "2"], "", 2, "acks"),
        (&["produce", "t", "-f", "%p %v\\n"], "0 a\nx b\n", 3, "record 2 of standard input"),
        (&["produce", "t", "--max-message-bytes", "1024"], &"x".repeat(2000), 3, "larger than"),
        (&["produce", "t", "-p", "7"], "a\n", 4, "no partition 7"),
        (&["consume", "t", "-p", "7"], "", 4, "no partition 7"),
    ] {
        let answer = broker.run_with(arguments, input.as_bytes());
        assert_eq!(answer.code, Some(code), "{arguments:?}: {}", answer.stderr);
        assert!(answer.stderr.contains(hint), "{arguments:?}: {}", answer.stderr);
    }
    // What stood before the bad record was produced.
    assert_eq!(broker.output(&["consume", "t", "-o", ":end", "-f", "%v\\n"]), "a\n");
}

#[test]
fn a_broker_that_is_not_there_is_unreachable() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    for command in ["produce", "consume"] {
        let ended = run(&[command, "t", "-b", &address]);
        assert_eq!(ended.code, Some(6), "{}", ended.stderr);
        assert!(ended.stderr.contains(&address), "{}", ended.stderr);
    }
}

#[test]
fn a_reader_that_goes_away_ends_consume_quietly() {
    let broker = Broker::start();
    broker.output_with(&["produce", "t"], lines(0..20_000).as_bytes());
    let mut consumer = broker.spawn(&["consume", "t", "-f", "%v\\n"]);
    assert_eq!(consumer.next_line(), "0\n");
    consumer.close_stdout();
    assert_eq!(consumer.wait().code, Some(0));
}
