//! Unmodified Kafka clients against the broker. What each does stands in `tests/clients/` of the repository; the same programs pass on
//! Apache Kafka (`tests/clients/run.sh all HOST:PORT`).

#[cfg(test)]
mod support;

#[cfg(test)]
mod clients {
    use crate::support::peers::{in_tests, peer};
    use crate::support::process::Process;

    fn drive(client: &str) {
        let data = tempfile::tempdir().expect("a temporary directory");
        let server = Process::broker(data.path(), &[]);
        if let Some(said) = peer("clients/run.sh", &[client, &server.kafka]) {
            // A program that checks nothing has nothing to say.
            let checks = said.lines().filter(|line| line.starts_with("ok ")).count();
            assert!(checks >= 15, "only {checks} checks:\n{said}");
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
