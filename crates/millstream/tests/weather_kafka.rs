//! The weather example on a real Apache Kafka: the same file, the same rows.

#[cfg(test)]
mod support;

#[cfg(test)]
mod weather_kafka {
    use crate::support::peers::{Peer, assert_weather, records, run_weather};

    /// The topics do not exist before: the run creates them, with the partitions that the file asks for.
    #[test]
    fn same_rows_through_apache_kafka() {
        let Some(kafka) = Peer::kafka() else { return };
        let printed = run_weather(&["--bootstrap-server", &kafka.address]);
        assert_weather("agg", &printed);
        let Some(readings) = records(&kafka.address, "raw-temperature") else { return };
        assert_weather("raw", &readings);
        let aggregates = records(&kafka.address, "agg-temperature").expect("the client was there before");
        assert_weather("agg", &aggregates);
        let partition_of = |station: &str| {
            let line = readings.lines().find(|line| line.contains(&format!(r#""key": "{station}""#)));
            line.and_then(|line| line.split([':', ',']).nth(1)).map(str::trim).map(str::to_owned)
        };
        let partitions = ["LGA", "JFK", "EWR"].map(partition_of);
        assert_eq!(partitions, ["0", "1", "3"].map(|p| Some(p.to_owned())), "murmur2 of the key, modulo 4");
    }
}
