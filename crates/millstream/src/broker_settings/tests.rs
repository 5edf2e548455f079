//! Where settings come from.

use millstream_broker::BrokerConfig;

use super::{BrokerSettings, Origin, environment, java_properties};

fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String, String)> {
    let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    environment::settings(pairs).collect()
}

#[test]
fn variables_name_settings_as_in_kafkas_images() {
    for (variable, name) in [
        ("KAFKA_LOG_RETENTION_MS", "log.retention.ms"),
        ("KAFKA_A__B_C___D", "a_b.c-d"),
        ("MILLSTREAM_NODE_ID", "node.id"),
    ] {
        assert_eq!(variables(&[(variable, "1")]), [(name.to_owned(), "1".to_owned(), variable.to_owned())]);
    }
    let passed_over = [
        ("KAFKA_HEAP_OPTS", "-Xmx1g"),
        ("KAFKA_SERVICE_HOST", "10.0.0.1"),
        ("KAFKA_PORT", "tcp://10.0.0.1:9092"),
        ("KAFKA_PORT_9092_TCP_ADDR", "10.0.0.1"),
        ("MILLSTREAM_LOG_LEVEL", "info"),
        ("MILLSTREAM_PEERS", "/peers"),
        ("KAFKA_", ""),
        ("PATH", "/bin"),
    ];
    assert_eq!(variables(&passed_over), []);
}

#[test]
fn millstreams_variables_come_after_kafkas() {
    let found = variables(&[("MILLSTREAM_NODE_ID", "1"), ("KAFKA_NODE_ID", "2")]);
    assert_eq!(found.last().map(|(_, value, _)| value.as_str()), Some("1"));
}

#[test]
fn files_are_read_as_java_reads_them() {
    let text = "# a comment\n  ! another\nnum.partitions = 3\nlog.dirs:/data\r\nkey value with spaces \n\
                listeners=A://h:1,\\\n    B://h:2\nempty=\nwith\\ space\\==\\u0041\\tb\\q\nlast=\\";
    let found = java_properties::parse(text);
    let found: Vec<_> = found.iter().map(|it| (it.line, it.key.as_str(), it.value.as_str())).collect();
    let expected = [
        (3, "num.partitions", "3"),
        (4, "log.dirs", "/data"),
        (5, "key", "value with spaces "),
        (6, "listeners", "A://h:1,B://h:2"),
        (8, "empty", ""),
        (9, "with space=", "A\tbq"),
        (10, "last", ""),
    ];
    assert_eq!(found, expected);
}

#[test]
fn warnings_and_errors_name_the_place() {
    let mut settings = BrokerSettings::default();
    let file = |line| Origin::File { path: "server.properties".into(), line };
    settings.put("log.retention.millis".to_owned(), "5".to_owned(), file(3));
    let mut config = BrokerConfig::new("data");
    let notices = config.apply(&settings.values).unwrap();
    let warning = settings.warning(&notices[0]);
    assert_eq!(
        warning,
        "no broker has the configuration `log.retention.millis` (server.properties:3): is `log.retention.ms` meant?"
    );
    settings.put("num.partitions".to_owned(), "0".to_owned(), file(7));
    let error = settings.apply(&mut config).unwrap_err().to_string();
    assert!(error.contains("num.partitions = 0") && error.ends_with("(server.properties:7)"), "{error}");
}
