//! `/metrics` of the built binary under the names that dashboards for Apache Kafka ask for.

#[cfg(test)]
mod support;

use std::collections::BTreeSet;

use support::process::{Process, repository, run, run_with};

#[test]
fn traffic_and_lag_have_the_names_that_dashboards_know() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let process = Process::broker(data.path(), &[]);
    let broker = ["-b", process.kafka.as_str()];
    let command = |arguments: &[&str]| run(&[arguments, &broker].concat()).success("a command");
    command(&["topic", "create", "t", "quiet", "-p", "1"]);
    run_with(&[&["produce", "t"][..], &broker].concat(), b"0\n1\n2\n3\n4\n5\n").success("produce");
    command(&["consume", "t", "-g", "g", "-n", "2"]);

    let metrics = process.metrics();
    for line in [
        "kafka_consumergroup_current_offset{consumergroup=\"g\",topic=\"t\",partition=\"0\"} 2",
        "kafka_consumergroup_lag{consumergroup=\"g\",topic=\"t\",partition=\"0\"} 4",
        "kafka_consumergroup_lag_sum{consumergroup=\"g\",topic=\"t\"} 4",
        "kafka_consumergroup_members{consumergroup=\"g\"} 0",
        "kafka_coordinator_group_groupmetadatamanager_numgroups 1",
        "kafka_coordinator_group_groupmetadatamanager_numoffsets 1",
        "kafka_coordinator_group_groupmetadatamanager_numgroupsempty 1",
        "kafka_server_group_coordinator_metrics_group_count{protocol=\"classic\"} 1",
        "kafka_server_group_coordinator_metrics_consumer_group_count{state=\"stable\"} 0",
        "kafka_server_group_coordinator_metrics_num_partitions{state=\"active\"} 50",
        "kafka_server_group_coordinator_metrics_group_completed_rebalance_count 1",
        "millstream_broker_transactions_ended_total{outcome=\"committed\"} 0",
        "kafka_topic_partition_current_offset{topic=\"t\",partition=\"0\"} 6",
        "kafka_server_brokertopicmetrics_messagesin_total{topic=\"t\"} 6",
        "kafka_server_brokertopicmetrics_messagesin_total 6",
        "kafka_server_brokertopicmetrics_failedproducerequests_total 0",
        "kafka_server_replicamanager_underreplicatedpartitions 0",
        "kafka_controller_kafkacontroller_activecontrollercount 1",
        "kafka_controller_kafkacontroller_offlinepartitionscount 0",
        "kafka_controller_kafkacontroller_globaltopiccount 3",
        "kafka_controller_kafkacontroller_globalpartitioncount 52",
        "kafka_controller_kafkacontroller_activebrokercount 1",
    ] {
        assert!(metrics.lines().any(|found| found == line), "no line `{line}` in\n{metrics}");
    }
    let value = |name: &str| -> f64 {
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in\n{metrics}"))
    };
    assert!(value("kafka_server_brokertopicmetrics_bytesin_total{topic=\"t\"}") > 60.0);
    assert!(value("kafka_server_brokertopicmetrics_bytesout_total{topic=\"t\"}") > 60.0);
    assert!(value("kafka_server_brokertopicmetrics_totalproducerequests_total") >= 1.0);
    assert!(value("kafka_network_requestmetrics_requests_total{request=\"Fetch\"}") >= 1.0);
    let times = "kafka_network_requestmetrics_totaltimems";
    assert!(value(&format!("{times}_count{{request=\"FetchConsumer\"}}")) >= 1.0);
    let [median, last] =
        ["0.50", "0.999"].map(|of| value(&format!("{times}{{request=\"Produce\",quantile=\"{of}\"}}")));
    assert!(0.0 < median && median <= last && last < 60_000.0, "{median} {last}");
    assert!(value("kafka_log_log_size{topic=\"t\",partition=\"0\"}") > 60.0);
    let partitions = value("kafka_server_replicamanager_partitioncount");
    assert_eq!((partitions, value("kafka_server_replicamanager_leadercount")), (52.0, 52.0));
    assert!(!metrics.contains("messagesin_total{topic=\"quiet\"}"), "{metrics}");
}

/// A table of the page's metrics, by name.
fn table_of(metrics: &str) -> String {
    let mut rows = BTreeSet::new();
    let mut help = "";
    for line in metrics.lines() {
        if let Some((_, text)) = line.strip_prefix("# HELP ").and_then(|line| line.split_once(' ')) {
            help = text.trim_end_matches('.');
        }
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|line| line.split_once(' ')) {
            let suffix = if kind == "counter" { "_total" } else { "" };
            rows.insert(format!("| `{name}{suffix}` | {kind} | {help} |\n"));
        }
    }
    rows.into_iter().collect()
}

/// `docs/reference/metrics.md` has every metric of the page: `UPDATE_GOLDEN=1 cargo test -p millstream --test metrics` writes its table anew.
#[test]
fn every_name_is_documented() {
    const HEAD: &str = "|---|---|---|\n";
    let data = tempfile::tempdir().expect("a temporary directory");
    let table = table_of(&Process::broker(data.path(), &[]).metrics());
    assert!(table.lines().count() > 50, "{table}");
    let path = repository().join("docs/reference/metrics.md");
    let page = std::fs::read_to_string(&path).expect("the page");
    let (introduction, documented) = page.split_once(HEAD).expect("a table");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, format!("{introduction}{HEAD}{table}")).expect("the page is written");
    } else {
        assert_eq!(
            documented, table,
            "UPDATE_GOLDEN=1 cargo test -p millstream --test metrics writes the page anew"
        );
    }
}
