//! The line that a server prints when it is ready.

use super::kafka_address;

#[test]
fn the_ready_line_names_the_address() {
    let line = "millstream ready kafka=127.0.0.1:39211 http=127.0.0.1:40113\n";
    assert_eq!(kafka_address(line), Some("127.0.0.1:39211"));
    assert_eq!(kafka_address("millstream ready http=127.0.0.1:40113\n"), None);
    assert_eq!(kafka_address("error: the port is taken\n"), None);
}
