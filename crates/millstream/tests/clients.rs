//! Unmodified Kafka clients against the broker. What each does stands in `tests/clients/` of the repository; the same programs pass on
//! Apache Kafka (`tests/clients/run.sh all HOST:PORT`).

#[cfg(test)]
mod support;

#[cfg(test)]
mod clients {
    use std::io::Write as _;
    use std::path::Path;
    use std::process::Command;

    use crate::support::peers::{in_tests, peer};
    use crate::support::process::{Process, millstream};

    fn drive(client: &str) {
        drive_through(client, 15);
    }

    fn drive_through(client: &str, checks_min: usize) {
        let data = tempfile::tempdir().expect("a temporary directory");
        let server = Process::broker(data.path(), &[]);
        if let Some(said) = peer("clients/run.sh", &[client, &server.kafka]) {
            // A program that checks nothing has nothing to say.
            let checks = said.lines().filter(|line| line.starts_with("ok ")).count();
            assert!(checks >= checks_min, "only {checks} checks:\n{said}");
            assert_eq!(server.terminate().code, Some(0), "exit code of a clean stop");
        }
    }

    #[test]
    fn no_topic_is_created_by_itself_where_that_is_off() {
        let data = tempfile::tempdir().expect("a temporary directory");
        let server = Process::broker(data.path(), &["-X", "auto.create.topics.enable=false"]);
        let program = in_tests("clients/no_auto_create.py");
        if let Some(said) = peer("peers/python.sh", &["clients", &program, &server.kafka]) {
            assert_eq!(said.lines().filter(|line| line.starts_with("ok ")).count(), 4, "{said}");
        }
    }

    #[test]
    fn quotas_of_the_java_client() {
        drive_through("java_quotas", 8);
    }

    /// What clients push is on the metrics page, also after they have gone.
    #[test]
    fn metrics_that_the_java_client_pushes() {
        let data = tempfile::tempdir().expect("a temporary directory");
        let server = Process::broker(data.path(), &[]);
        let Some(said) = peer("clients/run.sh", &["java_metrics", &server.kafka]) else { return };
        let metrics = server.metrics();
        let id_of = |client: &str| {
            let id = said.lines().find_map(|line| line.strip_prefix(client)?.strip_prefix(' '));
            id.unwrap_or_else(|| panic!("no id of the {client} in\n{said}"))
        };
        let pushed = |name: &str, client: &str| -> f64 {
            let start = format!(
                "kafka_client_{name}{{client_instance_id=\"{}\",client_id=\"pusher-{client}\",client_software_name=\"apache-kafka-java\"",
                id_of(client)
            );
            let line = metrics.lines().find(|line| line.starts_with(&start));
            let value = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
            value.unwrap_or_else(|| panic!("nothing like {start} in\n{metrics}"))
        };
        assert!(pushed("producer_connection_creation_total", "producer") >= 1.0);
        let mut latencies = metrics
            .lines()
            .filter(|line| line.starts_with("kafka_client_producer_node_request_latency_max{"));
        assert!(latencies.any(|line| line.contains("node_id=\"")), "{metrics}");
        assert!(pushed("consumer_connection_creation_total", "consumer") >= 1.0);
        assert!(metrics.contains("group_id=\"pushers\""), "{metrics}");
        assert!(!metrics.contains(id_of("other")), "{metrics}");
    }

    #[test]
    fn kafka_python() {
        drive("kafka_python");
    }

    #[test]
    fn aiokafka() {
        drive("aiokafka_client");
    }

    #[test]
    fn confluent_kafka() {
        drive("confluent");
    }

    #[test]
    fn consumer_groups_of_confluent_kafka() {
        drive_through("consumer_groups", 12);
    }

    #[test]
    fn consumer_groups_of_java() {
        drive_through("java_groups", 12);
    }

    /// A broker at an address of its own choice.
    fn broker_at(data: &Path, kafka: &str) -> Process {
        let mut command = millstream(&["start", "--kafka-listener", kafka, "--http-listener", "127.0.0.1:0"]);
        command.arg("--data-dir").arg(data);
        let mut server = Process::spawn(command);
        server.line("millstream ready ");
        server
    }

    /// Members of a consumer group go on as before when the broker was killed and started again.
    fn restart_under(client: &str) {
        let data = tempfile::tempdir().expect("a temporary directory");
        let server = Process::broker(data.path(), &[]);
        let address = server.kafka.clone();
        // Installs what the client needs, and says whether it can.
        if peer("clients/run.sh", &["ready", client]).is_none() {
            return;
        }
        let mut command = Command::new(in_tests("clients/run.sh"));
        command.args([client, &address, "restart"]);
        let mut members = Process::spawn_group(command);
        members.line("restart");
        server.kill();
        let server = broker_at(data.path(), &address);
        let mut stdin = members.stdin.take().expect("piped");
        stdin.write_all(b"\n").expect("the members listen");
        members.line("ok a restart of the broker in the middle changes nothing");
        members.wait().success("members of a consumer group");
        drop(server);
    }

    #[test]
    fn consumer_groups_of_java_over_a_restart() {
        restart_under("java_groups");
    }

    /// What stands behind the scripts of a Kafka installation, and the files that it finds.
    #[test]
    fn command_line_tools_of_kafka() {
        let data = tempfile::tempdir().expect("a temporary directory");
        let server = Process::broker(data.path(), &[]);
        let directory = data.path().to_str().expect("a path of text");
        if let Some(said) = peer("clients/run.sh", &["tools", &server.kafka, directory]) {
            let checks = said.lines().filter(|line| line.starts_with("ok ")).count();
            assert!(checks >= 29, "only {checks} checks:\n{said}");
            assert_eq!(server.terminate().code, Some(0), "exit code of a clean stop");
        }
    }

    /// librdkafka's own test suite; which of its tests are left out, and why, stands in `tests/clients/librdkafka_skipped.txt`.
    fn suite_of_librdkafka(options: &[&str], passes: &[&str], tests_min: usize) {
        let data = tempfile::tempdir().expect("a temporary directory");
        let server = Process::broker(data.path(), &[&["-X", "num.partitions=4"], options].concat());
        if let Some(said) = peer("clients/librdkafka.sh", &[&[server.kafka.as_str()], passes].concat()) {
            let passed = said.lines().filter(|line| line.starts_with("ok ")).count();
            assert!(passed >= tests_min, "only {passed} tests:\n{said}");
            assert_eq!(server.terminate().code, Some(0), "exit code of a clean stop");
        }
    }

    #[test]
    fn librdkafka() {
        suite_of_librdkafka(&[], &[], 80);
    }

    #[test]
    fn librdkafka_where_no_topic_is_created_by_itself() {
        suite_of_librdkafka(&["-X", "auto.create.topics.enable=false"], &["noautocreate"], 4);
    }

    const APPLICATION: &str = "words";
    const LINES: &str = "8000";

    /// Kafka Streams counts the words of what is fed, with its state in a directory of this name.
    fn word_count(broker: &str, scratch: &Path, state: &str) -> Process {
        let directory = scratch.join(state);
        let mut command = Command::new(in_tests("clients/run.sh"));
        command.args(["streams", broker, APPLICATION, directory.to_str().expect("a path of text")]);
        Process::spawn_group(command)
    }

    fn counted(streams: &mut Process, lines: usize) {
        for _ in 0..lines {
            streams.line("counted ");
        }
    }

    /// The broker is killed, then Kafka Streams (once with its state kept and once with it lost), then the broker again: each in the
    /// middle of transactions. Every word is counted once.
    #[test]
    fn kafka_streams_counts_words_exactly_once() {
        if peer("clients/run.sh", &["ready", "streams"]).is_none()
            || peer("peers/python.sh", &["install", "clients"]).is_none()
        {
            return;
        }
        let (data, scratch) =
            (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
        let server = Process::broker(data.path(), &[]);
        let address = server.kafka.clone();
        let program = in_tests("kill/word_count.py");
        let mut command = Command::new(in_tests("peers/python.sh"));
        command.args(["clients", &program, "feed", &address, APPLICATION, LINES]);
        let mut feeder = Process::spawn_group(command);
        feeder.line("created");

        let mut streams = word_count(&address, scratch.path(), "first");
        counted(&mut streams, 5);
        server.kill();
        let server = broker_at(data.path(), &address);
        counted(&mut streams, 5);
        streams.kill();
        let mut streams = word_count(&address, scratch.path(), "first");
        counted(&mut streams, 5);
        streams.kill();
        let mut streams = word_count(&address, scratch.path(), "second");
        counted(&mut streams, 5);
        server.kill();
        let server = broker_at(data.path(), &address);

        feeder.wait().success("the producer of lines");
        let said = peer("peers/python.sh", &["clients", &program, "check", &address, APPLICATION, LINES]);
        assert_eq!(said.expect("installed").lines().filter(|line| line.starts_with("ok ")).count(), 2);
        let said = streams.wait().success("Kafka Streams");
        assert!(said.contains("ok closed"), "{said}");
        assert_eq!(server.terminate().code, Some(0), "exit code of a clean stop");
    }

    #[test]
    fn kafkajs() {
        drive("kafkajs");
    }

    #[test]
    fn java() {
        drive("java");
    }

    #[test]
    fn kcat() {
        drive("kcat");
    }
}
