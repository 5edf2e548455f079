//! kill -9 at random moments: everything acknowledged is found afterwards, nothing twice, and transactions are
//! delivered whole or not at all, with the offsets that belong to them. A killed process loses no page cache, so this holds under every fsync policy; what they differ in is a loss of power, which no process can play.

#[cfg(test)]
mod support;

#[cfg(test)]
mod kill {
    use std::hash::{BuildHasher, RandomState};

    use crate::support::peers::{VerifiedProducer, in_tests, peer};
    use crate::support::process::{Process, file};

    /// Kills per policy; `MILLSTREAM_KILL_ROUNDS` asks for more.
    const ROUNDS: u32 = 3;
    const LINES_MAX: u64 = 20_000;
    /// A short form of the torture of transactions.
    const TORTURE_CYCLES: &str = "15";
    const TOPIC: &str = "acknowledged";

    fn rounds() -> u32 {
        std::env::var("MILLSTREAM_KILL_ROUNDS")
            .map_or(ROUNDS, |text| text.parse().expect("a number of rounds"))
    }

    /// How many lines to wait for before the kill: another number in each round and run.
    fn anywhere() -> usize {
        let random = RandomState::new().hash_one(0_u8) % LINES_MAX;
        usize::try_from(random).expect("a small number") + 1
    }

    /// Kills the broker under a producer, and has it checked what is left.
    fn survives(fsync: &str) {
        if peer("peers/python.sh", &["install", "clients"]).is_none() {
            return;
        }
        let (data, scratch) =
            (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
        let mut files = Vec::new();
        for round in 0..rounds() {
            let server = Process::broker(data.path(), &["--fsync", fsync]);
            let mut producer = VerifiedProducer::start("kill/verify.py", &server.kafka, TOPIC, round);
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

    /// Broker and clients, with transactions of three clients; `tests/README.md` has the command for hundreds of cycles.
    #[test]
    fn transactions() {
        let millstream = env!("CARGO_BIN_EXE_millstream");
        let script = in_tests("kill/torture/run.py");
        if let Some(report) = peer("peers/python.sh", &["clients", &script, millstream, TORTURE_CYCLES]) {
            println!("{report}");
        }
    }
}
