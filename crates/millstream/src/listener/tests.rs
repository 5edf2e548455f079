//! Listener addresses, good and bad.

use super::KafkaListener;

#[test]
fn names_and_advertised_addresses_are_optional() {
    let plain: KafkaListener = "127.0.0.1:9092".parse().unwrap();
    assert_eq!((plain.name.as_str(), plain.bind.port, plain.advertised), ("PLAINTEXT", 9092, None));
    let full: KafkaListener = "inside://0.0.0.0:0,advertised=kafka:9093".parse().unwrap();
    assert_eq!(full.name, "INSIDE");
    assert_eq!(full.advertised.unwrap().to_string(), "kafka:9093");
}

#[test]
fn ipv6_addresses_stand_in_brackets() {
    let listener: KafkaListener = "[::1]:9092".parse().unwrap();
    assert!(listener.bind.is_loopback());
    assert_eq!(listener.bind.to_string(), "[::1]:9092");
}

#[test]
fn what_no_client_could_reach_is_refused_with_a_hint() {
    for (text, hint) in [
        ("0.0.0.0:9092", "advertised=HOST:PORT"),
        ("127.0.0.1:9092,advertised=0.0.0.0:9092", "advertise an address"),
        ("127.0.0.1", "lacks a port"),
        (":9092", "lacks a host"),
        ("127.0.0.1:99999", "not a port"),
        ("a b://127.0.0.1:1", "not a listener name"),
        ("127.0.0.1:1,publish=x:1", "only `advertised=HOST:PORT`"),
    ] {
        let error = text.parse::<KafkaListener>().unwrap_err();
        assert!(error.contains(hint), "{text}: {error}");
    }
}
