//! The weather example in one process, compared with an independent computation.

#[cfg(test)]
mod support;

#[cfg(test)]
mod weather {
    use std::time::Instant;

    use crate::support::peers::{assert_weather, records, run_weather};
    use crate::support::process::{DEADLINE, Process, run};

    #[test]
    fn every_day_of_every_station() {
        assert_weather("agg", &run_weather(&[]));
    }

    #[test]
    fn summary_counts_what_was_done() {
        let ended = run(&["run", "examples/weather/weather.sql"]);
        let said = format!("{}{}", ended.stdout, ended.stderr).replace(',', "");
        assert_eq!(ended.code, Some(0), "{said}");
        assert!(said.contains("26115") && said.contains("1092"), "readings in and rows out:\n{said}");
    }

    /// With `--follow` nothing closes the last day of the three stations.
    #[test]
    fn follow_keeps_the_topics_readable() {
        let data = tempfile::tempdir().expect("a temporary directory");
        let server = Process::follow(data.path(), "examples/weather/weather.sql");
        let deadline = Instant::now() + DEADLINE;
        let rows = loop {
            // The pipeline creates the topic after the broker is ready.
            let topics = run(&["topic", "list", "--bootstrap-server", &server.kafka]);
            if topics.stdout.contains("agg-temperature") {
                let Some(rows) = records(&server.kafka, "agg-temperature") else { return };
                if rows.lines().count() >= 1089 {
                    break rows;
                }
            }
            assert!(Instant::now() < deadline, "1,089 rows have not come");
        };
        assert_eq!(rows.lines().count(), 1089);
        assert_weather(
            "raw",
            &records(&server.kafka, "raw-temperature").expect("the client was there before"),
        );
        assert_eq!(server.terminate().code, Some(0), "exit code of a clean stop");
    }
}
