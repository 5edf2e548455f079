//! What listeners bind and advertise.

use super::*;

fn config(bind: &str, advertised: Option<&str>) -> ListenerConfig {
    ListenerConfig { advertised: advertised.map(str::to_owned), ..ListenerConfig::plaintext(bind) }
}

#[tokio::test]
async fn port_zero_is_advertised_as_the_bound_one() {
    let bound = bind(&config("127.0.0.1:0", None)).await.unwrap();
    assert_ne!(bound.address.port(), 0);
    assert_eq!((bound.advertised_host.as_str(), bound.advertised_port), ("127.0.0.1", bound.address.port()));
    let other = bind(&config("127.0.0.1:0", Some("broker.example:0"))).await.unwrap();
    assert_eq!(other.advertised_host, "broker.example");
    assert_eq!(other.advertised_port, other.address.port());
}

#[tokio::test]
async fn a_wildcard_is_bound_but_never_advertised() {
    let refused = bind(&config("0.0.0.0:0", None)).await.unwrap_err();
    assert!(matches!(refused, BrokerError::UnreachableAdvertised { .. }), "{refused}");
    let bound = bind(&config("0.0.0.0:0", Some("[::1]:9092"))).await.unwrap();
    assert_eq!((bound.advertised_host.as_str(), bound.advertised_port), ("::1", 9092));
}

#[tokio::test]
async fn a_busy_port_is_said_in_one_sentence_with_the_next_step() {
    let first = bind(&config("127.0.0.1:0", None)).await.unwrap();
    let address = first.address.to_string();
    let refused = bind(&config(&address, None)).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        format!(
            "listener PLAINTEXT cannot use {address}: another process listens there; stop it, or choose another port (0 picks a free one)"
        )
    );
}

#[tokio::test]
async fn names_are_unique() {
    let twice = [config("127.0.0.1:0", None), config("127.0.0.1:0", None)];
    let refused = bind_all(&twice).await.unwrap_err();
    assert!(matches!(refused, BrokerError::DuplicateListener { .. }), "{refused}");
}
