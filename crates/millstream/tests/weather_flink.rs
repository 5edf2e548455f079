//! The weather example in a real Apache Flink on a real Apache Kafka: the same file but for its path and address, the same rows.

#[cfg(test)]
mod support;

#[cfg(test)]
mod weather_flink {
    use crate::support::peers::{Peer, assert_weather, peer, records, run_weather};
    use crate::support::process::repository;

    #[test]
    fn same_rows_in_apache_flink() {
        let (Some(kafka), Some(flink)) = (Peer::kafka(), Peer::flink()) else { return };
        kafka.create_topic("raw-temperature", 4);
        kafka.create_topic("agg-temperature", 1);

        let statements =
            std::fs::read_to_string(repository().join("examples/weather/weather.sql")).expect("the example");
        let csv = "examples/weather/nyc_weather_2013.csv.gz";
        let absolute = repository().join(csv);
        let (at, absolute) = ("localhost:9092", absolute.to_str().expect("a path of text"));
        assert_eq!(
            (statements.matches(csv).count(), statements.matches(at).count()),
            (1, 2),
            "what is to be replaced"
        );
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let file = scratch.path().join("weather.sql");
        std::fs::write(&file, statements.replace(csv, absolute).replace(at, &kafka.address))
            .expect("a temporary file");
        flink.sql(&file);

        let Some(theirs) = records(&kafka.address, "agg-temperature") else { return };
        assert_weather("agg", &theirs);
        let (their_rows, our_rows) = (scratch.path().join("theirs"), scratch.path().join("ours"));
        std::fs::write(&their_rows, theirs).expect("a temporary file");
        std::fs::write(&our_rows, run_weather(&[])).expect("a temporary file");
        let oracle = repository().join("tests/oracle/weather.py");
        let [oracle, our_rows, their_rows] =
            [&oracle, &our_rows, &their_rows].map(|path| path.to_str().expect("text"));
        peer("peers/python.sh", &["oracle", oracle, "same", our_rows, their_rows]);
    }
}
