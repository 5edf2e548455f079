//! Metadata columns of the kafka connector: written and read back on the embedded broker, and by the same statements in a real Apache
//! Flink on a real Apache Kafka.

#[cfg(test)]
mod support;

#[cfg(test)]
mod metadata {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use crate::support::peers::{Peer, records};
    use crate::support::process::{file, run};

    const STATEMENTS: &str = include_str!("metadata.sql");

    /// Rows by their `id`, as JSON.
    fn by_id(rows: impl Iterator<Item = Value>) -> BTreeMap<i64, Value> {
        rows.map(|row| (row["id"].as_i64().expect("a number"), row)).collect()
    }

    fn ours() -> BTreeMap<i64, Value> {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let sql = file(scratch.path(), "metadata.sql", STATEMENTS);
        let printed = run(&["run", "--output", "json", &sql]).success("millstream run");
        by_id(printed.lines().map(|line| serde_json::from_str(line).expect("JSON")))
    }

    #[test]
    fn what_is_written_beside_a_record_is_read_back() {
        let rows = ours();
        assert_eq!(rows.len(), 6);
        for (id, unit) in
            [(1, Some("°F")), (2, Some("K")), (3, Some("")), (4, Some("°C")), (5, Some("Ra")), (6, None)]
        {
            let row = &rows[&id];
            assert_eq!((&row["unit"], &row["marks"]), (&json!(unit), &json!(unit.map_or(0, |_| 2))), "{row}");
            let written = if id == 6 {
                "1970-01-01T00:00:00Z".to_owned()
            } else {
                format!("2013-01-01T06:00:00.00{id}Z")
            };
            assert_eq!(row["written"], json!(written), "{row}");
            assert_eq!((&row["topic_name"], &row["kind"]), (&json!("events"), &json!("CreateTime")), "{row}");
            assert_eq!(row["epoch"], json!(0), "{row}");
        }
        // Every partition counts its offsets from 0.
        let mut offsets: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for row in rows.values() {
            let [partition, offset] =
                ["partition", "offset"].map(|name| row[name].as_i64().expect("a number"));
            offsets.entry(partition).or_default().push(offset);
        }
        for (partition, offsets) in &mut offsets {
            offsets.sort_unstable();
            assert!(
                offsets.iter().zip(0..).all(|(offset, expected)| *offset == expected),
                "{partition}: {offsets:?}"
            );
        }
        assert!(offsets.len() > 1, "one partition has everything: {offsets:?}");
    }

    #[test]
    fn same_rows_in_apache_flink() {
        let (Some(kafka), Some(flink)) = (Peer::kafka(), Peer::flink()) else { return };
        kafka.create_topic("events", 3);
        kafka.create_topic("seen", 1);
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let statements = STATEMENTS.replace("localhost:9092", &kafka.address);
        flink.sql(file(scratch.path(), "metadata.sql", &statements).as_ref());
        let Some(theirs) = records(&kafka.address, "seen") else { return };
        let value = |line: &str| -> Value {
            let record: Value = serde_json::from_str(line).expect("JSON");
            serde_json::from_str(record["value"].as_str().expect("text")).expect("JSON")
        };
        let mut theirs = by_id(theirs.lines().map(value));
        // Two writers of Flink's share the first INSERT, so offsets within a partition are theirs; all else is equal.
        let mut ours = ours();
        for row in ours.values_mut().chain(theirs.values_mut()) {
            let offset = row.as_object_mut().expect("a row").remove("offset");
            assert!(offset.is_some_and(|offset| offset.is_i64()));
        }
        assert_eq!(ours, theirs);
    }
}
