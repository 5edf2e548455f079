//! Several listeners of the built binary: each is reached from where it is meant for, and tells its clients its own address.
//!
//! A network namespace with a pair of virtual interfaces stands for another machine, or a container. Making one takes root; where that
//! is not permitted the test is skipped.

#[cfg(test)]
mod support;

use std::process::Command;

use support::process::{Ended, Process, millstream, run, run_with};

/// Addresses of a range that is set aside for tests of networks (RFC 2544): ours, and that of the namespace.
const HOST: &str = "198.18.77.1";
const INSIDE: &str = "198.18.77.2";

/// A namespace that reaches this machine by [`HOST`] only; gone when it is dropped.
struct Namespace(String);

fn ip(arguments: &str) -> bool {
    let ended = Command::new("ip").args(arguments.split_whitespace()).output();
    ended.is_ok_and(|ended| ended.status.success())
}

impl Namespace {
    /// None where it cannot be made.
    fn make() -> Option<Self> {
        let name = format!("millstream-{}", std::process::id());
        if !ip(&format!("netns add {name}")) {
            return None;
        }
        let namespace = Self(name);
        let (outer, inner) =
            (format!("mso{}", std::process::id() % 100_000), format!("msi{}", std::process::id() % 100_000));
        let name = &namespace.0;
        let made = [
            format!("link add {outer} type veth peer name {inner}"),
            format!("link set {inner} netns {name}"),
            format!("addr add {HOST}/30 dev {outer}"),
            format!("link set {outer} up"),
            format!("-n {name} addr add {INSIDE}/30 dev {inner}"),
            format!("-n {name} link set {inner} up"),
        ];
        made.iter().all(|step| ip(step)).then_some(namespace)
    }

    /// A program run in it.
    fn run(&self, program: &str, arguments: &[&str]) -> Ended {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.0, program]).args(arguments);
        Process::spawn(command).wait()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // The interfaces go with it.
        ip(&format!("netns del {}", self.0));
    }
}

#[test]
fn each_listener_is_reached_from_its_network_and_tells_its_own_address() {
    let Some(namespace) = Namespace::make() else {
        println!("skipped: listeners: a network namespace is not permitted here");
        return;
    };
    let data = tempfile::tempdir().unwrap();
    let mut command = millstream(&["start", "--insecure", "--http-listener", "127.0.0.1:0", "--data-dir"]);
    command.arg(data.path());
    // For this machine, for another one, and for whoever comes by any interface.
    for listener in
        ["HOST://127.0.0.1:0", &format!("NEAR://{HOST}:0"), &format!("ANY://0.0.0.0:0,advertised={HOST}:0")]
    {
        command.args(["--kafka-listener", listener]);
    }
    let mut broker = Process::spawn(command);
    let ready = broker.line("millstream ready ");
    let addresses = ready.split("kafka=").nth(1).unwrap().split_whitespace().next().unwrap();
    let ports: Vec<&str> = addresses.split(',').map(|address| address.rsplit_once(':').unwrap().1).collect();
    let [host, near, any] = ports[..] else { panic!("not three listeners: {ready}") };
    let [host, near, any] = [format!("127.0.0.1:{host}"), format!("{HOST}:{near}"), format!("{HOST}:{any}")];

    run_with(&["topic", "produce", "t", "-b", &host], b"from here\n").success("produce");
    let binary = env!("CARGO_BIN_EXE_millstream");
    for address in [&near, &any] {
        // A client goes on with the address that it is told: were it another listener's, it would get nowhere.
        let told =
            namespace.run(binary, &["cluster", "info", "--print-brokers", "-b", address]).success(address);
        let (ip, port) = address.rsplit_once(':').unwrap();
        assert!(told.contains(ip) && told.contains(port), "{address}: {told}");
        let arguments =
            ["topic", "consume", "t", "--num", "1", "-f", "%v\\n", "--offset", "start", "-b", address];
        assert_eq!(namespace.run(binary, &arguments).success(address), "from here\n");
        if Command::new("kcat").arg("-V").output().is_ok() {
            let consumed =
                namespace.run("kcat", &["-b", address, "-C", "-t", "t", "-o", "beginning", "-e", "-q"]);
            assert_eq!(consumed.success(address), "from here\n");
        }
    }
    let unreachable = namespace.run(binary, &["topic", "list", "-b", &host]);
    assert_eq!(unreachable.code, Some(6), "the listener of this machine is not the namespace's");
}

#[test]
fn an_address_that_leads_nowhere_is_not_advertised() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path().to_str().unwrap();
    for listener in ["0.0.0.0:0", "ANY://0.0.0.0:0,advertised=0.0.0.0:9092", "V6://[::]:0"] {
        let refused = run(&["start", "--insecure", "--kafka-listener", listener, "--data-dir", data]);
        assert_eq!(refused.code, Some(2), "{listener}");
        assert!(refused.stderr.contains("advertise"), "{listener}: {}", refused.stderr);
    }
}
