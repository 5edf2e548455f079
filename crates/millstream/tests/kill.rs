//! kill -9 of the broker at random points of production: everything acknowledged is found afterwards, nothing twice. A killed process loses no
//! page cache, so this holds under every fsync policy; what they differ in is a loss of power, which no process can play.

#[cfg(test)]
mod support;

#[cfg(test)]
mod kill {
    use std::hash::{BuildHasher, RandomState};

    use crate::support::peers::{VerifiedProducer, in_tests, peer};
    use crate::support::process::{Process, file};

    /// Kills per policy; `MILLSTREAM_KILL_ROUNDS` asks for more.
    const ROUNDS: u32 = 3;
    const TOPIC: &str = "acknowledged";

    fn rounds() -> u32 {
        std::env::var("MILLSTREAM_KILL_ROUNDS")
            .map_or(ROUNDS, |text| text.parse().expect("a number of rounds"))
    }

    /// How many records to wait for before the kill: another number in each round and run.
    fn anywhere() -> usize {
        let random = RandomState::new().hash_one(0_u8) % 20_000;
        usize::try_from(random).expect("less than 20,000") + 1
    }

    fn survives(fsync: &str) {
        if peer("peers/python.sh", &["install", "clients"]).is_none() {
            return;
        }
        let (data, scratch) =
            (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
        let mut files = Vec::new();
        for round in 0..rounds() {
            let server = Process::broker(data.path(), &["--fsync", fsync]);
            let mut producer = VerifiedProducer::start(&server.kafka, TOPIC, round);
            producer.acknowledge(anywhere());
            server.kill();
            files.push(file(scratch.path(), &round.to_string(), &producer.finish()));

            let server = Process::broker(data.path(), &["--fsync", fsync]);
            let script = in_tests("kill/verify.py");
            let mut arguments = vec!["clients", &script, "check", &server.kafka, TOPIC];
            arguments.extend(files.iter().map(String::as_str));
            peer("peers/python.sh", &arguments);
            // The first start of the next round finds what a clean stop left, after what a crash left.
            assert_eq!(server.terminate().code, Some(0), "exit code of a clean stop");
        }
    }

    #[test]
    fn without_fsync() {
        survives("none");
    }

    #[test]
    fn with_fsync_at_intervals() {
        survives("interval");
    }

    #[test]
    fn with_fsync_in_groups() {
        survives("group");
    }
}
