//! The broker's settings on the command line, in a file and in the environment of the built binary.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[cfg(test)]
mod support;

use serde_json::Value;

use support::process::{Process, file, millstream, run};

/// Value and source of a topic's configuration.
fn config_of(broker: &str, topic: &str, key: &str) -> (String, String) {
    let described =
        run(&["topic", "describe", topic, "-c", "--output", "json", "-b", broker]).success("describe");
    let mut rows = described.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let row = rows.find(|row| row["key"] == key).unwrap();
    (row["value"].as_str().unwrap().to_owned(), row["source"].as_str().unwrap().to_owned())
}

#[test]
fn settings_come_from_the_command_line_before_the_file_before_the_environment() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let text = format!(
        "# as for Apache Kafka\n\
         process.roles=broker,controller\n\
         listeners=PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:9093\n\
         controller.listener.names=CONTROLLER\n\
         log.dirs={}\n\
         num.partitions=3\n\
         log.retention.hours=2\n\
         log.segment.byte=1048576\n",
        data.display()
    );
    let config = file(directory.path(), "server.properties", &text);
    let mut command = millstream(&[
        "start",
        "--config",
        &config,
        "-X",
        "log.roll.ms=5000",
        "--http-listener",
        "127.0.0.1:0",
    ]);
    command
        .env("KAFKA_NUM_PARTITIONS", "9")
        .env("KAFKA_LOG_ROLL_MS", "7000")
        .env("KAFKA_MESSAGE_MAX_BYTES", "4096")
        .env("KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR", "1")
        .env("KAFKA_HEAP_OPTS", "-Xmx1g");
    let mut process = Process::spawn(command);
    let ready = process.line("millstream ready ");
    let broker = ready.split("kafka=").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    assert!(!broker.contains(','), "the controller's listener is left out: {ready}");
    run(&["topic", "create", "t", "-b", &broker]).success("create");
    let listed = run(&["topic", "list", "-b", &broker]).success("list");
    assert!(listed.contains("t     3"), "{listed}");
    let at_start = |value: &str| (value.to_owned(), "STATIC_BROKER_CONFIG".to_owned());
    assert_eq!(config_of(&broker, "t", "segment.ms"), at_start("5000"));
    assert_eq!(config_of(&broker, "t", "retention.ms"), at_start("7200000"));
    assert_eq!(config_of(&broker, "t", "max.message.bytes"), at_start("4096"));
    assert!(data.is_dir());

    let ended = process.terminate();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let warnings: Vec<&str> = ended.stderr.lines().filter(|line| line.contains("WARN")).collect();
    assert_eq!(warnings.len(), 2, "{}", ended.stderr);
    assert!(
        warnings[0].contains("`log.segment.byte`") && warnings[0].contains("server.properties:8"),
        "{}",
        warnings[0]
    );
    assert!(warnings[0].contains("`log.segment.bytes`"), "{}", warnings[0]);
    assert!(warnings[1].contains("`process.roles`") && warnings[1].contains("no effect"), "{}", warnings[1]);
}

#[test]
fn an_impossible_setting_is_refused_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let start = ["start", "--data-dir", data.to_str().unwrap()];
    let wildcard = ["-X", "listeners=PLAINTEXT://0.0.0.0:0", "--insecure"];
    let exposed = ["-X", "listeners=PLAINTEXT://0.0.0.0:0", "-X", "advertised.listeners=PLAINTEXT://h:1"];
    for (arguments, code, part) in [
        (
            &["-X", "num.partitions=0"][..],
            3,
            "num.partitions = 0 is not possible: it must be a whole number, at least 1 (-X)",
        ),
        (&["-X", "listeners=SSL://127.0.0.1:0"], 3, "no TLS"),
        (&["--config", "missing.properties"], 4, "missing.properties"),
        (&exposed, 2, "--insecure"),
        (&wildcard, 1, "advertised.listeners"),
        (&["-X", "num.partitions"], 2, "KEY=VALUE"),
    ] {
        let ended = run(&[&start[..], arguments].concat());
        assert_eq!(ended.code, Some(code), "{}", ended.stderr);
        assert!(ended.stderr.contains(part), "{}", ended.stderr);
    }
}
